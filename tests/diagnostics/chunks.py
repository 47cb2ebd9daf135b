"""Reads the `.plan` files: plans in chunks, with the diagnostics expected of each in place.

Chunks are separated by a line `---`. An expected diagnostic stands at the end of the line that it is about, as
`### CODE "part of the message"`; on a line of its own it is about the whole plan and has no place. Expectations
are taken out before the plan is read. What begins with `#:` says how to run: `#: steps=1000 mode=sequential`.
`<U+200B>` stands for that character and `<400 x +1>` for 400 repetitions, so that the files stay readable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
_EXPECTED = re.compile(r'[ \t]*### (?P<code>PLAN\d{3})(?: "(?P<message>.*?)")?(?=[ \t]*$|[ \t]*### )')
_CHARACTER = re.compile(r"<U\+([0-9A-F]{4,6})>")
_REPEATED = re.compile(r"<(\d+) x ([^<>]+)>")


@dataclass(frozen=True, slots=True)
class Expected:
    """A diagnostic that must be found. `line` is 0 where it has no place; `message` may be any part of it."""

    code: str
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """One plan and what must be said of it.

    Attributes:
        name: file and line, for the report of a failure.
        text: as it stands in the file.
        plan: without expectations, written out.
        options: from the `#:` line.
    """

    name: str
    text: str
    plan: str
    expected: tuple[Expected, ...]
    options: dict[str, str]


def chunks() -> Iterator[Chunk]:
    """All chunks of all files, in order."""
    for path in sorted(HERE.glob("*.plan")):
        line = 1
        for text in path.read_text(encoding="utf-8").split("---\n"):
            yield read(f"{path.name}:{line}", text)
            line += text.count("\n") + 1


def read(name: str, text: str) -> Chunk:
    """A chunk from its text."""
    lines: list[str] = []
    expected: list[Expected] = []
    options: dict[str, str] = {}
    for raw in text.removesuffix("\n").split("\n"):
        if raw.startswith("#:"):
            options.update(part.split("=", 1) for part in raw[2:].split())
        first = _EXPECTED.search(raw)
        kept = raw[: first.start()] if first else raw
        alone = first is not None and not kept.strip()
        if not alone:
            lines.append(kept)
        for match in _EXPECTED.finditer(raw, first.start() if first else len(raw)):
            expected.append(Expected(match["code"], 0 if alone else len(lines), match["message"] or ""))
    return Chunk(name, text.strip("\n"), _written_out("\n".join(lines) + "\n"), tuple(expected), options)


def _written_out(plan: str) -> str:
    plan = _CHARACTER.sub(lambda match: chr(int(match[1], 16)), plan)
    return _REPEATED.sub(lambda match: match[2] * int(match[1]), plan)
