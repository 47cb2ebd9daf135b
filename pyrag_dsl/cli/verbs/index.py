"""`pyrag index`: build the index of a corpus, or check the one that is there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import options as o
from ..screen import answer_text, stderr, write
from ..services import open_corpus


def add(app: typer.Typer) -> None:
    app.command(epilog=o.examples("pyrag index passages.jsonl", "pyrag index passages.jsonl --verify"))(index)


def index(
    corpus: Annotated[Path, typer.Argument(metavar="CORPUS", help="A JSON-Lines file of passages.")],
    directory: Annotated[
        Path | None,
        typer.Option("--index", metavar="DIR", help="Keep the index here; CORPUS.pyrag-index if not given."),
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Compare all files with their checksums.")] = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build in any case.")] = False,
    quiet: o.Quiet = False,
) -> int:
    """Make the index of a corpus, so that the first search need not."""
    with open_corpus(corpus, directory, stderr(quiet=quiet), verify=verify, rebuild=rebuild) as made:
        place = str(made.path) if made.path is not None else "(not kept)"
        size = f"{made.disk_bytes / 1e6:.1f} MB"
        write(sys.stdout, answer_text(f"{place}: {len(made):,} passages, {size}") + "\n")
    return 0
