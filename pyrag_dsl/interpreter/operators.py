"""Operators on values of a plan. A result that can be large is charged before it is made."""

from __future__ import annotations

import operator
from collections import Counter, deque
from collections.abc import Callable
from datetime import datetime, time
from typing import Any

from . import sets
from .container_methods import charge_item_comparisons, extend, update
from .machine import Machine
from .making import DEQUE, make_default_dict, make_set, make_union
from .text import percent
from .values import (
    CONTAINERS,
    VIEWS,
    Builtin,
    DefaultDict,
    Iter,
    PlanFrozenSet,
    PlanSet,
    Record,
    RecordType,
    TypeUnion,
    type_name,
)

Binary = Callable[[Machine, Any, Any], Any]
_SEQUENCES = frozenset({list, tuple, Record})
_SETS = frozenset({PlanSet, PlanFrozenSet})
_NESTED = CONTAINERS | frozenset(VIEWS)
_KEYS, _VALUES, _ITEMS = VIEWS
_NO_COUNTS: Any = Counter()
_LIKE_SETS = frozenset({_KEYS, _ITEMS}) | _SETS
_SLOW = frozenset({datetime, time})  # with a time zone, the host compares them by arithmetic


def charge_multiplication(machine: Machine, a: Any, b: Any) -> None:
    """Charge the multiplication or division of large integers, whose time is the product of their sizes."""
    if type(a) is int and type(b) is int:
        machine.charge_steps(a.bit_length() * b.bit_length() >> 18)


def add(machine: Machine, a: Any, b: Any) -> Any:
    kind = type(a)
    if kind is str and type(b) is str:
        machine.charge_text(len(a) + len(b), not (a.isascii() and b.isascii()))
    elif kind in _SEQUENCES or kind is deque:
        if type(b) in _SEQUENCES or type(b) is deque:
            machine.charge_items(len(a) + len(b))
            if kind is deque:
                machine.charge_bytes(DEQUE)
            if kind is Record or type(b) is Record:
                return tuple(a) + tuple(b) if kind is not list and type(b) is not list else a + b
    elif kind is Counter and type(b) is Counter:
        _charge_counters(machine, a, b)
    return machine.charge_integer(a + b)


def sub(machine: Machine, a: Any, b: Any) -> Any:
    if type(a) in VIEWS or type(b) in VIEWS:
        return _view_operation(machine, operator.sub, a, b)
    if type(a) in _SETS and type(b) in _SETS:
        return sets.difference(machine, a, b)
    if type(a) is Counter and type(b) is Counter:
        _charge_counters(machine, a, b)
    return machine.charge_integer(a - b)


def _charge_counters(machine: Machine, a: Any, b: Any) -> None:
    """Charge an operation on two counters, which hashes all keys and computes all counts again."""
    machine.charge_items((len(a) + len(b)) * 6)
    machine.charge_steps(len(a) + len(b) << 1)
    for counter in (a, b):
        machine.charge_rehash(counter)
        machine.charge_bytes(machine.charge_value(list(counter.values())))


def mul(machine: Machine, a: Any, b: Any) -> Any:
    if type(b) in (str, list, tuple, Record, deque) and type(a) in (int, bool):
        a, b = b, a
    kind = type(a)
    if type(b) in (int, bool):
        if kind is str:
            machine.charge_text(len(a) * max(b, 0), not a.isascii())
        elif kind in _SEQUENCES or kind is deque:
            machine.charge_items(len(a) * max(b, 0))
            if kind is deque:
                machine.charge_bytes(DEQUE)
        elif kind is int:
            machine.check_bits(a.bit_length() + b.bit_length() - 1)
            charge_multiplication(machine, a, b)
            return machine.charge_integer(a * b)
    return a * b


def div(machine: Machine, a: Any, b: Any) -> Any:
    charge_multiplication(machine, a, b)
    return a / b


