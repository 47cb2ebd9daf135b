"""A retriever over HTTP, by the protocols of Search-R1 (`/retrieve`) and R1-Searcher (`/queries`).

Requests are idempotent, so they are retried after failed connections and the statuses 429, 500, 502, 503 and 504, with
growing pauses and jitter. All errors are subclasses of `RetrieverError`. Proxies and passwords in the environment are
not read.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from http.cookiejar import DefaultCookiePolicy
from typing import Any, NoReturn
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError
from urllib3.util.retry import Retry

from .errors import (
    RetrieverReplyError,
    RetrieverStatusError,
    RetrieverTimeoutError,
    RetrieverUnreachableError,
    excerpt,
)
from .passages import Hit, Retriever, well_formed
from .replies import ReplyShapeError, hits_of

BODY_LIMIT = 64 * 1024 * 1024
"""The largest reply, in bytes after decompression. A larger one is an error."""

_LONGEST_PAUSE = 10.0
"""The longest pause before a retry, in seconds, also if the server asks for a longer one by Retry-After."""

_RETRIED_STATUS = frozenset({429, 500, 502, 503, 504})

_STATUS_ADVICE = {
    400: "The server does not understand the request: check which server runs there",
    401: "The server needs credentials: put them into the URL, or use a proxy of your own",
    403: "The server refuses this client: check its access rules",
    404: "There is no such path: Search-R1's servers answer at /retrieve, R1-Searcher's at /queries",
    405: "The path does not accept POST: Search-R1's servers answer at /retrieve, R1-Searcher's at /queries",
    413: "The request is too large for the server: use a smaller batch",
    422: "The server expects other fields than {queries, topk, return_scores}: it uses another protocol",
    429: "The server is overloaded: use fewer requests at a time",
    500: "See the server's log; Search-R1's reference server fails like this if its index does not match its corpus",
    502: "A proxy answered for a server that is down: start the server",
    503: "The server is starting or overloaded: try later",
    504: "A proxy gave up waiting: use a smaller batch or a faster index",
}
_OTHER_STATUS_ADVICE = "Check that the URL is that of a retrieval server, and see its log"
_DOWN_ADVICE = "Start the retrieval server or correct the URL"


class RemoteRetriever(Retriever):
    """Searches by requests to a server. It is thread-safe, and its threads share connections.

    Args:
        url: the endpoint (`.../retrieve`, `.../queries`), or only the server, whose endpoint is then `/retrieve`.
        timeout: the most seconds for the connection, for each pause in the reply, and for reading the whole reply.
        retries: the most attempts after the first.
        pool: the most connections that are kept open.
        batch: the most queries in one request.

    Raises:
        ValueError: `url` is not an http(s) URL, or a number is out of range.
    """

    def __init__(self, url: str, timeout: float = 10, retries: int = 2, pool: int = 16, batch: int = 64) -> None:
        if timeout <= 0 or retries < 0 or pool < 1 or batch < 1:
            raise ValueError("timeout, pool and batch must be positive, retries not negative")
        self._endpoint, self._shown = _endpoint(url)
        self._plain_queries = urlsplit(self._endpoint).path.endswith("/queries")
        self._timeout = timeout
        self._retries = retries
        self._batch = batch
        self._session = _session(retries, pool)

    @property
    def url(self) -> str:
        """The endpoint, without user name and password."""
        return self._shown

    @property
    def fingerprint(self) -> str:
        """The address and, if the server gives it at `/health`, the fingerprint of its index. It is read each time."""
        parts = urlsplit(self._endpoint)
        path = parts.path.rpartition("/")[0] + "/health"
        said: object = None
        with suppress(requests.RequestException, HTTPError, ValueError, AttributeError):
            health = urlunsplit((parts.scheme, parts.netloc, path, "", ""))
            said = self._session.get(health, timeout=self._timeout, allow_redirects=False).json().get("fingerprint")
        return f"{self._shown} {said if isinstance(said, str) else ''}".rstrip()

    def search(self, query: str, topk: int) -> list[Hit]:
        """At most `topk` hits, in the order of the server. Raises `RetrieverError`."""
        return self.search_many([query], topk)[0]

    def search_many(self, queries: Sequence[str], topk: int) -> list[list[Hit]]:
        """The hits of each query. The queries are sent in batches. Raises `RetrieverError`."""
        if topk < 1:
            # A server may take 0 to mean its default number.
            return [[] for _ in queries]
        hits: list[list[Hit]] = []
        for start in range(0, len(queries), self._batch):
            hits.extend(self._ask([well_formed(query) for query in queries[start : start + self._batch]], topk))
        return hits

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()

    def _ask(self, queries: list[str], topk: int) -> list[list[Hit]]:
        # `return_scores` is always true. Without it, Search-R1's reference server fails, and for exactly two queries it
        # answers with the documents of the first.
        request: dict[str, Any] = (
            {"queries": queries, "k": topk}
            if self._plain_queries
            else {"queries": queries, "topk": topk, "return_scores": True}
        )
        try:
            return hits_of(self._post(json.dumps(request).encode()), queries, topk)
        except ReplyShapeError as error:
            raise RetrieverReplyError(self._shown, str(error), error.advice) from None

    def _post(self, request: bytes) -> bytes:
        try:
            response = self._session.post(
                self._endpoint,
                data=request,
                headers={"Content-Type": "application/json", "Accept": "application/json"},
                timeout=self._timeout,
                stream=True,
                allow_redirects=False,
            )
            with response:
                if response.status_code != 200:
                    self._refuse(response)
                return self._body(response)
        except requests.Timeout as error:
            self._time_out(error)
        except (requests.RequestException, HTTPError, OSError) as error:
            if _is_timeout(error):
                self._time_out(error)
            problem = f"no connection after {self._tries} ({_cause(error)})"
            # requests passes on errors of urllib3, or raises ChunkedEncodingError, only while it reads a body.
            if isinstance(error, (HTTPError, requests.exceptions.ChunkedEncodingError)):
                problem = f"the connection broke in the middle of the reply ({_cause(error)})"
            raise RetrieverUnreachableError(self._shown, problem, _DOWN_ADVICE) from error

    def _body(self, response: requests.Response) -> bytes:
        deadline = time.monotonic() + self._timeout
        body = bytearray()
        for part in _parts(response):
            body += part
            if len(body) > BODY_LIMIT:
                problem = f"the reply is larger than {BODY_LIMIT // (1024 * 1024)} MiB"
                raise RetrieverReplyError(self._shown, problem, "Use a smaller topk or batch")
            if time.monotonic() > deadline:
                self._time_out(None)
        return bytes(body)

    def _refuse(self, response: requests.Response) -> NoReturn:
        status = response.status_code
        said = excerpt(next(_parts(response), b"")[:400].decode("utf-8", "replace"))
        problem = f"the server answered {status}"
        if status in _RETRIED_STATUS:
            problem += f" after {self._tries}"
        if said:
            problem += f" and said {said!r}"
        if 300 <= status < 400:
            advice = "Name the address that it redirects to, if you trust it"
        else:
            advice = _STATUS_ADVICE.get(status, _OTHER_STATUS_ADVICE)
        raise RetrieverStatusError(self._shown, problem, advice, status=status)

    def _time_out(self, cause: Exception | None) -> NoReturn:
        problem = f"no complete reply within {self._timeout:g} s"
        advice = "Raise the timeout, use a smaller batch, or a faster index in the server"
        raise RetrieverTimeoutError(self._shown, problem, advice) from cause

    @property
    def _tries(self) -> str:
        return "1 try" if self._retries == 0 else f"{self._retries + 1} tries"


class _Retry(Retry):
    """The retry policy of urllib3, with jitter in all versions, and an upper bound on Retry-After."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: Any = None,
        error: Exception | None = None,
        _pool: Any = None,
        _stacktrace: Any = None,
    ) -> _Retry:
        # A slow server is not retried, because the caller has waited for a timeout already.
        if isinstance(error, (ConnectTimeoutError, ReadTimeoutError)) and not isinstance(error, NewConnectionError):
            raise error
        return super().increment(method, url, response, error, _pool, _stacktrace)

    def get_backoff_time(self) -> float:
        return min(super().get_backoff_time() * random.uniform(0.5, 1.5), _LONGEST_PAUSE)

    def get_retry_after(self, response: Any) -> float | None:
        asked = super().get_retry_after(response)
        return None if asked is None else min(asked, _LONGEST_PAUSE)


