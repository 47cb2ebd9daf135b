"""Stores the vectors of texts by the hash of the text, in two files that only grow.

    keys       8 bytes of BLAKE2b for each text, in the order in which the texts were embedded
    vectors    one row of float32 for each text, in the same order

A text is embedded only once, even if the process is killed several times or the order of the texts changes. A row is
valid if both files have it. Two texts with the same hash (a chance of 3 in a million among 10 million texts) share the
vector of the first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .embedding import Embedder, Vectors

_BLOCK = 16_384  # texts that are looked up and sorted by length together
_FLUSH = 16  # batches between writes


class Embedded:
    """The vectors in a folder. Only one process at a time may call `add`.

    Args:
        folder: the folder, which is created if it is missing.
        dimension: the number of components of a vector.

    Raises:
        OSError: the folder cannot be read or written.
    """

    def __init__(self, folder: Path, dimension: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._keys_at = folder / "keys"
        self._vectors_at = folder / "vectors"
        self._dimension = dimension
        self._keys_at.touch()
        self._vectors_at.touch()
        self._order: NDArray[np.int64] = np.empty(0, np.int64)
        self._known: NDArray[np.uint64] = np.empty(0, np.uint64)
        self._look()

    def __len__(self) -> int:
        return len(self._known)

    def add(self, texts: Iterable[str], embedder: Embedder, progress: Callable[[int], object] | None = None) -> None:
        """Embed the texts that have no vector yet.

        Args:
            texts: the texts.
            embedder: the model.
            progress: called with the number of texts done so far, those that had a vector included.

        Raises:
            EmbeddingError: a text cannot be embedded.
        """
        self._cut()
        done = 0
        for block in blocks(texts, _BLOCK):
            keys = keys_of(block)
            missing = np.unique(keys[~np.isin(keys, self._known)], return_index=False)
            place = {int(key): number for number, key in reversed(list(enumerate(keys)))}
            # Texts are sorted by length because the time of a batch depends on its longest text.
            todo = sorted((block[place[int(key)]] for key in missing), key=len)
            done += len(block) - len(todo)
            with self._keys_at.open("ab") as to_keys, self._vectors_at.open("ab") as to_vectors:
                for part in blocks(todo, embedder.batch * _FLUSH):
                    rows = [embedder.passages(batch) for batch in blocks(part, embedder.batch)]
                    for file, data in ((to_vectors, np.concatenate(rows)), (to_keys, keys_of(part))):
                        file.write(data.tobytes())
                        file.flush()
                        os.fsync(file.fileno())
                    done += len(part)
                    if progress is not None:
                        progress(done)
            if progress is not None:
                progress(done)
            self._look()

    def places(self, texts: list[str]) -> NDArray[np.int64]:
        """The rows of the vectors of texts that have been added."""
        return self._order[np.searchsorted(self._known, keys_of(texts))]

    def at(self, places: NDArray[np.int64]) -> Vectors:
        """The vectors in these rows."""
        if not len(places):
            return np.empty((0, self._dimension), np.float32)
        vectors = np.memmap(self._vectors_at, np.float32, "r", shape=(len(self._known), self._dimension))
        return np.array(vectors[places])

    def _count(self) -> int:
        width = 4 * self._dimension
        return min(self._keys_at.stat().st_size // 8, self._vectors_at.stat().st_size // width)

    def _look(self) -> None:
        keys = np.fromfile(self._keys_at, np.uint64, self._count())
        self._order = np.argsort(keys, kind="stable")
        self._known = keys[self._order]

    def _cut(self) -> None:
        """Remove the incomplete rows that a killed process left."""
        count = self._count()
        os.truncate(self._keys_at, 8 * count)
        os.truncate(self._vectors_at, 4 * self._dimension * count)


def keys_of(texts: list[str]) -> NDArray[np.uint64]:
    """The hash of each text."""
    digests = b"".join(blake2b(text.encode(), digest_size=8).digest() for text in texts)
    return np.frombuffer(digests, np.uint64)


def blocks(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    """Texts in lists of `size`; the last list may be shorter."""
    block: list[str] = []
    for text in texts:
        block.append(text)
        if len(block) == size:
            yield block
            block = []
    if block:
        yield block
