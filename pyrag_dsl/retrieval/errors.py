"""The errors of retrieval, as a tree.

    RetrievalError                      the base of all errors below
    ├── CorpusError                     the corpus cannot be indexed at all
    ├── IndexStorageError               the directory of the index cannot be used, or the index is damaged
    ├── EmbeddingError                  texts cannot be embedded: a package, a model or a server is missing
    └── RetrieverError                  a server or search engine failed; it has .url
        ├── RetrieverUnreachableError   no connection: down, refused, unknown host, or broken during the reply
        ├── RetrieverTimeoutError       no complete reply in time
        ├── RetrieverStatusError        an HTTP status that is not 200; it has .status
        └── RetrieverReplyError         status 200 but not a reply to the request, or an error of a search engine

Every message tells what happened, where, and what to do next. No message quotes more than 80 characters of a passage or
of a server's reply.
"""

from __future__ import annotations

from pathlib import Path

from ..quoting import one_line


class RetrievalError(Exception):
    """A search for passages failed. The subclasses tell how."""

    @property
    def public_message(self) -> str:
        """The text that the trace may show."""
        return one_line(str(self))


class CorpusError(RetrievalError):
    """The corpus cannot be indexed: it is missing, empty or binary, or it holds no passage.

    A few broken rows never raise this error. They are skipped and reported.

    Attributes:
        path: the corpus.
        problem: what is wrong with it.
        advice: what to do.
    """

    def __init__(self, path: Path, problem: str, advice: str) -> None:
        super().__init__(f"{path}: {problem}. {advice}")
        self.path = path
        self.problem = problem
        self.advice = advice


class IndexStorageError(RetrievalError):
    """The directory of an index cannot be written or read, or the index is damaged.

    Attributes:
        path: the directory.
        problem: what happened.
        advice: what to do.
    """

    def __init__(self, path: Path, problem: str, advice: str) -> None:
        super().__init__(f"{path}: {problem}. {advice}")
        self.path = path
        self.problem = problem
        self.advice = advice


class EmbeddingError(RetrievalError):
    """Texts cannot be embedded, or vectors cannot be searched. The message tells why and what to do."""


class RetrieverError(RetrievalError):
    """A retrieval server or a search engine did not give the requested passages.

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
    """There was no connection, or it broke before the reply was complete. Start the server or correct the URL."""


class RetrieverTimeoutError(RetrieverError):
    """No complete reply came within the timeout. Raise the timeout, send smaller batches, or use a faster index."""


class RetrieverStatusError(RetrieverError):
    """The server answered with an HTTP status other than 200, also in the retries that the status allows.

    Attributes:
        status: the HTTP status.
    """

    def __init__(self, url: str, problem: str, advice: str, *, status: int) -> None:
        super().__init__(url, problem, advice)
        self.status = status


class RetrieverReplyError(RetrieverError):
    """The reply is not JSON, has a wrong shape or count, or is too large; or it is an error of a search engine."""


def excerpt(text: str, limit: int = 80) -> str:
    """The beginning of a foreign text on one line: at most `limit` characters, without control characters."""
    flat = "".join(c if c.isprintable() else " " for c in text[: 4 * limit])
    flat = " ".join(flat.split())
    return flat if len(flat) <= limit else flat[: limit - 3] + "..."
