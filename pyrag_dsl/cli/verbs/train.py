"""`pyrag train`: make data sets for training, and train models."""

from __future__ import annotations

import json
import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import options as o
from .. import status
from ..screen import Screen, stderr, write
from ..status import Stop

if TYPE_CHECKING:
    from ...training.episodes import Episode
    from ...training.sets import HeldOut

_Traces = Annotated[
    list[Path] | None, typer.Option("--traces", metavar="DIR", help="A folder of `pyrag eval`; may be repeated.")
]
_Results = Annotated[
    list[Path] | None,
    typer.Option("--results", metavar="FILE", help="A result file of PyRAG (JSON Lines); may be repeated."),
]
_Exclude = Annotated[
    list[Path] | None,
    typer.Option("--exclude", metavar="FILE", help="Questions of an evaluation. They are left out of the data."),
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the counts and one row, and write nothing.")]


class SetName(str, Enum):
    """A data set of PyRAG-RL."""

    answer_with_docs = "answer_with_docs"
    answer_no_docs = "answer_no_docs"
    plan = "plan"
    decompose = "decompose"


class Stage(str, Enum):
    """The stages of the curriculum, in their order."""

    answer = "answer"
    plan = "plan"
    decompose = "decompose"


class Category(str, Enum):
    """How the last answer of an episode is judged."""

    correct = "correct"
    wrong_facts_ok = "wrong_facts_ok"
    wrong_facts_bad = "wrong_facts_bad"


def add(app: typer.Typer) -> None:
    verbs = typer.Typer(no_args_is_help=True, help="Make data sets from plans, and train models with them.")
    verbs.command(
        epilog=o.examples(
            "pyrag train data --traces runs/hotpot --questions nq.jsonl --exclude dev.jsonl --out verl_data",
            "pyrag train data --results result.jsonl --out verl_data --dry-run",
        )
    )(data)
    verbs.command(
        "sft-data", epilog=o.examples("pyrag train sft-data --traces runs/seed1 --traces runs/seed2 --out plans.jsonl")
    )(sft_data)
    verbs.command(
        epilog=o.examples(
            "pyrag train launch --stage answer --from Qwen/Qwen2.5-7B-Instruct --data verl_data --out ckpt/answer",
            "pyrag train launch --stage plan --from MERGED --data verl_data --out ckpt/plan "
            "--reward retriever=http://127.0.0.1:8008 -- trainer.n_gpus_per_node=4",
        ),
    )(launch)
    verbs.command(epilog=o.examples("pyrag train sft --model SmolLM2 --data plans.jsonl --out tuned --steps 100"))(sft)
    verbs.command(
        epilog=o.examples("pyrag train grpo --model tuned --data plan/train.parquet --corpus c.jsonl --out new")
    )(grpo)
    app.add_typer(verbs, name="train")


def data(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="The folder for the data sets; each set gets a folder in it.")
    ],
    traces: _Traces = None,
    results: _Results = None,
    questions: Annotated[
        list[Path] | None,
        typer.Option("--questions", metavar="FILE", help="Questions with golden answers, with or without passages."),
    ] = None,
    exclude: _Exclude = None,
    sets: Annotated[list[SetName] | None, typer.Option("--set", help="A set to make; all four by default.")] = None,
    seed: Annotated[
        int, typer.Option(metavar="S", help="The seed of the split, of the order and of --topk-choice.")
    ] = 42,
    val_ratio: Annotated[
        float, typer.Option(min=0.0, max=1.0, metavar="R", help="The share of the questions for validation.")
    ] = 0.02,
    topk: Annotated[
        int, typer.Option(min=1, max=o.MOST_PASSAGES, metavar="N", help="The number of passages in a prompt.")
    ] = 5,
    topk_choices: Annotated[
        list[int] | None,
        typer.Option(
            "--topk-choice",
            min=1,
            max=o.MOST_PASSAGES,
            metavar="N",
            help="One of several numbers of passages, drawn for each row; may be repeated.",
        ),
    ] = None,
    data_source_filter: Annotated[
        str, typer.Option(metavar="NAME", help="Use only questions with this data_source for answer_with_docs.")
    ] = "",
    max_per_input: Annotated[
        int, typer.Option(min=-1, metavar="N", help="The most rows of answer_with_docs from one file; -1 for all.")
    ] = -1,
    keep_categories: Annotated[
        list[Category] | None,
        typer.Option(
            "--keep-category", help="A category to keep in answer_no_docs; correct and wrong_facts_ok by default."
        ),
    ] = None,
    only_correct: Annotated[
        bool, typer.Option("--only-correct", help="Leave out plans that gave wrong answers.")
    ] = False,
    dry_run: _DryRun = False,
    quiet: o.Quiet = False,
) -> int:
    """Make the four data sets of PyRAG-RL, as verl reads them.

    The questions of --exclude are left out, recognized by id or by text. A question is in the same split in every set.
    """
    from ...evaluation import DataError, read_questions
    from ...training.rows import CATEGORIES
    from ...training.sets import SetOptions, build
    from ...training.sets import write as write_sets

    screen = stderr(quiet=quiet)
    episodes, held_out = _read(traces, results, exclude, needed=not questions)
    options = SetOptions(
        seed=seed,
        val_ratio=val_ratio,
        topk=topk,
        topk_choices=tuple(topk_choices or ()),
        data_source_filter=data_source_filter,
        max_per_input=max_per_input,
        keep_categories=tuple(each.value for each in keep_categories or ()) or CATEGORIES[:2],
        only_correct=only_correct,
    )
    wanted = [each.value for each in sets or SetName]
    try:
        asked = [read_questions(path) for path in questions or ()]
        made = build(episodes, asked, held_out, options, wanted)
        if not dry_run:
            write_sets(made, out)
    except DataError as error:
        raise Stop(str(error)) from None
    for name, found in made.items():
        counts = ", ".join(f"{len(kept)} {split}" for split, kept in found.splits.items())
        write(sys.stdout, f"{name}: {counts}{_left_out(found.dropped)}\n")
        sample = next((row for kept in found.splits.values() for row in kept), None)
        if dry_run and sample is not None:
            write(sys.stdout, json.dumps(sample, indent=2, ensure_ascii=False) + "\n")
    _said(screen, dry_run, out)
    return status.OK


