"""Indexes on disk: one directory a generation, complete or absent, described by a manifest that is checked.

    DIRECTORY/
      bm25-<key>/          one index; the key is a hash of what it was built of and with what
        manifest.json      written last; names every other file with its size and SHA-256
      building-<random>/   being written by some process; becomes a generation by one rename
      dead-<random>/       was damaged or is replaced; about to be deleted

Nothing is ever written into a generation but a fresh manifest: a reader maps its files into memory, and a
file that shrinks under a map kills the reader. Processes that build the same index at once do the work
twice, and the slower one throws its copy away.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from .corpus import CorpusReport, Fingerprint, LineProblem, hash_file
from .lexical import ENGINE, TOKENIZER, EngineError, LexicalSearcher
from .scratch import Scratch

FORMAT = 1
_MANIFEST = "manifest.json"
_LOCKS = frozenset({".tantivy-writer.lock", ".tantivy-meta.lock"})
_RACY_NS = 2_000_000_000
"""A file that changed less than this before it was indexed may change again within the same tick of the file
system's clock, so its time proves nothing (git calls such entries racy)."""
_TRIES = 5  # to delete a directory
_PAUSE = 0.02  # seconds between them
_ABANDONED_S = 24 * 3600


class DamageError(Exception):
    """A generation that is not what its manifest says, or has no manifest that can be read."""


