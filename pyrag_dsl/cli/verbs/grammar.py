"""`pyrag grammar`: print the grammar of plans for the server that decodes, so that a model writes nothing else."""

from __future__ import annotations

import json
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from .. import options as o
from ..screen import write
from ..status import Stop


class Dialect(str, Enum):
    """The notation of the grammar."""

    llguidance = "llguidance"
    gbnf = "gbnf"
    openai = "openai"


class Level(str, Enum):
    """How much of the language the grammar allows."""

    wide = "wide"
    names = "names"
    safe = "safe"


class ServerName(str, Enum):
    """The server whose request fields are printed."""

    vllm = "vllm"
    sglang = "sglang"
    llama_cpp = "llama.cpp"
    openai = "openai"
    openai_chat = "openai-chat"


def add(app: typer.Typer) -> None:
    app.command(epilog=o.examples("pyrag grammar --dialect gbnf --level safe", "pyrag grammar --server vllm"))(grammar)


def grammar(
    dialect: Annotated[
        Dialect | None, typer.Option(help="The notation; by default, the one that --server reads best, or llguidance.")
    ] = None,
    level: Annotated[
        Level,
        typer.Option(
            help="wide: the whole language. safe: a part in which every text is a plan. names: for a reader of names."
        ),
    ] = Level.wide,
    server: Annotated[
        ServerName | None,
        typer.Option(help="Print the fields of a request to this server, as JSON, instead of the bare grammar."),
    ] = None,
    tools: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Python stubs of the tools (def name(query: str) -> str: ...); by default, retrieve and answer.",
        ),
    ] = None,
    hops: Annotated[int | None, typer.Option(min=1, max=9, metavar="N", help="The most hops, for level safe.")] = None,
    depth: Annotated[
        int | None, typer.Option(min=0, max=3, metavar="N", help="The most nested blocks, for level safe (2).")
    ] = None,
) -> int:
    """Print the grammar under which a model can write only plans. See docs/decoding.md."""
    from ...decoding import SERVERS, decoding_grammar, request_fields
    from ...grammar.language import DEFAULT_SIGNATURES
    from ...grammar.stubs import read_stubs

    signatures = DEFAULT_SIGNATURES
    if tools is not None:
        try:
            signatures = read_stubs(tools.read_text(encoding="utf-8"))
        except OSError as error:
            raise Stop(f"cannot read {tools}: {error.strerror or error}") from None
        except ValueError as error:
            raise Stop(f"{tools}: {error}") from None
    if server is not None and level is Level.names:
        raise Stop("--level names: the server needs the reader of names too: use --constrained transformers:names")
    best = SERVERS[server.value].dialects[0] if server is not None else "llguidance"
    try:
        notation = dialect.value if dialect is not None else best
        text = decoding_grammar(notation, signatures, level=level.value, hops=hops, depth=depth)
        if server is not None:
            text = json.dumps(request_fields(server.value, text)) + "\n"
    except ValueError as error:
        raise Stop(str(error)) from None
    write(sys.stdout, text)
    return 0
