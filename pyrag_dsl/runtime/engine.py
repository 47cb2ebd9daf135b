"""The engine: it makes the calls that a plan wants, and interprets the plan again, until no call is wanted.

A plan holds no thread, frame or generator while its tools work. A concurrent pass finds all calls whose arguments are
known, and these are made at the same time. The outcome is that of a sequential pass over the full journal, so value,
trace and errors are the same as with one call after the other.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from functools import partial
from types import MappingProxyType
from typing import Any

from ..grammar.diagnostics import Diagnostic, LimitExceeded, PlanError, PlanFailed, ToolFailed
from ..grammar.language import Signature
from ..grammar.program import Program
from ..interpreter.border import Unfit, admit, article, check_argument, fits_result
from ..interpreter.interpret import Outcome, interpret
from ..interpreter.journal import COUNTED, ByCall, Call, Entry, Journal, Override, Times, new, reused, same_arguments
from ..interpreter.limits import LimitHit, Limits, PlanFault
from ..interpreter.progress import Progress
from ..interpreter.values import kind_name, type_name
from ..threads import Hanging, wait_for_coroutine
from .conversion import Misfit
from .events import (
    CallFailed,
    CallFinished,
    CallSettled,
    CallStarted,
    DiagnosticFound,
    Event,
    HookDecided,
    NodeRerun,
    Printed,
    RunFinished,
    RunStarted,
    StatementEnded,
    lifted,
)
from .hooks import Answer, Change, Finished, Hook, Rerun, Veto, Wait, watching
from .lineage import Lineage
from .nesting import Book, Left, RunContext, Spending
from .options import Options
from .record import build_trace, statement_ended, times_of
from .result import Result
from .tools import Reported, Tool, signatures_of
from .trace import Trace, overrides_to_json, signatures_to_json

logger = logging.getLogger("pyrag_dsl")
logger.addHandler(logging.NullHandler())  # a host that sets up no logging sees no messages
_SLOW = 0.001  # seconds of a pass from which on later passes start from a saved state
_AHEAD = 1_000  # steps that every concurrent pass may take after the first call that is missing


_NO_USAGE: Mapping[str, Any] = MappingProxyType({})
NOTHING = "final_answer = None"  # the plan of a run whose calls are made in Python


class Failure(Exception):
    """A call has failed and is not repeated. Users see its diagnostic, never this exception."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        self.diagnostic = diagnostic


class RefusedResult(Failure):
    """A result that cannot enter the plan. The call was made, and what it has cost is paid."""

    def __init__(self, call: Call, message: str, usage: Mapping[str, Any]) -> None:
        super().__init__(Diagnostic("PLAN502", message, call.span, nodes=(call.node,)))
        self.usage = usage


