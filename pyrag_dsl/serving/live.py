"""Shows a run in a browser while it continues, on this machine, to everyone who has the address.

The address contains a random token, so that no other page in the same browser can control the run. Requests for other
host names that lead to this machine are refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import secrets
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Annotated, Any

import uvicorn
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ..agents.writing import PlanInProgress
from ..report.chart import as_it_goes
from ..report.page import fill, parts
from ..report.view import View, view_of
from ..runtime.events import CallFailed, CallFinished, CallStarted, Event, RunStarted
from ..runtime.hooks import Hook
from ..runtime.trace import Trace
from .browser import LOCAL

_PAUSE = 0.3  # seconds between two checks for changes
_QUIET = 10.0  # seconds after which a message is sent even without a change
_SHARE = 4  # pause after a page is made, as a multiple of the time that this took
_MOST_BYTES = 10_000


class RerunRequest(BaseModel):
    """The body of `POST rerun`: the node of a call, and the new number of passages."""

    model_config = ConfigDict(extra="forbid")
    node: Annotated[str, Field(min_length=1, max_length=2_000)]
    topk: Annotated[int, Field(ge=1, le=100, strict=True)]


@dataclass
class Watched(Hook):
    """A hook that keeps the state of a run for its page. Its methods may be called from any thread.

    Attributes:
        question: the question.
        token: the token in the address.
        jobs: the re-runs that the page has asked for.
        writing: the plan that a model is writing.
        ended: whether the run has ended.
        closed: whether the server is closed, so that no more changes are sent.
    """

    question: str
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    jobs: queue.Queue[RerunRequest] = field(default_factory=queue.Queue)
    writing: PlanInProgress = field(default_factory=PlanInProgress)
    ended: bool = False
    closed: bool = False

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self.start()

    def start(self) -> None:
        """Forget the state, because a run begins: the first one or a re-run."""
        first = RunStarted(
            source="", inputs={"question": self.question}, started=datetime.now().isoformat(), signatures={}, limits={}
        )
        with self._lock:
            self.events: list[Event] = [first]
            self.begun: dict[str, float] = {}
            self.began = time.monotonic()
            self.trace: Trace | None = None
            self.ended = False

    def on_event(self, event: Event) -> None:
        """Record an event."""
        self.writing.on_event(event)
        with self._lock:
            self.events.append(event)
            if isinstance(event, RunStarted) and not event.within:
                self.began = time.monotonic()
            elif isinstance(event, CallStarted):
                self.begun[event.node] = time.monotonic() - self.began
            elif isinstance(event, (CallFinished, CallFailed)):
                self.begun.pop(event.node, None)

    def finish(self, trace: Trace | None) -> None:
        """Record that the run has ended. From now on, the page is that of its trace."""
        with self._lock:
            self.trace = trace
            self.ended = True

    def state(self) -> tuple[Any, ...]:
        """A value that changes if there is something new to show. While calls are running, it changes each second."""
        with self._lock:
            return (
                id(self.events),
                len(self.events),
                self.ended,
                int(time.monotonic()) if self.begun and not self.ended else 0,
                self.writing.source,
            )

    def view(self) -> View:
        """The data that the page shows now."""
        with self._lock:
            trace, events, begun, now = self.trace, list(self.events), dict(self.begun), time.monotonic() - self.began
            ended = self.ended
            writing = "" if ended else self.writing.source
        if trace is not None:
            return view_of(trace)
        return view_of(as_it_goes(events), begun=begun, now=None if ended else now, writing=writing)


def live_app(watched: Watched) -> Starlette:
    """The ASGI application for the page of a run. All paths begin with its token."""

    def page(_request: Request) -> Response:
        made = fill(watched.view(), script=_script(), policy="connect-src 'self'; ")
        return HTMLResponse(made, headers={"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"})

    async def events(_request: Request) -> Response:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(told(watched), media_type="text/event-stream", headers=headers)

    async def rerun(request: Request) -> Response:
        if request.headers.get("x-pyrag") != "1":  # a form of another page cannot send this header
            return JSONResponse({"error": "only the page of the run may ask for this"}, 403)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MOST_BYTES:
                return JSONResponse({"error": "the request is too long"}, 413)
        try:
            wanted = RerunRequest.model_validate_json(bytes(body))
        except ValidationError as error:
            return JSONResponse({"error": error.errors(include_url=False, include_input=False)[0]["msg"]}, 422)
        if not watched.ended or watched.trace is None:
            return JSONResponse({"error": "the run is not finished yet"}, 409)
        if wanted.node not in {call.node for call in watched.trace.calls}:
            return JSONResponse({"error": "there is no such call"}, 404)
        watched.start()
        watched.jobs.put(wanted)
        return JSONResponse({"status": "asked"}, 202)

    def guarded(answer: Any) -> Any:
        async def endpoint(request: Request) -> Response:
            if not secrets.compare_digest(request.path_params["token"].encode(), watched.token.encode()):
                return Response("not found", 404)
            made = answer(request) if asyncio.iscoroutinefunction(answer) else asyncio.to_thread(answer, request)
            found: Response = await made
            return found

        return endpoint

    return Starlette(
        routes=[
            Route("/{token}/", guarded(page)),
            Route("/{token}/events", guarded(events)),
            Route("/{token}/rerun", guarded(rerun), methods=["POST"]),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=LOCAL)],
    )


async def told(watched: Watched) -> AsyncIterator[str]:
    """Yield server-sent events with the parts of the page that have changed, until the server is closed."""
    known: dict[str, str] = {}
    seen: tuple[Any, ...] = ()
    silent = time.monotonic()
    while not watched.closed:
        state = watched.state()
        if state != seen:
            seen, began = state, time.monotonic()
            made = await asyncio.to_thread(lambda: parts(watched.view()))
            changed = {name: part for name, part in made.items() if known.get(name) != part}
            known, silent = made, time.monotonic()
            yield f"data: {json.dumps({'ended': bool(state[2]), 'parts': changed})}\n\n"
            await asyncio.sleep(max(_PAUSE, _SHARE * (silent - began)))
        else:
            if time.monotonic() - silent > _QUIET:
                silent = time.monotonic()
                yield ": still here\n\n"
            await asyncio.sleep(_PAUSE)


@contextlib.contextmanager
def watching_at(watched: Watched, port: int) -> Iterator[str]:
    """Serve the page of a run in a thread, and yield its address. Raises `OSError` if the port cannot be used."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(128)
        config = uvicorn.Config(live_app(watched), log_level="warning", timeout_graceful_shutdown=2, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: server.run(sockets=[listening]), name="pyrag-live", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/{watched.token}/"
        finally:
            watched.closed = server.should_exit = True
            thread.join(5)


@cache
def _script() -> str:
    return files(__package__).joinpath("live.js").read_text(encoding="utf-8")
