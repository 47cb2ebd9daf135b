"""The data that the page shows, computed from a trace. It contains no HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..agents.sentinels import is_sentinel
from ..agents.writing import WRITES_PLANS
from ..grammar.diagnostics import Diagnostic
from ..grammar.render import render_terminal
from ..methods.answered import Answered
from ..quoting import written
from ..runtime.events import DiagnosticFound, HookDecided, NodeRerun, Printed, RunStarted, StatementEnded
from ..runtime.trace import Trace
from .ancestry import Ancestry, Branch, ancestry_of
from .chart import Bar, chart_of, paid
from .passages import Readings, ShownPassage, beside, cut, shown
from .source import DiffLine, Piece, coloured, difference

_GROUPED = 30
"""If a run has more calls than this, they are folded by the line that made them."""
_HUGE = 400
"""If a page has more rows than this, it shows only the beginning of each passage."""
_BADGES = 3
"""The most calls that a line of a plan names one by one."""


@dataclass(frozen=True, slots=True)
class FixedPrompt:
    """The fixed text that a model receives in every call of a tool.

    Attributes:
        key: its id on the page.
        tool: the name of the tool.
        text: the text.
    """

    key: str
    tool: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCard:
    """A row of the chart with the details of the call.

    Attributes:
        bar: the row.
        name: the alias of the call in its run, or its node.
        start, begin, end: when the call was wanted, made and answered, in thousandths of the time of the question.
        arguments: the arguments as texts, by name, without documents and messages that are shown elsewhere.
        passages: the passages that the call found; None if its result is not a list of texts.
        documents: the documents that the call read.
        answer: the result as text; empty if it is a list of texts.
        again: what became of the call: why it was replaced or retried, why it failed, or whose result it shares.
        parents: the keys of the rows on which it depends directly.
        needed: whether the final answer depends on it; None if that is not known.
        usage: the usage as texts, by name.
        topk: the number of passages of a retrieve that can be made again with another number; None for other rows.
        run: the node of the call that made its nested run; empty for the run of the trace.
        prompt: the fixed text that a model received, which is on the page only once; None if there is none.
        told: the other texts that the model received.
        raw: the whole reply of the model if it is more than the answer; else empty.
    """

    bar: Bar
    name: str
    start: float
    begin: float
    end: float
    arguments: tuple[tuple[str, str], ...]
    passages: tuple[ShownPassage, ...] | None
    documents: tuple[ShownPassage, ...]
    answer: str
    again: str
    parents: tuple[str, ...]
    needed: bool | None
    usage: tuple[tuple[str, str], ...]
    topk: int | None
    run: str
    prompt: FixedPrompt | None
    told: tuple[str, ...]
    raw: str


@dataclass(frozen=True, slots=True)
class LineView:
    """A line of a plan.

    Attributes:
        number: the number of the line, from 1.
        pieces: the text as coloured pieces.
        values: the names that the line bound, with previews of their last values.
        calls: the calls that it made; only the first if there are many.
        more: the number of calls if there are many; else 0.
        severity: the severity of the diagnostic at this line; empty if there is none.
    """

    number: int
    pieces: tuple[Piece, ...]
    values: tuple[tuple[str, str], ...]
    calls: tuple[CallCard, ...]
    more: int
    severity: str


@dataclass(frozen=True, slots=True)
class CallGroup:
    """Calls of a tool that one line made, or all calls of a run, with their seconds and tokens.

    Attributes:
        title: the line and the tool; empty if the calls are not folded.
        cards: the calls.
        seconds: the sum of their seconds.
        tokens: the sum of their tokens.
    """

    title: str
    cards: tuple[CallCard, ...]
    seconds: float
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One run of a plan: the run of the trace, or a nested run.

    Attributes:
        key: its id on the page.
        call: the card of the call that made the nested run; None for the run of the trace.
        status: how it ended, in words.
        failed: whether it ended with an error.
        lines: the lines of its plan.
        groups: its calls.
        diagnostics: its diagnostics, each with an excerpt of the source.
        decisions: the decisions of hooks, each with its details.
        printed: what the plan printed.
        branches: the calls on which its answer depends; None if that is not known.
    """

    key: str
    call: CallCard | None
    status: str
    failed: bool
    lines: tuple[LineView, ...]
    groups: tuple[CallGroup, ...]
    diagnostics: tuple[tuple[Diagnostic, str], ...]
    decisions: tuple[tuple[str, str], ...]
    printed: str
    branches: tuple[Branch, ...] | None


