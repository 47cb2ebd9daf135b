"""The module `re` for plans: it gives the results of CPython, and bounds the time of every operation.

CPython's own parser decides what a pattern means and which patterns are errors. Two engines run a pattern:

- The engine of the standard library, if the bound of `pattern_cost` for this pattern and length of text is small. It is
  exact by definition, but it holds the interpreter lock and cannot be interrupted.
- Otherwise the `regex` package with a timeout, on a pattern that is rendered from the parsed tree (`pattern_render`).
  On random patterns the two agree on every group, but they differ in what a word character is, hence the rendering.
  This engine ends many searches early that are exponential for the first one, needs little memory for deep ones, and
  releases the lock. An operation that takes longer than `Limits.regex_seconds` ends as PLAN409.

RE2 would be linear in the text, but has neither lookaround nor backreferences.

Compiled patterns are kept here, not in the cache of `re`, whose entries belong to the host. Flags are plain integers:
`re.I | re.M` is 10, and is shown as 10.
"""

from __future__ import annotations

import re
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from time import perf_counter
from typing import Any

from .account import REGEX_SHARE
from .limits import LimitHit
from .machine import Machine
from .making import make_exception, make_match
from .pattern_cost import Cost, parser
from .pattern_render import compiler, render
from .pattern_text import examine
from .regex_results import MATCH_ATTRIBUTES, MATCH_METHODS, charge_group, fill, parse_template
from .showing import show
from .values import (
    BoundMethod,
    Builtin,
    Function,
    Iter,
    Match,
    Method,
    Partial,
    Pattern,
    RecordType,
    type_name,
)

# The largest work, in units of `pattern_cost`, for the standard library's engine: about ten milliseconds.
FAST_WORK = 1e6
_LOOKED_AT = 1e5  # units of work from which on the clock is read for each operation
# Characters: the engine of `re` keeps hundreds of bytes for every iteration of a group, and more for more groups.
_DEEP_TEXT = 32_768
_NESTING = 40
_EXPANDED = 100_000
_WIDE = 400_000
_KEPT = 256
_LEAST = 0.001  # seconds; a timeout of 0 would mean no timeout
_SIZE = 2_048  # bytes of a compiled pattern
_SIZE_OF_CHARACTER = 200
_FLAGS = 2 | 8 | 16 | 32 | 64 | 256 | 4  # including LOCALE, which CPython refuses with a message
_CALLABLE = (Function, Builtin, BoundMethod, Partial, RecordType)

__all__ = [
    "MATCH_ATTRIBUTES",
    "MATCH_METHODS",
    "MEMBERS",
    "PATTERN_ATTRIBUTES",
    "PATTERN_METHODS",
    "compile_pattern",
]

_kept: OrderedDict[tuple[str, int], Pattern] = OrderedDict()
_lock = Lock()


# ------------------------------------------------------------------ compiling
def compile_pattern(machine: Machine, text: Any, flags: Any = 0) -> Pattern:
    """Compile `text`, unless it is a compiled pattern already.

    Raises:
        re.error, ValueError, TypeError, OverflowError: as CPython does.
        LimitHit: PLAN412, the pattern is too large.
    """
    if type(text) is Pattern:
        if flags:
            raise ValueError("cannot process flags argument with a compiled pattern")
        return text
    if type(text) is not str:
        raise TypeError("first argument must be string or compiled pattern")
    if type(flags) not in (int, bool):
        raise TypeError(f"flags must be an integer, not {type_name(flags)}")
    if flags & ~_FLAGS:
        raise ValueError(f"unknown flags: {show(machine, flags & ~_FLAGS)}")
    if len(text) > machine.limits.pattern:
        raise _too_large(f"{len(text):,} characters; the limit is {machine.limits.pattern:,}")
    key = (text, int(flags))
    machine.charge_steps(30 + len(text))
    found: Pattern | None = machine.patterns.get(key)
    if found is not None:
        machine.charge_steps(found.cost.wide >> 6)
        return found
    # The first use in this run costs the full price, even if another run has compiled the pattern: the limits of a plan
    # must not depend on other plans.
    machine.charge_steps(90 + 8 * len(text))
    machine.charge_bytes(_SIZE + _SIZE_OF_CHARACTER * len(text))
    with _lock:
        found = _kept.get(key)
        if found is not None:
            _kept.move_to_end(key)
    if found is None:
        try:
            found = _compile(text, int(flags))
        except RecursionError:
            raise _too_large("groups inside groups") from None
        with _lock:
            _kept[key] = found
            if len(_kept) > _KEPT:
                _kept.popitem(last=False)
    machine.charge_steps(found.cost.wide >> 6)
    machine.patterns[key] = found
    return found


