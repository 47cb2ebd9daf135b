"""Nearest vectors by FAISS: which kind of index for how many, what it takes, building one in shards, asking it.

All vectors have length 1 and are compared by inner product, which is then the cosine.
"""

from __future__ import annotations

import itertools
import math
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .embedding import INSTALL, Vectors
from .errors import EmbeddingError

Kind = str
KINDS: dict[Kind, str] = {
    "flat": "exact; 4 bytes a dimension",
    "sq8": "one byte a dimension; all vectors are looked at",
    "hnsw": "one byte a dimension and a graph; few vectors are looked at",
    "ivfpq": "an eighth of a byte a dimension and less; finds far less, without a second look",
}
"""The kinds of index, with what is to be said of them."""

FLAT_BELOW = 20_000
SQ8_UP_TO = 300_000
_LINKS = 32  # of a vector in the graph, twice that at its lowest level
_EF_SEARCH = 64
_TRAINED_ON = 256  # vectors for each list of an IVF, at most 100,000 otherwise
_PACKAGES = ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu11", "faiss-gpu-cu12", "faiss-gpu-cuvs")

Rows = NDArray[np.int64]


def kind_for(count: int) -> Kind:
    """The kind for so many vectors: exact while that is quick, then small, then a graph.

    Measured with 384 dimensions, on two cores, 100,000 vectors: flat 12 ms a query, sq8 2.5 ms (recall@10 .996), hnsw
    0.18 ms (.949) and 13 s to build.
    """
    return "flat" if count < FLAT_BELOW else "sq8" if count <= SQ8_UP_TO else "hnsw"


@dataclass(frozen=True, slots=True)
class Sizes:
    """What an index of vectors takes, in bytes: in memory and on disk when it is searched, and while it is built."""

    kind: Kind
    count: int
    index: int
    building: int


def sizes(count: int, dimension: int, kind: Kind | None = None, shards: int = 1) -> Sizes:
    """What an index of so many vectors takes. `building` has one shard in memory."""
    kind = kind or kind_for(count)
    vector = {
        "flat": 4 * dimension,
        "sq8": dimension,
        "hnsw": dimension + 4 * 2 * _LINKS + 16,
        "ivfpq": _codes(dimension) + 8,
    }[kind]
    # What is learnt: the centres of the lists, and of the 256 values that a code has.
    lists = (_lists(math.ceil(count / shards)) + 256) * dimension * 4 * shards if kind == "ivfpq" else 0
    trained = min(count, _training(kind, math.ceil(count / shards))) * dimension * 4
    one = math.ceil(count / shards) * vector + lists // shards
    return Sizes(kind, count, count * vector + lists, one + trained)


def faiss() -> Any:
    """The library. Raises EmbeddingError where it is missing, or there twice."""
    have = [name for name in _PACKAGES if _installed(name)]
    if len(have) > 1:
        both = " and ".join(have)
        raise EmbeddingError(f"{both} are both installed and break each other: uninstall both, install one")
    if sys.platform == "darwin" and "torch" not in sys.modules:
        with suppress(ImportError):  # each brings a copy of OpenMP there, and torch's must be first
            import torch  # noqa: F401
    try:
        import faiss as library
    except ImportError:
        raise EmbeddingError(f"vectors are searched by faiss, which is missing: {INSTALL}") from None
    return library


def engine() -> str:
    """The library with its version."""
    return f"faiss {faiss().__version__}"


