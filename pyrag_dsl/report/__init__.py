"""Writes the report of a run: one HTML page that loads nothing, neither from the network nor from other files.

from pyrag_dsl.report import write_report

write_report(result.trace, "run.html")
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..runtime.trace import Trace

__all__ = ["render_report", "write_report"]


def render_report(trace: Trace) -> str:
    """The page as text. All values from the run are escaped, so that they are shown as plain text."""
    from .page import fill
    from .view import view_of

    return fill(view_of(trace))


def write_report(trace: Trace, path: str | os.PathLike[str]) -> None:
    """Write the page to a file, in one step.

    Args:
        trace: the trace of any run, also of one that failed, was rejected or did not end.
        path: the file, usually `....html`. A file that exists is replaced.

    Raises:
        OSError: the file cannot be written.
    """
    from ..runtime.trace import replace_file

    replace_file(Path(path), render_report(trace))
