"""Every mistake of a user is one clear message and status 2, before anything is paid for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyrag_dsl.cli import pyrag

URL = "http://127.0.0.1:9/v1"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A directory of files that are no plans, corpora or traces."""
    (tmp_path / "latin.py").write_bytes(b'x = "caf\xe9"\n')
    (tmp_path / "utf16.py").write_bytes("x = 1".encode("utf-16"))
    (tmp_path / "binary.py").write_bytes(b"\x7fELF\x02\x01\x01\x00\xff\xfe\xfd")
    (tmp_path / "directory").mkdir()
    (tmp_path / "good.py").write_text("final_answer = answer('x', retrieve('y'))\n")
    (tmp_path / "other.jsonl").write_text('{"x": 1}\n{"y": 2}\n')
    (tmp_path / "torn.jsonl").write_text('{"type": "run_started", "ver')
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "future.jsonl").write_text('{"type": "run_started", "version": 99}\n')
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "no plan"),
        (["nowhere.py"], "nowhere.py: there is no such file"),
        (["directory"], "a directory"),
        (["latin.py"], "not UTF-8 text (byte 9)"),
        (["utf16.py"], "UTF-16"),
        (["binary.py"], "binary"),
        (["a\0b"], "is not valid"),
        (["good.py"], "no question"),
        (["good.py", "--question", "  "], "no question"),
        (["good.py", "--question", "q", "--corpus", "other.jsonl", "--retriever", URL], "--corpus and --retriever"),
        (["good.py", "--question", "q", "--corpus", "nowhere.jsonl"], "there is no such file"),
        (["good.py", "--question", "q", "--corpus", "directory"], "this directory"),
        (["good.py", "--question", "q", "--corpus", "other.jsonl"], 'no "contents"'),
        (["good.py", "--question", "q", "--corpus", "empty.jsonl"], "empty"),
        (["good.py", "--question", "q", "--index", "directory"], "--index"),
        (["good.py", "--question", "q", "--strict-corpus"], "--corpus"),
        (["good.py", "--question", "q", "--retriever", "ftp://x"], "--retriever"),
        (["good.py", "--question", "q", "--model", "m"], "--llm-base-url"),
        (["good.py", "--question", "q", "--llm-base-url", URL], "--model"),
        (["good.py", "--question", "q", "--llm-base-url", "nonsense", "--model", "m"], "http"),
        (["good.py", "--question", "q", "--api-key-env", "NO_SUCH_KEY"], "--llm-base-url"),
        (
            ["good.py", "--question", "q", "--llm-base-url", URL, "--model", "m", "--api-key-env", "NO_SUCH_KEY"],
            "NO_SUCH_KEY is not set",
        ),
        (["good.py", "--question", "q", "--topk", "0"], "--topk"),
        (["good.py", "--question", "q", "--topk", "101"], "--topk"),
        (["good.py", "--question", "q", "--topk", "many"], "--topk"),
        (["good.py", "--question", "q", "--mode", "parallel"], "--mode"),
        (["good.py", "--question", "q", "--deadline", "0"], "--deadline"),
        (["good.py", "--question", "q", "--nonsense"], "--nonsense"),
        (["good.py", "--question", "q", "--trace", "nowhere/run.jsonl"], "--trace"),
        (["good.py", "--question", "q", "--trace", "directory"], "a directory"),
        (["good.py", "--question", "q", "--trace", "good.py"], "used for something else"),
        (["good.py", "--question", "q", "--report", "nowhere/run.html"], "--report"),
        (["good.py", "--question", "q", "--report", "same", "--trace", "same"], "used for something else"),
        (["--replay", "nowhere.jsonl"], "nowhere.jsonl"),
        (["--replay", "directory"], "a directory"),
        (["--replay", "torn.jsonl"], "damaged"),
        (["--replay", "empty.jsonl"], "empty"),
        (["--replay", "other.jsonl"], "not a trace"),
        (["--replay", "future.jsonl"], "version 99"),
        (["--resume", "torn.jsonl"], "damaged"),
        (["--replay", "torn.jsonl", "--resume", "torn.jsonl"], "--replay and --resume"),
    ],
)
def test_a_mistake_is_one_line(pyrag_exec, files, monkeypatch, arguments, says):
    monkeypatch.chdir(files)
    before = {path: path.stat().st_mtime_ns for path in files.rglob("*")}
    ended = pyrag_exec(*arguments)
    assert (ended.status, ended.out) == (2, "")
    assert says in ended.err
    assert ended.err.startswith("pyrag-exec: ")
    assert ended.err.count("\n") == 1
    assert {path: path.stat().st_mtime_ns for path in files.rglob("*")} == before


def test_a_huge_plan_is_refused_without_being_read(pyrag_exec, tmp_path):
    path = tmp_path / "huge.py"
    with path.open("wb") as file:
        file.truncate(10 * 1024 * 1024)
    ended = pyrag_exec(path, "--question", "q")
    assert ended.status == 3
    assert "PLAN102" in ended.err


