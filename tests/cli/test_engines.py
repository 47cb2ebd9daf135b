"""`--llm`: a model in this process, from the command line; the engine is a scripted one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyrag_dsl.models.engines import EngineAddress, transport
from tests.cli.conftest import Command
from tests.models.scripted_engine import ScriptedEngine

PLAN = 'docs_1 = retrieve("Number 3")\nfact_1 = answer("Who is number 3?", docs_1)\nfinal_answer = fact_1\n'
QUESTION = "Who is number 3?"


@pytest.fixture(autouse=True)
def no_models_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LLM_MODEL", "LLM_BASE_URL", "PLAN_LLM_MODEL", "PLAN_LLM_BASE_URL", "PYRAG_CONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "small-1"
    made.mkdir()
    (made / "config.json").write_text("{}")
    return made


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "c.jsonl"
    path.write_text(json.dumps({"id": "3", "contents": '"Number 3"\nNumber 3 is Dan Brown.'}) + "\n")
    return path


def say(prompt: str) -> str:
    if "You write a short program" in prompt:
        return PLAN
    return json.dumps([QUESTION]) if "You split" in prompt else "<answer>Dan</answer>"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> ScriptedEngine:
    engine = ScriptedEngine(context=100_000, say=say)
    engine.free = True
    engine.tokenizer.apply_chat_template = lambda messages, **_: "\n".join(each["content"] for each in messages)  # type: ignore[method-assign]
    monkeypatch.setattr(EngineAddress, "missing", ())
    monkeypatch.setattr(transport, "load_engine", lambda _: engine)
    return engine


def test_a_question_is_planned_under_the_grammar_and_read_by_the_reader(
    pyrag_verb: Command, engine: ScriptedEngine, folder: Path, corpus: Path, tmp_path: Path
) -> None:
    ended = pyrag_verb(
        "ask", QUESTION, "--llm", f"transformers:{folder}", "--constrained", "transformers", "--reader", "builtin",
        "--corpus", corpus, "--trace", tmp_path / "t.jsonl", "--report", tmp_path / "r.html",
        "--model-option", "max_tokens=200", "--model-option", "seed=4",
    )  # fmt: skip
    assert ended.status == 0, ended.err
    grammars = [each.grammar for each in engine.asked]
    assert sum(each is not None for each in grammars) == 1
    assert len(grammars) == 2  # one to split the question, one to plan; none to read
    assert {(each.max_tokens, each.seed) for each in engine.asked} == {(200, 4)}
    assert "Dan" in ended.out
    assert " 1 query " in ended.err
    assert engine.closed
    assert (tmp_path / "r.html").exists()


def test_an_evaluation_says_which_engine_it_used(
    pyrag_verb: Command, engine: ScriptedEngine, folder: Path, corpus: Path, tmp_path: Path
) -> None:
    data = tmp_path / "q.jsonl"
    rows = [{"id": str(n), "question": QUESTION, "golden_answers": ["Dan"]} for n in range(3)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "run"
    common = ("eval", "--method", "pyrag", "--data", data, "--corpus", corpus, "--out", out, "-q")
    local = ("--llm", f"transformers:{folder}")
    ended = pyrag_verb(*common, *local, "--constrained", "transformers", "--reader", "builtin")
    assert ended.status == 0, ended.err
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["model"], manifest["base_url"]) == ("small-1", local[1])
    assert (manifest["constrained"], manifest["reader"]) == ("transformers", "builtin")
    assert "engine" in manifest
    assert json.loads((out / "summary.json").read_text())["tokens"] > 0
    assert any(each.grammar for each in engine.asked)
    other = pyrag_verb(*common, *local)
    assert other.status == 2
    assert "whose constrained is 'transformers'" in other.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--llm", "smollm2"], "--llm: write it as vllm:PATH or transformers:PATH, not smollm2"),
        (["--llm", "http://127.0.0.1:9/v1"], "name a server with --llm-base-url"),
        (["--llm", "vllm:nowhere"], "--llm: vllm:nowhere: there is no such file or folder"),
        (["--llm", "vllm:{folder}?batch=many"], "batch must be a whole number"),
        (["--llm", "vllm:{folder}", "--llm-base-url", "http://127.0.0.1:9/v1"], "--llm and --llm-base-url"),
        (["--llm", "vllm:{folder}", "--constrained", "llama.cpp"], "name vllm instead, which runs"),
        (["--llm-base-url", "http://h/v1", "--model", "m", "--constrained", "transformers"], "must be in this process"),
        (
            ["--llm", "vllm:{folder}", "--constrained", "tgi"],
            "--constrained: unknown server 'tgi': one of vllm, sglang, llama.cpp",
        ),
        (["--llm", "vllm:{folder}", "--reader", "me"], "--reader: model or builtin, not me"),
    ],
)
def test_a_mistake_is_one_clear_message(arguments: list[str], says: str, pyrag_verb: Command, folder: Path) -> None:
    ended = pyrag_verb("ask", QUESTION, *(each.format(folder=folder) for each in arguments))
    assert ended.status == 2
    assert says in ended.err
    assert "Traceback" not in ended.err


def test_an_engine_that_is_not_installed_names_the_command(
    pyrag_verb: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EngineAddress, "missing", ("vllm",))
    ended = pyrag_verb("ask", QUESTION, "--llm", f"vllm:{folder}")
    assert ended.status == 2
    assert "not installed: vllm" in ended.err
    assert "pip install 'pyrag_dsl[vllm]'" in ended.err
