"""Adaptive retrieval: when an answer says that it has no answer, ask for more passages, and only there.

PyRAG (arXiv 2605.12975) claims to re-execute "that step"; its code executes the whole program again. Here the
retrieves whose passages the answer was given are asked again with the next top-k of a ladder, the answer is asked
again, and what does not depend on either stays as it is. Nothing is spent on the sentinel meanwhile: the policy acts
as soon as it is seen.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from ..interpreter.journal import Call
from ..runtime.hooks import Finished, Hook, Rerun, Wait
from ..runtime.lineage import Lineage
from .sentinels import DEFAULT, Sentinels, is_sentinel

LADDER = (5, 10, 20)


class AdaptiveRetrieval(Hook):
    """A hook for `pyrag_dsl.run`.

    Args:
        sentinels: which answers mean that there is none.
        ladder: values of top-k, rising. A retrieve below its top goes up one rung for each sentinel.
        retrieve: the name of the retrieving tool.
        answer: the name of the answering tool; its passages are its argument `docs`.
    """

    def __init__(
        self,
        sentinels: Sentinels = DEFAULT,
        ladder: tuple[int, ...] = LADDER,
        retrieve: str = "retrieve",
        answer: str = "answer",
    ) -> None:
        if not ladder or list(ladder) != sorted(set(ladder)):
            raise ValueError(f"a ladder rises, {ladder} does not")
        self.sentinels = sentinels
        self.ladder = ladder
        self.retrieve = retrieve
        self.answer = answer

    def after_call(self, finished: Finished) -> Rerun | Wait | None:
        """Boost the retrieves behind a sentinel, once nothing before it can change any more."""
        call = finished.call
        if call.tool != self.answer or not is_sentinel(finished.result, self.sentinels):
            return None
        if not finished.settled:
            return Wait()
        overrides = {}
        for source in self.sources(finished):
            higher = next((k for k in self.ladder if k > source.arguments["topk"]), None)
            if higher is not None:
                overrides[source.node] = {"topk": higher}
        return Rerun(overrides, f"{call.node} answered {finished.result!r}") if overrides else None

    def sources(self, finished: Finished) -> list[Call]:
        """The retrieves whose passages are among the documents of an answer; those that asked for nothing left out."""
        documents = _texts(finished.call.arguments)
        if not documents:
            return []
        before = list(itertools.takewhile(lambda c: c.node != finished.call.node, finished.calls))
        retrieves = [c for c in before if c.tool == self.retrieve and c.entry is not None]
        found = [c for c in retrieves if not documents.isdisjoint(c.result)]
        if not found:  # the plan has rewritten the passages: the retrieves that no earlier answer stands in between
            behind = set(finished.lineage.dependences(finished.call.node))
            hidden: set[str] = set()
            for other in before:
                if other.tool == self.answer and other.node in behind:
                    hidden.update(finished.lineage.dependences(other.node))
            found = [c for c in retrieves if c.node in behind and c.node not in hidden]
        return [c for c in found if not self.asks_for_nothing(c, before, finished.lineage)]

    def asks_for_nothing(self, retrieve: Call, before: list[Call], lineage: Lineage) -> bool:
        """Whether a query was made from an answer that was none: more passages about that are of no use."""
        for call in before:
            empty = call.tool == self.answer and call.entry is not None and is_sentinel(call.result, self.sentinels)
            if (
                empty
                and str(call.result) in retrieve.arguments["query"]
                and retrieve.node in lineage.dependents(call.node)
            ):
                return True
        return False


def _texts(arguments: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(arguments.get("docs") or ())
