"""A strategy that changes plans in ways in which models and attackers get them wrong."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import strategies as st

_TOKEN = re.compile(
    r"""[rRfF]{0,2}(?:\"\"\"[\s\S]*?\"\"\"|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|\w+|\s+|\*\*|//|[<>=!:+*/-]=|."""
)
_WORDS = (
    "if", "else", "for", "in", "lambda", "return", "not", "is", "def", "import", "class", "None", "await",
    "yield", "with", "async", "del", "global", "nonlocal", "assert", "match", "as", "try", "except", "pass",
    "retrieve", "answer", "print", "re", "x",
)  # fmt: skip
_MARKS = (
    "(", ")", "[", "]", "{", "}", ",", ":", "=", ":=", ".", "*", "**", "@", ";", "!", "->", "\\", "==", "<",
    "-", "~", "%", "'", '"', '"""', "#", "`", "$", "...", "1_", "0x", "007", "1j", "\t", "\u00a0",
)  # fmt: skip
_LINES = (
    "import os", "from os import path", "from re import *", "class A: pass", "(lambda x: x)(1)",
    "await answer('a')", "yield 1", "with open('f') as g: pass", "match x:\n    case 1: pass",
    "retrieve = 1", "def answer(): pass", "x.y = 1", "*a = [1]", "print(*[1], **{})", "async def f(): pass",
    "@property\ndef f(): pass", "x := 1", "a, b += 1", "a + 1 = 2", "f() = 1", "for x[0] in [1]: pass",
    "x = [y for y[0] in [1]]", "del f()", "del (a, b[0])", "def f(a=1, b): pass", "def f(*): pass",
    "def f(a, /, b, *, c, **d): pass", "f(a=1, b)", "f(**a, *b)", "x = yield", "x = b'a'", "x = 1j",
    "x = ...", "...", "try: pass\nfinally: pass", "try: pass\nexcept* E: pass", "global retrieve",
    "nonlocal x", "type X = int", "x: int", "x: int = 1", "(x): __import__ = 1", "return 1",
    "if x: pass\nelse: pass", "raise X from Y", "assert (a, b)", "lambda *, a=1: a", "import re as answer",
    "x = a @ b", "x = {**a, 'b': 1}", "x = *a, b", "x = (*a)", "x[*a]", "x[1:2, 3] = 1", "x = [a := 1, 2]",
)  # fmt: skip
_PARTS = (
    "a.__class__", "a._private", "(yield)", "(await a)", "[*a]", "(a := 1)", "1 < a <= 2 != b", "lambda: 1",
    "f(*a, **b)", "{**a}", "retrieve", "f'{a!r:>{b}}'", "f'{a b}'", "f'{}'", "f'{a!x}'", "f'{a:{b:{c}}}'",
    "f'{a=}'", "f'}'", "f'{lambda x: 1}'", "f'{x for x in y}'", "f'{(yield)}'", "f\"{'\\n'}\"", "'\\d'",
    "r'\\d'", "'\\N{DASH}'", "'\\N{EM DASH}'", "u'a' f'b'", "rb'a'", "ur'a'", "__name__", "__file__",
    "not a", "a if b", "a[b:c:d]", "a[::]", "x for x in y", "[x async for x in y]",
    "[x for x in y if lambda: 1]", "{x: y for x, *y in z}", "(*a, b)", "(a,)", "()", "0_1", "1_000", "0b12",
    "1.e5", "1if a else b", "print 1", "a\nb", "a # b", "\"\"\"a\nb\"\"\"", "'''a''' 'b'", "é",
)  # fmt: skip


@st.composite
def mutants(draw: st.DrawFn, plan: st.SearchStrategy[str], most: int = 3) -> str:
    """A strategy for texts that are almost plans: a few tokens, quotes, indentations, words or lines are changed.

    Many of the texts are still plans. Never `exec` one that the vetter has not accepted.

    Args:
        plan: a strategy for the plans to change.
        most: the most changes of a plan.

    >>> mutants(st.just("final_answer = answer('Who?')\\n")).example()  # doctest: +SKIP
    "final_answer = answer answer('Who?')\\n"
    """
    text = draw(plan)
    for _ in range(draw(st.integers(1, most))):
        tokens = _TOKEN.findall(text)
        if not tokens:
            return text
        text = "".join(draw(_CHANGES)(draw, tokens))
    return text


def _place(draw: Any, tokens: list[str]) -> int:
    place: int = draw(st.integers(0, len(tokens) - 1))
    return place


def _drop(draw: Any, tokens: list[str]) -> list[str]:
    place = _place(draw, tokens)
    return tokens[:place] + tokens[place + 1 :]


def _double(draw: Any, tokens: list[str]) -> list[str]:
    place = _place(draw, tokens)
    return [*tokens[:place], tokens[place], *tokens[place:]]


def _swap(draw: Any, tokens: list[str]) -> list[str]:
    one, other = _place(draw, tokens), _place(draw, tokens)
    tokens = list(tokens)
    tokens[one], tokens[other] = tokens[other], tokens[one]
    return tokens


def _replace(draw: Any, tokens: list[str]) -> list[str]:
    place = _place(draw, tokens)
    return [*tokens[:place], draw(st.sampled_from(_WORDS + _MARKS + _PARTS)), *tokens[place + 1 :]]


def _insert(draw: Any, tokens: list[str]) -> list[str]:
    place = _place(draw, tokens)
    return [*tokens[:place], draw(st.sampled_from(_MARKS + _WORDS)), *tokens[place:]]


def _quote(draw: Any, tokens: list[str]) -> list[str]:
    place = _place(draw, tokens)
    swapped = tokens[place].translate(str.maketrans("\"'", "'\""))
    return [*tokens[:place], swapped, *tokens[place + 1 :]]


def _indent(draw: Any, tokens: list[str]) -> list[str]:
    lines = "".join(tokens).split("\n")
    place = _place(draw, lines)
    change = draw(st.sampled_from(("    ", "", "\t", "  ", " ", "        ", "\f", "\\\n")))
    lines[place] = change + (lines[place].lstrip() if draw(st.booleans()) else lines[place])
    return ["\n".join(lines)]


def _splice(draw: Any, tokens: list[str]) -> list[str]:
    lines = "".join(tokens).split("\n")
    place = _place(draw, lines)
    indent = re.match(r"\s*", lines[place])
    assert indent is not None
    added = draw(st.sampled_from(_LINES)).split("\n")
    return ["\n".join([*lines[:place], *(indent[0] + line for line in added), *lines[place:]])]


_CHANGES = st.sampled_from([_drop, _double, _swap, _replace, _insert, _quote, _indent, _splice])
