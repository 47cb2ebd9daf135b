"""Models that behave as models do: whatever they write, a question ends in the right answer or in one clear message.

Every model here is a scripted server that does what the prompts ask, but for the one habit that its case is about. No
recorded call is made again on the way.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

import pyrag_dsl as pd
from pyrag_dsl.agents.drafts import Drafter
from pyrag_dsl.agents.sentinels import is_sentinel
from pyrag_dsl.methods.pyrag import Answered, PyRAG
from pyrag_dsl.models import AccessDenied, ContextExceeded
from pyrag_dsl.testing.server import Request, Turn, null_content, status, truncated

from .scripted_roles import Passages, Roles, answers, block, role_of, scripted

QUESTION = "Where was the author of Dune born?"
QUERIES = '["Who wrote Dune?", "Where was the author of Dune born?"]'
HOPS = """author = answer("Who wrote Dune?", retrieve("Dune author"))
place = answer(f"Where was {author} born?", retrieve(f"{author} birthplace"))
"""
LAST = 'answer(f"Given: {author} wrote Dune, born in {place}. Answer the question: Where was the author of Dune born?")'
PLAN = HOPS + f"final_answer = {LAST}\n"
FACTS = answers(Given="Tacoma", wrote="Frank Herbert", born="Tacoma, Washington")
TOO_LONG = "This model's maximum context length is 4096 tokens. However, you requested 9000 tokens."


class Counting(Passages):
    """A retriever that knows what it was asked twice."""

    @property
    def repeated(self) -> list[tuple[str, int]]:
        return [call for call, times in Counter(self.calls).items() if times > 1]


def ask(roles: Callable[[Request], Any], **options: Any) -> tuple[Answered, list[str]]:
    """A question that ends in an answer; what the user was told on the way."""
    passages, said = Counting(options.pop("more", "")), list[str]()
    with scripted(roles, **options.pop("model", {})) as chat:
        answered = PyRAG(passages, chat, progress=said.append, **options).run(QUESTION)
    assert not passages.repeated
    return answered, said


def end_of(roles: Callable[[Request], Any], **options: Any) -> pd.PlanError:
    """How a question ends that has no answer."""
    passages = Counting()
    with scripted(roles, **options.pop("model", {})) as chat, pytest.raises(pd.PlanError) as caught:
        PyRAG(passages, chat, **options).run(QUESTION)
    assert not passages.repeated
    return caught.value


# What the planning model sends in place of a plan in a fence; each runs without another word from it.
WRITTEN = {
    "it fences": block(PLAN),
    "it writes the bare plan": PLAN,
    "it writes the tag and no fence": "python\n" + PLAN,
    "it prints": block(HOPS + f"print({LAST})\n"),
    "it prints a variable": block(HOPS + f"result_text = {LAST}\nprint(result_text)\n"),
    "it names the answer otherwise": block(HOPS + f"answer_text = {LAST}\n"),
    "it imports the tools": block("from tools import retrieve, answer\n\n" + PLAN),
    "it defines the tools": block(
        "def retrieve(query, topk=5):\n    pass\n\ndef answer(query, docs=None):\n    pass\n\n" + PLAN
    ),
    "it returns from main": block(
        "def main():\n" + "".join(f"    {line}\n" for line in (*HOPS.splitlines(), f"return {LAST}")) + "\nmain()\n"
    ),
    "it prints in main": block(
        "def main():\n"
        + "".join(f"    {line}\n" for line in (*HOPS.splitlines(), f"print({LAST})"))
        + '\nif __name__ == "__main__":\n    main()\n'
    ),
    "it thinks aloud": "<think>I need two hops.</think>\n" + block(PLAN),
    "it awaits": block(PLAN.replace("answer(", "await answer(")),
    "it sends JSON": json.dumps({"code": PLAN}),
}


@pytest.mark.parametrize("habit", WRITTEN)
def test_a_plan_in_any_of_these_forms_is_run_at_once(habit: str) -> None:
    roles = Roles(decompose=[QUERIES], plan=[WRITTEN[habit]], answer=FACTS)
    answered, _ = ask(roles)
    assert answered.final_answer == "Tacoma"
    assert [call.tool for call in answered.result.calls].count("retrieve") == 2 if answered.result else False
    assert len(roles.asked["plan"]) == 1


def test_citations_are_kept_and_are_in_the_trace() -> None:
    answered, _ = ask(Roles(decompose=[QUERIES], plan=[block(PLAN)], answer=FACTS))
    assert answered.trace is not None
    cited = [call.usage.get("citations") for call in answered.trace.calls if call.tool == "answer"]
    assert cited == [[1], [1], None]


@pytest.mark.parametrize("room", [200, 1024])
def test_a_plan_that_is_cut_off_is_not_taken_for_a_whole_one(room: int) -> None:
    asked: list[int] = []

    def reply(request: Request) -> Any:
        role = role_of(request)
        if role == "plan":
            asked.append((request.body or {})["max_tokens"])
            return truncated("```python\n" + HOPS) if len(asked) == 1 else block(PLAN)
        return QUERIES if role == "decompose" else FACTS(str(request.messages[-1]["content"]))

    answered, _ = ask(reply, model={"max_tokens": room})
    assert (answered.final_answer, asked) == ("Tacoma", [room, 2 * room])
    assert next(call.usage["reasons"] for call in answered.calls if call.tool == "write_plan")


@pytest.mark.parametrize("weak", [null_content(), Turn("<answer></answer>"), truncated("<reason>He was"), Turn("  ")])
def test_an_answer_that_is_empty_or_cut_off_is_asked_for_once_more(weak: Turn) -> None:
    seen: list[str] = []

    def answer(user: str) -> Any:
        first = "wrote" in user.split("»")[0] and not seen
        seen.append(user)
        return weak if first else FACTS(user)

    answered, _ = ask(Roles(decompose=[QUERIES], plan=[block(PLAN)], answer=answer))
    assert (answered.final_answer, len(seen)) == ("Tacoma", 4)


@pytest.mark.parametrize("weak", [null_content(), Turn("<answer></answer>"), truncated("<reason>He was")])
def test_an_answer_that_stays_empty_is_a_sentinel_and_the_question_goes_on(weak: Turn) -> None:
    def answer(user: str) -> Any:
        return FACTS(user) if "Given" in user else weak

    answered, _ = ask(Roles(decompose=[QUERIES], plan=[block(PLAN)], answer=answer), adaptive=None)
    assert answered.final_answer == "Tacoma"
    assert answered.result is not None
    said = [call.result for call in answered.result.calls if call.tool == "answer"]
    assert [is_sentinel(text) for text in said] == [True, True, False]


def test_passages_that_are_too_long_for_the_model_are_shortened() -> None:
    shown: list[int] = []

    def answer(user: str) -> Any:
        shown.append(len(user))
        return status(400, message=TOO_LONG) if len(user) > 3_000 else FACTS(user)

    answered, _ = ask(Roles(decompose=[QUERIES], plan=[block(PLAN)], answer=answer), more=" and on" * 200)
    assert answered.final_answer == "Tacoma"
    assert answered.result is not None
    first = answered.result.calls[1]
    assert "shortened" in first.usage["note"]
    assert sum(length > 3_000 for length in shown) <= 3  # what fits is known for the next call


def test_a_question_that_no_context_holds_ends_in_one_message() -> None:
    error = end_of(
        Roles(decompose=[QUERIES], plan=[block(PLAN)], answer=lambda _user: status(400, message=TOO_LONG)),
    )
    assert isinstance(error, pd.ToolFailed)
    assert "maximum context length" in error.diagnostics[0].notes[0]
    assert ContextExceeded("x", status=400).way_out in error.diagnostics[0].notes[0]


def test_prose_in_place_of_a_plan_is_said_to_be_no_plan() -> None:
    prose = ["I would first look up who wrote it."] * 6
    roles = Roles(decompose=[QUERIES], plan=prose, repair=prose, answer=FACTS)
    error = end_of(roles)
    assert isinstance(error, pd.PlanRejected)
    assert error.diagnostics[0].message == "the model wrote no plan in 3 tries"
    assert "I would first look up" in error.diagnostics[0].notes[0]


def test_tools_under_other_names_are_told_to_the_model_with_those_that_there_are() -> None:
    searching = PLAN.replace("retrieve(", "search(")
    roles = Roles(decompose=[QUERIES], plan=[block(searching), block(PLAN)], answer=FACTS)
    answered, _ = ask(roles)
    assert answered.final_answer == "Tacoma"
    assert "Did you mean the tool `retrieve`? The tools are retrieve(query" in roles.asked["plan"][1]


def test_an_empty_final_answer_is_none() -> None:
    roles = Roles(decompose=[QUERIES], plan=[block(HOPS + "final_answer = ''\n")], repair=[block(PLAN)], answer=FACTS)
    answered, _ = ask(roles)
    assert (answered.final_answer, len(roles.asked["repair"])) == ("Tacoma", 1)


def test_a_key_that_is_refused_ends_the_question_at_once() -> None:
    asked: list[str] = []

    def refuse(request: Request) -> Turn:
        asked.append(role_of(request))
        return status(401, message="no such key")

    error = end_of(refuse)
    assert isinstance(error, pd.ToolFailed)
    assert asked == ["decompose"]
    (note,) = error.diagnostics[0].notes
    assert note.startswith("decompose model 'm' at ")
    assert "--api-key-env" in note
    assert isinstance(error.__cause__, AccessDenied)


def test_messages_name_the_role_that_failed() -> None:
    def reply(request: Request) -> Any:
        role = role_of(request)
        return status(404, message="no such model") if role == "plan" else QUERIES

    note = end_of(reply).diagnostics[0].notes[0]
    assert note.startswith("plan model 'm' at ")
    assert "/v1" in note


def test_the_last_step_may_be_told_to_answer_in_any_case() -> None:
    for always in (True, False):
        systems: dict[bool, str] = {}

        def reply(request: Request, systems: dict[bool, str] = systems) -> Any:
            role = role_of(request)
            if role != "answer":
                return QUERIES if role == "decompose" else block(PLAN)
            systems["BEGIN PASSAGES" in request.prompt] = str(request.messages[0]["content"])
            return FACTS(str(request.messages[-1]["content"]))

        ask(reply, always_answer=always)
        assert ("Answer in any case" in systems[False]) is always
        assert "Answer in any case" not in systems[True]
        assert ("Not enough information" in systems[False]) is not always


def test_attempts_that_failed_and_waits_are_told() -> None:
    notices: list[str] = []
    first = iter([status(503, message="busy")])

    def reply(request: Request) -> Any:
        role = role_of(request)
        turn = next(first, None) if role == "plan" else None
        return (
            turn or {"decompose": QUERIES, "plan": block(PLAN)}.get(role) or FACTS(str(request.messages[-1]["content"]))
        )

    answered, said = ask(reply, model={"notice": notices.append})
    assert answered.final_answer == "Tacoma"
    assert [line for line in said if line.startswith("[Wait]")][:2] == [
        "[Wait] a model splits the question",
        "[Wait] a model writes the plan",
    ]
    (notice,) = notices
    assert re.search(r"attempt 1 failed \(HTTP 503: .*busy.*\); next in \d", notice)


# --------------------------------------------------------- constrained decoding

DECODED = """docs_1 = retrieve("Dune author")
fact_1 = answer("Who wrote Dune?", docs_1)
docs_2 = retrieve(f"{fact_1} birthplace")
fact_2 = answer(f"Where was {fact_1} born?", docs_2)
final_answer = fact_2
"""


def test_a_server_that_takes_no_notice_of_the_grammar_is_named() -> None:
    for plan, free in ((block(PLAN), True), (PLAN, True), (DECODED, False)):
        answered, said = ask(Roles(decompose=[QUERIES], plan=[plan], answer=FACTS), constrained="vllm:safe")
        assert answered.final_answer in ("Tacoma", "Tacoma, Washington")
        assert any("the server did not constrain the reply" in line for line in said) is free
        (written,) = [call for call in answered.calls if call.tool == "write_plan"]
        assert ("note" in written.usage) is free


def test_what_was_cut_off_may_still_have_been_decoded() -> None:
    drafter = Drafter(None, constrained="llama.cpp:safe")
    assert not drafter.read(DECODED[:40], truncated=True).free
    assert drafter.read(DECODED[:-10]).free
    assert drafter.read("Here it is: " + DECODED[:40], truncated=True).free
    assert not drafter.read("# Two hops.\n" + DECODED).free


# ------------------------------------------- the scripted models of these tests


def test_the_scripted_models_do_what_the_prompts_ask() -> None:
    """Each rule of a prompt that a reply can break is kept by the models that the tests script."""
    heard: dict[str, list[tuple[str, str]]] = {"decompose": [], "plan": [], "answer": [], "repair": []}
    roles = Roles(decompose=[QUERIES], plan=[block("x = 1 / 0\n" + PLAN)], repair=[block(PLAN)], answer=FACTS)

    def reply(request: Request) -> Any:
        said = roles(request)
        heard[role_of(request)].append((request.prompt, str(said.text if isinstance(said, Turn) else said)))
        return said

    ask(reply)
    assert all(heard.values())
    for prompt, said in heard["decompose"]:
        assert "JSON list of strings" in prompt
        assert all(isinstance(query, str) for query in json.loads(said))
    for prompt, said in heard["plan"] + heard["repair"]:
        assert "in one ```python block" in prompt
        assert said.count("```python\n") == 1
        assert pd.parse(pd.extract_code(said))
    for prompt, said in heard["answer"]:
        assert "<reason>" in prompt
        assert re.fullmatch(r"<reason>.+</reason><answer>.+</answer>", said)
        with_passages = "BEGIN PASSAGES" in prompt
        assert bool(re.search(r"Doc \[\d+\]", said)) is with_passages
