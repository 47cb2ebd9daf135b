"""A planner whose server decodes by the grammar of plans: what is asked for; replies are vetted all the same."""

from __future__ import annotations

import asyncio

import pytest

from pyrag_dsl import PlanRejected
from pyrag_dsl.agents.planner import Planner
from pyrag_dsl.decoding import SHAPE, constrained_fields
from pyrag_dsl.grammar.language import DEFAULT_SIGNATURES
from pyrag_dsl.models.client import ChatModel
from pyrag_dsl.testing.server import ScriptedModelServer

PLAN = 'docs_1 = retrieve("Dune")\nfact_1 = answer("Who wrote Dune?", docs_1)\nfinal_answer = fact_1\n'


def test_the_grammar_goes_where_the_server_reads_it() -> None:
    with ScriptedModelServer([PLAN]) as server, ChatModel("m", server.base_url) as model:
        drafted = asyncio.run(Planner(model, constrained="vllm").plan("Who wrote Dune?"))
        body = server.requests[0].body
    assert drafted.source == PLAN
    (field, value), *_ = constrained_fields("vllm", DEFAULT_SIGNATURES).items()
    assert body[field] == value
    assert SHAPE in body["messages"][0]["content"]


def test_a_server_that_ignores_the_grammar_is_found_out() -> None:
    with (
        ScriptedModelServer(["import os"] * 3) as server,
        ChatModel("m", server.base_url) as model,
        pytest.raises(PlanRejected),
    ):
        asyncio.run(Planner(model, constrained="vllm").plan("Who wrote Dune?"))
