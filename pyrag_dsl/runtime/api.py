"""`run` and `arun`: the two ways into the engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from ..grammar.diagnostics import Diagnostic
from ..grammar.nodes import ToolCall, walk
from ..grammar.program import Program
from ..grammar.vet import parse
from ..interpreter.interpret import Outcome, interpret
from ..interpreter.journal import Journal, Override
from ..interpreter.limits import Limits
from .engine import MODES, Options, Run, fitting, in_time, run_inline
from .events import CallStarted
from .hooks import Hook
from .result import Result
from .scheduler import Scheduler
from .threads import wait, wait_for_coroutine
from .tools import Tool, toolset
from .trace import Trace, TraceFile, read_header

if TYPE_CHECKING:
    from .isolation import Isolated

Tools = Mapping[str, Any] | Sequence[Tool]


def run(program: Program | str, tools: Tools | None = None, **options: Any) -> Result:
    """Run a plan to its end.

    Args:
        program: a plan, or its text.
        tools: the callables that the plan may call, by name: plain or async, `retrieve(query, topk)` and
            `answer(query, docs)` and any others with a typed signature. Not needed for a replay.
        question: what is asked; recorded in the trace.
        limits: `Limits` of the run.
        mode: "concurrent" makes all calls whose arguments are known at once, "sequential" one after the other.
            The result is the same.
        journal: a `Journal`, a `Trace` or the path of one, whose results are used instead of calling. From a trace
            question, limits, overrides and time of day are taken too, where they are not given.
        overrides: arguments to change, by node or alias: `{"retrieve#2": {"topk": 10}}`.
        hooks: `Hook` objects, asked in this order.
        trace: a path to write the trace to as the run goes on.
        fsync: force every line of that file to the disk.
        max_concurrency: calls in flight at most.
        call_timeout: seconds for one call.
        retries: how often a failed call of an idempotent tool is made again.
        replay: never call a tool; a call that is not in the journal is an error: the one that the trace has
            recorded for it, if any.
        speculate: whether calls may be made that a run which fails would not have come to.
        now: the time of day that the plan sees; the start of the run if not given.
        strict: have RestrictedPython check the plan too.
        isolation: "process" interprets in worker processes that can reach nothing, as a second wall (see
            `runtime/isolation.py`; tools stay here), and raises `IsolationUnavailable` where the platform has no filter
            of system calls; "rlimits" is the weaker wall that any POSIX system has; a `Pool` for workers of your own;
            "none" in this process.

    Raises:
        PlanRejected: the plan was refused; nothing was called.
        PlanFailed: the plan raised an exception.
        LimitExceeded: it met a limit.
        ToolFailed: a tool failed. All four carry `.diagnostics` and `.trace`.
    """
    prepared = _prepare(program, tools, **options)
    if not _inline(prepared):
        return in_time(prepared, lambda: _drive(prepared), wait_for_coroutine)  # type: ignore[no-any-return]
    if prepared.deadline is None:
        return run_inline(prepared)
    return in_time(prepared, lambda: run_inline(prepared), wait)  # type: ignore[no-any-return]


async def arun(program: Program | str, tools: Tools | None = None, **options: Any) -> Result:
    """`run` for asynchronous hosts. A waiting run holds no thread, frame or generator of the plan."""
    return await Scheduler(_prepare(program, tools, **options), visiting=True).drive()


def rerun(
    trace: Trace | str | os.PathLike[str],
    node: str,
    tools: Tools | None = None,
    *,
    options: Any = None,
    **arguments: Any,
) -> Result:
    """Make one call of a recorded run again with other arguments, and what depended on it; keep the rest.

    Args:
        trace: the recorded run; it is not changed.
        node: the call, as a node or an alias: `retrieve#2`.
        tools: as for `run`.
        options: more options of `run`, as a dictionary.
        arguments: what changes: `topk=10`.
    """
    if not arguments:
        raise ValueError("say what to change, for example topk=10")
    recorded = trace if isinstance(trace, Trace) else Trace.load(trace)
    header = read_header(recorded.header)
    found = next((call for call in recorded.of(CallStarted) if node in (call.node, call.alias)), None)
    if found is None:
        names = ", ".join(call.alias for call in recorded.of(CallStarted)) or "none"
        raise ValueError(f"the trace has no call {node!r}; it has: {names}")
    unknown = set(arguments) - set(found.arguments)
    if unknown:
        raise ValueError(f"{found.alias} has no argument {sorted(unknown)[0]!r}; it has: {', '.join(found.arguments)}")
    more: dict[str, Any] = {"question": header.question, "limits": header.limits, "now": header.started}
    more.update(options or {})
    before = recorded.overrides
    overrides = {**before, found.node: (*before.get(found.node, ()), Override(arguments))}
    return run(header.source, tools, journal=recorded, overrides=overrides, **more)


def _prepare(
    program: Program | str,
    tools: Tools | None = None,
    *,
    question: str = "",
    limits: Limits | None = None,
    mode: str = "concurrent",
    journal: Journal | Trace | str | os.PathLike[str] | None = None,
    overrides: Mapping[str, Mapping[str, Any] | Sequence[Override]] | None = None,
    hooks: Iterable[Hook] = (),
    trace: str | os.PathLike[str] | None = None,
    fsync: bool = False,
    max_concurrency: int = 32,
    call_timeout: float | None = None,
    retries: int = 0,
    replay: bool = False,
    speculate: bool = True,
    now: datetime | None = None,
    strict: bool = False,
    isolation: Any = "none",
) -> Run:
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, not {mode!r}")
    if max_concurrency < 1:
        raise ValueError("max_concurrency must be at least 1")
    recorded = Trace.load(journal) if isinstance(journal, (str, os.PathLike)) else journal
    failures: Mapping[str, tuple[Mapping[str, Any], Diagnostic]] = {}
    if isinstance(recorded, Trace):
        header = read_header(recorded.header)
        now, limits, question = now or header.started, limits or header.limits, question or header.question
        failures = recorded.failures()
        if tools is None:
            tools = {name: Tool(signature, _absent) for name, signature in header.signatures.items()}
        if overrides is None:
            overrides = recorded.overrides
        recorded = recorded.journal()
    if tools is None:
        raise TypeError("a run needs tools: tools={'retrieve': ..., 'answer': ...}")
    made = toolset(tools)
    signatures = {name: each.signature for name, each in made.items()}
    limits = limits or Limits()
    interpreter = _interpreter(isolation)
    if isinstance(program, str):
        if interpreter is not interpret:
            cast("Isolated", interpreter).vet(program, signatures, limits)
        program = parse(program, signatures, strict=strict)
    else:
        missing = sorted(set(program.tools) - set(made))
        if missing and _calls(program, missing):
            raise ValueError(f"the plan may call `{missing[0]}`, which is not among the tools")
    entries = recorded if recorded is not None else Journal()
    named = _by_node(program, entries, overrides or {}, signatures, interpreter)
    rules = {
        node: tuple([rule._replace(changes=fitting(node, rule.changes, signatures, limits)) for rule in given])
        for node, given in named.items()
    }
    options = Options(
        question,
        limits,
        mode,
        rules,
        tuple(hooks),
        max_concurrency,
        call_timeout,
        retries,
        replay,
        speculate,
        now or datetime.now(),
        TraceFile(trace, fsync=fsync) if trace is not None else None,
        interpreter,
    )
    prepared = Run(program, made, entries, options)
    prepared.recorded_failures = failures
    return prepared


def _interpreter(isolation: Any) -> Callable[..., Outcome]:
    if isolation == "none":
        return interpret
    from .isolation import isolated

    return isolated(isolation)


def _by_node(
    program: Program,
    journal: Journal,
    overrides: Mapping[str, Mapping[str, Any] | Sequence[Override]],
    signatures: Any,
    interpreter: Callable[..., Outcome],
) -> dict[str, tuple[Override, ...]]:
    """Overrides as rules, with aliases replaced by the nodes that they name in the recorded run."""
    known: dict[str, str] = {}
    if any("#" in name for name in overrides):
        known = {call.alias: call.node for call in interpreter(program, journal, signatures=signatures).calls}
    out = {}
    for name, given in overrides.items():
        if "#" in name and name not in known:
            raise ValueError(f"no call {name!r} in the journal: use its node, or give the journal of an earlier run")
        out[known.get(name, name)] = (Override(dict(given)),) if isinstance(given, Mapping) else tuple(given)
    return out


def _absent(**_arguments: Any) -> Any:
    raise RuntimeError("no tool was given for this call")


def _calls(program: Program, names: list[str]) -> bool:
    return any(type(node) is ToolCall and node.tool in names for node in walk(program.body))


def _inline(prepared: Run) -> bool:
    """Whether one pass in this thread does: plain tools, and nothing that could overlap."""
    options = prepared.options
    if options.hooks or options.call_timeout is not None or any(tool.is_async for tool in prepared.tools.values()):
        return False
    return options.replay or options.mode == "sequential" or prepared.program.chained


async def _drive(prepared: Run) -> Result:
    return await Scheduler(prepared, visiting=False).drive()
