"""The job of `pyrag eval` as plain data. It is carried out in this process, or sent to other processes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .config import ModelChoice
from .screen import Screen, stderr
from .searching import check_sentences
from .services import Sources, host_of, model_of
from .status import Stop

if TYPE_CHECKING:
    from ..evaluation import Batch
    from ..evaluation.datasets import Example
    from ..evaluation.partitions import Portion
    from ..methods import Recipe
    from ..models.reply import Price


@dataclass(frozen=True, kw_only=True)
class EvaluationJob:
    """A method with its models, passages and settings, and the folder for its traces.

    Attributes:
        recipe: the method.
        given: the inputs that the method was given.
        sources: where passages come from.
        answers: the model that answers.
        plans: the model that writes and repairs plans.
        prices: the prices of `answers` and of `plans`; None where a price is not known.
        fields: further fields of each request.
        limits: the limits of each question.
        out: the folder for the traces.
        seed, normalization: as in `Batch`.
        concurrency: the largest number of requests in flight.
        constrained: the value of `--constrained`.
        reader: the value of `--reader`.
    """

    recipe: Recipe
    given: Mapping[str, Any]
    sources: Sources
    answers: ModelChoice
    plans: ModelChoice
    prices: tuple[Price | None, Price | None]
    fields: Mapping[str, Any]
    limits: Mapping[str, Any]
    out: Path
    seed: int
    normalization: str
    concurrency: int
    constrained: str | None = None
    reader: str | None = None

    @contextmanager
    def batch(
        self, questions: Sequence[Example], screen: Screen, parts: int = 1, number: int = 0, **more: Any
    ) -> Iterator[Batch]:
        """Open the models and passages, and yield the questions as a batch. They are closed at the end.

        Args:
            questions: the questions of the batch.
            screen: where messages are shown.
            parts: how many processes share the requests in flight.
            number: which of these processes this is, from 0.
            more: further arguments of `Batch`.

        Raises:
            Stop: a model or the passages cannot be used as the options say.
        """
        from ..agents.roles import Models
        from ..evaluation import Batch

        concurrency = max(1, self.concurrency // parts + (number < self.concurrency % parts))
        with ExitStack() as stack:
            models = None
            if self.answers.base_url and self.answers.name:
                apart = self.plans[:2] != self.answers[:2]
                each = max(1, concurrency // 2) if apart else concurrency
                talking, writing = (
                    model_of(choice, role, screen, self.fields, each, price=price)
                    for choice, role, price in zip(
                        (self.answers, self.plans), ("answer", "plan"), self.prices, strict=True
                    )
                )
                stack.enter_context(talking)
                stack.enter_context(writing)
                models = Models.of(talking, writing if apart else talking)
            host = host_of(self.sources, models, screen, stack, reader=self.reader, constrained=self.constrained)
            check_sentences(self.recipe.needs, self.recipe.given(self.given), host.sentences)
            yield Batch(
                recipe=self.recipe,
                questions=questions,
                host=host,
                folder=self.out,
                seed=self.seed,
                at_once=2 * concurrency,
                inputs=self.given,
                limits=self.limits,
                normalization=self.normalization,
                **more,
            )


def work_on(job: EvaluationJob, part: Portion) -> None:
    """Ask the questions of a portion, in a worker process. It writes traces and nothing else."""
    from ..evaluation.batch import ask_all

    screen = stderr(quiet=True)
    try:
        with job.batch(part.questions, screen, part.parts, part.number, allowance=part.allowance) as batch:
            asyncio.run(ask_all(batch, batch.opened()))
    except Stop as stop:
        screen.say(("worker: ", "bad"), stop.message)
        raise SystemExit(stop.status) from None
