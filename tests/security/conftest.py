"""A pool of cages: hostile plans run in processes of their own, a few at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from .cage import CANARY

CAGES = 3
ROOT = Path(__file__).resolve().parents[2]


def run_caged(jobs: Iterable[dict[str, Any]], directory: Path) -> list[dict[str, Any]]:
    """The verdicts of jobs, in no particular order."""
    shares: list[list[str]] = [[] for _ in range(CAGES)]
    for number, job in enumerate(jobs):
        shares[number % CAGES].append(json.dumps(job) + "\n")
    environment = {**os.environ, "PYRAG_CANARY": CANARY, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
    running = []
    for share in shares:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("cage.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=directory,
            env=environment,
            text=True,
        )
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
