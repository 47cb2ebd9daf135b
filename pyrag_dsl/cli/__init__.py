"""The command line: `pyrag-exec` runs a plan, `pyrag` has a verb for everything else.

Both functions take the arguments (those of the process if None) and return the exit status.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """`pyrag-exec`: run one plan."""
    from .entry import enter
    from .execute import app

    return enter(app, "pyrag-exec", argv)


def pyrag(argv: Sequence[str] | None = None) -> int:
    """`pyrag VERB ...`: each verb is a file of `pyrag_dsl.cli.verbs`."""
    from .entry import enter
    from .verbs import app

    return enter(app(), "pyrag", argv)
