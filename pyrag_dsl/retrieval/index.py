"""The BM25 index of a corpus: opened from its directory where that is fresh and whole, built where it is not."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from . import storage
from .corpus import CorpusReader, CorpusReport, Fingerprint, Progress, State, check_corpus, digest_of
from .errors import IndexStorageError
from .formats import CHUNK
from .lexical import COMMIT_EVERY, ENGINE, TOKENIZER, EngineError, LexicalSearcher, change_index, write_index
from .passages import Hit, Passage, Retriever
from .scratch import Scratch
from .storage import BusyError, DamageError, Manifest

_ONE_THREAD_BYTES = 256 * 1024 * 1024
"""Corpora up to this size are indexed by one thread: some 20 s, and scores that repeat bit for bit."""

_MOST_THREADS = 4
_ATTEMPTS = 3
_ANEW = "Build it anew: pyrag index build --corpus FILE --out DIR --rebuild"


class BM25Index(Retriever):
    """Passages searched by BM25 with English stems, titles counting extra. A Retriever; safe for threads.

    It is what was in its directory when it was opened, whatever is added or deleted there later. Source of the
    ranking: Robertson and Zaragoza, The Probabilistic Relevance Framework (2009), as in Lucene, with k1 = 1.2 and
    b = 0.75, summed over text and title.
    """

    def __init__(
        self,
        searcher: LexicalSearcher,
        report: CorpusReport,
        fingerprint: str,
        *,
        manifest: Manifest | None = None,
        path: Path | None = None,
        notices: tuple[str, ...] = (),
        keep: Scratch | None = None,
    ) -> None:
        self._searcher = searcher
        self._report = report
        self._fingerprint = fingerprint
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
        wait: bool = True,
        progress: Progress | None = None,
    ) -> BM25Index:
        """The index of a corpus, built now if there is none that is fresh and whole.

        Args:
            corpus: a file or a folder, see docs/retrieval.md for the formats.
            directory: where the index is kept; `CORPUS.pyrag-index/` if None, and where that cannot be written a
                temporary directory or memory, and `notices` says so.
            verify: compare the contents of all files with their checksums, not only their sizes.
            rebuild: build in any case.
            wait: for another process that is building there; else that is an error.
            progress: called with bytes done and bytes in all while a corpus is indexed.

        Raises CorpusError, and IndexStorageError where `directory` cannot be written, is being written (without
        `wait`), or holds the index of another corpus or passages that were added by hand and are not in the corpus.
        """
        path = Path(corpus)
        state = check_corpus(path)
        home = Path(directory) if directory is not None else path.with_name(path.name + ".pyrag-index")
        looking = _Looking(path, state, home, verify, directory is not None)
        found = None if rebuild else looking.found()
        if found is not None:
            return found
        try:
            with storage.locked(home, wait=wait):
                found = None if rebuild else looking.found()
                return found or looking.opened(_build(path, state, home, progress))
        except BusyError:
            raise _busy(home) from None
        except (OSError, EngineError, DamageError) as error:
            problem = f"the index cannot be written there ({_why(error)})"
            if directory is not None:
                raise IndexStorageError(
                    home, problem, "Name a directory that can be written and has room, or none"
                ) from error
            told = f"{home}: {problem}; this index is not kept and the next start builds it again"
            return _passing(path, [*looking.notices, told], progress)

    @classmethod
    def load(cls, directory: str | os.PathLike[str], *, verify: bool = False) -> BM25Index:
        """The index in a directory, whatever has become of its corpus.

        Raises IndexStorageError where there is none, a damaged one, or one that another version has written.
        """
        home = Path(directory)
        for attempt in range(_ATTEMPTS):
            manifest = _manifest(home)
            try:
                return _opened(home, manifest, verify=verify)
            except DamageError as damage:
                if attempt + 1 < _ATTEMPTS and _manifest(home) != manifest:
                    continue  # another process has just replaced it
                raise IndexStorageError(home, f"the index is damaged: {damage}", _ANEW) from None
        raise AssertionError

    @classmethod
    def add(cls, directory: str | os.PathLike[str], passages: Iterable[Passage], *, wait: bool = True) -> BM25Index:
        """The index in a directory with further passages; one whose id is there replaces it.

        A failure, at any moment, leaves the index as it was. Raises IndexStorageError, also where another process is
        writing it and `wait` is false, and what `passages` raises.
        """
        return _changed(Path(directory), passages, (), wait)

    @classmethod
    def delete(cls, directory: str | os.PathLike[str], ids: Iterable[str], *, wait: bool = True) -> BM25Index:
        """The index in a directory without the passages of these ids; as `add`."""
        return _changed(Path(directory), (), ids, wait)

    @classmethod
    def of(cls, passages: Iterable[Passage]) -> BM25Index:
        """An index in memory of passages at hand."""
        rows = list(passages)
        digest = sha256()
        for row in rows:
            digest.update(f"{row.id}\0{row.title}\0{row.text}\0".encode())
        searcher = LexicalSearcher(write_index(rows, None, small=True))
        return cls(searcher, CorpusReport(len(rows)), _fingerprint(digest.hexdigest()))

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should be told: damage that was found, a cache that cannot be kept."""
        return self._notices

    @property
    def report(self) -> CorpusReport:
        """How many passages the corpus gave and which of its rows gave none."""
        return self._report

    @property
    def path(self) -> Path | None:
        """The directory that holds the index; None where it is not kept."""
        return self._path

    @property
    def disk_bytes(self) -> int:
        """The size of the index on disk; 0 where it is not kept."""
        return self._manifest.size if self._manifest is not None else 0

    @property
    def corpus(self) -> Fingerprint | None:
        """Which corpus it was built of; None for an index that is not kept."""
        return None if self._manifest is None else self._manifest.corpus

    @property
    def fingerprint(self) -> str:
        """The same for indexes that find the same."""
        return self._fingerprint

    def details(self) -> dict[str, str]:
        """What else there is to say of an index on disk, by name."""
        made = self._manifest
        if made is None:
            return {}
        return {
            "corpus": made.corpus.path,
            "rows skipped": f"{made.report.skipped_count:,}",
            "changes since": f"{made.changes:,}",
            "engine": made.engine,
            "fingerprint": self.fingerprint,
        }

    def __len__(self) -> int:
        return self._searcher.size

    def search(self, query: str, topk: int) -> list[Hit]:
        """At most `topk` hits for plain words, best first; equal scores in the order of the corpus.

        Any text is a query: words that carry nothing are dropped, only the first 20,000 characters and 128
        different words count, and a query of stop words alone is looked for in titles. Raises
        IndexStorageError where the index turns out to be damaged.
        """
        with self._whole():
            return self._searcher.search(query, topk)

    def passages(self, ids: Sequence[str]) -> list[Passage | None]:
        """The passages of these ids, None where there is none. Raises IndexStorageError if it is damaged."""
        with self._whole():
            return self._searcher.passages(ids)

    def all(self) -> Iterator[Passage]:
        """Every passage, always in the same order. Raises IndexStorageError if it is damaged."""
        with self._whole():
            yield from self._searcher.all()

    def close(self) -> None:
        """Delete what was made for this object alone; it must not be searched any more."""
        if self._keep is not None:
            self._keep.cleanup()
            self._keep = None

    @contextmanager
    def _whole(self) -> Iterator[None]:
        try:
            yield
        except EngineError as error:
            place = self._path or Path("(index in memory)")
            raise IndexStorageError(place, f"the index is damaged ({_why(error)})", _ANEW) from error


