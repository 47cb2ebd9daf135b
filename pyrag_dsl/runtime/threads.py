"""Threads that are kept and lent out, so that no tool can hold its caller: one that hangs is left behind.

A kept thread has an event loop of its own if it ever needs one, kept with it. So blocking code can run coroutines
wherever it is called, and what pools connections by loop finds the same loops again.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import queue
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, copy_context
from typing import Any

Job = Callable[[], Any]
Deliver = Callable[[Any, "BaseException | None"], None]

_MOST_IDLE = 64
_LAST_WORDS = 2.0  # seconds that a coroutine has to end when its caller is interrupted


class Hanging(Exception):
    """A job that has not ended in time; it goes on in a thread that nobody waits for."""


def start(job: Job, deliver: Deliver) -> None:
    """Do a job in another thread, in the caller's context; `deliver`, which must not raise, gets what came of it."""
    try:
        thread = _idle.pop()
    except IndexError:
        thread = _Thread()
    thread.jobs.put((copy_context(), job, deliver))


def wait(job: Job, seconds: float | None = None) -> Any:
    """What a job in another thread returns or raises. Raises `Hanging` where that takes too long."""
    answers: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
    start(job, lambda result, error: answers.put((result, error)))
    try:
        result, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise Hanging from None
    if error is not None:
        raise error
    return result


def wait_for_coroutine(make: Callable[[], Coroutine[Any, Any, Any]], seconds: float | None = None) -> Any:
    """`wait` for the coroutine that `make` makes. If the caller is interrupted it is cancelled, and may end well."""
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []
    ended = threading.Event()

    def job() -> Any:
        try:
            return _in_own_loop(make, running)
        finally:
            ended.set()

    try:
        return wait(job, seconds)
    except BaseException as error:
        if running and not ended.is_set():
            loop, task = running[0]
            with suppress(RuntimeError):  # it has ended since, and its loop with it
                loop.call_soon_threadsafe(task.cancel)
            if not isinstance(error, Hanging):
                ended.wait(_LAST_WORDS)
        raise


class _Thread:
    """A daemon thread that does jobs, one after the other."""

    def __init__(self) -> None:
        self.jobs: queue.SimpleQueue[tuple[Context, Job, Deliver] | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self.work, daemon=True, name="pyrag")
        self.thread.start()

    def work(self) -> None:
        while (given := self.jobs.get()) is not None:
            context, job, deliver = given
            result: Any = None
            error: BaseException | None = None
            try:
                result = context.run(job)
            except BaseException as raised:
                error = raised
            kept = len(_idle) < _MOST_IDLE
            if kept:
                _idle.append(self)
            deliver(result, error)
            if not kept:
                break
            del given, context, job, deliver, result, error  # nothing of a job outlives it here
        loop = getattr(_own, "loop", None)
        if loop is not None:
            loop.close()


def _in_own_loop(
    make: Callable[[], Coroutine[Any, Any, Any]], running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]]
) -> Any:
    loop = getattr(_own, "loop", None)
    if loop is None:
        loop = _own.loop = asyncio.new_event_loop()
    task = loop.create_task(make())
    running.append((loop, task))
    try:
        return loop.run_until_complete(task)
    finally:
        left = asyncio.all_tasks(loop)
        if left:
            _own.loop = None
            start(lambda: _see_off(loop, left), lambda _result, _error: None)


def _see_off(loop: asyncio.AbstractEventLoop, left: set[asyncio.Task[Any]]) -> None:
    """Let tasks end that were still there when the coroutine was done."""
    for task in left:
        task.cancel()
    loop.run_until_complete(asyncio.wait(left))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


@atexit.register
def _dismiss() -> None:
    """Let idle threads close their loops."""
    while _idle:
        thread = _idle.pop()
        thread.jobs.put(None)
        thread.thread.join(0.1)


_own = threading.local()
_idle: list[_Thread] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # threads do not survive a fork
