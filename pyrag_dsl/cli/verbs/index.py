"""`pyrag index`: build the index of a corpus, look at one, search it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from .. import options as o
from .. import status
from ..screen import answer_text, stderr, write
from ..services import load_index, open_corpus
from ..status import Stop
from ..steps import title_of

if TYPE_CHECKING:
    from ...retrieval.index import BM25Index

_Dir = Annotated[Path, typer.Argument(metavar="DIR", help="An index, as `pyrag index build --out` has written it.")]


class _Verbs(TyperGroup):
    """Says what has become of the form without a verb."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise Stop(f"index: there is no verb {args[0]!r}; an index is built by: "
                       f"pyrag index build --corpus {args[0]} --out DIR")  # fmt: skip
        return super().resolve_command(ctx, args)


def add(app: typer.Typer) -> None:
    verbs = typer.Typer(cls=_Verbs, no_args_is_help=True, help="Indexes of passages: build, info, verify, search.")
    verbs.command(epilog=o.examples("pyrag index build --corpus passages.jsonl --out passages.index"))(build)
    verbs.command(epilog=o.examples("pyrag index info passages.index"))(info)
    verbs.command(epilog=o.examples("pyrag index verify passages.index"))(verify)
    verbs.command(epilog=o.examples('pyrag index search passages.index "Dune author" --topk 3'))(search)
    app.add_typer(verbs, name="index")


def build(
    corpus: Annotated[Path, typer.Option(metavar="FILE", help="A JSON-Lines file of passages.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the index is kept; FILE.pyrag-index if not given.")
    ] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build in any case.")] = False,
    quiet: o.Quiet = False,
) -> int:
    """Make the index of a corpus, so that the first search need not. One that is fresh and whole is kept."""
    with open_corpus(corpus, out, stderr(quiet=quiet), rebuild=rebuild) as made:
        _tell(made)
    return status.OK


def info(directory: _Dir) -> int:
    """Say what an index holds."""
    with load_index(directory) as found:
        _tell(found)
    return status.OK


def verify(directory: _Dir) -> int:
    """Compare all files of an index with their checksums."""
    with load_index(directory, verify=True) as found:
        _tell(found)
    return status.OK


def search(
    directory: _Dir,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="What to look for.")],
    topk: o.TopK = 5,
    as_json: o.Json = False,
) -> int:
    """Search an index."""
    with load_index(directory) as found:
        hits = found.search(query, topk)
    if as_json:
        rows = [
            {"id": hit.passage.id, "title": hit.passage.title, "text": hit.passage.text, "score": hit.score}
            for hit in hits
        ]
        write(sys.stdout, json.dumps(rows) + "\n")
    for rank, hit in enumerate(() if as_json else hits, 1):
        write(sys.stdout, f"{rank:>3}  {hit.score:8.3f}  {hit.passage.id}  {title_of(hit.passage.document)}\n")
    return status.OK


def _tell(found: BM25Index) -> None:
    place = str(found.path) if found.path is not None else "(not kept)"
    write(sys.stdout, answer_text(f"{place}: {len(found):,} passages, {found.disk_bytes / 1e6:.1f} MB") + "\n")
