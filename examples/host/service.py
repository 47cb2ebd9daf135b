"""A web service that runs plans and tells what happens as it happens.

    pip install 'pyrag_dsl[serve]'
    uvicorn service:app --port 8000
    curl -N localhost:8000/run -d '{"plan": "final_answer = answer(\"Who directed Jaws?\", retrieve(\"Jaws\"))"}'
"""

import json
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

import pyrag_dsl as pd
from pyrag_dsl.reader import EmbeddedReader

index, reader = pd.bundled_retriever(), EmbeddedReader()
LIMITS = pd.Limits(tool_calls=50, deadline=30, steps=200_000)


def retrieve(query: str, topk: int = 5) -> list[str]:
    return [f"{hit.passage.title}\n{hit.passage.text}" for hit in index.search(query, topk)]


async def told(plan: str) -> AsyncIterator[str]:
    """A line of JSON for each call that comes back, and one for the end."""
    try:
        stream = pd.astream(plan, {"retrieve": retrieve, "answer": reader.answer}, limits=LIMITS)
        async for event in stream:
            if isinstance(event, pd.CallFinished):
                yield json.dumps({"call": event.alias, "seconds": event.elapsed}) + "\n"
        yield json.dumps({"answer": stream.result.final_answer}) + "\n"
    except pd.PlanError as error:
        yield json.dumps({"problems": [found.to_json() for found in error.diagnostics]}) + "\n"


async def run(request: Request) -> StreamingResponse:
    return StreamingResponse(told((await request.json())["plan"]), media_type="application/x-ndjson")


app = Starlette(routes=[Route("/run", run, methods=["POST"])])
