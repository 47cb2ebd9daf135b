"""A cache of replies on disk, so that an equal request to the same model at temperature 0 is made only once.

The cache is a SQLite file whose key is a hash of endpoint, model, messages and parameters. It holds replies, but no
prompts and no credentials. Several threads and processes may use one file. If the cache fails, the call is made.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .reply import Content, ToolRequest, Usage

if TYPE_CHECKING:
    import sqlite3

_SCHEMA = "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID"
_KEY_VERSION = 2


class CacheUnusable(Exception):
    """The cache file cannot be opened, or is not a cache. Name another file, or remove this one."""


class ResponseCache:
    """A file of replies.

    Args:
        path: the SQLite file. It is created if it is missing (its directory must exist), readable by its owner only.
        tenant: the owner of the replies. Tenants never share replies.
        sampled: whether to keep replies at a temperature above 0 as well, so that the first reply is always repeated.

    Raises:
        CacheUnusable: the file cannot be used.
    """

    def __init__(self, path: str | os.PathLike[str], *, sampled: bool = False, tenant: str = "") -> None:
        self.path = os.fspath(path)
        self.tenant = tenant
        self.sampled = sampled
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._owner = 0
        with self._lock:
            self._connect()

    def __repr__(self) -> str:
        return f"ResponseCache({self.path!r}, sampled={self.sampled})"

    def get(self, key: str) -> Content | None:
        """The reply under `key`, or None. A broken entry counts as missing."""
        rows = self._execute("SELECT content FROM replies WHERE key = ?", (key,))
        if not rows:
            return None
        try:
            data = json.loads(rows[0][0])
            calls = tuple(ToolRequest(*call) for call in data.get("calls", ()))
            usage = Usage(*data["usage"])
            return Content(data["text"], data["finish_reason"], usage, data["model"], calls, data.get("stop"))
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def put(self, key: str, content: Content) -> None:
        """Keep a reply under `key`, unless there is one already: a kept reply never changes."""
        usage = content.usage
        counts = [usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, usage.known]
        data = {
            "text": content.raw_text,
            "finish_reason": content.finish_reason,
            "usage": counts,
            "model": content.model,
            "calls": [[call.id, call.name, dict(call.arguments)] for call in content.calls],
            "stop": content.stop,
        }
        self._execute("INSERT OR IGNORE INTO replies VALUES (?, ?)", (key, json.dumps(data)))

    def clear(self) -> None:
        """Remove all replies."""
        self._execute("DELETE FROM replies", ())

    def __len__(self) -> int:
        rows = self._execute("SELECT count(*) FROM replies", ())
        return int(rows[0][0]) if rows else 0

    def close(self) -> None:
        """Close the file. The next use opens it again."""
        with self._lock:
            if self._connection is not None and self._owner == os.getpid():
                self._connection.close()
            self._connection = None

    def _execute(self, statement: str, values: tuple[str, ...]) -> list[tuple[Any, ...]]:
        import sqlite3

        try:
            with self._lock:
                return self._connect().execute(statement, values).fetchall()
        except (sqlite3.Error, CacheUnusable) as error:
            import logging

            logging.getLogger(__name__).warning("response cache %s: %s; going on without it", self.path, error)
            return []

    def _connect(self) -> sqlite3.Connection:
        import sqlite3

        # SQLite connections do not survive a fork. That of the parent is dropped here without closing its file.
        if self._connection is not None and self._owner == os.getpid():
            return self._connection
        try:
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            connection = sqlite3.connect(self.path, timeout=5.0, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise CacheUnusable(
                f"response cache {self.path}: {error}; name another file, or remove this one"
            ) from error
        self._connection, self._owner = connection, os.getpid()
        return connection


def cache_key(endpoint: str, body: Mapping[str, Any], tenant: str = "") -> str:
    """The key of a request: a hash of tenant, endpoint and body, without credentials."""
    import hashlib

    canonical = json.dumps(
        [_KEY_VERSION, tenant, endpoint, body], sort_keys=True, ensure_ascii=True, separators=(",", ":")
    )
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
