"""`pyrag view`: show many traces, or one, in a browser."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import options as o
from .. import status
from ..inputs import load_trace
from ..screen import stderr, write
from ..status import Stop


def add(app: typer.Typer) -> None:
    app.command(
        epilog=o.examples(
            "pyrag view runs/pyrag", "pyrag view runs --cache /tmp/index --port 0", "pyrag view run.jsonl"
        )
    )(view)


def view(
    place: Annotated[
        Path, typer.Argument(metavar="DIR|FILE", help="A folder with traces, also in its subfolders, or one trace.")
    ],
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="P", help="The port; 0 takes a free one.")] = 8765,
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Keep the index in this folder, and not among the traces (.pyrag-view.sqlite)."
        ),
    ] = None,
) -> int:
    """Show traces in a browser on this machine: list, search, sort and open them, and compare two of them.

    The address is printed when the service is ready. Ctrl-C ends it. Reload the list to see changes of the folder. An
    index makes the list quick, and can be deleted at any time. If the folder cannot be written, the index is kept in
    memory and is built again at each start.
    """
    try:
        from ...serving import Catalog, browser_app, serve
    except ImportError:
        raise Stop("a page needs starlette and uvicorn: pip install 'pyrag_dsl[serve]'") from None
    if not place.exists():
        raise Stop(f"{place}: there is no such folder or file")
    single = "" if place.is_dir() else place.name
    if single:
        load_trace(place)  # an error in the trace is reported before the service starts
        from ...serving.browser import single_app

        application, catalog = single_app(place), None
    else:
        catalog = Catalog(place, cache)
        application = browser_app(catalog)
        if not catalog.place:
            where = cache or place
            stderr().say(("note: ", "warn"), f"{where} cannot be written: the index is kept in memory (see --cache)")

    def ready(bound: int) -> None:
        write(sys.stdout, f"http://127.0.0.1:{bound}/\n")

    try:
        serve(application, "127.0.0.1", port, ready)
    except OSError as error:
        raise Stop(f"--port {port}: {error.strerror or error}") from None
    except KeyboardInterrupt:
        pass
    finally:
        if catalog is not None:
            catalog.close()
    return status.OK