def test_a_mistake_is_an_object_where_objects_are_asked_for(pyrag_exec):
    ended = pyrag_exec("nowhere.py", "--json")
    assert (ended.status, ended.json["status"], ended.json["final_answer"]) == (2, "usage", None)
    assert "nowhere.py" in ended.json["error"]
    assert "nowhere.py" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["index", "nowhere.jsonl"],
        ["check", "nowhere.py"],
        ["trace", "show", "nowhere.jsonl"],
        ["trace", "rerun", "torn.jsonl", "retrieve#1"],
        ["trace", "rerun", "torn.jsonl", "retrieve#1", "--topk", "3"],
    ],
)
def test_a_mistake_with_a_verb_is_one_line_too(pyrag_verb, files, monkeypatch, arguments):
    monkeypatch.chdir(files)
    ended = pyrag_verb(*arguments)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("pyrag: ")
    assert ended.err.count("\n") == 1


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("run_started", "source", 5),
        ("run_started", "started", "yesterday"),
        ("run_started", "signatures", {"retrieve": 1}),
        ("run_started", "limits", {"steps": "many"}),
        ("run_started", "limits", {"unheard_of": 1}),
        ("run_started", "overrides", {"retrieve@1:1": 5}),
        ("statement", "names", ["x"]),
        ("statement", "names", {"x": None}),
        ("statement", "span", [1, 2, 3, "4"]),
        ("call_started", "alias", None),
        ("call_finished", "node", {"a": 1}),
        ("call_finished", "arguments", "q"),
        ("call_finished", "elapsed", -1),
        ("call_finished", "usage", True),
        ("run_finished", "status", None),
    ],
)
def test_a_trace_that_somebody_has_changed_is_refused(pyrag_exec, pyrag_verb, older, tmp_path, kind, field, value):
    trace = tmp_path / "run.jsonl"
    pyrag_exec(older, "-q", "--trace", trace)
    events = [json.loads(line) for line in trace.read_text().splitlines()]
    next(event for event in events if event["type"] == kind)[field] = value
    trace.write_text("\n".join(map(json.dumps, events)) + "\n")
    for ended in (
        pyrag_exec("--replay", trace),
        pyrag_exec("--resume", trace),
        pyrag_verb("trace", "show", trace),
        pyrag_verb("trace", "rerun", trace, "retrieve#1", "--topk", "2"),
    ):
        assert (ended.status, ended.out) == (2, "")
        assert ended.err.count("\n") == 1


def test_a_carriage_return_alone_is_refused_in_a_file_too(tmp_path, capsys):
    path = tmp_path / "plan.py"
    path.write_bytes(b'final_answer = "shown"  # a note\rfinal_answer = "hidden"\n')
    assert pyrag(["check", str(path)]) == 3
    assert "PLAN103" in capsys.readouterr().err
    path.write_bytes(b'a = "x"\r\nfinal_answer = a\r\n')
    assert pyrag(["check", str(path)]) == 0


def test_a_mistake_below_a_verb_names_the_help_of_the_verb(pyrag_verb):
    ended = pyrag_verb("trace", "rerun")
    assert ended.status == 2
    assert "See `pyrag trace rerun --help`." in ended.err


def test_a_search_that_tried_nothing_does_not_say_that_all_is_well(pyrag_verb, tmp_path):
    ended = pyrag_verb("fuzz", "--minutes", "0.000001", "--law", "total", "--out", tmp_path / "out")
    assert ended.status == 2
    assert "no case of total was tried" in ended.err


@pytest.mark.parametrize("verb", [["check"], ["ask"], ["fuzz"], ["index", "build"], ["trace", "rerun"], ["grammar"]])
def test_help_shows_no_type_beside_a_flag_and_ends_with_examples(verb, pyrag_verb):
    ended = pyrag_verb(*verb, "--help")
    assert ended.status == 0
    assert "<bool>" not in ended.out
    assert "<int range>" not in ended.out
    assert "Examples:" in ended.out


def test_a_corpus_that_is_half_broken_is_searched_with_a_warning_or_refused(pyrag_exec, older, tmp_path):
    corpus = tmp_path / "half.jsonl"
    corpus.write_text('{"id": "1", "contents": "Jed Hoyer\\nborn December 7, 1973"}\nno passage\n')
    ended = pyrag_exec(older, "--corpus", corpus)
    assert ended.status == 0
    assert "1 row without a passage skipped" in ended.err
    assert f"kept in {corpus}.pyrag-index" in ended.err
    ended = pyrag_exec(older, "--corpus", corpus, "--strict-corpus")
    assert (ended.status, ended.out) == (2, "")
    assert "line 2: not JSON" in ended.err
    assert "--strict-corpus: the corpus has rows that are not passages" in ended.err
