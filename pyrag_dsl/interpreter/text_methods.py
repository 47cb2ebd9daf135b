"""Methods of str, each paid for before it makes anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .machine import Machine
from .text import format_template
from .values import DefaultDict, Method, type_name


def _plain(name: str) -> Method:
    """A method whose result is no longer than the text."""
    host = getattr(str, name)

    def call(machine: Machine, value: str, *args: Any, **kwargs: Any) -> Any:
        size = len(value)
        if size > 64:
            machine.text(size, not value.isascii())
        return host(value, *args, **kwargs)

    return Method(name, call)


def _growing(name: str) -> Method:
    """A method that can make a text up to three times as long (German sharp s, ligatures)."""
    host = getattr(str, name)

    def call(machine: Machine, value: str, *args: Any) -> Any:
        size = len(value)
        if size > 64:
            machine.text(size if value.isascii() else size * 3, not value.isascii())
        return host(value, *args)

    return Method(name, call)


def _searching(name: str) -> Method:
    """A method that looks for one text in another: quadratic at worst."""
    host = getattr(str, name)

    def call(machine: Machine, value: str, *args: Any) -> Any:
        if args and type(args[0]) is str:
            machine.work((len(value) >> 8) + ((len(value) * len(args[0])) >> 16))
        return host(value, *args)

    return Method(name, call)


def _padding(name: str) -> Method:
    """center, ljust, rjust, zfill: the width is the size."""
    host = getattr(str, name)

    def call(machine: Machine, value: str, *args: Any) -> Any:
        if args and type(args[0]) in (int, bool):
            machine.text(max(len(value), args[0]), not value.isascii())
        return host(value, *args)

    return Method(name, call)


def _splitting(name: str) -> Method:
    host = getattr(str, name)

    def call(machine: Machine, value: str, *args: Any, **kwargs: Any) -> Any:
        machine.text(len(value), not value.isascii())
        parts = host(value, *args, **kwargs)
        machine.items(len(parts) * 3)
        return parts

    return Method(name, call)


def join(machine: Machine, value: str, items: Any) -> str:
    parts = machine.drain(items)
    machine.scan(parts)
    total = len(value) * max(len(parts) - 1, 0)
    wide = not value.isascii()
    for index, part in enumerate(parts):
        if type(part) is not str:
            raise TypeError(f"sequence item {index}: expected str instance, {type_name(part)} found")
        total += len(part)
        wide = wide or not part.isascii()
    machine.text(total, wide)
    return value.join(parts)


def replace(machine: Machine, value: str, old: Any, new: Any, count: Any = -1, /) -> str:
    if type(old) is str and type(new) is str:
        machine.work((len(value) >> 8) + 1)
        times = value.count(old)
        if type(count) is int and count >= 0:
            times = min(times, count)
        wide = not (value.isascii() and new.isascii())
        machine.text(max(len(value), len(value) + times * (len(new) - len(old))), wide)
    return value.replace(old, new, count)


def expandtabs(machine: Machine, value: str, tabsize: Any = 8) -> str:
    if type(tabsize) in (int, bool):
        machine.text(len(value) + value.count("\t") * max(tabsize, 0), not value.isascii())
    return value.expandtabs(tabsize)


def translate(machine: Machine, value: str, table: Any) -> str:
    if not isinstance(table, dict):
        raise TypeError(f"'{type_name(table)}' object is not subscriptable")
    longest = 1
    for item in table.values():
        if type(item) is str:
            longest = max(longest, len(item))
    machine.text(len(value) * longest, True)
    return value.translate(dict(table) if type(table) is DefaultDict else table)


def maketrans(machine: Machine, *args: Any) -> Any:
    machine.measure(list(args))
    return str.maketrans(*args)


def format_(machine: Machine, value: str, /, *args: Any, **kwargs: Any) -> str:
    return format_template(machine, value, args, kwargs)


def format_map(machine: Machine, value: str, mapping: Any) -> str:
    if not isinstance(mapping, dict):
        raise TypeError(f"format_map() argument must be a mapping, not {type_name(mapping)}")
    return format_template(machine, value, (), mapping)


_NAMES: tuple[tuple[Callable[[str], Method], str], ...] = (
    (
        _plain,
        "endswith isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle"
        " isupper lstrip removeprefix removesuffix rstrip startswith strip",
    ),
    (_growing, "capitalize casefold lower swapcase title upper"),
    (_searching, "count find index rfind rindex"),
    (_padding, "center ljust rjust zfill"),
    (_splitting, "partition rpartition rsplit split splitlines"),
)
STR_METHODS: dict[str, Method] = {
    **{name: make(name) for make, names in _NAMES for name in names.split()},
    "expandtabs": Method("expandtabs", expandtabs),
    "format": Method("format", format_),
    "format_map": Method("format_map", format_map),
    "join": Method("join", join),
    "maketrans": Method("maketrans", lambda machine, _value, *args: maketrans(machine, *args)),
    "replace": Method("replace", replace),
    "translate": Method("translate", translate),
}
