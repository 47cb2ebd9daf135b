"""Analyses questions, and splits prompts into facts and a question."""

# Long patterns stay on one line, because they are harder to read when they are split.
# ruff: noqa: E501
from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Final

from .sentences import split_sentences, tidy
from .vocabulary import stems


class Kind(enum.Enum):
    """The kind of thing that answers a question."""

    DATE = "date"
    YEAR = "year"
    NUMBER = "number"
    PERSON = "person"
    PLACE = "place"
    CITY = "city"
    STATE = "state"
    COUNTRY = "country"
    NATIONALITY = "nationality"
    ORGANISATION = "organisation"
    OCCUPATION = "occupation"
    WORK = "work"
    YES_NO = "yes or no"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Question:
    """An analysed question.

    Attributes:
        text: the question as it was asked.
        kind: the kind of its answer; `Kind.OTHER` if the wording does not tell.
        frame: the wording in lower case without names. Cues are searched in it, so that "Who wrote The Death of the
            Director?" asks for a writer and not for a director.
        names: the names and quotations that are not in the frame, in lower case.
        stems: the stems of all its words, without stop words.
    """

    text: str
    kind: Kind
    frame: str
    names: tuple[str, ...]
    stems: frozenset[str]

    def mentioned_in(self, text: str) -> bool:
        """Whether the text contains one of the names."""
        lowered = text.lower()
        return any(name in lowered for name in self.names)


_NOUNS: Final = (
    (Kind.YEAR, r"years?"),
    (Kind.DATE, r"dates?|days?|months?|centur(?:y|ies)|decades?|eras?|time period"),
    (Kind.COUNTRY, r"countr(?:y|ies)|nations?"),
    (Kind.NATIONALITY, r"nationality|citizenship"),
    (Kind.STATE, r"(?:u\.?s\.? )?states?"),
    (Kind.CITY, r"(?:[a-z\-]+ )?(?:city|town|cities|towns)(?! of)"),
    (
        Kind.PLACE,
        r"(?:[a-z\-]+ )?(?:place|county|region|province|district|village|location|territory|municipality|island"
        r"|continent|river|lake|ocean|sea|mountain|borough|stadium|arena|venue|neighborhood|area|capital|bod(?:y|ies) of water)",
    ),
    (
        Kind.PERSON,
        r"(?:[a-z\-]+ )?(?:actor|actress|singer|artist|person|author|writer|director|player|president|king|queen|emperor"
        r"|leader|rapper|musician|composer|philosopher|scientist|politician|performer|man|woman|ruler|general)",
    ),
    (
        Kind.ORGANISATION,
        r"(?:[a-z\-]+ )?(?:company|compan(?:y|ies)|organi[sz]ation|team|club|band|group|label|studio|school|university"
        r"|college|network|agency|league|publisher|party|firm|newspaper|institution|manufacturer|broadcaster|lable|military branch)",
    ),
    (Kind.OCCUPATION, r"occupation|profession|job"),
    (
        Kind.WORK,
        r"(?:[a-z\-]+ )?(?:film|movie|book|novel|song|album|show|series|opera|play|work|magazine|poem)",
    ),
    (Kind.NUMBER, r"number|population|percent(?:age)?|distance|height|area in|elevation"),
)

_HEADS: Final = (
    *((kind, rf"\b(?:what|which)(?: is the| was the|'s the)?(?: name of the)? (?:{noun})\b") for kind, noun in _NOUNS),
    (Kind.NUMBER, r"\bhow (?:many|much|long|far|old|tall|high|large|big|deep|wide|fast)\b|\bpopulation of\b"),
    (
        Kind.DATE,
        r"\bwhen\b|\bdate of (?:birth|death)\b|\bbirth ?da(?:y|te)\b|\b(?:publication|release) date\b",
    ),
    (Kind.PLACE, r"\bwhere\b|\bplace of (?:birth|death|burial)\b|\bbirth ?place\b|\bcity of birth\b"),
    (Kind.PERSON, r"\bwho(?:m|se)?\b"),
)
_YES_NO: Final = re.compile(
    r"^(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would)\b(?!.*,? (?:or|what|which|who|where|when)\b)",
    re.I,
)
_NAMES: Final = re.compile(
    r"\"[^\"]{1,120}\"|(?<!^)(?<![?.!] )\b[A-ZÀ-Þ][\w.'’\-]*(?:,? (?:(?:of the|of|the|de|and|von|van|in|on|for|a|da|di|to) )?[A-Z0-9À-Þ(][\w.'’\-)]*)*"
)
MAX_QUESTION_CHARACTERS: Final = 1_000


def analyse(text: str) -> Question:
    """Analyse a question. Only its first 1,000 characters count."""
    text = " ".join(text[:MAX_QUESTION_CHARACTERS].split())
    names: list[str] = []

    def take(found: re.Match[str]) -> str:
        names.append(found[0].strip('"').lower())
        return " _ "

    frame = _NAMES.sub(take, text).lower()
    if len(words_of(frame)) < 1:
        frame = text.lower()
    kind = _kind(frame, text.lower())
    return Question(text, kind, frame, tuple(names), frozenset(stems(text)))


