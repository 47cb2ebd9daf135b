"""An event loop whose clock is virtual: sleeping takes no time, and elapsed time is exact."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector:
    """A selector that does not wait: it moves its clock by as much as it was asked to wait."""

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
    """For coroutines that wait for nothing but timers and each other: there are no threads in virtual time."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)  # type: ignore[arg-type]

    def time(self) -> float:
        return self._virtual.now


def run_virtually(main: Coroutine[Any, Any, T]) -> tuple[T, float]:
    """The result of a coroutine, and the virtual seconds that it took.

    >>> run_virtually(asyncio.sleep(3600.0, "done"))
    ('done', 3600.0)
    """
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main), loop.time()
    finally:
        loop.close()
