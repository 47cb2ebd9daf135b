"""A pool of threads for jobs that may hang, such as tools: a thread that hangs is abandoned, and its caller goes on.

A thread of the pool has its own event loop, which is made when it is first needed and kept with the thread. Blocking
code can therefore run coroutines anywhere, and libraries that pool connections by loop find the same loops again.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import queue
import select
import selectors
import threading
import weakref
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, copy_context
from typing import Any

Job = Callable[[], Any]
Deliver = Callable[[Any, "BaseException | None"], None]

_MOST_IDLE = 64
_SOON = 0.02  # seconds between two checks of a job that is ending
_LAST_WORDS = 2.0  # seconds in which a coroutine may end after its caller was interrupted


class Hanging(Exception):
    """A job has not ended in time. It continues in a thread for which nobody waits."""


def start(job: Job, deliver: Deliver) -> None:
    """Do a job in another thread in the caller's context; `deliver`, which must not raise, gets its result or error."""
    try:
        thread = _idle.pop()
    except IndexError:
        thread = _Thread()
    thread.jobs.put((copy_context(), job, deliver))


def wait(job: Job, seconds: float | None = None, ending: Callable[[], bool] = lambda: False) -> Any:
    """Do a job in another thread and wait for its result.

    Raises:
        Hanging: the job takes longer than `seconds`, and is not `ending` by itself.
    """
    answers: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
    start(job, lambda result, error: answers.put((result, error)))
    while True:
        try:
            result, error = answers.get(timeout=seconds)
            break
        except queue.Empty:
            if not ending():
                raise Hanging from None
            seconds = _SOON
    if error is not None:
        raise error
    return result


def wait_for_coroutine(
    make: Callable[[], Coroutine[Any, Any, Any]],
    seconds: float | None = None,
    ending: Callable[[], bool] = lambda: False,
) -> Any:
    """`wait` for the coroutine that `make` makes. If the caller is interrupted, the coroutine is cancelled."""
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []
    ended = threading.Event()

    def job() -> Any:
        try:
            return _in_own_loop(make, running)
        finally:
            ended.set()

    try:
        return wait(job, seconds, ending)
    except BaseException as error:
        if running and not ended.is_set():
            loop, task = running[0]
            with suppress(RuntimeError):  # the coroutine and its loop have ended meanwhile
                loop.call_soon_threadsafe(task.cancel)
            if not isinstance(error, Hanging):
                ended.wait(_LAST_WORDS)
        raise


class _Thread:
    """A daemon thread that does one job after the other."""

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
            del given, context, job, deliver, result, error  # keep no reference to a job after its end
        loop = getattr(_own, "loop", None)
        if loop is not None:
            loop.close()


def new_loop() -> asyncio.AbstractEventLoop:
    """A new event loop that a forked child can close without harm to the parent."""
    if not hasattr(os, "fork") or not hasattr(selectors, "EpollSelector"):  # a child would share nothing
        return asyncio.new_event_loop()
    selector = selectors.EpollSelector()
    _selectors.add(selector)
    return asyncio.SelectorEventLoop(selector)


def _in_own_loop(
    make: Callable[[], Coroutine[Any, Any, Any]], running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]]
) -> Any:
    loop = getattr(_own, "loop", None)
    if loop is None:
        loop = _own.loop = new_loop()
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
    """Let the tasks end that are left after the coroutine."""
    for task in left:
        task.cancel()
    loop.run_until_complete(asyncio.wait(left))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


@atexit.register
def _dismiss() -> None:
    """End the idle threads, which close their loops."""
    while _idle:
        thread = _idle.pop()
        thread.jobs.put(None)
        thread.thread.join(0.1)


def _part() -> None:
    """In a forked child: threads do not survive a fork, but their loops still share an epoll object with the parent.

    If the garbage collector closed a loop in the child, this would remove from the shared object what wakes the loop of
    the parent. Therefore the child gets its own epoll object in its place.
    """
    _idle.clear()
    for selector in list(_selectors):
        with suppress(OSError, ValueError), select.epoll() as fresh:  # it may be closed
            os.dup2(fresh.fileno(), selector.fileno(), inheritable=False)


_own = threading.local()
_idle: list[_Thread] = []
_selectors: weakref.WeakSet[Any] = weakref.WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_part)
