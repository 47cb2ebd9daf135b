"""Checks of text that may be Python: its tokens, its lines of code, and whether it parses.

Unlike the parser, which explains what is wrong with a plan, these checks only answer yes or no, and they are cheap and
safe for any text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

MAX_PLAN = 64 * 1024
MAX_LINE = 4 * 1024
MAX_DEPTH = 50
MAX_OPERATORS = 400
MAX_ELIFS = 200


# Every alternative may end at the end of the text, so none fails after a long scan, and matching is linear.
TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)
    |(?P<string>"{3}[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*(?:"{3}|\\?\Z)
        |'{3}[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*(?:'{3}|\\?\Z)
        |"[^"\\\n]*(?:\\.[^"\\\n]*)*(?:"|(?=\n)|\\?\Z)
        |'[^'\\\n]*(?:\\.[^'\\\n]*)*(?:'|(?=\n)|\\?\Z))
    |(?P<curly>[“”„‟″‘’‚‛′])""",
    re.VERBOSE | re.DOTALL,
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_OPERATOR = re.compile(r"[-+~*/%@&|^<>=.!(\[{:]|\b(?:not|lambda|if|else|await)\b")
_ESCAPE = re.compile(r"\\N\{[^{}\n]*\}|\\(.)", re.DOTALL)
_GLUED = re.compile(r"\b(\d\w*?)(and|else|for|if|in|is|not|or)\b")


def tokens(text: str) -> Iterator[tuple[str, str]]:
    """The pieces of `text`, each with its kind: "code", "comment", "string" or "curly". Joined, they are the text."""
    position = 0
    for match in TOKEN.finditer(text):
        if match.start() > position:
            yield "code", text[position : match.start()]
        yield match.lastgroup or "code", match.group()
        position = match.end()
    if position < len(text):
        yield "code", text[position:]


def _is_shallow(text: str) -> bool:
    """Whether no nesting in `text` is so deep that CPython's parser could exhaust the C stack."""
    depth = operators = 0
    before = ""
    for kind, piece in tokens(text):
        if kind == "string" and "f" in before[-2:].lower():
            operators += len(_OPERATOR.findall(piece))
        elif kind in ("code", "curly"):
            for line in re.split(r"(?<!\\)(\n)", piece):
                if line == "\n" and depth == 0:
                    operators = 0
                operators += len(_OPERATOR.findall(line))
                for bracket in re.findall(r"[(\[{)\]}]", line):
                    depth = depth + 1 if bracket in "([{" else max(0, depth - 1)
                    if depth > MAX_DEPTH:
                        return False
                if operators > MAX_OPERATORS:
                    return False
        before = piece
    return operators <= MAX_OPERATORS


class _Judged:
    """The texts that were checked for one reply, and the number of characters that may still be parsed."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.parses: dict[str, bool] = {}


_judged: ContextVar[_Judged | None] = ContextVar("judged", default=None)


@contextmanager
def judging(characters: int) -> Iterator[None]:
    """A context in which each text is parsed only once, and no text after so many characters."""
    token = _judged.set(_Judged(characters))
    try:
        yield
    finally:
        _judged.reset(token)


def tree_of(text: str) -> ast.Module | None:
    """The tree of `text`, or None when it does not parse or is not safe to parse.

    The parser warns about unknown escapes and glued numbers, and silencing it is not thread-safe. Therefore it gets a
    copy in which `?` replaces them: outside a string, this is as wrong as a stray backslash.
    """
    judged = _judged.get()
    if len(text) > MAX_PLAN or "\0" in text or _SURROGATE.search(text) or (judged and judged.left < 0):
        return None
    if len(re.findall(r"\belif\b", text)) > MAX_ELIFS or any(len(line) > MAX_LINE for line in text.split("\n")):
        return None
    if not _is_shallow(text):
        return None
    inert = _ESCAPE.sub(lambda m: m.group() if m.group(1) and m.group(1) in "\"'\\\n" else "?", text)
    seen = 1.0
    try:
        return ast.parse(_GLUED.sub(r"\1 \2", inert))
    except SyntaxError as error:
        seen = (error.lineno or 1) / (text.count("\n") + 1)
    except (ValueError, MemoryError, RecursionError):
        pass
    finally:
        if judged:
            judged.left -= int(len(text) * (0.25 + seen))
    return None


def parses(text: str) -> bool:
    """Whether `text` is Python. The check is safe for any text, and False for a text that is too large."""
    judged = _judged.get()
    if judged is None:
        return tree_of(text) is not None
    found = judged.parses.get(text)
    if found is None:
        found = judged.parses[text] = tree_of(text) is not None
    return found


CODE_LINE = re.compile(
    r"""[ \t]*(?:
      [A-Za-z_][\w.]*(?:\[[^\]\n]*\])*(?:[ \t]*,[ \t]*[A-Za-z_*][\w.]*)*[ \t]*
        (?::[\w.\[\], \t|]+)?[-+*/%|&]?=(?!=)
      |from[ \t]+[\w.]+[ \t]+import[ \t]|import[ \t]+\w+(?:\.\w+)*(?:[ \t]+as[ \t]+\w+)?[ \t]*(?:,|\#|$)
      |(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(|class[ \t]+\w+[ \t]*[(:]
      |(?:if|elif|for|while|with|except|try|else|finally)\b[^\n]*:[ \t]*(?:\#.*)?$
      |return\b[ \t]*(?:[\w.\[\]"'()]*$|\w*\()|[A-Za-z_]\w*(?:\.\w+)*\(
    )""",
    re.VERBOSE,
)


def has_code(text: str) -> bool:
    return any(CODE_LINE.match(line[:MAX_LINE]) for line in text.split("\n"))
