"""The one shape of a call: in results and in traces, of runs that failed and of calls that were asked again."""

from __future__ import annotations

from typing import Any

import pytest

import pyrag_dsl as pd

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
