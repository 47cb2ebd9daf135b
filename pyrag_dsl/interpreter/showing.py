"""`repr` and `str` of the values of a plan, written piece by piece; each piece is charged before it is written.

The host's own `repr` is only used for atoms, for containers of atoms whose length has been computed, and for dates. No
text is therefore longer than was charged, whatever a value shares, and no text shows more than the type of a value
offers.
"""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from .account import Account
from .limits import LimitHit
from .parts import SHAPES
from .values import (
    VIEWS,
    BoundMethod,
    Builtin,
    DefaultDict,
    Function,
    Iter,
    Match,
    Module,
    Partial,
    Pattern,
    PlanFrozenSet,
    PlanSet,
    Record,
    RecordType,
    TypeUnion,
    type_name,
)

_ATOMS = frozenset({str, int, float, bool, type(None)})
_PLAIN = frozenset({list, tuple, dict})
_LONG = 1 << 128  # integers from here on take more than a step to write
_SLICE = 4_096
_PIECE = 32  # bytes of each piece beside its text
Piece = Any  # a text, or a tuple with the one value whose text belongs there


def show(account: Account, value: Any) -> str:
    """`repr(value)`."""
    kind = type(value)
    if kind in _ATOMS:
        account.charge_text(_atom_length(account, value), kind is str and not value.isascii())
        return repr(value)
    writer = _Writer(account)
    writer.write(value)
    return "".join(writer.pieces)


def shown(account: Account, value: Any) -> str:
    """`str(value)`."""
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]
    if kind in _ATOMS:
        if kind is int:
            charge_digits(account, value)
        return str(value)
    if isinstance(value, Exception):
        return _message(account, value)
    if kind in _DATES:
        account.charge_steps(8)
        account.charge_text(SHAPES[kind].name(value) if kind in SHAPES else 64)
        return str(value)
    return show(account, value)


def charge_digits(account: Account, value: int) -> None:
    """Charge the conversion of an integer to text, whose time is the square of its size."""
    if not -_LONG < value < _LONG:
        size = value.bit_length()
        account.charge_text(size >> 1)
        account.charge_steps(size * size >> 18)


def _atom_length(account: Account, value: Any) -> int:
    """The largest length of the text of an atom. The conversion of an integer is charged."""
    kind = type(value)
    if kind is str:
        return _quoted_length(account, value)
    if kind is int:
        charge_digits(account, value)
        bits: int = value.bit_length()
        return 2 + (bits >> 1)
    return 24


def _quoted_length(account: Account, text: str) -> int:
    """The length of `repr(text)`."""
    account.charge_steps(len(text) >> 6)
    if text.isprintable():
        return len(text) + 2 + text.count("'") + text.count("\\")
    return sum(len(repr(text[at : at + _SLICE])) for at in range(0, len(text), _SLICE))


