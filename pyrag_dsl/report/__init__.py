"""A run as one page of HTML that needs nothing else: no network, no script, no other file.

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
    """The page as text. Everything in it that comes from the run is shown as text and nothing else."""
    from .page import fill
    from .view import view_of

    return fill(view_of(trace))


def write_report(trace: Trace, path: str | os.PathLike[str]) -> None:
    """Write the page, whole or not at all.

    Args:
        trace: of any run, also one that failed, was refused or was cut short.
        path: the file, usually `....html`; replaced if it is there.

    Raises:
        OSError: if it cannot be written.
    """
    from ..runtime.trace import replace_file

    replace_file(Path(path), render_report(trace))
