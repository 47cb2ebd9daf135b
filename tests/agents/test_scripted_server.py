"""The scripted model server does what its script says, and can be used with any client."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from typing import Any

import pytest

from pyrag_dsl.testing.server import (
    Request,
    ScriptedModelServer,
    Turn,
    dropped,
    html,
    malformed,
    no_choices,
    null_content,
    oversized,
    status,
    truncated,
)

CHAT = "/v1/chat/completions"
BODY = {
    "model": "m",
    "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi you"}],
}


def post(server: ScriptedModelServer, path: str = CHAT, body: Any = BODY) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request("POST", path, raw, {"Content-Type": "application/json", "X-Test": "yes"})
        response = connection.getresponse()
        return (
            response.status,
            {name.lower(): value for name, value in response.getheaders()},
            response.read(),
        )
    finally:
        connection.close()


def test_a_reply_is_a_chat_completion() -> None:
    with ScriptedModelServer(["hello there"]) as server:
        code, headers, raw = post(server)
    data = json.loads(raw)
    assert (code, headers["content-type"]) == (200, "application/json")
    assert data["choices"][0]["message"] == {"role": "assistant", "content": "hello there"}
    assert data["choices"][0]["finish_reason"] == "stop"
    assert data["model"] == "m"
    assert data["usage"]["prompt_tokens"] == 4
    assert data["usage"]["completion_tokens"] == 2


def test_plain_completions_and_models_are_served() -> None:
    with ScriptedModelServer(["once upon"], models=("a", "b")) as server:
        _, _, raw = post(server, "/v1/completions", {"model": "m", "prompt": "tell me"})
        assert json.loads(raw)["choices"][0]["text"] == "once upon"
        assert server.requests[0].prompt == "tell me"
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/v1/models")
        listed = json.loads(connection.getresponse().read())
        connection.close()
    assert [model["id"] for model in listed["data"]] == ["a", "b"]


def test_requests_are_kept() -> None:
    with ScriptedModelServer(["a"]) as server:
        post(server)
    (request,) = server.requests
    assert (request.method, request.path, request.body) == ("POST", CHAT, BODY)
    assert request.headers["x-test"] == "yes"
    assert request.messages == BODY["messages"]
    assert request.prompt == "be brief\nhi you"


def test_a_script_can_be_a_function() -> None:
    def shout(request: Request) -> Turn:
        return Turn(request.messages[-1]["content"].upper(), usage=(7, 8, 9), reasoning="loud")

    with ScriptedModelServer(shout) as server:
        data = json.loads(post(server)[2])
    assert data["choices"][0]["message"] == {
        "role": "assistant",
        "content": "HI YOU",
        "reasoning_content": "loud",
    }
    assert data["usage"]["prompt_tokens_details"] == {"cached_tokens": 9}


@pytest.mark.parametrize(
    ("turn", "code", "part"),
    [
        (status(429, retry_after=2), 429, b"scripted error"),
        (status(500, message="boom"), 500, b"boom"),
        (html(), 200, b"<html>"),
        (malformed(), 200, b'{"choices"'),
        (no_choices(), 200, b'"choices": []'),
        (null_content(), 200, b'"content": null'),
        (truncated("half"), 200, b'"finish_reason": "length"'),
        (Turn("x", usage=None), 200, b'"x"'),
        (oversized(), 200, b"x" * (1 << 20)),
        (Turn("dripping", drip=0.0001), 200, b"dripping"),
    ],
)
def test_faults(turn: Turn, code: int, part: bytes) -> None:
    with ScriptedModelServer([turn]) as server:
        got, headers, raw = post(server)
    assert got == code
    assert part in raw
    assert headers.get("retry-after") == ("2" if code == 429 else None)


def test_lost_connections() -> None:
    with ScriptedModelServer([dropped(10), dropped(-1)]) as server:
        with pytest.raises(http.client.IncompleteRead) as caught:
            post(server)
        assert len(caught.value.partial) == 10
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
            post(server)


def test_what_the_script_did_not_foresee_is_said_plainly() -> None:
    def broken(_: Request) -> str:
        raise KeyError("oops")

    with ScriptedModelServer(["only one"]) as server:
        post(server)
        code, _, raw = post(server)
        assert (code, server.unexpected) == (400, 1)
        assert b"no turn left" in raw
    with ScriptedModelServer(broken) as server:
        code, _, raw = post(server)
        assert code == 400
        assert b"KeyError" in raw
    with ScriptedModelServer(["a", "b"]) as server:
        assert post(server, "/v2/other")[0] == 404
        assert post(server, body=b"not json")[0] == 400
        code, _, raw = post(server, body={**BODY, "stream": True})
        assert (code, raw[:6], raw[-14:]) == (200, b"data: ", b"data: [DONE]\n\n")


def test_closing_ends_delays_connections_and_threads() -> None:
    before = set(threading.enumerate())
    server = ScriptedModelServer(lambda _: Turn("late", delay=60.0)).start()
    idle = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    idle.connect()

    def ask() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            post(server)

    asking = threading.Thread(target=ask)
    asking.start()
    while not server.requests:
        threading.Event().wait(0.005)
    server.close()
    server.close()
    asking.join(timeout=10)
    idle.close()
    assert set(threading.enumerate()) <= before


def test_a_server_that_was_never_started_can_be_closed() -> None:
    ScriptedModelServer().close()
