"""The files of vectors, in the directory of their index. A manifest names the generation of files that is valid.

DIRECTORY/
  pyrag-dense.json     the manifest; one rename replaces it, so a reader finds either the old or the new vectors
  dense-<random>/      the generation that the manifest names; its files never change
  embedded-<key>/      the vectors that a model has made so far (`vectors.py`); may be deleted while nothing is built
  pyrag-dense.lock     locked while a process writes
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .corpus import hash_file
from .embedding import EmbeddingModel
from .errors import IndexStorageError
from .storage import BusyError, sync, take

if TYPE_CHECKING:
    from .index import BM25Index

FORMAT = 1
MANIFEST = "pyrag-dense.json"
_LOCK = "pyrag-dense.lock"
_GENERATION = re.compile(r"dense-[0-9a-f]{16}")
_AGAIN = "Make them again: pyrag index embed DIR --dense MODEL"

_Name = Annotated[str, Field(pattern=r"^[a-z0-9-]+\.[a-z]+$", max_length=80)]


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Model(_Written):
    """An `EmbeddingModel` in the manifest."""

    name: str
    dimension: Annotated[int, Field(ge=1, le=65_536)]
    weights: str
    endpoint: str
    query_prefix: str
    passage_prefix: str


class Part(_Written):
    """The vectors of all passages, or of all sentences.

    Attributes:
        count: the number of vectors.
        kind: the kind of the index of vectors, one of `KINDS`.
        shards: the names of its files, in the order of the vectors.
    """

    count: Annotated[int, Field(ge=1)]
    kind: str
    shards: Annotated[list[_Name], Field(min_length=1)]


class File(_Written):
    """The size, in bytes, and the SHA-256, in hex, of a file of the generation."""

    size: int
    sha256: str


class DenseManifest(_Written):
    """The manifest of the vectors of an index.

    Attributes:
        format: the version of the format of these files.
        of: the fingerprint of the index whose passages were embedded.
        model: the model that made the vectors.
        engine: the library that wrote the files, with its version.
        generation: the name of the directory with the files.
        passages: the vectors of the passages.
        sentences: the vectors of their sentences; None if these were not embedded.
        files: the size and hash of each file, by its name.
    """

    format: int = FORMAT
    of: str
    model: Model
    engine: str
    generation: Annotated[str, Field(pattern=r"^dense-[0-9a-f]{16}$")]
    passages: Part
    sentences: Part | None = None
    files: dict[_Name, File]

    @property
    def embedding(self) -> EmbeddingModel:
        """The model that made the vectors."""
        return EmbeddingModel(**self.model.model_dump())

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(each.size for each in self.files.values())


def dense_manifest(home: Path) -> DenseManifest | None:
    """The manifest of the vectors in a directory; None if there are none. Raises `IndexStorageError`."""
    try:
        return DenseManifest.model_validate_json((home / MANIFEST).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise damaged(home, f"the manifest cannot be read ({error.strerror or type(error).__name__})") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise damaged(home, f"the manifest cannot be read ({where}: {first['msg']})") from None


def open_manifest(home: Path, lexical: BM25Index) -> DenseManifest:
    """The manifest of the vectors of an index.

    Raises:
        IndexStorageError: there are no vectors, or the manifest is damaged, or the passages have changed since.
    """
    manifest = dense_manifest(home)
    if manifest is None:
        advice = "Make them: pyrag index embed DIR --dense MODEL (needs: pip install 'pyrag_dsl[dense]')"
        raise IndexStorageError(home, "its passages have no vectors", advice)
    if manifest.of != lexical.fingerprint:
        advice = "Embed the new passages: pyrag index embed DIR --dense MODEL"
        raise IndexStorageError(home, "its passages have changed since their vectors were made", advice)
    return manifest


def check_files(home: Path, manifest: DenseManifest, *, verify: bool) -> Path:
    """Check the size of each file and, with `verify`, its checksum. Returns the directory of the files.

    Raises:
        IndexStorageError: a file is damaged or missing, or another version wrote the files.
    """
    if manifest.format != FORMAT:
        raise damaged(home, f"another version wrote them (format {manifest.format}, not {FORMAT})")
    folder = home / manifest.generation
    name = ""
    try:
        for name, file in manifest.files.items():
            actual = (folder / name).stat().st_size
            if actual != file.size:
                raise damaged(home, f"{name} has {actual} bytes instead of {file.size}")
            if verify and hash_file(folder / name) != file.sha256:
                raise damaged(home, f"{name} has changed since it was written")
    except OSError as error:
        raise damaged(home, f"{name} cannot be read ({error.strerror or type(error).__name__})") from error
    return folder


@contextmanager
def dense_writer(home: Path) -> Iterator[Path]:
    """Lock a directory for making vectors, and yield a new directory for the files of the next generation.

    At the end, all generations that are not published are deleted.

    Raises:
        IndexStorageError: another process is making vectors there.
    """
    handle = os.open(home / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            take(handle, wait=False)
        except BusyError:
            advice = "Wait until it has ended"
            raise IndexStorageError(home, "another process is making vectors there", advice) from None
        folder = home / f"dense-{secrets.token_hex(8)}"
        folder.mkdir()
        try:
            yield folder
        finally:
            _sweep(home)
    finally:
        os.close(handle)


def publish_dense(home: Path, manifest: DenseManifest) -> DenseManifest:
    """Force the files of a generation to the disk, and make it the valid one in one step.

    Returns:
        The manifest with the sizes and hashes of the files.
    """
    folder = home / manifest.generation
    files = {}
    for path in sorted(folder.iterdir()):
        sync(path)
        files[path.name] = File(size=path.stat().st_size, sha256=hash_file(path))
    sync(folder)
    made = manifest.model_copy(update={"files": files})
    draft = home / f"{MANIFEST}.new"
    draft.write_text(made.model_dump_json(indent=1), encoding="utf-8")
    sync(draft)
    draft.replace(home / MANIFEST)
    with suppress(OSError):
        sync(home)
    return made


def embedded_folder(home: Path, model: EmbeddingModel) -> Path:
    """The folder with the vectors that a model has made so far."""
    parts = (model.weights or f"{model.endpoint} {model.name}", str(model.dimension), model.passage_prefix)
    return home / f"embedded-{sha256(chr(0).join(parts).encode()).hexdigest()[:16]}"


def damaged(home: Path, problem: str) -> IndexStorageError:
    """The error for vectors that cannot be used."""
    return IndexStorageError(home, f"its vectors cannot be used: {problem}", _AGAIN)


def _sweep(home: Path) -> None:
    """Delete generations that the manifest does not name."""
    kept = None
    with suppress(IndexStorageError):
        manifest = dense_manifest(home)
        kept = None if manifest is None else manifest.generation
    for entry in home.glob("dense-*"):
        if entry.name != kept and _GENERATION.fullmatch(entry.name):
            shutil.rmtree(entry, ignore_errors=True)
