"""Regular expressions for dates, names, places and numbers in a text, and the comparison of dates.

Documents are not trusted. Therefore every repetition here is bounded, and no repetition contains another one that could
match the same text in two ways. A match costs at most a few hundred steps from each position.
"""

# Long patterns stay on one line, because they are harder to read when they are split.
# ruff: noqa: E501
from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from .vocabulary import COUNTRIES, NATIONALITIES, OCCUPATIONS, US_STATES

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
"""A date in English prose: a full date, a day and month, or only a year from 100 on."""


@dataclass(frozen=True, slots=True, order=True)
class Date:
    """A calendar date. An unknown month or day is 0, and years before Christ are negative."""

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
    """The matches of all dates in the text, in order."""
    return list(_compiled()[0].finditer(text))


def parse_date(text: str) -> Date | None:
    """The first date in the text; None if the text has no year."""
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
    """-1 if `first` is certainly earlier, 1 if it is certainly later, 0 if the dates are equal or not precise enough."""
    for a, b in ((first.year, second.year), (first.month, second.month), (first.day, second.day)):
        if a != b:
            # 1950 may be before or after March 1950.
            return 0 if a == 0 or b == 0 else (-1 if a < b else 1)
    return 0


def days_between(start: Date, end: Date) -> int:
    """The approximate number of days between two dates. An unknown month counts as June, an unknown day as the 15th."""

    def serial(date: Date) -> int:
        return date.year * 365 + (date.month or 6) * 30 + (date.day or 15)

    return serial(end) - serial(start)


_UPPER = "A-Z" + "".join(c for c in map(chr, (*range(0xC0, 0x250), *range(0x1E00, 0x1F00))) if c.isupper())
_ABBREVIATED = r"(?:St|Ste|Dr|Mr|Mrs|Ms|Jr|Sr|Lt|Col|Gen|Capt|Rev|Sgt|Mt|Ft|Prof|Hon|Sir|Bros)\."
_CAPITALISED = rf"(?:[{_UPPER}]\.(?:-?[{_UPPER}]\.){{0,3}}|{_ABBREVIATED}|(?:al-|[dl]['’])?[{_UPPER}][\w'’\-]{{0,30}})"
WORD: Final = rf"(?:{_CAPITALISED}|\d\w{{0,3}}(?= [{_UPPER}]))"
_PARTICLE = r"(?:of the|of|the|de la|de las|de los|de|da|di|van der|van den|van|von|der|den|del|la|le|du|bin|ibn|al|el|de['’]|dos|zu|ter|y|mac|bint|ben|[ad]['’]|\"[^\"]{1,25}\"|'[^']{1,25}')"
NAME: Final = rf"{_CAPITALISED}(?: (?:{_PARTICLE} )?{WORD}){{0,7}}"
"""A sequence of capitalised words, with the particles that occur in names."""

_RANK = (
    r"(?:Duke|Grand Duke|Archduke|Earl|Count|Countess|Baron|Baroness|Lord|Lady|Prince|Princess|King|Queen"
    r"|Margrave|Landgrave|Elector|Marquess|Marquis|Viscount|Duchess|Bishop|Burgrave|Hereditary Prince)"
)
NATIONALITY: Final = "(?:" + "|".join(map(re.escape, NATIONALITIES)) + ")"
PERSON: Final = (
    # In "the Dutch painter Jan Steen", the nationality is not part of the name.
    rf"(?!{NATIONALITY}(?:-[a-z]+)? [a-z])"
    rf"{NAME}(?:,? (?:Jr|Sr)\.|, (?:\d\d?(?:st|nd|rd|th) )?{_RANK} (?:of |zu |von )?(?:the )?{WORD}(?: {WORD}){{0,2}}"
    # This matches all of "Prince of Anhalt and Zerbst", but not the mother in "Duke of Burgundy and Alice de Vergy".
    rf"(?: and {WORD}\b(?!(?:'s)? (?:[{_UPPER}]|de |of |von |van )|,? the ))?)?"
)
PERFORMER: Final = rf"(?!{NATIONALITY}(?:-[a-z]+)? [a-z]){NAME}"
"""A person or a band."""

PEOPLE: Final = rf"{PERSON}(?:,? (?:and|&) {PERSON})?"
"""One person, or two persons joined by "and" or "&"."""

PLACE: Final = rf"{NAME}(?:, (?!(?:on|in) )(?!{MONTH}){NAME}){{0,2}}"
ORGANISATION: Final = rf"{_CAPITALISED}(?: (?:(?:{_PARTICLE}|and|&|for|in|at) )?{WORD}){{0,8}}(?:,? Inc\.| Ltd\.)?"
WORK: Final = rf"(?:\"[^\"]{{2,80}}\"|{ORGANISATION})"
COUNTRY: Final = "(?:" + "|".join(map(re.escape, COUNTRIES)) + ")"
STATE: Final = "(?:" + "|".join(sorted(US_STATES, key=len, reverse=True)) + ")"
OCCUPATION: Final = (
    r"(?:(?!and |an? |the |is |was |or |of )[a-z][\w\-]{1,20} ){0,2}?(?:"
    + "|".join(OCCUPATIONS).replace("-", "[- ]")
    + r")"
)
NUMBER: Final = (
    r"(?:[$€£]? ?\d[\d,]{0,15}(?:\.\d{1,6})?(?: (?:million|billion|thousand|trillion|per ?cent|km|miles|feet|metres"
    r"|meters|years|%))?%?|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen"
    r"|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|hundred|dozen)\b)"
)

_SLOTS: Final = {
    "DATE": DATE,
    "FULL_DATE": FULL_DATE,
    "NAME": NAME,
    "PERSON": PERSON,
    "PEOPLE": PEOPLE,
    "PERFORMER": PERFORMER,
    "PLACE": PLACE,
    "ORG": ORGANISATION,
    "WORK": WORK,
    "NAT": NATIONALITY,
    "COUNTRY": COUNTRY,
    "STATE": STATE,
    "OCC": OCCUPATION,
    "NUMBER": NUMBER,
}


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """The compiled pattern, in which slots such as `<DATE>` and `<PERSON>` are replaced by the expressions above."""
    return re.compile(re.sub(r"<([A-Z_]+)>", lambda slot: f"(?:{_SLOTS[slot[1]]})", pattern))
