"""The commands that train a role with verl: hyper-parameters of the paper, and mistakes found before verl starts."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from pyrag_dsl.cli import pyrag
from pyrag_dsl.training.launch import STAGES, Launch, LaunchError, overrides_of
from pyrag_dsl.training.settings import VARIABLES

PAPER: dict[str, dict[str, str]] = {
    "common": {
        "data.max_prompt_length": "2048",
        "data.max_response_length": "1024",
        "actor_rollout_ref.actor.kl_loss_coef": "0.001",
        "actor_rollout_ref.actor.kl_loss_type": "low_var_kl",
        "actor_rollout_ref.actor.entropy_coeff": "0",
        "algorithm.use_kl_in_reward": "False",
        "trainer.n_gpus_per_node": "8",
    },
    "answer": {
        "data.train_batch_size": "32",
        "data.filter_overlong_prompts": "False",
        "data.truncation": "right",
        "actor_rollout_ref.model.lora_rank": "64",
        "actor_rollout_ref.model.lora_alpha": "32",
        "actor_rollout_ref.model.target_modules": "all-linear",
        "actor_rollout_ref.actor.ppo_mini_batch_size": "32",
        "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu": "8",
        "actor_rollout_ref.actor.optim.lr": "1e-6",
        "actor_rollout_ref.actor.optim.lr_scheduler_type": "cosine",
        "actor_rollout_ref.actor.optim.lr_warmup_steps_ratio": "0.02",
        "actor_rollout_ref.actor.optim.min_lr_ratio": "0.1",
        "actor_rollout_ref.rollout.tensor_model_parallel_size": "4",
        "actor_rollout_ref.rollout.n": "8",
        "trainer.total_epochs": "1",
        "trainer.save_freq": "200",
        "trainer.test_freq": "200",
    },
    "plan": {
        "data.train_batch_size": "64",
        "data.filter_overlong_prompts": "True",
        "actor_rollout_ref.actor.ppo_mini_batch_size": "32",
        "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": "24576",
        "actor_rollout_ref.actor.optim.lr": "3e-6",
        "actor_rollout_ref.actor.strategy": "fsdp2",
        "actor_rollout_ref.rollout.tensor_model_parallel_size": "2",
        "actor_rollout_ref.rollout.n": "4",
        "trainer.total_epochs": "2",
        "trainer.save_freq": "50",
        "trainer.test_freq": "25",
    },
}
PAPER["decompose"] = PAPER["plan"]
REWARD = ["--reward", "retriever=http://127.0.0.1:8008", "--reward", "plan_url=http://h/v1", "--reward", "plan_model=m"]


@pytest.fixture(autouse=True)
def no_services_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variables in VARIABLES.values():
        for name in variables:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("CODERAG_RETRIEVAL_HOST", raising=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder in which all files are that the stages look for."""
    for names in STAGES.values():
        for name in names:
            (tmp_path / "it's data" / name).mkdir(parents=True)
            for split in ("train", "val"):
                (tmp_path / "it's data" / name / f"{split}.parquet").touch()
    return tmp_path / "it's data"


@pytest.mark.parametrize("stage", PAPER)
def test_the_stages_have_the_papers_hyper_parameters(stage: str) -> None:
    found = dict(each.split("=", 1) for each in overrides_of(stage))
    assert len(found) == len(overrides_of(stage)), "no key is there twice"
    assert PAPER[stage].items() <= found.items()
    if stage in ("plan", "decompose"):
        assert not any("lora" in key for key in found), "the scripts of these stages train all weights"


def test_a_dry_run_prints_the_command(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--from", "my model", "--data", str(data), "--out", str(tmp_path / "ck"), *REWARD, "--dry-run"]
    for stage, sets in STAGES.items():
        assert pyrag(["train", "launch", "--stage", stage, *arguments, "--", "trainer.n_gpus_per_node=1"]) == 0
        words = shlex.split(capsys.readouterr().out)
        assert words[:3] == ["python", "-m", "verl.trainer.main_ppo"]
        assert words[-1] == "trainer.n_gpus_per_node=1", "what is said last wins"
        assert "actor_rollout_ref.model.path='my model'" in words
        files = next(word for word in words if word.startswith("data.train_files="))
        assert all(f"{name}/train.parquet" in files for name in sets)
        assert "it\\'s data" in files
        assert "++reward.custom_reward_function.reward_kwargs.retriever=http://127.0.0.1:8008" in words


def test_repairs_are_an_agent_loop_of_verl(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["train", "launch", "--from", "m", "--data", str(data), "--out", str(tmp_path / "ck"), *REWARD]
    assert pyrag([*common, "--stage", "plan", "--repairs", "2", "--dry-run"]) == 0
    words = dict(word.partition("=")[::2] for word in shlex.split(capsys.readouterr().out))
    rollout = "actor_rollout_ref.rollout."
    assert words[rollout + "agent.default_agent_loop"] == "pyrag"
    assert words[rollout + "multi_turn.max_assistant_turns"] == "3"
    assert Path(words[rollout + "agent.agent_loop_config_path"]).is_file()
    assert int(words["data.max_response_length"]) > 1024, "replies and feedback share it"
    assert pyrag([*common, "--stage", "answer", "--repairs", "1", "--dry-run"]) == 2
    assert "writes no plans" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data": Path("nowhere")}, "pyrag train data"),
        ({"reward": {"retreiver": "x"}}, "no setting 'retreiver'"),
        ({"reward": {}}, "retriever=URL"),
        ({"reward": {"corpus": "c.jsonl"}}, "plan_url"),
    ],
)
def test_what_is_missing_is_said_before_verl_starts(data: Path, change: dict[str, Any], said: str) -> None:
    reward = {"retriever": "u", "plan_url": "u", "plan_model": "m"}
    given = {"stage": "decompose", "start": "m", "data": data, "out": Path("o"), "reward": reward, **change}
    with pytest.raises(LaunchError, match=said):
        Launch(**given).check({})


def test_services_may_be_named_by_variables(data: Path) -> None:
    launch = Launch("plan", "m", data, Path("o"))
    launch.check({"CODERAG_RETRIEVAL_HOST": "localhost"})
    launch.check({"PYRAG_REWARD_CORPUS": "c.jsonl"})
    with pytest.raises(LaunchError):
        launch.check({})


def test_shards_are_to_be_merged_first(data: Path, tmp_path: Path) -> None:
    (tmp_path / "global_step_50" / "actor").mkdir(parents=True)
    with pytest.raises(LaunchError, match="model_merger"):
        Launch("answer", str(tmp_path / "global_step_50"), data, Path("o")).check({})


def test_the_command_says_what_is_wrong(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["train", "launch", "--stage", "plan", "--from", "m", "--data", str(data), "--out", "o"]
    for more, said in ((["--reward", "retriever"], "NAME=VALUE"), ([], "retriever=URL")):
        assert pyrag([*common, *more]) == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1
    assert pyrag(["train", "launch", "--stage", "plans"]) == 2


def test_grpo_says_what_is_wrong_before_anything_is_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["train", "grpo", "--model", "m", "--data", str(tmp_path / "none.parquet"), "--out", "o"]
    (tmp_path / "c.jsonl").write_text('{"id": "1", "contents": "\\"Ann\\"\\nAnn lives."}\n')
    for more, said in (
        ([], "--corpus"),
        (["--corpus", "nowhere.jsonl"], "nowhere.jsonl"),
        (["--retriever", "no address"], "no address"),
        (["--corpus", str(tmp_path / "c.jsonl")], "none.parquet"),
    ):
        assert pyrag([*common, *more]) == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1
