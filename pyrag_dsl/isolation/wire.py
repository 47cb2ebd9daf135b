"""Messages between a host and its workers: frames, which are a length and a JSON text; see `interpreter/codec.py`."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

from ..grammar.language import REQUIRED, Signature, ToolParam
from ..interpreter.codec import Garbled, decode, encode

HEADER = struct.Struct("!I")


def pack(message: Any) -> bytes:
    """A message as a frame: four bytes of length, then JSON in UTF-8, which may hold lone surrogates."""
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return HEADER.pack(len(body)) + body


def unpack(body: bytes | bytearray) -> Any:
    """The message of a frame. Raises `Garbled`."""
    try:
        return json.loads(body.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        raise Garbled("not JSON") from None


# -------------------------------------------------------------------- signatures


def signatures(rows: list[Any]) -> dict[str, Signature]:
    """The inverse of `signature_rows`."""
    return {
        name: Signature(
            name,
            tuple(
                ToolParam(param, kind, REQUIRED if default is None else decode(default[0]))
                for param, kind, default in params
            ),
            returns,
        )
        for name, params, returns in rows
    }


def signature_rows(found: Mapping[str, Signature]) -> list[Any]:
    """Signatures as JSON. A default is a list of one item; null means that there is none."""
    return [
        [
            name,
            [
                [param.name, param.type, None if param.default is REQUIRED else [encode(param.default)]]
                for param in signature.params
            ],
            signature.returns,
        ]
        for name, signature in found.items()
    ]
