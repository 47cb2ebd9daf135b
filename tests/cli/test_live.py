"""What is shown while a run goes on: on a terminal, and line by line elsewhere."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

import pyrag_dsl as pd
from pyrag_dsl.agents.writing import PlanInProgress
from pyrag_dsl.cli.live import LiveSteps, shown
from pyrag_dsl.cli.screen import Screen
from pyrag_dsl.cli.steps import CallNames
from pyrag_dsl.grammar.diagnostics import Span
from pyrag_dsl.runtime.events import CallFailed, CallFinished, CallStarted, RunStarted

from .test_terminal import DANGEROUS, HOSTILE, Terminal

DRAWN = re.compile(r"\x1b\[(?:[0-9;]*m|2K|[0-9]*A|\?25[lh])|\r")
"""What rich writes to draw anew: styles, a line cleared, a line up, the cursor hidden or shown."""


def begun(node: str, asked: str = "Dune", tool: str = "retrieve") -> CallStarted:
    return CallStarted(node=node, alias="", tool=tool, arguments={"query": asked}, span=Span(1, 1, 1, 9))


def ended(node: str, **usage: Any) -> CallFinished:
    return CallFinished(node=node, alias="", tool="retrieve", arguments={"query": "Dune"}, result=[], usage=usage)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["Dune", "dune", "", "Dune (2)", '" (2)', "x" * 200])))
)
def test_law_no_two_calls_have_one_name(calls: list[tuple[str, str]]) -> None:
    names = CallNames()
    given_names = [names.begun(begun(node, asked)) for node, asked in calls]
    assert len(set(given_names)) == len(given_names)


def test_a_call_that_comes_back_has_the_name_that_it_was_begun_with() -> None:
    stream = io.StringIO()
    with shown(Screen(stream)) as hooks:
        for event in (begun("a"), begun("b"), ended("b"), ended("a")):
            hooks[0].on_event(event)
    lines = [line.split("  ")[0] for line in stream.getvalue().splitlines()]
    assert lines == [
        '→ retrieve "Dune"',
        '→ retrieve "Dune" (2)',
        '← retrieve "Dune" (2) 0 passages',
        '← retrieve "Dune" 0 passages',
    ]


def test_nested_calls_stand_below_the_call_they_serve_and_what_is_left_is_counted() -> None:
    now = [10.0]
    steps = LiveSteps(Screen(io.StringIO()), clock=lambda: now[0])
    limits = {"tool_calls": 5, "tokens": 100, "cost": None, "deadline": 30.0}
    steps.on_event(RunStarted(source="x", started="", signatures={}, limits=limits))
    steps.on_event(begun("p", "one", "run_plan"))
    now[0] += 1
    steps.on_event(begun("q", "two"))
    now[0] += 1
    steps.on_event(begun("p/r", "three"))
    assert steps.tree() == [
        (0, 'run_plan "one"', 2.0),
        (1, 'retrieve "three"', 0.0),
        (0, 'retrieve "two"', 1.0),
    ]
    steps.on_event(ended("p/r", tokens=40))
    steps.on_event(CallFailed(node="q", tool="retrieve", arguments={"query": "two"}, usage={}, error="E", final=False))
    assert [name for _, name, _ in steps.tree()] == ['run_plan "one"', 'retrieve "two"']
    steps.on_event(CallFailed(node="q", tool="retrieve", arguments={"query": "two"}, usage={"tokens": 1}, error="E"))
    assert [name for _, name, _ in steps.tree()] == ['run_plan "one"']
    assert steps.budget() == "2 calls, 41 tokens; left: 3 calls, 59 tokens, 28 s"


def test_a_terminal_gets_what_is_under_way_and_nothing_that_it_would_obey(monkeypatch: Any) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    screen = Screen(stream)
    with shown(screen) as hooks:
        tools = {"answer": lambda query, docs=None: HOSTILE}  # noqa: ARG005
        pd.run(f"final_answer = answer({'[bold]q[/]' + 'x'!r})", tools, hooks=hooks, question=HOSTILE)
        below = hooks[0].below(Console(file=io.StringIO(), width=80))
    assert screen.above is None
    text = stream.getvalue()
    assert "\x1b[2K" in text, "it draws anew"
    assert not DANGEROUS.search(DRAWN.sub("", text))
    assert "[bold]q[/]x" in text
    assert "[bold red]x[/]" in text
    assert "left: 199 calls" in str(below)
    assert text.endswith("\x1b[2K"), "nothing is left at the bottom"


@pytest.mark.parametrize("hidden", [True, False])
def test_where_there_is_no_terminal_there_are_lines_alone(hidden: bool) -> None:
    stream = io.StringIO()
    with shown(Screen(stream), hidden=hidden) as hooks:
        pd.run("final_answer = answer('q')", {"answer": lambda query: query}, hooks=hooks)
    assert "\x1b" not in stream.getvalue()
    assert bool(stream.getvalue()) is not hidden


# ------------------------------------------------------ a plan that is written

THOUGHT = st.text("abc \n`", max_size=20)
PROGRAM = st.lists(st.sampled_from(["x = 1", "", "final_answer = x", "    y = f'{x}'", "# é`"]), max_size=6).map(
    "\n".join
)


@given(
    THOUGHT,
    st.sampled_from(["", "Here it is:\n"]),
    PROGRAM,
    st.sampled_from(["```python\n", "```\n", ""]),
    st.booleans(),
)
def test_law_what_is_shown_of_a_plan_is_a_beginning_of_it(
    thought: str, before: str, program: str, fence: str, thinks: bool
) -> None:
    writing = PlanInProgress()
    writing.on_event(begun("w", "Who?", "write_plan"))
    thinking = f"<think>{thought}</think>" if thinks else ""
    reply = f"{thinking}{before if fence else ''}{fence}{program}" + ("\n```\nThat is it." if fence else "")
    opened = len(thinking) + len(before if fence else "") + len(fence)
    for place in range(len(reply) + 1):
        writing.hear(reply[:place])
        if place >= opened:
            assert program.strip().startswith(writing.source.strip())
        elif place <= len(thinking) and thinks and place >= len("<think>"):
            assert writing.source == ""
    assert writing.source.strip() == program.strip()
    writing.on_event(CallFinished(node="w", alias="", tool="write_plan", arguments={}, result={}))
    assert writing.source == ""


def test_a_plan_is_shown_while_it_is_written_and_anew_in_the_next_call() -> None:
    writing = PlanInProgress()
    writing.hear("said before")
    assert writing.source == "", "of another role"
    writing.on_event(begun("d", "Who?", "decompose"))
    assert writing.source == ""
    writing.on_event(begun("w", "Who?", "write_plan"))
    assert writing.source == "", "what was said before is no part of it"
    writing.hear("x = 1")
    failed = CallFailed(node="w", tool="write_plan", arguments={}, usage={}, error="E", final=False)
    writing.on_event(failed)
    assert writing.source == "x = 1", "it is tried again"
    writing.on_event(CallFailed(node="w", tool="write_plan", arguments={}, usage={}, error="E"))
    assert writing.source == ""
    writing.on_event(begun("m", "Who?", "mend_plan"))
    assert writing.source == ""


def test_a_terminal_shows_the_end_of_the_plan_and_obeys_nothing_in_it() -> None:
    steps = LiveSteps(Screen(io.StringIO()))
    steps.on_event(begun("w", "Who?", "write_plan"))
    steps.writing.hear("```python\n" + "".join(f"line{number} = 1\n" for number in range(30)) + HOSTILE + "[bold]x")
    console = Console(file=io.StringIO(), width=80, height=20)
    with console.capture() as drawn:
        console.print(steps.below(console))
    text = drawn.get()
    assert "line29" in text
    assert "line5 " not in text
    assert "[bold]x" in text
    assert len(text.splitlines()) <= 20
    assert not DANGEROUS.search(DRAWN.sub("", text))
