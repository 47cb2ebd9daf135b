"""The module `datetime`: date, datetime, time, timedelta, timezone.

Plans see neither the clock nor the time zone of the host. The present is the recorded start of the run, and a datetime
without a zone is read as UTC where CPython would ask the host: in `timestamp()`, `fromtimestamp()` and `now(tz)`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import MAXYEAR, MINYEAR, date, datetime, time, timedelta, timezone
from typing import Any, NamedTuple

from .date_text import strftime, strptime
from .machine import Machine
from .making import make_record
from .values import Builtin, Method, Record, RecordType, type_name

__all__ = ["DATE_TYPES", "MEMBERS", "DateType", "strftime"]

Attribute = Callable[[Machine, Any], Any]
_ISO_CALENDAR = RecordType("datetime.IsoCalendarDate", ("year", "week", "weekday"), ())


class DateType(NamedTuple):
    """What values of one exact host type offer: methods, and getters of attributes as `get(machine, value)`."""

    METHODS: dict[str, Method]
    ATTRIBUTES: dict[str, Attribute]


def without_machine(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function for plans from a host function that is cheap for all arguments."""

    def call(machine: Machine, /, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG001
        return function(*args, **kwargs)

    return call


def _constructor(host: Any) -> Callable[..., Any]:
    def make(machine: Machine, /, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG001
        # The host reads a string as the bytes of a pickle, without checking that they make a date.
        if args and type(args[0]) is str:
            raise TypeError(f"'str' object cannot be interpreted as an integer by {host.__name__}()")
        return host(*args, **kwargs)

    return make


def _host_static(host: Any, name: str) -> Builtin:
    function = getattr(host, name)
    return Builtin(f"{host.__name__}.{name}", without_machine(function))


def _host_method(host: Any, name: str) -> Method:
    function = getattr(host, name)
    return Method(name, lambda _machine, value, /, *args, **kwargs: function(value, *args, **kwargs))


def _field(name: str) -> Attribute:
    return lambda _machine, value: getattr(value, name)


def _constant(value: Any) -> Attribute:
    return lambda _machine, _value: value


# ------------------------------------------------------------------ the present


def _plain(moment: datetime) -> datetime:
    """The same moment as an exact datetime without a zone."""
    day = (moment.year, moment.month, moment.day)
    return datetime(*day, moment.hour, moment.minute, moment.second, moment.microsecond)


def _utc(moment: datetime) -> datetime:
    return _plain(moment if moment.utcoffset() is None else moment.astimezone(timezone.utc))


def _utcnow(machine: Machine, /) -> datetime:
    return _utc(machine.now)


def _now(machine: Machine, /, tz: Any = None) -> datetime:
    if tz is None:
        return _plain(machine.now)
    return _utcnow(machine).replace(tzinfo=timezone.utc).astimezone(tz)


def _datetime_today(machine: Machine, /) -> datetime:
    return _plain(machine.now)


def _date_today(machine: Machine, /) -> date:
    return _plain(machine.now).date()


def _from_timestamp(machine: Machine, /, timestamp: Any, tz: Any = None) -> datetime:  # noqa: ARG001
    moment = datetime.fromtimestamp(timestamp, timezone.utc if tz is None else tz)
    return _plain(moment) if tz is None else moment


def _timestamp(machine: Machine, value: datetime, /) -> float:  # noqa: ARG001
    return (value if value.utcoffset() is not None else value.replace(tzinfo=timezone.utc)).timestamp()


# ------------------------------------------------------------------ tables


def _iso_calendar(machine: Machine, value: date, /) -> Record:
    return make_record(machine, _ISO_CALENDAR, value.isocalendar())


def _date_replace(machine: Machine, value: date, /, *args: Any, **kwargs: Any) -> date:  # noqa: ARG001
    """`date.replace`. The host's own leaves the zone uninitialised if it is given a datetime, and may crash."""
    day = date(value.year, value.month, value.day).replace(*args, **kwargs)
    return day if type(value) is date else type(value)(day.year, day.month, day.day)


def _total_seconds(machine: Machine, value: timedelta, /) -> float:  # noqa: ARG001
    return value.total_seconds()


def _strftime(machine: Machine, value: Any, /, format: Any) -> str:  # noqa: A002
    return strftime(machine, value, format)


def _strptime(machine: Machine, data: Any, spec: Any, /) -> datetime:
    return strptime(machine, data, spec)


def _from_iso(host: Any) -> Builtin:
    def read(machine: Machine, text: Any, /) -> Any:
        if type(text) is not str:
            raise TypeError(f"fromisoformat: argument must be str, not {type_name(text)}")
        machine.charge_steps(1)
        if len(text) > 100:
            raise ValueError(f"Invalid isoformat string: {text[:100]!r}...")
        return host.fromisoformat(text)

    return Builtin(f"{host.__name__}.fromisoformat", read)


_CONSTANTS = ("max", "min", "resolution")
_OF_DAYS = ("ctime", "isoformat", "isoweekday", "replace", "toordinal", "weekday")
_STATICS: dict[Any, dict[str, Any]] = {
    date: {
        "fromisoformat": _from_iso(date),
        "fromordinal": _host_static(date, "fromordinal"),
        "today": Builtin("date.today", _date_today),
    },
    datetime: {
        "combine": _host_static(datetime, "combine"),
        "fromisoformat": _from_iso(datetime),
        "fromordinal": _host_static(datetime, "fromordinal"),
        "fromtimestamp": Builtin("datetime.fromtimestamp", _from_timestamp),
        "now": Builtin("datetime.now", _now),
        "strptime": Builtin("datetime.strptime", _strptime),
        "today": Builtin("datetime.today", _datetime_today),
        "utcnow": Builtin("datetime.utcnow", _utcnow),
    },
    time: {"fromisoformat": _from_iso(time)},
    timedelta: {},
    timezone: {"utc": timezone.utc},
}
for _kind in (date, datetime, time, timedelta):
    _STATICS[_kind].update({name: getattr(_kind, name) for name in _CONSTANTS})

_ISO_CALENDAR_METHOD = Method("isocalendar", _iso_calendar)
_STRFTIME = Method("strftime", _strftime)
_METHODS: dict[Any, list[Method]] = {
    date: [
        *(_host_method(date, name) for name in _OF_DAYS if name != "replace"),
        Method("replace", _date_replace),
        _ISO_CALENDAR_METHOD,
        _STRFTIME,
    ],
    datetime: [
        *(_host_method(datetime, name) for name in (*_OF_DAYS, "date", "time")),
        _ISO_CALENDAR_METHOD,
        _STRFTIME,
        Method("timestamp", _timestamp),
    ],
    time: [*(_host_method(time, name) for name in ("isoformat", "replace")), _STRFTIME],
    timedelta: [Method("total_seconds", _total_seconds)],
    timezone: [],
}
_FIELDS: dict[Any, tuple[str, ...]] = {
    date: ("year", "month", "day"),
    datetime: ("year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo"),
    time: ("hour", "minute", "second", "microsecond", "tzinfo"),
    timedelta: ("days", "seconds", "microseconds"),
    timezone: (),
}

DATE_TYPES: dict[type, DateType] = {
    kind: DateType(
        {method.name: method for method in methods},
        {
            **{name: _constant(value) for name, value in _STATICS[kind].items()},
            **{name: _field(name) for name in _FIELDS[kind]},
        },
    )
    for kind, methods in _METHODS.items()
}

MEMBERS: dict[str, Any] = {
    **{
        kind.__name__: Builtin(f"datetime.{kind.__name__}", _constructor(kind), host=kind, statics=statics)
        for kind, statics in _STATICS.items()
    },
    "MINYEAR": MINYEAR,
    "MAXYEAR": MAXYEAR,
    "UTC": timezone.utc,
}
