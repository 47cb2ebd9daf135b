"""A pool of cages: hostile plans run in processes of their own, a few at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .cage import CANARY

CAGES = 3
ROOT = Path(__file__).resolve().parents[2]


def new_cage(directory: Path) -> subprocess.Popen[str]:
    """A process that answers jobs with verdicts, line by line."""
    environment = {**os.environ, "PYRAG_CANARY": CANARY, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("cage.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=directory,
        env=environment,
        text=True,
    )


def run_caged(jobs: Iterable[dict[str, Any]], directory: Path) -> list[dict[str, Any]]:
    """The verdicts of jobs, in no particular order."""
    shares: list[list[str]] = [[] for _ in range(CAGES)]
    for number, job in enumerate(jobs):
        shares[number % CAGES].append(json.dumps(job) + "\n")
    running = []
    for share in shares:
        process = new_cage(directory)
        assert process.stdin is not None
        process.stdin.writelines(share)
        process.stdin.close()
        running.append(process)
    verdicts = []
    for process in running:
        assert process.stdout is not None
        verdicts += [json.loads(line) for line in process.stdout]
        assert process.wait() == 0
    return verdicts


@pytest.fixture(scope="session")
def caged(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Iterable[dict[str, Any]]], list[dict[str, Any]]]:
    """A function from jobs (`name`, `source`, `mode`, `compare`) to verdicts."""
    directory = tmp_path_factory.mktemp("cage")
    return lambda jobs: run_caged(jobs, directory)


@pytest.fixture(scope="session")
def caged_one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[dict[str, Any]], dict[str, Any]]]:
    """A function from one job to its verdict: whoever needs few of them need not wait for all."""
    process = new_cage(tmp_path_factory.mktemp("cage"))
    assert process.stdin is not None
    assert process.stdout is not None
    asks, answers = process.stdin, process.stdout

    def judged(job: dict[str, Any]) -> dict[str, Any]:
        asks.write(json.dumps(job) + "\n")
        asks.flush()
        verdict: dict[str, Any] = json.loads(answers.readline())
        return verdict

    yield judged
    asks.close()
    assert process.wait() == 0
