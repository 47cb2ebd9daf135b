"""The client of a model: retries, limits, replies that are of no use, concurrency, closing."""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import Any

import pytest

from pyrag_dsl.models import (
    AccessDenied,
    BadReply,
    BadStatus,
    ChatModel,
    EmptyReply,
    MalformedReply,
    ModelClosed,
    ModelError,
    Price,
    RateLimited,
    ReplyTooLarge,
    Timeout,
    Unreachable,
    Usage,
)
from pyrag_dsl.testing import server as scripted
from pyrag_dsl.testing.server import ScriptedModelServer, Turn

ASK = [{"role": "user", "content": "Which river flows through Lyon?"}]
Play = Callable[..., tuple[ScriptedModelServer, ChatModel]]


@pytest.fixture
def play() -> Iterator[Play]:
    """A scripted server and a model that talks to it, both closed at the end."""
    opened: list[Any] = []

    def start(script: scripted.Script, **settings: Any) -> tuple[ScriptedModelServer, ChatModel]:
        server = ScriptedModelServer(script).start()
        model = ChatModel("river-1", server.base_url, **{"retry_delay": 0.002, "timeout": 5.0, **settings})
        opened.extend((model, server))
        return server, model

    yield start
    for thing in opened:
        thing.close()


def test_a_reply_has_text_usage_and_cost(play: Play) -> None:
    turn = Turn("The Rhone", usage=(1000, 20, 400), reasoning="ignored")
    _, model = play([turn], prices={"river-1": Price(prompt=2.0, completion=10.0, cached=1.0)})
    reply = model.complete(ASK)
    assert (reply.text, reply.raw_text, reply.finish_reason) == ("The Rhone", "The Rhone", "stop")
    assert reply.usage == Usage(1000, 20, 400)
    assert reply.cost == pytest.approx((600 * 2.0 + 400 * 1.0 + 20 * 10.0) / 1e6)
    assert (reply.attempts, reply.cached, reply.truncated) == (1, False, False)


def test_cost_is_never_guessed(play: Play) -> None:
    _, model = play(["a", Turn("b", usage=None)], prices={"another": Price(1.0, 1.0)})
    assert model.complete(ASK).cost is None
    model.prices["river-1"] = Price(1.0, 1.0)
    reply = model.complete(ASK)
    assert reply.cost is None
    assert not reply.usage.known


@pytest.mark.parametrize("usage", ['{"prompt_tokens": -1}', '{"prompt_tokens": "9"}', "[]", "null", '"x"'])
def test_usage_that_makes_no_sense_is_unknown(play: Play, usage: str) -> None:
    body = '{"choices": [{"message": {"content": "a"}}], "usage": ' + usage + "}"
    _, model = play([Turn(body=body.encode())])
    reply = model.complete(ASK)
    assert reply.text == "a"
    assert reply.usage == Usage(known=False)


def test_the_request_says_what_was_asked_and_no_more(play: Play) -> None:
    server, model = play(["a", "b", "c"], extra_body={"top_k": 3})
    model.complete(ASK)
    assert server.requests[0].body == {
        "model": "river-1",
        "messages": ASK,
        "temperature": 0.7,
        "max_tokens": 1024,
        "top_k": 3,
    }
    model.complete(ASK, temperature=None, max_tokens=None, seed=7, extra_body={"top_p": 0.5})
    body = server.requests[1].body
    assert body == {"model": "river-1", "messages": ASK, "seed": 7, "top_k": 3, "top_p": 0.5}
    model.complete(ASK, enable_thinking=False, extra_body={"chat_template_kwargs": {"x": 1}})
    assert (server.requests[2].body or {})["chat_template_kwargs"] == {"x": 1, "enable_thinking": False}


def test_strings_that_cannot_be_encoded_are_mended_before_sending(play: Play) -> None:
    server, model = play(["\ud83d"])
    reply = model.complete([{"role": "user", "content": "lone \ud800, pair \ud83d\ude00"}], stop=["\udfff"])
    assert server.requests[0].messages[0]["content"] == "lone \ufffd, pair \U0001f600"
    assert reply.text == "\ufffd"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("<think>so so</think>\nParis", "Paris"),
        ("<think>never ends", ""),
        ("so so</think>Paris", "Paris"),
        ("a<THINK>b</THINK>c", "ac"),
        ("<think>names <think> itself</think>Paris", "Paris"),
        ("<think></think>a</think>b", "ab"),
        ("no thoughts", "no thoughts"),
    ],
)
def test_thinking_is_stripped(play: Play, raw: str, text: str) -> None:
    _, model = play([raw])
    reply = model.complete(ASK)
    assert (reply.text, reply.raw_text) == (text, raw)


def test_a_reply_cut_at_the_token_limit_is_flagged(play: Play) -> None:
    _, model = play([scripted.truncated("The Rho")])
    assert model.complete(ASK).truncated


