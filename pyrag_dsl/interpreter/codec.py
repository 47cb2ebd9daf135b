"""Plain data as JSON and back, with exact types: for traces, and for messages between a host and its workers.

Lists, text, numbers, true, false and null are written as themselves. Everything else is an object with one key that
begins with `$`, looked up in a table: {"$tuple": [...]}, {"$float": "nan"}, {"$dict": [[key, value], ...]}. Decoding
cannot run code, whoever has written the text.

`encode` keeps all types apart, including those of plans, and writes only the name of a type that is not plain data.
`encode_shown`, for files that people read, writes a plan's set as a set, and the `repr` of a value that is not plain
data. `decode` reads the output of both. `decode_plan` makes values of a plan's own types (`PlanSet` for a set), so that
the values of a worker have to pass the border like any others that leave a plan.
"""

from __future__ import annotations

import json
import math
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from .builtins import BUILTINS
from .values import VIEWS, DefaultDict, PlanFrozenSet, PlanSet

_NATIVE_INT = 2**53  # other readers of JSON round larger integers, and their digits take more than linear time
_COMPARISONS = 32_000_000  # of keys that share a hash, in one message; the limits of a plan allow fewer
_NATIVE = frozenset({str, bool, float, int, type(None)})
_HOSTS = {"list": list, "dict": dict, "int": int, "str": str, "float": float, "set": set, "bool": bool,
          "tuple": tuple}  # fmt: skip
_NAMES = {host: name for name, host in _HOSTS.items()}


class Garbled(ValueError):
    """A text that this module cannot have written, or that describes an impossible value. No message quotes it."""


def dumps(value: Any) -> str:
    """One line of JSON in ASCII, so that no reader splits it at an odd line separator."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)


# ------------------------------------------------------------------------ encode


Encoder = Callable[[Any], Any]
_Rows = dict[type, tuple[str, Callable[[Any, Encoder], Any]]]


def _encoder(rows: _Rows, unknown: Encoder) -> Encoder:
    def encode(value: Any) -> Any:
        kind = type(value)
        if value is None or kind is str or kind is bool:
            return value
        if kind is int:
            return value if -_NATIVE_INT < value < _NATIVE_INT else {"$int": hex(value)}
        if kind is float:
            return value if math.isfinite(value) else {"$float": repr(value)}
        if kind is list:
            return [encode(item) for item in value]
        if kind is dict and not any(type(key) is not str or key[:1] == "$" for key in value):
            return {key: encode(item) for key, item in value.items()}
        row = rows.get(kind)
        if row is None:
            return unknown(value)
        tag, content = row
        return {tag: content(value, encode)}

    return encode


def _all(value: Any, of: Encoder) -> list[Any]:
    return [of(item) for item in value]


def _sorted(value: Any, of: Encoder) -> list[Any]:
    return sorted(map(of, value), key=repr)


def _pairs(value: Any, of: Encoder) -> list[Any]:
    return [[of(key), of(item)] for key, item in value.items()]


def _moment(value: datetime | time, of: Encoder) -> Any:
    """The ISO 8601 text of a date or time, if that says all of it."""
    if value.tzinfo is None and not value.fold:
        return value.isoformat()
    day = [value.year, value.month, value.day] if isinstance(value, datetime) else []
    clock = [value.hour, value.minute, value.second, value.microsecond]
    return [*day, *clock, of(value.tzinfo), value.fold]


def _factory(value: DefaultDict) -> Any:
    name = getattr(value.factory, "name", None)
    return name if name in _HOSTS and BUILTINS[name] is value.factory else None


_ROWS: _Rows = {
    dict: ("$dict", _pairs),
    tuple: ("$tuple", _all),
    set: ("$set", _sorted),
    frozenset: ("$frozenset", _sorted),
    PlanSet: ("$planset", _all),
    PlanFrozenSet: ("$planfrozenset", _all),
    deque: ("$deque", lambda value, of: [_all(value, of), value.maxlen]),
    Counter: ("$counter", _pairs),
    OrderedDict: ("$ordereddict", _pairs),
    defaultdict: ("$defaultdict", lambda value, of: [_NAMES.get(value.default_factory), _pairs(value, of)]),
    DefaultDict: ("$plandefaultdict", lambda value, of: [_factory(value), _pairs(value, of)]),
    VIEWS[0]: ("$keys", _all),
    VIEWS[1]: ("$values", _all),
    VIEWS[2]: ("$items", lambda value, of: [[of(key), of(item)] for key, item in value]),
    range: ("$range", lambda value, of: _all((value.start, value.stop, value.step), of)),
    datetime: ("$datetime", _moment),
    date: ("$date", lambda value, _of: value.isoformat()),
    time: ("$time", _moment),
    timedelta: ("$timedelta", lambda value, _of: [value.days, value.seconds, value.microseconds]),
    timezone: ("$timezone", lambda value, of: _all(value.__getinitargs__(), of)),
}
_SHOWN: _Rows = {
    **{kind: row for kind, row in _ROWS.items() if kind not in VIEWS and kind is not DefaultDict},
    PlanSet: ("$set", _all),
    PlanFrozenSet: ("$frozenset", _all),
}

encode = _encoder(_ROWS, lambda value: {"$opaque": type(value).__name__})
"""Turns plain data into data for JSON. Of a value that is not plain data, only the name of its type is kept."""
encode_shown = _encoder(_SHOWN, lambda value: {"$repr": repr(value)})
"""The same for files: plans' own types as those of Python, and the `repr` of a value that is not plain data."""

