"""`pyrag ask` against a scripted model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyrag_dsl import Trace
from pyrag_dsl.cli import pyrag
from pyrag_dsl.testing.server import Request, ScriptedModelServer, status

PLAN = """```python
hoyer = answer("When was Jed Hoyer born?", retrieve("Jed Hoyer"))
henry = answer("When was John William Henry II born?", retrieve("John William Henry II"))
final_answer = answer(f"Given: Hoyer: {hoyer}. Henry: {henry}. Answer the question: Who is older?")
```"""
QUESTION = "Who is older, Jed Hoyer or John William Henry II?"


def reply(request: Request) -> str:
    """What a model would say, told by its name and the words of the prompt."""
    if request.body["model"] == "plans":
        return PLAN
    prompt = json.dumps(request.body["messages"])
    if "<answer>" not in prompt:
        return '["When was Jed Hoyer born?", "When was John William Henry II born?"]'
    if "Who is older" in prompt:
        return "<answer>John William Henry II</answer>"
    born = "December 7, 1973" if "When was Jed Hoyer" in prompt else "September 13, 1949"
    return f"<reason>He was born on that day, Doc [1].</reason>\n<answer>{born}</answer>"


@pytest.fixture(autouse=True)
def no_models_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LLM_MODEL", "LLM_BASE_URL", "PLAN_LLM_MODEL", "PLAN_LLM_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_a_question_is_answered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedModelServer(reply) as server:
        code = pyrag(
            [
                *["ask", QUESTION, "--llm-base-url", server.base_url, "--model", "m", "--plan-model", "plans"],
                *["--trace", str(tmp_path / "t.jsonl"), "--output-dir", str(tmp_path / "out")],
            ]
        )
    printed = capsys.readouterr()
    assert code == 0, printed.err
    assert printed.out == "John William Henry II\n"
    assert "=== Sub-queries ===" in printed.err
    assert "=== Generated Code ===" in printed.err
    assert Trace.load(tmp_path / "t.jsonl").finished is not None
    (folder,) = (tmp_path / "out").iterdir()
    assert {"generated_code.py", "execution_log.txt", "result.json"} <= {path.name for path in folder.iterdir()}


def test_models_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedModelServer(reply) as server:
        monkeypatch.setenv("LLM_BASE_URL", server.base_url)
        monkeypatch.setenv("LLM_MODEL", "answers")
        monkeypatch.setenv("PLAN_LLM_MODEL", "plans")
        code = pyrag(["ask", QUESTION, "--json", "--quiet"])
        assert {request.body["model"] for request in server.requests} == {"answers", "plans"}
    found = json.loads(capsys.readouterr().out)
    assert (code, found["final_answer"], found["status"]) == (0, "John William Henry II", "done")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ask", QUESTION], "needs a model"),
        (["ask", " ", "--llm-base-url", "http://127.0.0.1:9/v1", "--model", "m"], "question is empty"),
        (["ask", QUESTION, "--llm-base-url", "http://127.0.0.1:9/v1", "--model", "m", "--adaptive", "x"], "--adaptive"),
    ],
)
def test_wrong_usage(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert pyrag(arguments) == 2
    assert says in capsys.readouterr().err


def test_a_model_that_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedModelServer(lambda _request: status(403)) as server:
        code = pyrag(["ask", QUESTION, "--llm-base-url", server.base_url, "--model", "m", "--quiet"])
    printed = capsys.readouterr()
    assert code == 5
    assert "403" in printed.err
    assert "Traceback" not in printed.err
