"""What the files of laws share: how many examples, who watches, and runs in this thread reduced to what is compared."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, settings

import pyrag_dsl as pd
from pyrag_dsl.runtime.events import CallStarted

from .runs import LIMITS, NOW


def law(examples: int) -> settings:
    """Settings of a law: the same examples each time, or `PYRAG_FUZZ_EXAMPLES` others."""
    wanted = os.environ.get("PYRAG_FUZZ_EXAMPLES")
    return settings(
        max_examples=int(wanted) if wanted else examples,
        deadline=None,
        derandomize=wanted is None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        database=None,
        print_blob=True,
        phases=[Phase.explicit, Phase.generate] if os.environ.get("PYRAG_NO_SHRINK") else tuple(Phase),
    )


class Watch(pd.Hook):
    """Which calls were made, by node; changes nothing."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def on_event(self, event: Any) -> None:
        self.events.append(event)

    @property
    def started(self) -> list[str]:
        return [event.node for event in self.events if isinstance(event, CallStarted)]

    @property
    def asked(self) -> list[tuple[str, str]]:
        """Node and arguments of the calls made."""
        return [(e.node, repr(e.arguments)) for e in self.events if isinstance(e, CallStarted)]


@dataclass
class Ended:
    """How a run ended: `same` is what must not depend on the way it was run."""

    status: str
    value: str
    calls: list[tuple[str, str]]
    trace: Any
    result: Any = None
    watch: Watch = field(default_factory=Watch)

    @property
    def same(self) -> tuple[str, str, list[tuple[str, str]]]:
        return self.status, self.value, self.calls


def ended(go: Callable[[], Any]) -> Ended:
    """Run, and catch how it ended."""
    result = None
    try:
        result = go()
        status, value, trace = "done", shown(result.final_answer), result.trace
    except pd.PlanError as error:
        status, trace = type(error).__name__, error.trace
        value = " ".join(f"{d.code}@{d.span} {d.message}" for d in error.diagnostics)
    return Ended(status, value, [(e.node, repr(e.arguments)) for e in trace.of(CallStarted)], trace, result)


def run_here(text: str, tools: Any, **options: Any) -> Ended:
    """Run in this thread, one call after the other unless the options say otherwise."""
    watch = Watch()
    options = {"mode": "sequential", "now": NOW, "limits": LIMITS, "hooks": [watch], **options}
    if not options["hooks"]:
        del options["hooks"]
    found = ended(lambda: pd.run(text, tools, **options))
    found.watch = watch
    return found


def shown(value: Any) -> str:
    """A value with its type, sets in an order of their own."""
    inner = repr(sorted(map(repr, value))) if isinstance(value, (set, frozenset)) else repr(value)
    return f"{type(value).__name__} {inner}"


def coroutine_tools(tools: Any) -> dict[str, Any]:
    """Stub tools as coroutine functions that take no time."""

    async def retrieve(query: str, topk: int = 5) -> Any:
        return tools("retrieve", {"query": query, "topk": topk})

    async def answer(query: str, docs: Any = None) -> Any:
        return tools("answer", {"query": query, "docs": docs})

    return {"retrieve": retrieve, "answer": answer}
