"""Grammars as data: the parts that a rule is made of, and the texts that rules derive.

There is no recursion: a set of rules has finitely many texts, so that its longest text can be computed and a model
that decodes by it always comes to an end.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Literal:
    """This text. It may not be empty: a lexeme of no characters is refused by some engines."""

    text: str


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of a class, written as regular expressions and GBNF both write it between brackets.

    example: a character of the class, for the longest text.
    """

    body: str
    example: str


@dataclass(frozen=True, slots=True)
class Ref:
    """What the rule of this name derives. Names in capitals are terminals: engines may read them as one lexeme."""

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
    """The part ``least`` to ``most`` times. For terminals only: not every dialect counts in rules."""

    part: Part
    least: int
    most: int


Part: TypeAlias = "Literal | Chars | Ref | Sequence | Choice | OptionalPart | Repeat"


def seq(*parts: Part | str) -> Part:
    """The parts in order, those that are text as literals."""
    made = tuple(Literal(part) if isinstance(part, str) else part for part in parts)
    return made[0] if len(made) == 1 else Sequence(made)


def choice(*options: Part | str | None) -> Part:
    """One of the options that there are: None stands for one that a scope does not have."""
    made = tuple(Literal(option) if isinstance(option, str) else option for option in options if option is not None)
    if not made:
        raise ValueError("a choice of nothing")
    return made[0] if len(made) == 1 else Choice(made)


def upto(most: int, *parts: Part | str) -> Part:
    """The parts in order, 0 to ``most`` times, in a form that every dialect has."""
    made = seq(*parts)
    found: Part = OptionalPart(made)
    for _ in range(most - 1):
        found = OptionalPart(Sequence((made, found)))
    return found


@dataclass(slots=True)
class Rules:
    """Rules by name, in order of definition; ``start`` is the name of the first."""

    start: str
    parts: dict[str, Part] = field(default_factory=dict)

    def rule(self, name: str, make: Callable[[], Part]) -> Ref:
        """The rule of this name, made when first asked for."""
        if name not in self.parts:
            self.parts[name] = make()
        return Ref(name)


def longest(rules: Rules, weigh: Callable[[str], int] = len) -> str:
    """The longest text, or the one that weighs most by a measure that adds up over concatenation."""

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
        return of(part.part) * part.most

    return of(Ref(rules.start))


def sample(rules: Rules, rng: random.Random, characters: Mapping[str, str] | None = None) -> str:
    """A random text: every option is as likely as the others.

    characters: for the body of a class, the characters to draw from; its example alone where it is not named.
    """
    drawn = characters or {}
    out: list[str] = []
    stack: list[Part] = [Ref(rules.start)]
    while stack:
        part = stack.pop()
        if isinstance(part, Literal):
            out.append(part.text)
        elif isinstance(part, Chars):
            out.append(rng.choice(drawn.get(part.body, part.example)))
        elif isinstance(part, Ref):
            stack.append(rules.parts[part.name])
        elif isinstance(part, Sequence):
            stack.extend(reversed(part.parts))
        elif isinstance(part, Choice):
            stack.append(rng.choice(part.options))
        elif isinstance(part, OptionalPart):
            if rng.random() < 0.5:
                stack.append(part.part)
        else:
            # Short texts more often than long ones: what goes wrong goes wrong early.
            count = min(part.most, part.least + int(rng.expovariate(0.2)))
            stack.extend([part.part] * count)
    return "".join(out)
