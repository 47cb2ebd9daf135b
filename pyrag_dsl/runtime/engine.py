"""The engine: performs the calls that a plan wants, and interprets again, until nothing is wanted.

A plan holds no thread, frame or generator while its tools are at work. A concurrent pass finds all calls whose
arguments are known; they are in flight together. What counts in the end is a sequential pass over the full
journal, so that value, trace and errors are those of running one call after the other.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from ..grammar.diagnostics import Diagnostic, LimitExceeded, PlanError, PlanFailed, ToolFailed
from ..grammar.language import Signature
from ..grammar.program import Program
from ..interpreter.border import Unfit, admit, check_argument, fits_result
from ..interpreter.interpret import Outcome, interpret
from ..interpreter.journal import Call, Entry, Journal
from ..interpreter.limits import LimitHit, Limits, PlanFault
from .events import CallFinished, CallStarted, Event, HookDecided, NodeRerun, RunStarted
from .hooks import Answer, Change, Finished, Hook, Rerun, Veto
from .lineage import Lineage
from .record import build_trace
from .result import Result
from .threads import Hanging, wait_for_coroutine
from .tools import Reported, Tool
from .trace import Trace, TraceFile, signatures_to_json

MODES = ("concurrent", "sequential")


@dataclass(frozen=True, slots=True)
class Options:
    """How to run. The defaults suit a service; each field is documented at `pyrag_dsl.run`."""

    question: str = ""
    limits: Limits = field(default_factory=Limits)
    mode: str = "concurrent"
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    hooks: tuple[Hook, ...] = ()
    max_concurrency: int = 32
    call_timeout: float | None = None
    retries: int = 0
    replay: bool = False
    speculate: bool = True
    now: datetime = field(default_factory=datetime.now)
    file: TraceFile | None = None
    interpreter: Callable[..., Outcome] = interpret


class Failure(Exception):
    """A call that failed for good. Never shown: its diagnostic is."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        self.diagnostic = diagnostic


