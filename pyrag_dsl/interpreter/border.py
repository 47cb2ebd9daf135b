"""The border between a plan and its host: what may cross, as copies of exact plain data, bounded in size.

The same rules hold for arguments of tools, results of tools and the final value. A shared part counts as often as it
is met, depth is bounded, and cycles and host objects are refused. Text that a plan sends out must be valid Unicode. In
text that comes in, lone surrogates are replaced, so that a trace can always be written and read back.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Collection
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, NamedTuple

from ..grammar.language import ToolParam
from .limits import LimitHit, Limits, PlanFault
from .parts import SHAPES, of_mapping
from .values import VIEWS, Builtin, DefaultDict, PlanFrozenSet, PlanSet, Record, type_name

_FACTORIES = {"list": list, "dict": dict, "int": int, "str": str, "float": float, "set": set, "bool": bool,
              "tuple": tuple}  # fmt: skip
_KEYS, _VALUES, _ITEMS = VIEWS
# The size of each copied item, in characters: as many characters of text would take as much memory and time.
_ITEM = 8
_CONTAINER = 32


class Unfit(Exception):
    """A value that may not cross. The message says what it is, never what it holds."""


class Oversize(Unfit):
    """A value that is too large or too deep to cross."""


class _Copier:
    """Copies a value by a table of the types that may cross; `text` converts a string that is not ASCII."""

    def __init__(self, budget: int, depth: int, table: dict[type, _Crossing], text: Callable[[str], str]) -> None:
        self.budget = budget
        self.ceiling = budget
        self.depth = depth
        self.table = table
        self.text = text

    def spend(self, amount: int) -> None:
        self.budget -= amount
        if self.budget < 0:
            raise Oversize(f"it has more than {self.ceiling:,} items and characters")

    def copy(self, value: Any, depth: int = 0) -> Any:
        kind = type(value)
        self.spend(_ITEM)
        if kind is str:
            self.spend(len(value))
            return value if value.isascii() else self.text(value)
        leaf = _LEAVES.get(kind)
        if leaf is not None:
            if kind is int:
                self.spend(value.bit_length() >> 3)
            return leaf(value)
        if depth >= self.depth:
            raise Oversize(f"it is nested more than {self.depth} deep, or contains itself")
        crossing = self.table.get(kind)
        if crossing is None:
            raise Unfit(f"it holds {article(type_name(value))}")
        self.spend(_CONTAINER * crossing.weight)
        return crossing.make(value, [self.copy(part, depth + 1) for part in crossing.parts(value)])


class _Crossing(NamedTuple):
    """How a kind of container crosses: which parts are copied, its size in items, and how it is rebuilt."""

    parts: Callable[[Any], Collection[Any]]
    weight: int
    make: Callable[[Any, list[Any]], Any]


def _crossing(kind: type, weight: int, make: Callable[[Any], Any]) -> _Crossing:
    """The row of a kind of container of which all parts are copied; `make` rebuilds it from the list of copies."""
    return _Crossing(SHAPES[kind].parts, weight, lambda _, copies: make(copies))


def _mapping(copies: list[Any]) -> dict[Any, Any]:
    """A dictionary from a list of its keys followed by its values."""
    half = len(copies) // 2
    return dict(zip(copies[:half], copies[half:], strict=True))


def _host_default_dict(value: DefaultDict, copies: list[Any]) -> Any:
    """The factory crosses by its name, or not at all."""
    factory = value.factory
    return defaultdict(_FACTORIES.get(factory.name) if type(factory) is Builtin else None, _mapping(copies))


def _itself(value: Any) -> Any:
    return value


def _zone(value: Any) -> Any:
    """A copy of a time zone from an exact offset and name: the host's may hold other objects as these."""
    parts = value.__getinitargs__()
    if all(type(part) in _EXACT for part in parts):
        return value
    try:
        offset, *names = parts
        return timezone(_exact_span(offset), *[str.__str__(name) for name in names])
    except Exception:
        raise Unfit("it holds a time zone that cannot be read") from None


