"""`ChatModel.embed`: what is asked, and what of a reply is believed."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("numpy")

from pyrag_dsl.models import ChatModel, MalformedReply, ModelClosed, ModelError

from ..retrieval.embedding_server import embedding_server, embeddings
from ..retrieval.made_up import vector_of


def asked(base_url: str, **options: Any) -> ChatModel:
    return ChatModel("m", base_url, retry_delay=0.001, timeout=20, **options)


def test_vectors_come_in_the_order_of_the_texts_whatever_the_order_of_the_reply() -> None:
    with embedding_server() as (server, base_url), asked(base_url, api_key="secret-key") as model:
        found = model.embed(["a", "b", "a"])
    assert found == [vector_of(text).tolist() for text in ("a", "b", "a")]
    ((path, request),) = server.requests
    assert path == "/v1/embeddings"
    assert request == {"model": "m", "input": ["a", "b", "a"], "encoding_format": "float"}


def test_a_busy_server_is_asked_again() -> None:
    with embedding_server() as (server, base_url), asked(base_url) as model:
        server.replies = [lambda handler, _: handler.send(b"{}", 503), embeddings]
        assert model.embed(["a"]) == [vector_of("a").tolist()]
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"data": 1},
        {"data": [1]},
        {"data": []},
        {"data": [{"index": 1, "embedding": [1.0]}]},
        {"data": [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}]},
        {"data": [{"index": [], "embedding": [1.0]}]},
        {"data": [{"index": 0, "embedding": []}]},
        {"data": [{"index": 0, "embedding": "AAAA"}]},
        {"data": [{"index": 0, "embedding": [True]}]},
        {"error": {"message": "no such model"}},
        [],
    ],
)
def test_a_reply_that_is_not_one_vector_for_each_text_is_malformed(reply: Any) -> None:
    with embedding_server() as (server, base_url), asked(base_url) as model:
        server.replies = [lambda handler, _: handler.send(json.dumps(reply).encode())]
        with pytest.raises(MalformedReply):
            model.embed(["a"])


def test_what_the_server_refuses_and_a_closed_model_are_errors() -> None:
    with embedding_server() as (server, base_url):
        server.replies = [lambda handler, _: handler.send(b'{"error": "no embeddings here"}', 404)]
        with asked(base_url) as model, pytest.raises(ModelError, match="no embeddings here"):
            model.embed(["a"])
        with pytest.raises(ModelClosed):
            model.embed(["a"])
