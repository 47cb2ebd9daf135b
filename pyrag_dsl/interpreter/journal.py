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


class Journal:
    """Entries by node; for a repaired plan, whose nodes have moved, by content.

    Five votes of the same call are five nodes and five entries: content alone never stands for a node that has
    an entry of its own, and each entry found by content is given out once.
    """

    def __init__(self, entries: Iterable[Entry] = (), *, by_content: bool = False) -> None:
        self._entries: dict[str, Entry] = {}
        self._stray: dict[tuple[str, str], list[Entry]] = {}
        self.by_content = by_content
        for entry in entries:
            self.record(entry)

    def record(self, entry: Entry) -> None:
        """Add an entry; a later entry of the same node takes the place of the earlier."""
        self._entries[entry.node] = entry

    def find(self, node: str, tool: str, arguments: Mapping[str, Any]) -> Entry | None:
        """The entry of this node, if it was called with these arguments."""
        entry = self._entries.get(node)
        if entry is not None and entry.tool == tool and entry.arguments == arguments:
            return entry
        return None

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
