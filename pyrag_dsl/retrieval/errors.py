"""What can go wrong in retrieval, as types.

    RetrievalError                      anything below
    ├── CorpusError                     the corpus file cannot be indexed at all
    ├── IndexStorageError               the place for the index cannot be used, or is damaged
    ├── EmbeddingError                  texts cannot be made vectors: a package, a model or a server is missing
    └── RetrieverError                  a retrieval server failed us; carries .url
        ├── RetrieverUnreachableError   no connection: down, refused, unknown host, broken in mid-reply
        ├── RetrieverTimeoutError       no complete answer in time
        ├── RetrieverStatusError        an HTTP status that is not 200; carries .status
        └── RetrieverReplyError         status 200, but not an answer to what was asked

Every message says what happened, where, and what to do next. None quotes more than 80 characters of a passage
or of a server's reply.
"""

from __future__ import annotations

from pathlib import Path

from ..quoting import one_line


class RetrievalError(Exception):
    """Searching passages failed; the subclasses say how."""

    @property
    def public_message(self) -> str:
        """What the trace of a run may say of it."""
        return one_line(str(self))


class CorpusError(RetrievalError):
    """The corpus cannot be indexed: missing, a directory, empty, binary, or without one usable line.

    Correct the file that `path` names; single broken lines never raise this, they are reported and skipped.
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
    """Texts cannot be made vectors, or vectors not be searched; the message says what is missing and what to do."""


class RetrieverError(RetrievalError):
    """A retrieval server did not give what was asked of it.

    `url` is the address without user name and password, `problem` what happened, `advice` what to do.
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
    """The server answered 200 with what is no answer: not JSON, wrong shape, wrong count, too large."""


def excerpt(text: str, limit: int = 80) -> str:
    """At most `limit` characters of foreign text, on one line, without control characters."""
    flat = "".join(c if c.isprintable() else " " for c in text[: 4 * limit])
    flat = " ".join(flat.split())
    return flat if len(flat) <= limit else flat[: limit - 3] + "..."
