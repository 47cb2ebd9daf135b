"""`pyrag index`: build the index of a corpus, change it, look at it, search it."""

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
from ..services import index_errors, load_index, open_corpus, read_corpus
from ..status import Stop
from ..steps import title_of

if TYPE_CHECKING:
    from ...retrieval.index import BM25Index

_Dir = Annotated[Path, typer.Argument(metavar="DIR", help="An index, as `pyrag index build --out` has written it.")]
_Corpus = Annotated[Path, typer.Option(metavar="FILE|FOLDER", help="Passages: see docs/retrieval.md for the formats.")]


_LOADING = 600.0  # seconds for a request that writes, or makes an index


class _Verbs(TyperGroup):
    """Says what has become of the form without a verb."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise Stop(f"index: there is no verb {args[0]!r}; an index is built by: "
                       f"pyrag index build --corpus {args[0]} --out DIR")  # fmt: skip
        return super().resolve_command(ctx, args)


def add(app: typer.Typer) -> None:
    verbs = typer.Typer(cls=_Verbs, no_args_is_help=True, help="Indexes of passages: build, change, look at, search.")
    verbs.command(epilog=o.examples("pyrag index build --corpus passages.jsonl --out passages.index"))(build)
    verbs.command("add", epilog=o.examples("pyrag index add passages.index --corpus more.jsonl"))(extend)
    verbs.command(epilog=o.examples("pyrag index delete passages.index 17 18", "cat ids | pyrag index delete DIR -"))(
        delete
    )
    verbs.command(epilog=o.examples("pyrag index info passages.index"))(info)
    verbs.command(epilog=o.examples("pyrag index verify passages.index"))(verify)
    verbs.command(epilog=o.examples('pyrag index search passages.index "Dune author" --topk 3'))(search)
    verbs.command(epilog=o.examples("pyrag index load --corpus passages.jsonl --to postgresql://localhost/db"))(load)
    app.add_typer(verbs, name="index")


def build(
    corpus: _Corpus,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the index is kept; FILE.pyrag-index if not given.")
    ] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build in any case.")] = False,
    quiet: o.Quiet = False,
) -> int:
    """Make the index of a corpus, so that the first search need not. One that is fresh and whole is kept.

    A build of more than 250,000 passages that was killed or interrupted goes on where it was.
    """
    with open_corpus(corpus, out, stderr(quiet=quiet), rebuild=rebuild, wait=False) as made:
        _tell(made)
    return status.OK


def extend(directory: _Dir, corpus: _Corpus, quiet: o.Quiet = False) -> int:
    """Add the passages of a corpus to an index; one whose id is there replaces it. All are added, or none."""
    from ...retrieval.index import BM25Index

    with (
        index_errors("index"),
        read_corpus(corpus, stderr(quiet=quiet)) as passages,
        BM25Index.add(directory, passages, wait=False) as made,
    ):
        _tell(made)
    return status.OK


def delete(
    directory: _Dir,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Of passages; - reads one a line from stdin.")],
) -> int:
    """Delete passages from an index, by their ids. All are deleted, or, where one is not there, none."""
    from ...retrieval.index import BM25Index

    wanted = [line.rstrip("\n") for line in sys.stdin] if ids == ["-"] else ids
    with index_errors("index"):
        with BM25Index.load(directory) as found:
            missing = [each for each, there in zip(wanted, found.passages(wanted), strict=True) if there is None]
        if missing:
            more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise Stop(f"{directory}: there is no passage {missing[0]!r}{more}; nothing was deleted")
        with BM25Index.delete(directory, wanted, wait=False) as made:
            _tell(made)
    return status.OK


def info(directory: _Dir) -> int:
    """Say what an index holds."""
    with load_index(directory) as found:
        _tell(found)
        for name, value in found.details().items():
            write(sys.stdout, answer_text(f"  {name}: {value}") + "\n")
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


def load(
    corpus: _Corpus,
    to: Annotated[
        str, typer.Option(metavar="URL", help="postgresql://... (?table=NAME) or milvus://... (?collection=).")
    ],
    quiet: o.Quiet = False,
) -> int:
    """Write a corpus into PostgreSQL or Milvus. A load that was cut short goes on when it is made again."""
    from ...retrieval.search_engines import search_engine_at, shown

    with (
        index_errors("index"),
        read_corpus(corpus, stderr(quiet=quiet)) as passages,
        search_engine_at(to, timeout=_LOADING) as engine,
    ):
        done = engine.load(passages)
        count = len(engine)
    told = f"{shown(to)}: {done.written:,} passages written, {done.kept:,} were there; {count:,} in all"
    write(sys.stdout, answer_text(told) + "\n")
    return status.OK


def _tell(found: BM25Index) -> None:
    place = str(found.path) if found.path is not None else "(not kept)"
    write(sys.stdout, answer_text(f"{place}: {len(found):,} passages, {found.disk_bytes / 1e6:.1f} MB") + "\n")
