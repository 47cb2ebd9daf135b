"""What a plan costs in this interpreter, in `exec`, and in other restricted Pythons, side by side in one process.

    python benchmarks/interpreter.py [--seconds 0.4] [--rounds 9] [--only exec,pyrag]

Tools return at once, so only the interpreters are measured. *Cold* is text to answer: parse, vet, run and, where
there is one, the trace. *Warm* runs again what was made ready once. Peers that are not installed are left out
with a line: pip install RestrictedPython asteval smolagents pydantic-monty. The last part imports each package
in a fresh interpreter and subtracts what a bare one takes.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any

Run = Callable[[], Any]
ROOT = Path(__file__).resolve().parents[1]


# ------------------------------------------------------------------------ plans

TWO_HOPS = """
docs = retrieve("Who directed The Glass Harbour?")
director = answer("Who directed The Glass Harbour?", docs)
more = retrieve(f"Where was {director} born?", topk=5)
final_answer = answer(f"Where was {director} born?", more)
"""

COMPARE_DATES = """
import re
from datetime import datetime

def born(person):
    text = answer(f"When was {person} born?", retrieve(f"{person} date of birth"))
    found = re.search(r"(\\d{1,2}) (\\w+) (\\d{4})", text)
    if found:
        return datetime.strptime(found.group(0), "%d %B %Y")
    return None

first = born("Marie Curie")
second = born("Pierre Curie")
if first is None or second is None:
    final_answer = "unknown"
else:
    final_answer = "Marie Curie" if first < second else "Pierre Curie"
"""

TWENTY_CALLS = """
found = []
for year in range(2000, 2020):
    text = answer(f"Who won in {year}?")
    if text and text not in found:
        found.append(text.strip())
final_answer = ", ".join(found)
"""

ARITHMETIC = """
total = 0
for i in range(500):
    if i % 3 == 0:
        total = total + i * 2
    else:
        total -= 1
final_answer = total
"""

PLANS = {
    "two hops": TWO_HOPS,
    "compare dates": COMPARE_DATES,
    "loop of 20 calls": TWENTY_CALLS,
    "500 iterations": ARITHMETIC,
}


def retrieve(_query: str, topk: int = 5) -> list[str]:
    return ["Marie Curie\nMarie Curie was born on 7 November 1867 in Warsaw."] * topk


def answer(_query: str, _docs: list[str] | None = None) -> str:
    return "15 May 1859"


TOOLS: dict[str, Callable[..., Any]] = {"retrieve": retrieve, "answer": answer}
EXPECTED = {
    "two hops": "15 May 1859",
    "compare dates": "Pierre Curie",
    "loop of 20 calls": "15 May 1859",
    "500 iterations": sum(i * 2 if i % 3 == 0 else -1 for i in range(500)),
}


# ----------------------------------------------------------------- interpreters


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to run a plan.

    Attributes:
        name: as printed.
        package: the distribution whose version is printed; "" for Python itself.
        make: from a plan's text to the cold and the warm run.
    """

    name: str
    package: str
    make: Callable[[str], tuple[Run, Run]]


def by_exec(source: str) -> tuple[Run, Run]:
    code = compile(source, "plan", "exec")

    def run(made: Any) -> Any:
        space: dict[str, Any] = dict(TOOLS)
        exec(made, space)
        return space["final_answer"]

    return (lambda: run(compile(source, "plan", "exec"))), (lambda: run(code))


def by_restricted_python(source: str) -> tuple[Run, Run]:
    from RestrictedPython import compile_restricted, safe_globals, utility_builtins
    from RestrictedPython.Eval import default_guarded_getitem, default_guarded_getiter
    from RestrictedPython.Guards import guarded_iter_unpack_sequence, safer_getattr

    def imported(name: str, *_rest: Any) -> Any:
        if name not in ("re", "datetime"):
            raise ImportError(name)
        return __import__(name)

    def in_place(operator: str, left: Any, right: Any) -> Any:
        return left - right if operator == "-=" else left + right

    outer = {
        **safe_globals,
        "__builtins__": {**safe_globals["__builtins__"], **utility_builtins, "__import__": imported},
        "_getattr_": safer_getattr,
        "_getitem_": default_guarded_getitem,
        "_getiter_": default_guarded_getiter,
        "_iter_unpack_sequence_": guarded_iter_unpack_sequence,
        "_inplacevar_": in_place,
        "_write_": lambda value: value,
        "__name__": "plan",
        "__metaclass__": type,
        **TOOLS,
    }
    code = compile_restricted(source, "plan", "exec")

    def run(made: Any) -> Any:
        space = dict(outer)
        exec(made, space)
        return space["final_answer"]

    return (lambda: run(compile_restricted(source, "plan", "exec"))), (lambda: run(code))


