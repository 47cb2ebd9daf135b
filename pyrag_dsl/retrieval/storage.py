"""An index on disk: a directory with a manifest, which names the generation of files that is valid.

    DIRECTORY/
      pyrag-index.json    the manifest; one rename replaces it, so a reader finds either the old or the new index
      lexical-<random>/   the generation that the manifest names: the files of tantivy, which never change
      building-<key>/     the files that the holder of the lock writes; the next holder continues or deletes them
      pyrag-index.lock    locked while a process writes; the system releases the lock of a process that dies

A reader maps the files into memory, and is killed if such a file becomes shorter. Therefore each change makes a new
directory, with links to the files that do not change. An open index is not affected when its generation is replaced.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from .corpus import CorpusReport, Fingerprint, RowProblem, State, hash_file
from .lexical import ENGINE, TOKENIZER, EngineError, LexicalSearcher
from .scratch import Scratch

FORMAT = 2
MANIFEST = "pyrag-index.json"
_LOCK = "pyrag-index.lock"
_TANTIVY_LOCKS = frozenset({".tantivy-writer.lock", ".tantivy-meta.lock"})
_OURS = re.compile(r"(lexical|building)-[0-9a-f]{16}")
_RACY_NS = 2_000_000_000
"""In nanoseconds. A file that changed so shortly before it was read may change again within the same tick of the file
system's clock, so its time proves nothing (git calls such entries racy)."""
_TRIES = 5  # attempts to delete a directory
_PAUSE = 0.02  # seconds between attempts to delete or to lock


class DamageError(Exception):
    """The files of an index do not match its manifest, or the manifest cannot be read."""


