"""Reads a model's reply strictly, with its token counts and cost.

Formats: the response objects of `POST /v1/chat/completions`, `POST /v1/completions` and `POST /v1/embeddings`
(OpenAI API reference), as vLLM, SGLang, llama.cpp and the hosted services send them; see `streams` for replies that
come in pieces.
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
    """The tokens of one call or of many.

    Attributes:
        prompt_tokens: the tokens of the prompts.
        completion_tokens: the tokens of the replies.
        cached_tokens: the tokens of the prompts that the endpoint had cached.
        known: whether the endpoint reported valid counts for all calls; other calls are not counted.
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
    """The prices of a model for a million tokens, in any currency; `cached` is that of cached prompt tokens."""

    prompt: float
    completion: float
    cached: float | None = None

    def cost(self, usage: Usage) -> float | None:
        """The cost of `usage`, or None if the endpoint did not report the tokens."""
        if not usage.known:
            return None
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        rate = self.prompt if self.cached is None else self.cached
        fresh = (usage.prompt_tokens - cached) * self.prompt
        return (fresh + cached * rate + usage.completion_tokens * self.completion) / 1_000_000


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A tool that a model asks for; `arguments` are empty if the model did not write a JSON object."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One reply of a model.

    Attributes:
        text: the reply without its thinking.
        raw_text: the whole reply.
        finish_reason: "stop", "length", ... or None.
        usage: the tokens.
        cost: the cost in the currency of the prices; 0.0 from the cache, None if price or usage is unknown.
        model: the name of the model in the reply.
        attempts: the number of requests sent; 0 from the cache.
        elapsed: the time in seconds, including waits between attempts.
        cached: whether the reply came from the response cache.
        calls: the tools that the model asks for.
        stop: the stop text that ended the reply, if the endpoint names it.
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
    calls: tuple[ToolRequest, ...] = ()
    stop: str | None = None

    @property
    def truncated(self) -> bool:
        """Whether the reply was cut off at the token limit."""
        return self.finish_reason == "length"


@dataclass(frozen=True, slots=True)
class Content:
    """The content of one response body, which is the part of a reply that the cache keeps."""

    raw_text: str
    finish_reason: str | None
    usage: Usage
    model: str
    calls: tuple[ToolRequest, ...] = ()
    stop: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a response body is not usable; `empty` tells that it is a completion without text."""

    detail: str
    empty: bool = False
    finish_reason: str | None = None


def strip_thinking(text: str) -> str:
    """`text` without `<think>...</think>`, stripped.

    An unclosed block extends to the end. A closing tag before any opening one ends a block that the chat template has
    opened. Blocks do not nest, because models mention the tag while they think.
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
    data = _read_object(body)
    if isinstance(data, Fault):
        return data
    choices = data.get("choices")
    if not isinstance(choices, list):
        return Fault("replied with a JSON object without a list of choices")
    if not choices:
        return Fault("replied with an empty list of choices", empty=True)
    return _read_choice(choices[0], data, fallback_model)


def read_vectors(body: bytes, count: int) -> list[list[float]] | Fault:
    """Read the body of a response with status 200 to a request for `count` embeddings, in the order of the texts."""
    data = _read_object(body)
    if isinstance(data, Fault):
        return data
    rows = data.get("data")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return Fault("replied with a JSON object without a list of embeddings")
    numbers = [row.get("index", place) for place, row in enumerate(rows)]
    if len(rows) != count or not all(type(each) is int for each in numbers) or set(numbers) != set(range(count)):
        return Fault(
            f"replied with {len(rows)} embeddings, where {count} were asked for, or with wrong numbers for them"
        )
    found = {number: row.get("embedding") for number, row in zip(numbers, rows, strict=True)}
    vectors = [found[place] for place in range(count)]
    for vector in vectors:
        if not isinstance(vector, list) or not vector or not all(type(each) in (int, float) for each in vector):
            return Fault("replied with an embedding that is not a list of numbers")
    if len({len(vector) for vector in vectors}) > 1:
        return Fault("replied with embeddings of different lengths")
    return vectors


