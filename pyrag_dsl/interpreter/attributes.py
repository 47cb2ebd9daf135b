"""Attributes: a lookup in tables by exact type and name. No attribute of the host is ever asked for."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import Any

from .container_methods import DICT_METHODS, FROZENSET_METHODS, LIST_METHODS, SET_METHODS, TUPLE_METHODS
from .dates import DATE_TYPES
from .machine import Machine
from .modules.collections_ import (
    COUNTER_METHODS,
    DEFAULT_DICT_METHODS,
    DEQUE_METHODS,
    ORDERED_DICT_METHODS,
    RECORD_METHODS,
    record_attribute,
)
from .regexes import MATCH_ATTRIBUTES, MATCH_METHODS, PATTERN_ATTRIBUTES, PATTERN_METHODS
from .text_methods import STR_METHODS
from .values import (
    BoundMethod,
    Builtin,
    DefaultDict,
    Function,
    Match,
    Method,
    Module,
    Pattern,
    PlanFrozenSet,
    PlanSet,
    Record,
    RecordType,
    type_name,
)

Getter = Callable[[Machine, Any], Any]


def _number_method(kind: type, name: str) -> Method:
    host = getattr(kind, name)
    return Method(name, lambda _machine, value, *args: host(value, *args))


_INT_METHODS = {
    "bit_length": _number_method(int, "bit_length"),
    "is_integer": Method("is_integer", lambda _machine, _value: True),
}
_FLOAT_METHODS = {name: _number_method(float, name) for name in ("is_integer", "as_integer_ratio")}
_INT_ATTRIBUTES: dict[str, Getter] = {
    "numerator": lambda _machine, value: int(value),
    "denominator": lambda _machine, _value: 1,
    "real": lambda _machine, value: int(value),
    "imag": lambda _machine, _value: 0,
}
_FLOAT_ATTRIBUTES: dict[str, Getter] = {
    "real": lambda _machine, value: value,
    "imag": lambda _machine, _value: 0.0,
}


def cache_clear(_machine: Machine, function: Function) -> None:
    if function.cache_size is None:
        raise AttributeError("'function' object has no attribute 'cache_clear'")
    function.cache.clear()


METHODS: dict[type, dict[str, Method]] = {
    str: STR_METHODS,
    int: _INT_METHODS,
    bool: _INT_METHODS,
    float: _FLOAT_METHODS,
    list: LIST_METHODS,
    tuple: TUPLE_METHODS,
    dict: DICT_METHODS,
    DefaultDict: {**DICT_METHODS, **DEFAULT_DICT_METHODS},
    Counter: {**DICT_METHODS, **COUNTER_METHODS},
    OrderedDict: {**DICT_METHODS, **ORDERED_DICT_METHODS},
    deque: DEQUE_METHODS,
    PlanSet: SET_METHODS,
    PlanFrozenSet: FROZENSET_METHODS,
    Record: {**TUPLE_METHODS, **RECORD_METHODS},
    Pattern: PATTERN_METHODS,
    Match: MATCH_METHODS,
    Function: {"cache_clear": Method("cache_clear", cache_clear)},
    **{kind: tables.METHODS for kind, tables in DATE_TYPES.items()},
}
ATTRIBUTES: dict[type, dict[str, Getter]] = {
    int: _INT_ATTRIBUTES,
    bool: _INT_ATTRIBUTES,
    float: _FLOAT_ATTRIBUTES,
    deque: {"maxlen": lambda _machine, value: value.maxlen},
    Pattern: PATTERN_ATTRIBUTES,
    Match: MATCH_ATTRIBUTES,
    **{kind: tables.ATTRIBUTES for kind, tables in DATE_TYPES.items()},
}


def get_attribute(machine: Machine, value: Any, name: str) -> Any:
    """`value.name`, or AttributeError."""
    kind = type(value)
    if kind is Module:
        if name in value.members:
            return value.members[name]
        raise AttributeError(f"module '{value.name}' has no attribute '{name}'")
    if kind is Builtin:
        return _of_builtin(value, name)
    if kind is RecordType or (kind is Record and name in value.type.index):
        return record_attribute(machine, value, name)
    method = METHODS.get(kind, _NONE).get(name)
    if method is not None:
        return BoundMethod(value, method)
    getter = ATTRIBUTES.get(kind, _NONE).get(name)
    if getter is not None:
        return getter(machine, value)
    if kind is Record:
        return record_attribute(machine, value, name)
    if name == "args" and isinstance(value, Exception):
        return value.args
    raise AttributeError(f"'{type_name(value)}' object has no attribute '{name}'")


_NONE: dict[str, Any] = {}


def _of_builtin(builtin: Builtin, name: str) -> Any:
    """`str.lower`, `dict.fromkeys`, `datetime.strptime`."""
    if builtin.statics is not None and name in builtin.statics:
        return builtin.statics[name]
    method = METHODS.get(builtin.host, _NONE).get(name) if isinstance(builtin.host, type) else None
    if method is None:
        kind = "type object" if builtin.host is not None else "function"
        raise AttributeError(f"{kind} '{builtin.name}' has no attribute '{name}'")
    host, call = builtin.host, method.call

    def unbound(machine: Machine, *args: Any, **kwargs: Any) -> Any:
        if not args or not isinstance(args[0], host) or (host is PlanSet and type(args[0]) is not PlanSet):
            got = type_name(args[0]) if args else "nothing"
            raise TypeError(f"descriptor '{name}' for '{builtin.name}' objects doesn't apply to a '{got}' object")
        return call(machine, *args, **kwargs)

    return Builtin(f"{builtin.name}.{name}", unbound, shallow=method.shallow, keeps=method.keeps, reads=method.reads)
