"""Reads the files that the user names, and checks the outputs before any call that costs something is made."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..grammar.diagnostics import Diagnostic, PlanRejected
from .status import Stop

if TYPE_CHECKING:
    from ..runtime.trace import Trace

MOST_BYTES = 4 * 1024 * 1024
"""The size of the largest file that is read: sixteen times the longest reply from which a plan is extracted."""

_QUESTION = re.compile(r"[ \t]*#[ \t]*question[ \t]*:[ \t]*(\S.*)", re.IGNORECASE)
_QUESTION_LINES = 10


@dataclass(frozen=True, slots=True)
class PlanText:
    """A plan as it was read.

    Attributes:
        source: the code of the plan.
        name: the name of the plan in messages.
        left_out: a message about the text around the plan that was left out; empty if nothing was.
    """

    source: str
    name: str
    left_out: str = ""

    @property
    def question(self) -> str:
        """The question in a comment `# question: ...` in the first lines of the plan; empty if there is none."""
        for line in self.source.split("\n", _QUESTION_LINES)[:_QUESTION_LINES]:
            found = _QUESTION.match(line)
            if found:
                return found[1].strip()
        return ""


def read_plan(place: str) -> PlanText:
    """Read a plan from a file. If the file holds a reply of a model, the plan is taken out of it.

    Args:
        place: the path of the file, or `-` for standard input.

    Raises:
        Stop: the file cannot be read, or is not text.
        PlanRejected: the file is larger than `MOST_BYTES`.
    """
    name = "<stdin>" if place == "-" else place
    raw = _stdin() if place == "-" else _file(Path(place), "plan")
    if len(raw) > MOST_BYTES:
        message = f"the plan has more than {MOST_BYTES:,} bytes"
        raise PlanRejected((Diagnostic("PLAN102", message),))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        hint = "it is encoded as UTF-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "it may be a binary file"
        raise Stop(f"{name}: not UTF-8 text (byte {error.start + 1}); {hint}") from None
    from ..grammar.extract import extract_code

    text = text.replace("\r\n", "\n")
    code = extract_code(text)
    if code.strip() == text.replace("\r", "\n").strip():
        return PlanText(text, name)  # keeps a carriage return that stands alone, so that the vetter rejects it
    return PlanText(code, name, _left_out(text, code))


def _left_out(text: str, code: str) -> str:
    start = text.find(code.strip("\n"))
    if start < 0:
        return "the plan was put together from the text around it"
    first = text.count("\n", 0, start) + 1
    last = first + code.strip("\n").count("\n")
    return f"the plan was taken out of the text around it (lines {first} to {last})"


def _file(path: Path, what: str) -> bytes:
    try:
        if path.is_dir():
            raise Stop(f"{path}: a directory where the file of a {what} was expected")
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise Stop(f"{path}: there is no such file (the {what})") from None
    except OSError as error:
        raise Stop(f"{path}: cannot be read ({error.strerror or type(error).__name__})") from None
    except ValueError as error:
        raise Stop(f"the path of the {what} is not valid: {error}") from None


def _stdin() -> bytes:
    stream = sys.stdin
    buffer = getattr(stream, "buffer", None)
    return buffer.read(MOST_BYTES + 1) if buffer is not None else stream.read(MOST_BYTES + 1).encode()


def load_trace(path: Path) -> Trace:
    """Read the trace in a file. Raises Stop."""
    from ..runtime.trace import Trace, TraceError

    if path.is_dir():
        raise Stop(f"{path}: a directory where the file of a trace was expected")
    try:
        return Trace.load(path)
    except TraceError as error:
        raise Stop(str(error)) from None


def read_text(path: Path, option: str) -> str:
    """Read the text of a file that an option names. Raises Stop."""
    raw = _file(path, option)
    if len(raw) > MOST_BYTES:
        raise Stop(f"{option} {path}: more than {MOST_BYTES:,} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Stop(f"{option} {path}: not UTF-8 text (byte {error.start + 1})") from None


def check_output(path: Path | None, option: str, *, apart_from: Iterable[Path | str | None] = ()) -> None:
    """Raise Stop unless an output file can be written.

    Args:
        path: the output file; None if there is none.
        option: the option that names it, for messages.
        apart_from: files that the same command uses otherwise and that the output must not replace.
    """
    if path is None:
        return
    for other in apart_from:
        if other is not None and _same(path, Path(other)):
            raise Stop(f"{option} {path}: this file is used for something else in the same command")
    try:
        if path.is_dir():
            raise Stop(f"{option} {path}: a directory where a file was expected")
        if path.exists() and not path.is_file():
            raise Stop(f"{option} {path}: not a regular file")
        if path.exists() and not os.access(path, os.W_OK):
            raise Stop(f"{option} {path}: cannot be written (Permission denied)")
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".pyrag-"):
            pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Stop(f"{option} {path}: cannot be written ({reason})") from None


def _same(one: Path, other: Path) -> bool:
    try:
        return one.resolve() == other.resolve()
    except (OSError, ValueError, RuntimeError):
        return False


def read_inputs(given: Iterable[str], question: str | None, *, option: str = "--input") -> dict[str, Any]:
    """Inputs by name from texts `NAME=VALUE`. A value that is not JSON is taken as text. Raises Stop."""
    found: dict[str, Any] = {}
    for each in given:
        name, equals, text = each.partition("=")
        if not equals or not name:
            raise Stop(f"{option} {each}: write it as NAME=VALUE")
        if name in found or (name == "question" and question is not None):
            raise Stop(f"{option} {name}: this input is given twice")
        try:
            found[name] = json.loads(text)
        except (ValueError, RecursionError):
            found[name] = text
    return found


def read_prompts(prompts: Iterable[str]) -> dict[str, str]:
    """The texts of the files of `--prompt NAME=FILE`, by name. Raises Stop."""
    found = {}
    for each in prompts:
        name, equals, file = each.partition("=")
        if not equals or not name.isidentifier() or not file:
            raise Stop(f"--prompt {each}: write it as NAME=FILE")
        found[name] = read_text(Path(file), "--prompt")
    return found


def api_key(variable: str | None) -> str | None:
    """The value of the environment variable that `--api-key-env` names; None if none is named. Raises Stop."""
    key = os.environ.get(variable) if variable else None
    if variable and not key:
        raise Stop(f"--api-key-env: the environment variable {variable} is not set")
    return key
