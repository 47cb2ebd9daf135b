"""Vetting has a budget: whatever 64 KB of text say, they are read, refused, mended and shown for about their length."""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st

import pyrag_dsl as pd
from pyrag_dsl.grammar.exporters import render_lsp, render_sarif
from pyrag_dsl.grammar.findings import MAX_FOUND, MAX_SPELLING, MAX_SUGGESTED, MAX_WORK, Budget, Findings
from pyrag_dsl.grammar.language import DEFAULT_SIGNATURES
from pyrag_dsl.grammar.render import render_json, render_prompt, render_terminal
from pyrag_dsl.grammar.scan import MAX_SOURCE
from pyrag_dsl.grammar.vet import parse_within

# A piece of a text, to be repeated; `@` becomes a number that counts up.
PIECES = (
    # names that nobody knows, close ones, long ones, one used often
    "abcdefghij@ = 1\n", "abcdefghji@z\n", "abcdefghij\n", "def f@(): g@()\n", "[x@ for y in z]\n",
    "retrieve(querry@=1)\n",
    "retrieve(querry@=1, topkk@=2)\n", "a.splitt@\n", "re.serch@('a')\n", "import os@\n", "a" * 190 + "@\n",
    "lambda: b@\n",
    # quotes and braces that only open
    "'", '"', "'''", '"""', "\\'", '\\"', "x = 'abc\n", "x = f'{a\n", 'f"{a["b"]}"\n', "“", "’a", "“a” ",
    "x = “a’b\n",
    "'Don't'\n", "f'{a:{b}}'\n", "f'{f\"{a}\"}'\n", "{a}", "f'{", "(", "[", "{", ")", "]}", "{[(", "'\\d'\n", "\\d",
    "\\",
    # blocks, comprehensions, functions
    "if a@:\n b = 1\n", "if a:\n b\nelif c:\n d\n", "elif a:\n b\n", "while a:\n b = c\n", "for a in b:\n c = a\n",
    "try:\n a\nexcept b:\n c\n", "def f():\n global a@\n", "def f():\n nonlocal a\n",
    "def f(a=1, *b, **c): return a\n1\n",
    "[[x for x in y] for y in z]\n", "[(a@ := x) for x in y]\n", "(a@ := 1)\n",
    "if 1:\n if 1:\n  if 1:\n   if 1:\n    a@ = b@\n",
    "class A@:\n a = 1\n", "with a as b: pass\n", "@a.b\ndef f(): pass\n", "@lru_cache(maxsize=@)\ndef f(): pass\n",
    "(lambda: " * 20 + "1" + ")" * 20 + "\n", "[" * 28 + "1" + "]" * 28 + "\n", "f(" * 28 + ")" * 28 + "\n", "not ",
    "-", "a.b.",
    # statements that mean little
    "a\n", "a;", "a@ = 1\n", "a = b = c = 1\n", "a, b, *c = d\n", "del a@\n", "pass\n", "break\n", "return 1\n",
    "await a\n",
    "yield\n", "import re\n", "from re import *\n", "re.search('a', 'b')\n", "answer = 1\n", "x@ = answer('')\n",
    "list = 1; list()\n",
    "'a' + 1\n", "'{a.b}'.format(1)\n", "x = 'a'; x.append(1)\n", "datetime.strptime(a)\n", "datetime.datetime(a)\n",
    "a < b < c\n",
    "from datetime import datetime\n", "import datetime\n", "a: int = 1\n", "__a@\n", "namedtuple('a', 'b@ c')\n",
    "assert a, b\n",
    # numbers, spaces, what is not ASCII
    "1if 2else 3\n", "9" * 3000, "76er = 1\n", "@er = 1\n", "1_", "0x", "1e999\n", " ", "\t", "\n", "\r", "\f",
    "    a = 1\n", "\ta\n",
    "  a\n b\n", "é", "é = 1\n", "a\u00a0= 1\n", "\u200b", "\u202e", "\ud800", "\x00", "𝐚", "# é\n", ";          b\n",
    "a=\\\n",
    # prose, and what models put around a plan
    "The quick brown fox jumps over it.\n", "The", " quick", "Here is the plan:\n\n", "Hello there.\n\n",
    "else if a:\n", "if a = 1:\n",
    "if a\n", "```\n", "```python\na = 1\n```\n", "````\n", "~~~\n", "`a`\n", "**a = 1**\n", "- a = 1\n", "> ",
    "> a = 1\n", ">>> a = 1\n",
    "@: a = 1\n", "1. a = 1\n", "<think>", "</think>", "<code>", "</code>", "<code>a = 1\n", "&quot;", "&lt;a\n",
    "&#@;", "&#99999", "\\n",
    '{"code": "', 'a = 1\\n', '"}', "<|im_end|>", "a:", "return ", "a , ", ": ",
)  # fmt: skip


