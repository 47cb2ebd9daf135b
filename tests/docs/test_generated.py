"""What is written of the tables of the code is what the tables say."""

from __future__ import annotations

import importlib.util

from tests.conftest import QUICK

from .examples import ROOT


def test_pages_are_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert [path.name for path in generate.stale()] == [], "run python docs/generate.py"


def test_the_quick_heart_is_made_of_tests_that_are_there() -> None:
    assert [name for name in sorted(QUICK) if not (ROOT / "tests" / name).is_file()] == []