def by_asteval(source: str) -> tuple[Run, Run]:
    import re
    from datetime import datetime

    from asteval import Interpreter

    # Making an interpreter is not part of the cold run: what it starts with is the same for every plan. It has no
    # `import` of its own choosing, so the names are given instead.
    text = "\n".join(line for line in source.split("\n") if not line.startswith(("import", "from")))
    machine = Interpreter(use_numpy=False, user_symbols={**TOOLS, "re": re, "datetime": datetime})
    tree = machine.parse(text)

    def run(made: Any) -> Any:
        machine.run(made)
        if machine.error:
            raise RuntimeError(machine.error[0].get_error())
        return machine.symtable["final_answer"]

    return (lambda: run(machine.parse(text))), (lambda: run(tree))


def by_smolagents(source: str) -> tuple[Run, Run]:
    from smolagents.local_python_executor import LocalPythonExecutor

    made = LocalPythonExecutor(["re", "datetime"])
    made.send_tools(TOOLS)

    def run() -> Any:  # it takes text only: every run is a cold one
        made(source)
        return made.state["final_answer"]

    return run, run


def by_monty(source: str) -> tuple[Run, Run]:
    from pydantic_monty import Monty

    text = source + "\nfinal_answer\n"
    pool = Monty().__enter__()  # processes of its own, kept as a service would keep them
    kept = pool.checkout(limits={"max_suspensions": 10**9}).__enter__()

    def cold() -> Any:
        with pool.checkout() as session:
            return session.feed_run(text, external_lookup=TOOLS)

    return cold, (lambda: kept.feed_run(text, external_lookup=TOOLS))


def by_pyrag(mode: str) -> Callable[[str], tuple[Run, Run]]:
    def make(source: str) -> tuple[Run, Run]:
        import pyrag_dsl as pd

        program = pd.parse(source)

        def run(plan: Any) -> Any:
            return pd.run(plan, tools=TOOLS, mode=mode).final_answer

        return (lambda: run(source)), (lambda: run(program))

    return make


def by_arun(source: str) -> tuple[Run, Run]:
    """As a service runs it: tools that are coroutines, and an event loop that is there already."""
    import asyncio

    import pyrag_dsl as pd

    async def search(query: str, topk: int = 5) -> list[str]:
        return retrieve(query, topk)

    async def ask(query: str, docs: list[str] | None = None) -> str:
        return answer(query, docs)

    tools = {"retrieve": search, "answer": ask}
    program = pd.parse(source)
    loop = asyncio.new_event_loop()

    def run(plan: Any) -> Any:
        return loop.run_until_complete(pd.arun(plan, tools=tools)).final_answer

    return (lambda: run(source)), (lambda: run(program))


def by_pass(source: str) -> tuple[Run, Run]:
    """One pass of the interpreter alone, tools called in line: no engine, no trace."""
    import pyrag_dsl as pd

    program = pd.parse(source)

    def supply(call: Any) -> Any:
        arguments = dict(call.arguments)
        return pd.Entry(call.node, call.tool, arguments, TOOLS[call.tool](*arguments.values()))

    def run(made: Any) -> Any:
        return pd.interpret(made, supply=supply).value

    return (lambda: run(pd.parse(source))), (lambda: run(program))


PEERS = (
    Peer("exec", "", by_exec),
    Peer("RestrictedPython", "RestrictedPython", by_restricted_python),
    Peer("asteval", "asteval", by_asteval),
    Peer("smolagents", "smolagents", by_smolagents),
    Peer("monty", "pydantic-monty", by_monty),
    Peer("pyrag, one pass", "pyrag-dsl", by_pass),
    Peer("pyrag, sequential", "pyrag-dsl", by_pyrag("sequential")),
    Peer("pyrag, concurrent", "pyrag-dsl", by_pyrag("concurrent")),
    Peer("pyrag, arun", "pyrag-dsl", by_arun),
)


# -------------------------------------------------------------------- measuring


@dataclass(frozen=True, slots=True)
class Timing:
    """Microseconds of one run: the median of the rounds, and their quartiles."""

    middle: float
    low: float
    high: float


