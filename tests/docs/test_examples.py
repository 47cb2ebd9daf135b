"""The examples in Python run, and the container image has what it copies."""

from __future__ import annotations

import asyncio
import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from starlette.testclient import TestClient

from .examples import ROOT

HOST = ROOT / "examples" / "host"


def run(name: str, **more: Any) -> dict[str, Any]:
    return runpy.run_path(str(HOST / name), **more)


def test_tools_with_models(capsys: pytest.CaptureFixture[str]) -> None:
    run("tools.py", run_name="__main__")
    signature, titles, refused, *_ = capsys.readouterr().out.splitlines()
    assert signature.startswith("films(director")
    assert titles == "['Gladiator']"
    assert refused.startswith("PLAN")


def test_a_hook(capsys: pytest.CaptureFixture[str]) -> None:
    run("hook.py", run_name="__main__")
    answered, asked, refused, *_ = capsys.readouterr().out.splitlines()
    assert (answered, asked) == ("3 passages", "2")
    assert "nobody asks for passwords here" in refused


def test_a_service_tells_what_happens() -> None:
    client = TestClient(run("service.py")["app"])
    plan = 'final_answer = answer("Who directed Jaws?", retrieve("Jaws film directed by"))'
    lines = [json.loads(line) for line in client.post("/run", json={"plan": plan}).text.splitlines()]
    assert [line.get("call") for line in lines] == ["retrieve#1", "answer#1", None]
    assert lines[-1] == {"answer": "Steven Spielberg"}
    (wrong,) = client.post("/run", json={"plan": "import os"}).text.splitlines()
    assert json.loads(wrong)["problems"][0]["code"].startswith("PLAN2")


def test_a_notebook() -> None:
    cells = json.loads((HOST / "notebook.ipynb").read_text(encoding="utf-8"))["cells"]
    shell = InteractiveShell.instance()
    try:
        for cell in cells:
            if cell["cell_type"] == "code":
                code = "".join(cell["source"])
                asyncio.run(shell.run_cell_async(code, transformed_cell=code)).raise_error()
        assert shell.user_ns["result"].final_answer == "December 18, 1946"
    finally:
        InteractiveShell.clear_instance()


def test_every_example_is_run() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [path.name for path in HOST.iterdir() if path.is_file() and f'"{path.name}"' not in text] == []


def test_the_image_copies_what_is_there() -> None:
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )?(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    kept = (ROOT / ".dockerignore").read_text().splitlines()
    for name in " ".join(copied).split():
        assert (ROOT / name).exists(), name
        assert f"!{name}" in kept, name
