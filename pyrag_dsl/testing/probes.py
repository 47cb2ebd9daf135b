"""The probes of the meter: small plans that repeat one word of the language on operands that are hard to charge for.

A probe makes its operands and then repeats one expression or statement forever. The words come from the tables of the
language, so a new builtin, method, operator or member is probed as soon as it is in them. `operands.py` has the
operands and the ways to use a word.
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
    """A plan that repeats one use of a word forever.

    Attributes:
        word: the word, such as "list.count" and "|"; or "expressions", "statements".
        operand: the operand in words.
        use: the expression or statement, with `X` for the operand, `Y` for an equal one, and `A` for another one.
        setup: the lines that make the operands.
        statement: whether `use` is a statement and not an expression.
    """

    word: str
    operand: str
    use: str
    setup: str
    statement: bool = False

    def loop(self, *, keep: bool) -> str:
        """The loop, without the lines that make the operands. With `keep`, the value of each round is kept."""
        return repeated(f"K.append({self.use})" if keep and not self.statement else self.use)

    @property
    def alone(self) -> str:
        """A statement with one use."""
        return self.use if self.statement else f"W = {self.use}"

    @property
    def plan(self) -> str:
        """The whole probe as the text of a plan."""
        return self.setup + self.loop(keep=True)

    def __str__(self) -> str:
        return f"{self.use}  ({self.operand})".replace("\n", "; ")


def making(*operands: tuple[str, str]) -> str:
    """The lines that make operands. Each operand is a name, and lines of a table in which `X` becomes this name."""
    return "".join(lines.replace("X", name) + "\n" for name, lines in operands) + OTHERS


def repeated(*steps: str) -> str:
    """A loop that executes these statements forever. If one of them raises, the loop continues with the next."""
    body = "".join(
        "    try:\n        {}\n    except Exception:\n        pass\n".format(step.replace("\n", "\n        "))
        for step in steps
    )
    return f"n = 0\nwhile True:\n    n += 1\n{body}"


@cache
def words() -> dict[str, tuple[str, ...]]:
    """The uses of every word of the language except methods. The meter finds by trials which uses fit an operand."""
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
    """The name by which a plan can use a type; "" if plans can only have values of it."""
    homes = [module for module in sorted(MODULES) if kind in MODULES[module]]
    return kind if kind in FUNCTIONS else f"{homes[0]}.{kind}" if homes else ""


def _names(kind: str) -> frozenset[str]:
    return TYPES[kind] | TYPES.get(_BASES.get(kind, ""), frozenset()) | TYPES["other"]


@cache
def methods(kind: str) -> dict[str, tuple[str, ...]]:
    """The uses of the methods and attributes of a type. `X` is the value, and `A` another operand."""
    return {f"{kind}.{name}": tuple(f"X.{name}{shape}" for shape in CALLS) for name in sorted(_names(kind))}


@cache
def uses(kind: str, *, own: bool = False) -> tuple[str, ...]:
    """The expressions that may be tried on a kind of operand.

    With `own`, these are only its methods and the expressions of `operands.py`.
    """
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
        operand: the operand in words.
        setup: the lines that make the operands.
        kind: the type whose methods are tried; "" for all other words.
        given: the argument of the methods, in words; "" for uses without one.
    """

    operand: str
    setup: str
    kind: str = ""
    given: str = ""

    def probes(self) -> list[Probe]:
        """The probes, always in the same order."""
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
    """All probes, in groups: every operand with all words, and every operand with its methods and their arguments."""
    given = {name: lines for _, name, lines in all_operands() if name in GIVEN}
    for kind, name, lines in all_operands():
        yield Group(name, making(("X", lines), ("Y", lines), ("A", "X = 1")))
        for other, more in {"": "X = 1", "its equal": lines, **given}.items() if kind in TYPES else ():
            yield Group(name, making(("X", lines), ("A", more)), kind, other)
