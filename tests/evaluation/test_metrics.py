"""Scores, beside published ones and a scorer that is written otherwise."""

from __future__ import annotations

import collections
import json
import os
import re
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrag_dsl.evaluation import contains, cover_exact_match, exact_match, f1, normalised

TRACES = Path(os.environ.get("PYRAG_SHARED") or Path(__file__).parents[3] / "shared") / "data" / "traces"


def squad(text: str) -> str:
    """The official script's way."""
    text = "".join(ch for ch in text.lower() if ch not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def squad_f1(said: str, gold: str) -> float:
    one, two = squad(said).split(), squad(gold).split()
    same = sum((collections.Counter(one) & collections.Counter(two)).values())
    if not one or not two or not same:
        return 0.0
    precision, recall = same / len(one), same / len(two)
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize(
    ("said", "golden", "scores"),
    [
        ("The Beatles!", ["beatles"], (1, 1, 1, 1)),
        ("It was Paris, France.", ["Paris"], (0, 0.4, 1, 1)),
        ("Obama, Barack", ["Barack Obama"], (0, 1, 0, 1)),
        ("yes", ["no"], (0, 0, 0, 0)),
        ("", ["Paris"], (0, 0, 0, 0)),
        (None, ["Paris"], (0, 0, 0, 0)),
        (1949, ["1949"], (1, 1, 1, 1)),
        (["Ann", "Bea"], ["Ann, Bea"], (1, 1, 1, 1)),
    ],
)
def test_scores(said: Any, golden: list[str], scores: tuple[float, ...]) -> None:
    found = (exact_match(said, golden), f1(said, golden), contains(said, golden), cover_exact_match(said, golden))
    assert found == pytest.approx(scores)


words = st.lists(st.sampled_from(["the", "Paris", "a", "in", "1949", "yes", "Paris.", "-"]), max_size=6).map(" ".join)


@given(words, words)
def test_law_f1_is_that_of_an_independent_scorer(said: str, gold: str) -> None:
    if not {squad(said), squad(gold)} & {"yes", "no", "noanswer"}:
        assert f1(said, [gold]) == pytest.approx(squad_f1(said, gold))
    assert normalised(said) == squad(said)
    assert exact_match(said, [gold]) <= cover_exact_match(said, [gold]) or not squad(gold)
    assert exact_match(said, [gold]) <= f1(said, [gold]) or not squad(gold)


@pytest.mark.skipif(not TRACES.is_dir(), reason="the recorded traces are not here: set PYRAG_SHARED")
def test_the_published_exact_matches_are_reproduced() -> None:
    rows = [json.loads(line) for path in TRACES.glob("*.jsonl") for line in path.read_text("utf-8").splitlines()]
    scored = [row for row in rows if "em" in row]
    for row in scored:
        gold = row["gold"] if isinstance(row["gold"], list) else [row["gold"]]
        assert exact_match(row["final"], gold) == float(row["em"]), row
    for row in rows:
        gold = row["gold"] if isinstance(row["gold"], list) else [row["gold"]]
        assert f1(row["final"], gold) == pytest.approx(
            max(squad_f1(str(row["final"]), str(each)) for each in gold)
        ) or {squad(str(row["final"])), *map(squad, map(str, gold))} & {"yes", "no"}
