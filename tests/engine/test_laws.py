"""The laws of the engine, over generated plans, tool results and latencies."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings

import pyrag_dsl as pd
from pyrag_dsl.runtime.events import StatementEnded
from pyrag_dsl.testing.plans import Latencies, StubTools, latencies, plans, tool_results

from .laws import Watch
from .runs import observe, speculative

EXAMPLES = int(os.environ.get("PYRAG_FUZZ_EXAMPLES", "150"))
law = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="PYRAG_FUZZ_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    database=None,
    print_blob=True,
)


@pytest.mark.thorough
@law
@given(plans(), tool_results(), latencies())
def test_concurrent_equals_sequential(text: str, tools: StubTools, latency: Latencies) -> None:
    one = observe(text, tools, latency, mode="sequential")
    other = observe(text, tools, latency)
    assert (other.ending, other.value, other.calls) == (one.ending, one.value, one.calls)
    if one.ending == "done":
        assert sorted(set(other.made)) == sorted(set(one.made))
        assert not speculative(other.trace)
        assert other.trace.without_timings() == one.trace.without_timings()
    assert other.seconds <= one.seconds + 1e-9


@pytest.mark.thorough
@law
@given(plans(), tool_results(), latencies())
def test_nothing_is_speculative_where_that_is_forbidden(text: str, tools: StubTools, latency: Latencies) -> None:
    one = observe(text, tools, latency, mode="sequential")
    other = observe(text, tools, latency, speculate=False)
    assert (other.ending, other.value, other.calls) == (one.ending, one.value, one.calls)
    assert sorted(set(other.made)) == sorted(set(one.made))


@pytest.mark.thorough
@law
@given(plans(), tool_results(), latencies())
def test_statements_are_told_as_they_are_in_the_trace(text: str, tools: StubTools, latency: Latencies) -> None:
    for mode in ("sequential", "concurrent"):
        watch = Watch()
        seen = observe(text, tools, latency, mode=mode, hooks=[watch])
        told = [(event.span, event.names) for event in watch.events if isinstance(event, StatementEnded)]
        assert told == [(event.span, event.names) for event in seen.trace.of(StatementEnded)]


def test_a_statement_is_told_before_the_calls_behind_it_are_made() -> None:
    watch = Watch()
    pd.run("x = answer('a')\ny = x + '!'\nz = answer(y)\nfinal_answer = z\n", {"answer": str.upper}, hooks=[watch])
    told = [getattr(event, "names", event.type) for event in watch.events]
    assert told == [
        *["run_started", "call_started", "call_finished", {"x": "'A'"}, {"y": "'A!'"}],
        *["call_started", "call_finished", {"z": "'A!'"}, {"final_answer": "'A!'"}, "run_finished"],
    ]


def test_statements_behind_a_call_that_is_made_again_are_told_again() -> None:
    class Deeper(pd.Hook):
        def after_call(self, finished: pd.Finished) -> pd.Rerun | None:
            return pd.Rerun({finished.call.node: {"topk": 2}}) if finished.call.arguments["topk"] == 1 else None

    watch = Watch()
    text = "n = 0\ndocs = retrieve('a', topk=1)\nfinal_answer = str(len(docs))\n"
    pd.run(text, {"retrieve": lambda query, topk=5: [query] * topk}, hooks=[Deeper(), watch])
    told = [event.names for event in watch.events if isinstance(event, StatementEnded)]
    assert told[0] == {"n": "0"}
    assert told[-2:] == [{"docs": "list of 2: 'a' ..."}, {"final_answer": "'2'"}]
