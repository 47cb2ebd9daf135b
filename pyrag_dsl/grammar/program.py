"""A vetted plan."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from .bindings import check_bindings
from .diagnostics import Diagnostic
from .findings import MAX_WORK, Budget, Findings, Overspent
from .flow import check_flow
from .kinds import check_kinds
from .language import Signature
from .nodes import Block


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A plan that has passed the vetter.

    Attributes:
        source: the text, with `\\n` line ends and without a byte-order mark. Spans refer to it.
        body: the statements.
        tools: the signatures with which its tool calls were checked.
        warnings: the warnings of the vetter; `diagnostics` has all warnings.
        chained: whether the text shows that every tool call needs the one before it.
        module_names: the names that may be bound at module level.
        calls_inside: whether a function of the plan calls a tool.
        call_sites: the number of tool calls in the text.
        inputs: the names that it reads and that must be bound before the first statement.
    """

    source: str
    body: Block
    tools: Mapping[str, Signature]
    warnings: tuple[Diagnostic, ...] = ()
    chained: bool = False
    calls_inside: bool = True
    module_names: frozenset[str] = frozenset()
    call_sites: int = 0
    inputs: frozenset[str] = frozenset()
    _lowered: dict[str, object] = field(default_factory=dict, repr=False)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All warnings by place, which are computed on first use. A program with errors does not exist."""
        found = self._lowered.get("diagnostics")
        if found is None:
            found = self._lowered["diagnostics"] = self._look().all()
        return found  # type: ignore[return-value]

    def _look(self) -> Findings:
        found = Findings(Budget(MAX_WORK // 2))
        for warning in self.warnings:
            found.add(warning)
        try:
            check_kinds(self.body, dict(self.tools), found)
            check_flow(self.body, found)
            check_bindings(self.body, found)
        except Overspent:
            message = "the plan is too large and involved to be searched for all that may go wrong"
            found.add(Diagnostic("PLAN104", message, severity="note"))
        return found

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the source in hexadecimal, which identifies the plan."""
        return hashlib.sha256(self.source.encode("utf-8", "surrogatepass")).hexdigest()
