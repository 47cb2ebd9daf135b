"""Passages in PostgreSQL (extra `postgres`): full-text search, or search of vectors by pgvector.

A table has the columns id, title, text, words (the lexemes, those of the title with weight A) and, if it was loaded
with an embedder, vector. The ranking of PostgreSQL ignores how rare a word is, so it is weaker than BM25.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .errors import RetrieverReplyError, RetrieverTimeoutError, RetrieverUnreachableError
from .passages import Hit, Passage
from .search_engines import Embed, SearchEngine, missing, shown, without

_MOST_CONNECTIONS = 8
_QUERY_CHARACTERS = 20_000
_WORDS = "setweight(to_tsvector('english', left(title, 2000)), 'A') || to_tsvector('english', left(text, 200000))"
# A passage needs only one of the words, and ranks higher with more. `plainto_tsquery` alone would require all of them.
_LEXICAL = """
    SELECT id, title, text, ts_rank_cd('{{0.1, 0.2, 0.4, 0.5}}', words, wanted, 1) AS score
    FROM {table}, (SELECT replace(plainto_tsquery('english', %s)::text, '&', '|')::tsquery AS wanted) AS query
    WHERE words @@ wanted ORDER BY score DESC, id LIMIT %s
"""
_DENSE = """
    SELECT id, title, text, -(vector <#> %s::vector) AS score FROM {table}
    WHERE vector IS NOT NULL ORDER BY vector <#> %s::vector LIMIT %s
"""
_MOST_INDEXED = 2_000  # the most dimensions of a vector for which pgvector can build an HNSW index


class PostgresRetriever(SearchEngine):
    """Searches passages in a table of a PostgreSQL database. It is thread-safe: threads share eight connections.

    Args:
        url: `postgresql://user:password@host/database?table=passages`, with any further settings of libpq.
        timeout: seconds for a connection and for a search.
        embed: embeds texts. If it is given, search is by vectors (inner product), and `load` writes vectors.

    Raises:
        RetrieverUnreachableError: the client library is missing.
    """

    def __init__(self, url: str, *, timeout: float = 10, embed: Embed | None = None) -> None:
        try:
            import psycopg
            import psycopg_pool
            from psycopg import sql
        except ImportError:
            raise missing("postgres", url) from None
        address, table = without(url, "table")
        self._shown = shown(url)
        self._timeout = timeout
        self._embed = embed
        self._error = psycopg.Error
        self._broken = (psycopg.OperationalError, psycopg_pool.PoolTimeout)
        self._sql = sql
        self._table = sql.Identifier(table or "passages")
        self._pool = psycopg_pool.ConnectionPool(
            address,
            min_size=0,
            max_size=_MOST_CONNECTIONS,
            timeout=timeout,
            kwargs={"autocommit": True, "connect_timeout": max(2, round(timeout)), "application_name": "pyrag_dsl"},
            check=psycopg_pool.ConnectionPool.check_connection,  # replaces connections that a server restart has broken
            open=True,
        )

    @property
    def url(self) -> str:
        """The address, without user name and password."""
        return self._shown

    @property
    def embed(self) -> Embed | None:
        """The function that embeds texts; None if the search is lexical."""
        return self._embed

    @property
    def fingerprint(self) -> str:
        """The address with a mark that each write changes; "" if the table is missing or was never written."""
        found = self._ask("SELECT obj_description(to_regclass(%s))", (self._table.as_string(None),))
        mark = found[0][0]
        return f"{self._shown} {self._table.as_string(None)} {mark}" if mark else ""

    def __len__(self) -> int:
        return int(self._ask("SELECT count(*) FROM {table}")[0][0])

    def search(self, query: str, topk: int) -> list[Hit]:
        """At most `topk` hits, best first. Raises `RetrieverError`."""
        return self.search_many([query], topk)[0]

    def search_many(self, queries: Sequence[str], topk: int) -> list[list[Hit]]:
        """The hits of each query. The queries are embedded together. Raises `RetrieverError`."""
        if topk < 1:
            return [[] for _ in queries]
        texts = [query[:_QUERY_CHARACTERS].replace("\0", " ") for query in queries]
        if self._embed is None:
            return [_hits(self._ask(_LEXICAL, (text, topk))) for text in texts]
        vectors = [_written(vector) for vector in self._embed(texts)] if texts else []
        # HNSW returns at most ef_search rows, which is 40 by default.
        wide = f"SET hnsw.ef_search = {min(max(40, 2 * topk), 1_000)}"
        return [_hits(self._ask(_DENSE, (vector, vector, topk), wide)) for vector in vectors]

    def passages(self, ids: Sequence[str]) -> list[Passage | None]:
        """The passage of each id; None for an id that the table does not hold. Raises `RetrieverError`."""
        rows = self._ask("SELECT id, title, text FROM {table} WHERE id = ANY(%s)", ([_clean(each) for each in ids],))
        found = {row[0]: Passage(*row) for row in rows}
        return [found.get(_clean(each)) for each in ids]

    def prepare(self, dimension: int | None) -> None:
        """Create the table if it is missing. Raises `RetrieverError`."""
        if dimension is not None:
            self._ask("CREATE EXTENSION IF NOT EXISTS vector")
        self._ask(f"CREATE TABLE IF NOT EXISTS {{table}} (id text PRIMARY KEY, title text NOT NULL, "
                  f"text text NOT NULL, words tsvector GENERATED ALWAYS AS ({_WORDS}) STORED)")  # fmt: skip
        if dimension is not None:
            self._ask(f"ALTER TABLE {{table}} ADD COLUMN IF NOT EXISTS vector vector({dimension:d})")

    def write(self, rows: Sequence[Passage], vectors: Any) -> None:
        """Write passages: all of them or, after an error, none. Raises `RetrieverError`."""
        columns = "id, title, text" + (", vector" if vectors is not None else "")
        changes = "title = excluded.title, text = excluded.text" + (
            ", vector = excluded.vector" if vectors is not None else ""
        )
        values = "%s, %s, %s" + (", %s::vector" if vectors is not None else "")
        data = [[_clean(row.id), _clean(row.title), _clean(row.text)] for row in rows]
        if vectors is not None:
            data = [[*row, _written(vector)] for row, vector in zip(data, vectors, strict=True)]
        statement = self._statement(
            f"INSERT INTO {{table}} ({columns}) VALUES ({values}) ON CONFLICT (id) DO UPDATE SET {changes}"
        )
        with self._told(), self._pool.connection() as connection, connection.transaction():
            connection.cursor().executemany(statement, data)
            self._mark(connection)

    def finish(self) -> None:
        """Create the indexes if they are missing, and update the statistics. Raises `RetrieverError`."""
        name = self._table.as_string(None).strip('"')
        made = [(f"{name}_words", "gin (words)")]
        if self._embed is not None:
            kind = self._ask("SELECT atttypmod FROM pg_attribute WHERE attrelid = to_regclass(%s) "
                             "AND attname = 'vector'", (self._table.as_string(None),))  # fmt: skip
            if kind and kind[0][0] <= _MOST_INDEXED:
                made.append((f"{name}_vector", "hnsw (vector vector_ip_ops)"))
        with self._told(), self._pool.connection() as connection:
            for index, on in made:
                connection.execute(
                    self._sql.SQL(f"CREATE INDEX IF NOT EXISTS {{index}} ON {{table}} USING {on}").format(
                        index=self._sql.Identifier(index), table=self._table
                    )
                )
            connection.execute(self._statement("ANALYZE {table}"))

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def _ask(self, statement: str, values: Sequence[Any] = (), setting: str = "SELECT") -> list[Any]:
        limit = f"SET statement_timeout = {1000 * self._timeout:.0f}"
        with self._told():
            for attempt in (1, 2):
                try:
                    with self._pool.connection() as connection:
                        if statement.lstrip().startswith("SELECT"):
                            connection.execute(f"{limit}; {setting}")
                        cursor = connection.execute(self._statement(statement), values)
                        return cursor.fetchall() if cursor.description else []
                except self._broken as error:
                    # The server may have been restarted between the check of the connection and its use.
                    if attempt == 2 or getattr(error, "sqlstate", None) == "57014":
                        raise
        raise AssertionError

    def _mark(self, connection: Any) -> None:
        connection.execute(
            self._sql.SQL("COMMENT ON TABLE {} IS {}").format(
                self._table, self._sql.Literal(f"pyrag_dsl {secrets.token_hex(8)}")
            )
        )

    def _statement(self, text: str) -> Any:
        return self._sql.SQL(text).format(table=self._table)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except self._broken as error:
            if getattr(error, "sqlstate", None) == "57014":
                problem, advice = f"no answer within {self._timeout:g} s", "Raise the timeout, or use a faster index"
                raise RetrieverTimeoutError(self._shown, problem, advice) from error
            problem = f"no connection ({_first(error)})"
            raise RetrieverUnreachableError(self._shown, problem, "Start the server or correct the URL") from error
        except self._error as error:
            state = getattr(error, "sqlstate", None)
            advice = {
                "42P01": "Load passages into it: pyrag index load --corpus FILE --to URL",
                "42703": "Load it with an embedder, or search it by words",
                "0A000": "Install pgvector in the server",
            }.get(state or "", "See the server's log")
            raise RetrieverReplyError(self._shown, _first(error), advice) from error


def _hits(rows: Sequence[Sequence[Any]]) -> list[Hit]:
    return [Hit(Passage(row[0], row[1], row[2]), float(row[3])) for row in rows]


def _written(vector: Any) -> str:
    return "[" + ",".join(f"{float(number):.7g}" for number in vector) + "]"


def _clean(text: str) -> str:
    return text.replace("\0", " ")  # PostgreSQL allows no NUL in a text


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
