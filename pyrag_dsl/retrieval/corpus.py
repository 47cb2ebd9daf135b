"""Reading a corpus file: its passages, the problems of lines that hold none, and its fingerprint."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .errors import CorpusError
from .passages import Passage, PassageFormatError, parse_passage_line

Progress = Callable[[int, int], None]
"""Called now and then with the bytes read so far and the bytes there are."""

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes; a longer line is reported and skipped without being held in memory."""

PROBLEMS_KEPT = 100
"""All broken lines are counted, this many are described."""

_FORMAT = 'Each line must be one JSON object like {"id": "1", "contents": "\\"Title\\"\\nText"}'

_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"\x1f\x8b", "it is compressed with gzip", "Unpack it first (gunzip) and name the unpacked file"),
    (
        b"\x28\xb5\x2f\xfd",
        "it is compressed with zstd",
        "Unpack it first (unzstd) and name the unpacked file",
    ),
    (b"BZh", "it is compressed with bzip2", "Unpack it first (bunzip2) and name the unpacked file"),
    (b"\xfd7zXZ\x00", "it is compressed with xz", "Unpack it first (unxz) and name the unpacked file"),
    (b"PK\x03\x04", "it is a zip archive", "Unpack it first and name the JSON-Lines file in it"),
    (b"PAR1", "it is a Parquet file", "Export it as JSON Lines first. " + _FORMAT),
    (b"SQLite format 3\x00", "it is an SQLite database", "Export it as JSON Lines first. " + _FORMAT),
    (b"\xff\xfe", "it is encoded as UTF-16", "Convert it to UTF-8 first (iconv -f UTF-16 -t UTF-8)"),
    (b"\xfe\xff", "it is encoded as UTF-16", "Convert it to UTF-8 first (iconv -f UTF-16 -t UTF-8)"),
)
_BOM = b"\xef\xbb\xbf"
_REPORT_EVERY = 1024 * 1024


@dataclass(frozen=True, slots=True)
class LineProblem:
    """Why the passage on a line (1-based) could not be read."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class CorpusReport:
    """What became of a corpus' lines: passages indexed, lines skipped, and the first of those described."""

    indexed: int
    skipped_count: int = 0
    skipped: tuple[LineProblem, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every line that is not blank was indexed."""
        return self.skipped_count == 0


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Which corpus an index was built of: where it was, and exactly what was in it.

    `mtime_ns` is -1 where the file changed while it was read; no file has that time, so only the hash can
    match.
    """

    path: str
    size: int
    mtime_ns: int
    sha256: str


def check_corpus(path: Path) -> os.stat_result:
    """The status of a file that may be a corpus; CorpusError for what plainly is none."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise CorpusError(path, "it is a directory, not a file", "Name the JSON-Lines file itself. " + _FORMAT)
        if not stat.S_ISREG(status.st_mode):
            raise CorpusError(path, "it is not a regular file", "Write the passages to a file first")
        with path.open("rb") as file:
            head = file.read(4096)
    except FileNotFoundError:
        raise CorpusError(path, "there is no such file", "Check the path of the corpus") from None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise CorpusError(path, f"it cannot be read ({why})", "Check its permissions") from error
    except ValueError as error:
        raise CorpusError(path, f"it is no path ({error})", "Check the path of the corpus") from error
    if not head:
        raise CorpusError(path, "the file is empty", _FORMAT)
    for magic, problem, advice in _MAGIC:
        if head.startswith(magic):
            raise CorpusError(path, problem, advice)
    if b"\x00" in head:
        raise CorpusError(path, "it is a binary file (a NUL byte among its first 4096)", _FORMAT)
    return status


def hash_file(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class CorpusReader:
    """One pass over a corpus: iterate to get the passages, then ask for `report()` and `fingerprint()`.

    Raises CorpusError where the file cannot be read, or at the end where it held no passage.
    """

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        check_corpus(path)
        self._path = path
        self._progress = progress
        self._digest = hashlib.sha256()
        self._size = 0
        self._mtime_ns = -1
        self._indexed = 0
        self._skipped_count = 0
        self._skipped: list[LineProblem] = []

    def __iter__(self) -> Iterator[Passage]:
        try:
            with self._path.open("rb") as file:
                before = os.fstat(file.fileno())
                for number, line in self._lines(file, before.st_size):
                    passage = self._parsed(number, line)
                    if passage is not None:
                        self._indexed += 1
                        yield passage
                after = os.fstat(file.fileno())
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise CorpusError(self._path, f"reading it failed ({why})", "Check the disk and try again") from error
        if (before.st_size, before.st_mtime_ns) == (
            after.st_size,
            after.st_mtime_ns,
        ) and after.st_size == self._size:
            self._mtime_ns = after.st_mtime_ns
        if not self._indexed:
            raise self._without_passages()

    def report(self) -> CorpusReport:
        """What has been read so far."""
        return CorpusReport(self._indexed, self._skipped_count, tuple(self._skipped))

    def fingerprint(self) -> Fingerprint:
        """Of the bytes that were read, which is what the index holds, whatever the file has become since."""
        return Fingerprint(str(self._path.resolve()), self._size, self._mtime_ns, self._digest.hexdigest())

    def _lines(self, file: BinaryIO, total: int) -> Iterator[tuple[int, bytes]]:
        number, reported = 0, 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            self._take(line)
            if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                while line and not line.endswith(b"\n"):
                    line = file.readline(LONGEST_LINE)
                    self._take(line)
                self._skip(number, f"longer than {LONGEST_LINE // (1024 * 1024)} MiB")
                continue
            if number == 1:
                line = line.removeprefix(_BOM)
            if line.strip():
                yield number, line
            if self._progress is not None and self._size - reported >= _REPORT_EVERY:
                reported = self._size
                self._progress(min(reported, total), total)
        if self._progress is not None:
            self._progress(total, total)

    def _parsed(self, number: int, line: bytes) -> Passage | None:
        try:
            return parse_passage_line(line, f"line-{number}")
        except PassageFormatError as error:
            self._skip(number, str(error))
            return None

    def _take(self, line: bytes) -> None:
        self._digest.update(line)
        self._size += len(line)

    def _skip(self, number: int, reason: str) -> None:
        self._skipped_count += 1
        if len(self._skipped) < PROBLEMS_KEPT:
            self._skipped.append(LineProblem(number, reason))

    def _without_passages(self) -> CorpusError:
        if not self._skipped:
            return CorpusError(self._path, "the file holds only blank lines", _FORMAT)
        first = self._skipped[0]
        problem = (
            f"none of its {self._skipped_count} lines holds a passage; "
            f"the first problem is on line {first.line}: {first.reason}"
        )
        with self._path.open("rb") as file:
            starts_a_list = file.read(64).removeprefix(_BOM).lstrip().startswith(b"[")
        if starts_a_list:
            return CorpusError(self._path, problem, "It looks like one JSON list: write its items on a line each")
        return CorpusError(self._path, problem, _FORMAT)
