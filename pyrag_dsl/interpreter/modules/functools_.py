"""The module `functools`."""

from __future__ import annotations

from functools import partial
from typing import Any

from .. import operators
from ..machine import Caller, Machine
from ..making import make_partial
from ..parts import SHAPES, Shape
from ..values import BoundMethod, Builtin, Function, Partial, RecordType, type_name

CALLABLE = frozenset({BoundMethod, Builtin, Function, Partial, RecordType})
_COMPARING = 800  # bytes of the result of `cmp_to_key`
_MISSING: Any = object()
_UNBOUNDED = -1  # the size of a cache without bound; see `values.Function`


def _reduce(machine: Machine, function: Any, iterable: Any, initial: Any = _MISSING, /) -> Any:
    call = machine.caller()
    total = initial
    for item in machine.counted(machine.iterate(iterable)):
        machine.check(item)
        total = item if total is _MISSING else call(function, total, item)
    if total is _MISSING:
        raise TypeError("reduce() of empty iterable with no initial value")
    return total


def _partial(machine: Machine, function: Any, /, *args: Any, **kwargs: Any) -> Partial:
    if type(function) not in CALLABLE:
        raise TypeError("the first argument must be callable")
    if type(function) is Partial:
        machine.charge_items(len(function.args) + len(function.kwargs))
        args, kwargs = (*function.args, *args), {**function.kwargs, **kwargs}
        function = function.function
    return make_partial(machine, function, args, kwargs)


def _cached(size: int, function: Any) -> Function:
    if type(function) is not Function:
        raise TypeError(f"a cache is for functions that the plan defines, not for a {type_name(function)}")
    return Function(function.code, function.frame, function.defaults, size)


def _cache(machine: Machine, function: Any, /) -> Function:  # noqa: ARG001
    return _cached(_UNBOUNDED, function)


def _lru_cache(machine: Machine, /, maxsize: Any = 128, typed: Any = False) -> Function | Builtin:  # noqa: ARG001
    if type(maxsize) in CALLABLE:
        return _cached(128, maxsize)
    if maxsize is not None and type(maxsize) not in (int, bool):
        raise TypeError("Expected first argument to be an integer, a callable, or None")
    size = _UNBOUNDED if maxsize is None else max(int(maxsize), 0)
    return Builtin("lru_cache", lambda _machine, function, /: _cached(size, function))


class CompareKey:
    """The result of `cmp_to_key(f)(value)`, which is compared by `f`."""

    __slots__ = ("call", "function", "machine", "value")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, machine: Machine, call: Caller, function: Any, value: Any) -> None:
        self.machine = machine
        self.call = call
        self.function = function
        self.value = value

    def __repr__(self) -> str:
        return "<functools.KeyWrapper object>"

    def _to(self, op: str, other: Any) -> Any:
        if type(other) is not CompareKey:
            raise TypeError("other argument must be K instance")
        order = self.call(self.function, self.value, other.value)
        self.machine.scan(order)
        return operators.COMPARE[op](self.machine, order, 0)

    def __lt__(self, other: Any) -> Any:
        return self._to("<", other)

    def __le__(self, other: Any) -> Any:
        return self._to("<=", other)

    def __gt__(self, other: Any) -> Any:
        return self._to(">", other)

    def __ge__(self, other: Any) -> Any:
        return self._to(">=", other)

    def __eq__(self, other: object) -> Any:
        return self._to("==", other)


SHAPES[CompareKey] = Shape(lambda value: (value.function, value.value), lambda _: 40)


def _cmp_to_key(machine: Machine, mycmp: Any, /) -> Builtin:
    machine.charge_bytes(_COMPARING)
    make = partial(CompareKey, machine, machine.caller(), mycmp)
    return Builtin("cmp_to_key", lambda _machine, obj, /: make(obj), keeps=True, holds=(mycmp,))


MEMBERS: dict[str, Any] = {
    "cache": Builtin("cache", _cache),
    "cmp_to_key": Builtin("cmp_to_key", _cmp_to_key),
    "lru_cache": Builtin("lru_cache", _lru_cache),
    "partial": Builtin("functools.partial", _partial, shallow=True, keeps=True, host=Partial),
    "reduce": Builtin("reduce", _reduce, shallow=True),
}
