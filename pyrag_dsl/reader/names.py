"""Regular-expression sources for names: people, places, organisations, nationalities, occupations, numbers.

Documents come from anywhere, so every repetition here has a bound and no repetition holds another that could
match the same text in two ways: a match costs at most a few hundred steps from each position.
"""

# A pattern broken over lines cannot be read.
# ruff: noqa: E501

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from .dates import DATE, FULL_DATE, MONTH
from .vocabulary import COUNTRIES, NATIONALITIES, OCCUPATIONS, US_STATES

_UPPER = "A-Z" + "".join(c for c in map(chr, (*range(0xC0, 0x250), *range(0x1E00, 0x1F00))) if c.isupper())
_ABBREVIATED = r"(?:St|Ste|Dr|Mr|Mrs|Ms|Jr|Sr|Lt|Col|Gen|Capt|Rev|Sgt|Mt|Ft|Prof|Hon|Sir|Bros)\."
_CAPITALISED = rf"(?:[{_UPPER}]\.(?:-?[{_UPPER}]\.){{0,3}}|{_ABBREVIATED}|(?:al-|[dl]['’])?[{_UPPER}][\w'’\-]{{0,30}})"
WORD: Final = rf"(?:{_CAPITALISED}|\d\w{{0,3}}(?= [{_UPPER}]))"
_PARTICLE = r"(?:of the|of|the|de la|de las|de los|de|da|di|van der|van den|van|von|der|den|del|la|le|du|bin|ibn|al|el|de['’]|dos|zu|ter|y|mac|bint|ben|[ad]['’]|\"[^\"]{1,25}\"|'[^']{1,25}')"
NAME: Final = rf"{_CAPITALISED}(?: (?:{_PARTICLE} )?{WORD}){{0,7}}"
"""A run of capitalised words, with the particles that names hold."""

_RANK = (
    r"(?:Duke|Grand Duke|Archduke|Earl|Count|Countess|Baron|Baroness|Lord|Lady|Prince|Princess|King|Queen"
    r"|Margrave|Landgrave|Elector|Marquess|Marquis|Viscount|Duchess|Bishop|Burgrave|Hereditary Prince)"
)
NATIONALITY: Final = "(?:" + "|".join(map(re.escape, NATIONALITIES)) + ")"
PERSON: Final = (
    # Of "the Dutch painter Jan Steen", the nationality is no name.
    rf"(?!{NATIONALITY}(?:-[a-z]+)? [a-z])"
    rf"{NAME}(?:,? (?:Jr|Sr)\.|, (?:\d\d?(?:st|nd|rd|th) )?{_RANK} (?:of |zu |von )?(?:the )?{WORD}(?: {WORD}){{0,2}}"
    # "Prince of Anhalt and Zerbst", but not the mother in "Duke of Burgundy and Alice de Vergy".
    rf"(?: and {WORD}\b(?!(?:'s)? (?:[{_UPPER}]|de |of |von |van )|,? the ))?)?"
)
PERFORMER: Final = rf"(?!{NATIONALITY}(?:-[a-z]+)? [a-z]){NAME}"
"""A person or a band."""

PEOPLE: Final = rf"{PERSON}(?:,? (?:and|&) {PERSON})?"
"""One person, or two joined as a team."""

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
    """A pattern whose slots (``<DATE>``, ``<PERSON>`` ...) are filled in, compiled when first used."""
    return re.compile(re.sub(r"<([A-Z_]+)>", lambda slot: f"(?:{_SLOTS[slot[1]]})", pattern))
