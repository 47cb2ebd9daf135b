"""Diagnostics as text: for a person at a terminal, for a program, and for the model that must repair the plan.

All functions are pure. Control characters in a source or message, and characters that hide or reorder text, are shown
in a visible form, so that no terminal obeys them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from .diagnostics import Diagnostic, Edit, Fix, Span
from .edits import apply_edits
from .wording import told

_TAB = 4
_MOST_LINES = 4
"""The lines of a span, and the lines on each side of a fix, that are shown."""
_NARROWEST = 40
_HIDES = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)

_STYLES = {
    "error": "1;31",
    "warning": "1;33",
    "note": "1;36",
    "frame": "1;34",
    "strong": "1",
    "removed": "31",
    "added": "32",
}


def shown(text: str) -> str:
    """`text` on one line, with control and invisible characters in a visible form."""
    return _HIDES.sub(lambda match: _picture(match.group()), text)


def render_terminal(
    diagnostics: Iterable[Diagnostic], source: str, *, color: bool = False, width: int = 100, name: str = ""
) -> str:
    """Diagnostics for a person: the message, the source with the place marked, notes and help.

    Args:
        diagnostics: the diagnostics in the order in which they are shown.
        source: the text that their spans refer to.
        color: whether to write ANSI colours; no other control sequences are used.
        width: the width in columns; longer lines of the source are cut around the marked place.
        name: the file name of the source, which is shown before line and column.

    Returns:
        Text that ends with a newline, or is empty.
    """
    page = _Page(source, color, max(width, _NARROWEST), shown(name))
    return "\n".join(page.render(diagnostic) for diagnostic in diagnostics)


def render_json(diagnostics: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """Diagnostics for a program: the fields of `Diagnostic.to_json`, with `help` never empty."""
    return [{**each.to_json(), "help": each.help or each.rule.help} for each in diagnostics]


def render_prompt(diagnostics: Sequence[Diagnostic], source: str, *, limit: int = 4_000) -> str:
    """Diagnostics for the model that must repair the plan: code, line, message, the source line and help.

    A message of a run shows only our own wording and text of the plan (`wording.told`), because a passage must not
    reach the model that writes plans. Values of variables are left out.

    Args:
        diagnostics: the diagnostics, the decisive ones first. Those that do not fit are only counted.
        source: the text that their spans refer to.
        limit: the largest number of characters of the result.
    """
    lines = _lines(source)
    blocks = [_block(number, each, source, lines) for number, each in enumerate(diagnostics, start=1)]
    kept: list[str] = []
    room = limit - 40
    for block in blocks:
        if kept and len(block) + 1 > room:
            break
        kept.append(block[: max(room, 0)])
        room -= len(block) + 1
    if len(kept) < len(blocks):
        kept.append(f"... and {sum(each.count for each in diagnostics[len(kept) :]):,} more.")
    return "\n".join(kept)


def _block(number: int, diagnostic: Diagnostic, source: str, lines: list[str]) -> str:
    place = f" line {diagnostic.span.line}" if diagnostic.span else ""
    reading = diagnostic.phase in ("syntax", "vet")
    text = shown(told(diagnostic, source))
    out = [f"{number}. {diagnostic.code}{place}: {_shorten(text, 300)}"]
    if diagnostic.span and 1 <= diagnostic.span.line <= len(lines):
        out.append(f"   {diagnostic.span.line} | {_around(lines[diagnostic.span.line - 1], diagnostic.span)}")
    if reading:
        out += [f"   note: {_shorten(shown(note), 200)}" for note in diagnostic.notes[:3]]
    elif diagnostic.values:
        out.append(f"   reads: {_shorten(shown(', '.join(diagnostic.values)), 200)}")
    out.append(f"   help: {_shorten(shown(diagnostic.help or diagnostic.rule.help), 300)}")
    out += [f"   fix: {_shorten(shown(fix.title), 200)}" for fix in diagnostic.fixes[:2]]
    return "\n".join(out)


def _lines(source: str) -> list[str]:
    """The lines of the text that the parser sees, as spans count them."""
    return source.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _around(line: str, span: Span, room: int = 200) -> str:
    start = 0 if len(line) <= room else max(0, min(span.column - 1 - room // 2, len(line) - room))
    part = shown(line[start : start + room]).rstrip()
    return ("..." if start else "") + part + ("..." if start + room < len(line) else "")


def _shorten(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."


class _Page:
    """The state of one rendering: the source lines, the colours and the width."""

    def __init__(self, source: str, color: bool, width: int, name: str) -> None:
        self.lines = _lines(source)
        self.color = color
        self.width = width
        self.name = name

    def paint(self, text: str, style: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.color and text else text

    def render(self, diagnostic: Diagnostic) -> str:
        severity = diagnostic.severity
        head = self.paint(f"{severity}[{diagnostic.code}]", severity)
        out = [f"{head}: {self.paint(self.wrapped(diagnostic.message, 0), 'strong')}"]
        spans = [diagnostic.span, *[span for span, _ in diagnostic.related]]
        margin = max([len(str(span.end_line)) for span in spans if span] + [1])
        if diagnostic.span:
            out += self.excerpt(diagnostic.span, margin, "^", severity)
        out += self.remark(margin, "note", diagnostic.notes)
        if diagnostic.values:
            pairs = [f"{name} = {value}" for name, value in diagnostic.values.items()]
            out += self.remark(margin, "where", pairs)
        if diagnostic.nodes:
            out += self.remark(margin, "calls", [", ".join(diagnostic.nodes)])
        for span, message in diagnostic.related:
            out.append(f"{self.paint('note', 'note')}: {self.wrapped(message, 0)}")
            out += self.excerpt(span, margin, "-", "frame")
        out += self.remark(margin, "help", [diagnostic.help or diagnostic.rule.help])
        for fix in diagnostic.fixes:
            out += self.fix(fix, margin)
        return "\n".join(out) + "\n"

    def frame(self, margin: int, label: object = "", mark: str = "|") -> str:
        return self.paint(f"{label!s:>{margin}} {mark}", "frame")

    def remark(self, margin: int, kind: str, texts: Iterable[str]) -> list[str]:
        bar = " " * margin + " " + self.paint("=", "frame")
        return [f"{bar} {self.paint(kind, 'strong')}: {self.wrapped(text, margin + 5 + len(kind))}" for text in texts]

    def wrapped(self, text: str, indent: int) -> str:
        """Text of one or more lines, each of which is indented, so that it cannot look like a line of the renderer."""
        return ("\n" + " " * max(indent, 4)).join(shown(line) for line in text.split("\n"))

    def excerpt(self, span: Span, margin: int, mark: str, style: str) -> list[str]:
        place = f"{self.name}:{span}" if self.name else str(span)
        out = [" " * margin + self.paint("-->", "frame") + " " + place]
        if not 1 <= span.line <= len(self.lines):
            return out
        out.append(self.frame(margin))
        last = min(max(span.end_line, span.line), len(self.lines))
        for number in range(span.line, min(last, span.line + _MOST_LINES - 1) + 1):
            text = self.lines[number - 1]
            start = span.column - 1 if number == span.line else len(text) - len(text.lstrip())
            end = span.end_column - 1 if number == last else len(text)
            code, under = self.marked(text, start, max(end, start + 1), margin, mark)
            out.append(f"{self.frame(margin, number)} {code}".rstrip())
            out.append(f"{self.frame(margin)} {self.paint(under, style)}".rstrip())
        if last >= span.line + _MOST_LINES:
            out.append(self.frame(margin, mark="...") + f" (to line {last})")
        return out

    def marked(self, text: str, start: int, end: int, margin: int, mark: str) -> tuple[str, str]:
        """A line of the source and the line of marks under it, cut to the width around the marks."""
        room = self.width - margin - 3
        end = min(end, max(len(text), start + 1))
        first, last = _window(text, start, end, room)
        cells, column = [], 0
        before = under = 0
        for index in range(first, last):
            cell, columns = _cell(text[index], column)
            cells.append(cell)
            column += columns
            before += columns if index < start else 0
            under += columns if start <= index < end else 0
        left, right = "..." if first else "", "..." if last < len(text) else ""
        return left + "".join(cells) + right, " " * (len(left) + before) + mark * max(under, 1)

    def fix(self, fix: Fix, margin: int) -> list[str]:
        kind = "fix" if fix.applicability == "safe" else "fix?"
        out = self.remark(margin, kind, [fix.title])
        # Only the lines that the edits touch are edited and compared: a source may be long and have many fixes.
        touched = [line for edit in fix.edits for line in (edit.span.line, edit.span.end_line)]
        first = min(max(min(touched, default=1), 1), len(self.lines)) - 1
        last = max(touched, default=0)
        old = self.lines[first:last]
        new = apply_edits("\n".join(old), [_raised(edit, first) for edit in fix.edits]).split("\n")
        head = 0
        while head < min(len(old), len(new)) and old[head] == new[head]:
            head += 1
        tail = 0
        while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
            tail += 1
        removed, added = old[head : len(old) - tail], new[head : len(new) - tail]
        at = _parting(removed[0], added[0]) if removed and added else 0
        for lines, sign, style in ((removed, "-", "removed"), (added, "+", "added")):
            for number, line in enumerate(lines[:_MOST_LINES], start=first + head + 1):
                code, _ = self.marked(line, at, at + 1, margin + 2, " ")
                out.append(f"{self.frame(margin, number)} {self.paint(f'{sign} {code}'.rstrip(), style)}")
            if len(lines) > _MOST_LINES:
                out.append(f"{self.frame(margin)} {sign} ... {len(lines) - _MOST_LINES} more lines")
        return out


def _raised(edit: Edit, lines: int) -> Edit:
    """The edit for a text that begins so many lines later."""
    span = edit.span
    return Edit(span._replace(line=span.line - lines, end_line=span.end_line - lines), edit.text)


def _parting(old: str, new: str) -> int:
    """The index where two lines begin to differ."""
    same, most = 0, min(len(old), len(new))
    while same < most:
        middle = (same + most + 1) // 2
        same, most = (middle, most) if old[same:middle] == new[same:middle] else (same, middle - 1)
    return same


def _window(text: str, start: int, end: int, room: int) -> tuple[int, int]:
    """The characters of a line to show, so that at most `room` columns are used and `start` is among them."""
    if len(text) <= room and sum(map(_columns, text)) <= room:
        return 0, len(text)
    room -= 6  # for the marks of omitted text
    first = last = min(start, max(len(text) - 1, 0))
    used = 0
    # The marked text comes first, then as much text on both sides as there is room for.
    while last < min(end, len(text)) and used + _columns(text[last]) <= room * 2 // 3:
        used += _columns(text[last])
        last += 1
    grew = True
    while grew:
        grew = False
        if last < len(text) and used + _columns(text[last]) <= room:
            used += _columns(text[last])
            last += 1
            grew = True
        if first > 0 and used + _columns(text[first - 1]) <= room:
            first -= 1
            used += _columns(text[first])
            grew = True
    return first, last


def _columns(char: str) -> int:
    return _TAB if char == "\t" else _cell(char, 0)[1]


def _cell(char: str, column: int) -> tuple[str, int]:
    """How a character is shown, and how many columns that takes."""
    if "\x20" <= char <= "\x7e":
        return char, 1
    if char == "\t":
        columns = _TAB - column % _TAB
        return " " * columns, columns
    if _HIDES.match(char):
        picture = _picture(char)
        return picture, len(picture)
    return ("·", 1) if _category(char) == "Zs" else (char, _wide(char))


_category = lru_cache(maxsize=4096)(unicodedata.category)


def _wide(char: str) -> int:
    if _category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _picture(char: str) -> str:
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if 0xD800 <= code < 0xE000:
        return "\ufffd"
    return f"<U+{code:04X}>"
