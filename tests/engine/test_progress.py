"""A pass that starts where the last one was known finds what a pass from the top finds."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyrag_dsl as pd
from pyrag_dsl.interpreter import progress
from pyrag_dsl.interpreter.progress import Progress
from pyrag_dsl.testing.plans import Latencies, StubTools, latencies, plans, tool_results
from pyrag_dsl.testing.stateful import stateful_plans

from .laws import law
from .runs import observe


def be_eager(patch: pytest.MonkeyPatch) -> None:
    """Keep a state however little it saves, and however much there is to copy."""
    patch.setattr(progress, "_WORTH", 1)
    patch.setattr(progress, "_COPIED_IN_A_STEP", 10**6)


@pytest.mark.thorough
@law(200)
@given(st.one_of(plans(), stateful_plans()), tool_results(), latencies(), st.sampled_from(["sequential", "concurrent"]))
def test_where_a_pass_starts_changes_nothing(text: str, tools: StubTools, latency: Latencies, mode: str) -> None:
    one = observe(text, tools, latency, mode=mode)
    with pytest.MonkeyPatch.context() as patch:
        be_eager(patch)
        other = observe(text, tools, latency, mode=mode)
    assert (other.ending, other.value, other.calls, other.made) == (one.ending, one.value, one.calls, one.made)
    assert other.trace.without_timings() == one.trace.without_timings()
    assert other.seconds == one.seconds


KEPT = """
import re
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
Point = namedtuple("Point", "x y", defaults=[[]])
xs = [1, [2]]
alias = xs[1]
table = {"a": xs, "p": Point(1, xs)}
keys = table.keys()
grouped = defaultdict(list, {"a": alias})
ordered = OrderedDict(b=1, a=alias)
last = deque([alias, 2], maxlen=3)
counted = Counter("abca")
seen = {1, (2, 3)}
frozen = frozenset([1, 2])
push = alias.append
pattern = re.compile("a+")
def remember(item, memory=[], other=xs):
    global count
    memory.append(item)
    other.append(item)
    count = len(memory)
    return memory
def counter():
    n = 0
    def step():
        nonlocal n
        n += 1
        return n
    return step
step = counter()
step()
remember("first")
asked = [answer("one")]
for i in range(3):
    asked.append(answer(f"{i} {asked[-1]}"))
    push(i)
    step()
    remember(i)
left = 2
while left:
    left -= 1
    asked.append(answer(f"{left} {alias} {step()}"))
ordered.move_to_end("b")
final_answer = [
    xs, alias, str(table), list(keys), dict(grouped), list(ordered.items()), list(last), counted.most_common(),
    sorted(map(str, seen)), sorted(frozen), remember("last"), count, step(), asked, last.maxlen,
    pattern.sub("x", "baab"),
]
"""


@pytest.mark.parametrize("mode", ["sequential", "concurrent"])
def test_copies_hold_the_same_things_of_each_other(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    be_eager(monkeypatch)

    def tools() -> dict[str, Any]:
        async def answer(query: str) -> str:
            return query[-12:]

        return {"answer": answer}

    expected = pd.run(KEPT, {"answer": lambda query: query[-12:]}, mode="sequential")
    assert pd.run(KEPT, tools(), mode=mode).final_answer == expected.final_answer


def passes_of(text: str, results: list[Any], memory: Progress | None) -> list[int]:
    """Steps that each pass takes over a journal that grows by one call a pass."""
    program, journal, taken = pd.parse(text), pd.Journal(), []
    for result in [*results, None]:
        looks: list[int] = []
        outcome = pd.interpret(program, journal, progress=memory, interrupt=lambda looks=looks: bool(looks.append(1)))
        taken.append(len(looks))
        if outcome.wanted:
            call = outcome.wanted[0]
            journal.record(pd.Entry(call.node, call.tool, call.arguments, result))
    assert outcome.status == "done"
    return taken


def test_what_takes_long_is_done_twice_at_most() -> None:
    text = (
        "t = 0\nfor i in range(60000):\n    t += i\na = str(t)\nfor i in range(5):\n    a = answer(a)\nfinal_answer = a"
    )
    results = ["r"] * 5
    whole = passes_of(text, results, None)
    assert min(whole) > 10
    assert [count > 10 for count in passes_of(text, results, Progress())] == [True, True, False, False, False, False]


def test_a_state_with_an_iterator_in_it_is_not_kept() -> None:
    text = "it = iter([1, 2])\nfor i in range(60000):\n    t = i\na = answer('x')\nfinal_answer = answer(a)\n"
    memory = Progress()
    passes_of(text, ["r", "s"], memory)
    assert memory.checkpoint is None


def test_the_kinds_of_the_vocabulary_are_copied_or_refused() -> None:
    """Whatever is not in the table ends the copy: nothing is shared that a plan could change."""
    shared = progress._SHARED
    assert not shared & {list, dict, set, deque, Counter, OrderedDict}
