"""A plan as lines of coloured pieces, and the differences between its drafts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

LONGEST = 200_000
"""The most characters of a plan that is coloured; a longer one is shown without colours."""

Piece = tuple[str, str]
"""The name of a style ("" for none), and a text."""

_STYLES = (
    ("Token.Comment", "com"),
    ("Token.Keyword", "key"),
    ("Token.Operator.Word", "key"),
    ("Token.Literal.String", "str"),
    ("Token.Literal.Number", "num"),
    ("Token.Name.Builtin", "fun"),
    ("Token.Name.Function", "fun"),
)


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of a difference.

    Attributes:
        mark: "+" if the line was added, "-" if it was removed, " " if it is in both, "@" in place of lines left out.
        text: the line.
    """

    mark: str
    text: str


def coloured(source: str, tools: Sequence[str] = ()) -> list[list[Piece]]:
    """The lines of a plan, each as coloured pieces. The names of tools have their own style."""
    if len(source) > LONGEST:
        return [[("", line)] for line in source.split("\n")]
    from pygments.lexers.python import PythonLexer  # a dependency of rich

    lines: list[list[Piece]] = [[]]
    names = frozenset(tools)
    # The lexer would treat a carriage return as the end of a line, and so change the line numbers.
    for kind, text in PythonLexer(stripnl=False, ensurenl=False).get_tokens(source.replace("\r", " ")):
        name = str(kind)
        style = "tool" if text in names else next((style for begin, style in _STYLES if name.startswith(begin)), "")
        for number, part in enumerate(text.split("\n")):
            if number:
                lines.append([])
            if part:
                lines[-1].append((style, part))
    return lines


def difference(before: str, after: str, around: int = 2) -> tuple[DiffLine, ...]:
    """The difference between two texts, with `around` unchanged lines before and after each change."""
    old, new = before.rstrip("\n").split("\n"), after.rstrip("\n").split("\n")
    made: list[DiffLine] = []
    for group in SequenceMatcher(None, old, new, autojunk=len(old) + len(new) > 2_000).get_grouped_opcodes(around):
        first = group[0]
        if made or first[1] > 0:
            made.append(DiffLine("@", f"line {first[1] + 1}"))
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                made += [DiffLine(" ", line) for line in old[i1:i2]]
            else:
                made += [DiffLine("-", line) for line in old[i1:i2]]
                made += [DiffLine("+", line) for line in new[j1:j2]]
    return tuple(made)
