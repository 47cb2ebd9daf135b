"""The problems of one text, and the budget for finding them. All phases of vetting share both.

A text comes from a stranger and may be 64 KB of anything, while somebody waits for its run. Therefore only the first
problems are reported and the others are counted, similar names are looked for only while that is cheap, and work that
may exceed the length of the text is charged step by step, so that the search ends with its budget.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from heapq import nlargest
from typing import Any

from . import nodes as n
from .diagnostics import Diagnostic

MAX_FOUND = 100  # diagnostics of one text, including the one that counts the others
MAX_SUGGESTED = 20  # diagnostics of one text that suggest another name
MAX_WORK = 1_000_000  # units of about a microsecond; a text of the largest size needs about half of them
MAX_SPELLING = 200_000  # pairs of characters that are compared to find similar names
PARSING = 2  # units for each character that CPython's parser sees
REST = "PLAN224"


class Overspent(Exception):
    """The budget of a text is used up, and its vetting is not finished."""


class Budget:
    """The work that may still be done for one text, which several checks of the text may share."""

    __slots__ = ("spelling", "work")

    def __init__(self, work: int = MAX_WORK, spelling: int = MAX_SPELLING) -> None:
        self.work = work
        self.spelling = spelling

    def charge(self, units: int) -> None:
        """Charge work before it is done. Raises `Overspent`."""
        self.work -= units
        if self.work < 0:
            raise Overspent


class Findings:
    """The problems of one text: the first ones in full, and the number of the others. It is false without problems."""

    def __init__(self, budget: Budget | None = None) -> None:
        self.budget = Budget() if budget is None else budget
        self.charge = self.budget.charge
        self.errors: list[Diagnostic] = []
        self.others: list[Diagnostic] = []
        self.rest = 0
        self.suggested = 0
        self._close: dict[tuple[str, str], list[str]] = {}

    def __bool__(self) -> bool:
        return bool(self.errors or self.others or self.rest)

    @property
    def full(self) -> bool:
        """Whether a further error would only be counted."""
        return len(self.errors) >= MAX_FOUND

    def add(self, diagnostic: Diagnostic) -> None:
        """Report a problem. Errors and warnings are kept apart, so that many warnings cannot hide an error."""
        kept = self.errors if diagnostic.severity == "error" else self.others
        if diagnostic.code == REST or len(kept) >= MAX_FOUND:
            self.rest += diagnostic.count
        else:
            kept.append(diagnostic)

    def all(self) -> tuple[Diagnostic, ...]:
        """All diagnostics, errors first, each kind by place. If there were too many, the last one counts the others."""
        found = sorted(self.errors, key=_place) + sorted(self.others, key=_place)
        if not self.rest and len(found) <= MAX_FOUND:
            return tuple(found)
        shown = found[: MAX_FOUND - 1]
        rest = self.rest + len(found) - len(shown)
        message = f"{rest:,} more {'problem was' if rest == 1 else 'problems were'} found"
        return (*shown, Diagnostic(REST, message, severity="note", count=rest))

    def walk(self, node: Any) -> Iterator[Any]:
        """A node and all nodes below it, each of which is charged."""
        for part in n.walk(node):
            self.charge(1)
            yield part

    def suggest(self, kind: str, name: str, known: Sequence[str], most: int = 2, cutoff: float = 0.75) -> list[str]:
        """Known names that are similar to an unknown one, as `difflib.get_close_matches` finds them.

        Args:
            kind: the kind of the known names, in one word; each name is compared with a kind only once.
            name: the name in the plan.
            known: the names that it may have meant.
            most: the largest number of names to return.
            cutoff: how similar they must be, from 0 to 1.

        Returns:
            The names, the most similar one first; nothing if the budget for suggestions is used up.
        """
        if self.suggested >= MAX_SUGGESTED or self.full:
            return []
        close = self._close.get((kind, name))
        if close is None:
            close = self._close[kind, name] = _closest(name, known, most, cutoff, self.budget)
        self.suggested += bool(close)
        return close


def _closest(name: str, known: Sequence[str], most: int, cutoff: float, budget: Budget) -> list[str]:
    """The known names that are similar enough, within the budget. Two cheap bounds are tried first."""
    matcher = SequenceMatcher()
    matcher.set_seq2(name)
    scored: list[tuple[float, str]] = []
    for each in known:
        size = len(each) + len(name)
        if 2 * min(len(each), len(name)) < cutoff * size:
            continue
        matcher.set_seq1(each)
        budget.spelling -= size
        if budget.spelling > 0 and matcher.quick_ratio() >= cutoff:
            budget.spelling -= len(each) * len(name)
            if budget.spelling > 0 and (ratio := matcher.ratio()) >= cutoff:
                scored.append((ratio, each))
        if budget.spelling <= 0:
            return []
    return [each for _, each in nlargest(most, scored)]


def _place(diagnostic: Diagnostic) -> tuple[int, ...]:
    return tuple(diagnostic.span or (0, 0, 0, 0))
