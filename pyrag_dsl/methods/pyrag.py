"""PyRAG (arXiv 2605.12975): decompose, plan, run with adaptive retrieval, and repair, on one journal.

    pyrag = PyRAG(retriever, ChatModel("qwen", "http://127.0.0.1:8000/v1"))
    answered = pyrag.run("Who is older, the author of Momo or the composer of Nabucco?")
    answered.final_answer, answered.result.lineage, answered.spent

The published code executes a plan again for every repair and every retry. Here, no call is made again: a repaired plan
finds its unchanged calls in the journal, by their content.
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
    """Answers questions by plans. One instance may answer any number of questions at the same time.

    Args:
        retriever: a `Retriever`, or the `retrieve` tool: a `Tool` or a callable `(query, topk)`.
        model: the model for all roles without a model of their own; it always answers.
        plan_model: the model that writes and repairs plans.
        decompose_model: the model that splits questions.
        repair_model: the model that repairs plans, in place of `plan_model`.
        decompose: whether questions are split before a plan is written.
        adaptive: "selective" repeats a retrieve for more passages as soon as an answer from them is a sentinel, and
            then only the calls that depend on it; "rerun" executes the whole plan once more, as the published code
            does; None does neither.
        ladder: the values of top-k for "selective".
        sentinels: the answers that count as no answer.
        repairs: how often a model is asked to repair a plan that failed; after that, a new plan is written once. With
            0, neither is done.
        output_dir: a folder in which each question gets its own folder, with PyRAG's files and the trace.
        topk: the number of passages for a retrieve that does not give one.
        limits: the limits of the question; `steps` and `memory` hold for each run.
        hooks: hooks that are asked about every call, after adaptive retrieval.
        tools: further tools for plans, by name; a tool named `answer` replaces that of the model.
        progress: takes each line that PyRAG prints, for example `print`.
        prompt_limits: the sizes of the prompts of the answering model.
        always_answer: whether a question without passages, such as the last step of a plan, must be answered in any
            case, and not by "Not enough information".
        constrained: the server of the planning model ("vllm", "sglang", "llama.cpp") if it is to decode by the grammar
            of plans, with an optional level ("vllm:safe"). If the server ignores the grammar, `progress` gets a note.
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
            question: the question.
            trace: a file to which the trace is written during the run.
            resume: an earlier trace of this question; its calls are not made again.

        Raises:
            PlanRejected: no reply of the planning model held a plan.
            PlanFailed, LimitExceeded: the plan, its repairs and a new plan failed; this is the last failure.
            ToolFailed: the retriever or a model failed. The plan may be right, so it is not repaired.

        All four have `.diagnostics`, `.trace` and `.answered`, an `Answered` without an answer that has the plans and
        the spending.
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
