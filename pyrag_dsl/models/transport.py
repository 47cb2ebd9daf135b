"""The connections to one endpoint: an `openai` client with a thread of its own.

The retries of the SDK are off (`max_retries=0`), because they bound neither the time of one attempt (a reply of a byte
a second never times out) nor that of all attempts, and their delays cannot be set.

This module is imported at the first call, because `openai` is slow to import.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import json
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from .lane import Failed, Transport
from .secrets import Endpoint
from .streams import ReplyStream

# The only headers that are sent. The SDK would add headers from OPENAI_* variables, and others that describe this
# machine. The SDK itself reads the last one, which tells it that raw bytes were requested.
_HEADERS_SENT = frozenset(
    {
        "host",
        "accept",
        "connection",
        "content-type",
        "content-length",
        "transfer-encoding",
        "user-agent",
        "x-stainless-raw-response",
    }
)
_TRANSPORT_MODULES = ("http", "h11", "h2", "anyio", "ssl", "socket")
_ASKED = ("model", "messages", "prompt", "input")  # the fields that the SDK's methods take as named arguments
_RETRIED_STATUSES = frozenset({408, 409, 425, 429})


class HttpTransport(Transport):
    """The client of one endpoint."""

    streams = True

    def __init__(self, endpoint: Endpoint, *, trust_env: bool, max_concurrency: int | None) -> None:
        self._endpoint = endpoint
        self._trust_env = trust_env
        self._client: Any = None
        super().__init__(max_concurrency)

    async def release(self) -> None:
        """Close all connections."""
        if self._client is not None:
            with contextlib.suppress(Exception):
                await self._client.close()

    async def post(
        self, body: Mapping[str, Any], timeout: float, max_bytes: int, listener: Callable[[str], object] | None = None
    ) -> bytes | Failed:
        """Send one request and read the body of the reply, all within `timeout` seconds.

        A body with a `prompt` is for a plain completion, and one with an `input` for embeddings; all others are chats.
        """
        client = self._connect()
        try:
            return await asyncio.wait_for(self._post(client, body, timeout, max_bytes, listener), timeout)
        except (asyncio.TimeoutError, TimeoutError):
            return Failed("timeout", f"no complete reply within {timeout:.3g} s", retryable=True)

    async def _post(
        self,
        client: Any,
        body: Mapping[str, Any],
        timeout: float,
        max_bytes: int,
        listener: Callable[[str], object] | None,
    ) -> bytes | Failed:
        import openai

        rest = {name: value for name, value in body.items() if name not in _ASKED}
        asked = {name: body[name] for name in _ASKED if name in body}
        resource = client.chat.completions
        if "prompt" in body:
            resource = client.completions
        elif "input" in body:
            resource, asked["encoding_format"] = client.embeddings, "float"
        create = resource.with_streaming_response.create
        try:
            # The bytes are read raw, with a bound on their number. `reply.read_body` parses them.
            async with create(**asked, extra_body=rest, timeout=timeout) as response:
                received, stream = bytearray(), None
                async for chunk in response.iter_bytes():
                    received += chunk
                    if stream is None and ReplyStream.begins(received):
                        stream = ReplyStream()
                    if stream is not None:
                        stream.feed(received)
                        received.clear()
                    if (len(received) if stream is None else stream.size) > max_bytes:
                        return Failed("too_large", f"replied with more than {max_bytes} bytes", retryable=False)
                    if stream is not None and listener is not None:
                        listener(stream.text)
                return bytes(received) if stream is None else _body_of(stream)
        except openai.APITimeoutError:
            return Failed("timeout", f"no reply within {timeout:.3g} s", retryable=True)
        except openai.APIStatusError as error:
            return _status_failure(error)
        except openai.APIConnectionError as error:
            return Failed("unreachable", _root_cause(error), retryable=True)
        except Exception as error:
            if not isinstance(error, OSError) and not type(error).__module__.startswith(_TRANSPORT_MODULES):
                raise
            return Failed("unreachable", f"the connection was lost: {_root_cause(error)}", retryable=True)

    def _connect(self) -> Any:
        if self._client is None:
            import openai

            # With None, the SDK would read OPENAI_ORG_ID and OPENAI_PROJECT_ID.
            self._client = openai.AsyncOpenAI(
                api_key="unused",
                base_url=self._endpoint.url,
                organization="",
                project="",
                max_retries=0,
                http_client=openai.DefaultAsyncHttpxClient(
                    trust_env=self._trust_env,
                    # A redirect may lead to another host, and the credentials must go to one host only.
                    follow_redirects=False,
                    event_hooks={"request": [self._set_headers]},
                ),
            )
        return self._client

    async def _set_headers(self, request: Any) -> None:
        """Send only known headers, and only our own credentials."""
        for name in list(request.headers):
            if name.lower() not in _HEADERS_SENT:
                del request.headers[name]
        request.headers["authorization"] = self._endpoint.authorization
        request.headers["accept-encoding"] = "identity"


def _body_of(stream: ReplyStream) -> bytes | Failed:
    """The body of a reply that came as a stream, or why it is none, as the status would have said it."""
    stream.close()
    if stream.error is not None:
        from .reply import error_message

        said = stream.error["error"]
        code = said.get("code") if isinstance(said, dict) else None
        status = code if type(code) is int and 400 <= code < 600 else 500
        return Failed("status", error_message(stream.error), status in _RETRIED_STATUSES or status >= 500, status)
    if not stream.ended:
        return Failed("unreachable", "the connection was lost: the stream ended before the reply", retryable=True)
    return json.dumps(stream.whole()).encode()


def _status_failure(error: Any) -> Failed:
    status = int(error.status_code)
    retryable = status in _RETRIED_STATUSES or status >= 500
    # A spent quota does not come back within seconds.
    if error.code == "insufficient_quota":
        retryable = False
    from .reply import error_message

    said = error_message(error.body) if error.body else ""
    if 300 <= status < 400:
        said = "redirects are not followed; set base_url to where the server points"
    return Failed("status", said, retryable, status, retry_after(error.response.headers))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds to wait by `Retry-After-Ms` or `Retry-After` (seconds or date, RFC 9110 10.2.3)."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) * unit
        except ValueError:
            try:
                seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
            except (TypeError, ValueError, OverflowError):
                continue
        if not math.isnan(seconds):
            return max(seconds, 0.0)
    return None


def _root_cause(error: BaseException) -> str:
    """The text of the innermost exception that has one: "Connection refused" rather than "Connection error."."""
    said = ""
    seen: BaseException | None = error
    for _ in range(8):
        if seen is None:
            break
        if str(seen):
            said = f"{type(seen).__name__}: {seen}" if not isinstance(seen, OSError) else str(seen)
        seen = seen.__cause__ or seen.__context__
    return said or type(error).__name__
