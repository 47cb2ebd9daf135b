"""The state of a reader of names: the scopes and the open brackets around its place in the text."""

from __future__ import annotations

from typing import NamedTuple

from ..grammar.expressions import ACCEPTED
from ..grammar.language import Signature

NOTHING: frozenset[str] = frozenset()
_LITERALS = frozenset("text number float bool None list tuple dict set generator function".split())
_BESIDE = {"text": frozenset({"number", "list"}), "number": frozenset({"text", "list"})}
_BESIDE["list"] = frozenset({"text", "number"})


def refused_by(kind: str) -> frozenset[str]:
    """The kinds of literals that a parameter of this type does not accept."""
    return _LITERALS.difference(ACCEPTED.get(kind, _LITERALS))


def refused_beside(kind: str) -> frozenset[str]:
    """The kinds of literals that cannot be added to one of this kind."""
    return _BESIDE.get(kind, NOTHING)


class BoundNames(NamedTuple):
    """The scope of a function or of the module.

    Attributes:
        names: the names that are bound here so far.
        borrowed: the names that were read here and are bound outside. They must not be bound here afterwards.
        indent: the indentation of the line that begins the function; -1 for the module.
        up: the scope around; None for the module.
    """

    names: frozenset[str]
    borrowed: frozenset[str] = NOTHING
    indent: int = -1
    up: BoundNames | None = None

    def sees(self, name: str) -> bool:
        """Whether a name is bound here or in a scope around."""
        return name in self.names or (self.up is not None and self.up.sees(name))

    def reading(self, name: str) -> BoundNames:
        """The scopes after a name was read."""
        if self.up is None or name in self.names:
            return self
        return self._replace(borrowed=self.borrowed | {name}, up=self.up.reading(name))


class Frame(NamedTuple):
    """An open bracket, the braces of an f-string, or the line around them, with the current item in it.

    Attributes:
        kind: "line", "(", "[", "{", "call", "tool", "index", "params", "hole".
        up: the frame around; None for a line.
        brackets: the number of brackets that may still be opened inside, one in another.
        quote: the quote of the f-string around, if this is inside its braces.
        operand: whether an operand comes next; otherwise an operator or the end.
        fresh: whether nothing of the item has been read.
        sole: whether no operator has been read, so that the item may be a single literal.
        refused: the kinds of literals that must not come next.
        limits: the kinds of literals that the whole bracket must not be.
        left: the kind of the literal to which a following `+` would be applied.
        only: the kind of the item if it is a single literal.
        arithmetic: whether the last operator binds at least as strongly as `+`.
        negatable: whether `not` may come next.
        choices: the number of `if` without their `else` so far.
        texted: whether a string was read last, which another string may follow.
        last: the name or attribute that was read last.
        element: whether the first item may be the element of a comprehension.
        pending: the names in the first item that a `for` in this bracket must bind.
        owed: the names that a comprehension around must bind.
        clause: the part of a `for` clause that is read: "", "target" or "source".
        arriving: the names of its target, which are bound after the source.
        bound: the names that the clauses have bound.
        commas: the number of commas that were read.
        pair: whether a colon or `**` was read in a display.
        tool: the tool, in a call of a tool.
        callee: the name of the function, in another call.
        given: the names of the arguments that were given.
        named: whether only arguments by name may follow.
        value: whether the item is the part after `=` or a colon.
        lambda_: the part of a lambda that is read: "", "params" or "body".
        params: the parameters of the lambda.
        above: a bound on the height of the expression around.
        ops: the number of operators in the item, which bounds its height.
        tallest: the height of the tallest operand in the item.
        most: the height of the tallest item so far.
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
        """Whether a `for` that follows in this bracket may bind a name that nothing has bound."""
        return self.element and not self.clause and not self.commas

    @property
    def height(self) -> int:
        return max(self.most, self.ops + self.tallest + 1)

    def capable(self) -> bool:
        """Whether `gathers` holds for this bracket or one around it."""
        frame: Frame | None = self
        while frame is not None:
            if frame.gathers:
                return True
            frame = frame.up
        return False

    def sees(self, name: str) -> bool:
        """Whether a comprehension or lambda around has bound a name."""
        frame: Frame | None = self
        while frame is not None:
            if name in frame.bound or (name in frame.params and frame.lambda_ == "body"):
                return True
            frame = frame.up
        return False

    def item(self, **changes: object) -> Frame:
        """The frame at the beginning of the next item, with these changes."""
        again = self._replace(
            operand=True, fresh=True, sole=True, refused=NOTHING, left="", only="", arithmetic=False, negatable=True,
            choices=0, texted=False, last="", lambda_="", params=NOTHING, ops=0, tallest=0, most=self.height,
        )  # fmt: skip
        return again._replace(**changes) if changes else again  # type: ignore[arg-type]
