"""What each kind of value is made of: one table for everything that looks into values."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import Any

from .values import (
    VIEWS,
    BoundMethod,
    Builtin,
    Closure,
    DefaultDict,
    Function,
    Iter,
    Partial,
    Pending,
    PlanFrozenSet,
    PlanSet,
    Record,
    RecordType,
)


def parts(value: Any) -> Iterable[Any]:
    """The values that a value holds, right below it."""
    of_kind = PARTS.get(type(value))
    if of_kind is not None:
        return of_kind(value)
    return value.args if isinstance(value, Exception) else ()


def _of_mapping(value: Any) -> list[Any]:
    return [*dict.keys(value), *dict.values(value)]


PARTS: dict[type, Callable[[Any], Iterable[Any]]] = {
    **dict.fromkeys((list, tuple, deque, Record, PlanSet, PlanFrozenSet, *VIEWS), lambda value: value),
    **dict.fromkeys((dict, Counter, OrderedDict), _of_mapping),
    DefaultDict: lambda value: [value.factory, *_of_mapping(value)],
    Iter: lambda value: value.sources,
    BoundMethod: lambda value: (value.value,),
    Builtin: lambda value: value.holds,
    Partial: lambda value: (value.function, *value.args, *value.kwargs.values()),
    RecordType: lambda value: value.defaults,
    Function: lambda value: [*value.defaults.values(), *value.cache, *value.cache.values()],
    Closure: lambda _value: (),
    Pending: lambda value: value.behind,
}
MUTABLE = frozenset({list, dict, Counter, OrderedDict, DefaultDict, PlanSet, deque, Iter})
