"""What `pyrag eval` is to do, as plain data: it is carried out here or sent to other processes."""

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
    """A method, what it works with, and where its traces go.

    Attributes:
        recipe, given: the method and the values that it was given.
        sources: where passages come from.
        answers, plans: the models.
        prices: of both.
        fields: of each request.
        limits: of each question.
        out: the folder.
        seed, normalization: see `Batch`.
        concurrency: requests in flight at most.
        constrained, reader: how plans are decoded and who reads passages, as the options say it.
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
        """The questions as a batch, with models and passages open: of one of `parts` that share the requests."""
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
    """Ask the questions of a part, in a process of its own; only traces are written."""
    from ..evaluation.batch import ask_all

    screen = stderr(quiet=True)
    try:
        with job.batch(part.questions, screen, part.parts, part.number, allowance=part.allowance) as batch:
            asyncio.run(ask_all(batch, batch.opened()))
    except Stop as stop:
        screen.say(("worker: ", "bad"), stop.message)
        raise SystemExit(stop.status) from None