class _Looking:
    """The look for the index of a corpus in its directory; `notices` is what was met there."""

    def __init__(self, corpus: Path, state: State, home: Path, verify: bool, named: bool) -> None:
        self.corpus = corpus
        self.state = state
        self.home = home
        self.verify = verify
        self.named = named
        self.notices: list[str] = []

    def found(self) -> BM25Index | None:
        """A fresh and whole index, or None where one is to be built. Raises IndexStorageError."""
        try:
            manifest = storage.manifest_in(self.home)
        except DamageError as damage:
            self._damaged(damage)
            return None
        for _ in range(_ATTEMPTS):
            if manifest is None:
                return None
            manifest = self._fresh(manifest)
            if manifest is None:
                return None
            try:
                return self.opened(manifest)
            except DamageError as damage:
                now = storage.manifest_in(self.home)
                if now == manifest:
                    if manifest.changes:
                        raise IndexStorageError(self.home, f"the index is damaged: {damage}", _ANEW) from None
                    self._damaged(damage)
                    return None
                manifest = now  # another process has just replaced it
        return None

    def opened(self, manifest: Manifest) -> BM25Index:
        """The index that a manifest describes. Raises DamageError."""
        return _opened(self.home, manifest, verify=self.verify, notices=tuple(self.notices))

    def _fresh(self, manifest: Manifest) -> Manifest | None:
        """The manifest, if it is that of the corpus as it is now. Raises IndexStorageError."""
        if manifest.current and storage.describes(manifest, self.corpus, self.state):
            return manifest
        read_ns = time.time_ns()
        same = manifest.corpus.size == self.state.size and digest_of(self.corpus) == manifest.corpus.sha256
        if manifest.current and same:
            return storage.refresh(self.home, manifest, self.corpus, self.state, read_ns)
        advice = "Name another directory, or build anew what is there: pyrag index build --rebuild"
        if self.named and not same and manifest.corpus.path != str(self.corpus.resolve()):
            raise IndexStorageError(self.home, f"it holds the index of {manifest.corpus.path}", advice)
        if manifest.changes:
            problem = "passages were added or deleted by hand, and its corpus or this program has changed since"
            raise IndexStorageError(self.home, problem, advice)
        return None

    def _damaged(self, damage: DamageError) -> None:
        told = f"{self.home}: the index was damaged: {damage}; built anew"
        if told not in self.notices:
            self.notices.append(told)