def _session(retries: int, pool: int) -> requests.Session:
    policy = _Retry(
        total=retries,
        redirect=0,
        status_forcelist=_RETRIED_STATUS,
        allowed_methods=frozenset({"POST"}),
        backoff_factor=0.2,
        raise_on_status=False,
    )
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=pool, max_retries=policy)
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def _endpoint(url: str) -> tuple[str, str]:
    """The address for requests, and the same without user name, password and query, for messages."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in {"http", "https"} or not host:
        shown = excerpt(url.rpartition("@")[2])
        raise ValueError(f"{shown!r} is not the address of a retriever: write it like http://127.0.0.1:8000/retrieve")
    path = parts.path.rstrip("/")
    if not path.endswith(("/retrieve", "/queries")):
        path += "/retrieve"
    bare = f"[{host}]" if ":" in host else host
    shown_host = bare if port is None else f"{bare}:{port}"
    return (
        urlunsplit((parts.scheme, parts.netloc, path, parts.query, "")),
        urlunsplit((parts.scheme, shown_host, path, "", "")),
    )


def _parts(response: requests.Response) -> Iterator[bytes]:
    """The parts of the decompressed body as they arrive."""
    read1 = getattr(response.raw, "read1", None)
    if read1 is None:
        # urllib3 1 waits until a part is full, so a timeout of a slow server is noticed late.
        yield from response.iter_content(1 << 16)
        return
    while part := read1(1 << 16, decode_content=True):
        yield part


def _is_timeout(error: Exception) -> bool:
    # While a body is read, requests reports a timeout of urllib3 as a lost connection.
    return any(isinstance(part, ReadTimeoutError) for part in (error, *error.args))


def _cause(error: BaseException) -> str:
    """The innermost cause as text, without addresses of objects, and without the URL, which may hold a password."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__ or error
    inner = error if isinstance(error, OSError) and error.strerror else reason or error
    strerror = getattr(inner, "strerror", None)
    return excerpt(strerror if isinstance(strerror, str) else type(inner).__name__)
