"""Grammars as data: the parts of rules, and the texts that rules derive.

No rule of level *safe* repeats a part without bound. Therefore its longest text can be computed, and decoding always
ends.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Literal:
    """This text. It must not be empty, because some libraries refuse an empty lexeme."""

    text: str


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of a class.

    Attributes:
        body: the class without brackets, in the notation that regular expressions and GBNF share.
        example: a character of the class, for the longest text.
    """

    body: str
    example: str


@dataclass(frozen=True, slots=True)
class Ref:
    """The texts of the rule of this name. A name in capitals is a terminal, which may be read as one lexeme."""

    name: str


@dataclass(frozen=True, slots=True)
class Sequence:
    """Each part, one after the other."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the options."""

    options: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class OptionalPart:
    """The part or nothing."""

    part: Part


@dataclass(frozen=True, slots=True)
class Repeat:
    """The part, at least `least` and at most `most` times, or any number of times if `most` is None.

    Outside terminals, `least` is 0 or 1 and `most` is None.
    """

    part: Part
    least: int
    most: int | None


Part: TypeAlias = "Literal | Chars | Ref | Sequence | Choice | OptionalPart | Repeat"


def seq(*parts: Part | str | None) -> Part:
    """The parts in order. A text becomes a literal, and None is left out."""
    made = tuple(Literal(part) if isinstance(part, str) else part for part in parts if part is not None)
    return made[0] if len(made) == 1 else Sequence(made)


def choice(*options: Part | str | None) -> Part:
    """One of the options. A text becomes a literal, and None is left out. Raises `ValueError` if no option is left."""
    made = tuple(Literal(option) if isinstance(option, str) else option for option in options if option is not None)
    if not made:
        raise ValueError("a choice of nothing")
    return made[0] if len(made) == 1 else Choice(made)


def maybe(*parts: Part | str | None) -> Part:
    """The parts in order, or nothing."""
    return OptionalPart(seq(*parts))


def many(*parts: Part | str | None) -> Part:
    """The parts in order, any number of times."""
    return Repeat(seq(*parts), 0, None)


def upto(most: int, *parts: Part | str) -> Part:
    """The parts in order, 0 to `most` times, in a form that every dialect has."""
    made = seq(*parts)
    found: Part = OptionalPart(made)
    for _ in range(most - 1):
        found = OptionalPart(Sequence((made, found)))
    return found


@dataclass(slots=True)
class Rules:
    """The rules of a grammar.

    Attributes:
        start: the name of the first rule.
        parts: the rules by name, in the order of their definition.
    """

    start: str
    parts: dict[str, Part] = field(default_factory=dict)

    def rule(self, name: str, make: Callable[[], Part]) -> Ref:
        """A reference to the rule of this name. The rule is made by `make` if it does not exist."""
        if name not in self.parts:
            self.parts[name] = Literal("?")  # a rule may refer to itself while it is made
            self.parts[name] = make()
        return Ref(name)


def longest(rules: Rules, weigh: Callable[[str], int] = len) -> str:
    """The longest text of rules that repeat no part without bound.

    Args:
        rules: the rules.
        weigh: the measure of a text. The measure of a concatenation must be the sum of those of its parts.
    """

    @cache
    def of(part: Part) -> str:
        if isinstance(part, Literal):
            return part.text
        if isinstance(part, Chars):
            return part.example
        if isinstance(part, Ref):
            return of(rules.parts[part.name])
        if isinstance(part, Sequence):
            return "".join(map(of, part.parts))
        if isinstance(part, Choice):
            return max(map(of, part.options), key=weigh)
        if isinstance(part, OptionalPart):
            return of(part.part)
        assert part.most is not None
        return of(part.part) * part.most

    return of(Ref(rules.start))


def sample(
    rules: Rules,
    rng: random.Random,
    characters: Mapping[str, str] | None = None,
    *,
    often: float = 0.5,
    mean: float = 5,
    size: int | None = None,
) -> str:
    """A random text of the rules. All options of a choice have the same probability.

    Args:
        rules: the rules.
        rng: the source of random numbers.
        characters: the characters to draw from, by the body of a class; for other classes, their example is used.
        often: the probability of an optional part.
        mean: the mean number of repetitions.
        size: the number of characters after which the text ends by the shortest way; None for no such limit.
    """
    drawn = characters or {}
    least = _least(rules) if size is not None else {}
    written = 0
    out: list[str] = []
    stack: list[Part] = [Ref(rules.start)]
    while stack:
        part = stack.pop()
        hurried = size is not None and written > size
        if isinstance(part, Literal):
            out.append(part.text)
            written += len(part.text)
        elif isinstance(part, Chars):
            out.append(rng.choice(drawn.get(part.body, part.example)))
            written += 1
        elif isinstance(part, Ref):
            stack.append(rules.parts[part.name])
        elif isinstance(part, Sequence):
            stack.extend(reversed(part.parts))
        elif isinstance(part, Choice):
            shortest = min(_length(option, least) for option in part.options) if hurried else 0
            stack.append(
                rng.choice([option for option in part.options if not hurried or _length(option, least) == shortest])
            )
        elif isinstance(part, OptionalPart):
            if not hurried and rng.random() < often:
                stack.append(part.part)
        else:
            # Few repetitions are more likely than many, because most errors show in short texts.
            count = part.least + (0 if hurried else int(rng.expovariate(1 / mean)))
            stack.extend([part.part] * (count if part.most is None else min(part.most, count)))
    return "".join(out)


def _least(rules: Rules) -> dict[str, int]:
    """The length of the shortest text of each rule."""
    found = dict.fromkeys(rules.parts, _ENDLESS)
    changed = True
    while changed:
        changed = False
        for name, part in rules.parts.items():
            length = _length(part, found)
            if length < found[name]:
                found[name] = length
                changed = True
    return found


_ENDLESS = 10**6


def _length(part: Part, least: Mapping[str, int]) -> int:
    if isinstance(part, Literal):
        return len(part.text)
    if isinstance(part, Ref):
        return least[part.name]
    if isinstance(part, Sequence):
        return min(_ENDLESS, sum(_length(each, least) for each in part.parts))
    if isinstance(part, Choice):
        return min(_length(option, least) for option in part.options)
    if isinstance(part, Repeat):
        return part.least * _length(part.part, least)
    return 1 if isinstance(part, Chars) else 0
