"""Yes or no, from stated facts: the same country, both of a kind, one before the other, a fact as asked."""

from __future__ import annotations

import re
from typing import Final

from .choose import decide
from .comparisons import any_date, comparison_asked
from .dates import Date
from .names import compiled
from .options import bridges, find_options, normal
from .prompts import Stated
from .questions import Kind, analyse
from .reading import NOTHING, Reading
from .values import said_of, value_of
from .vocabulary import COUNTRY_OF, stem, stems


def judge(stated: Stated) -> Reading | None:
    """Yes, no or `NOTHING`; None where the question does not ask for a verdict."""
    if analyse(stated.question).kind is not Kind.YES_NO:
        return None
    for rule in (_same, _than, _both, _plain):
        reading = rule(stated)
        if reading is not None:
            return reading
    return NOTHING


def _countries(text: str) -> frozenset[str] | None:
    pattern = compiled(r"\b(?:<COUNTRY>|<NAT>)\b")
    found = frozenset(COUNTRY_OF[m[0].lower()] for m in pattern.finditer(text) if m[0].lower() in COUNTRY_OF)
    if found:
        return found
    tail = re.search(r"\b(?:is|was|are|from|in|of|:|=)(?: the)? ([A-Z]\w+(?: [A-Z]\w+){0,3})\W*$", text)
    return frozenset({normal(tail[1])}) if tail else None


def _years(text: str) -> frozenset[str] | None:
    date = any_date(text)
    return frozenset({str(date.year)}) if isinstance(date, Date) else None


def _named(text: str) -> frozenset[str] | None:
    found = frozenset(normal(name) for name in bridges(text)) or frozenset(stems(text)[-1:])
    return found or None


_SHARED: Final = (
    (r"\bsame (?:country|nation(?:ality)?|citizenship)\b|\bnationality\b", _countries),
    (r"\bsame (?:year|date|day|decade)\b", _years),
    (r"\bsame\b|\bshare\b", _named),
)


def _same(stated: Stated) -> Reading | None:
    measure = next((m for cue, m in _SHARED if re.search(cue, stated.question.lower())), None)
    if measure is None:
        return None
    options = find_options(stated.question, stated.facts, "and") or find_options(stated.question, stated.facts, "as")
    if options is None:
        return NOTHING
    first = value_of(options.first, options.second, stated, measure)
    second = value_of(options.second, options.first, stated, measure)
    if first is None or second is None:
        return NOTHING
    return Reading("yes" if first[0] & second[0] else "no", 0.85, f"{first[1]} {second[1]}")


def _than(stated: Stated) -> Reading | None:
    joint = re.search(r" (than|before|after) ", stated.question)
    comparison = comparison_asked(stated.question)
    if joint is None or comparison is None:
        return None
    options = find_options(stated.question, stated.facts, joint[1])
    if options is None:
        return NOTHING
    decided = decide(options, stated, comparison.measure, comparison.wanted)
    if decided is NOTHING:
        return NOTHING
    return Reading("yes" if decided.answer == options.first else "no", decided.confidence, decided.evidence)


def _both(stated: Stated) -> Reading | None:
    if not re.search(r"\bboth\b|^(?:are|were|do|did|have) ", stated.question.lower()):
        return None
    options = find_options(stated.question, stated.facts, "and")
    if options is None:
        return None
    wanted = {_meaning(s) for s in stems(options.rest) if s not in {"both", "each", "all"}}
    held = []
    for option, other in ((options.first, options.second), (options.second, options.first)):
        said = " ".join(text for text, _ in said_of(option, other, stated.facts))
        if not wanted or not stems(said):
            return NOTHING
        negated = bool(_NEGATED.search(said))
        held.append(wanted <= {_meaning(s) for s in stems(said)} and not negated)
    return Reading("yes" if all(held) else "no", 0.7, " ".join(stated.facts))


_NEGATED: Final = re.compile(r"\b(?:not|never|no longer|neither|isn't|wasn't)\b|: (?:no|false)\b", re.I)


def _meaning(word: str) -> str:
    """A stem, or the one name of a country for any word that means it."""
    return COUNTRY_OF.get(word, stem(word))


def _plain(stated: Stated) -> Reading | None:
    asked = analyse(stated.question).stems
    for fact in stated.facts:
        verdict = re.search(r"[:\s](yes|no|true|false)\W*$", fact, re.I)
        shared = len(asked & set(stems(fact)))
        if verdict and shared * 2 >= len(asked):
            return Reading("yes" if verdict[1].lower() in ("yes", "true") else "no", 0.7, fact)
        if asked and asked <= set(stems(fact)):
            return Reading("no" if _NEGATED.search(fact) else "yes", 0.7, fact)
    return None
