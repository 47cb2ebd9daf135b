"""The vectors of an index on disk, beside the index: a manifest, which names the one generation of files that counts.

DIRECTORY/
  pyrag-dense.json     the manifest; replaced by one rename, so that there are always the old or the new vectors
  dense-<random>/      the generation that it names; its files never change
  embedded-<key>/      what has been embedded so far by a model (`vectors.py`); may be deleted when nothing is built
  pyrag-dense.lock     held while something is written
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
_AGAIN = "Make them anew: pyrag index embed DIR --dense MODEL"

_Name = Annotated[str, Field(pattern=r"^[a-z0-9-]+\.[a-z]+$", max_length=80)]


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Model(_Written):
    """`EmbeddingModel` as the manifest has it."""

    name: str
    dimension: Annotated[int, Field(ge=1, le=65_536)]
    weights: str
    endpoint: str
    query_prefix: str
    passage_prefix: str


class Part(_Written):
    """Vectors of passages, or of sentences: how many, the kind of index, and its shards in their order."""

    count: Annotated[int, Field(ge=1)]
    kind: str
    shards: Annotated[list[_Name], Field(min_length=1)]


class File(_Written):
    """A file of the generation."""

    size: int
    sha256: str


class DenseManifest(_Written):
    """What vectors were made of and with, and their files.

    Attributes:
        of: the fingerprint of the index whose passages they are.
        model: what made them.
        engine: the library that wrote the files.
        generation: the name of the directory with the files.
        passages: their vectors.
        sentences: those of the sentences in them, if they were wanted.
        files: by name.
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
        """The model."""
        return EmbeddingModel(**self.model.model_dump())

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(each.size for each in self.files.values())


def dense_manifest(home: Path) -> DenseManifest | None:
    """The manifest of the vectors in a directory, None where there are none. Raises IndexStorageError."""
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
    """The manifest of the vectors of an index. Raises IndexStorageError where there are none, or of other passages."""
    manifest = dense_manifest(home)
    if manifest is None:
        advice = "Make them: pyrag index embed DIR --dense MODEL (needs: pip install 'pyrag_dsl[dense]')"
        raise IndexStorageError(home, "its passages have no vectors", advice)
    if manifest.of != lexical.fingerprint:
        advice = "Embed what is new: pyrag index embed DIR --dense MODEL"
        raise IndexStorageError(home, "its passages have changed since their vectors were made", advice)
    return manifest


def check_files(home: Path, manifest: DenseManifest, *, verify: bool) -> Path:
    """The directory of the files, which have the right sizes and, with `verify`, contents. Raises IndexStorageError."""
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
                raise damaged(home, f"{name} does not have the contents it was written with")
    except OSError as error:
        raise damaged(home, f"{name} cannot be read ({error.strerror or type(error).__name__})") from error
    return folder


@contextmanager
def dense_writer(home: Path) -> Iterator[Path]:
    """Be the only one who makes vectors in a directory; gives a fresh directory for the next generation's files.

    What was not published is deleted at the end. Raises IndexStorageError where somebody else is making some.
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
    """Make the files of a generation count, durably and in one step; returns the manifest with them."""
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
    """Where what a model has embedded is kept."""
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
