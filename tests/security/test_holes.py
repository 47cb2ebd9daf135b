"""Attacks of our own, kept for good: what was once a hole stays closed, what never was one stays so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

Verdict = dict[str, Any]

_ENTRY = re.compile(r"^=== (?P<name>.+?) \| (?P<wanted>.+)\n(?P<source>(?:(?!===|# ).*\n)*)", re.MULTILINE)
OUTCOMES = {"limit": "LimitExceeded"}
PROCESSOR_SECONDS = 4  # about one on a machine at rest
GROWTH = 112  # MiB: the 48 of `Limits.memory`, and 64 more, as SECURITY.md promises


def programs() -> dict[str, tuple[list[str], str]]:
    """The expectations and the text of each program, by name."""
    text = Path(__file__).with_name("holes.txt").read_text(encoding="utf-8") + "\n"
    return {m["name"]: (m["wanted"].split(" or "), m["source"]) for m in _ENTRY.finditer(text)}


PROGRAMS = programs()


@pytest.fixture(scope="module")
def verdicts(caged: Callable[[Iterable[dict[str, Any]]], list[Verdict]]) -> dict[str, Verdict]:
    jobs = [{"name": name, "source": source, "mode": "sequential"} for name, (_, source) in PROGRAMS.items()]
    return {verdict["name"]: verdict for verdict in caged(jobs)}


@pytest.mark.parametrize("name", PROGRAMS)
def test_hole_is_closed(name: str, verdicts: dict[str, Verdict]) -> None:
    wanted, verdict = PROGRAMS[name][0], verdicts[name]
    outcome = verdict["outcome"]
    assert outcome in [OUTCOMES.get(each, each) for each in wanted] or verdict.get("value") in wanted, verdict
    assert verdict["leaks"] == []
    assert verdict["untouched"]
    assert verdict["plain"]
    assert verdict["cpu"] < PROCESSOR_SECONDS, verdict
    assert verdict["grown"] < GROWTH, verdict
