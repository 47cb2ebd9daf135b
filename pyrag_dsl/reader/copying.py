"""The stated fact that already answers the question, copied through."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from .names import compiled
from .prompts import Stated
from .questions import Kind, analyse
from .reading import Reading
from .vocabulary import STOP_WORDS, stem, stems

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
    """What a fact tells that neither the question nor an earlier fact has said."""

    text: str
    fact: str
    overlap: int
    linked: bool


def copy_through(stated: Stated) -> Reading | None:
    """What the last fitting fact adds to the question and the facts before it; None where no fact fits."""
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
    """For each fact, the longest run of new words, without the verbs and prepositions at its edges."""
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
    """Whether two neighbouring words are of one name: "Nelson Doubleday", where a Doubleday is known."""
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
