"""Corpora written by hand, and a retrieval server that does what it is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .retrieval_server import Server, running


@pytest.fixture
def corpus(tmp_path: Path) -> Callable[..., Path]:
    """Write lines (text, bytes, or objects that become JSON) to a corpus file and return its path."""

    def write(*lines: object, name: str = "corpus.jsonl") -> Path:
        path = tmp_path / name
        path.write_bytes(b"".join(_line(line) + b"\n" for line in lines))
        return path

    return write


def _line(line: object) -> bytes:
    if isinstance(line, bytes):
        return line
    return (line if isinstance(line, str) else json.dumps(line)).encode()


@pytest.fixture
def server() -> Iterator[Server]:
    """A running server; set its `replies`, read its `requests`."""
    with running() as told:
        yield told
