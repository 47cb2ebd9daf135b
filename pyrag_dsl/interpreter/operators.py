"""Operators on values of a plan. Whatever could grow is paid for before it is made."""

from __future__ import annotations

import operator
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from .container_methods import extend
from .machine import Machine
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
    TypeUnion,
    type_name,
)

Binary = Callable[[Machine, Any, Any], Any]
_BIG = 1 << 512
_SEQUENCES = frozenset({list, tuple, Record})
_SETS = frozenset({PlanSet, PlanFrozenSet})
_NESTED = CONTAINERS | frozenset(VIEWS)
_KEYS, _VALUES, _ITEMS = VIEWS
_LIKE_SETS = frozenset({_KEYS, _ITEMS})


def _integer(machine: Machine, value: Any) -> Any:
    if type(value) is int and not -_BIG < value < _BIG:
        size = value.bit_length()
        machine.bits(size)
        machine.take(size >> 3)
    return value


def multiplying(machine: Machine, a: Any, b: Any) -> None:
    """Pay for multiplying or dividing large integers, which takes the product of their sizes."""
    if type(a) is int and type(b) is int:
        machine.work(a.bit_length() * b.bit_length() >> 18)


def add(machine: Machine, a: Any, b: Any) -> Any:
    kind = type(a)
    if kind is str and type(b) is str:
        machine.text(len(a) + len(b), not (a.isascii() and b.isascii()))
    elif kind in _SEQUENCES or kind is deque:
        if type(b) in _SEQUENCES or type(b) is deque:
            machine.items(len(a) + len(b))
            if kind is Record or type(b) is Record:
                return tuple(a) + tuple(b) if kind is not list and type(b) is not list else a + b
    elif kind is Counter and type(b) is Counter:
        machine.items(len(a) + len(b))
    return _integer(machine, a + b)


def sub(machine: Machine, a: Any, b: Any) -> Any:
    if type(a) in VIEWS or type(b) in VIEWS:
        return _view_operation(machine, operator.sub, a, b)
    if type(a) in _SETS or type(a) is Counter:
        machine.items(len(a) * 4)
        machine.work(len(b) if type(b) is Counter else 0)
    return _integer(machine, a - b)


def mul(machine: Machine, a: Any, b: Any) -> Any:
    if type(b) in (str, list, tuple, Record, deque) and type(a) in (int, bool):
        a, b = b, a
    kind = type(a)
    if type(b) in (int, bool):
        if kind is str:
            machine.text(len(a) * max(b, 0), not a.isascii())
        elif kind in _SEQUENCES or kind is deque:
            machine.items(len(a) * max(b, 0))
        elif kind is int:
            machine.bits(a.bit_length() + b.bit_length() - 1)
            multiplying(machine, a, b)
            return _integer(machine, a * b)
    return a * b


def div(machine: Machine, a: Any, b: Any) -> Any:
    multiplying(machine, a, b)
    return a / b


