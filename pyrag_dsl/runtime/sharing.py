"""Writes each long value once in a file. Later occurrences refer to it by number.

A text of at least `LONG` characters, or a list of at least `MANY` items, that the file already holds becomes a
reference: `{"$value": 7}` is the eighth long text of the file, and `{"$more": [3, [...]]}` is the fourth such list
followed by more items. The history of a conversation, which every turn sends again, is therefore written once.
"""

from __future__ import annotations

import hashlib
from typing import Any

from ..interpreter.codec import dumps

LONG = 200
MANY = 4


class SharingWriter:
    """Replaces values that the file already holds by references. Lines must be given in the order of the file."""

    def __init__(self) -> None:
        self._texts: dict[str, int] = {}
        self._lists: dict[bytes, int] = {}

    def shared(self, value: Any) -> Any:
        """Encoded data as it is to be written, with references."""
        kind = type(value)
        if kind is str:
            return self._text(value) if len(value) >= LONG else value
        if kind is dict:
            return {key: self.shared(item) for key, item in value.items()}
        if kind is list:
            return self._list(value) if len(value) >= MANY else [self.shared(item) for item in value]
        return value

    def _text(self, value: str) -> Any:
        number = self._texts.get(value)
        if number is not None:
            return {"$value": number}
        self._texts[value] = len(self._texts)
        return value

    def _list(self, value: list[Any]) -> Any:
        digests = []
        digest = hashlib.blake2b(digest_size=16)
        for item in value:
            digest.update(dumps(item).encode() + b"\n")
            digests.append(digest.copy().digest())
        for size in range(len(value), MANY - 1, -1):
            number = self._lists.get(digests[size - 1])
            if number is not None:
                rest = [self.shared(item) for item in value[size:]]
                self._lists.setdefault(digests[-1], len(self._lists))
                return {"$more": [number, rest]}
        made = [self.shared(item) for item in value]
        self._lists[digests[-1]] = len(self._lists)
        return made


class SharingReader:
    """The inverse of `SharingWriter`. Lines must be given in the order of the file."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._lists: list[list[Any]] = []

    def whole(self, value: Any) -> Any:
        """A value with its references resolved. Raises `LookupError` or `ValueError` for a reference to nothing."""
        kind = type(value)
        if kind is str:
            if len(value) >= LONG:
                self._texts.append(value)
            return value
        if kind is list:
            made = [self.whole(item) for item in value]
            if len(made) >= MANY:
                self._lists.append(made)
            return made
        if kind is not dict:
            return value
        if len(value) == 1:
            if "$value" in value:
                return self._texts[_number(value["$value"])]
            if "$more" in value:
                number, rest = value["$more"]
                more = [self.whole(item) for item in rest]
                found = self._lists[_number(number)] + more
                if more:
                    self._lists.append(found)
                return found
        return {key: self.whole(item) for key, item in value.items()}


def _number(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} refers to nothing")
    return value
