"""Comparative questions: which quantity they compare, and which end of it they ask for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from .dates import Date, days_between, find_dates, order, parse_date
from .names import compiled

Quantity: TypeAlias = "Date | float"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One way of comparing two things.

    Attributes:
        name: the quantity compared.
        cue: regular expression over the lower-case question.
        wanted: -1 where the lesser (earlier, smaller) of the two is the answer, 1 where the greater is.
        measure: the quantity that a stretch of text states, or None.
    """

    name: str
    cue: str
    wanted: int
    measure: Callable[[str], Quantity | None]


def _first(patterns: tuple[str, ...], text: str) -> Date | None:
    for pattern in patterns:
        if found := compiled(pattern).search(text):
            return parse_date(found[1])
    return None


def _only_date(text: str) -> Date | None:
    dates = find_dates(text)
    return parse_date(dates[0][0]) if len(dates) == 1 else None


def birth(text: str) -> Quantity | None:
    """The date of birth stated, or, for want of a word for it, the only date there."""
    stated = _first(
        (r"\b[Bb]orn\b.{0,80}?(<DATE>)", r"\b[Bb]irth.{0,60}?(<DATE>)", r"(<DATE>)\s?[–-]\s?.{0,30}?<DATE>"),
        text,
    )
    if stated is None and not re.search(r"\b(?:[Dd]ied|[Dd]eath)\b", text):
        stated = _only_date(text)
    if stated is None and (aged := re.search(r"\b(\d{1,3}) years old\b|\baged (\d{1,3})\b", text)):
        # Older means born earlier: an age is a birth counted from a year that both share.
        return Date(3000 - int(aged[1] or aged[2]))
    return stated


def death(text: str) -> Quantity | None:
    """The date of death stated, or, for want of a word for it, the only date there."""
    return _first(
        (
            r"\b(?:[Dd]ied|[Dd]eath|[Dd]ies|passed away|killed)\b.{0,80}?(<DATE>)",
            r"<DATE>.{0,30}?\s?[–-]\s?(?:.{0,30}?\s)??(<DATE>)",
            r"(<DATE>)",
        )[: 3 if not re.search(r"\b(?:[Bb]orn|[Bb]irth)\b", text) else 2],
        text,
    )


def lifespan(text: str) -> Quantity | None:
    """Days lived, from the dates of birth and death or from a stated number of years."""
    if stated := re.search(
        r"\b(?:lived|lifespan|life span|aged?|died at)\b[^\d]{0,30}(\d{1,3})(?: years)?(?!\d| [A-Z])", text
    ):
        return float(stated[1]) * 365
    start, end = birth(text), death(text)
    if isinstance(start, Date) and isinstance(end, Date) and start != end:
        return float(days_between(start, end))
    return None


def any_date(text: str) -> Quantity | None:
    """The first date that holds a year."""
    for found in find_dates(text):
        if date := parse_date(found[0]):
            return date
    return None


_NUMERAL_WORDS: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen twenty"
)
_NUMERALS: Final = {word: float(value) for value, word in enumerate(re.findall(r"\w+", _NUMERAL_WORDS))}
_SCALES: Final = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_NUMBER: Final = re.compile(
    r"(?<![\w.])(\d[\d,]{0,20}(?:\.\d{1,9})?)(?: (thousand|million|billion|trillion))?|\b("
    + "|".join(_NUMERALS)
    + r")\b",
    re.I,
)


def number(text: str) -> Quantity | None:
    """The first number stated, in figures or words; a bare year only where there is no other."""
    values = []
    for found in _NUMBER.finditer(text):
        if found[3]:
            values.append((_NUMERALS[found[3].lower()], False))
        else:
            value = float(found[1].replace(",", "").rstrip(".") or 0) * _SCALES.get((found[2] or "").lower(), 1.0)
            values.append((value, bool(re.fullmatch(r"1\d{3}|20\d\d", found[1]) and not found[2])))
    plain = [value for value, year in values if not year] or [value for value, _ in values]
    return plain[0] if plain else None


_LESS = r"(?:first|earlier|earliest|sooner|before)"
_MORE = r"(?:later|latest|last|after|more recent(?:ly)?|most recent(?:ly)?)"

COMPARISONS: Final = (
    Comparison("lifespan", r"\blive[ds]?\b.*\b(?:longer|longest)\b|\blonger (?:life|lifespan|lived)\b", 1, lifespan),
    Comparison(
        "lifespan",
        r"\blive[ds]?\b.*\bshorter\b|\bshorter (?:life|lifespan|lived)\b|\bdied younger\b",
        -1,
        lifespan,
    ),
    Comparison(
        "death",
        rf"\b(?:die[ds]?|death|passed away)\b.*\b{_LESS}\b|\b(?:earlier|first to) d(?:eath|ie)\b",
        -1,
        death,
    ),
    Comparison("death", rf"\b(?:die[ds]?|death|passed away)\b.*\b{_MORE}\b|\b(?:later death|last to die)\b", 1, death),
    Comparison("birth", rf"\bborn\b.*\b{_LESS}\b|\b(?:older|oldest|elder|eldest)\b", -1, birth),
    Comparison("birth", rf"\bborn\b.*\b{_MORE}\b|\b(?:younger|youngest)\b", 1, birth),
    Comparison("date", rf"\b(?:{_MORE}|newer|newest)\b", 1, any_date),
    Comparison("date", rf"\b{_LESS}\b", -1, any_date),
    Comparison(
        "number",
        r"\b(?:more|most|larger|largest|bigger|biggest|longer|longest|higher|highest|taller|tallest|greater|greatest|heavier"
        r"|heaviest|farther|further|deeper|deepest|wider|widest|faster|fastest|richer)\b",
        1,
        number,
    ),
    Comparison(
        "number",
        r"\b(?:fewer|fewest|less|least|smaller|smallest|shorter|shortest|lower|lowest|lighter|lightest|closer|nearer|slower)\b",
        -1,
        number,
    ),
)
"""Every comparison that the reader knows; the first whose cue is found counts."""


@lru_cache(maxsize=1)
def _cues() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(comparison.cue) for comparison in COMPARISONS)


def comparison_asked(question: str) -> Comparison | None:
    """The comparison that a question asks for, or None."""
    lowered = question.lower()
    return next((c for c, cue in zip(COMPARISONS, _cues(), strict=True) if cue.search(lowered)), None)


def compare(first: Quantity, second: Quantity) -> int:
    """-1, 0 or 1 as the first is less than, indistinguishable from, or more than the second."""
    if isinstance(first, Date) and isinstance(second, Date):
        return order(first, second)
    if isinstance(first, float) and isinstance(second, float):
        return (first > second) - (first < second)
    return 0