def write_shards(
    folder: Path,
    name: str,
    blocks: Callable[[], Iterable[Vectors]],
    count: int,
    dimension: int,
    kind: Kind,
    shards: int,
) -> list[str]:
    """Write the vectors of all blocks as files `NAME-0.faiss`, ..., in this order; returns their names.

    Args:
        folder: where.
        name: how the files' names begin.
        blocks: gives the blocks of vectors, each time anew.
        count: how many vectors these are.
        dimension: numbers of each.
        kind: of the index.
        shards: how many files, of about as many vectors each.
    """
    library = faiss()
    starts = [count * shard // shards for shard in range(shards + 1)]
    names: list[str] = []
    for begin, end in itertools.pairwise(starts):
        index = library.index_factory(dimension, _factory(kind, end - begin, dimension), library.METRIC_INNER_PRODUCT)
        if not index.is_trained:
            index.train(_sample(blocks, begin, end, _training(kind, end - begin)))
        for block in _between(blocks, begin, end):
            index.add(block)
        names.append(f"{name}-{len(names)}.faiss")
        library.write_index(index, str(folder / names[-1]))
    return names


class Nearest:
    """Open shards: the rows whose vectors are nearest, from any number of threads.

    Args:
        paths: the files, in their order; mapped into memory where FAISS can.
        gpu: whether to search on a GPU where FAISS has one and the kind of index allows it.
    """

    def __init__(self, paths: Sequence[Path], *, gpu: bool = True) -> None:
        library = faiss()
        self._shards: list[Any] = []
        try:
            for path in paths:
                self._shards.append(_read(library, path))
        except RuntimeError as error:
            raise EmbeddingError(f"{path}: FAISS cannot read it ({' '.join(str(error).split())[-200:]})") from error
        self._starts = np.cumsum([0, *(int(each.ntotal) for each in self._shards)])
        self.place = "cpu"
        if gpu and getattr(library, "get_num_gpus", lambda: 0)() > 0:
            self._shards, self.place = _on_gpu(library, self._shards)

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def dimension(self) -> int:
        """Numbers of a vector."""
        return int(self._shards[0].d)

    def search(self, queries: Vectors, count: int) -> list[list[tuple[int, float]]]:
        """The `count` nearest rows of each query with their cosines, best first; fewer where there are fewer."""
        count = min(count, len(self))
        if count < 1 or not len(queries):
            return [[] for _ in queries]
        rows: list[Rows] = []
        scores: list[Vectors] = []
        for shard, start in zip(self._shards, self._starts, strict=False):
            found_scores, found = shard.search(queries, min(count, int(shard.ntotal)))
            # FAISS fills up with -1 what it has not found.
            rows.append(np.where(found < 0, -1, found + start))
            scores.append(found_scores)
        every_row, every_score = np.concatenate(rows, axis=1), np.concatenate(scores, axis=1)
        best = []
        for row, score in zip(every_row, every_score, strict=True):
            order = [each for each in np.lexsort((row, -score)) if row[each] >= 0][:count]
            best.append([(int(row[each]), float(score[each])) for each in order])
        return best


def _factory(kind: Kind, count: int, dimension: int) -> str:
    return {
        "flat": "Flat",
        "sq8": "SQ8",
        "hnsw": f"HNSW{_LINKS}_SQ8",
        "ivfpq": f"IVF{_lists(count)},PQ{_codes(dimension)}",
    }[kind]


def _lists(count: int) -> int:
    return max(1, min(round(4 * math.sqrt(count)), count // 39))


def _codes(dimension: int) -> int:
    """Bytes of a vector in PQ: the largest divisor of the dimension up to an eighth of it."""
    return next(size for size in range(max(1, dimension // 8), 0, -1) if dimension % size == 0)


def _training(kind: Kind, count: int) -> int:
    return 0 if kind == "flat" else max(100_000, _TRAINED_ON * _lists(count) if kind == "ivfpq" else 0)


def _sample(blocks: Callable[[], Iterable[Vectors]], begin: int, end: int, most: int) -> Vectors:
    step = max(1, math.ceil((end - begin) / most))
    taken, at = [], 0
    for block in _between(blocks, begin, end):
        taken.append(block[-at % step :: step])
        at += len(block)
    return np.ascontiguousarray(np.concatenate(taken))


def _between(blocks: Callable[[], Iterable[Vectors]], begin: int, end: int) -> Iterable[Vectors]:
    at = 0
    for block in blocks():
        part = block[max(begin - at, 0) : max(end - at, 0)]
        at += len(block)
        if len(part):
            yield np.ascontiguousarray(part)
        if at >= end:
            break


def _read(library: Any, path: Path) -> Any:
    flags = 0 if os.name == "nt" else getattr(library, "IO_FLAG_MMAP_IFC", 0)
    try:
        index = library.read_index(str(path), flags)
    except RuntimeError:
        if not flags:
            raise
        index = library.read_index(str(path))  # this kind cannot be mapped
    if hasattr(index, "hnsw"):
        index.hnsw.efSearch = _EF_SEARCH
    if hasattr(index, "nprobe"):
        index.nprobe = max(8, index.nlist // 16)
    return index


def _on_gpu(library: Any, shards: list[Any]) -> tuple[list[Any], str]:
    """The shards on the GPUs; as they were where FAISS has no such index for GPUs."""
    try:
        moved = [library.index_cpu_to_all_gpus(each) for each in shards]
    except (RuntimeError, AttributeError):
        return shards, "cpu"
    from threading import Lock

    lock = Lock()
    return [_Locked(each, lock) for each in moved], "gpu"


class _Locked:
    """An index on a GPU, whose buffers serve one search at a time."""

    def __init__(self, index: Any, lock: Any) -> None:
        self._index = index
        self._lock = lock
        self.ntotal = index.ntotal
        self.d = index.d

    def search(self, queries: Vectors, count: int) -> Any:
        with self._lock:
            return self._index.search(queries, count)


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
