"""The trace of a run: its events, and the file that holds them.

The file has one JSON object on each line. While the run continues, it is an append-only log: the header, then each
result as it comes. When the run ends, the file is replaced, in one step, by all events in program order. A journal can
be read from either form: a killed process loses at most the calls in flight, and an incomplete last line is ignored.
With `fsync`, each line is forced to the disk. Without it, the last form is, if it replaces a file or the run was long.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Any, TypeVar

from ..grammar.diagnostics import Diagnostic
from ..grammar.language import REQUIRED, Signature, ToolParam
from ..grammar.vet import checked_inputs
from ..interpreter.codec import decode, dumps, encode_shown
from ..interpreter.journal import Entry, Journal, Override, Overrides
from ..interpreter.limits import UNLIMITED, Limits
from .calls import CallRecord, call_records
from .events import (
    READABLE,
    TIMINGS,
    VERSION,
    CallFailed,
    CallFinished,
    CallSettled,
    CallStarted,
    DiagnosticFound,
    Event,
    HookDecided,
    NodeRerun,
    RunFinished,
    RunStarted,
    from_json,
    lowered,
    to_json,
)
from .notebook import run_html
from .sharing import SharingReader, SharingWriter
from .soundness import flaw

E = TypeVar("E", bound=Event)
_CALL_FAILED = frozenset({"PLAN500", "PLAN502", "PLAN503", "PLAN505"})


class TraceError(ValueError):
    """A file is not a trace that this version can read. The message tells why."""


class Trace:
    """The events of a run, in program order."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._events = list(events)

    @property
    def events(self) -> list[Event]:
        return self._events

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)

    def _repr_html_(self) -> str:
        return run_html(self.events)

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind, without those of nested runs."""
        return [event for event in self.events if isinstance(event, kind) and not event.within]

    @property
    def header(self) -> RunStarted:
        return self.of(RunStarted)[0]

    @property
    def finished(self) -> RunFinished | None:
        """The last event of the run; None if the run did not end."""
        return next(iter(self.of(RunFinished)), None)

    @property
    def source(self) -> str:
        return self.header.source

    @property
    def overrides(self) -> dict[str, tuple[Override, ...]]:
        """The changed arguments by node, given by a person or decided by hooks, as they were at the end."""
        found = {node: list(rules) for node, rules in read_overrides(self.header.overrides).items()}
        for event in self.decisions:
            if isinstance(event, NodeRerun):
                found.setdefault(event.node, []).append(Override(event.overrides, event.seen))
            elif isinstance(event, HookDecided) and event.decision == "change":
                found.setdefault(event.node, []).append(Override(event.detail, event.seen))
            elif isinstance(event, HookDecided) and event.decision == "undo":
                undone = Override(event.detail, event.seen)
                if undone not in found.get(event.node, ()):
                    raise TraceError(f"the trace undoes a change of {event.node} that it does not hold")
                found[event.node].remove(undone)
        return {node: tuple(rules) for node, rules in found.items() if rules}

    @property
    def decisions(self) -> list[Event]:
        """The decisions of hooks, and the failed attempts of calls, in their order."""
        kinds = (HookDecided, NodeRerun, CallFailed)
        return [event for event in self.events if isinstance(event, kinds) and not event.within]

    @property
    def calls(self) -> tuple[CallRecord, ...]:
        """The tool calls in program order, also of a run that failed. Calls that the plan did not reach come last.

        The calls of a nested run follow the call that it serves.
        """
        return call_records(self.events)

    def within(self, call: str) -> Trace:
        """The trace of the nested run that a call has made, under its own names.

        Args:
            call: the node or alias of the call.

        Raises:
            ValueError: the trace holds no nested run of this call.
        """
        node = next((each.node for each in self.calls if call in (each.node, each.alias)), call)
        events = [event for event in self.events if event.within == node or event.within.startswith(node + "/")]
        if not events or not isinstance(events[0], RunStarted):
            raise ValueError(f"the trace holds no nested run of a call {call!r}")
        return Trace([replace(lowered(event, node), seq=seq) for seq, event in enumerate(events)])

    def failures(self) -> dict[str, tuple[dict[str, Any], Diagnostic]]:
        """The arguments and the diagnostic of the call whose failure ended the run, by node; empty without one."""
        called = {event.node: dict(event.arguments) for event in self.of(CallStarted)}
        return {
            node: (called[node], event.diagnostic)
            for event in self.of(DiagnosticFound)
            if event.diagnostic.code in _CALL_FAILED
            for node in event.diagnostic.nodes
            if node in called
        }

    def journal(self, *, by_content: bool = False, unsettled: bool = False) -> Journal:
        """The journal of this trace, for a replay, a resume or a re-run.

        Args:
            by_content: whether calls at other places of another plan may adopt the results.
            unsettled: whether hooks are to be asked about results that they have not been asked about.
        """
        events = sorted(self.of(CallFinished), key=lambda event: not event.speculative)  # later entries replace earlier
        if not unsettled:
            return Journal(map(_entry, events), by_content=by_content)
        settled = {id(event) for event in events if not event.speculative}
        if self.finished is None:
            last: dict[str, int] = {}
            settled = set()
            for each in self.events:
                if isinstance(each, CallFinished):
                    last[each.node] = id(each)
                elif isinstance(each, CallSettled):
                    settled.add(last[each.node])
        return Journal(
            [_entry(event) for event in events if id(event) in settled],
            returned=[_entry(event) for event in events if id(event) not in settled],
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all events, replacing the file in one step."""
        replace_file(Path(path), lines(self.events))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Trace:
        """Read a file that `save` or a run has written, even if the run was killed. Raises `TraceError`."""
        name = str(path)
        try:
            raw = Path(path).read_bytes()
        except OSError as error:
            raise TraceError(f"cannot read the trace {name}: {error.strerror or error}") from None
        return cls(_parse(raw, name))

    def without_timings(self) -> str:
        """The events as text without times and without `cached`, so that equal runs give equal texts."""
        out = []
        for event in self.events:
            data = {key: value for key, value in encoded(event).items() if key not in TIMINGS}
            out.append(dumps(data))
        return "\n".join(out)


