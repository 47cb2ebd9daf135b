"""Laws of fusion, and of the second look."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrag_dsl.retrieval.hybrid import HybridRetriever, RerankedRetriever, fuse
from pyrag_dsl.retrieval.passages import Hit, Passage

IDS = st.lists(st.sampled_from([f"p{number}" for number in range(12)]), max_size=12)
LISTS = st.lists(st.tuples(IDS, st.floats(0.1, 5)), min_size=1, max_size=4)


class Listed:
    """Finds the passages of a list, whatever is asked."""

    fingerprint = "listed"

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = ids
        self.asked: list[tuple[tuple[str, ...], int]] = []
        self.closed = False

    def search(self, query: str, topk: int) -> list[Hit]:
        return self.search_many([query], topk)[0]

    def search_many(self, queries: Sequence[str], topk: int) -> list[list[Hit]]:
        self.asked.append((tuple(queries), topk))
        return [[Hit(Passage(name, "", name), 1.0) for name in self.ids][:topk] for _ in queries]

    def close(self) -> None:
        self.closed = True


@given(LISTS, st.floats(0, 60), st.randoms(use_true_random=False))
def test_law_fusion_does_not_depend_on_the_order_of_the_lists(
    lists: list[tuple[list[str], float]], k: float, chance: random.Random
) -> None:
    shuffled = list(lists)
    chance.shuffle(shuffled)
    one = fuse([ids for ids, _ in lists], [weight for _, weight in lists], k)
    assert one == fuse([ids for ids, _ in shuffled], [weight for _, weight in shuffled], k)


@given(LISTS)
def test_law_fusion_finds_each_id_once_with_the_sum_of_its_shares(lists: list[tuple[list[str], float]]) -> None:
    fused = fuse([ids for ids, _ in lists], [weight for _, weight in lists], 10)
    assert sorted(name for name, _ in fused) == sorted({name for ids, _ in lists for name in ids})
    for name, score in fused:
        shares = [weight / (10 + list(dict.fromkeys(ids)).index(name) + 1) for ids, weight in lists if name in ids]
        assert score == pytest.approx(sum(shares))
    assert fused == sorted(fused, key=lambda each: (-each[1], each[0]))


@given(IDS)
def test_law_one_list_is_left_as_it_is(ids: list[str]) -> None:
    assert [name for name, _ in fuse([ids])] == list(dict.fromkeys(ids))


def test_weights_decide_between_lists() -> None:
    assert fuse([["a"], ["b"]], [1, 2])[0][0] == "b"
    assert fuse([["a"], ["b"]], [2, 1])[0][0] == "a"
    assert [name for name, _ in fuse([["b"], ["a"]])] == ["a", "b"]
    with pytest.raises(ValueError, match="there are 2 lists, but 1 weights"):
        fuse([["a"], ["b"]], [1])


def test_a_hybrid_asks_its_parts_for_a_hundred_and_gives_what_was_wanted() -> None:
    parts = [Listed(["a", "b", "c"]), Listed(["c", "b"])]
    hybrid = HybridRetriever(parts)
    assert [hit.passage.id for hit in hybrid.search("q", 2)] == ["c", "b"]
    assert hybrid.search_many(["q", "r"], 0) == [[], []]
    assert [len(hits) for hits in hybrid.search_many(["q", "r"], 9)] == [3, 3]
    assert parts[0].asked == [(("q",), 100), (("q", "r"), 100)]
    assert hybrid.fingerprint
    assert hybrid.fingerprint != HybridRetriever(parts, k=60).fingerprint
    with hybrid:
        pass
    assert [part.closed for part in parts] == [True, True]


@pytest.mark.parametrize("wrong", [{"weights": [1.0]}, {"k": -1}, {"depth": 0}])
def test_a_hybrid_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="a hybrid needs parts"):
        HybridRetriever([Listed([]), Listed([])], **wrong)  # type: ignore[arg-type]


@given(IDS, st.integers(1, 12))
def test_law_a_second_look_orders_by_its_scores_and_loses_nothing_of_what_it_saw(ids: list[str], topk: int) -> None:
    ids = list(dict.fromkeys(ids))
    scores = {name: float(len(name) * 7 + int(name[1:]) * 5 % 7) for name in ids}
    found = RerankedRetriever(Listed(ids), lambda pairs: [scores[document] for _, document in pairs], depth=12)
    hits = found.search("q", topk)
    assert [hit.passage.id for hit in hits] == sorted(ids, key=lambda name: (-scores[name], name))[:topk]
    assert [hit.score for hit in hits] == [scores[hit.passage.id] for hit in hits]


def test_a_second_look_scores_all_queries_in_one_call() -> None:
    calls: list[list[tuple[str, str]]] = []

    def scorer(pairs: list[tuple[str, str]]) -> list[float]:
        calls.append(pairs)
        return [0.0] * len(pairs)

    inner = Listed(["b", "a"])
    found = RerankedRetriever(inner, scorer, name="m")
    assert [[hit.passage.id for hit in hits] for hits in found.search_many(["q", "r"], 5)] == [["a", "b"]] * 2
    assert calls == [[("q", "b"), ("q", "a"), ("r", "b"), ("r", "a")]]
    assert found.search("q", 0) == []
    assert found.fingerprint != inner.fingerprint
