"""The law Total: any text, with any tools, ends in a result or a `PlanError`.

`PYRAG_FUZZ_EXAMPLES=5000` looks further. That runs also end in time is what `pyrag fuzz --law total` measures.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pyrag_dsl as pd
from pyrag_dsl.testing import (
    HostileTools,
    LawBroken,
    StubTools,
    check_total,
    hostile_tools,
    plans,
    tool_results,
)
from pyrag_dsl.testing.hostile import MISDEEDS
from pyrag_dsl.testing.search import any_text

_EXAMPLES = os.environ.get("PYRAG_FUZZ_EXAMPLES")
NAP = 0.05
LIMITS = pd.Limits(deadline=0.02)
# What the engine does not survive yet; the table below says when it does.
OPEN: tuple[str, ...] = ()
MODES = st.sampled_from(("concurrent", "sequential"))


def law(examples: int) -> settings:
    return settings(
        max_examples=int(_EXAMPLES or examples),
        deadline=None,
        derandomize=not _EXAMPLES,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


@pytest.mark.thorough
@law(300)
@given(any_text(), tool_results(), MODES)
def test_any_text_ends_well(text: str, tools: StubTools, mode: str) -> None:
    check_total(text, tools, mode=mode, limits=pd.Limits(deadline=1.0), slack=None)


@pytest.mark.thorough
@law(150)
@given(plans(max_statements=6), hostile_tools(nap=NAP, without=OPEN), MODES)
def test_plans_end_well_with_any_tools(text: str, tools: HostileTools, mode: str) -> None:
    check_total(text, tools, mode=mode, limits=pd.Limits(deadline=1.0), slack=None)


@law(60)
@given(plans(max_statements=6), hostile_tools(nap=NAP, without=OPEN), MODES)
def test_plans_end_well_when_their_tools_outlast_them(text: str, tools: HostileTools, mode: str) -> None:
    check_total(text, tools, mode=mode, limits=LIMITS, slack=None)


@law(100)
@given(
    st.text(max_size=100),
    st.sampled_from(("final_answer = {}\n", "x = f'{{{}}}'\n", "if {}:\n  pass\n", "{}")),
)
def test_any_text_in_the_place_of_an_expression_ends_well(text: str, frame: str) -> None:
    check_total(frame.format(text), StubTools(0), limits=pd.Limits(deadline=1.0), slack=None)


def _every_misdeed() -> list[Any]:
    known = pytest.mark.xfail(strict=True, raises=LawBroken, reason="a known weakness")
    return [pytest.param(misdeed, marks=known if misdeed in OPEN else ()) for misdeed in MISDEEDS]


@pytest.mark.parametrize("misdeed", _every_misdeed())
def test_every_misdeed_ends_the_call_and_not_the_host(misdeed: str) -> None:
    text = 'docs = retrieve("a")\nfinal_answer = answer("b", docs)\n'
    seed = next(seed for seed in range(10_000) if _does(HostileTools(seed), "retrieve", "a") == misdeed)
    for is_async in (False, True):
        tools = HostileTools(seed, NAP, is_async)
        check_total(text, tools, limits=pd.Limits(deadline=1.0), slack=None)


def _does(tools: HostileTools, tool: str, query: str) -> str:
    arguments: dict[str, Any] = {"0": query, "1": 5 if tool == "retrieve" else None}
    return tools.misdeed(tool, arguments)


def test_what_a_hook_raises_would_be_seen() -> None:
    class Careless(pd.Hook):
        def before_call(self, call: Any) -> None:
            raise LookupError(call.node)

    with pytest.raises(LawBroken, match="running raised LookupError") as broken:
        check_total('final_answer = answer("a")\n', StubTools(0), hooks=[Careless()], slack=None)
    assert (broken.value.law, broken.value.text) == ("total", 'final_answer = answer("a")\n')
    assert broken.value.kind == "total: running raised LookupError"


def test_a_run_that_takes_too_long_would_be_seen() -> None:
    async def retrieve(query: str) -> list[str]:
        time.sleep(0.05)  # blocks the loop, and with it the clock of the run
        return [query]

    late = pd.Limits(deadline=0.001)
    with pytest.raises(LawBroken, match=r"after the deadline of 0\.001 s"):
        check_total('final_answer = retrieve("a")\n', {"retrieve": retrieve}, limits=late, slack=0.0)


# Texts on which a part of the scanner once went quadratic: the first took 43 s to be rejected.
SLOW_TO_SCAN = {
    "long_numbers": ("x = " + "1_" * 8_000 + "1\n") * 4,
    "many_short_strings": 'x = "5in "\n' * 5_000,
    "many_holes": 'x = f"5in {1}"\n' * 4_000,
    "long_text": ('x = f"' + "5in " * 4_000 + '{1}"\n') * 3,
}


@pytest.mark.parametrize("name", SLOW_TO_SCAN)
def test_a_long_text_is_read_in_time_with_its_length(name: str) -> None:
    check_total(SLOW_TO_SCAN[name], StubTools(0), limits=pd.Limits(deadline=1.0), slack=10.0)


@pytest.mark.parametrize("text", ["x = 0xfor 1", "x = 1.5if 1 else 2", "x = f'{1or 2}'", "x = '5in', f'{1or 2}'"])
def test_a_keyword_glued_to_a_number_is_rejected(text: str) -> None:
    with pytest.raises(pd.PlanRejected) as rejected:
        pd.parse(text + "\nfinal_answer = x\n")
    assert "PLAN113" in {found.code for found in rejected.value.diagnostics}


@pytest.mark.parametrize("text", ["x = '5in'", "x = f'was 5in long {1}'", "x = f'{1}', '5in'", "x = f'{1} 5in'"])
def test_a_number_glued_to_a_keyword_in_words_is_words(text: str) -> None:
    pd.parse(text + "\nfinal_answer = x\n")


def test_a_tool_that_ignores_being_cancelled_cannot_hold_the_run() -> None:
    async def answer(query: str) -> str:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            await asyncio.sleep(5)
        return query

    check_total('final_answer = answer("a")\n', {"answer": answer}, limits=pd.Limits(deadline=0.1), slack=2.0)
