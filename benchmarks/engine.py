"""What the engine wins and what it costs: time on recorded plans, calls after a sentinel, many runs at once.

    python benchmarks/engine.py [--repeats 2] [--runs 10000] [--plans 0]

Times are wall-clock, of this process, with tools that sleep: 10 ms for `retrieve`, 40 ms for `answer`. The critical
path of each plan is that of `plans/critical.json`, found by changing each result and seeing which calls change.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import platform
import resource
import shlex
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import pyrag_dsl as pd  # noqa: E402
from pyrag_dsl.agents.adaptive import AdaptiveRetrieval  # noqa: E402
from pyrag_dsl.agents.sentinels import is_sentinel  # noqa: E402
from pyrag_dsl.runtime.events import CallStarted, NodeRerun  # noqa: E402
from pyrag_dsl.testing.virtual import run_virtually  # noqa: E402
from tests.language.corpus import load  # noqa: E402

RETRIEVE, ANSWER = 0.010, 0.040  # seconds
NO_DEADLINE = pd.Limits(deadline=None)


@dataclass
class Plan:
    """A recorded plan with the results of its calls, and the top-k that each retrieve asks for."""

    name: str
    source: str
    program: pd.Program
    results: dict[tuple[str, str], Any]
    topk: dict[str, int]
    fallback: Callable[[str, str], Any]

    def result(self, tool: str, query: str, topk: int = 0) -> Any:
        """What the stub tool returns; with a larger top-k than recorded, one passage more."""
        key = (tool, query)
        if key not in self.results:
            with contextlib.redirect_stdout(None):
                self.results[key] = self.fallback(tool, query)
        if tool == "retrieve" and topk > self.topk.get(query, topk):
            return [*self.results[key], f"A further passage about {query}."]
        return self.results[key]

    def tools(self) -> dict[str, Any]:
        """Asynchronous tools that sleep."""

        async def retrieve(query: str, topk: int = 5) -> Any:
            await asyncio.sleep(RETRIEVE)
            return self.result("retrieve", query, topk)

        async def answer(query: str, docs: Any = None) -> Any:  # noqa: ARG001
            await asyncio.sleep(ANSWER)
            return self.result("answer", query)

        return {"retrieve": retrieve, "answer": answer}


def plans(shared: Path, most: int) -> list[Plan]:
    """The recorded plans that run to their end."""
    found = []
    for case in load(shared)[: most or None]:
        try:
            program = pd.parse(case.source)
        except pd.PlanRejected:
            continue
        plan = Plan(case.name, case.source, program, {}, {}, case.result)
        tools = {
            "retrieve": lambda query, topk, plan=plan: plan.result("retrieve", query, topk),
            "answer": lambda query, docs, plan=plan: plan.result("answer", query),  # noqa: ARG005
        }
        try:
            result = pd.run(plan.program, tools, mode="sequential", limits=NO_DEADLINE)
        except pd.PlanError:
            continue
        for call in result.calls:
            if call.tool == "retrieve":
                query = call.arguments["query"]
                plan.topk[query] = max(plan.topk.get(query, 0), call.arguments["topk"])
        found.append(plan)
    return found


def spread(values: list[float], unit: str = "", digits: int = 2) -> str:
    """Median and range."""
    return f"{statistics.median(values):.{digits}f}{unit} ({min(values):.{digits}f} to {max(values):.{digits}f})"


# --------------------------------------------------------------- (a) elapsed time


def by_exec(plan: Plan, pace: float = 1.0) -> float:
    """Seconds that CPython's own `exec` takes, one call after the other. `pace` stretches the calls."""

    def retrieve(query: str, topk: int = 5) -> Any:
        time.sleep(pace * RETRIEVE)
        return plan.result("retrieve", query, topk)

    def answer(query: str, docs: Any = None) -> Any:  # noqa: ARG001
        time.sleep(pace * ANSWER)
        return plan.result("answer", query)

    names: dict[str, Any] = {"retrieve": retrieve, "answer": answer, "__name__": "__main__"}
    code = compile(plan.source, plan.name, "exec")
    began = time.perf_counter()
    with contextlib.redirect_stdout(None):
        exec(code, names)
    return time.perf_counter() - began


