"""What the rules of level safe derive, without an engine: every text is a plan, up to the longest there is."""

from __future__ import annotations

import ast
import random
import re

import pytest

import pyrag_dsl as pd
from pyrag_dsl.decoding import DIALECTS, LEVELS, Recogniser, decoding_grammar, plan_rules
from pyrag_dsl.decoding.lexicon import BEYOND_ASCII
from pyrag_dsl.decoding.rules import longest, sample
from pyrag_dsl.decoding.safe_expressions import TERMINALS
from pyrag_dsl.grammar import oracle
from pyrag_dsl.grammar.scan import MAX_SOURCE
from tests.decoding.characters import characters, classes
from tests.decoding.toolboxes import TOOLBOXES

OPERATORS = re.compile(r"[-+*/%<>=!&|^~@.,:(\[{]|\b(?:and|or|not|if|else|in|for)\b")


DRAWN = {each.body: characters(each.body) for part in TERMINALS.values() for each in classes(part)}


@pytest.mark.thorough
@pytest.mark.parametrize("name", TOOLBOXES)
def test_every_text_is_a_plan(name):
    tools = TOOLBOXES[name]
    rules = plan_rules("safe", tools)
    rng = random.Random(20)
    for _ in range(400):
        text = sample(rules, rng, DRAWN)
        ast.parse(text)
        program = pd.parse(text, tools, inputs=["question"], strict=True)
        assert not any(each.code == "PLAN211" for each in program.diagnostics)


def test_the_page_of_the_language_accepts_every_text():
    rules = plan_rules("safe")
    rng = random.Random(21)
    for _ in range(100):
        text = sample(rules, rng, DRAWN)
        assert oracle.accepts(text), text


def test_plans_end_and_find_their_names_bound_on_every_path():
    rules = plan_rules("safe")
    rng = random.Random(22)
    found = set()
    tools = {
        "retrieve": lambda query, topk=5: [query] * topk,
        "answer": lambda query, docs=None: query if docs else "unknown",
    }
    for _ in range(150):
        try:
            pd.run(sample(rules, rng), tools=tools, inputs={"question": "Who?"}, limits=pd.Limits(tool_calls=20_000))
            found.add("answer")
        except pd.PlanFailed as failed:
            found.update(each.code for each in failed.diagnostics)
    assert "answer" in found
    assert len(found) > 2
    assert "PLAN306" not in found  # a name that is not bound


@pytest.mark.parametrize("name", TOOLBOXES)
@pytest.mark.parametrize("weigh", [len, lambda text: len(OPERATORS.findall(text)), lambda text: text.count("\n")])
def test_the_longest_text_is_a_plan_too(name, weigh):
    text = longest(plan_rules("safe", TOOLBOXES[name]), weigh)
    assert len(text) <= MAX_SOURCE
    pd.parse(text, TOOLBOXES[name], inputs=["question"])


def test_no_character_that_hides_can_be_written():
    for block in range(0xA1, 0x10000, 0x400):
        chars = "".join(char for char in characters(BEYOND_ASCII) if block <= ord(char) < block + 0x400)
        pd.parse(f"# {chars}\nfinal_answer = '{chars}'")


def test_what_plans_need_can_be_written():
    text = """\
# Find the director first.

docs_1 = retrieve("director of Jaws", topk=5)
fact_1 = answer("Who directed Jaws?", docs_1)
docs_2 = retrieve(f"{fact_1} birthplace") + retrieve(f"early life of {fact_1.strip()}", 3)
fact_2 = answer(f"Where was {fact_1} born? Answer with the town.", docs=docs_2).strip().rstrip(".")
if not docs_2 or fact_2.lower() in ("unknown", "none"):
    docs_2 = retrieve(f"{fact_1} biography", topk=20)
    fact_2 = answer(f"Where was {fact_1} born?", docs_2)
docs_3 = [answer(f"In which state is {item_1}?", retrieve(item_1)) for item_1 in [fact_2, "Boston"]]
fact_3 = ", ".join(docs_3)
for item_1 in docs_3[:5]:
    if item_1.startswith("Ohio"):
        fact_3 = item_1
        break
# The prescribed last line.

final_answer = answer(f"Given: it was {fact_1}. {fact_1} was born in {fact_2}. Answer the question: {question}")
"""
    assert derives(text)
    for wrong in ("fact_3", "docs_3"):
        assert not derives(text.replace("fact_1.strip()", wrong))
    assert not derives(text.replace("answer(", "ask("))
    assert not derives(text.replace("docs=", "documents="))


def derives(text: str) -> bool:
    return Recogniser(plan_rules("safe")).reads(text)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_only_the_names_of_the_tools_are_in_the_grammar(dialect):
    text = decoding_grammar(dialect, TOOLBOXES["typed"], level="safe")
    assert all(f'{name}("' in text for name in ("look_up", "rerank", "population"))
    assert "limit=" in text
    assert "retrieve" not in text
    assert "topk" not in text


@pytest.mark.thorough
@pytest.mark.parametrize("level", LEVELS)
def test_rules_are_found_under_one_name_each(level):
    for tools in TOOLBOXES.values():
        for dialect in DIALECTS:
            names = re.findall(r"^([\w-]+) ?::?=? ", decoding_grammar(dialect, tools, level=level), re.M)
            assert len(names) == len(set(names))
            assert len(names) == len(plan_rules(level, tools).parts)


@pytest.mark.parametrize(
    "wrong",
    [
        {"hops": 0},
        {"hops": 10},
        {"depth": 4},
        {"dialect": "bnf"},
        {"level": "all"},
        {"level": "wide", "hops": 2},
        {"tools": {"fact_2": None}},
        {"tools": {"if": None}},
    ],
)
def test_what_cannot_be_made_is_refused(wrong):
    with pytest.raises(ValueError):
        decoding_grammar(**{"dialect": "gbnf", "level": "safe", **wrong})


def test_many_parameters_leave_room_for_fewer_hops():
    params = ", ".join(f"part{number}: str" for number in range(8))
    from pyrag_dsl.grammar.stubs import read_stubs

    tools = read_stubs(f"def build({params}) -> str: ...")
    rules = plan_rules("safe", tools)
    assert "hop_1" in rules.parts
    assert "hop_6" not in rules.parts
    with pytest.raises(ValueError, match="allow fewer hops"):
        plan_rules("safe", tools, hops=6)