class OtherFormatError(Exception):
    """A manifest that another version of this program wrote; not ours to judge or delete."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an index was built of and with, its files, and when its corpus was read (ns since 1970)."""

    corpus: Fingerprint
    report: CorpusReport
    read_ns: int
    files: dict[str, tuple[int, str]]
    format: int = FORMAT
    engine: str = ENGINE
    tokenizer: str = TOKENIZER

    @property
    def current(self) -> bool:
        """Whether this version of the program, with its version of tantivy, would have built it so."""
        return (self.format, self.engine, self.tokenizer) == (FORMAT, ENGINE, TOKENIZER)

    @property
    def name(self) -> str:
        """The generation's directory name."""
        made_of = json.dumps([self.format, self.engine, self.tokenizer, self.corpus.sha256])
        return "bm25-" + sha256(made_of.encode()).hexdigest()[:20]

    @property
    def size(self) -> int:
        """Bytes of all files but the manifest."""
        return sum(size for size, _ in self.files.values())

    def to_json(self) -> str:
        """As text; `from_json` is the inverse."""
        return json.dumps(asdict(self), ensure_ascii=True, indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> Manifest:
        """Raises OtherFormatError, and DamageError for anything that no version's `to_json` wrote."""
        try:
            raw = json.loads(text)
            if _int(raw["format"]) != FORMAT:
                raise OtherFormatError(f"format {raw['format']}")
            corpus, report = raw["corpus"], raw["report"]
            manifest = cls(
                corpus=Fingerprint(
                    _str(corpus["path"]),
                    _int(corpus["size"]),
                    _int(corpus["mtime_ns"]),
                    _str(corpus["sha256"]),
                ),
                report=CorpusReport(
                    _int(report["indexed"]),
                    _int(report["skipped_count"]),
                    tuple(LineProblem(_int(p["line"]), _str(p["reason"])) for p in report["skipped"]),
                ),
                read_ns=_int(raw["read_ns"]),
                files={_name(name): (_int(size), _str(digest)) for name, (size, digest) in raw["files"].items()},
                engine=_str(raw["engine"]),
                tokenizer=_str(raw["tokenizer"]),
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise DamageError(f"the manifest cannot be read ({type(error).__name__})") from error
        return manifest


def listed(directory: Path) -> Iterator[tuple[Path, Manifest | DamageError]]:
    """The generations in a directory, with their manifests; none where there is no such directory."""
    try:
        names = sorted(entry.name for entry in os.scandir(directory) if entry.name.startswith("bm25-"))
    except OSError:
        return
    for name in names:
        path = directory / name
        try:
            yield path, Manifest.from_json((path / _MANIFEST).read_bytes())
        except OSError as error:
            if not path.is_dir():
                continue  # it has just been replaced
            yield path, DamageError(f"the manifest cannot be read ({error.strerror or type(error).__name__})")
        except DamageError as damage:
            yield path, damage
        except OtherFormatError:
            continue


def describes(manifest: Manifest, corpus: Path, status: os.stat_result) -> bool:
    """Whether path, size and time alone prove that the index is of the corpus as it is now."""
    seen = manifest.corpus
    return (
        (seen.size, seen.mtime_ns) == (status.st_size, status.st_mtime_ns)
        and seen.path == str(corpus.resolve())
        and manifest.read_ns - seen.mtime_ns > _RACY_NS
    )


def unchanged(path: Path, manifest: Manifest) -> bool:
    """Whether a generation still has this manifest; not so when another process has replaced it."""
    return any(present == manifest for place, present in listed(path.parent) if place == path)


def open_generation(path: Path, manifest: Manifest, *, verify: bool) -> tuple[LexicalSearcher, Scratch | None]:
    """A searcher over a generation whose files have the right sizes and, with `verify`, the right contents.

    The second value must be kept as long as the first: where the generation is read-only, it holds links to
    the files, since tantivy insists on writing a lock beside them. Raises DamageError.
    """
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
            links = _linked(path, manifest)
            searcher = LexicalSearcher.open(links.path)
        if searcher.size != manifest.report.indexed:
            raise DamageError(f"it holds {searcher.size} passages instead of {manifest.report.indexed}")
    except (EngineError, OSError) as error:
        raise DamageError(str(error)) from error
    return searcher, links


def new_building(directory: Path) -> Path:
    """A fresh directory to build in, beside the generations. Raises OSError."""
    path = directory / f"building-{secrets.token_hex(8)}"
    path.mkdir(parents=True)
    return path


def sealed(building: Path, corpus: Fingerprint, report: CorpusReport, read_ns: int) -> Manifest:
    """Write the manifest of a finished index and make all of it durable. Raises OSError."""
    names = sorted(entry.name for entry in os.scandir(building) if entry.name not in _LOCKS)
    files = {name: ((building / name).stat().st_size, hash_file(building / name)) for name in names}
    manifest = Manifest(corpus, report, read_ns, files)
    (building / _MANIFEST).write_text(manifest.to_json(), encoding="ascii")
    for name in (*names, _MANIFEST):
        _sync(building / name)
    _sync(building)
    return manifest


def publish(building: Path, manifest: Manifest, unwanted: Sequence[Manifest]) -> tuple[Path, Manifest]:
    """Move a sealed index into place; return what is in place then, where and what.

    One that is there already wins, unless it is unsound or unwanted: of processes that replace the same one at
    once, the first does. Raises OSError, after which `building` is still there.
    """
    target = building.parent / manifest.name
    for _ in range(8):
        if _moved(building, target):
            return target, manifest
        present = _sound(target)
        if present is not None and present not in unwanted:
            discard(building)
            return target, present
        with suppress(FileNotFoundError):
            grave = building.with_name(f"dead-{secrets.token_hex(8)}")
            target.rename(grave)
            discard(grave)
    raise OSError(f"other processes keep replacing {target.name}")


def refresh(path: Path, manifest: Manifest, status: os.stat_result, corpus: Path, read_ns: int) -> Manifest:
    """Note that the corpus at this place and time had the known contents: no need to hash it again.

    Returns what the manifest says now.
    """
    seen = replace(manifest.corpus, path=str(corpus.resolve()), mtime_ns=status.st_mtime_ns)
    fresh = replace(manifest, corpus=seen, read_ns=read_ns)
    draft = path / f"{_MANIFEST}.{secrets.token_hex(4)}"
    # Best effort: a read-only index is hashed against its corpus each time, and is right all the same.
    with suppress(OSError):
        try:
            draft.write_text(fresh.to_json(), encoding="ascii")
            _sync(draft)
            draft.replace(path / _MANIFEST)
            return fresh
        except OSError:
            draft.unlink(missing_ok=True)
    return manifest


def sweep(directory: Path, kept: Path, manifest: Manifest) -> None:
    """Delete what nobody can want: older contents of the corpus, damage, leavings of killed processes."""
    for path, other in listed(directory):
        if path != kept and (isinstance(other, DamageError) or _succeeds(manifest, other)):
            discard(path)
    with suppress(OSError):
        for entry in list(os.scandir(directory)):
            if entry.name.startswith(("building-", "dead-")) and time.time() - entry.stat().st_mtime > _ABANDONED_S:
                discard(Path(entry.path))


def discard(path: Path) -> None:
    """Delete a directory as far as that is possible. A reader that opens it just then may put its lock back."""
    for _ in range(_TRIES):
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            break
        time.sleep(_PAUSE)


def _succeeds(new: Manifest, old: Manifest) -> bool:
    return old.current and old.corpus.path == new.corpus.path


def _moved(building: Path, target: Path) -> bool:
    """Whether a directory could be renamed; False where the target exists."""
    try:
        building.rename(target)
    except OSError:
        if not target.exists():
            raise
        return False
    with suppress(OSError):
        _sync(building.parent)
    return True


def _sound(path: Path) -> Manifest | None:
    try:
        manifest = Manifest.from_json((path / _MANIFEST).read_bytes())
        _, links = open_generation(path, manifest, verify=False)
    except (OSError, DamageError, OtherFormatError):
        return None
    if links is not None:
        links.cleanup()
    return manifest


def _linked(path: Path, manifest: Manifest) -> Scratch:
    links = Scratch()
    for name in manifest.files:
        (links.path / name).symlink_to((path / name).resolve())
    return links


def _sync(path: Path) -> None:
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