def portable(plan: Plan) -> bool:
    """Whether CPython runs the plan too: a `return` at the top or a module that is not imported is ours alone."""
    try:
        by_exec(plan, pace=0.0)
    except Exception:
        return False
    return True


def by_engine(plan: Plan) -> float:
    tools = plan.tools()

    async def main() -> float:
        began = time.perf_counter()
        await pd.arun(plan.program, tools, limits=NO_DEADLINE)
        return time.perf_counter() - began

    return asyncio.run(main())


def elapsed(found: list[Plan], critical: dict[str, Any], repeats: int) -> None:
    known = [plan for plan in found if plan.name in critical and portable(plan)]
    possible = {p.name: critical[p.name]["sequential"] / critical[p.name]["critical"] for p in known}
    parallel = [plan for plan in known if possible[plan.name] > 1 + 1e-9]
    # This lowers the programs as well: they are ready before their time is taken, as the code for `exec` is.
    exact = {p.name: run_virtually(pd.arun(p.program, p.tools(), limits=NO_DEADLINE))[1] for p in known}
    careful = {
        p.name: run_virtually(pd.arun(p.program, p.tools(), limits=NO_DEADLINE, speculate=False))[1] for p in known
    }
    totals: list[tuple[float, float]] = []
    speedups: list[float] = []
    for _ in range(repeats):
        ours = {plan.name: by_engine(plan) for plan in known}
        sequential = {plan.name: by_exec(plan) for plan in known}
        totals.append((sum(ours.values()), sum(sequential.values())))
        speedups.append(sum(sequential[p.name] for p in parallel) / sum(ours[p.name] for p in parallel))
    path = sum(critical[plan.name]["critical"] for plan in known)
    most = sum(critical[p.name]["sequential"] for p in parallel) / sum(critical[p.name]["critical"] for p in parallel)
    print(f"(a) {len(known)} plans, {sum(critical[p.name]['calls'] for p in known)} calls, {repeats} repeats")
    longer = [name for name, seconds in exact.items() if seconds > critical[name]["critical"] + 1e-6]
    print(f"    critical path       {path:.2f} s")
    print(f"    ours, virtual clock {sum(exact.values()):.2f} s; longer than the path in {len(longer)} plans: {longer}")
    print(f"    ours                {spread([one for one, _ in totals], ' s')}")
    print(f"    over critical path  {spread([100 * (one / path - 1) for one, _ in totals], ' %', 1)}")
    print(f"    sequential exec     {spread([other for _, other in totals], ' s')}")
    bound = sum(critical[p.name]["sequential"] for p in parallel) / sum(exact[p.name] for p in parallel)
    print(f"    {len(parallel)} plans with independent calls: {spread(speedups, 'x', 3)} faster, {most:.3f}x possible,")
    print(f"    {bound:.3f}x without a call that a `break` may make needless")
    sure = sum(critical[p.name]["sequential"] for p in parallel) / sum(careful[p.name] for p in parallel)
    print(f"    with speculate=False {sum(careful.values()):.2f} s by the virtual clock, {sure:.3f}x faster")


# -------------------------------------------------------- (b) calls after a sentinel


class Once(pd.Hook):
    """Makes one answer a sentinel, the first time that it is asked; counts the calls made."""

    def __init__(self, node: str) -> None:
        self.node = node
        self.made = 0

    def before_call(self, call: Any) -> Any:
        if call.node == self.node:
            self.node = ""
            return pd.Answer("unknown")
        return None

    def on_event(self, event: Any) -> None:
        self.made += isinstance(event, CallStarted)


