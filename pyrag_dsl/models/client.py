"""`ChatModel`: it asks a model and returns a `Reply`, with retries, limits, costs and a cache.

Behind it is a `Transport`: connections to an endpoint, or an engine in this process.

Lost connections, timeouts, and the statuses 408, 409, 425, 429 and 5xx are retried, after a delay that doubles with
each attempt and has jitter, or that the endpoint asks for (`Retry-After`). A wait that would exceed `deadline` ends the
call at once. A useless reply with status 200 is not retried here, but left to the caller.
"""

from __future__ import annotations

import os
import re
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from ..quoting import clean_unicode
from .adaptation import STREAMED, adapted, refused_parameter
from .cache import ResponseCache, cache_key
from .engines import EngineAddress, engine_version
from .errors import (
    AccessDenied,
    BadStatus,
    ContextExceeded,
    EmptyReply,
    EngineUnusable,
    MalformedReply,
    ModelClosed,
    ModelError,
    RateLimited,
    ReplyTooLarge,
    Timeout,
    Unreachable,
)
from .reply import Content, Fault, Price, Reply, read_body, read_vectors, strip_thinking
from .secrets import Endpoint

if TYPE_CHECKING:
    import concurrent.futures

    from .lane import Failed, Transport

Message = Mapping[str, Any]
T = TypeVar("T")

_STATUS_ERRORS: dict[int, type[BadStatus]] = {401: AccessDenied, 403: AccessDenied, 429: RateLimited}
_TOO_LONG = re.compile(
    r"(?i)context[ _](?:length|window|size)|max_model_len|maximum (?:context|input|number of (?:input )?tokens)"
    r"|too many (?:input )?tokens|(?:prompt|input|request) (?:is )?too (?:long|large)"
    r"|exceeds? the (?:available )?context"
)
_FAULT_ERRORS: dict[str, type[ModelError]] = {
    "unreachable": Unreachable,
    "timeout": Timeout,
    "too_large": ReplyTooLarge,
    "engine": EngineUnusable,
}


