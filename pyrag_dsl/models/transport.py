"""One endpoint's connections: the ``openai`` client on an event loop of its own, in one background thread.

An HTTP connection pool belongs to one event loop, and our callers have many: every ``asyncio.run`` is
another, and sync code has none. One thread for each endpoint gives all of them the same pool and the same
limit of concurrency, and one place to stop. Handing a call over costs about a tenth of a millisecond.

The SDK's own retries are off (``max_retries=0``): they bound neither one attempt by wall time (a reply that
drips a byte a second never times out) nor all of them together, and their delays cannot be set.

Imported at the first call, since ``openai`` and ``asyncio`` are slow to import.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import email.utils
import math
import os
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from ..threads import new_loop
from .secrets import Endpoint

T = TypeVar("T")

FaultKind = Literal["unreachable", "timeout", "status", "too_large"]

# All that may leave; the SDK adds headers from OPENAI_* variables and others that describe this machine. The
# last one the SDK reads back from the request, to know that we asked for raw bytes.
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
_RETRIED_STATUSES = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True)
class Failed:
    """Why one attempt brought no body. ``retryable``: whether the same request may succeed later."""

    kind: FaultKind
    text: str
    retryable: bool
    status: int = 0
    retry_after: float | None = None


class TransportClosed(Exception):
    """The transport was closed before the work was done."""


class Transport:
    """The thread, its loop and the client. ``close`` leaves nothing running."""

    def __init__(self, endpoint: Endpoint, *, trust_env: bool, max_concurrency: int | None) -> None:
        self._endpoint = endpoint
        self._trust_env = trust_env
        self._client: Any = None
        self._loop = new_loop()
        self._slots: asyncio.Semaphore | None = None
        self._max_concurrency = max_concurrency
        self._lock = threading.Lock()
        self._closed = False
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name="pyrag-model", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], Coroutine[Any, Any, T]]) -> concurrent.futures.Future[T]:
        """Run ``work()`` on the loop. Cancelling the future cancels it. Raises ``TransportClosed``."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("a sync call from inside the model's own event loop would wait for itself")
        with self._lock:
            if self._closed:
                raise TransportClosed
            return asyncio.run_coroutine_threadsafe(self._in_slot(work), self._loop)

    def close(self) -> None:
        """Cancel what is under way, close all connections, end the thread. Idempotent."""
        # A forked child has no thread to stop, and would wake its parent's loop.
        if self._pid != os.getpid():
            return
        with self._lock:
            first, self._closed = not self._closed, True
        if first:
            # One turn later, so that work submitted just before has begun and can say that it was closed.
            self._loop.call_soon_threadsafe(self._loop.call_soon, self._loop.stop)
        # The garbage collector may run this on the thread itself.
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        loop = self._loop
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            if self._client is not None:
                with contextlib.suppress(Exception):
                    loop.run_until_complete(self._client.close())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            asyncio.set_event_loop(None)
            loop.close()

    async def _in_slot(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        try:
            if self._max_concurrency is None:
                return await work()
            if self._slots is None:
                self._slots = asyncio.Semaphore(self._max_concurrency)
            async with self._slots:
                return await work()
        except asyncio.CancelledError:
            if self._closed:
                raise TransportClosed from None
            raise

    async def post(self, body: Mapping[str, Any], timeout: float, max_bytes: int) -> bytes | Failed:
        """Send one request for a completion and read the body of the reply, all within ``timeout`` seconds.

        A body with a ``prompt`` is one for a plain completion; others are chats.
        """
        client = self._connect()
        try:
            return await asyncio.wait_for(self._post(client, body, timeout, max_bytes), timeout)
        except (asyncio.TimeoutError, TimeoutError):
            return Failed("timeout", f"no complete reply within {timeout:.3g} s", retryable=True)

    async def _post(self, client: Any, body: Mapping[str, Any], timeout: float, max_bytes: int) -> bytes | Failed:
        import openai

        rest = {name: value for name, value in body.items() if name not in ("model", "messages", "prompt")}
        asked = {name: body[name] for name in ("model", "messages", "prompt") if name in body}
        completions = client.completions if "prompt" in body else client.chat.completions
        create = completions.with_streaming_response.create
        try:
            # Read raw: the size is bounded, and what the bytes mean is for reply.read_body to say.
            async with create(**asked, extra_body=rest, timeout=timeout) as response:
                received = bytearray()
                async for chunk in response.iter_bytes():
                    received += chunk
                    if len(received) > max_bytes:
                        return Failed("too_large", f"replied with more than {max_bytes} bytes", retryable=False)
                return bytes(received)
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

            # Empty strings, because the SDK reads OPENAI_ORG_ID and OPENAI_PROJECT_ID for None.
            self._client = openai.AsyncOpenAI(
                api_key="unused",
                base_url=self._endpoint.url,
                organization="",
                project="",
                max_retries=0,
                http_client=openai.DefaultAsyncHttpxClient(
                    trust_env=self._trust_env,
                    # A redirect may lead to another host, and our header goes to one host only.
                    follow_redirects=False,
                    event_hooks={"request": [self._set_headers]},
                ),
            )
        return self._client

    async def _set_headers(self, request: Any) -> None:
        """Let out the headers we know and no others, with our credentials and no one else's."""
        for name in list(request.headers):
            if name.lower() not in _HEADERS_SENT:
                del request.headers[name]
        request.headers["authorization"] = self._endpoint.authorization
        request.headers["accept-encoding"] = "identity"


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
    """Seconds to wait by ``Retry-After-Ms`` or ``Retry-After`` (seconds or date, RFC 9110 10.2.3)."""
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
    """The innermost exception that says something: "Connection refused" rather than "Connection error."."""
    said = ""
    seen: BaseException | None = error
    for _ in range(8):
        if seen is None:
            break
        if str(seen):
            said = f"{type(seen).__name__}: {seen}" if not isinstance(seen, OSError) else str(seen)
        seen = seen.__cause__ or seen.__context__
    return said or type(error).__name__
