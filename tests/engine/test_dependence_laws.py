"""Laws of dependence: lineage, elapsed time along it, and the order in which a budget is spent."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import pyrag_dsl as pd
from pyrag_dsl.runtime.events import CallFinished
from pyrag_dsl.testing.plans import Latencies, StubTools, latencies, plans, tool_results

from .laws import Watch, coroutine_tools, ended, law, run_here
from .runs import LIMITS, NOW, observe, timed

CHAINED = {
    "two hops": ("a = answer('q')\nfinal_answer = answer(f'and {a}?')\n", True),
    "no calls": ("total = 0\nfor i in range(3):\n    total += i\nfinal_answer = total\n", True),
    "two of the same": ("a = answer('q')\nfinal_answer = a + answer('p')\n", False),
    "a second try": ("a = answer('q')\nif a == 'unknown':\n    a = answer(f'{a}?')\nfinal_answer = a\n", True),
    "a second try that asks anew": ("a = answer('q')\nif a == 'no':\n    a = answer('p')\nfinal_answer = a\n", True),
    "one of two": ("a = answer('q')\nif a:\n    b = answer('x')\nelse:\n    b = answer('y')\nfinal_answer = b\n", True),
    "a branch that needs nothing": ("a = answer('q')\nif 1 > 2:\n    b = answer('x')\nfinal_answer = a\n", False),
    "after a branch": ("a = answer('q')\nif a:\n    b = a\nelse:\n    b = 'x'\nfinal_answer = answer(b)\n", True),
    "after a branch that asked": ("a = answer('q')\nif a:\n    a = answer(a)\nfinal_answer = answer(a)\n", False),
    "perhaps without the call": ("a = answer('q')\nb = a if 1 > 2 else 'x'\nfinal_answer = answer(b)\n", False),
    "after a loop over it": ("a = answer('q')\nb = 'x'\nfor b in a:\n    pass\nfinal_answer = answer(b)\n", True),
    "in a loop": ("a = answer('q')\nfor b in a:\n    a = answer(b)\nfinal_answer = a\n", False),
    "unpacked": ("a = answer('q')\n(a, b), c = ('x', 1), a\nfinal_answer = answer(a) + c\n", False),
    "annotated": ("a = answer('q')\nb: str = 'x'\nfinal_answer = a + answer(b)\n", False),
    "a function": ("def f(x):\n    return 'x'\na = answer('q')\nfinal_answer = answer(f(a))\n", False),
}


@pytest.mark.thorough
@law(150)
@given(plans(), tool_results(), latencies())
def test_a_run_takes_the_time_of_its_critical_path(text: str, tools: StubTools, latency: Latencies) -> None:
    result, seconds = timed(text, tools, latency)
    assume(result is not None)
    ends: dict[str, float] = {}
    for call in result.calls:
        begins = max((ends[node] for node in call.depends_on), default=0.0)
        ends[call.node] = begins + latency((call.tool, call.arguments["query"]))
    critical = max(ends.values(), default=0.0)
    assert seconds <= critical + 1e-9
    asked = [(call.tool, repr(call.arguments)) for call in result.calls]
    if len(set(asked)) == len(asked):  # equal retrieves in flight share one answer, and so may be faster
        assert seconds >= critical - 1e-9


@pytest.mark.thorough
@law(150)
@given(plans(), tool_results())
def test_a_chained_plan_never_has_two_calls_to_make(text: str, tools: StubTools) -> None:
    """What may be run without looking ahead, because looking ahead would find nothing."""
    program = pd.parse(text)
    assume(program.chained)
    check_chained(program, tools)


@pytest.mark.parametrize(("text", "chained"), CHAINED.values(), ids=CHAINED)
def test_whether_a_plan_is_chained(text: str, chained: bool) -> None:
    program = pd.parse(text)
    assert program.chained == chained
    if chained:
        check_chained(program, StubTools(1))


def check_chained(program: pd.Program, tools: StubTools) -> None:
    journal = pd.Journal()
    while True:
        alone = pd.interpret(program, journal, now=NOW, limits=LIMITS)
        ahead = pd.interpret(program, journal, now=NOW, limits=LIMITS, concurrent=True)
        assert {call.node for call in ahead.wanted} <= {call.node for call in alone.wanted}
        if alone.status != "waiting":
            return
        call = alone.wanted[0]
        journal.record(pd.Entry(call.node, call.tool, call.arguments, tools(call.tool, dict(call.arguments))))


@pytest.mark.thorough
@law(60)
@given(plans(with_errors=False), tool_results(), tool_results())
def test_what_is_outside_the_lineage_does_not_matter(text: str, tools: StubTools, others: StubTools) -> None:
    """Another result for a call changes only the calls and the answer that depend on it."""
    first = run_here(text, tools.functions())
    assume(first.status == "done" and first.calls)
    lineage, calls = first.result.lineage, first.result.calls
    for changed in calls[:8]:
        behind = [call.node for call in calls if changed.node in call.depends_on]
        if changed.node in lineage and len(behind) == len(calls) - 1:
            continue
        entries = [entry for entry in first.trace.journal() if entry.node != changed.node]
        other = pd.Entry(changed.node, changed.tool, changed.arguments, others(changed.tool, changed.arguments))
        again = run_here(text, tools.functions(), journal=pd.Journal([*entries, other]))
        if again.status != "done":
            continue
        if changed.node not in lineage:
            assert again.value == first.value
        made = dict(again.calls)
        for call in calls:
            if call.node not in behind:
                assert made.get(call.node) == repr(call.arguments)


@pytest.mark.thorough
@law(100)
@given(plans(), tool_results(), st.integers(0, 8), st.booleans())
def test_a_budget_is_spent_in_program_order(text: str, tools: StubTools, most: int, concurrent: bool) -> None:
    whole = run_here(text, tools.functions())
    watch = Watch()
    limits = pd.Limits(tool_calls=most, steps=LIMITS.steps)
    options = {"mode": "concurrent" if concurrent else "sequential", "speculate": False}
    found = ended(lambda: pd.run(text, coroutine_tools(tools), hooks=[watch], limits=limits, now=NOW, **options))
    assert found.calls == whole.calls[:most]
    assert sorted(watch.asked) == sorted(whole.calls[:most])
    if len(whole.calls) <= most:
        assert found.same == whole.same
    else:
        assert (found.status, found.value.partition("@")[0]) == ("LimitExceeded", "PLAN408")


@pytest.mark.thorough
@law(100)
@given(plans(), tool_results(), latencies(), st.integers(0, 8))
def test_calls_beyond_a_budget_are_speculative(text: str, tools: StubTools, latency: Latencies, most: int) -> None:
    """The limit counts calls made. A run that fails at it may have made calls that it had not come to.

    Then it came to fewer than the limit allows; the trace says which were made ahead.
    """
    limits = pd.Limits(tool_calls=most, steps=LIMITS.steps)
    whole = observe(text, tools)
    found = observe(text, tools, latency, limits=limits)
    assert found.calls == whole.calls[: len(found.calls)]
    assert len(found.made) <= most
    if found.ending == "done" or (whole.ending == "done" and len(whole.calls) <= most):
        assert found.calls == whole.calls
    beyond = [event for event in found.trace.of(CallFinished) if event.speculative]
    assert not beyond or found.ending != "done"
