"""Parses plans by `plan.lark`, the grammar of the language on one page, with which tests compare the vetter.

The grammar defines the shape of a plan; rules that it only states in comments (targets, layout, holes) are checked
here. Runs do not use this module: it is for tests, for the documentation and for changes of the language.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from lark import Lark, Token, Tree

TOOLS = ("retrieve", "answer")
_TOOL_LINE = "TOOL.2: /(?:retrieve|answer)(?![0-9A-Za-z_])/"
_TAB = 8
_INDENTATION = re.compile(r"(?<!\\)\n")
_OPEN, _CLOSE = {"LPAR", "LSQB", "LBRACE"}, {"RPAR", "RSQB", "RBRACE"}
_BRACKETS = {")": "(", "]": "[", "}": "{"}
_ESCAPE = re.compile(r"\\(?:N\{(?P<name>[^{}]*)\}|[\s\S])")

# The kinds of tree nodes that may be bound, also inside tuples and lists.
_NAMES = frozenset({"variable", "tuple", "list", "star"})
_TARGETS: dict[str, tuple[slice, frozenset[str]]] = {
    "assign": (slice(None, -1), _NAMES | {"item"}),
    "augment": (slice(1), frozenset({"variable", "item"})),
    "annotate": (slice(1), frozenset({"variable", "item"})),
    "declare": (slice(1), frozenset({"variable"})),
    "delete": (slice(None), frozenset({"variable", "tuple", "list", "item"})),
    "for": (slice(1), _NAMES | {"item"}),
    "clause": (slice(1), _NAMES),
}


class Refusal(NamedTuple):
    """The first reason why a text is not a plan by the grammar, with its line and column from 1."""

    line: int
    column: int
    message: str


class _RefusedError(Exception):
    def __init__(self, message: str, token: Any = None) -> None:
        self.refusal = Refusal(getattr(token, "line", 0) or 0, getattr(token, "column", 0) or 0, message)


def grammar() -> str:
    """The text of `plan.lark`."""
    return Path(__file__).with_name("plan.lark").read_text(encoding="utf-8")


def accepts(text: str, tools: Iterable[str] = TOOLS) -> bool:
    """Whether a text has the shape of a plan; `check` gives the reason if not.

    >>> accepts("final_answer = answer('Who?', retrieve('who'))")
    True
    >>> accepts("final_answer = retrieve.__globals__")
    False
    """
    return check(text, tools) is None


def check(text: str, tools: Iterable[str] = TOOLS) -> Refusal | None:
    """Parse a text by the grammar.

    Args:
        text: the text of a plan. Any text is safe, but CPython surely accepts only texts that have passed `scan`: the
            grammar does not check sizes and hidden characters.
        tools: the names of tools, which can be called but not bound.

    Returns:
        None for a text in the language, or the first reason why it is not in it.
    """
    from lark.exceptions import LarkError, UnexpectedInput

    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    parser = _parser(tuple(sorted(tools)))
    try:
        # With a line end before it, the first line follows the same rule of indentation as the others.
        _read(parser, "\n" + text + ("" if text.endswith("\n") else "\n"), "start")
    except _RefusedError as refused:
        line, column, message = refused.refusal
        return Refusal(max(line - 1, 1), max(column, 1), message)
    except UnexpectedInput as error:
        token: Token | None = getattr(error, "token", None)
        shown = f"`{token}`" if token and not token.isspace() else "the end of the line"
        message = f"{shown} cannot stand here" if token is not None else "this begins no word of the language"
        return Refusal(max((error.line or 1) - 1, 1), max(error.column or 1, 1), message)
    except LarkError as error:
        return Refusal(1, 1, str(error))
    return None


@lru_cache(maxsize=8)
def _parser(tools: tuple[str, ...]) -> Lark:
    """The parser for one set of tools, which is built on first use (half a second)."""
    from lark import Lark

    text = grammar()
    if set(tools) != set(TOOLS):
        names = "|".join(map(re.escape, tools)) or "(?!)"
        text = text.replace(_TOOL_LINE, _TOOL_LINE.replace("retrieve|answer", names))
    layout: Any = _Layout()
    return Lark(text, parser="lalr", lexer="basic", postlex=layout, start=["start", "hole"], maybe_placeholders=False)


def _read(parser: Lark, text: str, start: str) -> None:
    tree = parser.parse(text, start=start)
    for part in tree.iter_subtrees():
        rule = _TARGETS.get(part.data)
        if rule is not None:
            where, allowed = rule
            for target in part.children[where]:
                _check_target(target, allowed)
        elif part.data == "text":
            for literal in part.children:
                _check_text(parser, literal)  # type: ignore[arg-type]


def _check_target(target: Tree[Token] | Token, allowed: frozenset[str]) -> None:
    kind = getattr(target, "data", "")
    if kind not in allowed:
        token = next(iter(target.scan_values(bool)), None) if kind else target  # type: ignore[union-attr]
        raise _RefusedError("this cannot be bound or deleted", token)
    if kind in ("tuple", "list", "star"):
        for part in target.children:  # type: ignore[union-attr]
            _check_target(part, allowed - {"star"} if kind == "star" else allowed)


# -------------------------------------------------------------------------------------------------- layout


class _Layout:
    """Reads lines and indentation as CPython does. It has no state, so threads can share a parser."""

    always_accept = ("_NEWLINE",)

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        from lark import Token

        depth = 0
        columns = [(0, 0)]
        last: Token | None = None
        for last in stream:
            if last.type == "_NEWLINE":
                if depth == 0:
                    yield last
                    for kind in _step(columns, last):
                        yield Token.new_borrow_pos(kind, "", last)
                continue
            yield last
            depth += (last.type in _OPEN) - (last.type in _CLOSE)
        for _ in columns[1:]:
            yield Token("_DEDENT", "") if last is None else Token.new_borrow_pos("_DEDENT", "", last)


def _step(columns: list[tuple[int, int]], newline: Token) -> list[str]:
    """The tokens for a new line; this changes the stack of open blocks.

    The indentation of a line is measured twice, with tabs of eight columns and of one. Lines whose order depends on the
    width of a tab are refused, as in CPython.
    """
    wide = narrow = continued = 0
    for char in _INDENTATION.split(newline)[-1]:
        if char == "\f":
            wide = narrow = 0
        elif char == "\t":
            wide, narrow = (wide // _TAB + 1) * _TAB, narrow + 1
        elif char == " ":
            wide, narrow = wide + 1, narrow + 1
        elif char == "\\":  # a continued line is indented as far as its first indented part
            continued = continued or wide
    if continued:
        wide = narrow = continued
    place = (wide, narrow)
    dedents: list[str] = []
    while wide < columns[-1][0]:
        columns.pop()
        dedents.append("_DEDENT")
    top = columns[-1]
    if place == top:
        return dedents
    if dedents or wide == top[0] or narrow <= top[1]:
        raise _RefusedError("the indentation fits no block", newline)
    columns.append(place)
    return ["_INDENT"]


# --------------------------------------------------------------------------------------------------- strings


def _check_text(parser: Lark, literal: Token) -> None:
    """Check what the terminals do not check in a string: names of characters, and the holes of an f-string."""
    prefix, quote, rest = re.split("(\"\"\"|'''|\"|')", literal, maxsplit=1)
    content = rest[: -len(quote)]
    raw = "r" in prefix.lower()
    if not raw and "\\N" in content:
        for match in _ESCAPE.finditer(content):
            if match["name"] is not None and not _is_character(match["name"]):
                raise _RefusedError(f"there is no character named {match['name']}", literal)
    if "f" in prefix.lower():
        _Holes(parser, content, literal).read(raw)


def _is_character(name: str) -> bool:
    try:
        return len(unicodedata.lookup(name)) == 1
    except KeyError:
        return False


class _Holes:
    """Reads the braces of one f-string in a way that holds for every version of Python from 3.10."""

    def __init__(self, parser: Lark, content: str, literal: Token) -> None:
        self.parser = parser
        self.content = content
        self.literal = literal

    def read(self, raw: bool) -> None:
        at = 0
        while at < len(self.content):
            char = self.content[at]
            if char == "\\" and not raw:
                match = _ESCAPE.match(self.content, at)
                at = match.end() if match else at + 1
            elif char in "{}" and self.content.startswith(char * 2, at):
                at += 2
            elif char == "{":
                at = self.hole(at, 0)
            elif char == "}":
                raise self.refused("a single `}`")
            else:
                at += 1

    def refused(self, what: str) -> _RefusedError:
        return _RefusedError(f"{what} in an f-string", self.literal)

    def char(self, at: int) -> str:
        char = self.content[at : at + 1]
        if char in ("", "\\"):
            raise self.refused("a backslash between braces" if char else "a `{` that is not closed")
        return char

    def hole(self, start: int, level: int) -> int:
        """Read `{value=!conversion:spec}` and return the index where it ends."""
        if level > 1:
            raise self.refused("braces nested too deeply")
        end = at = self.value(start + 1)
        if self.char(at) == "=":
            at += 1
            while self.char(at).isspace():
                at += 1
        if self.char(at) == "!":
            if self.char(at + 1) not in "rsa":
                raise self.refused("an unknown conversion")
            at += 2
        if self.char(at) == ":":
            at += 1
            while (char := self.char(at)) != "}":
                at = self.hole(at, level + 1) if char == "{" else at + 1
        if self.char(at) != "}":
            raise self.refused(f"`{self.content[at]}` after the value")
        self.parse(self.content[start + 1 : end])
        return at + 1

    def value(self, at: int) -> int:
        """The end of the value that begins here: the next `}`, `:`, `!` or `=` outside strings and brackets."""
        brackets: list[str] = []
        quote = ""
        while True:
            char = self.char(at)
            if quote:
                if self.content.startswith(quote, at):
                    at, quote = at + len(quote), ""
                else:
                    at += 1
                continue
            if char in "\"'":
                quote = char * 3 if self.content.startswith(char * 3, at) else char
                at += len(quote)
                continue
            if char == "#":
                raise self.refused("a comment")
            if char in "([{":
                brackets.append(char)
            elif brackets and char in ")]}":
                if brackets.pop() != _BRACKETS[char]:
                    raise self.refused("brackets that do not match")
            elif not brackets:
                if self.content[at : at + 2] in ("!=", "==", "<=", ">="):
                    at += 1
                elif char in "!:=}":
                    return at
            at += 1

    def parse(self, value: str) -> None:
        from lark.exceptions import UnexpectedInput

        try:
            # As between brackets, line ends have no meaning.
            _read(self.parser, value.replace("\n", " ").strip(), "hole")
        except UnexpectedInput:
            raise self.refused(f"`{value}`, which is not a value,") from None
