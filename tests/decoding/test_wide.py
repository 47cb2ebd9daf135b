"""Level wide: what models write is in it as written, and the vetter refuses of it for names and kinds only."""

from __future__ import annotations

import ast
import io
import random
import tokenize
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings

import pyrag_dsl as pd
from pyrag_dsl.decoding import NAMES_AND_KINDS, Recogniser, plan_rules
from pyrag_dsl.decoding.rules import sample
from pyrag_dsl.decoding.wide_expressions import BRACKETS
from pyrag_dsl.grammar import oracle
from pyrag_dsl.grammar.codes import CODES
from pyrag_dsl.grammar.stubs import read_stubs
from pyrag_dsl.testing.plans import plans
from tests.decoding.characters import characters, classes
from tests.decoding.engine import matcher, reads
from tests.decoding.refusals import check_refusals

OWN = sorted(Path(__file__).with_name("plans").glob("*.plan"))
RULES = plan_rules("wide")
DRAWN = {each.body: characters(each.body, 0x250) for part in RULES.parts.values() for each in classes(part)}


@pytest.fixture(scope="module")
def made():
    return matcher("llguidance", level="wide")


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_plans_of_every_kind_are_texts_of_it(path, made):
    text = path.read_text(encoding="utf-8")
    pd.parse(text, inputs=["question"])
    assert reads(made, text)
    assert Recogniser(RULES).reads(text)


def test_what_models_wrote_is_in_it_where_it_vets(shared, made):
    found = sorted((shared / "plans" / "runnable").glob("*.py"))
    read = {path.name for path in found if reads(made, path.read_text(encoding="utf-8"))}
    vetted = set()
    for path in found:
        try:
            pd.parse(path.read_text(encoding="utf-8"), inputs=["question"])
        except pd.PlanRejected:
            continue
        vetted.add(path.name)
    assert read == vetted
    assert len(read) > 0.95 * len(found)


def brackets(text: str) -> int:
    """How deep brackets stand in brackets."""
    deepest = depth = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.OP:
            depth += (token.string in "([{") - (token.string in ")]}")
            deepest = max(deepest, depth)
    return deepest


def test_a_statement_that_does_nothing_may_stand_anywhere_but_alone(made):
    for text in ("pass\nx = 1\n", "if True:\n    x = 1\npass\nx = 2\n", "x = 1\npass\n"):
        assert reads(made, text), text
    assert not reads(made, "pass\n")


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(plans())
def test_every_plan_that_is_made_at_random_is_a_text_of_it(made, text):
    assume(brackets(text) <= BRACKETS)  # the bound that the page on decoding states
    assert reads(made, text), text


@pytest.mark.thorough
def test_its_texts_are_python_by_the_page_of_the_language_and_refused_for_names_and_kinds():
    rng, found = random.Random(30), set()
    for _ in range(150):
        text = sample(RULES, rng, DRAWN, often=0.4, mean=1.5, size=150)
        ast.parse(text)
        assert oracle.accepts(text), text
        found |= check_refusals(text)
    assert {"PLAN208", "PLAN210"} <= found


def test_the_codes_of_names_and_kinds_are_of_the_vetter():
    assert all(CODES[code].phase == "vet" for code in NAMES_AND_KINDS)


@pytest.mark.parametrize(
    "text",
    [
        "import os\n",
        "from re import nothing\n",
        "class A:\n    pass\n",
        "with x as y:\n    pass\n",
        "def f():\n    yield 1\n",
        "x = await f()\n",
        "async def f():\n    pass\n",
        "break\n",
        "def f():\n    continue\n",
        "pass\n",
        "'no more than a text'\n",
        "retrieve = 1\n",
        "x = retrieve\n",
        "x = retrieve(documents=3)\n",
        "x = answer('a', [], 3)\n",
        "x = y.__class__\n",
        "x = __import__('os')\n",
        "x.y = 1\n",
        "x = '\\d'\n",
        "x = f'{a['b']}'\n",
        'x = f"{a!r }"\n',
        'x = f"{lambda: 1}"\n',
        "x = 1if y else 2\n",
        "if x:\n# nothing\ny = 1\n",
        "if x:\n  y = 1\n",
        "if x = 1:\n    y = 1\n",
        "  x = 1\n",
        "x = f(a=1, b)\n",
        "x = '{a.b}'.format(a=y)\n",
        "def f(a=1, b): return a\n",
        "*a, *b = c\n",
        "x = y\u200b\n",
        "try:\n    x = 1\n",
        "try:\n    x = 1\nexcept:\n    x = 2\nexcept ValueError:\n    x = 3\n",
        "x = yield\n",
        "x = [*a for a in b]\n",
        "x = (lambda: 1)()\n",
        "x = b'bytes'\n",
        "x = 007\n",
        "",
    ],
)
def test_what_the_vetter_never_accepts_is_no_text_of_it(made, text):
    with pytest.raises(pd.PlanRejected):
        pd.parse(text, inputs=["y", "a", "b", "c", "f"])
    assert not reads(made, text)
    assert not Recogniser(RULES).reads(text)


def test_other_tools_are_called_by_their_own_names():
    tools = read_stubs("def look_up(entity: str, *, limit: int = 3) -> list[str]: ...\ndef today() -> str: ...")
    reading = Recogniser(plan_rules("wide", tools))
    assert reading.reads("x = look_up('a', limit=2) + [today()]\nretrieve = 1\n")
    assert not reading.reads("x = look_up('a', size=2)\n")
    assert not reading.reads("x = today(1)\n")


def test_every_beginning_of_a_plan_is_known_as_one():
    reading = Recogniser(RULES)
    text = OWN[0].read_text(encoding="utf-8")
    assert all(reading.begins(text[:end]) for end in range(0, len(text), 3))
    assert not reading.begins("Here is the plan:\n" + text)
    assert not reading.begins(text + "import os")


def test_a_text_that_is_nested_beyond_reading_is_none_of_it():
    recogniser = Recogniser(RULES)
    endless = "x = " + "1 if y else " * 1_500
    assert recogniser.reads("x = " + "1 if y else " * 5 + "1")
    assert not recogniser.begins(endless)