def _manifest(home: Path) -> Manifest:
    """The manifest of an index that can be searched. Raises IndexStorageError."""
    try:
        manifest = storage.manifest_in(home)
    except DamageError as damage:
        raise IndexStorageError(home, f"the index is damaged: {damage}", _ANEW) from None
    if manifest is None:
        advice = "Build it: pyrag index build --corpus FILE --out DIR"
        raise IndexStorageError(home, "there is no index in it", advice)
    if not manifest.current:
        written = f"it was written by {manifest.engine}, and this is {ENGINE}"
        problem = written if manifest.engine != ENGINE else "it was written by another version of this program"
        raise IndexStorageError(home, problem, _ANEW)
    return manifest


def _opened(home: Path, manifest: Manifest, *, verify: bool, notices: tuple[str, ...] = ()) -> BM25Index:
    searcher, links = storage.open_generation(home, manifest, verify=verify)
    report, fingerprint = manifest.report, manifest.fingerprint
    return BM25Index(searcher, report, fingerprint, manifest=manifest, path=home, notices=notices, keep=links)


def _build(corpus: Path, state: State, home: Path, progress: Progress | None) -> Manifest:
    """Build and publish, with the lock held."""
    read_ns = time.time_ns()
    key = (str(corpus.resolve()), state.size, state.mtime_ns, storage.FORMAT, ENGINE, TOKENIZER, CHUNK)
    building = storage.building_in(home, *key)
    reader = CorpusReader(corpus, progress)
    try:
        write_index(reader, building, threads=_threads(state))
        indexed = reader.report().indexed
        manifest = Manifest(
            corpus=reader.fingerprint(),
            report=reader.report(),
            read_ns=read_ns,
            generation=building.name,
            files={},
            passages=indexed,
            next_ordinal=indexed,
        )
        return storage.publish(home, building, manifest, {})
    except BaseException as error:
        # Whoever interrupts a long build may want to go on with it.
        if not isinstance(error, KeyboardInterrupt) or reader.report().indexed < COMMIT_EVERY:
            storage.discard(building)
        raise


def _changed(home: Path, added: Iterable[Passage], deleted: Iterable[str], wait: bool) -> BM25Index:
    _manifest(home)
    counted = _Counted(added)
    try:
        with storage.locked(home, wait=wait):
            old = _manifest(home)
            building = storage.copied(home, old)
            try:
                searcher = LexicalSearcher(change_index(building, counted, deleted, old.next_ordinal))
                made = Manifest(
                    corpus=old.corpus,
                    report=old.report,
                    read_ns=old.read_ns,
                    generation=building.name,
                    files={},
                    passages=searcher.size,
                    next_ordinal=old.next_ordinal + counted.taken,
                    changes=old.changes + 1,
                )
                return _opened(home, storage.publish(home, building, made, old.files), verify=False)
            finally:
                storage.discard(building)
    except BusyError:
        raise _busy(home) from None
    except (OSError, EngineError, DamageError) as error:
        raise IndexStorageError(home, f"it cannot be changed ({_why(error)})", "It is as it was; make room") from error


class _Counted:
    """Passages that are counted as they are taken."""

    def __init__(self, passages: Iterable[Passage]) -> None:
        self._passages = passages
        self.taken = 0

    def __iter__(self) -> Iterator[Passage]:
        for each in self._passages:
            self.taken += 1
            yield each


def _busy(home: Path) -> IndexStorageError:
    return IndexStorageError(home, "another process is building this index", "Wait until it has ended")


def _passing(corpus: Path, notices: list[str], progress: Progress | None) -> BM25Index:
    """An index for this process alone."""
    scratch: Scratch | None = None
    reader = CorpusReader(corpus, progress)
    try:
        scratch = Scratch()
        index = write_index(reader, scratch.path)
    except (OSError, EngineError) as error:
        scratch = None
        notices.append(f"temporary directory: no room for the index ({_why(error)}); it is held in memory")
        reader = CorpusReader(corpus, progress)
        index = write_index(reader, None)
    fingerprint = _fingerprint(reader.fingerprint().sha256)
    return BM25Index(LexicalSearcher(index), reader.report(), fingerprint, notices=tuple(notices), keep=scratch)


def _fingerprint(digest: str) -> str:
    return storage.key_of(storage.FORMAT, ENGINE, TOKENIZER, digest, "")


def _threads(state: State) -> int:
    return 1 if state.size <= _ONE_THREAD_BYTES else min(_MOST_THREADS, os.cpu_count() or 1)


def _why(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__)[:200]