def _exact_span(offset: timedelta) -> timedelta:
    days, seconds, microseconds = (
        timedelta.days.__get__(offset),
        timedelta.seconds.__get__(offset),
        timedelta.microseconds.__get__(offset),
    )
    return timedelta(days, seconds, microseconds)


def _zoned(value: Any) -> Any:
    """A time with an exact time zone. Any other zone is asked once for its offset, and never enters a plan."""
    zone = value.tzinfo
    if zone is None:
        return value
    if type(zone) is timezone:
        exact = _zone(zone)
        return value if exact is zone else value.replace(tzinfo=exact)
    try:
        offset = value.utcoffset()
        exact = None if offset is None else timezone(_exact_span(offset))
    except Exception:
        raise Unfit("it holds a time in a zone that does not tell its offset") from None
    return value.replace(tzinfo=exact, fold=0)


_EXACT = frozenset({timedelta, str})
_LEAVES: dict[type, Callable[[Any], Any]] = {
    **dict.fromkeys((int, float, bool, type(None), date, timedelta, range), _itself),
    **dict.fromkeys((datetime, time), _zoned),
    timezone: _zone,
}
_OUTWARD: dict[type, _Crossing] = {
    list: _crossing(list, 1, _itself),
    tuple: _crossing(tuple, 1, tuple),
    Record: _crossing(Record, 1, tuple),
    PlanSet: _crossing(PlanSet, 2, set),
    PlanFrozenSet: _crossing(PlanFrozenSet, 2, frozenset),
    dict: _crossing(dict, 2, _mapping),
    DefaultDict: _Crossing(of_mapping, 2, _host_default_dict),
    Counter: _crossing(Counter, 2, lambda copies: Counter(_mapping(copies))),
    OrderedDict: _crossing(OrderedDict, 2, lambda copies: OrderedDict(_mapping(copies))),
    deque: _Crossing(SHAPES[deque].parts, 7, lambda value, copies: deque(copies, value.maxlen)),
    _KEYS: _crossing(_KEYS, 1, lambda copies: dict.fromkeys(copies).keys()),
    _VALUES: _crossing(_VALUES, 1, lambda copies: dict(enumerate(copies)).values()),
    _ITEMS: _crossing(_ITEMS, 1, lambda copies: dict(copies).items()),
}
_INWARD: dict[type, _Crossing] = {
    list: _OUTWARD[list],
    tuple: _OUTWARD[tuple],
    dict: _OUTWARD[dict],
    set: _Crossing(_itself, 1, lambda _, copies: PlanSet(sorted(copies, key=_order))),
    frozenset: _Crossing(_itself, 1, lambda _, copies: PlanFrozenSet(sorted(copies, key=_order))),
    # An admitted result may hold these: it is copied again whenever a pass reads it.
    PlanSet: _crossing(PlanSet, 1, PlanSet),
    PlanFrozenSet: _crossing(PlanFrozenSet, 1, PlanFrozenSet),
}


def _order(value: Any) -> str:
    """The sort key of a member of a host's set: its text, in which the members of inner sets are sorted too."""
    if type(value) is tuple:
        return f"({', '.join(map(_order, value))})"
    return f"{{{', '.join(map(_order, value))}}}" if type(value) is PlanFrozenSet else repr(value)


def export(value: Any, limits: Limits) -> Any:
    """A copy of a plan's value for the host. Raises `Unfit`."""
    return _Copier(limits.border, limits.depth, _OUTWARD, _require_unicode).copy(value)


def admit(value: Any, limits: Limits) -> Any:
    """A copy of a host's value for a plan: exact plain data, sets ordered by `repr`. Raises `Unfit`."""
    if type(value) is str and value.isascii() and len(value) < limits.border:
        return value
    if type(value) is list and texts_of(value, limits) is not None:
        return value.copy()
    return _Copier(limits.border, limits.depth, _INWARD, clean_text).copy(value)


_UNBOUNDED = Limits(border=2**62, depth=1_000)


def import_result(value: Any) -> Any:
    """A fresh copy of a recorded result. Its size was checked when it was recorded."""
    kind = type(value)
    if kind is str:
        return value
    if kind is list and all_texts(value):
        return value.copy()
    return admit(value, _UNBOUNDED)


