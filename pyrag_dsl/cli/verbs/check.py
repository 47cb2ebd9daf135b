"""`pyrag check`: say whether a plan is accepted, and if it is not, why."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from .. import options as o
from ..execute import RunRequest, attempt, carry_out
from ..screen import Screen, write
from ..services import Sources


def add(app: typer.Typer) -> None:
    app.command(epilog=o.examples("pyrag check plan.py", "pyrag check plan.py --prompt", "pyrag check - < plan.py"))(
        check
    )


def check(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="The file of the plan, or - for standard input.")],
    strict: o.Strict = False,
    as_json: o.Json = False,
    prompt: Annotated[
        bool, typer.Option("--prompt", help="Print the diagnostics as a prompt from which a model can repair the plan.")
    ] = False,
    quiet: o.Quiet = False,
) -> int:
    """Say whether a plan is accepted. Exit status 0 if it is, 3 if not."""
    request = RunRequest(
        plan=plan, question=None, sources=Sources(), as_json=as_json, check=True, strict=strict, quiet=quiet or prompt
    )
    if not prompt:
        return carry_out(request)
    from ...grammar.render import render_prompt

    outcome = attempt(request, Screen(sys.stderr, quiet=True))
    if outcome.diagnostics:
        write(sys.stdout, render_prompt(outcome.diagnostics, outcome.source) + "\n")
    return outcome.code
