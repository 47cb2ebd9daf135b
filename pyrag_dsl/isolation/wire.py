"""Messages between a host and its workers: frames of JSON, and plain data in it, type for type.

Nothing here can run code of the other side: a frame is a length and a JSON text, and what JSON has no word for is
an object with one key that begins with `$`, looked up in a table. `decode` makes what was encoded; `decode_plan`
makes a plan's own types of it (`PlanSet` for a set), so that what a worker says has to pass the border like
anything else that leaves a plan.
"""

from __future__ import annotations

import json
import struct
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from ..grammar.language import REQUIRED, Signature, ToolParam
from ..interpreter.builtins import BUILTINS
from ..interpreter.values import VIEWS, DefaultDict, PlanFrozenSet, PlanSet

HEADER = struct.Struct("!I")
_NATIVE_INT = 2**63  # beyond it digits cost more than linear time, and CPython refuses to write many
_CROWDING = 32_000_000  # comparisons of keys that share a hash, in one message: more than a plan can pay for
_NATIVE = frozenset({str, bool, float, type(None)})
_HOSTS = {"list": list, "dict": dict, "int": int, "str": str, "float": float, "set": set, "bool": bool,
          "tuple": tuple}  # fmt: skip
_NAMES = {host: name for name, host in _HOSTS.items()}


class Garbled(ValueError):
    """A message that cannot have been made by this module, or says what cannot be. Never quotes it."""


def pack(message: Any) -> bytes:
    """A message as a frame: four bytes of length, then JSON in UTF-8 (lone surrogates included)."""
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return HEADER.pack(len(body)) + body