def pyrag_calls(plan: Plan, position: int) -> int | None:
    """Calls of PyRAG's rule: run to the end on the sentinel, boost the last retrieve before it, run it all again.

    None where it does not fire: no retrieve before, or its top-k is 10 already.
    """
    made: list[tuple[str, int]] = []
    total = 0

    def run(sentinel: int, boosted: int) -> None:
        nonlocal total
        made.clear()

        def retrieve(query: str, topk: int = 5) -> Any:
            topk = max(topk, 10) if len(made) == boosted else topk
            made.append(("retrieve", topk))
            return plan.result("retrieve", query, topk)

        def answer(query: str, docs: Any = None) -> Any:  # noqa: ARG001
            made.append(("answer", 0))
            return "unknown" if len(made) - 1 == sentinel else plan.result("answer", query)

        pd_tools = {"retrieve": retrieve, "answer": answer}
        try:
            pd.run(plan.program, pd_tools, mode="sequential", limits=NO_DEADLINE)
        finally:
            total += len(made)

    try:
        run(position, -1)
    except pd.PlanError:
        return None
    before = [place for place in range(position) if made[place][0] == "retrieve"]
    if not before or made[before[-1]][1] >= 10:
        return None
    try:
        run(-1, before[-1])
    except pd.PlanError:
        return None
    return total


def sentinels(found: list[Plan]) -> None:
    ours: list[int] = []
    theirs: list[int] = []
    least: list[int] = []
    silent = apart = 0
    for plan in found:
        base = run_virtually(pd.arun(plan.program, plan.tools(), limits=NO_DEADLINE))[0]
        if any(call.tool == "answer" and is_sentinel(call.result) for call in base.calls):
            apart += 1
            continue
        recorded = {(call.node, repr(call.arguments)) for call in base.calls}
        for position, call in enumerate(base.calls):
            if call.tool != "answer":
                continue
            whole = pyrag_calls(plan, position)
            once = Once(call.node)
            hooks = [once, AdaptiveRetrieval()]
            result = run_virtually(pd.arun(plan.program, plan.tools(), hooks=hooks, limits=NO_DEADLINE))[0]
            boosted = {event.node: event.overrides for event in result.trace.of(NodeRerun)}
            if whole is None or not boosted:
                silent += 1
                continue
            final = run_virtually(pd.arun(plan.program, plan.tools(), overrides=boosted, limits=NO_DEADLINE))[0]
            changed = [
                one
                for one in final.calls
                if one.node not in boosted and one.node != call.node and (one.node, repr(one.arguments)) not in recorded
            ]
            ours.append(once.made - len(base.calls))
            theirs.append(whole - len(base.calls))
            least.append(len(boosted) + 1 + len(changed))
    print(f"(b) {len(ours)} sentinels, one at a time; calls made beyond those of the run without it, mean and most")
    print("    (minimum: the boosted retrieves, that answer, and the calls whose arguments changed; ours may be below,")
    print("    where such a call had not been made yet)")
    for name, values in (("ours", ours), ("PyRAG's rule", theirs), ("minimum", least)):
        print(f"    {name:19} {statistics.mean(values):.2f}, at most {max(values)}; in all {sum(values)}")
    equal = sum(one <= two for one, two in zip(ours, least, strict=True))
    print(f"    ours at the minimum in {equal} of {len(ours)}; one of the rules does not fire: {silent}")
    print(f"    plans left out because a recorded answer is a sentinel already: {apart}")


# ------------------------------------------------------------- (c) many runs at once

FIVE = """
director = answer("Who directed Vertigo?", retrieve("Vertigo film"))
born = answer(f"Where was {director} born?", retrieve(f"{director} birthplace"))
final_answer = answer(f"Given: {director} was born in {born}. In which country?")
"""


