"""Reading and changing items: `value[index]`, `value[index] = item`, `del value[index]`."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from .machine import Machine
from .making import ENTRY, make_range
from .values import DefaultDict, Match, Record, type_name

_SUBSCRIPTABLE = frozenset({list, tuple, str, dict, range, Record, Counter, deque})
_ORDERED = frozenset({list, tuple, str, range, Record})


def get_item(machine: Machine, value: Any, index: Any) -> Any:
    """`value[index]`; the index may be a host slice."""
    kind = type(value)
    if kind is DefaultDict:
        return default_item(machine, value, index)
    if kind in _SUBSCRIPTABLE or isinstance(value, dict):
        if isinstance(value, dict):
            machine.charge_key(index)
        elif type(index) is slice:
            if kind is str:
                machine.charge_text(len(value), not value.isascii())
            elif kind in _ORDERED and kind is not range:
                machine.charge_items(len(range(*index.indices(len(value)))))
            if kind is Record:
                return tuple(value)[index]
            if kind is range:
                return make_range(machine, value[index])
        elif kind is deque:
            machine.charge_steps(len(value) >> 10)
        elif kind is range:
            return machine.charge_integer(value[index])
        return value[index]
    if kind is Match:
        if type(index) is slice:  # one of the two regex engines would accept it
            raise IndexError("no such group")
        return value.host[index]
    raise TypeError(f"'{type_name(value)}' object is not subscriptable")


def default_item(machine: Machine, value: DefaultDict, key: Any) -> Any:
    """`d[key]` of a defaultdict."""
    machine.charge_key(key)
    try:
        return dict.__getitem__(value, key)
    except KeyError:
        if value.factory is None:
            raise
    made = machine.caller()(value.factory)
    value[key] = made
    machine.charge_bytes(ENTRY)
    return made


def set_item(machine: Machine, value: Any, index: Any, item: Any) -> None:
    """`value[index] = item`."""
    kind = type(value)
    if kind is list:
        if type(index) is slice:
            items = machine.drain(item)
            machine.charge_items(len(value) + len(items))
            value[index] = items
            return
        value[index] = item
    elif isinstance(value, dict):
        machine.fuel -= 1
        machine.charge_key(index)
        before = len(value)
        value[index] = item
        if len(value) > before:
            machine.charge_bytes(ENTRY)
            if before >= machine.limits.container:
                machine.charge_items(before + 1)
    elif kind is deque:
        machine.charge_steps(len(value) >> 10)
        value[index] = item
    else:
        raise TypeError(f"'{type_name(value)}' object does not support item assignment")


def del_item(machine: Machine, value: Any, index: Any) -> None:
    """`del value[index]`."""
    if type(value) is list or isinstance(value, dict) or type(value) is deque:
        machine.charge_steps(1 + (len(value) >> 7))
        if isinstance(value, dict):
            machine.charge_key(index)
        del value[index]
    else:
        raise TypeError(f"'{type_name(value)}' object doesn't support item deletion")