def final_value(value: Any, limits: Limits) -> Any:
    """The value that a plan leaves, as plain data of the host."""
    if type(value) is str and len(value) < 10_000 and value.isascii():
        return value
    try:
        return export(value, limits)
    except Oversize as unfit:
        raise LimitHit("PLAN405", f"the answer of the plan cannot leave it: {unfit}") from None
    except Unfit as unfit:
        raise PlanFault("PLAN311", f"the answer of the plan cannot leave it: {unfit}") from None


def check_argument(tool: str, param: ToolParam, value: Any, limits: Limits) -> Any:
    """An argument of a tool, checked against the declared type and copied."""
    kind = type(value)
    declared = param.type
    if declared == "str" and kind is str:
        if len(value) > limits.border:
            raise PlanFault("PLAN501", f"`{param.name}` of `{tool}` has {len(value):,} characters")
        if not value.isascii():
            try:
                _require_unicode(value)
            except Unfit as unfit:
                raise PlanFault("PLAN501", f"`{param.name}` of `{tool}` cannot leave the plan: {unfit}") from None
        return value
    if declared == "topk" and kind is int and 1 <= value <= limits.topk:
        return value
    try:
        copied = export(value, limits)
    except Unfit as unfit:
        raise PlanFault("PLAN501", f"`{param.name}` of `{tool}` cannot leave the plan: {unfit}") from None
    check = _CHECKS[declared]
    fitting = check(copied)
    if fitting is _MISFIT:
        wanted = _WANTED.get(declared, declared)
        message = f"`{param.name}` of `{tool}` must be {wanted}, not {article(type_name(value))}"
        raise PlanFault("PLAN501", message)
    if declared == "topk" and not 1 <= fitting <= limits.topk:
        raise PlanFault("PLAN501", f"`{param.name}` of `{tool}` must be 1 to {limits.topk}, not {fitting:,}")
    return fitting


def all_texts(value: list[Any]) -> bool:
    """Whether all items of a list are texts, of exactly that type."""
    return {*map(type, value)} <= _TEXT


def texts_of(value: list[Any], limits: Limits) -> int | None:
    """The number of characters in a list of ASCII strings, or None if it holds anything else or is too large.

    This is a fast path for the usual argument.
    """
    if not all_texts(value) or not all(map(str.isascii, value)):
        return None
    characters = sum(map(len, value))
    return characters if characters + _ITEM * len(value) < limits.border else None


_TEXT = frozenset({str})
_MISFIT = object()


def _exact(*kinds: type) -> Callable[[Any], Any]:
    return lambda value: value if type(value) in kinds else _MISFIT


def _strings(value: Any) -> Any:
    if type(value) in (tuple, set, frozenset, deque, *VIEWS):
        value = list(value)
    return value if type(value) is list and all_texts(value) else _MISFIT


def _documents(value: Any) -> Any:
    if value is None:
        return None
    return [value] if type(value) is str else _strings(value)


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "str": _exact(str),
    "topk": _exact(int),
    "int": _exact(int),
    "float": lambda value: float(value) if type(value) in (int, float) else _MISFIT,
    "bool": _exact(bool),
    "docs": _documents,
    "list[str]": _strings,
    "list": lambda value: list(value) if type(value) in (list, tuple) else _MISFIT,
    "dict": _exact(dict),
    "any": lambda value: value,
}
_WANTED = {"str": "text", "topk": "a whole number", "docs": "a list of texts", "list[str]": "a list of texts"}


def fits_result(declared: str, value: Any) -> bool:
    """Whether a tool's result, which has been admitted, has the type that the tool declares."""
    return _CHECKS[declared](value) is not _MISFIT and (declared != "list[str]" or type(value) is list)


def article(name: str) -> str:
    """The name of a type with its article."""
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}" if name != "NoneType" else "None"


def _require_unicode(text: str) -> str:
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        raise Unfit("its text is not valid Unicode (a lone surrogate)") from None


def clean_text(text: str) -> str:
    """Text with lone surrogates replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
