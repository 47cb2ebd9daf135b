"""`run` and `arun`: the two ways into the engine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from ..grammar.diagnostics import Diagnostic, LimitExceeded
from ..grammar.language import Signature
from ..grammar.nodes import ToolCall, walk
from ..grammar.program import Program
from ..grammar.vet import parse
from ..interpreter.interpret import Outcome, interpret
from ..interpreter.journal import Call, Journal, Override, Overrides, same_arguments
from ..interpreter.limits import USUAL, Limits
from ..threads import wait, wait_for_coroutine
from .asking import asked
from .engine import Run, fitting, in_time, run_inline
from .events import CallFinished, Event
from .hooks import Hook, watching
from .nesting import DEEPEST, Book, Left, NestedFile, Spending
from .options import (
    Options,
    RunOptions,
    check,
    checked_about,
    checked_hooks,
    checked_inputs,
    checked_limits,
    known,
)
from .result import Result
from .scheduler import Scheduler, in_thread
from .tools import Tool, signatures_of, toolset
from .trace import Trace, TraceFile, read_header, read_overrides

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..isolation.isolated import Isolated

Tools = Mapping[str, Callable[..., Any] | Tool] | Sequence[Callable[..., Any] | Tool]


def run(program: Program | str, tools: Tools | None = None, **options: Unpack[RunOptions]) -> Result:
    """Run a plan to its end.

    Args:
        program: a plan, or its text.
        tools: the functions that the plan may call, as a mapping by name or as a list. They are plain or async
            functions with typed signatures, usually `retrieve(query, topk)` and `answer(query, docs)`. A replay needs
            no tools.
        options: see `RunOptions`.

    Raises:
        PlanRejected: the plan was rejected; no tool was called.
        PlanFailed: the plan raised an exception.
        LimitExceeded: the plan exceeded a limit.
        ToolFailed: a tool failed; its exception is the cause. All four errors have `.diagnostics` and `.trace`.
        TypeError, ValueError: an option has a wrong type or value; no tool was called.
    """
    return _finish(_prepare("run", program, tools, options))


async def arun(program: Program | str, tools: Tools | None = None, **options: Unpack[RunOptions]) -> Result:
    """`run` for asynchronous hosts. A run that waits holds no thread, and no frame or generator of the plan."""
    return await _drive_here(options, lambda: _prepare("arun", program, tools, options))


def astream(program: Program | str, tools: Tools | None = None, **options: Unpack[RunOptions]) -> Stream:
    """`arun` as a stream of events:

        stream = pd.astream(program, tools)
        async for event in stream:
            print(event)
        print(stream.result.final_answer)

    The last event is `RunFinished`. A run that fails raises its error after its last event, as `arun` does. To end the
    run early, leave the loop and `await stream.aclose()`.
    """
    given = known("astream", options)
    told = given.get("on_event")
    stream = Stream()

    def tell(event: Event) -> None:
        if told is not None:
            told(event)
        stream.queue.put_nowait(event)

    stream.begin = lambda: _drive_here(given, lambda: _prepare("astream", program, tools, {**given, "on_event": tell}))
    return stream


class Stream:
    """The events of a run, which continues while they are read; see `astream`."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self.begin: Callable[[], Coroutine[Any, Any, Result]]
        self.task: asyncio.Task[Result] | None = None

    @property
    def result(self) -> Result:
        """The result of the run. Raises the error of the run, or `asyncio.InvalidStateError` while it continues."""
        if self.task is None:
            raise asyncio.InvalidStateError("the run has not begun: read its events first")
        return self.task.result()

    def __aiter__(self) -> Stream:
        if self.task is None:
            self.task = asyncio.ensure_future(self.begin())
            self.task.add_done_callback(lambda _task: self.queue.put_nowait(None))
        return self

    async def __anext__(self) -> Event:
        event = await self.queue.get()
        if event is not None:
            return event
        self.queue.put_nowait(None)
        self.result  # noqa: B018  # raises what the run raised
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End the run, if it has not ended."""
        if self.task is not None and not self.task.done():
            self.task.cancel()
            await asyncio.wait([self.task])


def rerun(
    recorded: Trace | str | os.PathLike[str],
    changes: Mapping[str, Mapping[str, Any]],
    tools: Tools | None = None,
    **options: Unpack[RunOptions],
) -> Result:
    """Make calls of a recorded run again with other arguments, and the calls whose arguments change with them.

    All other results are taken from the record.

    Args:
        recorded: the trace of the run, or its path. The trace is not changed.
        changes: the arguments to change, by the node or alias of the call: `{"retrieve#2": {"topk": 10}}`.
        tools: as for `run`.
        options: as for `run`. Inputs, limits and `now` are those of the recorded run, unless they are given.
    """
    return _finish(_prepare("rerun", *_changed(recorded, changes, tools, known("rerun", options))))


async def arerun(
    recorded: Trace | str | os.PathLike[str],
    changes: Mapping[str, Mapping[str, Any]],
    tools: Tools | None = None,
    **options: Unpack[RunOptions],
) -> Result:
    """`rerun` for asynchronous hosts."""
    given = known("arerun", options)
    return await _drive_here(given, lambda: _prepare("arerun", *_changed(recorded, changes, tools, given)))


def _changed(
    recorded: Trace | str | os.PathLike[str],
    changes: Mapping[str, Mapping[str, Any]],
    tools: Tools | None,
    options: RunOptions,
) -> tuple[str, Tools | None, RunOptions]:
    """The program, tools and options of a recorded run in which calls are changed. Raises `TypeError`, `ValueError`."""
    if not isinstance(changes, Mapping) or not all(isinstance(each, Mapping) for each in changes.values()):
        raise TypeError("changes must be a mapping of mappings, for example {'retrieve#2': {'topk': 10}}")
    if not changes or not all(changes.values()):
        raise ValueError("say what to change, for example {'retrieve#2': {'topk': 10}}")
    recorded = recorded if isinstance(recorded, Trace) else Trace.load(recorded)
    header = read_header(recorded.header)
    overrides: dict[str, Sequence[Override]] = dict(recorded.overrides)
    calls = [call for call in recorded.calls if call.alias]
    for node, arguments in changes.items():
        found = next((call for call in calls if node in (call.node, call.alias)), None)
        if found is None:
            raise ValueError(f"the trace has no call {node!r}; it has: {', '.join(c.alias for c in calls) or 'none'}")
        unknown = set(arguments) - set(found.arguments)
        if unknown:
            names = ", ".join(found.arguments)
            raise ValueError(f"{found.alias} has no argument {sorted(unknown)[0]!r}; it has: {names}")
        overrides[found.node] = (*overrides.get(found.node, ()), Override(dict(arguments)))
    recorded_options = RunOptions(limits=header.limits, now=header.started)
    return header.source, tools, {**recorded_options, **options, "journal": recorded, "overrides": overrides}


async def _drive_here(options: Mapping[str, Any], prepare: Callable[[], Run]) -> Result:
    """Carry out a run on the caller's event loop; a worker process that checks the plan does not block the loop."""
    isolated = options.get("isolation", "none") != "none"
    prepared = await in_thread(lambda _: prepare(), None) if isolated else prepare()
    return await Scheduler(prepared, visiting=True).drive()