def _entry(event: CallFinished) -> Entry:
    return Entry(event.node, event.tool, event.arguments, event.result, event.elapsed, event.usage)


def _parse(raw: bytes, name: str) -> list[Event]:
    texts = raw.split(b"\n")
    events: list[Event] = []
    sharing = SharingReader()
    for number, text in enumerate(texts, start=1):
        if not text.strip():
            continue
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            if number >= len(texts) - 1 and events:
                break  # an incomplete line: the process was killed while it wrote it
            raise TraceError(f"{name}, line {number}, is damaged: {error}") from None
        try:
            if not isinstance(data, dict):
                raise ValueError("not an object")
            if not events and (data.get("type") != RunStarted.type or data.get("within")):
                raise TraceError(f"{name} is not a trace: its first line is not a `run_started` event")
            if data.get("type") == RunStarted.type and data.get("version") not in READABLE:
                found = data.get("version")
                raise TraceError(f"{name} is a trace of version {found}; this program reads version {VERSION}")
            if data.get("type") != RunStarted.type:
                data = {key: sharing.whole(value) if key in _SHARED else value for key, value in data.items()}
            event = from_json(_decoded(data))
        except TraceError:
            raise
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
            raise TraceError(f"{name}, line {number}, is damaged: {str(error)[:200]}") from None
        if event is not None and (field := flaw(event)):
            raise TraceError(f"{name}, line {number}, is damaged: `{field}` does not hold what it should")
        if isinstance(event, RunStarted) and event.within:  # the nested run was made again, and is recorded again
            events = [each for each in events if each.within != event.within]
        if event is not None:
            events.append(event)
    if not events:
        raise TraceError(f"{name} is empty: nothing was recorded")
    for event in events:
        if isinstance(event, RunStarted):
            try:
                read_header(event)
            except TraceError as error:
                place = f", in the run within {event.within}: " if event.within else ", line 1: "
                raise TraceError(f"{name}{place}{error}") from None
    return events


_FREE = ("arguments", "result", "final_answer", "overrides", "signatures", "detail", "seen", "inputs")

_SHARED = frozenset({*_FREE, "usage"})


def encoded(event: Event) -> dict[str, Any]:
    """An event as JSON data, with values of plans encoded."""
    data = to_json(event)
    for key in _FREE:
        if key in data:
            data[key] = encode_shown(data[key])
    return data


def _decoded(data: dict[str, Any]) -> dict[str, Any]:
    return {key: decode(value) if key in _FREE else value for key, value in data.items()}


def line(event: Event, sharing: SharingWriter | None = None) -> str:
    """An event as a line of a file, with references to values that the file holds. A header has no references."""
    data = encoded(event)
    if sharing is not None and not isinstance(event, RunStarted):
        data = {key: sharing.shared(value) if key in _SHARED else value for key, value in data.items()}
    return dumps(data) + "\n"


def lines(events: Iterable[Event], sharing: SharingWriter | None = None) -> str:
    """Events as lines of a file."""
    sharing = sharing or SharingWriter()
    return "".join(line(event, sharing) for event in events)


