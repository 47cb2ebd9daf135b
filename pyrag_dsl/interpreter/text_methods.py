"""Methods of `str`. Each is charged before it makes its result."""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any

from .machine import Machine
from .text import format_template
from .values import DefaultDict, Method, type_name

_LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e"


def _plain(name: str) -> Method:
    """A method whose result is no longer than the text."""
    host = getattr(str, name)

    def call(machine: Machine, value: str, *args: Any, **kwargs: Any) -> Any:
        size = len(value)
        if size > 16:
            machine.charge_text(size, not value.isascii())
            machine.charge_steps(size >> 5)
        return host(value, *args, **kwargs)

    return Method(name, call)


def _trimming(name: str) -> Method:
    """`strip` and the like, which look up each character at an end among those to remove."""
    host = getattr(str, name)

    def call(machine: Machine, value: str, *args: Any) -> Any:
        size = len(value)
        if args and type(args[0]) is str and len(args[0]) > 8:
            machine.charge_steps(size * len(args[0]) >> 10)
        if size > 16:
            machine.charge_text(size, not value.isascii())
        return host(value, *args)

    return Method(name, call)


def _testing(name: str) -> Method:
    """`startswith` and `endswith`, which accept a tuple of texts."""
    host = getattr(str, name)

    def call(machine: Machine, value: str, *args: Any) -> Any:
        if args and type(args[0]) is tuple:
            machine.charge_steps(len(args[0]) >> 2)
            for part in args[0]:
                machine.charge_comparisons(part, 1)
        elif args:
            machine.charge_comparisons(args[0], 1)
        return host(value, *args)

    return Method(name, call)


_SLOW = frozenset({"swapcase", "title"})  # the host converts the characters one by one


def _growing(name: str) -> Method:
    """A method that can make a text up to three times as long (German sharp s, ligatures)."""
    host = getattr(str, name)

    def call(machine: Machine, value: str, *args: Any) -> Any:
        size = len(value)
        if size > 16:
            ascii_only = value.isascii()
            machine.charge_text(size if ascii_only else size * 3, not ascii_only)
            machine.charge_bytes(size)  # the host uses four bytes for each character
            if not ascii_only or name in _SLOW:
                machine.charge_steps(size >> 4)
        return host(value, *args)

    return Method(name, call)


def _searching(name: str) -> Method:
    """A method that looks for one text in another: quadratic at worst."""
    host = getattr(str, name)

    def call(machine: Machine, value: str, *args: Any) -> Any:
        if args and type(args[0]) is str:
            machine.charge_search(value, args[0])
        return host(value, *args)

    return Method(name, call)


def _padding(name: str) -> Method:
    """`center`, `ljust`, `rjust` and `zfill`, whose results are as long as the width."""
    host = getattr(str, name)

    def call(machine: Machine, value: str, *args: Any) -> Any:
        if args and type(args[0]) in (int, bool):
            wide = not value.isascii() or (type(args[-1]) is str and not args[-1].isascii())
            machine.charge_text(max(len(value), args[0]), wide)
        return host(value, *args)

    return Method(name, call)


def _splitting(name: str) -> Method:
    host = getattr(str, name)

    def call(machine: Machine, value: str, *args: Any, **kwargs: Any) -> Any:
        wide = not value.isascii()
        machine.charge_text(len(value), wide)
        separator = args[0] if args else kwargs.get("sep")
        if type(separator) is str and separator:
            machine.charge_search(value, separator)
            most = value.count(separator)
        elif name == "splitlines":
            most = len(value) if wide else sum(map(value.count, _LINE_ENDS))
            machine.charge_steps(len(value) >> 5)
        else:
            most = len(value) // 2 if wide else sum(map(value.count, string.whitespace))
            machine.charge_steps(len(value) >> 5)
        limit = args[1] if len(args) > 1 else kwargs.get("maxsplit", -1)
        if type(limit) is int and limit >= 0:
            most = min(most, limit)
        machine.charge_items(most + 1)
        machine.charge_bytes((most + 1) * (80 if wide else 56))
        return host(value, *args, **kwargs)

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
    machine.charge_text(total, wide)
    return value.join(parts)


def replace(machine: Machine, value: str, old: Any, new: Any, count: Any = -1, /) -> str:
    if type(old) is str and type(new) is str:
        machine.charge_search(value, old)
        times = value.count(old)
        machine.charge_steps(times >> 5)
        if type(count) is int and count >= 0:
            times = min(times, count)
        wide = not (value.isascii() and new.isascii())
        machine.charge_text(max(len(value), len(value) + times * (len(new) - len(old))), wide)
    return value.replace(old, new, count)


def expandtabs(machine: Machine, value: str, tabsize: Any = 8) -> str:
    if type(tabsize) in (int, bool):
        machine.charge_text(len(value) + value.count("\t") * max(tabsize, 0), not value.isascii())
    return value.expandtabs(tabsize)


def translate(machine: Machine, value: str, table: Any) -> str:
    if not isinstance(table, dict):
        raise TypeError(f"'{type_name(table)}' object is not subscriptable")
    longest = 1
    machine.charge_steps((len(table) >> 3) + (len(value) * (1 + machine.most_collisions) >> 3))
    machine.charge_iteration(table)
    for item in dict.values(table):
        if type(item) is str:
            longest = max(longest, len(item))
    machine.charge_text(len(value) * longest, True)
    return value.translate(dict(table) if type(table) is DefaultDict else table)


def maketrans(machine: Machine, *args: Any) -> Any:
    for arg in args:
        if type(arg) is str:
            machine.charge_items(len(arg) * 7)
        elif isinstance(arg, dict):
            machine.charge_items(len(arg) * 7)
            machine.charge_rehash(arg)
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
        "isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle"
        " isupper removeprefix removesuffix",
    ),
    (_trimming, "lstrip rstrip strip"),
    (_testing, "endswith startswith"),
    (_growing, "capitalize casefold lower swapcase title upper"),
    (_searching, "count find index rfind rindex"),
    (_padding, "center ljust rjust zfill"),
    (_splitting, "partition rpartition rsplit split splitlines"),
)
_METHODS = (
    *(make(name) for make, names in _NAMES for name in names.split()),
    Method("expandtabs", expandtabs),
    Method("join", join),
    Method("maketrans", lambda machine, _value, *args: maketrans(machine, *args)),
    Method("replace", replace),
    Method("translate", translate),
)
STR_METHODS: dict[str, Method] = {
    **{method.name: method._replace(reads=True) for method in _METHODS},
    "format": Method("format", format_),  # not `reads`, because it may fill a defaultdict
    "format_map": Method("format_map", format_map),
}
