"""Adaptive retrieval: if an answer is a sentinel, the retrieves of its passages are repeated with a larger top-k.

PyRAG (arXiv 2605.12975) claims to re-execute "that step", but its code executes the whole program again. Here, only the
retrieves that gave the answer its passages are re-run, with the next top-k of a ladder, and then the answer; results
that depend on neither are kept. The re-run begins as soon as the sentinel is seen, before later calls use it.
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
        sentinels: the answers that count as no answer.
        ladder: rising values of top-k. Each sentinel moves a retrieve to the next higher value, up to the last.
        retrieve: the name of the tool that retrieves.
        answer: the name of the tool that answers, whose argument `docs` holds the passages.
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
        """Re-run the retrieves behind a sentinel, once no earlier call can change."""
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
        """The retrieves that gave an answer its passages, without those whose query was made from a sentinel."""
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
        """Whether a query was made from a sentinel, so that more passages for it are useless."""
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
