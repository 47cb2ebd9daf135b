"""Many traces in a browser: a list, single traces, and comparisons of two. For this machine only, without changes."""

from __future__ import annotations

import threading
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, StrictUndefined
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from ..report import render_report
from ..report.differences import differences
from ..report.page import digest, harmless, stylesheet
from ..report.source import difference
from ..runtime.trace import Trace, TraceError
from .catalog import MOODS, SORTS, Catalog

LOCAL = ["127.0.0.1", "localhost", "[::1]"]
"""The host names of this machine. Requests for other host names that lead to this machine are refused."""
_MOST = 100  # traces on a page
_NAMES = {"good": "answered", "unknown": "no answer found", "bad": "failed", "going": "unfinished"}


def browser_app(catalog: Catalog) -> Starlette:
    """The ASGI application for a `Catalog`. Each request for the list first reads what has changed in the folder."""
    reading = threading.Lock()

    def refresh() -> None:
        try:
            catalog.refresh()
        finally:
            reading.release()

    def look() -> None:
        """Read what has changed, but wait for less than a second. The rest is read in the background."""
        if reading.acquire(blocking=False):
            worker = threading.Thread(target=refresh, daemon=True)
            worker.start()
            worker.join(0.7)

    def listing(request: Request) -> Response:
        look()
        given = request.query_params
        words, mood, sort, down = (
            given.get("q", "")[:500],
            given.get("mood", ""),
            given.get("sort", "path"),
            given.get("down"),
        )
        first = int(given["first"]) if given.get("first", "").isdecimal() and len(given["first"]) < 10 else 0
        count, rows = catalog.find(words, mood, sort, down=bool(down), first=first, most=_MOST)

        def query(**changes: Any) -> str:
            kept = {"q": words, "mood": mood, "sort": sort, "down": "1" if down else "", "first": first or ""}
            return urlencode({name: value for name, value in {**kept, **changes}.items() if value not in ("", 0)})

        return _page(
            "list", query=query, folder=str(catalog.folder), count=count, rows=rows, totals=catalog.totals(),
            words=words, mood=mood if mood in MOODS else "", sort=sort if sort in SORTS else "path", down=bool(down),
            first=first, most=_MOST, moods=[(each, _NAMES[each]) for each in MOODS], waiting=catalog.waiting,
            place=catalog.place,
        )  # fmt: skip

    def trace(request: Request) -> Response:
        try:
            return HTMLResponse(render_report(catalog.load(request.query_params.get("path", ""))))
        except TraceError as error:
            return _page("wrong", 404, args=(str(error),))

    def compare(request: Request) -> Response:
        names = request.query_params.getlist("t")
        if len(names) != 2:
            return _page("wrong", 400, args=("Select two traces to compare them.",))
        try:
            one, other = map(catalog.load, names)
        except TraceError as error:
            return _page("wrong", 404, args=(str(error),))
        lines = difference(one.source, other.source) if one.source != other.source else ()
        return _page("compared", args=(*names, differences(one, other), one.header.question), lines=lines)

    return Starlette(
        routes=[Route("/", listing), Route("/trace", trace), Route("/compare", compare)],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=LOCAL)],
    )


def _page(name: str, status: int = 200, *, args: tuple[Any, ...] = (), **given: Any) -> Response:
    module = _template().make_module({"encoded": lambda **what: urlencode(what), "lines": (), **given})
    made = str(getattr(module, name)(*args)).lstrip().replace("/*STYLE*/", stylesheet(), 1)
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest(stylesheet())}'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    return HTMLResponse(made, status, {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"})


@cache
def _template() -> Any:
    environment = Environment(
        autoescape=True, finalize=harmless, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(files(__package__).joinpath("browser.html").read_text(encoding="utf-8"))


def single_app(path: Path) -> Starlette:
    """The ASGI application for one trace, which is read again for each request."""

    def trace(_request: Request) -> Response:
        try:
            return HTMLResponse(render_report(Trace.load(path)))
        except TraceError as error:
            return _page("wrong", 404, args=(str(error),))

    return Starlette(routes=[Route("/", trace)], middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=LOCAL)])
