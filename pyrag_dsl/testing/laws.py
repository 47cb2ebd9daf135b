"""The laws of the engine as plain functions. Each returns None if its law holds for a plan, or raises `LawBroken`.

    check_faithful    a plan does the same here and in the `exec` of CPython
    check_total       any text with any tools ends in time with a result or a `PlanError`
    check_monotone    a higher limit changes nothing for a run that did not exceed the lower one
    check_concurrent  a concurrent run equals the sequential one, for any durations of the calls
    check_replay      a replay of the trace equals the run, and calls no tools
    check_priced      a plan takes no more time and memory than it is charged for

`tools` is a mapping of callables, as for `pyrag_dsl.run`, or an object with a method `functions()` that returns one,
such as `StubTools`. For all laws except `check_total`, they must be plain functions whose results depend only on their
arguments. `check_priced` is for plans that call no tools. Hypothesis is not needed.
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
# A value was refused: it exceeds a limit of the border or of `topk`, or it is not plain data.
_AT_THE_BORDER = frozenset({"PLAN311", "PLAN501", "PLAN502"})


class LawBroken(AssertionError):
    """A law does not hold.

    Attributes:
        law: the name of the law: "faithful", "total", "monotone", "concurrent", "replay" or "priced".
        text: the plan.
        detail: the differences in words, one in each line.
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
        """A text that is equal for similar failures: the differences without values, places and numbers."""
        lines = (line if line.startswith(_TELLING) else line.partition(": ")[0] for line in self.detail.splitlines())
        return _NUMBERS.sub("_", f"{self.law}: {' | '.join(lines)}")


def check_faithful(text: str, tools: Tools) -> None:
    """A plan has the same value, type, representation, calls, output and exception as in CPython.

    The order of sets is not compared. Some plans are not checked: those that read the clock, those that exceed a limit,
    which CPython does not have, and those whose tools fail, which a plan cannot catch here.

    Args:
        text: the plan.
        tools: plain functions of their arguments.

    Raises:
        LawBroken: there is a difference.
        PlanRejected: the vetter does not accept the plan. Nothing was executed.
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
    """Any text with any tools ends in a result or a `PlanError`, not much later than the deadline.

    Args:
        text: any text.
        tools: any tools that can be declared. Plain tools may hang. Asynchronous ones must not block the loop.
        limits: the limits of the run; None for a deadline of one second.
        slack: the seconds by which a run may exceed the deadline; None to ignore the time. A run that takes longer is
            repeated up to two times, because the machine may have been busy.
        options: further arguments of `pyrag_dsl.run`: hooks, mode ...

    Raises:
        LawBroken: another error was raised, the run took too long, or its result, error or trace cannot be shown.
    """
    limits = limits or Limits(deadline=1.0)
    declared = list(toolset(functions(tools)).values())  # tools that cannot be declared are an error of the caller
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
    """A run that ends within its limits ends in the same way with higher limits.

    Args:
        text: the plan.
        tools: plain functions of their arguments.
        limits: the lower limits. A run that exceeds one, or has a value refused at the border, is not checked.
        raised: the same or higher limits.

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
    """A concurrent run equals the sequential run and takes no longer, in virtual time, for any durations of the calls.

    Args:
        text: the plan.
        tools: plain functions of their arguments.
        latency: a function that returns the seconds of a call, for example `Latencies`.
        options: further arguments of both runs.

    Raises:
        LawBroken: the concurrent run takes longer, or the runs differ in ending, value, calls or output or, for a plan
            that ends without an error, in the calls that were made or in their traces. If the limit of calls ends both
            runs, the concurrent one may have reached fewer calls.
    """
    one = observe_async(text, tools, latency, mode="sequential", **options)
    other = observe_async(text, tools, latency, mode="concurrent", **options)
    first, second = ("sequential", one), ("concurrent", other)
    if _TOO_MANY_CALLS in one.codes and other.calls == one.calls[: len(other.calls)]:
        # The limit counts the calls that are made. The concurrent run may have made some early that the sequential run,
        # which the limit ends as well, did not reach.
        _compare("concurrent", text, first, second, ("ending", "codes"))
        return
    _compare("concurrent", text, first, second, ("ending", "value", "calls", "printed"))
    if one.ending == "done":
        # One call of an idempotent tool may serve all equal calls. Then fewer calls are made, but never more.
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
    """A replay of the trace of a run, from memory or from a file, equals the run and calls no tool.

    Args:
        text: the plan.
        tools: plain functions of their arguments.
        latency: a function that returns the seconds of a call, for a concurrent run in virtual time; None for a
            sequential run.
        options: further arguments of the run.

    Raises:
        LawBroken: the runs differ in ending, value, calls or output or, without speculative calls, in their traces.
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
    """A plan takes the time and memory that it is charged for, within a factor.

    The plan runs under low limits in a process of its own, which the system ends if the plan does not end. If it takes
    too long, it is measured again with a new calibration, because the machine may have been busy. On systems without
    `fork`, nothing is checked.

    Args:
        text: a plan that calls no tools.

    Raises:
        LawBroken: the plan takes far more than it is charged for, by the measure of `pyrag_dsl.testing.meter`.
        PlanRejected: the vetter does not accept the plan. Nothing was run.
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
    told = [f"{name} of `{lines[-1]}`: {value:.1f} for each charged" for name, value in reading.excess().items()]
    raise LawBroken("priced", text, "\n".join([*told, f"ending: {reading.ended}"]))


CHECKS = {
    "faithful": check_faithful,
    "total": check_total,
    "monotone": check_monotone,
    "concurrent": check_concurrent,
    "replay": check_replay,
    "priced": check_priced,
}
"""The functions of the laws by name."""


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