@pytest.mark.parametrize(
    "fault",
    [
        scripted.status(429),
        scripted.status(429, retry_after=0.001),
        scripted.status(429, retry_after=formatdate(0, usegmt=True)),
        scripted.status(429, retry_after="soon"),
        scripted.status(500),
        scripted.status(503),
        scripted.dropped(),
        scripted.dropped(-1),
    ],
)
def test_what_may_pass_is_tried_again(play: Play, fault: Turn) -> None:
    server, model = play([fault, fault, "The Rhone"])
    reply = model.complete(ASK)
    assert (reply.text, reply.attempts) == ("The Rhone", 3)
    assert len(server.requests) == 3


def test_a_timeout_is_tried_again(play: Play) -> None:
    _, model = play([Turn("late", delay=30.0), "in time"], timeout=0.3)
    reply = model.complete(ASK)
    assert (reply.text, reply.attempts) == ("in time", 2)


@pytest.mark.parametrize(
    ("script", "settings", "kind"),
    [
        ([scripted.status(429)] * 3, {"max_retries": 2}, RateLimited),
        ([scripted.status(502)] * 3, {"max_retries": 2}, BadStatus),
        ([scripted.dropped()] * 3, {"max_retries": 2}, Unreachable),
        ([Turn("late", delay=30.0)] * 3, {"max_retries": 2, "timeout": 0.5, "deadline": 30.0}, Timeout),
        ([Turn("a reply that drips", drip=0.02)], {"max_retries": 0, "timeout": 0.3}, Timeout),
    ],
)
def test_when_retries_are_spent_the_error_says_why(
    play: Play, script: list[Turn], settings: dict[str, Any], kind: type[ModelError]
) -> None:
    server, model = play(script, **settings)
    with pytest.raises(kind) as caught:
        model.complete(ASK)
    assert caught.value.attempts == len(script) == len(server.requests)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, BadStatus), (401, AccessDenied), (403, AccessDenied), (404, BadStatus), (307, BadStatus)],
)
def test_what_will_not_pass_is_not_tried_again(play: Play, status: int, kind: type[BadStatus]) -> None:
    server, model = play([scripted.status(status, message="no, because"), "too late"])
    with pytest.raises(kind) as caught:
        model.complete(ASK)
    assert caught.value.status == status
    assert len(server.requests) == 1


def test_a_spent_quota_is_not_tried_again(play: Play) -> None:
    body = b'{"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}'
    server, model = play([Turn(status=429, body=body)])
    with pytest.raises(RateLimited, match="exceeded your current quota"):
        model.complete(ASK)
    assert len(server.requests) == 1


def test_redirects_are_not_followed(play: Play) -> None:
    other, _ = play(["stolen"])
    turn = Turn(status=307, body=b"", headers=(("Location", other.base_url + "/chat/completions"),))
    _, model = play([turn], api_key="sk-for-one-host-only")
    with pytest.raises(BadStatus, match="redirect"):
        model.complete(ASK)
    assert other.requests == []


def test_a_wait_beyond_the_deadline_ends_the_call_at_once(play: Play) -> None:
    server, model = play([scripted.status(429, retry_after=3600)], deadline=5.0)
    with pytest.raises(RateLimited) as caught:
        model.complete(ASK)
    assert caught.value.retry_after == 3600
    assert caught.value.elapsed < 5.0
    assert len(server.requests) == 1


def test_the_deadline_bounds_all_attempts_together(play: Play) -> None:
    server, model = play(lambda _: Turn("late", delay=30.0), timeout=0.5, max_retries=1000, deadline=2.0)
    with pytest.raises(Timeout) as caught:
        model.complete(ASK)
    assert caught.value.elapsed < 10.0
    assert 1 <= len(server.requests) <= 5


def test_nobody_there_is_unreachable() -> None:
    with ScriptedModelServer() as server:
        url = server.base_url
    model = ChatModel("m", url, retry_delay=0.001, max_retries=1, role="plan")
    with model, pytest.raises(Unreachable) as caught:
        model.complete(ASK)
    said = str(caught.value)
    assert "plan model 'm'" in said
    assert url in said
    assert "Check that the server runs" in said
    assert caught.value.attempts == 2


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (scripted.malformed(), MalformedReply),
        (scripted.malformed(b""), MalformedReply),
        (scripted.malformed(b"\xff\xfe\x00"), MalformedReply),
        (scripted.malformed(b"[" * 100_000), MalformedReply),
        (scripted.malformed(b'{"choices": ' + b"9" * 5000 + b"}"), MalformedReply),
        (scripted.malformed(b"[1, 2]"), MalformedReply),
        (scripted.malformed(b'{"choices": "many"}'), MalformedReply),
        (scripted.malformed(b'{"choices": [7]}'), MalformedReply),
        (scripted.malformed(b'{"choices": [{"message": {"content": 7}}]}'), MalformedReply),
        (scripted.malformed(b'{"error": {"message": "overloaded"}}'), MalformedReply),
        (scripted.html(), MalformedReply),
        (scripted.no_choices(), EmptyReply),
        (scripted.null_content(), EmptyReply),
        (scripted.null_content("length"), EmptyReply),
        (scripted.oversized(), ReplyTooLarge),
    ],
)
def test_status_200_with_nothing_of_use_is_a_typed_error(play: Play, fault: Turn, kind: type[BadReply]) -> None:
    server, model = play([fault, "fine again"])
    with pytest.raises(kind):
        model.complete(ASK)
    assert len(server.requests) == 1
    assert model.complete(ASK).text == "fine again"


