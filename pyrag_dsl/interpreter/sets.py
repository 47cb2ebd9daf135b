"""Operations on sets. Each of them hashes the members again, and is charged for that."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from .account import Account
from .making import MEMBER, SET, make_set
from .values import PlanFrozenSet, PlanSet


def _begin(account: Account, a: PlanSet, b: PlanSet, most: int) -> Any:
    """Charge an operation whose result has at most so many members, and make an empty set of the type of `a`."""
    account.charge_items(most)
    account.charge_bytes(SET + (MEMBER - 16) * most)
    account.charge_rehash(a.members)
    account.charge_rehash(b.members)
    return type(a)()


def union(account: Account, a: PlanSet, b: PlanSet) -> Any:
    made = _begin(account, a, b, len(a) + len(b))
    made.members = {**a.members, **b.members}
    return made


def intersection(account: Account, a: PlanSet, b: PlanSet) -> Any:
    made = _begin(account, a, b, min(len(a), len(b)))
    made.members = {member: None for member in a.members if member in b.members}
    return made


def difference(account: Account, a: PlanSet, b: PlanSet) -> Any:
    made = _begin(account, a, b, len(a))
    made.members = {member: None for member in a.members if member not in b.members}
    return made


def symmetric_difference(account: Account, a: PlanSet, b: PlanSet) -> Any:
    made = _begin(account, a, b, len(a) + len(b))
    made.members = {
        **{member: None for member in a.members if member not in b.members},
        **{member: None for member in b.members if member not in a.members},
    }
    return made


def copy(account: Account, a: PlanSet) -> Any:
    """A set of the same type with the same members."""
    made = _begin(account, a, _NONE, len(a))
    made.members = a.members.copy()
    return made


def is_disjoint(account: Account, a: PlanSet, b: PlanSet) -> bool:
    account.charge_rehash(a.members)
    account.charge_rehash(b.members)
    return a.members.keys().isdisjoint(b.members)


def compare(host: Any) -> Callable[[Account, PlanSet, PlanSet], bool]:
    """A comparison of sets, such as `<=`."""

    def apply(account: Account, a: PlanSet, b: PlanSet) -> bool:
        account.charge_rehash(a.members)
        account.charge_rehash(b.members)
        return bool(host(a.members.keys(), b.members.keys()))

    return apply


def frozen(account: Account, value: Any) -> Any:
    """The value itself, or a frozenset of a set: CPython looks up a set among the members of a set in this form."""
    return make_set(account, value.members, PlanFrozenSet) if type(value) is PlanSet else value


_NONE = PlanSet()
OPERATIONS: dict[Any, Callable[[Account, PlanSet, PlanSet], Any]] = {
    operator.or_: union,
    operator.and_: intersection,
    operator.sub: difference,
    operator.xor: symmetric_difference,
}
is_subset, is_superset = compare(operator.le), compare(operator.ge)
