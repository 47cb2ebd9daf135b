"""Searching: which passages a question finds, and that any text is a question."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrag_dsl.retrieval import BM25Index, Passage, Retriever, bundled_passages, bundled_retriever
from pyrag_dsl.retrieval.lexical import LexicalSearcher, write_index

INDEX = bundled_retriever()


def titles(query: str, topk: int = 3, index: BM25Index = INDEX) -> list[str]:
    return [hit.passage.title for hit in index.search(query, topk)]


def of(*texts: str) -> BM25Index:
    return BM25Index.of(Passage(str(i), *text.split("|")) for i, text in enumerate(texts))


def test_an_index_is_a_retriever() -> None:
    assert isinstance(INDEX, Retriever)


def test_inflected_words_find_each_other() -> None:
    index = of("A|Rivers flowing north", "B|The mountain stands alone")
    assert titles("which river flows there?", index=index) == ["A"]


def test_accents_and_case_do_not_matter() -> None:
    index = of("A|born in MÁLAGA", "B|born in Bonn")
    assert titles("malaga", index=index) == ["A"]


def test_a_title_counts_more_than_a_mention() -> None:
    index = of("Other|Ulm is mentioned here once", "Ulm|Ulm is mentioned here once", "C|nothing to see")
    assert titles("Ulm", index=index) == ["Ulm", "Other"]


def test_words_that_only_make_a_question_find_nothing_in_texts() -> None:
    index = of("A|who was it that did this and why", "B|Bonn")
    assert titles("Who was it?", index=index) == []


def test_a_query_of_stop_words_is_looked_for_in_titles() -> None:
    index = of("The Who|English rock band", "It|A novel by Stephen King", "Bonn|A city; who is it?")
    assert titles("the who", index=index)[0] == "The Who"
    assert titles("It", index=index) == ["It"]


def test_a_word_said_twice_counts_twice() -> None:
    index = of("A|danube", "B|rhine")
    assert titles("rhine danube danube", index=index) == ["A", "B"]
    assert titles("rhine rhine danube", index=index) == ["B", "A"]


def test_equal_scores_come_in_the_order_of_the_corpus() -> None:
    index = BM25Index.of(Passage(f"p{i}", "", "same words") for i in range(200))
    for topk in (1, 3, 10, 150, 200):
        assert [hit.passage.id for hit in index.search("words", topk)] == [f"p{i}" for i in range(topk)]


def test_scores_that_differ_by_rounding_come_in_the_order_of_the_corpus() -> None:
    """tantivy returns equal hits in their order, but may add up the parts of a score in another one."""
    inner = LexicalSearcher(write_index([Passage(f"p{i}", "", "same words") for i in range(4)], None, small=True))
    real = inner._searcher

    class Rounding:
        num_docs, doc = real.num_docs, real.doc

        def search(self, query: Any, limit: int, **options: Any) -> Any:
            hits = real.search(query, limit, **options).hits
            return SimpleNamespace(hits=[(1.0 + 1e-7 * i, hit[1]) for i, hit in enumerate(hits)][::-1])

    inner._searcher = Rounding()
    assert [hit.passage.id for hit in inner.search("words", 4)] == ["p0", "p1", "p2", "p3"]


def test_hits_come_best_first_with_scores() -> None:
    hits = INDEX.search("Which river flows through the capital of Poland?", 10)
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, key=lambda score: -(score or 0))
    assert all(score is not None and score > 0 for score in scores)
    assert {hits[0].passage.title, hits[1].passage.title} == {"Warsaw", "Vistula"}


@pytest.mark.parametrize("topk", [0, -1, -(10**9)])
def test_no_hits_for_a_topk_below_one(topk: int) -> None:
    assert INDEX.search("Danube", topk) == []


def test_a_topk_beyond_the_corpus_gives_all_that_match() -> None:
    assert 1 < len(INDEX.search("Danube", 10**12)) < len(INDEX)


@pytest.mark.parametrize(
    "query",
    [
        "",
        " \t\n",
        "\x00\x01\x1b[31m",
        "\ud800",
        "\U0001f600",
        'title:"Ulm" AND (',
        "*:*",
        "-",
        "who: what (",
        "[a TO z]",
        "^2",
        "\u202e\ufeff",
    ],
)
def test_queries_with_nothing_to_find_do_not_raise(query: str) -> None:
    hits = INDEX.search(query, 5)
    assert len(hits) <= 5


def test_syntax_of_query_languages_is_only_text() -> None:
    assert titles('title:"Ulm" AND NOT (river^9 OR -Danube)', 1) == titles("title ulm river 9 danube", 1)
    assert titles("who: what (", 5) == []


@pytest.mark.parametrize("query", ["Ulm " * 250_000, "x" * 1_000_000, "the " * 250_000, "\ud800" * 1_000_000])
def test_a_megabyte_is_a_query(query: str) -> None:
    assert len(INDEX.search(query, 5)) <= 5


def test_the_first_words_of_a_long_query_count() -> None:
    assert titles("Kilimanjaro " + " ".join(f"word{i}" for i in range(200_000)), 1) == ["Kilimanjaro"]


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=())), st.integers(-3, 200))
def test_any_text_is_a_query(query: str, topk: int) -> None:
    hits = INDEX.search(query, topk)
    assert len(hits) <= max(topk, 0)
    assert len({hit.passage.id for hit in hits}) == len(hits)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([p.title for p in bundled_passages()]), max_size=3), st.integers(1, 20))
def test_fewer_hits_are_the_beginning_of_more(words: list[str], topk: int) -> None:
    query = " ".join(words)
    assert INDEX.search(query, topk) == INDEX.search(query, topk + 7)[:topk]


def test_many_queries_from_many_threads() -> None:
    queries = [passage.title for passage in bundled_passages()] * 4
    alone = INDEX.search_many(queries, 3)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda query: INDEX.search(query, 3), queries)) == alone
    assert INDEX.search_many([], 3) == []


def test_an_index_of_nothing_finds_nothing() -> None:
    assert BM25Index.of([]).search("anything", 5) == []
