"""`pyrag compare`: what runs of `pyrag eval` differ in, and whether that can be believed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

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
    seed: Annotated[int, typer.Option(metavar="S", help="Of the bootstrap.")] = 0,
    html: Annotated[
        Path | None, typer.Option(metavar="OUT.html", help="Write a page with plots and the questions, too.")
    ] = None,
    as_json: o.Json = False,
) -> int:
    """Compare runs on the questions that they have in common: the first is what the others are compared with.

    The table is Markdown. Intervals are of the bootstrap (95 %); p is of the exact test of McNemar, corrected for the
    number of comparisons.
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

            replace_file(html, comparison_page(lines, results))
    except DataError as error:
        raise Stop(str(error)) from None
    except ImportError:
        raise Stop("a comparison needs scipy, and its page matplotlib: pip install 'pyrag_dsl[eval]'") from None
    write(sys.stdout, json.dumps(lines) + "\n" if as_json else markdown(lines))
    return status.OK
