"""The verbs of `pyrag`. Each module here is one verb, which its function `add(app)` adds to the command."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import typer

from ..options import Version


def app() -> typer.Typer:
    """The command `pyrag` with all its verbs."""
    made = typer.Typer(
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        help="Plans that answer questions.",
    )

    @made.callback()
    def pyrag(version: Version = False) -> None:
        """Work with plans, passages and traces. `pyrag-exec` runs a plan."""

    for module in sorted(pkgutil.iter_modules(__path__), key=lambda found: found.name):
        import_module(f"{__name__}.{module.name}").add(made)
    return made
