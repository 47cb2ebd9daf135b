"""What the page shows, computed from a trace: plain data, nothing of HTML in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..grammar.diagnostics import Diagnostic
from ..grammar.render import render_terminal
from ..runtime.calls import CallRecord
from ..runtime.events import (
    DiagnosticFound,
    HookDecided,
    NodeRerun,
    Printed,
    RunStarted,
    StatementEnded,
)
from ..runtime.trace import Trace
from .ancestry import Ancestry, Branch, ancestry_of

LONGEST_TEXT = 20_000
"""Characters of one text on the page; the trace has the rest."""


@dataclass(frozen=True, slots=True)
class ShownPassage:
    """A document that a call returned. `cited`: it contains an answer that was drawn from it."""

    rank: int
    title: str
    text: str
    cited: bool = False


@dataclass(frozen=True, slots=True)
class CallView:
    """One call. `start` and `share` place its bar: fractions of the time that all calls need together.

    `ended` is false for a call whose result never came; `needed` says whether the final answer depends on it, and
    is None where nobody knows.
    """

    number: int
    alias: str
    node: str
    tool: str
    line: int | None
    arguments: tuple[tuple[str, str], ...]
    documents: tuple[ShownPassage, ...]
    passages: tuple[ShownPassage, ...] | None
    answer: str
    elapsed: float
    start: float
    share: float
    ended: bool
    cached: bool
    speculative: bool
    usage: tuple[tuple[str, str], ...]
    depends_on: tuple[str, ...]
    needed: bool | None


@dataclass(frozen=True, slots=True)
class LineView:
    """A line of the plan: how many calls it made, and the worst severity of what is wrong with it."""

    number: int
    text: str
    calls: int = 0
    severity: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """Everything on the page."""

    question: str
    status: str
    answer: str | None
    started: str
    elapsed: float | None
    tool_time: float
    last_result: float
    tokens: int
    lines: tuple[LineView, ...]
    calls: tuple[CallView, ...]
    variables: tuple[tuple[str, str, int], ...]
    diagnostics: tuple[tuple[Diagnostic, str], ...]
    decisions: tuple[tuple[str, str], ...]
    printed: str
    branches: tuple[Branch, ...] | None
    overrides: tuple[tuple[str, str], ...] = ()
    timed: bool = False


_STATUS = {
    "done": "done",
    "rejected": "the plan was rejected",
    "failed": "the plan failed",
    "limit": "a limit was met",
    "tool": "a tool failed",
    "cancelled": "cancelled",
}


def view_of(trace: Trace) -> View:
    """The page's data. Where the run ended well it is run again on its own results to learn what depended on what.

    Of a method that has run written plans it shows the one that counts, and what led to it among the decisions.
    """
    whole, nested = trace, _nested(trace)
    if nested:
        trace = next((each for _, each in reversed(nested) if _ended_well(each)), nested[-1][1])
    header = trace.header
    finished = trace.finished if whole.finished is None or not nested else whole.finished
    source = header.source
    ancestry = ancestry_of(trace, source) if _ended_well(trace) else None
    made = trace.calls
    times = _times(made, ancestry)
    calls = _calls(made, ancestry, times)
    found = _diagnostics(trace, source)
    return View(
        question=whole.header.question,
        status=_STATUS.get(finished.status, finished.status) if finished else "the run did not end",
        answer=_shown(finished.final_answer) if finished and finished.status == "done" else None,
        started=header.started,
        elapsed=finished.elapsed if finished else None,
        tool_time=sum(call.elapsed for call in calls),
        last_result=max([0.0, *(end for _, end in times)]),
        tokens=sum(call.usage["tokens"] for call in whole.calls if _counts(call)),
        lines=_lines(source, calls, [diagnostic for diagnostic, _ in found]),
        calls=calls,
        variables=_variables(trace),
        diagnostics=found,
        decisions=(*_steps(whole, nested), *_decisions(trace)),
        printed=_cut("".join(event.text for event in trace.of(Printed))),
        branches=ancestry.branches if ancestry is not None else None,
        timed=any(call.times is not None for call in made),
        overrides=tuple((node, _pairs(changes)) for node, changes in header.overrides.items()),
    )


def _nested(trace: Trace) -> list[tuple[str, Trace]]:
    """The written plans that a method has run, by the short names of the calls, in order."""
    within = {event.within for event in trace.events if isinstance(event, RunStarted) and "/" not in event.within}
    calls = [call for call in trace.calls if call.node in within]
    return [(call.alias or call.node, trace.within(call.node)) for call in calls]


def _ended_well(trace: Trace) -> bool:
    return trace.finished is not None and trace.finished.status == "done"


def _steps(whole: Trace, nested: list[tuple[str, Trace]]) -> list[tuple[str, str]]:
    """What a method did around the plans that it has run, in a few words each."""
    if not nested:
        return []
    runs = dict(nested)
    out = []
    for call in whole.calls:
        if "/" in call.node:
            continue
        tokens = call.usage.get("tokens")
        spent = f"{tokens:,} tokens" if isinstance(tokens, int) else ""
        found = [event.diagnostic for event in runs[call.alias].of(DiagnosticFound)] if call.alias in runs else []
        errors = [f"{each.code} {each.message}" for each in found if each.severity == "error"]
        out.append((call.alias or call.node, "; ".join(filter(None, [spent, *errors]))))
    return out


def _times(calls: Sequence[CallRecord], ancestry: Ancestry | None) -> list[tuple[float, float]]:
    """When each call was made and ended, in seconds of the run; (0, 0) where this run did not make it.

    A trace of another run's results, or of before there were times, keeps how long a call took only. Then each is drawn
    as if it began as soon as what it depends on was there; without dependences, one after the other.
    """
    if any(call.times is not None for call in calls):
        return [(0.0, 0.0) if call.times is None else (call.times.started, call.times.ended) for call in calls]
    times: dict[str, tuple[float, float]] = {}
    clock = 0.0
    for call in calls:
        if call.elapsed is None or call.speculative:
            continue
        if ancestry is not None:
            clock = max([0.0, *(times[node][1] for node in ancestry.parents(call.node) if node in times)])
        times[call.node] = (clock, clock + max(call.elapsed, 0.0))
        clock = times[call.node][1]
    return [(0.0, 0.0) if call.speculative else times.get(call.node, (0.0, 0.0)) for call in calls]


def _calls(
    made: tuple[CallRecord, ...], ancestry: Ancestry | None, times: Sequence[tuple[float, float]]
) -> tuple[CallView, ...]:
    aliases = {call.node: call.alias for call in made if call.alias}
    total = max([end for _, end in times] or [0.0]) or 1.0
    views = []
    for number, (call, (start, stop)) in enumerate(zip(made, times, strict=True), start=1):
        parents = () if ancestry is None or call.speculative else ancestry.parents(call.node)
        listed = isinstance(call.result, list) and all(isinstance(item, str) for item in call.result)
        views.append(
            CallView(
                number=number,
                alias=call.alias or aliases.get(call.node, call.node),
                node=call.node,
                tool=call.tool,
                line=None if call.span is None else call.span.line,
                arguments=tuple((name, _shown(value)) for name, value in call.arguments.items() if name != "docs"),
                documents=_passages(call.arguments.get("docs"), ()),
                passages=_passages(call.result, _answers_from(made, ancestry, call.node)) if listed else None,
                answer="" if listed or not call.ended else _shown(call.result),
                elapsed=call.elapsed or 0.0,
                start=start / total,
                share=(stop - start) / total,
                ended=call.ended,
                cached=call.cached,
                speculative=call.speculative,
                usage=tuple((name, _shown(value)) for name, value in call.usage.items()),
                depends_on=tuple(aliases.get(parent, parent) for parent in parents),
                needed=None if ancestry is None else not call.speculative and call.node in ancestry.lineage,
            )
        )
    return tuple(views)


def _answers_from(made: tuple[CallRecord, ...], ancestry: Ancestry | None, node: str) -> tuple[str, ...]:
    """What was answered by the calls that depend on this one and on nothing between."""
    if ancestry is None:
        return ()
    return tuple(
        call.result
        for call in made
        if isinstance(call.result, str) and not call.speculative and node in ancestry.parents(call.node)
    )


def _passages(value: Any, answers: tuple[str, ...]) -> tuple[ShownPassage, ...]:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        return ()
    folded = [answer.casefold().strip() for answer in answers]
    made = []
    for rank, document in enumerate(value, start=1):
        text = document if isinstance(document, str) else _shown(document)
        title, newline, rest = text.strip().partition("\n")
        if not newline and len(title) > 120:
            title, rest = title[:80].rstrip() + "…", text
        body = text.casefold()
        cited = any(len(answer) > 2 and answer in body for answer in folded)
        made.append(ShownPassage(rank, title[:300], _cut(rest), cited))
    return tuple(made)


def _lines(source: str, calls: tuple[CallView, ...], found: list[Diagnostic]) -> tuple[LineView, ...]:
    counts: dict[int, int] = {}
    for call in calls:
        if call.line is not None:
            counts[call.line] = counts.get(call.line, 0) + 1
    severities: dict[int, str] = {}
    for diagnostic in reversed(found):
        if diagnostic.span is not None:
            severities[diagnostic.span.line] = diagnostic.severity
    return tuple(
        LineView(number, text, counts.get(number, 0), severities.get(number, ""))
        for number, text in enumerate(source.rstrip("\n").split("\n"), start=1)
    )


def _variables(trace: Trace) -> tuple[tuple[str, str, int], ...]:
    """Names with their last previews and the lines that bound them."""
    found: dict[str, tuple[str, str, int]] = {}
    for event in trace.of(StatementEnded):
        for name, preview in event.names.items():
            if name:
                found[name] = (name, preview, event.span.line)
    return tuple(found.values())


def _diagnostics(trace: Trace, source: str) -> tuple[tuple[Diagnostic, str], ...]:
    return tuple(
        (event.diagnostic, _without_head(render_terminal([event.diagnostic], source, width=110)))
        for event in trace.of(DiagnosticFound)
    )


def _without_head(text: str) -> str:
    return text.partition("\n")[2].rstrip()


def _decisions(trace: Trace) -> tuple[tuple[str, str], ...]:
    out = []
    for event in trace:
        if isinstance(event, HookDecided):
            out.append((f"{event.hook}: {event.decision}", f"{event.node}  {_pairs(event.detail)}".strip()))
        elif isinstance(event, NodeRerun):
            out.append((f"{event.alias or event.node} again", _pairs(event.overrides)))
    return tuple(out)


def _counts(call: CallRecord) -> bool:
    return not call.cached and isinstance(call.usage.get("tokens"), int)


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {_shown(value)}" for name, value in values.items())


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return _cut(value)
    try:
        return _cut(repr(value))
    except ValueError:  # CPython writes no integer of more than 4,300 digits
        return f"({type(value).__name__} that is too long to be written)"


def _cut(text: str) -> str:
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[:LONGEST_TEXT]}\n[{len(text) - LONGEST_TEXT:,} more characters in the trace]"
