"""Runs of generated plans in every way there is, reduced to what can be compared."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyrag_dsl as pd
from pyrag_dsl.runtime.events import CallFinished, CallStarted
from pyrag_dsl.testing.plans import Latencies, StubTools
from pyrag_dsl.testing.virtual import run_virtually

NOW = datetime(2026, 1, 2, 3, 4, 5)
LIMITS = pd.Limits(tool_calls=60, steps=200_000)


@dataclass
class Observed:
    """How a run ended, the calls in program order, the calls in fact made, and how long it took."""

    ending: str
    value: str
    calls: list[str]
    made: list[str]
    trace: Any
    seconds: float


def observe(
    text: str, tools: StubTools, latency: Latencies | None = None, *, mode: str = "concurrent", **options: Any
) -> Observed:
    """Run a plan with asynchronous stub tools under a virtual clock."""
    made: list[str] = []

    def tool(name: str) -> Any:
        async def call(query: str, second: Any = None) -> Any:
            arguments = {"query": query, ("topk" if name == "retrieve" else "docs"): second}
            made.append(f"{name}{arguments!r}")
            if latency is not None:
                await asyncio.sleep(latency((name, query)))
            return tools(name, arguments)

        return call

    async def main() -> Any:
        named = {name: tool(name) for name in ("retrieve", "answer")}
        return await pd.arun(text, named, mode=mode, **{"now": NOW, "limits": LIMITS, **options})

    async def caught() -> tuple[str, str, Any]:
        try:
            result = await main()
        except pd.PlanError as error:
            codes = " ".join(f"{d.code}@{d.span} {d.message}" for d in error.diagnostics)
            return type(error).__name__, codes, error.trace
        return "done", f"{type(result.final_answer).__name__} {_shown(result.final_answer)}", result.trace

    (ending, value, trace), seconds = run_virtually(caught())
    calls = [f"{e.node} {e.arguments!r}" for e in trace.of(CallStarted)]
    return Observed(ending, value, calls, made, trace, seconds)


def timed(text: str, tools: StubTools, latency: Latencies) -> tuple[Any, float]:
    """The result of a run with enough room for all calls at once (None if it fails), and how long it took."""

    async def retrieve(query: str, topk: int = 5) -> Any:
        await asyncio.sleep(latency(("retrieve", query)))
        return tools("retrieve", {"query": query, "topk": topk})

    async def answer(query: str, docs: Any = None) -> Any:
        await asyncio.sleep(latency(("answer", query)))
        return tools("answer", {"query": query, "docs": docs})

    async def main() -> Any:
        named = {"retrieve": retrieve, "answer": answer}
        try:
            return await pd.arun(text, named, now=NOW, limits=LIMITS, max_concurrency=1000)
        except pd.PlanError:
            return None

    return run_virtually(main())


def _shown(value: Any) -> str:
    return repr(sorted(map(repr, value))) if isinstance(value, (set, frozenset)) else repr(value)


def speculative(trace: Any) -> list[str]:
    return [event.node for event in trace.of(CallFinished) if event.speculative]
