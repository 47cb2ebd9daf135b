"""The two things that a comparative question names, found by what the stated facts call them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .names import compiled

_MAX_BOUNDARIES: Final = 24


@dataclass(frozen=True, slots=True)
class Alternatives:
    """Two alternatives as the question spells them, and the words of the question that follow the second."""

    first: str
    second: str
    rest: str


def normal(text: str) -> str:
    """Lower-case words with single spaces: the form in which names are compared."""
    return " ".join(re.findall(r"\w+", text.lower()))


def bare(name: str) -> str:
    """A name in normal form without what stands in parentheses: "Freeway (1996 Film)" is "freeway"."""
    return normal(re.sub(r"\s*\([^()]*\)", "", name)) or normal(name)


def mentioned(name: str, text: str) -> bool:
    """Whether a text mentions a name, by its words in order."""
    wanted = bare(name)
    return bool(wanted) and f" {wanted} " in f" {normal(text)} "


def find_options(question: str, facts: Sequence[str], joint: str) -> Alternatives | None:
    """The two things that stand on either side of a joint (``or``, ``and``, ``than``) in the question.

    Names hold commas and joints themselves, so every stretch that begins or ends at a comma or a space is
    tried, and the longest ones that the facts mention win. None where the facts mention neither.
    """
    text = question.strip().rstrip("?").strip().rstrip("?").strip()
    stated = f" {normal(' '.join(facts))} "
    best: tuple[int, Alternatives] | None = None
    for found in list(re.finditer(rf",? {joint} ", text))[:6]:
        left, right = text[: found.start()], text[found.end() :]
        stretches = _lefts(left) if joint in ("or", "and") else [s for part in _rights(left) for s in _lefts(part)]
        first = max(stretches, key=lambda s: _worth(s, stated))
        second = max(_rights(right), key=lambda s: _worth(s, stated))
        worths = _worth(first, stated), _worth(second, stated)
        if normal(first) == normal(second):
            continue
        score = worths[0] + worths[1] + (1000 if all(worths) else 0)
        if best is None or score > best[0]:
            best = score, Alternatives(first, second, right[right.index(second) + len(second) :].strip(" ,"))
    if best and best[0] > 0:
        return best[1]
    return None


def _worth(name: str, stated: str) -> int:
    """How much of a name the facts mention: in full, or without its parentheses, or (0) not at all."""
    return max((len(form) for form in (normal(name), bare(name)) if f" {form} " in stated), default=0)


def _lefts(left: str) -> list[str]:
    starts = [found.end() for found in re.finditer(r"[,:]? |^", left)][-_MAX_BOUNDARIES:]
    return [left[start:].strip(" ,") for start in starts]


def _rights(right: str) -> list[str]:
    ends = [found.start() for found in re.finditer(r"[,:]? |$", right)][:_MAX_BOUNDARIES]
    return [right[:end].strip(" ,") or right for end in ends]


def segment(option: str, other: str, fact: str) -> str | None:
    """What a fact says of one option: all of it, or what follows its mention where the other is there too."""
    if not mentioned(option, fact):
        return None
    if not mentioned(other, fact) or bare(other) in bare(option):
        return _without(option, fact)
    here, there = _position(option, fact), _position(other, fact)
    return _without(option, fact[here:there] if here < there else fact[here:])


def _position(name: str, text: str) -> int:
    words = bare(name).split()
    found = re.search(r"\W+".join(map(re.escape, words[:12])), text.lower()) if words else None
    return found.start() if found else 0


def _without(name: str, text: str) -> str:
    """The text without the name, so that a year in a title is not taken for a date."""
    words = normal(name).split()
    pattern = r"\W+".join(map(re.escape, words[:20]))
    plain = r"\W+".join(map(re.escape, bare(name).split()[:20]))
    return re.sub(rf"(?<!\w)(?:{pattern}\)?|{plain})(?!\w)", " ", text, flags=re.I)


def bridges(text: str) -> list[str]:
    """Names in a segment through which another fact may speak of the same option, as its director."""
    return [found[0] for found in compiled("<NAME>").finditer(text)]
