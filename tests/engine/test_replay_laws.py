"""Laws of the journal: a replay is the run again, and a run goes on from whatever part of its journal is left."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyrag_dsl as pd
from pyrag_dsl.runtime.events import CallFinished
from pyrag_dsl.testing.plans import Latencies, StubTools, latencies, plans, tool_results

from .laws import Ended, Watch, coroutine_tools, ended, law, run_here
from .runs import LIMITS, NOW, observe


def replayed(text: str, journal: Any) -> Ended:
    return ended(lambda: pd.run(text, journal=journal, replay=True))


@pytest.mark.thorough
@law(120)
@given(plans(), tool_results(), latencies())
def test_a_replay_is_the_run_again_without_tools(text: str, tools: StubTools, latency: Latencies) -> None:
    first = observe(text, tools, latency)
    again = replayed(text, first.trace)
    assert (again.status, again.value) == (first.ending, first.value)
    assert [f"{node} {arguments}" for node, arguments in again.calls] == first.calls
    if not [event for event in first.trace.of(CallFinished) if event.speculative]:
        assert again.trace.without_timings() == first.trace.without_timings()


@law(100)
@given(plans(), tool_results())
def test_so_is_a_replay_of_the_saved_file(text: str, tools: StubTools) -> None:
    first = run_here(text, tools.functions())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.jsonl"
        first.trace.save(path)
        loaded = pd.Trace.load(path)
        again = replayed(text, path)
    assert loaded.without_timings() == first.trace.without_timings()
    assert again.same == first.same
    assert again.trace.without_timings() == first.trace.without_timings()


@pytest.mark.thorough
@law(100)
@given(plans(), tool_results(), st.integers(0, 2**16 - 1), st.booleans())
def test_a_run_goes_on_from_any_part_of_its_journal(text: str, tools: StubTools, kept: int, concurrent: bool) -> None:
    first = run_here(text, tools.functions())
    entries = list(first.trace.journal())
    part = [entry for place, entry in enumerate(entries) if kept >> place % 16 & 1]
    mode = "concurrent" if concurrent else "sequential"
    again = run_here(text, coroutine_tools(tools), journal=pd.Journal(part), mode=mode)
    assert again.same == first.same
    recorded = {entry.node for entry in part}
    assert not recorded & set(again.watch.started)
    assert len(set(again.watch.started)) == len(again.watch.started)
    if first.status == "done":
        assert sorted(again.watch.started) == sorted(e.node for e in entries if e.node not in recorded)


class Copyist(Watch):
    """Keeps what the file of the run held before it was replaced at the end."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.log = b""

    def on_event(self, event: Any) -> None:
        super().on_event(event)
        if event.type != "run_finished":
            self.log = self.path.read_bytes()


@pytest.mark.thorough
@law(100)
@given(plans(), tool_results(), latencies(), st.floats(0, 1), st.booleans())
def test_a_run_goes_on_from_any_prefix_of_its_file(
    text: str, tools: StubTools, latency: Latencies, where: float, torn: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, cut = Path(folder) / "run.jsonl", Path(folder) / "cut.jsonl"
        copyist = Copyist(path)
        first = observe(text, tools, latency, trace=path, hooks=[copyist])
        head = copyist.log.index(b"\n") + 1
        end = head + round(where * (len(copyist.log) - head))
        left = copyist.log[:end] if torn else copyist.log[: copyist.log.rindex(b"\n", 0, max(end, head)) + 1]
        cut.write_bytes(left)
        recorded = {event.node for event in pd.Trace.load(cut).of(CallFinished)}
        watch = Watch()
        again = observe(text, tools, latency, journal=str(cut), trace=cut, hooks=[watch])
        assert (again.ending, again.value, again.calls) == (first.ending, first.value, first.calls)
        assert not recorded & set(watch.started)
        if first.ending == "done":
            assert len(watch.started) + len(recorded) == len(first.calls)
            assert pd.Trace.load(cut).without_timings() == first.trace.without_timings()


@pytest.mark.thorough
@law(100)
@given(plans(), tool_results(), st.integers(0, 63), st.integers(1, 4), st.booleans())
def test_a_rerun_is_a_run_with_other_arguments(
    text: str, tools: StubTools, chosen: int, topk: int, concurrent: bool
) -> None:
    first = run_here(text, tools.functions())
    if not first.calls:
        return
    node, _ = first.calls[chosen % len(first.calls)]
    changes: dict[str, Any] = {"topk": topk} if node.startswith("retrieve") else {"docs": [f"Other {topk}."]}
    watch = Watch()
    options = {"mode": "concurrent" if concurrent else "sequential", "hooks": [watch]}
    again = ended(lambda: pd.rerun(first.trace, {node: changes}, coroutine_tools(tools), **options))
    whole = run_here(text, tools.functions(), overrides={node: changes})
    assert again.same == whole.same
    recorded = set(first.calls)
    if whole.status == "done":
        assert sorted(watch.asked) == sorted(call for call in whole.calls if call not in recorded)
    assert not recorded & set(watch.asked)
    later = replayed(text, again.trace)
    assert later.same == again.same


@pytest.mark.thorough
@law(60)
@given(plans(), tool_results())
def test_a_run_that_is_cancelled_goes_on(text: str, tools: StubTools) -> None:
    """Cancelled while one call is out: the trace holds the others, and nothing is asked twice."""
    whole = run_here(text, tools.functions())
    if whole.status != "done" or len(whole.calls) < 2:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.jsonl"
        times = 0

        async def hanging(query: str, topk: int = 5) -> Any:
            nonlocal times
            times += 1
            if times == 2:
                await asyncio.sleep(3600)
            return tools("retrieve", {"query": query, "topk": topk})

        async def go() -> None:
            named = {**coroutine_tools(tools), "retrieve": hanging}
            running = asyncio.ensure_future(pd.arun(text, named, now=NOW, limits=LIMITS, trace=path))
            for _ in range(500):
                if running.done():
                    break
                await asyncio.sleep(0)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            assert len(asyncio.all_tasks()) == 1

        asyncio.run(go())
        recorded = {event.node for event in pd.Trace.load(path).of(CallFinished)}
        again = run_here(text, tools.functions(), journal=path)
        assert again.same == whole.same
        assert not recorded & set(again.watch.started)
