"""Training by TRL on a CPU or a GPU: fine-tuning on plans, and GRPO by the reward of plans.

It is meant for small runs and first experiments, in one process on one device. For large runs use verl (`launch`). It
needs the extra `train`, whose packages are imported only when a function is called.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..agents.drafts import INPUTS
from ..evaluation.datasets import DataError
from ..grammar.extract import extract_code
from ..grammar.fix import look
from ..grammar.language import DEFAULT_SIGNATURES
from ..runtime.trace import replace_file
from .episodes import json_lines

HISTORY = "history.jsonl"
"""The log of a training in the folder of the trained model, with one step on each line."""


class TrainingUnavailable(RuntimeError):
    """Training is not possible here: a package is missing, or a model cannot be loaded. The message tells which."""


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """The outcome of a training.

    Attributes:
        steps: the number of steps of the optimizer.
        first, last: the loss (fine-tuning) or the mean reward (GRPO) of the first and the last logged step.
        moved: the greatest absolute change of a trained weight.
        seconds: the wall-clock time of the training, without loading the model.
        device: the device, such as "cpu" or "cuda:0".
    """

    steps: int
    first: float
    last: float
    moved: float
    seconds: float
    device: str

    def to_json(self) -> dict[str, Any]:
        """The report as JSON data, which the command prints."""
        return asdict(self)


def fine_tune(
    model: str,
    rows: Path,
    out: Path,
    *,
    steps: int,
    rank: int = 16,
    lr: float = 2e-4,
    batch: int = 4,
    length: int = 2048,
    seed: int = 42,
) -> TrainingReport:
    """Fine-tune a model by LoRA on chat rows, and write the whole model with the adapter merged.

    The loss is that of the last message of each row, which is the reply.

    Args:
        model: a folder in the format of transformers, or a name on a hub.
        rows: the file that `pyrag train sft-data` has written.
        out: the folder to which the model is written.
        steps: the number of steps of the optimizer.
        rank: the rank of the adapter. Its alpha is twice the rank.
        lr: the learning rate.
        batch: the number of rows in a step.
        length: tokens of a row, at most; longer rows are cut.
        seed: the seed of the order of rows and of the adapter.

    Raises:
        TrainingUnavailable: a package is missing, or the model cannot be loaded.
        DataError: the rows cannot be read.
    """
    needed("trl", "peft", "datasets", "transformers")
    from datasets import Dataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    pairs = [{"prompt": row[:-1], "completion": row[-1:]} for row in conversations(rows)]
    policy, tokenizer = load(model)
    adapter = LoraConfig(
        r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    arguments = SFTConfig(
        **_common(out, steps, lr, batch, seed), max_length=length, lr_scheduler_type="cosine", warmup_steps=steps // 20
    )
    trainer = SFTTrainer(
        policy, args=arguments, train_dataset=Dataset.from_list(pairs), processing_class=tokenizer, peft_config=adapter
    )
    report = _trained(trainer, out, "loss")
    merged = trainer.model.merge_and_unload()
    merged.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return report


def reinforce(
    model: str,
    rows: Sequence[Mapping[str, Any]],
    out: Path,
    rewards: Sequence[Callable[..., list[float]]],
    *,
    steps: int,
    generations: int = 4,
    prompts: int = 1,
    tokens: int = 256,
    lr: float = 1e-6,
    temperature: float = 1.0,
    seed: int = 42,
) -> TrainingReport:
    """Train all weights of a model by GRPO, and write the model.

    Args:
        model: a folder in the format of transformers, or a name on a hub.
        rows: rows of `pyrag train data`, with messages in `prompt` and the columns that the rewards read.
        out: the folder to which the model is written.
        rewards: reward functions of TRL, such as `trl_reward("plan", ...)` and `vets`. Their scores are added.
        steps: the number of steps of the optimizer.
        generations: the number of replies to a prompt, which form a group: each is compared with the others.
        prompts: the number of prompts in a step.
        tokens: tokens of a reply, at most.
        lr: the learning rate.
        temperature: the temperature of sampling.
        seed: the seed of the order of rows and of sampling.

    Raises:
        TrainingUnavailable: a package is missing, or the model cannot be loaded.
        DataError: there are no rows.
    """
    needed("trl", "datasets", "transformers")
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    if not rows:
        raise DataError("there are no rows to train on")
    policy, tokenizer = load(model)
    arguments = GRPOConfig(
        **_common(out, steps, lr, generations * prompts, seed),
        num_generations=generations,
        max_completion_length=tokens,
        temperature=temperature,
        beta=0.001,
        lr_scheduler_type="constant",
    )
    trainer = GRPOTrainer(
        policy,
        args=arguments,
        train_dataset=Dataset.from_list([dict(row) for row in rows]),
        processing_class=tokenizer,
        reward_funcs=list(rewards),
    )
    report = _trained(trainer, out, "reward")
    trainer.model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return report


def vets(prompts: Any, completions: Sequence[Any], **_columns: Any) -> list[float]:  # noqa: ARG001
    """A reward function of TRL for the form alone: 1 for a reply that holds a plan that the vetter accepts, else 0.

    A policy that writes no plans always gets 0 from the reward of plans, and so learns nothing from it. At the start of
    its training, give it this reward too.
    """
    from .rewards import text_of_completion

    return [float(is_plan(text_of_completion(each))) for each in completions]


def is_plan(reply: str) -> bool:
    """Whether a reply holds a plan that can be run without repair: the vetter accepts it, and it has a final answer."""
    program, found = look(extract_code(reply), DEFAULT_SIGNATURES, inputs=INPUTS)
    return program is not None and not any(each.code == "PLAN211" for each in found)


def replies(
    model: str, prompts: Sequence[Sequence[Mapping[str, str]]], *, tokens: int = 256, batch: int = 8
) -> list[str]:
    """The replies of a model to prompts, without sampling.

    Args:
        model: a folder in the format of transformers, or a name on a hub.
        prompts: the messages of each prompt.
        tokens: tokens of a reply, at most.
        batch: the number of prompts that are generated for at the same time.

    Raises:
        TrainingUnavailable: a package is missing, or the model cannot be loaded.
    """
    needed("transformers")
    import torch

    policy, tokenizer = load(model)
    tokenizer.padding_side = "left"
    policy.eval()
    out: list[str] = []
    for start in range(0, len(prompts), batch):
        chosen = [list(each) for each in prompts[start : start + batch]]
        texts = [tokenizer.apply_chat_template(each, add_generation_prompt=True, tokenize=False) for each in chosen]
        given = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False).to(policy.device)
        with torch.no_grad():
            made = policy.generate(**given, max_new_tokens=tokens, do_sample=False, pad_token_id=tokenizer.pad_token_id)
        out += tokenizer.batch_decode(made[:, given["input_ids"].shape[1] :], skip_special_tokens=True)
    return out


def conversations(rows: Path) -> list[list[dict[str, str]]]:
    """The messages of each row in a file of `pyrag train sft-data`. Raises `DataError`."""
    found = []
    for where, row in json_lines(rows):
        messages = row.get("messages")
        if not isinstance(messages, list) or len(messages) < 2 or not all(map(_is_message, messages)):
            raise DataError(f"{where}: no `messages`: rows of `pyrag train sft-data` are expected")
        found.append(messages)
    if not found:
        raise DataError(f"{rows}: it holds no row")
    return found


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(name), str) for name in ("role", "content"))


# ------------------------------------------------------------------------ parts


def needed(*packages: str) -> None:
    """Raise `TrainingUnavailable` if one of these packages or torch is not installed."""
    from importlib.util import find_spec

    for name in ("torch", *packages):
        if find_spec(name) is None:
            raise TrainingUnavailable(f"{name} is not installed: pip install 'pyrag_dsl[train]'")


def load(model: str) -> tuple[Any, Any]:
    """A model and its tokenizer, on a GPU if there is one. Raises `TrainingUnavailable`.

    The weights are always float32, although a GPU computes in bfloat16 during training. A step of GRPO changes a weight
    by less than bfloat16 can represent, so weights in bfloat16 would not change.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        policy = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(model)
    except (OSError, ValueError) as error:
        first = str(error).strip().partition("\n")[0]
        raise TrainingUnavailable(f"the model {model} cannot be loaded: {first}") from None
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return policy.to("cuda" if torch.cuda.is_available() else "cpu"), tokenizer


