"""The BM25 index of a corpus: opened from its cache where that is fresh and whole, built where it is not."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from .corpus import CorpusReader, CorpusReport, Fingerprint, Progress, check_corpus, hash_file
from .errors import CorpusError, IndexStorageError
from .generations import (
    DamageError,
    Manifest,
    describes,
    discard,
    listed,
    new_building,
    open_generation,
    publish,
    refresh,
    sealed,
    sweep,
    unchanged,
)
from .lexical import EngineError, LexicalSearcher, write_index
from .passages import Hit, Passage
from .scratch import Scratch

_ONE_THREAD_BYTES = 256 * 1024 * 1024
"""Corpora up to this size are indexed by one thread: some 20 s, and scores that repeat bit for bit."""

_MOST_THREADS = 4
_ATTEMPTS = 3


class BM25Index:
    """Passages searched by BM25 with English stems, titles counting extra. A Retriever; safe for threads.

    Source of the ranking: Robertson and Zaragoza, The Probabilistic Relevance Framework (2009), as in
    Lucene, with k1 = 1.2 and b = 0.75, summed over text and title.
    """

    def __init__(
        self,
        searcher: LexicalSearcher,
        report: CorpusReport,
        *,
        manifest: Manifest | None = None,
        path: Path | None = None,
        notices: tuple[str, ...] = (),
        keep: Scratch | None = None,
    ) -> None:
        self._searcher = searcher
        self._report = report
        self._manifest = manifest
        self._path = path
        self._notices = notices
        self._keep = keep

    @classmethod
    def open(
        cls,
        corpus: str | os.PathLike[str],
        directory: str | os.PathLike[str] | None = None,
        *,
        verify: bool = False,
        rebuild: bool = False,
        progress: Progress | None = None,
    ) -> BM25Index:
        """The index of a JSON-Lines corpus, built now if there is none that is fresh and whole.

        It is kept in `directory`, which may serve several corpora, or else in `CORPUS.pyrag-index/`. Where
        the latter cannot be written the index lives in a temporary directory or in memory, and `notices`
        says so. `verify` compares the contents of all files with their checksums, not only their sizes;
        `rebuild` builds in any case; `progress(bytes_done, bytes_total)` is called while a corpus is
        indexed.

        Raises CorpusError, and IndexStorageError where `directory` cannot be written.
        """
        path = Path(corpus)
        status = check_corpus(path)
        home = Path(directory) if directory is not None else path.with_name(path.name + ".pyrag-index")
        notices: list[str] = []
        unwanted = [manifest for _, manifest in listed(home) if isinstance(manifest, Manifest)] if rebuild else []
        for _ in range(_ATTEMPTS):
            found, damaged = _find(path, status, home, unwanted, verify=verify, notices=notices)
            if found is not None:
                return found
            unwanted += damaged
            try:
                built = _build(path, home, unwanted, notices=notices, progress=progress)
            except (OSError, EngineError) as error:
                problem = f"the index cannot be written there ({_why(error)})"
                if directory is not None:
                    advice = "Name a directory that can be written and has room, or none"
                    raise IndexStorageError(home, problem, advice) from error
                notices.append(f"{home}: {problem}; this index is not kept and the next start builds it again")
                return _passing(path, notices, progress)
            if built is not None:
                return built
            # Another process replaced what was published before it could be opened: take what is there now.
        notices.append(f"{home}: other processes keep replacing the index; this one is not kept")
        return _passing(path, notices, progress)

    @classmethod
    def load(cls, directory: str | os.PathLike[str], *, verify: bool = False) -> BM25Index:
        """The index in a directory, whatever has become of its corpus.

        Raises IndexStorageError where there is none, more than one, or a damaged one.
        """
        home = Path(directory)
        found = list(listed(home)) if home.is_dir() else []
        sound = [(path, manifest) for path, manifest in found if isinstance(manifest, Manifest) and manifest.current]
        if len(sound) != 1:
            damage = next((str(each) for _, each in found if isinstance(each, DamageError)), "")
            problem = f"it holds {len(sound)} indexes" if sound else damage or "there is no index in it"
            advice = "Name the corpus" if sound else "Build it: pyrag index build --corpus FILE --out DIR"
            raise IndexStorageError(home, problem, advice)
        path, manifest = sound[0]
        try:
            searcher, links = open_generation(path, manifest, verify=verify)
        except DamageError as damage:
            raise IndexStorageError(path, f"the index is damaged: {damage}", "Build it anew") from None
        return cls(searcher, manifest.report, manifest=manifest, path=path, keep=links)

    @classmethod
    def of(cls, passages: Iterable[Passage]) -> BM25Index:
        """An index in memory of passages at hand."""
        rows = list(passages)
        return cls(LexicalSearcher(write_index(rows, None, small=True)), CorpusReport(len(rows)))

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should be told: damage that was found, a cache that cannot be kept."""
        return self._notices

    @property
    def report(self) -> CorpusReport:
        """How many passages the corpus gave and which of its lines gave none."""
        return self._report

    @property
    def fingerprint(self) -> Fingerprint | None:
        """Which corpus it was built of; None for an index that is not kept."""
        return None if self._manifest is None else self._manifest.corpus

    @property
    def path(self) -> Path | None:
        """The directory that holds the index; None where it is not kept."""
        return self._path

    @property
    def disk_bytes(self) -> int:
        """The size of the index on disk; 0 where it is not kept."""
        return self._manifest.size if self._manifest is not None else 0

    def __len__(self) -> int:
        return self._searcher.size

    def search(self, query: str, topk: int) -> list[Hit]:
        """At most `topk` hits for plain words, best first; equal scores in the order of the corpus.

        Any text is a query: words that carry nothing are dropped, only the first 20,000 characters and 128
        different words count, and a query of stop words alone is looked for in titles. Raises
        IndexStorageError where the index turns out to be damaged.
        """
        try:
            return self._searcher.search(query, topk)
        except EngineError as error:
            place = self._path or Path("(index in memory)")
            raise IndexStorageError(place, f"the index is damaged ({_why(error)})", "Build it anew") from error

    def search_many(self, queries: Sequence[str], topk: int) -> list[list[Hit]]:
        """`search` for each query."""
        return [self.search(query, topk) for query in queries]

    def passages(self, ids: Sequence[str]) -> list[Passage | None]:
        """The passages of these ids, None where there is none. Raises IndexStorageError if it is damaged."""
        try:
            return self._searcher.passages(ids)
        except EngineError as error:
            place = self._path or Path("(index in memory)")
            raise IndexStorageError(place, f"the index is damaged ({_why(error)})", "Build it anew") from error

    def close(self) -> None:
        """Delete what was made for this object alone; it must not be searched any more."""
        if self._keep is not None:
            self._keep.cleanup()
            self._keep = None

    def __enter__(self) -> BM25Index:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _find(
    corpus: Path,
    status: os.stat_result,
    home: Path,
    unwanted: Sequence[Manifest],
    *,
    verify: bool,
    notices: list[str],
) -> tuple[BM25Index | None, list[Manifest]]:
    """A fresh and whole index that is not unwanted; else None and those of just this corpus that are damaged."""
    unreadable: list[str] = []
    candidates: list[tuple[Path, Manifest]] = []
    for path, manifest in listed(home):
        if isinstance(manifest, DamageError):
            unreadable.append(f"{path}: the index was damaged: {manifest}; built anew")
        elif manifest.current and manifest.corpus.size == status.st_size and manifest not in unwanted:
            candidates.append((path, manifest))
    candidates.sort(key=lambda candidate: not describes(candidate[1], corpus, status))
    digest, read_ns = "", time.time_ns()
    for path, manifest in candidates:
        if not describes(manifest, corpus, status):
            digest = digest or _corpus_digest(corpus)
            if digest != manifest.corpus.sha256:
                continue
            manifest = refresh(path, manifest, status, corpus, read_ns)
        try:
            searcher, links = open_generation(path, manifest, verify=verify)
        except DamageError as damage:
            if not unchanged(path, manifest):
                # Another process is replacing it: not damage.
                return None, []
            notices.append(f"{path}: the index was damaged: {damage}; built anew")
            return None, [manifest]
        return (
            BM25Index(searcher, manifest.report, manifest=manifest, path=path, notices=tuple(notices), keep=links),
            [],
        )
    notices.extend(unreadable)
    return None, []


