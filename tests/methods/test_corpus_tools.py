"""A-RAG's three tools: scores, formats, neighbours, and what there is without vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pyrag_dsl.methods.corpus_tools import NoVectorsError, adjacent, corpus_tools, sentences
from pyrag_dsl.retrieval import BM25Index, Passage
from pyrag_dsl.runtime.tools import Reported, Tool

CHUNKS = [
    Passage("0", "", "The violin is small. A cello is a large instrument! Who plays it? Ann plays the cello."),
    Passage("1", "", "Bob plays the violin and the viola. He was born in Ulm."),
    Passage("2", "", "Ulm lies on the Danube."),
]


def told(tool: Tool) -> Callable[..., str]:
    """What a tool says to a model; the ids of chunks that it reports besides are for the trace."""

    def call(*given: Any, **named: Any) -> str:
        found = tool.function(*given, **named)
        return str(found.value if isinstance(found, Reported) else found)

    return call


def tools(nearest: Any = None) -> dict[str, Callable[..., str]]:
    return {name: told(each) for name, each in corpus_tools(BM25Index.of(CHUNKS), nearest).items()}


def test_keywords_score_by_count_times_length_and_short_sentences_are_shown_too() -> None:
    found = tools()["keyword_search"](["VIOLIN", "Ulm"]).split("\n")
    assert [line.split(",")[0] for line in found] == ["Chunk ID: 1", "Chunk ID: 0", "Chunk ID: 2"]
    short = corpus_tools(BM25Index.of([Passage("s", "", "Go on. An Ibex!")]))["keyword_search"]
    assert told(short)(["ibex"]) == "Chunk ID: s, Matched keywords in chunk: ... An Ibex! ..."


def test_sentences_are_grouped_by_chunk_with_the_best_cosine_and_in_the_order_of_the_text() -> None:
    asked: list[tuple[str, int]] = []

    def nearest(query: str, count: int) -> list[tuple[Passage, int, float]]:
        asked.append((query, count))
        return [(CHUNKS[0], 3, 0.91239), (CHUNKS[1], 0, 0.8), (CHUNKS[0], 0, 0.7), (CHUNKS[2], 0, 0.1)][:count]

    search = tools(nearest)["semantic_search"]
    assert search("who plays?", 2).split("\n") == [
        "Chunk ID: 0 (Similarity: 0.912) ... The violin is small. ... Ann plays the cello. ...",
        "Chunk ID: 1 (Similarity: 0.800) ... Bob plays the violin and the viola. ...",
    ]
    assert search("who plays?", 1).startswith("Chunk ID: 0")
    search("who plays?", 99)
    assert [count for _, count in asked] == [6, 3, 60]


def test_without_vectors_it_says_what_to_install_and_compares_words_only_when_told() -> None:
    search = tools()["semantic_search"]
    with pytest.raises(NoVectorsError, match=r"pyrag_dsl\[dense\].*--sentences.*semantic=words"):
        search("violin")
    assert search("Ann plays the cello", by="words").startswith("Chunk ID: 0 (Similarity: 1.000)")
    assert search(" ", by="words").startswith("Error")
    assert search("violin", by="magic").startswith("Error")


def test_chunks_are_read_with_their_neighbours() -> None:
    read = tools()["chunk_read"]
    assert read(["0", "7"]) == f"[Chunk 0]\n{CHUNKS[0].text}\n\n[Chunk 7]\nNot found\n"
    assert read("1", 1) == "\n".join(f"[Chunk {each.id}]\n{each.text}\n" for each in CHUNKS)
    assert read(["0", "2"], 1).count("[Chunk") == 3, "each is read once, and what is not there is not told of"
    for wrong in (-1, 4, "1", None, True):
        assert read("1", wrong).startswith("Error: neighbours")


@pytest.mark.parametrize(
    ("chunk", "around"),
    [
        ("5", ["4", "5", "6"]),
        ("0", ["0", "1"]),
        ("a/b.md#9", ["a/b.md#8", "a/b.md#9", "a/b.md#10"]),
        ("doc-007", ["doc-006", "doc-007", "doc-008"]),
        ("no number", ["no number"]),
    ],
)
def test_neighbours_are_the_ids_that_count_on(chunk: str, around: list[str]) -> None:
    assert adjacent(chunk, 1) == around
    assert adjacent(chunk, 0) == [chunk]


def test_sentences_end_at_marks_and_lines() -> None:
    assert sentences("A sentence. Another sentence!\nA third one? No.") == [
        "A sentence.",
        "Another sentence!",
        "A third one?",
    ]
    assert sentences("No. Yes", 0) == ["No.", "Yes"]