def replace_file(path: Path, text: str, *, durable: bool = True) -> None:
    """Write a file atomically. Only its owner can read it, because it may hold passages.

    Args:
        path: the file.
        text: its content.
        durable: whether to force the content to the disk.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent or ".", prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


class TraceFile:
    """The trace file of a run that continues. Each event is flushed when it is written."""

    def __init__(self, path: str | os.PathLike[str], *, fsync: bool = False) -> None:
        self.path = Path(path)
        self.fsync = fsync
        self._file: IO[str] | None = None
        self._finished = False
        self._sharing = SharingWriter()
        self._durable = fsync
        self._began = time.monotonic()

    def begin(self, events: Iterable[Event]) -> None:
        """Start the log with these events in one step, because the run may resume from the file that this replaces."""
        self._sharing = SharingWriter()
        # The header of a new run may be lost, but not an earlier run in a file that is replaced.
        self._durable = self.fsync or self.path.exists()
        replace_file(self.path, lines(events, self._sharing), durable=self._durable)
        self._file = self.path.open("a", encoding="utf-8", newline="\n")

    def write(self, *events: Event) -> None:
        """Add all of these events or none. Events of calls that continue after the end of the run are ignored."""
        if self._finished:
            return
        assert self._file is not None
        self._file.write(lines(events, self._sharing))
        self._file.flush()
        if self.fsync:
            os.fsync(self._file.fileno())

    def finish(self, trace: Trace) -> None:
        """Replace the log by the whole trace in program order. Only the first call has an effect."""
        if self._finished:
            return
        self._finished = True
        if self._file is not None:
            self._file.close()
        # The system has not written so young a log to the disk either: what replaces it need not be there at once.
        durable = self._durable or time.monotonic() - self._began > _UNWRITTEN
        replace_file(self.path, lines(trace.events), durable=durable)


_UNWRITTEN = 5.0  # seconds for which a system may keep what is written to a file in memory


@dataclass(frozen=True, slots=True)
class Recording:
    """The content of a header, as the objects that a run uses."""

    source: str
    inputs: dict[str, Any]
    started: datetime
    signatures: dict[str, Signature]
    limits: Limits
    overrides: dict[str, tuple[Override, ...]]


def overrides_to_json(overrides: Overrides) -> dict[str, Any]:
    """Overrides for a header: as mappings if a person gave them, else as pairs of new and old arguments."""
    return {
        node: dict(rules[0].changes) if len(rules) == 1 and rules[0].seen is None else [list(rule) for rule in rules]
        for node, rules in overrides.items()
    }


def read_overrides(found: Mapping[str, Any]) -> dict[str, tuple[Override, ...]]:
    """The inverse of `overrides_to_json`. Raises `TypeError` or `ValueError`."""
    return {
        node: (Override(dict(rules)),) if isinstance(rules, dict) else tuple([_rule(*rule) for rule in rules])
        for node, rules in found.items()
    }


def _rule(changes: Any, seen: Any) -> Override:
    return Override(dict(changes), None if seen is None else dict(seen))


def signatures_to_json(signatures: dict[str, Signature]) -> dict[str, Any]:
    return {
        name: {
            "params": [
                [
                    param.name,
                    param.type,
                    None if param.default is REQUIRED else param.default,
                    param.default is REQUIRED,
                ]
                for param in signature.params
            ],
            "returns": signature.returns,
        }
        for name, signature in signatures.items()
    }


def _limits(found: dict[str, Any]) -> Limits:
    for name, value in found.items():
        if type(value) not in (int, float) and not (value is None and name in UNLIMITED):
            raise TypeError(f"the limit `{name}` is a {type(value).__name__}")
    return Limits(**found)


def read_header(header: RunStarted) -> Recording:
    """The objects that a header describes. Raises `TraceError`."""
    try:
        for data in header.signatures.values():
            texts = [data["returns"], *(part for param in data["params"] for part in param[:2])]
            if not all(isinstance(each, str) for each in texts):
                raise TypeError("the signature of a tool holds something that is not a name")
        signatures = {
            name: Signature(
                name,
                tuple(
                    ToolParam(param, kind, REQUIRED if required else default)
                    for param, kind, default, required in data["params"]
                ),
                data["returns"],
            )
            for name, data in header.signatures.items()
        }
        checked_inputs(header.inputs, signatures)
        return Recording(
            header.source,
            dict(header.inputs),
            datetime.fromisoformat(header.started),
            signatures,
            _limits(header.limits),
            read_overrides(header.overrides),
        )
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise TraceError(f"the header of the trace cannot be read: {error}") from None