def floordiv(machine: Machine, a: Any, b: Any) -> Any:
    charge_multiplication(machine, a, b)
    return machine.charge_integer(a // b)


def mod(machine: Machine, a: Any, b: Any) -> Any:
    if type(a) is str:
        return percent(machine, a, b)
    charge_multiplication(machine, a, b)
    return machine.charge_integer(a % b)


def power(machine: Machine, a: Any, b: Any) -> Any:
    if type(a) in (int, bool) and type(b) in (int, bool) and b > 0 and a not in (0, 1, -1):
        machine.check_bits((abs(a).bit_length() - 1) * b)
        size = abs(a).bit_length() * b
        machine.charge_steps(size * size >> 18)
    elif type(b) is int:
        machine.charge_steps(b.bit_length() >> 1)
    result = machine.charge_integer(a**b)
    if type(result) is complex:
        raise ValueError("a negative number cannot be raised to a fractional power")
    return result


def lshift(machine: Machine, a: Any, b: Any) -> Any:
    if type(a) in (int, bool) and type(b) in (int, bool) and b > 0 and a:
        machine.check_bits(a.bit_length() + b)
    return machine.charge_integer(a << b)


def rshift(machine: Machine, a: Any, b: Any) -> Any:
    return machine.charge_integer(a >> b)


def _set_operation(operation: Binary) -> Binary:
    host: Any = operation

    def apply(machine: Machine, a: Any, b: Any) -> Any:
        kind, other = type(a), type(b)
        if kind in VIEWS or other in VIEWS:
            return _view_operation(machine, host, a, b)
        if kind in _SETS and other in _SETS:
            return sets.OPERATIONS[host](machine, a, b)
        if kind is Counter and other is Counter:
            _charge_counters(machine, a, b)
        elif isinstance(a, dict) and isinstance(b, dict):
            return _merged(machine, host, a, b)
        if host is operator.or_ and (_is_type(a) or _is_type(b)):
            return _type_union(machine, a, b)
        return machine.charge_integer(host(a, b))

    return apply


def _merged(machine: Machine, host: Any, a: Any, b: Any) -> Any:
    """`a | b` of dictionaries; the result is a defaultdict if either operand is one."""
    machine.charge_items((len(a) + len(b)) * 6)
    machine.charge_rehash(a)
    machine.charge_rehash(b)
    if type(a) is not DefaultDict and type(b) is not DefaultDict:
        return host(a, b)
    if host is not operator.or_:
        raise TypeError(f"unsupported operand type(s): '{type_name(a)}' and '{type_name(b)}'")
    merged = make_default_dict(machine, (a if type(a) is DefaultDict else b).factory)
    merged.update(a)
    merged.update(b)
    return merged


def _is_type(value: Any) -> bool:
    return type(value) in (TypeUnion, RecordType) or (type(value) is Builtin and value.host is not None)


def _type_union(machine: Machine, a: Any, b: Any) -> TypeUnion:
    """`int | str | None`."""
    members: dict[Any, None] = {}
    for part in (a, b):
        if not _is_type(part) and part is not None:
            raise TypeError(f"unsupported operand type(s) for |: '{type_name(a)}' and '{type_name(b)}'")
        members.update(dict.fromkeys(part.members if type(part) is TypeUnion else (part,)))
    return make_union(machine, tuple(members))


def _view_operation(machine: Machine, host: Any, a: Any, b: Any) -> Any:
    """`d.keys() & other`, in the order of the left operand."""
    if type(a) is _VALUES or type(b) is _VALUES:
        raise TypeError(f"unsupported operand type(s): '{type_name(a)}' and '{type_name(b)}'")
    left, right = make_set(machine, machine.drain(a)), make_set(machine, machine.drain(b))
    return sets.OPERATIONS[host](machine, left, right)


BINARY: dict[str, Binary] = {
    "+": add,
    "-": sub,
    "*": mul,
    "/": div,
    "//": floordiv,
    "%": mod,
    "**": power,
    "<<": lshift,
    ">>": rshift,
    "|": _set_operation(operator.or_),  # type: ignore[arg-type]
    "&": _set_operation(operator.and_),  # type: ignore[arg-type]
    "^": _set_operation(operator.xor),  # type: ignore[arg-type]
}


def _in_place(operation: Any, binary: Binary) -> Binary:
    """`a op= b`, which changes lists, sets, dictionaries and deques in place."""

    def apply(machine: Machine, a: Any, b: Any) -> Any:
        kind = type(a)
        if kind is list:
            if operation is operator.iadd:
                extend(machine, a, b)
                return a
            if operation is operator.imul and type(b) in (int, bool):
                machine.charge_items(len(a) * max(b, 0))
                a *= b
                return a
        elif kind is deque and operation is operator.iadd:
            a.extend(machine.drain(b))
            return a
        elif kind is PlanSet and type(b) in _SETS:
            result = binary(machine, a, b)
            a.members = result.members
            return a
        elif isinstance(a, dict) and kind is not Counter and operation is operator.ior:
            update(machine, a, b)
            return a
        elif kind is Counter and type(b) is Counter:
            result = binary(machine, a, b)
            machine.charge_rehash(result)
            a.clear()
            dict.update(a, result)
            return a
        return binary(machine, a, b)

    return apply


IN_PLACE: dict[str, Binary] = {
    op: _in_place({"+": operator.iadd, "*": operator.imul, "|": operator.ior}.get(op), binary)
    for op, binary in BINARY.items()
}


def _comparison(host: Any) -> Binary:
    def apply(machine: Machine, a: Any, b: Any) -> Any:
        kind = type(a)
        if kind is str:
            if len(a) > 4_096:
                machine.charge_comparisons(a, 1)
        elif kind in _LIKE_SETS and type(b) in _LIKE_SETS and (kind in _SETS or type(b) in _SETS):
            left = a if kind in _SETS else make_set(machine, machine.drain(a))
            right = b if type(b) in _SETS else make_set(machine, machine.drain(b))
            machine.charge_value(left)
            machine.charge_value(right)
            return host(left, right)
        elif kind in _NESTED and type(b) in _NESTED:
            machine.charge_value(a)
            machine.charge_value(b)
        elif kind in _SLOW:
            machine.charge_steps(8)
        return host(a, b)

    return apply


def contains(machine: Machine, a: Any, b: Any) -> Any:
    """`a in b`."""
    kind = type(b)
    if kind is str:
        if type(a) is not str:
            raise TypeError(f"'in <string>' requires string as left operand, not {type_name(a)}")
        machine.charge_search(b, a)
        return a in b
    if kind in _SETS:
        return machine.charge_key(sets.frozen(machine, a)) in b
    if isinstance(b, dict):
        return machine.charge_key(a) in b
    if kind is range and type(a) in (int, bool):
        charge_multiplication(machine, max(b.stop, -b.start), b.step)
        return a in b
    if kind in CONTAINERS:
        charge_item_comparisons(machine, a, b)
        return a in b
    if kind is _KEYS:
        return machine.charge_key(a) in b
    if kind is Iter or kind is range or kind in VIEWS:
        same = COMPARE["=="]
        for item in machine.counted(machine.iterate(b)):
            machine.scan(item)
            if item is a or same(machine, item, a):
                return True
        return False
    raise TypeError(f"argument of type '{type_name(b)}' is not iterable")


COMPARE: dict[str, Binary] = {
    "==": _comparison(operator.eq),
    "!=": _comparison(operator.ne),
    "<": _comparison(operator.lt),
    "<=": _comparison(operator.le),
    ">": _comparison(operator.gt),
    ">=": _comparison(operator.ge),
    "is": lambda _machine, a, b: a is b,
    "is not": lambda _machine, a, b: a is not b,
    "in": contains,
    "not in": lambda machine, a, b: not contains(machine, a, b),
}


def unary(op: str) -> Callable[[Machine, Any], Any]:
    host: Any = {"-": operator.neg, "+": operator.pos, "~": operator.invert}[op]

    def apply(machine: Machine, value: Any) -> Any:
        if type(value) is Counter:
            _charge_counters(machine, value, _NO_COUNTS)
        return machine.charge_integer(host(value))

    return apply
