"""The commands called in this process: arguments in; status, standard output and standard error out."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pyrag_dsl.cli import main, pyrag

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Ended]


@pytest.fixture
def pyrag_exec(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """`pyrag_exec("plan.py", "--json", stdin=b"...")`."""

    def call(*arguments: object, stdin: bytes = b"") -> Ended:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        status = main([str(argument) for argument in arguments])
        return Ended(status, *capsys.readouterr())

    return call


@pytest.fixture
def pyrag_verb(capsys: pytest.CaptureFixture[str]) -> Command:
    """`pyrag_verb("trace", "show", file)`."""

    def call(*arguments: object) -> Ended:
        status = pyrag([str(argument) for argument in arguments])
        return Ended(status, *capsys.readouterr())

    return call


@pytest.fixture
def plan(tmp_path: Path) -> Callable[[str], Path]:
    """A file with this text."""

    def write(text: str, name: str = "plan.py") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def older() -> Path:
    """A plan that is answered from the bundled passages."""
    return EXAMPLES / "older.py"
