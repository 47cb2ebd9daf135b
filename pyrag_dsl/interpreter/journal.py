"""What tools have answered so far: the only input of a run that is not in the program."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..grammar.diagnostics import Span


class Entry(NamedTuple):
    """One recorded call.

    Attributes:
        node: the dynamic call site, for example `retrieve@7:14[0,1]`.
        tool: its name.
        arguments: by parameter name, defaults included.
        result: plain data.
        elapsed: seconds.
        usage: tokens and cost where the tool reports them, by name.
    """

    node: str
    tool: str
    arguments: Mapping[str, Any]
    result: Any
    elapsed: float = 0.0
    usage: Mapping[str, Any] = MappingProxyType({})


def same_arguments(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether a call is asked the same. By what is shown where `==` does not tell: NaN, views of dictionaries."""
    return one == other or (one.keys() == other.keys() and all(repr(one[name]) == repr(other[name]) for name in one))


class Journal:
    """Entries by node; for a repaired plan, whose nodes have moved, by content.

    Five votes of the same call are five nodes and five entries: each recorded entry stands for one node only,
    its own where that asks, and otherwise, with `by_content`, the first that makes the same call. Entries of
    equal content are given out in the order in which they were recorded; what is recorded later, in the run
    that the journal serves, belongs to its own node for good.
    """

    def __init__(self, entries: Iterable[Entry] = (), *, by_content: bool = False) -> None:
        self._entries: dict[str, Entry] = {}
        # Entries that no node has asked for yet, by tool and identity: equal entries are different calls.
        self._spare: dict[str, dict[int, Entry]] = {}
        self.by_content = by_content
        for entry in entries:
            self.record(entry)
            if by_content:
                self._spare.setdefault(entry.tool, {})[id(entry)] = entry

    def record(self, entry: Entry) -> None:
        """Add an entry; a later entry of the same node takes the place of the earlier."""
        self._entries[entry.node] = entry

    def find(self, node: str, tool: str, arguments: Mapping[str, Any]) -> Entry | None:
        """The entry of this node, if called with these arguments; else, by content, one that is spare."""
        entry = self._entries.get(node)
        if entry is not None and entry.tool == tool and same_arguments(entry.arguments, arguments):
            if self.by_content:
                self._spare.get(tool, {}).pop(id(entry), None)
            return entry
        return self._adopt(node, tool, arguments) if self.by_content else None

    def _adopt(self, node: str, tool: str, arguments: Mapping[str, Any]) -> Entry | None:
        """Give the first spare entry of this content to a node, whose own it is from now on."""
        spare = self._spare.get(tool, {})
        found = next((entry for entry in spare.values() if same_arguments(entry.arguments, arguments)), None)
        if found is None:
            return None
        del spare[id(found)]
        if self._entries.get(found.node) is found:
            del self._entries[found.node]
        adopted = found._replace(node=node)
        self._entries[node] = adopted
        return adopted

    def at(self, node: str) -> Entry | None:
        """The entry of this node whatever its arguments were."""
        return self._entries.get(node)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Any:
        return iter(self._entries.values())


class Call(NamedTuple):
    """A tool call of a pass, in program order.

    Attributes:
        node: see `Entry.node`.
        alias: the short name, `retrieve#3`: the third retrieve of the run in program order.
        entry: what came back; None while it is wanted.
        span: the call in the source.
    """

    node: str
    alias: str
    tool: str
    arguments: Mapping[str, Any]
    span: Span
    entry: Entry | None

    @property
    def result(self) -> Any:
        return None if self.entry is None else self.entry.result