# ------------------------------------------------------------------------ decode


def decode(message: Any) -> Any:
    """The value that was encoded, with its exact types. Raises `Garbled`."""
    return _decoded(message, _FAITHFUL)


def decode_plan(message: Any) -> Any:
    """The value that was encoded, in the types of a plan. Unknown types are refused. Raises `Garbled`."""
    return _decoded(message, _PLAN)


Decoders = Mapping[str, Callable[[Any, "Reader"], Any]]


def _decoded(message: Any, decoders: Decoders) -> Any:
    try:
        return Reader(decoders).read(message)
    except Garbled:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
        raise Garbled("a value that was never encoded") from None


class Reader:
    """Decodes one message by one table."""

    def __init__(self, decoders: Decoders) -> None:
        self.decoders = decoders
        self.comparisons = _COMPARISONS

    def read(self, message: Any) -> Any:
        kind = type(message)
        if kind in _NATIVE:
            return message
        if kind is list:
            return [self.read(item) for item in message]
        if len(message) == 1:
            ((key, content),) = message.items()
            if key[:1] == "$":
                return self.decoders[key](content, self)
        if any(key[:1] == "$" for key in message):
            raise Garbled("an object with a marked key among others")
        return {key: self.read(item) for key, item in message.items()}

    def all(self, content: Any) -> list[Any]:
        return [self.read(item) for item in content]

    def keys(self, content: Any) -> list[Any]:
        """`all`, for values that become members or keys. Raises `Garbled` if they are chosen to collide."""
        return self.charge_keys(self.all(content))

    def pairs(self, content: Any) -> list[tuple[Any, Any]]:
        found = [(self.read(key), self.read(item)) for key, item in content]
        self.charge_keys([key for key, _ in found])
        return found

    def charge_keys(self, keys: list[Any]) -> list[Any]:
        """Charge the comparisons of keys that share a hash: a few thousand such keys could block the host for long."""
        if len(set(hashes := [hash(key) for key in keys])) < len(keys):
            self.comparisons -= sum(often * often for often in Counter(hashes).values())
            if self.comparisons < 0:
                raise Garbled("keys that were chosen to collide")
        return keys


def _read_moment(kind: Any) -> Callable[[Any, Reader], Any]:
    def read(content: Any, reader: Reader) -> Any:
        if type(content) is str:
            return kind.fromisoformat(content)
        *numbers, zone, fold = content
        return kind(*numbers, tzinfo=reader.read(zone), fold=fold)

    return read


def _read_default_dict(make: Callable[[Any, Any], Any]) -> Callable[[Any, Reader], Any]:
    def read(content: Any, reader: Reader) -> Any:
        old = not content or type(content[0]) is list  # traces of before 1.0 held the pairs alone
        factory, pairs = (None, content) if old else content
        return make(factory, reader.pairs(pairs))

    return read


_COMMON: Decoders = {
    "$int": lambda content, _reader: int(content, 16),
    "$float": lambda content, _reader: math.nan if content == "nan" else float(content),
    "$dict": lambda content, reader: dict(reader.pairs(content)),
    "$tuple": lambda content, reader: tuple(reader.all(content)),
    "$deque": lambda content, reader: deque(reader.all(content[0]), content[1]),
    "$counter": lambda content, reader: Counter(dict(reader.pairs(content))),
    "$ordereddict": lambda content, reader: OrderedDict(reader.pairs(content)),
    "$keys": lambda content, reader: dict.fromkeys(reader.keys(content)).keys(),
    "$values": lambda content, reader: dict(enumerate(reader.all(content))).values(),
    "$items": lambda content, reader: dict(reader.pairs(content)).items(),
    "$range": lambda content, reader: range(*reader.all(content)),
    "$datetime": _read_moment(datetime),
    "$date": lambda content, _reader: date.fromisoformat(content),
    "$time": _read_moment(time),
    "$timedelta": lambda content, _reader: timedelta(*content),
    "$timezone": lambda content, reader: timezone(*reader.all(content)),
}
_PLAN: Decoders = {
    **_COMMON,
    "$set": lambda content, reader: PlanSet(reader.keys(content)),
    "$frozenset": lambda content, reader: PlanFrozenSet(reader.keys(content)),
    "$defaultdict": _read_default_dict(
        lambda name, pairs: DefaultDict(None if name is None else BUILTINS[name], pairs)
    ),
}
_FAITHFUL: Decoders = {
    **_COMMON,
    "$set": lambda content, reader: set(reader.keys(content)),
    "$frozenset": lambda content, reader: frozenset(reader.keys(content)),
    "$planset": lambda content, reader: PlanSet(reader.keys(content)),
    "$planfrozenset": lambda content, reader: PlanFrozenSet(reader.keys(content)),
    "$defaultdict": _read_default_dict(lambda name, pairs: defaultdict(None if name is None else _HOSTS[name], pairs)),
    "$plandefaultdict": _PLAN["$defaultdict"],
    "$opaque": lambda content, _reader: type(content, (), {})(),
    "$repr": lambda content, _reader: str(content),
}
