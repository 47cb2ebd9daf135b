"""A reply that comes in pieces is the reply that comes in one, and who listens is told of the pieces."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pyrag_dsl.models import ChatModel, ContextExceeded, EmptyReply, ModelError, ResponseCache, Unreachable
from pyrag_dsl.models.reply import Reply, read_body
from pyrag_dsl.models.streams import ReplyStream
from pyrag_dsl.testing.server import Request, ScriptedModelServer, Turn, dropped, status, truncated

ASK = [{"role": "user", "content": "Write a plan."}]
TEXT = st.text(max_size=60)
LINE_ENDS = st.sampled_from(["\n\n", "\r\n\r\n", "\r\r", "\n", "\n: a comment\n\n", "\nevent: message\n\n"])


def cut(data: st.DataObject, whole: Any) -> list[Any]:
    """A text or bytes, cut anywhere."""
    places = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=6)))
    return [whole[start:end] for start, end in zip([0, *places], [*places, len(whole)], strict=True)]


@st.composite
def completions(draw: st.DrawFn) -> dict[str, Any]:
    """A response object, as an endpoint sends it in one piece."""
    choice: dict[str, Any] = {"index": 0, "finish_reason": draw(st.sampled_from(["stop", "length", "tool_calls"]))}
    text = draw(TEXT)
    if draw(st.booleans()):
        choice["text"] = text
    else:
        called = st.tuples(TEXT, st.one_of(TEXT, st.dictionaries(TEXT, st.integers(), max_size=2).map(json.dumps)))
        calls = [
            {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for number, (name, arguments) in enumerate(draw(st.lists(called, max_size=2)))
        ]
        choice["message"] = {"role": "assistant", "content": text, "tool_calls": calls}
        if draw(st.booleans()):
            choice["message"]["refusal"] = draw(TEXT)
    if draw(st.booleans()):
        choice["stop_reason"] = draw(TEXT)
    whole = {"model": draw(TEXT), "choices": [choice]}
    if draw(st.booleans()):
        counts = st.integers(0, 10**6)
        whole["usage"] = {"prompt_tokens": draw(counts), "completion_tokens": draw(counts)}
    return whole


def streamed(data: st.DataObject, whole: dict[str, Any], *, plain: bool, end: str) -> bytes:
    """The same as a stream, its text and the arguments of its calls cut anywhere."""
    choice = whole["choices"][0]
    message = choice.get("message")
    pieces: list[dict[str, Any]] = []
    if message is None:
        pieces += [{"text": piece} for piece in cut(data, choice["text"])]
    else:
        pieces += [{"delta": {"role": "assistant", "content": None}}]
        pieces += [{"delta": {"content": piece}} for piece in cut(data, message["content"])]
        pieces += [{"delta": {"refusal": piece}} for piece in cut(data, message.get("refusal", ""))]
        for index, call in enumerate(message["tool_calls"]):
            first, *more = cut(data, call["function"]["arguments"])
            function = {"name": call["function"]["name"], "arguments": first}
            pieces.append({"delta": {"tool_calls": [{**call, "index": index, "function": function}]}})
            for each in more:
                pieces.append({"delta": {"tool_calls": [{"index": index, "function": {"arguments": each}}]}})
    last = {"finish_reason": choice["finish_reason"], "stop_reason": choice.get("stop_reason")}
    pieces.append({**({"delta": {}} if message is not None else {"text": ""}), **last})
    events = [{"model": whole["model"], "choices": [{"index": 0, "finish_reason": None, **each}]} for each in pieces]
    events.append({"model": whole["model"], "choices": [], "usage": whole.get("usage")})
    lines = [json.dumps(each, ensure_ascii=plain) for each in events] + ["[DONE]"]
    return "".join(f"data: {line}{end}" for line in lines).encode("utf-8", "surrogatepass")


@given(st.data(), completions(), st.booleans(), LINE_ENDS)
def test_law_a_stream_adds_up_to_the_reply_in_one_piece(data: Any, whole: Any, plain: bool, end: str) -> None:
    received = streamed(data, whole, plain=plain, end=end)
    stream, said = ReplyStream(), [""]
    assert ReplyStream.begins(received)
    single = [bytes([byte]) for byte in received]
    for chunk in single if data.draw(st.booleans()) else cut(data, received):
        stream.feed(chunk)
        assert stream.text.startswith(said[-1])
        said.append(stream.text)
    stream.close()
    assert (stream.ended, stream.error) == (True, None)
    assert read_body(json.dumps(stream.whole()).encode(), "m") == read_body(json.dumps(whole).encode(), "m")


def test_characters_that_end_lines_elsewhere_end_no_event() -> None:
    text = "a\u2028b\x85c\x0bd\x1ce"
    event = json.dumps({"choices": [{"delta": {"content": text}, "finish_reason": "stop"}]}, ensure_ascii=False)
    stream = ReplyStream()
    stream.feed(f"data: {event}\n\n".encode())
    assert (stream.text, stream.error) == (text, None)


@given(
    st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([b"data:", b"\n", b"data: 7\n", b'data: {"choices":'])))
)
@example([b'data: {"choices": 7}\n'])
@example([b'data: {"choices": [7, {"delta": 7}, {"delta": {"tool_calls": [7, {"function": 7, "index": "x"}]}}]}\n'])
@example([b'data: {"choices": [{"delta": {"content": {}, "tool_calls": 7}}]}\n'])
@example([b"data: " + b"[" * 100_000 + b"\n"])
def test_law_whatever_comes_is_read(chunks: list[bytes]) -> None:
    stream = ReplyStream()
    for chunk in chunks:
        stream.feed(chunk)
    stream.close()
    json.dumps(stream.whole())


# ------------------------------------------------------------------- the client


def asked(
    script: Any, *, times: int = 1, listen: bool = True, **options: Any
) -> tuple[list[Any], list[str], list[Any]]:
    """Replies or errors, what a listener was told, and the requests."""
    told: list[str] = []
    found: list[Any] = []
    usual = {"retry_delay": 0.001, "max_retries": 1, "timeout": 10.0, "temperature": 0.0, **options}
    with (
        ScriptedModelServer(script) as server,
        ChatModel("m", server.base_url, listener=told.append if listen else None, **usual) as model,
    ):
        for _ in range(times):
            try:
                found.append(model.complete(ASK))
            except ModelError as error:
                found.append(error)
        return found, told, [request.body for request in server.requests]


def same(reply: Any) -> Any:
    """A reply, or what an error says, without its time and port."""
    if isinstance(reply, Reply):
        return replace(reply, elapsed=0.0)
    return type(reply), reply.detail, reply.attempts


TURNS: list[Callable[[], Any]] = [
    lambda: ["a plan\n" * 300],
    lambda: [truncated("half a pl")],
    lambda: [Turn("<think>so</think> a plan \U0001f600 \ud83d")],
    lambda: [Turn("", calls=(("search", {"query": "é"}), ("read", "not JSON")))],
    lambda: [Turn(None)],
    lambda: [status(429, retry_after=0.01), "a plan"],
    lambda: [status(500), status(500)],
    lambda: [dropped(-1), "a plan"],
    lambda: [dropped(150, "a plan that is cut off while it is sent" * 9), "a plan"],
    lambda: [status(400, message="maximum context length is 7 tokens")],
    lambda: [Turn(body=b"<html>no</html>")],
    lambda: [Turn(body=b'{"error": {"message": "overloaded"}}')],
]


@pytest.mark.parametrize("script", TURNS)
def test_law_a_listener_changes_nothing_about_the_reply(script: Callable[[], Any]) -> None:
    (loud,), told, sent = asked(script())
    (quiet,), _, plain = asked(script(), listen=False)
    assert same(loud) == same(quiet)
    assert len(sent) == len(plain)
    assert all(body["stream"] and body["stream_options"] == {"include_usage": True} for body in sent)
    assert not any("stream" in body for body in plain)
    assert told[0] == ""


@settings(max_examples=20, deadline=None)
@given(st.text(min_size=1, max_size=400), st.sampled_from(["stop", "length", None]))
def test_law_a_listener_changes_nothing_whatever_is_said(text: str, reason: str | None) -> None:
    turn = Turn(text, finish_reason=reason)
    (loud,), _, _ = asked([turn])
    (quiet,), _, _ = asked([turn], listen=False)
    assert same(loud) == same(quiet)


def test_a_listener_is_told_ever_more_and_from_the_beginning_when_it_is_tried_again() -> None:
    whole = "first\nsecond\nthird\n" * 40
    (reply,), told, _ = asked([dropped(1500, whole), whole])
    assert reply.raw_text == whole
    again = len(told) - 1 - told[::-1].index("")
    assert again > 0, "the second attempt begins anew"
    for part in (told[:again], told[again:]):
        assert part[0] == ""
        assert all(after.startswith(before) and after != before for before, after in pairwise(part))
        assert whole.startswith(part[-1])
    assert told[-1] == whole


def test_a_stream_that_ends_before_the_reply_is_a_lost_connection() -> None:
    half = Turn(body=b'data: {"choices": [{"delta": {"content": "half"}}]}\n\n', content_type="text/event-stream")
    (reply,), told, _ = asked([half, "whole"])
    assert (reply.text, reply.attempts) == ("whole", 2)
    assert told[:3] == ["", "half", ""]
    (error,), _, _ = asked([half, half])
    assert isinstance(error, Unreachable)


@pytest.mark.parametrize(
    ("code", "message", "kind", "attempts"),
    [(400, "maximum context length", ContextExceeded, 1), (503, "later", ModelError, 2), (None, "x", ModelError, 2)],
)
def test_an_error_in_a_stream_is_what_its_code_says(code: Any, message: str, kind: Any, attempts: int) -> None:
    event = json.dumps({"error": {"message": message, "code": code}})
    turn = Turn(body=f"data: {event}\n\ndata: [DONE]\n\n".encode(), content_type="text/event-stream")
    (error,), _, _ = asked([turn, turn])
    assert isinstance(error, kind)
    assert (error.attempts, message in error.detail) == (attempts, True)


@pytest.mark.parametrize("said", ["Streaming is not supported.", "Unknown parameter: 'stream_options'.", "stream: no"])
def test_an_endpoint_that_refuses_streams_is_asked_without_from_then_on(said: str) -> None:
    def script(request: Request) -> Any:
        return status(400, message=said) if (request.body or {}).get("stream") else "a plan"

    replies, told, sent = asked(script, times=2)
    assert [reply.text for reply in replies] == ["a plan", "a plan"]
    assert ["stream" in body for body in sent] == [True, False, False]
    assert not any("stream_options" in body for body in sent[1:])
    assert set(told) == {""}


def test_an_endpoint_that_only_streams_is_heard() -> None:
    def script(request: Request) -> Any:
        return "a plan" if (request.body or {}).get("stream") else status(400, message="only stream=true is supported")

    (reply,), told, _ = asked(script)
    assert (reply.text, told[-1]) == ("a plan", "a plan")


def test_an_endpoint_that_takes_no_notice_of_streams_is_asked_all_the_same() -> None:
    body = json.dumps({"choices": [{"message": {"content": "a plan"}}], "usage": {"prompt_tokens": 7}}).encode()
    (reply,), told, _ = asked([Turn(body=body)])
    assert (reply.text, reply.usage.prompt_tokens, told) == ("a plan", 7, [""])


def test_where_a_stream_is_not_counted_the_next_reply_is_asked_for_in_one_piece() -> None:
    def script(request: Request) -> Any:
        return Turn("a plan", usage=None if (request.body or {}).get("stream") else (3, 4, 0))

    (first, second), _, sent = asked(script, times=2)
    assert (first.usage.known, second.usage.known) == (False, True)
    assert ["stream" in body for body in sent] == [True, False]


def test_the_size_is_that_of_the_reply_and_not_of_its_stream() -> None:
    (reply,), _, _ = asked(["x" * 1_500], max_reply_bytes=2_000)
    assert len(reply.text) == 1_500
    (error,), _, _ = asked(["x" * 2_500], max_reply_bytes=2_000)
    assert "more than 2000 bytes" in error.detail


@pytest.mark.parametrize("listening", [True, False])
def test_a_kept_reply_stands_for_both_ways(tmp_path: Path, listening: bool) -> None:
    told: list[str] = []
    cache = ResponseCache(tmp_path / "replies.sqlite")
    with (
        ScriptedModelServer(["a plan"]) as server,
        ChatModel("m", server.base_url, cache=cache, temperature=0.0, max_retries=0) as model,
    ):
        model.listener = told.append if listening else None
        first = model.complete(ASK)
        before = list(told)
        model.listener = None if listening else told.append
        second = model.complete(ASK)
    assert (first.cached, second.cached, second.raw_text, told) == (False, True, "a plan", before)
    cache.close()


def test_an_empty_stream_is_an_empty_reply() -> None:
    turn = Turn(body=b"data: [DONE]\n\n", content_type="text/event-stream")
    (error,), _, _ = asked([turn])
    assert isinstance(error, EmptyReply)
