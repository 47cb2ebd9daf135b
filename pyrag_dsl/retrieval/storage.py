"""An index on disk: a directory with a manifest, which names the one generation of files that counts.

    DIRECTORY/
      pyrag-index.json    the manifest; replaced by one rename, so that there is always the old or the new index
      lexical-<random>/   the generation that it names, with tantivy's files, which never change from then on
      building-<key>/     what the holder of the lock writes; the next holder goes on with it or deletes it
      pyrag-index.lock    held while something is written; the system takes it from a process that dies

A reader maps the files into memory, and a file that shrinks under a map kills the reader: hence a new directory for
each change, of links to the files that stay. An open index is unaffected when its generation is replaced.
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
"""A file that changed less than this before it was indexed may change again within the same tick of the file
system's clock, so its time proves nothing (git calls such entries racy)."""
_TRIES = 5  # to delete a directory
_PAUSE = 0.02  # seconds between them


class DamageError(Exception):
    """An index that is not what its manifest says, or has no manifest that can be read."""


class BusyError(Exception):
    """Another process is writing the index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an index was built of and with, and its files.

    Attributes:
        corpus: what it was built of.
        report: what that corpus gave.
        read_ns: when the corpus was read (ns since 1970).
        generation: the name of the directory that holds the files.
        files: size and SHA-256 by name.
        passages: how many it holds now.
        next_ordinal: the place, in the order of equal hits, of a passage that is added.
        changes: how often passages were added or deleted since it was built.
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
        """Whether this version of the program, with its version of tantivy, would have built it so."""
        return (self.format, self.engine, self.tokenizer) == (FORMAT, ENGINE, TOKENIZER)

    @property
    def fingerprint(self) -> str:
        """The same for indexes that find the same: of one corpus, or of one generation that was changed."""
        changed = self.generation if self.changes else ""
        return key_of(self.format, self.engine, self.tokenizer, self.corpus.sha256, changed)

    @property
    def size(self) -> int:
        """Bytes of all files but the manifest."""
        return sum(size for size, _ in self.files.values())

    def to_json(self) -> str:
        """As text; `from_json` is the inverse."""
        return json.dumps(asdict(self), ensure_ascii=True, indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> Manifest:
        """Raises DamageError for anything that `to_json` did not write."""
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
    """The manifest of the index in a directory, None where there is none. Raises DamageError."""
    try:
        return Manifest.from_json((home / MANIFEST).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DamageError(f"the manifest cannot be read ({error.strerror or type(error).__name__})") from error


def describes(manifest: Manifest, corpus: Path, state: State) -> bool:
    """Whether path, size and time alone prove that the index is of the corpus as it is now."""
    seen = manifest.corpus
    return (
        State(seen.size, seen.mtime_ns) == state
        and seen.path == str(corpus.resolve())
        and manifest.read_ns - seen.mtime_ns > _RACY_NS
    )


def open_generation(home: Path, manifest: Manifest, *, verify: bool) -> tuple[LexicalSearcher, Scratch | None]:
    """A searcher over files that have the right sizes and, with `verify`, the right contents.

    The second value must be kept as long as the first: where the directory is read-only, it holds links to the
    files, since tantivy insists on writing a lock beside them. Raises DamageError.
    """
    path = home / manifest.generation
    name = manifest.generation
    try:
        for name, (size, digest) in manifest.files.items():
            actual = (path / name).stat().st_size
            if actual != size:
                raise DamageError(f"{name} has {actual} bytes instead of {size}")
            if verify and hash_file(path / name) != digest:
                raise DamageError(f"{name} does not have the contents it was written with")
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
    """Be the only one who writes to a directory, which is made if need be, and sweep it at the end.

    Raises BusyError where another is and `wait` is false, and OSError.
    """
    while True:
        home.mkdir(parents=True, exist_ok=True)
        handle = os.open(home / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            take(handle, wait)
            # Who held it may have deleted the directory with the lock: then this one is nobody's.
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
    """The directory to build in; what a process that was killed left of the same thing (`key`) is still there."""
    path = home / f"building-{key_of(*key)[:16]}"
    for entry in home.glob("building-*"):
        if entry != path and _OURS.fullmatch(entry.name):
            discard(entry)
    path.mkdir(exist_ok=True)
    return path


def copied(home: Path, manifest: Manifest) -> Path:
    """A fresh directory to build in that holds the files of the index, as links where the file system has them."""
    building = building_in(home, secrets.token_hex(8))
    try:
        for name in manifest.files:
            source = home / manifest.generation / name
            linked = False
            if not name.endswith(".json"):  # those of segments are written once
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
    """Make what was built the index: durable, and then in one step. Returns the manifest with its files.

    `known` has the files that were there before. Raises OSError, after which the old index is in place.
    """
    names = sorted(entry.name for entry in os.scandir(building) if entry.name not in _TANTIVY_LOCKS)
    files = {}
    for name in names:
        size = (building / name).stat().st_size
        # A segment's name is drawn at random and its files are written once; only these change.
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
    """Note that the corpus at this place and time had the known contents: no need to hash it again.

    Returns what the manifest says now. To fail costs nothing: a read-only index is hashed against its corpus each
    time, and is right all the same.
    """
    seen = replace(manifest.corpus, path=str(corpus.resolve()), mtime_ns=state.mtime_ns)
    fresh = replace(manifest, corpus=seen, read_ns=read_ns)
    with suppress(OSError, BusyError, DamageError), locked(home, wait=False):
        if manifest_in(home) == manifest:
            _write(home, fresh)
            return fresh
    return manifest


def discard(path: Path) -> None:
    """Delete a directory as far as that is possible. A reader that opens it just then may put its lock back."""
    for _ in range(_TRIES):
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            break
        time.sleep(_PAUSE)


def key_of(*parts: object) -> str:
    """A hash, in hex, of values that JSON has."""
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
    """Delete generations that no manifest names, and the directory where nothing is in it."""
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
    """Lock a file until it is closed. Raises BusyError where another has, and is not to be waited for."""
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
    """Force a file, or the names in a directory, to the disk."""
    # Windows can neither open a directory nor sync a file opened for reading; its rename is durable enough.
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
    # A manifest is data from a directory that others may write: it must not make us read outside of it.
    if not value or value in {".", ".."} or not {"/", "\\", "\0"}.isdisjoint(value):
        raise ValueError(value)
    return value
