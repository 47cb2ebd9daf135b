"""PyRAG (arXiv 2605.12975): decompose, plan, run with adaptive retrieval, repair; on one journal.

    pyrag = PyRAG(retriever, ChatModel("qwen", "http://127.0.0.1:8000/v1"))
    answered = pyrag.run("Who is older, the author of Momo or the composer of Nabucco?")
    answered.final_answer, answered.result.lineage, answered.spent

The published code executes a plan anew for every repair and every retry. Here whatever has been asked stays
answered: a mended plan finds its unchanged calls in the journal, by content.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..agents.adaptive import LADDER, AdaptiveRetrieval
from ..agents.answerer import Completes
from ..agents.prompts import PromptLimits
from ..agents.retrieving import retrieve_tool
from ..agents.roles import Models
from ..agents.sentinels import DEFAULT, Sentinels
from ..interpreter.limits import Limits
from ..runtime.hooks import Hook
from ..runtime.tools import toolset
from ..runtime.trace import Trace
from ..threads import wait_for_coroutine
from .answered import Answered
from .ask import answer
from .console import Console, Narrator
from .recipe import Host, load_recipe

MODES = ("selective", "rerun", None)


class PyRAG:
    """Answers questions by plans. One instance may answer any number of questions at once.

    Args:
        retriever: a `Retriever`, or the `retrieve` tool: a `Tool` or a callable `(query, topk)`.
        model: decomposes and answers, and does what no other model is given for.
        plan_model: writes and mends plans.
        decompose_model: splits questions, in place of `model`.
        repair_model: mends plans, in place of `plan_model`.
        decompose: whether questions are split before a plan is written.
        adaptive: "selective" asks a retrieve again for more passages as soon as an answer from them says that there is
            none, and with it only what depends on it; "rerun" executes the whole plan once more, as the published code
            does; None does neither.
        ladder: values of top-k that the selective way climbs.
        sentinels: which answers say that there is none.
        repairs: how often a model is asked to mend a plan that failed; then a new plan is written, once. 0: never.
        output_dir: where each question gets a folder of its own, with PyRAG's files and the trace.
        topk: passages for a retrieve that does not say how many.
        limits: of the question; `steps` and `memory` are of each run.
        hooks: asked about every call, after the adaptive policy.
        tools: further tools for plans, by name; one named `answer` takes the place of the model's.
        progress: takes each line of what PyRAG prints, for example `print`.
        prompt_limits: sizes in the prompts of the answering model.
        always_answer: whether a question without passages, which the last step of a plan is, is to be answered in any
            case, and not by "Not enough information".
        constrained: the server behind the planning model ("vllm", "sglang", "llama.cpp"), if it is to decode by the
            grammar of plans, and its level ("vllm:safe"). Where it takes no notice of that, `progress` is told.
        run_options: further options of `pyrag_dsl.run`: `mode`, `max_concurrency`, `call_timeout`, `retries`,
            `speculate`, `now`, `isolation`.
    """

    def __init__(
        self,
        retriever: Any,
        model: Completes,
        plan_model: Completes | None = None,
        *,
        decompose_model: Completes | None = None,
        repair_model: Completes | None = None,
        decompose: bool = True,
        adaptive: str | None = "selective",
        ladder: tuple[int, ...] = LADDER,
        sentinels: Sentinels = DEFAULT,
        repairs: int = 2,
        output_dir: str | os.PathLike[str] | None = None,
        topk: int = 5,
        limits: Limits | None = None,
        hooks: Iterable[Hook] = (),
        tools: Mapping[str, Any] | None = None,
        progress: Callable[[str], object] | None = None,
        prompt_limits: PromptLimits | None = None,
        always_answer: bool = False,
        constrained: str | None = None,
        run_options: Mapping[str, Any] | None = None,
    ) -> None:
        if adaptive not in MODES:
            raise ValueError(f"adaptive must be 'selective', 'rerun' or None, not {adaptive!r}")
        if repairs < 0 or topk < 1:
            raise ValueError("repairs must not be negative, topk at least 1")
        self.host = Host(
            models=Models.of(model, plan_model, decompose_model, repair_model),
            retrieve=retrieve_tool(retriever, topk),
            tools=toolset(tools or {}),
            constrained=constrained,
            adaptive=AdaptiveRetrieval(sentinels, ladder),
            prompt_limits=prompt_limits,
            always_answer=always_answer,
        )
        self.repairs = repairs
        self.inputs = {"split": decompose, "repairs": repairs, "adaptive": adaptive or "none"}
        self.output_dir = None if output_dir is None else os.fspath(output_dir)
        self.limits = limits or Limits()
        self.hooks = tuple(hooks)
        self.progress = progress
        self.run_options = dict(run_options or {})

    async def arun(
        self,
        question: str,
        *,
        trace: str | os.PathLike[str] | None = None,
        resume: Trace | str | os.PathLike[str] | None = None,
    ) -> Answered:
        """Answer one question.

        Args:
            question: what to find out.
            trace: a file for everything that is done, written as it is done.
            resume: the trace of this question, whose results are used instead of asking again.

        Raises:
            PlanRejected: no reply of the planning model held a plan.
            PlanFailed, LimitExceeded: the plan failed, and so did its repairs and a new one; the last failure.
            ToolFailed: the retriever or a model failed. That is never repaired: the plan may be right.

        All four carry `.diagnostics`, `.trace` and `.answered`: an `Answered` without an answer, with
        everything that was made and spent.
        """
        console = Console(self.progress)
        narrator = () if self.progress is None else (Narrator(console, self.repairs),)
        answered = await answer(
            load_recipe("pyrag"),
            question,
            self.host,
            inputs=self.inputs,
            limits=self.limits,
            hooks=(*narrator, *self.hooks),
            trace=trace,
            resume=resume,
            output_dir=self.output_dir,
            **self.run_options,
        )
        if self.progress is not None:
            console.steps(answered.record.execution_log)
            console.final(answered.final_answer)
        return answered

    def run(self, question: str, **files: Any) -> Answered:
        """`arun` for sync code."""
        answered: Answered = wait_for_coroutine(lambda: self.arun(question, **files))
        return answered
