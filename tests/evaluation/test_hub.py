"""Data sets by the `datasets` library, without network: from directories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pyrag_dsl.evaluation import DataError, read_questions

ROWS: list[dict[str, Any]] = [
    {"question": "Who is Ann?", "answer": "a singer", "supporting_facts": {"title": ["Ann"], "sent_id": [0]}},
    {"question": "Who is Bea?", "answer": "a poet", "supporting_facts": {"title": ["Bea"], "sent_id": [1]}},
]


@pytest.fixture
def datasets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    return pytest.importorskip("datasets", reason="the extra `hub` is not installed")


def test_a_directory_of_files_and_a_saved_data_set(datasets: Any, tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    saved = tmp_path / "saved"
    datasets.DatasetDict({"dev": datasets.Dataset.from_list(ROWS)}).save_to_disk(str(saved))
    for place in (f"hub:{files}:test", f"hub:{saved}:dev"):
        found = read_questions(place)
        assert [(each.id, each.text, each.golden_answers) for each in found] == [
            ("1", "Who is Ann?", ("a singer",)),
            ("2", "Who is Bea?", ("a poet",)),
        ]
        assert found[0].metadata["supporting_facts"]["title"] == ["Ann"]


def test_what_cannot_be_had_is_said(datasets: Any, tmp_path: Path) -> None:  # noqa: ARG001
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty:test: "):
        read_questions(f"hub:{tmp_path / 'empty'}:test")


@pytest.mark.parametrize("place", ["hub:name", "hub::test", "hub:name:"])
def test_a_place_has_a_name_and_a_split(place: str) -> None:
    with pytest.raises(DataError, match="hub:NAME:SPLIT"):
        read_questions(place)


def test_without_the_library_the_way_to_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(DataError, match=r"pip install 'pyrag_dsl\[hub\]'"):
        read_questions("hub:owner/name:test")
