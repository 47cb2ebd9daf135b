"""Checks the text of a regular expression before it is parsed.

CPython's parser recurses into nested brackets, and warns, through the process-wide `warnings`, of syntax whose meaning
may change. This module measures the nesting. It rewrites syntax that would cause a warning so that its meaning is fixed
(`[[a]` to `[\\[a]`), or refuses it as later versions of CPython do.
"""

from __future__ import annotations

import re
from typing import NamedTuple

VERBOSE = 64
_SUSPECT = re.compile(r"\[\[|--|&&|~~|\|\||\(\?\(|(?<!\A)\(\?[aiLmsux]+\)")
_INLINE = re.compile(r"\(\?([aiLmsux]+)\)")
_DOUBLED = re.compile(r"\[\[|--|&&|~~|\|\||(?<!\\)\(\?\((?![A-Za-z_]\w*\)|[0-9]+\))")
_SCOPED_VERBOSE = re.compile(r"\(\?[aiLmsux-]*x[aiLmsux-]*:")
_CONDITION = re.compile(r"\(\?\(([^)]*)\)")
_TEMPLATE_GROUP = re.compile(r"\\(?:g<([^>]*)>|.)", re.DOTALL)
_FEW = 40


class Text(NamedTuple):
    """A pattern that CPython parses without a warning, and the greatest depth of its brackets."""

    pattern: str
    depth: int


def examine(pattern: str, flags: int) -> Text:
    """The pattern to parse instead.

    Raises:
        re.error: CPython 3.12 refuses the pattern, and earlier versions warn of it.
    """
    brackets = pattern.count("(")
    if brackets <= _FEW and not _SUSPECT.search(pattern):
        return Text(pattern, brackets)
    if _SCOPED_VERBOSE.search(pattern):
        # Only a parser knows where comments begin, so nothing can be rewritten.
        if _DOUBLED.search(pattern):
            raise re.error("a verbose group beside doubled set characters is not supported", pattern)
        return Text(pattern, brackets)
    start = _INLINE.match(pattern)
    verbose = bool(flags & VERBOSE) or (start is not None and "x" in start.group(1))
    return _PatternScanner(pattern, verbose).run(start.end() if start else 0)


class _PatternScanner:
    def __init__(self, pattern: str, verbose: bool) -> None:
        self.pattern = pattern
        self.verbose = verbose
        self.out: list[str] = []

    def run(self, index: int) -> Text:
        pattern, out = self.pattern, self.out
        out.append(pattern[:index])
        depth = deepest = 0
        blank = True  # only white space and comments so far
        while index < len(pattern):
            char = pattern[index]
            end = index + 1
            if char == "\\":
                end += 1
            elif char == "#" and self.verbose:
                end = pattern.find("\n", index) + 1 or len(pattern)
            elif pattern.startswith("(?#", index):
                end = pattern.find(")", index) + 1 or len(pattern)
            elif char == "[":
                index = self.charset(index)
                blank = False
                continue
            elif char == "(":
                depth += 1
                deepest = max(deepest, depth)
                self.group(index, blank)
            elif char == ")":
                depth -= 1
            out.append(pattern[index:end])
            blank = blank and (pattern.startswith("(?#", index) or (self.verbose and char in "# \t\n\r\v\f"))
            index = end
        return Text("".join(out), deepest)

    def group(self, index: int, blank: bool) -> None:
        condition = _CONDITION.match(self.pattern, index)
        if condition is not None:
            name = condition.group(1)
            if not name.isidentifier() and not (name.isascii() and name.isdecimal()):
                raise re.error(f"bad character in group name {name!r}", self.pattern, index + 3)
        elif not blank and _INLINE.match(self.pattern, index):
            raise re.error("global flags not at the start of the expression", self.pattern, index)

    def charset(self, index: int) -> int:
        """Copy a set with each doubtful character escaped; returns the index behind it."""
        pattern, out = self.pattern, self.out
        index += 1
        out.append("[")
        if pattern.startswith("^", index):
            out.append("^")
            index += 1
        first = True
        while index < len(pattern):
            if pattern[index] == "]" and not first:
                out.append("]")
                return index + 1
            first = False
            index = self.member(index)
            if pattern.startswith("-", index):
                out.append("-")
                index += 1
                if index < len(pattern) and pattern[index] != "]":
                    index = self.member(index)
        return index

    def member(self, index: int) -> int:
        char = self.pattern[index]
        end = index + (2 if char == "\\" else 1)
        self.out.append("\\" + char if char in "[-&~|" else self.pattern[index:end])
        return end


def examine_template(template: str) -> None:
    """Refuse the group references in a replacement that CPython 3.12 refuses and earlier versions warn of."""
    for reference in _TEMPLATE_GROUP.finditer(template):
        name = reference.group(1)
        if name and not name.isidentifier() and not (name.isascii() and name.isdecimal()):
            raise re.error(f"bad character in group name {name!r}", template, reference.start() + 3)
