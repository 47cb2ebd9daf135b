"""The chart tells the truth: who was asked when, what was made in vain, and what all that has cost."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pyrag_dsl as pd
from pyrag_dsl.agents import AdaptiveRetrieval
from pyrag_dsl.report import render_report
from pyrag_dsl.report.chart import as_it_goes, chart_of, paid
from pyrag_dsl.report.view import view_of
from pyrag_dsl.runtime.events import CallFailed
from pyrag_dsl.runtime.nesting import Book, RunContext
from pyrag_dsl.runtime.tools import Reported
from pyrag_dsl.testing.virtual import run_virtually

INNER = """
docs = retrieve(question)
final_answer = answer(question, docs)
"""


def plan_of(names: list[str], nested: bool) -> str:
    """A plan that asks for each name, the same name more than once perhaps, and runs a plan for the last."""
    lines = [f"names = {names!r}", "said = [answer(f'Who is {name}?', retrieve(name)) for name in names]"]
    lines += ["said.append(deeper(names[0]))"] if nested else []
    return "\n".join([*lines, "final_answer = ' '.join(said)"])


class World:
    """Tools that take their time, fail at times, and do not know everything at once."""

    def __init__(self, waits: list[int], failing: frozenset[int], hard: frozenset[str]) -> None:
        self.waits, self.failing, self.hard = waits, failing, hard
        self.asked = 0
        self.busy: list[tuple[float, float]] = []
        self.cost = 0

    async def work(self, cost: int) -> None:
        self.asked += 1
        number, began = self.asked, asyncio.get_running_loop().time()
        await asyncio.sleep(self.waits[number % len(self.waits)])
        self.busy.append((began, asyncio.get_running_loop().time()))
        self.cost += cost
        if number in self.failing:
            error = ConnectionError("no")
            error.usage = {"tokens": cost}  # type: ignore[attr-defined]
            raise error

    async def retrieve(self, query: str, topk: int = 5) -> list[str]:
        await self.work(0)
        return [f"{query} {number}" for number in range(topk)]

    async def answer(self, query: str, docs: list[str] = []) -> Reported:  # noqa: B006
        await self.work(7)
        unknown = len(docs) < 10 and any(name in query for name in self.hard)
        return Reported("unknown" if unknown else f"<{query}>", {"tokens": 7, "cost": 0.5})

    async def deeper(self, query: str, context: RunContext) -> str:
        tools = {"retrieve": self.tools["retrieve"], "answer": self.tools["answer"]}
        return str((await context.arun(INNER, tools, inputs={"question": query})).final_answer)

    @property
    def tools(self) -> dict[str, Any]:
        return {
            "retrieve": pd.tool(self.retrieve, "retrieve", idempotent=True),
            "answer": pd.tool(self.answer, "answer", idempotent=True),
            "deeper": pd.tool(self.deeper, "deeper"),
        }


def run_in(world: World, plan: str, seen: list[Any], **options: Any) -> pd.Trace:
    tools = world.tools if "deeper(" in plan else {k: v for k, v in world.tools.items() if k != "deeper"}
    try:
        result, _ = run_virtually(
            pd.arun(plan, tools, hooks=[AdaptiveRetrieval()], on_event=seen.append, retries=1, **options)
        )
    except pd.PlanError as error:
        return error.trace  # type: ignore[return-value]
    return result.trace


worlds = st.builds(
    World,
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
    st.frozensets(st.integers(1, 12), max_size=3),
    st.frozensets(st.sampled_from(["Ann", "Bob", "Cid"]), max_size=2),
)
runs = st.tuples(worlds, st.lists(st.sampled_from(["Ann", "Bob", "Cid", "Dee"]), min_size=1, max_size=4), st.booleans())
slowly = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@slowly
@given(runs, st.integers(1, 4))
def test_law_every_call_is_one_row_and_the_rows_add_up_to_what_was_paid(made: Any, at_once: int) -> None:
    world, names, nested = made
    trace = run_in(world, plan_of(names, nested), [], max_concurrency=at_once)
    bars = chart_of(trace)
    spent = Book.of(trace).spent
    assert (paid(bars).calls, paid(bars).tokens, paid(bars).cost) == (spent.calls, spent.tokens, spent.cost)
    assert len({bar.key for bar in bars}) == len(bars)
    calls = [bar for bar in bars if bar.key[0] == "c"]
    assert sorted(bar.node for bar in calls) == sorted(call.node for call in trace.calls)
    failed = [event for event in trace.events if isinstance(event, CallFailed)]
    in_vain = [bar for bar in bars if bar.error]
    assert len(in_vain) == len(failed), "each attempt in vain is a row, too"
    view = view_of(trace)
    assert sum(row.tokens for row in view.costs) == view.total.tokens == spent.tokens


@slowly
@given(runs)
def test_law_with_one_call_at_a_time_the_bars_follow_each_other(made: Any) -> None:
    world, names, nested = made
    trace = run_in(world, plan_of(names, nested), [], max_concurrency=1)
    bars = [bar for bar in chart_of(trace) if bar.started is not None and not bar.nests and not bar.shared]
    places = sorted((bar.started, bar.ended) for bar in bars)
    assert all(one[1] <= other[0] for one, other in pairwise(places)), places
    assert all(bar.wanted <= bar.started <= bar.ended for bar in bars)
    if trace.finished.status == "done":  # of a run that failed, what was under way is nobody's
        zero = min(begin for begin, _ in world.busy) - min(begin for begin, _ in places)
        worked = [each - zero for place in sorted(world.busy) for each in place]
        assert worked == pytest.approx([each for place in places for each in place])


@slowly
@given(runs, st.integers(1, 4))
def test_law_what_was_seen_while_it_went_on_is_what_the_trace_says(made: Any, at_once: int) -> None:
    world, names, nested = made
    seen: list[Any] = []
    trace = run_in(world, plan_of(names, nested), seen, max_concurrency=at_once)

    def rows(shown: pd.Trace) -> list[Any]:
        return sorted(
            (bar.node, bar.kind, repr(bar.result), bar.wanted, bar.started, bar.ended, bar.spent.tokens, bar.error)
            for bar in chart_of(shown)
            if bar.kind not in ("failed", "running")  # of a run that failed, what was under way is in no trace
        )

    def plain(found: list[Any]) -> list[Any]:
        # Whether a result was of use is known at the end alone, where the run fails.
        return [(row[0], *row[2:]) for row in found if trace.finished.status == "done" or row[1] != "unused"]

    if trace.finished.status == "done":
        assert repr(plain(rows(as_it_goes(seen)))) == repr(plain(rows(trace)))
    assert paid(chart_of(as_it_goes(seen))).tokens == paid(chart_of(trace)).tokens
    render_report(as_it_goes(seen[: len(seen) // 2 + 1]))


def test_the_wait_for_a_free_place_is_seen_as_such() -> None:
    world = World([2], frozenset(), frozenset())
    trace = run_in(world, plan_of(["Ann", "Bob", "Cid"], False), [], max_concurrency=1)
    bars = [bar for bar in chart_of(trace) if bar.tool == "retrieve"]
    assert [(bar.wanted, bar.started, bar.ended) for bar in bars] == [(0, 0, 2), (0, 2, 4), (0, 4, 6)]
    page = render_report(trace)
    assert page.count('class="wait ') == 2 + 3, "two searches wait, and each answer for what was wanted before it"


def test_a_search_that_was_asked_again_says_why_and_was_paid() -> None:
    world = World([1], frozenset(), frozenset(["Bob"]))
    trace = run_in(world, plan_of(["Ann", "Bob"], False), [])
    replaced = [card for card in view_of(trace).chart if card.bar.kind == "replaced"]
    assert [card.bar.tool for card in replaced] == ["retrieve", "answer"]
    assert replaced[0].again.startswith("made again with topk: 10: answer#2 answered 'unknown'")
    assert paid(chart_of(trace)).tokens == world.cost == 21
    assert view_of(trace).total.vain == 2


def test_attempts_in_vain_are_rows_with_times_of_their_own() -> None:
    world = World([3], frozenset([1]), frozenset())
    trace = run_in(world, plan_of(["Ann"], False), [])
    bars = [bar for bar in chart_of(trace) if bar.tool == "retrieve"]
    assert [(bar.kind, bar.started, bar.ended, bar.error) for bar in bars] == [
        ("retried", 0, 3, "ConnectionError"),
        ("call", 3, 6, ""),
    ]


def test_a_call_that_ended_the_run_has_its_time() -> None:
    world = World([3], frozenset([1, 2]), frozenset())
    trace = run_in(world, plan_of(["Ann"], False), [])
    assert trace.finished.status == "tool"
    bars = chart_of(trace)
    assert [(bar.kind, bar.started, bar.ended) for bar in bars] == [("retried", 0, 3), ("failed", 3, 6)]
    assert "raised ConnectionError" in render_report(trace)


def test_nested_calls_are_timed_by_the_clock_of_the_question() -> None:
    world = World([2], frozenset(), frozenset())
    trace = run_in(world, plan_of(["Ann"], True), [])
    outer, *inner = [bar for bar in chart_of(trace) if bar.nests or bar.within]
    assert outer.nests
    assert outer.started <= inner[0].started < inner[-1].ended <= outer.ended