def sft_data(
    out: Annotated[Path, typer.Option(metavar="FILE.jsonl", help="The file for the rows.")],
    traces: _Traces = None,
    results: _Results = None,
    exclude: _Exclude = None,
    per_question: Annotated[int, typer.Option(min=1, metavar="N", help="The most plans of one question.")] = 1,
    dry_run: _DryRun = False,
    quiet: o.Quiet = False,
) -> int:
    """Make rows for supervised fine-tuning: for each question, the shortest plan with a right, supported answer.

    With folders of several seeds, there are several plans for a question to choose from. The answer of a plan must be a
    golden one, and must depend on passages. To check that, the plan is run again on its trace.
    """
    from ...runtime.trace import replace_file
    from ...training.sft import chosen

    screen = stderr(quiet=quiet)
    episodes, held_out = _read(traces, results, exclude, needed=True)
    found = chosen(episodes, held_out, per_question=per_question)
    if not dry_run:
        try:
            replace_file(out, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found.rows))
        except OSError as error:
            raise Stop(f"--out {out}: {error.strerror or error}") from None
    write(sys.stdout, f"{len(found.rows)} rows of {len(episodes)} episodes{_left_out(found.dropped)}\n")
    if dry_run and found.rows:
        write(sys.stdout, json.dumps(found.rows[0], indent=2, ensure_ascii=False) + "\n")
    _said(screen, dry_run, out)
    return status.OK


def launch(
    stage: Annotated[Stage, typer.Option(help="The role that is trained.")],
    start: Annotated[str, typer.Option("--from", metavar="CKPT", help="The model from which training starts.")],
    data: Annotated[Path, typer.Option(metavar="DIR", help="The folder that `pyrag train data` has written.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder for checkpoints.")],
    reward: Annotated[
        list[str] | None,
        typer.Option("--reward", metavar="NAME=VALUE", help="A setting of the reward: retriever, answer_url, ..."),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[OVERRIDE]...", help="Further overrides of the configuration of verl."),
    ] = None,
    repairs: Annotated[
        int, typer.Option(min=0, metavar="N", help="How often a policy may repair a failed plan in its rollout.")
    ] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the command, and do not start it.")] = False,
) -> int:
    """Train one role with verl, with the settings of PyRAG-RL.

    The order of the stages is answer, plan, decompose. Each stage starts from the model of the stage before.
    """
    import os
    import shlex
    import subprocess

    from ...training.launch import Launch, LaunchError, check_installed

    given = {}
    for each in reward or ():
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise Stop(f"--reward {each}: write it as NAME=VALUE")
        given[name] = value
    try:
        command = Launch(stage.value, start, data, out, given, repairs=repairs, more=overrides or ()).command(
            os.environ
        )
        if dry_run:
            write(sys.stdout, shlex.join(["python", *command[1:]]) + "\n")
            return status.OK
        check_installed()
    except LaunchError as error:
        raise Stop(str(error)) from None
    return subprocess.call(command)


_Start = Annotated[
    str, typer.Option(metavar="MODEL", help="A folder in the format of transformers, or a name on the hub.")
]
_Left = Annotated[Path, typer.Option(metavar="DIR", help="The folder for the model and its history.")]


