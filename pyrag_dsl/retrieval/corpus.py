"""Reads a corpus from a file or a folder: its passages, the problems of its broken rows, and its fingerprint."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from . import formats
from .errors import CorpusError
from .formats import JSON_LINES, SUFFIXES, Row, UnusableError
from .passages import Passage

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Progress = Callable[[int, int], None]
"""A callback that is given the number of bytes read so far and the number of all bytes."""

PROBLEMS_KEPT = 100
"""The most broken rows that a report describes. All of them are counted."""

_REPORT_EVERY = 1024 * 1024
_HEAD = 4096


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A row of the corpus that could not be read.

    Attributes:
        place: where the row is: `line 3`, `row 3`, `notes/a.md`.
        reason: why it could not be read.
    """

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class CorpusReport:
    """What was read from a corpus.

    Attributes:
        indexed: the number of passages.
        skipped_count: the number of rows that could not be read.
        skipped: the first of these rows, at most `PROBLEMS_KEPT`.
    """

    indexed: int
    skipped_count: int = 0
    skipped: tuple[RowProblem, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every row that is not blank was indexed."""
        return self.skipped_count == 0


@dataclass(frozen=True, slots=True)
class State:
    """What the file system tells about a corpus.

    Attributes:
        size: the bytes of all its files.
        mtime_ns: the time of the last change of a file, in nanoseconds.
    """

    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The identity of the corpus from which an index was built.

    Attributes:
        path: the absolute path.
        size: the bytes of all its files.
        mtime_ns: the time of the last change, in nanoseconds; -1 if the corpus changed while it was read. No file has
            this time, so only the hash can match then.
        sha256: the hash of the content, in hex.
    """

    path: str
    size: int
    mtime_ns: int
    sha256: str


def check_corpus(path: Path) -> State:
    """The state of a corpus, of which only the beginning is read. Raises `CorpusError` if it cannot be a corpus."""
    with _told(path):
        if path.is_dir():
            if not _texts_in(path):
                problem = "there is no text (.txt) and no Markdown (.md) in this directory"
                raise UnusableError(problem, "Name a folder of such files, or a file of passages. " + JSON_LINES)
            return _state(path)
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnusableError("it is not a regular file", "Write the passages to a file first")
        with path.open("rb") as file:
            head = file.read(_HEAD)
            file.seek(0)
            if not head:
                raise UnusableError("the file is empty", JSON_LINES)
            if not head.startswith(b"PAR1"):
                formats.format_of(formats.unpacked(file, head).read(_HEAD))
        return _state(path)


def digest_of(path: Path) -> str:
    """The SHA-256 of a corpus as it is now, to compare with `Fingerprint.sha256`. Raises `CorpusError`."""
    with _told(path):
        digest = hashlib.sha256()
        for _ in _contents(path, digest) if path.is_dir() else ():
            pass
        return digest.hexdigest() if path.is_dir() else hash_file(path)


def hash_file(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class CorpusReader:
    """Reads a corpus once: iterate over it to get the passages, then call `report()` and `fingerprint()`.

    Raises:
        CorpusError: the corpus cannot be read or, at the end, it held no passage.
    """

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        self._before = check_corpus(path)
        self._path = path
        self._progress = progress or (lambda *_: None)
        self._fingerprint: Fingerprint | None = None
        self._indexed = 0
        self._skipped_count = 0
        self._skipped: list[RowProblem] = []

    def __iter__(self) -> Iterator[Passage]:
        digest = hashlib.sha256()
        with _told(self._path):
            for place, found in self._rows(digest):
                if isinstance(found, Passage):
                    self._indexed += 1
                    yield found
                else:
                    self._skipped_count += 1
                    if len(self._skipped) < PROBLEMS_KEPT:
                        self._skipped.append(RowProblem(place, found))
            after = _state(self._path)
        self._progress(after.size, after.size)
        mtime_ns = after.mtime_ns if after == self._before else -1
        self._fingerprint = Fingerprint(str(self._path.resolve()), after.size, mtime_ns, digest.hexdigest())
        if not self._indexed:
            raise CorpusError(self._path, self._without_passages(), JSON_LINES)

    def report(self) -> CorpusReport:
        """What has been read so far."""
        return CorpusReport(self._indexed, self._skipped_count, tuple(self._skipped))

    def fingerprint(self) -> Fingerprint:
        """The fingerprint of the content that was read, even if the corpus has changed since.

        Raises:
            RuntimeError: not all passages have been read.
        """
        if self._fingerprint is None:
            raise RuntimeError("the corpus has not been read to its end")
        return self._fingerprint

    def _rows(self, digest: Any) -> Iterator[Row]:
        if self._path.is_dir():
            yield from formats.texts(_contents(self._path, digest, self._progress, self._before.size))
            return
        with self._path.open("rb") as file:
            watched = _Watched(file, digest, self._progress, self._before.size)
            stream = io.BufferedReader(watched, _REPORT_EVERY)
            head = stream.peek(_HEAD)[:_HEAD]
            if head.startswith(b"PAR1"):
                # pyarrow reads from the end of the file, so the hash is computed before.
                while stream.read(_REPORT_EVERY):
                    pass
                yield from formats.parquet(self._path)
                return
            plain = io.BufferedReader(cast(Any, formats.unpacked(cast(BinaryIO, stream), head)), _REPORT_EVERY)
            yield from formats.format_of(plain.peek(_HEAD)[:_HEAD])(cast(BinaryIO, plain))
            while stream.read(_REPORT_EVERY):  # bytes after the compressed data belong to the hash as well
                pass

    def _without_passages(self) -> str:
        if not self._skipped:
            return "it holds only blank lines"
        first = self._skipped[0]
        return (
            f"none of its {self._skipped_count} rows holds a passage; "
            f"the first problem is on {first.place}: {first.reason}"
        )


class _Watched(io.RawIOBase):
    """A file whose bytes are hashed and counted when they are read."""

    def __init__(self, file: BinaryIO, digest: Any, progress: Progress, total: int) -> None:
        self._file = file
        self._digest = digest
        self._progress = progress
        self._total = total
        self._done = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        got = cast(int, cast(Any, self._file).readinto(buffer))
        self._digest.update(memoryview(buffer)[:got])
        if self._done:  # when the first block is read, nothing has been done with it yet
            self._progress(min(self._done, self._total), self._total)
        self._done += got
        return got


class _told:  # noqa: N801
    """A context in which errors of reading become `CorpusError`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        path = self._path
        if isinstance(error, UnusableError):
            raise CorpusError(path, str(error), error.advice) from None
        if isinstance(error, FileNotFoundError):
            raise CorpusError(path, "there is no such file", "Check the path of the corpus") from None
        if isinstance(error, EOFError | zlib.error) or type(error).__name__ in {
            "BadGzipFile",
            "LZMAError",
            "ZstdError",
        }:
            raise CorpusError(path, f"its compressed data is damaged ({error})", "Get the file again") from None
        if isinstance(error, OSError):
            why = error.strerror or str(error) or type(error).__name__
            raise CorpusError(path, f"it cannot be read ({why})", "Check its permissions and the disk") from error
        if isinstance(error, ValueError) and "null" in str(error):
            raise CorpusError(path, f"it is not a path ({error})", "Check the path of the corpus") from error


def _state(path: Path) -> State:
    files = [path / name for name in _texts_in(path)] if path.is_dir() else [path]
    seen = [each.stat() for each in files]
    return State(sum(each.st_size for each in seen), max(each.st_mtime_ns for each in seen))


def _texts_in(folder: Path) -> list[str]:
    """The sorted names of the texts in a folder, relative to it, without those in hidden folders."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith(".")]
        for name in names:
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                found.append((Path(place) / name).relative_to(folder).as_posix())
    return sorted(found)


def _contents(
    folder: Path, digest: Any, progress: Progress | None = None, total: int = 0
) -> Iterator[tuple[str, bytes]]:
    """The names and contents of the texts of a folder. Both are added to the hash, and the length of chunks."""
    digest.update(f"{formats.CHUNK}\n".encode())
    done = 0
    for name in _texts_in(folder):
        content = (folder / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
        yield name, content
        done += len(content)
        if progress is not None and done < total:
            progress(done, total)
