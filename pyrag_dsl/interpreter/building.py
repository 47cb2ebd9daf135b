"""Small steps that several nodes share: truth, `**mapping`, unpacking, the containers of comprehensions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .machine import Machine
from .making import add_member, make_set
from .values import PlanSet


def truth(value: Any) -> bool:
    """`bool(value)`, which never runs code of a plan."""
    return True if value is True else bool(value)


def all_hold(conditions: Iterable[Any], frame: Any) -> bool:
    """Whether all conditions of a comprehension hold.

    This is a loop because a generator of the host would swallow a StopIteration of the plan.
    """
    for condition in conditions:  # noqa: SIM110
        if not truth(condition(frame)):
            return False
    return True


def add_mapping(machine: Machine, out: dict[Any, Any], value: Any) -> None:
    """`**value`."""
    if not isinstance(value, dict):
        raise TypeError(f"argument after ** must be a mapping, not {type(value).__name__}")
    machine.charge_items((len(out) + len(value)) * 6)
    machine.charge_rehash(value)
    out.update(value)


def spread(machine: Machine, out: dict[str, Any], value: Any) -> None:
    """`**value` in a call: its items become keywords."""
    mapping: dict[Any, Any] = {}
    add_mapping(machine, mapping, value)
    for key in mapping:
        if type(key) is not str:
            raise TypeError("keywords must be strings")
        if key in out:
            raise TypeError(f"got multiple values for keyword argument '{key}'")
    out.update(mapping)


def split(machine: Machine, value: Any, count: int, star: int | None, after: int) -> list[Any]:
    """Unpack a value into `count` targets; the one at index `star`, if any, gets a list."""
    if star is None:
        items = []
        for item in machine.iterate(value):
            machine.charge_steps(1)
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


def collect(machine: Machine, kind: str, elements: Any) -> Any:
    """Build the container of a comprehension from its elements."""
    ceiling = machine.limits.container
    if kind == "list":
        out: list[Any] = []
        for element in elements:
            out.append(element)
            machine.memory -= 16
            if machine.memory < 0:
                machine.raise_memory_limit()
            if len(out) > ceiling:
                machine.charge_items(len(out))
        return out
    if kind == "set":
        members: PlanSet = make_set(machine, ())
        for element in elements:
            add_member(machine, members, element)
        return members
    made: dict[Any, Any] = {}
    for key, value in elements:
        made[machine.charge_key(key)] = value
        machine.charge_items(4)
    return made
