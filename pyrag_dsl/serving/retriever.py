"""A retriever as a server: Search-R1's `POST /retrieve`, R1-Searcher's `POST /queries`, `GET /health`, `GET /metrics`.

Queries are searched in batches. A worker takes all queries that have queued while it was busy, so that a single client
never waits for a batch to fill. If the queue is full, further requests are refused with status 429.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

MOST_QUERIES = 1_024
MOST_TOPK = 100
MOST_BYTES = 4 * 1024 * 1024
MOST_WAITING = 4_096
"""The most queries in the queue."""
_TOGETHER = 64  # the most queries in one batch of a worker
_AGAIN = "1"  # seconds after which a refused client may retry

Answers = Callable[[Request], Awaitable[Response]]
Text = Annotated[str, Field(max_length=20_000)]
# JSON does not distinguish integers from other numbers, so 3.0 is accepted too.
Count = Annotated[
    int,
    Field(ge=0, le=MOST_TOPK),
    BeforeValidator(lambda given: int(given) if isinstance(given, float) and given.is_integer() else given),
]


class RetrieveRequest(BaseModel):
    """The body of `POST /retrieve`. `topk` is the number of passages of each query; 0 or null means the default."""

    model_config = ConfigDict(extra="ignore", strict=True)
    queries: Annotated[list[Text], Field(min_length=1, max_length=MOST_QUERIES)]
    topk: Count | None = None
    return_scores: bool = False


class QueriesRequest(BaseModel):
    """The body of `POST /queries`. `k` is the number of passages of each query; 0 means the default of the server."""

    model_config = ConfigDict(extra="ignore", strict=True)
    queries: Annotated[list[Text], Field(min_length=1, max_length=MOST_QUERIES)]
    k: Count = 3


class Overloaded(Exception):
    """The queue is full."""


@dataclass(slots=True)
class Waiting:
    """A query that waits for a worker."""

    query: str
    topk: int
    found: asyncio.Future[Any]


class Searches:
    """The queue of queries, and the workers that search for them in batches."""

    def __init__(self, retriever: Any, workers: int) -> None:
        self.retriever = retriever
        self.workers = workers
        self.queue: asyncio.Queue[Waiting] = asyncio.Queue()

    async def search(self, queries: Sequence[str], topk: int) -> list[Any]:
        """Return the hits of each query. Raises `Overloaded`, and the errors of the retriever."""
        if self.queue.qsize() + len(queries) > MOST_WAITING:
            raise Overloaded
        loop = asyncio.get_running_loop()
        waiting = [Waiting(query, topk, loop.create_future()) for query in queries]
        for each in waiting:
            self.queue.put_nowait(each)
        try:
            return list(await asyncio.gather(*[each.found for each in waiting]))
        finally:
            for each in waiting:
                each.found.cancel()

    async def work(self) -> None:
        """Search for the queries in the queue, until this is cancelled."""
        while True:
            batch = [await self.queue.get()]
            while len(batch) < _TOGETHER and not self.queue.empty():
                batch.append(self.queue.get_nowait())
            batch = [each for each in batch if not each.found.done()]
            for topk in dict.fromkeys(each.topk for each in batch):
                alike = [each for each in batch if each.topk == topk]
                await self._answer(alike, topk)

    async def _answer(self, waiting: Sequence[Waiting], topk: int) -> None:
        try:
            queries = [each.query for each in waiting]
            found = await asyncio.to_thread(self.retriever.search_many, queries, topk)
        except Exception as error:
            for each in waiting:
                if not each.found.done():
                    each.found.set_exception(error)
            return
        for each, hits in zip(waiting, found, strict=True):
            if not each.found.done():
                each.found.set_result(hits)


def retriever_app(retriever: Any, *, topk: int = 3, workers: int = 2) -> Starlette:
    """The ASGI application for a `Retriever`.

    Args:
        retriever: the retriever, which must be thread-safe.
        topk: the number of passages for a request that names none.
        workers: the number of searches at the same time.
    """
    searches = Searches(retriever, workers)
    fingerprint = getattr(retriever, "fingerprint", "")
    registry = CollectorRegistry()
    asked = Counter("pyrag_requests", "Requests by path and status.", ["path", "status"], registry=registry)
    took = Histogram("pyrag_request_seconds", "Seconds from request to response.", ["path"], registry=registry)
    waiting = Gauge("pyrag_waiting_queries", "Queries that wait for a worker.", registry=registry)
    waiting.set_function(lambda: float(searches.queue.qsize()))

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        workers = [asyncio.ensure_future(searches.work()) for _ in range(searches.workers)]
        yield
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    async def retrieve(request: Request) -> Response:
        given = RetrieveRequest.model_validate_json(await body_of(request))
        found = await searches.search(given.queries, given.topk or topk)
        return JSONResponse({"result": [[_shown(hit, given.return_scores) for hit in hits] for hits in found]})

    async def queries(request: Request) -> Response:
        given = QueriesRequest.model_validate_json(await body_of(request))
        found = await searches.search(given.queries, given.k or topk)
        answers = [[hit.passage.document for hit in hits] for hits in found]
        return JSONResponse({"queries": given.queries, "answers": answers})

    async def health(_request: Request) -> Response:
        size = getattr(retriever, "__len__", None)
        said = {"status": "ready", "passages": size() if size else None, "fingerprint": fingerprint}
        return JSONResponse(said)

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")

    async def openapi(_request: Request) -> Response:
        return JSONResponse(description())

    def counted(path: str, answer: Answers) -> Answers:
        async def endpoint(request: Request) -> Response:
            began = time.perf_counter()
            response = await answered(answer, request)
            asked.labels(path, str(response.status_code)).inc()
            took.labels(path).observe(time.perf_counter() - began)
            return response

        return endpoint

    return Starlette(
        routes=[
            Route("/retrieve", counted("/retrieve", retrieve), methods=["POST"]),
            Route("/queries", counted("/queries", queries), methods=["POST"]),
            Route("/health", health),
            Route("/metrics", metrics),
            Route("/openapi.json", openapi),
        ],
        lifespan=lifespan,
    )


class TooLarge(Exception):
    """The body of a request is larger than `MOST_BYTES`."""


async def body_of(request: Request) -> bytes:
    """Read the body of a request. Raises `TooLarge`."""
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MOST_BYTES:
            raise TooLarge
    return bytes(received)


async def answered(answer: Answers, request: Request) -> Response:
    """The response to a request. Errors of the request and of the retriever become responses too."""
    try:
        return await answer(request)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        told = [{"loc": list(each["loc"]), "msg": each["msg"]} for each in problems[:10]]
        where = ".".join(map(str, problems[0]["loc"])) or "body"
        return JSONResponse({"error": f"{where}: {problems[0]['msg']}", "detail": told}, 422)
    except TooLarge:
        return JSONResponse(
            {"error": f"the body has more than {MOST_BYTES} bytes: send fewer queries in one request"}, 413
        )
    except Overloaded:
        return JSONResponse({"error": "too many queries are waiting: try again later"}, 429, {"Retry-After": _AGAIN})
    except Exception as error:
        said = getattr(error, "public_message", None) or f"the search failed ({type(error).__name__})"
        return JSONResponse({"error": said}, 503)


def _shown(hit: Any, scored: bool) -> dict[str, Any]:
    """A hit in the format of Search-R1."""
    passage = hit.passage
    document = {"id": passage.id, "contents": f'"{passage.title}"\n{passage.text}' if passage.title else passage.text}
    return {"document": document, "score": hit.score} if scored else document


def description() -> dict[str, Any]:
    """The description of the service in OpenAPI 3.1."""
    text, number = {"type": "string"}, {"type": ["number", "null"]}
    document = _object({"id": text, "contents": text})
    scored = _object({"document": document, "score": number})
    error = _object({"error": text}, detail={"type": "array"})
    refused = {
        "413": _reply("The body is too large.", error),
        "422": _reply("The request is not valid.", error),
        "429": _reply("The queue is full: try again after the seconds in Retry-After.", error)
        | {"headers": {"Retry-After": {"schema": {"type": "integer"}}}},
        "503": _reply("The search failed.", error),
    }

    def posted(kind: type[BaseModel], meaning: str, reply: dict[str, Any]) -> dict[str, Any]:
        content = {"application/json": {"schema": kind.model_json_schema()}}
        responses = {"200": _reply("Passages for each query, best first.", reply), **refused}
        return {
            "post": {"summary": meaning, "requestBody": {"required": True, "content": content}, "responses": responses}
        }

    def got(meaning: str, reply: dict[str, Any]) -> dict[str, Any]:
        return {"get": {"summary": meaning, "responses": {"200": reply}}}

    ready = _object({"status": text, "passages": {"type": ["integer", "null"]}, "fingerprint": text})
    return {
        "openapi": "3.1.0",
        "info": {"title": "pyrag_dsl retriever", "version": "1"},
        "paths": {
            "/retrieve": posted(
                RetrieveRequest,
                "Search-R1's protocol. Without `return_scores`, the documents have no scores.",
                _object({"result": _lists({"anyOf": [document, scored]})}),
            ),
            "/queries": posted(
                QueriesRequest,
                "R1-Searcher's protocol.",
                _object({"queries": {"type": "array", "items": text}, "answers": _lists(text)}),
            ),
            "/health": got("Whether the service is ready.", _reply("The service is ready.", ready)),
            "/metrics": got("For Prometheus.", {"description": "Text.", "content": {"text/plain": {"schema": text}}}),
        },
    }


def _object(needed: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {**needed, **more}, "required": list(needed)}


def _lists(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "array", "items": items}}


def _reply(meaning: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": meaning, "content": {"application/json": {"schema": schema}}}
