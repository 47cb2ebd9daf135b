"""A planner whose server decodes by the grammar of plans: what is asked for; replies are vetted all the same."""

from __future__ import annotations

import asyncio

import pytest

from pyrag_dsl import PlanRejected
from pyrag_dsl.agents.drafts import DraftsRejected
from pyrag_dsl.agents.planner import Planner
from pyrag_dsl.agents.roles import Models, role_tools
from pyrag_dsl.decoding import SHAPES, constrained_fields
from pyrag_dsl.grammar.language import DEFAULT_SIGNATURES
from pyrag_dsl.models.client import ChatModel
from pyrag_dsl.models.errors import ContextExceeded
from pyrag_dsl.runtime.tools import Tool
from pyrag_dsl.testing.server import ScriptedModelServer, status, truncated

PLAN = 'docs_1 = retrieve("Dune")\nfact_1 = answer("Who wrote Dune?", docs_1)\nfinal_answer = fact_1\n'


@pytest.mark.parametrize(("chosen", "level"), [("vllm", "wide"), ("vllm:wide", "wide"), ("llama.cpp:safe", "safe")])
def test_the_grammar_goes_where_the_server_reads_it(chosen: str, level: str) -> None:
    with ScriptedModelServer([PLAN]) as server, ChatModel("m", server.base_url) as model:
        drafted = asyncio.run(Planner(model, constrained=chosen).plan("Who wrote Dune?"))
        body = server.requests[0].body
    assert drafted.source == PLAN
    assert not drafted.drafts[-1].free
    (field, value), *_ = constrained_fields(chosen, DEFAULT_SIGNATURES).items()
    assert body[field] == value
    assert SHAPES[level] in body["messages"][0]["content"]


@pytest.mark.parametrize("apart", [False, True])
def test_the_model_that_plans_mends_under_the_grammar_too(apart: bool) -> None:
    used = {name: Tool(signature, print) for name, signature in DEFAULT_SIGNATURES.items()}
    with ScriptedModelServer([PLAN]) as server, ChatModel("m", server.base_url) as model:
        with ChatModel("other", server.base_url) as other:
            tools = role_tools(Models.of(model, repair=other if apart else None), used, constrained="llama.cpp:safe")
            asyncio.run(tools["mend_plan"].function("Who wrote Dune?", "final_answer = x", ["x is not bound"]))
        (request,) = server.requests
    assert ("grammar" in request.body) is not apart


def test_a_reply_that_was_cut_off_is_refused_as_cut() -> None:
    cut = truncated('docs_1 = retrieve("Dune")\nfact_1 = answer("Who wrote')
    with (
        ScriptedModelServer([cut] * 3) as server,
        ChatModel("m", server.base_url) as model,
        pytest.raises(PlanRejected) as refused,
    ):
        asyncio.run(Planner(model, constrained="vllm").plan("Who wrote Dune?"))
    assert [(draft.truncated, draft.free) for draft in refused.value.drafts] == [(True, False)] * 3


def test_a_server_that_ignores_the_grammar_is_found_out() -> None:
    with (
        ScriptedModelServer(["import os"] * 3) as server,
        ChatModel("m", server.base_url) as model,
        pytest.raises(PlanRejected),
    ):
        asyncio.run(Planner(model, constrained="vllm").plan("Who wrote Dune?"))


def test_feedback_that_does_not_fit_is_left_out() -> None:
    too_long = status(400, message="This model's maximum context length is 4096 tokens.")
    with ScriptedModelServer(["import os", too_long, PLAN]) as server, ChatModel("m", server.base_url) as model:
        drafted = asyncio.run(Planner(model).plan("Who wrote Dune?"))
        first, with_feedback, afresh = (request.body["messages"] for request in server.requests)
    assert drafted.source == PLAN
    assert first == afresh != with_feedback


def test_a_prompt_that_never_fits_says_so() -> None:
    too_long = status(400, message="This model's maximum context length is 512 tokens.")
    with ScriptedModelServer([too_long]) as server, ChatModel("m", server.base_url) as model:
        with pytest.raises(ContextExceeded, match="512 tokens"):
            asyncio.run(Planner(model).plan("Who wrote Dune?"))
        assert len(server.requests) == 1


def test_drafts_are_told_of_where_even_the_last_try_is_too_long() -> None:
    too_long = status(400, message="This model's maximum context length is 4096 tokens.")
    with (
        ScriptedModelServer(["import os", too_long, too_long]) as server,
        ChatModel("m", server.base_url) as model,
        pytest.raises(DraftsRejected) as refused,
    ):
        asyncio.run(Planner(model).plan("Who wrote Dune?"))
    assert [draft.source for draft in refused.value.drafts] == ["import os\n"]