def filled(pieces: list[str], size: int) -> str:
    """Pieces in turn, up to a size; each `@` in them is a number of its own."""
    made: list[str] = []
    left, number = size, 0
    while True:
        for piece in pieces:
            text = piece.replace("@", str(number))
            number += 1
            left -= len(text)
            if left < 0:
                return "".join(made)
            made.append(text)


@st.composite
def texts(draw: st.DrawFn, size: int) -> str:
    """Hostile texts: a few stretches, each of a few pieces again and again."""
    stretches = draw(st.lists(st.lists(st.sampled_from(PIECES), min_size=1, max_size=3), min_size=1, max_size=3))
    return "".join(filled(pieces, size // len(stretches)) for pieces in stretches)


def read(text: str, *, strict: bool = False) -> tuple[pd.Diagnostic, ...]:
    """What is said of a text: why it is refused, or its warnings."""
    try:
        return pd.parse(text, strict=strict).diagnostics
    except pd.PlanRejected as rejected:
        return rejected.diagnostics


def phases(text: str) -> dict[str, Callable[[], Any]]:
    """All that may be done with a text before anything runs. What is found is read once, before."""
    found = read(text)
    return {
        "parse": lambda: read(text),
        "strict": lambda: read(text, strict=True),
        "extract": lambda: pd.extract_code(text),
        "fix": lambda: pd.fix(text),
        "fix, good guesses too": lambda: pd.fix(text, maybe=True),
        "terminal": lambda: render_terminal(found, text, color=True),
        "prompt": lambda: render_prompt(found, text),
        "json": lambda: json.dumps(render_json(found)),
        "lsp": lambda: json.dumps(render_lsp(found, text)),
        "sarif": lambda: json.dumps(render_sarif(found)),
    }


def events(function: Callable[[], Any]) -> int:
    """How many functions are called, of Python and of C: the same on every machine."""
    count = 0

    def called(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


QUICK = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
pytestmark = pytest.mark.filterwarnings("ignore")


@QUICK
@given(texts(12_000))
@example("a;b;c;d\n" * 1_500)
@example(filled(["abcdefghij@ = 1\nabcdefghji@z\n"], 12_000))
@example(filled(["retrieve(querry@=1)\n"], 12_000))
def test_few_problems_are_named_and_the_rest_is_counted(text: str) -> None:
    found = read(text)
    assert len(found) <= MAX_FOUND
    assert sum("Did you mean" in each.help for each in found) <= MAX_SUGGESTED
    rest = [each for each in found if each.code == "PLAN224"]
    assert len(rest) <= 1
    assert rest == [each for each in found if each.count != 1 or each.code == "PLAN224"]
    if rest:
        assert found[-1] is rest[0]
        assert len(found) == MAX_FOUND
        number = f"{rest[0].count:,} more problem"
        assert number in render_terminal(found, text)
        assert render_json(found)[-1]["count"] == rest[0].count
        assert number in json.dumps(render_lsp(found, text))
        assert number in json.dumps(render_sarif(found))
    shown = render_prompt(found, text, limit=2_000)
    if shown.endswith(" more."):
        told = int(shown.rsplit("\n", 1)[-1].split()[2].replace(",", ""))
        assert told + shown.count("\n   help: ") == sum(each.count for each in found)


def test_the_count_is_that_of_all_problems() -> None:
    found = read("a;b;c;d\n" * 1_000)
    assert sum(each.count for each in found) == 4_000


@pytest.mark.parametrize(("errors", "notes"), [(99, 0), (100, 0), (101, 1)])
def test_a_hundred_problems_are_all_named(errors: int, notes: int) -> None:
    found = read("".join(f"unknown{number}\n" for number in range(errors)))
    assert len(found) == min(errors, MAX_FOUND)
    assert sum(each.code == "PLAN224" for each in found) == notes


def test_no_flood_of_warnings_hides_an_error() -> None:
    found = read("x = 1\n" + "x = 'a'; x.append(1)\n" * 200 + "final_answer = unknown\n")
    assert (found[0].code, found[0].severity) == ("PLAN208", "error")


def test_a_name_that_is_misspelled_often_is_mended_all_the_same() -> None:
    text = "question = 'a'\n" + "print(queston)\n" * 45 + "final_answer = question\n"
    assert "queston" not in pd.fix(text).text


@QUICK
@given(texts(12_000))
@example("for q in z:\n [" + "".join(f"(a{level} := " for level in range(22)) + "1" + ")" * 22 + " for x in y]\n")
def test_work_is_paid_for(text: str) -> None:
    """The budget of a text of full size is never used up by what is proportional to its length."""
    budget = Budget(10**9, 10**9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            parse_within(budget, text, DEFAULT_SIGNATURES)
        except pd.PlanRejected as rejected:
            if rejected.diagnostics[0].phase == "syntax":
                return  # each look for one more error is paid for, and there are as many as the budget allows
    assert 10**9 - budget.work <= MAX_WORK / MAX_SOURCE * len(text) + 1_000


def growth(text: str, twice: str) -> dict[str, tuple[int, int]]:
    large = phases(twice)
    counted = {name: (events(small), events(large[name])) for name, small in phases(text).items()}
    return {name: (few, many) for name, (few, many) in counted.items() if many > 5 * few + 40_000}


@pytest.mark.thorough
@settings(QUICK, max_examples=6)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=3))
@example(["abcdefghij@ = 1\nabcdefghji@z\n"])
@example(["retrieve(querry@=1)\n"])
@example(["def f@(): g@()\n"])
@example(["await a\n"])
@example(["abcdefghij@ = 1\n", "abcdefghij@ = 1\n", 'f"{a["b"]}"\n'])  # it steps up once, to what the budget allows
def test_four_times_the_text_takes_four_times_the_calls(pieces: list[str]) -> None:
    """What grows faster from 3,000 characters to 12,000 does not go on so: it meets the budget."""
    faster = growth(filled(pieces, 3_000), filled(pieces, 12_000))
    if faster:
        still = growth(filled(pieces, 12_000), filled(pieces, 48_000))
        assert not faster.keys() & still.keys(), (faster, still)


def test_names_are_compared_within_a_budget() -> None:
    budget = Budget()
    found = Findings(budget)
    known = ["abcdefghij" * 18 + str(number) for number in range(2_000)]
    assert found.suggest("name", "abcdefghji" * 18, known) == []
    assert budget.spelling <= 0
    assert -budget.spelling < MAX_SPELLING
    assert Findings().suggest("name", "retreive", ["answer", "retrieve"]) == ["retrieve"]


# ------------------------------------------------------------------- by the clock of the processor

SECONDS = 1.5  # on a machine that carries out the calibrating loop in `AT_REST`
AT_REST = 0.2


def loop() -> float:
    began = time.process_time()
    for _ in range(10**7):
        pass
    return time.process_time() - began


def slowest(text: str) -> tuple[float, str]:
    """Seconds on a machine at rest, and of which phase."""
    worst = (0.0, "")
    for name, phase in phases(text).items():
        took = []
        for _ in range(3):
            pace = loop()
            began = time.process_time()
            phase()
            took.append((time.process_time() - began) * AT_REST / min(pace, loop()))
            if took[-1] < SECONDS:
                break
        worst = max(worst, (min(took), name))
    return worst


@pytest.mark.slow
@settings(QUICK, max_examples=150)
@given(texts(MAX_SOURCE))
@example(filled(["abcdefghij@ = 1\nabcdefghji@z\n"], MAX_SOURCE))
@example(filled(["def f@(): g@()\n"], MAX_SOURCE))
@example("x = " + '\\"' * 32_000)
@example(filled(["retrieve(querry@=1)\n"], MAX_SOURCE))
@example(filled(["a@=1\n"], 30_000) + filled(["if a1:b=1\n"], 35_000))
@example(filled(["a" * 189 + "@\n", "a" * 189 + "b@ = 1\n"], MAX_SOURCE))
@example("a=1\n" * 15_000 + "a b\n" * 8)
@example(("a:" + " " * 4_000 + "?\n") * 16)
@example("x = " + "“a” " * 16_000)
@example("x = 'a\n" + " " * 60_000 + "x'\n")
@example("x='Don't " + " " * 30_000 + "'\n'" + " " * 30_000 + "x")
def test_every_phase_ends_within_about_a_second(text: str) -> None:
    seconds, phase = slowest(text)
    note(f"{phase}: {seconds:.2f} s")
    assert seconds < SECONDS
