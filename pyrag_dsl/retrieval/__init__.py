"""Passages and the retrievers that find them: lexical, dense and hybrid, over an index, a server or a search engine.

The names below are imported when they are first used, so that an import of `retrieval.passages` loads neither the index
library nor the HTTP client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bundled import bundled_passages, bundled_retriever
    from .cached import CachedRetriever
    from .corpus import CorpusReport, RowProblem
    from .dense import DenseIndex, embed_index
    from .embedding import Embedder, EmbeddingModel
    from .errors import (
        CorpusError,
        EmbeddingError,
        IndexStorageError,
        RetrievalError,
        RetrieverError,
        RetrieverReplyError,
        RetrieverStatusError,
        RetrieverTimeoutError,
        RetrieverUnreachableError,
    )
    from .hybrid import HybridRetriever, RerankedRetriever, fuse
    from .index import BM25Index
    from .local_models import LocalReranker, local_embedder
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
    "DenseIndex": "dense",
    "Embedder": "embedding",
    "EmbeddingError": "errors",
    "EmbeddingModel": "embedding",
    "Hit": "passages",
    "HybridRetriever": "hybrid",
    "IndexStorageError": "errors",
    "LocalReranker": "local_models",
    "Passage": "passages",
    "PassageFormatError": "passages",
    "RemoteRetriever": "remote",
    "RerankedRetriever": "hybrid",
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
    "embed_index": "dense",
    "fuse": "hybrid",
    "local_embedder": "local_models",
    "parse_passage_line": "passages",
    "retriever_at": "search_engines",
    "search_engine_at": "search_engines",
}

__all__ = [
    "BM25Index",
    "CachedRetriever",
    "CorpusError",
    "CorpusReport",
    "DenseIndex",
    "Embedder",
    "EmbeddingError",
    "EmbeddingModel",
    "Hit",
    "HybridRetriever",
    "IndexStorageError",
    "LocalReranker",
    "Passage",
    "PassageFormatError",
    "RemoteRetriever",
    "RerankedRetriever",
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
    "embed_index",
    "fuse",
    "local_embedder",
    "parse_passage_line",
    "retriever_at",
    "search_engine_at",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name != "numpy":
            raise
        raise ImportError(f"{name} needs numpy and faiss: pip install 'pyrag_dsl[dense]'") from None


def __dir__() -> list[str]:
    return sorted(__all__)
