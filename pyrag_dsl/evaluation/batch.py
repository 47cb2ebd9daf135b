"""Many questions by one method. Each question has a trace, and the same call resumes the unfinished questions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ..grammar.diagnostics import PlanError
from ..methods.answered import Answered
from ..methods.ask import answer
from ..methods.recipe import Host, Recipe
from ..runtime.trace import TraceError
from .datasets import Example
from .folder import RunFolder
from .projection import Row


class Allowance(NamedTuple):
    """The budget of a whole evaluation. It includes what earlier calls have spent.

    No question is started once the budget is spent. Questions in progress are finished, so the evaluation may spend
    more than its budget by what these questions take.

    Attributes:
        tokens: tokens of all models; None for no limit.
        cost: the cost in the currency of the prices; None for no limit.
    """

    tokens: float | None = None
    cost: float | None = None

    def covers(self, tokens: float, cost: float) -> bool:
        """Whether a part of the budget is left after this spending."""
        return (self.tokens is None or tokens < self.tokens) and (self.cost is None or cost < self.cost)

    def without(self, tokens: float, cost: float, parts: int = 1) -> Allowance:
        """What is left of the budget after this spending, divided into equal parts: one of them."""
        return Allowance(
            None if self.tokens is None else (self.tokens - tokens) / parts,
            None if self.cost is None else (self.cost - cost) / parts,
        )


UNLIMITED = Allowance()


@dataclass(slots=True)
class BatchProgress:
    """The progress of an evaluation.

    Attributes:
        questions: the number of questions.
        ended: the number of finished questions.
        earlier: the number of questions that were finished before this call.
        right: the sum of exact matches of the finished questions.
        tokens: the tokens of all models for the questions that were finished in this call.
        cost: the cost of the same questions, in the currency of the prices; None if that of one of them is unknown.
    """

    questions: int
    ended: int = 0
    earlier: int = 0
    right: float = 0.0
    tokens: int = 0
    cost: float | None = 0.0

    def add(self, row: Row) -> None:
        """Count a question that was finished in this call."""
        self.ended += 1
        self.right += row.em
        self.tokens += row.tokens
        self.cost = None if self.cost is None or row.cost is None else self.cost + row.cost

    @classmethod
    def of(cls, folder: RunFolder) -> BatchProgress:
        """The progress at the beginning of a call, by the rows of the folder."""
        ended = len(folder.rows)
        return cls(len(folder.questions), ended, ended, sum(row.em for row in folder.rows.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """An evaluation that is to be carried out.

    Attributes:
        recipe: the method.
        questions: the questions, in the order in which they are asked.
        host: the models, the retriever and the tools of the method.
        folder: the folder in which traces, `results.jsonl` and `summary.json` are written.
        seed: the seed of the requests to the models. It is recorded in each row.
        at_once: questions in progress at the same time, at most.
        inputs, limits, options: arguments for each question; see `pyrag_dsl.methods.ask.answer`.
        retry_errors: whether questions with the status "failed" are asked again.
        told: called with the progress after each question that is finished.
        normalization: the name of the normalization for scores; see `pyrag_dsl.evaluation.metrics`.
        allowance: the budget of the whole evaluation.
    """

    recipe: Recipe
    questions: Sequence[Example]
    host: Host
    folder: Path
    seed: int = 0
    at_once: int = 8
    inputs: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    retry_errors: bool = False
    told: Callable[[BatchProgress], object] | None = None
    normalization: str = "squad"
    allowance: Allowance = UNLIMITED

    def opened(self) -> RunFolder:
        """The folder, with a row for each finished question that is not to be asked again."""
        return opened(
            self.folder, self.questions, self.recipe.name, self.seed, self.normalization, retry=self.retry_errors
        )


def opened(
    path: Path, questions: Sequence[Example], method: str, seed: int, normalization: str, *, retry: bool
) -> RunFolder:
    """Open the folder of an evaluation, with a row for each finished question.

    Args:
        path: the folder. It is made if there is none.
        questions: the questions, in the order of the rows.
        method: the name of the method.
        seed: the seed of the requests to the models.
        normalization: the name of the normalization for scores.
        retry: whether to remove the traces and rows of questions that failed, so that they are asked again.
    """
    folder = RunFolder(path, questions, method, seed, normalization)
    folder.refresh()
    if retry:
        for question in questions:
            row = folder.rows.get(question.id)
            if row is not None and row.status == "failed":
                folder.forget(question)
    return folder


async def evaluate(batch: Batch) -> dict[str, Any]:
    """Ask the unfinished questions until all are finished or the budget is spent, and return the summary.

    If this is cancelled, the results so far are in the folder, and the same call resumes from them.
    """
    folder = batch.opened()
    try:
        with (batch.folder / "results.jsonl").open("a", encoding="utf-8") as results:

            def told(progress: BatchProgress, row: Row) -> None:
                results.write(json.dumps(row.to_json()) + "\n")
                results.flush()
                if batch.told is not None:
                    batch.told(progress)

            await ask_all(batch, folder, told)
    finally:
        summary = folder.project()
    return summary


async def ask_all(
    batch: Batch, folder: RunFolder, told: Callable[[BatchProgress, Row], object] = lambda *_: None
) -> None:
    """Ask the unfinished questions, and write only traces. `told` gets the progress and each new row."""
    progress = BatchProgress.of(folder)
    todo = folder.todo()
    waiting = iter(todo)

    async def work() -> None:
        for question in waiting:
            if not batch.allowance.covers(folder.tokens, folder.cost):
                return
            answered = await _ask(batch, folder, question)
            row = None if answered is None else folder.take(question, answered)
            if row is not None:
                progress.add(row)
                told(progress, row)

    await side_by_side(work, min(batch.at_once, len(todo)))


async def side_by_side(work: Callable[[], Coroutine[Any, Any, None]], count: int) -> None:
    """Run `count` concurrent tasks of `work`, which takes items from a shared queue until it is empty.

    If a task raises an exception, the others are cancelled and the exception is raised.
    """
    workers = [asyncio.ensure_future(work()) for _ in range(count)]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def _ask(batch: Batch, folder: RunFolder, question: Example) -> Answered | None:
    path = folder.trace_of(question)
    resume = None
    if path.exists():
        try:
            resume = Answered.load(path).trace
        except TraceError:
            resume = None  # the process was killed while it wrote the first line
    try:
        return await answer(
            batch.recipe,
            question.text,
            batch.host,
            inputs=batch.inputs,
            limits=batch.limits,
            trace=path,
            resume=resume,
            **batch.options,
        )
    except PlanError as error:
        # The failure is in the trace, from which the row is made.
        return getattr(error, "answered", None)
