"""Dates as passages write them, and which of two comes first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)

MONTH: Final = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Jan\.?|Feb\.?|Mar\.?|Apr\.?|Aug\.?|Sept?\.?|Oct\.?|Nov\.?|Dec\.?)"
)
_YEAR = r"(?:1\d{3}|20\d\d|[1-9]\d\d)"
_DAY = r"(?<!\d)[0-3]?\d(?:st|nd|rd|th)?"
FULL_DATE: Final = (
    rf"(?:{_DAY} (?:of )?{MONTH},? {_YEAR}|{MONTH} {_DAY},? ?{_YEAR}|{MONTH},? {_YEAR}|\d{{4}}-\d\d-\d\d)"
)
DATE: Final = (
    rf"(?:{FULL_DATE}|{_DAY} {MONTH}\b|{MONTH} {_DAY}\b"
    rf"|\b(?:1\d{{3}}|20\d\d)(?: BC)?(?![\d,]\d|\d)"
    rf"|\b[1-9]\d\d(?: BC| AD)?(?![\d,.]\d|\d| (?:people|km|miles|students)))"
)
"""A date in the forms of English prose: days, months, bare years from 100 on."""


@dataclass(frozen=True, slots=True, order=True)
class Date:
    """A calendar date that may stop at the year or the month (then 0); years before Christ are negative."""

    year: int
    month: int = 0
    day: int = 0


@lru_cache(maxsize=1)
def _compiled() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    return (
        re.compile(DATE),
        re.compile(r"\b(\d{4})-(\d\d)-(\d\d)\b"),
        re.compile(r"\b(\d{3,4})\b( BC)?"),
        re.compile(rf"\b{MONTH}"),
    )


def find_dates(text: str) -> list[re.Match[str]]:
    """Every date in the text, in order."""
    return list(_compiled()[0].finditer(text))


def parse_date(text: str) -> Date | None:
    """The date that the text states first, or None where it holds no year."""
    _, iso, year_pattern, month_pattern = _compiled()
    if found := iso.search(text):
        year, month, day = (int(part) for part in found.groups())
        return Date(year, month, day)
    year_found = year_pattern.search(text)
    if year_found is None:
        return None
    year = int(year_found[1]) * (-1 if year_found[2] else 1)
    month_found = month_pattern.search(text)
    if month_found is None:
        return Date(year)
    prefix = month_found[0].lower()[:3]
    month = next(number for number, name in enumerate(_MONTHS, 1) if name.startswith(prefix))
    day_found = re.search(r"\b([0-3]?\d)(?:st|nd|rd|th)?\b", text[: year_found.start()])
    return Date(year, month, int(day_found[1]) if day_found else 0)


def order(first: Date, second: Date) -> int:
    """-1 where `first` is surely earlier, 1 where it is surely later, 0 where the dates given do not tell."""
    for a, b in ((first.year, second.year), (first.month, second.month), (first.day, second.day)):
        if a != b:
            # An unknown month or day is 0: 1950 against March 1950 cannot be told.
            return 0 if a == 0 or b == 0 else (-1 if a < b else 1)
    return 0


def days_between(start: Date, end: Date) -> int:
    """About how many days lie between two dates; unknown months count as the middle of the year."""

    def serial(date: Date) -> int:
        return date.year * 365 + (date.month or 6) * 30 + (date.day or 15)

    return serial(end) - serial(start)
