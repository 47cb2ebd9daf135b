"""Methods of lists, tuples, dictionaries and sets."""

from __future__ import annotations

import operator
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import datetime, time
from itertools import islice
from typing import Any

from . import sets
from .machine import Machine
from .making import add_member, make_set
from .showing import show
from .values import CONTAINERS, VIEWS, Iter, Method, PlanFrozenSet, PlanSet

_MISSING: Any = object()
_SLOW = frozenset({datetime, time})  # with a time zone, the host compares them by arithmetic


# ----------------------------------------------------------------------- list


def append(machine: Machine, value: list[Any], item: Any, /) -> None:
    machine.memory -= 16
    if machine.memory < 0:
        machine.raise_memory_limit()
    if len(value) >= machine.limits.container:
        machine.charge_items(len(value) + 1)
    value.append(item)


def extend(machine: Machine, value: list[Any], items: Any, /) -> None:
    if type(items) is Iter:
        # Items are appended one by one, so that those before a failure stay.
        for item in machine.counted(machine.iterate(items)):
            append(machine, value, item)
        return
    more = machine.drain(items)
    machine.charge_items(len(more))
    if len(value) + len(more) > machine.limits.container:
        machine.charge_items(len(value) + len(more))
    value.extend(more)


def insert(machine: Machine, value: list[Any], index: Any, item: Any, /) -> None:
    machine.charge_items(1)
    machine.charge_steps(len(value) >> 8)
    value.insert(index, item)


def list_copy(machine: Machine, value: list[Any], /) -> list[Any]:
    machine.charge_items(len(value))
    return value.copy()


def sort(machine: Machine, value: list[Any], *, key: Any = None, reverse: Any = False) -> None:
    machine.charge_items(len(value))
    value[:] = sorted_list(machine, list(value), key, reverse)


def sorted_list(machine: Machine, items: list[Any], key: Any, reverse: Any) -> list[Any]:
    """`sorted(items, key=key, reverse=reverse)` of a list that nothing else holds."""
    size = len(items)
    machine.charge_steps(size * max(size.bit_length() - 2, 1) >> 2)
    machine.charge_bytes(size * 8)
    if key is None:
        machine.scan(items)
        charge_sort(machine, items)
        items.sort(reverse=reverse)
        return items
    call = machine.caller()
    keys = [call(key, item) for item in items]
    machine.scan(keys)
    charge_sort(machine, keys)
    order = sorted(range(size), key=keys.__getitem__, reverse=reverse)
    return [items[index] for index in order]


def charge_sort(machine: Machine, items: list[Any]) -> None:
    """Charge the slow comparisons of a sort: of containers, long texts, large integers and times with zones."""
    rounds = len(items).bit_length()
    kinds = {*map(type, items)}
    if not kinds.isdisjoint(CONTAINERS):
        machine.charge_steps((machine.charge_value(items) >> 5) * rounds)
    if str in kinds:
        machine.charge_steps((sum([len(item) for item in items if type(item) is str]) >> 11) * rounds)
    if int in kinds:
        machine.charge_steps((sum([item.bit_length() for item in items if type(item) is int]) >> 14) * rounds)
    if not kinds.isdisjoint(_SLOW):
        machine.charge_steps(8 * len(items) * rounds)


def charge_item_comparisons(machine: Machine, sought: Any, items: Any) -> None:
    """Charge the comparison of a value with all items of a container, as `in`, `count` and `index` make it."""
    machine.charge_steps(1 + (len(items) >> 4))
    kind = type(sought)
    if kind is str and len(sought) < 64:  # `charge_comparisons` would charge nothing
        return
    if kind in CONTAINERS or kind in VIEWS:
        machine.charge_value(sought)
        machine.charge_value(items)
    elif kind in _SLOW:
        machine.charge_steps(len(items) * 8)
    machine.charge_comparisons(sought, len(items))


def _host(kind: type, name: str, *, shallow: bool = False, reads: bool = False) -> Method:
    """A method that creates nothing and visits each item at most once."""
    host = getattr(kind, name)

    def call(machine: Machine, value: Any, *args: Any) -> Any:
        charge_item_comparisons(machine, args[0] if args else None, value)
        return host(value, *args)

    return Method(name, call, shallow=shallow, reads=reads)


def _cheap(kind: type, name: str, *, reads: bool = False) -> Method:
    """A method that visits one item."""
    host = getattr(kind, name)

    def call(_machine: Machine, value: Any, *args: Any) -> Any:
        return host(value, *args)

    return Method(name, call, shallow=True, reads=reads)


