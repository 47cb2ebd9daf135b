"""What holds for tools wherever they run: in the caller's context, on loops that are kept, and never for too long."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

import pyrag_dsl as pd
from pyrag_dsl.runtime import engine

ROOT = Path(__file__).resolve().parents[2]
TWO = 'a = answer("a")\nb = answer("b")\nfinal_answer = a + b\n'
MODES = pytest.mark.parametrize("mode", ["concurrent", "sequential"])
asked_by = ContextVar("asked_by", default="nobody")


def plain(work: Callable[[str], Any]) -> dict[str, Any]:
    def answer(query: str, docs: Any = None) -> Any:  # noqa: ARG001
        return work(query)

    return {"answer": answer}


def coroutines(work: Callable[[str], Awaitable[Any]]) -> dict[str, Any]:
    async def answer(query: str, docs: Any = None) -> Any:  # noqa: ARG001
        return await work(query)

    return {"answer": answer}


@MODES
def test_tools_run_in_the_context_of_the_caller(mode: str) -> None:
    async def asker(_query: str) -> str:
        return asked_by.get()

    token = asked_by.set("me")
    try:
        assert pd.run(TWO, plain(lambda _query: asked_by.get()), mode=mode).final_answer == "meme"
        assert pd.run(TWO, coroutines(asker), mode=mode).final_answer == "meme"
    finally:
        asked_by.reset(token)


@MODES
def test_coroutines_find_the_same_loop_again(mode: str) -> None:
    loops: set[asyncio.AbstractEventLoop] = set()

    async def seen(query: str) -> str:
        loops.add(asyncio.get_running_loop())
        return query

    for _ in range(5):
        assert pd.run(TWO, coroutines(seen), mode=mode).final_answer == "ab"
    assert len(loops) == 1


def test_a_run_inside_of_a_tool_of_a_run() -> None:
    async def echo(query: str) -> str:
        return query

    def nested(_query: str) -> Any:
        return pd.run(TWO, coroutines(echo)).final_answer

    async def beside_a_loop() -> Any:
        return pd.run(TWO, coroutines(echo)).final_answer

    assert pd.run(TWO, plain(nested)).final_answer == "abab"
    assert asyncio.run(beside_a_loop()) == "ab"


@MODES
@pytest.mark.parametrize("manner", ["hangs", "holds the loop", "will not be cancelled"])
def test_no_tool_holds_a_run_for_long_after_its_deadline(manner: str, mode: str, tmp_path: Path) -> None:
    free = threading.Event()

    async def holds(_query: str) -> str:
        free.wait(20)
        return "late"

    async def stays(_query: str) -> str:
        while not free.is_set():
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                continue
        return "late"

    tools = {
        "hangs": plain(lambda _query: free.wait(20)),
        "holds the loop": coroutines(holds),
        "will not be cancelled": coroutines(stays),
    }[manner]
    path = tmp_path / "run.jsonl"
    try:
        began = time.monotonic()
        with pytest.raises(pd.LimitExceeded) as caught:
            pd.run(TWO, tools, mode=mode, limits=pd.Limits(deadline=0.2), trace=path)
        assert time.monotonic() - began < 5  # no timing, only: it does not wait for the tool
        assert caught.value.diagnostics[0].code == "PLAN402"
        saved = path.read_bytes()
    finally:
        free.set()
    assert pd.run(TWO, plain(str), mode=mode).final_answer == "ab"
    assert path.read_bytes() == saved


@MODES
@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_a_coroutine_cannot_end_the_host(kind: type[BaseException], mode: str) -> None:
    async def ends(_query: str) -> str:
        raise kind

    with pytest.raises(pd.ToolFailed, match=kind.__name__):
        pd.run(TWO, coroutines(ends), mode=mode)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process alone")
def test_a_person_who_interrupts_a_run_has_its_calls_cancelled_and_its_trace_written(tmp_path: Path) -> None:
    cancelled = threading.Event()

    async def slow(query: str) -> str:
        if query == "a":
            return query
        try:
            await asyncio.sleep(20)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return query

    path = tmp_path / "run.jsonl"
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            pd.run(TWO, coroutines(slow), trace=path)
    finally:
        timer.cancel()
    assert cancelled.is_set()
    trace = pd.Trace.load(path)
    assert trace.finished.status == "cancelled"
    assert [entry.node for entry in trace.journal()] == ["answer@1:5"]


FORKS = """
import gc, os, sys, time
import pyrag_dsl as pd
from pyrag_dsl.runtime import engine
from pyrag_dsl.models import ChatModel
from pyrag_dsl.testing.server import ScriptedModelServer

def slow(text):
    time.sleep(0.01)
    return text

tools = {"retrieve": lambda query, topk=5: [slow(query)], "answer": lambda query, docs=None: slow(query)}
plan = 'a = answer("1")\\nb = answer("2")\\nfinal_answer = a + b\\n'

def ask(model):
    run = pd.run(plan, tools, limits=pd.Limits(deadline=20.0)).final_answer
    return run, model.complete([{"role": "user", "content": "?"}], timeout=20).text

with ScriptedModelServer(lambda request: "yes") as server, ChatModel("m", server.base_url) as model:
    assert ask(model) == ("12", "yes")
    for way in ("collect", "run", "leave"):
        child = os.fork()
        if not child:
            if way == "collect":
                del model
                gc.collect()
            if way == "run":
                assert pd.run(plan, tools).final_answer == "12"
            if way == "leave":
                sys.exit(0)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        began = time.monotonic()
        assert ask(model) == ("12", "yes")
        assert time.monotonic() - began < 10, way
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_child_of_the_host_does_not_put_the_loops_of_the_host_to_sleep() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", FORKS], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")


@MODES
def test_a_run_that_computes_ends_by_itself_and_says_where_on_a_busy_machine_too(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the machine had given the thread no time at all before its caller lost patience."""
    monkeypatch.setattr(engine, "_AFTER", -0.015)
    limits = pd.Limits(deadline=0.02, steps=10**9)
    with pytest.raises(pd.LimitExceeded) as caught:
        pd.run("n = 0\nwhile True:\n    n += 1\n", {}, limits=limits, mode=mode)
    assert caught.value.diagnostics[0].span is not None


@MODES
def test_a_tool_that_computes_does_not_hold_its_caller(mode: str) -> None:
    began = time.monotonic()
    ended = threading.Event()
    with pytest.raises(pd.LimitExceeded):
        pd.run(
            'a = wait("a")',
            {"wait": lambda query: ended.wait(30) and query},
            limits=pd.Limits(deadline=0.05),
            mode=mode,
        )
    assert time.monotonic() - began < 2.5
    ended.set()