class _Writer:
    """Writes one text."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.pieces: list[str] = []
        self.length = 0
        self.within: set[int] = set()

    def put(self, text: str) -> None:
        self.pieces.append(text)
        self.charge(len(text), not text.isascii())

    def charge(self, length: int, wide: bool = False) -> None:
        account = self.account
        self.length += length
        if self.length > account.limits.string:
            account.charge_text(self.length)  # raises `LimitHit`
        account.fuel -= 6 + (length >> 7)
        if account.fuel < 0:
            account.refuel()
        account.charge_bytes(_PIECE + (length * 4 if wide else length))

    def write(self, value: Any) -> None:
        kind = type(value)
        if kind in _ATOMS:
            self.charge(_atom_length(self.account, value), kind is str and not value.isascii())
            self.pieces.append(repr(value))
            return
        if kind in _PLAIN and len(value) > 3 and self.whole(value):
            return
        if id(value) in self.within:
            for piece in (
                ("defaultdict(", (value.factory,), ", {...})") if kind is DefaultDict else (_AGAIN.get(kind, "..."),)
            ):
                self.piece(piece)
            return
        if len(self.within) >= self.account.limits.depth:
            raise LimitHit("PLAN411", f"a value nested more than {self.account.limits.depth} deep")
        pieces = _PIECES.get(kind)
        if pieces is None:
            pieces = _of_exception if isinstance(value, Exception) else _of_other
        self.within.add(id(value))
        for piece in pieces(self.account, value):
            self.piece(piece)
        self.within.discard(id(value))

    def piece(self, piece: Piece) -> None:
        if type(piece) is tuple:
            self.write(piece[0])
        else:
            self.put(piece)

    def whole(self, value: Any) -> bool:
        """Write a container at once if it holds only atoms, and return whether it does."""
        if not {*map(type, value)} <= _ATOMS:
            return False
        self.account.charge_steps(len(value) * (4 if type(value) is dict else 2))
        atoms = list(value)
        if type(value) is dict:
            if not {*map(type, value.values())} <= _ATOMS:
                return False
            atoms += value.values()
        length = 2 * len(atoms) + sum([_atom_length(self.account, atom) for atom in atoms])
        self.charge(length, not all(atom.isascii() for atom in atoms if type(atom) is str))
        self.pieces.append(repr(value))
        return True


# ------------------------------------------------------------------------- kinds


def _listed(values: Iterable[Any]) -> Iterator[Piece]:
    for number, value in enumerate(values):
        if number:
            yield ", "
        yield (value,)


def _paired(pairs: Iterable[tuple[Any, Any]]) -> Iterator[Piece]:
    for number, (key, value) in enumerate(pairs):
        if number:
            yield ", "
        yield (key,)
        yield ": "
        yield (value,)


def _around(before: str, after: str, empty: str = "") -> Callable[[Account, Any], Iterator[Piece]]:
    """The pieces of items between brackets, or `empty` if there are no items."""

    def pieces(_account: Account, value: Any) -> Iterator[Piece]:
        if empty and not value:
            yield empty
            return
        yield before
        yield from _listed(value)
        yield after

    return pieces


def _of_tuple(_account: Account, value: Any) -> Iterator[Piece]:
    yield "("
    yield from _listed(value)
    yield ",)" if len(value) == 1 else ")"


def _of_dict(_account: Account, value: Any) -> Iterator[Piece]:
    yield "{"
    yield from _paired(value.items())
    yield "}"


def _of_default_dict(_account: Account, value: DefaultDict) -> Iterator[Piece]:
    yield "defaultdict("
    yield (value.factory,)
    yield ", {"
    yield from _paired(value.items())
    yield "})"


def _of_counter(account: Account, value: Any) -> Iterator[Piece]:
    """In the order of falling counts, as in CPython, if the counts can be compared."""
    if not value:
        yield "Counter()"
        return
    size = len(value)
    account.charge_items(size * 2)
    account.charge_value(list(value.values()))
    account.charge_steps(size * size.bit_length() >> 2)
    try:
        ranked = sorted(value.items(), key=lambda pair: pair[1], reverse=True)
    except TypeError:
        ranked = list(value.items())
    yield "Counter({"
    yield from _paired(ranked)
    yield "})"


def _of_ordered(account: Account, value: Any) -> Iterator[Piece]:
    account.charge_iteration(value)
    if not value:
        yield "OrderedDict()"
    elif sys.version_info >= (3, 12):
        yield "OrderedDict({"
        yield from _paired(value.items())
        yield "})"
    else:
        yield "OrderedDict(["
        yield from _listed(value.items())
        yield "])"


def _of_deque(_account: Account, value: Any) -> Iterator[Piece]:
    yield "deque(["
    yield from _listed(value)
    yield "])" if value.maxlen is None else f"], maxlen={value.maxlen})"


def _of_record(_account: Account, value: Record) -> Iterator[Piece]:
    yield f"{value.type.name}("
    for number, (name, item) in enumerate(zip(value.type.fields, value, strict=True)):
        yield f", {name}=" if number else f"{name}="
        yield (item,)
    yield ")"


def _of_partial(_account: Account, value: Partial) -> Iterator[Piece]:
    yield "functools.partial("
    yield (value.function,)
    for item in value.args:
        yield ", "
        yield (item,)
    for name, item in value.kwargs.items():
        yield f", {name}="
        yield (item,)
    yield ")"


def _of_bound(_account: Account, value: BoundMethod) -> Iterator[Piece]:
    yield f"<built-in method {value.method.name} of {type_name(value.value)} object>"


def _of_union(account: Account, value: TypeUnion) -> Iterator[Piece]:
    account.charge_steps(len(value.members))
    yield " | ".join(["None" if member is None else member.name for member in value.members])


def _of_exception(_account: Account, value: Any) -> Iterator[Piece]:
    yield f"{type(value).__name__}("
    yield from _listed(value.args)
    yield ")"


def _of_range(account: Account, value: range) -> Iterator[Piece]:
    for number in (value.start, value.stop, value.step):
        charge_digits(account, number)
    yield repr(value)


def _of_match(_account: Account, value: Match) -> Iterator[Piece]:
    start, end = value.host.span()
    found = repr(value.host.string[start : min(end, start + 50)])[:50]
    yield f"<re.Match object; span={(start, end)!r}, match={found}>"


def _of_pattern(_account: Account, value: Pattern) -> Iterator[Piece]:
    flags = "|".join([name for bit, name in _REGEX_FLAGS if value.flags & bit])
    yield f"re.compile({repr(value.pattern)[:200]}{', ' + flags if flags else ''})"


def _of_zone(account: Account, value: Any) -> Iterator[Piece]:
    account.charge_steps(8)
    account.charge_text(SHAPES[type(value)].name(value))
    yield repr(value)


def _of_other(account: Account, value: Any) -> Iterator[Piece]:
    """Dates, and values that show only a name."""
    account.charge_steps(16)
    yield repr(value)


def _message(account: Account, error: Exception) -> str:
    """`str(error)`."""
    account.charge_text(account.charge_value(error) * 2)
    if type(error) is KeyError and len(error.args) == 1:
        return show(account, error.args[0])
    if len(error.args) == 1 and type(error).__str__ is BaseException.__str__:
        return shown(account, error.args[0])
    if type(error).__str__ is BaseException.__str__:
        return show(account, error.args) if error.args else ""
    return str(error)


_DATES = frozenset({date, datetime, time, timedelta, timezone})
_REGEX_FLAGS = (
    (2, "re.IGNORECASE"),
    (8, "re.MULTILINE"),
    (16, "re.DOTALL"),
    (64, "re.VERBOSE"),
    (256, "re.ASCII"),
)
_AGAIN: dict[type, list[str]] = {list: ["[...]"], tuple: ["(...)"], dict: ["{...}"], deque: ["[...]"]}
_KEYS, _VALUES, _ITEMS = VIEWS
_PIECES: dict[type, Callable[[Account, Any], Iterator[Piece]]] = {
    list: _around("[", "]"),
    tuple: _of_tuple,
    dict: _of_dict,
    DefaultDict: _of_default_dict,
    Counter: _of_counter,
    OrderedDict: _of_ordered,
    deque: _of_deque,
    PlanSet: _around("{", "}", "set()"),
    PlanFrozenSet: _around("frozenset({", "})", "frozenset()"),
    Record: _of_record,
    _KEYS: _around("dict_keys([", "])"),
    _VALUES: _around("dict_values([", "])"),
    _ITEMS: _around("dict_items([", "])"),
    Partial: _of_partial,
    BoundMethod: _of_bound,
    TypeUnion: _of_union,
    range: _of_range,
    Match: _of_match,
    Pattern: _of_pattern,
    **dict.fromkeys((datetime, time, timezone), _of_zone),
    **dict.fromkeys((Iter, Builtin, Function, Module, RecordType), _of_other),
}
