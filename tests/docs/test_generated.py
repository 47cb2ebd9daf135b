"""What is written of the tables of the code is what the tables say."""

from __future__ import annotations

import importlib.util

from .examples import ROOT


def test_pages_are_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert [path.name for path in generate.stale()] == [], "run python docs/generate.py"
