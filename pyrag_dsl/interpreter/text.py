"""Turning values into text: str(), format specifications, `%`, and `str.format`, each bounded before it runs."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from typing import Any

from .dates import strftime
from .items import get_item
from .limits import LimitHit
from .machine import Machine
from .values import DefaultDict, Record, type_name

_WIDTHS = re.compile(r"\d+")  # of any script: the host reads them all
_FIELD = re.compile(r"[-+ #0]*(?P<width>\*|[0-9]*)(?:\.(?P<precision>\*|[0-9]*))?[hlL]?(?P<kind>.|$)", re.DOTALL)
_SMALL = 1 << 128
_ATOMS = frozenset({str, int, float, bool, type(None)})


def to_str(machine: Machine, value: Any) -> str:
    """`str(value)`."""
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]
    if kind not in _ATOMS:
        _reserve(machine, value)
    elif kind is int:
        _digits(machine, value)
    return str(value)


def to_repr(machine: Machine, value: Any) -> str:
    """`repr(value)`."""
    kind = type(value)
    if kind not in _ATOMS or kind is str:
        _reserve(machine, value)
    elif kind is int:
        _digits(machine, value)
    return repr(value)


def to_ascii(machine: Machine, value: Any) -> str:
    """`ascii(value)`."""
    machine.text(machine.measure(value) * 10)
    return ascii(value)


def _reserve(machine: Machine, value: Any) -> None:
    """Pay for the text of a value. Four characters stand between two items, or around a float."""
    size = machine.measure(value, shown=True) * 4 if type(value) is not str else machine.measure(value, shown=True)
    machine.text(size, type(value) is str and not value.isascii())
    machine.work(size >> 5)


def _digits(machine: Machine, value: int) -> None:
    """Pay for turning an integer into text: it takes the square of its size."""
    if not -_SMALL < value < _SMALL:
        size = value.bit_length()
        machine.text(size >> 1)
        machine.work(size * size >> 18)


CONVERSIONS = {"r": to_repr, "s": to_str, "a": to_ascii}


def bound_spec(machine: Machine, spec: str) -> None:
    """Refuse a format specification whose widths are beyond the limit of a string."""
    if len(spec) > 64 and len(spec) > machine.limits.pattern:
        raise LimitHit("PLAN404", "a format specification that is too long")
    for match in _WIDTHS.finditer(spec):
        width = int(match[0]) if len(match[0]) <= 12 else 10**12
        if width > 100:
            machine.text(width, not spec.isascii())
            machine.work(width >> 4)


def format_value(machine: Machine, value: Any, spec: str) -> str:
    """`format(value, spec)`."""
    if not spec:
        return to_str(machine, value)
    bound_spec(machine, spec)
    kind = type(value)
    if kind is int:
        _digits(machine, value)
    elif kind is str and len(value) > 64:
        machine.text(len(value), not value.isascii())
    if kind not in _ATOMS:
        if "%" in spec and hasattr(value, "strftime"):
            return strftime(machine, value, spec)
        machine.measure(value)
        if kind.__module__.startswith("pyrag_dsl") or isinstance(value, (list, dict, tuple)):
            raise TypeError(f"unsupported format string passed to {type_name(value)}.__format__")
    return format(value, spec)


def percent(machine: Machine, template: str, args: Any) -> str:
    """`template % args`."""
    values = list(args) if type(args) in (tuple, Record) else [args]
    total = len(template)
    index = 0
    wide = not template.isascii()
    for key, match in _fields(template):
        machine.work(1)
        if match["kind"] == "%":
            continue
        for part in (match["width"], match["precision"]):
            if part == "*":
                width = values[index] if index < len(values) else 0
                index += 1
                total += abs(width) if type(width) is int else 0
            elif part:
                total += int(part) if len(part) <= 12 else 10**12
        if key is not None:
            if not isinstance(args, dict) or not (key in args or type(args) is DefaultDict):
                continue
            value = get_item(machine, args, key)
        elif index < len(values):
            value = values[index]
            index += 1
        else:
            continue
        if type(value) is str and match["kind"] == "s":
            total += len(value)
            wide = wide or not value.isascii()
        elif type(value) is int:
            _digits(machine, value)
            total += value.bit_length() + 4
        else:
            total += machine.measure(value, shown=True) * 4 * (3 if match["kind"] == "a" else 1)
        machine.work(total >> 10)
        if total > machine.limits.string:
            break
    machine.text(total, wide)
    machine.work(total >> 5)
    if type(args) is Record:
        args = tuple(args)
    return str(template % args)


def _fields(template: str) -> Iterator[tuple[str | None, re.Match[str]]]:
    """The fields of a template for `%`: the key, in which brackets nest, and the rest."""
    at = template.find("%")
    while at >= 0:
        at += 1
        key = None
        if template.startswith("(", at):
            start = at = at + 1
            nested = 1
            while at < len(template) and nested:
                nested += {"(": 1, ")": -1}.get(template[at], 0)
                at += 1
            key = template[start : at - 1]
        match = _FIELD.match(template, at)
        assert match is not None
        yield key, match
        at = template.find("%", match.end())


def format_template(machine: Machine, template: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """`template.format(*args, **kwargs)`: positions, names and indexes; attributes never."""
    out: list[str] = []
    counter = [0]
    _format_into(machine, out, template, args, kwargs, counter, 2)
    machine.text(sum(map(len, out)), not all(map(str.isascii, out)))
    return "".join(out)


def _format_into(
    machine: Machine,
    out: list[str],
    template: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    counter: list[int],
    depth: int,
) -> None:
    if depth < 0:
        raise ValueError("Max string recursion exceeded")
    for literal, field, spec, conversion in string.Formatter().parse(template):
        out.append(literal)
        machine.work(6)
        if field is None:
            continue
        head, rest = _split_field(field)
        if head == "" or head.isdigit():
            if head == "":
                if counter[0] < 0:
                    raise ValueError("cannot switch from manual field specification to automatic field numbering")
                position = counter[0]
                counter[0] += 1
            else:
                if counter[0] > 0:
                    raise ValueError("cannot switch from automatic field numbering to manual field specification")
                counter[0] = -1
                position = int(head[:9])
            if position >= len(args):
                raise IndexError(f"Replacement index {position} out of range for positional args tuple")
            value = args[position]
        else:
            value = machine.check(get_item(machine, kwargs, head))
        for key in rest:
            value = machine.check(get_item(machine, value, int(key) if key.isdigit() else key))
        machine.scan(value)
        if conversion:
            if conversion not in CONVERSIONS:
                raise ValueError(f"Unknown conversion specifier {conversion}")
            value = CONVERSIONS[conversion](machine, value)
        inner: list[str] = []
        if spec:
            _format_into(machine, inner, spec, args, kwargs, counter, depth - 1)
        text = format_value(machine, value, "".join(inner))
        out.append(text)


def _split_field(field: str) -> tuple[str, list[str]]:
    """`name[a][b]` as its name and its keys."""
    head = re.match(r"[^.\[]*", field)
    assert head is not None
    keys: list[str] = []
    at = head.end()
    while at < len(field):
        if field[at] == ".":
            raise ValueError("a format field reaches for an attribute, which plans do not have")
        end = field.find("]", at)
        if end < 0:
            raise ValueError("expected '}' before end of string")
        if end == at + 1:
            raise ValueError("Empty attribute in format string")
        keys.append(field[at + 1 : end])
        at = end + 1
        if at < len(field) and field[at] not in ".[":
            raise ValueError("Only '.' or '[' may follow ']' in format field specifier")
    return head[0], keys
