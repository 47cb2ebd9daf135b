"""Inputs of a plan: plain data that is bound before its first statement."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyrag_dsl as pd

from .laws import law

PLAN = "docs = retrieve(question, topk=topk)\nfinal_answer = f'{len(docs)} {question}'\n"
ISOLATION = ["none"] + (["rlimits"] if sys.platform == "linux" else [])


def retrieve(query: str, topk: int = 5) -> list[str]:
    return [query] * topk


TOOLS = {"retrieve": retrieve}
DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 10**30) | st.floats(allow_nan=False) | st.text(max_size=9) | st.dates(),
    lambda one: st.lists(one, max_size=3) | st.tuples(one, one) | st.dictionaries(st.text(max_size=3), one, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("mode", ["concurrent", "sequential"])
@pytest.mark.parametrize("isolation", ISOLATION)
def test_a_plan_reads_its_inputs(mode: Any, isolation: Any) -> None:
    inputs = {"question": "Who?", "topk": 3}
    assert pd.run(PLAN, TOOLS, inputs=inputs, mode=mode, isolation=isolation).final_answer == "3 Who?"
    assert asyncio.run(pd.arun(PLAN, TOOLS, inputs=inputs, isolation=isolation)).final_answer == "3 Who?"


def test_one_program_serves_many_questions() -> None:
    program = pd.parse(PLAN, inputs=["question", "topk"])
    assert program.inputs == {"question", "topk"}
    for question in ("Who?", "Where?"):
        assert pd.run(program, TOOLS, inputs={"question": question, "topk": 1}).final_answer == f"1 {question}"
    assert pd.parse("question = 'own'\nfinal_answer = question", inputs=["question", "topk"]).inputs == {"question"}
    assert pd.parse("topk = 3\nfinal_answer = question", inputs=["question", "topk"]).inputs == {"question"}
    with pytest.raises(ValueError, match="the plan needs the input `topk`"):
        pd.run(program, TOOLS, question="Who?")


def test_a_question_is_short_for_the_input_of_that_name() -> None:
    result = pd.run("final_answer = question\n", TOOLS, question="Who?")
    assert result.final_answer == "Who?"
    assert result.trace.header.inputs == {"question": "Who?"}
    assert result.trace.header.question == "Who?"
    with pytest.raises(ValueError, match="give the question once"):
        pd.run(PLAN, TOOLS, question="Who?", inputs={"question": "Who?"})


@law(60)
@given(DATA)
def test_inputs_are_copies_and_come_back_from_a_trace(value: Any) -> None:
    text = "if isinstance(given, list):\n    given.append(1)\nfinal_answer = [given, retrieve('a', topk=1)]\n"
    modes: list[Any] = ["concurrent", "sequential"]
    results = [pd.run(text, TOOLS, inputs={"given": value}, mode=mode) for mode in modes]
    expected = [*value, 1] if isinstance(value, list) else value
    assert [result.final_answer[0] for result in results] == [expected, expected]
    with tempfile.TemporaryDirectory() as folder:
        results[0].trace.save(Path(folder, "t.jsonl"))
        again = pd.run(text, journal=Path(folder, "t.jsonl"), replay=True, inputs={"given": value})
    assert repr(again.final_answer) == repr(results[0].final_answer)


def test_a_replay_has_the_same_inputs_and_a_resumption_may_have_others(tmp_path: Any) -> None:
    path = tmp_path / "t.jsonl"
    first = pd.run(PLAN, TOOLS, inputs={"question": "Who?", "topk": 2}, trace=path)
    assert pd.run(PLAN, journal=path, replay=True).final_answer == first.final_answer
    assert pd.run(PLAN, journal=path, replay=True, question="Who?").final_answer == first.final_answer
    with pytest.raises(ValueError, match="another input 'question'"):
        pd.run(PLAN, journal=path, replay=True, question="Where?")
    with pytest.raises(ValueError, match="another input 'topk'"):
        pd.run(PLAN, journal=path, replay=True, inputs={"topk": True})
    assert pd.run(PLAN, TOOLS, journal=path, question="Where?").final_answer == "2 Where?"
    assert pd.rerun(path, {"retrieve#1": {"topk": 1}}, TOOLS).final_answer == "1 Who?"


def test_a_plan_may_assign_to_an_input() -> None:
    text = "question = question.upper()\ndef f():\n    return question\nfinal_answer = f()\n"
    assert pd.run(text, TOOLS, question="who?").final_answer == "WHO?"
    assert pd.run("question = 'own'\nfinal_answer = question\n", TOOLS, question="who?").final_answer == "own"


def test_what_is_no_input_is_not_defined() -> None:
    with pytest.raises(pd.PlanRejected, match="`question` is not defined"):
        pd.run("final_answer = question\n", TOOLS)
    with pytest.raises(pd.PlanRejected) as refused:
        pd.run("final_answer = qestion\n", TOOLS, question="Who?")
    assert refused.value.diagnostics[0].help == "Did you mean `question`?"
    assert pd.fix("final_answer = qestion\n", inputs=["question"]).text == "final_answer = question\n"


@pytest.mark.parametrize(
    ("inputs", "wrong", "told"),
    [
        ({"retrieve": 1}, ValueError, "cannot be named 'retrieve'"),
        ({"len": 1}, ValueError, "cannot be named 'len'"),
        ({"a b": 1}, ValueError, "that is not a name"),
        ({"if": 1}, ValueError, "that is not a name"),
        ({"final_answer": 1}, ValueError, "a name of the language"),
        ({"x": object()}, TypeError, "the input 'x' cannot enter a plan"),
        ([1], TypeError, "inputs must be a mapping by name"),
        ("question", TypeError, "inputs must be a mapping by name"),
    ],
)
def test_what_cannot_be_an_input_is_refused_at_the_door(inputs: Any, wrong: type[Exception], told: str) -> None:
    with pytest.raises(wrong, match=told):
        pd.run("final_answer = 1\n", TOOLS, inputs=inputs)


def test_inputs_are_paid_for() -> None:
    many = [[] for _ in range(100_000)]
    with pytest.raises(pd.LimitExceeded):
        pd.run("final_answer = 1 if many else 2\n", TOOLS, inputs={"many": many}, limits={"memory": 500_000})


def test_an_old_trace_has_its_question_as_an_input(tmp_path: Any) -> None:
    import json

    path = tmp_path / "t.jsonl"
    pd.run("final_answer = retrieve('a', topk=1)\n", TOOLS, question="Who?", trace=path)
    lines = path.read_text(encoding="utf-8").splitlines()
    header = json.loads(lines[0])
    del header["inputs"]
    header["question"] = "Who?"
    path.write_text("\n".join([json.dumps(header), *lines[1:]]) + "\n", encoding="utf-8")
    assert pd.Trace.load(path).header.inputs == {"question": "Who?"}
    assert pd.run("final_answer = retrieve('a', topk=1)\n", journal=path, replay=True).final_answer == ["a"]
