"""Passages as the page shows them: where each was found first, and the words from which the answer was read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..agents.sentinels import is_sentinel
from ..quoting import written
from .chart import Bar
from .source import Piece

LONGEST_TEXT = 20_000
"""The most characters of one text on the page; the trace has the rest."""
_SHORT = 600
"""The most characters of a passage on a page of very many calls."""
_MOST_MARKS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPassage:
    """A document that a call found or read.

    Attributes:
        rank: the rank, from 1.
        title: the first line.
        pieces: the rest; the style "hit" marks the words from which an answer was read.
        cited: whether there are such words.
        key: the key of the row that shows the whole document; empty if it is this one.
        id: the id in the corpus; empty if it was not recorded.
        score: the score of the search; empty if it was not recorded.
    """

    rank: int
    title: str
    pieces: tuple[Piece, ...]
    cited: bool = False
    key: str = ""
    id: str = ""
    score: str = ""


class Readings:
    """The passages that the calls of a page found and read."""

    def __init__(self, bars: Sequence[Bar], *, short: bool = False) -> None:
        self._limit = _SHORT if short else LONGEST_TEXT
        self._found: dict[str, str] = {}
        self._answers: dict[str, set[str]] = {}
        for bar in bars:
            for document in _documents(bar.result):
                self._found.setdefault(document, bar.key)
            if isinstance(bar.result, str) and _says_something(bar.result):
                for document in _documents(bar.arguments.get("docs")):
                    self._answers.setdefault(document, set()).add(bar.result.strip())

    def of(self, bar: Bar) -> tuple[tuple[ShownPassage, ...] | None, tuple[ShownPassage, ...], str]:
        """The passages that a call found, the documents that it read, and its answer.

        The first is None if the result is not a list of texts. In the other case, the last is empty.
        """
        listed = isinstance(bar.result, list) and all(isinstance(item, str) for item in bar.result)
        found = self._passages(bar.result, bar, whole=True) if listed else None
        read = self._passages(bar.arguments.get("docs"), bar, whole=False)
        said = "" if listed or bar.result is None else _said(bar.result)
        return found, read, said

    def _passages(self, value: Any, bar: Bar, *, whole: bool) -> tuple[ShownPassage, ...]:
        ids, scores = (bar.usage.get("passages"), bar.usage.get("scores")) if whole else (None, None)
        made = []
        for place, document in enumerate(_documents(value)):
            home = self._found.get(document, "")
            title, _, rest = document.strip().partition("\n")
            if not rest and len(title) > 120:
                title, rest = title[:80].rstrip() + "…", document.strip()
            hits = self._spans(document, self._answers.get(document, ()))
            elsewhere = not whole and home
            pieces = () if elsewhere else tuple(_marked(cut(rest, self._limit), self._answers.get(document, ())))
            made.append(
                ShownPassage(
                    rank=place + 1,
                    title=title[:300],
                    pieces=pieces,
                    cited=hits,
                    key=home if elsewhere else "",
                    id=_at(ids, place),
                    score=_at(scores, place),
                )
            )
        return tuple(made)

    @staticmethod
    def _spans(text: str, answers: Iterable[str]) -> bool:
        pattern = _pattern(answers)
        return pattern is not None and pattern.search(text) is not None


def _marked(text: str, answers: Iterable[str]) -> Iterable[Piece]:
    """A text in pieces, in which the answers are marked."""
    pattern = _pattern(answers)
    place = 0
    for number, found in enumerate(() if pattern is None else pattern.finditer(text)):
        if number >= _MOST_MARKS:
            break
        if found.start() > place:
            yield "", text[place : found.start()]
        yield "hit", found.group()
        place = found.end()
    if place < len(text):
        yield "", text[place:]


def _pattern(answers: Iterable[str]) -> re.Pattern[str] | None:
    wanted = sorted((re.escape(each) for each in answers if len(each) <= 300), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(wanted[:50])})(?!\w)", re.IGNORECASE) if wanted else None


def _says_something(answer: str) -> bool:
    return len(answer.strip()) > 1 and not is_sentinel(answer)


def _documents(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [each if isinstance(each, str) else shown(each) for each in value] if isinstance(value, list) else []


def _at(values: Any, place: int) -> str:
    return shown(values[place]) if isinstance(values, (list, tuple)) and place < len(values) else ""


def _said(value: Any) -> str:
    """The result of a call as text. For a turn of a chat, it is the content and the tools that the model asks for."""
    if not _is_turn(value):
        return shown(value)
    asks = [f"{written(each.get('name'))}: {written(each.get('arguments'))}" for each in _asks(value)]
    return cut("\n".join([*([value["content"]] if value["content"] else []), *asks]))


def beside(value: Any) -> dict[str, Any]:
    """The other fields of a turn of a chat; empty for any other result."""
    return {name: each for name, each in value.items() if name not in ("content", "calls")} if _is_turn(value) else {}


def _is_turn(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("content"), str)


def _asks(turn: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    asked = turn.get("calls")
    return [each for each in asked if isinstance(each, Mapping)] if isinstance(asked, list) else []


def shown(value: Any) -> str:
    """A value as text, cut if it is long. Mappings with names as keys get one line for each key."""
    if isinstance(value, Mapping) and value and all(isinstance(each, str) for each in value):
        return cut("\n".join(f"{name}: {cut(written(each))}" for name, each in value.items()))
    return cut(written(value))


def cut(text: str, limit: int = LONGEST_TEXT) -> str:
    """A text, or its beginning and the number of characters that are left out."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n[{len(text) - limit:,} more characters in the trace]"
