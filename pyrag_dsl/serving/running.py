"""Running an ASGI application until somebody ends it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import uvicorn

_GRACE = 10  # seconds that requests have to end when the server is told to


def serve(app: Any, host: str, port: int, ready: Callable[[int], object]) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are answered first.

    `ready` is told the port, which is a free one for 0, as soon as connections are accepted. Raises `OSError` where the
    address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named: asyncio turns off the delay of small packets only where it is.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(2_048)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=_GRACE, lifespan="on")
        server = _Announced(config, lambda: ready(listening.getsockname()[1]))
        server.run(sockets=[listening])


class _Announced(uvicorn.Server):
    """A server that says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()
