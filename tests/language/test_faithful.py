"""Every construct, operator, builtin, method and error of the language: what CPython does, plans do."""

from __future__ import annotations

import pytest
from .cpython import cpythons, ours, programs

TOPICS = ("expressions", "texts")
TABLE = [pytest.param(text, id=f"{topic}: {name}") for topic in TOPICS for name, text in programs(topic)]


@pytest.mark.parametrize("text", TABLE)
def test_plan_does_what_cpython_does(text: str) -> None:
    assert ours(text) == cpythons(text)
