"""The BM25 index of a corpus. It is opened if its directory holds a valid index of the corpus, and built otherwise."""

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
"""Up to this size, one thread indexes a corpus, which takes about 20 s. Its scores are then the same in each build."""

_MOST_THREADS = 4
_ATTEMPTS = 3
_ANEW = "Build it again: pyrag index build --corpus FILE --out DIR --rebuild"


class BM25Index(Retriever):
    """Searches passages by BM25 with English stems. It is thread-safe.

    An open index is a snapshot: it does not change if passages are added or deleted in its directory later.

    The score of a passage is the BM25 score of its text plus 0.4 times that of its title, by the formula of Lucene with
    k1 = 1.2 and b = 0.75. Source: Robertson and Zaragoza, The Probabilistic Relevance Framework (2009).
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
        """Open the index of a corpus. It is built first if there is none, or if it is damaged or out of date.

        Args:
            corpus: a file or a folder. See docs/retrieval.md for the formats.
            directory: the directory of the index. If None, it is `CORPUS.pyrag-index/` or, if that cannot be written,
                a temporary directory or memory; `notices` then says so.
            verify: whether to compare the contents of all files with their checksums, and not only their sizes.
            rebuild: whether to build the index in any case.
            wait: whether to wait for another process that is building the index; otherwise that is an error.
            progress: called with the number of bytes done and of all bytes while a corpus is indexed.

        Raises:
            CorpusError: the corpus cannot be read, or holds no passage.
            IndexStorageError: `directory` cannot be written, another process is writing it and `wait` is false, it
                holds the index of another corpus, or passages in it were added or deleted by hand and the corpus or
                the program has changed since.
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
        """Open the index in a directory. Its corpus is not read, and may have changed or be gone.

        Args:
            directory: the directory of the index.
            verify: whether to compare the contents of all files with their checksums, and not only their sizes.

        Raises:
            IndexStorageError: there is no index, it is damaged, or another version has written it.
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
        """Add passages to the index in a directory, and open it. A passage replaces the one with its id.

        If this fails at any moment, the index stays as it was.

        Args:
            directory: the directory of the index.
            passages: the passages. Errors that this iterable raises are raised as they are.
            wait: whether to wait for another process that is writing the index; otherwise that is an error.

        Raises:
            IndexStorageError: there is no valid index, it cannot be changed, or another process is writing it.
        """
        return _changed(Path(directory), passages, (), wait)

    @classmethod
    def delete(cls, directory: str | os.PathLike[str], ids: Iterable[str], *, wait: bool = True) -> BM25Index:
        """Delete the passages of these ids from the index in a directory, and open it.

        Ids that the index does not hold are ignored. Failures, `wait` and errors are those of `add`.
        """
        return _changed(Path(directory), (), ids, wait)

    @classmethod
    def of(cls, passages: Iterable[Passage]) -> BM25Index:
        """Build an index of these passages in memory."""
        rows = list(passages)
        digest = sha256()
        for row in rows:
            digest.update(f"{row.id}\0{row.title}\0{row.text}\0".encode())
        searcher = LexicalSearcher(write_index(rows, None, small=True))
        return cls(searcher, CorpusReport(len(rows)), _fingerprint(digest.hexdigest()))

    @property
    def notices(self) -> tuple[str, ...]:
        """Messages for the user: an index that was damaged, or one that cannot be kept on disk."""
        return self._notices

    @property
    def report(self) -> CorpusReport:
        """The number of passages that the corpus held when the index was built, and the rows that were skipped."""
        return self._report

    @property
    def path(self) -> Path | None:
        """The directory of the index; None if it is in memory or temporary."""
        return self._path

    @property
    def disk_bytes(self) -> int:
        """The bytes of the index in its directory; 0 if it is in memory or temporary."""
        return self._manifest.size if self._manifest is not None else 0

    @property
    def corpus(self) -> Fingerprint | None:
        """The identity of the corpus from which the index was built; None if it is in memory or temporary."""
        return None if self._manifest is None else self._manifest.corpus

    @property
    def fingerprint(self) -> str:
        """A hash that is equal for indexes with equal results."""
        return self._fingerprint

    def details(self) -> dict[str, str]:
        """Further facts about an index in a directory, by name, to show them to the user; empty for other indexes."""
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
        """At most `topk` hits, best first; equal scores in the order of the corpus.

        Any text is a query, and no character has a special meaning. Stop words are ignored, but a query that has no
        other words is searched in the titles. Only the first 20,000 characters and the first 128 different words count.

        Raises:
            IndexStorageError: the index is damaged.
        """
        with self._whole():
            return self._searcher.search(query, topk)

    def passages(self, ids: Sequence[str]) -> list[Passage | None]:
        """The passage of each id; None for an id that the index does not hold. Raises `IndexStorageError`."""
        with self._whole():
            return self._searcher.passages(ids)

    def all(self) -> Iterator[Passage]:
        """All passages, always in the same order. Raises `IndexStorageError`."""
        with self._whole():
            yield from self._searcher.all()

    def close(self) -> None:
        """Delete temporary files of this object, if any. It must not be searched afterwards."""
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
    """Looks for a valid index of a corpus in a directory.

    Attributes:
        corpus: the path of the corpus.
        state: the state of the corpus.
        home: the directory.
        verify: whether to compare the contents of all files with their checksums.
        named: whether the user named the directory.
        notices: messages about what was found.
    """

    def __init__(self, corpus: Path, state: State, home: Path, verify: bool, named: bool) -> None:
        self.corpus = corpus
        self.state = state
        self.home = home
        self.verify = verify
        self.named = named
        self.notices: list[str] = []

    def found(self) -> BM25Index | None:
        """The index, if it is undamaged and up to date; None if one must be built.

        Raises:
            IndexStorageError: the index is not valid, and must not be replaced.
        """
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
        """Open the index that a manifest describes. Raises `DamageError`."""
        return _opened(self.home, manifest, verify=self.verify, notices=tuple(self.notices))

    def _fresh(self, manifest: Manifest) -> Manifest | None:
        """The manifest, if its index is that of the corpus as it is now; None if not.

        Raises:
            IndexStorageError: the index is not that of the corpus, and must not be replaced.
        """
        if manifest.current and storage.describes(manifest, self.corpus, self.state):
            return manifest
        read_ns = time.time_ns()
        same = manifest.corpus.size == self.state.size and digest_of(self.corpus) == manifest.corpus.sha256
        if manifest.current and same:
            return storage.refresh(self.home, manifest, self.corpus, self.state, read_ns)
        advice = "Name another directory, or replace the index there: pyrag index build --rebuild"
        if self.named and not same and manifest.corpus.path != str(self.corpus.resolve()):
            raise IndexStorageError(self.home, f"it holds the index of {manifest.corpus.path}", advice)
        if manifest.changes:
            problem = "passages were added or deleted by hand, and its corpus or this program has changed since"
            raise IndexStorageError(self.home, problem, advice)
        return None

    def _damaged(self, damage: DamageError) -> None:
        told = f"{self.home}: the index was damaged: {damage}; it is built again"
        if told not in self.notices:
            self.notices.append(told)


def _manifest(home: Path) -> Manifest:
    """The manifest of the index in a directory, which this version can search. Raises `IndexStorageError`."""
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
    """Build the index of a corpus and publish it. The caller holds the lock."""
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
        # A user who interrupts a long build may continue it later.
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
        raise IndexStorageError(
            home, f"it cannot be changed ({_why(error)})", "It is as before; free disk space and try again"
        ) from error


class _Counted:
    """An iterable of passages that counts those taken from it."""

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
    """Build an index for this process only, in a temporary directory or in memory."""
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
