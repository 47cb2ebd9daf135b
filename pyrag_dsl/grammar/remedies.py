"""Fixes that need more of the text than the place of one diagnostic: quotes that clash, names that shadow.

Each remedy proposes a `Fix`, or None, for a diagnostic and the text. A proposal may be wrong: whoever applies it must
check that it removes the problem and adds no other, as `fix` does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .diagnostics import Diagnostic, Edit, Fix, Span
from .language import MODULES, TYPES
from .surface import tokens

MAX_EDITS = 60  # places that one fix changes


@dataclass(frozen=True, slots=True)
class Case:
    """A diagnostic, its text with the lines of the text, and all other diagnostics of the text."""

    diagnostic: Diagnostic
    text: str
    lines: Sequence[str]
    found: Sequence[Diagnostic]

    @property
    def line(self) -> str:
        span = self.diagnostic.span
        return self.lines[span.line - 1] if span and 0 < span.line <= len(self.lines) else ""

    @property
    def number(self) -> int:
        return self.diagnostic.span.line if self.diagnostic.span else 0

    def at(self, span: Span) -> str:
        """The text of a span within one line."""
        if span.line != span.end_line or not 0 < span.line <= len(self.lines):
            return ""
        return self.lines[span.line - 1][span.column - 1 : span.end_column - 1]


def remedy(case: Case) -> Fix | None:
    """A safe fix for a diagnostic without one; None if there is none, or if it would change too many places."""
    proposed = (each(case) for each in REMEDIES.get(case.diagnostic.code, ()))
    return next((fix for fix in proposed if fix is not None and len(fix.edits) <= MAX_EDITS), None)


# --------------------------------------------------------------------- strings

_HOLE = re.compile(r"\{[^{}\n]{0,200}\}")
_APOSTROPHE = re.compile(r"(?<=[^\W\d_]{2})'(?=[^\W\d_])|(?<=\b[ILOD])'(?=[^\W\d_])")
_MOST_LINES = 12  # lines of a string that was meant to be one


def _other_quotes(case: Case) -> Fix | None:
    """For `f"{facts["city"]}"`: use the other kind of quotes inside the braces."""
    edits = []
    for hole in _HOLE.finditer(case.line):
        inner = hole.group()
        if '"' in inner and "'" not in inner and "\\" not in inner:
            edits.append(_edit(case.number, hole.start(), hole.end(), inner.replace('"', "'")))
        elif "'" in inner and '"' not in inner and "\\" not in inner:
            edits.append(_edit(case.number, hole.start(), hole.end(), inner.replace("'", '"')))
    return Fix("use the other kind of quote within the braces", tuple(edits)) if edits else None


def _escape_apostrophes(case: Case) -> Fix | None:
    """For `'Don't'`: escape an apostrophe between letters."""
    at = [match.start() for match in _APOSTROPHE.finditer(case.line) if case.line[match.start() - 1] != "\\"]
    edits = tuple(_edit(case.number, place, place, "\\") for place in at)
    return Fix("escape the apostrophe", edits) if edits else None


def _over_lines(case: Case) -> Fix | None:
    """For a string over several lines: use triple quotes."""
    span = case.diagnostic.span
    if span is None:
        return None
    # Versions of Python differ in whether the place is that of the quote or of its prefix.
    opening = re.compile(r"[rRfFuU]{0,2}([\"'])").match(case.line, span.column - 1)
    if opening is None:
        return None
    quote = opening[1]
    start = opening.end() - 1
    for number in range(case.number + 1, min(case.number + _MOST_LINES, len(case.lines) + 1)):
        line = case.lines[number - 1]
        ends = re.search(rf"(?<!\\){quote}", line)
        if ends is not None:
            if not re.match(r"\s*(?:[)\],}]+\s*)?(?:#.*)?$", line[ends.end() :]):
                return None
            edits = (
                _edit(case.number, start, start + 1, quote * 3),
                _edit(number, ends.start(), ends.end(), quote * 3),
            )
            return Fix("write the text over several lines in triple quotes", edits)
        # A line of code means that the closing quote was forgotten, not that the string continues.
        if re.match(r"\s*(?:[A-Za-z_]\w*\s*=[^=]|(?:for|if|def|import|return)\b.*[:\w]$)", line):
            return None
    return None


# ----------------------------------------------------------------------- names

_DIGITS_FIRST = re.compile(r"(?<![\w.])\d+[A-Za-z_]\w*")
_NUMBER = re.compile(r"0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|[\d_]+(?:[eE]\d+)?[jJ]?")
_GLUED = re.compile(r"\d[\d_]*(?:and|else|for|if|in|is|not|or)")


def _letter_first(case: Case) -> Fix | None:
    """For `76er = ...`: put a letter before the name, in code and inside the braces of f-strings."""
    edits: list[Edit] = []
    for start, name in _names_with_digits(case.text):
        if len(edits) >= MAX_EDITS or re.search(rf"\bn{name}\b", case.text):
            return None
        line = case.text.count("\n", 0, start) + 1
        column = start - (case.text.rfind("\n", 0, start) + 1)
        edits.append(_edit(line, column, column, "n"))
    return Fix("begin the name with a letter", tuple(edits)) if edits else None


def _names_with_digits(text: str) -> Iterator[tuple[int, str]]:
    place = 0
    before = ""
    for kind, piece in tokens(text):
        spans = [(0, len(piece))] if kind == "code" else []
        if kind == "string" and re.search(r"(?i)(?<!\w)r?fr?$", before):
            spans = [hole.span() for hole in _HOLE.finditer(piece)]
        for start, end in spans:
            for match in _DIGITS_FIRST.finditer(piece, start, end):
                if not _NUMBER.fullmatch(match.group()) and not _GLUED.fullmatch(match.group()):
                    yield place + match.start(), match.group()
        place += len(piece)
        before = piece


def _rename_shadow(case: Case) -> Fix | None:
    """For `answer = answer(...)`: rename the variable wherever it is not called."""
    span = case.diagnostic.span
    name = case.at(span) if span else ""
    if not name.isidentifier() or "lambda" in case.line:
        return None
    new = f"{name}_value"
    if re.search(rf"\b{new}\b", case.text):
        return None
    edits = []
    for other in case.found:
        if other.span is None or f"`{name}`" not in other.message or other.code not in ("PLAN206", "PLAN207"):
            continue
        shown = case.at(other.span)
        if shown != name and not shown.startswith(f"{name}."):
            return None
        edits.append(Edit(other.span._replace(end_column=other.span.column + len(name)), new))
    return Fix(f"call the variable `{new}`", tuple(edits))


# -------------------------------------------------------------------- datetime
#
# `datetime` is a module and a class in it, and models confuse the two.

_MODULE_USE = re.compile(r"(?<![\w.])datetime\.(\w+)")
_CLASS_CALL = re.compile(r"(?<![\w.])datetime\s*\(")
_CLASS_ONLY = TYPES["datetime"] - MODULES["datetime"]


def _module_as_class(case: Case) -> Fix | None:
    """For `datetime.strptime` after `import datetime`: name the class in the module."""
    span = case.diagnostic.span
    used = re.fullmatch(r"(\w+)\.(\w+)", case.at(span)) if span else None
    if used is None or span is None or used[2] not in _CLASS_ONLY or "`datetime`" not in case.diagnostic.message:
        return None
    new = f"{used[1]}.datetime.{used[2]}"
    return Fix(f"write `{new}`", (Edit(span, new),))


def import_of_datetime(text: str) -> Fix | None:
    """The import line that fits the uses of `datetime` in a text without one; None if no line fits."""
    members = set(_MODULE_USE.findall(text))
    as_module = members & MODULES["datetime"]
    as_class = members & _CLASS_ONLY or _CLASS_CALL.search(text)
    if as_module and as_class:
        return None
    line = "import datetime" if as_module else "from datetime import datetime"
    return Fix(f"add `{line}`", (Edit(Span(1, 1, 1, 1), line + "\n"),))


def _edit(line: int, start: int, end: int, text: str) -> Edit:
    return Edit(Span(line, start + 1, line, end + 1), text)


REMEDIES: dict[str, tuple[Callable[[Case], Fix | None], ...]] = {
    "PLAN100": (_escape_apostrophes,),
    "PLAN105": (_escape_apostrophes,),
    "PLAN106": (_over_lines, _escape_apostrophes),
    "PLAN110": (_other_quotes,),
    "PLAN113": (_letter_first,),
    "PLAN206": (_rename_shadow,),
    "PLAN209": (_module_as_class,),
}
