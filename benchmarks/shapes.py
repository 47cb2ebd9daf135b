"""Programs of the shapes that PopPy and LLMCompiler measure: our speed-up beside the one that can be had by hand.

    python benchmarks/shapes.py [--latency 0.2] [--rounds 5]

Each program is a plain sequential plan. It runs one call after the other, and concurrently as shipped; beside it the
same work is written by hand with `asyncio.gather`, as well as one can who knows the tools. The critical path is the
longest chain of calls that need one another. Calls take `--latency` seconds, those of `retrieve` a quarter of it.

PopPy (arXiv 2605.18697) reports up to 6.4x for compound programs of this kind, LLMCompiler (arXiv 2312.04511) up to
3.7x: for other programs and other latencies, so the figures can be set beside ours as orders of magnitude only.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import shlex
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import pyrag_dsl as pd  # noqa: E402

ByHand = Callable[[Any, Any], Awaitable[Any]]


# ------------------------------------------------------------------------ plans

MAP_REDUCE = """
notes = []
for part in range(8):
    docs = retrieve(f"chapter {part}")
    notes.append(answer(f"What happens in chapter {part}?", docs))
final_answer = answer("Summarise: " + " ".join(notes))
"""


async def map_reduce(retrieve: Any, answer: Any) -> Any:
    async def one(part: int) -> str:
        return await answer(f"What happens in chapter {part}?", await retrieve(f"chapter {part}"))

    return await answer("Summarise: " + " ".join(await asyncio.gather(*map(one, range(8)))))


TREE = """
thoughts = ["start"]
for depth in range(3):
    grown = []
    for thought in thoughts:
        for branch in range(3):
            grown.append(answer(f"extend {thought} by {branch}"))
    scored = []
    for thought in grown:
        scored.append((int(answer(f"score {thought}")[-2:], 16), thought))
    scored.sort()
    thoughts = [thought for score, thought in scored[-2:]]
final_answer = thoughts[-1]
"""


async def tree(_retrieve: Any, answer: Any) -> Any:
    thoughts = ["start"]
    for _ in range(3):
        asked = [answer(f"extend {thought} by {branch}") for thought in thoughts for branch in range(3)]

        async def both(extension: Any) -> tuple[int, str]:
            thought = await extension
            return int((await answer(f"score {thought}"))[-2:], 16), thought

        scored = sorted(await asyncio.gather(*map(both, asked)))
        thoughts = [thought for _, thought in scored[-2:]]
    return thoughts[-1]


VOTE = """
votes = Counter(answer(f"Who wrote it? attempt {number}") for number in range(10))
final_answer = votes.most_common(1)[0][0]
"""


async def vote(_retrieve: Any, answer: Any) -> Any:
    asked = [answer(f"Who wrote it? attempt {number}") for number in range(10)]
    counts: dict[str, int] = {}
    for text in await asyncio.gather(*asked):
        counts[text] = counts.get(text, 0) + 1
    return max(counts, key=lambda text: counts[text])


RANKING = """
films = ["Alien", "Brazil", "Casablanca", "Dune"]
wins = {film: 0 for film in films}
for at, one in enumerate(films):
    for other in films[at + 1 :]:
        verdict = answer(f"Which is better, {one} or {other}?")
        wins[one if int(verdict[-1], 16) % 2 else other] += 1
final_answer = max(films, key=lambda film: wins[film])
"""


async def ranking(_retrieve: Any, answer: Any) -> Any:
    films = ["Alien", "Brazil", "Casablanca", "Dune"]
    pairs = [(one, other) for at, one in enumerate(films) for other in films[at + 1 :]]
    verdicts = await asyncio.gather(*[answer(f"Which is better, {one} or {other}?") for one, other in pairs])
    wins = dict.fromkeys(films, 0)
    for (one, other), verdict in zip(pairs, verdicts, strict=True):
        wins[one if int(verdict[-1], 16) % 2 else other] += 1
    return max(films, key=lambda film: wins[film])


BRANCHES = """
film = answer("Which film?", retrieve("film"))
director = answer(f"Who directed {film}?", retrieve(f"{film} director"))
composer = answer(f"Who scored {film}?", retrieve(f"{film} score"))
born = answer(f"When was {director} born?", retrieve(f"{director} born"))
died = answer(f"When did {composer} die?", retrieve(f"{composer} died"))
final_answer = answer(f"Given {born} and {died}: who is older?")
"""


async def branches(retrieve: Any, answer: Any) -> Any:
    film = await answer("Which film?", await retrieve("film"))

    async def chain(first: str, query: str, then: str, later: str) -> str:
        found = await answer(first, await retrieve(query))
        return await answer(then.format(found), await retrieve(later.format(found)))

    born, died = await asyncio.gather(
        chain(f"Who directed {film}?", f"{film} director", "When was {} born?", "{} born"),
        chain(f"Who scored {film}?", f"{film} score", "When did {} die?", "{} died"),
    )
    return await answer(f"Given {born} and {died}: who is older?")


CONDITIONS = """
kept = []
for name in ["Ann", "Bob", "Cid", "Dee", "Eve", "Fay"]:
    docs = retrieve(name)
    if int(answer(f"Is {name} a writer?", docs)[-1], 16) % 2:
        kept.append(answer(f"What did {name} write?", docs))
    else:
        kept.append(name)
