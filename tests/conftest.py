"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# The quick heart, `pytest -m quick`: examples of every layer, no long laws, no processes, no servers.
QUICK = {
    "cli/test_fix.py",
    "diagnostics/test_codes.py",
    "diagnostics/test_foresight.py",
    "diagnostics/test_model_habits.py",
    "diagnostics/test_rewrites.py",
    "docs/test_generated.py",
    "docs/test_security_page.py",
    "engine/test_counterexamples.py",
    "engine/test_hooks.py",
    "engine/test_options.py",
    "engine/test_tools.py",
    "engine/test_trace_files.py",
    "language/test_corpus.py",
    "language/test_counterexamples.py",
    "language/test_faithful.py",
    "language/test_vocabulary.py",
    "security/test_making.py",
}
TESTS = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(TESTS).as_posix() in QUICK and not item.get_closest_marker("slow"):
            item.add_marker("quick")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The reference material that lies beside the project: plans, attacks, passages, questions."""
    path = Path(os.environ.get("PYRAG_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    if not (path / "design.md").is_file():
        pytest.skip("reference material not found: put it beside the project or set PYRAG_SHARED")
    return path
