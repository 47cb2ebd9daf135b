"""An embedder without a model: vectors drawn by the hash of a text, so that equal texts have equal ones."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np

from pyrag_dsl.retrieval.embedding import Embedder, EmbeddingModel

DIMENSION = 24


def vector_of(text: str) -> Any:
    """The vector of a text, of any length but 1."""
    seed = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")
    return np.random.default_rng(seed).normal(size=DIMENSION)


class MadeUp:
    """What `Embedder` calls: counts the texts, and fails at one if it is told to."""

    def __init__(self, fails_after: int | None = None) -> None:
        self.seen: list[str] = []
        self.calls: list[int] = []
        self.fails_after = fails_after

    def __call__(self, texts: list[str]) -> Any:
        if self.fails_after is not None and len(self.seen) + len(texts) > self.fails_after:
            raise KeyboardInterrupt
        self.calls.append(len(texts))
        self.seen += texts
        return np.stack([vector_of(text) for text in texts])

    def embedder(self, name: str = "made-up", batch: int = 4, **about: Any) -> Embedder:
        """An embedder with this function."""
        return Embedder(self, EmbeddingModel(name, DIMENSION, **{"weights": "w" * 64, **about}), batch=batch)
