"""The errors of calls to a model, as a tree.

    ModelError
    ├── Unreachable         no connection, or it was lost before the reply was complete
    ├── Timeout             the endpoint did not reply in time
    ├── EngineUnusable      an engine in this process is not installed, cannot load the model, or has failed
    ├── BadStatus           the endpoint replied with an HTTP status that is not 200
    │   ├── ContextExceeded the prompt and the room for the reply exceed the context of the model
    │   ├── RateLimited     429: too many requests, or no quota left
    │   └── AccessDenied    401, 403: the key is missing, wrong or not allowed this model
    ├── BadReply            status 200, but no usable reply
    │   ├── MalformedReply  not JSON, or not a chat completion
    │   ├── EmptyReply      no choices, or no text in the first
    │   └── ReplyTooLarge   more bytes than `max_reply_bytes`
    └── ModelClosed         the client was closed before or during the call

An error holds the role, the endpoint, the model, the number of attempts and the time that they took. Its text is made
when it is shown, and ends with what to do. It holds no credentials, because details are scrubbed before.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar


class ModelError(Exception):
    """A call to a model failed. This is the base of all errors of models.

    Attributes:
        detail: what happened.
        role: the role of the model.
        endpoint: the URL, without credentials.
        model: the name of the model at the endpoint.
        attempts: the number of requests sent.
        elapsed: the time of all attempts, in seconds.
    """

    advice: ClassVar[str] = "Look at the log of the endpoint."

    def __init__(
        self,
        detail: str,
        *,
        role: str = "",
        endpoint: str = "",
        model: str = "",
        attempts: int = 0,
        elapsed: float = 0.0,
        **data: Any,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.role = role
        self.endpoint = endpoint
        self.model = model
        self.attempts = attempts
        self.elapsed = elapsed
        self.__dict__.update(data)

    def __str__(self) -> str:
        who = f"{self.role or 'unnamed'} model {self.model!r} at {self.endpoint}" if self.endpoint else "model"
        tries = f" ({self.attempts} attempts, {self.elapsed:.1f} s)" if self.attempts > 1 else ""
        return f"{who}: {self.detail}{tries}. {self.way_out}"

    @property
    def way_out(self) -> str:
        """What to do about it, in a sentence."""
        return self.advice

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.detail, {k: v for k, v in self.__dict__.items() if k != "detail"})


def _rebuild(kind: type[ModelError], detail: str, data: dict[str, Any]) -> ModelError:
    return kind(detail, **data)


class Unreachable(ModelError):
    """No connection could be made, or it was lost before the reply was complete."""

    advice = "Check that the server runs, that base_url has its scheme, host and port, and usually ends in /v1."


class Timeout(ModelError):
    """No complete reply within `timeout` seconds an attempt or `deadline` seconds in all."""

    advice = "Raise timeout (one attempt) or deadline (all of them), lower max_tokens, or lower max_concurrency."


class EngineUnusable(ModelError):
    """An engine in this process is not installed, cannot load the model, or failed; `install` is the command to run."""

    install: str = ""

    @property
    def way_out(self) -> str:
        """The command that installs missing packages, or where to look."""
        return f"Install it: {self.install}" if self.install else "Look at the options in the address of the model."


class BadStatus(ModelError):
    """The endpoint refused the request. `status` is the HTTP status."""

    status: int
    advice = "Check that the server knows this model and accepts these parameters (extra_body, enable_thinking)."

    @property
    def way_out(self) -> str:
        """What to do about this status, or about the parameter that the endpoint names."""
        if self.status == 404:
            return "Check the model's name, and that base_url is complete: it usually ends in /v1."
        if self.status >= 500:
            return "The endpoint itself failed: look at its log, or ask again later."
        return next((way for named, way in _REFUSED if named.search(self.detail)), self.advice)


_REFUSED = (
    (
        re.compile(r"max_completion_tokens|max_tokens"),
        "Send no max_tokens (max_tokens=None) and put max_completion_tokens into extra_body.",
    ),
    (re.compile(r"(?i)temperature"), "Leave the temperature to the endpoint (temperature=None)."),
    (re.compile(r"(?i)system role|role.{0,20}system"), "Use a model whose chat template has a system role."),
    (re.compile(r"(?i)\bstream\b"), "Use an endpoint that replies without streaming."),
)
"""The parameters that endpoints refuse most often, by a pattern of their messages, and what to do."""


class ContextExceeded(BadStatus):
    """The prompt, with the tokens requested for the reply, exceeds the context of the model."""

    @property
    def way_out(self) -> str:
        """How to make the request smaller."""
        return "Lower max_tokens, give fewer or shorter passages (topk, prompt_limits), or use a longer context."


class RateLimited(BadStatus):
    """HTTP 429 to the last attempt; `retry_after` is the wait in seconds that the endpoint asks for, if any."""

    retry_after: float | None = None

    @property
    def way_out(self) -> str:
        """How to send fewer requests, or be allowed more."""
        return "Lower max_concurrency, raise max_retries or deadline, or ask the provider for a higher limit."


class AccessDenied(BadStatus):
    """HTTP 401 or 403."""

    @property
    def way_out(self) -> str:
        """How to pass a key."""
        return (
            "Pass a valid key for this endpoint (api_key; on the command line --api-key-env NAME), and check that it "
            "may use this model."
        )


class BadReply(ModelError):
    """The endpoint replied with status 200, but without a usable reply."""

    advice = "Check that base_url is an OpenAI-compatible API (it usually ends in /v1)."


class MalformedReply(BadReply):
    """The reply is not JSON, or not a chat completion."""


class EmptyReply(BadReply):
    """The reply has no choices, or no text in the first; `finish_reason` is the endpoint's reason, if any."""

    finish_reason: str | None = None
    advice = "Raise max_tokens if a thinking model spent them all; else ask again or look at the server's log."

    @property
    def way_out(self) -> str:
        """What to do about this reason."""
        if self.finish_reason in ("tool_calls", "function_call"):
            return "The model called a tool where text was asked for: offer it none, or use another model."
        return self.advice


class ReplyTooLarge(BadReply):
    """The reply was longer than `max_reply_bytes`; the rest was not read."""

    advice = "Lower max_tokens, or raise max_reply_bytes if replies of this size are expected."


class ModelClosed(ModelError):
    """The client was closed before or during the call."""

    advice = "Make a new ChatModel, or close this one later."