class BusyError(Exception):
    """Another process is writing the index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The manifest of an index.

    Attributes:
        corpus: the identity of the corpus from which the index was built.
        report: what was read from the corpus.
        read_ns: the time when the corpus was read, in nanoseconds since 1970.
        generation: the name of the directory with the files.
        files: the size and the SHA-256 of each file, by its name.
        passages: the number of passages in the index now.
        next_ordinal: the ordinal of the next passage that is added. Hits of equal scores are in the order of ordinals.
        changes: how often passages were added or deleted since the index was built.
        format: the version of the format of these files.
        engine: the library that wrote the files, with its version.
        tokenizer: the identity of the analysers.
    """

    corpus: Fingerprint
    report: CorpusReport
    read_ns: int
    generation: str
    files: dict[str, tuple[int, str]]
    passages: int
    next_ordinal: int
    changes: int = 0
    format: int = FORMAT
    engine: str = ENGINE
    tokenizer: str = TOKENIZER

    @property
    def current(self) -> bool:
        """Whether this version of the program and of tantivy can search the index."""
        return (self.format, self.engine, self.tokenizer) == (FORMAT, ENGINE, TOKENIZER)

    @property
    def fingerprint(self) -> str:
        """A hash that is equal for indexes with equal results: those of one corpus, or one changed generation."""
        changed = self.generation if self.changes else ""
        return key_of(self.format, self.engine, self.tokenizer, self.corpus.sha256, changed)

    @property
    def size(self) -> int:
        """The bytes of all files except the manifest."""
        return sum(size for size, _ in self.files.values())

    def to_json(self) -> str:
        """The manifest as text. `from_json` is the inverse."""
        return json.dumps(asdict(self), ensure_ascii=True, indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> Manifest:
        """Read the text of a manifest. Raises `DamageError` if it is not one that this version has written."""
        try:
            raw = json.loads(text)
            if _int(raw["format"]) != FORMAT:
                raise DamageError(f"it was written by another version (format {raw['format']}, not {FORMAT})")
            corpus, report = raw["corpus"], raw["report"]
            skipped = tuple(RowProblem(_str(each["place"]), _str(each["reason"])) for each in report["skipped"])
            return cls(
                corpus=Fingerprint(
                    _str(corpus["path"]), _int(corpus["size"]), _int(corpus["mtime_ns"]), _str(corpus["sha256"])
                ),
                report=CorpusReport(_int(report["indexed"]), _int(report["skipped_count"]), skipped),
                read_ns=_int(raw["read_ns"]),
                generation=_name(raw["generation"]),
                files={_name(name): (_int(size), _str(digest)) for name, (size, digest) in raw["files"].items()},
                passages=_int(raw["passages"]),
                next_ordinal=_int(raw["next_ordinal"]),
                changes=_int(raw["changes"]),
                engine=_str(raw["engine"]),
                tokenizer=_str(raw["tokenizer"]),
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise DamageError(f"the manifest cannot be read ({type(error).__name__})") from error


def manifest_in(home: Path) -> Manifest | None:
    """The manifest of the index in a directory; None if there is none. Raises `DamageError`."""
    try:
        return Manifest.from_json((home / MANIFEST).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DamageError(f"the manifest cannot be read ({error.strerror or type(error).__name__})") from error


def describes(manifest: Manifest, corpus: Path, state: State) -> bool:
    """Whether path, size and time are enough to prove that the index is that of the corpus as it is now."""
    seen = manifest.corpus
    return (
        State(seen.size, seen.mtime_ns) == state
        and seen.path == str(corpus.resolve())
        and manifest.read_ns - seen.mtime_ns > _RACY_NS
    )


def open_generation(home: Path, manifest: Manifest, *, verify: bool) -> tuple[LexicalSearcher, Scratch | None]:
    """Check the files of a generation, and open it.

    Args:
        home: the directory of the index.
        manifest: its manifest.
        verify: whether to compare the contents of all files with their checksums, and not only their sizes.

    Returns:
        The searcher, and None or a temporary directory, which must exist as long as the searcher is used. It holds
        links to the files of a read-only generation, because tantivy must write a lock beside the files.

    Raises:
        DamageError: the files do not match the manifest, or cannot be read.
    """
    path = home / manifest.generation
    name = manifest.generation
    try:
        for name, (size, digest) in manifest.files.items():
            actual = (path / name).stat().st_size
            if actual != size:
                raise DamageError(f"{name} has {actual} bytes instead of {size}")
            if verify and hash_file(path / name) != digest:
                raise DamageError(f"{name} has changed since it was written")
    except OSError as error:
        raise DamageError(f"{name} cannot be read ({error.strerror or type(error).__name__})") from error
    links = None
    try:
        try:
            searcher = LexicalSearcher.open(path)
        except EngineError:
            if os.access(path, os.W_OK):
                raise
            links = Scratch()
            for name in manifest.files:
                (links.path / name).symlink_to((path / name).resolve())
            searcher = LexicalSearcher.open(links.path)
        if searcher.size != manifest.passages:
            raise DamageError(f"it holds {searcher.size} passages instead of {manifest.passages}")
    except (EngineError, OSError) as error:
        raise DamageError(str(error)) from error
    return searcher, links


@contextmanager
def locked(home: Path, *, wait: bool) -> Iterator[None]:
    """A context that holds the lock of a directory for writing, and at the end deletes old generations.

    The directory is created if it is missing.

    Raises:
        BusyError: another process holds the lock, and `wait` is false.
        OSError: the directory cannot be written.
    """
    while True:
        home.mkdir(parents=True, exist_ok=True)
        handle = os.open(home / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            take(handle, wait)
            # The process that held the lock may have deleted the directory with the lock file. The lock that was
            # taken here then locks nothing, and the next attempt makes a new file.
            with suppress(OSError):
                if os.path.samestat(os.fstat(handle), (home / _LOCK).stat()):
                    break
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
    try:
        yield
    finally:
        _sweep(home)
        os.close(handle)


def building_in(home: Path, *key: object) -> Path:
    """The directory for building the index that `key` identifies.

    Files of a killed process that was building the same index are still there. Those of other indexes are deleted.
    """
    path = home / f"building-{key_of(*key)[:16]}"
    for entry in home.glob("building-*"):
        if entry != path and _OURS.fullmatch(entry.name):
            discard(entry)
    path.mkdir(exist_ok=True)
    return path


def copied(home: Path, manifest: Manifest) -> Path:
    """A new directory for building, with the files of the index: links if the file system has them, or else copies."""
    building = building_in(home, secrets.token_hex(8))
    try:
        for name in manifest.files:
            source = home / manifest.generation / name
            linked = False
            if not name.endswith(".json"):  # only the JSON files may be written again
                with suppress(OSError):
                    os.link(source, building / name)
                    linked = True
            if not linked:
                shutil.copyfile(source, building / name)
    except OSError:
        discard(building)
        raise
    return building


def publish(home: Path, building: Path, manifest: Manifest, known: Mapping[str, tuple[int, str]]) -> Manifest:
    """Force the files of a build to the disk, and make them the valid generation in one step.

    Args:
        home: the directory of the index.
        building: the directory of the build.
        manifest: the manifest, without the files.
        known: the size and SHA-256 of each file of the generation before, by its name.

    Returns:
        The manifest with the files.

    Raises:
        OSError: something cannot be written. The old index is then still valid.
    """
    names = sorted(entry.name for entry in os.scandir(building) if entry.name not in _TANTIVY_LOCKS)
    files = {}
    for name in names:
        size = (building / name).stat().st_size
        # The files of a segment have random names and are written once. Only the JSON files change.
        keeps = name in known and known[name][0] == size and not name.endswith(".json")
        files[name] = known[name] if keeps else (size, hash_file(building / name))
        if not keeps:
            sync(building / name)
    sync(building)
    generation = f"lexical-{secrets.token_hex(8)}"
    building.rename(home / generation)
    made = replace(manifest, generation=generation, files=files)
    _write(home, made)
    return made


def refresh(home: Path, manifest: Manifest, corpus: Path, state: State, read_ns: int) -> Manifest:
    """Record in the manifest that the corpus of this path and time has the known content, so it is not hashed again.

    A failure is ignored. If the index is read-only, its corpus is hashed each time it is opened.

    Returns:
        The manifest as it is now.
    """
    seen = replace(manifest.corpus, path=str(corpus.resolve()), mtime_ns=state.mtime_ns)
    fresh = replace(manifest, corpus=seen, read_ns=read_ns)
    with suppress(OSError, BusyError, DamageError), locked(home, wait=False):
        if manifest_in(home) == manifest:
            _write(home, fresh)
            return fresh
    return manifest


def discard(path: Path) -> None:
    """Delete a directory if that is possible. Several attempts are made, as a reader may write a lock meanwhile."""
    for _ in range(_TRIES):
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            break
        time.sleep(_PAUSE)


def key_of(*parts: object) -> str:
    """A hash, in hex, of values that JSON can represent."""
    return sha256(json.dumps(parts).encode()).hexdigest()


def _write(home: Path, manifest: Manifest) -> None:
    draft = home / f"{MANIFEST}.new"
    try:
        draft.write_text(manifest.to_json(), encoding="ascii")
        sync(draft)
        draft.replace(home / MANIFEST)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    with suppress(OSError):
        sync(home)


def _sweep(home: Path) -> None:
    """Delete generations that the manifest does not name, and the directory if it holds only the lock file."""
    with suppress(OSError, DamageError):
        manifest = manifest_in(home)
        kept = None if manifest is None else manifest.generation
        for entry in home.glob("lexical-*"):
            if entry.name != kept and _OURS.fullmatch(entry.name):
                discard(entry)
        if [entry.name for entry in os.scandir(home)] == [_LOCK]:
            (home / _LOCK).unlink()
            home.rmdir()


def take(handle: int, wait: bool) -> None:
    """Lock a file until it is closed. Raises `BusyError` if another process has locked it and `wait` is false."""
    if sys.platform == "win32":
        import msvcrt

        try:
            while True:
                with suppress(OSError):
                    msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
                    return
                if not wait:
                    raise BusyError
                time.sleep(_PAUSE)
        finally:
            os.lseek(handle, 0, os.SEEK_SET)
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        raise BusyError from None


def sync(path: Path) -> None:
    """Force a file, or the entries of a directory, to the disk. On Windows, nothing is done."""
    # Windows can neither open a directory nor sync a file that is open for reading. Its rename is durable enough.
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _int(value: Any) -> int:
    if type(value) is not int:
        raise TypeError
    return value


def _str(value: Any) -> str:
    if type(value) is not str:
        raise TypeError
    return value


def _name(value: str) -> str:
    # Other users may be able to write the directory. The manifest must not make this process read files outside of it.
    if not value or value in {".", ".."} or not {"/", "\\", "\0"}.isdisjoint(value):
        raise ValueError(value)
    return value
