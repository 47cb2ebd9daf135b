"""The parts of each kind of value, as one table for all code that visits values.

Charges, texts, scans and copies are derived from this table, so they cannot disagree about what a value holds. A kind
that is not in the table holds nothing and shows at most sixteen characters; a test checks this for all of them.
"""

from __future__ import annotations

import json
import re
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Collection
from datetime import datetime, time, timezone
from typing import Any, NamedTuple

from .values import (
    VIEWS,
    BoundMethod,
    Builtin,
    Closure,
    DefaultDict,
    Function,
    Iter,
    Match,
    Module,
    Partial,
    Pattern,
    Pending,
    PlanFrozenSet,
    PlanSet,
    Record,
    RecordType,
    TypeUnion,
)


def _nothing(_value: Any) -> tuple[Any, ...]:
    return ()


def _itself(value: Any) -> Any:
    return value


def _no_name(_value: Any) -> int:
    return 0


class Shape(NamedTuple):
    """How a kind of value is visited.

    Attributes:
        parts: returns the values that the value holds directly.
        name: returns the number of characters that its text shows beside its parts, such as names that a plan chose.
        copied: returns the number of parts, if `parts` has to copy them; else None.
        leaf: whether its parts need not be visited to know its size.
        mutable: whether the value can be changed.
    """

    parts: Callable[[Any], Collection[Any]] = _nothing
    name: Callable[[Any], int] = _no_name
    copied: Callable[[Any], int] | None = None
    leaf: bool = False
    mutable: bool = False


def of_mapping(value: Any) -> list[Any]:
    """The keys of a mapping, then its values."""
    return [*dict.keys(value), *dict.values(value)]


def _twice(value: Any) -> int:
    return 2 * len(value)


def _zone_name(value: Any) -> int:
    zone = value if type(value) is timezone else value.tzinfo
    return 32 + (0 if zone is None else 2 * len(zone.tzname(None) or ""))


SHAPES: dict[type, Shape] = {
    **dict.fromkeys((list, deque, PlanSet), Shape(_itself, mutable=True)),
    **dict.fromkeys((tuple, PlanFrozenSet, *VIEWS), Shape(_itself)),
    **dict.fromkeys((dict, Counter, OrderedDict), Shape(of_mapping, copied=_twice, mutable=True)),
    DefaultDict: Shape(lambda value: [value.factory, *of_mapping(value)], copied=_twice, mutable=True),
    Record: Shape(_itself, lambda value: value.type.shown_size),
    RecordType: Shape(lambda value: value.defaults, lambda value: 32 + value.shown_size),
    Iter: Shape(lambda value: value.sources, lambda _: 16, mutable=True),
    BoundMethod: Shape(lambda value: (value.value,), lambda _: 48),
    Builtin: Shape(lambda value: value.holds, lambda _: 48),
    Partial: Shape(
        lambda value: (value.function, value.args, value.kwargs),
        lambda value: 24 + sum(map(len, value.kwargs)) + len(value.kwargs),
    ),
    Function: Shape(
        lambda value: [*value.defaults.values(), *value.cache, *value.cache.values()],
        lambda value: 16 + len(value.code.name),
        copied=lambda value: 2 * len(value.cache),
    ),
    TypeUnion: Shape(lambda value: value.members),
    Closure: Shape(),
    Pending: Shape(lambda value: value.behind),
    Pattern: Shape(name=lambda _: 250, leaf=True),
    Match: Shape(name=lambda _: 120, leaf=True),
    Module: Shape(name=lambda _: 32, leaf=True),
    **dict.fromkeys((datetime, time, timezone), Shape(name=_zone_name, leaf=True)),
    range: Shape(name=lambda value: 16 + (value.start.bit_length() + value.stop.bit_length() >> 1), leaf=True),
}
MUTABLE = frozenset(kind for kind, shape in SHAPES.items() if shape.mutable)


def exception_parts(error: Exception) -> tuple[Any, ...]:
    """The parts of an exception: its arguments, and the attributes that some exceptions show beside them."""
    more: tuple[Any, ...] = ()
    if isinstance(error, OSError):
        more = (error.filename, error.filename2)
    elif isinstance(error, json.JSONDecodeError):
        more = (error.msg, error.doc)
    elif isinstance(error, re.error):
        more = (error.msg, error.pattern)
    return (*error.args, *more) if more else error.args


def parts(value: Any) -> Collection[Any]:
    """The values that a value holds directly."""
    shape = SHAPES.get(type(value))
    if shape is not None:
        return shape.parts(value)
    return exception_parts(value) if isinstance(value, Exception) else ()
