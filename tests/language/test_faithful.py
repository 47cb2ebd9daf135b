"""Every construct, operator, builtin, method and error of the language: what CPython does, plans do."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest

import pyrag_dsl as pd

from .cpython import Seen, cpythons, ours, programs

TOPICS = ("expressions", "texts", "scopes", "control", "tools", "modules")
TABLE = [pytest.param(text, id=f"{topic}: {name}") for topic in TOPICS for name, text in programs(topic)]
OPEN = [pytest.param(text, id=name) for name, text in programs("open")]


# Where versions of CPython differ, plans do what is said here on all of them: a slice is no key.
ON_ANY_VERSION = {"{1: 2}[1:2]": "TypeError"}


def expected(text: str) -> Seen:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        seen = cpythons(text)
    return replace(seen, error=next((error for part, error in ON_ANY_VERSION.items() if part in text), seen.error))


@pytest.mark.parametrize("text", TABLE)
def test_plan_does_what_cpython_does(text: str) -> None:
    assert ours(text) == expected(text)


@pytest.mark.parametrize("text", TABLE)
def test_plan_does_it_concurrently_too(text: str) -> None:
    """A plan that fails may have made calls beyond the failing point: no fewer, and no other failure."""
    seen, wanted = ours(text, mode="concurrent"), expected(text)
    if wanted.error:
        assert set(wanted.calls) <= set(seen.calls)
        seen = replace(seen, calls=wanted.calls)
    assert seen == wanted


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="a known difference")
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
