"""The record of a call, for everything that reads a run after it has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..grammar.diagnostics import Span
from ..interpreter.codec import encode_shown
from ..interpreter.journal import Times
from .events import CallFinished, CallStarted, Event


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """A tool call of a run.

    Attributes:
        node: the node of the call, for example `retrieve@7:14[0,1]`.
        alias: the short name, for example `retrieve#3`; "" for a call that the plan did not reach.
        tool: the name of the tool.
        arguments: the arguments by parameter name.
        result: what the tool returned; None if the call did not return.
        span: the place of the call in the plan; None for a call that the plan did not reach.
        elapsed: the time that the tool took, in seconds; None if the call did not return.
        times: when the call was wanted, started and answered, in seconds since the run began; None if another run made
            the call.
        ended: whether the call has returned.
        cached: whether the result was taken from the journal.
        speculative: whether the result was not used, because the run failed before the plan reached the call, or
            because a re-run replaced it.
        usage: numbers that the tool reported, such as tokens and cost, by name.
    """

    node: str
    alias: str
    tool: str
    arguments: Mapping[str, Any]
    result: Any
    span: Span | None
    elapsed: float | None
    times: Times | None
    ended: bool
    cached: bool
    speculative: bool
    usage: Mapping[str, Any]
    _dependences: Callable[[str], tuple[str, ...]] | None = None

    @property
    def depends_on(self) -> tuple[str, ...]:
        """The nodes of the calls that this call depends on, by data or control; empty if the run did not end well."""
        return () if self._dependences is None else self._dependences(self.node)

    def to_json(self) -> dict[str, Any]:
        """The call as `--json` prints it. Values that JSON cannot express are encoded as in traces."""
        return {
            "tool": self.tool,
            "arguments": encode_shown(dict(self.arguments)),
            "result": encode_shown(self.result),
            "node": self.node,
            "alias": self.alias,
            "depends_on": None if self._dependences is None else list(self.depends_on),
            "line": None if self.span is None else self.span.line,
            "elapsed": self.elapsed,
            "times": None if self.times is None else list(self.times),
            "cached": self.cached if self.ended else None,
            "speculative": self.speculative,
            "usage": encode_shown(dict(self.usage)),
        }


def call_records(
    events: Iterable[Event], dependences: Callable[[str], tuple[str, ...]] | None = None
) -> tuple[CallRecord, ...]:
    """The calls among these events in program order; calls that the plan did not reach come last.

    A node that was re-run has two calls: the one whose result was used, and the one that it replaced.
    """
    events = list(events)
    ended = {event.node: event for event in events if isinstance(event, CallFinished) and not event.speculative}
    begun = [event for event in events if isinstance(event, CallStarted)]
    made = [_record(event, ended.pop(event.node, None), dependences) for event in begun]
    # The file of a run that was killed has results without the events of their calls.
    rest = [event for event in events if isinstance(event, CallFinished) and (event.speculative or event.node in ended)]
    return (*made, *(_record(event, event, dependences) for event in rest))


def _record(
    event: CallStarted | CallFinished, end: CallFinished | None, dependences: Callable[[str], tuple[str, ...]] | None
) -> CallRecord:
    speculative = end is not None and end.speculative
    times = None if end is None or end.times is None else Times(*end.times)
    return CallRecord(
        node=event.node,
        alias=event.alias,
        tool=event.tool,
        arguments=event.arguments,
        result=None if end is None else end.result,
        span=event.span if isinstance(event, CallStarted) else None,
        elapsed=None if end is None else end.elapsed,
        times=times,
        ended=end is not None,
        cached=end is not None and end.cached,
        speculative=speculative,
        usage={} if end is None else end.usage,
        _dependences=None if speculative else dependences,
    )


def asked_of(arguments: Mapping[str, Any]) -> str:
    """The question of a call in one text: its query, or else the first text among its arguments."""
    query = arguments.get("query")
    if isinstance(query, str):
        return query
    texts = [value for name, value in arguments.items() if isinstance(value, str) and name != "source"]
    return texts[0] if texts else ""
