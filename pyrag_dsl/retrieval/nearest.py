"""Nearest vectors by FAISS: chooses the kind of index, estimates its size, builds it in shards, and searches it.

All vectors have length 1. They are compared by inner product, which is then the cosine.
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
    "flat": "exact; 4 bytes per dimension",
    "sq8": "one byte per dimension; a search compares all vectors",
    "hnsw": "one byte per dimension and a graph; a search compares few vectors",
    "ivfpq": "an eighth of a byte per dimension or less; recall is far lower, as hits are not compared again exactly",
}
"""The kinds of index, each with a description."""

FLAT_BELOW = 20_000
SQ8_UP_TO = 300_000
_LINKS = 32  # of a vector in the graph; twice as many at the lowest level
_EF_SEARCH = 64
_TRAINED_ON = 256  # the vectors for each list that train an IVF index; 100,000 vectors at most train the other kinds
_PACKAGES = ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu11", "faiss-gpu-cu12", "faiss-gpu-cuvs")

Rows = NDArray[np.int64]


def kind_for(count: int) -> Kind:
    """The kind of index for this number of vectors: exact while that is quick, then small, then a graph.

    Measured with 100,000 vectors of 384 dimensions on two cores: a query takes 12 ms with flat, 2.5 ms with sq8
    (recall@10 .996) and 0.18 ms with hnsw (.949), which takes 13 s to build.
    """
    return "flat" if count < FLAT_BELOW else "sq8" if count <= SQ8_UP_TO else "hnsw"


@dataclass(frozen=True, slots=True)
class Sizes:
    """The size of an index of vectors.

    Attributes:
        kind: the kind of the index.
        count: the number of vectors.
        index: the bytes of the index, on disk and in memory.
        building: the bytes of memory while it is built, one shard at a time.
    """

    kind: Kind
    count: int
    index: int
    building: int


def sizes(count: int, dimension: int, kind: Kind | None = None, shards: int = 1) -> Sizes:
    """Estimate the size of an index of `count` vectors. If `kind` is None, it is chosen by the number of vectors."""
    kind = kind or kind_for(count)
    vector = {
        "flat": 4 * dimension,
        "sq8": dimension,
        "hnsw": dimension + 4 * 2 * _LINKS + 16,
        "ivfpq": _codes(dimension) + 8,
    }[kind]
    # The index also holds what training finds: the centres of the lists, and of the 256 values of a code.
    lists = (_lists(math.ceil(count / shards)) + 256) * dimension * 4 * shards if kind == "ivfpq" else 0
    trained = min(count, _training(kind, math.ceil(count / shards))) * dimension * 4
    one = math.ceil(count / shards) * vector + lists // shards
    return Sizes(kind, count, count * vector + lists, one + trained)


def faiss() -> Any:
    """The library FAISS. Raises `EmbeddingError` if it is missing, or if two packages of it are installed."""
    have = [name for name in _PACKAGES if _installed(name)]
    if len(have) > 1:
        both = " and ".join(have)
        raise EmbeddingError(f"{both} are both installed and break each other: uninstall both, then install one")
    if sys.platform == "darwin" and "torch" not in sys.modules:
        with suppress(ImportError):  # on macOS both libraries contain OpenMP, and that of torch must be loaded first
            import torch  # noqa: F401
    try:
        import faiss as library
    except ImportError:
        raise EmbeddingError(f"a search of vectors needs faiss, which is missing: {INSTALL}") from None
    return library


def engine() -> str:
    """The name of the library with its version."""
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
    """Build an index of vectors and write it as files `NAME-0.faiss`, `NAME-1.faiss`, ...

    Args:
        folder: the folder of the files.
        name: the beginning of their names.
        blocks: a function that returns an iterable of blocks of vectors. It is called several times.
        count: the number of all vectors.
        dimension: the number of components of a vector.
        kind: the kind of the index.
        shards: the number of files, each with about the same number of vectors.

    Returns:
        The names of the files, in the order of the vectors.

    Raises:
        EmbeddingError: FAISS is missing.
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
    """Searches the shards of an index for the rows of the nearest vectors. It is thread-safe.

    Args:
        paths: the files of the shards, in their order. They are mapped into memory if FAISS can do so.
        gpu: whether to search on GPUs, if FAISS finds any and supports the kind of index there.

    Attributes:
        place: where the search runs: "cpu" or "gpu".

    Raises:
        EmbeddingError: FAISS is missing, or cannot read a file.
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
        """The number of components of a vector."""
        return int(self._shards[0].d)

    def search(self, queries: Vectors, count: int) -> list[list[tuple[int, float]]]:
        """For each query, at most `count` rows with their cosines, best first."""
        count = min(count, len(self))
        if count < 1 or not len(queries):
            return [[] for _ in queries]
        rows: list[Rows] = []
        scores: list[Vectors] = []
        for shard, start in zip(self._shards, self._starts, strict=False):
            found_scores, found = shard.search(queries, min(count, int(shard.ntotal)))
            # If FAISS finds too few rows, it fills the result with -1.
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
    """The bytes of a vector in PQ: the largest divisor of the dimension that is at most an eighth of it."""
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
        index = library.read_index(str(path))  # FAISS cannot map this kind of index
    if hasattr(index, "hnsw"):
        index.hnsw.efSearch = _EF_SEARCH
    if hasattr(index, "nprobe"):
        index.nprobe = max(8, index.nlist // 16)
    return index


def _on_gpu(library: Any, shards: list[Any]) -> tuple[list[Any], str]:
    """The shards, moved to the GPUs, and "gpu"; or the same shards and "cpu" if FAISS has no such index for GPUs."""
    try:
        moved = [library.index_cpu_to_all_gpus(each) for each in shards]
    except (RuntimeError, AttributeError):
        return shards, "cpu"
    from threading import Lock

    lock = Lock()
    return [_Locked(each, lock) for each in moved], "gpu"


class _Locked:
    """An index on a GPU. A lock lets one search run at a time, because searches share buffers."""

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
