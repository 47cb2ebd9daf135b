"""A retrieval server on the loopback interface that answers what it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = Callable[["Handler", dict[str, Any]], None]


@dataclass
class Server:
    """Answers each request with the next of `replies`; the last one is repeated."""

    address: str = ""
    replies: list[Reply] = field(default_factory=list)
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP/1.1 with kept connections, as real servers do."""

    protocol_version = "HTTP/1.1"
    told: Server

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.told.requests.append((self.path, request))
        self.told.connections.add(self.client_address)
        reply = self.told.replies.pop(0) if len(self.told.replies) > 1 else self.told.replies[0]
        reply(self, request)

    def send(self, body: bytes, status: int = 200, **headers: str) -> None:
        """One whole response."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gives up in the middle of a reply is what some tests are about."""


@contextmanager
def running() -> Iterator[Server]:
    """A server that listens until the end of the block."""
    told = Server()
    http = _Quiet(("127.0.0.1", 0), type("Told", (Handler,), {"told": told}))
    told.address = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield told
    http.shutdown()
    http.server_close()
    thread.join()
