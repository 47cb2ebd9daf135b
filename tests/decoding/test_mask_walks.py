"""Walks at random through the token mask of an engine, without a model: every finished text vets.

`PYRAG_MASK_WALKS` sets how many walks each dialect gets.
"""

from __future__ import annotations

import ast
import os
import random

import pytest

import pyrag_dsl as pd
from pyrag_dsl.decoding import DIALECTS, plan_rules
from pyrag_dsl.decoding.rules import sample
from pyrag_dsl.grammar.language import DEFAULT_SIGNATURES
from tests.decoding.engine import matcher, reads, walk
from tests.decoding.toolboxes import TOOLBOXES

WALKS = int(os.environ.get("PYRAG_MASK_WALKS", "120"))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_walk_ends_in_a_plan(dialect):
    made, rng = matcher(dialect), random.Random(7)
    texts = {walk(made, rng) for _ in range(WALKS)}
    for text in texts:
        ast.parse(text)
        pd.parse(text)
    assert len(texts) > 0.9 * WALKS
    assert max(text.count("\n") for text in texts) > 5


@pytest.mark.parametrize("name", [name for name in TOOLBOXES if name != "usual"])
def test_every_walk_ends_in_a_plan_over_other_tools(name):
    made, rng = matcher("llguidance", TOOLBOXES[name]), random.Random(8)
    for _ in range(20):
        pd.parse(walk(made, rng), TOOLBOXES[name])


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_engine_lets_every_text_of_the_rules_be_written(dialect):
    made, rng = matcher(dialect), random.Random(9)
    rules = plan_rules(DEFAULT_SIGNATURES)
    for _ in range(150):
        text = sample(rules, rng)
        assert reads(made, text), text


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "line",
    [
        'docs_1 = search("x")',
        'docs_1 = retrieve(query_text="x")',
        'docs_1 = retrieve(f"{fact_1}")',
        "retrieve = docs_1",
        'docs_1 = open("x")',
        'docs_1 = retrieve("x").__class__',
        "import os",
        "```python",
        "docs_2 = []",
    ],
)
def test_the_engine_stops_what_is_no_plan(dialect, line):
    made = matcher(dialect, hops=1)
    tokens = list(f"{line}\n".encode())
    made.reset()
    assert made.try_consume_tokens(tokens) < len(tokens)
