"""What `isolation="process"` costs: seconds of a run and of a pass, in this process and in a worker.

python benchmarks/isolation.py
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from statistics import median, quantiles
from time import perf_counter
from typing import Any

import pyrag_dsl as pd
from pyrag_dsl.isolation.isolated import Isolated
from pyrag_dsl.isolation.pool import Pool

RUNS = 300
HOP = """
docs{n} = retrieve(f"{{previous}} hop {n}", topk=5)
previous = answer(f"What about {{previous}}?", docs{n})
"""
PASSAGES = [
    f"Passage {number}. " + "A sentence of a usual length about the matter at hand. " * 10 for number in range(5)
]


def plan(hops: int) -> str:
    """A chain of hops, as models write it."""
    return 'previous = "start"\n' + "".join(HOP.format(n=n) for n in range(hops)) + "final_answer = previous\n"


def wide(calls: int) -> str:
    """Independent questions: in a concurrent run, all are asked after one pass."""
    return (
        f"found = [answer(f'question {{n}}', retrieve(f'about {{n}}')) for n in range({calls})]\nfinal_answer = found\n"
    )


def retrieve(query: str, topk: int = 5) -> list[str]:  # noqa: ARG001
    return PASSAGES[:topk]


def answer(query: str, docs: list[str] | None = None) -> str:  # noqa: ARG001
    return query[:40]


def timed(function: Callable[[], Any]) -> str:
    """Median and quartiles in milliseconds."""
    seconds = []
    for _ in range(RUNS):
        start = perf_counter()
        function()
        seconds.append((perf_counter() - start) * 1e3)
    low, _, high = quantiles(seconds, n=4)
    return f"{median(seconds):8.3f} ({low:.3f}-{high:.3f})"


def main() -> None:
    tools = {"retrieve": retrieve, "answer": answer}
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors, {RUNS} runs, median (quartiles) in ms")
    start = perf_counter()
    with Pool(1) as pool:
        pd.run(plan(1), tools, isolation=pool)
        print(f"first run, worker started for it: {(perf_counter() - start) * 1e3:.0f} ms\n")
        print(f"{'':34} {'in process':>24} {'isolated':>24}")
        for name, source, mode in (
            ("no call", "final_answer = 1 + 1\n", "sequential"),
            ("1 hop, 2 calls", plan(1), "sequential"),
            ("4 hops, 8 calls", plan(4), "sequential"),
            ("10 questions, 20 calls", wide(10), "sequential"),
            ("10 questions, concurrent", wide(10), "concurrent"),
        ):
            cells = []
            for isolation in ("none", pool):
                one = {"mode": mode, "isolation": isolation}
                cells.append(timed(lambda source=source, one=one: pd.run(source, tools, **one)))
            print(f"{name:34} {cells[0]:>24} {cells[1]:>24}")
        program, journal = pd.parse(plan(4)), pd.Journal()
        pd.run(program, tools, journal=journal)
        isolated = Isolated(pool)
        inside, outside = (timed(lambda one=one: one(program, journal)) for one in (pd.interpret, isolated))
        print(f"{'one pass, 8 results known':34} {inside:>24} {outside:>24}")


if __name__ == "__main__":
    main()
