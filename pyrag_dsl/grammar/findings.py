"""What is found in one text, and the budget of the search: every phase of vetting reports here and pays here.

A text is a stranger's, it may be 64 KB of anything, and whoever runs it waits. So the problems that are named are
few and the rest is counted, close names are looked for while that is cheap, and what could take longer than the text
is long pays for each step: the search ends when the budget does, whatever the text says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from heapq import nlargest
from typing import Any

from . import nodes as n
from .diagnostics import Diagnostic

MAX_FOUND = 100  # diagnostics of one text, the one that counts the rest included
MAX_SUGGESTED = 20  # of them with a name that may have been meant
MAX_WORK = 1_000_000  # units, each about a microsecond: a text of the largest size needs about half
MAX_SPELLING = 200_000  # pairs of characters that are compared to find close names
PARSING = 2  # units for each character that CPython's parser sees
REST = "PLAN224"


class Overspent(Exception):
    """The work that one text may cost has been done, and there is more to do."""


class Budget:
    """What may still be done for one text; several looks at the same text may share it."""

    __slots__ = ("spelling", "work")

    def __init__(self, work: int = MAX_WORK, spelling: int = MAX_SPELLING) -> None:
        self.work = work
        self.spelling = spelling

    def pay(self, units: int) -> None:
        """Pay for work before it is done. Raises `Overspent`."""
        self.work -= units
        if self.work < 0:
            raise Overspent


class Findings:
    """The problems of one text: the first of them in full, the rest as a number. False while there are none."""

    def __init__(self, budget: Budget | None = None) -> None:
        self.budget = Budget() if budget is None else budget
        self.pay = self.budget.pay
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
        """Report a problem. Errors and others are kept apart, so that no flood of warnings hides an error."""
        kept = self.errors if diagnostic.severity == "error" else self.others
        if diagnostic.code == REST or len(kept) >= MAX_FOUND:
            self.rest += diagnostic.count
        else:
            kept.append(diagnostic)

    def all(self) -> tuple[Diagnostic, ...]:
        """Errors before the others, each by place; where there are too many, the last says how many more."""
        found = sorted(self.errors, key=_place) + sorted(self.others, key=_place)
        if not self.rest and len(found) <= MAX_FOUND:
            return tuple(found)
        shown = found[: MAX_FOUND - 1]
        rest = self.rest + len(found) - len(shown)
        message = f"{rest:,} more {'problem was' if rest == 1 else 'problems were'} found"
        return (*shown, Diagnostic(REST, message, severity="note", count=rest))

    def walk(self, node: Any) -> Iterator[Any]:
        """Every node below one of our nodes, itself first, each paid for."""
        for part in n.walk(node):
            self.pay(1)
            yield part

    def suggest(self, kind: str, name: str, known: Sequence[str], most: int = 2, cutoff: float = 0.75) -> list[str]:
        """Known names that are close to one that is not, the closest first, as `difflib.get_close_matches` has them.

        Args:
            kind: what `known` are, in one word: a name is looked for among them once.
            name: what the plan says.
            known: what it may have meant.
            most: of them, at most.
            cutoff: how alike they must be, from 0 to 1.

        Returns:
            Nothing where enough names have been suggested, or enough texts compared.
        """
        if self.suggested >= MAX_SUGGESTED or self.full:
            return []
        close = self._close.get((kind, name))
        if close is None:
            close = self._close[kind, name] = _closest(name, known, most, cutoff, self.budget)
        self.suggested += bool(close)
        return close


def _closest(name: str, known: Sequence[str], most: int, cutoff: float, budget: Budget) -> list[str]:
    """The known names that are alike enough; the two cheap bounds are tried first. Nothing beyond the budget."""
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
