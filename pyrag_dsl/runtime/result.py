"""What a run leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..grammar.diagnostics import Diagnostic, Span
from ..grammar.program import Program
from ..interpreter.border import Unfit, export
from ..interpreter.interpret import Outcome
from ..interpreter.journal import Entry
from ..interpreter.limits import Limits
from .lineage import Lineage
from .trace import Trace


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A tool call of a finished run.

    Attributes:
        node: its dynamic call site, `retrieve@7:14[0,1]`.
        alias: short for it, `retrieve#3`.
        tool: its name.
        arguments: by parameter name.
        result: what came back.
        span: where it stands in the plan.
        elapsed: seconds that the tool took.
        cached: whether it came from the journal.
        usage: tokens and cost, where the tool reports them.
        depends_on: nodes of the calls that decided whether and with what it was made.
    """

    node: str
    alias: str
    tool: str
    arguments: Mapping[str, Any]
    result: Any
    span: Span
    elapsed: float
    cached: bool
    usage: Mapping[str, Any]
    _lineage: Lineage

    @property
    def depends_on(self) -> tuple[str, ...]:
        return self._lineage.dependences(self.node)


class Result:
    """A run that ended well.

    Attributes:
        final_answer: the plan's value.
        program: what was run.
        passes: how many times it was interpreted.
        printed: what the plan printed.
        elapsed: seconds of wall-clock time.
    """

    def __init__(
        self,
        program: Program,
        outcome: Outcome,
        trace: Trace,
        lineage: Lineage,
        fresh: Mapping[int, Entry],
        passes: int,
        elapsed: float,
        limits: Limits,
    ) -> None:
        self.program = program
        self.final_answer = outcome.value
        self.trace = trace
        self.passes = passes
        self.printed = outcome.printed
        self.elapsed = elapsed
        self._outcome = outcome
        self._lineage = lineage
        self._fresh = fresh
        self._limits = limits

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Warnings, of the plan and of the run."""
        return self.program.diagnostics + self._outcome.diagnostics

    @cached_property
    def calls(self) -> tuple[CallRecord, ...]:
        """All tool calls in program order."""
        records = []
        for call in self._outcome.calls:
            entry = call.entry
            assert entry is not None
            records.append(
                CallRecord(
                    call.node,
                    call.alias,
                    call.tool,
                    call.arguments,
                    entry.result,
                    call.span,
                    entry.elapsed,
                    id(entry) not in self._fresh,
                    entry.usage,
                    self._lineage,
                )
            )
        return tuple(records)

    @cached_property
    def lineage(self) -> tuple[str, ...]:
        """Nodes of the calls that the final answer depends on, in program order."""
        return self._lineage.dependences()

    @cached_property
    def variables(self) -> dict[str, Any]:
        """The plan's variables at the end, as plain data; those that are not (functions, iterators) left out."""
        found: dict[str, Any] = {}
        for name, value in self._outcome.variables.items():
            if type(name) is str and not name.startswith("?") and "'" not in name:
                try:
                    found[name] = export(value, self._limits)
                except Unfit:
                    continue
        return found

    def __repr__(self) -> str:
        return f"Result(final_answer={self.final_answer!r}, calls={len(self._outcome.calls)})"