def _too_large(why: str) -> LimitHit:
    return LimitHit("PLAN412", f"a regular expression that is too large: {why}")


def _compile(text: str, flags: int) -> Pattern:
    source = examine(text, flags)
    if source.depth > _NESTING:
        raise _too_large(f"brackets nested more than {_NESTING} deep")
    tree = parser.parse(source.pattern, flags)
    if tree.state.flags & ~_FLAGS:
        raise re.error("unknown flag", text)
    cost = Cost(tree)
    if cost.expanded > _EXPANDED:
        raise _too_large("its counted repetitions multiply")
    if cost.wide > _WIDE:
        raise _too_large("its character classes are wide")
    fast = compiler.compile(tree, flags)

    @cache
    def slow() -> Any:
        import regex

        return regex.compile(render(tree), regex.V1, cache_pattern=False)

    return Pattern(text, fast.flags, fast.groups, dict(fast.groupindex), fast, slow, cost)


# ------------------------------------------------------------------ running
def _index(value: Any) -> int:
    if type(value) not in (int, bool):
        raise TypeError(f"'{type_name(value)}' object cannot be interpreted as an integer")
    return max(min(int(value), sys.maxsize), -sys.maxsize)


def _engine(machine: Machine, pattern: Pattern, length: int, search: bool) -> Any:
    """Choose the engine for one operation on `length` characters, and charge the operation."""
    cost = pattern.cost
    work = cost.work(length, search)
    deep = cost.deep and length * (4 + pattern.groups) > 4 * _DEEP_TEXT
    machine.charge_steps(4 + (length >> 6))
    if work <= FAST_WORK and not deep and not cost.fragile:
        machine.charge_steps(int(work) >> 7)
        if work > _LOOKED_AT:
            machine.refuel()
        return pattern.fast
    machine.charge_steps(100)
    if pattern not in machine.slow_patterns:
        # The pattern is compiled again for the other engine. As in `compile_pattern`, each run pays the full price.
        machine.charge_steps(500 + 8 * len(pattern.pattern))
        machine.charge_bytes(_SIZE + _SIZE_OF_CHARACTER * len(pattern.pattern))
        machine.slow_patterns.add(pattern)
    machine.refuel()
    try:
        return pattern.slow()
    except RecursionError:
        raise _too_large("groups inside groups") from None


def _took_long(machine: Machine, length: int) -> LimitHit:
    seconds = machine.limits.regex_seconds
    if machine.regex_seconds < seconds:
        message = f"the regular expressions of the plan took more than {seconds * REGEX_SHARE:g} s together"
    else:
        message = f"a regular expression took more than {seconds} s on {length:,} characters"
    return LimitHit("PLAN409", message)


@contextmanager
def _timed(machine: Machine, length: int) -> Iterator[float]:
    """Give the timeout in seconds for an operation of `regex`, and charge the time that it took."""
    begun = perf_counter()
    try:
        yield max(min(machine.limits.regex_seconds, machine.regex_seconds), _LEAST)
    except TimeoutError:
        machine.regex_seconds -= perf_counter() - begun
        raise _took_long(machine, length) from None
    machine.regex_seconds -= perf_counter() - begun
    if machine.regex_seconds < 0:
        raise _took_long(machine, length)


def _window(string: Any, pos: Any, endpos: Any) -> tuple[int, int]:
    """The part of the text to search, as start and end."""
    if type(string) is not str:
        raise TypeError(f"expected string or bytes-like object, got '{type_name(string)}'")
    length = len(string)
    return min(max(_index(pos), 0), length), min(max(_index(endpos), 0), length)


def _once(machine: Machine, pattern: Pattern, how: str, string: Any, pos: Any, endpos: Any) -> Match | None:
    """One match, or None; `how` is "match", "fullmatch" or "search"."""
    start, end = _window(string, pos, endpos)
    if start > end:
        return None  # as CPython's manual says, although its engine finds some empty matches
    engine = _engine(machine, pattern, end - start, how == "search")
    if engine is pattern.fast:
        host = getattr(engine, how)(string, start, end)
    else:
        with _timed(machine, end - start) as seconds:
            host = getattr(engine, how)(string, start, end, timeout=seconds)
    return None if host is None else make_match(machine, host, pattern)


def _all(machine: Machine, pattern: Pattern, string: Any, pos: Any = 0, endpos: Any = sys.maxsize) -> Iterator[Any]:
    """The matches of the host from left to right, each of which is charged, by its number of groups."""
    start, end = _window(string, pos, endpos)
    if start > end:
        return iter(())
    engine = _engine(machine, pattern, end - start, True)
    if engine is pattern.fast:
        return machine.counted(engine.finditer(string, start, end), steps=2 + (pattern.groups >> 1))
    return _all_slowly(machine, engine, string, start, end, 2 + (pattern.groups >> 1))


