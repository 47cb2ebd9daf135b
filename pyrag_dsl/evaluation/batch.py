"""Many questions by one method: each has a trace, and the same call goes on with what has no end."""

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
    """What an evaluation may spend in all, earlier calls included; None is without end.

    No question is begun once it is spent. Those under way are finished, so it may be passed by what they take.
    """

    tokens: float | None = None
    cost: float | None = None

    def covers(self, tokens: float, cost: float) -> bool:
        """Whether something is left."""
        return (self.tokens is None or tokens < self.tokens) and (self.cost is None or cost < self.cost)

    def without(self, tokens: float, cost: float, parts: int = 1) -> Allowance:
        """One of equal parts of what is left."""
        return Allowance(
            None if self.tokens is None else (self.tokens - tokens) / parts,
            None if self.cost is None else (self.cost - cost) / parts,
        )


UNLIMITED = Allowance()


@dataclass(slots=True)
class BatchProgress:
    """How far it has come: told after each question.

    Attributes:
        questions: how many there are.
        ended: how many have an end.
        earlier: how many of those had it before.
        right: the sum of exact matches.
        tokens: of all models, in this call.
        cost: in this call, in the currency of the prices; None as soon as some is unknown.
    """

    questions: int
    ended: int = 0
    earlier: int = 0
    right: float = 0.0
    tokens: int = 0
    cost: float | None = 0.0

    def add(self, row: Row) -> None:
        """Count a question that has come to its end."""
        self.ended += 1
        self.right += row.em
        self.tokens += row.tokens
        self.cost = None if self.cost is None or row.cost is None else self.cost + row.cost

    @classmethod
    def of(cls, folder: RunFolder) -> BatchProgress:
        """Where a call of today begins."""
        ended = len(folder.rows)
        return cls(len(folder.questions), ended, ended, sum(row.em for row in folder.rows.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is to be done.

    Attributes:
        recipe: the method.
        questions: in the order in which they are asked.
        host: what the method works with.
        folder: where traces, `results.jsonl` and `summary.json` are written.
        seed: of the requests; it stands in every row.
        at_once: questions under way at once.
        inputs, limits, options: as for `pyrag_dsl.methods.ask.answer`.
        retry_errors: whether questions that failed are asked again.
        told: called with the progress after each question.
        normalization: what scores make equal, by name; see `pyrag_dsl.evaluation.metrics`.
        allowance: what may be spent in all.
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
        """Its folder, with the rows of what has an end; what is to be asked again has none."""
        return opened(
            self.folder, self.questions, self.recipe.name, self.seed, self.normalization, retry=self.retry_errors
        )


def opened(
    path: Path, questions: Sequence[Example], method: str, seed: int, normalization: str, *, retry: bool
) -> RunFolder:
    """A folder with the rows of what has an end; `retry` forgets what has failed."""
    folder = RunFolder(path, questions, method, seed, normalization)
    folder.refresh()
    if retry:
        for question in questions:
            row = folder.rows.get(question.id)
            if row is not None and row.status == "failed":
                folder.forget(question)
    return folder


async def evaluate(batch: Batch) -> dict[str, Any]:
    """Ask every question that has no end yet; the summary. Cancelled, it leaves a folder that goes on."""
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
    """Ask what has no end, and write nothing but traces."""
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
    """Do `work`, which takes from what waits, so many times at once. What one raises ends the others too."""
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
            resume = None  # killed before its first line was whole
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
        # How it ended is in the trace.
        return getattr(error, "answered", None)
