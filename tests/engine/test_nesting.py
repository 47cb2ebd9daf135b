"""Runs inside of runs: one journal, whatever the level, and a question that is killed goes on."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyrag_dsl as pd
from pyrag_dsl.agents import AdaptiveRetrieval
from pyrag_dsl.runtime.events import CallFinished, CallStarted, Event, RunFinished
from pyrag_dsl.testing.plans import plans

from .laws import law

TWICE = """
run = run_plan(first)
if not run["ok"]:
    run = run_plan(second)
final_answer = run["answer"]
"""
FAILS = "docs = retrieve('Momo')\nfinal_answer = answer('who', docs)[99]\n"
MENDED = "# mended\ndocs = retrieve('Momo')\nfinal_answer = answer('who', docs)\n"
INPUTS = {"first": FAILS, "second": MENDED}


class Service:
    """Counts what it is asked. Its answers say how many passages they are from."""

    def __init__(self, hooks: Any = (), tokens: int = 7) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.left: list[Any] = []
        self.hooks = hooks
        self.tokens = tokens

    def retrieve(self, query: str, topk: int = 5) -> list[str]:
        self.asked.append(("retrieve", query, topk))
        return [f"{query} {number}" for number in range(topk)]

    def answer(self, query: str, docs: list[str] | None = None) -> pd.Reported:
        self.asked.append(("answer", query, len(docs or ())))
        enough = docs is None or len(docs) > 5 or not self.hooks
        return pd.Reported(f"answer {len(docs or ())}" if enough else "not found", {"tokens": self.tokens})

    async def run_plan(self, source: str, context: pd.RunContext) -> dict[str, Any]:
        self.left.append(context.left)
        # Each call is asked for itself, so that what was asked can be counted.
        retrieve = replace(pd.tool(self.retrieve), idempotent=False)
        tools = {"retrieve": retrieve, "answer": self.answer, "run_plan": self.run_plan}
        try:
            result = await context.arun(source, tools, inputs={}, hooks=self.hooks)
        except (pd.PlanRejected, pd.PlanFailed) as failed:
            return {"ok": False, "answer": None, "problems": [found.message for found in failed.diagnostics]}
        return {"ok": True, "answer": result.final_answer, "problems": []}

    @property
    def tools(self) -> dict[str, Any]:
        return {"run_plan": self.run_plan}

    def run(self, plan: str = TWICE, **options: Any) -> pd.Result:
        return pd.run(plan, self.tools, **{"inputs": INPUTS, **options})


def snapshots(plan: str, service: Service, inputs: dict[str, Any]) -> tuple[pd.Result, list[str]]:
    """A run, and what its file held after every event that was written to it: all moments to be killed at."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.jsonl"
        kept: list[str] = []

        def look(_event: Event) -> None:
            if path.exists() and (text := path.read_text()) not in kept[-1:]:
                kept.append(text)

        # Whether a call that a failed plan did not come to comes back before that fails is a matter of time.
        result = service.run(plan, inputs=inputs, trace=path, on_event=look, speculate=False)
        kept.append(path.read_text())
    return result, kept


def paid(trace: pd.Trace) -> int:
    return sum(call.usage.get("tokens", 0) for call in trace.calls)


def test_a_mended_plan_asks_nothing_twice_and_each_call_lies_under_the_call_that_it_serves() -> None:
    service = Service()
    result = service.run()
    assert result.final_answer == "answer 5"
    assert service.asked == [("retrieve", "Momo", 5), ("answer", "who", 5)]
    assert [call.alias for call in result.calls] == [
        "run_plan#1", "run_plan#1/retrieve#1", "run_plan#1/answer#1",
        "run_plan#2", "run_plan#2/retrieve#1", "run_plan#2/answer#1",
    ]  # fmt: skip
    last = result.calls[-1]
    assert last.node == "run_plan@4:11/answer@3:16"
    assert last.cached
    assert last.usage == {"reused": "run_plan@2:7/answer@2:16"}
    assert paid(result.trace) == 7


