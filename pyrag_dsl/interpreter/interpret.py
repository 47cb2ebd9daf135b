"""One pass: a program and a journal in, an outcome out. No I/O, no clock, no thread.

    outcome = interpret(program, journal)

Whatever a plan does is a function of the program, the journal, the overrides, the limits and the start time. The
only other inputs are `supply`, which may answer a call that the journal does not hold, and `interrupt`, which may
end the pass; both belong to the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from ..grammar.diagnostics import Diagnostic
from ..grammar.language import RESULT_NAMES, Signature
from ..grammar.program import Program
from .border import final_value
from .concurrent import Concurrent
from .faults import answer_span, diagnose, diagnose_border, diagnose_limit, no_answer
from .journal import Call, Journal, Overrides, new
from .limits import USUAL, LimitHit, Limits, PlanFault
from .lower import Lower
from .machine import Machine, Supply
from .pending import ConcurrentMachine
from .progress import Progress
from .signals import MaybeLeft, PassOver, Returned, Suspended

EPOCH = datetime(1970, 1, 1)
_NOTHING: frozenset[str] = frozenset()


class Outcome(NamedTuple):
    """What one pass found.

    Attributes:
        status: "done", "failed" (the plan raised), "limit", or "waiting" for the calls in `wanted`.
        value: the answer of the plan, if done.
        diagnostics: why it failed; warnings of the run.
        calls: the tool calls met, in program order as far as that is known.
        wanted: those of them that are not in the journal.
        statements: (node, value bound or its preview), in program order.
        calls_after: for each call, how many statements had ended before it.
        statements_left_out: how many statements were not recorded.
        printed: what the plan printed.
        variables: the module's variables at the end, as plain data where they are.
        error: the exception of the plan, if it failed.
        resolved: whether `value` is the answer although something else is still waiting.
        blockers: of a concurrent pass, nodes of the calls that something waits for: until one of them has come back,
            another pass wants no other calls.
        complete: of a concurrent pass, whether it has met all calls that the run will make, if that goes well.
        ahead: of a concurrent pass, the steps that it took past the first call that is missing.
    """

    status: str
    value: Any
    diagnostics: tuple[Diagnostic, ...]
    calls: tuple[Call, ...]
    wanted: tuple[Call, ...]
    statements: list[tuple[Any, Any]]
    calls_after: list[int]
    statements_left_out: int
    printed: str
    variables: dict[str, Any]
    error: Exception | None = None
    resolved: bool = False
    blockers: frozenset[str] = frozenset()
    complete: bool = False
    ahead: int = 0


def interpret(
    program: Program,
    journal: Journal | None = None,
    *,
    signatures: Mapping[str, Signature] | None = None,
    limits: Limits | None = None,
    overrides: Overrides | None = None,
    withheld: frozenset[str] = frozenset(),
    supply: Supply | None = None,
    interrupt: Callable[[], bool] | None = None,
    now: datetime = EPOCH,
    concurrent: bool = False,
    cautious: bool = False,
    ahead: int | None = None,
    progress: Progress | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> Outcome:
    """Run a program as far as the journal goes.

    Args:
        program: a vetted plan.
        journal: results of tool calls so far.
        signatures: of the tools, if other than those the plan was vetted with.
        limits: what the pass may use.
        overrides: arguments to change, by node.
        withheld: nodes whose results are kept back: what is pending then depends on them.
        supply: asked for calls that are not in the journal; None for "not yet".
        interrupt: looked at now and then; True ends the pass with the deadline's diagnostic.
        now: what the plan takes for the time of day.
        concurrent: go on past a call that is not in the journal, to find all that can be asked at once. Such a
            pass is only good for its `wanted` calls.
        cautious: with `concurrent`, do not go on past anything that could still make the plan fail.
        ahead: with `concurrent`, about how many steps to go on past the first call that is missing; None for as many
            as the limits allow.
        progress: what earlier passes of this run in the same reading need not do again; it changes nothing but the
            time that a pass takes.
        inputs: values of the program's inputs by name, plain data; each pass has copies of its own.
    """
    given = (
        signatures or program.tools,
        limits or USUAL,
        journal if journal is not None else Journal(),
        overrides or {},
        withheld,
        supply,
        interrupt,
        now,
    )
    machine = ConcurrentMachine(*given, cautious=cautious, ahead=ahead) if concurrent else Machine(*given)
    reading = ("cautious" if cautious else "concurrent") if concurrent else "sequential"
    status, value, error, resolved, read, ending, blocked = "done", None, None, False, False, False, ""
    diagnostics: list[Diagnostic] = []
    if progress is not None:
        machine.progress = progress
        progress.begin(machine)
    try:
        if machine.first == 0 and machine.resumed is None:
            machine.give(program.inputs, inputs or {})
        signal = lowered(program, reading)(machine.globals)
        read = True
        if type(signal) is MaybeLeft:
            status = "waiting"
        else:
            ending = True
            left = _result(machine, signal)
            machine.scan(left)
            value = final_value(left, machine.limits)
            resolved = True
            if value is None and not concurrent:
                diagnostics += no_answer(program)
    except Suspended as suspended:
        status, blocked = "waiting", suspended.needs[1]
    except PassOver:
        status = "waiting"
    except Exception as raised:
        status = "limit" if isinstance(raised, (RecursionError, MemoryError)) else "failed"
        error = raised
        diagnostics += [] if machine.pending else [diagnose(raised, machine)]  # what is pending may change it
    except LimitHit as hit:
        status = "limit"
        diagnostics.append(diagnose_limit(hit))
    except PlanFault as fault:
        status = "failed"
        diagnostics.append(diagnose_border(fault))
    if ending and diagnostics and diagnostics[0].span is None and (place := answer_span(program)):
        diagnostics[0] = replace(diagnostics[0], span=place)
    ended = status in ("failed", "limit")
    if status != "waiting" and concurrent and machine.pending:
        status = "waiting"
    if progress is not None:
        progress.end()
    variables = machine.globals
    if concurrent or status == "waiting":  # only its calls count
        variables = {}
        machine.globals.clear()  # what it has made must not wait for the collector of cycles
    else:
        del variables[0]
    found = (
        status,
        value,
        tuple(diagnostics),
        tuple(machine.calls),
        tuple(machine.wanted),
        machine.statements,
        machine.marks_at_call,
        max(0, -machine.statements_left),
        "".join(machine.printed),
        variables,
        error,
        resolved,
    )
    if isinstance(machine, ConcurrentMachine):
        return Outcome(*found, machine.blocked_by(blocked, ended), machine.complete and read, machine.taken_ahead)
    outcome: Outcome = new(Outcome, (*found, _NOTHING, False, 0))
    return outcome


def lowered(program: Program, reading: str) -> Callable[[dict[Any, Any]], Any]:
    """The program's closures, made once for each way of reading it."""
    run = program._lowered.get(reading)
    if run is None:
        lower = Lower(program) if reading == "sequential" else Concurrent(program, cautious=reading == "cautious")
        run = program._lowered[reading] = lower.lower()
    return run  # type: ignore[return-value]


def _result(machine: Machine, signal: Any) -> Any:
    """The value of a plan: its top-level return, else the first of the result names that is bound."""
    if type(signal) is Returned:
        return signal.value
    for name in RESULT_NAMES:
        if name in machine.globals:
            return machine.globals[name]
    return None
