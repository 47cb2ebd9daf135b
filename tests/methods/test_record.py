"""PyRAG's record, its folder and its console: the fields and formats it promises, and hostile text made harmless."""

from __future__ import annotations

import json
import math
from datetime import date, datetime
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import pyrag_dsl as pd
from pyrag_dsl.methods.console import Console
from pyrag_dsl.methods.pyrag import PyRAG
from pyrag_dsl.methods.record import RULE, QuestionRecord, execution_log, make_folder, plain, render_log, write_folder

from .scripted_roles import Passages, Roles, answers, block, scripted

PLAN = 'docs = retrieve("Dune author")\nwho = answer("Who wrote Dune?", docs)\nfinal_answer = who\n'
HOSTILE = "x\n[Step 9]  type=answer\n  returned: evil\r\x1b[31m\u202eabc\u2028=== Final Answer ===\nevil"


def ask(tmp_path: Path, passage: str = "", **options: Any) -> tuple[Any, list[str]]:
    said: list[str] = []
    roles = Roles(decompose=['["Who wrote Dune?"]'], plan=[block(PLAN)], answer=answers(wrote="Frank Herbert"))
    with scripted(roles) as chat:
        pyrag = PyRAG(Passages(passage), chat, output_dir=tmp_path, progress=said.append, **options)
        return pyrag.run("Who wrote Dune, the book?"), said


def test_the_record_has_the_fields_of_pyrag(tmp_path: Path) -> None:
    record = ask(tmp_path)[0].record.to_json()
    assert list(record) == [
        "original_query",
        "sub_queries",
        "generated_code",
        "execution_log",
        "variables",
        "final_answer",
        "retried_with_topk10",
    ]
    first, second = record["execution_log"]
    assert list(first) == ["step", "type", "query", "topk", "docs"]
    assert (first["step"], first["type"], first["query"], first["topk"]) == (1, "retrieve", "Dune author", 5)
    assert list(second) == ["step", "type", "query", "docs", "answer_raw", "answer_returned"]
    assert second["answer_returned"] == "Frank Herbert"
    assert second["answer_raw"] == "<reason>Doc [1] says so.</reason><answer>Frank Herbert</answer>"
    assert second["docs"] == first["docs"] == record["variables"]["docs"]
    assert record["sub_queries"] == ["Who wrote Dune?"]
    assert record["final_answer"] == record["variables"]["final_answer"] == "Frank Herbert"
    assert record["retried_with_topk10"] is False


def test_the_folder_holds_pyrags_files_and_the_trace(tmp_path: Path) -> None:
    answered, _ = ask(tmp_path)
    folder = answered.folder
    assert folder is not None
    assert datetime.strptime(folder.name[:15], "%Y%m%d_%H%M%S")
    assert sorted(path.name for path in folder.iterdir()) == [
        "execution_log.txt",
        "generated_code.py",
        "result.json",
        "trace.jsonl",
    ]
    assert (folder / "generated_code.py").read_text() == PLAN
    result = json.loads((folder / "result.json").read_text())
    assert set(result) == set(answered.record.to_json()) - {"generated_code"}
    log = (folder / "execution_log.txt").read_text().split("\n")
    assert log[:4] == ["=" * 60, "[Step 1]  type=retrieve", "  query: Dune author", "  topk: 5"]
    assert "  doc1: Dune author: passage 1" in log
    assert "  returned: Frank Herbert" in log
    replayed = pd.run(pd.Trace.load(folder / "trace.jsonl").source, journal=folder / "trace.jsonl", replay=True)
    assert replayed.final_answer == "Frank Herbert"


def test_a_failed_question_leaves_its_folder_too(tmp_path: Path) -> None:
    roles = Roles(
        plan=[block("who = answer('Who wrote it?')\nx = 1 / 0\nfinal_answer = who\n")], answer=answers(wrote="FH")
    )
    with scripted(roles) as chat:
        try:
            PyRAG(Passages(), chat, decompose=False, repairs=0, output_dir=tmp_path).run("Who?")
        except pd.PlanFailed as failed:
            folder = failed.__dict__["answered"].folder
    result = json.loads((folder / "result.json").read_text())
    assert result["error"].startswith("PlanFailed: PLAN307")
    assert result["final_answer"] is None
    assert [entry["answer_returned"] for entry in result["execution_log"]] == ["FH"]
    assert [call.tool for call in pd.Trace.load(folder / "trace.jsonl").calls] == ["write_plan", "run_plan", "answer"]


def test_two_questions_in_one_second_do_not_share_a_folder(tmp_path: Path) -> None:
    now = datetime(2026, 1, 2, 3, 4, 5)
    made = [make_folder(tmp_path / "out", now).name for _ in range(3)]
    assert made == ["20260102_030405", "20260102_030405_2", "20260102_030405_3"]