@dataclass(frozen=True, slots=True)
class Repair:
    """How one draft of a plan became the next.

    Attributes:
        title: what was done.
        why: the reason.
        lines: the difference between the drafts.
        card: the call that made or ran the new draft; None if it is not known.
    """

    title: str
    why: str
    lines: tuple[DiffLine, ...]
    card: CallCard | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRow:
    """The calls and the cost of one tool.

    Attributes:
        name: the name of the tool; "all" for the sum.
        calls: the calls that were paid for.
        vain: the rows whose result was not used: failed attempts, replaced calls and calls that were not needed.
        busy: the seconds that its calls took.
        waited: the seconds for which its calls waited for a free place.
        tokens: the tokens.
        cost: the cost.
    """

    name: str
    calls: int
    vain: int
    busy: float
    waited: float
    tokens: int
    cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The data of the whole page.

    Attributes:
        question: the question.
        mood: "good", "unknown" (the run ended without an error and found no answer), "bad" (an error ended it) or
            "going" (it has not ended).
        status: how the run ended, in words.
        answer: the final answer as text; None if there is none.
        started: when the run started.
        elapsed: the seconds of the run; None if they are not known.
        reach: the seconds at the right end of the chart.
        timed: whether the times of calls were recorded.
        runs: all runs; the run of the trace is the first.
        main: the run whose plan and calls are shown first.
        chart: the rows of the chart.
        cards: the rows that count, by node.
        by_key: all rows by key.
        run_of: the keys of runs, by the nodes of the calls that made them.
        inner: the keys of nested runs, by the keys of the rows that made them.
        repairs: the changes from draft to draft.
        costs: the cost by tool.
        total: the sum of the cost.
        queries: the sub-queries of the question.
        writing: the lines of a plan that a model is writing.
        prompts: the fixed texts that models received.
        about: the model and the corpus, and what else the header says about the run.
        inputs: the inputs except the question.
        limits: the limits.
        overrides: the changed arguments, by node.
    """

    question: str
    mood: str
    status: str
    answer: str | None
    started: str
    elapsed: float | None
    reach: float
    timed: bool
    runs: tuple[RunView, ...]
    main: RunView
    chart: tuple[CallCard, ...]
    cards: Mapping[str, CallCard]
    by_key: Mapping[str, CallCard]
    run_of: Mapping[str, str]
    inner: Mapping[str, str]
    repairs: tuple[Repair, ...]
    costs: tuple[CostRow, ...]
    total: CostRow
    queries: tuple[str, ...]
    writing: tuple[LineView, ...]
    prompts: tuple[FixedPrompt, ...]
    about: tuple[tuple[str, str], ...]
    inputs: tuple[tuple[str, str], ...]
    limits: tuple[tuple[str, str], ...]
    overrides: tuple[tuple[str, str], ...]


_STATUS = {
    "done": "done",
    "rejected": "the plan was rejected",
    "failed": "the plan failed",
    "limit": "a limit was reached",
    "tool": "a tool failed",
    "cancelled": "cancelled",
}
_BY = {
    "plan": "The plan of the model",
    "fix": "Safe fixes",
    "repair": "Repaired by a model",
    "new plan": "A new plan",
    "rerun": "Run again with more passages",
}


def view_of(
    trace: Trace, *, begun: Mapping[str, float] | None = None, now: float | None = None, writing: str = ""
) -> View:
    """The data of the page. Runs that ended without an error are replayed, to find the dependences between calls.

    Args:
        trace: the trace of any run.
        begun: for a run that has not ended: when the running calls were made, in seconds, by node.
        now: for a run that has not ended: the seconds that it has taken so far.
        writing: for a run that has not ended: the part of a plan that a model has written so far.
    """
    bars = chart_of(trace, begun or {}, now)
    header, finished = trace.header, trace.finished
    ends = [bar.ended for bar in bars if bar.ended is not None]
    reach = max([0.0 if finished is None else finished.elapsed, now or 0.0, *ends]) or 1.0
    nodes = dict.fromkeys(event.within for event in trace.events if isinstance(event, RunStarted))
    traces = {node: trace if not node else trace.within(node) for node in nodes}
    ancestries = {node: _ancestry(each) for node, each in traces.items()}
    cards = _cards(trace, bars, reach, ancestries)
    of = {card.bar.node: card for card in cards if card.bar.nests}
    own: dict[str, list[CallCard]] = {}
    for card in cards:
        own.setdefault(card.bar.within, []).append(card)
    runs = tuple(
        _run(f"r{number}", each, of.get(node), own.get(node, []), ancestries[node], now)
        for number, (node, each) in enumerate(traces.items())
    )
    answered = Answered(trace)
    main = _main(answered, runs)
    answer = finished.final_answer if finished is not None and finished.status == "done" else None
    return View(
        question=header.question,
        mood=mood_of(trace),
        status=_STATUS.get(finished.status, finished.status) if finished else _going("the run", now),
        answer=shown(answer) if finished is not None and finished.status == "done" else None,
        started=_time_of_day(header.started),
        elapsed=finished.elapsed if finished else now,
        reach=reach,
        timed=any(bar.started is not None for bar in bars),
        runs=runs,
        main=main,
        chart=tuple(cards),
        cards={card.bar.node: card for card in cards if card.bar.kind in ("call", "failed", "running")},
        by_key={card.bar.key: card for card in cards},
        run_of={"" if run.call is None else run.call.bar.node: run.key for run in runs},
        inner={run.call.bar.key: run.key for run in runs if run.call is not None},
        repairs=_repairs(answered, of, cards),
        costs=_costs(bars),
        total=_cost("all", bars, [bar for bar in bars if not bar.nests]),
        queries=answered.queries,
        writing=_written(writing, header),
        prompts=tuple(dict.fromkeys(card.prompt for card in cards if card.prompt is not None)),
        about=tuple((name, shown(value)) for name, value in header.about.items()),
        inputs=tuple((name, shown(value)) for name, value in header.inputs.items() if name != "question"),
        limits=tuple((name.replace("_", " "), _limit(value)) for name, value in header.limits.items()),
        overrides=tuple((node, _pairs(changes)) for node, changes in header.overrides.items()),
    )


def _going(what: str, now: float | None) -> str:
    return f"{what} did not end" if now is None else f"{what} is not finished yet"


def mood_of(trace: Trace) -> str:
    """How a run ended, as in `View.mood`."""
    finished = trace.finished
    if finished is None:
        return "going"
    if finished.status != "done":
        return "bad"
    said = finished.final_answer
    nothing = said is None or (isinstance(said, str) and (not said.strip() or is_sentinel(said)))
    return "unknown" if nothing else "good"


def _time_of_day(started: str) -> str:
    try:
        found = datetime.fromisoformat(started)
    except ValueError:
        return started
    zone = f" {found.tzname()}" if found.tzinfo is not None else ""
    return f"{found.day} {found:%b %Y, %H:%M:%S}{zone}"


def _ancestry(trace: Trace) -> Ancestry | None:
    well = trace.finished is not None and trace.finished.status == "done"
    return ancestry_of(trace, trace.source) if well else None


def _main(answered: Answered, runs: Sequence[RunView]) -> RunView:
    """The run that counts: that of the plan which gave the answer, or of the last plan, if a method wrote plans."""
    counts = answered.run
    node = None if counts is None else counts.node
    return next((run for run in runs if run.call is not None and run.call.bar.node == node), runs[0])


# ----------------------------------------------------------------------- calls


def _cards(
    trace: Trace, bars: Sequence[Bar], reach: float, ancestries: Mapping[str, Ancestry | None]
) -> list[CallCard]:
    reading = Readings(bars, short=len(bars) > _HUGE)
    why = _reasons(trace)
    names = {bar.node: bar.alias or bar.node for bar in bars if bar.kind in ("call", "failed")}
    keys = {bar.node: bar.key for bar in bars if bar.kind in ("call", "failed", "running")}
    timed = any(bar.started is not None for bar in bars)
    places = {} if timed else _guessed(bars, ancestries)
    whole = max([end for _, end in places.values()], default=0.0) or reach
    prompts: dict[str, FixedPrompt] = {}
    cards = []
    for bar in bars:
        tree = ancestries.get(bar.within)
        inner = bar.node.rpartition("/")[2]
        counts = bar.kind == "call"
        prefix = f"{bar.within}/" if bar.within else ""
        parents = tree.parents(inner) if tree is not None and counts else ()
        if bar.started is not None and bar.ended is not None:
            wanted = bar.started if bar.wanted is None else bar.wanted
            times = [wanted / reach, bar.started / reach, bar.ended / reach]
        else:
            made, back = places.get(bar.key, (0.0, 0.0))
            times = [made / whole, made / whole, back / whole]
        start, begin, end = (round(min(max(each, 0.0), 1.0) * 1_000, 2) for each in times)
        passages, documents, answer = reading.of(bar)
        first, *told = _told(bar) or [""]
        prompt = prompts.setdefault(first, FixedPrompt(f"p{len(prompts)}", bar.tool, cut(first))) if first else None
        elsewhere = ("docs", "messages") if told else ("docs",)
        raw = cut(bar.usage["raw"]) if isinstance(bar.usage.get("raw"), str) else ""
        cards.append(
            CallCard(
                bar=bar,
                name=_name(bar),
                start=start,
                begin=begin,
                end=end,
                arguments=tuple((name, shown(value)) for name, value in bar.arguments.items() if name not in elsewhere),
                passages=passages,
                documents=documents,
                answer=answer,
                again=_again(bar, why, names),
                parents=tuple(keys[prefix + node] for node in parents if prefix + node in keys),
                needed=None if tree is None else counts and inner in tree.lineage,
                usage=tuple(
                    (name, shown(value))
                    for name, value in {**beside(bar.result), **bar.usage}.items()
                    if name not in _SAID_ELSEWHERE
                ),
                topk=_topk(bar),
                run=bar.within,
                prompt=prompt,
                told=tuple(map(cut, told)),
                raw="" if raw.strip() == answer.strip() else raw,
            )
        )
    return cards


_SAID_ELSEWHERE = frozenset({"passages", "scores", "dropped", "reasons", "fixes", "prompts", "raw"})


def _told(bar: Bar) -> list[str]:
    """The texts that a model received in a call, from the messages or the usage. The first is the fixed one, or ""."""
    messages = bar.arguments.get("messages")
    if not isinstance(messages, list) or not all(isinstance(each, Mapping) for each in messages):
        return _texts(bar.usage.get("prompts"))
    begins = bool(messages) and messages[0].get("role") == "system" and isinstance(messages[0].get("content"), str)
    fixed, rest = (messages[0]["content"], messages[1:]) if begins else ("", messages)
    return [fixed, *(_message(each) for each in rest)]


def _message(message: Mapping[str, Any]) -> str:
    """A message of a chat as text: its role, its content and its other fields."""
    known = {name: value for name, value in message.items() if name not in ("role", "content") and value}
    said = f"{written(message.get('role', ''))}: {written(message.get('content', ''))}"
    return said + "".join(f"\n{name}: {written(value)}" for name, value in known.items())


def _topk(bar: Bar) -> int | None:
    # A trace may hold any value here. The page offers to change only a small whole number.
    asked = bar.arguments.get("topk")
    return asked if bar.kind == "call" and bar.alias and type(asked) is int and 0 < asked < 1_000_000 else None


def _name(bar: Bar) -> str:
    """The alias of a call, without those of the calls in which it is nested."""
    return (bar.alias or bar.node).rpartition("/")[2]


def _guessed(bars: Sequence[Bar], ancestries: Mapping[str, Ancestry | None]) -> dict[str, tuple[float, float]]:
    """Guess when calls began and ended if no times were recorded: as soon as the calls before them had ended."""
    places: dict[str, tuple[float, float]] = {}
    ends: dict[str, float] = {}
    clock = 0.0
    for bar in bars:
        if bar.elapsed is None or bar.kind != "call":
            continue
        tree = ancestries.get(bar.within)
        if tree is not None and not bar.within:
            clock = max([0.0, *(ends[node] for node in tree.parents(bar.node) if node in ends)])
        places[bar.key] = (clock, clock + max(bar.elapsed, 0.0))
        clock = ends[bar.node] = places[bar.key][1]
    return places


def _reasons(trace: Trace) -> dict[str, list[str]]:
    """Why calls were made again, by node, in order."""
    found: dict[str, list[str]] = {}
    why = ""
    for event in trace.events:
        if isinstance(event, HookDecided) and event.decision == "rerun":
            reason = event.detail.get("reason")
            why = reason if isinstance(reason, str) else ""
        elif isinstance(event, NodeRerun):
            found.setdefault(event.node, []).append(f"{_pairs(event.overrides)}{f': {why}' if why else ''}")
    return found


def _again(bar: Bar, why: Mapping[str, list[str]], names: Mapping[str, str]) -> str:
    if bar.kind == "replaced":
        reasons = why.get(bar.node)
        if not reasons:
            return "made again, because its arguments have changed"
        said = f"made again with {'; then '.join(reasons)}"
        return re.sub(r"[\w.]+@[\d:,\[\]]+", lambda found: _aliased(bar.within, found.group(), names), said)
    if bar.kind == "retried":
        return f"raised {bar.error}, and was retried"
    if bar.kind == "failed":
        return f"raised {bar.error}" if bar.error else "did not come back"
    if bar.kind == "unused":
        return "the plan did not reach this call"
    if bar.shared:
        return f"shares the result of {_aliased(bar.within, bar.shared, names)}"
    return ""


def _aliased(within: str, node: str, names: Mapping[str, str]) -> str:
    """The alias of the call that has this node in its run."""
    beside = f"{within}/{node}" if within else node
    return names.get(beside) or names.get(node) or node


# ------------------------------------------------------------------------ runs


def _run(
    key: str, trace: Trace, call: CallCard | None, cards: list[CallCard], tree: Ancestry | None, now: float | None
) -> RunView:
    finished = trace.finished
    found = [event.diagnostic for event in trace.of(DiagnosticFound)]
    found.sort(key=lambda each: each.severity != "error")  # what ended the run comes first
    source = trace.source
    return RunView(
        key=key,
        call=call,
        status=_STATUS.get(finished.status, finished.status) if finished else _going("it", now),
        failed=finished is not None and finished.status != "done",
        lines=_lines(trace, cards, found),
        groups=_groups(cards),
        diagnostics=tuple((each, _excerpt(each, source)) for each in found),
        decisions=tuple(_decisions(trace)),
        printed=cut("".join(event.text for event in trace.of(Printed))),
        branches=None if tree is None else tree.branches,
    )


def _lines(trace: Trace, cards: Sequence[CallCard], found: Iterable[Diagnostic]) -> tuple[LineView, ...]:
    made: dict[int, list[CallCard]] = {}
    for card in cards:
        if card.bar.line is not None and card.bar.kind in ("call", "failed", "running"):
            made.setdefault(card.bar.line, []).append(card)
    severities: dict[int, str] = {}
    for diagnostic in found:
        if diagnostic.span is not None:
            severities.setdefault(diagnostic.span.line, diagnostic.severity)
    values: dict[int, dict[str, str]] = {}
    often: dict[tuple[int, str], int] = {}
    for event in trace.of(StatementEnded):
        for name, preview in event.names.items():
            if name:
                values.setdefault(event.span.line, {})[name] = preview
                often[event.span.line, name] = often.get((event.span.line, name), 0) + 1
    tools = tuple(trace.header.signatures)
    out = []
    for number, pieces in enumerate(coloured(trace.source.rstrip("\n"), tools), start=1):
        bound = [
            (name, preview + (f"   ×{often[number, name]}" if often[number, name] > 1 else ""))
            for name, preview in values.get(number, {}).items()
        ]
        mine = made.get(number, [])
        named = tuple(mine[:_BADGES]) if len(mine) <= _BADGES else ()
        out.append(
            LineView(
                number,
                tuple(pieces),
                tuple(bound),
                named or tuple(mine[:1]),
                0 if named else len(mine),
                severities.get(number, ""),
            )
        )
    return tuple(out)


def _written(source: str, header: RunStarted) -> tuple[LineView, ...]:
    """The lines of an unfinished plan."""
    lines = enumerate(coloured(cut(source), tuple(header.signatures)), start=1) if source else ()
    return tuple(LineView(number, tuple(pieces), (), (), 0, "") for number, pieces in lines)


def _groups(cards: Sequence[CallCard]) -> tuple[CallGroup, ...]:
    """The calls of a run, folded by line if there are many."""
    if len(cards) <= _GROUPED:
        return (_group("", cards),) if cards else ()
    by_line: dict[tuple[int, str], list[CallCard]] = {}
    for card in cards:
        by_line.setdefault((card.bar.line or 0, card.bar.tool), []).append(card)
    return tuple(
        _group(f"{f'line {line}' if line else 'not in the plan'}: {tool}", mine)
        for (line, tool), mine in by_line.items()
    )


def _group(title: str, cards: Sequence[CallCard]) -> CallGroup:
    seconds = sum(card.bar.elapsed or 0.0 for card in cards)
    return CallGroup(title, tuple(cards), seconds, sum(card.bar.spent.tokens for card in cards))


def _excerpt(diagnostic: Diagnostic, source: str) -> str:
    return render_terminal([diagnostic], source, width=110).partition("\n")[2].rstrip()


def _decisions(trace: Trace) -> Iterable[tuple[str, str]]:
    for event in trace.of(HookDecided):
        yield f"{event.hook or 'the engine'}: {event.decision}", f"{event.node}  {_pairs(event.detail)}".strip()


# ---------------------------------------------------------------------- repairs


def _repairs(answered: Answered, of: Mapping[str, CallCard], cards: Sequence[CallCard]) -> tuple[Repair, ...]:
    """The changes from draft to draft: drafts that a model replaced, safe fixes, repairs and new plans."""
    attempts = {each.node: each for each in answered.attempts}
    by_node = {card.bar.node: card for card in cards if card.bar.kind == "call"}
    before, why = "", ""
    made: list[Repair] = []
    for call in answered.calls:
        card = by_node.get(call.node)
        if call.tool in WRITES_PLANS and isinstance(call.result, Mapping):
            drafts = [each for each in _texts(call.usage.get("dropped")) if each]
            reasons = _texts(call.usage.get("reasons"))
            final = str(call.result.get("source", ""))
            for number, draft in enumerate(drafts):
                after = drafts[number + 1] if number + 1 < len(drafts) else final
                if after != draft:
                    reason = reasons[number] if number < len(reasons) else ""
                    made.append(Repair("The model was asked once more", reason, difference(draft, after), card))
            fixes = _texts(call.usage.get("fixes"))
            if fixes:
                made.append(Repair("Safe fixes of what the model wrote", "; ".join(fixes), (), card))
        elif call.tool == "run_plan" and call.node in attempts:
            attempt = attempts[call.node]
            if before and attempt.source != before:
                made.append(
                    Repair(_BY.get(attempt.by, attempt.by), why, difference(before, attempt.source), of.get(call.node))
                )
            elif before:
                made.append(Repair(_BY.get(attempt.by, attempt.by), why, (), of.get(call.node)))
            before = attempt.source
            first = next(iter(attempt.diagnostics), None)
            why = "" if first is None or attempt.ok else f"{first.code} {first.message}"
    return tuple(made)


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, (list, tuple)) else []


# ----------------------------------------------------------------------- costs


def _costs(bars: Sequence[Bar]) -> tuple[CostRow, ...]:
    by_name: dict[str, list[Bar]] = {}
    for bar in bars:
        by_name.setdefault(bar.tool, []).append(bar)
    return tuple(_cost(name, mine, mine) for name, mine in by_name.items())


def _cost(name: str, bars: Sequence[Bar], timed: Sequence[Bar]) -> CostRow:
    """A row of the table of costs. `timed` are the bars whose seconds count; in the sum, none of them ran a plan."""
    whole = paid(bars)
    return CostRow(
        name=name,
        calls=whole.calls,
        vain=sum(bar.kind in ("retried", "failed", "replaced", "unused") for bar in bars),
        busy=sum(_busy(bar) for bar in timed),
        waited=sum(
            (bar.started or 0.0) - (bar.wanted or 0.0) for bar in timed if bar.started is not None and not bar.shared
        ),
        tokens=whole.tokens,
        cost=whole.cost,
    )


def _busy(bar: Bar) -> float:
    if bar.shared:
        return 0.0
    return bar.ended - bar.started if bar.started is not None and bar.ended is not None else bar.elapsed or 0.0


def _limit(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:,g}" if type(value) is float else f"{value:,}" if type(value) is int else shown(value)


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {shown(value)}" for name, value in values.items())
