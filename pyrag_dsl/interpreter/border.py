"""The border between a plan and its host: what may cross, as copies of exact plain data, bounded in size.

The same rules hold for arguments of tools, results of tools and the final value: sharing is counted as if copied,
depth is bounded, cycles and host objects are refused. Text that a plan sends out must be valid Unicode; in text
that comes in, lone surrogates are replaced, so that a trace can always be written and read back.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from ..grammar.language import ToolParam
from .limits import LimitHit, Limits, PlanFault
from .values import VIEWS, Builtin, DefaultDict, PlanFrozenSet, PlanSet, Record, type_name

_ATOMS = frozenset({int, float, bool, type(None), date, datetime, time, timedelta, timezone, range})
_FACTORIES = {"list": list, "dict": dict, "int": int, "str": str, "float": float, "set": set, "bool": bool,
              "tuple": tuple}  # fmt: skip
_KEYS, _VALUES, _ITEMS = VIEWS
# What a copy weighs in characters, so that as many take no more memory and time than text does.
_ITEM = 8
_CONTAINER = 32


class Unfit(Exception):
    """A value that may not cross. The message says what it is, never what it holds."""


class Oversize(Unfit):
    """A value that is too large or too deep to cross."""


class _Copier:
    """Copies a value; `leaf` makes ours out of what is no container, or raises `Unfit`."""

    def __init__(self, budget: int, depth: int, leaf: Callable[[Any, _Copier, int], Any]) -> None:
        self.budget = budget
        self.ceiling = budget
        self.depth = depth
        self.leaf = leaf

    def spend(self, amount: int) -> None:
        self.budget -= amount
        if self.budget < 0:
            raise Oversize(f"it has more than {self.ceiling:,} items and characters")

    def copy(self, value: Any, depth: int = 0) -> Any:
        kind = type(value)
        self.spend(_ITEM)
        if kind in _ATOMS:
            if kind is int:
                self.spend(value.bit_length() >> 3)
            return value
        if depth >= self.depth and kind is not str:
            raise Oversize(f"it is nested more than {self.depth} deep, or contains itself")
        return self.leaf(value, self, depth + 1)

    def all(self, values: Any, depth: int) -> list[Any]:
        self.spend(_CONTAINER)
        return [self.copy(value, depth) for value in values]

    def pairs(self, value: Any, depth: int) -> list[tuple[Any, Any]]:
        self.spend(_CONTAINER * 2)
        return [(self.copy(key, depth), self.copy(item, depth)) for key, item in value.items()]


def _outward(value: Any, copier: _Copier, depth: int) -> Any:
    kind = type(value)
    if kind is str:
        copier.spend(len(value))
        if not value.isascii():
            _require_unicode(value)
        return value
    if kind is list:
        return copier.all(value, depth)
    if kind is tuple or kind is Record:
        return tuple(copier.all(value, depth))
    if kind is dict:
        return dict(copier.pairs(value, depth))
    if kind is PlanSet:
        copier.spend(_CONTAINER)
        return set(copier.all(value, depth))
    if kind is PlanFrozenSet:
        copier.spend(_CONTAINER)
        return frozenset(copier.all(value, depth))
    if kind is DefaultDict:
        factory = value.factory
        host = _FACTORIES.get(factory.name) if type(factory) is Builtin else None
        return defaultdict(host, copier.pairs(value, depth))
    if kind is Counter:
        return Counter(dict(copier.pairs(value, depth)))
    if kind is OrderedDict:
        return OrderedDict(copier.pairs(value, depth))
    if kind is deque:
        copier.spend(_CONTAINER * 6)
        return deque(copier.all(value, depth), value.maxlen)
    if kind is _KEYS:
        return dict.fromkeys(copier.all(value, depth)).keys()
    if kind is _VALUES:
        return dict(enumerate(copier.all(value, depth))).values()
    if kind is _ITEMS:
        return dict(copier.all(value, depth)).items()
    raise Unfit(f"it holds {_article(type_name(value))}")


def _inward(value: Any, copier: _Copier, depth: int) -> Any:
    kind = type(value)
    if kind is str:
        copier.spend(len(value))
        return value if value.isascii() else clean_text(value)
    if kind is list:
        return copier.all(value, depth)
    if kind is tuple:
        return tuple(copier.all(value, depth))
    if kind is dict:
        return dict(copier.pairs(value, depth))
    if kind is set:
        return PlanSet(sorted(copier.all(value, depth), key=repr))
    if kind is frozenset:
        return PlanFrozenSet(sorted(copier.all(value, depth), key=repr))
    raise Unfit(f"it holds {_article(kind.__name__)}")


def export(value: Any, limits: Limits) -> Any:
    """A copy for the host of a plan's value. Raises `Unfit`."""
    return _Copier(limits.border, limits.depth, _outward).copy(value)


def admit(value: Any, limits: Limits) -> Any:
    """A copy for a plan of a host's value: exact plain data, sets ordered by repr. Raises `Unfit`."""
    if type(value) is str and value.isascii() and len(value) < limits.border:
        return value
    if type(value) is list and texts_of(value, limits):
        return value.copy()
    return _Copier(limits.border, limits.depth, _inward).copy(value)


_UNBOUNDED = Limits(border=2**62, depth=1_000)


def import_result(value: Any) -> Any:
    """A fresh copy of a recorded result, which was bounded when it was recorded."""
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
    if declared == "docs" and kind is list and texts_of(value, limits):
        return value.copy()
    try:
        copied = export(value, limits)
    except Unfit as unfit:
        raise PlanFault("PLAN501", f"`{param.name}` of `{tool}` cannot leave the plan: {unfit}") from None
    check = _CHECKS[declared]
    fitting = check(copied)
    if fitting is _MISFIT:
        wanted = _WANTED.get(declared, declared)
        message = f"`{param.name}` of `{tool}` must be {wanted}, not {_article(type_name(value))}"
        raise PlanFault("PLAN501", message)
    if declared == "topk" and not 1 <= fitting <= limits.topk:
        raise PlanFault("PLAN501", f"`{param.name}` of `{tool}` must be 1 to {limits.topk}, not {fitting:,}")
    return fitting


def all_texts(value: list[Any]) -> bool:
    """Whether all items of a list are texts, of exactly that type."""
    return {*map(type, value)} <= _TEXT


def texts_of(value: list[Any], limits: Limits) -> bool:
    """Whether a list holds nothing but ASCII text, little enough of it: the usual case, decided quickly."""
    if not all_texts(value) or not all(map(str.isascii, value)):
        return False
    return sum(map(len, value)) + _ITEM * len(value) < limits.border and len(value) < limits.border


_TEXT = frozenset({str})
_MISFIT = object()


def _exact(*kinds: type) -> Callable[[Any], Any]:
    return lambda value: value if type(value) in kinds else _MISFIT


def _strings(value: Any) -> Any:
    if type(value) in (tuple, set, frozenset, deque, *VIEWS):
        value = list(value)
    return value if type(value) is list and all(type(item) is str for item in value) else _MISFIT


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
    """Whether a tool's result, already admitted, is of the type that the tool declares."""
    return _CHECKS[declared](value) is not _MISFIT and (declared != "list[str]" or type(value) is list)


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}" if name != "NoneType" else "None"


def _require_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unfit("its text is not valid Unicode (a lone surrogate)") from None


def clean_text(text: str) -> str:
    """Text with lone surrogates replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
