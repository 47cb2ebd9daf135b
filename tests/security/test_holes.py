"""Attacks of our own, kept for good: what was once a hole stays closed, what never was one stays so."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyrag_dsl.testing.meter import Bench, piece
from pyrag_dsl.testing.probes import Group, groups

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


@pytest.mark.thorough
@pytest.mark.parametrize("name", PROGRAMS)
def test_hole_is_closed(name: str, caged_one: Callable[[dict[str, Any]], Verdict]) -> None:
    wanted, source = PROGRAMS[name]
    verdict = caged_one({"name": name, "source": source, "mode": "sequential"})
    outcome = verdict["outcome"]
    assert outcome in [OUTCOMES.get(each, each) for each in wanted] or verdict.get("value") in wanted, verdict
    assert verdict["leaks"] == []
    assert verdict["untouched"]
    assert verdict["plain"]
    assert verdict["cpu"] < PROCESSOR_SECONDS, verdict
    assert verdict["grown"] < GROWTH, verdict


# What the host's own text would give away, as an argument of one value of each kind, and with all other words.
SHOWN = ("a function of any", "a wide partial", "a match of many groups")
FIRST = {group.kind: group.operand for group in reversed(list(groups()))}


@pytest.mark.thorough
@pytest.mark.parametrize(
    "group",
    [each for each in groups() if (each.given in SHOWN and each.operand == FIRST[each.kind]) or each.operand in SHOWN],
    ids=str,
)
def test_no_message_shows_an_object_of_the_host(group: Group) -> None:
    """Some of the host's own messages show what a method was given, as that of `deque.remove` does."""
    bench = Bench(group.setup)
    for probe in group.probes():
        told = piece(f"try:\n    W = {probe.use}\nexcept Exception as error:\n    W = str(error)\n")
        if told is not None:
            bench.run(told, 1_000, 2**20)
            text = bench.machine.globals.get("W")
            assert not (isinstance(text, str) and re.search(r"object at 0x|pyrag_dsl", text)), f"{probe}: {text}"
            bench.tidy()
