"""What verl makes of the stages and of the reward manager: composed, loaded and asked by verl itself, on a processor.

Needs verl in an environment of its own (`.ci/run --heavy` makes one); nothing is trained.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("verl", reason="verl is not installed")
pytest.importorskip("torch", reason="torch is not installed")

from pyrag_dsl.evaluation import Example
from pyrag_dsl.training import RewardUnavailable
from pyrag_dsl.training.launch import STAGES, Launch
from pyrag_dsl.training.scores import BLANK
from pyrag_dsl.training.sets import HeldOut, SetOptions, build, write
from tests.training.test_launch import PAPER

WIKI = """{"id": "1", "contents": "\\"Norway\\"\\nThe capital of Norway is Oslo."}
{"id": "2", "contents": "\\"Sweden\\"\\nThe capital of Sweden is Stockholm."}
"""
PLAN = 'docs = retrieve("capital of Norway")\nfinal_answer = answer("What is the capital of Norway?", docs)'


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sets of a few rows; that of plans is made of the rows of decompositions, for there are no traces here."""
    folder = tmp_path_factory.mktemp("verl")
    (folder / "wiki.jsonl").write_text(WIKI)
    asked = [
        Example(f"q{at}", f"What is the capital of Norway, in {at} words?", ("Oslo",), {"ctxs": ["Norway\nOslo."]})
        for at in range(40)
    ]
    sets = build([], [asked], HeldOut(), SetOptions(val_ratio=0.3))
    sets["plan"] = sets["decompose"]
    for name in ("answer_with_docs", "decompose"):
        write({name: sets[name]}, folder)
    for split in ("train", "val"):
        (folder / "plan").mkdir(exist_ok=True)
        (folder / "plan" / f"{split}.parquet").write_bytes((folder / "decompose" / f"{split}.parquet").read_bytes())
    return folder


def composed(data: Path, stage: str) -> Any:
    """verl's whole configuration for a stage, by Hydra, as `verl.trainer.main_ppo` has it."""
    import verl.trainer
    from hydra import compose, initialize_config_dir

    reward = {"corpus": str(data / "wiki.jsonl"), "plan_url": "http://127.0.0.1:9/v1", "plan_model": "m"}
    launch = Launch(stage, "a model", data, data / "out", reward, ["trainer.n_gpus_per_node=1"])
    launch.check({})
    folder = Path(verl.trainer.__file__).parent / "config"
    with initialize_config_dir(config_dir=str(folder), version_base=None):
        return compose(config_name="ppo_trainer", overrides=launch.overrides())


@pytest.mark.parametrize("stage", STAGES)
def test_verl_composes_every_stage(data: Path, stage: str) -> None:
    from omegaconf import OmegaConf
    from verl.utils.config import omega_conf_to_dataclass

    config = composed(data, stage)
    for key, value in {**PAPER["common"], **PAPER[stage]}.items():
        if key != "trainer.n_gpus_per_node":
            found = OmegaConf.select(config, key, throw_on_missing=True)
            assert str(found) == value or float(found) == float(value), key
    assert config.trainer.n_gpus_per_node == 1, "what is said last wins"
    assert all(Path(each).is_file() for each in config.data.train_files)
    omega_conf_to_dataclass(config.actor_rollout_ref.actor.optim)
    omega_conf_to_dataclass(config.actor_rollout_ref.actor)
    assert config.reward.custom_reward_function.reward_kwargs.corpus.endswith("wiki.jsonl")


class Tokenizer:
    """Numbers are characters."""

    pad_token_id = 0

    def decode(self, ids: Any, skip_special_tokens: bool = False) -> str:
        return "".join(chr(int(each)) for each in ids if not (skip_special_tokens and int(each) == 0))


def sample(reply: str, source: str, golden: list[str], question: str) -> Any:
    """One row as verl hands it to a reward manager, padded at the right."""
    import numpy as np
    import torch
    from verl import DataProto

    ids = torch.tensor([[ord(each) for each in reply] + [0, 0, 0]])
    mask = torch.cat([torch.ones(1, 2), torch.ones(1, len(reply)), torch.zeros(1, 3)], dim=1).long()
    truth = {"style": "rule", "ground_truth": np.array(golden, dtype=object)}
    return DataProto.from_dict(
        tensors={"prompts": torch.ones(1, 2).long(), "responses": ids, "attention_mask": mask},
        non_tensors={
            "data_source": np.array([source], dtype=object),
            "reward_model": np.array([truth], dtype=object),
            "extra_info": np.array([{"question": question, "topk": 5}], dtype=object),
        },
    )


def test_verl_loads_the_manager_and_it_scores(data: Path) -> None:
    from verl.trainer.ppo.reward import load_reward_manager

    async def scored() -> list[dict[str, Any]]:
        manager = load_reward_manager(composed(data, "plan"), Tokenizer())
        assert type(manager).__name__ == "PyragRewardManager"
        samples = [
            sample(PLAN, "pyrag_plan", ["Oslo"], "What is the capital of Norway?"),
            sample("I will not write one, sorry.", "pyrag_plan", ["Oslo"], "What is the capital of Norway?"),
            sample("<answer>Oslo</answer>", "pyrag_answer_no_docs", ["Oslo", "Christiania"], ""),
        ]
        return await asyncio.gather(*(manager.run_single(each) for each in samples))

    found = asyncio.run(scored())
    assert [each["reward_score"] for each in found] == [1.0, 0.0, 1.0]
    assert all(list(each["reward_extra_info"]) == list(BLANK) for each in found)
    assert found[1]["reward_extra_info"]["err_type"] == "no_code"


def test_what_is_down_reaches_verl_as_an_error(data: Path) -> None:
    from verl.trainer.ppo.reward import load_reward_manager

    async def scored() -> Any:
        manager = load_reward_manager(composed(data, "plan"), Tokenizer())
        empty = sample('final_answer = answer("?", retrieve("xyzzy"))', "pyrag_plan", ["Oslo"], "zyx xyz")
        return await manager.run_single(empty)

    with pytest.raises(RewardUnavailable):
        asyncio.run(scored())


def test_verls_own_data_set_reads_our_rows(data: Path) -> None:
    import pyarrow.parquet as pq

    rows = pq.read_table(data / "answer_with_docs" / "train.parquet").to_pandas()
    row = rows.iloc[0]
    assert {"data_source", "prompt", "ability", "reward_model", "extra_info"} <= set(rows.columns)
    assert [each["role"] for each in row["prompt"]] == ["system", "user"]
    assert list(row["reward_model"]["ground_truth"]) == ["Oslo"]
