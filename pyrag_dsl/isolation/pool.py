"""The pool of workers: it starts them, exchanges messages within a time limit, and replaces lost workers.

A worker inherits nothing: it is a new Python with an empty environment, whose only descriptor besides `/dev/null` is
one end of a socket pair. It exits when the socket closes, so none outlives its host. (Linux can send a signal at the
death of the parent, but sends it when the *thread* ends that started the worker.) After a fork, the host keeps its
workers, and the child starts its own. At exit, workers are ended and waited for.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..grammar.diagnostics import Diagnostic
from ..interpreter.codec import Garbled
from . import seccomp
from .wire import HEADER, unpack

DIED = "the isolated interpreter died"
OVERDUE = "the time of the run is over"
_GRACE = 0.25  # seconds in which a worker must end a pass after it was told to
_LOOK = 0.05  # seconds between two checks of the interrupt
_START = 60.0  # seconds in which a worker must start
_BOOT = (
    "import json, sys; sys.path.extend(p for p in json.loads(sys.argv[1]) if p not in sys.path); "
    "from pyrag_dsl.isolation.worker import main; main(int(sys.argv[2]), sys.argv[3:] == ['filtered'])"
)
_WEAKER = 'isolation="rlimits" asks for the weaker wall, of limits without a filter (see SECURITY.md)'
Interrupt = Callable[[], bool]


class WorkerLost(Exception):
    """The worker of a pass is lost; `diagnostic` tells how."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


class IsolationUnavailable(RuntimeError):
    """A worker cannot be started on this system. The message tells why."""


@dataclass(slots=True)
class Memory:
    """What a worker knows of a run: the object of the run, the numbers of the sent entries, and their bytes."""

    owner: weakref.ref[Any]
    sent: set[int] = field(default_factory=set)
    size: int = 0


class Member:
    """One worker, as the host sees it. Only one thread uses it at a time."""

    def __init__(self, memory: int, filtered: bool = True) -> None:
        if not hasattr(socket, "AF_UNIX") or os.name != "posix" or not sys.executable:
            raise IsolationUnavailable("isolation needs a POSIX system and a Python to start")
        if filtered and (why := seccomp.missing()):
            raise IsolationUnavailable(f'isolation="process" cannot wall a worker off here: {why}. {_WEAKER}')
        home = str(Path(__file__).resolve().parents[2])
        paths = [home, *(os.path.abspath(path) for path in sys.path)]
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self.process: subprocess.Popen[bytes] = subprocess.Popen(
                    [
                        sys.executable,
                        "-I",
                        "-S",
                        "-B",
                        "-c",
                        _BOOT,
                        json.dumps(paths),
                        str(memory),
                        *["filtered"] * filtered,
                    ],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    close_fds=True,
                    env={},
                    start_new_session=True,  # Ctrl-C at the terminal must reach only the host
                )
            except OSError as error:
                ours.close()
                raise IsolationUnavailable(f"a worker cannot be started: {error.strerror or error}") from None
        self.socket = ours
        self.socket.settimeout(_LOOK)
        self.known: OrderedDict[int, Memory] = OrderedDict()
        self.passes = 0
        try:
            told = unpack(self.receive(2**16, Watch(None, _START)))
        except (Garbled, EOFError, OSError, OutOfTime):
            status = self.kill()
            raise IsolationUnavailable(f"a worker ended while it started (status {status})") from None
        if told != {"ready": True}:
            self.kill()
            why = told.get("failed") if type(told) is dict else "it said something else"
            raise IsolationUnavailable(f"a worker could not start: {why}" + (f". {_WEAKER}" if filtered else ""))

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def exchange(self, request: bytes, cap: int, watch: Watch) -> Any:
        """The reply to a request. Raises `WorkerLost`, after which the worker must not be used."""
        watch.stop = lambda: self.process.send_signal(signal.SIGUSR1)
        try:
            view = memoryview(request)
            while view:
                try:
                    view = view[self.socket.send(view) :]
                except TimeoutError:
                    watch.look()
            self.passes += 1
            return unpack(self.receive(cap, watch))
        except OutOfTime:
            self.kill()
            raise WorkerLost(Diagnostic("PLAN402", OVERDUE)) from None
        except Garbled:
            self.kill()
            raise WorkerLost(Diagnostic("PLAN400", "the isolated interpreter answered rubbish")) from None
        except (EOFError, OSError):
            raise WorkerLost(_obituary(self.kill(0.5))) from None

    def receive(self, cap: int, watch: Watch) -> bytearray:
        """The body of one frame."""
        data = bytearray()
        size = None
        while size is None or len(data) < size:
            try:
                part = self.socket.recv(2**16 if size is None else min(size - len(data), 2**20))
            except TimeoutError:
                watch.look()
                continue
            if not part:
                raise EOFError
            data += part
            if size is None and len(data) >= HEADER.size:
                (size,) = HEADER.unpack_from(data)
                if size > cap:
                    raise Garbled("too long")
                del data[: HEADER.size]
        if len(data) > size:
            raise Garbled("more than was asked for")
        return data

    def kill(self, wait: float = 0.0) -> int:
        """End the worker, if it has not ended by itself within `wait` seconds. Returns its exit status."""
        if wait:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(wait)
        if self.process.poll() is None:
            self.process.kill()
        self.socket.close()
        return int(self.process.wait())


