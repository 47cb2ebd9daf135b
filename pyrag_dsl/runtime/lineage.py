"""Lineage: what depends on a call becomes pending when the plan is interpreted with the result of the call withheld."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ..grammar.language import Signature
from ..grammar.program import Program
from ..interpreter.interpret import Outcome, interpret
from ..interpreter.journal import Journal, Overrides
from ..interpreter.limits import Limits

FINAL = ""  # stands for the final answer among nodes


class Lineage:
    """The dependences of one run. They are computed when they are needed, by one pass for each call."""

    def __init__(
        self,
        program: Program,
        journal: Journal,
        *,
        signatures: Mapping[str, Signature],
        limits: Limits,
        overrides: Overrides,
        now: datetime,
        inputs: Mapping[str, Any] | None = None,
        interpreter: Callable[..., Outcome] = interpret,
    ) -> None:
        self._interpret = interpreter
        self._program = program
        self._journal = journal
        self._options: dict[str, Any] = {
            "signatures": signatures,
            "limits": limits,
            "overrides": overrides,
            "now": now,
            "inputs": inputs,
        }
        self._full: Outcome | None = None
        self._dependents: dict[str, frozenset[str]] = {}

    @property
    def full(self) -> Outcome:
        """The outcome with nothing withheld; during a run, the outcome so far."""
        if self._full is None:
            self._full = self._interpret(self._program, self._journal, **self._options)
            if self._full.status == "waiting":
                self._full = self._interpret(self._program, self._journal, concurrent=True, **self._options)
        return self._full

    def dependents(self, node: str) -> frozenset[str]:
        """The nodes of the calls that depend on this one, by data or control, and `FINAL` if the final answer does."""
        found = self._dependents.get(node)
        if found is None:
            without = self._interpret(
                self._program, self._journal, withheld=frozenset({node}), concurrent=True, **self._options
            )
            kept = {call.node for call in without.calls}
            found = frozenset(call.node for call in self.full.calls if call.node not in kept and call.node != node)
            if not without.resolved:
                found |= {FINAL}
            self._dependents[node] = found
        return found

    def dependences(self, node: str = FINAL) -> tuple[str, ...]:
        """The nodes of the calls that this node (or the final answer) depends on, in program order."""
        return tuple(call.node for call in self.full.calls if call.node != node and node in self.dependents(call.node))
