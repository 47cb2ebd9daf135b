"""A real OpenAI-compatible server (`transformers serve`) with random weights, from end to end.

It needs a Python with torch and transformers[serving]: the one that runs the tests, or the one that
$PYRAG_SERVING_PYTHON names. What such a model says is noise, and that is the point: everything must end as documented.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyrag_dsl import PlanRejected
from pyrag_dsl.agents.answerer import Answerer
from pyrag_dsl.methods.pyrag import PyRAG
from pyrag_dsl.models.client import ChatModel
from pyrag_dsl.models.errors import BadStatus

STARTS_WITHIN = 120  # seconds


def serving_python() -> Path | None:
    """A Python that can serve a model."""
    named = os.environ.get("PYRAG_SERVING_PYTHON")
    if named:
        return Path(named)
    found = all(importlib.util.find_spec(name) for name in ("torch", "transformers", "fastapi", "uvicorn"))
    return Path(sys.executable) if found else None


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The base URL of a server, and the name of its model."""
    python = serving_python()
    if python is None:
        pytest.skip("no Python with torch and transformers[serving]: set PYRAG_SERVING_PYTHON")
    folder = tmp_path_factory.mktemp("model")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([python, Path(__file__).with_name("tiny_model.py"), folder], check=True, **quiet)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [python.with_name("transformers"), "serve", "--host", "127.0.0.1", "--port", str(port)],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "home")},
        **quiet,
    )
    try:
        _wait(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}/v1", str(folder)
    finally:
        process.kill()
        process.wait()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until:
        assert process.poll() is None, "the server has ended"
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise AssertionError(f"the server does not answer within {STARTS_WITHIN} s")


def test_a_reply_is_read_and_counted(server: tuple[str, str]) -> None:
    base_url, name = server
    with ChatModel(name, base_url, max_tokens=16, temperature=0.0) as model:
        reply = model.complete([{"role": "user", "content": "Who wrote Dune?"}])
    assert reply.text
    assert reply.usage.known
    assert reply.usage.completion_tokens == 16
    assert reply.truncated


def test_noise_is_an_answer_or_the_sentinel(server: tuple[str, str]) -> None:
    base_url, name = server
    with ChatModel(name, base_url, max_tokens=16) as model:
        text = asyncio.run(Answerer(model).answer("Who wrote it?", ["Dune\nBy Frank Herbert."]))
    assert isinstance(text, str)
    assert text


def test_a_model_that_is_not_there(server: tuple[str, str]) -> None:
    base_url, _ = server
    with ChatModel("no/such-model", base_url, max_tokens=4, max_retries=0) as model, pytest.raises(BadStatus) as failed:
        model.complete([{"role": "user", "content": "hello"}])
    assert "no/such-model" in str(failed.value)


def test_a_planner_of_noise_writes_no_plan(server: tuple[str, str]) -> None:
    base_url, name = server
    with ChatModel(name, base_url, max_tokens=24) as model:
        pyrag = PyRAG(lambda query, topk=5: ["A passage."], model, decompose=False)  # noqa: ARG005
        with pytest.raises(PlanRejected) as refused:
            pyrag.run("Who wrote Dune?")
    assert refused.value.answered.spent.usage.completion_tokens >= 24
