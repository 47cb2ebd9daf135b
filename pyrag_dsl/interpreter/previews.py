"""What a trace shows of a statement: the values that it bound, as they were when it ended."""

from __future__ import annotations

from typing import Any

from .machine import Machine, range_length

_SHOWN = frozenset({str, int, float, bool, type(None)})


def record(machine: Machine, node: Any, value: Any) -> None:
    """Record a statement for the trace."""
    machine.statements_left -= 1
    if machine.statements_left >= 0:
        machine.statements.append((node, value if type(value) in _SHOWN else preview(value)))


def preview(value: Any) -> Any:
    """What a trace shows of a value: the value itself if it cannot change, else its type and size."""
    kind = type(value)
    if kind in _SHOWN:
        return value
    size = range_length(value) if kind is range else len(value) if hasattr(value, "__len__") else None
    return Preview(kind, size, value[0] if kind is list and value else None)


class Preview:
    """A container as it was when a statement ended."""

    __slots__ = ("first", "kind", "size")

    def __init__(self, kind: type, size: int | None, first: Any) -> None:
        self.kind = kind
        self.size = size
        self.first = first if type(first) is str else None
