"""The code in the pages: fenced blocks, and what their comments promise.

A line that ends with `# => 3` promises that its value shows as `3`; `# => PLAN208` promises that this line is
refused, or ends the run, with that code. In a block where every line promises a code each line is a plan of its
own. A block marked `python differs` shows where plans differ from CPython; all others must give the same there.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_PROMISE = re.compile(r"^(?P<code>.*?)\s*# => (?P<value>.+)$")
_RESULT = re.compile(r"\b(?:final_answer|final|result)\s*=[^=]|^return\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: where it stands, the words after its fence, its text."""

    page: str
    line: int
    info: tuple[str, ...]
    text: str

    @property
    def name(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True)
class Example:
    """A plan that prints what its comments promise.

    Attributes:
        plan: prints a line for each promise of a value.
        values: those lines.
        codes: promised codes with their lines.
    """

    plan: str
    values: tuple[str, ...]
    codes: frozenset[tuple[str, int]]


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, match.start()) + 1, tuple(match["info"].split()), match["body"])
        for match in _FENCE.finditer(text)
    ]


def examples(block: Block) -> list[Example]:
    """The plans in a block."""
    lines = [line for line in block.text.split("\n") if line.strip()]
    promises = [match["value"] if (match := _PROMISE.match(line)) else "" for line in lines]
    if len(lines) > 1 and all(promise.startswith("PLAN") for promise in promises):
        return [example(line) for line in lines]
    return [example(block.text)]


def example(text: str) -> Example:
    """A plan from its text."""
    lines: list[str] = []
    values: list[str] = []
    codes: set[tuple[str, int]] = set()
    for line in text.rstrip("\n").split("\n"):
        match = _PROMISE.match(line)
        if match is None:
            lines.append(line)
        elif match["value"].startswith("PLAN"):
            lines.append(match["code"])
            codes.add((match["value"], len(lines)))
        else:
            values.append(match["value"])
            lines.append(_shows(match["code"]))
    if not codes and not _RESULT.search(text):
        lines.append("final_answer = 'done'")
    return Example("\n".join(lines) + "\n", tuple(values), frozenset(codes))


def _shows(code: str) -> str:
    """The same line, which prints what it gives."""
    bare = code.strip()
    indent = code[: len(code) - len(code.lstrip())]
    if bare.startswith("return "):
        return f"{indent}print(repr({bare.removeprefix('return ')})); {bare}"
    try:
        ast.parse(bare, mode="eval")
    except SyntaxError:
        target = bare.split("=")[0].rstrip("+-*/|&%").split(":")[0].strip()
        return f"{code}; print(repr({target}))"
    return f"{indent}print(repr(({bare})))"


def retrieve(query: str, topk: int = 5) -> list[str]:
    return [f"passage {number} on {query}" for number in range(1, topk + 1)]


def answer(query: str, docs: list[str] | None = None) -> str:
    return f"Paris ({query}, {len(docs or [])})"


TOOLS: dict[str, Any] = {"retrieve": retrieve, "answer": answer}


def by_cpython(plan: str) -> str:
    """What CPython prints when it runs a plan."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(plan, "example", "exec"), {**TOOLS, "__name__": "__main__"})
    return printed.getvalue()
