"""Work for other processes that dies in the middle of it, once."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

from pyrag_dsl.cli.config import ModelChoice
from pyrag_dsl.cli.evaluating import EvaluationJob
from pyrag_dsl.cli.screen import stderr
from pyrag_dsl.cli.services import Sources
from pyrag_dsl.evaluation.batch import ask_all
from pyrag_dsl.evaluation.partitions import Portion
from pyrag_dsl.methods import load_recipe


def job_of(data: Path, out: Path, url: str, concurrency: int = 2) -> EvaluationJob:
    """The job of `runs.command`."""
    model = ModelChoice(url, "m", None, {})
    return EvaluationJob(
        recipe=load_recipe("vanilla"),
        given={},
        sources=Sources(corpus=data.parent / "c.jsonl"),
        answers=model,
        plans=model,
        prices=(None, None),
        fields={"seed": 0},
        limits={},
        out=out,
        seed=0,
        normalization="squad",
        concurrency=concurrency,
    )


def dying(job: EvaluationJob, deaths: Path, times: int, portion: Portion) -> None:
    """Ask the questions of a portion; whoever has asked one kills its process, `times` times in all."""

    def die(*_: Any) -> None:
        for number in range(times):
            try:
                (deaths / str(number)).mkdir()
            except FileExistsError:
                continue
            os.kill(os.getpid(), signal.SIGKILL)

    with job.batch(
        portion.questions, stderr(quiet=True), portion.parts, portion.number, allowance=portion.allowance
    ) as batch:
        asyncio.run(ask_all(batch, batch.opened(), die))
