"""`pyrag trace stats` and `pyrag trace diff`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import pyrag_dsl as pd
from pyrag_dsl.cli import pyrag

PLAN = "docs = retrieve('Dune')\nfinal_answer = answer('who', docs)\n"


def retrieve(query: str, topk: int = 5) -> list[str]:
    return [f"{query} {number}" for number in range(topk)]


def answer(query: str, docs: list[str] | None = None) -> pd.Reported:
    return pd.Reported(f"{query} {len(docs or ())}", {"tokens": 7, "cost": 0.5})


async def run_plan(source: str, context: pd.RunContext) -> Any:
    return (await context.arun(source, {"retrieve": retrieve, "answer": answer}, inputs={})).final_answer


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    pd.run("final_answer = run_plan(plan)", {"run_plan": run_plan}, inputs={"plan": PLAN}, trace=tmp_path / "a.jsonl")
    return tmp_path / "a.jsonl"


def test_what_was_asked_is_added_up_by_tool(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pyrag(["trace", "stats", str(trace), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {tool: row["calls"] for tool, row in rows.items()} == {"answer": 1, "retrieve": 1, "run_plan": 1, "all": 3}
    assert (rows["all"]["tokens"], rows["all"]["cost"]) == (7, 0.5)
    nested = sum(rows[tool]["seconds"] for tool in ("answer", "retrieve"))
    assert rows["all"]["seconds"] == pytest.approx(nested), "the time of a nested run is that of its calls"
    assert pyrag(["trace", "stats", str(trace)]) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == "tool calls recorded seconds tokens cost".split()


def test_two_runs_are_told_apart_call_by_call(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = trace.with_name("b.jsonl")
    pd.rerun(trace, {"run_plan#1/retrieve#1": {"topk": 2}}, {"run_plan": run_plan}, trace=other)
    assert pyrag(["trace", "diff", str(trace), str(trace)]) == 0
    assert capsys.readouterr().out == ""
    assert pyrag(["trace", "diff", str(trace), str(other)]) == 1
    said = capsys.readouterr().out
    assert "~ run_plan#1/retrieve#1" in said
    assert "    topk: 5 -> 2" in said
    assert "answer 'who 5' -> 'who 2'" in said
    shorter = trace.with_name("c.jsonl")
    pd.run("final_answer = 1", {"run_plan": run_plan}, trace=shorter)
    assert pyrag(["trace", "diff", str(trace), str(shorter)]) == 1
    said = capsys.readouterr().out
    assert "the plans differ" in said
    assert "- run_plan#1/answer#1" in said
