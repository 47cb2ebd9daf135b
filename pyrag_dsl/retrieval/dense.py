"""Dense search: makes and searches the vectors of the passages of an index, and of their sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .dense_files import (
    DenseManifest,
    Model,
    Part,
    check_files,
    damaged,
    dense_writer,
    embedded_folder,
    open_manifest,
    publish_dense,
)
from .embedding import Embedder, Vectors
from .errors import IndexStorageError
from .nearest import KINDS, Nearest, engine, kind_for, write_shards
from .passages import Hit, Passage, Retriever
from .vectors import Embedded
from .vectors import blocks as text_blocks

if TYPE_CHECKING:
    from .index import BM25Index

Told = Callable[[str, int, int], object]
"""A callback that is given the kind of text ("passages", "sentences"), the number done, and the number of all."""

Split = Callable[[str], list[str]]
"""A function that splits a document into its sentences."""

_BLOCK = 16_384
_TIES = 16  # extra hits that are read, so that equal scores at the last place are ordered by id
_DECIMALS = 6


class SentenceHit(NamedTuple):
    """A sentence that a search found.

    Attributes:
        passage: the passage that holds it.
        place: its index among the sentences of the passage, from 0.
        score: the cosine of its vector and that of the query.
    """

    passage: Passage
    place: int
    score: float


def embed_index(
    home: Path,
    index: BM25Index,
    embedder: Embedder,
    *,
    kind: str | None = None,
    shards: int = 1,
    split: Split | None = None,
    progress: Told | None = None,
) -> DenseManifest:
    """Embed all passages of an index, and write their vectors into its directory.

    Texts that were embedded before, by a killed process or before a change of the index, are not embedded again.

    Args:
        home: the directory of the index.
        index: the index.
        embedder: the embedder.
        kind: the kind of the index of vectors, one of `KINDS`; None to choose it by the number of vectors.
        shards: the number of files, each with about the same number of vectors.
        split: splits documents into sentences, which are then embedded as well; None for no vectors of sentences.
        progress: called with the progress.

    Returns:
        The manifest of the vectors.

    Raises:
        EmbeddingError: FAISS is missing, or a text cannot be embedded.
        IndexStorageError: the directory cannot be written, or another process is writing it.
        ValueError: there is no such kind, or `shards` is less than 1.
    """
    if kind is not None and kind not in KINDS:
        raise ValueError(f"there is no kind {kind!r}; there are {', '.join(KINDS)}")
    if shards < 1:
        raise ValueError("shards must be at least 1")
    told = progress or _silent
    made_with = engine()
    try:
        with dense_writer(home) as folder:
            made = _Making(folder, Embedded(embedded_folder(home, embedder.model), embedder.model.dimension), embedder)
            passages = made.part("passages", lambda: (each.document for each in index.all()), kind, shards, told)
            write_ids(folder, [each.id for each in index.all()])
            sentences = None
            if split is not None:
                np.save(folder / "places.npy", _places(index.all(), split), allow_pickle=False)
                every = lambda: (said for each in index.all() for said in split(each.document))  # noqa: E731
                sentences = made.part("sentences", every, kind, shards, told)
            model = Model(**asdict(embedder.model))
            manifest = DenseManifest(
                of=index.fingerprint,
                model=model,
                engine=made_with,
                generation=folder.name,
                passages=passages,
                sentences=sentences,
                files={},
            )
            return publish_dense(home, manifest)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise IndexStorageError(home, f"vectors cannot be written there ({why})", "Make room and try again") from error


def _silent(_what: str, _done: int, _total: int) -> None:
    """The callback if the caller gives none."""


class _Making:
    """Writes the files of a generation."""

    def __init__(self, folder: Path, embedded: Embedded, embedder: Embedder) -> None:
        self._folder = folder
        self._embedded = embedded
        self._embedder = embedder

    def part(self, name: str, texts: Callable[[], Iterable[str]], kind: str | None, shards: int, told: Told) -> Part:
        """Embed texts and write the index of their vectors. `texts` is called several times."""
        count = sum(1 for _ in texts())
        self._embedded.add(texts(), self._embedder, lambda done: told(name, done, count))
        places = np.concatenate([self._embedded.places(block) for block in text_blocks(texts(), _BLOCK)])
        shards = min(shards, count)
        kind = kind or kind_for(-(-count // shards))

        def blocks() -> Iterator[Vectors]:
            for start in range(0, count, _BLOCK):
                yield self._embedded.at(places[start : start + _BLOCK])

        files = write_shards(self._folder, name, blocks, count, self._embedder.model.dimension, kind, shards)
        return Part(count=count, kind=kind, shards=files)


class DenseIndex(Retriever):
    """Dense search over the passages of an index. It is thread-safe.

    Scores are cosines. Hits of equal scores are in the order of their ids.

    Attributes:
        lexical: the index that holds the passages.
        manifest: the manifest of the vectors.
    """

    def __init__(self, home: Path, manifest: DenseManifest, lexical: BM25Index, embedder: Embedder) -> None:
        self.lexical = lexical
        self.manifest = manifest
        self._embedder = embedder
        folder = home / manifest.generation
        self._ids = _Ids(folder)
        self._passages = Nearest([folder / name for name in manifest.passages.shards])
        self._sentences: Nearest | None = None
        self._places: NDArray[np.int32] | None = None
        if manifest.sentences is not None:
            self._sentences = Nearest([folder / name for name in manifest.sentences.shards])
            self._places = np.load(folder / "places.npy", mmap_mode="r", allow_pickle=False)
        counts = (len(self._passages), len(self._ids), 0 if self._sentences is None else len(self._sentences))
        wanted = (
            manifest.passages.count,
            manifest.passages.count,
            manifest.sentences.count if manifest.sentences else 0,
        )
        if counts != wanted or self._passages.dimension != manifest.model.dimension:
            raise damaged(home, "the files do not hold what the manifest says")

    @classmethod
    def open(cls, home: Path, lexical: BM25Index, embedder: Embedder, *, verify: bool = False) -> DenseIndex:
        """Open the vectors in the directory of an index.

        Args:
            home: the directory.
            lexical: the index in it.
            embedder: the model that made the vectors. It embeds the queries.
            verify: whether to compare the contents of all files with their checksums.

        Raises:
            IndexStorageError: there are no vectors, or they are damaged, belong to other passages, or were made by
                another model.
            EmbeddingError: FAISS is missing, or cannot read the files.
        """
        manifest = open_manifest(home, lexical)
        difference = manifest.embedding.difference(embedder.model)
        if difference:
            advice = "Name the model that made them, or make them again: pyrag index embed DIR --dense MODEL"
            raise IndexStorageError(home, f"its vectors are of another model: {difference}", advice)
        check_files(home, manifest, verify=verify)
        try:
            return cls(home, manifest, lexical, embedder)
        except (OSError, ValueError) as error:
            raise damaged(home, str(error) or type(error).__name__) from error

    def __len__(self) -> int:
        return len(self._passages)

    @property
    def fingerprint(self) -> str:
        """A hash that is equal for vectors with equal results."""
        made = self.manifest
        parts = (self.lexical.fingerprint, made.model.model_dump(), made.passages.kind, len(made.passages.shards))
        return sha256(repr(parts).encode()).hexdigest()

    @property
    def has_sentences(self) -> bool:
        """Whether sentences can be searched."""
        return self._sentences is not None

    def search(self, query: str, topk: int) -> list[Hit]:
        """At most `topk` hits, best first. Raises `EmbeddingError`."""
        return self.search_many([query], topk)[0]

    def search_many(self, queries: Sequence[str], topk: int) -> list[list[Hit]]:
        """The hits of each query. The queries are embedded together. Raises `EmbeddingError`."""
        asked = [place for place, query in enumerate(queries) if query.strip() and topk > 0]
        found: list[list[Hit]] = [[] for _ in queries]
        if not asked:
            return found
        vectors = self._embedder.queries([queries[place] for place in asked])
        for place, rows in zip(asked, self._passages.search(vectors, topk + _TIES), strict=True):
            ranked: dict[str, float] = {}
            for row, score in rows:
                ranked.setdefault(self._ids[row], score)
            best = sorted(ranked.items(), key=lambda each: (-round(each[1], _DECIMALS), each[0]))[:topk]
            passages = self.lexical.passages([name for name, _ in best])
            found[place] = [Hit(one, score) for one, (_, score) in zip(passages, best, strict=True) if one is not None]
        return found

    def passages(self, ids: Sequence[str]) -> list[Passage | None]:
        """The passage of each id; None for an id that the index does not hold."""
        return self.lexical.passages(ids)

    def search_sentences(self, query: str, count: int) -> list[SentenceHit]:
        """At most `count` sentences, best first, by the cosine of their vectors and that of the query.

        Raises:
            IndexStorageError: the sentences were not embedded.
            EmbeddingError: the query cannot be embedded.
        """
        if self._sentences is None or self._places is None:
            advice = "Embed them: pyrag index embed DIR --dense MODEL --sentences"
            raise IndexStorageError(self.lexical.path or Path(), "its sentences have no vectors", advice)
        if not query.strip():
            return []
        rows = self._sentences.search(self._embedder.queries([query]), count)[0]
        at = [(int(self._places[row][0]), int(self._places[row][1]), score) for row, score in rows]
        names = list(dict.fromkeys(self._ids[passage] for passage, _, _ in at))
        known = dict(zip(names, self.lexical.passages(names), strict=True))
        found = [(known[self._ids[passage]], place, score) for passage, place, score in at]
        return [SentenceHit(passage, place, score) for passage, place, score in found if passage is not None]

    def close(self) -> None:
        """Release the model and the index. This object must not be searched afterwards."""
        self._embedder.close()
        self.lexical.close()


class _Ids:
    """The ids of passages by row, read from files that are mapped into memory."""

    def __init__(self, folder: Path) -> None:
        # As plain arrays: a slice of a memmap is made by Python, and costs as much as a search of the graph.
        self._ends = np.asarray(np.load(folder / "id-ends.npy", mmap_mode="r", allow_pickle=False))
        self._names = np.asarray(np.memmap(folder / "ids.txt", np.uint8, "r"))

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, row: int) -> str:
        begin = int(self._ends[row - 1]) if row else 0
        return self._names[begin : int(self._ends[row])].tobytes().decode()


def write_ids(folder: Path, ids: Sequence[str]) -> None:
    """Write the files that `_Ids` reads: all ids without separators, and the offset in bytes at which each ends."""
    encoded = [name.encode() for name in ids]
    (folder / "ids.txt").write_bytes(b"".join(encoded))
    np.save(folder / "id-ends.npy", np.cumsum([len(each) for each in encoded], dtype=np.int64), allow_pickle=False)


def _places(passages: Iterable[Passage], split: Split) -> NDArray[np.int32]:
    """For each sentence, the row of its passage and the index of the sentence in the passage."""
    counts = np.array([len(split(each.document)) for each in passages], np.int32)
    rows = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    firsts = np.repeat(np.cumsum(counts) - counts, counts)
    return np.stack([rows, np.arange(len(rows)) - firsts], axis=1).astype(np.int32)
