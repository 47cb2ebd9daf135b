"""One expression, evaluated over the modules of plans and over the host's: for tests that compare the two."""

from __future__ import annotations

import collections
import datetime as dt
import functools
import itertools
import json
import math
import statistics
import string
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pyrag_dsl.interpreter.dates import DATE_TYPES
from pyrag_dsl.interpreter.journal import Journal
from pyrag_dsl.interpreter.limits import Limits
from pyrag_dsl.interpreter.machine import Machine
from pyrag_dsl.interpreter.modules import MODULES
from pyrag_dsl.interpreter.modules import collections_ as tables
from pyrag_dsl.interpreter.values import (
    Builtin,
    DefaultDict,
    Iter,
    Module,
    PlanFrozenSet,
    PlanSet,
    Record,
    RecordType,
)

NOW = dt.datetime(2026, 1, 2, 3, 4, 5)
SHOWN = 40  # items of an iterator that are compared


def machine(now: dt.datetime = NOW, **limits: Any) -> Machine:
    return Machine(
        signatures={},
        limits=replace(Limits(), **limits),
        journal=Journal(),
        overrides={},
        withheld=frozenset(),
        supply=None,
        interrupt=None,
        now=now,
    )


HOST_MODULES = {
    module.__name__: module for module in (collections, dt, functools, itertools, json, math, statistics, string)
}
METHODS: dict[type, dict[str, Any]] = {
    Counter: tables.COUNTER_METHODS,
    OrderedDict: tables.ORDERED_DICT_METHODS,
    DefaultDict: tables.DEFAULT_DICT_METHODS,
    deque: tables.DEQUE_METHODS,
    Record: tables.RECORD_METHODS,
    **{kind: entry.METHODS for kind, entry in DATE_TYPES.items()},
}


class _Offered:
    """A module or type of plans as a host object: attributes are its members, calls are calls of plans."""

    def __init__(self, machine: Machine, target: Any) -> None:
        self.machine, self.target = machine, target

    def __getattr__(self, name: str) -> Any:
        if type(self.target) is Module:
            member = self.target.members[name]
        else:
            member = self.target.statics[name]
        return _Offered(self.machine, member) if type(member) is Builtin else member

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        plain = {name: _unwrap(arg) for name, arg in kwargs.items()}
        made = self.machine.invoke(self.target, [_unwrap(arg) for arg in args], plain)
        return _Offered(self.machine, made) if type(made) is Builtin else made


def _unwrap(value: Any) -> Any:
    if type(value) is _Offered:
        return value.target
    if type(value) is set:
        return PlanSet(value)
    return PlanFrozenSet(value) if type(value) is frozenset else value


def offered(machine: Machine) -> dict[str, Any]:
    """The names of an expression: modules; `fn`, a function of the plan; `do`, a method; and so on."""

    def do(value: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        return METHODS[type(value)][name].call(machine, value, *map(_unwrap, args), **kwargs)

    def get(value: Any, name: str) -> Any:
        if type(value) in (Record, RecordType):
            return tables.record_attribute(machine, value, name)
        return DATE_TYPES[type(value)].ATTRIBUTES[name](machine, value)

    def call(function: Any, *args: Any, **kwargs: Any) -> Any:
        return machine.invoke(_unwrap(function), list(args), kwargs)

    def fn(function: Callable[..., Any]) -> Builtin:
        return Builtin("f", lambda _machine, *args: function(*args))

    def after(value: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        do(value, name, *args, **kwargs)
        return value

    modules = {name: _Offered(machine, module) for name, module in MODULES.items()}
    items = lambda value: list(machine.iterate(value))  # noqa: E731
    # The host's own, as arguments: constructors of plans are not the matter of these tests.
    names = {name: Builtin(name, lambda _m, *a, _t=kind: _t(*a)) for name, kind in (("int", int), ("list", list))}
    return {**modules, **names, "do": do, "get": get, "call": call, "fn": fn, "after": after, "items": items}


def of_host() -> dict[str, Any]:
    def do(value: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        return getattr(value, name)(*args, **kwargs)

    def after(value: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        do(value, name, *args, **kwargs)
        return value

    return {
        **HOST_MODULES,
        "do": do,
        "get": getattr,
        "call": lambda function, *args, **kwargs: function(*args, **kwargs),
        "fn": lambda function: function,
        "after": after,
        "items": list,
    }


def plain(value: Any) -> Any:
    """A value with its exact type, in a form that is the same for equal values of plans and of the host."""
    kind = type(value)
    if kind is Iter:
        return ("iterator", [plain(item) for item in itertools.islice(value.producer, SHOWN)])
    if kind in (Record, RecordType) or hasattr(value, "_asdict"):
        fields = value.type.fields if kind is Record else value._fields
        name = value.type.name.rpartition(".")[2] if kind is Record else kind.__name__
        return ("named tuple", name, fields, [plain(item) for item in value])
    if kind is dt.date.max.isocalendar().__class__:
        return ("named tuple", kind.__name__, ("year", "week", "weekday"), [plain(item) for item in value])
    if kind in (DefaultDict, defaultdict):
        return ("defaultdict", [(plain(key), plain(item)) for key, item in value.items()])
    if isinstance(value, dict):
        return (kind.__name__, [(plain(key), plain(item)) for key, item in value.items()])
    if kind is deque:
        return ("deque", value.maxlen, [plain(item) for item in value])
    if kind in (list, tuple):
        return (kind.__name__, [plain(item) for item in value])
    if kind in (PlanSet, set):
        return ("set", set(value))
    if hasattr(value, "__next__"):
        return ("iterator", [plain(item) for item in itertools.islice(value, SHOWN)])
    return (kind.__name__, repr(value))


def outcome(expression: str, names: dict[str, Any]) -> tuple[str, Any]:
    """("value", the value) or ("raises", the class of the exception)."""
    try:
        return ("value", plain(eval(expression, dict(names))))
    except Exception as error:
        return ("raises", type(error))


def on_offer(expression: str) -> Any:
    """The value of an expression over the modules of plans."""
    return eval(expression, offered(machine()))
