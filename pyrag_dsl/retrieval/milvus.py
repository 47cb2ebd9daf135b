"""Passages in Milvus (extra `milvus`), a server or a file of milvus-lite: search by its BM25 or by vectors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from .errors import RetrieverReplyError, RetrieverUnreachableError
from .passages import Hit, Passage
from .search_engines import Embed, SearchEngine, missing, shown, without

_LONGEST = 65_535  # the most bytes of a text in Milvus
_QUERY_CHARACTERS = 20_000
_ANALYSIS = {"tokenizer": "standard", "filter": ["lowercase", {"type": "stemmer", "language": "english"}]}
_SHOWN = ["id", "title", "document"]


class MilvusRetriever(SearchEngine):
    """Searches passages in a collection of Milvus. It is thread-safe.

    Args:
        url: `milvus://user:password@host:19530` for a server, or `milvus:///folder/file.db` for a file, which
            milvus-lite reads in this process (`milvus://./file.db` is relative to the current directory). Add
            `?collection=NAME` if the name of the collection is not `passages`.
        timeout: seconds for a request.
        embed: embeds texts. If it is given, search is by vectors (inner product), and `load` writes vectors.

    Raises:
        RetrieverUnreachableError: the client library is missing, or no server answers.
    """

    def __init__(self, url: str, *, timeout: float = 10, embed: Embed | None = None) -> None:
        try:
            import pymilvus
        except ImportError:
            raise missing("milvus", url) from None
        address, collection = without(url, "collection")
        parts = urlsplit(address)
        self._shown = shown(url)
        self._timeout = timeout
        self._embed = embed
        self._collection = collection or "passages"
        self._milvus: Any = pymilvus
        if parts.netloc in ("", "."):
            place = {"uri": parts.netloc + parts.path}
        else:
            token = parts.netloc.rpartition("@")[0]
            place = {"uri": f"http://{parts.netloc.rpartition('@')[2]}", "token": token}
        with self._told(opening=True):
            self._client: Any = pymilvus.MilvusClient(**place, timeout=timeout)

    @property
    def url(self) -> str:
        """The address, without user name and password."""
        return self._shown

    @property
    def embed(self) -> Embed | None:
        """The function that embeds texts; None if the search is lexical."""
        return self._embed

    def __len__(self) -> int:
        with self._told():
            return int(self._client.query(self._collection, filter="", output_fields=["count(*)"])[0]["count(*)"])

    def search(self, query: str, topk: int) -> list[Hit]:
        """At most `topk` hits, best first. Raises `RetrieverError`."""
        return self.search_many([query], topk)[0]

    def search_many(self, queries: Sequence[str], topk: int) -> list[list[Hit]]:
        """The hits of each query, by one request. Raises `RetrieverError`."""
        found: list[list[Hit]] = [[] for _ in queries]
        # Milvus refuses an empty query.
        asked = [place for place, query in enumerate(queries) if query.strip()] if topk > 0 else []
        if not asked:
            return found
        data: Any = [queries[place][:_QUERY_CHARACTERS] for place in asked]
        field, metric = "words", "BM25"
        if self._embed is not None:
            data, field, metric = [_plain(vector) for vector in self._embed(data)], "vector", "IP"
        with self._told():
            rows = self._client.search(
                self._collection, data=data, anns_field=field, limit=topk, output_fields=_SHOWN,
                search_params={"metric_type": metric}, timeout=self._timeout,
            )  # fmt: skip
        for place, hits in zip(asked, rows, strict=True):
            # milvus-lite returns BM25 scores with the opposite sign. The order of the hits is right in both.
            sign = -1.0 if metric == "BM25" and any(hit["distance"] < 0 for hit in hits) else 1.0
            found[place] = [Hit(_passage(hit["entity"]), sign * float(hit["distance"])) for hit in hits]
        return found

    def passages(self, ids: Sequence[str]) -> list[Passage | None]:
        """The passage of each id; None for an id that the collection does not hold. Raises `RetrieverError`."""
        names = [_clean(each) for each in ids]
        # The expression is made here because the client's own `get` does not escape a quote in an id.
        wanted = f"id in {json.dumps(names, ensure_ascii=False)}"
        with self._told():
            rows = self._client.query(self._collection, filter=wanted, output_fields=_SHOWN) if names else []
        found = {row["id"]: _passage(row) for row in rows}
        return [found.get(name) for name in names]

    def prepare(self, dimension: int | None) -> None:
        """Create the collection if it is missing. Raises `RetrieverError`, also if it holds other vectors or none."""
        kinds, milvus = self._milvus.DataType, self._milvus
        with self._told():
            if self._client.has_collection(self._collection):
                self._check_vectors(dimension)
                return
            schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field("id", kinds.VARCHAR, is_primary=True, max_length=512)
            schema.add_field("title", kinds.VARCHAR, max_length=_LONGEST)
            schema.add_field("document", kinds.VARCHAR, max_length=_LONGEST, enable_analyzer=True,
                             analyzer_params=_ANALYSIS)  # fmt: skip
            schema.add_field("words", kinds.SPARSE_FLOAT_VECTOR)
            schema.add_function(milvus.Function("bm25", milvus.FunctionType.BM25, ["document"], ["words"]))
            indexes = self._client.prepare_index_params()
            indexes.add_index("words", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")
            if dimension is not None:
                schema.add_field("vector", kinds.FLOAT_VECTOR, dim=dimension)
                indexes.add_index("vector", index_type="AUTOINDEX", metric_type="IP")
            self._client.create_collection(self._collection, schema=schema, index_params=indexes)

    def _check_vectors(self, dimension: int | None) -> None:
        fields = self._client.describe_collection(self._collection)["fields"]
        there = next((int(each["params"]["dim"]) for each in fields if each["name"] == "vector"), None)
        if there != dimension:
            held, given = ("no vectors" if n is None else f"vectors of {n} numbers" for n in (there, dimension))
            problem = f"the collection {self._collection!r} was made for {held}, and this load has {given}"
            advice = "Load as it was made, or name a new collection: ?collection=NAME"
            raise RetrieverReplyError(self._shown, problem, advice)

    def write(self, rows: Sequence[Passage], vectors: Any) -> None:
        """Write passages. Raises `RetrieverError`, also if a passage is longer than Milvus allows."""
        for row in rows:
            if len(row.document.encode()) > _LONGEST or len(row.id.encode()) > 512:
                problem = f"passage {row.id[:80]!r} is too long for Milvus ({_LONGEST:,} bytes, id 512)"
                raise RetrieverReplyError(self._shown, problem, "Cut it into several passages")
        data: list[dict[str, Any]] = [
            {"id": _clean(row.id), "title": row.title, "document": row.document} for row in rows
        ]
        for each, vector in zip(data, vectors if vectors is not None else (), strict=False):
            each["vector"] = _plain(vector)
        with self._told():
            self._client.upsert(self._collection, data)

    def finish(self) -> None:
        """Make all written passages durable. Raises `RetrieverError`."""
        with self._told():
            self._client.flush(self._collection)

    def close(self) -> None:
        """Close the connection or the file."""
        self._client.close()

    @contextmanager
    def _told(self, opening: bool = False) -> Iterator[None]:
        try:
            yield
        except self._milvus.MilvusException as error:
            said = str(getattr(error, "message", error)).strip().splitlines()[0][:200]
            if opening or (error.code == self._milvus.exceptions.ErrorCode.UNEXPECTED_ERROR and "connect" in said):
                advice = "Start the server, correct the URL, or install milvus-lite for a file"
                raise RetrieverUnreachableError(self._shown, f"no connection ({said})", advice) from error
            advice = "See its log; load passages into it by: pyrag index load --corpus FILE --to URL"
            raise RetrieverReplyError(self._shown, said, advice) from error


def _passage(row: Any) -> Passage:
    title, document = row["title"], row["document"]
    text = document[len(title) :].removeprefix("\n") if title else document
    return Passage(row["id"], title, text)


def _clean(name: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", " ", name)


def _plain(vector: Any) -> list[float]:
    return [float(number) for number in vector]
