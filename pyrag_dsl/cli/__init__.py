"""The command line: `pyrag-exec` runs a plan, and `pyrag` has a verb for everything else.

Both functions take the command-line arguments, or use those of the process if `argv` is None, and return the exit
status.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run `pyrag-exec`, which runs one plan."""
    from .entry import enter
    from .execute import app

    return enter(app, "pyrag-exec", argv)


def pyrag(argv: Sequence[str] | None = None) -> int:
    """Run `pyrag VERB ...`. Each verb is a module of `pyrag_dsl.cli.verbs`."""
    from .entry import enter
    from .verbs import app

    return enter(app(), "pyrag", argv)
