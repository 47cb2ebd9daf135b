"""Adaptive retrieval: more passages for an answer that has none, and for nothing else."""

from __future__ import annotations

from typing import Any

import pytest

import pyrag_dsl as pd
from pyrag_dsl.agents.adaptive import AdaptiveRetrieval
from pyrag_dsl.agents.sentinels import Sentinels
from pyrag_dsl.runtime.events import NodeRerun

TWO_CHAINS = """
director = answer("Who directed Vertigo?", retrieve("Vertigo film"))
author = answer("Who wrote Dune?", retrieve("Dune novel"))
born = answer(f"When was {author} born?", retrieve(f"{author} born"))
final_answer = [director, author, born]
"""


class World:
    """A corpus in which some questions need more passages than others."""

    def __init__(self, needed: dict[str, int], replies: dict[str, str] | None = None) -> None:
        self.needed = needed
        self.replies = replies or {}
        self.made: list[str] = []

    async def retrieve(self, query: str, topk: int = 5) -> list[str]:
        self.made.append(f"retrieve {query} {topk}")
        return [f"{query} #{place}" for place in range(topk)]

    async def answer(self, query: str, docs: Any = None) -> str:
        self.made.append(f"answer {query} {len(docs or ())}")
        if len(docs or ()) < self.needed.get(query, 0):
            return "I don't know."
        return self.replies.get(query, query.split()[-1].rstrip("?"))

    def run(self, plan: str, **options: Any) -> Any:
        tools = {"retrieve": self.retrieve, "answer": self.answer}
        return pd.run(plan, tools, hooks=[AdaptiveRetrieval()], **options)


@pytest.mark.parametrize("mode", ["concurrent", "sequential"])
def test_exactly_the_retrieve_behind_a_sentinel_is_boosted(mode: str) -> None:
    world = World({"Who wrote Dune?": 8})
    result = world.run(TWO_CHAINS, mode=mode)
    assert result.final_answer == ["Vertigo", "Dune", "born"]
    assert [(e.alias, e.overrides) for e in result.trace.of(NodeRerun)] == [("retrieve#2", {"topk": 10})]
    assert sorted(world.made) == sorted(
        [
            "retrieve Vertigo film 5",
            "answer Who directed Vertigo? 5",
            "retrieve Dune novel 5",
            "answer Who wrote Dune? 5",
            "retrieve Dune novel 10",
            "answer Who wrote Dune? 10",
            "retrieve Dune born 5",
            "answer When was Dune born? 5",
        ]
    )


def test_the_ladder_is_climbed_to_its_end_and_no_further() -> None:
    world = World({"Who wrote Dune?": 1000})
    result = world.run('final_answer = answer("Who wrote Dune?", retrieve("Dune"))')
    assert result.final_answer == "I don't know."
    assert [call for call in world.made if call.startswith("retrieve")] == [
        "retrieve Dune 5",
        "retrieve Dune 10",
        "retrieve Dune 20",
    ]
    assert [call.arguments["topk"] for call in result.calls[:1]] == [20]


@pytest.mark.parametrize("reply", ["The Unknown Soldier", "Unknown Pleasures", "None But the Brave", "No"])
def test_a_name_is_not_a_sentinel(reply: str) -> None:
    world = World({}, {"Which film?": reply})
    result = world.run('final_answer = answer("Which film?", retrieve("films"))')
    assert result.final_answer == reply
    assert not result.trace.of(NodeRerun)
    assert len(world.made) == 2


@pytest.mark.parametrize(
    "docs",
    [
        "docs[:2]",
        "docs + more",
        "[d.upper() for d in docs]",
        'docs if len(docs) > 2 else ["nothing"]',
        "sorted(set(docs))",
    ],
)
def test_passages_are_found_behind_what_the_plan_makes_of_them(docs: str) -> None:
    """Each plan asks for something else first, and hands the passages on changed."""
    plan = f"""
name = answer("Who?", retrieve("who"))
docs = retrieve(f"{{name}} life")
more = ["one of its own"]
final_answer = answer("When?", {docs})
"""
    world = World({"When?": 1000})
    result = world.run(plan)
    assert {event.alias for event in result.trace.of(NodeRerun)} == {"retrieve#2"}
    assert [call for call in world.made if call.startswith("retrieve who")] == ["retrieve who 5"]


def test_an_answer_without_passages_is_left_alone() -> None:
    world = World({"Why?": 1})
    result = world.run('docs = retrieve("why")\nfinal_answer = answer("Why?")')
    assert result.final_answer == "I don't know."
    assert world.made == ["retrieve why 5", "answer Why? 0"]


@pytest.mark.parametrize("mode", ["concurrent", "sequential"])
def test_a_replay_needs_no_policy(mode: str, tmp_path: Any) -> None:
    world = World({"Who wrote Dune?": 8, "When was Dune born?": 15})
    result = world.run(TWO_CHAINS, mode=mode, trace=tmp_path / "run.jsonl")
    again = pd.run(TWO_CHAINS, journal=tmp_path / "run.jsonl", replay=True)
    assert again.final_answer == result.final_answer == ["Vertigo", "Dune", "born"]
    assert [call.arguments for call in again.calls] == [call.arguments for call in result.calls]


def test_sentinels_ladder_and_names_of_tools_are_options() -> None:
    async def search(text: str, topk: int = 3) -> list[str]:
        return [f"{text} #{place}" for place in range(topk)]

    async def read(docs: list[str]) -> str:
        return "nothing here" if len(docs) < 7 else "found"

    hook = AdaptiveRetrieval(Sentinels(("nothing here",)), ladder=(4, 8), retrieve="search", answer="read")
    result = pd.run('final_answer = read(search("Dune"))', [pd.tool(search), pd.tool(read)], hooks=[hook])
    assert result.final_answer == "found"
    assert [event.overrides["topk"] for event in result.trace.of(NodeRerun)] == [4, 8]
    with pytest.raises(ValueError, match="a ladder rises"):
        AdaptiveRetrieval(ladder=(10, 5))
