"""Corpus files as people have them: broken lines are reported and skipped, no-corpora are refused."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pyrag_dsl.retrieval import BM25Index, CorpusError, LineProblem
from pyrag_dsl.retrieval.corpus import LONGEST_LINE, PROBLEMS_KEPT

ULM = {"id": "1", "contents": '"Ulm"\nA city on the Danube.'}
BONN = {"id": "2", "contents": '"Bonn"\nA city on the Rhine.'}


def test_broken_lines_are_skipped_and_reported_by_number(corpus: Callable[..., Path]) -> None:
    path = corpus(ULM, "oops", "", b'{"contents": "\xff"}', '{"id": "9"}', BONN)
    with BM25Index.open(path) as index:
        assert len(index) == index.report.indexed == 2
        assert index.report.skipped_count == 3
        assert not index.report.complete
        assert index.report.skipped == (
            LineProblem(2, "not JSON: Expecting value at column 1"),
            LineProblem(4, "not UTF-8: byte 0xff at 15"),
            LineProblem(5, 'no "contents" and no "text" (keys here: \'id\')'),
        )
    with BM25Index.open(path) as cached:
        assert cached.report == index.report


def test_every_problem_is_counted_and_some_are_kept(corpus: Callable[..., Path]) -> None:
    report = BM25Index.open(corpus(ULM, *["oops"] * 250)).report
    assert (report.skipped_count, len(report.skipped)) == (250, PROBLEMS_KEPT)


def test_a_line_without_an_id_is_named_after_its_number(corpus: Callable[..., Path]) -> None:
    index = BM25Index.open(corpus(ULM, {"contents": "Zanzibar"}))
    assert index.search("Zanzibar", 1)[0].passage.id == "line-2"


def test_an_endless_line_is_skipped(corpus: Callable[..., Path]) -> None:
    index = BM25Index.open(corpus(ULM, b"x" * (2 * LONGEST_LINE + 5), BONN))
    assert index.report.skipped == (LineProblem(2, "longer than 16 MiB"),)
    assert index.search("Rhine", 5)[0].passage.id == "2"


def test_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"id": "1", "contents": "Danube"}\r\n\r\n{"id": "2", "contents": "Rhine"}')
    index = BM25Index.open(path)
    assert len(index) == 2
    assert index.report.complete


def test_progress_ends_at_the_size_of_the_corpus(corpus: Callable[..., Path]) -> None:
    path = corpus(*({"id": str(i), "contents": "word " * 2000} for i in range(300)))
    seen: list[tuple[int, int]] = []
    BM25Index.open(path, progress=lambda done, total: seen.append((done, total)))
    size = path.stat().st_size
    assert len(seen) > 2
    assert seen == sorted(seen)
    assert seen[-1] == (size, size)
    seen.clear()
    BM25Index.open(path, progress=lambda done, total: seen.append((done, total)))
    assert seen == []


@pytest.mark.parametrize(
    ("content", "problem", "advice"),
    [
        (b"", "the file is empty", 'one JSON object like {"id"'),
        (b"\n \n\n", "holds only blank lines", "one JSON object"),
        (b'{"id": 1}\n{"id": 2}\n', "none of its 2 lines holds a passage", "one JSON object"),
        (b"plain text\n", "on line 1: not JSON", "one JSON object"),
        (b'[{"id": "1", "contents": "x"},\n{"id": "2", "contents": "y"}]', "none of its 2", "one JSON list"),
        (gzip.compress(b"x", mtime=0), "compressed with gzip", "gunzip"),
        ('{"id": "1"}'.encode("utf-16"), "encoded as UTF-16", "UTF-8"),
        (b"PAR1....", "a Parquet file", "Export it"),
        (b"\x7fELF\x00\x00", "a binary file", "one JSON object"),
    ],
)
def test_a_file_that_is_no_corpus(tmp_path: Path, content: bytes, problem: str, advice: str) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(content)
    with pytest.raises(CorpusError) as caught:
        BM25Index.open(path)
    assert problem in caught.value.problem
    assert advice in caught.value.advice
    assert str(caught.value).startswith(f"{path}: ")
    assert os.listdir(tmp_path) == ["corpus.jsonl"]


def test_no_file_a_directory_a_pipe(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such file"):
        BM25Index.open(tmp_path / "missing.jsonl")
    with pytest.raises(CorpusError, match="it is a directory"):
        BM25Index.open(tmp_path)
    with pytest.raises(CorpusError, match=r"no such file|no path|cannot be read"):
        BM25Index.open("nul\x00byte")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(CorpusError, match="not a regular file"):
            BM25Index.open(tmp_path / "pipe")
