"""The values of a plan that are not plain Python data.

Text, numbers, lists, tuples and dictionaries are exact Python types. The types below are our own, so that no value of a
plan gives access to a method of the host: sets that keep insertion order (the order of CPython's sets depends on the
process), lazy iterators that count steps, functions and modules.
"""

from __future__ import annotations

import gc
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .signals import Needs, Suspended


class PlanSet:
    """A set that iterates in insertion order."""

    __slots__ = ("members",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, items: Iterable[Any] = ()) -> None:
        self.members: dict[Any, None] = dict.fromkeys(items)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)

    def __contains__(self, item: Any) -> bool:
        return item in self.members

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PlanSet) and self.members.keys() == other.members.keys()

    def __le__(self, other: Any) -> Any:
        return self.members.keys() <= other.members.keys() if isinstance(other, PlanSet) else NotImplemented

    def __lt__(self, other: Any) -> Any:
        return self.members.keys() < other.members.keys() if isinstance(other, PlanSet) else NotImplemented

    def __ge__(self, other: Any) -> Any:
        return self.members.keys() >= other.members.keys() if isinstance(other, PlanSet) else NotImplemented

    def __gt__(self, other: Any) -> Any:
        return self.members.keys() > other.members.keys() if isinstance(other, PlanSet) else NotImplemented


class PlanFrozenSet(PlanSet):
    """An immutable set. Its hash does not depend on the order of its members, and is computed once."""

    __slots__ = ("_hash",)

    def __init__(self, items: Iterable[Any] = ()) -> None:
        super().__init__(items)
        self._hash: int | None = None

    def __hash__(self) -> int:  # type: ignore[override]
        if self._hash is None:
            mixed = 0
            for member in self.members:
                mixed ^= hash((hash(member), 0x9E3779B97F4A7C15))
            self._hash = hash((mixed, len(self.members)))
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PlanSet) and self.members.keys() == other.members.keys()


class DefaultDict(dict[Any, Any]):
    """`collections.defaultdict`. For a missing key, the interpreter calls `factory`."""

    __slots__ = ("factory",)

    def __init__(self, factory: Any = None, items: Any = ()) -> None:
        super().__init__(items)
        self.factory = factory


class RecordType:
    """What `collections.namedtuple` returns; `shown_size` is the number of characters that its names take in a text."""

    __slots__ = ("defaults", "fields", "index", "name", "shown_size")

    def __init__(self, name: str, fields: tuple[str, ...], defaults: tuple[Any, ...]) -> None:
        self.name = name
        self.fields = fields
        self.defaults = defaults
        self.index = {field: at for at, field in enumerate(fields)}
        self.shown_size = len(name) + sum(map(len, fields))

    def __repr__(self) -> str:
        return f"<class '__main__.{self.name}'>"


class Record(tuple[Any, ...]):
    """A named tuple."""

    type: RecordType

    def __new__(cls, kind: RecordType, items: Iterable[Any]) -> Record:
        record = super().__new__(cls, items)
        record.type = kind
        return record


class Iter:
    """An iterator of a plan.

    Attributes:
        producer: the host's iterator over the items. Only `Machine.iterate` and `Machine.drain` use it.
        sources: all values of the plan that the iteration reads, changes or calls.
    """

    __slots__ = ("producer", "sources")

    def __init__(self, producer: Iterator[Any], sources: tuple[Any, ...]) -> None:
        self.producer = producer
        self.sources = sources

    def __repr__(self) -> str:
        return "<iterator>"


class Builtin:
    """A function or type of the language.

    Attributes:
        call: the implementation, as `call(machine, *args, **kwargs)`.
        shallow: whether it does not look at the items of its arguments, so that these may be pending.
        keeps: whether it stores or passes on its arguments without looking at them, so that they may be pending.
        reads: whether it does not change its arguments, except for iterators that it consumes and functions it calls.
        host: for a type, the host type that `isinstance` compares with.
        holds: the values of the plan that a call may use or change.
    """

    __slots__ = ("call", "holds", "host", "keeps", "name", "reads", "shallow", "shown", "statics")

    def __init__(
        self,
        name: str,
        call: Callable[..., Any],
        *,
        shallow: bool = False,
        keeps: bool = False,
        reads: bool = False,
        host: Any = None,
        statics: dict[str, Any] | None = None,
        holds: tuple[Any, ...] = (),
    ) -> None:
        self.name = name
        self.call = call
        self.shallow = shallow
        self.keeps = keeps
        self.reads = reads
        self.holds = holds
        self.host = host
        self.statics = statics
        self.shown = f"<class '{name}'>" if host is not None else f"<built-in function {name}>"

    def __repr__(self) -> str:
        return self.shown


class Method(NamedTuple):
    """An entry of the method tables: `call(machine, value, *args, **kwargs)`. The flags are those of `Builtin`."""

    name: str
    call: Callable[..., Any]
    shallow: bool = False
    keeps: bool = False
    reads: bool = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BoundMethod:
    """`value.name`, not yet called."""

    value: Any
    method: Method


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Module:
    """A module that plans can import; `members` are its values by name."""

    name: str
    members: dict[str, Any]

    def __repr__(self) -> str:
        return f"<module '{self.name}'>"


