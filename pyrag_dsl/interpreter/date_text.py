"""Dates as text and text as dates: `strftime` and `strptime` in the C locale, whatever that of the host is.

They are written here because those of the C library depend on locale and time zone, accept a width of a billion, and
differ between systems. The directives are those of C99 and glibc, with Python's `%f` and `%:z`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import Any, NamedTuple

from .limits import LimitHit
from .machine import Machine
from .values import type_name

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_EPOCH = datetime(1970, 1, 1)
_LONGEST = 32  # characters that a directive may produce, except `%Z` and widths
_IS_DATE = -1  # marks a date format in `machine.patterns`, in place of flags
_FORMAT = 200  # characters that a format of strptime may have
_DATA = 4_000  # characters of data that such a format is matched against


# ------------------------------------------------------------------ writing


class _Number(NamedTuple):
    width: int
    pad: str
    value: Callable[[datetime], int]


class _Text(NamedTuple):
    value: Callable[[datetime], str]
    hash_lowers: bool = False  # the flag `#`: lower case instead of upper


def _week(moment: datetime, weekday: int) -> int:
    """The week of the year. Weeks begin on the day whose `weekday` is 0, and days before the first week are week 0."""
    return (moment.timetuple().tm_yday + 6 - weekday) // 7


def _offset(moment: datetime, colon: str = "") -> str:
    offset = moment.utcoffset()
    if offset is None:
        return ""
    sign = "-" if offset.days < 0 else "+"
    seconds, micro = divmod(abs(offset) // timedelta(microseconds=1), 1_000_000)
    text = f"{sign}{seconds // 3600:02}{colon}{seconds // 60 % 60:02}"
    if seconds % 60 or micro:
        text += f"{colon}{seconds % 60:02}"
    return f"{text}.{micro:06}" if micro else text


def _epoch(moment: datetime) -> int:
    offset = moment.utcoffset() or timedelta()
    return (moment.replace(tzinfo=None) - _EPOCH - offset) // timedelta(seconds=1)


_COMPOUND = {
    "c": "%a %b %e %H:%M:%S %Y",
    "D": "%m/%d/%y",
    "F": "%Y-%m-%d",
    "r": "%I:%M:%S %p",
    "R": "%H:%M",
    "T": "%H:%M:%S",
    "x": "%m/%d/%y",
    "X": "%H:%M:%S",
}
_DIRECTIVES: dict[str, _Number | _Text] = {
    "C": _Number(2, "0", lambda m: m.year // 100),
    "G": _Number(4, "0", lambda m: m.isocalendar()[0]),
    "H": _Number(2, "0", lambda m: m.hour),
    "I": _Number(2, "0", lambda m: (m.hour - 1) % 12 + 1),
    "M": _Number(2, "0", lambda m: m.minute),
    "S": _Number(2, "0", lambda m: m.second),
    "U": _Number(2, "0", lambda m: _week(m, m.isoweekday() % 7)),
    "V": _Number(2, "0", lambda m: m.isocalendar()[1]),
    "W": _Number(2, "0", lambda m: _week(m, m.weekday())),
    "Y": _Number(4, "0", lambda m: m.year),
    "d": _Number(2, "0", lambda m: m.day),
    "e": _Number(2, " ", lambda m: m.day),
    "g": _Number(2, "0", lambda m: m.isocalendar()[0] % 100),
    "j": _Number(3, "0", lambda m: m.timetuple().tm_yday),
    "k": _Number(2, " ", lambda m: m.hour),
    "l": _Number(2, " ", lambda m: (m.hour - 1) % 12 + 1),
    "m": _Number(2, "0", lambda m: m.month),
    "s": _Number(1, " ", _epoch),
    "u": _Number(1, "0", lambda m: m.isoweekday()),
    "w": _Number(1, "0", lambda m: m.isoweekday() % 7),
    "y": _Number(2, "0", lambda m: m.year % 100),
    "%": _Text(lambda _: "%"),
    ":z": _Text(lambda m: _offset(m, ":")),
    "A": _Text(lambda m: DAYS[m.weekday()]),
    "B": _Text(lambda m: MONTHS[m.month - 1]),
    "P": _Text(lambda m: "pm" if m.hour >= 12 else "am"),
    "Z": _Text(lambda m: m.tzname() or "", hash_lowers=True),
    "a": _Text(lambda m: DAYS[m.weekday()][:3]),
    "b": _Text(lambda m: MONTHS[m.month - 1][:3]),
    "f": _Text(lambda m: f"{m.microsecond:06}"),
    "h": _Text(lambda m: MONTHS[m.month - 1][:3]),
    "n": _Text(lambda _: "\n"),
    "p": _Text(lambda m: "PM" if m.hour >= 12 else "AM", hash_lowers=True),
    "t": _Text(lambda _: "\t"),
    "z": _Text(_offset),
}
_DIRECTIVE = re.compile(r"%(?P<flags>[-_0^#]*)(?P<width>[0-9]*)[EO]?(?P<letter>:z|[^:]|:|$)", re.DOTALL)


def _moment(value: Any) -> datetime:
    kind = type(value)
    if kind is datetime:
        return value  # type: ignore[no-any-return]
    if kind is date:
        return datetime(value.year, value.month, value.day)
    if kind is time:
        return datetime.combine(date(1900, 1, 1), value)
    raise TypeError(f"'{type_name(value)}' object has no dates to show")


def strftime(machine: Machine, value: Any, spec: str) -> str:
    """`value.strftime(spec)` of a date, a time or both. Unknown directives stand for themselves."""
    if type(spec) is not str:
        raise TypeError(f"strftime() argument 1 must be str, not {type_name(spec)}")
    machine.charge_text(len(spec) + _LONGEST * spec.count("%"), not spec.isascii())
    return _render(machine, _moment(value), spec)


def _render(machine: Machine, moment: datetime, spec: str) -> str:
    return _DIRECTIVE.sub(lambda match: _directive(machine, moment, match), spec)


def _directive(machine: Machine, moment: datetime, match: re.Match[str]) -> str:
    machine.charge_steps(1)
    flags, width, letter = match["flags"], match["width"], match["letter"]
    if width:
        machine.charge_text(int(width) if len(width) < 10 else 10**10)
    pads = [flag for flag in flags if flag in "-_0"]
    pad = {"-": "", "_": " ", "0": "0"}[pads[-1]] if pads else None
    if letter in _COMPOUND:
        entry: _Number | _Text | None = _Text(lambda m: _render(machine, m, _COMPOUND[letter]))
    else:
        entry = _DIRECTIVES.get(letter)
    if entry is None:
        return match[0]
    if type(entry) is _Number:
        number = entry.value(moment)
        fill = entry.pad if pad is None else pad
        if not fill:
            return str(number).rjust(int(width or 0))
        return f"{number:{fill}{'>' if fill == ' ' else ''}{int(width) if width else entry.width}}"
    shown = str(entry.value(moment))
    if letter == "Z":
        machine.charge_text(len(shown), not shown.isascii())
    if "#" in flags and type(entry) is _Text and entry.hash_lowers:
        shown = shown.lower()
    elif letter != "P" and ("^" in flags or "#" in flags):
        shown = shown.upper()
    return shown.rjust(int(width), pad or " ") if width else shown


# ------------------------------------------------------------------ reading


def _choice(name: str, words: tuple[str, ...]) -> str:
    longest_first = sorted(words, key=len, reverse=True)
    return f"(?P<{name}>{'|'.join(longest_first)})"


_READ = {
    "%": "%",
    "A": _choice("A", DAYS),
    "B": _choice("B", MONTHS),
    "G": r"(?P<G>\d{4})",
    "H": r"(?P<H>2[0-3]|[01]\d|\d)",
    "I": r"(?P<I>1[0-2]|0?[1-9])",
    "M": r"(?P<M>[0-5]\d|\d)",
    "S": r"(?P<S>6[01]|[0-5]\d|\d)",
    "U": r"(?P<U>5[0-3]|[0-4]\d|\d)",
    "V": r"(?P<V>5[0-3]|0[1-9]|[1-4]\d|\d)",
    "W": r"(?P<W>5[0-3]|[0-4]\d|\d)",
    "Y": r"(?P<Y>\d{4})",
    "Z": "(?P<Z>utc|gmt)",
    "a": _choice("a", tuple(day[:3] for day in DAYS)),
    "b": _choice("b", tuple(month[:3] for month in MONTHS)),
    "d": r"(?P<d>3[01]|[12]\d|0[1-9]|[1-9]| [1-9])",
    "f": r"(?P<f>[0-9]{1,6})",
    "j": r"(?P<j>36[0-6]|3[0-5]\d|[12]\d\d|0[1-9]\d|00[1-9]|[1-9]\d|0[1-9]|[1-9])",
    "m": r"(?P<m>1[0-2]|0?[1-9])",
    "p": "(?P<p>am|pm)",
    "u": "(?P<u>[1-7])",
    "w": "(?P<w>[0-6])",
    "y": r"(?P<y>\d\d)",
    "z": r"(?P<z>(?P<sign>[+-])(?P<hours>\d\d)(?P<c1>:?)(?P<minutes>[0-5]\d)"
    r"(?:(?P<c2>:?)(?P<seconds>[0-5]\d)(?:\.(?P<micro>\d{1,6}))?)?|(?-i:Z))",
}
_WRITTEN_OUT = {"c": "%a %b %d %H:%M:%S %Y", "x": "%m/%d/%y", "X": "%H:%M:%S"}
_PIECE = re.compile(r"%(?P<letter>.?)|\s+|[^%\s]+", re.DOTALL)


@lru_cache(maxsize=128)
def _compile(spec: str) -> re.Pattern[str]:
    return re.compile(_pattern(spec), re.IGNORECASE)


def _pattern(spec: str) -> str:
    pieces: list[str] = []
    for piece in _PIECE.finditer(spec):
        letter = piece["letter"]
        if letter is None:
            pieces.append(r"\s+" if piece[0].isspace() else re.escape(piece[0]))
        elif letter in _WRITTEN_OUT:
            pieces.append(_pattern(_WRITTEN_OUT[letter]))
        elif letter in _READ:
            pieces.append(_READ[letter])
        elif not letter:
            raise ValueError(f"stray % in format '{spec}'")
        else:
            raise ValueError(f"'{letter}' is a bad directive in format '{spec}'")
    return "".join(pieces)


def strptime(machine: Machine, data: str, spec: str) -> datetime:
    """`datetime.strptime(data, spec)`. `%Z` accepts UTC and GMT.

    Raises:
        ValueError: the text is not of this format, or there is no such day.
        LimitHit: the format is longer than any date needs.
    """
    for index, text in enumerate((data, spec), start=1):
        if type(text) is not str:
            raise TypeError(f"strptime() argument {index} must be str, not {type_name(text)}")
    if len(spec) > _FORMAT:
        raise LimitHit("PLAN404", f"a date format of {len(spec):,} characters; the limit is {_FORMAT}")
    # No format of this length can match more: the rest is unconverted data.
    head = data[:_DATA]
    machine.charge_steps(8 + len(spec) + (len(head) >> 4))
    if (spec, _IS_DATE) not in machine.patterns:  # charged once for each run, even if another run has compiled it
        machine.charge_steps(100 + 30 * len(spec))
        machine.charge_bytes(2_048 + 200 * len(spec))
        machine.patterns[spec, _IS_DATE] = None
    found = _compile(spec).match(head)
    shown = f"{data[:_FORMAT]!r}{'...' if len(data) > _FORMAT else ''}"
    if found is None:
        raise ValueError(f"time data {shown} does not match format {spec!r}")
    if found.end() != len(data):
        raise ValueError(f"unconverted data remains: {data[found.end() : found.end() + _FORMAT]}")
    return _assemble({name: text for name, text in found.groupdict().items() if text is not None})


def _assemble(parts: dict[str, str]) -> datetime:
    year, month, day = _calendar_day(parts)
    fraction = int(parts.get("f", "0").ljust(6, "0"))
    moment = datetime(year, month, day, _hour(parts), int(parts.get("M", 0)), int(parts.get("S", 0)), fraction)
    return moment.replace(tzinfo=_zone(parts)) if "z" in parts else moment


def _last(parts: dict[str, str], letters: str) -> str | None:
    """The value of the last of these directives in the format; they all give the same part of a date."""
    return next((letter for letter in reversed(parts) if letter in letters), None)


def _hour(parts: dict[str, str]) -> int:
    if _last(parts, "HI") != "I":
        return int(parts.get("H", 0))
    return int(parts["I"]) % 12 + (12 if parts.get("p", "").lower() == "pm" else 0)


def _zone(parts: dict[str, str]) -> timezone:
    name = (parts["Z"],) if "Z" in parts else ()
    if parts["z"] == "Z":
        return timezone(timedelta(), *name)
    if "seconds" in parts and parts["c1"] != parts["c2"]:
        raise ValueError(f"Inconsistent use of : in {parts['z']}")
    size = timedelta(
        hours=int(parts["hours"]),
        minutes=int(parts["minutes"]),
        seconds=int(parts.get("seconds", 0)),
        microseconds=int(parts.get("micro", "0").ljust(6, "0")),
    )
    return timezone(-size if parts["sign"] == "-" else size, *name)


def _weekday(parts: dict[str, str]) -> int | None:
    """Monday is 0."""
    letter = _last(parts, "Aawu")
    if letter is None:
        return None
    if letter in "wu":
        return (int(parts[letter]) - 1) % 7
    return _index(DAYS, parts[letter], letter == "a")


def _index(names: tuple[str, ...], text: str, short: bool) -> int:
    return [(name[:3] if short else name).lower() for name in names].index(text.lower())


def _month(parts: dict[str, str]) -> int:
    letter = _last(parts, "Bbm")
    if letter is None or letter == "m":
        return int(parts.get("m", 1))
    return _index(MONTHS, parts[letter], letter == "b") + 1


def _year(parts: dict[str, str]) -> int | None:
    letter = _last(parts, "Yy")
    if letter is None:
        return None
    year = int(parts[letter])
    if letter == "y":
        year += 2000 if year <= 68 else 1900  # POSIX
    return year


def _calendar_day(parts: dict[str, str]) -> tuple[int, int, int]:
    """The date from year, month and day, from the day of the year, or from week and weekday, whichever is given."""
    weekday = _weekday(parts)
    if "G" in parts and "j" in parts:
        raise ValueError("'%j' is not compatible with the ISO year '%G': use '%Y'")
    if "G" in parts and ("V" not in parts or weekday is None):
        raise ValueError("the ISO year '%G' must be used with the ISO week '%V' and a weekday")
    if "V" in parts and "G" not in parts:
        raise ValueError("the ISO week '%V' must be used with the ISO year '%G' and a weekday")
    year, month, day = _year(parts), _month(parts), int(parts.get("d", 1))
    # The default year is 1900, which has no February 29, so a day count uses the next leap year.
    leap = year is None and (month, day) == (2, 29)
    start = date((1904 if leap else 1900) if year is None else year, 1, 1)
    letter = _last(parts, "UW")
    if "j" in parts:
        found = start + timedelta(days=int(parts["j"]) - 1)
    elif weekday is not None and letter is not None:
        found = start + timedelta(days=_days_ahead(start, int(parts[letter]), weekday, letter == "U"))
    elif "G" in parts and weekday is not None:
        found = date.fromisocalendar(int(parts["G"]), int(parts["V"]), weekday + 1)
    else:
        return (1900 if year is None else year), month, day
    return (1900 if leap else found.year), found.month, found.day


def _days_ahead(start: date, week: int, weekday: int, sunday: bool) -> int:
    """The days from January 1 to a weekday of a week. Weeks begin on Sunday or on Monday."""
    first = (start.weekday() + sunday) % 7
    within = (weekday + sunday) % 7
    # Week 1 begins with the first Sunday or Monday. If that is January 1, no week 0 exists, and CPython reads week 0 as
    # week 1.
    return within - first if week == 0 else (-first % 7) + 7 * (week - 1) + within
