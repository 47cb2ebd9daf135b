"""Runs CPython's parser on a scanned text, and finds all of its syntax errors.

After an error, its logical line is replaced (by `pass`, or `if 0:` for a header) and the text is parsed again. Each
error is therefore CPython's own, and not a consequence of the first.
"""

from __future__ import annotations

import ast
import re

from .diagnostics import Diagnostic, Edit, Fix, Span
from .edits import apply_edits
from .findings import PARSING, Overspent
from .scan import Scan
from .surface import tokens

MAX_ERRORS = 8

# Patterns for CPython's messages, with their codes. The first match counts.
_KINDS = (
    (r"was never closed|unmatched|does not match opening|closing parenthesis|unexpected EOF", "PLAN105"),
    (r"f-string", "PLAN110"),
    (r"unterminated|EOL while scanning|EOF while scanning", "PLAN106"),
    (r"expected ':'", "PLAN107"),
    (r"expected an indented block", "PLAN114"),
    (r"indent|inconsistent use of tabs", "PLAN108"),
    (r"invalid non-printable character|invalid character", "PLAN103"),
    (r"Maybe you meant '=='|cannot assign to .* here", "PLAN112"),
    (r"invalid decimal literal|leading zeros", "PLAN113"),
    (r"keyword argument repeated|duplicate argument|follows keyword|follows default|parameter", "PLAN214"),
    (r"outside|not in loop|nonlocal|global", "PLAN213"),
)
_KIND_RES = tuple((re.compile(pattern), code) for pattern, code in _KINDS)
_PROSE = re.compile(r"\s*[A-Z][A-Za-z'’]*,?(?: [\w'’,\-:;()\"]+){2,}[.:!?]?\s*$")
_HEADER = re.compile(r"\s*(?:if|elif|else|for|while|def|class|try|except|finally|with|async|match|case)\b")


def parse(scanned: Scan) -> ast.Module | None:
    """The tree, or None after the syntax errors were reported, except on lines where the scan has found a problem."""
    found = scanned.found
    known = {diagnostic.span.line for diagnostic in found.errors if diagnostic.span}
    # The parser warns of unknown escapes, and warnings cannot be caught in one thread only.
    text = apply_edits(scanned.text, scanned.escapes) if scanned.escapes else scanned.text
    lines: list[str] | None = None
    for _ in range(MAX_ERRORS):
        try:
            # For an error, the parser reads the text twice more.
            found.charge(PARSING * len(text) * (1 if lines is None else 3))
            tree = ast.parse(text)
            return None if lines else tree
        except SyntaxError as error:
            if lines is None:
                lines = text.split("\n")
            diagnostic, first, last = _diagnose(error, lines)
            if diagnostic.span and diagnostic.span.line not in known:
                found.add(diagnostic)
            if not _blank(lines, first, last):
                break
            text = "\n".join(lines)
        except (ValueError, MemoryError, RecursionError, OverflowError, SystemError):
            found.add(Diagnostic("PLAN104", "the text is too deeply nested to be read"))
            break
        except Overspent:
            if lines is None:
                raise
            break  # only the first errors of a long text are reported
    if not found:
        found.add(Diagnostic("PLAN100", "the text cannot be read as a program"))
    return None


def _diagnose(error: SyntaxError, lines: list[str]) -> tuple[Diagnostic, int, int]:
    """The diagnostic, and the first and last line to blank."""
    message = error.msg or "invalid syntax"
    line = min(max(error.lineno or 1, 1), max(len(lines), 1))
    column = max(error.offset or 1, 1)
    end_line = error.end_lineno or line
    end_column = error.end_offset or column + 1
    if (end_line, end_column) <= (line, column):
        end_line, end_column = line, column + 1
    span = Span(line, column, end_line, end_column)
    code = next((code for pattern, code in _KIND_RES if pattern.search(message)), "PLAN100")
    source = lines[line - 1] if lines else ""
    fixes: tuple[Fix, ...] = ()
    if code in ("PLAN100", "PLAN106", "PLAN113") and _PROSE.match(source):
        indent = len(source) - len(source.lstrip())
        edit = Edit(Span(line, indent + 1, line, indent + 1), "# ")
        fixes = (Fix("make the line a comment", (edit,), "safe"),)
        code, message = "PLAN115", "a line of prose"
        span = Span(line, indent + 1, line, len(source) + 1)
    elif code == "PLAN107":
        edit = Edit(Span(line, column, line, column), ":")
        fixes = (Fix("add `:`", (edit,), "maybe"),)
    elif code == "PLAN112" and "==" in message:
        at = source.find("=", column - 1)
        if at >= 0:
            fixes = (Fix("compare with `==`", (Edit(Span(line, at + 1, line, at + 2), "=="),), "maybe"),)
    first, last = _logical_line(lines, line)
    return Diagnostic(code, _clean(message), span, fixes=fixes), first, last


def _clean(message: str) -> str:
    """CPython's message without the parts that differ between versions."""
    message = re.sub(r"\s*\(detected at line \d+\)|\s*\(<unknown>, line \d+\)", "", message)
    return message.removeprefix("f-string: ") if message.startswith("f-string: ") else message


def _logical_line(lines: list[str], line: int) -> tuple[int, int]:
    """The first and last line (from 1) of the statement with an error, as far as its brackets tell."""
    first = last = line
    depth = _depth(lines[line - 1]) if lines else 0
    while depth > 0 and last < len(lines) and last - line < 200:
        following = lines[last]
        if following and not following[0].isspace() and re.match(r"[A-Za-z_]\w*\s*=[^=]|#|(?:if|for|def)\b", following):
            break  # a new statement begins, so a bracket was never closed
        last += 1
        depth += _depth(following)
    return first, last


def _depth(line: str) -> int:
    code = "".join(piece for kind, piece in tokens(line) if kind == "code")
    return sum(code.count(char) for char in "([{") - sum(code.count(char) for char in ")]}")


def _blank(lines: list[str], first: int, last: int) -> bool:
    """Replace lines so that the rest can be parsed. Returns whether there was anything to replace."""
    if not lines or not lines[first - 1].strip() or lines[first - 1].strip() == "pass":
        return False
    source = lines[first - 1]
    indent = source[: len(source) - len(source.lstrip())]
    following = next((line for line in lines[last:] if line.strip()), "")
    opens = _HEADER.match(source) and len(following) - len(following.lstrip()) > len(indent)
    lines[first - 1] = indent + ("if 0:" if opens else "pass")
    for index in range(first, last):
        lines[index] = ""
    return True
