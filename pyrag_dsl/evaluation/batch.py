"""Many questions by one method: each has a trace, and the same call goes on with what has no end."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ..grammar.diagnostics import PlanError
from ..methods.answered import Answered
from ..methods.ask import answer
from ..methods.recipe import Host, Recipe
from ..runtime.trace import TraceError, replace_file
from .datasets import Example
from .projection import Row, row_of, summary_of


@dataclass(slots=True)
class BatchProgress:
    """How far it has come: told after each question.

    Attributes:
        questions: how many there are.
        ended: how many have an end.
        earlier: how many of those had it before.
        right: the sum of exact matches.
        tokens: of all models, in this call.
    """

    questions: int
    ended: int = 0
    earlier: int = 0
    right: float = 0.0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
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


async def evaluate(batch: Batch) -> dict[str, Any]:
    """Ask every question that has no end yet; the summary. Cancelled, it leaves a folder that goes on."""
    traces = batch.folder / "traces"
    traces.mkdir(parents=True, exist_ok=True)
    progress = BatchProgress(len(batch.questions))
    todo: list[Example] = []
    for question in batch.questions:
        row = _row(batch, question)
        if row is None or (batch.retry_errors and row.status == "failed"):
            if row is not None:
                (batch.folder / row.trace).unlink()
            todo.append(question)
            continue
        progress.ended += 1
        progress.earlier += 1
        progress.right += row.em
    waiting = iter(todo)
    try:
        with (batch.folder / "results.jsonl").open("a", encoding="utf-8") as results:

            async def work() -> None:
                for question in waiting:
                    await _ask(batch, question)
                    row = _row(batch, question)
                    if row is None:
                        continue
                    results.write(json.dumps(row.to_json()) + "\n")
                    results.flush()
                    progress.ended += 1
                    progress.right += row.em
                    progress.tokens += row.tokens
                    if batch.told is not None:
                        batch.told(progress)

            workers = [asyncio.ensure_future(work()) for _ in range(min(batch.at_once, len(todo)) or 1)]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
    finally:
        summary = project(batch)
    return summary


def project(batch: Batch) -> dict[str, Any]:
    """Write `results.jsonl` and `summary.json` anew from the traces; the summary."""
    rows = [row for row in (_row(batch, question) for question in batch.questions) if row is not None]
    summary = {"method": batch.recipe.name, "seed": batch.seed, **summary_of(rows, len(batch.questions))}
    replace_file(batch.folder / "results.jsonl", "".join(json.dumps(row.to_json()) + "\n" for row in rows))
    replace_file(batch.folder / "summary.json", json.dumps(summary, indent=2) + "\n")
    return summary


async def _ask(batch: Batch, question: Example) -> None:
    path = batch.folder / trace_of(question)
    resume = None
    if path.exists():
        try:
            resume = Answered.load(path).trace
        except TraceError:
            resume = None  # killed before its first line was whole
    try:
        await answer(
            batch.recipe,
            question.text,
            batch.host,
            inputs=batch.inputs,
            limits=batch.limits,
            trace=path,
            resume=resume,
            **batch.options,
        )
    except PlanError:
        return  # how it ended is in the trace


def trace_of(question: Example) -> str:
    """The file of a question, from the folder: readable, safe, and another for every id."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", question.id)[:80].strip(".") or "q"
    safe = plain if plain == question.id else f"{plain}-{blake2b(question.id.encode(), digest_size=4).hexdigest()}"
    return f"traces/{safe}.jsonl"


def _row(batch: Batch, question: Example) -> Row | None:
    name = trace_of(question)
    path = batch.folder / name
    if not path.exists():
        return None
    try:
        answered = Answered.load(path)
    except TraceError:
        return None
    return row_of(question, answered, batch.recipe.name, batch.seed, name)
