"""Search engines, which hold passages elsewhere: their common interface, how they are filled, and their addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from .passages import Passage, Retriever

if TYPE_CHECKING:
    from .errors import RetrieverError

Embed = Callable[[list[str]], Any]
"""From texts to their vectors, as many rows of as many numbers each."""

_BATCH = 500

_ENGINES = {"postgresql": "postgres.PostgresRetriever", "postgres": "postgres.PostgresRetriever",
            "milvus": "milvus.MilvusRetriever"}  # fmt: skip


class Loaded(NamedTuple):
    """The outcome of a load: the numbers of passages that were written, and that were there already."""

    written: int
    kept: int


class SearchEngine(Retriever, Protocol):
    """A retriever over an engine that passages can be written to."""

    def __len__(self) -> int:
        """The number of passages."""

    def passages(self, ids: Sequence[str]) -> list[Passage | None]:
        """The passages of these ids, None where there is none."""

    def prepare(self, dimension: int | None) -> None:
        """Make the table if it is not there, with vectors of `dimension` numbers, or without."""

    def write(self, rows: Sequence[Passage], vectors: Any) -> None:
        """Write passages with different ids in place of those with these ids; `vectors` is None without an embedder."""

    def finish(self) -> None:
        """Make the indexes after all passages were written."""

    @property
    def embed(self) -> Embed | None:
        """The function that embeds texts; None if the search is lexical."""

    def load(self, passages: Iterable[Passage]) -> Loaded:
        """Write passages in batches. Passages that are there with the same text are not written or embedded again.

        A load that was interrupted therefore continues when it is repeated.

        Raises:
            RetrieverError: the engine failed. Errors of `passages` are raised as they are.
        """
        written = kept = 0
        prepared = False
        for rows in _batches(passages):
            if not prepared:
                self.prepare(len(self.embed([rows[0].document])[0]) if self.embed else None)
                prepared = True
            fresh = [
                row for row, there in zip(rows, self.passages([row.id for row in rows]), strict=True) if row != there
            ]
            if fresh:
                self.write(fresh, self.embed([row.document for row in fresh]) if self.embed else None)
            written += len(fresh)
            kept += len(rows) - len(fresh)
        if prepared:
            self.finish()
        return Loaded(written, kept)


def retriever_at(url: str, *, timeout: float = 10, embed: Embed | None = None) -> Retriever:
    """The retriever for an address: `http(s)://` for a server, `postgresql://` or `milvus://` for an engine.

    With `embed`, an engine searches by vectors.

    Raises:
        ValueError: the address has another form.
        RetrieverError: the engine cannot be used.
    """
    scheme = url.partition(":")[0]
    if scheme in _ENGINES:
        return search_engine_at(url, timeout=timeout, embed=embed)
    from .remote import RemoteRetriever

    return RemoteRetriever(url, timeout=timeout)


def search_engine_at(url: str, *, timeout: float = 10, embed: Embed | None = None) -> SearchEngine:
    """The search engine at an address. Raises `ValueError` for another address, and `RetrieverError`."""
    scheme = url.partition(":")[0]
    if scheme not in _ENGINES:
        raise ValueError(f"{shown(url)!r} is no address of a search engine: postgresql://... or milvus://...")
    module, _, name = _ENGINES[scheme].partition(".")
    made: SearchEngine = getattr(import_module(f".{module}", __package__), name)(url, timeout=timeout, embed=embed)
    return made


def without(url: str, name: str) -> tuple[str, str | None]:
    """An address without one of the settings after its `?`, and the value of that setting."""
    parts = urlsplit(url)
    settings = parse_qsl(parts.query, keep_blank_values=True)
    kept = urlencode([pair for pair in settings if pair[0] != name])
    return urlunsplit(parts._replace(query=kept)), dict(settings).get(name)


def shown(url: str) -> str:
    """An address without user name, password and settings."""
    try:
        parts = urlsplit(url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    except ValueError:
        return url.partition(":")[0]


def missing(extra: str, url: str) -> RetrieverError:
    """The error for an engine whose client library is not installed."""
    from .errors import RetrieverUnreachableError

    return RetrieverUnreachableError(
        shown(url), "its client library is not installed", f"pip install 'pyrag_dsl[{extra}]'"
    )


def _batches(passages: Iterable[Passage]) -> Iterator[list[Passage]]:
    taken = iter(passages)
    while rows := list(islice(taken, _BATCH)):
        # Of two passages with the same id in a batch, the later one is kept, as in two batches.
        yield list({row.id: row for row in rows}.values())
