"""What evaluations in tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from .runs import write_data


@pytest.fixture(autouse=True)
def no_models_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LLM_MODEL", "LLM_BASE_URL", "PLAN_LLM_MODEL", "PYRAG_CONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path)
