"""Each promise of SECURITY.md names tests, and what it names is there."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pytest

from tests.security.test_holes import PROGRAMS

from .examples import ROOT

TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
PROMISES = re.findall(
    r"^\d+\. (?:.+\n(?:   .+\n)*)", TEXT.partition("### Promised")[2].partition("###")[0], re.MULTILINE
)


@pytest.mark.parametrize("promise", PROMISES)
def test_every_promise_names_a_test(promise: str) -> None:
    assert "`tests/" in promise or "hole `" in promise


def test_the_promises_are_all_there() -> None:
    assert len(PROMISES) == 7


def test_every_way_out_and_every_worst_case_names_a_test() -> None:
    tables = [part for part in TEXT.split("\n\n") if part.startswith("| ") and "| tests |" in part]
    rows = [row for table in tables for row in table.splitlines()[2:]]
    assert len(rows) > 30
    for row in rows:
        assert re.search(r"`tests/|hole `|attack `", row.rsplit(" | ", 1)[1]), row


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(tests/[\w/.]+|\w+/\w+\.py)`", TEXT))))
def test_what_is_named_is_there(path: str) -> None:
    assert (ROOT / path).exists() or (ROOT / "pyrag_dsl" / path).exists()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`((?:esc|one|shared|deep|time|mem|flow)/[^`]+)`", TEXT))))
def test_every_hole_that_is_named_is_tried(name: str) -> None:
    assert any(fnmatchcase(each, name) for each in PROGRAMS)