def test_a_large_reply_is_read_where_it_is_allowed(play: Play) -> None:
    _, model = play([scripted.oversized()], max_reply_bytes=2 << 20)
    assert len(model.complete(ASK).text) == 1 << 20


def test_content_in_parts_is_joined(play: Play) -> None:
    body = b'{"choices": [{"message": {"content": [{"type": "text", "text": "Rh"}, {"text": "one"}, 3]}}]}'
    _, model = play([Turn(body=body)])
    assert model.complete(ASK).text == "Rhone"


def test_many_tasks_share_one_model(play: Play) -> None:
    server, model = play(lambda request: Turn(request.messages[0]["content"], delay=0.01), max_concurrency=8)

    async def all_at_once() -> list[str]:
        asked = [model.acomplete([{"role": "user", "content": f"q{n}"}]) for n in range(60)]
        return [reply.text for reply in await asyncio.gather(*asked)]

    expected = [f"q{n}" for n in range(60)]
    assert asyncio.run(all_at_once()) == expected
    assert asyncio.run(all_at_once()) == expected, "a second event loop"
    assert 2 <= server.peak <= 8


def test_threads_tasks_and_sync_code_together(play: Play) -> None:
    _, model = play(lambda request: request.messages[0]["content"])
    texts: list[str] = []

    def work(name: str) -> None:
        texts.append(model.complete([{"role": "user", "content": name}]).text)

    threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()

    async def from_a_task() -> str:
        # Sync code inside of a coroutine blocks its loop, but must not wait for itself.
        return model.complete(ASK).text + (await model.acomplete(ASK)).text

    assert asyncio.run(from_a_task()) == ASK[0]["content"] * 2
    for thread in threads:
        thread.join()
    assert sorted(texts) == [f"t{n}" for n in range(8)]


def test_cancelling_a_task_cancels_its_request(play: Play) -> None:
    server, model = play([Turn("late", delay=30.0), "next"], max_concurrency=1)

    async def give_up() -> str:
        task = asyncio.create_task(model.acomplete(ASK))
        while not server.requests:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return (await model.acomplete(ASK)).text

    assert asyncio.run(give_up()) == "next", "the slot was given back"


def test_closing_ends_calls_and_leaves_nothing_running(play: Play) -> None:
    before = set(threading.enumerate())
    server, model = play(lambda _: Turn("late", delay=30.0))

    async def close_under_way() -> list[Any]:
        tasks = [asyncio.create_task(model.acomplete(ASK)) for _ in range(3)]
        while len(server.requests) < 3:
            await asyncio.sleep(0.005)
        await model.aclose()
        return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = asyncio.run(close_under_way())
    assert [type(outcome) for outcome in outcomes] == [ModelClosed] * 3
    model.close()
    server.close()
    assert set(threading.enumerate()) <= before
    with pytest.raises(ModelClosed):
        model.complete(ASK)


def test_a_model_that_is_dropped_ends_its_thread(play: Play) -> None:
    server, _ = play(["a"])
    before = set(threading.enumerate())
    model = ChatModel("m", server.base_url)
    model.complete(ASK)
    (thread,) = {thread for thread in threading.enumerate() if thread.name == "pyrag-model"} - before
    del model
    thread.join(timeout=10)
    assert not thread.is_alive()


def test_errors_carry_data_and_can_be_pickled() -> None:
    error = RateLimited(
        "HTTP 429: slow down",
        role="answer",
        endpoint="http://h/v1",
        model="m",
        attempts=5,
        elapsed=2.0,
        status=429,
    )
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is RateLimited
    assert str(copy) == str(error)
    assert (copy.status, copy.attempts) == (429, 5)
    assert "5 attempts, 2.0 s" in str(error)


@pytest.mark.parametrize(
    "settings",
    [{"timeout": 0}, {"max_retries": -1}, {"max_concurrency": 0}, {"deadline": -1.0}, {"max_reply_bytes": 0}],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        ChatModel("m", "http://127.0.0.1:1/v1", **settings)
