"""A repaired plan runs on the journal of the plan before it: nothing is asked again, nothing shared."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import pyrag_dsl as pd
from pyrag_dsl.interpreter.journal import Entry, Journal
from pyrag_dsl.testing.plans import StubTools, plans, tool_results


class Counting:
    """Tools that number their calls: no two calls have the same result."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def retrieve(self, query: str, topk: int = 5) -> list[str]:
        self.calls.append(("retrieve", query, topk))
        return [f"passage {len(self.calls)}"]

    def answer(self, query: str, docs: list[str] | None = None) -> str:
        self.calls.append(("answer", query, tuple(docs or ())))
        return f"answer {len(self.calls)}"

    @property
    def tools(self) -> dict[str, Any]:
        return {"retrieve": self.retrieve, "answer": self.answer}


def entry(node: str, query: str, result: str) -> Entry:
    return Entry(node, "answer", {"query": query, "docs": None}, result)


def find(journal: Journal, node: str, query: str) -> str | None:
    """What the engine does with a call: what is on record for it, or what it can take over."""
    asked = {"query": query, "docs": None}
    found = journal.find(node, "answer", asked)
    if found is None and (found := journal.adopt(node, "answer", asked)) is not None:
        journal.record(found)
    return None if found is None else found.result


def test_a_call_that_has_moved_is_found() -> None:
    journal = Journal([entry("answer@1:1", "a", "A")], by_content=True)
    assert find(journal, "answer@5:1", "a") == "A"
    assert find(journal, "answer@5:1", "a") == "A", "every pass finds it again"
    assert find(journal, "answer@6:1", "b") is None


def test_without_by_content_a_moved_call_is_made_again() -> None:
    journal = Journal([entry("answer@1:1", "a", "A")])
    assert find(journal, "answer@1:1", "a") == "A"
    assert find(journal, "answer@5:1", "a") is None


def test_five_votes_stay_five() -> None:
    votes = [entry(f"answer@2:5[{i}]", "vote", f"v{i}") for i in range(5)]
    journal = Journal(votes, by_content=True)
    moved = [f"answer@9:5[{i}]" for i in range(6)]
    assert [find(journal, node, "vote") for node in moved] == ["v0", "v1", "v2", "v3", "v4", None]
    assert [find(journal, node, "vote") for node in moved] == ["v0", "v1", "v2", "v3", "v4", None]


def test_an_entry_given_away_no_longer_stands_for_its_own_node() -> None:
    journal = Journal([entry("answer@1:1", "a", "A")], by_content=True)
    assert find(journal, "answer@5:1", "a") == "A"
    assert find(journal, "answer@1:1", "a") is None


def test_an_entry_that_its_own_node_has_used_is_not_given_away() -> None:
    journal = Journal([entry("answer@1:1", "a", "A")], by_content=True)
    assert find(journal, "answer@1:1", "a") == "A"
    assert find(journal, "answer@5:1", "a") is None


def test_calls_of_this_run_belong_to_their_nodes() -> None:
    journal = Journal([], by_content=True)
    journal.record(entry("answer@1:1", "a", "A"))
    assert find(journal, "answer@5:1", "a") is None


def test_a_new_call_at_an_old_place_hides_nothing() -> None:
    journal = Journal([entry("answer@1:1", "a", "A")], by_content=True)
    journal.record(entry("answer@1:1", "b", "B"))
    assert find(journal, "answer@5:1", "a") == "A"
    assert find(journal, "answer@1:1", "b") == "B", "giving the old entry away leaves the new one"


def test_two_runs_may_have_used_one_node_for_different_calls() -> None:
    journal = Journal([entry("answer@1:1", "a", "A"), entry("answer@1:1", "b", "B")], by_content=True)
    assert find(journal, "answer@2:1", "a") == "A"
    assert find(journal, "answer@1:1", "b") == "B"


BROKEN = """votes = []
for i in range(3):
    votes.append(answer("Who wrote Dune?"))
docs = retrieve("Dune")
final_answer = votes[7]
"""
FIXED = """# three votes
votes = []
docs = retrieve("Dune")
for i in range(3):
    votes.append(answer("Who wrote Dune?"))
final_answer = votes[0] + answer("new", docs)
"""


def test_repair_makes_only_the_calls_that_are_new() -> None:
    for mode in ("sequential", "concurrent"):
        counting = Counting()
        try:
            pd.run(BROKEN, counting.tools, mode=mode)
        except pd.PlanFailed as failed:
            journal = failed.trace.journal(by_content=True)
        made = list(counting.calls)
        assert len(made) == 4
        result = pd.run(FIXED, counting.tools, mode=mode, journal=journal)
        assert [call[0] for call in counting.calls[4:]] == ["answer"], mode
        votes = [call.result for call in result.calls if call.arguments["query"] == "Who wrote Dune?"]
        assert len(set(votes)) == 3, "three votes are three answers"


queries = st.sampled_from(["a", "b", "c"])
nodes = st.integers(0, 5).map(lambda i: f"answer@{i}:1")


@given(st.lists(st.tuples(nodes, queries), max_size=8), st.lists(st.tuples(nodes, queries), max_size=12))
@settings(max_examples=200, deadline=None)
def test_law_no_recorded_call_is_used_twice(recorded: list[tuple[str, str]], asked: list[tuple[str, str]]) -> None:
    journal = Journal([entry(node, query, f"r{i}") for i, (node, query) in enumerate(recorded)], by_content=True)
    given_out: dict[str, tuple[str, str]] = {}
    for node, query in dict(asked).items():
        result = find(journal, node, query)
        if result is not None:
            assert result not in given_out
            given_out[result] = (node, query)
            assert recorded[int(result[1:])][1] == query
        else:
            left = [i for i, (_, q) in enumerate(recorded) if q == query and f"r{i}" not in given_out]
            assert not left, "what could stand for the call does"
        assert find(journal, node, query) == result


@given(plans(max_statements=8), tool_results(), st.sampled_from(["sequential", "concurrent"]))
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_law_a_plan_that_has_only_moved_calls_nothing(text: str, stub: StubTools, mode: str) -> None:
    tools = stub.functions()
    try:
        wanted = pd.run(text, tools, mode=mode)
    except pd.PlanError:
        assume(False)
    try:
        pd.run(text + "\nboom = 1 / 0\n", tools, mode=mode)
        assume(False)
    except pd.PlanFailed as failed:
        assume(failed.diagnostics[0].code == "PLAN307")
        journal = failed.trace.journal(by_content=True)
    moved = pd.run("# a line\n\n" + text, tools, journal=journal, mode=mode, replay=True)
    assert repr(moved.final_answer) == repr(wanted.final_answer)
    assert [call.arguments for call in moved.calls] == [call.arguments for call in wanted.calls]
