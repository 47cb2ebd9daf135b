"""`pyrag ask --live` in a process of its own: what an interrupt leaves behind, and who is asked to stream."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the extra `serve` is not installed")
pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")

import requests

from pyrag_dsl import Trace
from pyrag_dsl.runtime.events import CallFinished
from pyrag_dsl.testing.server import Request, ScriptedModelServer, Turn

from .test_ask import QUESTION, reply

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a child alone")

START = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from pyrag_dsl.cli import pyrag; sys.exit(pyrag(sys.argv[1:]))"
)


class Running:
    """A process, its standard error line by line as it comes, and the address that it prints."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend(self.process.stderr)

    def until(self, what: Callable[[str], Any]) -> Any:
        """What is found in standard error, as soon as it is there."""
        for _ in range(600):
            found = what("".join(self.lines))
            if found:
                return found
            assert self.process.poll() is None, "".join(self.lines)
            time.sleep(0.05)
        raise AssertionError("".join(self.lines))

    @property
    def address(self) -> str:
        found: str = self.until(lambda text: re.search(r"http://127\.0\.0\.1:\d+/[\w-]+/", text)).group()
        return found

    def interrupt(self) -> tuple[int, str, str]:
        """Status, standard output and standard error after a SIGINT."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.stdout is not None
        out = self.process.stdout.read()
        code = self.process.wait(timeout=30)
        self._reading.join(30)
        return code, out, "".join(self.lines)


@contextmanager
def asked(server: ScriptedModelServer, *options: object) -> Iterator[Running]:
    process = subprocess.Popen(
        [
            *[sys.executable, "-c", START, "ask", QUESTION, "--llm-base-url", server.base_url, "--model", "m"],
            *["--plan-model", "plans", *map(str, options)],
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    running = Running(process)
    try:
        yield running
    finally:
        process.kill()
        process.wait(30)


def free(address: str) -> bool:
    """Whether another server can have the port now."""
    port = int(address.split(":")[2].split("/")[0])
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))
        again.listen()
        return True


def answers(trace: Path) -> list[str]:
    return [event.tool for event in Trace.load(trace).events if isinstance(event, CallFinished)]


@pytest.mark.thorough
def test_an_interrupt_while_the_run_goes_on_loses_nothing_that_was_done(tmp_path: Path) -> None:
    reached = threading.Event()

    def script(request: Request) -> Any:
        if "Who is older" in request.messages[-1]["content"] and request.messages[0]["content"][:7] == "You ans":
            reached.set()
            return Turn("<answer>late</answer>", delay=60.0)
        return reply(request)

    trace = tmp_path / "t.jsonl"
    with ScriptedModelServer(script) as server, asked(server, "--live", "--trace", trace) as running:
        address = running.address
        assert reached.wait(60)
        told = requests.get(f"{address}events", stream=True, timeout=30)  # somebody is listening
        assert b"the run is not finished yet" in next(told.iter_content(1 << 20))
        code, out, err = running.interrupt()
        assert (code, out) == (130, ""), err
        assert "Traceback" not in err
        assert f"continue with --resume {trace}" in err
        assert free(address)
        done = [*["decompose", "write_plan"], *["retrieve"] * 2, *["answer"] * 2]
        assert sorted(answers(trace)) == sorted(done), "all that came back, and not what was under way"
        planning = [request.body for request in server.requests if request.body["model"] == "plans"]
        assert [body.get("stream") for body in planning] == [True]
        assert not any("stream" in request.body for request in server.requests if request.body["model"] != "plans")


@pytest.mark.thorough
def test_after_the_run_an_interrupt_ends_the_page_and_the_status_is_that_of_the_run(tmp_path: Path) -> None:
    trace = tmp_path / "t.jsonl"
    with ScriptedModelServer(reply) as server, asked(server, "--live", "--trace", trace) as running:
        address = running.address
        running.until(lambda text: "The page stays until Ctrl-C." in text)
        assert "John William Henry II" in requests.get(address, timeout=30).text
        told = requests.get(f"{address}events", stream=True, timeout=30)
        assert b'"ended": true' in next(told.iter_content(1 << 20))
        code, out, err = running.interrupt()
        assert (code, out) == (0, "John William Henry II\n"), err
        assert "Traceback" not in err
        assert free(address)
        assert answers(trace).count("answer") == 3


@pytest.mark.thorough
def test_where_nobody_looks_nothing_is_streamed() -> None:
    with ScriptedModelServer(reply) as server, asked(server) as running:
        assert running.process.wait(60) == 0
        assert not any("stream" in request.body for request in server.requests)
