"""A model's reply: what the endpoint sent, read strictly, and what it cost.

Format: the response object of ``POST /v1/chat/completions`` (OpenAI API reference), as vLLM, SGLang,
llama.cpp and the hosted services send it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..quoting import clean_unicode

_THINK_TAG = re.compile(r"<(/?)think(?:ing)?>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call or of many. ``cached_tokens``: the part of the prompt the endpoint had cached.

    ``known`` is false where an endpoint reported none (or nonsense): the counts then leave those calls out.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    known: bool = True

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            self.known and other.known,
        )


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs per million tokens, in any currency. ``cached``: of cached prompt tokens."""

    prompt: float
    completion: float
    cached: float | None = None

    def cost(self, usage: Usage) -> float | None:
        """The cost of ``usage``, or None where the endpoint did not report it."""
        if not usage.known:
            return None
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        rate = self.prompt if self.cached is None else self.cached
        fresh = (usage.prompt_tokens - cached) * self.prompt
        return (fresh + cached * rate + usage.completion_tokens * self.completion) / 1_000_000


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply of a model.

    text: what it said, without its thinking. raw_text: all that it said. finish_reason: "stop", "length", ...
    or None. usage: tokens. cost: in the currency of the prices, 0.0 from the cache, None where price or usage
    is unknown. model: as the endpoint named it. attempts: requests sent (0 from the cache). elapsed: seconds,
    waits between attempts included. cached: whether it came from the response cache.
    """

    text: str
    raw_text: str
    finish_reason: str | None
    usage: Usage
    cost: float | None
    model: str
    attempts: int
    elapsed: float
    cached: bool

    @property
    def truncated(self) -> bool:
        """Whether the reply was cut off at the token limit."""
        return self.finish_reason == "length"


@dataclass(frozen=True, slots=True)
class Content:
    """What one response body holds; the part of a reply that is worth caching."""

    raw_text: str
    finish_reason: str | None
    usage: Usage
    model: str


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a response body is of no use. ``empty``: it is a completion, but has no text."""

    detail: str
    empty: bool = False
    finish_reason: str | None = None


def strip_thinking(text: str) -> str:
    """``text`` without ``<think>...</think>``, stripped.

    An unclosed block runs to the end; a closing tag before any opening one ends a block that the chat
    template opened. Blocks do not nest: models name the tag while they think.
    """
    kept: list[str] = []
    start, thinking, seen = 0, False, False
    for tag in _THINK_TAG.finditer(text):
        closing = bool(tag.group(1))
        if (not closing and not thinking) or (closing and not thinking and seen):
            kept.append(text[start : tag.start()])
        thinking, seen, start = not closing, True, tag.end()
    if not thinking:
        kept.append(text[start:])
    return "".join(kept).strip()


def read_body(body: bytes, fallback_model: str) -> Content | Fault:
    """Read the body of a response with status 200."""
    try:
        data = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        # ValueError is also what int() says of a number with more than 4300 digits.
        start = body[:200].decode("utf-8", "replace")
        kind = "HTML" if start.lstrip().lower().startswith(("<!doctype", "<html")) else "something that is not JSON"
        return Fault(f"replied with {kind}, beginning {start!r}" if start.strip() else "replied with an empty body")
    if not isinstance(data, dict):
        return Fault(f"replied with a JSON {type(data).__name__} where an object was expected")
    if data.get("error"):
        return Fault(f"reported an error with status 200: {error_message(data)}")
    choices = data.get("choices")
    if not isinstance(choices, list):
        return Fault("replied with a JSON object without a list of choices")
    if not choices:
        return Fault("replied with an empty list of choices", empty=True)
    return _read_choice(choices[0], data, fallback_model)


def _read_choice(choice: Any, data: Mapping[str, Any], fallback_model: str) -> Content | Fault:
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        return Fault("replied with a choice that has no message")
    reason = choice.get("finish_reason")
    reason = reason if isinstance(reason, str) else None
    text = _text_of(message.get("content"))
    if text is None:
        return Fault(f"replied with content of type {type(message['content']).__name__}", finish_reason=reason)
    if not text:
        refusal = message.get("refusal")
        why = f", refusing: {refusal}" if isinstance(refusal, str) and refusal else ""
        calls = ", but asked for a tool" if message.get("tool_calls") else ""
        return Fault(f"replied without text (finish_reason {reason}){why}{calls}", empty=True, finish_reason=reason)
    model = data.get("model")
    model = model if isinstance(model, str) and model else fallback_model
    return Content(clean_unicode(text), reason, read_usage(data.get("usage")), clean_unicode(model))


def _text_of(content: Any) -> str | None:
    """The text of a message: a string, null, or a list of parts. None for any other type."""
    if content is None:
        return ""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else None


def read_usage(data: Any) -> Usage:
    """Token counts of a response; unknown where they are missing or make no sense."""
    if not isinstance(data, dict):
        return Usage(known=False)
    details = data.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    counts = [data.get("prompt_tokens"), data.get("completion_tokens", 0), cached or 0]
    good = [count for count in counts if type(count) is int and 0 <= count < 2**53]
    return Usage(good[0], good[1], good[2]) if len(good) == 3 else Usage(known=False)


def error_message(data: Any) -> str:
    """The message inside an error body, in any of the shapes that servers use; else the body itself."""
    for _ in range(3):
        if not isinstance(data, dict):
            break
        data = next((data[key] for key in ("error", "message", "detail") if data.get(key)), None)
    return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)[:500]
