"""Spans of OpenTelemetry for a run and, as its children, its calls, made during the run or from its trace."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..grammar.diagnostics import Diagnostic
from ..interpreter.journal import COUNTED
from ..runtime.calls import CallRecord, call_records
from ..runtime.events import CallFailed, CallFinished, CallStarted, DiagnosticFound, Event, RunFinished, RunStarted
from ..runtime.trace import Trace
from .conventions import CONVENTIONS, Conventions, attributes, call_facts, run_facts

if TYPE_CHECKING:
    from opentelemetry.trace import Span as OpenSpan
    from opentelemetry.trace import Tracer, TracerProvider

_INSTALL = "spans need OpenTelemetry: pip install 'pyrag_dsl[otel]'"
_SECOND = 1_000_000_000  # nanoseconds, in which OpenTelemetry counts


class Tracing:
    """Makes spans of runs.

    A run is a span `invoke_workflow pyrag_dsl`, and each of its calls is a child `execute_tool NAME`. The calls of a
    nested run are children of the call that has made it.

        tracing = Tracing()
        pd.run(plan, tools, on_event=tracing.live())      # spans during the run
        tracing.export(pd.Trace.load("run.jsonl"))        # spans of a run that has ended

    Args:
        provider: the `TracerProvider` for the spans; by default, that of the whole program.
        conventions: "gen_ai" for the attributes of OpenTelemetry's GenAI conventions, "openinference" for those that
            Phoenix and Arize read.
        content: whether spans hold the question, the plan, arguments and results, which readers of the spans then see.

    Raises:
        ModuleNotFoundError: OpenTelemetry is not installed. The message says how to install it.
        ValueError: there are no such conventions.
    """

    def __init__(
        self, provider: TracerProvider | None = None, *, conventions: Conventions = "gen_ai", content: bool = False
    ) -> None:
        try:
            from opentelemetry import trace
        except ModuleNotFoundError:
            raise ModuleNotFoundError(_INSTALL) from None
        if conventions not in CONVENTIONS:
            raise ValueError(f"conventions must be one of {', '.join(CONVENTIONS)}, not {conventions!r}")
        self._tracer: Tracer = (provider or trace.get_tracer_provider()).get_tracer("pyrag_dsl")
        self._conventions = conventions
        self._content = content

    def live(self) -> Callable[[Event], None]:
        """A function for the option `on_event` of one run, whose span is a child of the current span, if any."""
        from opentelemetry.context import get_current

        return _Live(self, get_current())

    def export(self, trace: Trace) -> None:
        """Make the spans of a recorded run.

        They begin at the present as the plan saw it. A call that was taken from another run has no times, and is placed
        at the beginning of its run. A call that failed has none either, and is placed at the end.
        """
        from opentelemetry.context import Context

        errors = _errors(trace.events)
        usages: dict[str, Mapping[str, Any]] = {}
        for event in trace.events:
            if isinstance(event, CallFailed):
                usages[event.node] = _added(usages.get(event.node, {}), event.usage)
        finished = trace.finished
        begun = int(datetime.fromisoformat(trace.header.started).timestamp() * _SECOND)
        calls = sorted(trace.calls, key=lambda call: (call.node.count("/"), not call.speculative))
        ends = [call.times.ended for call in calls if call.times is not None]
        lasted = finished.elapsed if finished is not None else max(ends, default=0.0)
        root = self.begin("", run_facts(trace.header, None), begun, Context())
        # By node: the parent span of its nested calls, and their possible times.
        spans: dict[str, tuple[OpenSpan, int, int]] = {"": (root, begun, begun + int(lasted * _SECOND))}
        nesting = {call.node.rpartition("/")[0] for call in calls}
        for call in calls:
            above, first, last = spans.get(call.node.rpartition("/")[0], spans[""])
            start, end = _times(call, begun, first, last)
            if not call.ended and call.node in usages:
                call = replace(call, usage=usages[call.node])
            error = None if call.ended else errors.get(call.node)
            facts = call_facts(call, error, call.node in nesting)
            span = self.begin(call.tool, facts, start, _below(above))
            spans[call.node] = span, start, end
            self.end(span, facts, end, error, failed=not call.ended)
        self.end(
            root,
            run_facts(trace.header, finished, errors.get("")),
            spans[""][2],
            errors.get(""),
            failed=finished is None or finished.status != "done",
        )

    def begin(self, tool: str, facts: Mapping[str, Any], start: int, context: Any) -> OpenSpan:
        """Begin a span.

        Args:
            tool: the name of the tool; "" for the run.
            facts: what is known at the beginning.
            start: the begin, in nanoseconds since 1970.
            context: the context of the parent span.
        """
        name = f"execute_tool {tool}" if tool else "invoke_workflow pyrag_dsl"
        told = attributes(facts, self._conventions, self._content)
        return self._tracer.start_span(name, context, attributes=told, start_time=start)

    def end(
        self, span: OpenSpan, facts: Mapping[str, Any], end: int, error: Diagnostic | None, *, failed: bool
    ) -> None:
        """End a span with the facts of its end. The message of a diagnostic is content: it may quote the plan."""
        from opentelemetry.trace import Status, StatusCode

        span.set_attributes(attributes(facts, self._conventions, self._content))
        if failed:
            told = None if error is None else f"{error.code} {error.message}" if self._content else error.code
            span.set_status(Status(StatusCode.ERROR, told))
        span.end(end)


@dataclass(slots=True)
class _Open:
    """A call that has not ended."""

    event: CallStarted | CallFinished
    span: OpenSpan
    usage: Mapping[str, Any]


class _Live:
    """Listens to one run."""

    def __init__(self, tracing: Tracing, context: Any) -> None:
        self._tracing = tracing
        self._context = context
        self._header: RunStarted | None = None
        self._root: OpenSpan | None = None
        self._open: dict[str, _Open] = {}
        self._nesting: set[str] = set()
        self._errors: dict[str, Diagnostic] = {}
        # The wall clock is read only once, because it may be set during a run.
        self._offset = time.time_ns() - time.perf_counter_ns()

    def __call__(self, event: Event) -> None:
        now = self._offset + time.perf_counter_ns()
        if isinstance(event, RunStarted) and not event.within:
            self._header = event
            self._root = self._tracing.begin("", run_facts(event, None), now, self._context)
        elif isinstance(event, CallStarted):
            self._start(event, now)
        elif isinstance(event, CallFinished):
            if event.node not in self._open:  # the result was recorded, and the tool was not called
                self._start(event, now)
            self._finish(event, now)
        elif isinstance(event, CallFailed) and event.node in self._open:
            self._open[event.node].usage = _added(self._open[event.node].usage, event.usage)
        elif isinstance(event, DiagnosticFound):
            self._errors = {**_errors([event]), **self._errors}
        elif isinstance(event, RunFinished):
            self._close(event, now)

    def _start(self, event: CallStarted | CallFinished, now: int) -> None:
        around = event.node.rpartition("/")[0]
        self._nesting.add(around)
        above = self._open[around].span if around in self._open else self._root
        facts = call_facts(_record(event))
        self._open[event.node] = _Open(event, self._tracing.begin(event.tool, facts, now, _below(above)), {})

    def _finish(self, event: CallFinished, now: int) -> None:
        call = self._open.pop(event.node)
        facts = call_facts(_record(call.event, event), None, event.node in self._nesting)
        self._tracing.end(call.span, facts, now, None, failed=False)

    def _close(self, event: RunFinished, now: int) -> None:
        """End the span of a run, and those of calls that failed or were abandoned."""
        below = event.within + "/" if event.within else ""
        for node in sorted((node for node in self._open if node.startswith(below)), key=len, reverse=True):
            call, error = self._open.pop(node), self._errors.get(node)
            facts = call_facts(replace(_record(call.event), usage=call.usage), error, node in self._nesting)
            self._tracing.end(call.span, facts, now, error, failed=True)
        if not event.within and self._root is not None and self._header is not None:
            error = self._errors.get("")
            self._tracing.end(
                self._root, run_facts(self._header, event, error), now, error, failed=event.status != "done"
            )
            self._root = None


def _below(span: OpenSpan | None) -> Any:
    from opentelemetry.context import Context
    from opentelemetry.trace import set_span_in_context

    return Context() if span is None else set_span_in_context(span, Context())


def _errors(events: list[Event]) -> dict[str, Diagnostic]:
    """The diagnostics of failed calls by node, and that of the run at ""."""
    found: dict[str, Diagnostic] = {}
    for event in events:
        if isinstance(event, DiagnosticFound) and event.diagnostic.severity == "error":
            for node in (*event.diagnostic.nodes, *(() if event.within else ("",))):
                found.setdefault(node, event.diagnostic)
    return found


def _added(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """The sum of the usages of two attempts."""
    counted = COUNTED & (one.keys() | other.keys())
    return {**one, **other, **{name: (one.get(name) or 0) + (other.get(name) or 0) for name in counted}}


def _times(call: CallRecord, zero: int, first: int, last: int) -> tuple[int, int]:
    """When a call began and ended, by the clock of the outermost run, within the time of its parent span."""
    if call.times is None:
        at = first if call.ended else last
        return at, at
    start = min(max(first, zero + int(call.times.started * _SECOND)), last)
    return start, max(start, min(zero + int(call.times.ended * _SECOND), last))


def _record(begun: CallStarted | CallFinished, ended: CallFinished | None = None) -> CallRecord:
    (record,) = call_records([begun] if ended is None or ended is begun else [begun, ended])
    return record


def send(trace: Trace, url: str, *, conventions: Conventions = "gen_ai", content: bool = False) -> int:
    """Make the spans of a recorded run and send them to a receiver of OTLP over HTTP.

    Args:
        trace: the trace of the run.
        url: the address of the receiver; `/v1/traces` is added if it has no path.
        conventions: see `Tracing`.
        content: see `Tracing`.

    Returns:
        The number of spans.

    Raises:
        ModuleNotFoundError: OpenTelemetry is not installed. The message says how to install it.
        ConnectionError: the receiver did not accept the spans.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider as Provider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    except ModuleNotFoundError:
        raise ModuleNotFoundError(_INSTALL) from None
    provider = Provider(resource=Resource.create({"service.name": "pyrag_dsl"}))
    kept = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    Tracing(provider, conventions=conventions, content=content).export(trace)
    spans = kept.get_finished_spans()
    place = url if urlsplit(url).path.strip("/") else f"{url.rstrip('/')}/v1/traces"
    exporter = OTLPSpanExporter(endpoint=place, timeout=5)
    try:
        taken = exporter.export(spans)
    finally:
        exporter.shutdown()  # type: ignore[no-untyped-call,unused-ignore]
    if taken is not SpanExportResult.SUCCESS:
        raise ConnectionError(f"{place} did not take the spans: is a receiver of OTLP over HTTP there?")
    return len(spans)
