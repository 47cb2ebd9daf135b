"""Replies with one flaw each: it is found on its line, before any call if it can be, while running if not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyrag_dsl as pd

# A tool that is given another meaning is refused where that happens, before the run that would fail later.
SOONER = {"shadow": 2}


def judge(source: str) -> tuple[str, set[int]]:
    """The phase in which something is wrong, and the lines that it is said of."""
    made: list[str] = []

    def retrieve(query: str, topk: int = 5) -> list[str]:  # noqa: ARG001
        made.append(query)
        return ["A passage.", "Another."]

    def answer(query: str, docs: Any = None) -> str:  # noqa: ARG001
        made.append(query)
        return "unknown"

    found: tuple[pd.Diagnostic, ...] = ()
    try:
        program = pd.parse(source)
    except pd.PlanRejected as refused:
        assert not made
        first = refused.diagnostics[0]
        return first.phase, {d.span.line for d in refused.diagnostics if d.span and d.phase == first.phase}
    found = program.diagnostics
    try:
        found += pd.run(program, {"retrieve": retrieve, "answer": answer}, limits=pd.Limits(tool_calls=30)).diagnostics
    except pd.PlanError as failed:
        found = (*failed.diagnostics, *found)
        return "runtime", {d.span.line for d in found if d.span}
    warned = {d.phase for d in found}
    phase = "runtime" if "run" in warned else "vet" if "vet" in warned else "ok"
    return phase, {d.span.line for d in found if d.span}


def test_each_flaw_is_found_where_it_is(shared: Path) -> None:
    wrong = []
    paths = sorted((shared / "plans" / "flawed").glob("*.txt"))
    assert paths
    for path in paths:
        case = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        phase, lines = judge(pd.extract_code(path.read_text(encoding="utf-8")))
        expected = "ok" if case["expect"] == "ok-after-extraction" else case["expect"]
        line = SOONER.get(case["flaw"], case["line"])
        if case["flaw"] in SOONER:
            expected = "vet"
        if phase != expected or (line is not None and line not in lines):
            wrong.append((path.stem, case["flaw"], expected, line, phase, sorted(lines)))
    assert not wrong
