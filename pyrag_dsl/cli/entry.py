"""Runs a command line and returns its exit status. Every error is shown as one message, never as a traceback."""

from __future__ import annotations

import codecs
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import typer

from . import status
from .screen import stderr

# typer ships click under a name of its own in some versions; the class is the same.
_ClickError = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def enter(app: typer.Typer, name: str, argv: Sequence[str] | None) -> int:
    """Carry out a command line and return its exit status."""
    # Log records of libraries are for services that set up logging. Here they would only disturb the messages.
    logging.getLogger().addHandler(logging.NullHandler())
    _open_streams()
    if sys.stdout is None:
        return _say(name, "standard output is closed: there is nowhere to write the answer", status.USAGE)
    command = typer.main.get_command(app)
    _tidy_help(command)
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
            verb = getattr(getattr(error, "ctx", None), "command_path", name)
            return _say(
                name, f"{message.replace(': Value error, ', ': ').rstrip('.')}. See `{verb} --help`.", status.USAGE
            )
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return _say(name, f"internal error, please report it: {what[:500]}", status.INTERNAL)


def _open_streams() -> None:
    """Make the standard streams accept any text. A closed stderr discards messages; an ASCII stream becomes UTF-8."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr) if not os.environ.get("PYTHONIOENCODING") else ():
        with suppress(AttributeError, LookupError, ValueError):  # a substitute for a stream in a test stays as it is
            if codecs.lookup(stream.encoding).name == "ascii":
                stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]


def _tidy_help(command: Any) -> None:
    """Make the help look the same with every version of typer: some keep line breaks of the source or show `<bool>`."""
    if command.help:
        command.help = "\n\n".join(" ".join(part.split()) for part in command.help.split("\n\n"))
    help_option = command.get_help_option
    command.get_help_option = lambda ctx: _untyped(help_option(ctx))
    for param in command.params:
        if getattr(param, "is_flag", False) or param.param_type_name == "argument":
            _untyped(param)
    for below in getattr(command, "commands", {}).values():
        _tidy_help(below)


def _untyped(param: Any) -> Any:
    """Hide the type of a parameter in the help, because it takes no value or its name says what it is."""
    if param is not None:
        param.display_type_rich = lambda **_context: None
    return param


def _say(name: str, message: str, code: int) -> int:
    screen = stderr()
    screen.say((f"{name}: ", "bad"), message)
    return code
