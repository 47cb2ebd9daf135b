"""Runs inside of runs: a tool may run a plan, and what that asks lies in the journal of the run that called the tool.

A nested run has the names of its calls for itself. In the trace of the question they stand under the node of the call
that it serves: `run_plan@3:10/retrieve@1:5`, short `run_plan#1/retrieve#1`, and its other events say `within`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..interpreter.journal import REUSED, Entry, Override, same_arguments
from .events import CallFailed, CallFinished, CallStarted, Event, RunFinished, RunStarted, lifted, lowered
from .trace import Trace, TraceFile

if TYPE_CHECKING:
    from .result import Result

DEEPEST = 8
"""Runs inside of one another at most."""


@dataclass(frozen=True, slots=True)
class Left:
    """What may still be spent before a call, counted in program order, so that a replay reads the same.

    Attributes:
        calls: tool calls.
        tokens: None where there is no budget.
        cost: None where there is no budget.
    """

    calls: int
    tokens: int | None = None
    cost: float | None = None

    def less(self, spent: Spending) -> Left:
        """What is left after this."""
        return Left(
            max(0, self.calls - spent.calls),
            None if self.tokens is None else max(0, self.tokens - spent.tokens),
            None if self.cost is None else max(0.0, self.cost - spent.cost),
        )


@dataclass(slots=True)
class Spending:
    """Calls, tokens and money."""

    calls: int = 0
    tokens: int = 0
    cost: float = 0.0

    def add(self, usage: Mapping[str, Any], calls: int = 1) -> None:
        """Count a call. One that was taken over from another node has been counted there."""
        if REUSED not in usage:
            self.calls += calls
            self.tokens += usage.get("tokens") or 0
            self.cost += usage.get("cost") or 0.0

    def count(self, event: CallFinished | CallFailed) -> None:
        """Count what is on record. A failure that has cost nothing is no call."""
        self.add(event.usage, 1 if isinstance(event, CallFinished) or event.usage else 0)


@dataclass(frozen=True, slots=True)
class RunContext:
    """What a tool knows of the run that calls it. A tool gets it if it has a parameter annotated with this class:

        async def twice(plan: str, context: pd.RunContext) -> list:
            return [(await context.arun(plan, TOOLS, question=str(n))).final_answer for n in (1, 2)]

    Attributes:
        node: the call, with the nodes of the runs that it is nested in.
        inputs: the inputs of the run that calls.
        left: what may still be spent.
        asking: call tools one by one in Python as part of the question: `await context.asking(function, tools)` awaits
            `function(ask)`, where `await ask.retrieve("Dune")` is recorded under `node` in the order of asking; see
            `pyrag_dsl.runtime.asking`. Either this or `arun`, once for each call.
        arun: run a plan as part of the question. The parameters are those of `pyrag_dsl.arun`; options that are not
            given are those of the run around it. The calls are recorded under `node`. Budgets, deadline and hooks are
            those of the question. Results of earlier nested runs of the same run are taken over, or those of `journal`
            if it is given; nested runs are therefore carried out one after the other. At most one for each call.
    """

    node: str
    inputs: Mapping[str, Any]
    left: Left
    arun: Callable[..., Awaitable[Result]]
    asking: Callable[..., Awaitable[Any]]


@dataclass(slots=True)
class Book:
    """What all runs of one question share.

    Attributes:
        spent: all that was paid for, over all levels.
        blocks: the events of each nested run by the node of its call, those of runs inside of it left out.
        overrides: what is changed by hand in the arguments of nested calls, by the node of the run and by theirs.
        file: of the question.
        deadline: when the question must have ended, by `time.monotonic`.
        began: when the question did, by the clock of its calls; what their times count from. None until then.
    """

    spent: Spending = field(default_factory=Spending)
    blocks: dict[str, list[Event]] = field(default_factory=dict)
    overrides: dict[str, dict[str, tuple[Override, ...]]] = field(default_factory=dict)
    file: TraceFile | None = None
    deadline: float | None = None
    began: float | None = None

    def since(self, now: float) -> float:
        """When the question began, which it does now if it has not."""
        if self.began is None:
            self.began = now
        return self.began

    @classmethod
    def of(cls, trace: Trace) -> Book:
        """As a trace leaves it."""
        book = cls()
        for event in trace.events:
            if isinstance(event, (CallFinished, CallFailed)):
                book.spent.count(event)
            if isinstance(event, CallFinished):
                event = replace(event, cached=True, times=None)
            if event.within:
                book.blocks.setdefault(event.within, []).append(event)
        return book

    def recorded(self, node: str) -> Trace | None:
        """The nested run of a call as far as it is known, under its own names."""
        block = self.blocks.get(node)
        if not block or not isinstance(block[0], RunStarted):
            return None
        return Trace([lowered(event, node) for event in self.within(node)])

    def within(self, node: str) -> Iterator[Event]:
        """The events of the nested run of a call, with those of runs inside of it."""
        yield from spread(self.blocks.get(node, ()), self, node)

    def beside(self, node: str, own: Iterable[Entry] = ()) -> list[Entry]:
        """What nested runs of other calls of the same run have paid for, but for what this one has taken over."""
        parent = node.rpartition("/")[0]
        taken = [(entry.usage.get(REUSED), entry.arguments) for entry in own]
        return [
            Entry(event.node, event.tool, event.arguments, event.result, event.elapsed, event.usage)
            for other, block in self.blocks.items()
            if other != node and other.rpartition("/")[0] == parent
            for event in block
            if isinstance(event, CallFinished) and REUSED not in event.usage
            if not any(paid == event.node and same_arguments(asked, event.arguments) for paid, asked in taken)
        ]

    def spent_within(self, node: str) -> Spending:
        """What the nested run of a call has cost."""
        found = Spending()
        for event in self.within(node):
            if isinstance(event, (CallFinished, CallFailed)):
                found.count(event)
        return found


def spread(events: Iterable[Event], book: Book, within: str = "") -> Iterator[Event]:
    """The events of the run within this call, with those of runs inside of it behind the calls that they serve."""
    inside = [node for node in book.blocks if node and node.rpartition("/")[0] == within]
    for event in events:
        if isinstance(event, RunFinished):
            yield from _blocks(inside, book)  # of calls that the plan did not come to
            inside = []
        yield event
        if isinstance(event, (CallStarted, CallFinished)) and event.node in inside:
            inside.remove(event.node)
            yield from book.within(event.node)
    yield from _blocks(inside, book)


def _blocks(nodes: Iterable[str], book: Book) -> Iterator[Event]:
    for node in nodes:
        yield from book.within(node)


class NestedFile:
    """Where a nested run writes its events: into the book, and the file of the question if there is one."""

    def __init__(self, book: Book, node: str, alias: str) -> None:
        self.book = book
        self.node = node
        self.alias = alias

    def begin(self, events: Iterable[Event]) -> None:
        """Start anew with what is known of the run already."""
        self.book.blocks[self.node] = []
        self.write(*events)

    def write(self, *events: Event) -> None:
        """Add events, all or none."""
        made = [lifted(event, self.node, self.alias) for event in events]
        self.book.blocks[self.node] += made
        if self.book.file is not None:
            self.book.file.write(*made)

    def finish(self, trace: Trace) -> None:
        """Put the whole run in the place of what was written as it went on."""
        self.begin([event for event in trace.events if not event.within])
