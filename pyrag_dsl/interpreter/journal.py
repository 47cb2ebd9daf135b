"""The journal: the results of tool calls so far, which are the only input of a run that is not in the program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from ..grammar.diagnostics import Span


class Times(NamedTuple):
    """When a call was wanted, when it was started (it may have waited for its turn) and when it was answered.

    All three are in seconds since the run began.
    """

    wanted: float
    started: float
    ended: float


class Entry(NamedTuple):
    """One recorded call.

    Attributes:
        node: the dynamic call site, for example `retrieve@7:14[0,1]`.
        tool: the name of the tool.
        arguments: the arguments by parameter name, defaults included.
        result: the result, as plain data.
        elapsed: the time that the call took, in seconds.
        usage: numbers that the tool reported, such as tokens and cost, by name.
        times: when this run made the call; None if another run made it.
    """

    node: str
    tool: str
    arguments: Mapping[str, Any]
    result: Any
    elapsed: float = 0.0
    usage: Mapping[str, Any] = MappingProxyType({})
    times: Times | None = None


new: Any = tuple.__new__
"""Makes a named tuple from all of its values, in a third of the time of its own `__new__`."""


def same_arguments(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two calls have the same arguments.

    Values that `==` cannot compare, such as NaN and views of dictionaries, are compared by their texts.
    """
    return one == other or (one.keys() == other.keys() and all(repr(one[name]) == repr(other[name]) for name in one))


T = TypeVar("T")


class ByCall(Generic[T]):
    """A mapping from calls to values. The key of a call is its node together with its arguments.

    Attributes:
        found: for each node, the arguments of its calls with their values; never an empty list.
    """

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: dict[str, list[tuple[Mapping[str, Any], T]]] = {}

    def get(self, node: str, arguments: Mapping[str, Any]) -> T | None:
        """The value of this call, or None."""
        for asked, value in self.found.get(node, ()):
            if asked is arguments or asked == arguments or same_arguments(asked, arguments):
                return value
        return None

    def put(self, node: str, arguments: Mapping[str, Any], value: T) -> None:
        """Set the value of a call."""
        known = self.found.get(node)
        if known is None:
            self.found[node] = [(arguments, value)]
            return
        self.discard(node, arguments)
        self.found.setdefault(node, []).append((arguments, value))

    def discard(self, node: str, arguments: Mapping[str, Any]) -> T | None:
        """Remove a call and return its value, or None."""
        known = self.found.get(node)
        if known is None:
            return None
        for at, (asked, value) in enumerate(known):
            if asked is arguments or same_arguments(asked, arguments):
                del known[at]
                if not known:
                    del self.found[node]
                return value
        return None

    def at(self, node: str) -> list[T]:
        """The values of all calls of this node, in the order in which they were put."""
        return [value for _, value in self.found.get(node, ())]

    def __len__(self) -> int:
        return sum(map(len, self.found.values()))

    def __bool__(self) -> bool:
        return bool(self.found)

    def __iter__(self) -> Iterator[T]:
        return (value for known in self.found.values() for _, value in known)


