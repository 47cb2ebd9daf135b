"""A vetted plan."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from .bindings import check_bindings
from .diagnostics import Diagnostic
from .flow import check_flow
from .kinds import check_kinds
from .language import Signature
from .nodes import Block


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A plan that has passed the vetter.

    Attributes:
        source: the text, with `\\n` line ends and no byte-order mark. Spans refer to it.
        body: the statements.
        tools: the signatures that its tool calls were checked against.
        warnings: those that the vetter had on the way; `diagnostics` has all.
        chained: whether every tool call needs the one before it, as far as the text shows.
        module_names: the names that may be bound at module level.
        calls_inside: whether a function of the plan calls a tool.
        call_sites: how many tool calls stand in the text.
    """

    source: str
    body: Block
    tools: Mapping[str, Signature]
    warnings: tuple[Diagnostic, ...] = ()
    chained: bool = False
    calls_inside: bool = True
    module_names: frozenset[str] = frozenset()
    call_sites: int = 0
    _lowered: dict[str, object] = field(default_factory=dict, repr=False)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All warnings, by place; a program with errors does not exist. Looked for when first asked for."""
        found = self._lowered.get("diagnostics")
        if found is None:
            more = [*check_kinds(self.body, dict(self.tools)), *check_flow(self.body), *check_bindings(self.body)]
            found = tuple(sorted((*self.warnings, *more), key=lambda diagnostic: diagnostic.span or ()))
            self._lowered["diagnostics"] = found
        return found  # type: ignore[return-value]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the source, in hexadecimal: what a trace says it is the trace of."""
        return hashlib.sha256(self.source.encode("utf-8", "surrogatepass")).hexdigest()
