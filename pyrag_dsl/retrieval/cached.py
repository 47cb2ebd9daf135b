"""A cache of search results in a SQLite file, which processes may share.

The key is a hash of the retriever's fingerprint, the tenant, the query and topk. The file never exceeds its size limit:
the oldest results are removed first. If the file cannot be read or written, the search is made without it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import astuple
from hashlib import sha256
from pathlib import Path
from typing import Any

from .errors import IndexStorageError
from .passages import Hit, Passage, Retriever

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS results
    (place INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB UNIQUE NOT NULL, hits TEXT NOT NULL)
"""
_PAGE = 4096  # bytes
_LEAST_PAGES = 16
_WAIT = 5.0  # seconds to wait while another process writes
_SHARE = 10  # when the file is full, 1 / _SHARE of the results is removed
_TRIES = 20


class CachedRetriever(Retriever):
    """A retriever that caches the results of another one. It is thread-safe, and closes the other retriever.

    Args:
        retriever: the retriever that is asked for results that are not in the cache. Its fingerprint is read once.
        path: the SQLite file. If it is missing, it is created, and only its owner can read it.
        tenant: the owner of the results. Tenants never share results.
        most_bytes: the largest size of the file.

    Raises:
        ValueError: the retriever has no fingerprint, so the cache could not notice a change of its results.
        IndexStorageError: the file cannot be used.
    """

    def __init__(
        self, retriever: Retriever, path: str | os.PathLike[str], *, tenant: str = "", most_bytes: int = 256_000_000
    ) -> None:
        self._retriever = retriever
        self._path = Path(path)
        self._print = retriever.fingerprint
        if not self._print:
            raise ValueError("this retriever has no fingerprint: its results cannot be cached")
        self._tenant = tenant
        self._pages = max(_LEAST_PAGES, most_bytes // _PAGE)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._owner = 0
        try:
            with self._lock:
                self._connect().execute("SELECT count(*) FROM (SELECT hits FROM results LIMIT 1)").fetchall()
        except (sqlite3.Error, OSError) as error:
            raise IndexStorageError(self._path, f"this is not a cache of results ({error})", "Remove it") from error

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the other retriever."""
        return self._print

    def __getattr__(self, name: str) -> Any:
        # Other attributes (passages by id, an address) are those of the other retriever.
        if name == "_retriever":
            raise AttributeError(name)
        return getattr(self._retriever, name)

    def search(self, query: str, topk: int) -> list[Hit]:
        """At most `topk` hits, best first."""
        return self.search_many([query], topk)[0]

    def search_many(self, queries: Sequence[str], topk: int) -> list[list[Hit]]:
        """The hits of each query. Queries that are not in the cache are searched together."""
        keys = [self._key(query, topk) for query in queries]
        kept = {key: hits for key in dict.fromkeys(keys) if (hits := self._get(key)) is not None}
        fresh = {key: query for key, query in zip(keys, queries, strict=True) if key not in kept}
        if fresh:
            found = dict(zip(fresh, self._retriever.search_many(list(fresh.values()), topk), strict=True))
            for key, hits in found.items():
                self._put(key, hits)
            kept.update(found)
        return [list(kept[key]) for key in keys]

    def close(self) -> None:
        """Close the file and the other retriever."""
        with self._lock:
            if self._connection is not None and self._owner == os.getpid():
                self._connection.close()
            self._connection = None
        self._retriever.close()

    def _key(self, query: str, topk: int) -> bytes:
        return sha256(json.dumps([self._print, self._tenant, query, topk]).encode()).digest()

    def _get(self, key: bytes) -> list[Hit] | None:
        rows = self._execute("SELECT hits FROM results WHERE key = ?", (key,))
        try:
            return [Hit(Passage(*passage), score) for passage, score in json.loads(rows[0][0])] if rows else None
        except (ValueError, TypeError):
            return None

    def _put(self, key: bytes, hits: Sequence[Hit]) -> None:
        text = json.dumps([astuple(hit) for hit in hits])
        self._execute("INSERT OR REPLACE INTO results (key, hits) VALUES (?, ?)", (key, text))

    def _execute(self, statement: str, values: tuple[object, ...]) -> list[tuple[str]]:
        try:
            with self._lock:
                connection = self._connect()
                for _ in range(_TRIES):
                    try:
                        return connection.execute(statement, values).fetchall()
                    except sqlite3.OperationalError as error:
                        if "full" not in str(error) or not self._shrink(connection):
                            raise
        except (sqlite3.Error, OSError) as error:
            logging.getLogger(__name__).warning("cache of results %s: %s; continuing without it", self._path, error)
        return []

    def _shrink(self, connection: sqlite3.Connection) -> bool:
        """Remove the oldest results, so that their pages can be used again. Returns whether there were any."""
        gone = connection.execute(
            f"DELETE FROM results WHERE place IN (SELECT place FROM results ORDER BY place "
            f"LIMIT 1 + (SELECT count(*) FROM results) / {_SHARE})"
        )
        return gone.rowcount > 0

    def _connect(self) -> sqlite3.Connection:
        # A connection must not be used after a fork. The child opens its own, and does not close the parent's.
        if self._connection is not None and self._owner == os.getpid():
            return self._connection
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        made = sqlite3.connect(self._path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
        try:
            made.execute(f"PRAGMA page_size = {_PAGE}")
            made.execute("PRAGMA journal_mode = WAL")
            made.execute("PRAGMA synchronous = NORMAL")
            made.execute(_SCHEMA)
            made.execute(f"PRAGMA max_page_count = {self._pages}")
        except sqlite3.Error:
            made.close()
            raise
        self._connection, self._owner = made, os.getpid()
        return made