def _finish(prepared: Run) -> Result:
    """Carry out a run for a caller that blocks until it ends."""
    if not _inline(prepared):
        return in_time(prepared, lambda: _drive(prepared), wait_for_coroutine)  # type: ignore[no-any-return]
    if prepared.deadline is None:
        return run_inline(prepared)
    return in_time(prepared, lambda: run_inline(prepared), wait)  # type: ignore[no-any-return]


def _prepare(caller: str, program: Program | str, tools: Tools | None, options: Mapping[str, Any]) -> Run:
    """Check the options and make a run from them; messages name the function `caller`."""
    given = known(caller, options)
    check(given)
    journal, overrides, trace = given.get("journal"), given.get("overrides"), given.get("trace")
    hooks: tuple[Hook, ...] = ()
    if "hooks" in given or "on_event" in given:
        hooks = checked_hooks(given.get("hooks", ()), given.get("on_event"))
    now, limits = given.get("now"), given.get("limits")
    recorded = Trace.load(journal) if isinstance(journal, (str, os.PathLike)) else journal
    failures: Mapping[str, tuple[Mapping[str, Any], Diagnostic]] = {}
    usual, kept, book, of = USUAL, None, Book(), None
    changed = overrides
    if isinstance(recorded, Trace):
        of = recorded
        header = read_header(recorded.header)
        now, kept = now or header.started, header.inputs
        usual = header.limits
        failures = recorded.failures()
        if tools is None:
            tools = {name: Tool(signature, _absent) for name, signature in header.signatures.items()}
        if overrides is None:
            overrides = recorded.overrides
        if _source(program) == header.source:
            book = Book.of(recorded)
    if overrides:
        overrides, book.overrides = _apart(overrides, of)
    if of is not None:
        recorded = _still_true(of, book).journal(unsettled=bool(watching(hooks)) and not given.get("replay", False))
    if tools is None:
        raise TypeError("a run needs tools: tools={'retrieve': ..., 'answer': ...}")
    made = toolset(tools)
    limits = checked_limits(limits, usual)
    inputs = _inputs(
        checked_inputs(given.get("inputs"), given.get("question"), limits), kept, given.get("replay", False)
    )
    interpreter = _interpreter(given.get("isolation", "none"))
    if isinstance(program, str):
        signatures = signatures_of(made)
        if interpreter is not interpret:
            cast("Isolated", interpreter).vet(program, signatures, limits, inputs)
        program = parse(program, signatures, inputs=inputs, strict=given.get("strict", False))
    else:
        lacking = sorted(program.inputs - inputs.keys())
        if lacking:
            raise ValueError(f"the plan needs the input `{lacking[0]}`: inputs={{{lacking[0]!r}: ...}}")
        missing = sorted(set(program.tools) - set(made))
        if missing and _calls(program, missing):
            raise ValueError(f"the plan may call `{missing[0]}`, which is not among the tools")
    entries = recorded if isinstance(recorded, Journal) else Journal()
    continues = of is not None and changed is None and program.source == of.source and _same(inputs, of.header.inputs)
    if not continues:
        book.spent = Spending()
    rules: dict[str, tuple[Override, ...]] = {}
    if overrides:
        signatures = signatures_of(made)
        rules = _fitted(_by_node(program, entries, overrides, signatures, interpreter, inputs), signatures, limits)
    engines = Options(
        inputs,
        limits,
        given.get("mode", "concurrent"),
        rules,
        hooks,
        given.get("max_concurrency", 32),
        given.get("call_timeout"),
        given.get("retries", 0),
        given.get("replay", False),
        given.get("speculate", True),
        now or datetime.now(),
        TraceFile(trace, fsync=given.get("fsync", False)) if trace is not None else None,
        continues,
        read_overrides(of.header.overrides) if continues and of is not None else _declared(rules, book),
        tuple(of.decisions) if continues and of is not None else (),
        interpreter,
        checked_about(given["about"]) if given.get("about") else of.header.about if of is not None else {},
    )
    prepared = Run(program, made, entries, engines, book)
    prepared.recorded_failures = failures
    prepared.nest = _nested
    return prepared


