"""A concurrent run asks nothing that the sequential run does not ask, and a mistake of its reading costs one call."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyrag_dsl as pd
from pyrag_dsl.agents.adaptive import AdaptiveRetrieval
from pyrag_dsl.interpreter.interpret import interpret
from pyrag_dsl.runtime import api
from pyrag_dsl.testing.laws import check_concurrent
from pyrag_dsl.testing.plans import Latencies, StubTools, latencies, plans, tool_results
from pyrag_dsl.testing.stateful import stateful_plans

from .laws import law
from .runs import Observed, observe


def test_programs_that_once_asked_too_much(shared: Path) -> None:
    programs = sorted((shared / "plans/unsound").glob("*.py"))
    assert len(programs) > 20
    for path in programs:
        text = path.read_text()
        always = "always yes" in text.split("\n")[0]

        def answer(query: str, docs: Any = None, always: bool = always) -> str:  # noqa: ARG001
            return "yes" if always or "B" in query else "no"

        for latency in (Latencies(7, 3.0), Latencies(8, 3.0), lambda _call: 1.0):
            check_concurrent(text, {"answer": answer}, latency)


@pytest.mark.thorough
@law(400)
@given(stateful_plans(), tool_results(), latencies())
def test_plans_full_of_state(text: str, tools: StubTools, latency: Latencies) -> None:
    check_concurrent(text, tools, latency)


@pytest.mark.slow
def test_many_plans_full_of_state() -> None:
    """As many as `PYRAG_FUZZ_EXAMPLES` says, others each time."""
    examples = int(os.environ.get("PYRAG_FUZZ_EXAMPLES", "20000"))

    @law(examples)
    @given(stateful_plans(), tool_results(), latencies())
    def check(text: str, tools: StubTools, latency: Latencies) -> None:
        check_concurrent(text, tools, latency)

    check()


# What an independent search found, by what was forgotten.
FOUND = {
    "the body of a generator whose source is pending": """
xs, ys = ["A", "B"], []
push = ys.append
try:
    {}[answer("k")]
except KeyError:
    del xs[1:]
maybe = any(push("A") for x in xs)
final_answer = answer(f"{ys}")
""",
    "a function that may have been replaced": """
n = 0
def g(x):
    global n
    n += 1
try:
    a = answer("one") + 1
except Exception:
    def g(x):
        return x
for x in map(g, ["p", "q"]):
    pass
final_answer = answer(f"{n}")
""",
    "a function that was made in a part that was skipped": """
calls = []
make = None
if answer("one") == "yes":
    make = lambda: calls.append(1)
calls = []
make and make()
final_answer = answer(f"{calls}")
""",
    "an iterator that is compared with": """
n = 0
def g(x):
    global n
    n += 1
    return answer(f"g{x}")
if "B" in map(g, ["A", "B", "C"]):
    pass
final_answer = answer(f"{n}")
""",
    "a name that is bound in the index of a target": """
a, d = "before", {}
try:
    del d[answer("k")]
except KeyError:
    d[(a := "after")] = 1
final_answer = answer(a)
""",
    "the place of a call that a defaultdict makes": """
if isinstance(answer("one"), str):
    table = defaultdict(lambda: answer("two"))
first = table["{0[A]}".format(table)]
second = "%(B)s" % table
table["C"] += "."
final_answer = first + second + table["C"]
""",
    "what a pending container may hold": """
xs, ys = [1], [2]
both = xs + ys if answer("one") == "yes" else [xs]
both[0] is xs and both[0].append(3)
final_answer = answer(f"{xs}")
""",
    "a view of a dictionary that may have changed": """
d = {"a": 1}
keys = d.keys()
if answer("one") != "one":
    d["b"] = 2
final_answer = answer(f"{list(keys)}")
""",
    "a list that a loop goes over while it may change": """
todo = ["A", "B", "C"]
for i, x in enumerate(todo):
    if answer(x) != "yes":
        del todo[i + 1 :]
