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
import platform
import resource
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
        "n = {n}\nwhile True:\n    try:\n        n += 1\n    except Exception:\n        pass\nfinal_answer = n"
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
        assert docs is None or isinstance(docs, list)
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
    began = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        scores = list(threads.map(lambda each: exec_score(each[1], tools, 0), plans_of(count, faulty=False)))
    print(json.dumps({"part": "good", "seconds": time.perf_counter() - began, "right": sum(scores)}), flush=True)
    began = time.perf_counter()
    for done, (kind, plan) in enumerate(plans_of(count, faulty=True), 1):
        score = exec_score(plan, tools, timeout)
        seconds = time.perf_counter() - began
        print(
            json.dumps({"part": "faults", "done": done, "kind": kind, "score": score, "seconds": seconds}), flush=True
        )


def told_by_child(arguments: list[str], most: float) -> tuple[list[dict[str, Any]], str]:
    """What the child printed, and how it ended; after so many seconds it is killed."""
    child = subprocess.Popen([sys.executable, __file__, "--beside", *arguments], stdout=subprocess.PIPE, text=True)
    try:
        out, _ = child.communicate(timeout=most)
        ended = f"status {child.returncode}"
    except subprocess.TimeoutExpired:
        child.kill()
        out, _ = child.communicate()
        ended = f"killed after {most:.0f} s"
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")], ended


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
    from pyrag_dsl.training import Referee, RewardUnavailable

    print(f"command: python {shlex.join(sys.argv)}")
    print(f"Python {platform.python_version()}, {platform.machine()}, pyrag_dsl {pyrag_dsl.__version__}")
    good, mixed = plans_of(options.plans, faulty=False), plans_of(options.plans, faulty=True)
    for isolation in ("process", "none"):
        with Referee(tools_of(options.latency), isolation=isolation, at_once=AT_ONCE) as referee:
            asyncio.run(ours([("warm", "final_answer = 1")], referee))  # starts the workers
            seconds, scores = asyncio.run(ours(good, referee))
            right = sum(each["score"] for each in scores)
            print(f"ours, isolation {isolation:8} good    {len(good) / seconds:7.1f} plans/s, {right:.0f} right")
        with Referee(tools_of(options.latency), isolation=isolation, at_once=AT_ONCE) as referee:
            asyncio.run(ours([("warm", "final_answer = 1")], referee))
            seconds, scores = asyncio.run(ours(mixed, referee))
            right = sum(each["score"] for (kind, _), each in zip(mixed, scores, strict=True) if kind == "good")
            wanted = sum(kind == "good" for kind, _ in mixed)
            print(f"ours, isolation {isolation:8} faults  {len(mixed) / seconds:7.1f} plans/s, {right:.0f} right of "
                  f"{wanted} good ones")  # fmt: skip
            kinds = Counter(
                (kind, f"{each['err_type']} {each['err_code']}".strip())
                for (kind, _), each in zip(mixed, scores, strict=True)
                if kind != "good"
            )
            for (kind, ended), times in sorted(kinds.items()) if isolation == "process" else ():
                print(f"    {kind:28} {ended:24} x{times}")
            assert right == wanted, "a good plan was hurt by its neighbours"
    arguments = ["--plans", str(options.plans), "--latency", str(options.latency), "--timeout", str(options.timeout)]
    lines, ended = told_by_child(arguments, 120 + options.plans * options.timeout)
    first = next(each for each in lines if each["part"] == "good")
    print(
        f"exec, 64 threads          good    {options.plans / first['seconds']:7.1f} plans/s, {first['right']:.0f} right"
    )
    rest = [each for each in lines if each["part"] == "faults"]
    right = sum(each["score"] for each in rest if each["kind"] == "good")
    rate = len(rest) / rest[-1]["seconds"] if rest else 0.0
    print(f"exec, one at a time       faults  {rate:7.1f} plans/s, {right:.0f} right, {len(rest)} of {options.plans} "
          f"done, paid for memory: {sum(each['score'] for each in rest if each['kind'] == 'answer from memory'):.0f}; "
          f"it ended with {ended}")  # fmt: skip

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
