"""The observable outcome of a run, for comparisons: ending, value, calls, output and virtual time."""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from ..grammar.diagnostics import PlanError
from ..interpreter.limits import Limits
from ..runtime.api import arun, run
from ..runtime.events import CallFinished, CallStarted, Printed
from ..runtime.tools import Tool, toolset
from ..runtime.trace import Trace
from .virtual import run_virtually

NOW = datetime(2026, 1, 2, 3, 4, 5)
LIMITS = Limits(tool_calls=60, steps=200_000)
Latency = Callable[[object], float]


class Stubs(Protocol):
    """An object that makes tools, such as `StubTools` and `HostileTools`."""

    def functions(self) -> dict[str, Callable[..., Any]]: ...


Tools = Mapping[str, Any] | Stubs


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """The observable outcome of a run.

    Attributes:
        ending: "done", or the class of the error.
        value: the final answer with the types of its parts; or codes, places and messages of the diagnostics.
        codes: the codes of the diagnostics of a run that failed.
        calls: the node and arguments of every call, in program order.
        printed: the output of the plan.
        trace: the trace; None if the plan was rejected.
        made: the tool and arguments of the calls that were really made, in the order in which they started.
        seconds: the virtual seconds that the run took.
    """

    ending: str
    value: str
    codes: tuple[str, ...]
    calls: tuple[str, ...]
    printed: str
    trace: Trace | None
    made: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def speculative(self) -> tuple[str, ...]:
        """The nodes of the speculative calls, which a sequential run would not have reached."""
        if self.trace is None:
            return ()
        return tuple(event.node for event in self.trace.of(CallFinished) if event.speculative)


def functions(tools: Tools) -> Mapping[str, Any]:
    """The tools by name, from either form of `Tools`."""
    return tools if isinstance(tools, Mapping) else tools.functions()


def shown(value: Any) -> str:
    """A value as text, with the exact types of all its parts and without the order of sets."""
    kind = type(value)
    parts: Any = value
    if isinstance(value, (set, frozenset)):
        return f"{kind.__name__}{{{', '.join(sorted(map(shown, value)))}}}"
    if isinstance(value, dict):
        factory = f"{value.default_factory!r}, " if isinstance(value, collections.defaultdict) else ""
        return f"{kind.__name__}({factory}{', '.join(f'{shown(k)}: {shown(v)}' for k, v in value.items())})"
    if isinstance(value, tuple):
        return f"({', '.join(map(shown, value))},)"
    if isinstance(value, (list, collections.deque, *VIEWS)):
        return f"{kind.__name__}[{', '.join(map(shown, parts))}]"
    return f"{kind.__name__} {value!r}"


VIEWS: tuple[type, ...] = (type({}.keys()), type({}.values()), type({}.items()))


def observe(text: str, tools: Tools, **options: Any) -> Observed:
    """Run a plan in this thread, in the mode "sequential" unless the options name another."""
    options = {"mode": "sequential", "now": NOW, "limits": LIMITS, **options}
    try:
        result = run(text, functions(tools), **options)
    except PlanError as error:
        return _failed(error)
    return _done(result)


def replay(text: str, trace: Any) -> Observed:
    """Replay a plan on its trace, which is a `Trace` or the path of one, without tools."""
    try:
        result = run(text, journal=trace, replay=True)
    except PlanError as error:
        return _failed(error)
    return _done(result)


def observe_async(text: str, tools: Tools, latency: Latency, **options: Any) -> Observed:
    """Run a plan in virtual time. Each call takes the seconds that `latency` returns for its tool and arguments."""
    made: list[str] = []
    slow = {name: _slowed(tool, latency, made) for name, tool in toolset(functions(tools)).items()}
    options = {"now": NOW, "limits": LIMITS, **options}

    async def main() -> Observed:
        try:
            result = await arun(text, slow, **options)
        except PlanError as error:
            return _failed(error)
        return _done(result)

    observed, seconds = run_virtually(main())
    return replace(observed, made=tuple(made), seconds=seconds)


def _slowed(tool: Tool, latency: Latency, made: list[str]) -> Tool:
    async def call(*args: Any, **keywords: Any) -> Any:
        asked = (tool.name, args, tuple(keywords.items()))
        made.append(repr(asked))
        await asyncio.sleep(latency(asked))
        return tool.function(*args, **keywords)

    return replace(tool, function=call, batch=None, is_async=True)


def _calls(trace: Any) -> tuple[str, ...]:
    return () if trace is None else tuple(f"{e.node} {e.arguments!r}" for e in trace.of(CallStarted))


def _done(result: Any) -> Observed:
    calls = _calls(result.trace)
    return Observed(
        ending="done",
        value=shown(result.final_answer),
        codes=(),
        calls=calls,
        printed=result.printed,
        trace=result.trace,
    )


def _failed(error: PlanError) -> Observed:
    trace = error.trace
    printed = "" if trace is None else "".join(event.text for event in trace.of(Printed))
    codes = tuple(diagnostic.code for diagnostic in error.diagnostics)
    value = " ".join(f"{d.code}@{d.span} {d.message}" for d in error.diagnostics)
    return Observed(
        ending=type(error).__name__, value=value, codes=codes, calls=_calls(trace), printed=printed, trace=trace
    )
