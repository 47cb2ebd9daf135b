"""How long `pyrag view` takes to open: the first time, when the index is there, and when some traces have changed.

python benchmarks/view.py [--traces 10000]

Traces of one plan of six calls, in folders of a thousand, as `pyrag eval` leaves them. It prints what is measured, with
the versions and the load of the machine; a page of 2,000 calls is rendered last.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import pyrag_dsl as pd
from pyrag_dsl.report import render_report
from pyrag_dsl.serving import Catalog

PLAN = """\
names = ["Ann", "Bob", "Cid"]
said = [answer(f"When was {name} born?", retrieve(name)) for name in names]
final_answer = max(said)
"""
MANY = """\
found = []
for i in range(1000):
    found.append(answer(f"What is {i}?", retrieve(f"topic {i}")))
final_answer = found[-1]
"""


def retrieve(query: str, topk: int = 5) -> list[str]:
    return [f"{query} {number}\nA passage about {query}. " + "It says more. " * 20 for number in range(topk)]


def answer(query: str, docs: list[str] = []) -> str:  # noqa: ARG001, B006
    return f"19{len(query)}"


def timed(what: str, work: object) -> None:
    began = time.perf_counter()
    work()  # type: ignore[operator]
    print(f"{what:<55} {time.perf_counter() - began:8.2f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--traces", type=int, default=10_000)
    wanted = parser.parse_args().traces
    print("python", " ".join(sys.argv))
    print(f"Python {platform.python_version()}, pyrag_dsl {pd.__version__}, load {os.getloadavg()[0]:.1f}")
    tools = {"retrieve": retrieve, "answer": answer}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pd.run(PLAN, tools, question="Who is QUESTION?").trace.save(folder / "one.jsonl")
        text = (folder / "one.jsonl").read_text(encoding="utf-8")
        for number in range(1, wanted):
            path = folder / f"run{number // 1000}" / "traces" / f"{number}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("QUESTION", f"number {number}"), encoding="utf-8")
        print(f"{wanted:,} traces of {len(text):,} bytes")

        def opened() -> None:
            catalog = Catalog(folder)
            catalog.refresh()
            count, rows = catalog.find(sort="tokens", down=True)
            assert (count, len(rows)) == (wanted, min(wanted, 100))
            catalog.close()

        timed("opened for the first time: all files are read", opened)
        timed("opened again, first page of the list", opened)
        for number in range(1, min(wanted, 11)):
            (folder / "run0" / "traces" / f"{number}.jsonl").write_text(text, encoding="utf-8")
        timed("opened after 10 files have changed", opened)
        catalog = Catalog(folder)
        timed("searched for a word", lambda: catalog.find("number 77", sort="question"))
        catalog.close()
    trace = pd.run(MANY, tools, limits={"tool_calls": 3_000}).trace
    timed("the page of a run of 2,000 calls", lambda: render_report(trace))


if __name__ == "__main__":
    main()
