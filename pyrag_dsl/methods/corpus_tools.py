"""A-RAG's three tools over a retriever, and what a model is told of them.

They take what a model gives them, whatever that is, and say what is wrong with it in words: a model reads the result.
Scores and formats are those of A-RAG's code; the candidates come from the retriever, where A-RAG scans all chunks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..runtime.tools import Reported, Tool, tool

MOST = 20
_CANDIDATES = 100  # passages that are looked at for each that is asked for
_SNIPPETS = 5
_SENTENCE = re.compile(r"[^.!?\n]+[.!?\n]*")
_LEAST_SENTENCE = 10  # characters


def _schema(name: str, meaning: str, parameter: str, kind: dict[str, Any], about: str, count: bool = True) -> Any:
    properties = {parameter: {**kind, "description": about}}
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
    ),
    "retrieve": _schema(
        "retrieve", "Passages for a query, best first.", "query", {"type": "string"}, "What to look for.", count=False
    ),
}


def corpus_tools(retriever: Any) -> dict[str, Tool]:
    """`keyword_search`, `semantic_search` and `chunk_read` over a `Retriever`; the last needs its `passages(ids)`."""

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
            said = [each for each in sentences(passage.document) if any(word in each.lower() for word in wanted)]
            lines.append(f"Chunk ID: {passage.id}, Matched keywords in chunk: ... {' ... '.join(said[:_SNIPPETS])} ...")
        return _found(lines, [passage.id for _, passage in scored[:size]], "No chunk has these words.")

    def semantic_search(query: Any, top_k: Any = 5) -> str | Reported:
        if not isinstance(query, str) or not query.strip():
            return "Error: query must be a text."
        size = _size(top_k)
        asked = _words(query)
        found = []
        for hit in retriever.search(query, 3 * size):
            for place, sentence in enumerate(sentences(hit.passage.document)):
                found.append((likeness(asked, _words(sentence)), hit.passage, place, sentence))
        found.sort(key=lambda each: -each[0])
        best = found[: 3 * size]
        lines = []
        chunks = list(dict.fromkeys(passage.id for _, passage, _, _ in best))[:size]
        for chunk in chunks:
            mine = [each for each in best if each[1].id == chunk]
            snippets = " ... ".join(each[3] for each in sorted(mine, key=lambda each: each[2]))
            lines.append(f"Chunk ID: {chunk} (Similarity: {mine[0][0]:.3f}) ... {snippets} ...")
        return _found(lines, chunks, "Nothing was found.")

    def chunk_read(chunk_ids: Any) -> str | Reported:
        ids = [chunk_ids] if isinstance(chunk_ids, (str, int)) else chunk_ids
        if not isinstance(ids, list) or not ids:
            return "Error: chunk_ids must be a list of ids, as the searches give them."
        if not hasattr(retriever, "passages"):
            return "Error: this retriever cannot look up chunks by id."
        wanted = [str(each) for each in ids[:MOST]]
        known = retriever.passages(wanted)
        parts = []
        for name, passage in zip(wanted, known, strict=True):
            parts.append(f"[Chunk {name}]\n{'Not found' if passage is None else passage.document}\n")
        return _found(parts, [name for name, passage in zip(wanted, known, strict=True) if passage is not None], "")

    return {each.__name__: tool(each, idempotent=True) for each in (keyword_search, semantic_search, chunk_read)}


def _found(lines: Sequence[str], chunks: Sequence[str], nothing: str) -> Reported:
    """What a model reads, with the ids of the chunks for the trace."""
    return Reported("\n".join(lines) or nothing, {"passages": list(chunks)})


def sentences(text: str) -> list[str]:
    """The sentences of a text, as A-RAG splits them."""
    found = [match.group().strip() for match in _SENTENCE.finditer(text)]
    return [each for each in found if len(each) > _LEAST_SENTENCE]


def likeness(one: Sequence[str], other: Sequence[str]) -> float:
    """The cosine of two sets of words, from 0 to 1: what stands for an embedding where there is none."""
    shared = set(one) & set(other)
    return 0.0 if not shared else len(shared) / (len(set(one)) * len(set(other))) ** 0.5


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _size(top_k: Any) -> int:
    return min(max(top_k, 1), MOST) if type(top_k) is int else 5