class Escaped(Exception):
    """Wraps a `BaseException` of a tool, such as SystemExit, so that it fails the call and does not end the host."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(type(error).__name__)
        self.error = error
        self.name = kind_name(type(error))


class Run:
    """One run of one program.

    Attributes:
        overrides: changed arguments of calls, by node.
        fresh: the entries of calls that this run has made, by the id of the entry.
        failures: the diagnostics of calls that have failed and are not repeated.
        launched: the last arguments of each node, and the epoch in which the call was made.
        epoch: how often a hook has changed earlier calls. A node has only one set of arguments within an epoch.
        listening: whether any hook wants events.
        followed: the statements that the hooks have been told of.
        telling: whether a file, a hook or the log gets an event when a call returns.
        trusting: whether concurrent passes are made. When the two readings disagree about a call, the run continues
            sequentially, so that a mistake of the concurrent reading costs one call and never changes the outcome.
            Concurrent passes are also useless for a plan in which every call needs the one before.
        slow: whether a pass has taken so long that later ones are to start from a saved state.
        ahead: the steps that concurrent passes may still take after the first call that is missing. All passes share
            half of the limit of steps; after that, each pass may take a few.
        made: the number of calls that were made, without those that were made by mistake.
        book: what this run shares with its enclosing and nested runs.
        within: the node of the call in which this run is nested; "" for the outermost run.
        alias: the short name of that call.
        allowance: the budgets of this run.
    """

    __slots__ = (
        *("program", "tools", "signatures", "options", "journal", "overrides", "nest", "book"),
        *("within", "alias", "allowance", "recorded_failures", "watchers", "listening", "followed", "telling"),
        *("began", "deadline"),
        *("fresh", "decisions", "failures", "causes", "unwritten", "reruns", "undone", "launched"),
        *("epoch", "trusting", "made", "last", "progress", "ahead", "slow", "computing", "passes"),
        *("_in_turn", "cancelled"),
    )

    def __init__(
        self,
        program: Program,
        tools: Mapping[str, Tool],
        journal: Journal,
        options: Options,
        book: Book | None = None,
        within: str = "",
        alias: str = "",
        allowance: Left | None = None,
    ) -> None:
        self.program = program
        self.tools = tools
        self.signatures = signatures_of(tools)
        self.options = options
        self.journal = journal
        self.overrides: dict[str, tuple[Override, ...]] = {n: tuple(rules) for n, rules in options.overrides.items()}
        self.fresh: dict[int, Entry] = {}
        self.decisions: list[Event] = list(options.decisions)
        self.failures: ByCall[Diagnostic] = ByCall()
        self.causes: dict[int, tuple[Diagnostic, BaseException]] = {}  # exceptions of tools, by id of the diagnostic
        # For a replay: the arguments and the diagnostic of each recorded call that failed, by node.
        self.recorded_failures: Mapping[str, tuple[Mapping[str, Any], Diagnostic]] = {}
        # The hooks that are asked about results. Only they need the lineage during a run.
        self.watchers = watching(options.hooks)
        self.listening = any(type(hook).on_event is not Hook.on_event for hook in options.hooks)
        self.followed: list[StatementEnded] = []
        self.telling = options.file is not None or bool(options.hooks) or logger.isEnabledFor(logging.DEBUG)
        self.unwritten: list[Event] = []
        self.reruns: list[NodeRerun] = []
        self.undone: ByCall[bool] = ByCall()
        self.recall()
        self.launched: dict[str, tuple[Mapping[str, Any], int]] = {}
        self.epoch = 0
        self.trusting = options.mode == "concurrent" and not (program.chained and not options.hooks)
        self.made = 0
        self.last: tuple[Call, ...] = ()  # the calls that the last pass met
        self.progress: dict[tuple[bool, int], Progress] = {}  # by reading and epoch
        self.ahead = options.limits.steps >> 1
        self.slow = False
        self.computing = True  # whether the interpreter, and no tool or hook, has the thread
        self.passes = 0
        self.book = book or Book()
        self.within = within
        self.alias = alias
        limits = options.limits
        self.allowance = allowance or Left(limits.tool_calls, limits.tokens, limits.cost)
        self.nest: Callable[..., Any] | None = None  # makes a nested run for a tool
        self._in_turn: asyncio.Lock | None = None
        self.began = time.monotonic()
        self.deadline = self.book.deadline
        if not within:
            self.deadline = None if limits.deadline is None else self.began + limits.deadline
            self.book.deadline, self.book.file = self.deadline, options.file  # type: ignore[assignment]
        self.cancelled = False

    # ------------------------------------------------------------------ passes

    def interpret(self, *, concurrent: bool = False, supply: Any = None, interrupt: Any = None) -> Outcome:
        """Make one pass. Raises `LimitExceeded` if the worker process of an isolated pass was lost."""
        try:
            return self.look(concurrent, supply, interrupt or self.expired)
        except LimitExceeded as lost:
            raise self.error(LimitExceeded, lost.diagnostics, None, "limit") from None

    def look(self, concurrent: bool, supply: Any, interrupt: Callable[[], bool] | None) -> Outcome:
        options = self.options
        self.passes += 1
        progress, ahead = None, None
        if self.slow and interrupt is not None and supply is None and options.interpreter is interpret:
            progress = self.progress.setdefault((concurrent, self.epoch), Progress())
            ahead = max(_AHEAD, self.ahead) if concurrent else None
        self.computing = True
        began = time.perf_counter()
        outcome = options.interpreter(
            self.program,
            self.journal,
            signatures=self.signatures,
            limits=options.limits,
            overrides=self.overrides,
            supply=supply,
            interrupt=interrupt,
            now=options.now,
            concurrent=concurrent,
            cautious=not options.speculate,
            ahead=ahead,
            progress=progress,
            inputs=options.inputs,
        )
        self.slow = self.slow or time.perf_counter() - began > _SLOW
        if self.listening and not concurrent:
            self.follow(outcome)
        self.last = outcome.calls
        self.ahead -= outcome.ahead
        return outcome

    def follow(self, outcome: Outcome) -> None:
        """Tell the hooks which statements have been carried out since the last sequential pass.

        A statement whose value has changed, because a hook has had a call made again, is told again, and all after it.
        """
        missing = (at for at, call in enumerate(outcome.calls) if call.entry is None)
        first = next(missing, None)  # what follows it is not known yet
        known = outcome.statements if first is None else outcome.statements[: outcome.calls_after[first]]
        same = len(self.followed)
        if self.watchers:
            ended = [statement_ended(*each) for each in known]
            pairs = enumerate(zip(self.followed, ended, strict=False))
            same = next((at for at, (told, now) in pairs if told != now), min(same, len(ended)))
            ended = ended[same:]
        else:
            ended = [statement_ended(*each) for each in known[same:]]
        if ended:
            self.followed[same:] = ended
        for event in ended:
            self.emit(event)

    def snapshot(self) -> Outcome | None:
        """The outcome of a sequential pass over the current journal, past any deadline; None if its worker was lost."""
        try:
            return self.look(False, None, None)
        except LimitExceeded:
            return None

    def expired(self) -> bool:
        return self.cancelled or (self.deadline is not None and time.monotonic() > self.deadline)

    def lineage(self) -> Lineage:
        return Lineage(
            self.program,
            self.journal,
            signatures=self.signatures,
            limits=self.options.limits,
            overrides=dict(self.overrides),
            now=self.options.now,
            inputs=self.options.inputs,
            interpreter=self.options.interpreter,
        )

    def known(self) -> tuple[Call, ...]:
        """The calls that the last pass met, with the results that have come back since."""
        found = []
        for call in self.last:
            entry = call.entry or self.journal.find(call.node, call.tool, call.arguments)
            found.append(call if call.entry is entry else call._replace(entry=entry))
        return tuple(found)

    # ------------------------------------------------------------------- events

    def header(self) -> RunStarted:
        options = self.options
        return RunStarted(
            source=self.program.source,
            inputs=dict(options.inputs),
            started=options.now.isoformat(),
            signatures=signatures_to_json(self.signatures),
            limits=asdict(options.limits),
            overrides=overrides_to_json(options.overrides if options.declared is None else options.declared),
            about=dict(options.about),
        )

    def emit(self, event: Event) -> None:
        for hook in self.options.hooks:
            hook.on_event(lifted(event, self.within, self.alias) if self.within else event)

    def begin(self) -> None:
        if self.options.file is not None or self.options.hooks:
            header = self.header()
            if self.options.file is not None:
                recorded: list[Event] = []
                for entry in self.journal:
                    recorded.append(self.finished_event(entry, "", True))
                    if self.watchers:
                        recorded.append(CallSettled(node=entry.node))
                recorded += [self.finished_event(entry, "", True) for entry in self.journal.returned]
                nested = () if self.within else [each for block in self.book.blocks.values() for each in block]
                self.options.file.begin([header, *recorded, *self.decisions, *nested])
            self.emit(header)

    def recall(self) -> None:
        """Restore the re-runs of hooks, and those that were undone, from the recorded decisions."""
        for event in self.options.decisions:
            if isinstance(event, NodeRerun):
                self.reruns.append(event)
            elif isinstance(event, HookDecided) and event.decision == "undo" and event.seen is not None:
                taken = next(
                    (each for each in self.reruns if each.node == event.node and each.overrides == event.detail), None
                )
                if taken is not None:
                    self.reruns.remove(taken)
                self.undone.put(event.node, {**event.seen, **event.detail}, True)

    @staticmethod
    def finished_event(entry: Entry, alias: str, cached: bool) -> CallFinished:
        return CallFinished(
            node=entry.node,
            alias=alias,
            tool=entry.tool,
            arguments=dict(entry.arguments),
            result=entry.result,
            elapsed=entry.elapsed,
            times=times_of(entry, cached),
            cached=cached,
            usage=dict(entry.usage),
        )

    def started(self, call: Call) -> None:
        if self.options.hooks:
            self.emit(
                CallStarted(
                    node=call.node,
                    alias=call.alias,
                    tool=call.tool,
                    arguments=dict(call.arguments),
                    span=call.span,
                )
            )

    # -------------------------------------------------------------------- calls

    def contradicted(self, calls: Iterable[Call]) -> bool:
        """Whether a node was called with other arguments in this epoch, so that the two readings disagree."""
        for call in calls:
            arguments, epoch = self.launched.get(call.node, (call.arguments, self.epoch))
            if epoch == self.epoch and not same_arguments(arguments, call.arguments):
                return True
        return False

    def distrust(self) -> None:
        """Make no more concurrent passes, because the two readings disagree."""
        self.trusting = False
        self.made = sum(
            call.entry is not None and id(call.entry) in self.fresh for call in self.look(False, None, None).calls
        )

    def launch(self, call: Call) -> None:
        """Record that a call is made."""
        self.launched[call.node] = (call.arguments, self.epoch)
        self.made += 1

    def reuse(self, call: Call) -> Entry | None:
        """An entry for this call from the result of an equal call of another run, or None."""
        often = self.tools[call.tool].idempotent
        entry = self.journal.adopt(call.node, call.tool, call.arguments, often=often)
        if entry is not None:
            self.launched[call.node] = (call.arguments, self.epoch)
            self.tell(entry, call.alias, True)
        return entry

    def named(self, call: Call | Entry) -> dict[str, Any]:
        """The fields that name a call in a log record."""
        return {"pyrag_node": self.whole(call.node), "pyrag_tool": call.tool}

    def tell(self, entry: Entry, alias: str, cached: bool) -> None:
        """Write the event of a call that has returned to the log, the file and the hooks."""
        if logger.isEnabledFor(logging.DEBUG):
            costs = {name: entry.usage.get(name) for name in COUNTED}
            fields = {"elapsed": entry.elapsed, "cached": cached, **costs}
            told = {f"pyrag_{name}": value for name, value in fields.items()}
            logger.debug("%s came back", alias or entry.node, extra={**self.named(entry), **told})
        if self.options.file is not None or self.options.hooks:
            event = self.finished_event(entry, alias, cached)
            if self.options.file is not None:
                self.options.file.write(event)
            self.emit(event)

    def whole(self, node: str) -> str:
        """A node of this run under the name that the outermost run gives it."""
        return f"{self.within}/{node}" if self.within else node

    def handed(self, call: Call) -> Callable[[Mapping[str, Any]], Any]:
        """The function through which the tool of a call is called, with its `RunContext` if it takes one."""
        tool = self.tools[call.tool]
        return tool.call if tool.context is None else partial(tool.call, context=self.context(call))

    @property
    def in_turn(self) -> asyncio.Lock:
        """The lock that the current nested run holds."""
        if self._in_turn is None:
            self._in_turn = asyncio.Lock()
        return self._in_turn

    def context(self, call: Call) -> RunContext:
        """The `RunContext` for the tool of this call."""
        node, left = self.whole(call.node), self.left(call)

        async def arun(program: Any, tools: Any = None, **options: Any) -> Result:
            assert self.nest is not None
            found: Result = await self.nest(self, call, program, tools, options)
            return found

        async def asking(function: Callable[[Any], Any], tools: Any = None) -> Any:
            assert self.nest is not None
            return await self.nest(self, call, NOTHING, tools, {}, function)

        return RunContext(node, self.options.inputs, left, arun, asking)

    def left(self, call: Call) -> Left:
        """The budgets that are left when the plan reaches this call."""
        spent = Spending(calls=1)
        for before in self.known():
            if before.node == call.node:
                break
            spent.add({} if before.entry is None else before.entry.usage)
            within = self.book.spent_within(self.whole(before.node))
            spent.add({"tokens": within.tokens, "cost": within.cost}, within.calls)
        return self.allowance.less(spent)

    def receive(
        self, call: Call, result: Any, elapsed: float, times: Times | None = None, asked_by: Call | None = None
    ) -> Entry:
        """Copy a tool's result over the border into an entry for the journal.

        Args:
            call: the call.
            result: the return value of the tool.
            elapsed: the time that the tool took, in seconds.
            times: the times of the call; None if no tool has given the result.
            asked_by: another call that shares this result and carries its usage; None if this call does.

        Raises:
            Failure: the result cannot cross the border, or has the wrong type.
        """
        tool = self.tools[call.tool]
        returns, conversion = tool.signature.returns, tool.result
        usage: Mapping[str, Any] = _NO_USAGE
        if type(result) is Reported:
            result, usage = result.value, result.usage
            if not sound_usage(usage):
                message = f"the tool `{call.tool}` reported a usage that is not names with numbers, texts or lists"
                raise RefusedResult(call, message, _NO_USAGE)
            usage = {name: list(value) if type(value) is tuple else value for name, value in usage.items()}
        try:
            admitted = admit(result if conversion is None else conversion.dump(result), self.options.limits)
        except Misfit as misfit:
            message = f"the tool `{call.tool}` must return {misfit.wanted}, not {kind_name(type(result))}"
            raise RefusedResult(call, message, usage) from None
        except Unfit as unfit:
            if inspect.iscoroutine(result):
                result.close()  # nobody will await it
            message = f"the tool `{call.tool}` returned something that cannot enter the plan: {unfit}"
            raise RefusedResult(call, message, usage) from None
        if type(admitted) is not str if returns == "str" else not fits_result(returns, admitted):
            wanted = {"list[str]": "a list of texts", "str": "text"}.get(returns, returns)
            message = f"the tool `{call.tool}` must return {wanted}, not {kind_name(type(result))}"
            raise RefusedResult(call, message, usage)
        entry: Entry = new(Entry, (call.node, call.tool, call.arguments, admitted, elapsed, usage, times))
        if usage:
            if asked_by is not None and not COUNTED.isdisjoint(usage):
                entry = reused(entry._replace(node=asked_by.node), call.node)._replace(times=times)
            self.book.spent.add(entry.usage, 0)
        self.fresh[id(entry)] = entry
        if self.telling:
            self.tell(entry, call.alias, False)
        return entry

    def missed(self, call: Call, error: BaseException, times: Times | None, *, final: bool) -> None:
        """Record an attempt of a call that has failed, with its cost."""
        if not final:
            logger.info("%s is asked again", call.alias, extra=self.named(call))
        raised = error.error if isinstance(error, Escaped) else error
        given = getattr(raised, "usage", None)
        usage = dict(given) if given and sound_usage(given) else {}
        self.book.spent.add(usage, 0)
        self.decide(
            CallFailed(
                node=call.node,
                tool=call.tool,
                arguments=dict(call.arguments),
                usage=usage,
                error=kind_name(type(raised)),
                times=None if times is None else list(times),
                final=final,
            )
        )
        self.write_decisions()

    def failed(self, call: Call, error: BaseException, times: Times | None = None) -> Diagnostic:
        """The diagnostic of a call whose tool raised an exception. It does not quote the message of the exception.

        Only the host sees the exception itself: in its log, and as the cause of the error of the run.
        """
        if isinstance(error, Failure):
            if isinstance(error, RefusedResult) and times is not None:
                self.missed(call, error, times, final=True)
            return error.diagnostic
        if isinstance(error, Misfit):
            kind = article(type_name(call.arguments[error.name]))
            message = f"`{error.name}` of `{call.tool}` must be {error.wanted}, not {kind}"
            return Diagnostic("PLAN501", message, call.span, notes=error.found, nodes=(call.node,))
        raised = error.error if isinstance(error, Escaped) else error
        logger.warning("the tool %s failed", call.alias or call.tool, exc_info=raised, extra=self.named(call))
        self.missed(call, error, times, final=True)
        diagnostic = self._told(call, error)
        if isinstance(raised, PlanError) and raised.__cause__ is not None:
            raised = raised.__cause__
        self.causes[id(diagnostic)] = diagnostic, raised
        return diagnostic

    def _told(self, call: Call, error: BaseException) -> Diagnostic:
        if isinstance(error, PlanError) and error.diagnostics:
            first = error.diagnostics[0]
            nodes = (call.node, *(f"{call.node}/{node}" for node in first.nodes))
            where = () if first.span is None else (f"in line {first.span.line} of the plan that it ran",)
            return replace(first, span=call.span, fixes=(), related=(), notes=(*first.notes, *where), nodes=nodes)
        if isinstance(error, (asyncio.TimeoutError, TimeoutError)) and self.options.call_timeout is not None:
            message = f"the tool `{call.tool}` did not answer within {self.options.call_timeout:g} s"
            return Diagnostic("PLAN503", message, call.span, nodes=(call.node,))
        name = error.name if isinstance(error, Escaped) else kind_name(type(error))
        message = f"the tool `{call.tool}` raised {name}"
        notes = tuple(_public_notes(error))
        return Diagnostic("PLAN500", message, call.span, notes=notes, nodes=(call.node,))

    async def before(self, call: Call) -> tuple[Call, Answer | None]:
        """Ask the hooks about a call. Raises `Failure` on a veto."""
        for hook in self.options.hooks:
            decided = await decision(hook, "before_call", (Change, Veto, Answer), call)
            name = type(hook).__name__
            if isinstance(decided, Veto):
                self.decide(HookDecided(hook=name, node=call.node, decision="veto", detail={"reason": decided.reason}))
                message = f"`{call.tool}` was refused: {decided.reason}"
                raise Failure(Diagnostic("PLAN505", message, call.span, nodes=(call.node,)))
            if isinstance(decided, Answer):
                self.decide(HookDecided(hook=name, node=call.node, decision="answer"))
                return call, decided
            if isinstance(decided, Change):
                changes = fitting(call.node, decided.arguments, self.signatures, self.options.limits)
                self.decide(
                    HookDecided(hook=name, node=call.node, decision="change", detail=changes, seen=dict(call.arguments))
                )
                self.change(call, changes)
                call = call._replace(arguments={**call.arguments, **changes})
        self.write_decisions()
        return call, None

    def change(self, call: Call, changes: Mapping[str, Any]) -> None:
        """Add an override for this node, which applies to calls with the current arguments."""
        self.overrides[call.node] = (*self.overrides.get(call.node, ()), Override(changes, dict(call.arguments)))

    async def after(self, call: Call, entry: Entry, settled: bool) -> Entry | None:
        """Ask the hooks about a result. Returns the entry for the journal, or None if a hook waits."""
        lineage = self.lineage()
        for hook in self.watchers:
            finished = Finished(call, entry.result, settled, lineage, self.known)
            decided = await decision(hook, "after_call", (Answer, Rerun, Wait), finished)
            name = type(hook).__name__
            if isinstance(decided, Wait):
                if not settled:
                    return None
            elif isinstance(decided, Answer):
                self.decide(HookDecided(hook=name, node=call.node, decision="replace"))
                entry = self.receive(call, decided.result, entry.elapsed)
                self.epoch += 1
            elif isinstance(decided, Rerun):
                self.rerun(name, call, decided)
        return entry

    def rerun(self, hook: str, call: Call, decided: Rerun) -> None:
        """Make calls again with other arguments, except for changes that were undone before."""
        calls = {each.node: each for each in self.known()}
        wanted: list[tuple[Call, dict[str, Any]]] = []
        for node, given in decided.overrides.items():
            changes = fitting(node, given, self.signatures, self.options.limits)
            if node not in calls:
                raise ValueError(f"a hook wants to re-run {node!r}, which is not among the calls of the run")
            target = calls[node]
            if self.undone.get(node, {**target.arguments, **changes}) is None:
                wanted.append((target, changes))
        if not wanted:
            return
        detail = {"reason": decided.reason, "overrides": {target.node: changes for target, changes in wanted}}
        self.decide(HookDecided(hook=hook, node=call.node, decision="rerun", detail=detail))
        self.epoch += 1
        for target, changes in wanted:
            self.change(target, changes)
            event = NodeRerun(node=target.node, alias=target.alias, overrides=changes, seen=dict(target.arguments))
            self.reruns.append(event)
            self.decide(event)

    def undo(self, failed: Call) -> bool:
        """Undo the last re-run that a failed call belongs to or depends on. Returns whether there was one."""
        lineage = self.lineage()
        for event in reversed(self.reruns):
            if failed.node != event.node and failed.node not in lineage.dependents(event.node):
                continue
            assert event.seen is not None
            self.reruns.remove(event)
            rules = list(self.overrides[event.node])
            rules.remove(Override(event.overrides, event.seen))
            self.overrides[event.node] = tuple(rules)
            self.undone.put(event.node, {**event.seen, **event.overrides}, True)
            self.epoch += 1
            self.decide(
                HookDecided(hook="", node=event.node, decision="undo", detail=dict(event.overrides), seen=event.seen)
            )
            self.write_decisions()
            return True
        return False

    def decide(self, event: Event) -> None:
        self.decisions.append(event)
        self.unwritten.append(event)
        self.emit(event)

    def settled(self, call: Call) -> None:
        """Write the decisions of hooks about a result, and that all have been asked, in one step."""
        if self.watchers:
            self.unwritten.append(CallSettled(node=call.node))
            self.write_decisions()

    def write_decisions(self) -> None:
        """Write the decisions of hooks to the file."""
        if self.options.file is not None and self.unwritten:
            self.options.file.write(*self.unwritten)
        self.unwritten.clear()

    @property
    def room(self) -> int:
        """How many more calls may be made. A nested run may make as many as the outermost run has left."""
        return self.options.limits.tool_calls - self.made

    def overdrawn(self) -> LimitHit | None:
        """The exceeded limit that forbids further calls, or None."""
        limits = self.options.limits
        if self.made >= limits.tool_calls:
            return LimitHit("PLAN408", f"the plan made more than {limits.tool_calls} tool calls")
        spent = self.book.spent
        if limits.tokens is not None and spent.tokens >= limits.tokens:
            message = f"the tools have used {spent.tokens:,} tokens; the budget is {limits.tokens:,}"
        elif limits.cost is not None and spent.cost >= limits.cost:
            message = f"the tools have cost {spent.cost:g}; the budget is {limits.cost:g}"
        else:
            return None
        return LimitHit("PLAN413", message)

    # ------------------------------------------------------------------ endings

    def trace(self, outcome: Outcome | None, status: str, diagnostics: Iterable[Diagnostic]) -> Trace:
        return build_trace(self, outcome, status, tuple(diagnostics), time.monotonic() - self.began)

    def finish(self, outcome: Outcome) -> Result:
        """Make the result of a run from its last pass, or raise its error."""
        if outcome.status == "done":
            trace = self.trace(outcome, "done", outcome.diagnostics)
            self.close(trace)
            elapsed = time.monotonic() - self.began
            return Result(
                self.program,
                outcome,
                trace,
                self.lineage(),
                self.passes,
                elapsed,
                self.options.limits,
            )
        kind = LimitExceeded if outcome.status == "limit" else PlanFailed
        raise self.error(kind, outcome.diagnostics, outcome, outcome.status)

    def error(
        self, kind: type[PlanError], diagnostics: tuple[Diagnostic, ...], outcome: Outcome | None, status: str
    ) -> PlanError:
        trace = self.trace(outcome, status, diagnostics)
        self.close(trace)
        error = kind(diagnostics, trace)
        _, error.__cause__ = self.causes.get(id(diagnostics[0]), (None, None))
        return error

    def call_failed(self, diagnostic: Diagnostic, outcome: Outcome) -> PlanError:
        """The error of a run in which a call has failed: the tool's, or the plan's if the arguments do not fit."""
        if diagnostic.code == "PLAN501" or diagnostic.code.startswith("PLAN3"):  # PLAN3xx comes from a nested run
            return self.error(PlanFailed, (diagnostic,), outcome, "failed")
        if diagnostic.code in ("PLAN402", "PLAN408", "PLAN413"):  # a nested run has exceeded the shared budgets
            return self.error(LimitExceeded, (diagnostic,), outcome, "limit")
        return self.error(ToolFailed, (diagnostic,), outcome, "tool")

    def close(self, trace: Trace) -> None:
        if self.options.file is not None:
            self.options.file.finish(trace)
        if logger.isEnabledFor(logging.INFO) and (ended := trace.finished) is not None:
            fields = {"status": ended.status, "calls": ended.calls, "elapsed": ended.elapsed, "within": self.within}
            spent = {"tokens": self.book.spent.tokens, "cost": self.book.spent.cost}
            told = {f"pyrag_{name}": value for name, value in {**fields, **spent}.items()}
            logger.info("the run ended: %s, %d calls, %.3f s", ended.status, ended.calls, ended.elapsed, extra=told)
        for event in trace.events if self.options.hooks else ():
            if isinstance(event, (Printed, DiagnosticFound, RunFinished)) and not event.within:
                self.emit(event)

    def not_recorded(self, outcome: Outcome) -> PlanError:
        """The error of a replay that has met a call which its trace does not hold."""
        call = outcome.wanted[0]
        arguments, failure = self.recorded_failures.get(call.node, ({}, None))
        if failure is not None and arguments == call.arguments:
            return self.call_failed(failure, outcome)
        recorded = self.journal.at(call.node)
        notes = []
        if recorded is None:
            notes.append(f"the trace holds {len(self.journal)} calls, none of them at this place")
        else:
            for name in sorted(set(call.arguments) | set(recorded.arguments)):
                now, then = call.arguments.get(name), recorded.arguments.get(name)
                if now != then:
                    notes.append(f"`{name}` is now {_short(now)}, and was {_short(then)}")
        message = f"the call {call.alias} is not in the trace"
        diagnostic = Diagnostic("PLAN504", message, call.span, notes=tuple(notes), nodes=(call.node,))
        return self.error(ToolFailed, (diagnostic,), outcome, "tool")

    def out_of_time(self, outcome: Outcome | None) -> PlanError:
        seconds = self.options.limits.deadline
        diagnostic = Diagnostic("PLAN402", f"the run took longer than {seconds:g} s")
        return self.error(LimitExceeded, (diagnostic,), outcome, "limit")


async def decision(hook: Hook, method: str, kinds: tuple[type, ...], *told: Any) -> Any:
    """Ask a hook. Raises `TypeError` if it returns no decision, because the value may be meant as a veto."""
    decided = getattr(hook, method)(*told)
    if inspect.isawaitable(decided):
        decided = await decided
    if decided is not None and not isinstance(decided, kinds):
        names = ", ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{type(hook).__name__}.{method} must return one of {names} or None, not {decided!r:.80}")
    return decided


def fitting(
    node: str, changes: Mapping[str, Any], signatures: Mapping[str, Signature], limits: Limits
) -> dict[str, Any]:
    """Check changed arguments of a call against the types of its tool. Raises `ValueError`."""
    tool = node.partition("@")[0]
    if tool not in signatures:
        raise ValueError(f"{node!r} is not a call of a tool: name it like `retrieve@7:14`")
    params = {param.name: param for param in signatures[tool].params}
    fit = {}
    for name, value in changes.items():
        if name not in params:
            raise ValueError(f"{tool} has no argument {name!r}; it has: {', '.join(params)}")
        try:
            fit[name] = check_argument(tool, params[name], value, limits)
        except PlanFault as fault:
            raise ValueError(fault.message) from None
    return fit


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."


def sound_usage(usage: Any) -> bool:
    """Whether a reported usage holds only finite numbers, texts and lists of them, so that a trace can hold it."""
    if not isinstance(usage, Mapping):
        return False
    for name, value in usage.items():
        if type(name) is not str:
            return False
        if name in COUNTED:
            if not (value is None or _is_number(value)):
                return False
        elif not all(map(_is_noted, value if type(value) in (list, tuple) else [value])):
            return False
    return True


def _is_number(value: Any) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


def _is_noted(value: Any) -> bool:
    return value is None or type(value) is str or _is_number(value)


def _public_notes(error: BaseException) -> Iterable[str]:
    """The text that an exception offers for the plan, in an attribute `public_message`."""
    try:
        message = getattr(error, "public_message", None)
    except Exception:
        return  # the attribute itself raises
    if type(message) is str:
        yield message if len(message) <= 500 else message[:497] + "..."


# ---------------------------------------------------------------------- in line


def run_inline(run: Run) -> Result:
    """Carry out a run with plain tools in one pass in this thread, one call after the other, without an event loop."""

    tools, clock, attempts = run.tools, time.monotonic, run.options.retries + 1

    replay = run.options.replay
    lends = run.journal.lends  # this stays as it is, because no plain tool makes nested runs

    def supply(call: Call) -> Entry | None:
        if lends and (entry := run.reuse(call)) is not None:
            run.journal.record(entry)
            return entry
        if replay:
            return None
        if overdrawn := run.overdrawn():
            raise overdrawn
        run.made += 1
        tool = tools[call.tool]
        for attempt in range(attempts):
            began = clock()
            try:
                run.computing = False
                result = tool.call(call.arguments)
                if inspect.iscoroutine(result):
                    result = awaited(result)
                run.computing = True
                ended = clock()
                wanted = began - run.began
                times: Times = new(Times, (wanted, wanted, ended - run.began))
                entry = run.receive(call, result, ended - began, times)
                run.journal.record(entry)
                return entry
            except BaseException as error:
                run.computing = True
                if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
                    raise
                now = clock()
                times = Times(began - run.began, began - run.began, now - run.began)
                if attempt + 1 < attempts and tool.idempotent and not isinstance(error, Failure):
                    run.missed(call, error, times, final=False)
                    continue
                run.failures.put(call.node, call.arguments, run.failed(call, error, times))
                break
        return None

    run.book.since(run.began)
    run.begin()
    outcome = run.interpret(supply=supply)
    if outcome.status != "waiting":
        return run.finish(outcome)
    if run.options.replay:
        raise run.not_recorded(outcome)
    diagnostic = run.failures.get(outcome.wanted[0].node, outcome.wanted[0].arguments)
    assert diagnostic is not None
    raise run.call_failed(diagnostic, outcome)


def awaited(coroutine: Any) -> Any:
    """The result of a coroutine that a plain function returned."""
    return wait_for_coroutine(lambda: coroutine)


def in_time(run: Run, job: Callable[[], Any], waiting: Callable[..., Any]) -> Any:
    """The result of a job for this run, or the error of the deadline if a tool blocks the job past it.

    A pass notices the deadline itself, and its error tells the place. On a busy machine it gets more time for that.
    """
    left = None if run.deadline is None else max(0.0, run.deadline + _AFTER - time.monotonic())

    def ending() -> bool:
        return run.computing and run.deadline is not None and time.monotonic() < run.deadline + _BUSY

    try:
        return waiting(job, left, ending)
    except Hanging:
        run.cancelled = True
        raise run.out_of_time(None) from None
    except KeyboardInterrupt:
        run.cancelled = True
        raise


_AFTER = 0.15  # seconds after the deadline in which a run may end by itself
_BUSY = 3.0  # the same if a pass is running, because the machine may be busy
