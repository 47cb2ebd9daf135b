"""From values to text: `str()`, format specifications, `%` and `str.format`. Each is charged before it runs."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from typing import Any

from .dates import strftime
from .items import get_item
from .limits import LimitHit
from .machine import Machine
from .showing import charge_digits, show, shown
from .values import DefaultDict, Record, type_name

_WIDTHS = re.compile(r"\d+")  # digits of any script, because the host accepts them all
_FIELD = re.compile(r"[-+ #0]*(?P<width>\*|[0-9]*)(?:\.(?P<precision>\*|[0-9]*))?[hlL]?(?P<kind>.|$)", re.DOTALL)
_DIGITS = 20  # digits of an index in a template that are read: no container has as many items as they can count
_ATOMS = frozenset({str, int, float, bool, type(None)})

to_str = shown
to_repr = show


def to_ascii(machine: Machine, value: Any) -> str:
    """`ascii(value)`."""
    text = show(machine, value)
    if text.isascii():
        return text
    machine.charge_text(len(text) * 10)
    return text.encode("ascii", "backslashreplace").decode("ascii")


CONVERSIONS: dict[str, Callable[[Machine, Any], str]] = {"r": to_repr, "s": to_str, "a": to_ascii}


def bound_spec(machine: Machine, spec: str) -> None:
    """Refuse a format specification whose widths are beyond the limit of a string."""
    if len(spec) > 64 and len(spec) > machine.limits.pattern:
        raise LimitHit("PLAN404", "a format specification that is too long")
    for match in _WIDTHS.finditer(spec):
        width = int(match[0]) if len(match[0]) <= 12 else 10**12
        if width > 100:
            machine.charge_text(width, not spec.isascii())
            machine.charge_steps(width >> 4)


def format_value(machine: Machine, value: Any, spec: str) -> str:
    """`format(value, spec)`."""
    if not spec:
        return to_str(machine, value)
    bound_spec(machine, spec)
    machine.charge_steps(8)
    kind = type(value)
    if kind is int:
        charge_digits(machine, value)
    elif kind is str and len(value) > 64:
        machine.charge_text(len(value), not value.isascii())
    elif kind not in _ATOMS:
        if kind in (date, datetime, time):
            return strftime(machine, value, spec)
        raise TypeError(f"unsupported format string passed to {type_name(value)}.__format__")
    return format(value, spec)


class _Operand:
    """An operand of `%`, whose text is charged when the host asks for it."""

    __slots__ = ("machine", "value")

    def __init__(self, machine: Machine, value: Any) -> None:
        self.machine = machine
        self.value = value

    def __str__(self) -> str:
        return to_str(self.machine, self.value)

    def __repr__(self) -> str:
        return to_repr(self.machine, self.value)


def percent(machine: Machine, template: str, args: Any) -> str:
    """`template % args`."""
    several = type(args) in (tuple, Record)
    values = list(args) if several else [args]
    machine.charge_items(len(values))
    named: dict[str, Any] = {}
    total = len(template)
    index = 0
    wide = not template.isascii()
    for key, match in _fields(template):
        machine.charge_steps(1)
        kind = match["kind"]
        if kind == "%":
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
        else:
            continue
        if type(value) is str and kind == "s":
            total += len(value)
            wide = wide or not value.isascii()
        elif type(value) is int:
            charge_digits(machine, value)
            total += value.bit_length() + 4
        elif kind in CONVERSIONS:
            value = _Operand(machine, value)
        if key is not None:
            named[key] = value
        else:
            values[index] = value
            index += 1
        machine.charge_steps(total >> 10)
        if total > machine.limits.string:
            break
    machine.charge_text(total, wide)
    machine.charge_steps(total >> 5)
    if several:
        made = template % tuple(values)
    elif index:
        made = template % (values[0],)
    else:  # a mapping, or a value that no field uses
        made = template % (named if isinstance(args, dict) and named else args)
    machine.charge_text(len(made))
    return made


def _fields(template: str) -> Iterator[tuple[str | None, re.Match[str]]]:
    """The fields of a template for `%`: the key, in which brackets may nest, and a match of the rest."""
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
    """`template.format(*args, **kwargs)`, with positions, names and indexes, but without attributes."""
    out: list[str] = []
    counter = [0]
    _format_into(machine, out, template, args, kwargs, counter, 2)
    machine.charge_text(sum(map(len, out)), not all(map(str.isascii, out)))
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
    machine.charge_steps(len(template) >> 4)
    for literal, field, spec, conversion in string.Formatter().parse(template):
        out.append(literal)
        machine.charge_steps(6)
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
            value = machine.check(get_item(machine, value, int(key[:_DIGITS]) if key.isdigit() else key))
        machine.scan(value)
        if conversion:
            if conversion not in CONVERSIONS:
                raise ValueError(f"Unknown conversion specifier {conversion}")
            value = CONVERSIONS[conversion](machine, value)
        inner: list[str] = []
        if spec:
            _format_into(machine, inner, spec, args, kwargs, counter, depth - 1)
        machine.charge_text(sum(map(len, inner)), not all(map(str.isascii, inner)))
        text = format_value(machine, value, "".join(inner))
        out.append(text)


def _split_field(field: str) -> tuple[str, list[str]]:
    """Split `name[a][b]` into the name and the keys."""
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