final_answer = ", ".join(kept)
"""


async def conditions(retrieve: Any, answer: Any) -> Any:
    async def one(name: str) -> str:
        docs = await retrieve(name)
        if int((await answer(f"Is {name} a writer?", docs))[-1], 16) % 2:
            return str(await answer(f"What did {name} write?", docs))
        return name

    return ", ".join(await asyncio.gather(*map(one, ["Ann", "Bob", "Cid", "Dee", "Eve", "Fay"])))


SHAPES: dict[str, tuple[str, ByHand]] = {
    "map-reduce over 8 documents": (MAP_REDUCE, map_reduce),
    "tree of thoughts, pruned": (TREE, tree),
    "self-consistency, 10 votes": (VOTE, vote),
    "pairwise ranking of 4": (RANKING, ranking),
    "a chain with two branches": (BRANCHES, branches),
    "conditions on results": (CONDITIONS, conditions),
}


# ---------------------------------------------------------------------- measuring


def result(tool: str, query: str) -> str:
    """A text that depends on what is asked, and ends in hexadecimal digits."""
    return f"{tool[0]}{sum(position * ord(character) for position, character in enumerate(query, 7)) % 65_536:04x}"


class Tools:
    """Asynchronous tools that sleep; the time at which each call could have ended at the earliest is kept."""

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.calls = 0

    async def retrieve(self, query: str, topk: int = 5) -> list[str]:
        self.calls += 1
        await asyncio.sleep(self.latency / 4)
        return [f"{result('retrieve', query)} {number}" for number in range(topk)]

    async def answer(self, query: str, docs: Any = None) -> str:  # noqa: ARG002
        self.calls += 1
        await asyncio.sleep(self.latency)
        return result("answer", query)


def seconds(work: Callable[[], Awaitable[Any]]) -> tuple[float, Any]:
    async def timed() -> tuple[float, Any]:
        began = time.perf_counter()
        value = await work()
        return time.perf_counter() - began, value

    return asyncio.run(timed())


def critical_path(plan: str, latency: float) -> float:
    """The longest chain of calls that need one another, from the lineage of a run without latency."""
    tools = Tools(0.0)
    found = asyncio.run(pd.arun(plan, {"retrieve": tools.retrieve, "answer": tools.answer}))
    ends: dict[str, float] = {}
    for call in found.calls:
        own = latency if call.tool == "answer" else latency / 4
        ends[call.node] = own + max((ends[node] for node in call.depends_on), default=0.0)
    return max(ends.values())


def measure(plan: str, by_hand: ByHand, latency: float, rounds: int) -> str:
    """A row: sequential, ours, by hand and the critical path in seconds; speed-ups."""
    program = pd.parse(plan)
    rows: dict[str, list[float]] = {"sequential": [], "concurrent": [], "by hand": []}
    calls, values = set(), set()
    for _ in range(rounds):
        for way in rows:
            tools = Tools(latency)

            def work(way: str = way, tools: Tools = tools) -> Awaitable[Any]:
                if way == "by hand":
                    return by_hand(tools.retrieve, tools.answer)
                return pd.arun(program, {"retrieve": tools.retrieve, "answer": tools.answer}, mode=way)

            took, value = seconds(work)
            rows[way].append(took)
            values.add(getattr(value, "final_answer", value))
            calls.add(tools.calls)
    assert len(values) == 1, values
    assert len(calls) == 1, calls
    one, ours, hand = (statistics.median(rows[way]) for way in rows)
    path = critical_path(plan, latency)
    spread = f"({min(rows['concurrent']):.2f} to {max(rows['concurrent']):.2f})"
    times = "".join(f"{took:6.2f} s " for took in (one, ours, hand, path))
    return times + "".join(f"{one / took:9.2f}x" for took in (ours, hand, path)) + f"   {spread}"


def main() -> None:
    """Print a row for each shape."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print("python " + shlex.join(sys.argv))
    print(
        f"Python {platform.python_version()}, pyrag_dsl {pd.__version__}, {platform.machine()}, {os.cpu_count()} CPUs"
    )
    print(f"{'':28} one by one    ours  by hand    path   speed-up: ours  by hand   path   (spread of ours)")
    for name, (plan, by_hand) in SHAPES.items():
        print(f"{name:28} {measure(plan, by_hand, options.latency, options.rounds)}")


if __name__ == "__main__":
    main()
