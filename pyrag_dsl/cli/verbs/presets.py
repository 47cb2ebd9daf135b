"""`pyrag presets`: the settings of papers that `pyrag eval --preset` knows."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from .. import options as o
from .. import presets, status
from ..screen import write


def add(app: typer.Typer) -> None:
    verbs = typer.Typer(invoke_without_command=True, help="The settings of papers for `pyrag eval --preset`.")
    verbs.callback(epilog=o.examples("pyrag presets", "pyrag presets show search-r1-7b"))(listed)
    verbs.command(epilog=o.examples("pyrag presets show pyrag-7b"))(show)
    app.add_typer(verbs, name="presets")


def listed(context: typer.Context) -> int:
    """Print the name of each preset, and where it comes from."""
    if context.invoked_subcommand is None:
        for preset in presets.presets().values():
            write(sys.stdout, f"{preset.name}\t{preset.about['source']}\n")
    return status.OK


def show(name: Annotated[str, typer.Argument(metavar="NAME", help="The name of a preset.")]) -> int:
    """Print a preset: the model to serve, what the paper states, what differs, whether it was run, and the settings."""
    presets.read_preset(name)
    write(sys.stdout, presets.presets()[name].text)
    return status.OK