def test_one_nested_call_can_be_made_again_and_nothing_else_is() -> None:
    service = Service()
    first = service.run()
    service.asked.clear()
    again = pd.rerun(first.trace, {"run_plan#2/retrieve#1": {"topk": 9}}, service.tools)
    assert again.final_answer == "answer 9"
    assert service.asked == [("retrieve", "Momo", 9), ("answer", "who", 9)]
    replayed = pd.run(first.program, journal=again.trace, replay=True)
    assert replayed.trace.without_timings() == again.trace.without_timings()


def test_a_nested_change_goes_on_too_where_it_was_killed() -> None:
    first = Service().run()
    changes = {"run_plan#2/retrieve#1": {"topk": 9}}
    whole = pd.rerun(first.trace, changes, Service().tools)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.jsonl"
        kept: list[str] = []
        pd.rerun(first.trace, changes, Service().tools, trace=path, on_event=lambda _: kept.append(path.read_text()))
        for text in kept:
            path.write_text(text)
            service = Service()
            again = service.run(journal=path, trace=path)
            assert again.final_answer == whole.final_answer == "answer 9"
            assert len(service.asked) <= 2
            assert [call.arguments for call in again.calls] == [call.arguments for call in whole.calls]


def test_what_is_wrong_with_a_nested_change_is_said() -> None:
    first = Service().run()
    with pytest.raises(ValueError, match="no call 'run_plan#9/retrieve#1'"):
        pd.rerun(first.trace, {"run_plan#9/retrieve#1": {"topk": 9}}, Service().tools)
    with pytest.raises(ValueError, match="has no argument 'top'"):
        pd.rerun(first.trace, {"run_plan#2/retrieve#1": {"top": 9}}, Service().tools)


def test_a_nested_run_is_a_trace_of_its_own() -> None:
    result = Service().run()
    inner = result.trace.within("run_plan#2")
    assert inner.source == MENDED
    assert [call.alias for call in inner.calls] == ["retrieve#1", "answer#1"]
    assert inner.finished is not None
    assert pd.run(inner.source, journal=inner, replay=True).lineage == ("retrieve@2:8", "answer@3:16")
    with pytest.raises(ValueError, match="no nested run"):
        result.trace.within("run_plan#3")


@pytest.mark.thorough
@law(20)
@given(plans(max_statements=6), plans(max_statements=6), st.booleans())
def test_law_a_killed_question_goes_on_and_ends_as_if_nothing_had_been(one: str, other: str, adaptive: bool) -> None:
    hooks = (AdaptiveRetrieval(),) if adaptive else ()
    inputs = {"first": one + "\nboom = 1 / 0\n", "second": other}
    whole = Service(hooks)
    try:
        result, kept = snapshots(TWICE, whole, inputs)
    except pd.PlanError:
        return
    for text in kept:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "killed.jsonl"
            path.write_text(text)
            recorded = pd.Trace.load(path)
            service = Service(hooks)
            again = service.run(inputs=inputs, journal=path, trace=path, speculate=False)
            assert again.trace.without_timings() == result.trace.without_timings()
            assert pd.Trace.load(path).without_timings() == result.trace.without_timings()
        already = [call for call in recorded.calls if call.ended and call.tool != "run_plan" and not _reused(call)]
        assert len(service.asked) == len(whole.asked) - len(already)
        assert paid(again.trace) == whole.tokens * sum(kind == "answer" for kind, *_ in whole.asked)


def _reused(call: Any) -> bool:
    return "reused" in call.usage


def test_adaptive_retrieval_of_a_nested_run_is_on_record_and_goes_on() -> None:
    service = Service((AdaptiveRetrieval(),))
    result, kept = snapshots(TWICE, service, INPUTS)
    assert result.final_answer == "answer 10"
    assert ("retrieve", "Momo", 10) in service.asked
    boosted = len(service.asked)
    assert len(set(service.asked)) == boosted, "the mended plan climbs the ladder on what was asked before"
    assert len(kept) > 8


def test_what_is_left_is_counted_in_program_order_over_all_levels() -> None:
    service = Service()
    service.run(limits={"tool_calls": 20, "tokens": 100})
    assert [(left.calls, left.tokens, left.cost) for left in service.left] == [(19, 100, None), (16, 93, None)]
    service = Service()
    service.run("a = run_plan(first)\n" + TWICE, limits={"tool_calls": 20}, mode="sequential")
    assert [left.calls for left in service.left] == [19, 16, 15], "what is taken over is counted where it was made"


