"""What models were told is on record: in the usage of the call, and a fixed text once in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import pyrag_dsl as pd
from pyrag_dsl.agents.plan_prompts import DECOMPOSE
from pyrag_dsl.agents.prompts import WITH_PASSAGES, WITHOUT_PASSAGES, answer_prompt
from pyrag_dsl.methods.pyrag import PyRAG
from pyrag_dsl.runtime.events import CallFailed
from pyrag_dsl.testing.server import Request, Turn, status

from .scripted_roles import Passages, Roles, answers, block, role_of, scripted

PLAN = """\
first = answer("Who wrote Momo?", retrieve("Momo"))
second = answer("Who wrote Emma?", retrieve("Emma"))
final_answer = answer(f"Given: {first}, {second}. Who is older?")
"""
BAD = PLAN.replace("final_answer", "year = int(first)\nfinal_answer")
QUERIES = '["Who wrote Momo?", "Who wrote Emma?"]'
TOOLS = {"decompose": "decompose", "write_plan": "plan", "mend_plan": "repair", "answer": "answer"}


class Told(Roles):
    """Keeps every message that it was sent, by the role that it was to play."""

    def __init__(self, **replies: Any) -> None:
        super().__init__(**replies)
        self.told: dict[str, dict[str, None]] = {}

    def __call__(self, request: Request) -> Turn | str:
        texts = dict.fromkeys(str(each["content"]) for each in request.messages)
        self.told.setdefault(role_of(request), {}).update(texts)
        return super().__call__(request)


def asked(roles: Roles, **options: Any) -> pd.Trace:
    with scripted(roles, temperature=0) as model:
        return PyRAG(Passages(), model, **options).run("Who is older?").trace


def test_what_the_roles_were_told_is_in_the_usage_of_their_calls() -> None:
    roles = Told(
        decompose=["no list", QUERIES],
        plan=["no plan", block(BAD)],
        repair=[block(PLAN)],
        answer=answers(Momo="Ende", Emma="Austen", Given="Austen"),
    )
    trace = asked(roles)
    found: dict[str, dict[str, None]] = {}
    for call in trace.calls:
        if call.tool in TOOLS and call.usage.get("requests"):
            found.setdefault(TOOLS[call.tool], {}).update(dict.fromkeys(call.usage["prompts"]))
    answering = found.pop("answer")
    said = roles.told.pop("answer")
    assert found == roles.told, "all messages of these, each once, in order"
    assert next(iter(found["decompose"])) == DECOMPOSE
    assert list(answering) == [WITH_PASSAGES, WITHOUT_PASSAGES], "of these the fixed text"
    for call in trace.calls:
        if call.tool == "answer":
            messages = answer_prompt(call.arguments["query"], call.arguments["docs"]).messages
            assert call.usage["prompts"] == [messages[0]["content"]]
            assert messages[1]["content"] in said, "the rest follows from the arguments of the call"


def test_a_fixed_text_stands_once_in_the_file(tmp_path: Path) -> None:
    trace = asked(Roles(decompose=[QUERIES], plan=[block(PLAN)], answer=answers(Momo="Ende", Emma="Ende")))
    assert [call.usage.get("prompts") for call in trace.calls].count([WITH_PASSAGES]) == 2
    trace.save(tmp_path / "t.jsonl")
    text = (tmp_path / "t.jsonl").read_text()
    assert text.count("You answer one question from passages") == 1
    assert pd.Trace.load(tmp_path / "t.jsonl").without_timings() == trace.without_timings()


def refuse(_: str) -> Turn:
    return status(400, message="no")


@pytest.mark.parametrize(
    ("replies", "tool", "begins"),
    [
        ({"plan": [block(PLAN)], "answer": refuse}, "answer", "You answer one question"),
        ({"plan": refuse}, "write_plan", "You write a short program"),
        ({"plan": [block(BAD)], "repair": refuse, "answer": answers(Momo="Ende")}, "mend_plan", "You mend"),
    ],
)
def test_what_was_told_in_vain_is_on_record_too(replies: Any, tool: str, begins: str) -> None:
    with pytest.raises(pd.PlanError) as caught:
        asked(Roles(decompose=[QUERIES], **replies))
    assert caught.value.trace is not None
    failed = [each for each in caught.value.trace.events if isinstance(each, CallFailed) and each.tool == tool]
    assert failed
    assert all(each.usage["prompts"][0].startswith(begins) for each in failed)


def test_messages_that_are_arguments_are_not_told_twice() -> None:
    from pyrag_dsl.agents.roles import chat_tool

    with scripted(lambda _: "Austen") as model:  # type: ignore[arg-type]
        plan = 'final_answer = chat([{"role": "user", "content": "Who wrote Emma?"}])["content"]'
        result = pd.run(plan, {"chat": chat_tool(model)})
    assert "prompts" not in result.calls[0].usage
