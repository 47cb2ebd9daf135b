"""The passages that come with the package, for examples that need neither a corpus nor a server."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from .index import BM25Index
from .passages import Passage, parse_passage_line


@cache
def bundled_passages() -> tuple[Passage, ...]:
    """The bundled passages, in the order of their file. They were written for this project."""
    text = files(__package__).joinpath("bundled.jsonl").read_text(encoding="utf-8")
    return tuple(parse_passage_line(line) for line in text.split("\n") if line)


def bundled_retriever() -> BM25Index:
    """A BM25 index of the bundled passages in memory. It is built in milliseconds."""
    return BM25Index.of(bundled_passages())