def test_a_budget_is_of_the_whole_question() -> None:
    service = Service()
    three = "final_answer = ''.join([answer(c) for c in 'abc'])\n"
    plan = "a = run_plan(first)\nb = run_plan(second)\nfinal_answer = [a, b]\n"
    with pytest.raises(pd.LimitExceeded) as met:
        service.run(plan, inputs={"first": three, "second": three.replace("abc", "def")}, limits={"tokens": 28},
                    mode="sequential")  # fmt: skip
    assert met.value.diagnostics[0].code == "PLAN413"
    assert len(service.asked) == 4
    assert met.value.trace is not None
    assert paid(met.value.trace) == 28


def test_the_calls_of_all_levels_are_limited_together() -> None:
    plan = "a = run_plan(first)\nfinal_answer = a['problems']\n"
    many = "for i in range(50):\n    x = answer(f'{i}')\nfinal_answer = x\n"
    service = Service()
    with pytest.raises(pd.LimitExceeded) as met:
        service.run(plan, inputs={"first": many, "second": ""}, limits={"tool_calls": 12}, mode="sequential")
    assert met.value.diagnostics[0].code == "PLAN408"
    assert len(service.asked) <= 11


def test_nested_runs_that_need_nothing_of_each_other_ask_what_the_sequential_run_asks() -> None:
    both = "a = run_plan(first)\nb = run_plan(second)\nfinal_answer = [a, b]\n"
    asked = {}
    for mode in ("sequential", "concurrent"):
        service = Service()
        result = service.run(both, inputs={"first": MENDED, "second": MENDED + "# again\n"}, mode=mode)
        asked[mode] = service.asked
        assert [call.cached for call in result.calls] == [False, False, False, False, True, True]
    assert asked["sequential"] == asked["concurrent"] == [("retrieve", "Momo", 5), ("answer", "who", 5)]


def test_runs_are_not_nested_without_end() -> None:
    forever = "final_answer = run_plan(me)['answer']\n"

    class Endless(Service):
        async def run_plan(self, source: str, context: pd.RunContext) -> dict[str, Any]:
            result = await context.arun(source, self.tools, inputs={"me": source})
            return {"answer": result.final_answer}

    with pytest.raises(pd.LimitExceeded, match="nested deeper than 8") as met:
        Endless().run(forever, inputs={"me": forever})
    assert met.value.trace is not None
    assert max(call.node.count("/") for call in met.value.trace.calls) == 8


def test_hooks_of_the_run_around_are_asked_about_nested_calls() -> None:
    class Never(pd.Hook):
        def before_call(self, call: Any) -> pd.Veto | None:
            return pd.Veto("never") if call.tool == "retrieve" else None

    service = Service()
    with pytest.raises(pd.ToolFailed, match="never") as refused:
        service.run(hooks=[Never()])
    assert service.asked == []
    assert refused.value.diagnostics[0].nodes == ("run_plan@2:7", "run_plan@2:7/retrieve@1:8")


def test_events_of_nested_calls_have_their_whole_names() -> None:
    seen: list[Event] = []
    Service().run(on_event=seen.append)
    nodes = [event.node for event in seen if isinstance(event, (CallStarted, CallFinished))]
    assert "run_plan@2:7/answer@2:16" in nodes
    assert [event.within for event in seen if isinstance(event, RunFinished)] == ["run_plan@2:7", "run_plan@4:11", ""]


def test_a_tool_that_runs_plans_is_async_and_takes_no_option_that_is_not_its_own() -> None:
    def plain(source: str, context: pd.RunContext) -> str:
        return source + context.node

    with pytest.raises(TypeError, match="must be async"):
        pd.run("final_answer = plain('a')", {"plain": plain})

    async def replaying(source: str, context: pd.RunContext) -> Any:
        return (await context.arun(source, replay=True)).final_answer

    with pytest.raises(pd.ToolFailed) as failed:
        pd.run("final_answer = replaying('x = 1')", {"replaying": replaying})
    assert "takes 'replay' from the run around it" in str(failed.value.__cause__)
