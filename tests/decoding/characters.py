"""The characters of the classes that rules name, for texts that are drawn from them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pyrag_dsl.decoding.rules import Chars, Choice, OptionalPart, Part, Repeat, Sequence


def classes(part: Part) -> Iterator[Chars]:
    """The classes of characters in a part."""
    if isinstance(part, Chars):
        yield part
    elif isinstance(part, (Sequence, Choice)):
        for inner in part.parts if isinstance(part, Sequence) else part.options:
            yield from classes(inner)
    elif isinstance(part, (OptionalPart, Repeat)):
        yield from classes(part.part)


def characters(body: str, most: int = 0x10000) -> str:
    """The characters of a class, below a code."""
    pattern = re.compile(f"[{body}]")
    return "".join(char for char in map(chr, range(most)) if pattern.match(char))