final_answer = todo
""",
}


@pytest.mark.parametrize("name", FOUND)
@pytest.mark.parametrize("seed", range(6))
def test_what_was_once_forgotten(name: str, seed: int) -> None:
    check_concurrent(FOUND[name].lstrip(), StubTools(seed), Latencies(seed, 2.0))


# --------------------------------------------------------------- a reading that is wrong


def lying(seed: int) -> Callable[..., Any]:
    """An interpreter whose concurrent passes ask for something else now and then."""
    passes = iter(range(10_000))

    def look(*args: Any, **options: Any) -> Any:
        outcome = interpret(*args, **options)
        if not options.get("concurrent"):
            return outcome
        number = next(passes)
        wrong = []
        for place, call in enumerate(outcome.wanted):
            if (seed + number * 7 + place * 3) % 4 == 0:
                call = call._replace(arguments={**call.arguments, "query": f"{call.arguments['query']} <{number}>"})
            wrong.append(call)
        return outcome._replace(wanted=tuple(wrong), blockers=frozenset())

    return look


class Refusing(StubTools):
    """Tools that fail for what no sequential run would ask."""

    def __call__(self, tool: str, arguments: Any, returns: str = "") -> Any:
        if str(arguments["query"]).endswith(">"):
            raise ConnectionError("this was never to be asked")
        return super().__call__(tool, arguments, returns)


@pytest.mark.thorough
@law(150)
@given(plans(), st.integers(0, 50), latencies(), st.booleans())
def test_a_mistake_costs_a_call_and_never_the_outcome(text: str, seed: int, latency: Latencies, refused: bool) -> None:
    tools = Refusing(seed) if refused else StubTools(seed)
    one = observe(text, tools, latency, mode="sequential")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "interpret", lying(seed))
        other = observe(text, tools, latency)
    assert (other.ending, other.value, other.calls) == (one.ending, one.value, one.calls)
    by_mistake = [call for call in other.made if ">" in call and call not in one.made]
    assert all(times == 1 for times in Counter(by_mistake).values())
    # All mistakes are made in the passes before the first that contradicts an earlier one.
    assert len(by_mistake) <= len(set(one.calls)) + 1


def test_no_call_is_repeated_for_ever_where_the_readings_disagree() -> None:
    text = 'a = answer("x")\nb = answer("y")\nfinal_answer = answer(f"{a} {b}")\n'
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "interpret", lying(0))
        found = observe(text, StubTools(1), Latencies(1, 0.1), limits=pd.Limits(tool_calls=3))
    assert found.ending == "done"
    assert len(found.made) <= 6


# ------------------------------------------------------------------------ adaptive


class Sentinels(StubTools):
    """Answers that need more passages than the first rung gives, for some questions."""

    def __call__(self, tool: str, arguments: Any, returns: str = "") -> Any:
        if tool == "retrieve":
            return [f"{arguments['query'][:20]} {n}" for n in range(arguments["topk"])]
        found = super().__call__(tool, {**arguments, "docs": None}, returns)
        needed = sum(map(ord, str(arguments["query"]))) % 15
        return "unknown" if arguments["docs"] is not None and len(arguments["docs"]) < needed else found


@pytest.mark.thorough
@law(150)
@given(plans(), st.integers(0, 99), latencies())
def test_adaptive_retrieval_does_not_depend_on_time(text: str, seed: int, latency: Latencies) -> None:
    def look(mode: str, latency: Latencies | None) -> Observed:
        return observe(text, Sentinels(seed), latency, mode=mode, hooks=[AdaptiveRetrieval()])

    one, other = look("sequential", None), look("concurrent", latency)
    assert (other.ending, other.value, other.calls) == (one.ending, one.value, one.calls)


# ------------------------------------------------------------------- parallelism

FOUR = '["a", "b", "c", "d"]'
# Plans whose calls do not need one another: the time that they take, where a call takes a second.
AT_ONCE = {
    "a sum over a generator": f'final_answer = sum(1 for p in {FOUR} if "x" in answer(p))',
    "a generator that is joined": f'final_answer = ", ".join(p for p in {FOUR} if "x" in answer(p))',
    "a filter": f'final_answer = list(filter(lambda p: "x" in answer(p), {FOUR}))',
    "the greatest of a generator": f"final_answer = max(answer(p) for p in {FOUR})",
    "a vote": f"final_answer = Counter(answer(p) for p in {FOUR}).most_common(1)",
    "a sort by a call": f"final_answer = sorted({FOUR}, key=lambda p: answer(p))",
    "a key that is pending": f"d = {{}}\nfor p in {FOUR}:\n    d[answer(p)] = p\nfinal_answer = d",
    "a sum of items": f'd = {{"n": 0}}\nfor p in {FOUR}:\n    d["n"] += len(answer(p))\nfinal_answer = d',
    "a text that grows": f'text = ""\nfor p in {FOUR}:\n    text += answer(p)\nfinal_answer = text',
    "what an if counts": f'n = 0\nfor p in {FOUR}:\n    if "x" in answer(p):\n        n += 1\nfinal_answer = n',
    "an assertion": f"for p in {FOUR}:\n    found = answer(p)\n    assert found\nfinal_answer = found",
    "a try in a loop": f"""
