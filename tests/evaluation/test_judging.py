"""`pyrag judge`: a verdict is paid for once, is one word, and holds for the answer that it is about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrag_dsl.cli import pyrag
from pyrag_dsl.evaluation.judging import verdict_of
from pyrag_dsl.testing.server import Request, ScriptedModelServer, status

from .runs import PEOPLE, command, rows_of, script


def judging(out: Path, url: str, *more: str) -> list[str]:
    return ["judge", str(out), "--llm-base-url", url, "--model", "j", "-q", *more]


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("correct", True),
        ("Correct.", True),
        ("**incorrect**", False),
        ("True", True),
        ("no", False),
        ("not correct", None),
        ("The answer is correct", None),
        ("correct\nincorrect", None),
        ("", None),
    ],
)
def test_a_verdict_is_one_word(reply: str, verdict: bool | None) -> None:
    assert verdict_of(reply) is verdict


@given(st.text())
def test_law_whatever_else_a_judge_says_is_no_verdict(reply: str) -> None:
    if not any(word in reply.lower() for word in ("correct", "true", "false", "yes", "no")):
        assert verdict_of(reply) is None


def test_a_judgement_is_paid_for_once(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    with ScriptedModelServer(script) as server:
        assert pyrag(command(data, out, server.base_url)) == 0

    asked: list[str] = []

    def judge(request: Request) -> Any:
        text = str(request.messages[-1]["content"])
        asked.append(text)
        if "Ann" in text and len(asked) < 7:
            return "hard to say"
        return status(403) if "Bea" in text and len(asked) < 7 else "incorrect" if "Cid" in text else "Correct."

    with ScriptedModelServer(judge) as server:
        assert pyrag(judging(out, server.base_url)) == 5, "two answers have no verdict"
        assert len(asked) == 6, "who failed or does not know is not asked about"
        said = json.loads((out / "summary.json").read_text())["judged"]["j"]
        assert said == {"accuracy": 3 / 8, "asked": 6, "failed": 2}, "what has no verdict is wrong"
        assert pyrag(judging(out, server.base_url)) == 0
        assert len(asked) == 8, "only what had no verdict is asked about again"
        assert "2 asked now, 4 judged before" in capsys.readouterr().out
        assert pyrag(judging(out, server.base_url, "--json")) == 0
        assert len(asked) == 8
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert summary["judged"]["j"] == {"accuracy": 5 / 8, "asked": 6, "failed": 0}
    assert summary["em"] == 0.75
    assert [row["judged"].get("j") for row in rows_of(out)] == [True, True, False, True, True, True, None, None]
    with ScriptedModelServer(script) as server:
        assert pyrag(command(data, out, server.base_url)) == 0, "a run that is scored anew keeps its judgements"
    assert json.loads((out / "summary.json").read_text())["judged"] == summary["judged"]


def test_a_judge_with_another_prompt_is_another_judge(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    with ScriptedModelServer(script) as server:
        assert pyrag(command(data, out, server.base_url, "--limit", "2")) == 0
    prompt = tmp_path / "strict.txt"
    prompt.write_text("Q {question} G {golden_answers} P {prediction}: true or false?")
    with ScriptedModelServer(lambda _: "true") as server:
        assert pyrag(judging(out, server.base_url)) == 0
        assert pyrag(judging(out, server.base_url, "--prompt", f"judge={prompt}")) == 0
        first, last = server.requests[0], server.requests[-1]
    assert (first.body or {})["temperature"] == 0
    row = next(row for row in rows_of(out) if f"Q {row['question']} G" in str(last.messages[-1]["content"]))
    assert f"G {row['golden_answers'][0]} P {row['prediction']}:" in str(last.messages[-1]["content"])
    assert len(rows_of(out)[0]["judged"]) == 2
    prompt.write_text("no place for an answer: {question} {golden_answers}")
    assert pyrag(judging(out, "http://127.0.0.1:9/v1", "--prompt", f"judge={prompt}")) == 2
    assert "{prediction} is missing" in capsys.readouterr().err
    assert pyrag(judging(tmp_path, "http://127.0.0.1:9/v1")) == 2
    assert "name a folder that `pyrag eval --out` has written" in capsys.readouterr().err


def test_an_answer_cannot_fill_a_place_of_the_prompt(data: Path, tmp_path: Path) -> None:
    with ScriptedModelServer(lambda _: "{golden_answers}") as server:
        assert pyrag(command(data, tmp_path / "run", server.base_url, "--limit", "1")) == 0
    with ScriptedModelServer(lambda _: "incorrect") as server:
        assert pyrag(judging(tmp_path / "run", server.base_url)) == 0
        said = str(server.requests[0].messages[-1]["content"])
    assert "Answer: {golden_answers}" in said
    assert said.count(next(name for name in PEOPLE if name in said)) == 1
