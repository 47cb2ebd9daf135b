"""Plans per second of the reward of plans, 64 at once and with faults, beside a reward that calls `exec`.

    python benchmarks/rewards.py [--plans 192] [--latency 0.02]

The tools sleep, as a server would be waited for, and are deterministic. Each plan is another text with calls of its
own, so that nothing is remembered. The reward beside ours is a few lines in the manner of PyRAG's: `exec` in this
process, SIGALRM against endless loops, zero for every exception. SIGALRM works in a main thread only, so with faults
it can run one plan at a time; without faults it is given 64 threads. It runs in a child of its own whose memory is
limited: nothing else would stop it from taking all there is.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import select
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

QUESTION = "In which year was the town of the poet founded?"
GOLDEN = ["1901"]
AT_ONCE = 64

GOOD = (
    """\
town = answer("Where did poet {n} live?", retrieve("poet {n}"))
year = answer(f"When was {{town}} founded?", retrieve(f"{{town}} founded"))
final_answer = answer(f"Given: {{town}} was founded in {{year}}. Answer the question: """
    + QUESTION
    + """")
"""
)
FAULTS = {
    "endless loop": "n = {n}\nwhile True:\n    n += 1\nfinal_answer = n",
    "endless loop around except": (
        "n = {n}\nwhile True:\n    try:\n        while True:\n            n += 1\n    except Exception:\n        pass\n"
        "final_answer = n"
    ),
    "memory": 'text = "poet {n}" * 10 ** 9\nfinal_answer = text',
    "memory, bit by bit": "kept = [{n}]\nwhile True:\n    kept += kept\nfinal_answer = kept",
    "wrong type": 'final_answer = retrieve("poet {n}")["town"]',
    "wrong type for a tool": "final_answer = answer({n}, retrieve(0))",
    "calls without end": 'for n in range(10 ** 6):\n    docs = retrieve(f"poet {n} {{n}}")\nfinal_answer = docs',
    "answer from memory": 'final_answer = "1901"  # {n}',
}


def plans_of(count: int, *, faulty: bool) -> list[tuple[str, str]]:
    """(kind, plan): every second one good if there are faults."""
    kinds = list(FAULTS)
    out = []
    for n in range(count):
        if faulty and n % 2:
            kind = kinds[n // 2 % len(kinds)]
            out.append((kind, FAULTS[kind].replace("{n}", str(n)).replace("{{n}}", "{n}")))
        else:
            out.append(("good", GOOD.format(n=n)))
    return out


def tools_of(latency: float) -> dict[str, Any]:
    """Tools that are waited for."""

    def retrieve(query: str, topk: int = 5) -> list[str]:
        time.sleep(latency)
        return [f"{query}\nThe town of {query} was founded in 1901."] * min(topk, 3)

    def answer(query: str, docs: list[str] | None = None) -> str:
        time.sleep(latency)
        if docs == [] or "unknown" in query:
            return "unknown"
        return "1901" if "founded" in query else f"Town {query.split()[-2]}"

    return {"retrieve": retrieve, "answer": answer}


# ------------------------------------------------------------------ in the manner of PyRAG


def exec_score(plan: str, tools: dict[str, Any], timeout: float) -> float:
    """Zero for everything that goes wrong, whosever fault it is."""

    def late(_signal: int, _frame: Any) -> None:
        raise TimeoutError

    if timeout:
        signal.signal(signal.SIGALRM, late)
        signal.setitimer(signal.ITIMER_REAL, timeout)
    try:
        scope: dict[str, Any] = dict(tools)
        exec(compile(plan, "<plan>", "exec"), scope)
        said = str(scope.get("final_answer", ""))
    except (Exception, MemoryError):
        return 0.0
    finally:
        if timeout:
            signal.setitimer(signal.ITIMER_REAL, 0)
    return float(said.strip().lower() in GOLDEN)


def beside(count: int, latency: float, timeout: float) -> None:
    """The child: prints its figures as JSON, a line for each part."""
    resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30, 2 * 2**30))
    tools = tools_of(latency)
    began, used = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        scores = list(threads.map(lambda each: exec_score(each[1], tools, 0), plans_of(count, faulty=False)))
    seconds, used = time.perf_counter() - began, time.process_time() - used
    print(json.dumps({"part": "good", "seconds": seconds, "cpu": used, "right": sum(scores)}), flush=True)
    began = time.perf_counter()
    for kind, plan in plans_of(count, faulty=True):
        score = exec_score(plan, tools, timeout)
        seconds = time.perf_counter() - began
        print(json.dumps({"part": "faults", "kind": kind, "score": score, "seconds": seconds}), flush=True)


