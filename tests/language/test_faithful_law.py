"""The law of faithfulness: a generated plan does what CPython does with it, in value, calls, output and failure.

`PYRAG_FUZZ_EXAMPLES=5000` looks further, and so does `pytest -m slow`, with examples that are new each time.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings

from pyrag_dsl.testing.plans import StubTools, plans, tool_results

from .cpython import Seen, cpythons, ours

_EXAMPLES = int(os.environ.get("PYRAG_FUZZ_EXAMPLES") or 0)
_CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
CI = settings(max_examples=_EXAMPLES or 250, derandomize=not _EXAMPLES, deadline=None, suppress_health_check=_CHECKS)
LONG = settings(max_examples=_EXAMPLES or 10_000, deadline=None, suppress_health_check=_CHECKS)


def check(text: str, tools: StubTools) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # CPython warns of odd code: `1 is 1`, `"a"[0.5]`
        expected = cpythons(text, tools.functions())
    seen = ours(text, tools.functions())
    assume(seen.error != "LimitExceeded")
    assert seen == expected, text


@pytest.mark.thorough
@CI
@given(plans(), tool_results())
def test_faithful(text: str, tools: StubTools) -> None:
    check(text, tools)


@pytest.mark.thorough
@CI
@given(plans(max_statements=30), tool_results())
def test_faithful_in_long_plans(text: str, tools: StubTools) -> None:
    check(text, tools)


@CI
@given(plans(with_errors=False), tool_results())
def test_faithful_where_nothing_should_fail(text: str, tools: StubTools) -> None:
    check(text, tools)


@pytest.mark.slow
@LONG
@given(plans(max_statements=20), tool_results())
def test_faithful_at_length(text: str, tools: StubTools) -> None:
    check(text, tools)


def test_a_difference_would_be_seen() -> None:
    text = 'final_answer = answer("a") + str(int(answer("year")))\n'
    seen = cpythons(text)
    assert ours(text) == seen
    for other in (
        replace(seen, calls=seen.calls[:1]),
        replace(seen, value="str 'x'"),
        Seen("", "ValueError", 1, seen.calls),
    ):
        assert other != seen
