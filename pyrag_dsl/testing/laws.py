"""The laws of the engine as plain functions: each returns if its law held for this plan, and raises `LawBroken` if not.

    check_faithful    a plan does what CPython's `exec` does with it
    check_total       any text, any tools: a result or a `PlanError`, in time
    check_monotone    raising a limit changes nothing for a run that did not meet it
    check_concurrent  concurrent equals sequential, whatever the calls take
    check_replay      a replay of the trace is the run again, without tools
    check_priced      a plan takes no more of processor and memory than it pays for

`tools` is a mapping of callables, as for `pyrag_dsl.run`, or an object with a method `functions()` that gives one,
such as `StubTools`. All but `check_total` want plain functions whose results depend on their arguments only;
`check_priced` is about plans that call no tools. Hypothesis is not needed.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..grammar.codes import CODES
from ..grammar.diagnostics import PlanError, PlanRejected
from ..interpreter.limits import Limits
from ..runtime.api import run
from ..runtime.events import CallStarted, Printed
from ..runtime.tools import toolset
from .cpython import BAD_CALL, UNFIT, Seen, asked, by_cpython
from .observed import (
    Latency,
    Observed,
    Tools,
    functions,
    observe,
    observe_async,
    replay,
    shown,
)

SLACK = 0.25
_NUMBERS = re.compile(r"\d+")
_TELLING = ("error: ", "ending: ")
_CLOCK = re.compile(r"\b(?:now|today|utcnow)\b")
_OUT_OF_TIME = "PLAN402"
_TOO_MANY_CALLS = "PLAN408"
# Where a value is refused because a limit of the border, or of `topk`, was met; or for what it is.
_AT_THE_BORDER = frozenset({"PLAN311", "PLAN501", "PLAN502"})


class LawBroken(AssertionError):
    """A law does not hold.

    Attributes:
        law: its name: "faithful", "total", "monotone", "concurrent", "replay" or "priced".
        text: the plan.
        detail: what differed, in words; one thing a line.
    """

    def __init__(self, law: str, text: str, detail: str) -> None:
        super().__init__(law, text, detail)
        self.law = law
        self.text = text
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.law}: {self.detail}\nthe plan:\n{self.text}"

    @property
    def kind(self) -> str:
        """The same for failures that look alike: what differed, without the values, places and numbers."""
        lines = (line if line.startswith(_TELLING) else line.partition(": ")[0] for line in self.detail.splitlines())
        return _NUMBERS.sub("_", f"{self.law}: {' | '.join(lines)}")


def check_faithful(text: str, tools: Tools) -> None:
    """A plan has the value, type, representation, calls, output and exception that it has in CPython.

    The order of sets and the time of day are excepted: a plan that asks for the time is passed over. So is one that
    meets a limit, which CPython does not have, and one whose tools fail, which a plan cannot catch here.

    Raises:
        LawBroken: there is a difference.
        PlanRejected: the plan is not accepted; nothing was executed.
    """
    if _CLOCK.search(text):
        return
    seen = _by_us(text, tools)
    if seen is None:
        return
    expected = by_cpython(text, functions(tools))
    if seen != expected:
        raise LawBroken("faithful", text, _differences(("CPython", expected), ("here", seen), Seen.__slots__))


def _by_us(text: str, tools: Tools) -> Seen | None:
    try:
        result = run(text, functions(tools), mode="sequential", limits=Limits(deadline=10.0))
    except PlanRejected:
        raise
    except PlanError as error:
        diagnostic = error.diagnostics[0]
        if diagnostic.rule.phase in ("limit", "tool") and diagnostic.code != BAD_CALL:
            return None
        class_name = diagnostic.message.partition(":")[0]
        kind = diagnostic.code if diagnostic.code in (BAD_CALL, UNFIT) else class_name
        line = diagnostic.span.line if diagnostic.span and kind != UNFIT else 0
        value, trace, printed = "", error.trace, _printed(error.trace)
    else:
        value, kind, line, trace, printed = shown(result.final_answer), "", 0, result.trace, result.printed
    calls = tuple(asked(event.tool, event.arguments) for event in trace.of(CallStarted))
    return Seen(value, kind, line, calls, printed)


def _printed(trace: Any) -> str:
    return "" if trace is None else "".join(event.text for event in trace.of(Printed))


def check_total(
    text: str,
    tools: Tools,
    *,
    limits: Limits | None = None,
    slack: float | None = SLACK,
    **options: Any,
) -> None:
    """Any text ends, with any tools, in a result or a `PlanError`, within the deadline and a little.

    Args:
        text: anything.
        tools: anything that can be declared. Plain tools may hang; asynchronous ones must not block the loop.
        limits: those of the run, one second of wall-clock time if not given.
        slack: seconds beyond the deadline. A run that takes longer is run twice more, since the machine may have
            been busy; None if time is of no concern.
        options: for `pyrag_dsl.run`: hooks, mode ...

    Raises:
        LawBroken: something else was raised, or it took too long, or what is left cannot be shown or saved.
    """
    limits = limits or Limits(deadline=1.0)
    declared = list(toolset(functions(tools)).values())  # mistakes in tools are the caller's
    for attempt in range(3):
        began = time.monotonic()
        _any_ending(text, lambda: run(text, declared, limits=limits, **options))
        late = time.monotonic() - began - (limits.deadline or 0.0)
        if limits.deadline is None or slack is None or late <= slack:
            return
        if attempt == 2:
            raise LawBroken("total", text, f"it ended {late:.2f} s after the deadline of {limits.deadline:g} s")


def _any_ending(text: str, go: Callable[[], Any]) -> None:
    what = "running"
    try:
        try:
            left = go()
        except PlanError as error:
            what = "showing the error"
            codes = [diagnostic.code for diagnostic in error.diagnostics]
            if not codes or not set(codes) <= set(CODES) or not str(error):
                raise ValueError(f"{type(error).__name__} has the diagnostics {codes}") from None
            left = error
        what = "showing the trace"
        if left.trace is not None:
            left.trace.without_timings()
        repr(left)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        message = f"{what} raised {type(error).__name__}: {str(error)[:300]}"
        raise LawBroken("total", text, message) from error


def check_monotone(text: str, tools: Tools, limits: Limits, raised: Limits) -> None:
    """A run that ends within its limits ends alike where they are higher.

    Args:
        text: the plan.
        tools: plain functions of their arguments.
        limits: the lower limits. A run that meets one, or is refused something at the border, is passed over.
        raised: the same or higher ones.

    Raises:
        LawBroken: the runs differ in ending, value, calls or output.
        ValueError: a limit in `raised` is lower.
    """
    for name in Limits.__slots__:
        low, high = getattr(limits, name), getattr(raised, name)
        if high is not None and (low is None or high < low):
            raise ValueError(f"the limit {name} is not raised: {low} and then {high}")
    lower = observe(text, tools, limits=limits)
    if lower.ending == "LimitExceeded" or _AT_THE_BORDER & set(lower.codes):
        return
    higher = observe(text, tools, limits=raised)
    same = ("ending", "value", "calls", "printed")
    _compare("monotone", text, ("lower", lower), ("higher", higher), same)


def check_concurrent(text: str, tools: Tools, latency: Latency, **options: Any) -> None:
    """The concurrent run is the sequential run, and takes no longer, whatever the calls take (in virtual time).

    Args:
        text: the plan.
        tools: plain functions of their arguments.
        latency: seconds for a call, from what is asked; `Latencies` for example.
        options: for both runs.

    Raises:
        LawBroken: the runs differ in ending, value, calls or output, or for a plan that ends well in calls made or
            in their traces. A run that ends at the limit of calls may have come to fewer of them.
    """
    one = observe_async(text, tools, latency, mode="sequential", **options)
    other = observe_async(text, tools, latency, mode="concurrent", **options)
    first, second = ("sequential", one), ("concurrent", other)
    if _TOO_MANY_CALLS in one.codes and other.calls == one.calls[: len(other.calls)]:
        # The limit counts calls made. Those that were made ahead may be some that the sequential run, which the limit
        # ends as well, would not have come to.
        _compare("concurrent", text, first, second, ("ending", "codes"))
        return
    _compare("concurrent", text, first, second, ("ending", "value", "calls", "printed"))
    if one.ending == "done":
        # Of equal calls of an idempotent tool one may be made for all: fewer are made then, and never more.
        needless = Counter(other.made) - Counter(one.made)
        if needless or set(one.made) != set(other.made) or other.speculative:
            alike = _differences(
                ("sequential", replace(one, made=tuple(sorted(one.made)))),
                ("concurrent", replace(other, made=tuple(sorted(other.made)))),
                ("made", "speculative"),
            )
            raise LawBroken("concurrent", text, alike)
        _same_traces("concurrent", text, first, second)
    if other.seconds > one.seconds + 1e-9 and _OUT_OF_TIME not in one.codes:
        detail = f"concurrent took {other.seconds:g} s, sequential {one.seconds:g} s"
        raise LawBroken("concurrent", text, detail)


def check_replay(text: str, tools: Tools, latency: Latency | None = None, **options: Any) -> None:
    """A replay of a run's trace, kept or saved and loaded, is the run again, and calls no tool.

    Args:
        text: the plan.
        tools: plain functions of their arguments.
        latency: makes the run a concurrent one, in virtual time.
        options: for the run.

    Raises:
        LawBroken: the runs differ in ending, value, calls, output or, but for speculative calls, in their traces.
    """
    if latency is None:
        first = observe(text, tools, **options)
    else:
        first = observe_async(text, tools, latency, **options)
    if first.trace is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.jsonl"
        first.trace.save(path)
        again = [("replay", replay(text, first.trace)), ("replay of the saved file", replay(text, path))]
    for label, other in again:
        _compare("replay", text, ("run", first), (label, other), ("ending", "value", "calls", "printed"))
        if not first.speculative:
            _same_traces("replay", text, ("run", first), (label, other))


_pace: list[float] = []


def check_priced(text: str) -> None:
    """A plan takes of the processor and of memory what it pays for, within a factor.

    It runs under low limits in a process of its own, which the system ends if the plan does not. What takes too long
    is measured again, beside a new calibration, since the machine may have been busy. Where processes cannot fork
    the law is passed over.

    Args:
        text: a plan that calls no tools.

    Raises:
        LawBroken: it takes far more than it pays for, as `pyrag_dsl.testing.meter` judges.
        PlanRejected: the plan is not accepted; nothing was run.
    """
    if not hasattr(os, "fork"):
        return
    from .meter import pace, spend

    if not _pace:
        _pace.append(pace())
    reading = spend(text, _pace[0])
    if reading.dear and reading.ended != "killed":
        reading = spend(text, pace())
    if not reading.dear:
        return
    lines = [line.strip() for line in text.splitlines() if line.strip() not in ("", "pass", "except Exception:")]
    told = [f"{name} of `{lines[-1]}`: {value:.1f} for each paid" for name, value in reading.excess().items()]
    raise LawBroken("priced", text, "\n".join([*told, f"ending: {reading.ended}"]))


CHECKS = {
    "faithful": check_faithful,
    "total": check_total,
    "monotone": check_monotone,
    "concurrent": check_concurrent,
    "replay": check_replay,
    "priced": check_priced,
}
"""The laws by name."""


# ------------------------------------------------------------------- differences

_Named = tuple[str, Any]


def _compare(law: str, text: str, one: _Named, other: _Named, names: tuple[str, ...]) -> None:
    if detail := _differences(one, other, names):
        raise LawBroken(law, text, detail)


def _differences(one: _Named, other: _Named, names: Any) -> str:
    """A line for each attribute that differs."""
    lines = []
    for name in names:
        mine, yours = getattr(one[1], name), getattr(other[1], name)
        if mine != yours:
            lines.append(f"{name}: {one[0]} {_short(mine)}, {other[0]} {_short(yours)}")
    return "\n".join(lines)


def _same_traces(law: str, text: str, one: _Named, other: _Named) -> None:
    first: Observed = one[1]
    second: Observed = other[1]
    if first.trace is None or second.trace is None:
        return
    mine, yours = first.trace.without_timings().split("\n"), second.trace.without_timings().split("\n")
    if mine != yours:
        missing = list((Counter(mine) - Counter(yours)).elements())[:1]
        added = list((Counter(yours) - Counter(mine)).elements())[:1]
        detail = f"the traces differ: {one[0]} has {missing}, {other[0]} has {added}"
        raise LawBroken(law, text, detail[:1200])


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:200]} ... {text[-190:]}"
