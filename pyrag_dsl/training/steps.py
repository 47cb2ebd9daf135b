"""Training steps by TRL, on a processor or a GPU: fine-tuning on plans, and GRPO by the reward of plans.

Small runs and first experiments: one process, one device. Whatever is large goes to verl (`launch`). Needs the extra
`train`; nothing of it is imported before a function is called.
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
"""What a training has logged, one step a line, beside the model that it has left."""


class TrainingUnavailable(RuntimeError):
    """Training cannot be done here: a package is missing, or there is no such model. The message says what to do."""


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """What a training has done.

    Attributes:
        steps: of the optimizer.
        first, last: loss, or mean reward, of the first and of the last step that were logged.
        moved: the greatest change of a weight.
        seconds: of wall-clock time, without loading.
        device: where.
    """

    steps: int
    first: float
    last: float
    moved: float
    seconds: float
    device: str

    def to_json(self) -> dict[str, Any]:
        """As the command prints it."""
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
    """Fine-tune a model by LoRA on chat rows, only their replies counting, and write it whole, with the adapter merged.

    Args:
        model: a folder in the format of transformers, or a name on a hub.
        rows: what `pyrag train sft-data` has written.
        out: where the model goes.
        steps: of the optimizer.
        rank: of the adapter, whose alpha is twice that.
        lr: learning rate.
        batch: rows in a step.
        length: tokens of a row at most; what is longer is cut.
        seed: of the order of rows and of the adapter.

    Raises:
        TrainingUnavailable, DataError.
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
    """GRPO on all weights of a model.

    Args:
        model: as for `fine_tune`.
        rows: with `prompt`, as messages, and the columns that the rewards read: those of `pyrag train data`.
        out: where the model goes.
        rewards: reward functions of TRL, whose sum counts: `trl_reward("plan", ...)`, `vets`.
        steps: of the optimizer.
        generations: replies to a prompt, in whose group a reply is compared.
        prompts: in one step.
        tokens: of a reply at most.
        lr: learning rate.
        temperature: of sampling.
        seed: of the order and of sampling.

    Raises:
        TrainingUnavailable, DataError.
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
    """A reward of TRL for the form alone: 1 for a reply that holds a plan as the vetter has it, else 0.

    A policy that writes no plans earns nothing by the reward of plans, and learns nothing from it: give it this one
    too, at first.
    """
    from .rewards import text_of_completion

    return [float(is_plan(text_of_completion(each))) for each in completions]


def is_plan(reply: str) -> bool:
    """Whether a reply holds a plan that would be run as it stands: vetted, with a final answer."""
    program, found = look(extract_code(reply), DEFAULT_SIGNATURES, inputs=INPUTS)
    return program is not None and not any(each.code == "PLAN211" for each in found)


def replies(
    model: str, prompts: Sequence[Sequence[Mapping[str, str]]], *, tokens: int = 256, batch: int = 8
) -> list[str]:
    """What a model replies to prompts when it does not sample. Raises `TrainingUnavailable`."""
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
    """The messages of chat rows. Raises `DataError`."""
    found = []
    for where, row in json_lines(rows):
        messages = row.get("messages")
        if not isinstance(messages, list) or len(messages) < 2 or not all(map(_is_message, messages)):
            raise DataError(f"{where}: no `messages`: rows of `pyrag train sft-data` are expected")
        found.append(messages)
    if not found:
        raise DataError(f"{rows}: no row is in it")
    return found


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(name), str) for name in ("role", "content"))


# ------------------------------------------------------------------------ parts


def needed(*packages: str) -> None:
    """Raise `TrainingUnavailable` where a package of the extra `train` is missing."""
    from importlib.util import find_spec

    for name in ("torch", *packages):
        if find_spec(name) is None:
            raise TrainingUnavailable(f"{name} is not installed: pip install 'pyrag_dsl[train]'")


def load(model: str) -> tuple[Any, Any]:
    """A model and its tokenizer, on a GPU if there is one. Raises `TrainingUnavailable`.

    The weights are float32 in any case, and what a GPU computes is bfloat16: a step of GRPO is smaller than what
    bfloat16 can tell apart, so that weights in it would not move.
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
    """Train, and write what was logged; `name` is the figure that counts."""
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