class OutOfTime(Exception):
    """The worker did not stop at the deadline."""


class Watch:
    """Decides when a worker is told to stop, and when the host stops waiting for it."""

    def __init__(self, interrupt: Interrupt | None, patience: float) -> None:
        self.interrupt = interrupt
        self.latest = time.monotonic() + patience
        self.stop: Callable[[], None] | None = None
        self.told: float | None = None

    def look(self) -> None:
        """Called about every `_LOOK` seconds. Raises `OutOfTime`."""
        now = time.monotonic()
        if self.told is not None:
            if now - self.told > _GRACE:
                raise OutOfTime
        elif self.over(now):
            self.told = now
            if self.stop is not None:
                self.stop()

    def over(self, now: float) -> bool:
        return now > self.latest or (self.interrupt is not None and self.interrupt())


class Pool:
    """Workers, which are started when they are needed and replaced when they are lost. A pool is thread-safe."""

    def __init__(
        self, size: int | None = None, *, memory: int = 2**30, passes: int = 10_000, filtered: bool = True
    ) -> None:
        """
        Args:
            size: the largest number of workers; by default, one for each processor, but at most 4.
            memory: the bytes that a worker may use beyond those at its start, whatever the limits of a run are.
            passes: the number of passes after which a worker is replaced.
            filtered: whether the system calls of workers are filtered; otherwise only their resources are limited
                (`isolation="rlimits"`).
        """
        self.size = size or min(4, os.cpu_count() or 1)
        self.memory = memory
        self.passes = passes
        self.filtered = filtered
        self.closed = False
        self._changed = threading.Condition()
        self._idle: list[Member] = []
        self._busy: set[Member] = set()
        self._starting = 0
        _pools.add(self)

    @property
    def pids(self) -> list[int]:
        """The process ids of all workers."""
        with self._changed:
            return [member.process.pid for member in (*self._idle, *self._busy)]

    def acquire(self, run: int, watch: Watch) -> Member:
        """A worker for one pass, if possible an idle one that knows the run. Raises `OutOfTime`."""
        with self._changed:
            while True:
                if self.closed:
                    raise RuntimeError("the pool is closed")
                for member in [each for each in self._idle if not each.alive]:
                    self._idle.remove(member)
                    member.kill()
                if self._idle:
                    member = next((each for each in self._idle if run in each.known), self._idle[-1])
                    self._idle.remove(member)
                    self._busy.add(member)
                    return member
                if len(self._busy) + self._starting < self.size:
                    self._starting += 1
                    break
                self._changed.wait(_LOOK)
                watch.look()
        started: Member | None = None
        try:
            started = Member(self.memory, self.filtered)
        finally:
            with self._changed:
                self._starting -= 1
                if started is not None:
                    self._busy.add(started)
                self._changed.notify()
        return started

    def release(self, member: Member, usable: bool = True) -> None:
        """Return a worker to the pool, or end it if it is not usable."""
        usable = usable and not self.closed and member.passes < self.passes
        if not usable:
            member.kill()
        with self._changed:
            self._busy.discard(member)
            if usable:
                self._idle.append(member)
            self._changed.notify()

    def close(self) -> None:
        """End all workers. Running passes are lost."""
        with self._changed:
            self.closed = True
            members = [*self._idle, *self._busy]
            self._idle.clear()
            self._changed.notify_all()
        for member in members:
            member.process.kill()
            member.process.wait()

    def forget(self) -> None:
        """In a forked child: forget the workers, which still belong to the parent."""
        for member in (*self._idle, *self._busy):
            member.socket.close()
            member.process.returncode = 0  # not a child of this process: there is nothing to wait for
        self._changed = threading.Condition()
        self._idle, self._busy, self._starting = [], set(), 0

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _obituary(status: int) -> Diagnostic:
    """The diagnostic of a worker that ended by itself."""
    if status == -signal.SIGXCPU:
        return Diagnostic("PLAN402", "the plan used more processor time than its process may have")
    how = f"it was ended by {signal.Signals(-status).name}" if status < 0 else f"it left with status {status}"
    return Diagnostic("PLAN400", DIED, notes=(how,))


_pools: weakref.WeakSet[Pool] = weakref.WeakSet()
_default: dict[bool, Pool] = {}
_lock = threading.Lock()


def default_pool(filtered: bool = True) -> Pool:
    """The pool of `isolation="process"`, or of "rlimits" if not filtered. It is made on first use."""
    with _lock:
        found = _default.get(filtered)
        if found is None or found.closed:
            found = _default[filtered] = Pool(filtered=filtered)
        return found


@atexit.register
def _close_all() -> None:
    for pool in list(_pools):
        pool.close()


def _forget_all() -> None:
    global _lock
    _lock = threading.Lock()
    for pool in list(_pools):
        pool.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
