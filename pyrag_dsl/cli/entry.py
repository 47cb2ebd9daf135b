"""From a command line to an exit status: whatever goes wrong is one message, never a traceback."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

import typer

from pyrag_dsl.cli import status
from pyrag_dsl.cli.screen import stderr

# typer ships click under a name of its own in some versions; the class is the same.
_ClickError = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def enter(app: typer.Typer, name: str, argv: Sequence[str] | None) -> int:
    """Carry out a command line; the exit status."""
    # What a library logs is for services that set up logging; here it would be noise among the messages.
    logging.getLogger().addHandler(logging.NullHandler())
    command = typer.main.get_command(app)
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        returned = command.main(args=arguments, prog_name=name, standalone_mode=False)
        return returned if isinstance(returned, int) else status.OK
    except status.Stop as stop:
        return _say(name, stop.message, stop.status)
    except (typer.Abort, KeyboardInterrupt):
        return _say(name, "interrupted", status.INTERRUPTED)
    except typer.Exit as leave:
        return int(leave.exit_code)
    except Exception as error:
        if isinstance(error, _ClickError):
            message = getattr(error, "format_message", error.__str__)()
            if not message:
                return status.USAGE
            return _say(name, f"{message.rstrip('.')}. See `{name} --help`.", status.USAGE)
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return _say(name, f"internal error, please report it: {what[:500]}", status.INTERNAL)


def _say(name: str, message: str, code: int) -> int:
    screen = stderr()
    screen.say((f"{name}: ", "bad"), message)
    return code
