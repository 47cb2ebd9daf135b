"""The verbs of `pyrag`."""

from __future__ import annotations

import json

import pytest

from pyrag_dsl import Trace
from pyrag_dsl.runtime.events import CallStarted


@pytest.fixture
def trace(pyrag_exec, older, tmp_path):
    path = tmp_path / "run.jsonl"
    assert pyrag_exec(older, "-q", "--trace", path).status == 0
    return path


def test_show_prints_what_happened_in_program_order(pyrag_verb, trace):
    ended = pyrag_verb("trace", "show", trace)
    assert ended.status == 0
    names = ["Who is older", "retrieve#1", "hoyer_docs", "answer#1", "hoyer_born", "retrieve#2", "answer#3", "done"]
    places = [ended.out.index(name) for name in names]
    assert places == sorted(places)


def test_show_makes_a_report(pyrag_verb, trace, tmp_path):
    assert pyrag_verb("trace", "show", trace, "--report", tmp_path / "run.html").status == 0
    assert "Who is older" in (tmp_path / "run.html").read_text(encoding="utf-8")


def test_replay_answers_without_tools(pyrag_verb, trace):
    assert pyrag_verb("trace", "replay", trace, "-q") == (0, "John William Henry II\n", "")


def test_rerun_asks_one_call_again_and_keeps_the_rest(pyrag_verb, trace, tmp_path):
    out = tmp_path / "again.jsonl"
    before = trace.read_bytes()
    ended = pyrag_verb("trace", "rerun", trace, "retrieve#2", "--topk", "1", "--out", out, "--json", "-q")
    assert ended.status == 0
    assert [call["cached"] for call in ended.json["calls"]] == [True, True, False, False, True]
    again = [call.arguments["topk"] for call in Trace.load(out).of(CallStarted) if call.tool == "retrieve"]
    assert again == [5, 1]
    assert trace.read_bytes() == before


@pytest.mark.parametrize("node", ["retrieve#7", "nonsense"])
def test_rerun_of_a_call_that_is_not_there_names_those_that_are(pyrag_verb, trace, node):
    ended = pyrag_verb("trace", "rerun", trace, node, "--topk", "3")
    assert ended.status == 2
    assert "retrieve#1, answer#1" in ended.err


def test_check_says_yes_or_why_not(pyrag_verb, older, plan):
    assert pyrag_verb("check", older).status == 0
    bad = plan("final_answer = foo")
    assert pyrag_verb("check", bad).status == 3
    prompt = pyrag_verb("check", bad, "--prompt")
    assert (prompt.status, prompt.err) == (3, "")
    assert "PLAN208 line 1" in prompt.out


def test_index_builds_once_and_verifies(pyrag_verb, tmp_path):
    corpus = tmp_path / "corpus.jsonl"
    line = '{"id": "%d", "contents": "\\"A\\"\\n' + "Text. " * 30_000 + '"}\n'
    corpus.write_text("".join(line % number for number in range(12)))
    first = pyrag_verb("index", "build", "--corpus", corpus, "--out", tmp_path / "index")
    assert first.status == 0
    assert "12 passages" in first.out
    assert "indexing" in first.err
    for verb in ("verify", "info"):
        looked = pyrag_verb("index", verb, tmp_path / "index")
        assert (looked.out.startswith(first.out), looked.err) == (True, "")
    third = pyrag_verb("index", "build", "--corpus", corpus, "--out", tmp_path / "index", "--rebuild")
    assert "indexing" in third.err
    found = pyrag_verb("index", "search", tmp_path / "index", "text", "--topk", "2", "--json")
    assert [row["title"] for row in json.loads(found.out)] == ["A", "A"]
    shown = pyrag_verb("index", "search", tmp_path / "index", "text", "--topk", "2")
    assert shown.out.count("\n") == 2


def test_the_old_form_of_index_says_what_is_new(pyrag_verb):
    ended = pyrag_verb("index", "corpus.jsonl")
    assert ended.status == 2
    assert "pyrag index build --corpus corpus.jsonl --out DIR" in ended.err


def test_an_index_grows_and_shrinks(pyrag_verb, tmp_path):
    corpus, more, index = tmp_path / "corpus.jsonl", tmp_path / "more.tsv", tmp_path / "index"
    corpus.write_text('{"id": "1", "contents": "A text."}\n')
    more.write_text("id\ttext\ttitle\n2\tAnother text.\tTwo\n3\tbroken\n")
    assert pyrag_verb("index", "build", "--corpus", corpus, "--out", index).status == 0
    added = pyrag_verb("index", "add", index, "--corpus", more)
    assert (added.status, "2 passages" in added.out) == (0, True)
    assert "line 3: 2 columns where the header has 3" in added.err
    missing = pyrag_verb("index", "delete", index, "1", "9")
    assert missing.status == 2
    assert "there is no passage '9'; nothing was deleted" in missing.err
    assert "1 passages" in pyrag_verb("index", "delete", index, "1").out
    assert [row["id"] for row in json.loads(pyrag_verb("index", "search", index, "text", "--json").out)] == ["2"]
    assert pyrag_verb("index", "add", index, "--corpus", tmp_path / "none").status == 2
    assert pyrag_verb("index", "add", tmp_path / "none", "--corpus", more).status == 2
    assert pyrag_verb("index", "delete", tmp_path / "none", "1").status == 2


def test_an_index_that_is_damaged_or_not_there_is_said_to_be(pyrag_verb, tmp_path):
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text('{"id": "1", "contents": "A text."}\n')
    assert pyrag_verb("index", "info", tmp_path).status == 2
    assert pyrag_verb("index", "build", "--corpus", corpus, "--out", tmp_path / "index").status == 0
    (built,) = [each for each in (tmp_path / "index").iterdir() if each.is_dir()]
    largest = max((each for each in built.iterdir() if each.suffix), key=lambda each: each.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-1] + b"?")
    ended = pyrag_verb("index", "verify", tmp_path / "index")
    assert ended.status == 2
    assert "damaged" in ended.err


def test_without_a_verb_the_verbs_are_listed(pyrag_verb):
    ended = pyrag_verb("--help")
    assert ended.status == 0
    for verb in ("check", "index", "trace"):
        assert verb in ended.out
