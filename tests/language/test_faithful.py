"""Every construct, operator, builtin, method and error of the language: what CPython does, plans do."""

from __future__ import annotations

import warnings

import pytest

import pyrag_dsl as pd

from .cpython import Seen, cpythons, ours, programs

TOPICS = ("expressions", "texts", "scopes", "control", "tools", "modules")
TABLE = [pytest.param(text, id=f"{topic}: {name}") for topic in TOPICS for name, text in programs(topic)]
OPEN = [pytest.param(text, id=name) for name, text in programs("open")]


def expected(text: str) -> Seen:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        return cpythons(text)


@pytest.mark.parametrize("text", TABLE)
def test_plan_does_what_cpython_does(text: str) -> None:
    assert ours(text) == expected(text)


@pytest.mark.xfail(strict=True, reason="a known difference")
@pytest.mark.parametrize("text", OPEN)
def test_plan_does_not_yet_do_what_cpython_does(text: str) -> None:
    assert ours(text) == expected(text)


@pytest.mark.parametrize(
    "text", [text.replace("⏎", "\n") for _, text in programs("refused") for text in text.splitlines()]
)
def test_what_cannot_be_compiled_is_refused(text: str) -> None:
    with pytest.raises(pd.PlanRejected):
        pd.parse(f"{text}\nfinal_answer = 1\n")


def test_the_table_is_long() -> None:
    assert len(TABLE) >= 300
