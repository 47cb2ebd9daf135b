"""Plain data of a plan as JSON and back: exact types, whatever JSON makes of them.

Lists, text, numbers, true, false and null are themselves. What JSON has no word for is an object with one key
that begins with `$`: {"$tuple": [...]}, {"$set": [...]}, {"$float": "nan"}, {"$dict": [[key, value], ...]}.
"""

from __future__ import annotations

import json
import math
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from ..interpreter.values import PlanFrozenSet, PlanSet


def encode(value: Any) -> Any:
    """Plain data as what `json.dumps` writes faithfully. Other types become their `repr`, marked as such."""
    kind = type(value)
    if value is None or kind in (bool, str):
        return value
    if kind is int:
        return value if abs(value) < 2**53 else {"$int": hex(value)}  # decimal text is limited in length
    if kind is float:
        return value if math.isfinite(value) else {"$float": repr(value)}
    if kind is list:
        return [encode(item) for item in value]
    if kind is dict:
        if all(type(key) is str for key in value) and not any(key[:1] == "$" for key in value):
            return {key: encode(item) for key, item in value.items()}
        return {"$dict": [[encode(key), encode(item)] for key, item in value.items()]}
    if kind in _SEQUENCES:
        items = sorted(value, key=repr) if kind in (set, frozenset) else value
        return {_SEQUENCES[kind]: [encode(item) for item in items]}
    if kind in _MAPPINGS:
        return {_MAPPINGS[kind]: [[encode(key), encode(item)] for key, item in value.items()]}
    if kind is deque:
        return {"$deque": [[encode(item) for item in value], value.maxlen]}
    if kind is range:
        return {"$range": [encode(bound) for bound in (value.start, value.stop, value.step)]}
    if kind is timezone:
        return {"$timezone": [encode(part) for part in value.__getinitargs__()]}
    if kind is timedelta:
        return {"$timedelta": [value.days, value.seconds, value.microseconds]}
    if kind in _TIMES:
        return {_TIMES[kind]: value.isoformat()}
    return {"$repr": repr(value)}


def decode(value: Any) -> Any:
    """The inverse of `encode`."""
    if type(value) is list:
        return [decode(item) for item in value]
    if type(value) is not dict:
        return value
    if len(value) == 1:
        (key, content), *_ = value.items()
        make = _DECODERS.get(key)
        if make is not None:
            return make(content)
    return {key: decode(item) for key, item in value.items()}


def dumps(value: Any) -> str:
    """One line of JSON in ASCII, so that no reader splits it at an odd line separator."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)


def _pairs(content: Any) -> list[tuple[Any, Any]]:
    return [(decode(key), decode(item)) for key, item in content]


_SEQUENCES: dict[Any, str] = {
    tuple: "$tuple",
    **dict.fromkeys((set, PlanSet), "$set"),
    **dict.fromkeys((frozenset, PlanFrozenSet), "$frozenset"),
}
_MAPPINGS: dict[Any, str] = {Counter: "$counter", OrderedDict: "$ordereddict", defaultdict: "$defaultdict"}
_TIMES: dict[Any, str] = {datetime: "$datetime", date: "$date", time: "$time"}
_DECODERS: dict[str, Any] = {
    "$int": lambda content: int(content, 16),
    "$float": lambda content: math.nan if content == "nan" else float(content),
    "$dict": lambda content: dict(_pairs(content)),
    "$tuple": lambda content: tuple(map(decode, content)),
    "$set": lambda content: set(map(decode, content)),
    "$frozenset": lambda content: frozenset(map(decode, content)),
    "$deque": lambda content: deque(map(decode, content[0]), content[1]),
    "$range": lambda content: range(*map(decode, content)),
    "$timezone": lambda content: timezone(*map(decode, content)),
    "$counter": lambda content: Counter(dict(_pairs(content))),
    "$ordereddict": lambda content: OrderedDict(_pairs(content)),
    "$defaultdict": lambda content: defaultdict(None, _pairs(content)),
    "$timedelta": lambda content: timedelta(*content),
    "$datetime": datetime.fromisoformat,
    "$date": date.fromisoformat,
    "$time": time.fromisoformat,
    "$repr": lambda content: content,
}
