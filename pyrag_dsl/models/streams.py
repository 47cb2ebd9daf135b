"""A reply that comes as a stream of server-sent events: the same reply as one that comes in one piece.

Format: the chunks of ``POST /v1/chat/completions`` and ``POST /v1/completions`` with ``stream`` (OpenAI API reference),
as vLLM, SGLang, llama.cpp and the hosted services send them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_BEGINS = re.compile(rb"\s*(?:data|event|id|retry)?:")
_LINE_ENDS = re.compile(rb"[\r\n]")


class ReplyStream:
    """What a stream adds up to so far. It holds the reply and an unfinished line, not the stream.

    Attributes:
        text: what the model has said so far.
        size: characters and bytes that are held.
        error: the event that reported an error; None if none did.
        ended: whether the reply is complete.
    """

    def __init__(self) -> None:
        self.text = ""
        self.size = 0
        self.error: Mapping[str, Any] | None = None
        self.ended = False
        self._line = bytearray()
        self._whole: dict[str, Any] = {}
        self._choice: dict[str, Any] | None = None
        self._chat = False
        self._refusal = ""
        self._calls: dict[int, dict[str, str]] = {}

    @staticmethod
    def begins(body: bytes | bytearray) -> bool:
        """Whether the beginning of a body is that of a stream; no JSON begins so."""
        return _BEGINS.match(body) is not None

    def feed(self, chunk: bytes | bytearray) -> None:
        """Take the next bytes, cut anywhere."""
        self.size += len(chunk)
        *ended, last = _LINE_ENDS.split(chunk)
        for part in ended:
            self._line += part
            line, self._line = bytes(self._line), bytearray()
            self.size -= len(line) + 1
            self._read(line)
        self._line += last

    def close(self) -> None:
        """The stream is over: its last line may lack its end."""
        self.feed(b"\n")

    def whole(self) -> dict[str, Any]:
        """The response object, as the endpoint would have sent it in one piece."""
        if self._choice is None:
            return {**self._whole, "choices": []}
        asked = [{"id": call["id"], "function": call} for _, call in sorted(self._calls.items())]
        message = {"content": self.text, "tool_calls": asked, "refusal": self._refusal}
        said = {"message": message} if self._chat else {"text": self.text}
        return {**self._whole, "choices": [{**self._choice, **said}]}

    def _read(self, line: bytes) -> None:
        name, _, data = line.partition(b":")
        if name.strip() != b"data" or self.error is not None:
            return
        if data.strip() == b"[DONE]":
            self.ended = True
            return
        try:
            event = json.loads(data.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            event = {"error": "a stream whose events are not JSON"}
        if not isinstance(event, dict) or event.get("error"):
            self.error = event if isinstance(event, dict) else {"error": "a stream whose events are no objects"}
            return
        self._whole.update((key, event[key]) for key in ("model", "usage") if event.get(key))
        choices = event.get("choices")
        for each in choices if isinstance(choices, list) else ():
            if isinstance(each, dict) and each.get("index") in (None, 0):
                self._add(each)

    def _add(self, each: Mapping[str, Any]) -> None:
        choice = self._choice = self._choice or {}
        choice.update((key, each[key]) for key in ("finish_reason", "stop_reason") if each.get(key) is not None)
        self.ended = self.ended or "finish_reason" in choice
        delta = each.get("delta")
        if not isinstance(delta, dict):
            self._say(each.get("text"))
            return
        self._chat = True
        self._say(delta.get("content"))
        self._refusal += _text(delta.get("refusal"))
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                self._call(call)

    def _say(self, piece: Any) -> None:
        self.text += _text(piece)
        self.size += len(_text(piece))

    def _call(self, more: Mapping[str, Any]) -> None:
        index = more.get("index")
        number = index if type(index) is int else 0
        call = self._calls.setdefault(number, {"id": "", "name": "", "arguments": ""})
        call["id"] = call["id"] or _text(more.get("id"))
        function = more.get("function")
        for name in ("name", "arguments"):
            piece = _text(function.get(name)) if isinstance(function, dict) else ""
            call[name] += piece
            self.size += len(piece)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
