"""The events of a run. An event is frozen: the begin and the end of something are two events.

A trace holds events in program order. Hooks and `astream` get them when they happen.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

from ..grammar.diagnostics import Diagnostic, Span

VERSION = 2
"""The version of the format of traces. Since version 2, an event may refer to a value earlier in the file."""
READABLE = (1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The base of all events.

    Attributes:
        seq: the position of the event in the trace, from 0.
        within: the node of the call in which the run of this event is nested; "" for the run of the trace itself.
    """

    type: ClassVar[str]
    seq: int = 0
    within: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run begins. This first event holds everything that determines the run, except the results of its calls.

    Attributes:
        version: the version of the format.
        source: the text of the plan.
        started: the present as the plan sees it, as ISO 8601.
        signatures: the tools by name: parameters as (name, type, default, required), and the type of the result.
        limits: the limits by name, in the units of `Limits`.
        overrides: changed arguments by node: the new arguments by name, for any call of the node; or a list of pairs of
            the new arguments and the arguments of the call that they are for.
        inputs: the values of names that are bound before the first statement, such as `question`.
        about: texts by name that the host gives for people, such as the model and the corpus.
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
        """The input `question` as text; "" if there is none."""
        asked = self.inputs.get("question", "")
        return asked if isinstance(asked, str) else repr(asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementEnded(Event):
    """A statement has ended. Only traces have this event: hooks do not get it.

    Attributes:
        span: the place of the statement in the plan.
        names: the names that it bound, each with a preview of the value; for an expression, "" with its value.
    """

    type: ClassVar[str] = "statement"
    span: Span
    names: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStarted(Event):
    """A call begins. In a trace, this event also stands before a result that was taken from the journal.

    Attributes:
        node: the node of the call, for example `retrieve@7:14[0,1]`.
        alias: the short name of the call, for example `retrieve#3`.
        tool: the name of the tool.
        arguments: the arguments by parameter name, defaults included.
        span: the place of the call in the plan.
    """

    type: ClassVar[str] = "call_started"
    node: str
    alias: str
    tool: str
    arguments: dict[str, Any]
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFinished(Event):
    """A call has returned a result. These events of a trace are its journal.

    Attributes:
        node: the node of the call.
        alias: the short name of the call; "" if the plan did not reach the call.
        tool: the name of the tool.
        arguments: the arguments by parameter name, defaults included.
        result: the result, as plain data.
        elapsed: the time that the tool took, in seconds.
        times: when the call was wanted, started and answered: three numbers of seconds since the run began, or since
            the outermost run began if runs are nested; None if another run made the call.
        cached: whether the result was taken from a journal.
        usage: numbers, texts and lists that the tool reported, by name; `tokens` and `cost` count against budgets.
        speculative: whether the result was not used, because the run failed before the plan reached the call, or
            because a re-run replaced it.
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
    """An attempt of a call has failed: the tool raised an exception or took too long, or its result
    cannot enter the plan.

    Attributes:
        node: the node of the call.
        tool: the name of the tool.
        arguments: the arguments by parameter name, defaults included.
        usage: what the attempt cost, from the attribute `usage` of the exception, or from the result, as in
            `CallFinished`.
        error: the name of the exception, `RefusedResult` for a result; "" in traces of early versions, which
            recorded only failures with a cost.
        times: when the call was wanted, when the attempt was started and when it failed, as in `CallFinished`.
        final: whether this was the last attempt.
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
    """All hooks have been asked about the last result of a call.

    This event is only in the file of an unfinished run, so that a resumed run does not ask the hooks again.

    Attributes:
        node: the node of the call.
    """

    type: ClassVar[str] = "call_settled"
    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HookDecided(Event):
    """A hook has changed the course of the run. The decision is kept, so that a replay needs no hook.

    Attributes:
        hook: the name of the hook's class; "" for "undo".
        node: the node of the call that the hook was asked about; for "undo", the call of the re-run.
        decision: before a call: "change" of its arguments, "answer" in place of the tool, or "veto". After a call:
            "replace" its result, or "rerun" calls. After a failure: "stand-in" for the missing result, or "undo", by
            which the engine takes back a re-run that failed.
        detail: for "change" and "undo", the changed arguments by name; for "rerun", its `reason`, and `overrides` with
            the changed arguments by node; for "veto", its `reason`.
        seen: for "change" and "undo", the arguments of the call before the change.
    """

    type: ClassVar[str] = "hook_decided"
    hook: str
    node: str
    decision: str
    detail: dict[str, Any] = field(default_factory=dict)
    seen: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRerun(Event):
    """A hook has decided that a call is made again with other arguments.

    Attributes:
        node: the node of the call.
        alias: the short name of the call.
        overrides: the changed arguments by name.
        seen: all arguments of the call before the change; None in traces of early versions.
    """

    type: ClassVar[str] = "node_rerun"
    node: str
    alias: str
    overrides: dict[str, Any]
    seen: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosticFound(Event):
    """A diagnostic of the plan or the run: an error or a warning. It stands after the calls and statements.

    Attributes:
        diagnostic: the diagnostic, with its code, message and place.
    """

    type: ClassVar[str] = "diagnostic"
    diagnostic: Diagnostic


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed(Event):
    """The plan has printed something. Only traces have this event, once for a run, after the statements.

    Attributes:
        text: everything that the plan printed.
    """

    type: ClassVar[str] = "printed"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(Event):
    """A run has ended. This is its last event.

    Attributes:
        status: "done"; or "rejected" before it began; "failed", the plan raised an exception; "limit", it exceeded a
            limit; "tool", a tool failed; "cancelled" by the host.
        final_answer: the value of the plan, if the status is "done".
        calls: the number of tool calls that the plan made.
        elapsed: the wall-clock time of the run, in seconds.
        statements_left_out: the number of statements that the trace does not record.
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
    """An event of a nested run as an event of the enclosing run, under the call with this node and alias."""
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
    """An event as plain data for JSON, beginning with `type`."""
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

    Raises:
        TypeError, ValueError: no version writes such data.
    """
    kind = EVENTS.get(data.get("type", ""))
    if kind is None:
        return None
    if kind is RunStarted and "inputs" not in data:  # a trace from before 1.0, in which the question was no input
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
