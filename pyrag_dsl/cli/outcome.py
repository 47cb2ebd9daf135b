"""How a command ended, and what it prints: the answer, or one JSON object."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..grammar.diagnostics import Diagnostic, PlanError, PlanRejected
from ..grammar.render import render_json, render_terminal
from . import status
from .screen import Screen, answer_text, write

if TYPE_CHECKING:
    from ..runtime.result import Result
    from ..runtime.trace import Trace

_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """What is known at the end of a command.

    Attributes:
        code: the exit status.
        word: "done", "checked", "rejected", "failed", "limit", "tool", "usage" or "cancelled".
        question: what was asked.
        source: the plan.
        name: what the plan is called in messages.
        diagnostics: warnings too.
        trace: what happened; None where nothing did.
        result: of a run that ended well.
        message: of a usage error.
        answer: what the method made of the result, where that is a part of what it did.
        within: the call that the result is of; "" where it is the whole.
    """

    code: int
    word: str
    question: str = ""
    source: str = ""
    name: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()
    trace: Trace | None = None
    result: Result | None = None
    message: str = ""
    answer: Any = None
    within: str = ""


def of_error(error: PlanError, question: str, source: str, name: str, trace: Trace | None = None) -> CommandOutcome:
    """The outcome of a run that failed, or of a plan that was refused."""
    code, word = status.of_error(error)
    found = trace if error.trace is None else error.trace
    return CommandOutcome(code, word, question, source, name, error.diagnostics, found)


def rejected_trace(source: str, question: str, rejected: PlanRejected) -> Trace:
    """A trace of a run that never began: what was refused, and why."""
    from dataclasses import asdict
    from datetime import datetime

    from ..grammar.language import DEFAULT_SIGNATURES
    from ..interpreter.limits import Limits
    from ..runtime.events import DiagnosticFound, Event, RunFinished, RunStarted
    from ..runtime.trace import Trace, signatures_to_json

    events: list[Event] = [
        RunStarted(
            source=source,
            inputs={"question": question} if question else {},
            started=datetime.now().isoformat(),
            signatures=signatures_to_json(dict(DEFAULT_SIGNATURES)),
            limits=asdict(Limits()),
        ),
        *[DiagnosticFound(diagnostic=found) for found in rejected.diagnostics],
        RunFinished(status="rejected"),
    ]
    return Trace([replace(event, seq=seq) for seq, event in enumerate(events)])


def show_diagnostics(screen: Screen, diagnostics: Iterable[Diagnostic], source: str, name: str) -> None:
    """Diagnostics with their places in the source."""
    found = list(diagnostics)
    if found:
        text = render_terminal(found[:_MOST_SHOWN], source, color=screen.color, width=screen.width, name=name)
        screen.raw(text)
    if len(found) > _MOST_SHOWN:
        screen.say(f"and {len(found) - _MOST_SHOWN} more")


def print_answer(outcome: CommandOutcome) -> None:
    """The answer on standard output; nothing where there is none."""
    if outcome.code == status.OK and outcome.word == "done":
        write(sys.stdout, answer_text(_answer(outcome)) + "\n")


def _answer(outcome: CommandOutcome) -> Any:
    return outcome.result.final_answer if outcome.answer is None and outcome.result is not None else outcome.answer


def print_json(outcome: CommandOutcome) -> None:
    """The whole outcome as one JSON object, in ASCII, on standard output."""
    write(sys.stdout, json.dumps(to_json(outcome), ensure_ascii=True, allow_nan=False) + "\n")


def to_json(outcome: CommandOutcome) -> dict[str, Any]:
    """The object that `--json` prints. Values that JSON has no word for are written as in traces."""
    from ..interpreter.codec import encode_shown

    result = outcome.result
    return {
        "final_answer": encode_shown(_answer(outcome)),
        "calls": _calls(outcome),
        "diagnostics": render_json(outcome.diagnostics),
        "trace": _events(outcome.trace),
        "lineage": _lineage(outcome),
        "status": outcome.word,
        "exit_status": outcome.code,
        "question": outcome.question,
        "printed": result.printed if result is not None else "",
        "error": outcome.message or None,
    }


def _events(trace: Trace | None) -> list[dict[str, Any]]:
    from ..runtime.trace import encoded

    return [] if trace is None else [encoded(event) for event in trace]


def _lineage(outcome: CommandOutcome) -> list[str]:
    """The nodes that the answer depends on; those of a written plan under the call that ran it."""
    if outcome.result is None:
        return []
    within = outcome.within
    return [f"{within}/{node}" if within else node for node in outcome.result.lineage]


def _calls(outcome: CommandOutcome) -> list[dict[str, Any]]:
    """Calls in program order; those of a failed run without what they depend on."""
    if outcome.result is not None and outcome.answer is None:
        return [call.to_json() for call in outcome.result.calls]
    return [] if outcome.trace is None else [call.to_json() for call in outcome.trace.calls]
