"""kill -9 at any moment: what has been recorded is kept, the run goes on from there, and nothing is asked twice."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pyrag_dsl as pd
from pyrag_dsl.runtime.events import CallFinished

from . import crashing

ROOT = Path(__file__).resolve().parents[2]


def killed(trace: Path, log: Path, after: float) -> bool:
    """Start or resume the run in a process, and kill that after so many seconds. False if it had ended by itself."""
    command = [sys.executable, "-m", "tests.engine.crashing", str(trace), str(log)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(after)
        process.kill()
        return process.stdout.read() == b""


def recorded(trace: Path) -> set[str]:
    if not trace.exists():
        return set()
    return {f"{event.tool} {event.arguments['query']}" for event in pd.Trace.load(trace).of(CallFinished)}


def survives(folder: Path, dice: random.Random, expected: str) -> int:
    """One run that is killed twice and then ends; how often a kill found it at work."""
    trace, log = folder / "run.jsonl", folder / "calls.log"
    hits = 0
    for _ in range(2):
        hits += killed(trace, log, dice.uniform(0.0, 0.12))
        known, before = recorded(trace), log.read_text().splitlines() if log.exists() else []
        assert known <= set(before)
    assert crashing.work(str(trace), str(log)) == expected
    after = log.read_text().splitlines()[len(before) :]
    assert not known & set(after)
    assert len(after) == len(set(after)) == 50 - len(known)
    again = pd.run(crashing.PLAN, journal=trace, replay=True)
    assert repr(again.final_answer) == expected
    return hits


def moments(folder: Path, runs: int) -> None:
    expected = crashing.work(str(folder / "whole.jsonl"), str(folder / "whole.log"))
    dice = random.Random(20260102)
    hits = 0
    for number in range(runs):
        (folder / str(number)).mkdir()
        hits += survives(folder / str(number), dice, expected)
    assert hits > runs // 2


@pytest.mark.thorough
def test_killed_at_twenty_moments(tmp_path: Path) -> None:
    moments(tmp_path, 10)


@pytest.mark.slow
def test_killed_at_two_hundred_moments(tmp_path: Path) -> None:
    moments(tmp_path, 100)