class Escaped(Exception):
    """What a tool raised that is no ordinary exception: it must end the call, not the host."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(type(error).__name__)
        self.name = type(error).__name__


class Run:
    """One run of one program."""

    def __init__(self, program: Program, tools: Mapping[str, Tool], journal: Journal, options: Options) -> None:
        self.program = program
        self.tools = tools
        self.signatures = {name: tool.signature for name, tool in tools.items()}
        self.options = options
        self.journal = journal
        self.overrides: dict[str, dict[str, Any]] = {node: dict(o) for node, o in options.overrides.items()}
        self.fresh: set[str] = set()
        self.decisions: list[Event] = []
        self.failures: dict[str, Diagnostic] = {}
        # What a replay fails with: the arguments and the diagnostic of the calls that failed on record.
        self.recorded_failures: Mapping[str, tuple[Mapping[str, Any], Diagnostic]] = {}
        # Only hooks that look at results make it worth knowing what depends on what as the run goes on.
        self.watchers = [hook for hook in options.hooks if type(hook).after_call is not Hook.after_call]
        self.passes = 0
        self.tokens = 0
        self.cost = 0.0
        self.began = time.monotonic()
        self.deadline = None if options.limits.deadline is None else self.began + options.limits.deadline
        self.cancelled = False

    # ------------------------------------------------------------------ passes

    def interpret(self, *, concurrent: bool = False, supply: Any = None) -> Outcome:
        """One pass. Raises `LimitExceeded` if it was isolated and its worker was lost."""
        try:
            return self.look(concurrent, supply)
        except LimitExceeded as lost:
            raise self.error(LimitExceeded, lost.diagnostics, None, "limit") from None

    def look(self, concurrent: bool = False, supply: Any = None) -> Outcome:
        self.passes += 1
        return self.options.interpreter(
            self.program,
            self.journal,
            signatures=self.signatures,
            limits=self.options.limits,
            overrides=self.overrides,
            supply=supply,
            interrupt=self.expired,
            now=self.options.now,
            concurrent=concurrent,
            cautious=concurrent and not self.options.speculate,
        )

    def snapshot(self) -> Outcome | None:
        """What a sequential pass makes of the journal now, whatever the time is; None if its worker was lost."""
        self.deadline, self.cancelled = None, False
        try:
            return self.look()
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
            overrides=self.overrides,
            now=self.options.now,
            interpreter=self.options.interpreter,
        )

    # ------------------------------------------------------------------- events

    def header(self) -> RunStarted:
        options = self.options
        return RunStarted(
            source=self.program.source,
            question=options.question,
            started=options.now.isoformat(),
            signatures=signatures_to_json(self.signatures),
            limits=asdict(options.limits),
            overrides=self.overrides,
        )

    def emit(self, event: Event) -> None:
        for hook in self.options.hooks:
            hook.on_event(event)

    def begin(self) -> None:
        if self.options.file is not None or self.options.hooks:
            header = self.header()
            if self.options.file is not None:
                recorded = [self.finished_event(entry, "", True) for entry in self.journal]
                self.options.file.begin([header, *recorded])
            self.emit(header)

    @staticmethod
    def finished_event(entry: Entry, alias: str, cached: bool) -> CallFinished:
        return CallFinished(
            node=entry.node,
            alias=alias,
            tool=entry.tool,
            arguments=dict(entry.arguments),
            result=entry.result,
            elapsed=entry.elapsed,
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

    def record(self, call: Call, result: Any, elapsed: float) -> Entry:
        """Take a tool's result over the border and into the journal. Raises `Failure`."""
        signature = self.signatures[call.tool]
        usage: Mapping[str, Any] = {}
        if type(result) is Reported:
            result, usage = result.value, result.usage
            if not sound_usage(usage):
                message = f"the tool `{call.tool}` reported a usage that is not names with numbers, texts or lists"
                raise Failure(Diagnostic("PLAN502", message, call.span, nodes=(call.node,)))
            usage = {name: list(value) if type(value) is tuple else value for name, value in usage.items()}
        try:
            admitted = admit(result, self.options.limits)
        except Unfit as unfit:
            message = f"the tool `{call.tool}` returned something that cannot enter the plan: {unfit}"
            raise Failure(Diagnostic("PLAN502", message, call.span, nodes=(call.node,))) from None
        if type(admitted) is not str if signature.returns == "str" else not fits_result(signature.returns, admitted):
            wanted = {"list[str]": "a list of texts", "str": "text"}.get(signature.returns, signature.returns)
            message = f"the tool `{call.tool}` must return {wanted}, not {type(result).__name__}"
            raise Failure(Diagnostic("PLAN502", message, call.span, nodes=(call.node,)))
        entry = Entry(call.node, call.tool, call.arguments, admitted, elapsed, usage)
        self.journal.record(entry)
        self.fresh.add(call.node)
        if usage:
            self.tokens += usage.get("tokens") or 0
            self.cost += usage.get("cost") or 0.0
        if self.options.file is not None or self.options.hooks:
            event = self.finished_event(entry, call.alias, False)
            if self.options.file is not None:
                self.options.file.write(event)
            self.emit(event)
        return entry

    def failed(self, call: Call, error: BaseException) -> Diagnostic:
        """The diagnostic of a call that raised: neither its message nor anything it may quote."""
        if isinstance(error, Failure):
            return error.diagnostic
        if isinstance(error, PlanError) and error.diagnostics:
            return error.diagnostics[0]
        if isinstance(error, (asyncio.TimeoutError, TimeoutError)) and self.options.call_timeout is not None:
            message = f"the tool `{call.tool}` did not answer within {self.options.call_timeout:g} s"
            return Diagnostic("PLAN503", message, call.span, nodes=(call.node,))
        name = error.name if isinstance(error, Escaped) else type(error).__name__
        message = f"the tool `{call.tool}` raised {name}"
        notes = tuple(_public_notes(error))
        return Diagnostic("PLAN500", message, call.span, notes=notes, nodes=(call.node,))

    def before(self, call: Call) -> tuple[Call, Answer | None]:
        """Ask the hooks about a call. Raises `Failure` on a veto."""
        for hook in self.options.hooks:
            decided = hook.before_call(call)
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
                self.decide(HookDecided(hook=name, node=call.node, decision="change", detail=changes))
                self.overrides[call.node] = {**self.overrides.get(call.node, {}), **changes}
                arguments = {**call.arguments, **changes}
                call = call._replace(arguments=arguments)
        return call, None

    def after(self, call: Call, entry: Entry, calls: tuple[Call, ...]) -> None:
        """Ask the hooks about a result; they may replace it or change what was asked before."""
        lineage = self.lineage()
        for hook in self.watchers:
            finished = Finished(call, entry.result, lineage, calls)
            decided = hook.after_call(finished)
            name = type(hook).__name__
            if isinstance(decided, Answer):
                self.decide(HookDecided(hook=name, node=call.node, decision="replace"))
                entry = self.record(call, decided.result, entry.elapsed)
            elif isinstance(decided, Rerun) and decided.overrides:
                limits = self.options.limits
                overrides = {n: fitting(n, o, self.signatures, limits) for n, o in decided.overrides.items()}
                detail = {"reason": decided.reason, "overrides": overrides}
                self.decide(HookDecided(hook=name, node=call.node, decision="rerun", detail=detail))
                for node, changes in overrides.items():
                    self.overrides[node] = {**self.overrides.get(node, {}), **changes}
                    alias = next((each.alias for each in calls if each.node == node), node)
                    self.decide(NodeRerun(node=node, alias=alias, overrides=dict(changes)))

    def decide(self, event: Event) -> None:
        self.decisions.append(event)
        if self.options.file is not None:
            self.options.file.write(event)
        self.emit(event)

    def overdrawn(self) -> str:
        """Why no further call may be paid for; "" while one may."""
        limits = self.options.limits
        if limits.tokens is not None and self.tokens >= limits.tokens:
            return f"the tools have used {self.tokens:,} tokens; the budget is {limits.tokens:,}"
        if limits.cost is not None and self.cost >= limits.cost:
            return f"the tools have cost {self.cost:g}; the budget is {limits.cost:g}"
        return ""

    # ------------------------------------------------------------------ endings

    def trace(self, outcome: Outcome | None, status: str, diagnostics: Iterable[Diagnostic]) -> Trace:
        return build_trace(self, outcome, status, tuple(diagnostics), time.monotonic() - self.began)

    def finish(self, outcome: Outcome) -> Result:
        """The result of a sequential pass that ended, or its error."""
        if outcome.status == "done":
            trace = self.trace(outcome, "done", outcome.diagnostics)
            self.close(trace)
            elapsed = time.monotonic() - self.began
            return Result(
                self.program,
                outcome,
                trace,
                self.lineage(),
                frozenset(self.fresh),
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
        return kind(diagnostics, trace)

    def close(self, trace: Trace) -> None:
        if self.options.file is not None:
            self.options.file.finish(trace)
        if self.options.hooks:
            self.emit(trace.events[-1])

    def not_recorded(self, outcome: Outcome) -> PlanError:
        """A strict replay has met a call that its trace does not hold."""
        call = outcome.wanted[0]
        arguments, failure = self.recorded_failures.get(call.node, ({}, None))
        if failure is not None and arguments == call.arguments:
            return self.error(ToolFailed, (failure,), outcome, "tool")
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


def fitting(
    node: str, changes: Mapping[str, Any], signatures: Mapping[str, Signature], limits: Limits
) -> dict[str, Any]:
    """Changed arguments of a call, held to the types of its tool. Raises `ValueError`: they are the host's."""
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
    """Whether what a tool reports can be added up and written down: numbers, texts, and lists of them."""
    if not isinstance(usage, Mapping):
        return False
    for name, value in usage.items():
        if type(name) is not str:
            return False
        if name in _COUNTED:
            if not (value is None or _is_number(value)):
                return False
        elif not all(map(_is_noted, value if type(value) in (list, tuple) else [value])):
            return False
    return True


def _is_number(value: Any) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


def _is_noted(value: Any) -> bool:
    return value is None or type(value) is str or _is_number(value)


_COUNTED = frozenset({"tokens", "cost"})


def _public_notes(error: BaseException) -> Iterable[str]:
    """What an exception says of itself on purpose: an attribute `public_message` that is one line of text."""
    try:
        message = getattr(error, "public_message", None)
    except Exception:
        return  # it cannot even say that
    if type(message) is str:
        yield message if len(message) <= 500 else message[:497] + "..."


# ---------------------------------------------------------------------- in line


def run_inline(run: Run) -> Result:
    """One call after the other in this thread: plain tools, one pass, no event loop."""

    tools, clock, attempts = run.tools, time.monotonic, run.options.retries + 1

    def supply(call: Call) -> Entry | None:
        if reason := run.overdrawn():
            raise LimitHit("PLAN413", reason)
        tool = tools[call.tool]
        for attempt in range(attempts):
            began = clock()
            try:
                result = tool.call(call.arguments)
                if inspect.iscoroutine(result):
                    result = awaited(result)
                return run.record(call, result, clock() - began)
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
                    raise
                if attempt + 1 < attempts and tool.idempotent and not isinstance(error, Failure):
                    continue
                run.failures[call.node] = run.failed(call, error)
                break
        return None

    run.begin()
    outcome = run.interpret(supply=None if run.options.replay else supply)
    if outcome.status != "waiting":
        return run.finish(outcome)
    if run.options.replay:
        raise run.not_recorded(outcome)
    diagnostic = run.failures[outcome.wanted[0].node]
    raise run.error(ToolFailed, (diagnostic,), outcome, "tool")


def awaited(coroutine: Any) -> Any:
    """The result of a coroutine that a plain function returned."""
    return wait_for_coroutine(lambda: coroutine)


def in_time(run: Run, job: Callable[[], Any], waiting: Callable[..., Any]) -> Any:
    """What a job for this run returns, unless a tool holds it for long after the deadline."""
    left = None if run.deadline is None else max(0.0, run.deadline - time.monotonic()) + _AFTER
    try:
        return waiting(job, left)
    except Hanging:
        run.cancelled = True
        raise run.out_of_time(None) from None
    except KeyboardInterrupt:
        run.cancelled = True
        raise


_AFTER = 0.15  # seconds after the deadline that a run has to end by itself
