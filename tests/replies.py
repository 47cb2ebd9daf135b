"""Replies of models, for tests that write their own model."""

from __future__ import annotations

from pyrag_dsl.models.reply import Reply, Usage


def reply_of(text: str, finish_reason: str = "stop", usage: Usage | None = None) -> Reply:
    """A reply at the first attempt that says this text, in no time and at no cost."""
    return Reply(
        text=text,
        raw_text=text,
        finish_reason=finish_reason,
        usage=usage or Usage(),
        cost=0.0,
        model="m",
        attempts=1,
        elapsed=0.0,
        cached=False,
    )
