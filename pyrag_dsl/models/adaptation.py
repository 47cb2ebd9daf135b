"""Adapts requests to endpoints that refuse a parameter. The client remembers what an endpoint has refused."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Any

STREAMED: Mapping[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
"""The fields of a request for a reply that comes in pieces, and is counted all the same."""

_REFUSED = (
    ("max_completion_tokens", re.compile(r"max_completion_tokens"), "max_tokens"),
    ("temperature", re.compile(r"(?i)\btemperature\b"), "temperature"),
    ("stream", re.compile(r"(?i)\bstream(ing)?\b"), ""),
    ("unstreamed", re.compile(r"(?i)stream"), "stream"),
    ("prefill", re.compile(r"continue_final_message|add_generation_prompt"), "continue_final_message"),
)
_SYSTEM = re.compile(r"(?i)system role|role.{0,20}\bsystem\b|system messages? (?:is|are) not|roles must alternate")
_UNKNOWN = re.compile(
    r"(?i)(?:unrecogni[sz]ed|unknown|unsupported|unexpected|not supported|extra inputs)[^'\"`]{0,60}['\"`](\w+)['\"`]"
    r"|\[\s*['\"]body['\"]\s*,\s*['\"](\w+)['\"]\s*\].{0,80}(?:extra|not permitted)"
)
_NEEDED = frozenset({"model", "messages", "prompt", "tools"})
_STATUSES = frozenset({400, 405, 415, 422, 501})


def refused_parameter(status: int, text: str, body: Mapping[str, Any]) -> str | None:
    """The name of the adaptation for a refusal; None if the refusal has another reason."""
    if status not in _STATUSES:
        return None
    for name, said, field in _REFUSED:
        if said.search(text) and (field in body if field else not body.get("stream")):
            return name
    if _SYSTEM.search(text) and any(each.get("role") == "system" for each in body.get("messages", ())):
        return "system"
    for match in _UNKNOWN.finditer(text):
        field = match[1] or match[2]
        if field in body and field not in _NEEDED:
            return f"without {field}"
    return None


def adapted(body: Mapping[str, Any], known: Container[str]) -> dict[str, Any]:
    """The request in the form that this endpoint accepts."""
    made = dict(body)
    if "max_completion_tokens" in known and "max_tokens" in made:
        made["max_completion_tokens"] = made.pop("max_tokens")
    for field in [each for each in made if f"without {each}" in known]:
        del made[field]
    if "temperature" in known:
        made.pop("temperature", None)
    if "stream" in known:
        made.update(STREAMED)
    elif "unstreamed" in known:
        made.pop("stream", None)
        made.pop("stream_options", None)
    if "prefill" in known:
        made.pop("continue_final_message", None)
        made.pop("add_generation_prompt", None)
    if "system" in known and "messages" in made:
        made["messages"] = folded(made["messages"])
    return made


def folded(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages with the system message moved to the beginning of the user's first turn."""
    said = [str(each.get("content") or "") for each in messages if each.get("role") == "system"]
    rest = [dict(each) for each in messages if each.get("role") != "system"]
    first = next((each for each in rest if each.get("role") == "user"), None)
    if first is None:
        first = {"role": "user", "content": ""}
        rest.insert(0, first)
    first["content"] = "\n\n".join([*said, str(first["content"])]).rstrip()
    return rest
