"""How control leaves the middle of an evaluation, other than by a value or an exception of the plan."""

from __future__ import annotations

from typing import Any, NamedTuple


class Suspended(BaseException):
    """The value asked for depends on a tool call that has not come back."""


class PassOver(BaseException):
    """Nothing more can be known in this pass."""


class _Jump:
    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


BREAK: Any = _Jump("break")
CONTINUE: Any = _Jump("continue")


class Returned(NamedTuple):
    """A `return` statement was executed."""

    value: Any


class MaybeLeft(NamedTuple):
    """A suspended statement may leave its block by these jumps: "break", "continue", "return", "raise"."""

    ways: frozenset[str]
