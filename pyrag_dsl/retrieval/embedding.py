"""Embeds texts: the identity of a model, the prefixes that it needs, and calls that serve many threads together.

The embedding itself is a function from texts to rows of numbers: a model in this process (`local_models.py`), a server,
or a function of the user. This module adds the prefixes, checks the rows and scales them to length 1 for all of these.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from .errors import EmbeddingError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Vectors: TypeAlias = "NDArray[np.float32]"
"""One row for each text: a vector of length 1."""

Embed = Callable[[list[str]], Any]
"""A function that returns one row of numbers for each text."""

INSTALL = "pip install 'pyrag_dsl[dense]'"
_TOGETHER = 256  # texts of several threads are embedded in one call up to this number

_BGE = "Represent this sentence for searching relevant passages: "
_BGE_ZH = "为这个句子生成表示以用于检索相关文章："
_INSTRUCT = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: "
_PREFIXES: tuple[tuple[str, tuple[str, str]], ...] = (
    (r"\be5\b.*\binstruct\b", (_INSTRUCT, "")),
    (r"\be5\b", ("query: ", "passage: ")),
    (r"\bbge\b.*\b(small|base|large)\b.*\bzh\b", (_BGE_ZH, "")),
    (r"\bbge\b.*\b(small|base|large)\b", (_BGE, "")),
)


def prefixes_of(name: str) -> tuple[str, str]:
    """The prefixes of queries and of passages for a model of this name: known for E5 and BGE, and else empty.

    These are the prefixes with which the models were trained.

    Source: the models' pages (huggingface.co/intfloat/e5-base-v2, huggingface.co/BAAI/bge-base-en-v1.5).
    """
    words = re.sub(r"[^a-z0-9]+", " ", name.lower())
    return next((both for pattern, both in _PREFIXES if re.search(pattern, words)), ("", ""))


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """The identity of the model that made vectors. Vectors of two models cannot be compared.

    Attributes:
        name: the name as the user gave it: a folder, a name on the Hugging Face hub, or a model of a server.
        dimension: the number of components of a vector.
        weights: a hash of the files of the model; "" for a model of a server.
        endpoint: the address of the server; "" for a model in this process.
        query_prefix: the prefix of each query.
        passage_prefix: the prefix of each passage.
    """

    name: str
    dimension: int
    weights: str = ""
    endpoint: str = ""
    query_prefix: str = ""
    passage_prefix: str = ""

    def difference(self, other: EmbeddingModel) -> str:
        """The reason why vectors of the two models cannot be compared; "" if they can."""
        if self.dimension != other.dimension:
            return f"{self.name} has {self.dimension} dimensions, {other.name} has {other.dimension}"
        if self.weights != other.weights:
            return f"the weights of {other.name} are not those of {self.name}"
        if not self.weights and self.name != other.name:
            return f"the model is {self.name}, not {other.name}"
        if (self.query_prefix, self.passage_prefix) != (other.query_prefix, other.passage_prefix):
            return f"the prefixes are {self.query_prefix!r} and {self.passage_prefix!r}"
        return ""


class Embedder:
    """A model that embeds texts. It is thread-safe.

    Args:
        embed: the function that embeds. Only one thread calls it at a time.
        model: the identity of the model.
        batch: the number of texts that a caller with many passages should embed in one call.
        close: the function that `close` calls, if any.
    """

    def __init__(
        self, embed: Embed, model: EmbeddingModel, *, batch: int = 32, close: Callable[[], object] | None = None
    ) -> None:
        self.model = model
        self.batch = batch
        self._embed = Together(self._checked, _TOGETHER)
        self._function = embed
        self._close = close

    def queries(self, texts: Sequence[str]) -> Vectors:
        """The vectors of queries. Those of several threads are embedded together. Raises `EmbeddingError`."""
        return self._embed([self.model.query_prefix + text for text in texts])

    def passages(self, texts: Sequence[str]) -> Vectors:
        """The vectors of passages or of their sentences. Raises `EmbeddingError`."""
        return self._embed([self.model.passage_prefix + text for text in texts])

    def close(self) -> None:
        """Release the model. This object must not be used afterwards."""
        if self._close is not None:
            self._close()

    def _checked(self, texts: list[str]) -> Vectors:
        import numpy as np

        try:
            found = np.asarray(self._function(texts), dtype=np.float32)
        except (ValueError, TypeError) as error:
            raise EmbeddingError(f"{self.model.name}: it does not return vectors of numbers ({error})") from error
        wanted = (len(texts), self.model.dimension)
        if found.shape != wanted:
            raise EmbeddingError(f"{self.model.name}: it returns numbers in the shape {found.shape}, not {wanted}")
        if not np.isfinite(found).all():
            raise EmbeddingError(f"{self.model.name}: it returns vectors with numbers that are not finite")
        return normalised(found)


def normalised(vectors: Vectors) -> Vectors:
    """The vectors, scaled to length 1. Zero vectors stay zero.

    A model may scale its vectors itself, but in half precision their lengths are only about 1.
    """
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)


@dataclass(slots=True)
class _Asked:
    texts: list[str]
    found: Vectors | None = None
    error: Exception | None = None


class Together:
    """Makes one call of a function from texts to rows for all threads that wait for it.

    A single caller does not wait. Callers that come while the function is busy share its next call, and its error.

    Args:
        function: the function. Only one thread calls it at a time.
        most: the most texts of a shared call. One caller may have more.
    """

    def __init__(self, function: Callable[[list[str]], Vectors], most: int) -> None:
        self._function = function
        self._most = most
        self._waiting: list[_Asked] = []
        self._door = threading.Lock()
        self._free = threading.Lock()

    def __call__(self, texts: list[str]) -> Vectors:
        mine = _Asked(texts)
        with self._door:
            self._waiting.append(mine)
        while mine.found is None and mine.error is None:
            with self._free:
                if mine.found is None and mine.error is None:
                    self._serve(self._taken())
        if mine.error is not None:
            raise mine.error
        assert mine.found is not None
        return mine.found

    def _taken(self) -> list[_Asked]:
        with self._door:
            count = size = 0
            for each in self._waiting:
                if count and size + len(each.texts) > self._most:
                    break
                count, size = count + 1, size + len(each.texts)
            taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    def _serve(self, taken: list[_Asked]) -> None:
        try:
            rows = self._function([text for each in taken for text in each.texts])
        except Exception as error:
            for each in taken:
                each.error = error
            return
        except BaseException as error:
            for each in taken:
                each.error = EmbeddingError(f"embedding was interrupted ({type(error).__name__})")
            raise
        start = 0
        for each in taken:
            each.found = rows[start : start + len(each.texts)]
            start += len(each.texts)
