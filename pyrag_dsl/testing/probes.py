"""Small plans that do one thing again and again: every word of the vocabulary over operands that are hard to price.

A probe makes its operands and then repeats one expression or statement for ever. The words come from the tables of
the language, so that a new builtin, method, operator or member is probed as soon as it is there; `operands.py` adds
the operands, and the ways in which a word can be used.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from ..grammar.language import BINARY, COMPARE, EXCEPTIONS, FUNCTIONS, MODULES, TYPES, UNARY
from .operands import ARGUMENTS, CALLS, EXPRESSIONS, GIVEN, OPERANDS, OTHERS, STATEMENTS

_BASES = {"Counter": "dict", "defaultdict": "dict", "OrderedDict": "dict", "namedtuple": "tuple"}
_AROUND = (("X", "X"), ("X", "Y"), ("X", "1"), ("1", "X"), ("X", "'a'"), ("X", "[1]"), ("A", "X"))
_COMPARED = (*_AROUND, ("[X]", "[Y]"), ("X", "[Y, Y]"), ("'a'", "X"), ("X", "Z"), ("X", "{Y: 1}"))


class Probe(NamedTuple):
    """One thing, done for ever.

    Attributes:
        word: what of the vocabulary it is about: "list.count", "|", "statements".
        operand: what it is done with, in words.
        use: the expression, with `X` for the operand, `Y` for another that is equal, `A` for another operand.
        setup: the lines that make the operands.
        statement: whether `use` is a statement, and no expression.
    """

    word: str
    operand: str
    use: str
    setup: str
    statement: bool = False

    def loop(self, *, keep: bool) -> str:
        """What is done for ever, without the operands; with `keep`, what each round makes is kept."""
        return repeated(f"K.append({self.use})" if keep and not self.statement else self.use)

    @property
    def alone(self) -> str:
        """What is done, once."""
        return self.use if self.statement else f"W = {self.use}"

    @property
    def plan(self) -> str:
        """The whole as a text of its own."""
        return self.setup + self.loop(keep=True)

    def __str__(self) -> str:
        return f"{self.use}  ({self.operand})".replace("\n", "; ")


def making(*operands: tuple[str, str]) -> str:
    """The lines that make operands, each `X` of a table under a name of its own."""
    return "".join(lines.replace("X", name) + "\n" for name, lines in operands) + OTHERS


def repeated(*steps: str) -> str:
    """Statements that are carried out for ever, each going on where another has failed."""
    body = "".join(
        "    try:\n        {}\n    except Exception:\n        pass\n".format(step.replace("\n", "\n        "))
        for step in steps
    )
    return f"n = 0\nwhile True:\n    n += 1\n{body}"


@cache
def words() -> dict[str, tuple[str, ...]]:
    """The uses of every word of the language that is no method. Which of them fit an operand is found by trying."""
    members = [f"{module}.{name}" for module in sorted(MODULES) for name in sorted(MODULES[module])]
    of_types = [f"{_home(kind)}.{name}" for kind in TYPES if _home(kind) for name in sorted(_names(kind))]
    found = {name: tuple(f"{name}({shape})" for shape in ARGUMENTS) for name in (*sorted(FUNCTIONS), *members)}
    for name in (*sorted(EXCEPTIONS), *of_types):
        found[name] = tuple(f"{name}({shape})" for shape in ARGUMENTS[:4])
    for op in sorted(BINARY.values()):
        found[op] = tuple(f"{left} {op} {right}" for left, right in _AROUND)
    for op in sorted(COMPARE.values()):
        found[op] = tuple(f"{left} {op} {right}" for left, right in _COMPARED)
    found.update({op: (f"{op} X",) for op in sorted(UNARY.values())})
    found["expressions"] = EXPRESSIONS
    return found


def _home(kind: str) -> str:
    """Where a type of the tables is to be found; nowhere, if only values of it are."""
    homes = [module for module in sorted(MODULES) if kind in MODULES[module]]
    return kind if kind in FUNCTIONS else f"{homes[0]}.{kind}" if homes else ""


def _names(kind: str) -> frozenset[str]:
    return TYPES[kind] | TYPES.get(_BASES.get(kind, ""), frozenset()) | TYPES["other"]


@cache
def methods(kind: str) -> dict[str, tuple[str, ...]]:
    """The uses of the methods and attributes of a type, with `X` for the value and `A` for another operand."""
    return {f"{kind}.{name}": tuple(f"X.{name}{shape}" for shape in CALLS) for name in sorted(_names(kind))}


@cache
def uses(kind: str, *, own: bool = False) -> tuple[str, ...]:
    """The expressions that may be tried on a kind of operand; `own`: what is its own, and what may suit any."""
    known = methods(kind) if kind in TYPES else {}
    known = {**known, "expressions": EXPRESSIONS} if own else {**words(), **known}
    return tuple(use for shapes in known.values() for use in shapes)


def all_operands() -> Iterator[tuple[str, str, str]]:
    """The kind, the name and the lines of every operand."""
    for kind, known in OPERANDS.items():
        for name, lines in known.items():
            yield kind, name, lines


class Group(NamedTuple):
    """Probes that share their operands.

    Attributes:
        operand: what they are done with, in words.
        setup: the lines that make it.
        kind: the type whose methods are tried; nothing for all other words.
        given: what the methods are given; nothing for methods that are given nothing.
    """

    operand: str
    setup: str
    kind: str = ""
    given: str = ""

    def probes(self) -> list[Probe]:
        """The probes, in an order that stays the same."""
        known = methods(self.kind) if self.kind else words()
        found = [(word, use) for word, shapes in known.items() for use in shapes]
        if self.kind:
            found = [(word, use) for word, use in found if bool(self.given) == ("A" in use)]
        what = f"{self.operand}; A is {self.given}" if self.given else self.operand
        statements = () if self.kind else STATEMENTS
        made = [Probe(word, what, use, self.setup) for word, use in found]
        return made + [Probe("statements", what, use, self.setup, statement=True) for use in statements]

    def __str__(self) -> str:
        return " / ".join(filter(None, (self.operand, self.kind and f"methods of {self.kind}", self.given)))


def groups() -> Iterator[Group]:
    """All probes there are: of every operand with all words, and with the methods that it has."""
    given = {name: lines for _, name, lines in all_operands() if name in GIVEN}
    for kind, name, lines in all_operands():
        yield Group(name, making(("X", lines), ("Y", lines), ("A", "X = 1")))
        for other, more in {"": "X = 1", "its equal": lines, **given}.items() if kind in TYPES else ():
            yield Group(name, making(("X", lines), ("A", more)), kind, other)
