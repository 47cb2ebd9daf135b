"""The outcome of a command, and how it is printed: as the answer, or as one JSON object."""

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
    """The outcome of a command.

    Attributes:
        code: the exit status.
        word: the same as a word: "done", "checked", "rejected", "failed", "limit", "tool", "usage" or "cancelled".
        question: the question.
        source: the source of the plan.
        name: the name of the plan in messages.
        diagnostics: the diagnostics, warnings included.
        trace: the trace of the run; None if nothing was run or recorded.
        result: the result of a run without error; None otherwise.
        message: the message of a usage error.
        answer: the final answer of a method; None if it is the final answer of `result`.
        within: the call whose nested run gave `result`; empty if `result` is that of the whole run.
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
    """The outcome of a run that failed, or of a plan that was rejected."""
    code, word = status.of_error(error)
    found = trace if error.trace is None else error.trace
    return CommandOutcome(code, word, question, source, name, error.diagnostics, found)


def rejected_trace(source: str, question: str, rejected: PlanRejected) -> Trace:
    """The trace of a rejected plan, which did not run: its source and the diagnostics."""
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
    """Show diagnostics with their places in the source."""
    found = list(diagnostics)
    if found:
        text = render_terminal(found[:_MOST_SHOWN], source, color=screen.color, width=screen.width, name=name)
        screen.raw(text)
    if len(found) > _MOST_SHOWN:
        screen.say(f"and {len(found) - _MOST_SHOWN} more")


def print_answer(outcome: CommandOutcome) -> None:
    """Print the answer on standard output, or nothing if there is no answer."""
    if outcome.code == status.OK and outcome.word == "done":
        write(sys.stdout, answer_text(_answer(outcome)) + "\n")


def _answer(outcome: CommandOutcome) -> Any:
    return outcome.result.final_answer if outcome.answer is None and outcome.result is not None else outcome.answer


def print_json(outcome: CommandOutcome) -> None:
    """Print the whole outcome on standard output, as one JSON object in ASCII."""
    write(sys.stdout, json.dumps(to_json(outcome), ensure_ascii=True, allow_nan=False) + "\n")


def to_json(outcome: CommandOutcome) -> dict[str, Any]:
    """The object that `--json` prints. Values that JSON does not have are encoded as in traces."""
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
    """The nodes that the answer depends on. Nodes of a nested run begin with the node of the call that made it."""
    if outcome.result is None:
        return []
    within = outcome.within
    return [f"{within}/{node}" if within else node for node in outcome.result.lineage]


def _calls(outcome: CommandOutcome) -> list[dict[str, Any]]:
    """The calls in program order. The calls of a failed run do not say what they depend on."""
    if outcome.result is not None and outcome.answer is None:
        return [call.to_json() for call in outcome.result.calls]
    return [] if outcome.trace is None else [call.to_json() for call in outcome.trace.calls]
