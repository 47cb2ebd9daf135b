"""Search engines, which are databases of passages: their common interface, how they are loaded, and their addresses."""

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
"""A function that returns one vector for each text, all of the same length."""

_BATCH = 500  # passages

_ENGINES = {"postgresql": "postgres.PostgresRetriever", "postgres": "postgres.PostgresRetriever",
            "milvus": "milvus.MilvusRetriever"}  # fmt: skip


class Loaded(NamedTuple):
    """The outcome of a load.

    Attributes:
        written: the number of passages that were written.
        kept: the number of passages that were there already.
    """

    written: int
    kept: int


class SearchEngine(Retriever, Protocol):
    """A retriever over a search engine, to which passages can be written."""

    def __len__(self) -> int:
        """The number of passages."""

    def passages(self, ids: Sequence[str]) -> list[Passage | None]:
        """The passage of each id; None for an id that the search engine does not hold."""

    def prepare(self, dimension: int | None) -> None:
        """Create the table if it is missing. If `dimension` is not None, it has vectors of this dimension."""

    def write(self, rows: Sequence[Passage], vectors: Any) -> None:
        """Write passages, which replace those with the same ids.

        Args:
            rows: passages with different ids.
            vectors: the vector of each passage; None without an embedder.
        """

    def finish(self) -> None:
        """Complete a load after all passages were written: create indexes, or make the data durable."""

    @property
    def embed(self) -> Embed | None:
        """The function that embeds texts; None if the search is lexical."""

    def load(self, passages: Iterable[Passage]) -> Loaded:
        """Write passages in batches. A passage that is there and has not changed is not embedded or written again.

        Therefore a load that was interrupted continues when it is repeated.

        Raises:
            RetrieverError: the search engine failed. Errors of `passages` are raised as they are.
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
    """The retriever at an address.

    Args:
        url: `http://` or `https://` for a server, `postgresql://` or `milvus://` for a search engine.
        timeout: seconds for a request.
        embed: embeds texts, so that a search engine searches by vectors; None for lexical search.

    Raises:
        ValueError: the address has another form.
        RetrieverError: the search engine cannot be used.
    """
    scheme = url.partition(":")[0]
    if scheme in _ENGINES:
        return search_engine_at(url, timeout=timeout, embed=embed)
    from .remote import RemoteRetriever

    return RemoteRetriever(url, timeout=timeout)


def search_engine_at(url: str, *, timeout: float = 10, embed: Embed | None = None) -> SearchEngine:
    """The search engine at an address. Arguments and errors are those of `retriever_at`, but a server is refused."""
    scheme = url.partition(":")[0]
    if scheme not in _ENGINES:
        raise ValueError(f"{shown(url)!r} is not the address of a search engine: postgresql://... or milvus://...")
    module, _, name = _ENGINES[scheme].partition(".")
    made: SearchEngine = getattr(import_module(f".{module}", __package__), name)(url, timeout=timeout, embed=embed)
    return made


def without(url: str, name: str) -> tuple[str, str | None]:
    """An address without the setting `name` after its `?`, and the value of this setting, or None."""
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
    """The error for a search engine whose client library is not installed."""
    from .errors import RetrieverUnreachableError

    return RetrieverUnreachableError(
        shown(url), "its client library is not installed", f"pip install 'pyrag_dsl[{extra}]'"
    )


def _batches(passages: Iterable[Passage]) -> Iterator[list[Passage]]:
    taken = iter(passages)
    while rows := list(islice(taken, _BATCH)):
        # Of two passages with the same id in a batch, the later one is kept, as in two batches.
        yield list({row.id: row for row in rows}.values())
