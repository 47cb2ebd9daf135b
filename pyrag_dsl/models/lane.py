"""The event loop, in a background thread of its own, that makes the requests to one model.

A pool of connections, or an engine in this process, belongs to one loop or thread, but callers have many: every
`asyncio.run` makes another loop, and sync code has none. One thread for each model gives all callers the same limit of
concurrency, and one place to stop. Passing a call to it costs about a tenth of a millisecond.

This module is imported at the first call, because `asyncio` is slow to import.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from ..threads import new_loop

T = TypeVar("T")

FaultKind = Literal["unreachable", "timeout", "status", "too_large", "engine"]


@dataclass(frozen=True, slots=True)
class Failed:
    """A failed attempt; `retryable` tells whether the same request may succeed later."""

    kind: FaultKind
    text: str
    retryable: bool
    status: int = 0
    retry_after: float | None = None


class TransportClosed(Exception):
    """The transport was closed before the work was done."""


class Transport(ABC):
    """The thread and its loop. Subclasses define how requests are sent. After `close`, nothing runs.

    Attributes:
        streams: whether a reply can come in pieces.
    """

    streams = False

    def __init__(self, max_concurrency: int | None) -> None:
        self._loop = new_loop()
        self._slots: asyncio.Semaphore | None = None
        self._max_concurrency = max_concurrency
        self._lock = threading.Lock()
        self._closed = False
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name="pyrag-model", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], Coroutine[Any, Any, T]]) -> concurrent.futures.Future[T]:
        """Run `work()` on the loop. Cancelling the future cancels the work. Raises `TransportClosed`."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("a sync call from inside the model's own event loop would wait for itself")
        with self._lock:
            if self._closed:
                raise TransportClosed
            return asyncio.run_coroutine_threadsafe(self._in_slot(work), self._loop)

    def close(self) -> None:
        """Cancel all work, close all connections and end the thread. This is idempotent."""
        # A forked child has no thread to stop, and would wake the loop of its parent.
        if self._pid != os.getpid():
            return
        with self._lock:
            first, self._closed = not self._closed, True
        if first:
            # Stop one turn later, so that work submitted just before has begun and can raise `TransportClosed`.
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
            loop.run_until_complete(self.release())
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

    @abstractmethod
    async def post(
        self, body: Mapping[str, Any], timeout: float, max_bytes: int, listener: Callable[[str], object] | None = None
    ) -> bytes | Failed:
        """The body of the reply to one request, in one piece, within `timeout` seconds and `max_bytes` bytes.

        A request with a `prompt` is for a plain completion; all others are chats. If the reply is a stream, `listener`
        is called with the text so far.
        """

    @abstractmethod
    async def release(self) -> None:
        """Release the connections or the engine."""
