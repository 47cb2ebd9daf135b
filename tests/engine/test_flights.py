"""Calls in flight: batches, shared flights, concurrency, timeouts, retries, deadlines, cancellation."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

import pyrag_dsl as pd
from pyrag_dsl.runtime.events import CallFinished
from pyrag_dsl.testing.virtual import run_virtually

FOUR = """
names = ["Dune", "Emma", "Dune", "Ulysses"]
docs = [retrieve(name) for name in names]
final_answer = [texts[0] for texts in docs]
"""
VOTES = """
docs = retrieve("Dune")
votes = [answer("Who wrote Dune?", docs) for _ in range(5)]
final_answer = max(votes, key=votes.count)
"""


def plain_answer(query: str, docs: Any = None) -> str:  # noqa: ARG001
    return query


def status(trace: pd.Trace) -> str:
    assert trace.finished is not None
    return trace.finished.status


# --------------------------------------------------------------------- batches


@pytest.mark.parametrize("asynchronous", [False, True])
def test_retrieves_that_are_ready_together_go_as_one_batch(asynchronous: bool) -> None:
    batches: list[list[dict[str, Any]]] = []

    def plain(asked: list[dict[str, Any]]) -> list[list[str]]:
        batches.append(asked)
        return [[f"about {one['query']}"] for one in asked]

    async def suspended(asked: list[dict[str, Any]]) -> list[list[str]]:
        await asyncio.sleep(0)
        return plain(asked)

    def alone(query: str, topk: int = 5) -> list[str]:
        raise AssertionError((query, topk))

    retrieve = pd.tool(alone, name="retrieve", batch=suspended if asynchronous else plain)
    result = pd.run(FOUR, {"retrieve": retrieve, "answer": plain_answer})
    assert result.final_answer == ["about Dune", "about Emma", "about Dune", "about Ulysses"]
    assert batches == [[{"query": name, "topk": 5} for name in ("Dune", "Emma", "Ulysses")]]
    assert len(result.calls) == 4


@pytest.mark.parametrize("reply", [None, [], [["one"]], "text", {}])
def test_a_batch_of_another_size_is_a_failure_of_the_tool(reply: Any) -> None:
    retrieve = pd.tool(lambda query, topk=5: [query], name="retrieve", batch=lambda asked: reply)  # noqa: ARG005
    with pytest.raises(pd.ToolFailed) as caught:
        pd.run(FOUR, {"retrieve": retrieve, "answer": plain_answer})
    assert caught.value.diagnostics[0].code == "PLAN500"


def test_identical_retrieves_in_flight_are_asked_once() -> None:
    asked: list[str] = []

    async def retrieve(query: str, topk: int = 5) -> list[str]:  # noqa: ARG001
        asked.append(query)
        await asyncio.sleep(0)
        return [query]

    result = pd.run(FOUR, {"retrieve": retrieve, "answer": plain_answer})
    assert asked == ["Dune", "Emma", "Ulysses"]
    assert [call.result for call in result.calls] == [["Dune"], ["Emma"], ["Dune"], ["Ulysses"]]


@pytest.mark.parametrize("mode", ["concurrent", "sequential"])
def test_five_equal_votes_are_five_calls(mode: str) -> None:
    votes = iter(["Herbert", "Asimov", "Herbert", "Herbert", "Lem"])

    async def answer(query: str, docs: Any = None) -> str:  # noqa: ARG001
        return next(votes)

    result = pd.run(VOTES, {"retrieve": lambda query, topk: [query], "answer": answer}, mode=mode)  # noqa: ARG005
    assert result.final_answer == "Herbert"
    assert sorted(call.result for call in result.calls[1:]) == ["Asimov", "Herbert", "Herbert", "Herbert", "Lem"]


@pytest.mark.parametrize("most", [1, 2, 3, 5])
def test_max_concurrency_is_kept(most: int) -> None:
    running = peak = 0

    async def answer(query: str, docs: Any = None) -> str:  # noqa: ARG001
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(0.01)
        running -= 1
        return query

    tools = {"retrieve": lambda query, topk: [query], "answer": answer}  # noqa: ARG005
    pd.run(VOTES, tools, max_concurrency=most)
    assert peak == most


# ---------------------------------------------------------- timeouts and retries


@pytest.mark.parametrize("asynchronous", [True, False])
@pytest.mark.parametrize("mode", ["concurrent", "sequential"])
def test_a_call_that_does_not_answer_in_time(asynchronous: bool, mode: str) -> None:
    free = threading.Event()

    async def hangs(query: str, topk: int = 5) -> list[str]:  # noqa: ARG001
        await asyncio.sleep(3600)
        return []

    def blocks(query: str, topk: int = 5) -> list[str]:  # noqa: ARG001
        free.wait(60)
        return []

    tools = {"retrieve": hangs if asynchronous else blocks, "answer": plain_answer}
    with pytest.raises(pd.ToolFailed) as caught:
        pd.run(VOTES, tools, call_timeout=0.05, mode=mode)
    free.set()
    assert caught.value.diagnostics[0].code == "PLAN503"
    assert "0.05 s" in caught.value.diagnostics[0].message


def test_the_timeout_covers_what_a_plain_function_returns() -> None:
    async def hangs() -> list[str]:
        await asyncio.sleep(3600)
        return []

    tools = {"retrieve": lambda query, topk: hangs(), "answer": plain_answer}  # noqa: ARG005
    with pytest.raises(pd.ToolFailed) as caught:
        pd.run(VOTES, tools, call_timeout=0.05)
    assert caught.value.diagnostics[0].code == "PLAN503"


@pytest.mark.parametrize("asynchronous", [True, False])
def test_only_idempotent_tools_are_asked_again(asynchronous: bool) -> None:
    times = {"retrieve": 0, "answer": 0}

    def fails_twice(name: str) -> None:
        times[name] += 1
        if times[name] <= 2:
            raise OSError("busy")

    def retrieve(query: str, topk: int = 5) -> list[str]:  # noqa: ARG001
        fails_twice("retrieve")
        return [query]

    def answer(query: str, docs: Any = None) -> str:  # noqa: ARG001
        fails_twice("answer")
        return query

    async def retrieve_later(query: str, topk: int = 5) -> list[str]:
        return retrieve(query, topk)

    tools = {"retrieve": retrieve_later if asynchronous else retrieve, "answer": answer}
    with pytest.raises(pd.ToolFailed) as caught:
        pd.run('final_answer = answer("a", retrieve("b"))', tools, retries=2)
    assert "`answer` raised OSError" in caught.value.diagnostics[0].message
    assert times == {"retrieve": 3, "answer": 1}


# -------------------------------------------------------- deadline, cancellation


@pytest.mark.parametrize("asynchronous", [True, False])
@pytest.mark.parametrize("mode", ["concurrent", "sequential"])
@pytest.mark.parametrize("plan", [VOTES, FOUR])
def test_a_tool_that_hangs_cannot_hold_a_run(plan: str, mode: str, asynchronous: bool, tmp_path: Any) -> None:
    free = threading.Event()

    async def hangs(query: str, topk: int = 5) -> list[str]:  # noqa: ARG001
        await asyncio.sleep(3600)
        return []

    def blocks(query: str, topk: int = 5) -> list[str]:  # noqa: ARG001
        free.wait(60)
        return []

    tools = {"retrieve": hangs if asynchronous else blocks, "answer": plain_answer}
    began = time.monotonic()
    with pytest.raises(pd.LimitExceeded) as caught:
        pd.run(plan, tools, limits=pd.Limits(deadline=0.3), mode=mode, trace=tmp_path / "run.jsonl")
    waited = time.monotonic() - began
    free.set()
    assert waited < 10  # the tool hangs for 60 s; how close it is to 0.3 s is for benchmarks/engine.py to say
    assert caught.value.diagnostics[0].code == "PLAN402"
    assert status(pd.Trace.load(tmp_path / "run.jsonl")) == "limit"


def test_a_cancelled_run_leaves_nothing_running_and_a_trace(tmp_path: Any) -> None:
    path = tmp_path / "run.jsonl"
    ended: list[str] = []

    async def retrieve(query: str, topk: int = 5) -> list[str]:  # noqa: ARG001
        return [query]

    async def answer(query: str, docs: Any = None) -> str:  # noqa: ARG001
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(query)
        return query

    async def main() -> None:
        running = asyncio.ensure_future(pd.arun(VOTES, {"retrieve": retrieve, "answer": answer}, trace=path))
        await asyncio.sleep(1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtually(main())
    assert len(ended) == 5
    trace = pd.Trace.load(path)
    assert status(trace) == "cancelled"
    assert [event.tool for event in trace.of(CallFinished)] == ["retrieve"]
    result = pd.run(VOTES, {"retrieve": nobody, "answer": plain_answer}, journal=trace)
    assert result.final_answer == "Who wrote Dune?"


def nobody(query: str, topk: int = 5) -> list[str]:
    raise AssertionError((query, topk))


def test_a_failed_run_leaves_nothing_running() -> None:
    """One of five calls fails: the other four are cancelled before the run is over."""
    ended: list[int] = []
    number = iter(range(5))

    async def answer(query: str, docs: Any = None) -> str:  # noqa: ARG001
        mine = next(number)
        try:
            await asyncio.sleep(0 if mine == 0 else 3600)
            raise ValueError(query)
        finally:
            ended.append(mine)

    async def main() -> None:
        with pytest.raises(pd.ToolFailed):
            await pd.arun(VOTES, {"retrieve": lambda query, topk: [query], "answer": answer})  # noqa: ARG005
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    assert sorted(ended) == [0, 1, 2, 3, 4]


def test_run_inside_a_running_loop() -> None:
    async def answer(query: str, docs: Any = None) -> str:  # noqa: ARG001
        await asyncio.sleep(0)
        return query

    async def main() -> Any:
        tools = {"retrieve": lambda query, topk: [query], "answer": answer}  # noqa: ARG005
        first = pd.run(VOTES, tools).final_answer
        plain = pd.run(VOTES, {**tools, "answer": lambda query, docs: asyncio.sleep(0, query)})  # noqa: ARG005
        return first, plain.final_answer

    assert asyncio.run(main()) == ("Who wrote Dune?", "Who wrote Dune?")


def test_many_runs_share_one_loop() -> None:
    """A thousand runs wait for a slow tool at once, without a thread for any of them."""

    async def retrieve(query: str, topk: int = 5) -> list[str]:  # noqa: ARG001
        await asyncio.sleep(1)
        return [query]

    async def answer(query: str, docs: Any = None) -> str:  # noqa: ARG001
        await asyncio.sleep(1)
        return query

    async def main() -> list[Any]:
        program = pd.parse(VOTES)
        tools = {"retrieve": retrieve, "answer": answer}
        return await asyncio.gather(*(pd.arun(program, tools) for _ in range(1000)))

    before = threading.active_count()
    results, seconds = run_virtually(main())
    assert {result.final_answer for result in results} == {"Who wrote Dune?"}
    assert seconds == 2
    assert threading.active_count() <= before


# ---------------------------------------------------------------------- passes

IN_A_FUNCTION = """
def about(name):
    text = answer(f"Who wrote {name}?")
    return text.strip() if text else "nobody"
final_answer = about("Dune") + about("Emma")
"""


@pytest.mark.parametrize("text", [VOTES, IN_A_FUNCTION])
def test_a_run_that_has_met_all_its_calls_looks_no_further_ahead(text: str) -> None:
    """One pass finds all calls, whatever is done with their results; the next one gives the answer."""

    async def retrieve(query: str, topk: int = 5) -> list[str]:  # noqa: ARG001
        return []

    async def answer(query: str, docs: Any = None) -> str:  # noqa: ARG001
        return query

    text = text.replace('docs = retrieve("Dune")', "docs = []")
    assert run_virtually(pd.arun(text, {"retrieve": retrieve, "answer": answer}))[0].passes == 2