class Journal:
    """The entries of a plan by call, and spare entries, which calls at other nodes may adopt by their content.

    Spare entries come from another plan, or from the same plan before a repair, so their nodes differ. A spare entry
    serves only the first call that adopts it, because five equal calls of a vote are five nodes with five entries. Only
    the result of a tool that may be asked once for all calls serves further ones. Entries of equal content are adopted
    in the order in which they were recorded.

    Args:
        entries: the entries of the plan that the journal is for.
        by_content: whether these entries are spare as well, each until its own node asks for it.
        spare: entries of other plans.
        returned: entries of this plan that no pass has seen yet.
    """

    def __init__(
        self,
        entries: Iterable[Entry] = (),
        *,
        by_content: bool = False,
        spare: Iterable[Entry] = (),
        returned: Iterable[Entry] = (),
    ) -> None:
        self._entries: ByCall[Entry] = ByCall()
        self.returned: ByCall[Entry] = ByCall()
        for entry in returned:
            self.returned.put(entry.node, entry.arguments, entry)
        self._spare: dict[str, dict[int, Entry]] = {}  # by tool, then by id: equal entries are different calls
        for entry in entries:
            self.record(entry)
            if by_content:
                self._spare.setdefault(entry.tool, {})[id(entry)] = entry
        for entry in spare:
            self._spare.setdefault(entry.tool, {})[id(entry)] = entry

    def record(self, entry: Entry) -> None:
        """Add an entry; a later entry of the same call takes the place of the earlier."""
        self._entries.put(entry.node, entry.arguments, entry)

    def find(self, node: str, tool: str, arguments: Mapping[str, Any]) -> Entry | None:
        """The entry of this call."""
        entry = self._entries.get(node, arguments)
        if entry is None or entry.tool != tool:
            return None
        if self._spare:
            self._spare.get(tool, {}).pop(id(entry), None)
        return entry

    @property
    def lends(self) -> bool:
        """Whether there is any entry to adopt."""
        return bool(self._spare) or bool(self.returned)

    def holds(self, call: Call) -> bool:
        """Whether there is an entry that this call can adopt."""
        return self.returned.get(call.node, call.arguments) is not None or bool(self.spare(call.tool, call.arguments))

    def spare(self, tool: str, arguments: Mapping[str, Any]) -> Entry | None:
        """The first spare entry of this content."""
        known = self._spare.get(tool)
        if not known:
            return None
        return next((entry for entry in known.values() if same_arguments(entry.arguments, arguments)), None)

    def adopt(self, node: str, tool: str, arguments: Mapping[str, Any], *, often: bool = False) -> Entry | None:
        """An entry for this call: its own if that has returned, else the first spare entry of its content.

        Args:
            node: the node of the call.
            tool: the name of the tool.
            arguments: the arguments by name.
            often: whether a spare entry may serve further calls.

        Returns:
            The entry, which the caller is to record, or None.
        """
        if self.returned and (own := self.returned.discard(node, arguments)) is not None:
            return own
        found = self.spare(tool, arguments)
        if found is None:
            return None
        if not often:
            del self._spare[tool][id(found)]
            if self._entries.get(found.node, found.arguments) is found:
                self._entries.discard(found.node, found.arguments)
        return reused(found, node)

    def at(self, node: str) -> Entry | None:
        """The last entry of this node, whatever its arguments were."""
        known = self._entries.at(node)
        return known[-1] if known else None

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)


def reused(entry: Entry, node: str) -> Entry:
    """A copy of an entry for another call, which cost nothing."""
    usage = {name: value for name, value in entry.usage.items() if name not in COUNTED}
    return entry._replace(node=node, usage={**usage, REUSED: entry.node}, times=None)


COUNTED = frozenset({"tokens", "cost"})
"""Names in the usage of an entry that count against the budgets."""
REUSED = "reused"
"""The key in the usage of an adopted entry whose value is the node of the call that was made."""


class Override(NamedTuple):
    """New arguments for calls of a node.

    Attributes:
        changes: the new arguments by name.
        seen: the arguments of the call that the override is for; None for any call.
    """

    changes: Mapping[str, Any]
    seen: Mapping[str, Any] | None = None


Overrides = Mapping[str, Sequence[Override]]


def overridden(arguments: Mapping[str, Any], rules: Sequence[Override]) -> Mapping[str, Any]:
    """The arguments that a call is made with. Each rule is applied to the result of the rules before it."""
    for rule in rules:
        if rule.seen is None or same_arguments(arguments, rule.seen):
            arguments = {**arguments, **rule.changes}
    return arguments


class Call(NamedTuple):
    """A tool call of a pass, in program order.

    Attributes:
        node: see `Entry.node`.
        alias: the short name: `retrieve#3` is the third retrieve of the run in program order.
        arguments: the arguments by parameter name, after overrides.
        span: the place of the call in the source.
        entry: the entry of the journal; None while the call is wanted.
        asked: the arguments that the plan gave, if an override has changed them.
    """

    node: str
    alias: str
    tool: str
    arguments: Mapping[str, Any]
    span: Span
    entry: Entry | None
    asked: Mapping[str, Any] | None = None

    @property
    def result(self) -> Any:
        return None if self.entry is None else self.entry.result
