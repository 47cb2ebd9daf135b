"""Shows calls and variables to people, while a run continues and from a trace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..runtime.calls import asked_of
from ..runtime.events import (
    CallFailed,
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


class CallNames:
    """Names for the calls of a run that has not ended: the tool and what it asks. No two calls have the same name.

    Aliases such as `retrieve#3` count in program order, which is not known before the run has ended.
    """

    def __init__(self) -> None:
        self._asked: dict[str, str] = {}
        self._taken: set[str] = set()

    def begun(self, event: CallStarted) -> str:
        """Give a name to a call that begins, and return it."""
        asked = asked_of(event.arguments)
        name = f"{event.tool} {quoted(asked, 90)}" if asked else event.tool
        number = 1
        while (found := name if number == 1 else f"{name} ({number})") in self._taken:
            number += 1
        self._taken.add(found)
        self._asked[event.node] = found
        return found

    def named(self, node: str) -> str:
        """The last name given to the call at a node, or the node if it has none."""
        return self._asked.get(node, node)

    def ended(self, event: CallFinished) -> str:
        """The name of a call that has ended. A call that did not begin here is named in the same way."""
        found = self._asked.get(event.node)
        if found is None:
            asked = asked_of(event.arguments)
            found = f"{event.tool} {quoted(asked, 90)}" if asked else event.tool
        return found


class Steps(Hook):
    """Shows each call of a run when it begins and when it ends. Calls of nested runs are indented."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.names = CallNames()

    def on_event(self, event: Event) -> None:
        """Show a line for a call that begins, and its result or passages when it ends."""
        if isinstance(event, CallStarted):
            show_start(self.screen, event, self.names.begun(event))
        elif isinstance(event, CallFinished):
            show_end(self.screen, event, self.names.ended(event))
        elif isinstance(event, (HookDecided, NodeRerun, CallFailed)):
            show_event(self.screen, event)


_TEXTS = {"retrieve": ("passage", "passages"), "decompose": ("query", "queries")}  # what the texts in a list result are


def show_start(screen: Screen, event: CallStarted, name: str = "") -> None:
    """Show what a call asks. `name` is the name that is shown instead of the alias; it says what the call asks."""
    where = f"  line {event.span.line}"
    indent = "  " * event.node.count("/")
    given = {each: value for each, value in event.arguments.items() if not name or value != asked_of(event.arguments)}
    said = _arguments(given)
    between = ("  " if name else " ") if said else ""
    screen.line((f"{indent}→ ", "dim"), (name or event.alias or event.node, "call"), between, said, (where, "dim"))


def show_end(screen: Screen, event: CallFinished, name: str = "") -> None:
    """Show what a call returned: the titles of passages by rank, the parts of a question, or the answer."""
    name = name or event.alias or event.node
    indent = "  " * event.node.count("/")
    time = "recorded" if event.cached else f"{event.elapsed:.3f} s"
    extra = f", {event.usage['tokens']} tokens" if "tokens" in event.usage else ""
    speculative = ", not needed by the plan" if event.speculative else ""
    tail: Part = (f"  {time}{extra}{speculative}", "dim")
    result = event.result
    if isinstance(result, list) and all(isinstance(item, str) for item in result):
        one, many = _TEXTS.get(event.tool, ("text", "texts"))
        count = f"{len(result)} {one if len(result) == 1 else many}"
        screen.line((f"{indent}← ", "good"), (name, "call"), f" {count}", tail)
        for rank, document in enumerate(result[:_PASSAGES_SHOWN], start=1):
            screen.line((f"{indent}    {rank:>2} ", "dim"), title_of(document))
        if len(result) > _PASSAGES_SHOWN:
            screen.line((f"       and {len(result) - _PASSAGES_SHOWN} more", "dim"))
    else:
        shown = quoted(result, 200) if isinstance(result, str) else quoted(repr(_outcome(result)), 200)[1:-1]
        screen.line((f"{indent}← ", "good"), (name, "call"), " ", (shown, "value"), tail)


def _outcome(result: Any) -> Any:
    """The result of a call that wrote a plan, without the text of the plan, which is shown elsewhere."""
    if not isinstance(result, dict) or "ok" not in result or "source" not in result:
        return result
    return {name: value for name, value in result.items() if name not in ("source", "fixed", "flagged") and value}


def title_of(document: str, limit: int = 90) -> str:
    """The first line of a document, which is its title if it has one."""
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
    """Show variables with previews, one on a line."""
    if not names:
        return
    screen.line(("variables", "dim"))
    width = min(max(len(name) for name in names), 24)
    for name, preview in names.items():
        screen.line("    ", (f"{name:<{width}}", "strong"), " = ", quoted(preview, 140)[1:-1])


def bound(events: Iterable[Event]) -> dict[str, str]:
    """The variables that statements bound, with the last preview of each, in the order of their first binding."""
    names: dict[str, str] = {}
    for event in events:
        if isinstance(event, StatementEnded):
            names.update((name, preview) for name, preview in event.names.items() if name)
    return names


def show_trace(screen: Screen, events: Iterable[Event]) -> None:
    """Show all events, in program order."""
    for event in events:
        show_event(screen, event)


def show_event(screen: Screen, event: Event) -> None:
    """Show one event in a few words."""
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


def _failed(screen: Screen, event: CallFailed) -> None:
    again = "" if event.final else ", made again"
    asked = asked_of(event.arguments)
    named = f"{event.tool} {quoted(asked, 90)}" if asked else event.tool
    screen.line(("! ", "bad"), f"{named} raised {event.error or 'an exception'}{again}")


def _printed(screen: Screen, event: Printed) -> None:
    show_printed(screen, event.text)


def show_printed(screen: Screen, text: str) -> None:
    """Show what the plan printed."""
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
    CallFailed: _failed,
    HookDecided: _decided,
    NodeRerun: _rerun,
    Printed: _printed,
    DiagnosticFound: _diagnostic,
    RunFinished: _finished,
}