def remove_shown(machine: Machine, value: Any, sought: Any, /) -> None:
    """`remove` of a deque. The message is ours: the host's would show the value, however large it is."""
    charge_item_comparisons(machine, sought, value)
    try:
        at = operator.indexOf(value, sought)
    except ValueError:
        raise ValueError(f"{show(machine, sought)} is not in deque") from None
    del value[at]


def index_shown(kind: type) -> Method:
    """`index` of a list or a deque. The message is ours, as in `remove_shown`."""

    def index(machine: Machine, value: Any, sought: Any, /, start: Any = 0, stop: Any = sys.maxsize) -> int:
        for bound in (start, stop):
            if type(bound) not in (int, bool):
                raise TypeError("slice indices must be integers or have an __index__ method")
        charge_item_comparisons(machine, sought, value)
        first, last, _ = slice(start, stop).indices(len(value))
        try:
            return first + operator.indexOf(islice(value, first, max(first, last)), sought)
        except ValueError:
            raise ValueError(f"{show(machine, sought)} is not in {kind.__name__}") from None

    return Method("index", index, reads=True)


LIST_METHODS: dict[str, Method] = {
    "append": Method("append", append, shallow=True, keeps=True),
    "clear": _cheap(list, "clear"),
    "copy": Method("copy", list_copy, shallow=True, reads=True),
    "count": _host(list, "count", reads=True),
    "extend": Method("extend", extend, shallow=True),
    "index": index_shown(list),
    "insert": Method("insert", insert, shallow=True, keeps=True),
    "pop": _host(list, "pop", shallow=True),
    "remove": _host(list, "remove"),
    "reverse": _host(list, "reverse", shallow=True),
    "sort": Method("sort", sort, shallow=True),
}
TUPLE_METHODS: dict[str, Method] = {name: _host(tuple, name, reads=True) for name in ("count", "index")}


# ----------------------------------------------------------------------- dict


def dict_get(machine: Machine, value: dict[Any, Any], key: Any, default: Any = None, /) -> Any:
    return value.get(machine.charge_key(key), default)


def dict_pop(machine: Machine, value: dict[Any, Any], key: Any, default: Any = _MISSING, /) -> Any:
    machine.charge_key(key)
    machine.charge_steps(len(value) >> 7)
    return value.pop(key) if default is _MISSING else value.pop(key, default)


def dict_clear(_machine: Machine, value: dict[Any, Any], /) -> None:
    value.clear()


def dict_popitem(_machine: Machine, value: dict[Any, Any], /) -> Any:
    return value.popitem()


def setdefault(machine: Machine, value: dict[Any, Any], key: Any, default: Any = None, /) -> Any:
    before = len(value)
    found = value.setdefault(machine.charge_key(key), default)
    if len(value) > before:
        machine.charge_items(6)
    return found


def update(machine: Machine, value: dict[Any, Any], other: Any = (), /, **kwargs: Any) -> None:
    machine.charge_items(len(kwargs) * 6)
    if isinstance(other, dict):
        machine.charge_items(len(other) * 8)
        machine.charge_rehash(other)
        if type(value) is OrderedDict:
            value.update(other)
        else:
            dict.update(value, other)  # also of a Counter, whose own method counts
    else:
        for key, item in each_pair(machine, other):
            value[machine.charge_key(key)] = item
    for name in kwargs:
        value[name] = kwargs[name]
    if len(value) > machine.limits.container:
        machine.charge_items(len(value))


def pairs(machine: Machine, items: Any) -> list[tuple[Any, Any]]:
    """The items of an iterable of pairs, as a list."""
    return list(each_pair(machine, items))


def each_pair(machine: Machine, items: Any) -> Iterator[tuple[Any, Any]]:
    """The items of an iterable of pairs, one by one, so that those before a failure are used."""
    source = machine.counted(machine.iterate(items)) if type(items) is Iter else machine.drain(items)
    for number, item in enumerate(source):
        machine.check(item)
        try:
            pair = machine.drain(item)
        except TypeError:
            raise TypeError(f"cannot convert dictionary update sequence element #{number} to a sequence") from None
        if len(pair) != 2:
            raise ValueError(f"dictionary update sequence element #{number} has length {len(pair)}; 2 is required")
        machine.charge_items(8)
        machine.charge_steps(2)
        yield machine.charge_key(machine.check(pair[0])), pair[1]


def dict_copy(machine: Machine, value: dict[Any, Any], /) -> dict[Any, Any]:
    machine.charge_items(len(value) * 6)
    machine.charge_rehash(value)
    return value.copy()


def fromkeys(machine: Machine, keys: Any, default: Any = None, /) -> dict[Any, Any]:
    items = machine.drain(keys)
    machine.charge_items(len(items) * 6)
    machine.scan(items)
    machine.charge_keys(items)
    return dict.fromkeys(items, default)


