"""How control leaves the middle of an evaluation, other than by a value or an exception of the plan."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple
from zlib import crc32

Needs = tuple[int, str]


class Suspended(BaseException):
    """What was to be done needs the result of a tool call that has not come back.

    Attributes:
        needs: one call that must come back first; of several, the one of the highest `rank`.
    """

    def __init__(self, needs: Needs = (0, "")) -> None:
        self.needs = needs


@lru_cache(4096)
def rank(node: str) -> Needs:
    """A call as something that is needed, with a rank that says nothing about its place in the program.

    Of several calls that an operation needs, the one of the highest rank is named: until that has come back, another
    pass would find the operation as it is. If it were always the first or the last, results that come back in a
    certain order would each ask for another pass.
    """
    return crc32(node.encode()), node


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
    """A skipped statement may leave its block by these jumps: "break", "continue", "return", "raise"."""

    ways: frozenset[str]
    needs: Needs
