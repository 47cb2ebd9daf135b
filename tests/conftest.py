"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The reference material that lies beside the project: plans, attacks, passages, questions."""
    path = Path(os.environ.get("PYRAG_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    if not (path / "design.md").is_file():
        pytest.skip("reference material not found: put it beside the project or set PYRAG_SHARED")
    return path
