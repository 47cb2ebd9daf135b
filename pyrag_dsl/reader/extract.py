"""Finds the span of the documents that answers a question."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .comparisons import ROLE
from .compose import NOTHING, UNKNOWN, Reading, choose
from .patterns import compiled
from .people import Relation
from .questions import Kind, Question, Stated, analyse
from .relations import relations_asked
from .sentences import Sentence, sentences_of
from .vocabulary import NATIONALITIES, country_of, stems

_SENTENCES_READ: Final = 10
_FALLBACK_SENTENCES: Final = 4
_SLIGHTLY_ABOUT: Final = 0.25
_PREDICATE_HELD: Final = 0.8
_NOT_A_NAME: Final = re.compile(
    r"(?:He|She|It|They|The|In|His|Her|This|That|A|An|On|At|As|After|Before|During|Who|What|When|Where|Which|Mr|Dr"
    r"|Upon|Previously|Later|Long|Through|Although|However|When|Once|Until|Under|Over|Most|Many|Some|All|Such|Other"
    r"|Its|Their|These|There|From|With|For|By|But|And|Also|One|Since|While|Following|Born|Film|January|February|March"
    r"|April|May|June|July|August|September|October|November|December|Monday|Sunday|Saturday|Friday|English|Latin)\.?$"
)
_ADJECTIVES: Final = frozenset(
    {
        "Jewish",
        "Bengali",
        "Mughal",
        "Catalan",
        "Sumerian",
        "Carolingian",
        "Christian",
        "Catholic",
        "Muslim",
        "Roman",
    }
)
_DEMONYMS: Final = frozenset(NATIONALITIES) - {"New Zealand", "Hong Kong"}
_FALLBACK: Final = {
    Kind.DATE: "<DATE>",
    Kind.YEAR: "<DATE>",
    Kind.NUMBER: "<NUMBER>",
    Kind.PERSON: "<PERSON>",
    Kind.PLACE: "<PLACE>",
    Kind.CITY: "<PLACE>",
    Kind.STATE: "<STATE>",
    Kind.COUNTRY: "<COUNTRY>",
    Kind.NATIONALITY: "<NAT>",
    Kind.ORGANISATION: "<ORG>",
    Kind.OCCUPATION: "<OCC>",
    Kind.WORK: "<WORK>",
    Kind.OTHER: "<ORG>",
}


@dataclass(frozen=True, slots=True)
class _Ranked:
    sentence: Sentence
    relevance: float
    overlap: int
    about: float


def read(question: str, docs: Sequence[str]) -> Reading:
    """Answer a question from documents.

    Args:
        question: a question in natural language.
        docs: documents, best first, each `Title\\nText` or only text.

    Returns:
        The best span, or `NOTHING` if no sentence shares words with the question or has an answer of the right kind.
    """
    asked = analyse(question)
    if not asked.stems or _about_nothing(asked):
        return NOTHING
    sentences = sentences_of(docs)
    ranked = _rank(asked, sentences)
    if not ranked:
        return NOTHING
    if asked.kind is Kind.YES_NO:
        return _yes_or_no(asked, ranked)
    chosen = choose(Stated(_leads(sentences), asked.text))
    if chosen is not None:
        # The date in a film's document is that of the film. A question about its director needs another hop.
        return NOTHING if ROLE.search(asked.frame) else chosen
    relations = relations_asked(asked)
    for relation in relations:
        best = _best(asked, relation, ranked)
        if best is not NOTHING:
            return best
    if any(relation.strict for relation in relations[:1]):
        return NOTHING
    described = _described(asked, ranked)
    return described if described is not NOTHING else _nearest(asked, ranked)


def _about_nothing(question: Question) -> bool:
    """Whether a plan has inserted an answer `unknown` into the question, as in "When was unknown born?"."""
    return not question.names and bool(re.search(rf"\b{UNKNOWN}\b", question.text))


def _leads(sentences: Sequence[Sentence]) -> tuple[str, ...]:
    """Title and first sentence of each document with a title: the facts on which a comparison is decided."""
    return tuple(f"{s.title}: {s.text}" for s in sentences if s.index == 0 and s.title)


def _rank(question: Question, sentences: Sequence[Sentence]) -> list[_Ranked]:
    frequency = Counter(s for sentence in sentences for s in sentence.stems)
    lowered = " ".join(re.findall(r"\w+", question.text.lower()))
    about = {title: _aboutness(lowered, question, title) for title in {s.title for s in sentences}}
    ranked = []
    for sentence in sentences:
        shared = question.stems & sentence.stems
        title = about[sentence.title]
        if not shared and not title:
            continue
        weight = sum(math.log(1 + len(sentences) / (1 + frequency[s])) for s in shared)
        relevance = weight + 4.0 * title - 0.15 * sentence.rank - 0.05 * sentence.index
        ranked.append(_Ranked(sentence, relevance, len(shared), title))
    ranked.sort(key=lambda r: (-r.relevance, r.sentence.rank, r.sentence.index))
    return ranked[:_SENTENCES_READ]


def _aboutness(lowered_question: str, question: Question, title: str) -> float:
    """How likely it is, from 0 to 1, that a document with this title is about a thing that the question names."""
    bare = " ".join(re.findall(r"\w+", re.sub(r"\s*\([^()]*\)$", "", title).lower()))
    if not bare:
        return 0.0
    if f" {bare} " in f" {lowered_question} ":
        return 1.0
    of_title = frozenset(stems(title))
    return 0.5 * len(of_title & question.stems) / len(of_title) if of_title else 0.0


def _best(question: Question, relation: Relation, ranked: Sequence[_Ranked]) -> Reading:
    """The reading of highest confidence for a relation.

    Confidence is higher for an earlier pattern, a higher rank of the sentence, and the document that is asked about.
    """
    best = NOTHING
    best_about = max(r.about for r in ranked)
    for place, item in enumerate(ranked):
        text = item.sentence.text
        # If the question is clearly about one document, sentences of other documents count less.
        distance = 0.06 * place + (0.15 if item.about < best_about else 0.0)
        if item.about < best_about == 1.0 and not question.mentioned_in(text):
            distance += 0.4
        if relation.strict and item.about < _SLIGHTLY_ABOUT and not question.mentioned_in(text):
            continue
        opens = item.sentence.index == 0
        patterns = (*relation.opening, *relation.patterns) if opens else relation.patterns
        skipped = 0.0 if opens else 0.5 * len(relation.opening)
        for preference, pattern in enumerate(patterns):
            confidence = round(max(0.2, 0.95 - 0.05 * (preference + skipped) - distance), 3)
            if confidence <= best.confidence:
                break
            answer = _first_plausible(question, relation, pattern, text)
            if answer:
                best = Reading(answer, confidence, text)
                break
    return best


def _first_plausible(question: Question, relation: Relation, pattern: str, text: str) -> str:
    for found in compiled(pattern).finditer(text):
        span = found.span(1)
        if relation.kind in (Kind.PERSON, Kind.OTHER):
            span = _past_description(text, span)
        answer = _trim(question, relation.kind, text[slice(*span)])
        if _plausible(question, relation.kind, answer):
            return answer
    return ""


_ONE: Final = re.compile(r"\bwho (?:is|was) the [a-z]+(?<!s)\b")


def _trim(question: Question, kind: Kind, answer: str) -> str:
    answer = answer.strip(" ,;:()\"'")
    if kind is Kind.PLACE:
        answer = _most_specific(question, answer)
    if kind is Kind.OCCUPATION:
        answer = _occupation(answer)
    if kind in (Kind.PERSON, Kind.PLACE, Kind.ORGANISATION, Kind.WORK, Kind.OTHER):
        answer = re.sub(r"^(?:The|In|On|At|A|An|By|From|Through|Upon|Under|After) (?=[A-Z])", "", answer)
        answer = re.sub(r"['’]s?$", "", answer)
    if kind is Kind.PERSON and _ONE.search(question.frame) and (one := compiled("<PERSON>").match(answer)):
        answer = one[0]
    if question.kind is Kind.YEAR and (years := re.findall(r"\b\d{3,4}\b", answer)):
        answer = years[-1]
    if question.kind is Kind.CITY:
        answer = answer.split(",")[0]
    if question.kind is Kind.STATE and (state := compiled("<STATE>").search(answer)):
        answer = state[0]
    if not re.search(r"(?:\b[A-Z]|Jr|Sr|Inc|Ltd|St|U\.S)\.$", answer):
        answer = answer.rstrip(".")
    return answer


_DESCRIPTION: Final = (
    r"(?:,? and)?(?: [a-z\d][\w\-]*){0,3}? (?:<OCC>|emperor|king|ruler|laureate|merchant|nobleman|candidate"
    r"|governor|senator|star|minister|president|mogul|magnate|executive|chief|leader|legend|heiress|socialite"
    r"|banker|farmer|caliph|sultan),? (?=[A-Z])"
)


def _past_description(text: str, span: tuple[int, int]) -> tuple[int, int]:
    """The span of the name after a description, such as "Akbar" in "Mughal emperor Akbar"; else the span itself."""
    described = compiled(_DESCRIPTION).match(text, span[1])
    name = described and compiled("<PERSON>").match(text, described.end())
    return name.span() if name else span


def _most_specific(question: Question, place: str) -> str:
    """The first part of a place such as "Fair Oaks, California" that is not in the question; "" if all parts are."""
    parts = [re.split(r"['’]s ", part)[0] for part in place.split(", ")]
    return next((part for part in parts if not set(stems(part)) <= question.stems), "")


_NEEDS_MODIFIER: Final = frozenset(
    {"player", "designer", "driver", "officer", "manager", "coach", "model", "racer", "teacher"}
)


def _occupation(phrase: str) -> str:
    """The noun of an occupation ("politician" for "former politician"), or all of it if the noun is too general."""
    noun = compiled(r"(?:[a-z]+-)?[a-z]+$").search(phrase)
    head = noun[0] if noun else phrase
    return phrase if head in _NEEDS_MODIFIER else head


def _plausible(question: Question, kind: Kind, answer: str) -> bool:
    if not answer or _NOT_A_NAME.match(answer):
        return False
    found = stems(answer)
    if found and all(s in question.stems for s in found):
        return False
    if kind in (Kind.PERSON, Kind.ORGANISATION):
        return country_of(answer) is None and answer not in _ADJECTIVES
    if kind in (Kind.PLACE, Kind.CITY):
        return answer not in _DEMONYMS and answer not in _ADJECTIVES
    return True


_DESCRIBED: Final = r"(?:The )?(<ORG>)(?: \([^()]{0,160}\))?,? (?:is|was|are|were|became|represents?|has been)\b"
_THINGS: Final = frozenset({Kind.PERSON, Kind.ORGANISATION, Kind.PLACE, Kind.CITY, Kind.WORK, Kind.OTHER})


def _described(question: Question, ranked: Sequence[_Ranked]) -> Reading:
    """The subject of a sentence, as X in "X is the mascot of Y", if the predicate has most words of the question."""
    if question.kind not in _THINGS:
        return NOTHING
    for item in ranked[:_FALLBACK_SENTENCES]:
        subject = compiled(_DESCRIBED).match(item.sentence.text)
        if subject is None:
            continue
        predicate = frozenset(stems(item.sentence.text[subject.end() :]))
        answer = _trim(question, question.kind, subject[1])
        held = len(question.stems & predicate) / len(question.stems)
        if held >= _PREDICATE_HELD and _plausible(question, question.kind, answer):
            return Reading(answer, round(0.5 * held, 3), item.sentence.text)
    return NOTHING


def _nearest(question: Question, ranked: Sequence[_Ranked]) -> Reading:
    """The span of the right kind that is nearest to words of the question."""
    pattern = compiled(_FALLBACK[question.kind])
    best = NOTHING
    for place, item in enumerate(ranked[:_FALLBACK_SENTENCES]):
        if item.overlap == 0:
            continue
        text = item.sentence.text
        marks = [
            m.start() for m in re.finditer(r"\w+", text.lower()) if stems(m[0]) and stems(m[0])[0] in question.stems
        ]
        spans = [
            m
            for m in pattern.finditer(text)
            if _placed(question, text, m.start())
            and _plausible(question, question.kind, _trim(question, question.kind, m[0]))
        ]
        if not spans or not marks:
            continue
        nearest = min(
            spans,
            key=lambda m: sum(sorted(abs(m.start() - mark) for mark in marks)[:3]) + (40 if m.start() == 0 else 0),
        )
        confidence = round(0.3 - 0.05 * place + 0.02 * min(5, item.overlap), 3)
        if confidence > best.confidence:
            best = Reading(_trim(question, question.kind, nearest[0]), confidence, text)
    return best


_IN: Final = re.compile(r"(?:^|\s|\()(?:in|at|of|near|from|to|on|into|for|serving|,) (?:the )?(?:[a-z]+ of )?$")


def _placed(question: Question, text: str, start: int) -> bool:
    """Whether a preposition comes before the span. This is required only if the question asks for a place."""
    return question.kind not in (Kind.PLACE, Kind.CITY) or bool(_IN.search(text[max(0, start - 30) : start]))


_NEGATION = re.compile(r"\b(?:not|never|no longer|neither|nor|n't)\b")


def _yes_or_no(question: Question, ranked: Sequence[_Ranked]) -> Reading:
    """Yes if one sentence with its title has all words of the question; no if only one of both is negated."""
    for item in ranked:
        held = item.sentence.stems | frozenset(stems(item.sentence.title))
        if question.stems <= held:
            negated = bool(_NEGATION.search(item.sentence.text)) != bool(_NEGATION.search(question.text))
            return Reading("no" if negated else "yes", 0.6, item.sentence.text)
    return NOTHING