def _build(
    corpus: Path, home: Path, unwanted: Sequence[Manifest], *, notices: list[str], progress: Progress | None
) -> BM25Index | None:
    """Build, publish and open; None where another process took away what was published."""
    read_ns = time.time_ns()
    building = new_building(home)
    try:
        reader = CorpusReader(corpus, progress)
        write_index(reader, building, threads=_threads(corpus))
        manifest = sealed(building, reader.fingerprint(), reader.report(), read_ns)
        path, manifest = publish(building, manifest, unwanted)
    finally:
        discard(building)
        with suppress(OSError):
            home.rmdir()
    try:
        searcher, links = open_generation(path, manifest, verify=False)
    except DamageError:
        return None
    sweep(home, path, manifest)
    return BM25Index(searcher, manifest.report, manifest=manifest, path=path, notices=tuple(notices), keep=links)


def _passing(corpus: Path, notices: list[str], progress: Progress | None) -> BM25Index:
    """An index for this process alone."""
    try:
        scratch = Scratch()
        reader = CorpusReader(corpus, progress)
        index = write_index(reader, scratch.path, threads=_threads(corpus))
    except (OSError, EngineError) as error:
        notices.append(f"temporary directory: no room for the index ({_why(error)}); it is held in memory")
    else:
        return BM25Index(LexicalSearcher(index), reader.report(), notices=tuple(notices), keep=scratch)
    reader = CorpusReader(corpus, progress)
    index = write_index(reader, None, threads=_threads(corpus))
    return BM25Index(LexicalSearcher(index), reader.report(), notices=tuple(notices))


def _corpus_digest(corpus: Path) -> str:
    try:
        return hash_file(corpus)
    except OSError as error:
        raise CorpusError(corpus, f"reading it failed ({_why(error)})", "Check the disk and try again") from error


def _threads(corpus: Path) -> int:
    if corpus.stat().st_size <= _ONE_THREAD_BYTES:
        return 1
    return min(_MOST_THREADS, os.cpu_count() or 1)


def _why(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__)[:200]
