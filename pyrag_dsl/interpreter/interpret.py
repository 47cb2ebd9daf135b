"""One pass, from a program and a journal to an outcome, without I/O, clock or threads.

    outcome = interpret(program, journal)

The outcome is a function of the program, the journal, the overrides, the limits and the start time. The only other
inputs are `supply`, which may answer a call that the journal does not hold, and `interrupt`, which may end the pass;
both belong to the engine.
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
        value: the answer of the plan, if it is known.
        diagnostics: the reason of a failure, or warnings.
        calls: the tool calls that the pass met, in program order as far as that is known.
        wanted: the calls among them that are not in the journal.
        statements: (node, bound value or its preview) of each recorded statement, in program order.
        calls_after: for each call, the number of statements that had ended before it.
        statements_left_out: the number of statements that were not recorded.
        printed: the text that the plan printed.
        variables: the module's variables at the end of the pass.
        error: the exception of the plan, if it failed.
        resolved: whether `value` is the answer, although other calls may still be pending.
        blockers: in a concurrent pass, nodes of the calls that skipped code needs. Until one of them has come back,
            another pass would want no other calls.
        complete: in a concurrent pass, whether the pass has met all calls that the run will make, if no error occurs.
        ahead: in a concurrent pass, the number of steps after the first call that is missing.
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
    """Interpret a program as far as the journal goes.

    Args:
        program: a vetted plan.
        journal: the results of tool calls so far.
        signatures: the signatures of the tools, if they differ from those that the plan was vetted with.
        limits: the limits of the pass.
        overrides: arguments to change, by node.
        withheld: nodes whose results are not used. A value that is pending then depends on them.
        supply: called for each call that is not in the journal; it returns an entry, or None for "not yet".
        interrupt: called now and then; True ends the pass with the diagnostic of the deadline.
        now: the present as the plan sees it.
        concurrent: continue past calls that are not in the journal, to find all calls that can be made at once. Only
            the `wanted` calls of such a pass may be used.
        cautious: with `concurrent`, do not continue past code that could still make the plan fail.
        ahead: with `concurrent`, about how many steps to continue after the first call that is missing; None for as
            many as the limits allow.
        progress: a saved state of earlier passes of this run in the same reading, from which the pass may start. It
            changes only the time that a pass takes.
        inputs: values of the program's inputs by name, as plain data; each pass has copies of its own.
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
        diagnostics += [] if machine.pending else [diagnose(raised, machine)]  # a result may still prevent the error
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
    if concurrent or status == "waiting":  # only the calls of this pass are used
        variables = {}
        machine.globals.clear()  # break the cycle machine -> globals -> machine, so that memory is freed now
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
