"""A type checker sees the public names and options: mistakes of a user are found, right use is not."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

import pyrag_dsl as pd

api = pytest.importorskip("mypy.api", reason="mypy is not installed: pip install '.[dev]'")

RIGHT = """
import asyncio
import pyrag_dsl as pd

class Audit(pd.Hook):
    def before_call(self, call: pd.Call) -> pd.Veto | None:
        return pd.Veto("not about passwords") if "password" in str(call.arguments["query"]) else None

    def after_call(self, finished: pd.Finished) -> None:
        print(finished.result)

def told(event: pd.Event) -> None:
    if isinstance(event, pd.CallFinished):
        print(event.alias, event.elapsed)

def retrieve(query: str, topk: int = 5) -> list[str]:
    return [query] * topk

result: pd.Result = pd.run("final_answer = 'a'", {"retrieve": retrieve}, mode="sequential", limits={"steps": 5},
                           hooks=[Audit()], on_event=told, retries=2)
print(result.final_answer)
pd.rerun(result.trace, {"retrieve#1": {"topk": 8}}, [retrieve], question="Who?")

async def follow() -> None:
    stream = pd.astream("final_answer = 'a'", {"retrieve": retrieve})
    async for event in stream:
        told(event)
    print(stream.result.final_answer)

asyncio.run(follow())
try:
    pd.parse("x")
except pd.PlanRejected as error:
    for each in error.diagnostics:
        print(each.code, each.span.line if each.span else 0)
"""
WRONG = {
    "an option that is misspelt": ('pd.run("x", {}, modee="x")', 'Unexpected keyword argument "modee"'),
    "a name that is not there": ("pd.NoSuchName", 'Module has no attribute "NoSuchName"'),
    "limits of the wrong type": ('pd.run("x", {}, limits=3)', 'Argument "limits"'),
    "a mode that is not there": ('pd.run("x", {}, mode="fast")', 'Argument "mode"'),
    "calls taken for text": ('text: str = pd.run("x", {}).calls', "Incompatible types in assignment"),
    "a hook that is no hook": ('pd.run("x", {}, hooks=[print])', 'expected "Hook"'),
    "an argument of a re-run": ('pd.rerun("t", {"retrieve#1": 3})', "Dict entry 0 has incompatible type"),
}


def found(script: str, tmp_path: Path) -> str:
    """What mypy --strict says of a script of a user."""
    path = tmp_path / "script.py"
    path.write_text(script)
    out, err, _ = api.run(["--strict", "--no-error-summary", "--cache-dir", str(tmp_path / "cache"), str(path)])
    return str(out + err)


@pytest.mark.thorough
def test_right_use_is_right(tmp_path: Path) -> None:
    assert found(RIGHT, tmp_path) == ""


@pytest.mark.thorough
def test_mistakes_are_found(tmp_path: Path) -> None:
    lines = [code for code, _ in WRONG.values()]
    out = found("import pyrag_dsl as pd\n" + "\n".join(lines) + "\n", tmp_path).splitlines()
    for number, (_, says) in enumerate(WRONG.values(), start=2):
        assert any(f"script.py:{number}:" in line and says in line for line in out), (number, out)


@pytest.mark.skipif(
    importlib.util.find_spec("basedpyright") is None,
    reason="basedpyright, which is pyright with its runtime, is not installed: pip install '.[dev]'",
)
def test_pyright_says_the_same(tmp_path: Path) -> None:
    lines = [code for code, _ in WRONG.values()]
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "wrong.py").write_text("import pyrag_dsl as pd\n" + "\n".join(lines) + "\n")
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({"typeCheckingMode": "strict"}))
    command = [
        sys.executable,
        "-m",
        "basedpyright",
        "--outputjson",
        "--pythonpath",
        sys.executable,
        "-p",
        str(tmp_path),
    ]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    places = {(Path(each["file"]).name, each["range"]["start"]["line"]) for each in told["generalDiagnostics"]}
    assert places == {("wrong.py", number) for number in range(1, len(lines) + 1)}


def test_every_public_name_is_there() -> None:
    assert {name for name in pd.__all__ if getattr(pd, name, None) is None} == set()
    assert sorted(pd.__all__) == dir(pd)
