"""What regular expressions cost in a plan, against the standard library's, and how soon attacks are stopped.

python benchmarks/regexes.py
"""

from __future__ import annotations

import platform
import re
from collections.abc import Callable
from datetime import datetime
from functools import partial
from importlib.metadata import version
from statistics import median, quantiles
from time import perf_counter
from typing import Any

from pyrag_dsl.interpreter.journal import Journal
from pyrag_dsl.interpreter.limits import LimitHit, Limits
from pyrag_dsl.interpreter.machine import Machine
from pyrag_dsl.interpreter.regexes import FAST_WORK, MEMBERS, compile_pattern

PASSAGE = "He was born in the year 1967 in the city of Paris, France, and grew up in Lyon. " * 8
USUAL = [
    r"\d{4}",
    r"born in (.*?)\d{4}",
    r"\b([A-Z][a-z]+)\b",
    r"([A-Z]\w+)\s(\w+).*(\d{4})",
    r"(?i)paris|lyon",
    r"^(.*), (.*) and (.*)$",
]
ATTACKS = {
    r"^([a-zA-Z0-9]+\s?)+$": "a" * 40 + "!",
    r"(a+)+$": "a" * 40 + "!",
    r"^(\w+\s?)*(BC|AD)$": "a" * 40 + "!",
    r"(x+x+)+y": "x" * 200,
    r"(?:a?){500}a{500}": "a" * 500,
    r".*.*.*.*x": "a" * 10_000,
    r"\s+$": " " * 200_000 + "x",
    r"(.*)\1\1\1\1b": "ab" * 3_000,
    r"(((a{1,100}){1,100}){1,100}){1,100}$": "a" * 100 + "b",
    "(" * 900 + "a" + ")" * 900: "a",
}


def machine() -> Machine:
    limits = Limits(steps=10**12, memory=10**12)
    return Machine({}, limits, Journal(), {}, frozenset(), None, None, datetime(2024, 1, 1))


def timed(function: Callable[[], Any], times: int, rounds: int = 9) -> tuple[float, float]:
    """Median and interquartile range of the seconds of one call."""
    seconds = []
    for _ in range(rounds):
        start = perf_counter()
        for _ in range(times):
            function()
        seconds.append((perf_counter() - start) / times)
    low, _, high = quantiles(seconds, n=4)
    return median(seconds), high - low


def main() -> None:
    versions = f"Python {platform.python_version()}, regex {version('regex')}"
    print(f"{versions}, a passage of {len(PASSAGE)} characters")
    print(f"\n{'search, median (IQR) in us':40} {'re':>14} {'plan':>14}  engine")
    search = MEMBERS["search"].call
    for pattern in USUAL:
        on = machine()
        slow = compile_pattern(on, pattern).cost.work(len(PASSAGE), True) > FAST_WORK
        cells = [
            f"{middle * 1e6:7.2f} ({spread * 1e6:4.2f})"
            for middle, spread in (
                timed(partial(re.search, pattern, PASSAGE), 2_000),
                timed(partial(search, on, pattern, PASSAGE), 2_000),
            )
        ]
        print(f"{pattern:40} {cells[0]:>14} {cells[1]:>14}  {'regex' if slow else 're'}")
    print(f"\n{'attacks, median (IQR) in ms':40} {'to the end':>16}  with")
    for pattern, text in ATTACKS.items():
        endings: set[str] = set()

        def attack(pattern: str = pattern, text: str = text, endings: set[str] = endings) -> None:
            try:
                endings.add("None" if search(machine(), pattern, text) is None else "a match")
            except LimitHit as hit:
                endings.add(hit.code)

        middle, spread = timed(attack, 1, 5)
        print(f"{pattern[:40]:40} {middle * 1e3:8.2f} ({spread * 1e3:5.2f})  {', '.join(sorted(endings))}")


if __name__ == "__main__":
    main()
