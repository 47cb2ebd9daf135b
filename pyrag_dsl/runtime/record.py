"""Builds the trace of a run, with events in program order, from the outcome of its last pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

from ..grammar import nodes as n
from ..grammar.diagnostics import Diagnostic
from ..grammar.program import Program
from ..interpreter.interpret import Outcome
from ..interpreter.journal import Entry, Journal
from ..interpreter.previews import Preview
from ..interpreter.values import type_name
from .events import (
    CallFinished,
    CallStarted,
    DiagnosticFound,
    Event,
    NodeRerun,
    Printed,
    RunFinished,
    RunStarted,
    StatementEnded,
    lifted,
    lowered,
)
from .nesting import Book, spread
from .options import Options
from .trace import Trace

_PREVIEW = 120  # characters


class Recorded(Protocol):
    """The part of a run that a trace is built from."""

    program: Program
    fresh: dict[int, Entry]
    decisions: list[Event]
    journal: Journal
    options: Options
    book: Book
    within: str
    alias: str

    def header(self) -> RunStarted: ...


def times_of(entry: Entry, cached: bool) -> list[float] | None:
    """The times of a call for its event; None if another run made the call."""
    return None if cached or entry.times is None else list(entry.times)


class LazyTrace(Trace):
    """A trace whose events are built when they are first read."""

    def __init__(self, build: Any) -> None:
        super().__init__(())
        self._build = build

    @property
    def events(self) -> list[Event]:
        if self._build is not None:
            self._events, self._build = self._build(), None
        return self._events


def build_trace(
    run: Recorded, outcome: Outcome | None, status: str, diagnostics: tuple[Diagnostic, ...], elapsed: float
) -> Trace:
    """The trace of a run that has ended with this status."""
    fresh, decisions = run.fresh, run.decisions
    paid = list(fresh.values())
    if run.options.continues:  # the trace also keeps the calls of the recorded run
        paid = [*(entry for entry in (*run.journal, *run.journal.returned) if id(entry) not in fresh), *paid]

    def build() -> list[Event]:
        events: list[Event] = [run.header()]
        known: set[int] = set()
        if outcome is not None:
            after = list(outcome.calls_after)
            index = 0
            for position, (node, value) in enumerate([*outcome.statements, (None, None)]):
                while index < len(outcome.calls) and (after[index] <= position or node is None):
                    call = outcome.calls[index]
                    index += 1
                    known.add(id(call.entry))
                    common: dict[str, Any] = {
                        "node": call.node,
                        "alias": call.alias,
                        "tool": call.tool,
                        "arguments": dict(call.arguments),
                    }
                    events.append(CallStarted(span=call.span, **common))
                    if call.entry is not None:
                        events.append(
                            CallFinished(
                                result=call.entry.result,
                                elapsed=call.entry.elapsed,
                                times=times_of(call.entry, id(call.entry) not in fresh),
                                cached=id(call.entry) not in fresh,
                                usage=dict(call.entry.usage),
                                **common,
                            )
                        )
                if node is not None:
                    events.append(statement_ended(node, value))
        in_vain = [entry for entry in paid if id(entry) not in known]
        for entry in sorted(in_vain, key=lambda each: (each.node, repr(each.arguments))):
            events.append(
                CallFinished(
                    node=entry.node,
                    alias="",
                    tool=entry.tool,
                    arguments=dict(entry.arguments),
                    result=entry.result,
                    elapsed=entry.elapsed,
                    times=times_of(entry, id(entry) not in fresh),
                    cached=id(entry) not in fresh,
                    usage=dict(entry.usage),
                    speculative=True,
                )
            )
        aliases = {} if outcome is None else {call.node: call.alias for call in outcome.calls}
        for event in decisions:  # aliases are added now: when a hook decided, earlier calls may not have been known
            events.append(replace(event, alias=aliases.get(event.node, "")) if type(event) is NodeRerun else event)
        if outcome is not None and outcome.printed:
            events.append(Printed(text=outcome.printed))
        found = (*run.program.diagnostics, *diagnostics)
        events += [DiagnosticFound(diagnostic=diagnostic) for diagnostic in found]
        events.append(
            RunFinished(
                status=status,
                final_answer=outcome.value if outcome is not None and status == "done" else None,
                calls=len(outcome.calls) if outcome is not None else 0,
                elapsed=elapsed,
                statements_left_out=outcome.statements_left_out if outcome is not None else 0,
            )
        )
        if run.within:
            lifted_ones = [lifted(event, run.within, run.alias) for event in events]
            events = [lowered(event, run.within) for event in spread(lifted_ones, run.book, run.within)]
        elif run.book.blocks:
            events = list(spread(events, run.book))
        return [replace(event, seq=seq) for seq, event in enumerate(events)]

    return LazyTrace(build)


def statement_ended(node: Any, value: Any) -> StatementEnded:
    """The event of a statement, with the names that it bound, or "" for the value of an expression."""
    kind = type(node)
    targets = node.targets if kind is n.Assign else (node.target,) if kind is n.AugAssign else ()
    names = [_target(target) for target in targets] or [""]
    return StatementEnded(span=node.span, names=dict.fromkeys(names, show(value)))


def _target(target: Any) -> str:
    kind = type(target)
    if kind is n.Name:
        return str(target.id)
    if kind is n.TupleDisplay:
        return ", ".join(map(_target, target.items))
    if kind is n.Starred:
        return "*" + _target(target.value)
    return f"{_target(target.value)}[...]" if kind is n.Subscript else "..."


def show(value: Any) -> str:
    """A value in a few words, on one line."""
    if type(value) is Preview:
        name = value.kind.__name__
        name = {"PlanSet": "set", "PlanFrozenSet": "frozenset", "DefaultDict": "defaultdict"}.get(name, name)
        if value.size is None:
            return name
        first = f": {_shorten(repr(value.first))} ..." if value.first is not None else ""
        return f"{name} of {value.size}{first}"
    if type(value) is str:
        return _shorten(repr(value[: _PREVIEW + 1]))
    if type(value) is int and value.bit_length() > 1_000:
        return f"int of {value.bit_length()} bits"
    if type(value) in (int, float, bool, type(None)):
        return _shorten(repr(value))
    return type_name(value)


def _shorten(text: str) -> str:
    return text if len(text) <= _PREVIEW else text[: _PREVIEW - 3] + "..."
