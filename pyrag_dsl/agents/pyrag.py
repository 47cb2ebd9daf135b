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
from dataclasses import replace
from typing import Any

from ..interpreter.limits import Limits
from ..runtime.hooks import Hook
from ..runtime.tools import Tool, tool, toolset
from ..threads import wait_for_coroutine
from .answerer import Completes, answer_tool
from .prompts import PromptLimits
from .session import Answered, Session, Settings

__all__ = ["Answered", "PyRAG"]

MODES = ("selective", "rerun", None)


class PyRAG:
    """Answers questions by plans. One instance may answer any number of questions at once.

    Args:
        retriever: a ``Retriever``, or the ``retrieve`` tool: a ``Tool`` or a callable ``(query, topk)``.
        model: decomposes and answers, and does what no other model is given for.
        plan_model: writes and mends plans.
        decompose_model: splits questions, in place of ``model``.
        repair_model: mends plans, in place of ``plan_model``.
        decompose: whether questions are split before a plan is written.
        adaptive: "selective" asks a retrieve again for more passages as soon as an answer from them says that there is
            none, and with it only what depends on it; "rerun" executes the whole plan once more, as the published code
            does; None does neither.
        repairs: how often a model is asked to mend a plan that failed; then a new plan is written, once. 0: never.
        output_dir: where each question gets a folder of its own, with PyRAG's files and the traces of all runs.
        topk: passages for a retrieve that does not say how many.
        limits: of each run.
        hooks: for each run, asked after the adaptive policy.
        tools: further tools for plans, by name; one named ``answer`` takes the place of the model's.
        progress: takes each line of what PyRAG prints, for example ``print``.
        prompt_limits: sizes in the prompts of the answering model.
        always_answer: whether a question without passages, which the last step of a plan is, is to be answered in any
            case, and not by "Not enough information".
        constrained: the server behind the planning model ("vllm", "sglang", "llama.cpp"), if it is to decode by the
            grammar of plans. Where it takes no notice of that, `progress` is told.
        run_options: further options of ``pyrag_dsl.run``: ``mode``, ``max_concurrency``, ``call_timeout``, ``retries``,
            ``speculate``, ``now``, ``isolation``.
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
        self.settings = Settings(
            tools={"retrieve": retrieve_tool(retriever, topk), **toolset(tools or {})},
            answer=lambda metered: answer_tool(metered, prompt_limits, always=always_answer),
            constrained=constrained,
            model=model,
            plan_model=plan_model or model,
            decompose_model=decompose_model or model,
            repair_model=repair_model or plan_model or model,
            decompose=decompose,
            adaptive=adaptive,
            repairs=repairs,
            output_dir=None if output_dir is None else os.fspath(output_dir),
            limits=limits or Limits(),
            hooks=tuple(hooks),
            progress=progress,
            run_options=dict(run_options or {}),
        )

    async def arun(self, question: str) -> Answered:
        """Answer one question.

        Raises:
            PlanRejected: no reply of the planning model held a plan.
            PlanFailed, LimitExceeded: the plan failed, and so did its repairs and a new one; the last failure.
            ToolFailed: the retriever or a model failed. That is never repaired: the plan may be right.

        All four carry ``.diagnostics``, ``.trace`` (of the last run, or None) and ``.answered``: an ``Answered``
        without an answer, with everything that was made and spent.
        """
        return await Session(self.settings, question).answer()

    def run(self, question: str) -> Answered:
        """``arun`` for sync code."""
        answered: Answered = wait_for_coroutine(lambda: self.arun(question))
        return answered


def retrieve_tool(retriever: Any, topk: int = 5) -> Tool:
    """The ``retrieve`` tool over a ``Retriever``, a ``Tool`` or a callable; without a topk it finds ``topk``."""
    if isinstance(retriever, Tool):
        made = retriever
    elif hasattr(retriever, "search"):
        made = _searching(retriever)
    elif callable(retriever):
        made = tool(retriever, "retrieve")
    else:
        raise TypeError(f"a retriever has `search`, or is a tool or a callable, not {type(retriever).__name__}")
    params = tuple(param._replace(default=topk) if param.name == "topk" else param for param in made.signature.params)
    return replace(made, signature=made.signature._replace(name="retrieve", params=params))


def _searching(retriever: Any) -> Tool:
    def retrieve(query: str, topk: int) -> list[str]:
        return [hit.passage.document for hit in retriever.search(query, topk)]

    def together(calls: list[dict[str, Any]]) -> list[list[str]]:
        found: list[list[str]] = [[] for _ in calls]
        for size in dict.fromkeys(call["topk"] for call in calls):
            places = [place for place, call in enumerate(calls) if call["topk"] == size]
            hits = retriever.search_many([calls[place]["query"] for place in places], size)
            for place, each in zip(places, hits, strict=True):
                found[place] = [hit.passage.document for hit in each]
        return found

    # One request for all pays where there is a server; where there is none, threads overlap better.
    return tool(retrieve, "retrieve", batch=together if hasattr(retriever, "url") else None)