def told_by_child(arguments: list[str], patience: float) -> tuple[list[dict[str, Any]], str]:
    """What the child printed, and how it ended; where nothing comes for so many seconds it is killed."""
    child = subprocess.Popen([sys.executable, __file__, "--beside", *arguments], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    lines: list[dict[str, Any]] = []
    while select.select([child.stdout], [], [], patience)[0]:
        line = child.stdout.readline()
        if not line:
            return lines, f"status {child.wait()}"
        lines.append(json.loads(line))
    child.kill()
    child.wait()
    return lines, f"a plan that nothing stopped: killed after {patience:.0f} s without a word"


# ------------------------------------------------------------------ ours


async def ours(plans: list[tuple[str, str]], referee: Any) -> tuple[float, list[dict[str, Any]]]:
    """Seconds, and the scores."""
    from pyrag_dsl.training import acompute_score

    began = time.perf_counter()
    scores = await asyncio.gather(
        *(acompute_score("pyrag_plan", plan, GOLDEN, {"question": QUESTION}, referee=referee) for _, plan in plans),
        return_exceptions=True,
    )
    return time.perf_counter() - began, scores


def shown(what: str, plans: str, rate: float, used: float | None = None) -> None:
    """Print a line of figures."""
    more = "" if used is None else f", {1e3 * used:5.1f} ms of processor a plan"
    print(f"{what:26} {plans:7} {rate:7.1f} plans/s{more}", flush=True)


def cpu(pool: Any) -> float:
    """Seconds of processor that this process and its workers have used."""
    used = time.process_time()
    for pid in pool.pids:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        used += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return used


def main() -> None:
    """Print plans per second of both, and what became of the faults."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--plans", type=int, default=192)
    parser.add_argument("--latency", type=float, default=0.02, help="seconds that a tool takes")
    parser.add_argument("--timeout", type=float, default=2.0, help="seconds for a plan of the reward beside")
    parser.add_argument("--beside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.beside:
        beside(options.plans, options.latency, options.timeout)
        return
    import pyrag_dsl
    from pyrag_dsl import Pool
    from pyrag_dsl.training import Referee, RewardUnavailable

    print(f"command: python {shlex.join(sys.argv)}")
    print(f"Python {platform.python_version()}, {platform.machine()}, pyrag_dsl {pyrag_dsl.__version__}")
    good, mixed = plans_of(options.plans, faulty=False), plans_of(options.plans, faulty=True)
    for isolation in ("process", "none"):
        for name, plans in (("good", good), ("faults", mixed)):
            pool = Pool()
            walls: Any = pool if isolation == "process" else "none"
            with Referee(tools_of(options.latency), isolation=walls, at_once=AT_ONCE) as referee:
                warm = [("warm", f"final_answer = {n}") for n in range(8)]  # starts the workers
                asyncio.run(ours(warm, referee))
                used = cpu(pool)
                seconds, scores = asyncio.run(ours(plans, referee))
                used = cpu(pool) - used
            pool.close()
            pairs = list(zip((kind for kind, _ in plans), scores, strict=True))
            wanted = sum(kind == "good" for kind, _ in pairs)
            right = sum(each["score"] for kind, each in pairs if kind == "good")
            shown(f"ours, isolation {isolation}", name, len(plans) / seconds, used / len(plans))
            print(f"    {right:.0f} right of {wanted} good ones")
            assert right == wanted, "a good plan was hurt by its neighbours"
            if isolation == "process" and name == "faults":
                ends = Counter(
                    (kind, f"{each['err_type']} {each['err_code']}") for kind, each in pairs if kind != "good"
                )
                for (kind, ended), times in sorted(ends.items()):
                    print(f"    {kind:28} {ended:24} x{times}")
    arguments = ["--plans", str(options.plans), "--latency", str(options.latency), "--timeout", str(options.timeout)]
    lines, ended = told_by_child(arguments, 10 + 5 * options.timeout)
    first = next(each for each in lines if each["part"] == "good")
    shown("exec, 64 threads", "good", options.plans / first["seconds"], first["cpu"] / options.plans)
    print(f"    {first['right']:.0f} right of {options.plans} good ones")
    rest = [each for each in lines if each["part"] == "faults"]
    paid = sum(each["score"] for each in rest if each["kind"] == "answer from memory")
    shown("exec, one at a time", "faults", len(rest) / rest[-1]["seconds"] if rest else 0.0)
    print(f"    {len(rest)} of {options.plans} done, {paid:.0f} paid for an answer from memory; it ended with {ended}")

    def down(query: str, topk: int = 5) -> list[str]:  # noqa: ARG001
        return []

    tools = {**tools_of(options.latency), "retrieve": down}
    with Referee(tools, at_once=AT_ONCE) as referee:
        _, scores = asyncio.run(ours(good[:AT_ONCE], referee))
    raised = sum(isinstance(each, RewardUnavailable) for each in scores)
    zeros = sum(exec_score(plan, tools, 0) == 0.0 for _, plan in good[:8])
    print(f"dead retriever: ours raised {raised} times of {AT_ONCE}; exec scored, 0 for {zeros} of 8")


if __name__ == "__main__":
    main()
