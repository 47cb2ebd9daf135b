"""Walks at random through the token mask of llguidance, without a model.

Every finished text of level safe vets; of level wide, the vetter refuses it for names and kinds only.
`PYRAG_MASK_WALKS` sets how many walks each dialect gets.
"""

from __future__ import annotations

import ast
import os
import random

import pytest

import pyrag_dsl as pd
from pyrag_dsl.decoding import DIALECTS, Recogniser, plan_rules
from pyrag_dsl.decoding.rules import sample
from tests.decoding.engine import matcher, reads, walk
from tests.decoding.refusals import check_refusals
from tests.decoding.toolboxes import TOOLBOXES

WALKS = int(os.environ.get("PYRAG_MASK_WALKS", "120"))
MANY = 2_000


def check_safe(dialect: str, walks: int) -> None:
    made, rng = matcher(dialect, level="safe"), random.Random(7)
    texts = {walk(made, rng) for _ in range(walks)}
    for text in texts:
        ast.parse(text)
        pd.parse(text, inputs=["question"])
    assert len(texts) > 0.9 * walks
    assert max(text.count("\n") for text in texts) > 5


def check_wide(walks: int) -> None:
    made, rng, reading = matcher("llguidance", level="wide"), random.Random(8), Recogniser(plan_rules())
    for number in range(walks):
        text = walk(made, rng)
        check_refusals(text)
        if number % 10 == 0:
            assert reading.reads(text)


@pytest.mark.thorough
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_walk_of_safe_ends_in_a_plan(dialect):
    check_safe(dialect, WALKS)


@pytest.mark.thorough
def test_walks_of_wide_are_refused_for_names_and_kinds_only():
    check_wide(WALKS)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_long_walk_of_safe_ends_in_a_plan(dialect):
    check_safe(dialect, MANY)


@pytest.mark.slow
def test_many_walks_of_wide_are_refused_for_names_and_kinds_only():
    check_wide(MANY)


@pytest.mark.parametrize("name", [name for name in TOOLBOXES if name != "usual"])
def test_every_walk_ends_in_a_plan_over_other_tools(name):
    made, rng = matcher("llguidance", TOOLBOXES[name], level="safe"), random.Random(8)
    for _ in range(20):
        pd.parse(walk(made, rng), TOOLBOXES[name], inputs=["question"])


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_engine_lets_every_text_of_safe_be_written(dialect):
    made, rng = matcher(dialect, level="safe"), random.Random(9)
    rules = plan_rules("safe")
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
    made = matcher(dialect, level="safe", hops=1)
    tokens = list(f"{line}\n".encode())
    made.reset()
    assert made.try_consume_tokens(tokens) < len(tokens)
