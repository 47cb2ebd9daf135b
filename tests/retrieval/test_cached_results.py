"""Results that are kept: right whoever asks, shared by processes, never larger than allowed, never in the way."""

from __future__ import annotations

import asyncio
import multiprocessing
import sqlite3
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrag_dsl.retrieval import BM25Index, CachedRetriever, Hit, IndexStorageError, Passage, Retriever


class Counting(Retriever):
    """Finds a passage that says what was asked, and knows what it was asked."""

    def __init__(self, fingerprint: str = "one", size: int = 10) -> None:
        self.asked: list[str] = []
        self.print = fingerprint
        self.size = size
        self.lock = threading.Lock()

    @property
    def fingerprint(self) -> str:
        return self.print

    def search(self, query: str, topk: int) -> list[Hit]:
        with self.lock:
            self.asked.append(query)
        return [Hit(Passage(str(rank), query, "x" * self.size), 1.5 if rank else None) for rank in range(topk)]


def test_what_was_found_is_found_again(tmp_path: Path) -> None:
    inner = Counting()
    with CachedRetriever(inner, tmp_path / "cache") as cached:
        first = cached.search_many(["a", "b", "a"], 2)
        assert cached.search("a", 2) == first[0] == first[2] == Counting().search("a", 2)
        assert cached.search("a", 3) != first[0]
        assert asyncio.run(cached.asearch("b", 2)) == first[1]
    assert inner.asked == ["a", "b", "a"]
    again = Counting()
    with CachedRetriever(again, tmp_path / "cache") as cached:
        assert cached.search("a", 2) == first[0]
    assert again.asked == []
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("fingerprint", "tenant"), [("two", ""), ("one", "other")])
def test_another_index_or_tenant_has_results_of_its_own(tmp_path: Path, fingerprint: str, tenant: str) -> None:
    with CachedRetriever(Counting(), tmp_path / "cache") as cached:
        cached.search("a", 2)
    other = Counting(fingerprint)
    with CachedRetriever(other, tmp_path / "cache", tenant=tenant) as cached:
        cached.search("a", 2)
    assert other.asked == ["a"]


def test_what_the_retriever_has_beside_search_is_there(tmp_path: Path) -> None:
    index = BM25Index.of([Passage("1", "Dune", "A novel.")])
    with CachedRetriever(index, tmp_path / "cache") as cached:
        assert cached.passages(["1"]) == [Passage("1", "Dune", "A novel.")]
        assert cached.fingerprint == index.fingerprint
        assert not hasattr(cached, "url")


def test_a_retriever_that_nobody_can_tell_from_another_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no fingerprint"):
        CachedRetriever(Counting(""), tmp_path / "cache")


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 3)), max_size=60), st.integers(1, 9_000))
def test_law_it_answers_as_the_retriever_does_within_its_size(asked: list[tuple[int, int]], size: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        inner, path = Counting(size=size), Path(place) / "cache"
        with CachedRetriever(inner, path, most_bytes=100_000) as cached:
            for query, topk in asked:
                assert cached.search(str(query), topk) == Counting(size=size).search(str(query), topk)
        assert path.stat().st_size <= 100_000


def test_the_oldest_results_go_first_and_the_newest_stay(tmp_path: Path) -> None:
    inner = Counting(size=1_000)
    with CachedRetriever(inner, tmp_path / "cache", most_bytes=200_000) as cached:
        for number in range(1_000):
            cached.search(str(number), 1)
        assert (tmp_path / "cache").stat().st_size <= 200_000
        inner.asked.clear()
        cached.search("999", 1)
        assert inner.asked == []
        cached.search("0", 1)
        assert inner.asked == ["0"]


def test_a_damaged_file_is_said_to_be_and_one_that_breaks_later_costs_a_search(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "cache"
    path.write_bytes(b"this is no database" * 1_000)
    with pytest.raises(IndexStorageError, match="this is not a cache of results"):
        CachedRetriever(Counting(), path)
    with pytest.raises(IndexStorageError, match="this is not a cache of results"):
        CachedRetriever(Counting(), tmp_path / "no" / "folder")
    path.unlink()
    inner = Counting()
    with CachedRetriever(inner, path) as cached:
        cached.search("a", 1)
        with sqlite3.connect(path) as other:
            other.execute("DROP TABLE results")
        other.close()
        assert cached.search("a", 1) == Counting().search("a", 1)
    assert inner.asked == ["a", "a"]
    assert "continuing without it" in caplog.text


@pytest.mark.parametrize("broken", ["not json", "[[1]]", "null", '[[["a", "b"], 1]]'])
def test_an_entry_that_is_none_is_searched_for_again(tmp_path: Path, broken: str) -> None:
    inner = Counting()
    with CachedRetriever(inner, tmp_path / "cache") as cached:
        cached.search("a", 1)
        with sqlite3.connect(tmp_path / "cache") as other:
            other.execute("UPDATE results SET hits = ?", (broken,))
        other.close()
        assert cached.search("a", 1) == Counting().search("a", 1)
    assert inner.asked == ["a", "a"]


def _ask(path: Path, results: multiprocessing.Queue[object]) -> None:
    inner = Counting()
    with CachedRetriever(inner, path) as cached, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda number: cached.search(str(number % 50), 2)[0].passage.title, range(200)))
    results.put((found == [str(number % 50) for number in range(200)], len(inner.asked)))


def test_threads_and_processes_share_a_file(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [context.Process(target=_ask, args=(tmp_path / "cache", results)) for _ in range(3)]
    for process in processes:
        process.start()
    answers = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(timeout=60)
    assert all(right for right, _ in answers)
    inner = Counting()
    with CachedRetriever(inner, tmp_path / "cache") as cached:
        for number in range(50):
            cached.search(str(number), 2)
    assert inner.asked == []
