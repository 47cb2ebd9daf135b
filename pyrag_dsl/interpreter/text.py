"""Turning values into text: str(), format specifications, `%`, and `str.format`, each bounded before it runs."""

from __future__ import annotations

import re
import string
from typing import Any

from .dates import strftime
from .items import get_item
from .limits import LimitHit
from .machine import Machine
from .values import DefaultDict, Record, type_name

_WIDTHS = re.compile(r"[0-9]+")
_PERCENT = re.compile(
    r"%(?:\((?P<key>[^)]*)\))?[-+ #0]*(?P<width>\*|[0-9]*)(?:\.(?P<precision>\*|[0-9]*))?[hlL]?(?P<kind>.|$)",
    re.DOTALL,
)
_ATOMS = frozenset({str, int, float, bool, type(None)})


def to_str(machine: Machine, value: Any) -> str:
    """`str(value)`."""
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]
    if kind not in _ATOMS:
        machine.text(machine.measure(value) * 3)
    return str(value)


def to_repr(machine: Machine, value: Any) -> str:
    """`repr(value)`."""
    kind = type(value)
    if kind is str:
        machine.text(len(value) * 2)
    elif kind not in _ATOMS:
        machine.text(machine.measure(value) * 3)
    return repr(value)


def to_ascii(machine: Machine, value: Any) -> str:
    """`ascii(value)`."""
    machine.text(machine.measure(value) * 10)
    return ascii(value)


CONVERSIONS = {"r": to_repr, "s": to_str, "a": to_ascii}


def bound_spec(machine: Machine, spec: str) -> None:
    """Refuse a format specification whose widths are beyond the limit of a string."""
    if len(spec) > 64 and len(spec) > machine.limits.pattern:
        raise LimitHit("PLAN404", "a format specification that is too long")
    for match in _WIDTHS.finditer(spec):
        if len(match[0]) > 9 or int(match[0]) > 10_000:
            machine.text(int(match[0][:12]) if len(match[0]) <= 12 else 10**12)


def format_value(machine: Machine, value: Any, spec: str) -> str:
    """`format(value, spec)`."""
    if not spec:
        return to_str(machine, value)
    bound_spec(machine, spec)
    kind = type(value)
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
    for match in _PERCENT.finditer(template):
        if match["kind"] == "%":
            continue
        for part in (match["width"], match["precision"]):
            if part == "*":
                width = values[index] if index < len(values) else 0
                index += 1
                total += abs(width) if type(width) is int else 0
            elif part:
                if len(part) > 12:
                    raise LimitHit("PLAN404", f"a field of {part[:12]}... characters")
                total += int(part)
        if match["key"] is not None:
            if isinstance(args, dict) and (match["key"] in args or type(args) is DefaultDict):
                total += machine.measure(get_item(machine, args, match["key"])) * 4
        elif index < len(values):
            total += machine.measure(values[index]) * 4
            index += 1
    machine.text(total)
    if type(args) is Record:
        args = tuple(args)
    return str(template % args)


def format_template(machine: Machine, template: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """`template.format(*args, **kwargs)`: positions, names and indexes; attributes never."""
    out: list[str] = []
    counter = [0]
    _format_into(machine, out, template, args, kwargs, counter, 2)
    result = "".join(out)
    machine.text(len(result))
    return result


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
        machine.work(1)
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
        machine.text(len(text))
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
