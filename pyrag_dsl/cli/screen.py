"""Writes text for people: with colours only where they are wanted, and without control characters.

A line consists of parts, each with the name of a style. There is no markup, so a passage cannot contain any.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from typing import Any, TextIO

from ..quoting import one_line, visible, written
from .status import Stop

STYLES = {
    "strong": "1",
    "dim": "2",
    "call": "36",
    "good": "32",
    "bad": "1;31",
    "warn": "33",
    "value": "35",
}
Part = str | tuple[str, str]


class Screen:
    """A stream for people. What is written to a closed or broken stream is discarded.

    Attributes:
        stream: the stream.
        quiet: whether `line` writes nothing.
        terminal: whether the stream is a terminal.
        color: whether colours are written.
        above: the function that writes a line above the live view; None while there is no live view.
        width: the width in characters.
    """

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self.stream = stream
        self.quiet = quiet
        self.terminal = _is_terminal(stream)
        self.color = self.terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self.above: Callable[[str], object] | None = None
        self.width = max(40, min(shutil.get_terminal_size((100, 24)).columns, 160)) if self.terminal else 100

    def line(self, *parts: Part) -> None:
        """Write a line, unless the screen is quiet."""
        if not self.quiet:
            self.say(*parts)

    def say(self, *parts: Part) -> None:
        """Write a line, even if the screen is quiet. Each part is put on one line and made harmless."""
        self.raw("".join(self.paint(*part) if isinstance(part, tuple) else one_line_kept(part) for part in parts))

    def block(self, text: str, indent: str = "") -> None:
        """Write untrusted text with its line breaks, made harmless."""
        for each in visible(text).rstrip("\n").split("\n"):
            self.raw(indent + each)

    def raw(self, text: str) -> None:
        """Write text that this program has made, with its colours."""
        if self.above is not None:
            self.above(text.rstrip())
        else:
            write(self.stream, text.rstrip() + "\n")

    def paint(self, text: str, style: str) -> str:
        text = one_line_kept(text)
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if self.color and text else text


def one_line_kept(text: str) -> str:
    """Return `text` on one line, made harmless, with its spaces unchanged."""
    return visible(text).replace("\n", " ")


def quoted(text: str, limit: int = 100) -> str:
    """Return untrusted text in quotes, on one line, shortened to `limit` characters."""
    flat = one_line(text[: limit * 4])
    return f'"{flat}"' if len(flat) <= limit else f'"{flat[: limit - 1]}…"'


def write(stream: TextIO, text: str) -> None:
    """Write and flush. A closed pipe (`| head`) is not an error. Raises Stop if standard output cannot be written."""
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            encoding = stream.encoding or "ascii"
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except OSError as error:
        _silence(stream)
        if not isinstance(error, BrokenPipeError) and stream is sys.stdout:
            why = error.strerror or type(error).__name__
            raise Stop(f"cannot write to standard output ({why})") from None
    except ValueError:
        pass  # closed


def answer_text(value: Any) -> str:
    """The answer as text that is harmless in a terminal."""
    return visible(written(value))


def stderr(*, quiet: bool = False) -> Screen:
    return Screen(sys.stderr, quiet=quiet)


def _silence(stream: TextIO) -> None:
    # At its end, the interpreter would write what is still buffered, and fail again.
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
    except (OSError, ValueError):
        pass


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False
