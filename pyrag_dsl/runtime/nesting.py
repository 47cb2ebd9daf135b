"""Nested runs: a tool may run a plan, whose calls are recorded with the run that called the tool.

A nested run names its own calls as any other run does. In the trace of the outermost run, these names stand under the
node of the call that made the nested run: `run_plan@3:10/retrieve@1:5`, short `run_plan#1/retrieve#1`. All events of a
nested run have this node in `within`.
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
"""The greatest depth of nested runs."""


@dataclass(frozen=True, slots=True)
class Left:
    """The budgets that are left before a call. They are counted in program order, so that a replay gives the same.

    Attributes:
        calls: the number of tool calls.
        tokens: the number of tokens; None without a budget.
        cost: money in the unit of the tools; None without a budget.
    """

    calls: int
    tokens: int | None = None
    cost: float | None = None

    def less(self, spent: Spending) -> Left:
        """What is left after this spending."""
        return Left(
            max(0, self.calls - spent.calls),
            None if self.tokens is None else max(0, self.tokens - spent.tokens),
            None if self.cost is None else max(0.0, self.cost - spent.cost),
        )


@dataclass(slots=True)
class Spending:
    """The number of calls, tokens and money spent."""

    calls: int = 0
    tokens: int = 0
    cost: float = 0.0

    def add(self, usage: Mapping[str, Any], calls: int = 1) -> None:
        """Count calls and their usage. An entry that was adopted from another node has been counted there."""
        if REUSED not in usage:
            self.calls += calls
            self.tokens += usage.get("tokens") or 0
            self.cost += usage.get("cost") or 0.0

    def count(self, event: CallFinished | CallFailed) -> None:
        """Count a recorded event. A failure without a cost is not counted as a call."""
        self.add(event.usage, 1 if isinstance(event, CallFinished) or event.usage else 0)


@dataclass(frozen=True, slots=True)
class RunContext:
    """The run that calls a tool. A tool gets it if it has a parameter annotated with this class:

        async def twice(plan: str, context: pd.RunContext) -> list:
            return [(await context.arun(plan, TOOLS, question=str(n))).final_answer for n in (1, 2)]

    Attributes:
        node: the node of the call, under the nodes of the runs that it is nested in.
        inputs: the inputs of the calling run.
        left: the budgets that are left.
        asking: makes tool calls one by one in Python: `await context.asking(function, tools)` awaits `function(ask)`,
            in which `await ask.retrieve("Dune")` is recorded under `node`, in the order of the calls; see
            `pyrag_dsl.runtime.asking`. A call may use either this or `arun`, and only once.
        arun: makes a nested run. The parameters are those of `pyrag_dsl.arun`; options that are not given are those of
            the calling run. The calls are recorded under `node`. Budgets, deadline and hooks are those of the outermost
            run. The nested run adopts results of earlier nested runs of the same run, or those of `journal` if it is
            given; nested runs are therefore made one after the other.
    """

    node: str
    inputs: Mapping[str, Any]
    left: Left
    arun: Callable[..., Awaitable[Result]]
    asking: Callable[..., Awaitable[Any]]


@dataclass(slots=True)
class Book:
    """What the outermost run and all its nested runs share.

    Attributes:
        spent: the calls, tokens and money of all these runs.
        blocks: the events of each nested run by the node of its call, without those of runs nested deeper.
        overrides: changed arguments of nested calls, by the node of the nested run and then by their own node.
        file: the trace file of the outermost run.
        deadline: when the outermost run must end, by `time.monotonic`.
        began: when the outermost run began, by the clock of its calls; their times count from here. None before that.
    """

    spent: Spending = field(default_factory=Spending)
    blocks: dict[str, list[Event]] = field(default_factory=dict)
    overrides: dict[str, dict[str, tuple[Override, ...]]] = field(default_factory=dict)
    file: TraceFile | None = None
    deadline: float | None = None
    began: float | None = None

    def since(self, now: float) -> float:
        """When the outermost run began: now, if it has not begun."""
        if self.began is None:
            self.began = now
        return self.began

    @classmethod
    def of(cls, trace: Trace) -> Book:
        """The book of a recorded run."""
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
        """The trace of the nested run of a call, as far as it is known, under its own names."""
        block = self.blocks.get(node)
        if not block or not isinstance(block[0], RunStarted):
            return None
        return Trace([lowered(event, node) for event in self.within(node)])

    def within(self, node: str) -> Iterator[Event]:
        """The events of the nested run of a call, with those of runs nested deeper."""
        yield from spread(self.blocks.get(node, ()), self, node)

    def beside(self, node: str, own: Iterable[Entry] = ()) -> list[Entry]:
        """The entries of nested runs of other calls of the same run, without those that this run has adopted."""
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
        """The spending of the nested run of a call."""
        found = Spending()
        for event in self.within(node):
            if isinstance(event, (CallFinished, CallFailed)):
                found.count(event)
        return found


def spread(events: Iterable[Event], book: Book, within: str = "") -> Iterator[Event]:
    """The events of the run within this call; those of each run nested in it follow the call that made that run."""
    inside = [node for node in book.blocks if node and node.rpartition("/")[0] == within]
    for event in events:
        if isinstance(event, RunFinished):
            yield from _blocks(inside, book)  # the runs of calls that the plan did not reach
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
    """Takes the events of a nested run into the book, and into the file of the outermost run if it has one."""

    def __init__(self, book: Book, node: str, alias: str) -> None:
        self.book = book
        self.node = node
        self.alias = alias

    def begin(self, events: Iterable[Event]) -> None:
        """Begin with the events that are already known."""
        self.book.blocks[self.node] = []
        self.write(*events)

    def write(self, *events: Event) -> None:
        """Add events, all or none."""
        made = [lifted(event, self.node, self.alias) for event in events]
        self.book.blocks[self.node] += made
        if self.book.file is not None:
            self.book.file.write(*made)

    def finish(self, trace: Trace) -> None:
        """Replace the events that were written during the run by its trace."""
        self.begin([event for event in trace.events if not event.within])
