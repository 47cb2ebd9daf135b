"""Every code of the table, met in a plan: the `.plan` files beside this one, and what they cannot show."""

from __future__ import annotations

import re
import time
from dataclasses import fields
from typing import Any

import pytest

import pyrag_dsl as pd
from pyrag_dsl.grammar.codes import CODES
from pyrag_dsl.runtime.tools import Reported

from .chunks import Chunk, Expected, chunks

CHUNKS = list(chunks())
# What no plan alone brings about; where each is tested.
ELSEWHERE = {
    "PLAN400": "tests/security: a worker process that dies",
}
_LIMITS = {field.name for field in fields(pd.Limits)}
_WORDS = {"true": True, "false": False}


class NoPasswords(pd.Hook):
    def before_call(self, call: Any) -> pd.Veto | None:
        return pd.Veto("not about passwords") if "password" in call.arguments.get("query", "") else None


def retrieve(query: str, topk: int = 5) -> list[str]:
    return [f"{query}: passage {number}" for number in range(topk)]


def answer(query: str, docs: list[str] | None = None) -> str:
    return f"no answer to {query!r} in {len(docs or [])} passages"


def broken(_text: str) -> str:
    raise ConnectionError("secret address")


def rubbish(_text: str) -> Any:
    return object()


def number(_text: str) -> str:
    return 3  # type: ignore[return-value]


def slow(_text: str) -> str:
    time.sleep(0.3)
    return "late"


def costly(text: str) -> Any:
    return Reported(text, {"tokens": 600})


TOOLS = [pd.tool(each) for each in (retrieve, answer, broken, rubbish, number, slow, costly)]


def fits(expected: Expected, found: pd.Diagnostic) -> bool:
    line = found.span.line if found.span else 0
    return (found.code, line) == (expected.code, expected.line) and bool(re.search(expected.message, found.message))


def found_in(chunk: Chunk) -> tuple[pd.Diagnostic, ...]:
    """The diagnostics of a chunk: of the plan if it is refused, else of its run."""
    options: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    for name, value in chunk.options.items():
        read = _WORDS.get(value, float(value) if "." in value else int(value) if value.isdigit() else value)
        (limits if name in _LIMITS else options)[name] = read
    try:
        result = pd.run(chunk.plan, TOOLS, limits=pd.Limits(**limits), hooks=[NoPasswords()], **options)
    except pd.PlanError as error:
        return error.diagnostics
    return result.diagnostics


@pytest.mark.parametrize("chunk", CHUNKS, ids=[chunk.name for chunk in CHUNKS])
def test_a_plan_gets_the_diagnostics_that_stand_in_it(chunk: Chunk) -> None:
    found = found_in(chunk)
    shown = [f"{each.code} {each.span}: {each.message}" for each in found]
    for expected in chunk.expected:
        assert any(fits(expected, each) for each in found), f"{expected} is not among {shown}"
    for each in found:
        assert any(fits(expected, each) for expected in chunk.expected), f"nobody expects {each}"


def test_every_code_is_met() -> None:
    met = {expected.code for chunk in CHUNKS for expected in chunk.expected}
    assert set(CODES) == met | set(ELSEWHERE)


@pytest.mark.parametrize("chunk", CHUNKS, ids=[chunk.name for chunk in CHUNKS])
def test_every_diagnostic_names_a_way_out_and_survives_json(chunk: Chunk) -> None:
    for diagnostic in found_in(chunk):
        assert diagnostic.help or diagnostic.rule.help
        assert pd.Diagnostic.from_json(diagnostic.to_json()) == diagnostic
        assert "secret" not in str(diagnostic)
