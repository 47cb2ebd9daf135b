"""HTML for notebooks: a run that has ended, and a run while it continues."""

from __future__ import annotations

import time
from collections.abc import Iterable
from html import escape
from typing import Any

from ..quoting import one_line, shorten, written
from .calls import CallRecord, call_records
from .events import DiagnosticFound, Event, RunFinished, RunStarted

_ROWS = 50
_TEXT = 200  # characters
_PAUSE = 0.1  # seconds between two updates


def run_html(events: Iterable[Event]) -> str:
    """A run as HTML: how it ended, its answer, and a table of its calls with their arguments and costs.

    Everything from the run is escaped text: the HTML has no script, link, style or image, and tells notebooks not to
    render formulas in it.
    """
    events = list(events)
    calls, lines, state = call_records(events), [], "not ended"
    for event in events:
        if event.within:
            continue
        if isinstance(event, RunStarted) and event.question:
            lines.append(f"<i>{_text(event.question)}</i>")
        elif isinstance(event, DiagnosticFound) and event.diagnostic.severity == "error":
            lines.append(_text(f"{event.diagnostic.code}: {event.diagnostic.message}"))
        elif isinstance(event, RunFinished):
            state = f"{event.status}, {_figure(event.elapsed)} s"
            if event.status == "done":
                lines.append(f"<b>{_text(event.final_answer)}</b>")
    lines.append(_text(f"{state}, {len(calls)} calls"))
    rows = [_row(call) for call in calls[:_ROWS]]
    if len(calls) > _ROWS:
        rows.append(f'<tr><td colspan="6">and {len(calls) - _ROWS} more</td></tr>')
    head = "".join(f"<th>{name}</th>" for name in ("call", "asked", "answered", "seconds", "tokens", "cost"))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>" if rows else ""
    told = "".join(f"<p>{each}</p>" for each in lines)
    return f'<div class="pyrag-run mathjax_ignore tex2jax_ignore">{told}{table}</div>'


def _row(call: CallRecord) -> str:
    asked = ", ".join(f"{name}={_brief(value)}" for name, value in call.arguments.items())
    answered = "nothing" if not call.ended else _brief(call.result)
    seconds = "recorded" if call.cached else _figure(call.elapsed)
    costs = (_figure(call.usage.get("tokens")), _figure(call.usage.get("cost")))
    cells = (call.alias or call.node, asked, answered, seconds, *costs)
    return "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in cells) + "</tr>"


def _brief(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} items" if len(value) != 1 else "1 item"
    return written(value)


def _figure(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def _text(value: Any) -> str:
    return escape(shorten(one_line(written(value)), _TEXT))


class NotebookProgress:
    """Shows a run in a notebook while it continues: `await pd.arun(plan, tools, on_event=pd.NotebookProgress())`.

    Raises:
        ModuleNotFoundError: IPython is missing, so this is not a notebook.
    """

    def __init__(self) -> None:
        try:
            from IPython.display import HTML, display
        except ModuleNotFoundError:
            raise ModuleNotFoundError("`NotebookProgress` shows a run in a notebook, and needs IPython") from None
        self._html: Any = HTML
        self._display: Any = display
        self._handle: Any = None
        self._events: list[Event] = []
        self._shown = 0.0

    def __call__(self, event: Event) -> None:
        self._events.append(event)
        ended = isinstance(event, RunFinished) and not event.within
        if not ended and time.monotonic() < self._shown + _PAUSE:
            return
        self._shown = time.monotonic()
        piece = self._html(run_html(_settled(self._events)))
        if self._handle is None:
            self._handle = self._display(piece, display_id=True)
        else:
            self._handle.update(piece)


def _settled(events: Iterable[Event]) -> list[Event]:
    """The events without calls that were made again: only the last event of each call is kept."""
    kept: dict[tuple[str, str] | int, Event] = {}
    for number, event in enumerate(events):
        kept[(type(event).__name__, getattr(event, "node", "")) if hasattr(event, "node") else number] = event
    return list(kept.values())
