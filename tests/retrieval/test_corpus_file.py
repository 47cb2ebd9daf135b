"""Corpus files as people have them: broken lines are reported and skipped, no-corpora are refused."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrag_dsl.retrieval import BM25Index, CorpusError, RowProblem, formats
from pyrag_dsl.retrieval.corpus import PROBLEMS_KEPT, CorpusReader, CorpusReport, digest_of, hash_file
from pyrag_dsl.retrieval.formats import CHUNK, LONGEST_LINE
from pyrag_dsl.retrieval.passages import Passage

ULM = {"id": "1", "contents": '"Ulm"\nA city on the Danube.'}
BONN = {"id": "2", "contents": '"Bonn"\nA city on the Rhine.'}


def test_broken_lines_are_skipped_and_reported_by_number(corpus: Callable[..., Path]) -> None:
    path = corpus(ULM, "oops", "", b'{"contents": "\xff"}', '{"id": "9"}', BONN)
    with BM25Index.open(path) as index:
        assert len(index) == index.report.indexed == 2
        assert index.report.skipped_count == 3
        assert not index.report.complete
        assert index.report.skipped == (
            RowProblem("line 2", "not JSON: Expecting value at column 1"),
            RowProblem("line 4", "not UTF-8: byte 0xff at 15"),
            RowProblem("line 5", 'no "contents" and no "text" (keys here: \'id\')'),
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
    assert index.report.skipped == (RowProblem("line 2", "longer than 16 MiB"),)
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
        (b'{"id": 1}\n{"id": 2}\n', "none of its 2 rows holds a passage", "one JSON object"),
        (b"plain text\n", "on line 1: not JSON", "one JSON object"),
        (b'[{"id": "1", "contents": "x"},\n', "starts like a JSON list, but is not one", "one JSON object"),
        (b"[1, {}]", "none of its 2 rows holds a passage; the first problem is on item 1", "one JSON object"),
        (gzip.compress(b"x", mtime=0), "none of its 1 rows", "one JSON object"),
        (gzip.compress(b'{"id": "1", "contents": "x"}\n' * 99, mtime=0)[:-9], "compressed data is damaged", "again"),
        (bz2.compress(b'{"id": "1", "contents": "x"}\n' * 99)[:-9], "compressed data is damaged", "again"),
        (b"\x1f\x8bgarbage", "compressed data is damaged", "again"),
        (b"PK\x03\x04....", "a zip archive", "Unpack it"),
        (b"id\ttext\n", "holds only blank lines", "one JSON object"),
        ('{"id": "1"}'.encode("utf-16"), "encoded as UTF-16", "UTF-8"),
        (b"PAR1....", "Parquet file cannot be read", "Write it again"),
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
    with pytest.raises(CorpusError, match=r"no text \(.txt\) and no Markdown"):
        BM25Index.open(tmp_path)
    with pytest.raises(CorpusError, match=r"no such file|not a path|cannot be read"):
        BM25Index.open("nul\x00byte")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(CorpusError, match="not a regular file"):
            BM25Index.open(tmp_path / "pipe")


ROWS = [("7", "Ulm", "A city on the Danube."), ("8", 'The "Q"', "Two\nlines, a\ttab."), ("9", "", "No title.")]
LINES = "".join(json.dumps({"id": one, "title": two, "text": three}) + "\n" for one, two, three in ROWS).encode()


def zstd(content: bytes) -> bytes:
    library = pytest.importorskip(
        "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd", reason="the extra `zstd` is missing"
    )
    return bytes(library.compress(content))


def tab_separated(header: str = "id\ttext\ttitle", name: str = "") -> bytes:
    table = io.StringIO()
    csv.writer(table, delimiter="\t").writerows([header.split("\t"), *([one, three, two] for one, two, three in ROWS)])
    return table.getvalue().encode() + name.encode()


def a_parquet_file(content: dict[str, list[object]]) -> bytes:
    arrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is missing")
    from pyarrow import parquet

    made = io.BytesIO()
    parquet.write_table(arrow.table(content), made)
    return made.getvalue()


COLUMNS: dict[str, list[object]] = {
    "id": [row[0] for row in ROWS],
    "title": [row[1] for row in ROWS],
    "text": [row[2] for row in ROWS],
    "vector": [[0.5], [0.5], [0.5]],
}

FORMATS: dict[str, Callable[[], bytes]] = {
    "lines": lambda: LINES,
    "gzip": lambda: gzip.compress(LINES),
    "gzip in parts": lambda: gzip.compress(LINES[:50]) + gzip.compress(LINES[50:]),
    "zstd": lambda: zstd(LINES),
    "bzip2": lambda: bz2.compress(LINES),
    "xz": lambda: lzma.compress(LINES),
    "list": lambda: b" [" + b",".join(LINES.splitlines()) + b"]",
    "tsv": tab_separated,
    "tsv.gz": lambda: gzip.compress(tab_separated()),
    "parquet": lambda: a_parquet_file(COLUMNS),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_passages(tmp_path: Path, name: str) -> None:
    path = tmp_path / "corpus"
    path.write_bytes(FORMATS[name]())
    seen: list[tuple[int, int]] = []
    reader = CorpusReader(path, lambda done, total: seen.append((done, total)))
    assert [(each.id, each.title, each.text) for each in reader] == ROWS
    assert reader.report() == CorpusReport(3)
    assert reader.fingerprint().sha256 == hash_file(path) == digest_of(path)
    assert seen[-1] == (path.stat().st_size,) * 2


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (lambda: tab_separated(name="10\tonly two\r\n"), RowProblem("line 6", "2 columns where the header has 3")),
        (lambda: tab_separated() + b"10\t\xff\t\r\n", RowProblem("line 6", "not UTF-8")),
        (lambda: tab_separated() + b"10\t\t\r\n", RowProblem("line 6", "the document is empty")),
        (lambda: gzip.compress(LINES + b"{}\n"), RowProblem("line 4", 'no "contents" and no "text" (keys here: none)')),
        (lambda: a_parquet_file({"id": ["1", "2", "3"], "text": [None, "b", "c"]}),
         RowProblem("row 1", "no \"contents\" and no \"text\" (keys here: 'id', 'text')")),
    ],
)  # fmt: skip
def test_a_row_that_is_no_passage_is_named(tmp_path: Path, content: Callable[[], bytes], problem: RowProblem) -> None:
    path = tmp_path / "corpus"
    path.write_bytes(content())
    reader = CorpusReader(path)
    list(reader)
    assert reader.report().skipped == (problem,)


def test_a_rags_chunks_keep_their_ids(tmp_path: Path) -> None:
    path = tmp_path / "chunks.json"
    path.write_text(json.dumps(["0:Ulm: a city.", "12:Bonn.\nA city on the Rhine."]))
    assert [(each.id, each.document) for each in CorpusReader(path)] == [
        ("0", "Ulm: a city."),
        ("12", "Bonn.\nA city on the Rhine."),
    ]
    path.write_text(json.dumps([{"id": 3, "text": "Ulm."}, {"id": "x", "text": "Bonn."}]))
    assert [each.id for each in CorpusReader(path)] == ["3", "x"]
    path.write_text(json.dumps(["Note: not an id.", "Note: twice."]))
    assert [each.id for each in CorpusReader(path)] == ["item-1", "item-2"]


def test_a_folder_of_texts_is_cut_into_passages_with_stable_ids(tmp_path: Path) -> None:
    pytest.importorskip("semantic_text_splitter", reason="the extra `chunks` is missing")
    folder = tmp_path / "notes"
    (folder / "deep").mkdir(parents=True)
    (folder / "ulm.md").write_text("# Ulm\n\nOn the Danube.\n\n## Minster\n\n" + "The tower is tall. " * 100)
    (folder / "deep" / "bonn.txt").write_text("Bonn is on the Rhine. " * 100)
    (folder / "broken.txt").write_bytes(b"\xff")
    (folder / "empty.md").write_text(" ")
    (folder / "image.png").write_bytes(b"\x89PNG")
    (folder / ".git").mkdir()
    (folder / ".git" / "hidden.txt").write_text("hidden")
    reader = CorpusReader(folder)
    rows = list(reader)
    assert {problem.place for problem in reader.report().skipped} == {"broken.txt", "empty.md"}
    texts = {name: (folder / name).read_text() for name in ("ulm.md", "deep/bonn.txt")}
    assert {row.id.partition("#")[0] for row in rows} == set(texts)
    for row in rows:
        name, _, offset = row.id.partition("#")
        assert texts[name][int(offset) :].startswith(row.text)
        assert len(row.text) <= CHUNK
        assert row.title == {"ulm.md": "Ulm", "deep/bonn.txt": "bonn"}[name]
    # What is elsewhere in the folder does not change the ids, and no change goes unnoticed.
    index = BM25Index.open(folder, tmp_path / "index")
    assert len(index) == len(rows)
    (folder / "a.txt").write_text("First of all.")
    more = BM25Index.open(folder, tmp_path / "index")
    assert {row.id for row in CorpusReader(folder)} == {row.id for row in rows} | {"a.txt#0"}
    assert len(more) == len(rows) + 1
    assert more.fingerprint != index.fingerprint
    before = digest_of(folder)
    assert more.fingerprint == BM25Index.open(folder, rebuild=True).fingerprint
    (folder / "a.txt").write_text("Last of all!!")
    assert digest_of(folder) != before


@given(st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9), st.text(max_size=9)), min_size=1, max_size=5))
def test_law_what_is_no_passage_in_one_format_is_none_in_the_other(rows: list[tuple[str, str, str]]) -> None:
    """A table in TSV says what the same rows say as lines of JSON, whatever characters are in it."""
    rows = [tuple(re.sub("[\ud800-\udfff\0]", "?", cell).strip() for cell in row) for row in rows]  # type: ignore[misc]
    table = io.StringIO()
    csv.writer(table, delimiter="\t").writerows([("id", "title", "text"), *rows])
    lines = "".join(json.dumps(dict(zip(("id", "title", "text"), row, strict=True))) + "\n" for row in rows)
    separated = [row for _, row in formats.tab_separated(io.BytesIO(table.getvalue().encode()))]
    of_lines = [row for _, row in formats.json_lines(io.BytesIO(lines.encode()))]
    known = [(each.title, each.text) for each in separated if isinstance(each, Passage)]
    assert known == [(each.title, each.text) for each in of_lines if isinstance(each, Passage)]


def test_a_format_whose_library_is_missing_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("text")
    (tmp_path / "a.parquet").write_bytes(b"PAR1....")
    (tmp_path / "a.zst").write_bytes(b"\x28\xb5\x2f\xfd....")
    for module in ("semantic_text_splitter", "pyarrow", "backports", "backports.zstd", "compression"):
        monkeypatch.setitem(sys.modules, module, None)
    for name, extra in (("folder", "chunks"), ("a.parquet", "parquet"), ("a.zst", "zstd")):
        with pytest.raises(CorpusError, match=rf"pip install 'pyrag_dsl\[{extra}\]'"):
            list(CorpusReader(tmp_path / name))
