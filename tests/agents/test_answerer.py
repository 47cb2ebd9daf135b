"""The answer tool: one question, perhaps passages, one answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable

import pytest

from pyrag_dsl.agents.answerer import AnsweredCall, Answerer
from pyrag_dsl.agents.prompts import NO_ANSWER
from pyrag_dsl.agents.sentinels import is_sentinel
from pyrag_dsl.models import ChatModel, Price, RateLimited, Usage
from pyrag_dsl.testing.server import ScriptedModelServer, Turn, null_content, status, truncated


def ask(
    script: Iterable[Turn | str], *questions: str, docs: list[str] | None = None
) -> tuple[list[AnsweredCall], Answerer, int]:
    """The answers to ``questions`` under ``script``, who gave them, and the number of requests."""

    async def run(answerer: Answerer) -> list[AnsweredCall]:
        return [await answerer.ask(question, docs) for question in questions]

    with ScriptedModelServer(script) as server:
        prices = {"m": Price(1.0, 2.0)}
        with ChatModel("m", server.base_url, prices=prices, retry_delay=0.001, max_retries=1) as model:
            answerer = Answerer(model)
            answered = asyncio.run(run(answerer))
        return answered, answerer, len(server.requests)


def test_the_tool_returns_the_answer_as_a_string() -> None:
    with ScriptedModelServer(["<reason>Doc [1]</reason>\n<answer>Rhone</answer>"]) as server:
        with ChatModel("m", server.base_url) as model:
            text = asyncio.run(Answerer(model).answer("Which river?", ["Lyon lies on the Rhone."]))
        assert text == "Rhone"
        assert "> Lyon lies on the Rhone." in server.requests[0].prompt


def test_ask_tells_how_the_answer_came_about() -> None:
    script = [Turn("<reason>Doc [2], Doc [5]</reason><answer>Rhone</answer>", usage=(100, 10, 0))]
    (answered,), answerer, _ = ask(script, "Which river?", docs=["a", "b"])
    assert answered.text == "Rhone"
    assert answered.raw.startswith("<reason>")
    assert (answered.citations, answered.bad_citations) == ((2, 5), (5,))
    assert answered.usage == answerer.usage == Usage(100, 10)
    assert answered.cost == answerer.cost == pytest.approx(120e-6)
    assert (answered.replies, answered.truncated, answered.cached) == (1, False, False)


def test_usage_and_cost_add_up() -> None:
    script = [Turn("<answer>a</answer>", usage=(10, 1, 0)), Turn("<answer>b</answer>", usage=(20, 2, 5))]
    answered, answerer, _ = ask(script, "1?", "2?")
    assert [one.text for one in answered] == ["a", "b"]
    assert answerer.usage == Usage(30, 3, 5)
    assert answerer.calls == 2
    _, answerer, _ = ask([Turn("<answer>a</answer>", usage=None)], "1?")
    assert answerer.cost is None
    assert not answerer.usage.known


def test_a_reply_without_an_answer_is_asked_for_once_more() -> None:
    for useless in (
        Turn("<answer></answer>"),
        truncated("<think>and so on"),
        null_content(),
        Turn("<think>x</think>"),
    ):
        (answered,), answerer, requests = ask([useless, "<answer>Rhone</answer>"], "Which river?")
        assert (answered.text, answered.replies, requests) == ("Rhone", 2, 2)
        assert answerer.calls == 2


def test_the_second_request_says_what_was_missing() -> None:
    with ScriptedModelServer(["<answer> </answer>", "<answer>Rhone</answer>"]) as server:
        with ChatModel("m", server.base_url) as model:
            asyncio.run(Answerer(model).answer("Which river?"))
        first, second = (request.messages for request in server.requests)
    assert second[0] == first[0]
    assert second[1]["content"].startswith(first[1]["content"])
    assert "held no answer" in second[1]["content"]


def test_twice_nothing_is_the_sentinel_and_not_the_end_of_the_question() -> None:
    for useless in (truncated("<think>a"), null_content(), Turn("<answer></answer>"), truncated("<answer>Rho")):
        (answered,), _, requests = ask([useless, useless], "Which river?")
        assert (answered.text, answered.failed, answered.replies, requests) == (NO_ANSWER, True, 2, 2)
        assert is_sentinel(answered.text)


def test_a_reply_that_is_cut_off_is_asked_for_again_with_more_room() -> None:
    with ScriptedModelServer([truncated("<answer>Rho"), "<answer>Rhone</answer>"]) as server:
        with ChatModel("m", server.base_url, max_tokens=100) as model:
            answered = asyncio.run(Answerer(model).ask("Which river?"))
        rooms = [request.body["max_tokens"] for request in server.requests]
    assert (answered.text, answered.failed, rooms) == ("Rhone", False, [100, 200])


def test_an_answer_that_ended_before_the_reply_was_cut_off_counts() -> None:
    (answered,), _, requests = ask([truncated("<answer>Rhone</answer> as I said, and")], "Which river?")
    assert (answered.text, answered.truncated, answered.failed, requests) == ("Rhone", True, False, 1)


def test_errors_of_the_model_pass_through() -> None:
    with pytest.raises(RateLimited):
        ask([status(429), status(429)], "?")


def test_long_answers_are_cut() -> None:
    (answered,), _, _ = ask(["<answer>" + "very " * 9000 + "</answer>"], "?")
    assert len(answered.text) <= 2000


def test_many_questions_at_once() -> None:
    def echo(request: object) -> str:
        found = re.search(r"number (\d+)", getattr(request, "prompt"))  # noqa: B009
        assert found
        return f"<answer>{found.group(1)}</answer>"

    async def all_at_once(answerer: Answerer) -> list[str]:
        return await asyncio.gather(*(answerer.answer(f"number {n}") for n in range(40)))

    with ScriptedModelServer(echo) as server, ChatModel("m", server.base_url) as model:
        answerer = Answerer(model)
        assert asyncio.run(all_at_once(answerer)) == [str(n) for n in range(40)]
        assert answerer.calls == 40
