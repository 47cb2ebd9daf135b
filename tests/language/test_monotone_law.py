"""The law Monotone: raising a limit never changes the outcome of a run that did not meet it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

import pyrag_dsl as pd
from pyrag_dsl.testing import LawBroken, StubTools, check_monotone, mutants, plans, tool_results
from pyrag_dsl.testing.search import limit_pairs

_EXAMPLES = os.environ.get("PYRAG_FUZZ_EXAMPLES")
Pair = tuple[pd.Limits, pd.Limits]


def law(examples: int) -> settings:
    return settings(
        max_examples=int(_EXAMPLES or examples),
        deadline=None,
        derandomize=not _EXAMPLES,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


@pytest.mark.thorough
@law(200)
@given(plans(), tool_results(), limit_pairs())
def test_raising_limits_changes_nothing(text: str, tools: StubTools, limits: Pair) -> None:
    check_monotone(text, tools, *limits)


@law(60)
@given(plans(max_statements=30), tool_results(), limit_pairs())
def test_nor_does_it_for_long_plans(text: str, tools: StubTools, limits: Pair) -> None:
    check_monotone(text, tools, *limits)


@law(100)
@given(mutants(plans(max_statements=8)), tool_results(), limit_pairs())
def test_nor_for_plans_that_are_broken(text: str, tools: StubTools, limits: Pair) -> None:
    check_monotone(text, tools, *limits)


class Moody(StubTools):
    """A tool that answers differently each time: a run is no function of its limits then."""

    def functions(self, signatures: Any = None) -> dict[str, Any]:
        asked: list[str] = []

        def answer(query: str) -> str:
            asked.append(query)
            return str(len(asked))

        return {**super().functions(signatures), "answer": answer}


def _check_once(tools: dict[str, Any]) -> None:
    low = pd.Limits(steps=1_000)
    check_monotone('final_answer = answer("a")\n', tools, low, replace(low, steps=2_000))


def test_a_difference_would_be_seen() -> None:
    with pytest.raises(LawBroken, match="value: lower \"str '1'\", higher \"str '2'\"") as broken:
        _check_once(Moody(0).functions())
    assert broken.value.law == "monotone"


def test_a_run_that_meets_the_limit_says_nothing() -> None:
    tools = Moody(0)
    text = 'for i in range(9):\n    x = answer("a")\nfinal_answer = x\n'
    check_monotone(text, tools.functions(), pd.Limits(tool_calls=3), pd.Limits(tool_calls=9))


def test_limits_that_are_lower_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="the limit steps is not raised: 20 and then 10"):
        check_monotone("final_answer = 1\n", StubTools(0), pd.Limits(steps=20), pd.Limits(steps=10))
    with pytest.raises(ValueError, match="deadline"):
        check_monotone("final_answer = 1\n", StubTools(0), pd.Limits(deadline=None), pd.Limits(deadline=10.0))