def measure(runs: list[Run], seconds: float, rounds: int) -> list[Timing]:
    """Rounds in which each takes its turn, so that a machine that is busy for a while is so for all."""
    times = []
    for run in runs:
        began = perf_counter()
        run()
        once = max(perf_counter() - began, 1e-7)
        times.append(max(1, math.ceil(seconds / rounds / once)))
    taken: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds):
        for run, often, own in zip(runs, times, taken, strict=True):
            began = perf_counter()
            for _ in range(often):
                run()
            own.append((perf_counter() - began) / often * 1e6)
    return [timing(own) for own in taken]


def timing(taken: list[float]) -> Timing:
    low, _, high = quantiles(taken, n=4)
    return Timing(median(taken), low, high)


@contextmanager
def quiet() -> Iterator[None]:
    """Peers may print what they refuse."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        standard, sys.stderr = sys.stderr, nowhere
        try:
            yield
        finally:
            sys.stderr = standard


def compare(peers: list[Peer], seconds: float, rounds: int) -> None:
    """A table for each plan: every peer, cold and warm."""
    for name, source in PLANS.items():
        ready: dict[str, tuple[Run, Run]] = {}
        refused: dict[str, str] = {}
        with quiet():
            for peer in peers:
                try:
                    made = peer.make(source)
                    if any(run() != EXPECTED[name] for run in made):
                        raise ValueError("gives another answer")
                    ready[peer.name] = made
                except Exception as error:
                    refused[peer.name] = f"{type(error).__name__}: {str(error).splitlines()[0][:60]}"
            timings = measure([run for pair in ready.values() for run in pair], seconds, rounds)
        print(f"\n{name}, microseconds (quartiles) and ratio to the first")
        print(f"  {'':18} {'cold':>28} {'warm':>37}")
        for number, peer_name in enumerate(ready):
            line = f"  {peer_name:18}"
            for found, base in zip(timings[2 * number : 2 * number + 2], timings[:2], strict=True):
                spread = f"({found.low:,.1f} to {found.high:,.1f})"
                line += f" {found.middle:>10,.1f} {spread:>22} {found.middle / base.middle:>6.1f}x"
            print(line)
        for peer_name, why in refused.items():
            print(f"  {peer_name:18} does not run it: {why}")
        sys.stdout.flush()


def import_times(rounds: int) -> None:
    """What importing a package adds to starting Python, each time in a process of its own."""
    print("\nimport, milliseconds beyond a bare interpreter (quartiles)")
    bare = started("pass", rounds)
    print(f"  {'bare interpreter':36} {bare.middle / 1e3:>8.1f}  (itself)")
    for statement in (
        "import pyrag_dsl",
        "import pyrag_dsl as pd; pd.parse; pd.run",
        "import RestrictedPython",
        "import asteval",
        "import pydantic_monty",
        "import smolagents",
    ):
        with suppress(subprocess.CalledProcessError):
            taken = started(statement, rounds)
            low, high = (value - bare.middle for value in (taken.low, taken.high))
            spread = f"({low / 1e3:.1f} to {high / 1e3:.1f})"
            print(f"  {statement:42} {(taken.middle - bare.middle) / 1e3:>8.1f}  {spread}", flush=True)


def started(statement: str, rounds: int) -> Timing:
    command = [sys.executable, "-c", statement]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, check=True, env=environment, stderr=subprocess.DEVNULL)
    taken = []
    for _ in range(rounds):
        began = perf_counter()
        subprocess.run(command, check=True, env=environment, stderr=subprocess.DEVNULL)
        taken.append((perf_counter() - began) * 1e6)
    return timing(taken)


def installed(peer: Peer) -> str | None:
    """The version of a peer; None where it is not installed."""
    if not peer.package:
        return platform.python_version()
    try:
        return version(peer.package)
    except PackageNotFoundError:
        if peer.package == "pyrag-dsl":
            import pyrag_dsl

            return pyrag_dsl.__version__
        return None


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=0.4, help="for each figure")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="", help="names or beginnings of names, separated by commas")
    options = parser.parse_args()
    print("command: python", " ".join(sys.argv))
    print(
        f"versions: Python {platform.python_version()}, {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores"
    )
    chosen = []
    for peer in PEERS:
        if options.only and not peer.name.startswith(tuple(options.only.split(","))):
            continue
        found = installed(peer)
        if found is None:
            print(f"  {peer.name}: not installed, left out")
        else:
            print(f"  {peer.name}: {found}")
            chosen.append(peer)
    compare(chosen, options.seconds, options.rounds)
    import_times(max(options.rounds, 9))


if __name__ == "__main__":
    main()