def _all_slowly(machine: Machine, engine: Any, string: str, start: int, end: int, steps: int) -> Iterator[Any]:
    left = machine.regex_seconds - machine.limits.regex_seconds
    matches = engine.finditer(string, start, end, timeout=machine.limits.regex_seconds)
    while True:
        with _timed(machine, end - start):  # the plan's own time between two matches does not count
            host = next(matches, None)
        if machine.regex_seconds < left:
            raise _took_long(machine, end - start)
        if host is None:
            return
        machine.charge_steps(steps)
        yield host


def _charge_growth(machine: Machine, out: list[Any], count: int) -> None:
    """Charge `count` more items."""
    machine.charge_steps(count >> 1)
    machine.memory -= 16 * count
    if machine.memory < 0 or len(out) + count > machine.limits.container:
        machine.charge_items(len(out) + count)


# ------------------------------------------------------------------ the functions
def _finding(how: str) -> Callable[..., Any]:
    def find(machine: Machine, /, pattern: Any, string: Any, flags: Any = 0) -> Any:
        return _once(machine, compile_pattern(machine, pattern, flags), how, string, 0, sys.maxsize)

    return find


def _finding_method(how: str) -> Callable[..., Any]:
    def find(machine: Machine, self: Pattern, /, string: Any, pos: Any = 0, endpos: Any = sys.maxsize) -> Any:
        return _once(machine, self, how, string, pos, endpos)

    return find


def _findall(machine: Machine, self: Pattern, /, string: Any, pos: Any = 0, endpos: Any = sys.maxsize) -> list[Any]:
    out: list[Any] = []
    groups = self.groups
    for host in _all(machine, self, string, pos, endpos):
        if groups < 2:
            _charge_growth(machine, out, 1)
            out.append(charge_group(machine, host.group(groups) or ""))
        else:
            _charge_growth(machine, out, 1 + groups)
            out.append(tuple([charge_group(machine, text) for text in host.groups("")]))
    return out


def _finditer(machine: Machine, self: Pattern, /, string: Any, pos: Any = 0, endpos: Any = sys.maxsize) -> Iter:
    return machine.lazy(_matches, (self, string), _all(machine, self, string, pos, endpos))


def _matches(machine: Machine, pattern: Pattern, _string: Any, hosts: Iterator[Any]) -> Iterator[Any]:
    for host in hosts:
        yield make_match(machine, host, pattern)


def _split(machine: Machine, self: Pattern, /, string: Any, maxsplit: Any = 0) -> list[Any]:
    hosts = _all(machine, self, string)
    most = _index(maxsplit)
    out: list[Any] = []
    last = times = 0
    if most >= 0:
        for host in hosts:
            start, end = host.span()
            _charge_growth(machine, out, 1 + self.groups)
            out.append(charge_group(machine, string[last:start]))
            out.extend([charge_group(machine, text) if text else text for text in host.groups()])
            last = end
            times += 1
            if times == most:
                break
    out.append(charge_group(machine, string[last:]))
    return out


def _subn(machine: Machine, self: Pattern, /, repl: Any, string: Any, count: Any = 0) -> tuple[str, int]:
    replacement = _replacement(machine, self, repl)
    hosts = _all(machine, self, string)
    most = _index(count)
    out: list[Any] = []
    last = times = 0
    if most >= 0:
        for host in hosts:
            start, end = host.span()
            _charge_growth(machine, out, 2)
            machine.charge_steps(4)
            if start > last:
                out.append(charge_group(machine, string[last:start]))
            new = replacement(host)
            if new is not None:
                out.append(new)
            last = end
            times += 1
            if times == most:
                break
    if last < len(string):
        out.append(charge_group(machine, string[last:]))
    for index, piece in enumerate(out):
        if type(piece) is not str:
            raise TypeError(f"sequence item {index}: expected str instance, {type_name(piece)} found")
    machine.charge_text(sum(map(len, out)), not all(map(str.isascii, out)))
    return "".join(out), times


def _sub(machine: Machine, self: Pattern, /, repl: Any, string: Any, count: Any = 0) -> str:
    return _subn(machine, self, repl, string, count)[0]


def _replacement(machine: Machine, pattern: Pattern, repl: Any) -> Callable[[Any], Any]:
    """A function that returns the replacement for a match of the host."""
    if type(repl) is str:
        template = parse_template(machine, pattern, repl)
        return lambda host: fill(machine, template, host)
    if type(repl) not in _CALLABLE:
        raise TypeError(f"decoding to str: need a bytes-like object, {type_name(repl)} found")
    call = machine.caller()
    return lambda host: machine.check(call(repl, make_match(machine, host, pattern)))


