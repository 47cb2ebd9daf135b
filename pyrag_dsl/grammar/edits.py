"""Applying edits to source text."""

from __future__ import annotations

from collections.abc import Iterable

from .diagnostics import Edit


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """The text after all edits. Spans refer to the given text; of two edits that overlap, the first is applied."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)

    def offset(line: int, column: int) -> int:
        return min(starts[max(min(line, len(starts)), 1) - 1] + column - 1, len(text))

    pieces: list[str] = []
    at = 0
    for edit in sorted(set(edits), key=lambda e: (e.span.line, e.span.column, e.span.end_line, e.span.end_column)):
        start, end = (
            offset(edit.span.line, edit.span.column),
            offset(edit.span.end_line, edit.span.end_column),
        )
        if start < at:
            continue
        pieces += (text[at:start], edit.text)
        at = end
    pieces.append(text[at:])
    return "".join(pieces)
