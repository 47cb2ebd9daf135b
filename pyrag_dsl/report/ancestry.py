"""Finds the calls on which a call and the final answer depend, by a replay of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..grammar.diagnostics import PlanError
from ..runtime.trace import Trace, TraceError, read_header

_REPLAY_SECONDS = 10.0
_MOST_CALLS = 300
"""The dependences of a run of more calls are not computed, because they need one pass for each call."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A call in the tree of dependences.

    Attributes:
        node: the node of the call.
        alias: its alias.
        again: whether the call is in the tree before, with its children.
        children: the calls on which it depends directly.
    """

    node: str
    alias: str
    again: bool
    children: tuple[Branch, ...]


class Ancestry:
    """The direct dependences between the calls of a run. A dependence that follows from others is left out."""

    def __init__(self, lineage: tuple[str, ...], ancestors: Mapping[str, tuple[str, ...]], aliases: Mapping[str, str]):
        self.lineage = frozenset(lineage)
        self._aliases = aliases
        self._parents = {node: _nearest(found, ancestors) for node, found in ancestors.items()}
        self._roots = _nearest(lineage, ancestors)

    def parents(self, node: str) -> tuple[str, ...]:
        """The nodes of the calls on which a call depends directly, in program order."""
        return self._parents.get(node, ())

    @property
    def branches(self) -> tuple[Branch, ...]:
        """The calls on which the final answer depends, as a tree. The children of a call are listed once."""
        seen: set[str] = set()
        return tuple(self._branch(node, seen) for node in self._roots)

    def _branch(self, node: str, seen: set[str], depth: int = 0) -> Branch:
        alias = self._aliases.get(node, node)
        if node in seen or depth > 60:
            return Branch(node, alias, True, ())
        seen.add(node)
        children = tuple(self._branch(parent, seen, depth + 1) for parent in self.parents(node))
        return Branch(node, alias, False, children)


def ancestry_of(trace: Trace, source: str) -> Ancestry | None:
    """The dependences of a run that ended without error; None if a replay cannot find them."""
    from ..runtime.api import run
    from ..runtime.events import CallFinished

    if len(trace.of(CallFinished)) > _MOST_CALLS:
        return None
    try:
        limits = replace(read_header(trace.header).limits, deadline=_REPLAY_SECONDS)
        result = run(source, journal=trace, replay=True, limits=limits)
        ancestors = {call.node: call.depends_on for call in result.calls}
        return Ancestry(result.lineage, ancestors, {call.node: call.alias for call in result.calls})
    except (PlanError, TraceError, ValueError, TypeError):
        return None


def _nearest(nodes: tuple[str, ...], ancestors: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The nodes on which no other of these nodes depends."""
    further = {ancestor for node in nodes for ancestor in ancestors.get(node, ())}
    return tuple(node for node in nodes if node not in further)
