"""Runs hostile plans one by one, each in a process of its own, and says what became of them.

As a program it reads jobs, one JSON object a line, and answers each with a verdict, one JSON object a line. Each job
runs in a fork, so that crashes, hangs and blow-ups are seen from outside and touch nothing else.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import select
import signal
import sys
import time
from typing import Any

CANARY = "canary-7c1e9d04b2"
SECRET = "secret-of-the-host-51f3"
GROWN = 1_536 * 1024 * 1024  # bytes of address space that a job may add before the system refuses
PATIENCE = 20.0  # seconds before a job is killed


class HostError(Exception):
    """What a broken tool raises: it knows more than a plan or a reader of the trace may."""

    def __init__(self) -> None:
        super().__init__(f"backend said {SECRET}")
        self.secret = SECRET


class Host:
    """Tools as a careless service writes them: one list of passages, kept and handed out again and again."""

    def __init__(self) -> None:
        self.documents = [f"Document {number} about the matter at hand." for number in range(5)]
        self.before = list(self.documents)
        self.heard: list[Any] = []

    def retrieve(self, query: str, topk: int = 5) -> list[str]:
        self.heard.append((query, topk))
        if query == "BOOM":
            raise HostError
        return self.documents

    def answer(self, query: str, docs: list[str] | None = None) -> str:
        self.heard.append((query, docs))
        return "an answer"


def judge(job: dict[str, Any]) -> dict[str, Any]:
    """Run one plan and report. Called in a process that ends afterwards."""
    import pyrag_dsl as pd

    host = Host()
    source = job["source"]
    verdict: dict[str, Any] = {"name": job["name"], "mode": job["mode"]}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    trace: Any = None
    diagnostics: tuple[Any, ...] = ()
    try:
        result = pd.run(source, tools={"retrieve": host.retrieve, "answer": host.answer}, mode=job["mode"])
    except pd.PlanError as error:
        verdict["outcome"] = type(error).__name__
        diagnostics, trace = error.diagnostics, error.trace
    except BaseException as error:
        verdict["outcome"] = f"escaped: {type(error).__name__}: {str(error)[:200]}"
    else:
        verdict["outcome"] = "done"
        verdict["value"] = repr(result.final_answer)[:400]
        trace = result.trace
    verdict["cpu"] = time.process_time() - began
    written = json.dumps([diagnostic.to_json() for diagnostic in diagnostics])
    if trace is not None:
        path = f"trace-{os.getpid()}.jsonl"
        trace.save(path)
        with open(path, encoding="utf-8") as file:
            _, _, rest = file.read().partition("\n")
        events = [json.loads(line) for line in rest.splitlines()]
        written += rest
        verdict["statements"] = sum(event["type"] == "statement" for event in events)
        os.unlink(path)
    verdict["cpu_with_trace"] = time.process_time() - began
    verdict["grown"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 1024
    verdict["codes"] = [diagnostic.code for diagnostic in diagnostics]
    verdict["messages"] = [diagnostic.message for diagnostic in diagnostics][:3]
    verdict["placed"] = all(diagnostic.span is not None for diagnostic in diagnostics)
    verdict["calls"] = len(host.heard)
    verdict["plain"] = all(_plain(part) for part in host.heard)
    verdict["leaks"] = [
        f"{what} in {where}"
        for what, needle in (("canary", CANARY), ("secret", SECRET))
        for where, text in (
            ("tool arguments", repr(host.heard)),
            ("value", verdict.get("value", "")),
            ("trace", written),
        )
        if needle in text
    ]
    verdict["untouched"] = host.documents == host.before and not os.path.exists("canary.txt")
    if job.get("compare"):
        verdict["expected"] = _by_host(source)
    return verdict


def _plain(value: Any) -> bool:
    if type(value) in (list, tuple):
        return all(map(_plain, value))
    return type(value) in (str, int, type(None))


def _by_host(source: str) -> str:
    """What CPython makes of a harmless plan."""
    host = Host()
    space: dict[str, Any] = {"retrieve": host.retrieve, "answer": host.answer, "__name__": "__main__"}
    try:
        exec(compile(source.removeprefix("\ufeff"), "plan", "exec"), space)
    except BaseException as error:
        return f"raises {type(error).__name__}"
    return repr(space.get("result"))[:400]


def _child(job: dict[str, Any], out: int) -> None:
    space = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 + GROWN
    resource.setrlimit(resource.RLIMIT_AS, (space * 2, space * 2))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    verdict = judge(job)
    with os.fdopen(out, "w", encoding="utf-8") as pipe:
        pipe.write(json.dumps(verdict))
    gc.collect()


def cage(job: dict[str, Any]) -> dict[str, Any]:
    """Run one job in a fork."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        status = 1
        try:
            _child(job, writer)
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    ends = time.monotonic() + PATIENCE
    chunks = []
    killed = False
    while True:
        ready, _, _ = select.select([reader], [], [], max(0.0, ends - time.monotonic()))
        if not ready:
            os.kill(pid, signal.SIGKILL)
            killed = True
            break
        chunk = os.read(reader, 65_536)
        if not chunk:
            break
        chunks.append(chunk)
    os.close(reader)
    status = os.waitpid(pid, 0)[1]
    if killed:
        return {"name": job["name"], "mode": job["mode"], "outcome": "hang"}
    if not chunks or status:
        return {"name": job["name"], "mode": job["mode"], "outcome": f"crash: status {status}"}
    return json.loads(b"".join(chunks))  # type: ignore[no-any-return]


def main() -> None:
    import pyrag_dsl as pd

    tools = {"retrieve": Host().retrieve, "answer": Host().answer}
    pd.run("final_answer = 1", tools=tools, mode="sequential", limits=pd.Limits(deadline=None))  # late imports
    gc.freeze()
    for line in sys.stdin:
        print(json.dumps(cage(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
