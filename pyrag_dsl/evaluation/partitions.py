"""An evaluation in several processes, in rounds. Each round divides the unfinished questions into portions.

A process that works on a portion writes only traces, all into the same folder. The parent process reads the folder to
learn which questions are finished. So if a process dies, no question is lost or counted twice: an unfinished question
is in the next round, and resumes from its trace.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any

from .batch import Allowance, BatchProgress
from .datasets import Example
from .folder import RunFolder
from .projection import Row

MOST_VAIN = 3
"""The evaluation gives up after so many rounds in a row in which processes failed and no question was finished."""

_LOOK = 1.0  # seconds between two readings of the folder


@dataclass(frozen=True, slots=True)
class Portion:
    """The questions that one process works on in one round.

    Attributes:
        questions: unfinished questions.
        allowance: the budget of the portion.
        number: the number of the portion, from 0.
        parts: the number of portions in the round.
    """

    questions: tuple[Example, ...]
    allowance: Allowance
    number: int
    parts: int


Work = Callable[[Portion], object]
"""Asks the questions of a portion. It is sent to other processes, so it is a function of a module, or a `partial`."""

Spread = Callable[[Work, Sequence[Portion], Callable[[], object]], "list[str]"]
"""Works on several portions at the same time, and calls the last argument every second or so.

Returns one text for each portion whose process failed: how it failed.
"""


class WorkersFailed(Exception):
    """Processes failed again and again, and no question was finished. The message tells how they failed."""


def evaluate_spread(
    folder: RunFolder,
    work: Work,
    workers: int,
    spread: Spread,
    allowance: Allowance,
    told: Callable[[BatchProgress], object] | None = None,
) -> dict[str, Any]:
    """Ask the unfinished questions of a folder until all are finished or the budget is spent.

    Questions that stay unfinished although no process failed are left unfinished.

    Args:
        folder: the folder of the evaluation.
        work: the function that asks the questions of a portion.
        workers: portions in a round, at most.
        spread: how processes are started: `in_processes` or `on_cluster`.
        allowance: the budget of the whole evaluation.
        told: called with the progress after each question that is finished.

    Returns:
        The summary; see `pyrag_dsl.evaluation.folder.RunFolder.project`.

    Raises:
        WorkersFailed: processes fail again and again, and no question is finished.
    """
    progress = BatchProgress.of(folder)

    def ended(row: Row) -> None:
        progress.add(row)
        if told is not None:
            told(progress)

    def look() -> None:
        folder.refresh(ended)

    vain = 0
    try:
        while (todo := folder.todo()) and allowance.covers(folder.tokens, folder.cost):
            parts = min(workers, len(todo))
            share = allowance.without(folder.tokens, folder.cost, parts)
            failed = spread(work, [Portion(tuple(todo[at::parts]), share, at, parts) for at in range(parts)], look)
            look()
            vain = vain + 1 if len(folder.todo()) == len(todo) else 0
            if vain and not failed:
                break  # another round would leave the same questions unfinished
            if vain >= MOST_VAIN:
                raise WorkersFailed("; ".join(dict.fromkeys(failed)))
    finally:
        look()
        summary = folder.project()
    return summary


def in_processes(work: Work, parts: Sequence[Portion], look: Callable[[], object]) -> list[str]:
    """Work on each portion in a process of this machine. These processes end when this one ends, for any reason."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_process, args=(work, part), daemon=True) for part in parts]
    try:
        for process in processes:
            process.start()
        alive = list(processes)
        while alive:
            wait([process.sentinel for process in alive], _LOOK)
            alive = [process for process in alive if process.exitcode is None]
            look()
    finally:
        for process in processes:
            if process.pid is not None:
                process.kill()
                process.join()
    codes = [process.exitcode or 0 for process in processes]
    return [
        f"a worker was ended by signal {-code}" if code < 0 else f"a worker ended with status {code}"
        for code in codes
        if code
    ]


def _process(work: Work, part: Portion) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent process, which ends this one

    def with_parent() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=with_parent, daemon=True).start()
    work(part)


def on_cluster(work: Work, parts: Sequence[Portion], look: Callable[[], object]) -> list[str]:
    """Work on each portion in a task of Ray, on the cluster that RAY_ADDRESS names or that this process is part of.

    All machines of the cluster must see the folder and the corpus under the same path. Raises `ImportError` if Ray is
    not installed.
    """
    import ray

    if not ray.is_initialized():
        ray.init(log_to_driver=False, logging_level="ERROR")
    # Ray must not retry a portion whose process or machine is lost: some of its questions may be finished.
    task = ray.remote(max_retries=0, scheduling_strategy="SPREAD")(_task)
    references = [task.remote(work, part) for part in parts]
    waiting = list(references)
    try:
        while waiting:
            _, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=_LOOK)
            look()
    except BaseException:
        for reference in waiting:
            ray.cancel(reference, force=True)
        raise
    failed = []
    for reference in references:
        try:
            ray.get(reference)
        except ray.exceptions.RayError as error:
            failed.append(f"{type(error).__name__}: {str(error).strip().splitlines()[0]}")
    return failed


def _task(work: Work, part: Portion) -> None:
    work(part)