def words_of(frame: str) -> list[str]:
    """The stems of the words in a frame, without stop words and the marks of names."""
    return [s for s in stems(frame) if s != "_"]


def _kind(frame: str, lowered: str) -> Kind:
    if _YES_NO.match(lowered):
        return Kind.YES_NO
    found = [(m.start(), kind) for kind, pattern in _HEADS if (m := re.search(pattern, frame))]
    return min(found, key=lambda pair: pair[0])[1] if found else Kind.OTHER


_FAMILIES: Final = (
    frozenset({Kind.DATE, Kind.YEAR}),
    frozenset({Kind.PLACE, Kind.CITY, Kind.STATE, Kind.COUNTRY}),
    frozenset({Kind.COUNTRY, Kind.NATIONALITY}),
    frozenset({Kind.PERSON, Kind.ORGANISATION}),
    frozenset({Kind.PLACE, Kind.ORGANISATION}),
)


def compatible(asked: Kind, offered: Kind) -> bool:
    """Whether an answer of the kind `offered` can answer a question that asks for the kind `asked`."""
    if Kind.OTHER in (asked, offered) or asked is offered:
        return True
    return any(asked in family and offered in family for family in _FAMILIES)


MAX_PROMPT_CHARACTERS: Final = 20_000
_MAX_FACTS: Final = 60

_QUESTION = re.compile(
    r"\b(?:(?:please |now |then )?answer(?: to)? (?:the|this) (?:original |following |final |main )?question"
    r"|(?:original |final |main |multi-hop )?question)\s?[:\-–]\s?",
    re.I,
)
_FACTS = re.compile(
    r"\b(?:given(?: that| the (?:following )?(?:facts|information))?|(?:known |stated |gathered )?facts|context|information"
    r"|evidence|findings|intermediate (?:answers|results)"
    r"|(?:based on|using|from)(?: only)?(?: the| these)?(?: following| above| stated)? (?:facts|information|findings|evidence|context|statements))"
    r"\s?(?:[:,]\s?|(?=\n))",
    re.I,
)
_GIVEN = re.compile(r"^\s*(?:given(?: that)?|we know(?: that)?|if|since)\s+(?=\S)", re.I)
_BULLET = re.compile(r"^\s*(?:[-*•]|\(?\d{1,2}[.)])\s+")
_CONTINUES = re.compile(r"^(?:He|She|It|They|His|Her|Its|Their|This|That|The (?:former|latter))\b")


@dataclass(frozen=True, slots=True)
class Stated:
    """The parts of a prompt.

    Attributes:
        facts: the facts, in order; may be empty.
        question: the question; may be "".
        labelled: whether a label such as "Question:" marks where the question begins.
    """

    facts: tuple[str, ...]
    question: str
    labelled: bool = False


def split_prompt(prompt: str) -> Stated:
    """Split a prompt into facts and a question, in the layouts that models write.

    An example is `Given: <facts>. Answer the question: <question>`. If no label marks the question, it is the last
    sentence with a question mark, and the other sentences are facts. Only the first 20,000 characters count.
    """
    prompt = prompt[:MAX_PROMPT_CHARACTERS]
    marks = list(_QUESTION.finditer(prompt))
    if not marks:
        return _unmarked(prompt)
    before, after = prompt[: marks[-1].start()], prompt[marks[-1].end() :]
    facts_mark = _FACTS.search(after)
    if not before.strip() and facts_mark:
        before, after = after[facts_mark.end() :], after[: facts_mark.start()]
    return Stated(_facts(before), _question(after), labelled=True)


def _unmarked(prompt: str) -> Stated:
    mark = _FACTS.match(prompt.lstrip())
    body = prompt.lstrip()[mark.end() :] if mark else prompt
    sentences = [s for line in filter(str.strip, body.splitlines()) for s in split_sentences(tidy(line))]
    asking = [place for place, sentence in enumerate(sentences) if sentence.rstrip("\"')").endswith("?")]
    if not asking:
        return Stated(_facts(body), "") if mark else Stated((), tidy(prompt))
    question = sentences.pop(asking[-1])
    return Stated(_facts("\n".join(sentences)), _question(question))


def _question(text: str) -> str:
    """The question up to its last question mark. The text after it only tells how to answer."""
    text = text.strip()[:MAX_QUESTION_CHARACTERS]
    head, mark, _ = text.rpartition("?")
    return tidy(head + mark) if mark else tidy(text.partition("\n")[0])


def _facts(text: str) -> tuple[str, ...]:
    mark = _FACTS.match(text.lstrip())
    text = _GIVEN.sub("", text.lstrip()[mark.end() :] if mark else text)
    facts: list[str] = []
    for line in filter(str.strip, text.splitlines()):
        for part in _BULLET.sub("", line).split("; "):
            for sentence in split_sentences(tidy(part)):
                if facts and _CONTINUES.match(sentence):
                    facts[-1] = f"{facts[-1]} {sentence}"
                elif re.search(r"\w", sentence):
                    facts.append(sentence)
    return tuple(facts[:_MAX_FACTS])