def unpack(body: bytes | bytearray) -> Any:
    """The message of a frame. Raises `Garbled`."""
    try:
        return json.loads(body.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        raise Garbled("not JSON") from None


# ------------------------------------------------------------------------ encode


def encode(value: Any) -> Any:
    """Plain data as what JSON can say. A type that is not plain data is told by its name only."""
    kind = type(value)
    if kind in _NATIVE:
        return value
    if kind is int:
        return value if -_NATIVE_INT < value < _NATIVE_INT else {"$int": hex(value)}
    if kind is list:
        return [encode(item) for item in value]
    if kind is dict and not any(type(key) is not str or key[:1] == "$" for key in value):
        return {key: encode(item) for key, item in value.items()}
    row = _ENCODERS.get(kind)
    if row is None:
        return {"$opaque": kind.__name__}
    tag, content = row
    return {tag: content(value)}


def _all(value: Any) -> list[Any]:
    return [encode(item) for item in value]


def _pairs(value: Any) -> list[Any]:
    return [[encode(key), encode(item)] for key, item in value.items()]


def _clock(value: Any) -> list[Any]:
    zone = encode(value.tzinfo) if value.tzinfo is not None else None
    return [value.hour, value.minute, value.second, value.microsecond, zone, value.fold]


def _span(value: timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _factory(value: DefaultDict) -> Any:
    name = getattr(value.factory, "name", None)
    return name if name in _HOSTS and BUILTINS[name] is value.factory else None


_ENCODERS: dict[type, tuple[str, Callable[[Any], Any]]] = {
    dict: ("$dict", _pairs),
    tuple: ("$tuple", _all),
    set: ("$set", lambda value: sorted(map(encode, value), key=repr)),
    frozenset: ("$frozenset", lambda value: sorted(map(encode, value), key=repr)),
    PlanSet: ("$planset", _all),
    PlanFrozenSet: ("$planfrozenset", _all),
    deque: ("$deque", lambda value: [_all(value), value.maxlen]),
    Counter: ("$counter", _pairs),
    OrderedDict: ("$ordereddict", _pairs),
    defaultdict: ("$defaultdict", lambda value: [_NAMES.get(value.default_factory), _pairs(value)]),
    DefaultDict: ("$plandefaultdict", lambda value: [_factory(value), _pairs(value)]),
    VIEWS[0]: ("$keys", _all),
    VIEWS[1]: ("$values", _all),
    VIEWS[2]: ("$items", lambda value: [[encode(key), encode(item)] for key, item in value]),
    range: ("$range", lambda value: _all((value.start, value.stop, value.step))),
    datetime: ("$datetime", lambda value: [value.year, value.month, value.day, *_clock(value)]),
    date: ("$date", lambda value: [value.year, value.month, value.day]),
    time: ("$time", _clock),
    timedelta: ("$timedelta", _span),
    timezone: ("$timezone", lambda value: [_span(value.utcoffset(None)), value.tzname(None)]),
}

# ------------------------------------------------------------------------ decode


def decode(message: Any) -> Any:
    """What was encoded, type for type. Raises `Garbled`."""
    return _decoded(message, _FAITHFUL)


def decode_plan(message: Any) -> Any:
    """The same as the values that a plan holds; names of unknown types are refused. Raises `Garbled`."""
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
        self.crowding = _CROWDING

    def read(self, message: Any) -> Any:
        kind = type(message)
        if kind in _NATIVE or kind is int:
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
        """`all` of what will be members or keys. Raises `Garbled` where they are chosen to collide."""
        return self.parted(self.all(content))

    def pairs(self, content: Any) -> list[tuple[Any, Any]]:
        found = [(self.read(key), self.read(item)) for key, item in content]
        self.parted([key for key, _ in found])
        return found

    def parted(self, keys: list[Any]) -> list[Any]:
        """The keys. Each is compared with all that share its hash, so a few thousand could hold the host for long."""
        if len(set(hashes := [hash(key) for key in keys])) < len(keys):
            self.crowding -= sum(often * often for often in Counter(hashes).values())
            if self.crowding < 0:
                raise Garbled("keys that were chosen to collide")
        return keys


def _read_clock(content: Any, reader: Reader) -> tuple[list[int], dict[str, Any]]:
    *numbers, zone, fold = content
    return numbers, {"tzinfo": reader.read(zone), "fold": fold}


def _read_datetime(content: Any, reader: Reader) -> datetime:
    numbers, more = _read_clock(content[3:], reader)
    return datetime(*content[:3], *numbers, **more)


def _read_time(content: Any, reader: Reader) -> time:
    (hour, minute, second, microsecond), more = _read_clock(content, reader)
    return time(hour, minute, second, microsecond, **more)


def _whole(content: Any, _reader: Reader) -> int:
    return int(content, 16)


def _opaque(content: Any, _reader: Reader) -> Any:
    return type(content, (), {})()


_COMMON: Decoders = {
    "$int": _whole,
    "$dict": lambda content, reader: dict(reader.pairs(content)),
    "$tuple": lambda content, reader: tuple(reader.all(content)),
    "$deque": lambda content, reader: deque(reader.all(content[0]), content[1]),
    "$counter": lambda content, reader: Counter(dict(reader.pairs(content))),
    "$ordereddict": lambda content, reader: OrderedDict(reader.pairs(content)),
    "$keys": lambda content, reader: dict.fromkeys(reader.keys(content)).keys(),
    "$values": lambda content, reader: dict(enumerate(reader.all(content))).values(),
    "$items": lambda content, reader: dict(reader.pairs(content)).items(),
    "$range": lambda content, reader: range(*reader.all(content)),
    "$datetime": _read_datetime,
    "$date": lambda content, _reader: date(*content),
    "$time": _read_time,
    "$timedelta": lambda content, _reader: timedelta(*content),
    "$timezone": lambda content, _reader: timezone(timedelta(*content[0]), content[1]),
}
_PLAN: Decoders = {
    **_COMMON,
    "$set": lambda content, reader: PlanSet(reader.keys(content)),
    "$frozenset": lambda content, reader: PlanFrozenSet(reader.keys(content)),
    "$defaultdict": lambda content, reader: DefaultDict(
        None if content[0] is None else BUILTINS[content[0]], reader.pairs(content[1])
    ),
}
_FAITHFUL: Decoders = {
    **_COMMON,
    "$set": lambda content, reader: set(reader.keys(content)),
    "$frozenset": lambda content, reader: frozenset(reader.keys(content)),
    "$planset": lambda content, reader: PlanSet(reader.keys(content)),
    "$planfrozenset": lambda content, reader: PlanFrozenSet(reader.keys(content)),
    "$defaultdict": lambda content, reader: defaultdict(
        None if content[0] is None else _HOSTS[content[0]], reader.pairs(content[1])
    ),
    "$plandefaultdict": _PLAN["$defaultdict"],
    "$opaque": _opaque,
}

# -------------------------------------------------------------------- signatures


def signatures(rows: list[Any]) -> dict[str, Signature]:
    """The inverse of `signature_rows`."""
    return {
        name: Signature(
            name,
            tuple(
                ToolParam(param, kind, REQUIRED if default is None else decode(default[0]))
                for param, kind, default in params
            ),
            returns,
        )
        for name, params, returns in rows
    }


def signature_rows(found: Mapping[str, Signature]) -> list[Any]:
    """Signatures as JSON; a default is a list of one, none is null."""
    return [
        [
            name,
            [
                [param.name, param.type, None if param.default is REQUIRED else [encode(param.default)]]
                for param in signature.params
            ],
            signature.returns,
        ]
        for name, signature in found.items()
    ]
