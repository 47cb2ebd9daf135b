"""Language models: one client for every OpenAI-compatible endpoint and for engines in this process.

`ChatModel` sends messages and returns a `Reply`; its errors are the tree in `errors.py`. Nothing here reads the
environment or uses the network before the first call.
"""

from __future__ import annotations

from .cache import CacheUnusable, ResponseCache
from .client import ChatModel
from .errors import (
    AccessDenied,
    BadReply,
    BadStatus,
    ContextExceeded,
    EmptyReply,
    EngineUnusable,
    MalformedReply,
    ModelClosed,
    ModelError,
    RateLimited,
    ReplyTooLarge,
    Timeout,
    Unreachable,
)
from .reply import Price, Reply, Usage

__all__ = [
    "AccessDenied",
    "BadReply",
    "BadStatus",
    "CacheUnusable",
    "ChatModel",
    "ContextExceeded",
    "EmptyReply",
    "EngineUnusable",
    "MalformedReply",
    "ModelClosed",
    "ModelError",
    "Price",
    "RateLimited",
    "Reply",
    "ReplyTooLarge",
    "ResponseCache",
    "Timeout",
    "Unreachable",
    "Usage",
]
