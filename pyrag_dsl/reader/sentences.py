"""Splits documents into sentences with titles. The sizes that are read are bounded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .vocabulary import stems

MAX_DOCUMENTS: Final = 60
MAX_DOCUMENT_CHARACTERS: Final = 12_000
MAX_TOTAL_CHARACTERS: Final = 120_000
MAX_SENTENCE_CHARACTERS: Final = 600
_MAX_TITLE_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a document.

    Attributes:
        text: the sentence, tidied; at most `MAX_SENTENCE_CHARACTERS`.
        title: the title of its document, or "".
        rank: the index of the document in the list, which is its rank in the search, from 0.
        index: the index of the sentence in its document, from 0.
        stems: the stems of its words, without stop words.
    """

    text: str
    title: str
    rank: int
    index: int
    stems: frozenset[str]


_TIDY: Final = (
    (re.compile(r"[ \t\r\n\u00a0\u2009\u202f\u200b]+"), " "),
    (re.compile(r"``|''|[“”]"), '"'),
    (re.compile(r"([(\[]) "), r"\1"),
    (re.compile(r" ([)\],;:])"), r"\1"),
    (re.compile(r"(?<=\w)\((?=\w)"), " ("),
    (re.compile(r"\(\s*[;,:]\s*"), "("),
    (re.compile(r" \(\)"), ""),
    (re.compile(r"\[\d{1,3}\]|\[citation needed\]"), ""),
    (re.compile(r"(?<=[a-z])- (?=[A-Z][a-z]|born\b)"), "-"),
)
_END = re.compile(r"(?<=[.!?])[\"')]?\s(?=[\"'(]?[A-ZÀ-Þ\d])")
_NO_END = re.compile(
    r"(?:^|[\s(.\-])(?:[A-Z]|Dr|Mr|Mrs|Ms|St|Ste|Jr|Sr|vs|No|b|c|ca|d|fl|r|Lt|Col|Gen|Rev|Prof|Capt|Sgt|Mt|Ft|approx|Hon|Bros)\.$"
)


def tidy(text: str) -> str:
    """The text with uniform spaces and quotes, and without the remains of templates and citations of Wikipedia."""
    for pattern, replacement in _TIDY:
        text = pattern.sub(replacement, text)
    return text.strip()


def split_sentences(text: str) -> list[str]:
    """The sentences of a tidied text. Initials and common abbreviations do not end a sentence. Long ones are cut."""
    pieces: list[str] = []
    start = 0
    for end in _END.finditer(text):
        if _NO_END.search(text[max(start, end.start() - 12) : end.start()]):
            continue
        pieces.append(text[start : end.end()].strip())
        start = end.end()
    pieces.append(text[start:].strip())
    return [part for piece in pieces for part in _bounded(piece) if part]


def _bounded(sentence: str) -> list[str]:
    parts = []
    while len(sentence) > MAX_SENTENCE_CHARACTERS:
        cut = sentence.rfind(" ", MAX_SENTENCE_CHARACTERS // 2, MAX_SENTENCE_CHARACTERS)
        cut = cut if cut > 0 else MAX_SENTENCE_CHARACTERS
        parts.append(sentence[:cut].strip())
        sentence = sentence[cut:].strip()
    return [*parts, sentence]


def split_document(document: str) -> tuple[str, str]:
    """The title and the text of a document `Title\\nText`. The title may be in quotes. Without one, it is ""."""
    first, newline, rest = document.lstrip().partition("\n")
    title = first.strip().strip('"“”').strip()
    if newline and rest.strip() and len(title) <= _MAX_TITLE_CHARACTERS and not title.endswith("."):
        return title, rest
    if newline and rest.strip() and len(title.split()) <= 6:
        return title, rest
    return "", document


def sentences_of(documents: Sequence[str]) -> list[Sentence]:
    """The sentences of all documents, in order. Text beyond the limits of this module is not read."""
    found: list[Sentence] = []
    left = MAX_TOTAL_CHARACTERS
    for rank, document in enumerate(documents[:MAX_DOCUMENTS]):
        if left <= 0:
            break
        title, text = split_document(document[: min(MAX_DOCUMENT_CHARACTERS, left)])
        left -= len(text)
        found.extend(
            Sentence(sentence, title, rank, index, frozenset(stems(sentence)))
            for index, sentence in enumerate(split_sentences(tidy(text)))
        )
    return found
