"""`pyrag-exec`: what it answers, what it shows, and the status with which it ends."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pyrag_dsl import Trace, rerun
from pyrag_dsl.runtime.events import CallFinished
from pyrag_dsl.testing.server import ScriptedModelServer

TOOLS = {"retrieve": lambda query, topk=5: [query] * topk, "answer": lambda query, docs=None: str(len(docs))}  # noqa: ARG005
ASK = "final_answer = answer('When was Jed Hoyer born?', retrieve('Jed Hoyer born'))\n"


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("older.py", "John William Henry II"),
        ("age_gap.py", "Pierre Curie, by 8 years"),
        ("film_directors.py", "Casablanca"),
    ],
)
def test_the_examples_are_answered_from_the_bundled_passages(pyrag_exec, older, name, answer):
    ended = pyrag_exec(older.parent / name)
    assert (ended.status, ended.out) == (0, answer + "\n")


def test_the_steps_are_shown_beside_the_answer(pyrag_exec, older):
    ended = pyrag_exec(older)
    for part in ('→ retrieve "Jed Hoyer date of birth"', "1 Jed Hoyer", '"December 7, 1973"', "hoyer_born"):
        assert part in ended.err
    assert "\x1b" not in ended.err + ended.out


def test_quiet_leaves_only_the_answer(pyrag_exec, older):
    assert pyrag_exec(older, "--quiet") == (0, "John William Henry II\n", "")


def test_both_modes_give_the_same_object(pyrag_exec, older):
    one, other = (pyrag_exec(older, "--json", "-q", "--mode", mode).json for mode in ("concurrent", "sequential"))
    for each in (one, other):
        for call in each["calls"]:
            del call["elapsed"], call["times"]
        del each["trace"]
    assert one == other


def test_json_is_one_object_with_the_answer_the_calls_and_the_trace(pyrag_exec, older):
    ended = pyrag_exec(older, "--json", "--question", "Who?")
    data = ended.json
    assert ended.out.count("\n") == 1
    assert data["final_answer"] == "John William Henry II"
    assert data["question"] == "Who?"
    assert [call["tool"] for call in data["calls"]] == ["retrieve", "answer", "retrieve", "answer", "answer"]
    assert data["calls"][1]["depends_on"] == [data["calls"][0]["node"]]
    assert data["lineage"] == [call["node"] for call in data["calls"]]
    assert data["trace"][0]["type"] == "run_started"
    assert data["trace"][-1]["status"] == "done"
    assert data["diagnostics"] == []


def test_a_value_that_is_not_text_is_printed_as_python_writes_it(pyrag_exec, plan):
    path = plan("final_answer = {'a': [1, None, True]}")
    assert pyrag_exec(path, "--question", "q").out == "{'a': [1, None, True]}\n"
    assert pyrag_exec(path, "--question", "q", "--json").json["final_answer"] == {"a": [1, None, True]}


@pytest.mark.parametrize(
    ("text", "options", "status", "word", "code"),
    [
        ("final_answer = 1 / 0", [], 1, "failed", "PLAN307"),
        ("final_answer = foo", [], 3, "rejected", "PLAN208"),
        ("", [], 3, "rejected", "PLAN101"),
        ("while True:\n    pass\nfinal_answer = 1", [], 4, "limit", "PLAN401"),
        (ASK + ASK, ["--max-calls", "1"], 4, "limit", "PLAN408"),
        (ASK, ["--retriever", "http://127.0.0.1:9/"], 5, "tool", "PLAN500"),
    ],
)
def test_how_a_run_can_end(pyrag_exec, plan, text, options, status, word, code):
    ended = pyrag_exec(plan(text), "--question", "q", *options)
    assert (ended.status, ended.out) == (status, "")
    assert code in ended.err
    assert "Traceback" not in ended.err
    data = pyrag_exec(plan(text), "--question", "q", "--json", "-q", *options).json
    assert (data["status"], data["exit_status"], data["final_answer"]) == (word, status, None)
    assert data["diagnostics"][0]["code"] == code


def test_a_retriever_that_is_down_is_named_with_what_to_do(pyrag_exec, older):
    ended = pyrag_exec(older, "--retriever", "http://user:hunter2@127.0.0.1:9/")
    assert ended.status == 5
    assert "http://127.0.0.1:9/retrieve: no connection" in ended.err
    assert "hunter2" not in ended.err


def test_check_vets_and_calls_nothing(pyrag_exec, plan):
    good, bad = plan(ASK, "good.py"), plan("final_answer = foo\nimport os\n", "bad.py")
    assert pyrag_exec(good, "--check", "--retriever", "http://127.0.0.1:9/").status == 0
    ended = pyrag_exec(bad, "--check")
    assert ended.status == 3
    assert "PLAN208" in ended.err
    assert "PLAN205" in ended.err
    data = pyrag_exec(bad, "--check", "--json").json
    assert [found["code"] for found in data["diagnostics"]] == ["PLAN208", "PLAN205"]
    assert data["calls"] == []


def test_a_plan_inside_of_a_reply_is_taken_out_and_that_is_said(pyrag_exec, plan):
    ended = pyrag_exec(plan(f"Sure, here it is:\n\n```python\n{ASK}```\nDone."), "--question", "q")
    assert (ended.status, ended.out) == (0, "December 7, 1973\n")
    assert "taken out of the text around it (lines 4 to 4)" in ended.err


def test_a_plan_is_read_from_standard_input(pyrag_exec):
    assert pyrag_exec("-", "--question", "q", "-q", stdin=ASK.encode()).out == "December 7, 1973\n"


def test_the_question_may_stand_in_the_plan(pyrag_exec, plan):
    assert pyrag_exec(plan(f"# Question: When?\n{ASK}"), "--json", "-q").json["question"] == "When?"


def test_topk_is_the_default_of_retrieve(pyrag_exec, older):
    calls = pyrag_exec(older, "--json", "-q", "--topk", "2").json["calls"]
    assert [call["arguments"]["topk"] for call in calls if call["tool"] == "retrieve"] == [2, 2]


def test_a_corpus_is_indexed_and_searched(pyrag_exec, plan, tmp_path):
    corpus = tmp_path / "corpus.jsonl"
    lines = ['{"id": "1", "contents": "\\"Zed\\"\\nZed was born on 3 May 1901."}', "broken", '{"no": "contents"}']
    corpus.write_text("\n".join(lines))
    path = plan("final_answer = answer('When was Zed born?', retrieve('Zed born'))")
    ended = pyrag_exec(path, "--question", "q", "--corpus", corpus, "--index", tmp_path / "index")
    assert (ended.status, ended.out) == (0, "3 May 1901\n")
    assert "2 rows without a passage skipped, 1 indexed" in ended.err
    assert "line 2: not JSON" in ended.err


def test_a_trace_replays_resumes_and_reports(pyrag_exec, older, tmp_path):
    trace, report = tmp_path / "run.jsonl", tmp_path / "run.html"
    first = pyrag_exec(older, "--trace", trace, "--report", report, "--json")
    assert "John William Henry II" in report.read_text(encoding="utf-8")
    replayed = pyrag_exec("--replay", trace, "--json")
    assert replayed.status == 0
    assert all(call["cached"] for call in replayed.json["calls"])
    assert [c["result"] for c in replayed.json["calls"]] == [c["result"] for c in first.json["calls"]]
    assert "John William Henry II" in replayed.err

    kept = [line for line in trace.read_text().splitlines() if json.loads(line).get("alias") != "answer#3"]
    trace.write_text("\n".join(kept[:-1]) + "\n")
    assert pyrag_exec("--replay", trace).status == 5
    resumed = pyrag_exec("--resume", trace, "--json", "--trace", trace).json
    assert [call["cached"] for call in resumed["calls"]] == [True, True, True, True, False]
    assert len(Trace.load(trace).of(CallFinished)) == 5


def test_a_run_that_was_asked_again_replays_too(pyrag_exec, plan, tmp_path):
    """Its header has changed arguments."""
    first, again = tmp_path / "first.jsonl", tmp_path / "again.jsonl"
    assert pyrag_exec(plan(ASK), "--question", "When?", "--trace", first).status == 0
    rerun(first, {"retrieve#1": {"topk": 2}}, trace=again, tools=TOOLS)
    assert pyrag_exec("--replay", again, "-q").out == "2\n"


def test_inputs_are_named_on_the_command_line(pyrag_exec, plan, tmp_path):
    text = plan("final_answer = f'{question} {names[0]} {most + 1}'\n")
    trace = tmp_path / "t.jsonl"
    given = ("--input", 'names=["a", "b"]', "--input", "most=3")
    assert pyrag_exec(text, "--question", "Who?", *given, "--trace", trace, "-q").out == "Who? a 4\n"
    assert pyrag_exec("--replay", trace, "-q").out == "Who? a 4\n"
    for wrong, told in (
        (("--input", "most"), "--input most: write it as NAME=VALUE"),
        (("--input", "most=1", "--input", "most=2"), "--input most: this input is given twice"),
        (("--input", "question=1"), "--input question: this input is given twice"),
        (("--input", "len=1"), "an input cannot be named 'len'"),
    ):
        ended = pyrag_exec(text, "--question", "Who?", *wrong)
        assert (ended.status, told in ended.err) == (2, True)
    ended = pyrag_exec("--replay", trace, "--input", "most=9")
    assert (ended.status, "another input 'most'" in ended.err) == (2, True)


def test_a_replay_of_another_plan_says_what_differs(pyrag_exec, older, plan, tmp_path):
    trace = tmp_path / "run.jsonl"
    pyrag_exec(older, "--trace", trace)
    changed = plan(older.read_text().replace("Jed Hoyer date of birth", "Jed Hoyer birthday"))
    ended = pyrag_exec(changed, "--replay", trace)
    assert ended.status == 5
    assert "PLAN504" in ended.err
    assert "Jed Hoyer birthday" in ended.err


def test_a_refused_plan_leaves_a_trace_and_a_report(pyrag_exec, plan, tmp_path):
    trace, report = tmp_path / "run.jsonl", tmp_path / "run.html"
    path = plan("final_answer = foo")
    assert pyrag_exec(path, "--question", "q", "--trace", trace, "--report", report).status == 3
    finished = Trace.load(trace).finished
    assert finished is not None
    assert finished.status == "rejected"
    assert "PLAN208" in report.read_text(encoding="utf-8")


def test_a_model_answers_and_its_key_is_nowhere(pyrag_exec, plan, tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_KEY", "sk-very-secret-1234567890")
    trace = tmp_path / "run.jsonl"
    with ScriptedModelServer(["<answer>December 7, 1973</answer>"]) as server:
        ended = pyrag_exec(
            plan(ASK), "--question", "q", "--json", "--trace", trace, "--api-key-env", "SOME_KEY",
            "--llm-base-url", server.base_url, "--model", "any",
        )  # fmt: skip
        assert server.requests[0].headers["authorization"] == "Bearer sk-very-secret-1234567890"
    assert ended.json["final_answer"] == "December 7, 1973"
    assert ended.json["calls"][1]["usage"]["tokens"] > 0
    assert "very-secret" not in ended.out + ended.err + trace.read_text()


def test_a_model_that_is_down_is_a_failed_service(pyrag_exec, plan):
    ended = pyrag_exec(
        plan(ASK), "--question", "q", "--llm-base-url", "http://127.0.0.1:9/v1", "--model", "m", "--call-timeout", "1"
    )
    assert ended.status == 5
    assert "http://127.0.0.1:9/v1" in ended.err
    assert "Traceback" not in ended.err


def test_tools_of_the_run_never_see_the_file_of_the_plan(pyrag_exec, plan, tmp_path):
    before = sorted(path.name for path in tmp_path.iterdir())
    pyrag_exec(plan(ASK), "--question", "q")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*before, "plan.py"])
    assert Path(tmp_path / "plan.py").read_text() == ASK


@pytest.mark.skipif(os.name != "posix", reason="worker processes need a POSIX system")
def test_isolation_gives_the_same_answer(pyrag_exec, older):
    assert pyrag_exec(older, "-q", "--isolation", "rlimits").out == "John William Henry II\n"
