"""Passages, hits and the retriever protocol, and the reading of passages from JSON.

The main format is that of the corpus and the replies of Search-R1 (github.com/PeterGriffinJin/Search-R1): an object
with `id` and `contents`, where the first line of `contents` is the title in double quotes, and the text follows it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

_R = TypeVar("_R", bound="Retriever")

_LONGEST_PLAIN_TITLE = 200
"""An unquoted first line of at most this many characters is a title. A longer one is text."""

_JSON_NAMES = {
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "true/false",
    int: "a number",
    float: "a number",
}


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of text that a search can find. Its `id` is unique in its corpus. Its `title` may be empty."""

    id: str
    title: str
    text: str

    @property
    def document(self) -> str:
        """The passage as plans see it: title, newline and text. If one of them is empty, it is only the other."""
        return f"{self.title}\n{self.text}" if self.title and self.text else self.title or self.text


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that a search found. A higher score is better; it is None if a server gives none."""

    passage: Passage
    score: float | None


@runtime_checkable
class Retriever(Protocol):
    """The base class of retrievers, which find passages for a query in natural language. They must be thread-safe.

    A subclass defines `search`, and may override all other methods. As a context manager, a retriever is closed at the
    end.
    """

    @abstractmethod
    def search(self, query: str, topk: int) -> list[Hit]:
        """At most `topk` hits, best first; none if `topk` is less than 1 or the query has no words."""

    def search_many(self, queries: Sequence[str], topk: int) -> list[list[Hit]]:
        """The hits of each query, in the order of the queries. By default, one search follows the other."""
        return [self.search(query, topk) for query in queries]

    async def asearch(self, query: str, topk: int) -> list[Hit]:
        """`search` as a coroutine. By default, the search runs in a thread of the event loop."""
        return await asyncio.to_thread(self.search, query, topk)

    @property
    def fingerprint(self) -> str:
        """A text that is equal for retrievers with equal results, so that these can be cached; "" if it is unknown."""
        return ""

    def close(self) -> None:
        """Release all resources. The retriever must not be searched afterwards."""

    def __enter__(self: _R) -> _R:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.close()


class PassageFormatError(ValueError):
    """A value is not a passage. The message tells what is wrong with the value, but not where the value is."""


def parse_passage_line(line: str | bytes, fallback_id: str | None = None) -> Passage:
    """The passage on one line of a JSON Lines corpus. Raises `PassageFormatError`."""
    try:
        record = json.loads(line.decode("utf-8") if isinstance(line, bytes) else line)
    except UnicodeDecodeError as error:
        raise PassageFormatError(f"not UTF-8: byte 0x{error.object[error.start]:02x} at {error.start + 1}") from None
    except json.JSONDecodeError as error:
        raise PassageFormatError(f"not JSON: {error.msg} at column {error.colno}") from None
    except (ValueError, RecursionError) as error:
        raise PassageFormatError(f"not JSON that can be read: {type(error).__name__}") from None
    if not isinstance(record, dict):
        raise PassageFormatError(f"{_json_name(record)} where an object was expected")
    return passage_of(record, fallback_id)


def passage_of(value: object, fallback_id: str | None = None) -> Passage:
    """The passage in a decoded JSON value.

    The value may be a text, which is the contents, or an object with `contents`, with `title` and `text`, or with all
    of these. An object may have an `id` (or `_id`, as in BEIR), which is a text or an integer. Without it, the id is
    `fallback_id` or, if that is None, a hash of the content, so that equal documents have equal ids. Lone surrogates
    become U+FFFD.

    Raises:
        PassageFormatError: the value has another form.
    """
    if isinstance(value, str):
        title, text = split_contents(value)
        identity = None
    elif isinstance(value, Mapping):
        title, text = _title_and_text(value)
        identity = _identity(value)
    else:
        raise PassageFormatError(f"{_json_name(value)} where a document was expected")
    title, text = well_formed(title).strip(), well_formed(text).strip()
    if not title and not text:
        raise PassageFormatError("the document is empty")
    if identity is None:
        identity = fallback_id
    if identity is None:
        identity = "sha-" + hashlib.sha256(f"{title}\n{text}".encode()).hexdigest()[:16]
    return Passage(well_formed(identity), title, text)


def split_contents(contents: str) -> tuple[str, str]:
    """Split `contents` of Search-R1 into title and text. The title is "" if the first line is not a title."""
    first, newline, rest = contents.strip().partition("\n")
    if not newline:
        return "", first
    title = _unquoted(first)
    if title != first.strip() or len(title) <= _LONGEST_PLAIN_TITLE:
        return title, rest
    return "", contents


def well_formed(text: str) -> str:
    """The text with lone surrogates, which UTF-8 cannot encode, replaced by U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
    return text


def _title_and_text(record: Mapping[object, object]) -> tuple[str, str]:
    title = _unquoted(_text_field(record, "title") or "")
    text = _text_field(record, "text")
    contents = _text_field(record, "contents")
    if text is not None:
        return title, text
    if contents is None:
        if title:
            return title, ""
        keys = ", ".join(repr(key)[:40] for key in list(record)[:8])
        raise PassageFormatError(f'no "contents" and no "text" (keys here: {keys or "none"})')
    first, rest = split_contents(contents)
    if not title:
        return first, rest
    return title, rest if first == title else contents


def _text_field(record: Mapping[object, object], key: str) -> str | None:
    value = record.get(key)
    if value is None or isinstance(value, str):
        return value
    raise PassageFormatError(f'"{key}" is {_json_name(value)}, not text')


def _identity(record: Mapping[object, object]) -> str | None:
    value = record.get("id")
    if value is None:
        value = record.get("_id")
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise PassageFormatError(f'"id" is {_json_name(value)}, not text or an integer')


def _unquoted(line: str) -> str:
    # One pair only: the title `"Q" Is for Quarry` is written `""Q" Is for Quarry"`.
    line = line.strip()
    return line[1:-1].strip() if len(line) >= 2 and line[0] == line[-1] == '"' else line


def _json_name(value: object) -> str:
    return "null" if value is None else _JSON_NAMES.get(type(value), type(value).__name__)
