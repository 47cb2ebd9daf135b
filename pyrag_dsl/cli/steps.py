"""Calls and variables for people: as they happen, and from a trace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..runtime.events import (
    CallFinished,
    CallStarted,
    DiagnosticFound,
    Event,
    HookDecided,
    NodeRerun,
    Printed,
    RunFinished,
    RunStarted,
    StatementEnded,
)
from ..runtime.hooks import Hook
from .screen import Part, Screen, answer_text, one_line_kept, quoted

_PASSAGES_SHOWN = 10


class Steps(Hook):
    """Shows each call of a run when it begins and when it ends."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen

    def on_event(self, event: Event) -> None:
        """One line for a call that begins; the result, and the passages found, when it ends."""
        if isinstance(event, CallStarted):
            show_start(self.screen, event)
        elif isinstance(event, CallFinished):
            show_end(self.screen, event)
        elif isinstance(event, (HookDecided, NodeRerun)):
            show_event(self.screen, event)


def show_start(screen: Screen, event: CallStarted) -> None:
    where = f"  line {event.span.line}"
    screen.line(("→ ", "dim"), (event.alias or event.node, "call"), " ", _arguments(event.arguments), (where, "dim"))


def show_end(screen: Screen, event: CallFinished) -> None:
    """What a call returned: the titles of passages by rank, or the answer."""
    name = event.alias or event.node
    time = "recorded" if event.cached else f"{event.elapsed:.3f} s"
    extra = f", {event.usage['tokens']} tokens" if "tokens" in event.usage else ""
    speculative = ", not needed by the plan" if event.speculative else ""
    tail: Part = (f"  {time}{extra}{speculative}", "dim")
    result = event.result
    if isinstance(result, list) and all(isinstance(item, str) for item in result):
        count = f"{len(result)} passage" + ("" if len(result) == 1 else "s")
        screen.line(("← ", "good"), (name, "call"), f" {count}", tail)
        for rank, document in enumerate(result[:_PASSAGES_SHOWN], start=1):
            screen.line((f"    {rank:>2} ", "dim"), title_of(document))
        if len(result) > _PASSAGES_SHOWN:
            screen.line((f"       and {len(result) - _PASSAGES_SHOWN} more", "dim"))
    else:
        shown = quoted(result, 200) if isinstance(result, str) else quoted(repr(result), 200)[1:-1]
        screen.line(("← ", "good"), (name, "call"), " ", (shown, "value"), tail)


def title_of(document: str, limit: int = 90) -> str:
    """The first line of a document, which is its title where it has one."""
    return quoted(document.lstrip().split("\n", 1)[0], limit)[1:-1]


def _arguments(arguments: Mapping[str, Any]) -> str:
    parts = []
    for name, value in arguments.items():
        if name == "query" and isinstance(value, str):
            parts.append(quoted(value, 120))
        elif value is None:
            continue
        elif isinstance(value, list):
            parts.append(f"{one_line_kept(name)}: {len(value)}")
        else:
            parts.append(f"{one_line_kept(name)}: {quoted(repr(value), 60)[1:-1]}")
    return "  ".join(parts)


def show_variables(screen: Screen, names: Mapping[str, str]) -> None:
    """Variables with previews, one on a line."""
    if not names:
        return
    screen.line(("variables", "dim"))
    width = min(max(len(name) for name in names), 24)
    for name, preview in names.items():
        screen.line("    ", (f"{name:<{width}}", "strong"), " = ", quoted(preview, 140)[1:-1])


def bound(events: Iterable[Event]) -> dict[str, str]:
    """Variables that statements bound, with the last preview of each, in the order of their first binding."""
    names: dict[str, str] = {}
    for event in events:
        if isinstance(event, StatementEnded):
            names.update((name, preview) for name, preview in event.names.items() if name)
    return names


def show_trace(screen: Screen, events: Iterable[Event]) -> None:
    """All that a trace says, in program order."""
    for event in events:
        show_event(screen, event)


def show_event(screen: Screen, event: Event) -> None:
    """One event in a few words."""
    show = _SHOW.get(type(event))
    if show is not None:
        show(screen, event)


def _header(screen: Screen, event: RunStarted) -> None:
    if event.within:
        lines = f"  {len(event.source.splitlines())} lines"
        screen.line(("plan run by ", "dim"), event.within, (lines, "dim"))
        return
    screen.line(("question ", "dim"), (event.question or "(none)", "strong"))
    screen.line(("started  ", "dim"), event.started, (f"  {len(event.source.splitlines())} lines of plan", "dim"))
    for node, changes in event.overrides.items():
        screen.line(("override ", "dim"), node, " ", _arguments(changes))


def _statement(screen: Screen, event: StatementEnded) -> None:
    for name, preview in event.names.items():
        if name:
            screen.line((f"  {event.span.line:>4} ", "dim"), (name, "strong"), " = ", quoted(preview, 120)[1:-1])


def _decided(screen: Screen, event: HookDecided) -> None:
    reason = event.detail.get("reason")
    why = f": {quoted(reason, 160)[1:-1]}" if isinstance(reason, str) and reason else ""
    screen.line(("! ", "warn"), f"{event.hook}: {event.decision} {event.node}", why)


def _rerun(screen: Screen, event: NodeRerun) -> None:
    screen.line(("! ", "warn"), f"{event.alias or event.node} again with ", _arguments(event.overrides))


def _printed(screen: Screen, event: Printed) -> None:
    show_printed(screen, event.text)


def show_printed(screen: Screen, text: str) -> None:
    """What the plan printed."""
    if text and not screen.quiet:
        screen.line(("printed", "dim"))
        screen.block(text, "    ")


def _diagnostic(screen: Screen, event: DiagnosticFound) -> None:
    found = event.diagnostic
    place = f" line {found.span.line}" if found.span else ""
    screen.line((f"{found.severity}[{found.code}]", "bad"), f"{place}: {found.message}")


def _finished(screen: Screen, event: RunFinished) -> None:
    style = "good" if event.status == "done" else "bad"
    calls = f"{event.calls} call" + ("" if event.calls == 1 else "s")
    screen.line((event.status, style), f", {calls}, {event.elapsed:.3f} s")
    if event.status == "done":
        screen.line(("answer   ", "dim"), (answer_text(event.final_answer), "strong"))


_SHOW: dict[type[Event], Any] = {
    RunStarted: _header,
    StatementEnded: _statement,
    CallStarted: show_start,
    CallFinished: show_end,
    HookDecided: _decided,
    NodeRerun: _rerun,
    Printed: _printed,
    DiagnosticFound: _diagnostic,
    RunFinished: _finished,
}
