"""The results of a match, which are charged here: groups, positions and filled templates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .machine import Machine
from .pattern_cost import parser
from .pattern_text import examine_template
from .values import Match, Method, Pattern, type_name


def charge_group(machine: Machine, text: str) -> str:
    machine.charge_text(len(text), not text.isascii())
    return text


def parse_template(machine: Machine, pattern: Pattern, text: str) -> list[str | int]:
    """Parse a replacement text into literal pieces and group numbers."""
    if "\\" not in text:
        return [text] if text else []
    machine.charge_steps(len(text))
    examine_template(text)
    parsed: Any = parser.parse_template(text, pattern)
    if isinstance(parsed, tuple):  # before 3.12: the positions of groups, and literals, which are None there
        pieces = list(parsed[1])
        for position, group in parsed[0]:
            pieces[position] = group
    else:
        pieces = parsed
    return [piece for piece in pieces if piece != ""]


def fill(machine: Machine, template: list[str | int], host: Any) -> str:
    if not template:
        return ""
    pieces: list[str] = []
    length = 0
    wide = False
    for piece in template:
        text = piece if type(piece) is str else host.group(piece) or ""
        length += len(text)
        wide = wide or not text.isascii()
        pieces.append(text)
        if length > machine.limits.string:
            break
    machine.charge_steps(len(template))
    machine.charge_text(length, wide)
    return "".join(pieces)


def _number(match: Match, group: Any) -> int:
    """The number of a group that is given by number or name."""
    number: Any = match.pattern.groupindex.get(group) if type(group) is str else group
    if type(number) not in (int, bool) or not 0 <= number <= match.pattern.groups:
        raise IndexError("no such group")
    return int(number)


def _part(machine: Machine, match: Match, group: int, default: Any) -> Any:
    text = match.host.group(group)
    return default if text is None else charge_group(machine, text)


def _group(machine: Machine, match: Match, /, *groups: Any) -> Any:
    if len(groups) < 2:
        return _part(machine, match, _number(match, groups[0]) if groups else 0, None)
    machine.charge_steps(2 * len(groups))
    return tuple([_part(machine, match, _number(match, group), None) for group in groups])


def _groups(machine: Machine, match: Match, /, default: Any = None) -> tuple[Any, ...]:
    machine.charge_items(match.pattern.groups)
    machine.charge_steps(match.pattern.groups)
    return tuple([_part(machine, match, number, default) for number in range(1, match.pattern.groups + 1)])


def _groupdict(machine: Machine, match: Match, /, default: Any = None) -> dict[str, Any]:
    index = match.pattern.groupindex
    machine.charge_items(len(index))
    machine.charge_steps(len(index))
    return {name: _part(machine, match, number, default) for name, number in index.items()}


def _start(machine: Machine, match: Match, group: Any = 0, /) -> int:  # noqa: ARG001
    return int(match.host.start(_number(match, group)))


def _end(machine: Machine, match: Match, group: Any = 0, /) -> int:  # noqa: ARG001
    return int(match.host.end(_number(match, group)))


def _span(machine: Machine, match: Match, group: Any = 0, /) -> tuple[int, int]:  # noqa: ARG001
    start, end = match.host.span(_number(match, group))
    return start, end


def _expand(machine: Machine, match: Match, /, template: Any) -> str:
    if type(template) is not str:
        raise TypeError(f"decoding to str: need a bytes-like object, {type_name(template)} found")
    return fill(machine, parse_template(machine, match.pattern, template), match.host)


def _lastgroup(_machine: Machine, match: Match) -> str | None:
    last = match.host.lastindex
    return next((name for name, number in match.pattern.groupindex.items() if number == last), None)


_METHODS: dict[str, Callable[..., Any]] = {
    "group": _group,
    "groups": _groups,
    "groupdict": _groupdict,
    "start": _start,
    "end": _end,
    "span": _span,
    "expand": _expand,
}
MATCH_METHODS = {name: Method(name, call, reads=True) for name, call in _METHODS.items()}
MATCH_ATTRIBUTES: dict[str, Callable[[Machine, Any], Any]] = {
    "re": lambda _machine, match: match.pattern,
    "string": lambda _machine, match: match.host.string,
    "pos": lambda _machine, match: match.host.pos,
    "endpos": lambda _machine, match: match.host.endpos,
    "lastindex": lambda _machine, match: match.host.lastindex,
    "lastgroup": _lastgroup,
}