def rss() -> int:
    """Bytes of memory that this process holds."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


async def many(runs: int) -> None:
    """All runs wait on a tool that is slow, then end. Prints a line of JSON."""
    gate = asyncio.Event()
    waiting = 0

    async def retrieve(query: str, topk: int = 5) -> list[str]:  # noqa: ARG001
        nonlocal waiting
        waiting += 1
        await gate.wait()
        return [query]

    async def answer(query: str, docs: Any = None) -> str:  # noqa: ARG001
        await gate.wait()
        return query

    async def bare() -> str:
        director = await answer("Who directed Vertigo?", await retrieve("Vertigo film"))
        born = await answer(f"Where was {director} born?", await retrieve(f"{director} birthplace"))
        return await answer(f"Given: {director} was born in {born}. In which country?")

    program = pd.parse(FIVE)
    tools = {"retrieve": retrieve, "answer": answer}
    expected = (await _through(gate, lambda: pd.arun(program, tools))).final_answer
    found: dict[str, float] = {}
    kinds: list[tuple[str, Callable[[], Any]]] = [("bare", bare), ("ours", lambda: pd.arun(program, tools))]
    for name, start in kinds:
        gate.clear()
        waiting = 0
        gc.collect()
        before, began = rss(), time.perf_counter()
        tasks = [asyncio.ensure_future(start()) for _ in range(runs)]
        while waiting < runs:
            await asyncio.sleep(0)
        found[f"{name} KiB"] = (rss() - before) / runs / 1024
        gate.set()
        results = await asyncio.gather(*tasks)
        found[f"{name} us"] = 1e6 * (time.perf_counter() - began) / runs / 5
        values = {getattr(result, "final_answer", result) for result in results}
        assert values == {expected}, values
        del tasks, results
    print(json.dumps(found))


async def _through(gate: asyncio.Event, start: Callable[[], Any]) -> Any:
    gate.set()
    return await start()


def crowd(runs: int, repeats: int) -> None:
    rows = []
    for _ in range(repeats):
        command = [sys.executable, __file__, "--waiting", "--runs", str(runs)]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    print(f"(c) {runs:,} runs of a plan of five calls in one process, {repeats} fresh processes; all ended well")
    print(f"    memory of a waiting run   {spread([row['ours KiB'] for row in rows], ' KiB', 1)}")
    print(f"    of a waiting coroutine    {spread([row['bare KiB'] for row in rows], ' KiB', 1)}")
    print(f"    time of a call, ours      {spread([row['ours us'] for row in rows], ' us', 0)}")
    print(f"    time of a call, asyncio   {spread([row['bare us'] for row in rows], ' us', 1)}")


# ------------------------------------------------------------------- (d) deadline


def deadline() -> None:
    """How much later than its deadline a run returns whose tool hangs."""
    free = threading.Event()

    async def hangs(query: str, topk: int = 5) -> list[str]:  # noqa: ARG001
        await asyncio.sleep(60)
        return []

    def blocks(query: str, topk: int = 5) -> list[str]:  # noqa: ARG001
        free.wait(60)
        return []

    late: list[float] = []
    for mode in ("concurrent", "sequential"):
        for retrieve in (hangs, blocks):
            for _ in range(5):
                began = time.perf_counter()
                try:
                    tools = {"retrieve": retrieve, "answer": hangs}
                    pd.run(FIVE, tools, mode=mode, limits=pd.Limits(deadline=0.1))
                except pd.LimitExceeded:
                    late.append(1e3 * (time.perf_counter() - began - 0.1))
    free.set()
    print(f"(d) a tool that hangs: a run returns {spread(late, ' ms', 1)} after its deadline, {len(late)} runs")


def main() -> None:
    """Print the four tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--plans", type=int, default=0, help="only so many plans")
    parser.add_argument("--shared", help="folder of the reference material")
    parser.add_argument("--waiting", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.waiting:
        asyncio.run(many(options.runs))
        return
    shared = Path(options.shared or os.environ.get("PYRAG_SHARED") or ROOT.parent / "shared")
    print("python " + shlex.join(sys.argv))
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs"
    print(f"Python {platform.python_version()}, pyrag_dsl {pd.__version__}, {machine}")
    critical = json.loads((shared / "plans" / "critical.json").read_text(encoding="utf-8"))
    found = plans(shared, options.plans)
    elapsed(found, critical, options.repeats)
    sentinels(found)
    crowd(options.runs, max(3, options.repeats))
    deadline()


if __name__ == "__main__":
    main()
