"""The result of a run."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from ..grammar.diagnostics import Diagnostic
from ..grammar.program import Program
from ..interpreter.border import Unfit, export
from ..interpreter.interpret import Outcome
from ..interpreter.limits import Limits
from .calls import CallRecord, call_records
from .lineage import FINAL, Lineage
from .notebook import run_html
from .trace import Trace


class Result:
    """The result of a run that ended well.

    Attributes:
        final_answer: the value of the plan.
        program: the plan.
        passes: the number of passes.
        printed: the text that the plan printed.
        elapsed: the wall-clock time of the run, in seconds.
    """

    def __init__(
        self,
        program: Program,
        outcome: Outcome,
        trace: Trace,
        lineage: Lineage,
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
        self._limits = limits

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """The warnings of the plan and of the run."""
        return self.program.diagnostics + self._outcome.diagnostics

    @cached_property
    def calls(self) -> tuple[CallRecord, ...]:
        """All tool calls of the plan, in program order. `trace.calls` also has those whose results were not used."""
        made = call_records(self.trace, self._lineage.dependences)
        return tuple(call for call in made if not call.speculative)

    @cached_property
    def lineage(self) -> tuple[str, ...]:
        """The nodes of the calls that the final answer depends on, in program order."""
        return self._lineage.dependences()

    def depends_on(self, node: str) -> bool:
        """Whether the final answer depends on this call. This is cheaper than `lineage`."""
        return FINAL in self._lineage.dependents(node)

    @cached_property
    def variables(self) -> dict[str, Any]:
        """The plan's variables at the end, as plain data, without functions, iterators and the like."""
        found: dict[str, Any] = {}
        for name, value in self._outcome.variables.items():
            if type(name) is str and not name.startswith("?") and "'" not in name:
                try:
                    found[name] = export(value, self._limits)
                except Unfit:
                    continue
        return found

    def _repr_html_(self) -> str:
        return run_html(self.trace)

    def __repr__(self) -> str:
        return f"Result(final_answer={self.final_answer!r}, calls={len(self._outcome.calls)})"
