"""Every example of the language page is run, and where it does not say otherwise CPython says the same."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import datetime

import pytest

import pyrag_dsl as pd
from pyrag_dsl.grammar.codes import CODES

from .examples import ROOT, TOOLS, Block, Example, blocks, by_cpython, examples

BLOCKS = [block for block in blocks("docs/language.md") if block.info[:1] == ("python",)]
PLANS = [
    pytest.param(plan, id=f"{block.name}+{number}") for block in BLOCKS for number, plan in enumerate(examples(block))
]


@pytest.mark.parametrize("example", PLANS)
@pytest.mark.parametrize("mode", ["sequential", "concurrent"])
def test_an_example_gives_what_it_promises(example: Example, mode: str) -> None:
    found: frozenset[tuple[str, int]] = frozenset()
    printed = ""
    try:
        printed = pd.run(example.plan, TOOLS, mode=mode).printed
    except pd.PlanError as error:
        found = frozenset((each.code, each.span.line if each.span else 1) for each in error.diagnostics)
    assert found == example.codes, example.plan
    if not example.codes:
        assert printed.splitlines() == list(example.values)


@pytest.mark.parametrize(
    "plan",
    [plan for block in BLOCKS if "differs" not in block.info for plan in examples(block) if not plan.codes],
)
def test_an_example_is_python(plan: Example) -> None:
    assert by_cpython(plan.plan).splitlines() == list(plan.values)


@pytest.mark.parametrize("block", BLOCKS, ids=[block.name for block in BLOCKS])
def test_every_block_promises_something(block: Block) -> None:
    assert all(each.values or each.codes for each in examples(block))


def test_a_named_tuple_leaves_as_a_tuple() -> None:
    plan = """
from collections import namedtuple
Person = namedtuple("Person", "name year")
final_answer = [Person("Ann", 1900)]
"""
    left = pd.run(plan, TOOLS).final_answer
    assert left == [("Ann", 1900)]
    assert type(left[0]) is tuple


def test_now_is_the_start_of_the_run() -> None:
    then = datetime(1999, 12, 31, 23, 59)
    plan = "from datetime import datetime\nfinal_answer = datetime.now().isoformat()"
    assert pd.run(plan, TOOLS, now=then).final_answer == "1999-12-31T23:59:00"


def test_what_goes_into_a_tool_and_comes_out_of_it_is_a_copy() -> None:
    passages = ["one"]
    heard: list[list[str]] = []

    def keep(_query: str, docs: list[str]) -> str:
        heard.append(docs)
        docs.append("changed by the tool")
        return ""

    plan = 'docs = retrieve("a")\nanswer("b", docs)\ndocs.append("changed by the plan")\nfinal_answer = docs'
    result = pd.run(plan, {"retrieve": lambda _query: passages, "answer": keep}, mode="sequential")
    assert result.final_answer == ["one", "changed by the plan"]
    assert passages == ["one"]
    assert heard == [["one", "changed by the tool"]]


@pytest.mark.parametrize(
    ("plan", "value"),
    [
        ("result = 1\nfinal = 2\nfinal_answer = 3", 3),
        ("result = 1\nfinal = 2", 2),
        ("result = 1", 1),
        ("final_answer = 1\nreturn 2", 2),
        ("final_answer = 1\nif True:\n    return\n", None),
    ],
)
def test_what_the_result_of_a_plan_is(plan: str, value: object) -> None:
    assert pd.run(plan, TOOLS).final_answer == value


def test_every_limit_names_a_code() -> None:
    page = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \| (\w*) \|$", page, re.MULTILINE)
    assert {name for name, _ in rows} == {field.name for field in fields(pd.Limits)}
    assert {code for _, code in rows} - {""} <= set(CODES)