def _escape(machine: Machine, /, pattern: Any) -> str:
    if type(pattern) is not str:
        raise TypeError(f"decoding to str: need a bytes-like object, {type_name(pattern)} found")
    machine.charge_text(2 * len(pattern), not pattern.isascii())
    machine.charge_steps(len(pattern) >> 3)
    return re.escape(pattern)


def _error(machine: Machine, /, msg: Any, pattern: Any = None, pos: Any = None) -> Exception:
    if type(msg) is not str or type(pattern) not in (str, type(None)) or type(pos) not in (int, type(None)):
        raise TypeError("re.error takes a message, the pattern and a position")
    machine.charge_text(len(msg) + len(pattern or ""))
    machine.charge_steps(len(pattern or "") >> 6)
    return make_exception(machine, re.error, (msg, pattern, pos))


def _not_made(name: str) -> Callable[..., Any]:
    def refuse(machine: Machine, /, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG001
        raise TypeError(f"cannot create '{name}' instances")

    return refuse


# These functions are written out one by one, so that their keywords are those of CPython.
def _findall_of(machine: Machine, /, pattern: Any, string: Any, flags: Any = 0) -> Any:
    return _findall(machine, compile_pattern(machine, pattern, flags), string)


def _finditer_of(machine: Machine, /, pattern: Any, string: Any, flags: Any = 0) -> Any:
    return _finditer(machine, compile_pattern(machine, pattern, flags), string)


def _split_of(machine: Machine, /, pattern: Any, string: Any, maxsplit: Any = 0, flags: Any = 0) -> Any:
    return _split(machine, compile_pattern(machine, pattern, flags), string, maxsplit)


def _sub_of(machine: Machine, /, pattern: Any, repl: Any, string: Any, count: Any = 0, flags: Any = 0) -> Any:
    return _sub(machine, compile_pattern(machine, pattern, flags), repl, string, count)


def _subn_of(machine: Machine, /, pattern: Any, repl: Any, string: Any, count: Any = 0, flags: Any = 0) -> Any:
    return _subn(machine, compile_pattern(machine, pattern, flags), repl, string, count)


def _compile_of(machine: Machine, /, pattern: Any, flags: Any = 0) -> Any:
    return compile_pattern(machine, pattern, flags)


def _groupindex(machine: Machine, pattern: Pattern) -> dict[str, int]:
    machine.charge_items(len(pattern.groupindex) * 6)
    return dict(pattern.groupindex)


MEMBERS: dict[str, Any] = {
    **dict.fromkeys(("A", "ASCII"), 256),
    **dict.fromkeys(("I", "IGNORECASE"), 2),
    **dict.fromkeys(("M", "MULTILINE"), 8),
    **dict.fromkeys(("S", "DOTALL"), 16),
    **dict.fromkeys(("U", "UNICODE"), 32),
    **dict.fromkeys(("X", "VERBOSE"), 64),
    "NOFLAG": 0,
    "error": Builtin("re.error", _error, host=re.error),
    "Match": Builtin("re.Match", _not_made("re.Match"), host=Match),
    "Pattern": Builtin("re.Pattern", _not_made("re.Pattern"), host=Pattern),
    "compile": Builtin("re.compile", _compile_of),
    "search": Builtin("re.search", _finding("search")),
    "match": Builtin("re.match", _finding("match")),
    "fullmatch": Builtin("re.fullmatch", _finding("fullmatch")),
    "findall": Builtin("re.findall", _findall_of),
    "finditer": Builtin("re.finditer", _finditer_of),
    "split": Builtin("re.split", _split_of),
    "sub": Builtin("re.sub", _sub_of),
    "subn": Builtin("re.subn", _subn_of),
    "escape": Builtin("re.escape", _escape),
}

_METHODS: dict[str, Callable[..., Any]] = {
    "search": _finding_method("search"),
    "match": _finding_method("match"),
    "fullmatch": _finding_method("fullmatch"),
    "findall": _findall,
    "finditer": _finditer,
    "split": _split,
    "sub": _sub,
    "subn": _subn,
}
PATTERN_METHODS = {name: Method(name, call, reads=True) for name, call in _METHODS.items()}
PATTERN_ATTRIBUTES: dict[str, Callable[[Machine, Any], Any]] = {
    "pattern": lambda _machine, pattern: pattern.pattern,
    "flags": lambda _machine, pattern: pattern.flags,
    "groups": lambda _machine, pattern: pattern.groups,
    "groupindex": _groupindex,
}
