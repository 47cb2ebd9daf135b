"""`pyrag serve`: services over HTTP."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from .. import options as o
from .. import status
from ..config import Config, embedding
from ..screen import stderr, write
from ..services import Sources, opened_retriever
from ..status import Stop


def add(app: typer.Typer) -> None:
    verbs = typer.Typer(no_args_is_help=True, help="Services over HTTP.")
    verbs.command(
        epilog=o.examples(
            "pyrag serve retriever --corpus wiki.jsonl --port 8000",
            "pyrag serve retriever --index DIR --mode hybrid --host 0.0.0.0 --port 0",
        )
    )(retriever)
    verbs.callback()(_services)
    app.add_typer(verbs, name="serve")


def _services() -> None:
    """Services over HTTP."""


def retriever(
    corpus: o.Corpus = None,
    index: Annotated[Path | None, typer.Option(metavar="DIR", help="An index: see `pyrag index build`.")] = None,
    behind: Annotated[
        str | None,
        typer.Option(
            "--retriever", metavar="URL", help="Pass the queries on to another server, postgresql:// or milvus://."
        ),
    ] = None,
    retrieval_cache: o.RetrievalCache = None,
    mode: o.SearchOnlyMode = o.SearchMode.lexical,
    rerank: o.Rerank = None,
    dense: o.Dense = None,
    embed_base_url: o.EmbedBaseUrl = None,
    embed_key_env: o.EmbedKeyEnv = None,
    host: Annotated[str, typer.Option(metavar="H", help="The address on which to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="P", help="The port; 0 takes a free one.")] = 8000,
    topk: Annotated[
        int,
        typer.Option(
            min=1, max=o.MOST_PASSAGES, metavar="N", help="The number of passages for a request that names none."
        ),
    ] = 3,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="The number of searches at the same time.")] = 2,
) -> int:
    """Serve searches: Search-R1's POST /retrieve, R1-Searcher's POST /queries, GET /health and GET /metrics.

    The address is printed when the service is ready. After SIGINT or SIGTERM, the service answers the running requests
    and ends.
    """
    if corpus is None and index is None and behind is None:
        raise Stop("nothing to search: give --corpus, --index or --retriever")
    try:
        from ...serving import retriever_app, serve
    except ImportError:
        raise Stop("a service needs starlette and uvicorn: pip install 'pyrag_dsl[serve]'") from None
    embeds = embedding(Config(), embed_base_url, dense, embed_key_env)
    sources = Sources(
        corpus=corpus,
        retriever=behind,
        index=index,
        topk=topk,
        search_mode=mode.value,
        rerank=rerank,
        embed=embeds,
        cache=retrieval_cache,
    )
    sources.check()
    screen = stderr(quiet=False)

    def ready(bound: int) -> None:
        shown = f"[{host}]" if ":" in host else host
        write(sys.stdout, f"http://{shown}:{bound}\n")

    with ExitStack() as stack:
        found = opened_retriever(sources, screen, stack)
        try:
            serve(retriever_app(found, topk=topk, workers=workers), host, port, ready)
        except OSError as error:
            raise Stop(f"--host {host} --port {port}: {error.strerror or error}") from None
        except KeyboardInterrupt:
            pass
    return status.OK