out = []
for p in {FOUR}:
    try:
        out.append(int(answer(p)))
    except ValueError:
        out.append(0)
final_answer = out
""",
    "a memo": f"""
memo = {{}}
def ask(p):
    if p not in memo:
        memo[p] = answer(p)
    return memo[p]
final_answer = [ask(p) for p in {FOUR}]
""",
    "a cached function": f"""
@functools.lru_cache
def ask(p):
    return answer(p)
final_answer = [ask(p) for p in {FOUR}]
""",
    "a function that counts": f"""
def main():
    count = 0
    def ask(p):
        nonlocal count
        count += 1
        return answer(p)
    return [ask(p) for p in {FOUR}]
final_answer = main()
""",
    "a list of the function's own": f"""
def ask(p):
    out = []
    if "x" in answer(p):
        out.append(p)
    return out
final_answer = [ask(p) for p in {FOUR}]
""",
}


@pytest.mark.parametrize("name", AT_ONCE)
def test_calls_that_need_nothing_of_each_other_are_made_at_once(name: str) -> None:
    found = observe(AT_ONCE[name], StubTools(3), lambda _call: 1.0)
    assert found.ending == "done", found.value
    assert len(found.made) == 4
    assert found.seconds == 1.0


def test_a_run_that_fails_does_not_wait_for_a_call_that_was_made_ahead() -> None:
    text = """\
a, b = "A", answer("slow")
d = {"A": 1}
del d[answer(answer(a))]
final_answer = answer("slower")
"""
    seconds = {"slow": 2.0, "slower": 9.0}

    def latency(call: Any) -> float:
        return seconds.get(dict(call[2])["query"], 0.5)

    check_concurrent(text, {"answer": lambda query, docs=None: query.lower() if docs is None else ""}, latency)


@pytest.mark.parametrize(
    "reading",
    [
        "sum(1 for x in e if (n := 1) > 2)",
        "sum([1 for x in e if (n := 1) > 2])",
        "any((n := 1) > 2 for x in e)",
        "len([*(1 for x in e.values() if (n := 1) > 2)])",
        "list(map(len, (str(n := n + 1) for x in e)))",
        "next((n := 5 for x in e), 0)",
    ],
)
def test_a_generator_binds_names_around_it_when_it_is_read(reading: str) -> None:
    text = f"""\
n = 0
e = {{"a": 1}}
e[answer("B")] = 1
a = {reading}
final_answer = answer(f"{{n}}")
"""
    check_concurrent(text, {"answer": lambda query, docs=None: docs or query.lower()}, lambda _call: 1.0)


@pytest.mark.parametrize("source", ["ys", "(y for y in ys)", "iter(ys)", "list(ys)"])
def test_what_a_key_changes_is_read_just_before_each_call(source: str) -> None:
    text = f"""\
ys = ["A", "D", "E"]
best = max({source}, key=lambda y: (ys.pop(), y)[1], default="none")
final_answer = answer(f"{{ys}} {{best}}") + min(["x", "y"], key=lambda q: answer(q))
"""
    check_concurrent(text, {"answer": lambda query, docs=None: docs or query.lower()}, lambda _call: 1.0)
