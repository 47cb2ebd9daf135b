"""Where in a request each server looks for a grammar.

A field under the wrong name is ignored without a word by some servers (vLLM answers 200 and decodes freely), so that a
reply says nothing about whether its grammar was used: vet every reply.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..grammar.language import DEFAULT_SIGNATURES, Signature
from .name_reader import names_table
from .texts import LEVELS, decoding_grammar

TOOL = "plan"
_DESCRIPTION = "Writes the plan, a Python program."


class Server(NamedTuple):
    """dialects: those it reads, the best first. fields: the fields of a request, from the text of a grammar."""

    dialects: tuple[str, ...]
    fields: Callable[[str], dict[str, Any]]


def _responses(grammar: str) -> dict[str, Any]:
    form = {"type": "grammar", "syntax": "lark", "definition": grammar}
    return {
        "tools": [{"type": "custom", "name": TOOL, "description": _DESCRIPTION, "format": form}],
        "tool_choice": {"type": "custom", "name": TOOL},
    }


def _chat(grammar: str) -> dict[str, Any]:
    form = {"type": "grammar", "grammar": {"syntax": "lark", "definition": grammar}}
    return {
        "tools": [{"type": "custom", "custom": {"name": TOOL, "description": _DESCRIPTION, "format": form}}],
        "tool_choice": {"type": "custom", "custom": {"name": TOOL}},
    }


SERVERS: dict[str, Server] = {
    # From 0.12 on. Its backend chooses by the header: llguidance takes Lark, xgrammar takes GBNF.
    "vllm": Server(("llguidance", "gbnf"), lambda grammar: {"structured_outputs": {"grammar": grammar}}),
    # Lark only where it was started with `--grammar-backend llguidance`.
    "sglang": Server(("gbnf", "llguidance"), lambda grammar: {"ebnf": grammar}),
    # Lark only where it was built with llguidance.
    "llama.cpp": Server(("gbnf", "llguidance"), lambda grammar: {"grammar": grammar}),
    # In this process, by llguidance: the same field.
    "transformers": Server(("llguidance", "openai"), lambda grammar: {"structured_outputs": {"grammar": grammar}}),
    # The plan is the input of a call of the custom tool `plan`.
    "openai": Server(("openai",), _responses),
    "openai-chat": Server(("openai",), _chat),
}

MASKING = "transformers"
"""The server that has tokens masked by more than a grammar."""


def request_fields(server: str, grammar: str) -> dict[str, Any]:
    """The fields to add to the body of a request so that its reply is decoded by a grammar.

    With the ``openai`` client pass them as ``extra_body``; with ``ChatModel.complete`` too. server: a key of
    ``SERVERS``: "vllm" (0.12 or later), "sglang", "llama.cpp", "openai" (Responses) or "openai-chat" (Chat
    Completions; both OpenAI APIs return the plan as the input of a tool call). grammar: what ``decoding_grammar``
    gives. Raises ``ValueError`` for another server, and for a dialect that the server does not read.
    """
    chosen = SERVERS.get(server)
    if chosen is None:
        raise ValueError(f"unknown server {server!r}: one of {', '.join(SERVERS)}")
    dialect = dialect_of(grammar)
    if dialect not in chosen.dialects:
        raise ValueError(f"{server} does not read {dialect}: pass one of {', '.join(chosen.dialects)}")
    return chosen.fields(grammar)


def server_and_level(chosen: str) -> tuple[str, str]:
    """A server and a level, from "SERVER" (level wide) or "SERVER:LEVEL". Raises ``ValueError`` for others, and for
    level names of a server that lets nobody mask tokens."""
    server, _, level = chosen.partition(":")
    if server not in SERVERS:
        raise ValueError(f"unknown server {server!r}: one of {', '.join(SERVERS)}")
    if level not in ("", *LEVELS):
        raise ValueError(f"unknown level {level!r}: one of {', '.join(LEVELS)}")
    if level == "names" and server != MASKING:
        raise ValueError(
            f"level names needs a reader beside the grammar, which {server} does not have: take {MASKING}:names, with "
            f"the model in this process, or {server}:wide or {server}:safe"
        )
    return server, level or "wide"


def constrained_fields(chosen: str, tools: Mapping[str, Signature] = DEFAULT_SIGNATURES) -> dict[str, Any]:
    """``request_fields`` with the grammar of plans over these tools, in the dialect that the server reads best.

    chosen: a server, or one with a level: "vllm", "vllm:safe".
    """
    server, level = server_and_level(chosen)
    fields = request_fields(server, decoding_grammar(SERVERS[server].dialects[0], tools, level=level))
    if level == "names":
        fields["structured_outputs"]["names"] = names_table(tools)
    return fields


def dialect_of(grammar: str) -> str:
    """The dialect that a grammar of ours is written in."""
    if grammar.startswith("%llguidance"):
        return "llguidance"
    return "gbnf" if "::=" in grammar.partition("\n")[0] else "openai"
