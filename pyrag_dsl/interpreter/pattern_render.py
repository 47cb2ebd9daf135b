"""Writes a parsed regular expression out for the engine that can be interrupted.

CPython parses the pattern. The `regex` package never sees its text, but only a pattern that is rendered here from the
tree, with the few constructs that have the same meaning in both. Syntax that only `regex` knows (`{e<=1}`,
`[[a]--[b]]`, `\\L<..>`, `\\X`) therefore keeps the meaning of `re`, and so do the character classes: `\\w` without
combining marks, `\\s` with the separators 1C to 1F, and case as `re` folds it.

Three differences remain. A character outside ASCII that is newer than the host's Unicode tables is a letter or digit if
`regex` knows it. A case-insensitive backreference outside ASCII folds as in `regex`. Where a repeated group may match
nothing (`Cost.hollow`), one engine may leave the group empty and the other unset or unchanged; the same holds for a
condition on a group that is still open.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

from .pattern_cost import ASCII, DOTALL, IGNORECASE, MULTILINE, inner_flags, parser, sre

if sys.version_info >= (3, 11):
    from re import _compiler
else:
    import sre_compile as _compiler

compiler: Any = _compiler

_CLASSES = {  # category -> (for Unicode, for ASCII), in V1 syntax, where sets nest
    sre.CATEGORY_DIGIT: (r"\p{Nd}", "0-9"),
    sre.CATEGORY_SPACE: (r"\s\x1c-\x1f", r"\x20\t-\r"),
    sre.CATEGORY_WORD: (r"\p{L}\p{N}_", "a-zA-Z0-9_"),
    sre.CATEGORY_NOT_DIGIT: (r"[^\p{Nd}]", "[^0-9]"),
    sre.CATEGORY_NOT_SPACE: (r"[^\s\x1c-\x1f]", r"[^\x20\t-\r]"),
    sre.CATEGORY_NOT_WORD: (r"[^\p{L}\p{N}_]", "[^a-zA-Z0-9_]"),
}
_EDGE = "(?:(?<=[{w}])(?![{w}])|(?<![{w}])(?=[{w}]))"
_NO_EDGE = "(?:(?<=[{w}])(?=[{w}])|(?<![{w}])(?![{w}]))"
# Before 3.14, `\B` does not match the empty string.
_EMPTY_HAS_NO_EDGE = compiler.compile(r"\B", 0).match("") is not None


def render(tree: Any) -> str:
    """The pattern of a parsed tree for `regex.V1` without other flags. Groups keep their numbers."""
    return _row(tree.data, tree.state.flags)


def _row(items: Any, flags: int) -> str:
    return "".join([_node(op, argument, flags) for op, argument in items])


def _char(code: int) -> str:
    char = chr(code)
    if char.isascii() and char.isalnum():
        return char
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


@cache
def _cased() -> str:
    """All characters that have a case. In Unicode 16, the last one is 1E943."""
    chars = map(chr, range(0x1F000))
    return "".join([char for char in chars if char.lower() != char or char.upper() != char])


def _variants(members: list[Any], flags: int) -> str:
    """The further characters of a class when case is ignored, found with CPython's matcher."""
    state = parser.State()
    state.flags = flags
    state.str = ""
    both = compiler.compile(parser.SubPattern(state, [(sre.IN, members)]), flags).findall(_cased())
    return "".join([_char(ord(char)) for char in both])


def _class(members: list[Any], flags: int) -> str:
    negated = bool(members) and members[0][0] is sre.NEGATE
    out = []
    for kind, value in members[1:] if negated else members:
        if kind is sre.CATEGORY:
            out.append(_CLASSES[value][1 if flags & ASCII else 0])
        elif kind is sre.RANGE:
            out.append(f"{_char(value[0])}-{_char(value[1])}")
        else:
            out.append(_char(value))
    if flags & IGNORECASE:
        out.append(_variants(members[1:] if negated else members, flags))
    if negated and len(members) == 2:
        # `regex` joins `[^a]|[^b]` into a class without `a` and `b`, unless each class has two members.
        out *= 2
    return f"[{'^' if negated else ''}{''.join(out)}]"


def _at(where: Any, flags: int) -> str:
    if where is sre.AT_BEGINNING:
        return "(?m:^)" if flags & MULTILINE else r"\A"
    if where is sre.AT_END:
        return r"(?=\n|\Z)" if flags & MULTILINE else r"(?=\n?\Z)"
    if where in (sre.AT_BOUNDARY, sre.AT_NON_BOUNDARY):
        word = _CLASSES[sre.CATEGORY_WORD][1 if flags & ASCII else 0]
        if where is sre.AT_BOUNDARY:
            return _EDGE.replace("{w}", word)
        return _NO_EDGE.replace("{w}", word) + ("" if _EMPTY_HAS_NO_EDGE else r"(?!\A\Z)")
    return r"\A" if where is sre.AT_BEGINNING_STRING else r"\Z"


_SUFFIXES = {sre.MAX_REPEAT: "", sre.MIN_REPEAT: "?", getattr(sre, "POSSESSIVE_REPEAT", None): "+"}


def _repeat(op: Any, argument: Any, flags: int) -> str:
    low, high, body = argument
    limit = "" if high == sre.MAXREPEAT else int(high)
    return f"(?:{_row(body.data, flags)}){{{int(low)},{limit}}}{_SUFFIXES[op]}"


def _node(op: Any, argument: Any, flags: int) -> str:
    if op is sre.LITERAL:
        return _class([(op, argument)], flags) if flags & IGNORECASE else _char(argument)
    if op is sre.NOT_LITERAL:
        return _class([(sre.NEGATE, None), (sre.LITERAL, argument)], flags)
    if op is sre.IN:
        return _class(argument, flags)
    if op is sre.ANY:
        return "(?s:.)" if flags & DOTALL else "."
    if op is sre.AT:
        return _at(argument, flags)
    if op in parser._REPEATCODES:
        return _repeat(op, argument, flags)
    if op is sre.SUBPATTERN:
        return f"({'?:' if argument[0] is None else ''}{_row(argument[3].data, inner_flags(flags, argument))})"
    if op is sre.BRANCH:
        return f"(?:{'|'.join([_row(arm.data, flags) for arm in argument[1]])})"
    if op in (sre.ASSERT, sre.ASSERT_NOT):
        sign = "=" if op is sre.ASSERT else "!"
        return f"(?{'<' if argument[0] < 0 else ''}{sign}{_row(argument[1].data, flags)})"
    if op is sre.GROUPREF:
        return f"(?i:\\g<{argument}>)" if flags & IGNORECASE else f"(?:\\g<{argument}>)"
    if op is sre.GROUPREF_EXISTS:
        group, yes, no = argument
        return f"(?({group}){_row(yes.data, flags)}|{_row(no.data, flags) if no is not None else ''})"
    if op is sre.FAILURE:
        return "(?!)"
    return f"(?>{_row(argument.data, flags)})"
