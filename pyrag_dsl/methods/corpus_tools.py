"""The three tools of A-RAG over a retriever, and their descriptions for a model.

They accept any arguments of a model, and describe mistakes in words, because a model reads the result. Scores and
formats are those of A-RAG's code. The candidates for words come from the index, while A-RAG scans all chunks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from ..runtime.tools import Reported, Tool, tool

MOST = 20
_CANDIDATES = 100  # passages that are compared for each requested one
_SNIPPETS = 5
_SENTENCE = re.compile(r"[^.!?\n]+[.!?\n]*")
_LEAST_SENTENCE = 10  # characters
_NEIGHBOURS = 3  # the most chunks before and after one that are read


def _schema(
    name: str, meaning: str, parameter: str, kind: dict[str, Any], about: str, count: bool = True, **more: Any
) -> Any:
    properties = {parameter: {**kind, "description": about}, **more}
    if count:
        properties["top_k"] = {"type": "integer", "description": f"How many at most; 5 if not given, {MOST} at most."}
    parameters = {"type": "object", "properties": properties, "required": [parameter]}
    return {"type": "function", "function": {"name": name, "description": meaning, "parameters": parameters}}


SCHEMAS: dict[str, Any] = {
    "keyword_search": _schema(
        "keyword_search",
        "Chunks in which these words stand as they are written, with the sentences around them.",
        "keywords",
        {"type": "array", "items": {"type": "string"}},
        "Names and terms of one to three words each.",
    ),
    "semantic_search": _schema(
        "semantic_search",
        "Sentences that are about the same as the query, by chunk.",
        "query",
        {"type": "string"},
        "What to look for, in words.",
    ),
    "chunk_read": _schema(
        "chunk_read",
        "The whole text of chunks.",
        "chunk_ids",
        {"type": "array", "items": {"type": "string"}},
        "Ids as the searches give them.",
        count=False,
        neighbours={
            "type": "integer",
            "description": f"How many chunks before and after each to read too; 0 if not given, {_NEIGHBOURS} at most.",
        },
    ),
    "retrieve": _schema(
        "retrieve", "Passages for a query, best first.", "query", {"type": "string"}, "What to look for.", count=False
    ),
}


Sentences = Callable[[str, int], Sequence[tuple[Any, int, float]]]
"""From a query and a number to so many sentences, best first: passage, index in `sentences(passage)`, cosine."""

NO_VECTORS = (
    "semantic_search compares the vectors of sentences, and there are none: pip install 'pyrag_dsl[dense]', make them "
    "with `pyrag index embed DIR --dense MODEL --sentences`, and search with `--index DIR --search-mode hybrid`; or "
    "have words compared instead: `--input semantic=words`"
)


class NoVectorsError(Exception):
    """`semantic_search` was called, but no sentences have vectors."""

    @property
    def public_message(self) -> str:
        """The text that the trace may show."""
        return NO_VECTORS


def corpus_tools(retriever: Any, nearest: Sentences | None = None) -> dict[str, Tool]:
    """`keyword_search`, `semantic_search` and `chunk_read`.

    Args:
        retriever: a `Retriever` by words; `chunk_read` needs its `passages(ids)`.
        nearest: finds sentences by their vectors. Without it, `semantic_search` raises `NoVectorsError`, unless it is
            called with `by="words"`, which compares the words of sentences in the passages that the retriever finds.
    """

    def keyword_search(keywords: Any, top_k: Any = 5) -> str | Reported:
        words = [keywords] if isinstance(keywords, str) else keywords
        if (
            not isinstance(words, list)
            or not words
            or not all(isinstance(word, str) and word.strip() for word in words)
        ):
            return "Error: keywords must be a list of words."
        wanted = [word.strip().lower() for word in words]
        size = _size(top_k)
        scored = []
        for hit in retriever.search(" ".join(wanted), _CANDIDATES * size):
            body = hit.passage.document.lower()
            score = sum(body.count(word) * len(word) for word in wanted)
            if score:
                scored.append((score, hit.passage))
        scored.sort(key=lambda each: -each[0])
        lines = []
        for _, passage in scored[:size]:
            said = [each for each in sentences(passage.document, 0) if any(word in each.lower() for word in wanted)]
            lines.append(f"Chunk ID: {passage.id}, Matched keywords in chunk: ... {' ... '.join(said[:_SNIPPETS])} ...")
        return _found(lines, [passage.id for _, passage in scored[:size]], "No chunk has these words.")

    def semantic_search(query: Any, top_k: Any = 5, by: str = "vectors") -> str | Reported:
        if not isinstance(query, str) or not query.strip():
            return "Error: query must be a text."
        if by not in ("vectors", "words"):
            return "Error: by is vectors or words."
        size = _size(top_k)
        if by == "vectors" and nearest is None:
            raise NoVectorsError(NO_VECTORS)
        found = nearest(query, 3 * size) if by == "vectors" and nearest else _by_words(retriever, query, 3 * size)
        lines = []
        chunks = list(dict.fromkeys(passage.id for passage, _, _ in found))[:size]
        for chunk in chunks:
            mine = [each for each in found if each[0].id == chunk]
            said = sentences(mine[0][0].document)
            snippets = " ... ".join(
                said[place] for place in sorted({place for _, place, _ in mine}) if place < len(said)
            )
            lines.append(f"Chunk ID: {chunk} (Similarity: {mine[0][2]:.3f}) ... {snippets} ...")
        return _found(lines, chunks, "Nothing was found.")

    def chunk_read(chunk_ids: Any, neighbours: Any = 0) -> str | Reported:
        ids = [chunk_ids] if isinstance(chunk_ids, (str, int)) else chunk_ids
        if not isinstance(ids, list) or not ids:
            return "Error: chunk_ids must be a list of ids, as the searches give them."
        if type(neighbours) is not int or not 0 <= neighbours <= _NEIGHBOURS:
            return f"Error: neighbours must be a number from 0 to {_NEIGHBOURS}."
        if not hasattr(retriever, "passages"):
            return "Error: this retriever cannot look up chunks by id."
        asked = [str(each) for each in ids[:MOST]]
        wanted = list(dict.fromkeys(near for each in asked for near in adjacent(each, neighbours)))
        parts = []
        known = retriever.passages(wanted)
        for name, passage in zip(wanted, known, strict=True):
            if passage is not None or name in asked:
                parts.append(f"[Chunk {name}]\n{'Not found' if passage is None else passage.document}\n")
        return _found(parts, [name for name, passage in zip(wanted, known, strict=True) if passage is not None], "")

    return {each.__name__: tool(each, idempotent=True) for each in (keyword_search, semantic_search, chunk_read)}


def _found(lines: Sequence[str], chunks: Sequence[str], nothing: str) -> Reported:
    """The result for a model, with the ids of the chunks for the trace."""
    return Reported("\n".join(lines) or nothing, {"passages": list(chunks)})


def sentences(text: str, least: int = _LEAST_SENTENCE) -> list[str]:
    """The sentences of more than `least` characters, as A-RAG splits a text.

    A change of this function must raise `FORMAT` in retrieval/dense_files.py, because indexes hold places in this list.
    """
    found = [match.group().strip() for match in _SENTENCE.finditer(text)]
    return [each for each in found if len(each) > least]


def adjacent(chunk: str, reach: int) -> list[str]:
    """The ids around one that ends in a number, as chunks of one text are numbered; otherwise only the id itself."""
    match = re.fullmatch(r"(.*?)(\d{1,18})", chunk, re.DOTALL)
    if match is None or not reach:
        return [chunk]
    stem, number = match.groups()
    around = range(max(int(number) - reach, 0), int(number) + reach + 1)
    return [
        chunk if each == int(number) else f"{stem}{each:0{len(number) if number[0] == '0' else 1}d}" for each in around
    ]


def _by_words(retriever: Any, query: str, count: int) -> list[tuple[Any, int, float]]:
    """The sentences, in the passages that the retriever finds, whose words are most similar to those of the query."""
    asked = _words(query)
    found = [
        (hit.passage, place, likeness(asked, _words(sentence)))
        for hit in retriever.search(query, count)
        for place, sentence in enumerate(sentences(hit.passage.document))
    ]
    return sorted(found, key=lambda each: -each[2])[:count]


def likeness(one: Sequence[str], other: Sequence[str]) -> float:
    """The cosine of two sets of words, from 0 to 1, which is used where there are no embeddings."""
    shared = set(one) & set(other)
    return 0.0 if not shared else len(shared) / (len(set(one)) * len(set(other))) ** 0.5


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _size(top_k: Any) -> int:
    return min(max(top_k, 1), MOST) if type(top_k) is int else 5
