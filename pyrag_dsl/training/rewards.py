"""Rewards in the signatures of trainers: verl's `compute_score`, its asynchronous twin, and TRL's reward functions.

Every score is a dictionary of the same keys (`scores.BLANK`) whatever happened, and for the tasks of PyRAG-RL its
`score` is 0.7 `f1` + 0.3 `em`, from 0 to 1. The text alone decides: plans are run by this package's interpreter in
isolated workers, under limits that count work, over tools whose answers are kept.

verl loads them by `reward.custom_reward_function.path=pkg://pyrag_dsl.training.rewards`.
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
"""What a policy may be asked for, by the name that `extra_info["task"]` or `task=` gives."""

_SOURCES = (
    ("answer", ("answer_with_docs", "answer_no_docs", "_answer")),
    ("plan", ("_plan",)),
    ("decompose", ("_decompose",)),
    ("search_r1", ("searchr1", "search_r1", "search-r1")),
    ("r1_searcher", ("r1_searcher", "r1-searcher")),
)
_GOLDEN = ("ground_truth", "golden_answers", "answers", "reward_model")
_OF_VERL = frozenset({"reward_router_address", "reward_model_tokenizer"})  # of a generative reward model: not ours


def compute_score(
    data_source: str, solution_str: str, ground_truth: Any, extra_info: Mapping[str, Any] | None = None, **kw: Any
) -> dict[str, Any]:
    """The score of one reply, in verl's signature.

    Args:
        data_source: says which task it is: `pyrag_answer_with_docs`, `pyrag_answer_no_docs`, `pyrag_plan`,
            `pyrag_decompose` (or PyRAG's own `coderag_...`), `searchR1_...`, `r1_searcher...`.
        solution_str: the reply, without its prompt.
        ground_truth: golden answers: a text, a list or an array of texts, or `{"target": ...}`.
        extra_info: of the row: `question` and `topk` are read, and `task`, which goes before `data_source`.
        kw: `task`; `referee`, a `Referee`; or what one is made of (see `settings.VARIABLES` and `settings.OTHERS`);
            `stage` and `model` for R1-Searcher, `format_score` for Search-R1.

    Returns:
        The keys of `scores.BLANK`, on every path. `err_type` is "" where an answer was scored.

    Raises:
        RewardUnavailable: a tool of the reward is down or not named. That is no fault of the reply.
        TypeError, ValueError: an argument is not what it has to be.
    """
    made = _scored(data_source, solution_str, ground_truth, extra_info, kw)
    if isinstance(made, dict):
        return made
    referee, work = made
    return dict(referee.submit(work).result())


async def acompute_score(
    data_source: str, solution_str: str, ground_truth: Any, extra_info: Mapping[str, Any] | None = None, **kw: Any
) -> dict[str, Any]:
    """`compute_score` for callers with an event loop, which goes on meanwhile."""
    made = _scored(data_source, solution_str, ground_truth, extra_info, kw)
    if isinstance(made, dict):
        return made
    referee, work = made
    return dict(await asyncio.wrap_future(referee.submit(work)))


def trl_reward(task: str = "plan", **kw: Any) -> Callable[..., list[float]]:
    """A reward function for TRL's trainers: `reward(prompts, completions, **columns)` gives a score for each.

    Args:
        task: one of `TASKS`.
        kw: as for `compute_score`.

    Returns:
        A function that reads the columns `ground_truth`, `golden_answers`, `answers` or `reward_model` (verl's), and
        `question` or `extra_info`. All completions of a step are scored at once.
    """
    if task not in TASKS:
        raise ValueError(f"the task of a reward is one of {', '.join(TASKS)}, not {task!r}")

    def reward(prompts: Any, completions: Sequence[Any], **columns: Any) -> list[float]:  # noqa: ARG001
        golden = next(
            (
                columns[name]
                for name in ("ground_truth", "golden_answers", "answers", "reward_model")
                if name in columns
            ),
            None,
        )
        if golden is None:
            raise ValueError("the data set of this reward needs a column `ground_truth` of golden answers")
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
    """The task of a row. Raises `ValueError`."""
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
    """The score, or who works it out and how."""
    if not isinstance(solution, str):
        raise TypeError(f"solution_str is the text of a reply, not {type(solution).__name__}")
    info = extra_info if extra_info is not None else {}
    given = {name: value for name, value in kw.items() if name not in _OF_VERL}
    task = task_of(data_source, given.pop("task", None) or info.get("task"))
    golden = golden_of(ground_truth)
    if task == "answer":
        return answer_score(solution, golden)
    if task == "search_r1":
        return search_r1(solution, golden, format_score=float(given.get("format_score", 0.0)))
    if task == "r1_searcher":
        return r1_searcher(solution, golden, stage=given.get("stage", 2), model=given.get("model", "llama"))
    question = str(info.get("question") or "")
    topk = int(info.get("topk") or 5)
    referee = given.pop("referee", None) or referee_of(given)
    work = referee.plan if task == "plan" else referee.decomposition
    return referee, work(solution, question, golden, topk)


def answer_score(solution: str, golden: Sequence[str]) -> dict[str, Any]:
    """The score of a reply to an Answer prompt: what stands in its answer tags, which it must have."""
    said = "" if is_cut(solution) else read_answer(solution).text
    if not said:
        return failed("no_answer_tag")
    if not golden:
        return failed("empty_pred_or_gold", pred=said)
    return graded(said, golden)


def text_of_completion(completion: Any) -> str:
    """A completion of TRL: a text, or messages, the last of which counts."""
    if isinstance(completion, str):
        return completion
    if isinstance(completion, Sequence) and completion:
        last = completion[-1]
        content = last.get("content") if isinstance(last, Mapping) else None
        if isinstance(content, list):  # parts of a message
            content = "".join(part.get("text", "") for part in content if isinstance(part, Mapping))
        return content if isinstance(content, str) else ""
    return ""
