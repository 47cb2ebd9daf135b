"""The referee: runs the replies of a policy with frozen tools, in isolated workers, and scores their answers.

One referee serves a whole training process. It has its own event loop, so it can be called from any thread and from any
event loop. The results of tool calls are kept by content, and a plan that was run before is not run again.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ..agents.adaptive import AdaptiveRetrieval
from ..agents.decomposer import read_queries
from ..agents.plan_prompts import problems
from ..agents.retrieving import retrieve_tool
from ..agents.roles import RERUN_TOPK, Models, flagged
from ..evaluation.metrics import text_of
from ..grammar.diagnostics import LimitExceeded, PlanError, PlanFailed, PlanRejected, ToolFailed
from ..grammar.extract import extract_code
from ..grammar.program import Program
from ..isolation.pool import Pool
from ..methods.answered import Answered
from ..methods.ask import answer as answer_question
from ..methods.recipe import Host, load_recipe
from ..runtime.api import arun
from ..runtime.result import Result
from ..runtime.scheduler import in_thread
from ..runtime.tools import Tool, tool, toolset
from ..runtime.trace import Trace
from ..threads import new_loop, start
from .grounding import ungrounded
from .memo import Memo, is_something, remembered
from .scores import failed, graded

ADAPTIVE = ("rerun", "selective", "none")
REPAIRS = 3
"""How often the plan for a decomposition may be repaired, as in PyRAG-RL."""
_NOW = datetime(2025, 1, 1)  # the time that plans see, fixed so that a reply always has the same score
_AFTER = "_after_topk10"


class RewardUnavailable(RuntimeError):
    """The reward cannot be computed for a reason outside of the reply: a retriever or a model is down or not named.

    Stop the training, repair the service, and resume from the last checkpoint. A score of 0 instead would be a wrong
    reward.
    """


@dataclass(frozen=True, slots=True)
class Ran:
    """The outcome of a plan, which does not depend on the golden answers.

    Attributes:
        answer: the final answer as text.
        kind: the kind of failure; "" if there is none. See docs/training.md.
        code: the code of the diagnostic; "" if there is none.
        calls: the number of tool calls that the plan reached.
        queries: the number of sub-queries of a decomposition.
        boosted: whether the plan was run again with more passages.
        wrong: the problems of a plan that failed, as lines for a model.
    """

    answer: str = ""
    kind: str = ""
    code: str = ""
    calls: int = 0
    queries: int = 0
    boosted: bool = False
    wrong: tuple[str, ...] = ()

    def score(self, golden: Sequence[str]) -> dict[str, Any]:
        """The score for these golden answers, with the keys of `scores.BLANK`."""
        facts = {"num_calls": self.calls, "num_sub_queries": self.queries, "retried_with_topk10": int(self.boosted)}
        if self.kind:
            return failed(self.kind, self.code, pred=self.answer, **facts)
        if not golden or not self.answer.strip():
            return failed("empty_pred_or_gold", self.code, pred=self.answer, **facts)
        return graded(self.answer, golden, **facts)


class Referee:
    """Scores plans and decompositions by the answers that they lead to.

    Args:
        tools: the tools of plans by name: `retrieve` and `answer`, which must not change while a policy is trained.
            They are callables or `Tool` objects.
        plan_model: the model that writes and repairs plans for decompositions; scores of plans do not need it.
        answer_model: the model for the other roles of a method; `plan_model` if not given.
        adaptive: what follows if an answer is a sentinel. "rerun" runs the plan once more with 10 passages for the
            retrieve before it, as the reward of PyRAG-RL does; "selective" re-runs only that retrieve and the calls
            that depend on it; "none" does neither.
        deadline: seconds for one run of a plan, at most.
        calls: tool calls in one run, at most.
        steps: steps of the interpreter in one run, at most. This limit ends an endless loop at the same step every
            time.
        grounded: whether answers that the plan has not found score 0; see `grounding`.
        isolation: as for `pyrag_dsl.run`.
        at_once: runs in progress at the same time, at most.
        most: the number of results of calls that are kept, and also of outcomes of plans.
    """

    def __init__(
        self,
        tools: Mapping[str, Callable[..., Any] | Tool],
        *,
        plan_model: Any = None,
        answer_model: Any = None,
        adaptive: str = "rerun",
        deadline: float = 30.0,
        calls: int = 20,
        steps: int = 200_000,
        grounded: bool = True,
        isolation: Any = "process",
        at_once: int = 64,
        most: int = 20_000,
    ) -> None:
        if adaptive not in ADAPTIVE:
            raise ValueError(f"adaptive must be one of {', '.join(ADAPTIVE)}, not {adaptive!r}")
        self.asked = Memo(most, is_something)
        self.outcomes = Memo(most)
        self.tools = {name: remembered(each, self.asked) for name, each in toolset(tools).items()}
        self.plan_model = plan_model
        self.answer_model = answer_model
        self.adaptive = adaptive
        self.limits = {"deadline": deadline, "tool_calls": calls, "steps": steps}
        self.grounded = grounded
        self.isolation = isolation
        self.at_once = at_once
        self.room: asyncio.Semaphore | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._pid = os.getpid()

    # ------------------------------------------------------------------ called from any thread

    def submit(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Start a coroutine of this referee on its event loop, and return its `concurrent.futures.Future`."""
        with self._lock:
            if self._loop is None or self._pid != os.getpid():  # threads do not survive a fork
                self._loop, self._pid = new_loop(), os.getpid()
                self.room = None
                self.asked.values.clear()
                self.outcomes.values.clear()
                start(self._loop.run_forever, lambda _result, _error: None)
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """Stop the event loop, and close the pool of workers if one was given. The default pool stays open."""
        with self._lock:
            if self._loop is not None and self._pid == os.getpid():
                self._loop.call_soon_threadsafe(self._loop.stop)
            self._loop = None
        if isinstance(self.isolation, Pool):
            self.isolation.close()

    def __enter__(self) -> Referee:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------ on the event loop of the referee

    async def plan(self, reply: str, question: str, golden: Sequence[str], topk: int = 5) -> dict[str, Any]:
        """The score of a reply that should contain a plan.

        Args:
            reply: the reply of the policy.
            question: the question that the plan is to answer.
            golden: the golden answers.
            topk: the default top-k of retrieves.

        Raises:
            RewardUnavailable: a tool is down or not named.
        """
        _, ran = await self._planned(reply, question, topk)
        return ran.score(golden)

    async def wrong(self, reply: str, question: str, topk: int = 5) -> tuple[str, tuple[str, ...]]:
        """The plan in a reply, and its problems as lines for a model, which are empty if the plan gives an answer.

        Raises `RewardUnavailable`.
        """
        source, ran = await self._planned(reply, question, topk)
        return source, ran.wrong

    async def decomposition(self, reply: str, question: str, golden: Sequence[str], topk: int = 5) -> dict[str, Any]:
        """The score of a reply that should contain sub-queries. Arguments and errors are those of `plan`."""
        if not question:
            return failed("missing_question")
        queries = read_queries(reply)
        if not queries:
            return failed("bad_subquery_json")
        key = ("decompose", queries, question, topk)
        ran = await self.outcomes(key, lambda: self._pipeline(queries, question, topk))
        return ran.score(golden)  # type: ignore[no-any-return]

    async def _planned(self, reply: str, question: str, topk: int) -> tuple[str, Ran]:
        source = extract_code(reply)
        return source, await self.outcomes(("plan", source, question, topk), lambda: self._plan(source, question, topk))

    async def _plan(self, source: str, question: str, topk: int) -> Ran:
        tools = self._tools(topk)
        ran, result = await self._executed(source, tools, question)
        if result is None or self.adaptive != "rerun":
            return ran
        again = flagged(result)
        if not again:
            return ran
        overrides = {node: {"topk": RERUN_TOPK} for node in again}
        ran, _ = await self._executed(result.program, tools, question, overrides=overrides)
        return replace(ran, boosted=True, kind=f"{ran.kind}{_AFTER}" if ran.kind else "")

    async def _executed(
        self, plan: str | Program, tools: Mapping[str, Tool], question: str, **more: Any
    ) -> tuple[Ran, Result | None]:
        """Run a plan once. Return its outcome, and the result of the run; None if it failed."""
        self.room = self.room or asyncio.Semaphore(self.at_once)
        if self.adaptive == "selective":
            more["hooks"] = [AdaptiveRetrieval()]
        async with self.room:
            try:
                result = await arun(
                    plan, tools, inputs={"question": question}, limits=self.limits, isolation=self.isolation, now=_NOW,
                    **more,
                )  # fmt: skip
            except ToolFailed as error:
                raise unavailable(error) from error
            except PlanError as error:
                trace = error.trace
                await self._alive(trace, tools, question)
                told = problems(plan.source if isinstance(plan, Program) else plan, error.diagnostics)
                code, calls = error.diagnostics[0].code, len(calls_of(trace))
                return Ran(kind=kind_of(error), code=code, calls=calls, wrong=tuple(told)), None
            await self._alive(result.trace, tools, question)
            return Ran(text_of(result.final_answer), await self._hack(result, question), "", len(result.calls)), result

    async def _hack(self, result: Result, question: str) -> str:
        if not self.grounded:
            return ""

        def look(_: Any) -> str:
            return ungrounded(text_of(result.final_answer), result.program, result.calls, result.depends_on, question)

        return str(await in_thread(look, None))

    async def _pipeline(self, queries: tuple[str, ...], question: str, topk: int) -> Ran:
        """Answer a question from sub-queries by the method `pyrag`: a frozen model writes and repairs the plan."""
        if self.plan_model is None:
            raise RewardUnavailable("the reward of a decomposition needs a model that writes plans: name plan_url and "
                                    "plan_model, or give Referee(plan_model=...)")  # fmt: skip
        tools = self._tools(topk)

        async def decompose(question: str) -> list[str]:  # noqa: ARG001  # replaces the tool of the method
            return list(queries)

        recipe = replace(load_recipe("pyrag"), own=lambda _tools: {"decompose": tool(decompose)})
        host = Host(
            models=Models.of(self.answer_model or self.plan_model, self.plan_model),
            retrieve=tools.get("retrieve"),
            tools={name: each for name, each in tools.items() if name != "retrieve"},
            adaptive=AdaptiveRetrieval() if self.adaptive == "selective" else None,
        )
        # Each of these may use as much as one plan: the first run, its repairs, a new plan, the run with more passages.
        runs = REPAIRS + 3
        limits = {
            **self.limits,
            "deadline": runs * self.limits["deadline"],
            "tool_calls": runs * (self.limits["tool_calls"] + 4),
        }
        inputs = {"split": True, "repairs": REPAIRS, "adaptive": self.adaptive}
        self.room = self.room or asyncio.Semaphore(self.at_once)
        async with self.room:
            try:
                answered = await answer_question(
                    recipe, question, host, inputs=inputs, limits=limits, isolation=self.isolation, now=_NOW
                )
            except ToolFailed as error:
                raise unavailable(error) from error
            except PlanError as error:
                kept = error.__dict__.get("answered")
                trace = kept.trace if kept is not None else None
                await self._alive(trace, tools, question)
                kind = kind_of(error) if isinstance(error, LimitExceeded) else "pipeline_error"
                code = error.diagnostics[0].code
                return Ran(kind=kind, code=code, calls=len(calls_of(trace)), queries=len(queries))
            await self._alive(answered.trace, tools, question)
        boosted = answered.record.retried_with_topk10
        said = text_of(answered.final_answer)
        kind = await self._pipeline_hack(answered, tools, question) if self.grounded else ""
        return Ran(said, kind, "", len(calls_of(answered.trace)), len(queries), boosted)

    async def _pipeline_hack(self, answered: Answered, tools: Mapping[str, Tool], question: str) -> str:
        attempt = answered.run
        if attempt is None or attempt.trace is None:
            return ""
        result = await arun(attempt.source, tools, journal=attempt.trace, replay=True, isolation=self.isolation)
        return await self._hack(result, question)

    def _tools(self, topk: int) -> dict[str, Tool]:
        missing = [name for name in ("retrieve", "answer") if name not in self.tools]
        if missing:
            raise RewardUnavailable(f"the reward of a plan needs the tool `{missing[0]}`: name a retriever or a corpus")
        return {**self.tools, "retrieve": retrieve_tool(self.tools["retrieve"], topk)}

    async def _alive(self, trace: Trace | None, tools: Mapping[str, Tool], question: str) -> None:
        """Raise `RewardUnavailable` if a retrieve found nothing, and one for the question itself finds nothing either.

        A query of the policy may have no passages. But if even the question has none, the retriever is probably down.
        """
        if not any(call.tool == "retrieve" and not call.result for call in calls_of(trace)):
            return
        if question:
            retrieve = tools["retrieve"]
            default = next(param.default for param in retrieve.signature.params if param.name == "topk")
            try:
                found = await retrieve.call({"query": question, "topk": default})
            except Exception as error:
                raise RewardUnavailable(f"the retriever failed: {error}") from error
            if is_something(found):
                return
        raise RewardUnavailable("the retriever finds no passages, not even for the question itself: is it down?")


def calls_of(trace: Trace | None) -> list[Any]:
    """The calls of `retrieve` and `answer` that have a result and that the plan reached, with those of nested runs."""
    made: Iterable[Any] = () if trace is None else trace.calls
    return [each for each in made if each.ended and not each.speculative and each.tool in ("retrieve", "answer")]


def unavailable(error: ToolFailed) -> RewardUnavailable:
    """The failure of a tool as the error for a trainer."""
    first = error.diagnostics[0]
    return RewardUnavailable(f"{first.code} {first.message}: {'; '.join(first.notes)}".rstrip(": "))


_LIMITS = {"PLAN402": "timeout", "PLAN408": "call_budget"}


def kind_of(error: PlanError) -> str:
    """The kind of a failure, as docs/training.md lists them."""
    code = error.diagnostics[0].code
    if code in ("PLAN101", "PLAN117"):
        return "no_code"
    if isinstance(error, PlanRejected):
        return "syntax_error" if code.startswith("PLAN1") else "rejected"
    if isinstance(error, LimitExceeded):
        return _LIMITS.get(code, "limit")
    return "runtime_error" if isinstance(error, PlanFailed) else "error"
