"""Serves an ASGI application until a signal ends it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import uvicorn

_GRACE = 10  # seconds in which running requests can finish after a signal


def serve(app: Any, host: str, port: int, ready: Callable[[int], object]) -> None:
    """Serve until SIGINT or SIGTERM, and finish the running requests before the end.

    Args:
        app: the ASGI application.
        host: the address on which to listen.
        port: the port; 0 takes a free one.
        ready: called with the port as soon as connections are accepted.

    Raises:
        OSError: the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because otherwise asyncio does not turn off the delay of small packets.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(2_048)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=_GRACE, lifespan="on")
        server = _Announced(config, lambda: ready(listening.getsockname()[1]))
        server.run(sockets=[listening])


class _Announced(uvicorn.Server):
    """A server that reports when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()
