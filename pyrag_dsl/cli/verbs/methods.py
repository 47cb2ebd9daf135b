"""`pyrag methods`: list the methods of the package, and show their plans and inputs."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from .. import options as o
from .. import status
from ..screen import write
from .ask import chosen


def add(app: typer.Typer) -> None:
    verbs = typer.Typer(invoke_without_command=True, help="The methods that `pyrag ask --method` knows.")
    verbs.callback(epilog=o.examples("pyrag methods", "pyrag methods show search-r1"))(listed)
    verbs.command(epilog=o.examples("pyrag methods show pyrag", "pyrag methods show pyrag --inputs"))(show)
    app.add_typer(verbs, name="methods")


def listed(context: typer.Context) -> int:
    """Print the name of each method, and where it comes from."""
    from ...methods import recipes

    if context.invoked_subcommand is None:
        for recipe in recipes().values():
            write(sys.stdout, f"{recipe.name}\t{recipe.source}\n")
    return status.OK


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of a method, or the file of a plan.")],
    inputs: Annotated[
        bool,
        typer.Option(
            "--inputs", help="Print the inputs of the plan with their defaults, as JSON, instead of the plan."
        ),
    ] = False,
) -> int:
    """Print the plan of a method."""
    recipe = chosen(name)
    write(sys.stdout, json.dumps(dict(recipe.inputs), indent=2) + "\n" if inputs else recipe.plan)
    return status.OK
