"""What a request costs this process, beside the bare SDK: processor time for each, over the same loopback server.

    python benchmarks/models.py [--requests 200] [--rounds 5]

The server runs in a process of its own, so that its time is not counted. Both ask the same messages one after another;
the rounds alternate, and medians with their spread are printed.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from typing import Any

SERVER = """
import sys
from pyrag_dsl.testing.server import ScriptedModelServer
with ScriptedModelServer(lambda _: "<answer>Paris</answer>") as server:
    print(server.base_url, flush=True)
    sys.stdin.read()
"""
MESSAGES = [{"role": "system", "content": "Answer."}, {"role": "user", "content": "Where? " * 50}]


async def ours(url: str, requests: int) -> None:
    """By the client of this package."""
    from pyrag_dsl.models import ChatModel

    async with ChatModel("m", url) as model:
        for _ in range(requests):
            await model.acomplete(MESSAGES)


async def bare(url: str, requests: int) -> None:
    """By the SDK itself."""
    import openai

    async with openai.AsyncOpenAI(api_key="EMPTY", base_url=url, max_retries=0) as client:
        for _ in range(requests):
            messages: Any = MESSAGES
            await client.chat.completions.create(model="m", messages=messages, temperature=0.7, max_tokens=1024)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdin is not None
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    spent: dict[str, list[float]] = {"bare SDK": [], "ChatModel": []}
    try:
        for turn in range(given.rounds + 1):
            for name, ask in (("bare SDK", bare), ("ChatModel", ours)):
                began = time.process_time()
                asyncio.run(ask(url, given.requests))
                if turn:  # the first round imports
                    spent[name].append((time.process_time() - began) / given.requests * 1e3)
    finally:
        server.stdin.close()
        server.wait()
    base = statistics.median(spent["bare SDK"])
    for name, times in spent.items():
        middle = statistics.median(times)
        spread = f"{min(times):.2f} to {max(times):.2f}"
        print(f"{name:10} {middle:6.2f} ms of processor time a request ({spread}), {middle / base:.2f} of the bare SDK")


if __name__ == "__main__":
    main()
