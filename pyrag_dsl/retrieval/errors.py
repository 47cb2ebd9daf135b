"""The errors of retrieval, as a tree.

    RetrievalError                      the base of all errors below
    ├── CorpusError                     the corpus file cannot be indexed at all
    ├── IndexStorageError               the directory of the index cannot be used, or the index is damaged
    ├── EmbeddingError                  texts cannot be embedded: a package, a model or a server is missing
    └── RetrieverError                  a retrieval server failed; it has .url
        ├── RetrieverUnreachableError   no connection: down, refused, unknown host, or broken during the reply
        ├── RetrieverTimeoutError       no complete reply in time
        ├── RetrieverStatusError        an HTTP status that is not 200; it has .status
        └── RetrieverReplyError         status 200, but not a reply to the request

Every message tells what happened, where, and what to do next. None quotes more than 80 characters of a passage or of a
server's reply.
"""

from __future__ import annotations

from pathlib import Path

from ..quoting import one_line


class RetrievalError(Exception):
    """A search of passages failed; the subclasses tell how."""

    @property
    def public_message(self) -> str:
        """The text that the trace may show."""
        return one_line(str(self))


class CorpusError(RetrievalError):
    """The corpus cannot be indexed: missing, a directory, empty, binary, or without one usable line.

    Correct the file at `path`. Single broken lines never raise this; they are reported and skipped.
    """

    def __init__(self, path: Path, problem: str, advice: str) -> None:
        super().__init__(f"{path}: {problem}. {advice}")
        self.path = path
        self.problem = problem
        self.advice = advice


class IndexStorageError(RetrievalError):
    """The index directory cannot be written or read: name another, free space, or correct permissions."""

    def __init__(self, path: Path, problem: str, advice: str) -> None:
        super().__init__(f"{path}: {problem}. {advice}")
        self.path = path
        self.problem = problem
        self.advice = advice


class EmbeddingError(RetrievalError):
    """Texts cannot be embedded, or vectors cannot be searched. The message tells what is missing and what to do."""


class RetrieverError(RetrievalError):
    """A retrieval server did not give the requested passages.

    Attributes:
        url: the address, without user name and password.
        problem: what happened.
        advice: what to do.
    """

    def __init__(self, url: str, problem: str, advice: str) -> None:
        super().__init__(f"{url}: {problem}. {advice}")
        self.url = url
        self.problem = problem
        self.advice = advice


class RetrieverUnreachableError(RetrieverError):
    """No connection, or one that broke before the reply was complete. Start the server or correct the URL."""


class RetrieverTimeoutError(RetrieverError):
    """No complete answer within the timeout. Raise it, send smaller batches, or use a faster index."""


class RetrieverStatusError(RetrieverError):
    """The server answered with a status other than 200, also after the retries that this status allows."""

    def __init__(self, url: str, problem: str, advice: str, *, status: int) -> None:
        super().__init__(url, problem, advice)
        self.status = status


class RetrieverReplyError(RetrieverError):
    """The server answered 200 with an invalid reply: not JSON, of a wrong shape or count, or too large."""


def excerpt(text: str, limit: int = 80) -> str:
    """At most `limit` characters of a text from outside, on one line, without control characters."""
    flat = "".join(c if c.isprintable() else " " for c in text[: 4 * limit])
    flat = " ".join(flat.split())
    return flat if len(flat) <= limit else flat[: limit - 3] + "..."