DICT_METHODS: dict[str, Method] = {
    "clear": Method("clear", dict_clear, shallow=True),
    "copy": Method("copy", dict_copy, shallow=True, reads=True),
    "fromkeys": Method("fromkeys", lambda machine, _value, *args: fromkeys(machine, *args)),
    "get": Method("get", dict_get, shallow=True, keeps=True, reads=True),
    "items": _cheap(dict, "items", reads=True),
    "keys": _cheap(dict, "keys", reads=True),
    "pop": Method("pop", dict_pop, shallow=True, keeps=True),
    "popitem": Method("popitem", dict_popitem, shallow=True),
    "setdefault": Method("setdefault", setdefault, shallow=True, keeps=True),
    "update": Method("update", update, shallow=True, keeps=True),
    "values": _cheap(dict, "values", reads=True),
}


# ------------------------------------------------------------------------ set


def as_set(machine: Machine, value: Any) -> PlanSet:
    """A set of the items of an iterable; itself, if it is one."""
    if type(value) in (PlanSet, PlanFrozenSet):
        return machine.check(value)  # type: ignore[no-any-return]
    machine.charge_steps(16)
    items = machine.drain(value)
    machine.scan(items)
    made: PlanSet = make_set(machine, items)
    return made


def _combining(name: str, combine: Callable[[Machine, Any, PlanSet], Any], *, in_place: bool) -> Method:
    def call(machine: Machine, value: PlanSet, *others: Any) -> Any:
        if len(others) != 1 and name.startswith("symmetric"):
            raise TypeError(f"set.{name}() takes exactly one argument ({len(others)} given)")
        result = value
        for other in others:
            result = combine(machine, result, as_set(machine, other))
        if in_place:
            value.members = result.members if result is not value else value.members
            return None
        return sets.copy(machine, value) if result is value else result

    return Method(name, call, reads=not in_place)


def _testing(name: str, test: Callable[[Machine, PlanSet, PlanSet], bool]) -> Method:
    def call(machine: Machine, value: PlanSet, other: Any, /) -> bool:
        return test(machine, value, as_set(machine, other))

    return Method(name, call, reads=True)


def set_add(machine: Machine, value: PlanSet, item: Any, /) -> None:
    add_member(machine, value, item)


def set_update(machine: Machine, value: PlanSet, *others: Any) -> None:
    for other in others:
        if type(other) is Iter:
            for item in machine.counted(machine.iterate(other)):
                machine.scan(item)
                add_member(machine, value, item)
        else:
            more = as_set(machine, other)
            machine.charge_items(len(value) + len(more))
            machine.charge_bytes(80 * len(more))
            machine.charge_rehash(more.members)
            value.members.update(more.members)


def set_discard(machine: Machine, value: PlanSet, item: Any, /) -> None:
    machine.charge_steps(len(value) >> 7)
    value.members.pop(machine.charge_key(sets.frozen(machine, item)), None)


def set_remove(machine: Machine, value: PlanSet, item: Any, /) -> None:
    machine.charge_steps(len(value) >> 7)
    del value.members[machine.charge_key(sets.frozen(machine, item))]


def set_pop(machine: Machine, value: PlanSet, /) -> Any:
    if not value.members:
        raise KeyError("pop from an empty set")
    machine.charge_steps(len(value) >> 7)  # the host skips the places of members that were removed
    first = next(iter(value.members))
    del value.members[first]
    return first


def set_clear(_machine: Machine, value: PlanSet, /) -> None:
    value.members.clear()


FROZENSET_METHODS: dict[str, Method] = {
    "copy": Method("copy", sets.copy, reads=True),
    "difference": _combining("difference", sets.difference, in_place=False),
    "intersection": _combining("intersection", sets.intersection, in_place=False),
    "isdisjoint": _testing("isdisjoint", sets.is_disjoint),
    "issubset": _testing("issubset", sets.is_subset),
    "issuperset": _testing("issuperset", sets.is_superset),
    "symmetric_difference": _combining("symmetric_difference", sets.symmetric_difference, in_place=False),
    "union": _combining("union", sets.union, in_place=False),
}
SET_METHODS: dict[str, Method] = {
    **FROZENSET_METHODS,
    "add": Method("add", set_add),
    "clear": Method("clear", set_clear),
    "difference_update": _combining("difference_update", sets.difference, in_place=True),
    "discard": Method("discard", set_discard),
    "intersection_update": _combining("intersection_update", sets.intersection, in_place=True),
    "pop": Method("pop", set_pop),
    "remove": Method("remove", set_remove),
    "symmetric_difference_update": _combining("symmetric_difference_update", sets.symmetric_difference, in_place=True),
    "update": Method("update", set_update),
}
