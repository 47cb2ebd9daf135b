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
    """For plans whose stub answers with a token: which token answers which query, read off the later calls."""
    found: dict[str, str] = {}
    asked = [text for name, text in case.expected_calls if name == "answer"]
    known: set[str] = set()
    for position, (_, text) in enumerate([*case.expected_calls, ["", json.dumps(case.expected)]]):
        new = [token for token in dict.fromkeys(re.findall(r"Answer [0-9a-f]{6}", text)) if token not in known]
        known.update(new)
        before = [query for name, query in case.expected_calls[:position] if name == "answer"]
        waiting = [query for query in before if query not in found]
        found.update(zip(waiting[-len(new) :] if new else [], new, strict=False))
    for query in asked:
        found.setdefault(query, "Answer 000000")
    return found


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
