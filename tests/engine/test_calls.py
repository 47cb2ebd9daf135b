"""The one shape of a call: in results and in traces, of runs that failed and of calls that were asked again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import pyrag_dsl as pd
from pyrag_dsl.testing.virtual import run_virtually

PLAN = 'docs = retrieve("Dune")\nfinal_answer = answer("Who wrote Dune?", docs)\n'


def retrieve(query: str, topk: int = 5) -> list[str]:
    return [f"{query} {topk}"]


def answer(query: str, docs: Any = None) -> str:
    return "unknown" if docs == ["Dune 5"] else f"{query} {docs}"


TOOLS = {"retrieve": retrieve, "answer": answer}


@pytest.mark.parametrize("mode", ["concurrent", "sequential"])
def test_the_calls_of_a_result_are_those_of_its_trace(mode: Any) -> None:
    result = pd.run(PLAN, TOOLS, mode=mode)
    assert [call.alias for call in result.calls] == ["retrieve#1", "answer#1"]
    assert [(call.node, call.result, call.cached) for call in result.trace.calls] == [
        (call.node, call.result, call.cached) for call in result.calls
    ]
    assert result.calls[1].depends_on == (result.calls[0].node,)
    assert result.trace.calls[1].depends_on == ()
    assert result.calls[0].span == pd.Span(1, 8, 1, 24)


def test_a_run_that_failed_has_its_calls() -> None:
    with pytest.raises(pd.PlanFailed) as failed:
        pd.run(PLAN + "1 / 0\n", TOOLS)
    assert failed.value.trace is not None
    assert [(call.alias, call.ended) for call in failed.value.trace.calls] == [("retrieve#1", True), ("answer#1", True)]

    def silent(query: str, docs: Any = None) -> str:
        raise OSError(query, docs)

    with pytest.raises(pd.ToolFailed) as gone:
        pd.run(PLAN, {**TOOLS, "answer": silent})
    assert gone.value.trace is not None
    last = gone.value.trace.calls[-1]
    assert (last.alias, last.ended, last.result, last.elapsed, last.to_json()["cached"]) == (
        "answer#1", False, None, None, None,
    )  # fmt: skip


def test_a_call_that_was_asked_again_keeps_the_result_that_counts() -> None:
    result = pd.run(PLAN, TOOLS, hooks=[pd.AdaptiveRetrieval()])
    first, *rest = result.trace.calls
    assert first.arguments["topk"] == 10
    assert first.result == ["Dune 10"]
    assert [(call.result, call.speculative) for call in rest if call.tool == "retrieve"] == [(["Dune 5"], True)]
    assert [call.result for call in result.calls if call.tool == "retrieve"] == [["Dune 10"]]
    (stale,) = [call for call in rest if call.tool == "retrieve"]
    assert (stale.alias, stale.span, stale.depends_on, stale.to_json()["depends_on"]) == ("", None, (), None)


# ----------------------------------------------------------------------- times

SIX = "final_answer = [slow(str(i)) for i in range(6)]\n"


def test_a_call_that_waits_for_a_free_place_says_so() -> None:
    async def slow(query: str) -> str:
        await asyncio.sleep(1)
        return query

    result, _ = run_virtually(pd.arun(SIX, {"slow": slow}, max_concurrency=2))
    times = [call.times for call in result.calls]
    assert [None if each is None else round(each.wanted) for each in times] == [0] * 6
    waited = [each.started - each.wanted for each in times if each is not None]
    assert waited == sorted(waited)
    assert all(each is not None and each.started <= each.ended for each in times)


@pytest.mark.parametrize("mode", ["concurrent", "sequential"])
def test_times_are_those_of_the_run_that_made_the_call(mode: Any, tmp_path: Any) -> None:
    path = tmp_path / "t.jsonl"
    first = pd.run(PLAN, TOOLS, mode=mode, trace=path)
    one, two = (call.times for call in first.calls)
    assert one is not None
    assert two is not None
    assert 0 <= one.wanted <= one.started <= one.ended <= two.wanted <= two.started <= two.ended
    assert [call.times for call in pd.Trace.load(path).calls] == [one, two]
    again = pd.run(PLAN, TOOLS, journal=path)
    assert [call.times for call in again.calls] == [None, None]
    assert again.trace.without_timings() == first.trace.without_timings()
