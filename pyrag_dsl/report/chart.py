"""The rows of the chart: all calls and failed attempts, with their times and their cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..interpreter.journal import REUSED, same_arguments
from ..runtime.calls import CallRecord, asked_of
from ..runtime.events import CallFailed, CallFinished, CallStarted, Event, HookDecided, RunStarted
from ..runtime.nesting import Spending
from ..runtime.trace import Trace

KINDS = ("call", "replaced", "unused", "retried", "failed", "running")
"""The kinds of rows.

- call: a call whose result counts;
- replaced: a call that a re-run has replaced;
- unused: a call that the plan did not reach;
- retried: a failed attempt that was followed by another one;
- failed: the last attempt of a call that failed, or a call without a result in a run that has ended;
- running: a call that has not come back.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One row of the chart.

    Attributes:
        key: its id on the page: `c7` for a call, `f2` for a failed attempt.
        kind: one of `KINDS`.
        tool: the name of the tool.
        node: the node of the call.
        alias: the alias of the call; empty if the plan did not reach it.
        asked: what the call asks, as one text.
        arguments: the arguments of the call.
        result: the result; None if there is none.
        line: the line in the plan of its run; None if it is not known.
        within: the node of the call that made its nested run; empty for the run of the trace.
        wanted: when the plan wanted the call, in seconds since the question began; None if this run did not make it.
        started: when the call was made, in the same unit.
        ended: when its result came back, or when it failed, in the same unit.
        elapsed: the seconds that the tool took, in this run or in an earlier one; None if nothing came back.
        spent: the cost of the call; nothing if it is counted at another call.
        usage: the usage that the tool reports.
        shared: the node of the call whose result this call shares; empty if it has its own.
        cached: whether its result was recorded before.
        error: the name of the exception.
        nests: whether the call ran a plan.
    """

    key: str
    kind: str
    tool: str
    node: str
    alias: str
    asked: str
    arguments: Mapping[str, Any]
    result: Any
    line: int | None
    within: str
    wanted: float | None
    started: float | None
    ended: float | None
    elapsed: float | None
    spent: Spending
    usage: Mapping[str, Any]
    shared: str = ""
    cached: bool = False
    error: str = ""
    nests: bool = False

    @property
    def depth(self) -> int:
        """How deep its run is nested; 0 for the run of the trace."""
        return self.within.count("/") + 1 if self.within else 0


def chart_of(trace: Trace, begun: Mapping[str, float] | None = None, now: float | None = None) -> tuple[Bar, ...]:
    """The rows in the order in which the calls were made. The rows of a nested run follow the call that it serves.

    Args:
        trace: the trace of any run.
        begun: for a run that has not ended: when the running calls were made, in seconds, by node.
        now: for a run that has not ended: the seconds that it has taken so far.
    """
    runs = {event.within for event in trace.events if isinstance(event, RunStarted)}
    failed = [event for event in trace.events if isinstance(event, CallFailed)]
    calls = trace.calls
    counting = {call.node for call in calls if not call.speculative}
    lines = {call.node: call.span.line for call in calls if call.span is not None}
    aliases = {call.node: call.alias for call in calls if call.alias}
    ended = trace.finished is not None
    bars: list[Bar] = []
    for number, call in enumerate(calls, start=1):
        end = _failure_of(call, failed)
        if end is not None:
            failed.remove(end)
        bars.append(_call(f"c{number}", call, end, ended, call.node in counting, lines, aliases, runs))
    for number, event in enumerate(failed, start=1):
        bars.append(_attempt(f"f{number}", event, lines, aliases, runs))
    if begun and now is not None:
        bars = [
            replace(bar, wanted=begun[bar.node], started=begun[bar.node], ended=max(now, begun[bar.node]))
            if bar.kind == "running" and bar.node in begun
            else bar
            for bar in bars
        ]
    return tuple(_nested(_worked(bars), ""))


def paid(bars: Iterable[Bar]) -> Spending:
    """The sum of the calls, tokens and cost of rows."""
    whole = Spending()
    for bar in bars:
        whole.calls += bar.spent.calls
        whole.tokens += bar.spent.tokens
        whole.cost += bar.spent.cost
    return whole


def as_it_goes(events: Sequence[Event]) -> Trace:
    """Make a trace from events in the order in which hooks receive them, also of a run that has not ended.

    A call that was made again is in the trace with the result that counts, and with the results that were replaced,
    which are marked as speculative.
    """
    last: dict[str, int] = {}
    before: dict[str, int] = {}
    begun: dict[str, list[int]] = {}
    ends: dict[str, list[int]] = {}
    runs: dict[str, int] = {}
    headers: dict[str, Event] = {}
    for place, event in enumerate(events):
        if isinstance(event, CallStarted):
            begun.setdefault(event.node, []).append(place)
            if event.node in last:
                before[event.node] = last.pop(event.node)
        elif isinstance(event, CallFinished):
            last[event.node] = place
            ends.setdefault(event.node, []).append(place)
        elif isinstance(event, CallFailed) and event.final and event.node in before:
            last.setdefault(event.node, before[event.node])  # the earlier result still counts
        elif isinstance(event, HookDecided) and event.decision == "undo" and event.seen is not None:
            asked = event.seen
            alike = [each for each in ends.get(event.node, ()) if _asks(events[each], asked)]
            last.update((event.node, each) for each in alike[-1:])
        elif isinstance(event, RunStarted):
            runs.setdefault(event.within, place)
            headers[event.within] = event
    counts = {node: places[-1] for node, places in begun.items()}
    for node, place in last.items():
        alike = [each for each in begun.get(node, ()) if _asks(events[each], _arguments(events[place]))]
        counts.update((node, each) for each in alike[-1:])
    made: list[Event] = []
    for place, event in enumerate(events):
        if isinstance(event, CallStarted) and counts[event.node] != place:
            continue
        if isinstance(event, RunStarted):
            if runs[event.within] != place:
                continue
            event = headers[event.within]
        if isinstance(event, CallFinished) and last.get(event.node) != place and not event.speculative:
            event = replace(event, speculative=True, alias="")
        made.append(replace(event, seq=len(made)))
    return Trace(made)


def _arguments(event: Event) -> Mapping[str, Any]:
    return event.arguments if isinstance(event, (CallStarted, CallFinished)) else {}


def _asks(event: Event, arguments: Mapping[str, Any]) -> bool:
    return same_arguments(_arguments(event), arguments)


def spent_of(usage: Mapping[str, Any], *, calls: int = 1) -> Spending:
    """The tokens and cost of a usage, counted as `calls` calls."""
    found = Spending()
    found.add(usage, calls)
    return found


def _failure_of(call: CallRecord, failed: Iterable[CallFailed]) -> CallFailed | None:
    """The failure that ended a call; None if the call came back, or did not end."""
    if call.ended:
        return None
    found = [event for event in failed if event.final and event.node == call.node]
    return next((event for event in reversed(found) if same_arguments(event.arguments, call.arguments)), None)


def _call(
    key: str,
    call: CallRecord,
    end: CallFailed | None,
    over: bool,
    counting: bool,
    lines: Mapping[str, int],
    aliases: Mapping[str, str],
    runs: set[str],
) -> Bar:
    kind = "call"
    if call.speculative:
        kind = "replaced" if counting else "unused"
    elif not call.ended:
        kind = "failed" if end is not None or over else "running"
    usage = call.usage if end is None else end.usage
    times: Sequence[float] | None = call.times if end is None else end.times
    spent = spent_of(usage) if call.ended else spent_of(usage, calls=1 if usage else 0)
    return Bar(
        key=key,
        kind=kind,
        tool=call.tool,
        node=call.node,
        alias=call.alias or aliases.get(call.node, ""),
        asked=asked_of(call.arguments),
        arguments=call.arguments,
        result=call.result,
        line=lines.get(call.node),
        within=call.node.rpartition("/")[0],
        wanted=None if times is None else times[0],
        started=None if times is None else times[1],
        ended=None if times is None else times[2],
        elapsed=call.elapsed if times is None or end is None else times[2] - times[1],
        spent=spent,
        usage=usage,
        shared=str(usage.get(REUSED, "")),
        cached=call.cached,
        error="" if end is None else end.error,
        nests=call.node in runs and kind != "replaced",
    )


def _attempt(key: str, event: CallFailed, lines: Mapping[str, int], aliases: Mapping[str, str], runs: set[str]) -> Bar:
    times = event.times
    return Bar(
        key=key,
        kind="failed" if event.final else "retried",
        tool=event.tool,
        node=event.node,
        alias=aliases.get(event.node, ""),
        asked=asked_of(event.arguments),
        arguments=event.arguments,
        result=None,
        line=lines.get(event.node),
        within=event.node.rpartition("/")[0],
        wanted=None if times is None else times[0],
        started=None if times is None else times[1],
        ended=None if times is None else times[2],
        elapsed=None if times is None else times[2] - times[1],
        spent=spent_of(event.usage, calls=1 if event.usage else 0),
        usage=event.usage,
        error=event.error,
        nests=event.node in runs,
    )


def _worked(bars: Sequence[Bar]) -> list[Bar]:
    """Correct the rows of calls that shared one execution, and of calls that were retried.

    An execution for several calls belongs to the first of them, and the others share its result. A retried call starts
    at the end of its last failed attempt.
    """
    vain: dict[str, list[Bar]] = {}
    for bar in bars:
        if bar.kind == "retried" and bar.ended is not None:
            vain.setdefault(bar.node, []).append(bar)
    out = []
    flights: dict[tuple[str, float, float | None], list[Bar]] = {}
    for bar in bars:
        if bar.started is not None and not bar.shared and bar.kind != "running":
            alike = flights.setdefault((bar.tool, bar.started, bar.ended), [])
            payer = next((each for each in alike if same_arguments(each.arguments, bar.arguments)), None)
            alike.append(bar)
            bar = bar if payer is None else replace(bar, shared=payer.node)
        if bar.kind != "retried" and bar.started is not None and bar.ended is not None:
            own = [
                each.ended
                for each in vain.get(bar.node, ())
                if each.ended is not None and each.wanted == bar.wanted and each.ended <= bar.ended
            ]
            if own:
                bar = replace(bar, started=max(bar.started, *own))
        out.append(bar)
    return out


def _nested(bars: Sequence[Bar], within: str) -> Iterable[Bar]:
    """The rows of one run in the order of their times, each followed by the rows of its nested run."""
    inside: dict[str, list[Bar]] = {}
    for bar in bars:
        inside.setdefault(bar.within, []).append(bar)

    def follow(run: str) -> Iterable[Bar]:
        for bar in sorted(inside.pop(run, ()), key=_when):
            yield bar
            if bar.kind not in ("replaced", "retried"):
                yield from follow(bar.node)

    yield from follow(within)
    for run in list(inside):  # runs of calls that are not in the trace
        yield from follow(run)


def _when(bar: Bar) -> tuple[bool, float, float]:
    if bar.started is None:
        return (bar.kind == "running", 0.0, 0.0)
    return (False, bar.started, bar.ended or 0.0)
