"""What was found of the evidence, and whether an answer stands in what it depends on."""

from __future__ import annotations

from typing import Any

import pytest

import pyrag_dsl as pd
from pyrag_dsl.evaluation import Example
from pyrag_dsl.evaluation.evidence import evidence_found, supported
from pyrag_dsl.evaluation.metrics import normalised
from pyrag_dsl.methods import Answered
from pyrag_dsl.runtime.tools import Reported, tool

PASSAGES = {"a": "Ann\nAnn was born in 1900.", "b": "Bea\nBea was born in 1910.", "c": "Cid\nCid sings."}


def ran(plan: str) -> Answered:
    def retrieve(query: str, topk: int = 5) -> Reported:
        found = [name for name in PASSAGES if name in query][:topk]
        return Reported([PASSAGES[name] for name in found], {"passages": found})

    def answer(query: str, docs: list[str] | None = None) -> str:  # noqa: ARG001
        return query

    return Answered(pd.run(plan, {"retrieve": tool(retrieve), "answer": tool(answer)}, question="?").trace)


def asked(**data: Any) -> Example:
    return Example("1", "?", ("1900",), data)


@pytest.mark.parametrize(
    "evidence",
    [
        {"supporting": [{"title": "Ann", "id": "a"}, {"title": "Cid", "id": "c"}]},
        {"supporting_facts": [["Ann", 0], ["Ann", 1], ["Cid", 0]]},
        {"supporting_facts": {"title": ["Ann", "Cid", "Ann"], "sent_id": [0, 0, 1]}},
        {"paragraphs": [{"title": t, "is_supporting": t != "Bea"} for t in ("Ann", "Bea", "Cid")]},
    ],
)
def test_recall_and_precision_of_each_published_shape(evidence: dict[str, Any]) -> None:
    answered = ran('x = retrieve("a b")\ny = retrieve("a")\nfinal_answer = answer("1900", x)')
    assert evidence_found(asked(**evidence), answered) == (0.5, 0.5), "Ann counts once, Bea is no evidence"
    assert evidence_found(asked(**evidence), ran('final_answer = answer("1900")')) == (0.0, None)
    assert evidence_found(asked(), answered) == (None, None)


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ('final_answer = answer("1900", retrieve("a"))', True),
        ('x = retrieve("a")\nfinal_answer = answer("1900", retrieve("b"))', False),  # found, and not made use of
        ('x = retrieve("a")\nif len(x) > 0:\n    final_answer = "1900"\nelse:\n    final_answer = "x"', True),
        ('final_answer = answer("1950", retrieve("a"))', False),
        ('final_answer = answer("yes", retrieve("a"))', None),
    ],
)
def test_an_answer_is_supported_by_what_it_depends_on(plan: str, expected: bool | None) -> None:
    assert supported(ran(plan), normalised) is expected
