"""Plans that once took more than they paid for, kept for good: each ends within what the limits promise."""

from __future__ import annotations

import re
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pyrag_dsl as pd
from pyrag_dsl.testing.meter import guard, told_by

_ENTRY = re.compile(r"^=== (?P<name>.+?) \| (?P<wanted>.+)\n(?P<source>(?:(?!===|# ).*\n)*)", re.MULTILINE)
OUTCOMES = {"limit": "LimitExceeded", "failed": "PlanFailed"}
SECONDS = 4.0  # of the processor, on a machine that carries out the calibrating loop in `AT_REST`
AT_REST = 0.2
GROWTH = 220_000_000  # bytes


def retrieve(query: str, topk: int = 5) -> list[str]:
    return [query] * topk


def answer(query: str, docs: list[str] | None = None) -> str:
    return query if docs is None else docs[0]


TOOLS: dict[str, Callable[..., Any]] = {"retrieve": retrieve, "answer": answer}


def programs() -> dict[str, tuple[list[str], str]]:
    """How each program may end, and its text, by name."""
    text = Path(__file__).with_name("costs.txt").read_text(encoding="utf-8") + "\n"
    return {m["name"]: (m["wanted"].split(" or "), m["source"]) for m in _ENTRY.finditer(text)}


PROGRAMS = programs()


def pace() -> float:
    """How much longer anything takes on this machine, now, than on one at rest."""
    began = time.process_time()
    for _ in range(10**7):
        pass
    return max(1.0, (time.process_time() - began) / AT_REST)


def spent(source: str) -> tuple[str, float, int]:
    """How a plan ends, the seconds of the processor that it takes, and the bytes by which the process grows."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    try:
        pd.run(source, TOOLS)
        ended = "done"
    except pd.PlanError as error:
        ended = type(error).__name__
    took = time.process_time() - began
    return ended, took, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024


@pytest.mark.thorough
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_plan_takes_what_it_pays_for(name: str) -> None:
    wanted, source = PROGRAMS[name]

    def work(tell: Callable[[Any], None]) -> None:
        pd.run("final_answer = 1", TOOLS)  # imports are made when they are needed
        guard(int(2 * SECONDS))
        ended, took, grown = spent(source)
        tell((ended, took if took < SECONDS else took / pace(), grown))

    told = list(told_by(work))
    assert told, "the system had to end it: it was out of time or memory"
    ended, took, grown = told[0]
    assert ended in [OUTCOMES.get(each, each) for each in wanted]
    assert took < SECONDS, f"{took:.1f} s"
    assert grown < GROWTH, f"{grown / 1e6:.0f} MB"
