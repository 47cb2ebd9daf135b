"""Rewards in the signatures of trainers: verl's `compute_score`, its asynchronous twin, and TRL's reward functions.

Every score is a dictionary with the keys of `scores.BLANK`, also for a reply that failed. For the tasks of PyRAG-RL,
its `score` is 0.7 `f1` + 0.3 `em`, from 0 to 1. The score depends on the text of the reply only: plans are run by the
interpreter of this package in isolated workers, with limits that count steps, and with tools whose results are kept.

verl loads these functions with `reward.custom_reward_function.path=pkg://pyrag_dsl.training.rewards`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from ..agents.prompts import is_cut, read_answer
from .referee import Referee
from .rivals import r1_searcher, search_r1
from .scores import failed, golden_of, graded
from .settings import referee_of

TASKS = ("answer", "plan", "decompose", "search_r1", "r1_searcher")
"""The tasks of a policy, as `extra_info["task"]` or `task=` names them."""

_SOURCES = (
    ("answer", ("answer_with_docs", "answer_no_docs", "_answer")),
    ("plan", ("_plan",)),
    ("decompose", ("_decompose",)),
    ("search_r1", ("searchr1", "search_r1", "search-r1")),
    ("r1_searcher", ("r1_searcher", "r1-searcher")),
)
_GOLDEN = ("ground_truth", "golden_answers", "answers", "reward_model")
# Arguments of verl for a generative reward model, which are ignored.
_OF_VERL = frozenset({"reward_router_address", "reward_model_tokenizer"})


def compute_score(
    data_source: str, solution_str: str, ground_truth: Any, extra_info: Mapping[str, Any] | None = None, **kw: Any
) -> dict[str, Any]:
    """The score of one reply, in the signature of verl.

    Args:
        data_source: the name of the data set, which selects the task: `pyrag_answer_with_docs`, `pyrag_answer_no_docs`,
            `pyrag_plan`, `pyrag_decompose` (or `coderag_...` of PyRAG), `searchR1_...`, `r1_searcher...`.
        solution_str: the reply, without its prompt.
        ground_truth: the golden answers: a text, a list or an array of texts, or `{"target": ...}`.
        extra_info: further fields of the row: `question`, `topk`, and `task`, which replaces the task of `data_source`.
        kw: `task`, which replaces both; a `referee`, or the settings to make one (see `settings.VARIABLES` and
            `settings.OTHERS`); `stage` and `model` for R1-Searcher; `format_score` for Search-R1.

    Returns:
        A dictionary with the keys of `scores.BLANK`. `err_type` is "" if an answer was scored.

    Raises:
        RewardUnavailable: a tool of the reward is down or not named, which is not a fault of the reply.
        TypeError, ValueError: an argument has a wrong type or value.
    """
    made = _scored(data_source, solution_str, ground_truth, extra_info, kw)
    if isinstance(made, dict):
        return made
    referee, work = made
    return dict(referee.submit(work).result())


async def acompute_score(
    data_source: str, solution_str: str, ground_truth: Any, extra_info: Mapping[str, Any] | None = None, **kw: Any
) -> dict[str, Any]:
    """`compute_score` as a coroutine, which does not block the event loop of the caller."""
    made = _scored(data_source, solution_str, ground_truth, extra_info, kw)
    if isinstance(made, dict):
        return made
    referee, work = made
    return dict(await asyncio.wrap_future(referee.submit(work)))


async def problems_of(
    data_source: str, solution_str: str, extra_info: Mapping[str, Any] | None = None, **kw: Any
) -> tuple[str, tuple[str, ...]]:
    """The plan in a reply, and its problems as lines for a model; no problems if it gave an answer.

    Arguments and errors are those of `compute_score`. A reply of another task than `plan` has no plan and no problems.
    """
    task, info, given = _read(data_source, extra_info, kw)
    if task != "plan":
        return "", ()
    referee, question, topk = _execution(info, given)
    source, wrong = await asyncio.wrap_future(referee.submit(referee.wrong(solution_str, question, topk)))
    return source, wrong


def trl_reward(task: str = "plan", **kw: Any) -> Callable[..., list[float]]:
    """Make a reward function for the trainers of TRL.

    Args:
        task: one of `TASKS`.
        kw: as for `compute_score`.

    Returns:
        A function `reward(prompts, completions, **columns)` that returns a score for each completion. It reads the
        golden answers from the first column that exists of `ground_truth`, `golden_answers`, `answers` and
        `reward_model`, and the question from `question` or `extra_info`. It scores all completions of a step
        concurrently.

    Raises:
        ValueError: the task is unknown.
    """
    if task not in TASKS:
        raise ValueError(f"the task of a reward is one of {', '.join(TASKS)}, not {task!r}")

    def reward(prompts: Any, completions: Sequence[Any], **columns: Any) -> list[float]:  # noqa: ARG001
        golden = next(
            (columns[name] for name in _GOLDEN if name in columns),
            None,
        )
        if golden is None:
            raise ValueError("the data set of this reward needs a column `ground_truth` with golden answers")
        more = columns.get("extra_info") or [{}] * len(completions)
        questions = columns.get("question") or [each.get("question", "") for each in more]
        pending = []
        for completion, truth, info, question in zip(completions, golden, more, questions, strict=True):
            given = {**info, "question": question, "task": task}
            pending.append(_scored("", text_of_completion(completion), truth, given, dict(kw)))
        futures = [each if isinstance(each, dict) else each[0].submit(each[1]) for each in pending]
        return [float((each if isinstance(each, dict) else each.result())["score"]) for each in futures]

    reward.__name__ = f"pyrag_{task}"
    return reward


def task_of(data_source: str, task: str | None = None) -> str:
    """The task of a row: `task` if it is given, else that of the data source. Raises `ValueError`."""
    if task is not None:
        if task not in TASKS:
            raise ValueError(f"the task of a reward is one of {', '.join(TASKS)}, not {task!r}")
        return task
    name = str(data_source).lower()
    if name in TASKS:
        return name
    for found, marks in _SOURCES:
        if any(mark in name for mark in marks):
            return found
    raise ValueError(f"no reward for the data source {data_source!r}: give task= one of {', '.join(TASKS)}")


_Work = dict[str, Any] | tuple[Referee, Coroutine[Any, Any, dict[str, Any]]]


def _scored(
    data_source: str, solution: Any, ground_truth: Any, extra_info: Mapping[str, Any] | None, kw: dict[str, Any]
) -> _Work:
    """The score; or a referee with the coroutine that computes it, if a plan has to be run."""
    if not isinstance(solution, str):
        raise TypeError(f"solution_str must be the text of a reply, not {type(solution).__name__}")
    task, info, given = _read(data_source, extra_info, kw)
    golden = golden_of(ground_truth)
    if task == "answer":
        return answer_score(solution, golden)
    if task == "search_r1":
        return search_r1(solution, golden, format_score=float(given.get("format_score", 0.0)))
    if task == "r1_searcher":
        return r1_searcher(solution, golden, stage=given.get("stage", 2), model=given.get("model", "llama"))
    referee, question, topk = _execution(info, given)
    work = referee.plan if task == "plan" else referee.decomposition
    return referee, work(solution, question, golden, topk)


def _read(
    data_source: str, extra_info: Mapping[str, Any] | None, kw: Mapping[str, Any]
) -> tuple[str, Mapping[str, Any], dict[str, Any]]:
    """The task of a row, its further columns, and the settings of the reward."""
    info = extra_info if extra_info is not None else {}
    given = {name: value for name, value in kw.items() if name not in _OF_VERL}
    return task_of(data_source, given.pop("task", None) or info.get("task")), info, given


def _execution(info: Mapping[str, Any], given: dict[str, Any]) -> tuple[Referee, str, int]:
    """The referee of these settings, the question of a row, and the default top-k of its retrieves."""
    referee = given.pop("referee", None) or referee_of(given)
    return referee, str(info.get("question") or ""), int(info.get("topk") or 5)


def answer_score(solution: str, golden: Sequence[str]) -> dict[str, Any]:
    """The score of a reply to an Answer prompt, by the text in its answer tags. Without the tags, it fails."""
    said = "" if is_cut(solution) else read_answer(solution).text
    if not said:
        return failed("no_answer_tag")
    if not golden:
        return failed("empty_pred_or_gold", pred=said)
    return graded(said, golden)


def text_of_completion(completion: Any) -> str:
    """The text of a completion of TRL, which is a text itself, or messages of which the last one is used."""
    if isinstance(completion, str):
        return completion
    if isinstance(completion, Sequence) and completion:
        last = completion[-1]
        content = last.get("content") if isinstance(last, Mapping) else None
        if isinstance(content, list):  # parts of a message
            content = "".join(part.get("text", "") for part in content if isinstance(part, Mapping))
        return content if isinstance(content, str) else ""
    return ""
