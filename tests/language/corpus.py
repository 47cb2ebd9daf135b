"""Plans that models wrote, with stub tools, for tests that find the reference material."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Case:
    """A recorded plan: its source, the value and the calls that CPython gives."""

    name: str
    source: str
    expected: Any
    expected_calls: list[list[str]]
    calls: list[dict[str, Any]]
    echo: bool

    def result(self, tool: str, query: str) -> Any:
        """What the stub tool of this plan returns."""
        if not self.echo:
            for call in self.calls:
                if call["tool"] == tool and call["when"] in query:
                    return call["return"]
            return [] if tool == "retrieve" else "unknown"
        if tool == "retrieve":
            return [f"A passage about {query}."]
        asked = [text for name, text in self.expected_calls if name == "answer"]
        return _echoes(self)[query] if query in asked else f"no echo of {query}"


def _echoes(case: Case) -> dict[str, str]:
    """For plans whose stub answers with tokens: which token answers which query.

    The plan is run by CPython with tokens of our own; the places where these turn up in the calls are the places
    of the recorded ones.
    """
    calls: list[tuple[str, str]] = []

    def retrieve(query: str, topk: int = 5) -> list[str]:  # noqa: ARG001
        calls.append(("retrieve", query))
        return ["A passage."]

    def answer(query: str, docs: Any = None) -> str:  # noqa: ARG001
        calls.append(("answer", query))
        return f"Answer {len(calls):06x}"

    names: dict[str, Any] = {"retrieve": retrieve, "answer": answer, "__name__": "__main__"}
    exec(compile(case.source, case.name, "exec"), names)
    ours = [text for _, text in calls] + [str(names.get("final_answer"))]
    recorded = [text for _, text in case.expected_calls] + [str(case.expected)]
    tokens: dict[str, str] = {}
    for one, other in zip(ours, recorded, strict=True):
        tokens.update(zip(_TOKEN.findall(one), _TOKEN.findall(other), strict=True))
    asked = [(index, text) for index, (name, text) in enumerate(case.expected_calls, start=1) if name == "answer"]
    return {text: tokens.get(f"Answer {index:06x}", "unused") for index, text in asked}


_TOKEN = re.compile(r"Answer [0-9a-f]{6}")


def load(shared: Path) -> list[Case]:
    """All recorded plans."""
    cases = []
    for path in sorted((shared / "plans" / "runnable").glob("*.py")):
        data = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        source = path.read_text(encoding="utf-8")
        cases.append(
            Case(path.stem, source, data["expected"], data["expected_calls"], data["calls"], data.get("echo", False))
        )
    return cases
