"""The laws of the engine, over generated plans, tool results and latencies."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings

from pyrag_dsl.testing.plans import Latencies, StubTools, latencies, plans, tool_results

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


@law
@given(plans(), tool_results(), latencies())
def test_nothing_is_speculative_where_that_is_forbidden(text: str, tools: StubTools, latency: Latencies) -> None:
    one = observe(text, tools, latency, mode="sequential")
    other = observe(text, tools, latency, speculate=False)
    assert (other.ending, other.value, other.calls) == (one.ending, one.value, one.calls)
    assert sorted(set(other.made)) == sorted(set(one.made))