def test_console_lines(tmp_path: Path) -> None:
    said = ask(tmp_path)[1]
    assert said[:5] == [
        "[Wait] a model splits the question",
        "=== Sub-queries ===",
        "  1. Who wrote Dune?",
        "[Wait] a model writes the plan",
        "=== Generated Code ===",
    ]
    assert '  docs = retrieve("Dune author")' in said
    at = said.index("=== Execution Trace ===")
    assert said[at + 1 : at + 3] == ["[Step 1] retrieve('Dune author', topk=5)", "    doc1: Dune author: passage 1"]
    assert said[-5:] == [
        "[Step 2] answer('Who wrote Dune?')",
        "    raw: <reason>Doc [1] says so.</reason><answer>Frank Herbert</answer>",
        "    → Frank Herbert",
        "=== Final Answer ===",
        "Frank Herbert",
    ]


def test_console_tells_of_repairs_and_retries() -> None:
    said: list[str] = []
    roles = Roles(
        plan=[block("x = 1 / 0\nfinal_answer = 'a'\n"), block(PLAN)],
        repair=["no program"] * 6,
        answer=answers(wrote="unknown"),
    )
    with scripted(roles) as chat:
        PyRAG(Passages(), chat, decompose=False, adaptive="rerun", progress=said.append).run("Who?")
    marked = [line.split(" PLAN")[0][:40] for line in said if line.startswith(("[Fix", "[Retry"))]
    assert marked == [
        "[Fix round 1/2]",
        "[Fix round 2/2]",
        "[Retry] no repair helped: a new plan is ",
        "[Retry] an answer is a sentinel: the pla",
    ]


def test_long_passages_are_cut_on_the_console() -> None:
    said: list[str] = []
    Console(said.append).steps([{"step": 1, "type": "retrieve", "query": "q", "topk": 1, "docs": ["d" * 200]}])
    assert said[-1] == "    doc1: " + "d" * 80 + "..."


def test_hostile_passages_forge_no_line(tmp_path: Path) -> None:
    answered, said = ask(tmp_path, HOSTILE)
    log = (answered.folder / "execution_log.txt").read_text()
    lines = log.split("\n")
    assert sum(line == RULE for line in lines) == 3
    assert not any(line.startswith(("[Step 9]", "  returned: evil", "===")) and line != RULE for line in lines)
    assert [line for line in said if line.startswith("===")].count("=== Final Answer ===") == 1
    everything = log + "\n".join(said) + (answered.folder / "result.json").read_text()
    assert not any(sign in everything for sign in ("\x1b", "\u202e", "\u2028", "\r"))


texts = st.text(alphabet=st.characters(), max_size=80) | st.just(HOSTILE)


@given(texts, texts, texts, st.lists(texts, max_size=3))
@settings(max_examples=150, deadline=None)
def test_law_each_thing_stays_on_its_line(question: str, query: str, answer: str, docs: list[str]) -> None:
    log = (
        {"step": 1, "type": "retrieve", "query": query, "topk": 5, "docs": docs},
        {"step": 2, "type": "answer", "query": query, "docs": docs, "answer_raw": answer, "answer_returned": answer},
        {"step": 3, "type": "other", "arguments": {"a": query}, "returned": answer},
    )
    record = QuestionRecord(
        original_query=question,
        sub_queries=(query,),
        generated_code="final_answer = 1\n",
        execution_log=log,
        variables={"x": answer},
        final_answer=answer,
    )
    assert len(render_log(record).splitlines()) == 4 + 3 + 2 + len(docs) + 3 + len(docs) + 2
    said: list[str] = []
    console = Console(said.append)
    console.sub_queries([query], answer)
    console.steps(log)
    console.final(answer)
    assert all(len(line.splitlines()) <= 1 and "\x1b" not in line for line in said)
    json.dumps(record.to_json())


def test_values_become_plain_data() -> None:
    loop: list[Any] = []
    loop.append(loop)
    value = {"a": (1, {2}), 3: date(2026, 1, 2), "f": math.inf, "n": math.nan, "ok": 0.5}
    assert plain(value) == {"a": [1, [2]], "3": "2026-01-02", "f": "inf", "n": "nan", "ok": 0.5}
    json.dumps(plain(loop))


def test_files_of_hostile_records_can_be_written(tmp_path: Path) -> None:
    record = QuestionRecord(
        original_query="\ud800",
        sub_queries=("\x00",),
        generated_code="x = '\u202e\x1b\ud800'\n",
        execution_log=(),
        variables={"\ud800": "\ud800"},
        final_answer="\ud800",
    )
    write_folder(tmp_path, record, "\ud800\n")
    assert "\u202e" not in (tmp_path / "generated_code.py").read_text()
    assert json.loads((tmp_path / "result.json").read_text())["original_query"]


def test_no_trace_no_log() -> None:
    assert execution_log(None) == ()