class Function:
    """A function that the plan has defined."""

    __slots__ = ("cache", "cache_size", "code", "defaults", "frame")

    def __init__(self, code: Any, frame: dict[Any, Any], defaults: dict[str, Any], cache_size: int | None) -> None:
        self.code = code
        self.frame = frame
        self.defaults = defaults
        self.cache_size = cache_size
        self.cache: dict[Any, Any] = {}

    def __repr__(self) -> str:
        return f"<function {self.code.name}>"


@dataclass(frozen=True, slots=True, eq=False)
class Partial:
    """`functools.partial`."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TypeUnion:
    """`int | str`, for isinstance."""

    members: tuple[Any, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Pattern:
    """A compiled regular expression.

    Attributes:
        pattern: its text, as the plan gave it.
        flags: the flags of the call together with those in the text.
        groups: the number of capturing groups.
        groupindex: the numbers of the named groups.
        fast: the host's compiled pattern, whose operations cannot be interrupted.
        slow: returns the pattern compiled by the engine that can be interrupted; it is compiled once.
        cost: the cost of operations with `fast`, as a `pattern_cost.Cost`.
    """

    pattern: str
    flags: int
    groups: int = field(compare=False)
    groupindex: dict[str, int] = field(compare=False)
    fast: Any = field(compare=False)
    slow: Callable[[], Any] = field(compare=False)
    cost: Any = field(compare=False)


class Match:
    """A match of a regular expression; `host` is the match of either engine, which have the same methods."""

    __slots__ = ("host", "pattern")

    def __init__(self, host: Any, pattern: Pattern) -> None:
        self.host = host
        self.pattern = pattern


class Pending:
    """A placeholder for a value that needs a tool call which has not come back. It can only be stored.

    Every other operation of the host on it raises `Suspended`, which no handler of a plan catches: taking its text,
    truth, hash or class, and comparing it. No operation can therefore mistake it for a value.

    Attributes:
        needs: the call that must come back first, as in `Suspended`.
        behind: objects that the value may be or hold, so that a change of the value may change them.
        unsure: whether it stands for a variable that may turn out to be unbound.
        kind: the type of the value, if only its state is unknown.
    """

    __slots__ = ("behind", "kind", "needs", "unsure")

    def __init__(
        self, needs: Needs, behind: tuple[Any, ...] = (), unsure: bool = False, kind: type | None = None
    ) -> None:
        self.needs = needs
        self.behind = behind
        self.unsure = unsure
        self.kind = kind

    def _suspend(self, *_args: Any, **_kwargs: Any) -> Any:
        raise Suspended(self.needs)

    __class__ = property(_suspend)  # which `isinstance` reads


for _name in (
    "abs add and bool bytes call ceil complex contains copy deepcopy delitem divmod eq float floor floordiv format ge"
    " getattr getitem gt hash index int invert iter le len length_hint lshift lt mod mul ne neg next or pos pow radd"
    " rand rdivmod reduce_ex repr reversed rfloordiv rlshift rmod rmul ror round rpow rrshift rshift rsub rtruediv"
    " rxor setitem str sub truediv trunc xor"
).split():
    setattr(Pending, f"__{_name}__", Pending._suspend)


class Maybe(Pending):
    """A placeholder for an item of a comprehension that may not exist, because its condition is pending."""

    __slots__ = ()


class Closure:
    """What a generator holds of the plan: its frame, and the effects of its body there."""

    __slots__ = ("effects", "frame")

    def __init__(self, effects: Any, frame: dict[Any, Any]) -> None:
        self.effects = effects
        self.frame = frame


CONTAINERS: frozenset[type] = frozenset(
    {list, tuple, dict, PlanSet, PlanFrozenSet, DefaultDict, Record, Counter, OrderedDict, deque}
)
# The views of dictionaries are the host's own types, because they offer nothing that a plan must not do.
_EMPTY: dict[Any, Any] = {}
VIEWS: tuple[type, ...] = (type(_EMPTY.keys()), type(_EMPTY.values()), type(_EMPTY.items()))


def mapping_of(view: Any) -> Any:
    """The dictionary of a view. The host's views do not offer it, but the garbage collector knows it."""
    return gc.get_referents(view)[0]


def type_name(value: Any) -> str:
    """The name of a value's type as the author of a plan knows it."""
    kind = type(value)
    if kind is Pending or kind is Maybe:
        raise Suspended(value.needs)
    return _NAMES.get(kind) or kind_name(kind)


def kind_name(kind: type) -> str:
    """The name of a type for a message: read past its metaclass, and cut if it is long."""
    name: str = type.__dict__["__name__"].__get__(kind)
    return name if len(name) <= _NAME else name[: _NAME - 3] + "..."


_NAME = 60  # characters


_NAMES: dict[type, str] = {
    type(None): "NoneType",
    PlanSet: "set",
    PlanFrozenSet: "frozenset",
    DefaultDict: "defaultdict",
    Iter: "iterator",
    Builtin: "builtin",
    BoundMethod: "method",
    Function: "function",
    Partial: "partial",
    Pattern: "Pattern",
    Match: "Match",
    Module: "module",
}
