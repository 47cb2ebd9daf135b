"""What a reader of names remembers of the brackets and functions around the place where it is."""

from __future__ import annotations

from typing import NamedTuple

from ..grammar.expressions import ACCEPTED
from ..grammar.language import Signature

NOTHING: frozenset[str] = frozenset()
_LITERALS = frozenset("text number float bool None list tuple dict set generator function".split())
_BESIDE = {"text": frozenset({"number", "list"}), "number": frozenset({"text", "list"})}
_BESIDE["list"] = frozenset({"text", "number"})


def refused_by(kind: str) -> frozenset[str]:
    """The kinds of literals that a parameter of this type does not take."""
    return _LITERALS.difference(ACCEPTED.get(kind, _LITERALS))


def refused_beside(kind: str) -> frozenset[str]:
    """The kinds of literals that cannot be added to one of this kind."""
    return _BESIDE.get(kind, NOTHING)


class BoundNames(NamedTuple):
    """The names of a function, or of the module.

    Attributes:
        names: that are bound here so far.
        borrowed: that were read here and are bound outside, so that they may not be bound here any more.
        indent: of the line that begins the function; -1 for the module.
    """

    names: frozenset[str]
    borrowed: frozenset[str] = NOTHING
    indent: int = -1
    up: BoundNames | None = None

    def sees(self, name: str) -> bool:
        """Whether a name is bound here or outside."""
        return name in self.names or (self.up is not None and self.up.sees(name))

    def reading(self, name: str) -> BoundNames:
        """The scopes after a name that is bound outside was read."""
        if self.up is None or name in self.names:
            return self
        return self._replace(borrowed=self.borrowed | {name}, up=self.up.reading(name))


class Frame(NamedTuple):
    """A bracket that is open, the braces of an f-string, or the line around all of them; and its item at hand.

    Attributes:
        kind: "line", "(", "[", "{", "call", "tool", "index", "params", "hole".
        brackets: how many may still be opened inside.
        quote: of the f-string around, where this is inside its braces.
        operand: whether an operand may come next; else an operator or the end.
        fresh: nothing of the item has been read.
        sole: no operator has been read, so that the item may be a bare literal.
        refused: kinds of literals that may not come next; ``limits``: that the whole may not be.
        left, only: the kind of the literal that `+` would be applied to, and of the item if that is a bare literal.
        arithmetic: the operator before binds as `+` does or closer.
        negatable: whether `not` may come next.
        choices: how many `if` wait for their `else`.
        texted: a string was read last, which another may follow.
        last: the name or attribute that was read last.
        element: the first item may be that of a comprehension; ``pending``: names in it that a `for` has to bind.
        owed: names that a comprehension around has to bind.
        clause: "", "target", "source"; ``arriving`` are bound behind the source, ``bound`` are visible.
        commas: how many were read. pair: a colon was read in a display.
        tool: whose call this is; ``callee``: the name of another function.
        given: arguments by name; ``named``: only such may follow; ``value``: the item is what is behind `=` or a colon.
        lambda_: "", "params", "body", with its ``params``.
        above, ops, tallest, most: how high the expression around, this item and the others are, at most.
    """

    kind: str
    up: Frame | None = None
    brackets: int = 0
    quote: str = ""
    operand: bool = True
    fresh: bool = True
    sole: bool = True
    refused: frozenset[str] = NOTHING
    limits: frozenset[str] = NOTHING
    left: str = ""
    only: str = ""
    arithmetic: bool = False
    negatable: bool = True
    choices: int = 0
    texted: bool = False
    last: str = ""
    element: bool = False
    pending: frozenset[str] = NOTHING
    owed: frozenset[str] = NOTHING
    clause: str = ""
    arriving: frozenset[str] = NOTHING
    bound: frozenset[str] = NOTHING
    commas: int = 0
    pair: bool = False
    tool: Signature | None = None
    callee: str = ""
    given: frozenset[str] = NOTHING
    named: bool = False
    value: bool = False
    lambda_: str = ""
    params: frozenset[str] = NOTHING
    above: int = 0
    ops: int = 0
    tallest: int = 0
    most: int = 0

    @property
    def gathers(self) -> bool:
        """Whether a name that nothing binds may be bound by a `for` that comes in these brackets."""
        return self.element and not self.clause and not self.commas

    @property
    def height(self) -> int:
        return max(self.most, self.ops + self.tallest + 1)

    def capable(self) -> bool:
        """Whether these brackets gather, or some around them."""
        frame: Frame | None = self
        while frame is not None:
            if frame.gathers:
                return True
            frame = frame.up
        return False

    def sees(self, name: str) -> bool:
        """Whether a comprehension or lambda around binds a name."""
        frame: Frame | None = self
        while frame is not None:
            if name in frame.bound or (name in frame.params and frame.lambda_ == "body"):
                return True
            frame = frame.up
        return False

    def item(self, **changes: object) -> Frame:
        """At the beginning of the next item."""
        again = self._replace(
            operand=True, fresh=True, sole=True, refused=NOTHING, left="", only="", arithmetic=False, negatable=True,
            choices=0, texted=False, last="", lambda_="", params=NOTHING, ops=0, tallest=0, most=self.height,
        )  # fmt: skip
        return again._replace(**changes) if changes else again  # type: ignore[arg-type]
