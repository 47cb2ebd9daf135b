"""`pyrag compare`: compare runs of `pyrag eval`, and say whether the differences are significant."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from .. import options as o
from .. import status
from ..inputs import check_output
from ..screen import write
from ..status import Stop


def add(app: typer.Typer) -> None:
    app.command(epilog=o.examples("pyrag compare runs/vanilla runs/pyrag", "pyrag compare runs/* --json"))(compare)


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders that `pyrag eval --out` has written.")],
    seed: Annotated[int, typer.Option(metavar="S", help="The seed of the bootstrap.")] = 0,
    html: Annotated[
        Path | None, typer.Option(metavar="OUT.html", help="Also write a page with plots and the questions.")
    ] = None,
    traces: Annotated[
        bool,
        typer.Option("--traces/--no-traces", help="With --html: also write a page for each trace that the page shows."),
    ] = True,
    as_json: o.Json = False,
) -> int:
    """Compare the other runs with the first run, on the questions that they have in common.

    The table is Markdown. Intervals come from the bootstrap (95 %). The value p comes from the exact test of McNemar,
    and is corrected for the number of comparisons.
    """
    from ...evaluation.comparison import compare as compared
    from ...evaluation.comparison import markdown, read_results
    from ...evaluation.datasets import DataError

    check_output(html, "--html")
    try:
        results = [read_results(each) for each in runs]
        lines = compared(results, seed)
        if html is not None:
            from ...evaluation.page import comparison_page
            from ...runtime.trace import replace_file

            pages = _pages(html) if traces else lambda _: None
            replace_file(html, comparison_page(lines, results, pages))
    except DataError as error:
        raise Stop(str(error)) from None
    except ImportError:
        raise Stop("a comparison needs scipy, and its page matplotlib: pip install 'pyrag_dsl[eval]'") from None
    write(sys.stdout, json.dumps(lines) + "\n" if as_json else markdown(lines))
    return status.OK


def _pages(html: Path) -> Callable[[str], str | None]:
    """A function that writes the page of a trace into a folder beside the comparison, and returns its address.

    The address is relative to the comparison. It is None if the trace cannot be read or the page cannot be written.
    """
    from ...report import write_report
    from ...runtime.trace import Trace, TraceError

    folder = html.with_name(f"{html.stem}_traces")
    made: set[str] = set()

    def page(trace: str) -> str | None:
        name = f"{len(made):04}-{Path(trace).stem}.html"
        try:
            recorded = Trace.load(trace)
            folder.mkdir(exist_ok=True)
            write_report(recorded, folder / name)
        except (OSError, TraceError):
            return None
        made.add(name)
        return quote(f"{folder.name}/{name}")

    return page
