"""A run of fifty calls in a process of its own, which somebody will kill: `python crashing.py trace log`.

Each call is appended to `log` when it is made. The run goes on from `trace` if that is there.
"""

from __future__ import annotations

import asyncio
import os
import sys

import pyrag_dsl as pd

PLAN = """
facts = []
for place in range(20):
    docs = retrieve(f"fact {place}", topk=2)
    facts.append(answer(f"What is fact {place}?", docs))
summary = ""
for place in range(10):
    summary = answer(f"Fact {place}: {facts[place]} so far: {len(summary)}")
final_answer = [summary, len(facts)]
"""


def work(trace: str, log: str) -> str:
    """Run, or go on; the final answer as text."""
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    async def retrieve(query: str, topk: int = 5) -> list[str]:
        os.write(handle, f"retrieve {query}\n".encode())
        await asyncio.sleep(0.002)
        return [f"{query} #{place}" for place in range(topk)]

    async def answer(query: str, docs: list[str] | None = None) -> str:
        os.write(handle, f"answer {query}\n".encode())
        await asyncio.sleep(0.004)
        return f"<{query} {docs}>"

    journal = trace if os.path.exists(trace) else None
    tools = {"retrieve": retrieve, "answer": answer}
    return repr(pd.run(PLAN, tools, journal=journal, trace=trace, max_concurrency=4).final_answer)


if __name__ == "__main__":
    print("ready", flush=True)
    print(work(sys.argv[1], sys.argv[2]), flush=True)
