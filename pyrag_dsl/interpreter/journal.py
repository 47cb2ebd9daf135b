"""What tools have answered so far: the only input of a run that is not in the program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from ..grammar.diagnostics import Span


class Times(NamedTuple):
    """When a call was wanted, made (it may have had to wait for a free place) and answered: seconds of its run."""

    wanted: float
    started: float
    ended: float


class Entry(NamedTuple):
    """One recorded call.

    Attributes:
        node: the dynamic call site, for example `retrieve@7:14[0,1]`.
        tool: its name.
        arguments: by parameter name, defaults included.
        result: plain data.
        elapsed: seconds.
        usage: tokens and cost where the tool reports them, by name.
        times: when the run that holds the entry made the call; None if another run made it.
    """

    node: str
    tool: str
    arguments: Mapping[str, Any]
    result: Any
    elapsed: float = 0.0
    usage: Mapping[str, Any] = MappingProxyType({})
    times: Times | None = None


new: Any = tuple.__new__
"""Makes a named tuple of all its values: in a third of the time that its own `__new__`, a Python function, takes."""


def same_arguments(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether a call is asked the same. By what is shown where `==` does not tell: NaN, views of dictionaries."""
    return one == other or (one.keys() == other.keys() and all(repr(one[name]) == repr(other[name]) for name in one))


T = TypeVar("T")


class ByCall(Generic[T]):
    """Something known of calls. A call is its node and its arguments: the same place may be asked otherwise.

    Attributes:
        found: by node, each with its arguments; no node without any.
    """

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: dict[str, list[tuple[Mapping[str, Any], T]]] = {}

    def get(self, node: str, arguments: Mapping[str, Any]) -> T | None:
        """What is known of this call."""
        for asked, value in self.found.get(node, ()):
            if asked is arguments or asked == arguments or same_arguments(asked, arguments):
                return value
        return None

    def put(self, node: str, arguments: Mapping[str, Any], value: T) -> None:
        """Know this of a call, in place of what was known before."""
        known = self.found.get(node)
        if known is None:
            self.found[node] = [(arguments, value)]
            return
        self.discard(node, arguments)
        self.found.setdefault(node, []).append((arguments, value))

    def discard(self, node: str, arguments: Mapping[str, Any]) -> T | None:
        """Know nothing of a call any more; what was known."""
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
        """What is known of the calls of this node, whatever their arguments, in order."""
        return [value for _, value in self.found.get(node, ())]

    def __len__(self) -> int:
        return sum(map(len, self.found.values()))

    def __bool__(self) -> bool:
        return bool(self.found)

    def __iter__(self) -> Iterator[T]:
        return (value for known in self.found.values() for _, value in known)


class Journal:
    """Entries by call, and spare ones by content: of another plan, or of the same after a repair, whose nodes differ.

    Five votes of the same call are five nodes and five entries: a spare entry stands for one call only, the first that
    adopts it, unless the tool is one that may be asked once for all. Entries of equal content are given out in the
    order in which they were recorded.

    Args:
        entries: those of the plan that the journal is for.
        by_content: whether an entry whose own node does not ask for it is spare.
        spare: entries of other plans.
        returned: entries of this plan that are there but not looked at yet.
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
        self._spare: dict[str, dict[int, Entry]] = {}  # by tool and identity: equal entries are different calls
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
        """Whether there is anything at all to adopt."""
        return bool(self._spare) or bool(self.returned)

    def holds(self, call: Call) -> bool:
        """Whether there is something for this call to adopt."""
        return self.returned.get(call.node, call.arguments) is not None or bool(self.spare(call.tool, call.arguments))

    def spare(self, tool: str, arguments: Mapping[str, Any]) -> Entry | None:
        """The first spare entry of this content."""
        known = self._spare.get(tool)
        if not known:
            return None
        return next((entry for entry in known.values() if same_arguments(entry.arguments, arguments)), None)

    def adopt(self, node: str, tool: str, arguments: Mapping[str, Any], *, often: bool = False) -> Entry | None:
        """What has come back for this call, or the first spare entry of its content as its own, to be recorded.

        often: whether a spare entry may serve further calls.
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
    """An entry as that of another call, which has cost nothing."""
    usage = {name: value for name, value in entry.usage.items() if name not in COUNTED}
    return entry._replace(node=node, usage={**usage, REUSED: entry.node}, times=None)


COUNTED = frozenset({"tokens", "cost"})
"""Names in the usage of an entry that count against the budgets."""
REUSED = "reused"
"""The name under which the usage of an adopted entry says which node paid for it."""


class Override(NamedTuple):
    """Arguments to change of the calls of a node.

    Attributes:
        changes: what changes, by name.
        seen: the arguments of the call that it is for; None for any.
    """

    changes: Mapping[str, Any]
    seen: Mapping[str, Any] | None = None


Overrides = Mapping[str, Sequence[Override]]


def overridden(arguments: Mapping[str, Any], rules: Sequence[Override]) -> Mapping[str, Any]:
    """The arguments that a call is made with. Each rule applies to what the ones before it have made."""
    for rule in rules:
        if rule.seen is None or same_arguments(arguments, rule.seen):
            arguments = {**arguments, **rule.changes}
    return arguments


class Call(NamedTuple):
    """A tool call of a pass, in program order.

    Attributes:
        node: see `Entry.node`.
        alias: the short name, `retrieve#3`: the third retrieve of the run in program order.
        arguments: by parameter name, as it is made.
        span: the call in the source.
        entry: what came back; None while it is wanted.
        asked: the arguments that the plan gave, where an override has changed them.
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