def floordiv(machine: Machine, a: Any, b: Any) -> Any:
    multiplying(machine, a, b)
    return _integer(machine, a // b)


def mod(machine: Machine, a: Any, b: Any) -> Any:
    if type(a) is str:
        return percent(machine, a, b)
    multiplying(machine, a, b)
    return _integer(machine, a % b)


def power(machine: Machine, a: Any, b: Any) -> Any:
    if type(a) in (int, bool) and type(b) in (int, bool) and b > 0 and a not in (0, 1, -1):
        machine.bits((abs(a).bit_length() - 1) * b)
        size = abs(a).bit_length() * b
        machine.work(size * size >> 18)
    result = _integer(machine, a**b)
    if type(result) is complex:
        raise ValueError("a negative number cannot be raised to a fractional power")
    return result


def lshift(machine: Machine, a: Any, b: Any) -> Any:
    if type(a) in (int, bool) and type(b) in (int, bool) and b > 0 and a:
        machine.bits(a.bit_length() + b)
    return _integer(machine, a << b)


def rshift(machine: Machine, a: Any, b: Any) -> Any:
    return _integer(machine, a >> b)


def _set_operation(operation: Binary) -> Binary:
    host: Any = operation

    def apply(machine: Machine, a: Any, b: Any) -> Any:
        if type(a) in VIEWS or type(b) in VIEWS:
            return _view_operation(machine, host, a, b)
        if type(a) in CONTAINERS:
            machine.items(len(a) + (len(b) if type(b) in CONTAINERS else 0))
        if host is operator.or_ and (_is_type(a) or _is_type(b)):
            return _type_union(a, b)
        if type(a) is DefaultDict or type(b) is DefaultDict:
            if host is not operator.or_ or not (isinstance(a, dict) and isinstance(b, dict)):
                raise TypeError(f"unsupported operand type(s): '{type_name(a)}' and '{type_name(b)}'")
            owner: Any = a if type(a) is DefaultDict else b
            merged = DefaultDict(owner.factory, a)
            merged.update(b)
            return merged
        return _integer(machine, host(a, b))

    return apply


def _is_type(value: Any) -> bool:
    return type(value) is TypeUnion or (type(value) is Builtin and value.host is not None)


def _type_union(a: Any, b: Any) -> TypeUnion:
    """`int | str | None`."""
    members: list[Any] = []
    for part in (a, b):
        if not _is_type(part) and part is not None:
            raise TypeError(f"unsupported operand type(s) for |: '{type_name(a)}' and '{type_name(b)}'")
        members += [kind for kind in (part.members if type(part) is TypeUnion else (part,)) if kind not in members]
    return TypeUnion(tuple(members))


def _view_operation(machine: Machine, host: Any, a: Any, b: Any) -> Any:
    """`d.keys() & other`, in the order of the left operand."""
    if type(a) is _VALUES or type(b) is _VALUES:
        raise TypeError(f"unsupported operand type(s): '{type_name(a)}' and '{type_name(b)}'")
    machine.work(len(a) if type(a) in VIEWS else 0)
    machine.work(len(b) if type(b) in VIEWS else 0)
    left, right = PlanSet(machine.keys(machine.drain(a))), PlanSet(machine.keys(machine.drain(b)))
    return host(left, right)


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
    """`a op= b` changes lists, sets, dictionaries and deques where they are."""

    def apply(machine: Machine, a: Any, b: Any) -> Any:
        kind = type(a)
        if kind is list:
            if operation is operator.iadd:
                extend(machine, a, b)
                return a
            if operation is operator.imul and type(b) in (int, bool):
                machine.items(len(a) * max(b, 0))
                a *= b
                return a
        elif kind is deque and operation is operator.iadd:
            a.extend(machine.drain(b))
            return a
        elif kind is PlanSet and type(b) in _SETS:
            result = binary(machine, a, b)
            a.members = result.members
            return a
        elif kind in (dict, DefaultDict) and operation is operator.ior:
            machine.items(len(a) + len(b) if hasattr(b, "__len__") else 0)
            a.update(b if isinstance(b, dict) else machine.drain(b))
            return a
        elif kind is Counter and type(b) is Counter:
            result = binary(machine, a, b)
            a.clear()
            a.update(result)
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
                machine.comparing(a, 1)
        elif (kind in _LIKE_SETS and type(b) in _SETS) or (kind in _SETS and type(b) in _LIKE_SETS):
            return host(PlanSet(machine.keys(machine.drain(a))), PlanSet(machine.keys(machine.drain(b))))
        elif kind in _NESTED and type(b) in _NESTED:
            machine.measure(a)
            machine.measure(b)
        return host(a, b)

    return apply


def contains(machine: Machine, a: Any, b: Any) -> Any:
    """`a in b`."""
    kind = type(b)
    if kind is str:
        if type(a) is not str:
            raise TypeError(f"'in <string>' requires string as left operand, not {type_name(a)}")
        machine.seeking(b, a)
        return a in b
    if type(a) is PlanSet and kind in _SETS:
        a = PlanFrozenSet(a)  # CPython looks for a set among the members as if it were frozen
    if kind in (PlanSet, PlanFrozenSet) or isinstance(b, dict):
        return machine.key(a) in b
    if kind is range and type(a) in (int, bool):
        return a in b
    if kind in CONTAINERS:
        machine.work(len(b) >> 3)
        if type(a) in CONTAINERS:
            machine.measure(a)
            machine.measure(b)
        elif type(a) is int:
            machine.work(a.bit_length() * len(b) >> 14)
        machine.comparing(a, len(b))
        return a in b
    if kind is _KEYS:
        return machine.key(a) in b
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
            machine.items(len(value) * 4)
        return _integer(machine, host(value))

    return apply
