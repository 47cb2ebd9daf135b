"""The fields in which each server expects a grammar.

Some servers ignore unknown fields silently (vLLM answers 200 and decodes freely). A reply alone does not prove that its
grammar was used, so vet every reply.
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
    """A kind of server.

    Attributes:
        dialects: the dialects that it reads, the best first.
        fields: a function that makes the fields of a request from the text of a grammar.
    """

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
    # Version 0.12 and later. It chooses a library by the header: llguidance for Lark, xgrammar for GBNF.
    "vllm": Server(("llguidance", "gbnf"), lambda grammar: {"structured_outputs": {"grammar": grammar}}),
    # It reads Lark only if it was started with `--grammar-backend llguidance`.
    "sglang": Server(("gbnf", "llguidance"), lambda grammar: {"ebnf": grammar}),
    # It reads Lark only if it was built with llguidance.
    "llama.cpp": Server(("gbnf", "llguidance"), lambda grammar: {"grammar": grammar}),
    # The model runs in this process with llguidance, and the field is the same as for vLLM.
    "transformers": Server(("llguidance", "openai"), lambda grammar: {"structured_outputs": {"grammar": grammar}}),
    # The reply has the plan as the input of a call of the custom tool `plan`.
    "openai": Server(("openai",), _responses),
    "openai-chat": Server(("openai",), _chat),
}

MASKING = "transformers"
"""The only server with which a reader of names can mask tokens beside the grammar."""


def request_fields(server: str, grammar: str) -> dict[str, Any]:
    """The fields to add to the body of a request so that its reply is decoded by a grammar.

    The `openai` client and `ChatModel` take them as `extra_body`.

    Args:
        server: a key of `SERVERS`: "vllm" (0.12 or later), "sglang", "llama.cpp", "transformers", "openai" (Responses)
            or "openai-chat" (Chat Completions). Both APIs of OpenAI return the plan as the input of a tool call.
        grammar: a text from `decoding_grammar`.

    Raises:
        ValueError: the server is unknown, or does not read the dialect.
    """
    chosen = SERVERS.get(server)
    if chosen is None:
        raise ValueError(f"unknown server {server!r}: one of {', '.join(SERVERS)}")
    dialect = dialect_of(grammar)
    if dialect not in chosen.dialects:
        raise ValueError(f"{server} does not read {dialect}: pass one of {', '.join(chosen.dialects)}")
    return chosen.fields(grammar)


def server_and_level(chosen: str) -> tuple[str, str]:
    """The server and the level in "SERVER" (level wide) or "SERVER:LEVEL".

    Raises:
        ValueError: one of them is unknown, or a reader of names cannot mask tokens with this server.
    """
    server, _, level = chosen.partition(":")
    if server not in SERVERS:
        raise ValueError(f"unknown server {server!r}: one of {', '.join(SERVERS)}")
    if level not in ("", *LEVELS):
        raise ValueError(f"unknown level {level!r}: one of {', '.join(LEVELS)}")
    if level == "names" and server != MASKING:
        raise ValueError(
            f"level names needs a reader beside the grammar, which {server} does not have: use {MASKING}:names, with "
            f"the model in this process, or {server}:wide or {server}:safe"
        )
    return server, level or "wide"


def constrained_fields(chosen: str, tools: Mapping[str, Signature] = DEFAULT_SIGNATURES) -> dict[str, Any]:
    """The fields of `request_fields` for the grammar of plans over these tools, in the best dialect of the server.

    Args:
        chosen: a server, or a server with a level: "vllm", "vllm:safe".
        tools: the signatures of the tools.

    Raises:
        ValueError: the server or the level is unknown, or they do not fit together.
    """
    server, level = server_and_level(chosen)
    fields = request_fields(server, decoding_grammar(SERVERS[server].dialects[0], tools, level=level))
    if level == "names":
        fields["structured_outputs"]["names"] = names_table(tools)
    return fields


def dialect_of(grammar: str) -> str:
    """The dialect of a text from `decoding_grammar`."""
    if grammar.startswith("%llguidance"):
        return "llguidance"
    return "gbnf" if "::=" in grammar.partition("\n")[0] else "openai"
