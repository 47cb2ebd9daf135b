"""One run in several processes: its questions are dealt out, and what has no end after that is dealt out again.

A part is a list of questions. Whoever works on it writes their traces into the one folder, and nothing else; who deals
them out looks at the folder. So a process that dies costs no question and none is counted twice: what has no end is in
the next round, and goes on from its trace.
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
"""Rounds in which processes died and no question came to its end, after which it is given up."""

_LOOK = 1.0  # seconds between looks at the folder


@dataclass(frozen=True, slots=True)
class Portion:
    """What one process works on.

    Attributes:
        questions: without an end.
        allowance: what it may spend.
        number: of the part, from 0; there are `parts`.
    """

    questions: tuple[Example, ...]
    allowance: Allowance
    number: int
    parts: int


Work = Callable[[Portion], object]
"""Asks the questions of a part. It is sent to other processes: a function of a module, or a `partial` of one."""

Spread = Callable[[Work, Sequence[Portion], Callable[[], object]], "list[str]"]
"""Works on parts at once, calling the last argument now and then; what went wrong, one text for each that did."""


class WorkersFailed(Exception):
    """Processes die, and nothing comes to its end. The message says what they left."""


def evaluate_spread(
    folder: RunFolder,
    work: Work,
    workers: int,
    spread: Spread,
    allowance: Allowance,
    told: Callable[[BatchProgress], object] | None = None,
) -> dict[str, Any]:
    """Bring all questions of a folder to their end, or spend what may be spent; the summary.

    Raises `WorkersFailed`.
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
                break  # what is left cannot come to an end
            if vain >= MOST_VAIN:
                raise WorkersFailed("; ".join(dict.fromkeys(failed)))
    finally:
        look()
        summary = folder.project()
    return summary


def in_processes(work: Work, parts: Sequence[Portion], look: Callable[[], object]) -> list[str]:
    """Work on parts in processes of this machine. Whatever ends this one ends them."""
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
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that deals out decides

    def with_parent() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=with_parent, daemon=True).start()
    work(part)


def on_cluster(work: Work, parts: Sequence[Portion], look: Callable[[], object]) -> list[str]:
    """Work on parts by Ray, on the cluster that RAY_ADDRESS names or that this process is connected to.

    All its machines have to see the folder and the corpus under the same path. Raises `ImportError` without Ray.
    """
    import ray

    if not ray.is_initialized():
        ray.init(log_to_driver=False, logging_level="ERROR")
    # A part whose process or machine is lost is not worked on again as it was: half of it may have come to its end.
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
