"""The ways in which an evaluation ends, other than with a value or an exception of the plan."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple
from zlib import crc32

Needs = tuple[int, str]


class Suspended(BaseException):
    """An operation needs the result of a tool call that has not come back.

    Attributes:
        needs: the call that must come back first; of several, the one of the highest `rank`.
    """

    def __init__(self, needs: Needs = (0, "")) -> None:
        self.needs = needs


@lru_cache(4096)
def rank(node: str) -> Needs:
    """A needed call: its node with a pseudo-random rank, which does not depend on its place in the program.

    If an operation needs several calls, the call of the highest rank is reported, and another pass is made when it
    has come back. If it were always the first or the last call, results that come back in an unlucky order would each
    cause another pass.
    """
    return crc32(node.encode()), node


class PassOver(BaseException):
    """A concurrent pass ends, because it has taken `ahead` steps after the first call that is missing."""


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
    """A skipped statement may leave its block by one of these jumps: "break", "continue", "return", "raise"."""

    jumps: frozenset[str]
    needs: Needs
