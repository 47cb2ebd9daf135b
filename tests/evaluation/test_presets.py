"""Each preset against recorded replies: the requests have the fields that the paper states, and an answer comes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pyrag_dsl.cli import pyrag
from pyrag_dsl.cli.presets import ABOUT, presets
from pyrag_dsl.testing.server import Request, ScriptedModelServer, Turn

from .runs import rows_of

PLAN = '```python\ndocs = retrieve("Who is number 0?")\nfinal_answer = answer("Who is number 0?", docs)\n```'
REPLIES: dict[str, list[Any]] = {
    "vanilla-7b": ["Ann"],
    "pyrag-7b": ['["Who is number 0?"]', PLAN, "<think>It says so.</think><answer>Ann</answer>"],
    "search-r1-7b": ["<think>I search.</think>\n<search>number 0", "<think>So.</think>\n<answer>Ann"],
    "r1-searcher-7b": ["I search. <|begin_of_query|>number 0", "Found.</think><answer>Ann"],
    "a-rag": [
        Turn(text=None, calls=(("keyword_search", {"keywords": ["number 0"]}),)),
        Turn(text=None, calls=(("chunk_read", {"chunk_ids": ["0"]}),)),
        "Ann",
    ],
}
TOPK = {"vanilla-7b": 5, "pyrag-7b": 5, "search-r1-7b": 3, "r1-searcher-7b": 5, "a-rag": 5}


def test_every_preset_says_what_a_person_has_to_know() -> None:
    assert set(presets()) == set(REPLIES) == set(TOPK)
    for preset in presets().values():
        assert tuple(preset.about) == ABOUT, preset.name
        assert all(preset.about.values())


@pytest.mark.parametrize("name", REPLIES)
def test_a_preset_asks_as_the_paper_states(
    name: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    (tmp_path / "one.jsonl").write_text(data.read_text().splitlines()[0] + "\n")
    replies = iter(REPLIES[name])

    def script(_: Request) -> Any:
        return next(replies)

    out = tmp_path / "run"
    with ScriptedModelServer(script) as server:
        place = ["--llm-base-url", server.base_url, "--corpus", str(tmp_path / "c.jsonl")]
        if name == "a-rag":
            place += ["--input", "semantic=words"]  # nothing has vectors here
        assert (
            pyrag(["eval", "--preset", name, "--data", str(tmp_path / "one.jsonl"), "--out", str(out), "-q", *place])
            == 0
        )
        requests = [request.body or {} for request in server.requests]
    (row,) = rows_of(out)
    assert (row["prediction"], row["em"], row["status"]) == ("Ann", 1.0, "answered")
    assert next(replies, None) is None, "every reply was asked for"
    model = presets()[name].config["models"]["answer"]
    for body in requests:
        assert body["model"] == model["model"]
        assert {field: body.get(field) for field in model["options"]} == model["options"]
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["preset"], manifest["inputs"].get("topk", 5)) == (name, TOPK[name])
    assert manifest["normalization"] == presets()[name].config["evaluation"]["normalization"]
    trace = [json.loads(line) for line in (out / row["trace"]).read_text().splitlines()]
    sizes = {
        line["arguments"]["topk"] for line in trace if line["type"] == "call_started" and line["tool"] == "retrieve"
    }
    assert sizes in ({TOPK[name]}, set())


def test_options_go_before_a_preset_and_a_configuration_between(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.toml").write_text('[models.answer]\nmodel = "mine"\n[evaluation]\nnormalization = "exact"\n')
    with ScriptedModelServer(lambda _: "Ann") as server:
        arguments = ["eval", "--preset", "vanilla-7b", "--data", str(data), "--out", str(tmp_path / "run"), "-q"]
        arguments += ["--llm-base-url", server.base_url, "--corpus", str(tmp_path / "c.jsonl"), "--limit", "1"]
        assert pyrag([*arguments, "--config", str(tmp_path / "own.toml"), "--topk", "2"]) == 0
        body = server.requests[0].body or {}
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert (body["model"], body["temperature"]) == ("mine", 0)
    assert (manifest["inputs"]["topk"], manifest["normalization"]) == (2, "exact")
    assert pyrag(["eval", "--preset", "gpt-9", "--data", str(data), "--out", str(tmp_path / "x")]) == 2
    assert "gpt-9 is not one of" in capsys.readouterr().err
    assert pyrag(["presets"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(presets())
    assert pyrag(["presets", "show", "a-rag"]) == 0
    assert "chunk" in capsys.readouterr().out
