"""What stated facts say of one of the things compared, directly or through a name beside it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from .options import bridges, mentioned, normal, segment
from .prompts import Stated
from .vocabulary import STOP_WORDS

_Value = TypeVar("_Value")


def value_of(
    option: str, other: str, stated: Stated, measure: Callable[[str], _Value | None]
) -> tuple[_Value, str] | None:
    """What the facts give for an option, of its own or through a name beside it, with the fact that says so.

    "The director of A is X. X was born in 1950." speaks of A through X. Where the question is about a role
    ("whose director"), what is said through the holder of the role counts before what is said of the option.
    """
    own = ((measure(text), fact) for text, fact in said_of(option, other, stated.facts))
    through = ((measure(text), fact) for text, fact in _said_through(option, other, stated.facts))
    ways = (through, own) if ROLE.search(stated.question.lower()) else (own, through)
    return next(((value, fact) for way in ways for value, fact in way if value is not None), None)


ROLE: Final = re.compile(
    r"\b(?:directors?|composers?|performers?|authors?|writers?|singers?|producers?|creators?|founders?|husband|wife|father|mother)\b"
)


def said_of(option: str, other: str, facts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(what is said of the option, the fact that says it), fact by fact and then all together."""
    joined = []
    for fact in facts:
        text = segment(option, other, fact)
        if text is not None:
            joined.append(text)
            yield text, fact
    # A birth in one fact and a death in another make a life.
    if len(joined) > 1:
        yield " ".join(joined), " ".join(joined)


def _said_through(option: str, other: str, facts: Sequence[str]) -> Iterator[tuple[str, str]]:
    for text, source in said_of(option, other, facts):
        for name in bridges(text):
            if normal(name) in STOP_WORDS or mentioned(name, other):
                continue
            spoken = []
            for fact in facts:
                if fact != source and mentioned(name, fact) and not mentioned(option, fact):
                    said = segment(name, other, fact)
                    if said:
                        spoken.append(said)
                        yield said, fact
            if len(spoken) > 1:
                yield " ".join(spoken), " ".join(spoken)
            said = segment(name, other, source)
            if said:
                # "A was directed by X, who died in 1950": the rest of the same fact is about X.
                yield text[text.find(name) + len(name) :], source