class ChatModel:
    """A model in one role, behind an OpenAI-compatible endpoint (vLLM, SGLang, llama.cpp, ...) or in this process.

    One instance serves any number of asyncio tasks, event loops and threads. Close it (`close`, `aclose`, `with`,
    `async with`) to end its background thread and connections. An instance that is garbage-collected is closed.

    Args:
        model: the name of the model at the endpoint.
        base_url: the address of the endpoint, such as `http://127.0.0.1:8000/v1`, which may hold `user:password@` for
            basic authentication in place of a key; or the address of an engine in this process, `vllm:FOLDER` or
            `transformers:PATH` (see `EngineAddress`), which is loaded at the first call.
        api_key: the key, which is sent as bearer token; None sends "EMPTY", which local servers accept.
        role: the role of the model ("plan", "answer", ...), for messages and totals.
        temperature: the default temperature of a request; None leaves the field out.
        max_tokens: the default limit of the tokens of a reply; None leaves the field out.
        timeout: seconds for one attempt, from sending to the last byte.
        max_retries: attempts after the first.
        max_concurrency: requests in flight at the same time; None for no limit. The time in which a request waits for
            its turn counts neither for `timeout` nor for `deadline`.
        extra_body: further fields of each request.
        enable_thinking: sent as `chat_template_kwargs.enable_thinking`; None does not send the field, which strict
            endpoints reject.
        cache: a `ResponseCache` or a path. It is used at temperature 0, unless the cache or the call says otherwise.
        prices: prices by the name of the model.
        deadline: seconds for all attempts and waits together; by default, `timeout * (max_retries + 1)`.
        retry_delay: seconds before the first retry, if the endpoint names no delay.
        max_retry_delay: the most seconds before any retry, if the endpoint names no delay.
        max_reply_bytes: the greatest number of bytes of a response body.
        notice: called with one line of text for each failed attempt that is retried, in a thread of the model.
        listener: called with the text so far, thinking included, whenever there is more of it, and with "" when an
            attempt begins, in a thread of the model; it must not raise. Replies are then requested as streams, and are
            the same. It is not called for replies from the cache, of an engine in this process, or of an endpoint that
            refuses streams or counts no tokens in them. The attribute may be set at any time.
        trust_env: whether the HTTP library uses the proxies and certificates in environment variables (HTTPS_PROXY,
            SSL_CERT_FILE, ...). By default, nothing is read from the environment.

    Raises:
        ValueError: an argument is out of range, or `base_url` is not an address.
        EngineUnusable: the packages of the engine are not installed.
    """

    def __init__(
        self,
        model: str,
        base_url: str,
        *,
        api_key: str | None = None,
        role: str = "answer",
        temperature: float | None = 0.7,
        max_tokens: int | None = 1024,
        timeout: float = 60.0,
        max_retries: int = 4,
        max_concurrency: int | None = None,
        extra_body: Mapping[str, Any] | None = None,
        enable_thinking: bool | None = None,
        cache: ResponseCache | str | os.PathLike[str] | None = None,
        prices: Mapping[str, Price] | None = None,
        deadline: float | None = None,
        retry_delay: float = 0.5,
        max_retry_delay: float = 8.0,
        max_reply_bytes: int = 512 * 1024,
        notice: Callable[[str], object] | None = None,
        listener: Callable[[str], object] | None = None,
        trust_env: bool = False,
    ) -> None:
        if not model:
            raise ValueError("model must be the model's name at the endpoint")
        if timeout <= 0 or max_retries < 0 or max_reply_bytes <= 0 or (deadline is not None and deadline <= 0):
            raise ValueError("timeout, deadline and max_reply_bytes must be positive, max_retries not negative")
        if max_concurrency is not None and max_concurrency < 1:
            raise ValueError("max_concurrency must be at least 1, or None for no limit")
        self.model = model
        self.role = role
        self.temperature = temperature
        self.max_tokens = max_tokens
        self.timeout = timeout
        self.max_retries = max_retries
        self.max_concurrency = max_concurrency
        self.enable_thinking = enable_thinking
        self.extra_body = dict(extra_body or {})
        self.prices = dict(prices or {})
        self.deadline = deadline
        self.retry_delay = retry_delay
        self.max_retry_delay = max_retry_delay
        self.max_reply_bytes = max_reply_bytes
        self.notice = notice
        self.listener = listener
        self.trust_env = trust_env
        self.cache = cache if cache is None or isinstance(cache, ResponseCache) else ResponseCache(cache)
        self._engine = EngineAddress.parse(base_url)
        self._endpoint = Endpoint.parse(base_url, api_key) if self._engine is None else Endpoint(base_url, "", ())
        if self._engine is not None and self._engine.missing:
            missing = ", ".join(self._engine.missing)
            raise self._error(EngineUnusable, f"not installed: {missing}", install=self._engine.install)
        self._lock = threading.Lock()
        self._transport: Transport | None = None
        self._pid = 0
        self._closed = False
        self._adapted: set[str] = set()  # the adaptations for parameters that the endpoint has refused

    @property
    def endpoint(self) -> str:
        """The base URL, without credentials."""
        return self._endpoint.url

    @property
    def engine(self) -> str | None:
        """The engine in this process and its version, like `vllm 0.33.0`; None for an endpoint."""
        return None if self._engine is None else engine_version(self._engine.kind)

    def __repr__(self) -> str:
        return f"ChatModel({self.model!r}, {self.endpoint!r}, role={self.role!r})"

    async def acomplete(self, messages: Sequence[Message], **overrides: Any) -> Reply:
        """Send messages and return the reply. Cancelling the task cancels the request.

        Args:
            messages: dictionaries with `role` and `content`.
            overrides: `timeout`, `deadline`, `enable_thinking`, `extra_body` (added to the model's) and `cache` (True
                uses it at any temperature, False not at all), for this call only. Every other name is a field of the
                request (`temperature`, `max_tokens`, `seed`, `stop`, `response_format`, ...); None leaves it out.

        Raises:
            ModelError: the call failed; the subclasses in `errors.py` tell why.
        """
        return await self._awaited({"messages": messages}, overrides)

    async def _awaited(self, asked: Mapping[str, Any], overrides: dict[str, Any]) -> Reply:
        import asyncio

        from .lane import TransportClosed

        try:
            return await asyncio.wrap_future(self._start(asked, overrides))
        except TransportClosed:
            pass
        raise self._error(ModelClosed, "the model was closed during the call")

    async def acontinue(
        self, prompt: str, begun: str = "", stop: Sequence[str] = (), *, template: str = "{prompt}", **overrides: Any
    ) -> Reply:
        """Let the model continue its own turn, up to one of the `stop` texts, which the reply may leave out.

        Plain text is continued by `POST /completions`. For an endpoint without it, a chat is sent, from then on, whose
        last message is the beginning of the model's turn. Overrides and errors are those of `acomplete`.

        Args:
            prompt: the request of the user.
            begun: the beginning of the model's turn.
            stop: the texts at which the reply ends.
            template: the text around the prompt, for plain completions.
            overrides: as for `acomplete`.
        """
        fields = {**overrides, **({"stop": list(stop)} if stop else {})}
        if "completions" not in self._adapted:
            try:
                text = template.replace("{prompt}", prompt) + begun
                return await self._awaited({"prompt": text}, dict(fields))
            except BadStatus as refused:
                if refused.status not in (404, 405, 501):
                    raise
            self._adapted.add("completions")
        asked = [{"role": "user", "content": prompt}]
        if not begun:
            return await self.acomplete(asked, **fields)
        prefill = {"add_generation_prompt": False, "continue_final_message": True}
        extra = {**(fields.pop("extra_body", None) or {}), **prefill}
        return await self.acomplete([*asked, {"role": "assistant", "content": begun}], extra_body=extra, **fields)

    def complete(self, messages: Sequence[Message], **overrides: Any) -> Reply:
        """`acomplete` for sync code. It blocks the calling thread."""
        return self._waited(self._start({"messages": messages}, overrides))

    def embed(self, texts: Sequence[str], **overrides: Any) -> list[list[float]]:
        """The vectors of texts in their order, by `POST /embeddings`. This blocks the calling thread.

        Overrides and errors are those of `acomplete`; the cache is not used. A reply without exactly one vector for
        each text is a `MalformedReply`.
        """
        timeout = float(overrides.pop("timeout", self.timeout))
        deadline = float(overrides.pop("deadline", self.deadline) or timeout * (self.max_retries + 1))
        fields = {"temperature": None, "max_tokens": None, **overrides}
        body = self._body({"input": list(texts)}, fields)
        transport = self._connect()

        async def call() -> list[list[float]]:
            started = time.monotonic()
            received, attempts = await self._received(transport, body, timeout, deadline)
            found = read_vectors(received, len(texts))
            if isinstance(found, Fault):
                detail = self._endpoint.excerpt(found.detail)
                raise self._error(MalformedReply, detail, attempts, time.monotonic() - started)
            return found

        return self._waited(transport.submit(call))

    def _waited(self, future: concurrent.futures.Future[T]) -> T:
        """Wait for the result of a call. An interrupt cancels the call."""
        from .lane import TransportClosed

        try:
            return future.result()
        except TransportClosed:
            pass
        except BaseException:
            future.cancel()
            raise
        raise self._error(ModelClosed, "the model was closed during the call")

    def close(self) -> None:
        """End all calls (they raise `ModelClosed`), the connections and the thread. This is idempotent."""
        with self._lock:
            self._closed = True
            transport, self._transport = self._transport, None
        if transport is not None and self._pid == os.getpid():
            transport.close()

    async def aclose(self) -> None:
        """`close` without blocking the event loop."""
        import asyncio

        await asyncio.to_thread(self.close)

    def __enter__(self) -> ChatModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> ChatModel:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # One call, on the transport's loop.

    def _start(self, asked: Mapping[str, Any], overrides: dict[str, Any]) -> concurrent.futures.Future[Reply]:
        timeout = float(overrides.pop("timeout", self.timeout))
        deadline = overrides.pop("deadline", self.deadline)
        caching = overrides.pop("cache", None)
        body = self._body(asked, overrides)
        cache = self.cache
        wanted = (
            caching if caching is not None else body.get("temperature") == 0 or (cache is not None and cache.sampled)
        )
        transport = self._connect()
        budget = timeout * (self.max_retries + 1) if deadline is None else float(deadline)
        return transport.submit(lambda: self._call(transport, body, timeout, budget, cache if wanted else None))

    def _connect(self) -> Transport:
        with self._lock:
            if self._closed:
                raise self._error(ModelClosed, "the model is closed")
            # Threads do not survive a fork: a child makes its own.
            if self._transport is None or self._pid != os.getpid():
                self._transport = self._opened()
                self._pid = os.getpid()
                weakref.finalize(self, self._transport.close)
            return self._transport

    def _opened(self) -> Transport:
        if self._engine is not None:
            from .engines.transport import EngineTransport

            return EngineTransport(self._engine, max_concurrency=self.max_concurrency)
        from .transport import HttpTransport

        return HttpTransport(self._endpoint, trust_env=self.trust_env, max_concurrency=self.max_concurrency)

    def _body(self, asked: Mapping[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
        fields: dict[str, Any] = {"temperature": self.temperature, "max_tokens": self.max_tokens}
        fields.update(self.extra_body)
        thinking = overrides.pop("enable_thinking", self.enable_thinking)
        fields.update(overrides.pop("extra_body", None) or {})
        fields.update(overrides)
        if thinking is not None:
            template = dict(fields.get("chat_template_kwargs") or {})
            fields["chat_template_kwargs"] = {**template, "enable_thinking": bool(thinking)}
        body: dict[str, Any] = {"model": self.model, **asked}
        body.update((name, value) for name, value in fields.items() if value is not None)
        cleaned: dict[str, Any] = _clean(body)
        return cleaned

    async def _call(
        self,
        transport: Transport,
        body: dict[str, Any],
        timeout: float,
        deadline: float,
        cache: ResponseCache | None,
    ) -> Reply:
        started = time.monotonic()
        if cache is None:
            content, attempts = await self._attempts(transport, body, timeout, deadline)
            return self._reply(content, attempts, time.monotonic() - started)
        import asyncio

        key = cache_key(self.endpoint, body, cache.tenant)
        kept = await asyncio.to_thread(cache.get, key)
        if kept is not None:
            return self._reply(kept, 0, time.monotonic() - started)
        content, attempts = await self._attempts(transport, body, timeout, deadline)
        if content.finish_reason != "length":
            await asyncio.to_thread(cache.put, key, content)
        return self._reply(content, attempts, time.monotonic() - started)

    async def _attempts(
        self,
        transport: Transport,
        body: dict[str, Any],
        timeout: float,
        deadline: float,
    ) -> tuple[Content, int]:
        started = time.monotonic()
        received, attempts = await self._received(transport, body, timeout, deadline)
        content = self._content(received, attempts, time.monotonic() - started)
        if self.listener is not None and not content.usage.known:
            self._adapted.add("unstreamed")  # it may count those tokens that it sends in one piece
        return content, attempts

    async def _received(
        self, transport: Transport, body: dict[str, Any], timeout: float, deadline: float
    ) -> tuple[bytes, int]:
        """The body of the reply, and the number of attempts."""
        import asyncio

        started = time.monotonic()
        attempt = 0
        listener = self.listener if transport.streams and "input" not in body else None
        if listener is not None:
            body = {**body, **STREAMED}
        while True:
            attempt += 1
            left = deadline - (time.monotonic() - started)
            sent = adapted(body, self._adapted)
            heard = self._heard(listener) if listener is not None and sent.get("stream") else None
            outcome = await transport.post(sent, max(min(timeout, left), 0.001), self.max_reply_bytes, heard)
            elapsed = time.monotonic() - started
            if isinstance(outcome, bytes):
                return outcome, attempt
            way = refused_parameter(outcome.status, outcome.text, sent)
            if way is not None and way not in self._adapted:
                self._adapted.add(way)
                continue
            wait = self._wait(outcome, attempt)
            if wait is None or elapsed + wait >= deadline:
                raise self._failure(outcome, attempt, elapsed)
            self._tell(outcome, attempt, wait)
            await asyncio.sleep(wait)

    def _heard(self, listener: Callable[[str], object]) -> Callable[[str], object]:
        """Tells a listener what is said in one attempt, as often as it is more; credentials left out."""
        listener("")
        told = ""

        def hear(text: str) -> None:
            nonlocal told
            if text != told:
                told = text
                listener(self._endpoint.scrub(clean_unicode(text)))

        return hear

    def _tell(self, failed: Failed, attempt: int, wait: float) -> None:
        """Give a notice that an attempt failed, and when the next one is made."""
        import logging

        what = f"HTTP {failed.status}" if failed.kind == "status" else failed.kind.replace("_", " ")
        said = self._endpoint.excerpt(failed.text)
        why = f"{what}: {said}" if said else what
        line = f"model {self.model!r} at {self.endpoint}: attempt {attempt} failed ({why}); next in {wait:.1f} s"
        logging.getLogger(__name__).info("%s", line)
        if self.notice is not None:
            self.notice(line)

    def _wait(self, failed: Failed, attempt: int) -> float | None:
        """Seconds until the next attempt, or None if there is none."""
        if not failed.retryable or attempt > self.max_retries:
            return None
        import random

        delay: float = min(self.retry_delay * 2.0 ** min(attempt - 1, 30), self.max_retry_delay)
        if failed.retry_after is not None:
            # The clients that were told the same time should not all return at that time.
            return failed.retry_after + random.uniform(0.0, 0.25) * min(delay, failed.retry_after)
        return delay * random.uniform(0.5, 1.0)

    def _content(self, body: bytes, attempts: int, elapsed: float) -> Content:
        read = read_body(body, self.model)
        if isinstance(read, Content):
            text = self._endpoint.scrub(read.raw_text)
            return replace(read, raw_text=text, model=self._endpoint.scrub(read.model))
        kind = EmptyReply if read.empty else MalformedReply
        data = {"finish_reason": read.finish_reason} if read.empty else {}
        raise self._error(kind, self._endpoint.excerpt(read.detail), attempts, elapsed, **data)

    def _reply(self, content: Content, attempts: int, elapsed: float) -> Reply:
        price = self.prices.get(self.model)
        cost = None if price is None else price.cost(content.usage)
        return Reply(
            text=strip_thinking(content.raw_text),
            raw_text=content.raw_text,
            finish_reason=content.finish_reason,
            usage=content.usage,
            cost=cost if attempts else 0.0,
            model=content.model,
            attempts=attempts,
            elapsed=elapsed,
            cached=not attempts,
            calls=content.calls,
            stop=content.stop,
        )

    def _failure(self, failed: Failed, attempts: int, elapsed: float) -> ModelError:
        said = self._endpoint.excerpt(failed.text)
        if failed.kind != "status":
            return self._error(_FAULT_ERRORS[failed.kind], said, attempts, elapsed)
        kind = _STATUS_ERRORS.get(failed.status, BadStatus)
        if failed.status in (400, 413, 422) and _TOO_LONG.search(failed.text):
            kind = ContextExceeded
        detail = f"HTTP {failed.status}: {said}" if said else f"HTTP {failed.status}"
        extra = {"retry_after": failed.retry_after} if kind is RateLimited else {}
        return self._error(kind, detail, attempts, elapsed, status=failed.status, **extra)

    def _error(
        self, kind: type[ModelError], detail: str, attempts: int = 0, elapsed: float = 0.0, **data: Any
    ) -> ModelError:
        return kind(
            detail,
            role=self.role,
            endpoint=self.endpoint,
            model=self.model,
            attempts=attempts,
            elapsed=elapsed,
            **data,
        )


def _clean(value: Any) -> Any:
    """`value` with lone surrogates replaced in every string, so that it can be hashed and sent."""
    if isinstance(value, str):
        return clean_unicode(value)
    if isinstance(value, Mapping):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    return value
