"""An event loop whose clock is virtual: sleeping takes no time, and elapsed time is exact."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class _Selector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is not None and timeout > 0:
            self.now += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now


def run(main: Coroutine[Any, Any, Any]) -> tuple[Any, float]:
    """The result of a coroutine, and the virtual seconds that it took."""
    loop = VirtualLoop()
    try:
        result = loop.run_until_complete(main)
        return result, loop.time()
    finally:
        loop.close()
