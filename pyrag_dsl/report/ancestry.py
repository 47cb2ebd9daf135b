"""Which calls a call and the final answer came from: learnt by running the plan again on its recorded results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..grammar.diagnostics import PlanError
from ..runtime.trace import Trace, TraceError, read_header

_REPLAY_SECONDS = 10.0
_MOST_CALLS = 300
"""Dependences take a pass for each call; a page of more calls does without them."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A call and the calls that it came from directly. `again`: it stands on the page already, in full."""

    node: str
    alias: str
    again: bool
    children: tuple[Branch, ...]


class Ancestry:
    """Dependences between the calls of a run, without those that follow from others."""

    def __init__(self, lineage: tuple[str, ...], ancestors: Mapping[str, tuple[str, ...]], aliases: Mapping[str, str]):
        self.lineage = frozenset(lineage)
        self._aliases = aliases
        self._parents = {node: _nearest(found, ancestors) for node, found in ancestors.items()}
        self._roots = _nearest(lineage, ancestors)

    def parents(self, node: str) -> tuple[str, ...]:
        """Nodes that a call depends on directly, in program order."""
        return self._parents.get(node, ())

    @property
    def branches(self) -> tuple[Branch, ...]:
        """What the final answer came from, as a tree; each call is unfolded once."""
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
    """The dependences of a run that ended well; None where they cannot be had."""
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
    """Those of the nodes that no other of them came from."""
    further = {ancestor for node in nodes for ancestor in ancestors.get(node, ())}
    return tuple(node for node in nodes if node not in further)