def _rules(given: Mapping[str, Any] | Sequence[Override]) -> tuple[Override, ...]:
    """The changes for a node as rules. A mapping becomes one rule for all calls of the node."""
    return (Override(dict(given)),) if isinstance(given, Mapping) else tuple(given)


def _fitted(
    overrides: Mapping[str, Sequence[Override]], signatures: Mapping[str, Signature], limits: Limits
) -> dict[str, tuple[Override, ...]]:
    """Check overrides against the types of the tools. Raises `ValueError`."""
    return {
        node: tuple([rule._replace(changes=fitting(node, rule.changes, signatures, limits)) for rule in rules])
        for node, rules in overrides.items()
    }


def _source(program: Program | str) -> str:
    return program if isinstance(program, str) else program.source


def _same(inputs: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    return inputs.keys() == others.keys() and same_arguments(inputs, others)


def _apart(
    overrides: Mapping[str, Mapping[str, Any] | Sequence[Override]], recorded: Trace | None
) -> tuple[dict[str, Any], dict[str, dict[str, tuple[Override, ...]]]]:
    """Split overrides into those of the run's own calls and those of nested calls, by the node of the nested run.

    Raises:
        ValueError: an alias names no call of the recorded run.
    """
    own: dict[str, Any] = {}
    nested: dict[str, dict[str, tuple[Override, ...]]] = {}
    for name, given in overrides.items():
        if "/" not in name:
            own[name] = given
            continue
        calls = () if recorded is None else recorded.calls
        node = next((call.node for call in calls if name in (call.node, call.alias)), name)
        if "@" not in node:  # an unknown alias; an unknown node may be that of a later call
            raise ValueError(f"no call {name!r} in the journal: give the trace of the run that has made it")
        within, _, inner = node.rpartition("/")
        nested.setdefault(within, {})[inner] = _rules(given)
    return own, nested


def _still_true(recorded: Trace, book: Book) -> Trace:
    """A trace without the results of nested runs in which calls are changed, because these runs are made again."""
    declared = read_overrides(recorded.header.overrides)
    void: set[str] = set()
    for within, rules in book.overrides.items():
        if any(declared.get(f"{within}/{node}") != rule for node, rule in rules.items()):
            parts = within.split("/")
            void.update("/".join(parts[:deep]) for deep in range(1, len(parts) + 1))
    if not void:
        return recorded
    for node, block in book.blocks.items():
        book.blocks[node] = [each for each in block if not (isinstance(each, CallFinished) and each.node in void)]
    return Trace(each for each in recorded if not (isinstance(each, CallFinished) and each.node in void))


def _declared(rules: Overrides, book: Book) -> dict[str, Sequence[Override]]:
    """All overrides that a person has given, for the header."""
    nested = {f"{within}/{node}": rule for within, rules in book.overrides.items() for node, rule in rules.items()}
    return {**rules, **nested}


_NESTED_OPTIONS = frozenset({"inputs", "question", "limits", "overrides", "hooks", "journal"})


async def _nested(
    outer: Run,
    call: Call,
    program: Program | str,
    tools: Tools | None,
    options: Mapping[str, Any],
    function: Callable[[Any], Awaitable[Any]] | None = None,
) -> Any:
    """Carry out a nested run; see `RunContext.arun` and, for `function`, `RunContext.asking`.

    The nested runs of one run are made one after the other, so that each can adopt results of the earlier ones.
    """
    async with outer.in_turn:
        return await _nested_run(outer, call, outer.left(call), program, tools, options, function)


async def _nested_run(
    outer: Run,
    call: Call,
    left: Left,
    program: Program | str,
    tools: Tools | None,
    options: Mapping[str, Any],
    function: Callable[[Any], Awaitable[Any]] | None,
) -> Any:
    node = outer.whole(call.node)
    alias = f"{outer.alias}/{call.alias}" if outer.alias else call.alias
    given = known("RunContext.arun", options)
    for name in given:
        if name not in _NESTED_OPTIONS:
            allowed = ", ".join(sorted(_NESTED_OPTIONS))
            raise TypeError(f"a nested run takes {name!r} from the run around it; its own options are {allowed}")
    if node.count("/") >= DEEPEST:
        message = f"runs are nested deeper than {DEEPEST}"
        raise LimitExceeded((Diagnostic("PLAN408", message, call.span, nodes=(call.node,)),))
    around = outer.options
    limits = checked_limits(given.get("limits"), around.limits)
    limits = replace(
        limits,
        tool_calls=min(limits.tool_calls, left.calls),
        tokens=around.limits.tokens,
        cost=around.limits.cost,
        deadline=around.limits.deadline,
    )
    inputs = checked_inputs(given.get("inputs"), given.get("question"), limits)
    inputs = dict(around.inputs) if inputs is None else inputs
    made = outer.tools if tools is None else toolset(tools)
    signatures = signatures_of(made)
    if isinstance(program, str):
        if around.interpreter is not interpret:
            cast("Isolated", around.interpreter).vet(program, signatures, limits, inputs)
        program = parse(program, signatures, inputs=inputs)
    before = outer.book.recorded(node)
    continues = before is not None and before.source == program.source and _same(inputs, before.header.inputs)
    rules = {each: _rules(changes) for each, changes in (given.get("overrides") or {}).items()}
    declared: Overrides = rules
    decisions: tuple[Event, ...] = ()
    if continues and before is not None:
        rules, declared = before.overrides, read_overrides(before.header.overrides)
        decisions = tuple(before.decisions)
    added = {
        each: tuple(rule for rule in more if rule not in rules.get(each, ()))
        for each, more in outer.book.overrides.get(node, {}).items()
    }
    if any(added.values()):
        rules = {each: (*rules.get(each, ()), *added.get(each, ())) for each in {**rules, **added}}
        declared, decisions, continues = rules, (), False
    hooks = (*checked_hooks(given.get("hooks", ()), None), *around.hooks)
    known_calls = Journal() if before is None else before.journal(unsettled=bool(watching(hooks)))
    nested = around._replace(
        inputs=inputs,
        limits=limits,
        overrides=_fitted(rules, signatures, limits),
        hooks=hooks,
        file=NestedFile(outer.book, node, alias),
        continues=continues,
        declared=declared,
        decisions=decisions,
        about={},
    )
    own = (*known_calls, *known_calls.returned)
    instead = given.get("journal")
    spare = instead if isinstance(instead, Journal) else outer.book.beside(node, own)
    journal = Journal(known_calls, spare=spare, returned=known_calls.returned)
    prepared = Run(program, made, journal, nested, outer.book, node, alias, left)
    prepared.nest = _nested
    if function is not None:
        return await asked(prepared, function)
    return await Scheduler(prepared, visiting=True).drive()


def _inputs(given: dict[str, Any] | None, kept: dict[str, Any] | None, replay: bool) -> dict[str, Any]:
    """Merge the given inputs with the recorded ones. Raises `ValueError` if those of a replay differ."""
    if given is None or kept is None:
        return given or kept or {}
    merged = {**kept, **given}
    for name, value in merged.items() if replay else ():
        if name not in kept or not same_arguments({name: value}, {name: kept[name]}):
            raise ValueError(f"the trace was recorded with another input {name!r}: a replay must have the same")
    return merged


def _interpreter(isolation: Any) -> Callable[..., Outcome]:
    if isolation == "none":
        return interpret
    from ..isolation.isolated import isolated

    return isolated(isolation)


def _by_node(
    program: Program,
    journal: Journal,
    overrides: Mapping[str, Mapping[str, Any] | Sequence[Override]],
    signatures: Any,
    interpreter: Callable[..., Outcome],
    inputs: Mapping[str, Any],
) -> dict[str, tuple[Override, ...]]:
    """Overrides as rules, with aliases replaced by the nodes that they name in the recorded run."""
    known: dict[str, str] = {}
    if any("#" in name for name in overrides):
        met = interpreter(program, journal, signatures=signatures, inputs=inputs).calls
        known = {call.alias: call.node for call in met}
    out = {}
    for name, given in overrides.items():
        if "#" in name and name not in known:
            raise ValueError(f"no call {name!r} in the journal: use its node, or give the journal of an earlier run")
        out[known.get(name, name)] = _rules(given)
    return out


def _absent(**_arguments: Any) -> Any:
    raise RuntimeError("no tool was given for this call")


def _calls(program: Program, names: list[str]) -> bool:
    return any(type(node) is ToolCall and node.tool in names for node in walk(program.body))


def _inline(prepared: Run) -> bool:
    """Whether one pass in this thread is enough: there are only plain tools, and no calls that could overlap."""
    options = prepared.options
    if options.hooks or options.call_timeout is not None or any(tool.is_async for tool in prepared.tools.values()):
        return False
    return options.replay or options.mode == "sequential" or prepared.program.chained


async def _drive(prepared: Run) -> Result:
    return await Scheduler(prepared, visiting=False).drive()
