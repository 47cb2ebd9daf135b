"""The options of `run` and the like: their types, and the checks of their values before a run."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict

from ..interpreter.border import Unfit, admit
from ..interpreter.interpret import Outcome
from ..interpreter.journal import Journal, Override, Overrides
from ..interpreter.limits import UNLIMITED, Limits
from .events import Event
from .hooks import Hook
from .nesting import NestedFile
from .trace import Trace, TraceFile

if TYPE_CHECKING:
    from ..isolation.pool import Pool

Mode = Literal["concurrent", "sequential"]
MODES = ("concurrent", "sequential")
Recorded = Journal | Trace | str | os.PathLike[str]


class RunOptions(TypedDict, total=False):
    """The options of `run`, `arun`, `astream`, `rerun` and `arerun`.

    Attributes:
        inputs: plain data by name, bound before the first statement of the plan. The trace records it.
        question: short for the input `question`.
        limits: the `Limits` of the run, or a mapping of those that differ from the defaults: `{"deadline": 5.0}`.
        mode: "concurrent" makes all calls whose arguments are known at the same time, "sequential" makes one after the
            other. The result is the same.
        journal: a `Journal`, a `Trace`, or the path of a trace. A call that it holds is not made again. A trace also
            gives inputs, limits, overrides and time of day, unless they are given.
        overrides: arguments to change, by node or alias: `{"retrieve#2": {"topk": 10}}`.
        hooks: `Hook` objects, asked in this order.
        on_event: called with each `Event` as it happens: calls as they are made and come back, statements as soon as
            all calls before them have returned.
        trace: a path. The trace is written to this file while the run goes on.
        fsync: force every line of that file to the disk.
        max_concurrency: how many calls may be in flight at the same time.
        call_timeout: seconds that one call may take.
        retries: how often a failed call of an idempotent tool is repeated.
        replay: never call a tool. A call that is not in the journal is an error: the recorded error of that call, if
            there is one.
        speculate: whether the engine may make calls which, if the run fails, a sequential run would not have made.
        now: the time of day that the plan sees; by default the start of the run.
        about: texts by name that the trace shows to people: `{"model": "qwen", "corpus": "wiki"}`.
        strict: have RestrictedPython check the plan as well.
        isolation: where the plan is interpreted. "none": in this process. "process": in worker processes that can
            reach nothing, as a second wall; raises `IsolationUnavailable` if the platform cannot filter system calls.
            "rlimits": in worker processes with limited resources, a weaker wall that any POSIX system has. A `Pool`: in
            the workers of this pool. Tools always stay in this process.
    """

    inputs: Mapping[str, Any] | None
    question: str
    limits: Limits | Mapping[str, Any] | None
    mode: Mode
    journal: Recorded | None
    overrides: Mapping[str, Mapping[str, Any] | Sequence[Override]] | None
    hooks: Iterable[Hook]
    on_event: Callable[[Event], Any] | None
    trace: str | os.PathLike[str] | None
    fsync: bool
    max_concurrency: int
    call_timeout: float | None
    retries: int
    replay: bool
    speculate: bool
    now: datetime | None
    about: Mapping[str, str]
    strict: bool
    isolation: Literal["none", "process", "rlimits"] | Pool


class Options(NamedTuple):
    """The options of one run, as the engine uses them; `RunOptions` explains most of them."""

    inputs: Mapping[str, Any]
    limits: Limits
    mode: str
    overrides: Overrides
    hooks: tuple[Hook, ...]
    max_concurrency: int
    call_timeout: float | None
    retries: int
    replay: bool
    speculate: bool
    now: datetime
    file: TraceFile | NestedFile | None
    continues: bool  # whether the run continues the recorded run of the journal
    declared: Overrides | None  # the overrides of that run's header
    decisions: tuple[Event, ...]  # the decisions of hooks in that run
    interpreter: Callable[..., Outcome]
    about: Mapping[str, str]


def _mode(_name: str, value: Any) -> None:
    if value not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, not {value!r}")


def _timeout(name: str, value: Any) -> None:
    _number(name, value, 0, none=True)
    if value == 0:
        raise ValueError("call_timeout must be more than 0 seconds")


def _switch(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        more = ": name the trace with journal=" if name == "replay" else ""
        raise TypeError(f"{name} must be True or False, not {_kind(value)}{more}")


_CHECKS: dict[str, Callable[[str, Any], None]] = {
    "mode": _mode,
    **dict.fromkeys(("replay", "speculate", "fsync", "strict"), _switch),
    "max_concurrency": lambda name, value: _number(name, value, 1, whole=True),
    "retries": lambda name, value: _number(name, value, 0, whole=True),
    "call_timeout": _timeout,
}


def check(given: Mapping[str, Any]) -> None:
    """Check the options that do not depend on each other. Raises `TypeError`, `ValueError`."""
    for name, value in given.items():
        if name in _CHECKS:
            _CHECKS[name](name, value)


def known(caller: str, given: Mapping[str, Any]) -> RunOptions:
    """Check the names of options. Raises `TypeError`, whose message names the function `caller`."""
    for name in given:
        if name not in RunOptions.__annotations__:
            close = get_close_matches(name, RunOptions.__annotations__, 1)
            meant = f": did you mean {close[0]!r}?" if close else f"; it has {', '.join(RunOptions.__annotations__)}"
            raise TypeError(f"{caller}() has no option {name!r}{meant}")
    return given  # type: ignore[return-value]


def checked_limits(given: Any, usual: Limits) -> Limits:
    """The given limits, or the usual ones with the given changes. Raises `TypeError` or `ValueError`."""
    if given is None or isinstance(given, Limits):
        return given or usual
    if not isinstance(given, Mapping):
        raise TypeError(f"limits must be Limits or a mapping such as {{'deadline': 5.0}}, not {type(given).__name__}")
    names = {each.name: each for each in fields(Limits)}
    for name, value in given.items():
        if name not in names:
            close = get_close_matches(str(name), names, 1)
            raise ValueError(f"there is no limit {name!r}" + (f": did you mean {close[0]!r}?" if close else ""))
        _number(f"limits[{name!r}]", value, 0, whole=names[name].type == "int", none=name in UNLIMITED)
    return replace(usual, **given)


def checked_inputs(given: Any, question: Any, limits: Limits) -> dict[str, Any] | None:
    """Copies of the inputs for a plan; None if none are given. Raises `TypeError` or `ValueError`."""
    if question is not None and not isinstance(question, str):
        raise TypeError(f"question must be a text, not {_kind(question)}")
    if given is None:
        return {"question": question} if question else None
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise TypeError(f"inputs must be a mapping by name such as {{'topk': 5}}, not {_kind(given)}")
    if question is not None and "question" in given:
        raise ValueError("give the question once: as question=... or among the inputs")
    found: dict[str, Any] = {}
    for name, value in {**given, **({"question": question} if question else {})}.items():
        try:
            found[name] = admit(value, limits)
        except Unfit as unfit:
            raise TypeError(f"the input {name!r} cannot enter a plan: {unfit}") from None
    return found


def checked_about(given: Any) -> dict[str, str]:
    """Check the texts of `about`. Raises `TypeError`."""
    if not isinstance(given, Mapping) or not all(isinstance(part, str) for pair in given.items() for part in pair):
        raise TypeError(f"about must be texts by name such as {{'model': 'qwen'}}, not {_kind(given)}")
    return dict(given)


def checked_hooks(given: Any, on_event: Any) -> tuple[Hook, ...]:
    """Check the hooks, and add one for `on_event`. Raises `TypeError`."""
    if isinstance(given, (Hook, type)) or not isinstance(given, Iterable):
        raise TypeError(f"hooks must be a list of Hook objects, not {_kind(given)}: hooks=[...]")
    hooks = tuple(given)
    for hook in hooks:
        if not isinstance(hook, Hook):
            raise TypeError(f"hooks must be Hook objects, and one of them is {_kind(hook)}")
        _check_methods(type(hook))
    if on_event is None:
        return hooks
    if not callable(on_event):
        raise TypeError(f"on_event must be a function of an event, not {_kind(on_event)}")
    return (*hooks, _Listener(on_event))


def _check_methods(kind: type[Hook]) -> None:
    """Refuse a hook with a misspelt method, which would never be called: it may be the one that should veto a call."""
    asked = [name for name, method in vars(Hook).items() if inspect.isfunction(method)]
    for name, _ in inspect.getmembers(kind, inspect.isfunction):
        if name in asked or name.startswith("__"):
            continue
        close = get_close_matches(name, asked, 1, cutoff=0.8)
        if close:
            raise TypeError(f"{kind.__name__}.{name} is never called: did you mean {close[0]!r}?")
    if inspect.iscoroutinefunction(kind.on_event):
        raise TypeError(f"{kind.__name__}.on_event cannot be async: it is called with each event as it happens")


class _Listener(Hook):
    """Passes each event to a function of the host."""

    def __init__(self, told: Callable[[Event], Any]) -> None:
        self.told = told

    def on_event(self, event: Event) -> None:
        self.told(event)


def _number(name: str, value: Any, least: int, *, whole: bool = False, none: bool = False) -> None:
    if value is None and none:
        return
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        wanted = "a whole number" if whole else "a number"
        raise TypeError(f"{name} must be {wanted}, not {_kind(value)}")
    if not (math.isfinite(value) and value >= least):
        raise ValueError(f"{name} must be at least {least}, not {value}")


def _kind(value: Any) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return "None" if value is None else f"{type(value).__name__} {value!r}"[:80]
