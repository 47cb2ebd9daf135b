"""Fuses the ranks of several retrievers, and reranks the hits of one retriever."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence, Sized
from hashlib import sha256

from .passages import Hit, Passage, Retriever

K = 10
"""The constant k of the fusion. A small k lets the first ranks count more. `benchmarks/retrieval.py` compares it with
the usual 60."""

DEPTH = 100
"""The number of hits of each retriever that are fused."""


def fuse(
    lists: Sequence[Sequence[str]], weights: Sequence[float] | None = None, k: float = K
) -> list[tuple[str, float]]:
    """Fuse ranked lists by reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009).

    The order of the lists, with their weights, does not matter.

    Args:
        lists: lists of ids, best first. If a list has an id twice, its first rank counts.
        weights: the weight of each list; None for equal weights.
        k: the constant of the fusion.

    Returns:
        The ids with their scores, best first; equal scores in the order of ids. A score is the sum over all lists of
        weight / (k + rank), where ranks begin at 1.

    Raises:
        ValueError: the numbers of lists and weights differ.
    """
    given = [1.0] * len(lists) if weights is None else list(weights)
    if len(given) != len(lists):
        raise ValueError(f"there are {len(lists)} lists, but {len(given)} weights")
    shares: dict[str, list[float]] = {}
    for ids, weight in zip(lists, given, strict=True):
        for rank, each in enumerate(dict.fromkeys(ids), 1):
            shares.setdefault(each, []).append(weight / (k + rank))
    # The result of fsum does not depend on the order of the numbers.
    return sorted(((each, math.fsum(parts)) for each, parts in shares.items()), key=lambda one: (-one[1], one[0]))


class HybridRetriever(Retriever):
    """Fuses the ranks of several retrievers over the same passages. It is thread-safe if all of them are.

    Args:
        parts: the retrievers.
        weights: the weight of each retriever; None for equal weights.
        k: the constant of the fusion. The smaller it is, the more the first ranks count.
        depth: the number of hits of each retriever that are fused.

    Raises:
        ValueError: there are no retrievers, not one weight for each, or `k` or `depth` is out of range.
    """

    def __init__(
        self, parts: Sequence[Retriever], weights: Sequence[float] | None = None, *, k: float = K, depth: int = DEPTH
    ) -> None:
        if not parts or k < 0 or depth < 1 or (weights is not None and len(weights) != len(parts)):
            raise ValueError("a hybrid needs parts, one weight for each, k of 0 or more, and a depth of at least 1")
        self._parts = list(parts)
        self._weights = None if weights is None else list(weights)
        self._k = k
        self._depth = depth

    @property
    def fingerprint(self) -> str:
        """A hash that is equal for hybrids with equal results; "" if a part has no fingerprint."""
        prints = [getattr(part, "fingerprint", "") for part in self._parts]
        said = repr((prints, self._weights, self._k, self._depth))
        return sha256(said.encode()).hexdigest() if all(prints) else ""

    def __len__(self) -> int:
        return max((len(part) for part in self._parts if isinstance(part, Sized)), default=0)

    def search(self, query: str, topk: int) -> list[Hit]:
        """At most `topk` hits, best first. Their scores are sums of weight / (k + rank)."""
        return self.search_many([query], topk)[0]

    def search_many(self, queries: Sequence[str], topk: int) -> list[list[Hit]]:
        """The hits of each query. Each part gets all queries in one call."""
        if topk < 1:
            return [[] for _ in queries]
        depth = max(self._depth, topk)
        found = [part.search_many(queries, depth) for part in self._parts]
        return [self._fused([lists[place] for lists in found], topk) for place in range(len(queries))]

    def close(self) -> None:
        """Close all parts."""
        _close(*self._parts)

    def _fused(self, lists: Sequence[Sequence[Hit]], topk: int) -> list[Hit]:
        passages: dict[str, Passage] = {}
        for hit in (hit for hits in lists for hit in hits):
            passages.setdefault(hit.passage.id, hit.passage)
        ranked = fuse([[hit.passage.id for hit in hits] for hits in lists], self._weights, self._k)
        return [Hit(passages[name], score) for name, score in ranked[:topk]]


Scorer = Callable[[list[tuple[str, str]]], list[float]]
"""A function that returns a score for each pair of a query and a document. A higher score is better."""


class RerankedRetriever(Retriever):
    """Orders the hits of a retriever by the scores of a reranker. It is thread-safe if both of these are.

    Args:
        retriever: the retriever.
        scorer: the reranker.
        depth: the number of hits that are reranked, or `topk` if that is larger.
        name: the name of the reranker, for the fingerprint.

    Raises:
        ValueError: `depth` is less than 1.
    """

    def __init__(self, retriever: Retriever, scorer: Scorer, *, depth: int = 50, name: str = "") -> None:
        if depth < 1:
            raise ValueError("depth must be at least 1")
        self._retriever = retriever
        self._scorer = scorer
        self._depth = depth
        self._name = name

    @property
    def fingerprint(self) -> str:
        """A hash that is equal for equal results; "" if the retriever has no fingerprint or the reranker no name."""
        inner = getattr(self._retriever, "fingerprint", "")
        said = repr((inner, self._name, self._depth))
        return sha256(said.encode()).hexdigest() if inner and self._name else ""

    def search(self, query: str, topk: int) -> list[Hit]:
        """At most `topk` hits with the scores of the reranker, best first; equal scores in the order of ids."""
        return self.search_many([query], topk)[0]

    def search_many(self, queries: Sequence[str], topk: int) -> list[list[Hit]]:
        """The hits of each query. All pairs are scored in one call."""
        if topk < 1:
            return [[] for _ in queries]
        found = self._retriever.search_many(queries, max(self._depth, topk))
        pairs = [(query, hit.passage.document) for query, hits in zip(queries, found, strict=True) for hit in hits]
        scores = iter(self._scorer(pairs) if pairs else ())
        ranked = []
        for hits in found:
            seen = [Hit(hit.passage, next(scores)) for hit in hits]
            ranked.append(sorted(seen, key=lambda hit: (-(hit.score or 0.0), hit.passage.id))[:topk])
        return ranked

    def close(self) -> None:
        """Close the retriever."""
        _close(self._retriever)


def _close(*parts: object) -> None:
    for part in parts:
        close = getattr(part, "close", None)
        if close is not None:
            close()
