"""Makes the values whose types are our own. Each type has one function here, which charges the value with its parts."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from .account import Account
from .values import (
    DefaultDict,
    Match,
    Partial,
    Pattern,
    PlanFrozenSet,
    PlanSet,
    Record,
    RecordType,
    TypeUnion,
)

# Bytes of an empty value and of each item in it, as measured.
SET, MEMBER = 400, 96
_RECORD, _FIELD = 72, 8
_TYPE = 400
_PARTIAL, _ARGUMENT, _KEYWORD = 300, 8, 120
_MATCH, _GROUP = 160, 32
MAPPING, ENTRY = 200, 112
DEQUE = 1_000  # with its first block
_EXCEPTION = 200
_UNION = 100


def make_set(account: Account, items: Collection[Any], kind: type[PlanSet] = PlanSet) -> Any:
    """A set of these items. Raises `TypeError` if one cannot be hashed."""
    account.charge_items(len(items))
    account.charge_bytes(SET + (MEMBER - 16) * len(items))
    return kind(account.charge_keys(items))


def make_frozenset(account: Account, items: Collection[Any]) -> PlanFrozenSet:
    made: PlanFrozenSet = make_set(account, items, PlanFrozenSet)
    return made


def add_member(account: Account, members: PlanSet, item: Any) -> None:
    """Add a member to a set."""
    before = len(members.members)
    members.members[account.charge_key(item)] = None
    if len(members.members) > before:
        account.charge_bytes(MEMBER)
        account.charge_steps(1)
        if before >= account.limits.container:
            account.charge_items(before + 1)


def make_range(account: Account, host: range) -> range:
    """A range, whose ends are charged if they are large."""
    for end in (host.start, host.stop, host.step):
        account.charge_integer(end)
    return host


def make_record(account: Account, kind: RecordType, items: Collection[Any]) -> Record:
    """A named tuple of this type, with these values for its fields."""
    account.charge_items(len(items))
    account.charge_bytes(_RECORD)
    return Record(kind, items)


def call_record_type(account: Account, kind: RecordType, args: list[Any], kwargs: dict[str, Any]) -> Record:
    """The named tuple that a call of its type makes."""
    count = len(kind.fields)
    if len(args) > count:
        raise TypeError(f"{kind.name} takes {count} arguments but {len(args)} were given")
    account.charge_steps(count + len(kwargs) >> 2)
    values = list(args)
    missing = count - len(kind.defaults)
    used = 0
    for index in range(len(values), count):
        name = kind.fields[index]
        if name in kwargs:
            values.append(kwargs[name])
            used += 1
        elif index >= missing:
            values.append(kind.defaults[index - missing])
        else:
            raise TypeError(f"{kind.name} is missing the argument '{name}'")
    if used < len(kwargs):
        known = set(kind.fields[len(args) :])
        name = next(name for name in kwargs if name not in known)
        raise TypeError(f"{kind.name} got an unexpected argument '{name[:100]}'")
    return make_record(account, kind, values)


def make_record_type(account: Account, name: str, fields: tuple[str, ...], defaults: tuple[Any, ...]) -> RecordType:
    account.charge_items(2 * len(fields))
    account.charge_bytes(_TYPE + _KEYWORD * len(fields))
    return RecordType(name, fields, defaults)


def make_partial(account: Account, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    account.charge_items(len(args) + len(kwargs))
    account.charge_bytes(_PARTIAL + _ARGUMENT * len(args) + _KEYWORD * len(kwargs))
    return Partial(function, args, kwargs)


def make_match(account: Account, host: Any, pattern: Pattern) -> Match:
    account.charge_bytes(_MATCH + _GROUP * pattern.groups)
    return Match(host, pattern)


def make_default_dict(account: Account, factory: Any) -> DefaultDict:
    account.charge_bytes(MAPPING)
    return DefaultDict(factory)


def make_exception(account: Account, kind: type[Exception], args: Iterable[Any], **attributes: Any) -> Exception:
    """An exception with these arguments, which are charged with all that they hold."""
    args = tuple(args)
    account.charge_value(args)
    account.charge_bytes(_EXCEPTION + 16 * len(args))
    return kind(*args, **attributes)


def make_union(account: Account, members: tuple[Any, ...]) -> TypeUnion:
    """The union `int | str`, for `isinstance`."""
    account.charge_items(len(members))
    account.charge_bytes(_UNION)
    return TypeUnion(members)
