"""The examples of docs/engine.md run as they are printed."""

from __future__ import annotations

import doctest
from pathlib import Path


def test_examples() -> None:
    path = Path(__file__).resolve().parents[2] / "docs" / "engine.md"
    failed, tried = doctest.testfile(str(path), module_relative=False, encoding="utf-8")
    assert tried > 15
    assert failed == 0
