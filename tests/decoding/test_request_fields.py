"""Where each server looks for the grammar, and `pyrag grammar`."""

from __future__ import annotations

import json

import pytest

from pyrag_dsl.cli import pyrag
from pyrag_dsl.decoding import DIALECTS, LEVELS, SERVERS, constrained_fields, decoding_grammar, request_fields
from pyrag_dsl.grammar.language import DEFAULT_SIGNATURES, REQUIRED
from pyrag_dsl.grammar.stubs import read_stubs
from pyrag_dsl.models import ChatModel
from pyrag_dsl.testing.server import ScriptedModelServer

STUBS = '''
"""Our tools."""
from typing import Any

def retrieve(query: str, topk: int = 5) -> list[str]: ...
def look_up(entity: str, *, limit: int = 3, note: Any = None) -> "str": ...
'''.replace('"str"', "str")


@pytest.mark.parametrize(
    ("server", "dialect", "path"),
    [
        ("vllm", "llguidance", ("structured_outputs", "grammar")),
        ("vllm", "gbnf", ("structured_outputs", "grammar")),
        ("sglang", "gbnf", ("ebnf",)),
        ("llama.cpp", "gbnf", ("grammar",)),
        ("openai", "openai", ("tools", 0, "format", "definition")),
        ("openai-chat", "openai", ("tools", 0, "custom", "format", "grammar", "definition")),
    ],
)
def test_each_server_has_its_field(server, dialect, path):
    text = decoding_grammar(dialect)
    found = request_fields(server, text)
    for step in path:
        found = found[step]
    assert found == text


def test_openai_is_told_to_call_the_tool_that_the_plan_is_the_input_of():
    responses = constrained_fields("openai")
    assert responses["tool_choice"] == {"type": "custom", "name": responses["tools"][0]["name"]}
    assert responses["tools"][0]["format"]["syntax"] == "lark"
    chat = constrained_fields("openai-chat")
    assert chat["tool_choice"] == {"type": "custom", "custom": {"name": chat["tools"][0]["custom"]["name"]}}


@pytest.mark.parametrize("server", SERVERS)
def test_every_server_gets_a_grammar_of_the_tools(server):
    tools = read_stubs(STUBS)
    assert "look_up" in json.dumps(constrained_fields(server, tools))
    for dialect in DIALECTS:
        if dialect not in SERVERS[server].dialects:
            with pytest.raises(ValueError, match=f"does not read {dialect}"):
                request_fields(server, decoding_grammar(dialect))


def test_an_unknown_server_is_refused():
    for refused in (lambda: request_fields("tgi", "root ::= x"), lambda: constrained_fields("tgi:safe")):
        with pytest.raises(ValueError, match="vllm, sglang"):
            refused()
    with pytest.raises(ValueError, match="wide, names, safe"):
        constrained_fields("vllm:all")


def test_the_level_is_chosen_with_the_server():
    for level in ("wide", "safe"):
        chosen = constrained_fields(f"llama.cpp:{level}")
        assert chosen == {"grammar": decoding_grammar("gbnf", level=level)}
    assert constrained_fields("llama.cpp") == constrained_fields("llama.cpp:wide")


def test_the_field_reaches_the_server():
    with ScriptedModelServer(["final_answer = 'x'"]) as server, ChatModel("m", server.base_url) as model:
        model.complete([{"role": "user", "content": "?"}], extra_body=constrained_fields("vllm"))
        assert server.requests[0].body["structured_outputs"]["grammar"] == decoding_grammar("llguidance")


def test_stubs_are_signatures():
    tools = read_stubs(STUBS)
    assert tools["retrieve"] is DEFAULT_SIGNATURES["retrieve"]
    assert [param[:3] for param in tools["look_up"].params] == [
        ("entity", "str", REQUIRED),
        ("limit", "int", 3),
        ("note", "any", None),
    ]
    assert tools["look_up"].returns == "str"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("def f(x: str) -> str", 1),
        ("\nx = 1", 2),
        ("def f(*x) -> str: ...", 1),
        ("def f(x: bytes) -> str: ...", 1),
        ("def f(x: str = g()) -> str: ...", 1),
        ("", 1),
    ],
)
def test_what_is_no_stub_is_refused_by_line(text, line):
    with pytest.raises(ValueError, match=f"line {line}: "):
        read_stubs(text)


@pytest.mark.thorough
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_command_prints_the_grammar(dialect, level, capsys):
    assert pyrag(["grammar", "--dialect", dialect, "--level", level]) == 0
    assert capsys.readouterr().out == decoding_grammar(dialect, level=level)


def test_the_command_prints_the_fields_of_a_request(capsys, tmp_path):
    stubs = tmp_path / "tools.pyi"
    stubs.write_text(STUBS)
    assert pyrag(["grammar", "--server", "llama.cpp", "--tools", str(stubs), "--level", "safe", "--hops", "2"]) == 0
    fields = json.loads(capsys.readouterr().out)
    assert fields == {"grammar": decoding_grammar("gbnf", read_stubs(STUBS), level="safe", hops=2)}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--dialect", "bnf"], "bnf"),
        (["--server", "openai", "--dialect", "gbnf"], "does not read gbnf"),
        (["--tools", "nowhere.pyi"], "cannot read nowhere.pyi"),
        (["--level", "safe", "--hops", "9"], "allow fewer hops"),
        (["--hops", "3"], "level wide has no hops"),
        (["--level", "all"], "all"),
    ],
)
def test_the_command_says_what_is_wrong(arguments, said, capsys):
    assert pyrag(["grammar", *arguments]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