def _read_object(body: bytes) -> dict[str, Any] | Fault:
    try:
        data = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        # int() raises ValueError as well, for a number with more than 4300 digits.
        start = body[:200].decode("utf-8", "replace")
        kind = "HTML" if start.lstrip().lower().startswith(("<!doctype", "<html")) else "something that is not JSON"
        return Fault(f"replied with {kind}, beginning {start!r}" if start.strip() else "replied with an empty body")
    if not isinstance(data, dict):
        return Fault(f"replied with a JSON {type(data).__name__} where an object was expected")
    if data.get("error"):
        return Fault(f"reported an error with status 200: {error_message(data)}")
    return data


def _read_calls(message: Mapping[str, Any]) -> tuple[ToolRequest, ...]:
    """The tools that a message asks for. Requests without a name are left out."""
    found = []
    for number, each in enumerate(message.get("tool_calls") or (), start=1):
        function = each.get("function") if isinstance(each, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            continue
        arguments = function.get("arguments")
        try:
            read = json.loads(arguments, strict=False) if isinstance(arguments, str) else arguments
        except (ValueError, RecursionError):
            read = {}
        known = read if isinstance(read, dict) else {}
        name = each.get("id")
        label = name if isinstance(name, str) and name else f"call_{number}"
        found.append(ToolRequest(clean_unicode(label), clean_unicode(function["name"]), known))
    return tuple(found)


def _read_choice(choice: Any, data: Mapping[str, Any], fallback_model: str) -> Content | Fault:
    message = choice.get("message") if isinstance(choice, dict) else None
    plain = message is None and isinstance(choice, dict) and isinstance(choice.get("text"), str)
    if plain:  # a plain completion may be empty, if the text was complete
        message = {"content": choice["text"]}
    if not isinstance(message, dict):
        return Fault("replied with a choice that has no message")
    reason = choice.get("finish_reason")
    reason = reason if isinstance(reason, str) else None
    text = _text_of(message.get("content"))
    if text is None:
        return Fault(f"replied with content of type {type(message['content']).__name__}", finish_reason=reason)
    requests = _read_calls(message)
    stop = choice.get("stop_reason")
    stopped = isinstance(stop, str) and reason == "stop"
    if not text and not requests and not plain:
        refusal = message.get("refusal")
        why = f", refusing: {refusal}" if isinstance(refusal, str) and refusal else ""
        calls = ", but asked for a tool that has no name" if message.get("tool_calls") else ""
        return Fault(f"replied without text (finish_reason {reason}){why}{calls}", empty=True, finish_reason=reason)
    model = data.get("model")
    model = model if isinstance(model, str) and model else fallback_model
    usage = read_usage(data.get("usage"))
    ended = clean_unicode(stop) if stopped and isinstance(stop, str) else None
    return Content(clean_unicode(text), reason, usage, clean_unicode(model), requests, ended)


def _text_of(content: Any) -> str | None:
    """The text of a message that is a string, null or a list of parts; None for any other type."""
    if content is None:
        return ""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else None


def read_usage(data: Any) -> Usage:
    """The token counts of a response, which are unknown if they are missing or invalid."""
    if not isinstance(data, dict):
        return Usage(known=False)
    details = data.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    counts = [data.get("prompt_tokens"), data.get("completion_tokens", 0), cached or 0]
    good = [count for count in counts if type(count) is int and 0 <= count < 2**53]
    return Usage(good[0], good[1], good[2]) if len(good) == 3 else Usage(known=False)


def error_message(data: Any) -> str:
    """The message in an error body, in any of the forms that servers use, or the body itself."""
    for _ in range(3):
        if not isinstance(data, dict):
            break
        data = next((data[key] for key in ("error", "message", "detail") if data.get(key)), None)
    return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)[:500]
