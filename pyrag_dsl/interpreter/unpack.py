"""Binding values to targets: names, items, and sequences of targets with at most one star."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..grammar import nodes as n
from .items import set_item
from .machine import Machine
from .signals import Suspended
from .values import PENDING

if TYPE_CHECKING:
    from .lower_expressions import LowerExpressions

Bind = Callable[[dict[Any, Any], Any], None]


def binder(lower: LowerExpressions, target: Any) -> Bind:
    """A function that binds a value to a target."""
    kind = type(target)
    if kind is n.Name:
        return lower.store(target.id)
    if kind is n.Subscript:
        container, index = lower.expr(target.value), lower.index(target.index)

        def item(frame: dict[Any, Any], value: Any, _node: Any = target) -> None:
            holder = container(frame)
            set_item(frame[0], holder, index(frame), value)

        return item
    binds = [binder(lower, part.value if type(part) is n.Starred else part) for part in target.items]
    star = next((i for i, part in enumerate(target.items) if type(part) is n.Starred), None)
    after = 0 if star is None else len(binds) - star - 1

    def unpack(frame: dict[Any, Any], value: Any, _node: Any = target) -> None:
        if value is PENDING:
            if frame[0].guarded:
                raise Suspended  # it may turn out not to fit, and the plan would catch that
            for bind in binds:
                bind(frame, PENDING)
            return
        parts = split(frame[0], value, len(binds), star, after)
        for bind, part in zip(binds, parts, strict=True):
            bind(frame, part)

    return unpack


def split(machine: Machine, value: Any, count: int, star: int | None, after: int) -> list[Any]:
    """The values for `count` targets, the one at `star` a list."""
    if star is None:
        items = []
        for item in machine.iterate(value):
            machine.work(1)
            items.append(item)
            if len(items) > count:
                raise ValueError(f"too many values to unpack (expected {count})")
        if len(items) < count:
            raise ValueError(f"not enough values to unpack (expected {count}, got {len(items)})")
        return items
    items = machine.drain(value)
    if len(items) < count - 1:
        raise ValueError(f"not enough values to unpack (expected at least {count - 1}, got {len(items)})")
    end = len(items) - after
    return [*items[:star], items[star:end], *items[end:]]
