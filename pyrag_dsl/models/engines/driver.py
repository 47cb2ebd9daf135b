"""One thread that owns an engine: it loads it, gathers requests that come together, and steps until all have ended.

Laws: each request gets exactly one outcome, its own; there are never more requests inside the engine than its bound; a
request that fails takes no other with it, as after a step that fails each is tried alone; one that nobody waits for any
more is dropped.
"""

from __future__ import annotations

import concurrent.futures
import itertools
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from .generation import Engine, Generated, Generation, RequestRefused, generation_of

_logger = logging.getLogger(__name__)
Outcome = tuple[Generation, Generated]


class EngineBroken(Exception):
    """The engine cannot be loaded, or has failed; its text says why."""


class GenerationJob:
    """A request on its way.

    Attributes:
        begun: done when the engine has taken it, or when it has ended.
        ended: what came of it, or `RequestRefused` or `EngineBroken`.
    """

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.body = body
        self.begun: concurrent.futures.Future[None] = concurrent.futures.Future()
        self.ended: concurrent.futures.Future[Outcome] = concurrent.futures.Future()
        self.dropped = False
        self.asked: Generation | None = None

    def begin(self) -> None:
        """The engine has it."""
        with suppress(concurrent.futures.InvalidStateError):
            self.begun.set_result(None)

    def settle(self, outcome: Generated | Exception) -> None:
        """It has ended."""
        self.begin()
        with suppress(concurrent.futures.InvalidStateError):
            if isinstance(outcome, Exception):
                self.ended.set_exception(outcome)
            else:
                assert self.asked is not None
                self.ended.set_result((self.asked, outcome))


class EngineDriver:
    """The thread of an engine, which is loaded by ``load`` when the first request comes."""

    def __init__(self, load: Callable[[], Engine]) -> None:
        self._load = load
        self._jobs: queue.SimpleQueue[GenerationJob | None] = queue.SimpleQueue()
        self._inside: dict[int, GenerationJob] = {}
        self._keys = itertools.count()
        self._engine: Engine | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name="pyrag-engine", daemon=True)
        self._thread.start()

    def ask(self, body: Mapping[str, Any]) -> GenerationJob:
        """Put a request in line."""
        job = GenerationJob(body)
        with self._lock:
            if self._closed:
                job.settle(EngineBroken("the engine was closed"))
            else:
                self._jobs.put(job)
        return job

    def drop(self, job: GenerationJob) -> None:
        """Nobody waits for this one any more."""
        job.dropped = True

    def close(self) -> None:
        """End what is under way, the engine and the thread. Idempotent."""
        if self._pid != os.getpid():
            return
        with self._lock:
            first, self._closed = not self._closed, True
        if first:
            self._jobs.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # All below is the thread's.

    def _run(self) -> None:
        job = self._jobs.get()
        try:
            if job is not None:
                self._engine = self._load()
                self._serve(self._engine, job)
        except BaseException as error:
            broken = EngineBroken(_said(error))
            for each in (*self._inside.values(), *([job] if job is not None else [])):
                each.settle(broken)
            self._refuse_all(broken)
        finally:
            if self._engine is not None:
                with suppress(Exception):
                    self._engine.close()

    def _serve(self, engine: Engine, job: GenerationJob | None) -> None:
        while True:
            if job is not None:
                self._add(engine, job)
            ends = self._gather(engine)
            for key, each in list(self._inside.items()):
                if each.dropped:
                    engine.drop(key)
                    self._settle(key, EngineBroken("dropped"))
            if self._inside and not ends:
                self._step(engine)
            if ends or self._closed:
                for key in list(self._inside):
                    engine.drop(key)
                    self._settle(key, EngineBroken("the engine was closed"))
                self._refuse_all(EngineBroken("the engine was closed"))
                return
            job = None
            if not self._inside:
                job = self._jobs.get()
                if job is None:
                    return

    def _gather(self, engine: Engine) -> bool:
        """Take what is in line, as far as there is room; whether the end was in line."""
        until = time.monotonic() + engine.gather
        while len(self._inside) < engine.most:
            left = until - time.monotonic()
            try:
                job = self._jobs.get(timeout=left) if left > 0 and self._inside else self._jobs.get_nowait()
            except queue.Empty:
                return False
            if job is None:
                return True
            self._add(engine, job)
        return False

    def _add(self, engine: Engine, job: GenerationJob) -> None:
        key = next(self._keys)
        try:
            job.asked = generation_of(job.body, engine.tokenizer, engine.context)
            engine.add(key, job.asked)
        except RequestRefused as refused:
            job.settle(refused)
        except Exception as error:
            job.settle(EngineBroken(_said(error)))
        else:
            self._inside[key] = job
            job.begin()

    def _step(self, engine: Engine) -> None:
        try:
            engine.step(self._settle, self._wanted)
        except Exception as error:
            # Whose fault it was is not known: each that is left is tried alone.
            left = dict(self._inside)
            _logger.warning(
                "a step of the engine with %d requests failed, and each is now tried alone", len(left), exc_info=True
            )
            for key in left:
                engine.drop(key)
            self._inside.clear()
            if len(left) == 1:
                next(iter(left.values())).settle(EngineBroken(_said(error)))
                return
            for job in left.values():
                self._add(engine, job)
                while self._inside and not self._closed:
                    self._step(engine)

    def _wanted(self, key: int) -> bool:
        job = self._inside.get(key)
        return job is not None and not job.dropped and not self._closed

    def _settle(self, key: int, outcome: Generated | Exception) -> None:
        job = self._inside.pop(key, None)
        if job is not None:
            job.settle(outcome)

    def _refuse_all(self, reason: Exception) -> None:
        with self._lock:
            self._closed = True
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is not None:
                job.settle(reason)


def _said(error: BaseException) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
