"""Passages and the ways to find them: a BM25 index of a corpus, a server, an engine, bundled passages.

The names below are imported when they are first asked for, so that `retrieval.passages` costs neither the
index library nor the HTTP client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bundled import bundled_passages, bundled_retriever
    from .cached import CachedRetriever
    from .corpus import CorpusReport, RowProblem
    from .errors import (
        CorpusError,
        IndexStorageError,
        RetrievalError,
        RetrieverError,
        RetrieverReplyError,
        RetrieverStatusError,
        RetrieverTimeoutError,
        RetrieverUnreachableError,
    )
    from .index import BM25Index
    from .passages import (
        Hit,
        Passage,
        PassageFormatError,
        Retriever,
        parse_passage_line,
    )
    from .remote import RemoteRetriever
    from .search_engines import retriever_at, search_engine_at

_HOME = {
    "BM25Index": "index",
    "CachedRetriever": "cached",
    "CorpusError": "errors",
    "CorpusReport": "corpus",
    "Hit": "passages",
    "IndexStorageError": "errors",
    "Passage": "passages",
    "PassageFormatError": "passages",
    "RemoteRetriever": "remote",
    "RetrievalError": "errors",
    "Retriever": "passages",
    "RetrieverError": "errors",
    "RetrieverReplyError": "errors",
    "RetrieverStatusError": "errors",
    "RetrieverTimeoutError": "errors",
    "RetrieverUnreachableError": "errors",
    "RowProblem": "corpus",
    "bundled_passages": "bundled",
    "bundled_retriever": "bundled",
    "parse_passage_line": "passages",
    "retriever_at": "search_engines",
    "search_engine_at": "search_engines",
}

__all__ = [
    "BM25Index",
    "CachedRetriever",
    "CorpusError",
    "CorpusReport",
    "Hit",
    "IndexStorageError",
    "Passage",
    "PassageFormatError",
    "RemoteRetriever",
    "RetrievalError",
    "Retriever",
    "RetrieverError",
    "RetrieverReplyError",
    "RetrieverStatusError",
    "RetrieverTimeoutError",
    "RetrieverUnreachableError",
    "RowProblem",
    "bundled_passages",
    "bundled_retriever",
    "parse_passage_line",
    "retriever_at",
    "search_engine_at",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
