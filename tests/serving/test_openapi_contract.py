"""The server against its own description: requests of every kind that it names, and of kinds that it does not."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("schemathesis", reason="schemathesis is not installed: `.ci/run --heavy` has it")
pytest.importorskip("starlette", reason="the extra `serve` is not installed")

import schemathesis
from hypothesis import HealthCheck, settings

from pyrag_dsl.retrieval import BM25Index, Passage
from pyrag_dsl.serving import retriever_app
from pyrag_dsl.serving.retriever import MOST_BYTES

INDEX = BM25Index.of([Passage(str(number), f"Title {number}", f"word{number} in a text") for number in range(20)])
schema = schemathesis.openapi.from_asgi("/openapi.json", retriever_app(INDEX))


@schema.parametrize()
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_law_what_the_description_says_is_so(case: Any) -> None:
    response = case.call()
    if response.status_code == 413:  # a refusal that schemathesis takes for none
        assert len(response.request.body) > MOST_BYTES
        return
    case.validate_response(response)
