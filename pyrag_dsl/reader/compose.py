"""Answers a question from facts in the prompt: chooses an option, judges yes or no, or copies a part of a fact."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from .comparisons import (
    Alternatives,
    Quantity,
    any_date,
    bridges,
    compare,
    comparison_asked,
    find_options,
    normal,
    said_of,
    value_of,
)
from .patterns import Date, compiled
from .questions import Kind, Stated, analyse, split_prompt
from .vocabulary import COUNTRY_OF, STOP_WORDS, stem, stems

UNKNOWN: Final = "unknown"
"""The answer if the text does not contain one. Models are asked to use the same word."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of looking for an answer in a text.

    Attributes:
        answer: a span of the text, `"yes"`, `"no"`, or `UNKNOWN`.
        confidence: between 0 and 1, and 0 exactly if the answer is `UNKNOWN`. Readings can be compared by it, but it
            is not a probability.
        evidence: the sentence or fact from which the answer was taken; "" without an answer.
    """

    answer: str
    confidence: float
    evidence: str


NOTHING: Final = Reading(UNKNOWN, 0.0, "")
"""The reading of a text that does not contain the answer."""


_JOINT: Final = re.compile(r" (or) |^(?!(?:are|do|did|is|was|were)\b).*\b(?:out of|between|of) .* and ", re.I)


def choose(stated: Stated) -> Reading | None:
    """The option that the question asks for. None if the question does not ask for a choice."""
    comparison = comparison_asked(stated.question)
    joint = _JOINT.search(stated.question)
    if comparison is None or joint is None:
        return None
    options = find_options(stated.question, stated.facts, joint[1] or "and")
    if options is None:
        return NOTHING
    return decide(options, stated, comparison.measure, comparison.wanted)


def decide(options: Alternatives, stated: Stated, measure: Callable[[str], Quantity | None], wanted: int) -> Reading:
    """The option with the wanted value: the lesser for `wanted` -1, the greater for 1.

    The result is `NOTHING` if the facts state no value for an option, or the values do not differ.
    """
    first: tuple[Quantity, str] | None = value_of(options.first, options.second, stated, measure)
    second: tuple[Quantity, str] | None = value_of(options.second, options.first, stated, measure)
    if first is None or second is None:
        return NOTHING
    outcome = compare(first[0], second[0])
    if outcome == 0:
        return NOTHING
    chosen, evidence = (options.first, first[1]) if outcome == wanted else (options.second, second[1])
    return Reading(chosen, 0.9, evidence)


def judge(stated: Stated) -> Reading | None:
    """The answer yes or no, or `NOTHING`. None if the question does not ask for yes or no."""
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
    """The stem of a word; for a country or nationality, the name of the country."""
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


_KIND_SLOTS: Final = {
    Kind.DATE: "<DATE>",
    Kind.YEAR: r"\b\d{3,4}\b",
    Kind.NUMBER: "<NUMBER>",
    Kind.NATIONALITY: r"\b(?:<NAT>|<COUNTRY>)\b",
}
_LINKS: Final = frozenset(
    [
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        ":",
        "=",
        "by",
        "in",
        "on",
        "at",
        "from",
        "as",
        "called",
        "named",
        "became",
        "become",
        "to",
        "of",
        "the",
        "a",
        "an",
        "and",
        "has",
        "have",
        "had",
        "with",
        "for",
        "its",
        "his",
        "her",
        "their",
        "after",
        "that",
        "it",
        "this",
    ]
)


_VERDICT: Final = re.compile(r"(?:Whether|Did|Does|Is|Are|Was|Were|Has)\b.*:", re.I)


@dataclass(frozen=True, slots=True)
class _News:
    """The new part of a fact.

    Attributes:
        text: words of the fact that are neither in the question nor in an earlier fact.
        fact: the fact.
        overlap: the number of stems that the fact shares with the question.
        linked: whether the fact shares a stem with an earlier fact that is not in the question.
    """

    text: str
    fact: str
    overlap: int
    linked: bool


def copy_through(stated: Stated) -> Reading | None:
    """The new part of a fact that shares words with the question or an earlier fact, as the answer.

    A fact that is linked to an earlier one is preferred, and a later fact to an earlier one. The result is None if
    there is no such fact, or none with an answer of the right kind.
    """
    question = analyse(stated.question)
    news = list(_news(stated))
    fitting = [item for item in news if item.overlap > 0 or item.linked]
    fitting.reverse()
    for item in sorted(fitting, key=lambda item: not item.linked):
        slot = _KIND_SLOTS.get(question.kind)
        if slot is None:
            return Reading(item.text, 0.6, item.fact)
        if found := compiled(slot).search(item.text):
            return Reading(found[0].strip(), 0.7, item.fact)
    return None


def _news(stated: Stated) -> Iterator[_News]:
    """For each fact, the longest run of new words, without stop words, verbs and prepositions at both ends."""
    asked = set(stems(stated.question))
    told: set[str] = set()
    for fact in stated.facts:
        if _VERDICT.match(fact):
            continue
        pieces = [(m.start(), m.end(), m[0].lower()) for m in re.finditer(r"[\w$€£%]+|[:=]", fact)]
        runs: list[list[tuple[int, int, str]]] = [[]]
        for piece in pieces:
            word = piece[2]
            known = word not in STOP_WORDS and word not in _LINKS and stem(word) in asked | told
            if known and not (runs[-1] and _one_name(fact, runs[-1][-1], piece)):
                runs.append([])
            else:
                runs[-1].append(piece)
        trimmed = [run for run in (_edges(run) for run in runs) if run]
        content = set(stems(fact))
        if trimmed:
            longest = max(trimmed, key=lambda run: (sum(p[2] not in STOP_WORDS for p in run), run[0][0]))
            text = fact[longest[0][0] : longest[-1][1]]
            yield _News(text, fact, len(content & asked), bool(content & (told - asked)))
        told |= content


def _one_name(fact: str, before: tuple[int, int, str], piece: tuple[int, int, str]) -> bool:
    """Whether two neighbouring words belong to one name, as in "Nelson Doubleday", although "Doubleday" is known."""
    start, end = before[0], piece[0]
    return before[1] + 1 >= end and fact[start].isupper() and fact[end].isupper()


def _edges(run: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    skipped = _LINKS | STOP_WORDS
    start, end = 0, len(run)
    while start < end and run[start][2] in skipped:
        start += 1
    while end > start and run[end - 1][2] in skipped:
        end -= 1
    return run[start:end]


def compose(prompt: str) -> Reading:
    """Answer a prompt like `Given: <facts>. Answer the question: <question>` from its facts.

    Args:
        prompt: facts and a question, in any form that `questions.split_prompt` knows.

    Returns:
        A reading with one of the options as the question spells it, `"yes"`, `"no"`, or a span of a fact; `NOTHING` if
        the facts do not answer the question.
    """
    stated = split_prompt(prompt)
    if not stated.facts or not stated.question:
        return NOTHING
    known = Stated(tuple(fact for fact in stated.facts if not _ignorant(fact)), stated.question)
    for method in (choose, judge, copy_through):
        reading = method(known)
        if reading is not None:
            return NOTHING if reading.answer == UNKNOWN else reading
    return NOTHING


def _ignorant(fact: str) -> bool:
    """Whether a fact only states that an earlier step of the plan found nothing."""
    return bool(re.search(rf"\b(?:{UNKNOWN}|not (?:stated|specified|mentioned|found)|n/a|none)\b(?=\W*$)", fact, re.I))
