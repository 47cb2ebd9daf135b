"""Time, CPU and memory of `pyrag eval` against an endpoint that answers after a second.

    python benchmarks/evaluation.py [--questions N] [--latency S] [--concurrency N] [--method vanilla] [--workers N]

All development questions of the reference material (or the first N) are asked, with BM25 over its passages. The
endpoint is a process of its own. The bound is what the latency alone takes with so many requests in flight; CPU is of
the process that evaluates and its children, per question. With `--profile` the calls that took most are printed.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import math
import multiprocessing
import platform
import pstats
import resource
import shlex
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from reader import reference

from pyrag_dsl.cli import pyrag


async def serve(latency: float, ready: Any) -> None:
    """A chat endpoint that says the same after `latency` seconds."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "<answer>Ann</answer>"}}
    usage = {"prompt_tokens": 700, "completion_tokens": 20, "total_tokens": 720}
    body = json.dumps({"id": "1", "object": "chat.completion", "model": "stub", "choices": [choice], "usage": usage})
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    reply = (head + body).encode()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                )
                await reader.readexactly(length)
                await asyncio.sleep(latency)
                writer.write(reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, backlog=512)
    ready.send(server.sockets[0].getsockname()[1])
    async with server:
        await server.serve_forever()


def endpoint(latency: float, ready: Any) -> None:
    """The process of the endpoint."""
    asyncio.run(serve(latency, ready))


def resident() -> float:
    """Megabytes of memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--questions", type=int)
    parser.add_argument("--latency", type=float, default=1.0)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--method", default="vanilla")
    parser.add_argument("--calls", type=int, default=1, help="calls of the model that the method makes for a question")
    parser.add_argument("--shared", help="folder of the reference material")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    folder = reference(options.shared)
    lines = [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()]
    lines = lines[: options.questions]
    ours, theirs = multiprocessing.Pipe()
    stub = multiprocessing.get_context("spawn").Process(target=endpoint, args=(options.latency, theirs), daemon=True)
    stub.start()
    port = ours.recv()
    held: list[float] = []
    done = threading.Event()
    with tempfile.TemporaryDirectory() as place:
        data, out = Path(place) / "q.jsonl", Path(place) / "run"
        data.write_text("\n".join(lines), "utf-8")
        corpus = Path(folder).parent / "wiki.jsonl"
        common = ["--method", options.method, "--corpus", str(corpus), "--index", str(Path(place) / "index")]
        common += ["--llm-base-url", f"http://127.0.0.1:{port}/v1", "--model", "stub", "-q"]
        first = Path(place) / "first.jsonl"
        first.write_text(lines[0], "utf-8")  # builds the index, and imports what there is
        pyrag(["eval", "--data", str(first), "--out", str(Path(place) / "warm"), *common])

        def watch() -> None:
            while not done.wait(0.25):
                held.append(resident())

        threading.Thread(target=watch, daemon=True).start()
        arguments = ["eval", "--data", str(data), "--out", str(out), *common, "--workers", str(options.workers)]
        arguments += ["--concurrency", str(options.concurrency)]
        profile = cProfile.Profile() if options.profile else None
        began, used = time.perf_counter(), cpu()
        status = profile.runcall(pyrag, arguments) if profile else pyrag(arguments)
        wall, used = time.perf_counter() - began, cpu() - used
        done.set()
        summary = json.loads((out / "summary.json").read_text("utf-8"))
    stub.terminate()
    bound = math.ceil(len(lines) * options.calls / options.concurrency) * options.latency
    print(f"command: python {shlex.join(sys.argv)}")
    print(
        f"Python {platform.python_version()}, {platform.machine()}; load {Path('/proc/loadavg').read_text().split()[0]}"
    )
    print(f"status {status}; {summary['ended']} of {len(lines)} questions ended")
    each = 1e3 * used / len(lines)
    print(f"{wall:.1f} s; bound {bound:.1f} s ({wall / bound:.2f} of it); {each:.1f} ms of CPU a question")
    quarter = held[len(held) // 4 :] or held
    print(f"resident memory: {quarter[0]:.0f} MB after a quarter of the time, {held[-1]:.0f} MB at the end")
    if profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        pstats.Stats(profile).sort_stats("cumulative").print_stats("pyrag_dsl", 45)


def cpu() -> float:
    """Seconds of CPU of this process and of its children that have ended."""
    mine, theirs = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return mine.ru_utime + mine.ru_stime + theirs.ru_utime + theirs.ru_stime


if __name__ == "__main__":
    main()
