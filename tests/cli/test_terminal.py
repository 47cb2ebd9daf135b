"""What strangers wrote cannot drive the terminal, whichever way it gets there."""

from __future__ import annotations

import io
import json
import re

import pytest

import pyrag_dsl as pd
from pyrag_dsl.cli.screen import Screen, answer_text
from pyrag_dsl.cli.steps import Steps

DANGEROUS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
HOSTILE = "\x1b[2J\x1b[H\x1b]0;title\x07\x9b31m\r\x85\u2028\u2029\u202e\x0b\x0c\x1c[bold red]x[/] PASSED"


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def run_with(plan, docs, answer, **options):
    tools = {"retrieve": lambda query, topk=5: docs, "answer": lambda query, docs=None: answer}  # noqa: ARG005
    return pd.run(plan, tools, question="q" + HOSTILE, **options)


@pytest.mark.parametrize("number", ["006", "008", "021", "024", "036"])
def test_hostile_passages_and_answers_are_shown_and_not_obeyed(shared, pyrag_exec, pyrag_verb, tmp_path, number):
    case = json.loads((shared / f"plans/injection/injection-{number}.json").read_text())
    trace = tmp_path / "run.jsonl"
    run_with(case["plan"], case["docs"], case["answer_returned"]).trace.save(trace)
    shown = pyrag_verb("trace", "show", trace)
    replayed = pyrag_exec("--replay", trace)
    assert (shown.status, replayed.status) == (0, 0)
    for text in (shown.out, shown.err, replayed.out, replayed.err):
        assert not DANGEROUS.search(text)
    assert pyrag_exec("--replay", trace, "--json").out.isascii()


@pytest.mark.parametrize("color", [True, False])
def test_live_steps_are_harmless_and_no_markup_is_read(monkeypatch, color):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal() if color else io.StringIO()
    plan = f"x = answer('q', retrieve('a'))\nprint(x)\nfinal_answer = x + {'!'!r}"
    run_with(plan, [HOSTILE, HOSTILE + "\ntext"], HOSTILE, hooks=[Steps(Screen(stream))])
    text = stream.getvalue()
    assert bool(COLOUR.search(text)) is color
    assert not DANGEROUS.search(COLOUR.sub("", text))
    assert "[bold red]x[/]" in text
    assert "␛[2J" in text


def test_no_color_is_respected(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Screen(Terminal()).color
    monkeypatch.delenv("NO_COLOR")
    assert Screen(Terminal()).color
    assert not Screen(io.StringIO()).color


def test_a_question_or_a_file_name_is_harmless_in_a_message(pyrag_exec):
    ended = pyrag_exec(f"nowhere{HOSTILE}.py".replace("\x00", ""))
    assert ended.status == 2
    assert not DANGEROUS.search(ended.err)


def test_a_hostile_plan_is_harmless_in_its_diagnostics(pyrag_exec, plan):
    ended = pyrag_exec(plan(f"final_answer = foo  # {HOSTILE}"), "--question", HOSTILE)
    assert ended.status == 3
    assert not DANGEROUS.search(ended.err)


def test_an_answer_keeps_its_lines_and_nothing_else_that_acts():
    assert answer_text("one\ntwo\x1b[2J") == "one\ntwo␛[2J"
    assert answer_text(["a\x1b"]) == "['a\\x1b']"
