"""An event loop with a virtual clock: sleeping takes no real time, and the elapsed time is exact."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector:
    """A selector that does not wait. Instead, it advances its clock by the time for which it should wait."""

    def __init__(self) -> None:
        self.inner = selectors.DefaultSelector()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is not None and timeout > 0:
            self.now += timeout
        return self.inner.select(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop for coroutines that wait only for timers and for each other, and not for threads or sockets."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)  # type: ignore[arg-type]

    def time(self) -> float:
        return self._virtual.now


def run_virtually(main: Coroutine[Any, Any, T]) -> tuple[T, float]:
    """Run a coroutine. Returns its result and the virtual seconds that it took.

    >>> run_virtually(asyncio.sleep(3600.0, "done"))
    ('done', 3600.0)
    """
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main), loop.time()
    finally:
        loop.close()