def sft(
    model: _Start,
    data: Annotated[Path, typer.Option(metavar="FILE.jsonl", help="The file that `pyrag train sft-data` has written.")],
    out: _Left,
    steps: Annotated[int, typer.Option(min=1, metavar="N", help="Steps of the optimizer.")] = 100,
    rank: Annotated[int, typer.Option(min=1, metavar="N", help="The rank of the adapter (LoRA).")] = 16,
    lr: Annotated[float, typer.Option(metavar="X", help="Learning rate.")] = 2e-4,
    batch: Annotated[int, typer.Option(min=1, metavar="N", help="The number of rows in a step.")] = 4,
    length: Annotated[int, typer.Option(min=16, metavar="N", help="The most tokens of a row.")] = 2048,
    seed: Annotated[int, typer.Option(metavar="S", help="The seed of the order and of the adapter.")] = 42,
) -> int:
    """Fine-tune a model on plans with LoRA, on this machine and its GPU, if it has one. Needs the extra `train`."""
    from ...evaluation import DataError
    from ...training.steps import TrainingUnavailable, fine_tune

    try:
        report = fine_tune(model, data, out, steps=steps, rank=rank, lr=lr, batch=batch, length=length, seed=seed)
    except (DataError, TrainingUnavailable) as error:
        raise Stop(str(error)) from None
    write(sys.stdout, json.dumps(report.to_json()) + "\n")
    return status.OK


def grpo(
    model: _Start,
    data: Annotated[Path, typer.Option(metavar="FILE.parquet", help="Rows of the set `plan`.")],
    out: _Left,
    corpus: o.Corpus = None,
    retriever: o.Retriever = None,
    index: o.Index = None,
    steps: Annotated[int, typer.Option(min=1, metavar="N", help="Steps of the optimizer.")] = 10,
    generations: Annotated[int, typer.Option(min=2, metavar="N", help="The number of replies to a prompt.")] = 4,
    tokens: Annotated[int, typer.Option(min=8, metavar="N", help="The most tokens of a reply.")] = 512,
    lr: Annotated[float, typer.Option(metavar="X", help="Learning rate.")] = 1e-6,
    form: Annotated[bool, typer.Option("--form", help="Add 1 to the reward of a reply that is a valid plan.")] = False,
    seed: Annotated[int, typer.Option(metavar="S", help="The seed of the order and of sampling.")] = 42,
) -> int:
    """Train a model with GRPO and the reward of plans, on this machine and its GPU, if any. Needs the extra `train`.

    Passages come from --corpus or --retriever. The embedded reader answers, unless PYRAG_REWARD_ANSWER_URL and
    PYRAG_REWARD_ANSWER_MODEL name a model.
    """
    from ...evaluation import DataError
    from ...retrieval.errors import CorpusError, IndexStorageError
    from ...training import RewardUnavailable, trl_reward
    from ...training.sets import read_rows
    from ...training.settings import referee_of
    from ...training.steps import TrainingUnavailable, reinforce, vets

    if (corpus is None) == (retriever is None):
        raise Stop("give either --corpus FILE or --retriever URL, from which the passages come")
    named = {"corpus": corpus, "retriever": retriever, "index": index}
    settings = {name: str(value) for name, value in named.items() if value is not None}
    try:
        rewards = [trl_reward("plan", referee=referee_of(settings)), *([vets] if form else [])]
        rows = read_rows(data)
        report = reinforce(
            model, rows, out, rewards, steps=steps, generations=generations, tokens=tokens, lr=lr, seed=seed
        )
    except (DataError, TrainingUnavailable, RewardUnavailable, CorpusError, IndexStorageError, ValueError) as error:
        raise Stop(str(error)) from None
    write(sys.stdout, json.dumps(report.to_json()) + "\n")
    return status.OK


def _read(
    traces: list[Path] | None, results: list[Path] | None, exclude: list[Path] | None, *, needed: bool
) -> tuple[list[Episode], HeldOut]:
    """The episodes that the options name, and the questions that must be left out. Raises Stop."""
    from ...evaluation import DataError
    from ...training.episodes import read_episodes
    from ...training.sets import HeldOut

    if needed and not traces and not results:
        raise Stop("no data for training: give --traces DIR or --results FILE")
    for folder in traces or ():
        if not folder.is_dir():
            raise Stop(f"--traces {folder}: there is no such folder")
    for file in results or ():
        if file.is_dir():
            raise Stop(f"--results {file}: this is a folder; give a folder of `pyrag eval` with --traces")
    try:
        episodes = [each for place in [*(traces or ()), *(results or ())] for each in read_episodes(place)]
        return episodes, HeldOut(exclude or ())
    except DataError as error:
        raise Stop(str(error)) from None


def _left_out(dropped: Any) -> str:
    parts = ", ".join(f"{count} {reason}" for reason, count in sorted(dropped.items()))
    return f"; left out: {parts}" if parts else ""


def _said(screen: Screen, dry_run: bool, out: Path) -> None:
    screen.line(("nothing was written", "dim") if dry_run else (f"written to {out}", "dim"))