def _common(out: Path, steps: int, lr: float, batch: int, seed: int) -> dict[str, Any]:
    import torch

    gpu = torch.cuda.is_available()
    return {
        "output_dir": str(out),
        "max_steps": steps,
        "learning_rate": lr,
        "per_device_train_batch_size": batch,
        "seed": seed,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "use_cpu": not gpu,
        "bf16": gpu,
        "gradient_checkpointing": False,
        "disable_tqdm": True,
    }


def _trained(trainer: Any, out: Path, name: str) -> TrainingReport:
    """Train, write the log, and return the report. `name` is the logged figure that it reports: loss or reward."""
    before = {key: value.detach().clone() for key, value in _weights(trainer.model)}
    began = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - began
    moved = max(float((value.detach() - before[key]).abs().max()) for key, value in _weights(trainer.model))
    steps = [each for each in trainer.state.log_history if name in each]
    out.mkdir(parents=True, exist_ok=True)
    replace_file(out / HISTORY, "".join(json.dumps(each) + "\n" for each in steps))
    figures = [float(each[name]) for each in steps] or [float("nan")]
    device = str(next(trainer.model.parameters()).device)
    return TrainingReport(trainer.state.global_step, figures[0], figures[-1], moved, round(seconds, 1), device)


def _weights(model: Any) -> Iterable[tuple[str, Any]]:
    return ((name, each) for name, each in model.named_parameters() if each.requires_grad)
