"""Small evaluations for tests: eight questions, a corpus, and a model that knows nearly all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pyrag_dsl.testing.server import Request, status

PEOPLE = ["Ann", "Bea", "Cid", "Dan", "Eve", "Fay", "Gus", "Hal"]


def write_data(folder: Path) -> Path:
    """Questions, and beside them `c.jsonl`, in which the answers stand."""
    path = folder / "q.jsonl"
    rows = [
        {
            "id": f"q/{i}",
            "question": f"Who is number {i}?",
            "golden_answers": [p],
            "supporting": [{"title": f"Number {i}", "id": str(i)}, {"title": "Number 99"}],
        }
        for i, p in enumerate(PEOPLE)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "c.jsonl").write_text("".join(
        json.dumps({"id": str(i), "contents": f'"Number {i}"\nNumber {i} is {p}.'}) + "\n" for i, p in enumerate(PEOPLE)
    ))  # fmt: skip
    return path


def script(request: Request) -> Any:
    """Knows all but the last two; refuses one question."""
    asked = str(request.messages[-1]["content"])
    number = int(next(ch for ch in asked if ch.isdigit()))
    if number == 6:
        return status(403)
    return "unknown" if number == 7 else PEOPLE[number]


def command(data: Path, out: Path, url: str, *more: str) -> list[str]:
    """`pyrag eval` of these questions by a model at this address."""
    model = ["--llm-base-url", url, "--model", "m", "--corpus", str(data.parent / "c.jsonl")]
    return ["eval", "--method", "vanilla", "--data", str(data), "--out", str(out), *model, "-q", *more]


def rows_of(out: Path) -> list[dict[str, Any]]:
    """The lines of `results.jsonl`."""
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
