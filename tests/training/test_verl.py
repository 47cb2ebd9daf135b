"""What verl makes of the stages, the reward manager and the agent loop: verl itself loads and asks them.

Needs verl in an environment of its own (`.ci/run --heavy` makes one). All runs on a processor, and nothing is trained.
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


def composed(data: Path, stage: str, repairs: int = 0, *more: str) -> Any:
    """verl's whole configuration for a stage, by Hydra, as `verl.trainer.main_ppo` has it."""
    import verl.trainer
    from hydra import compose, initialize_config_dir

    reward = {"corpus": str(data / "wiki.jsonl"), "plan_url": "http://127.0.0.1:9/v1", "plan_model": "m"}
    last = ["trainer.n_gpus_per_node=1", *more]
    launch = Launch(stage, "a model", data, data / "out", reward, repairs=repairs, more=last)
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


WRONG = 'docs = retreive("capital of Norway")\nfinal_answer = answer("What is the capital of Norway?", docs)'
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the configuration of a model and a tokenizer, whose tokens are bytes; there are no weights."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("model")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={letter: at for at, letter in enumerate(alphabet)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|im_end|>")
    tokenizer.chat_template = CHATML
    tokenizer.save_pretrained(folder)
    LlamaConfig(vocab_size=300, hidden_size=32, architectures=["LlamaForCausalLM"]).save_pretrained(folder)
    return folder


class Policy:
    """Stands for verl's client of the engine: gives these replies in turn, and keeps what it was asked."""

    def __init__(self, tokenizer: Any, replies: list[str]) -> None:
        self.tokenizer = tokenizer
        self.replies = iter(replies)
        self.asked: list[str] = []

    async def generate(self, *, prompt_ids: list[int], **_: Any) -> Any:
        from verl.workers.rollout.replica import TokenOutput

        self.asked.append(self.tokenizer.decode(prompt_ids))
        ids = self.tokenizer.encode(next(self.replies) + "<|im_end|>", add_special_tokens=False)
        return TokenOutput(
            token_ids=ids, log_probs=[-0.5] * len(ids), extra_fields={"max_global_steps": len(self.asked)}
        )


def rollout(data: Path, model: Path, replies: list[str], *more: str, source: str = "pyrag_plan") -> tuple[Any, Policy]:
    """What verl's own worker makes of one row, and the policy that replied."""
    import numpy as np
    from verl import DataProto
    from verl.experimental.agent_loop.agent_loop import AgentLoopWorker

    config = composed(data, "plan", 2, f"actor_rollout_ref.model.path={model}", *more)
    policy = Policy(None, replies)

    async def made() -> Any:
        worker = AgentLoopWorker(config, policy)
        policy.tokenizer = worker.tokenizer
        question = "What is the capital of Norway?"
        columns = {
            "raw_prompt": [{"role": "user", "content": question}],
            "data_source": source,
            "reward_model": {"style": "rule", "ground_truth": np.array(["Oslo"], dtype=object)},
            "extra_info": {"question": question, "topk": 5},
        }
        rows = {}
        for name, value in columns.items():
            rows[name] = np.empty(1, dtype=object)
            rows[name][0] = value
        return await worker.generate_sequences(DataProto.from_dict(tensors={}, non_tensors=rows, meta_info={}))

    return asyncio.run(made()), policy


def trained_on(batch: Any, policy: Policy) -> str:
    """The text of the tokens that verl would train on."""
    responses, mask = batch.batch["responses"][0], batch.batch["response_mask"][0]
    return str(policy.tokenizer.decode(responses[mask.bool()]))


def test_a_policy_mends_its_plan_in_a_rollout_of_verl(data: Path, model: Path) -> None:
    batch, policy = rollout(data, model, [WRONG, PLAN])
    assert len(policy.asked) == 2
    assert "What is wrong:" not in policy.asked[0]
    assert policy.asked[1].startswith(policy.asked[0] + WRONG + "<|im_end|>"), "verl itself decides on the line end"
    assert "<|im_start|>user\nYour last reply could not be used." in policy.asked[1]
    assert "`retreive`" in policy.asked[1]
    assert trained_on(batch, policy) == f"{WRONG}<|im_end|>{PLAN}<|im_end|>", "and not on the feedback"
    assert float(batch.batch["rm_scores"].sum()) == 1.0, "the last reply is scored"
    assert [batch.non_tensor_batch[key][0] for key in ("err_type", "em", "__num_turns__")] == ["", 1.0, 4]


@pytest.mark.parametrize(
    ("replies", "source", "kind"),
    [
        ([PLAN], "pyrag_plan", ""),
        ([WRONG, WRONG, WRONG, PLAN], "pyrag_plan", "rejected"),
        (["Oslo, I think.", PLAN], "pyrag_answer_no_docs", "no_answer_tag"),
    ],
)
def test_a_rollout_ends(data: Path, model: Path, replies: list[str], source: str, kind: str) -> None:
    batch, policy = rollout(data, model, replies, source=source)
    assert len(policy.asked) == max(1, min(3, replies.count(WRONG))), "a plan that is right is not asked for again"
    assert batch.non_tensor_batch["err_type"][0] == kind
    assert float(batch.batch["rm_scores"].sum()) == (0.0 if kind else 1.0)


def test_a_rollout_stays_within_its_length(data: Path, model: Path) -> None:
    room = len(WRONG) + 200
    batch, policy = rollout(data, model, [WRONG, PLAN], f"data.max_response_length={room}")
    assert len(policy.asked) == 1, "what is wrong and another reply have no room"
    assert batch.batch["responses"].shape[-1] == room
    assert trained_on(batch, policy) == WRONG + "<|im_end|>"


def test_verls_own_data_set_reads_our_rows(data: Path) -> None:
    import pyarrow.parquet as pq

    rows = pq.read_table(data / "answer_with_docs" / "train.parquet").to_pandas()
    row = rows.iloc[0]
    assert {"data_source", "prompt", "ability", "reward_model", "extra_info"} <= set(rows.columns)
    assert [each["role"] for each in row["prompt"]] == ["system", "user"]
    assert list(row["reward_model"]["ground_truth"]) == ["Oslo"]
