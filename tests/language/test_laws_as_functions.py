"""The laws as functions: what each holds against a plan, and what none of them may ever do."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any

import pytest

import pyrag_dsl as pd
from pyrag_dsl.testing import (
    Latencies,
    LawBroken,
    StubTools,
    check_concurrent,
    check_faithful,
    check_replay,
    check_total,
    plans,
)
from pyrag_dsl.testing.cpython import by_cpython
from pyrag_dsl.testing.virtual import run_virtually

PLAN = 'a = answer("Who?")\nb = answer("Where?")\nfinal_answer = [a, b, retrieve(a, 2)]\n'
QUICK = Latencies(1, 0.01)


def counting() -> dict[str, Any]:
    """A tool that is no function of its arguments."""
    numbers = count()

    def answer(query: str) -> str:
        return f"{query} {next(numbers)}"

    return {**StubTools(1).functions(), "answer": answer}


def test_laws_hold_for_a_plain_plan() -> None:
    check_faithful(PLAN, StubTools(1))
    check_total(PLAN, StubTools(1), slack=None)
    check_concurrent(PLAN, StubTools(1), QUICK)
    check_replay(PLAN, StubTools(1))
    check_replay(PLAN, StubTools(1).functions(), QUICK)


def test_faithful_compares_value_calls_output_and_failure() -> None:
    check_faithful('print(answer("a"))\nfinal_answer = int("x")\n', StubTools(1))
    with pytest.raises(LawBroken, match=r"value: CPython .* here ") as broken:
        check_faithful(PLAN, counting())
    assert broken.value.law == "faithful"


def test_concurrent_sees_a_value_that_depends_on_the_order() -> None:
    with pytest.raises(LawBroken) as broken:
        check_concurrent(PLAN, counting(), QUICK)
    assert broken.value.law == "concurrent"


@pytest.mark.parametrize(
    "text",
    [
        "import os\nfinal_answer = answer('a')\n",
        "final_answer = open('/dev/null')\n",
        "answer('called')\nclass A: pass\n",
        "answer('called'\n",
    ],
)
def test_what_the_vetter_refuses_is_not_executed(text: str) -> None:
    def answer(query: str) -> str:
        raise AssertionError(query)

    for check in (check_faithful, by_cpython):
        with pytest.raises(pd.PlanRejected):
            check(text, {"answer": answer})


def test_what_is_executed_has_no_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second wall: should the vetter accept such a plan one day, CPython would not carry it out."""
    monkeypatch.setattr("pyrag_dsl.testing.cpython.parse", lambda text, signatures: None)  # noqa: ARG005
    assert by_cpython("final_answer = open('/dev/null')\n", {}).error == "NameError"
    assert by_cpython("final_answer = getattr(1, 'real')\n", {}).error == "NameError"
    assert by_cpython("import os\n", {}).error == "ImportError"
    assert by_cpython("import re\nfinal_answer = re.escape('.')\n", {}).value == "str '\\\\.'"


def test_tools_of_one_s_own_are_held_to_their_signatures() -> None:
    def population(city: str, year: int = 2020) -> int:
        return len(city) * year

    check_faithful("final_answer = population('Rome', year=3) + population('Oslo')\n", {"population": population})
    check_faithful("x = [7]\nfinal_answer = population(x[0])\n", {"population": population})
    check_concurrent("final_answer = population('Rome') + population('Oslo')\n", {"population": population}, QUICK)


def test_time_in_a_virtual_loop_is_exact_and_costs_nothing() -> None:
    async def both() -> list[Any]:
        return list(await asyncio.gather(asyncio.sleep(3600, "a"), asyncio.sleep(7200, "b")))

    assert run_virtually(both()) == (["a", "b"], 7200.0)


def test_a_strategy_is_found_whatever_was_imported_first() -> None:
    import pyrag_dsl.testing.mutants
    import pyrag_dsl.testing.plans  # noqa: F401

    import_again = __import__("pyrag_dsl.testing", fromlist=["plans", "mutants"])
    assert import_again.plans is plans
    assert callable(import_again.mutants)
    with pytest.raises(AttributeError, match="no attribute 'planes'"):
        import_again.planes  # noqa: B018
