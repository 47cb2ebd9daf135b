"""Keys stay where they belong: in one header to one host; and nothing is taken from the environment."""

from __future__ import annotations

import base64
import io
import logging
import subprocess
import sys
import traceback

import pytest

from pyrag_dsl.models import AccessDenied, BadReply, ChatModel, ModelError
from pyrag_dsl.models.secrets import Endpoint
from pyrag_dsl.testing.server import ScriptedModelServer, Turn, malformed, status

KEY = "sk-test-4f0c9a7e21d84b"
ASK = [{"role": "user", "content": "hello"}]


def test_a_key_in_a_header_is_sent_and_not_shown() -> None:
    with ScriptedModelServer(["a"]) as server, ChatModel("m", server.base_url, api_key=KEY) as model:
        model.complete(ASK)
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
        assert KEY not in repr(model) + str(model.endpoint) + repr(model._endpoint)


def test_a_password_in_the_url_becomes_basic_authentication() -> None:
    with ScriptedModelServer(["a"]) as server:
        url = server.base_url.replace("//", "//ann:p%40ss-word-123@")
        with ChatModel("m", url) as model:
            model.complete(ASK)
            sent = server.requests[0].headers["authorization"]
            assert sent == "Basic " + base64.b64encode(b"ann:p@ss-word-123").decode()
            assert model.endpoint == server.base_url
            assert "p@ss" not in repr(model)
            assert "p%40ss" not in repr(model)


def test_without_a_key_local_servers_get_the_word_they_expect() -> None:
    with ScriptedModelServer(["a"]) as server, ChatModel("m", server.base_url) as model:
        model.complete(ASK)
        assert server.requests[0].headers["authorization"] == "Bearer EMPTY"


@pytest.mark.parametrize(
    "turn",
    [
        status(401, message=f"Incorrect API key provided: {KEY}."),
        status(401, message=f"Incorrect key {KEY[:5]}\u200b{KEY[5:]}"),
        Turn(status=403, body=f"<h1>no entry for {KEY}</h1>".encode(), content_type="text/html"),
        malformed(f"not JSON: Authorization: Bearer {KEY}".encode()),
        malformed(b'{"error": "bad key ' + KEY.encode() + b'"}'),
        status(500, message="x" * 290 + KEY),
    ],
)
def test_a_key_that_the_server_echoes_reaches_no_message_log_or_traceback(turn: Turn) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with ScriptedModelServer([turn, turn]) as server:
            model = ChatModel("m", server.base_url, api_key=KEY, max_retries=1, retry_delay=0.001)
            with model, pytest.raises(ModelError) as caught:
                model.complete(ASK)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    error = caught.value
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error)) + written.getvalue()
    assert KEY not in shown
    assert KEY[:12] not in shown
    # Nor behind it: an error of the SDK holds the request, and the request holds the key.
    assert error.__context__ is None
    assert error.__cause__ is None


def test_a_key_in_a_reply_is_masked() -> None:
    script = [f"the key is {KEY}"]
    with ScriptedModelServer(script) as server, ChatModel("m", server.base_url, api_key=KEY) as model:
        reply = model.complete(ASK)
    assert reply.text == reply.raw_text == "the key is ***"


def test_other_peoples_keys_in_error_bodies_are_masked_too() -> None:
    with (
        ScriptedModelServer([status(401, message="upstream said: Bearer abcdefgh12345678, https://u:pw@h/")]) as server,
        ChatModel("m", server.base_url) as model,
        pytest.raises(AccessDenied) as caught,
    ):
        model.complete(ASK)
    assert "abcdefgh12345678" not in str(caught.value)
    assert "u:pw" not in str(caught.value)


def test_error_bodies_cannot_draw_on_the_terminal() -> None:
    script = [malformed(b"\x1b[2J\x1b[31mALL GOOD\r\nForged line")]
    with ScriptedModelServer(script) as server:
        model = ChatModel("m", server.base_url)
        with model, pytest.raises(BadReply) as caught:
            model.complete(ASK)
    assert "\x1b" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://h/v1?key=" + KEY, None),
        ("http://h/v1#" + KEY, None),
        ("http://ann:" + KEY + "@", None),
        ("http://ann:" + KEY + "/x@h/v1", None),
        ("http://[" + KEY, None),
        ("ftp://ann:" + KEY + "@h/v1", None),
        (KEY, None),
        ("", None),
        ("http://ann:pw@h/v1", KEY),
        ("http://h/v1", KEY + "\n"),
        ("http://h/v1", KEY + "\u00e9"),
        ("http://h/v1", "two " + KEY),
    ],
)
def test_addresses_and_keys_that_cannot_be_right_are_refused_without_repeating_them(url: str, key: str | None) -> None:
    with pytest.raises(ValueError, match=r"base_url|api_key") as caught:
        ChatModel("m", url, api_key=key)
    shown = "".join(traceback.format_exception(caught.value, limit=0))
    assert KEY not in shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@example.org:8443/v1/", "https://example.org:8443/v1"),
        ("http://[::1]:80/v1", "http://[::1]:80/v1"),
        ("http://token@localhost/v1", "http://localhost/v1"),
    ],
)
def test_the_address_shown_has_no_credentials(url: str, shown: str) -> None:
    assert Endpoint.parse(url).url == shown


def test_the_environment_is_not_read() -> None:
    code = """
import os, sys
from pyrag_dsl.models import ChatModel
with ChatModel("m", sys.argv[1]) as model:
    model.complete([{"role": "user", "content": "hello"}])
"""
    environment = {
        "OPENAI_API_KEY": KEY,
        "OPENAI_ADMIN_KEY": KEY,
        "OPENAI_ORG_ID": "org-" + KEY,
        "OPENAI_PROJECT_ID": "proj-" + KEY,
        "OPENAI_WEBHOOK_SECRET": KEY,
        "OPENAI_CUSTOM_HEADERS": f"X-Secret: {KEY}\nAuthorization: Bearer {KEY}",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
        "PYTHONPATH": ":".join(path for path in sys.path if path),
    }
    with ScriptedModelServer(["a"]) as server:
        done = subprocess.run(
            [sys.executable, "-c", code, server.base_url],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        (request,) = server.requests
    assert KEY not in str(request.headers)
    assert request.headers["authorization"] == "Bearer EMPTY"


def test_importing_the_client_imports_no_model_library_and_no_event_loop() -> None:
    code = """
import sys
import pyrag_dsl.models
heavy = ("openai", "httpx", "httpx2", "pydantic", "asyncio", "sqlite3", "ssl")
print([name for name in heavy if name in sys.modules])
"""
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
