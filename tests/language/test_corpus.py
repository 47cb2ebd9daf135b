"""Plans that models wrote give the value and the calls that CPython gives, in every mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import pyrag_dsl as pd

from .corpus import Case, load

# What these use plans do not have: a class with methods; a generator, and a `match` that takes apart. Each is refused
# with a way out.
REFUSED = {"composing-082": "PLAN201", "free-098": "PLAN202"}
REWRITTEN = {"free-092"}  # by safe fixes: `with contextlib.suppress(...)`


def run(case: Case, mode: str) -> tuple[Any, list[list[str]], list[list[str]]]:
    made: list[list[str]] = []

    def retrieve(query: str, topk: int = 5) -> Any:  # noqa: ARG001
        made.append(["retrieve", query])
        return case.result("retrieve", query)

    def answer(query: str, docs: Any = None) -> Any:  # noqa: ARG001
        made.append(["answer", query])
        return case.result("answer", query)

    source = pd.fix(case.source).text if case.name in REWRITTEN else case.source
    result = pd.run(source, {"retrieve": retrieve, "answer": answer}, mode=mode)
    return result.final_answer, [[call.tool, call.arguments["query"]] for call in result.calls], made


@pytest.mark.parametrize("mode", ["sequential", "concurrent"])
def test_recorded_plans(shared: Path, mode: str) -> None:
    different = []
    cases = [case for case in load(shared) if case.name not in REFUSED]
    assert len(cases) >= 153
    for case in cases:
        value, calls, made = run(case, mode)
        if (value, type(value), calls) != (case.expected, type(case.expected), case.expected_calls):
            different.append((case.name, value, case.expected))
        if mode == "sequential":
            assert made == calls
        else:
            # equal retrieves are asked once
            assert {tuple(call) for call in made} == {tuple(call) for call in calls}
    assert not different


def test_the_rest_is_refused_with_a_way_out(shared: Path) -> None:
    for case in load(shared):
        if case.name in REFUSED:
            with pytest.raises(pd.PlanRejected) as refused:
                pd.parse(case.source)
            assert REFUSED[case.name] in {d.code for d in refused.value.diagnostics}
            assert refused.value.diagnostics[0].help
