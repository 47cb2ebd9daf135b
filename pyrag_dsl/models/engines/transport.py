"""A transport whose endpoint is an engine in this process; engines are shared by address."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ..lane import Failed, Transport
from .address import EngineAddress
from .driver import EngineBroken, EngineDriver
from .generation import Engine, RequestRefused, body_of


class EngineTransport(Transport):
    """Requests to the engine of an address. The time of a request begins when the engine has taken it."""

    def __init__(self, address: EngineAddress, *, max_concurrency: int | None) -> None:
        self._address = address
        self._driver = _borrow(address)
        super().__init__(max_concurrency)

    async def post(
        self,
        body: Mapping[str, Any],
        timeout: float,
        max_bytes: int,
        listener: Callable[[str], object] | None = None,  # noqa: ARG002
    ) -> bytes | Failed:
        """Have the engine generate a reply, which is there when all of it is."""
        if "input" in body:
            return Failed("status", "the engines of this package generate text, and make no embeddings", False, 400)
        job = self._driver.ask(body)
        try:
            await asyncio.wrap_future(job.begun)
            asked, made = await asyncio.wait_for(asyncio.wrap_future(job.ended), timeout)
        except (asyncio.TimeoutError, TimeoutError):
            # The same request would take as long again.
            return Failed("timeout", f"no complete reply within {timeout:.3g} s", retryable=False)
        except RequestRefused as refused:
            return Failed("status", str(refused), retryable=False, status=400)
        except EngineBroken as broken:
            return Failed("engine", str(broken), retryable=False)
        finally:
            self._driver.drop(job)
        reply = body_of(made, asked, str(body.get("model", self._address.name)), "prompt" not in body)
        if len(reply) > max_bytes:
            return Failed("too_large", f"replied with more than {max_bytes} bytes", retryable=False)
        return reply

    async def release(self) -> None:
        """Give the engine back; the last one closes it."""
        _give_back(self._address)


def load_engine(address: EngineAddress) -> Engine:
    """The engine of an address, with its model loaded."""
    if address.kind == "vllm":
        from .vllm import VllmEngine

        return VllmEngine(address)
    if address.kind == "transformers":
        from .transformers import TransformersEngine

        return TransformersEngine(address)
    raise AssertionError(address.kind)


_lock = threading.Lock()
_shared: dict[tuple[int, str], list[Any]] = {}  # by process and address: the driver, and how many use it


def _borrow(address: EngineAddress) -> EngineDriver:
    with _lock:
        shared = _shared.setdefault((os.getpid(), address.text), [None, 0])
        if shared[0] is None:
            shared[0] = EngineDriver(lambda: load_engine(address))
        shared[1] += 1
        driver: EngineDriver = shared[0]
        return driver


def _give_back(address: EngineAddress) -> None:
    key = (os.getpid(), address.text)
    with _lock:
        shared = _shared[key]
        shared[1] -= 1
        if shared[1]:
            return
        del _shared[key]
    shared[0].close()
