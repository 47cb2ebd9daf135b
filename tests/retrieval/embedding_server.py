"""A server of `POST /v1/embeddings` on the loopback interface: made-up vectors, or what it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .made_up import vector_of
from .retrieval_server import Handler, Server, running


def embeddings(handler: Handler, request: dict[str, Any]) -> None:
    """The vectors that were asked for, the last first: their numbers say which is which."""
    rows = [
        {"object": "embedding", "index": place, "embedding": vector_of(text).tolist()}
        for place, text in enumerate(request["input"])
    ]
    body = {"object": "list", "data": rows[::-1], "model": request["model"], "usage": {"prompt_tokens": 1}}
    handler.send(json.dumps(body).encode(), Content_Type="application/json")


@contextmanager
def embedding_server() -> Iterator[tuple[Server, str]]:
    """The server, with the base URL that clients are given."""
    with running() as told:
        told.replies = [embeddings]
        yield told, told.address.rstrip("/") + "/v1"
