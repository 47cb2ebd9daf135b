"""What happened in a run, as typed events. Frozen: what begins and what ends are two events."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

from ..grammar.diagnostics import Diagnostic, Span

VERSION = 2
"""Of the format of traces. The second may refer to what stands in the file already."""
READABLE = (1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What all events have.

    Attributes:
        seq: counts them in program order from 0.
        within: the node of the call that the event's run is nested in; "" for the run of the trace itself.
    """

    type: ClassVar[str]
    seq: int = 0
    within: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """The first event: everything that the run is a function of, but for the results of its calls.

    Attributes:
        version: of the format.
        source: the plan.
        inputs: values of names that were bound before the first statement, `question` among them.
        started: the time of day that the plan sees, ISO 8601.
        signatures: of the tools: parameters as (name, type, default, required), and what they return.
        limits: by name.
        overrides: arguments changed, by node: what changes, for any arguments of the call; or a list of pairs of what
            changes and the arguments that it is for.
        about: what the host says of the run by name, for people: the model, the corpus.
    """

    type: ClassVar[str] = "run_started"
    version: int = VERSION
    source: str
    started: str
    signatures: dict[str, Any]
    limits: dict[str, Any]
    overrides: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def question(self) -> str:
        """The input of that name, as text; "" if there is none."""
        asked = self.inputs.get("question", "")
        return asked if isinstance(asked, str) else repr(asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementEnded(Event):
    """A statement was carried out. `names` maps what it bound, or "" for its value, to a preview."""

    type: ClassVar[str] = "statement"
    span: Span
    names: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStarted(Event):
    """A tool was called. `node` names the dynamic call site, `alias` is short for it."""

    type: ClassVar[str] = "call_started"
    node: str
    alias: str
    tool: str
    arguments: dict[str, Any]
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFinished(Event):
    """What a tool answered. These events are the journal.

    Attributes:
        elapsed: seconds.
        times: when the call was wanted, made and answered, in seconds since the run began, that of the question where
            runs are nested; None if another run made it.
        cached: whether the result came from a journal and not from the tool.
        usage: tokens and cost by name, where the tool reports them.
        speculative: the result was not used in the end: the run failed before the plan came to it, or a re-run took
            its place.
    """

    type: ClassVar[str] = "call_finished"
    node: str
    alias: str
    tool: str
    arguments: dict[str, Any]
    result: Any
    elapsed: float = 0.0
    times: list[float] | None = None
    cached: bool = False
    usage: dict[str, Any] = field(default_factory=dict)
    speculative: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFailed(Event):
    """A call has been made in vain: the tool raised an exception, or its result cannot enter the plan.

    Attributes:
        usage: tokens and cost by name, as the tool's exception said in an attribute `usage`, or its result.
        error: the name of the exception, `RefusedResult` for a result; "" in traces of before there were such events
            for all failures.
        times: when the call was wanted, made and given up, as in `CallFinished`.
        final: whether it was not made again: retries were used up, or there were none.
    """

    type: ClassVar[str] = "call_failed"
    node: str
    tool: str
    arguments: dict[str, Any]
    usage: dict[str, Any]
    error: str = ""
    times: list[float] | None = None
    final: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettled(Event):
    """The hooks have been asked about the last result of this node. Only in the file of a run that goes on."""

    type: ClassVar[str] = "call_settled"
    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HookDecided(Event):
    """A hook changed the course of a run; kept, so that a replay decides alike.

    Attributes:
        hook: its class.
        node: the call that it was asked about.
        decision: "change", "answer", "veto", "replace", "rerun", "stand-in"; or "undo", where the engine has taken
            back a re-run that failed.
        detail: what it decided.
        seen: the arguments of the call that it was asked about.
    """

    type: ClassVar[str] = "hook_decided"
    hook: str
    node: str
    decision: str
    detail: dict[str, Any] = field(default_factory=dict)
    seen: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRerun(Event):
    """A call was made again with other arguments; `seen` are those of before."""

    type: ClassVar[str] = "node_rerun"
    node: str
    alias: str
    overrides: dict[str, Any]
    seen: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosticFound(Event):
    """Something is wrong, or a warning."""

    type: ClassVar[str] = "diagnostic"
    diagnostic: Diagnostic


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed(Event):
    """What the plan printed, all of it."""

    type: ClassVar[str] = "printed"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(Event):
    """The last event.

    Attributes:
        status: "done", "rejected", "failed", "limit", "tool", "cancelled".
        final_answer: the plan's value, if done.
        calls: how many tool calls the plan made.
        elapsed: seconds of wall-clock time.
        statements_left_out: how many statements were carried out beyond those recorded.
    """

    type: ClassVar[str] = "run_finished"
    status: str
    final_answer: Any = None
    calls: int = 0
    elapsed: float = 0.0
    statements_left_out: int = 0


EVENTS: dict[str, type[Event]] = {
    kind.type: kind
    for kind in (
        RunStarted,
        StatementEnded,
        CallStarted,
        CallFinished,
        CallFailed,
        CallSettled,
        HookDecided,
        NodeRerun,
        DiagnosticFound,
        Printed,
        RunFinished,
    )
}
TIMINGS = frozenset({"elapsed", "times", "cached"})


def lifted(event: Event, node: str, alias: str) -> Event:
    """An event of a nested run as an event of the run around it, which knows that by the call of this node."""
    more: dict[str, Any] = {"within": f"{node}/{event.within}" if event.within else node}
    if isinstance(event, (CallStarted, CallFinished, NodeRerun)):
        more["alias"] = f"{alias}/{event.alias}" if event.alias else ""
    if isinstance(event, (CallStarted, CallFinished, CallFailed, CallSettled, NodeRerun, HookDecided)):
        more["node"] = f"{node}/{event.node}"
    if isinstance(event, DiagnosticFound):
        nodes = tuple(f"{node}/{each}" for each in event.diagnostic.nodes)
        more["diagnostic"] = replace(event.diagnostic, nodes=nodes)
    return replace(event, **more)


def lowered(event: Event, node: str) -> Event:
    """The inverse of `lifted`."""
    if not node:
        return event
    deep = len(node) + 1
    aliases = node.count("/") + 1
    more: dict[str, Any] = {"within": event.within[deep:]}
    if isinstance(event, (CallStarted, CallFinished, NodeRerun)):
        more["alias"] = "/".join(event.alias.split("/")[aliases:])
    if isinstance(event, (CallStarted, CallFinished, CallFailed, CallSettled, NodeRerun, HookDecided)):
        more["node"] = event.node[deep:]
    if isinstance(event, DiagnosticFound):
        nodes = tuple(each[deep:] for each in event.diagnostic.nodes if each.startswith(node + "/"))
        more["diagnostic"] = replace(event.diagnostic, nodes=nodes)
    return replace(event, **more)


def to_json(event: Event) -> dict[str, Any]:
    """An event as plain data for JSON; `type` comes first."""
    out: dict[str, Any] = {"type": event.type}
    for item in fields(event):
        value = getattr(event, item.name)
        if isinstance(value, Diagnostic):
            value = value.to_json()
        elif isinstance(value, Span):
            value = list(value)
        if value or item.name not in ("within", "about"):
            out[item.name] = value
    return out


_SHAPES: dict[str, type] = {
    **dict.fromkeys(("source", "started", "node", "alias", "tool", "status", "text", "within", "error"), str),
    **dict.fromkeys(
        ("arguments", "usage", "names", "detail", "overrides", "signatures", "limits", "inputs", "about"), dict
    ),
    **dict.fromkeys(("seq", "calls"), int),
}


def from_json(data: dict[str, Any]) -> Event | None:
    """The inverse of `to_json`; None for an event of a kind that this version does not know.

    Raises `TypeError` or `ValueError` for what no version has written.
    """
    kind = EVENTS.get(data.get("type", ""))
    if kind is None:
        return None
    if kind is RunStarted and "inputs" not in data:  # as before 1.0: the question was no input
        asked = data.get("question")
        data = {**data, "inputs": {"question": asked} if asked else {}}
    known = {item.name for item in fields(kind)}
    values = {name: value for name, value in data.items() if name in known}
    for name, value in values.items():
        if name in _SHAPES and not isinstance(value, _SHAPES[name]):
            raise TypeError(f"`{name}` is a {type(value).__name__}")
    if "span" in values:
        values["span"] = Span(*values["span"])
    if kind is DiagnosticFound:
        values["diagnostic"] = Diagnostic.from_json(values["diagnostic"])
    return kind(**values)
