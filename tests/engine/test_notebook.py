"""Runs as notebooks show them: what comes from a run is text and nothing else, and cells may await."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import pyrag_dsl as pd
from tests.engine.laws import law
from tests.engine.test_nesting import INPUTS, TWICE, Service

TAGS = {"div", "p", "b", "i", "table", "thead", "tbody", "tr", "th", "td"}
ATTRIBUTES = {"class", "colspan"}
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</td></table><iframe src='//evil'>",
    "$\\href{javascript:alert(1)}{x}$",
    "\u202egnp.exe",
    "&lt;b&gt;",
]
texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=300))


class Piece(HTMLParser):
    """Tags, attributes and cells of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.cells: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        self.open.append(tag)
        self.attributes += attrs
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if "td" in self.open:
            self.cells[-1] += data


def inert(html: str) -> Piece:
    piece = Piece(html)
    assert set(piece.tags) <= TAGS
    assert {name for name, _ in piece.attributes} <= ATTRIBUTES
    assert piece.open == []
    assert ("class", "pyrag-run mathjax_ignore tex2jax_ignore") in piece.attributes
    return piece


@given(texts, texts, texts)
@law(100)
def test_what_comes_from_a_run_is_text(question: str, passage: str, answered: str) -> None:
    tools = {"retrieve": lambda query, topk=5: [passage], "answer": lambda query, docs=None: answered}  # noqa: ARG005
    plan = "final_answer = answer(question, retrieve(question))"
    result = pd.run(plan, tools, inputs={"question": question})
    piece = inert(result._repr_html_())
    assert piece.tags.count("tr") == 3
    assert piece.cells[0::6] == ["retrieve#1", "answer#1"]
    assert "\u202e" not in piece.text


def test_a_run_is_a_table_of_what_was_asked_and_what_it_has_cost() -> None:
    def answer(query: str, docs: Any = None) -> pd.Reported:  # noqa: ARG001
        return pd.Reported("1920", {"tokens": 1200, "cost": 0.25})

    result = pd.run("final_answer = answer('When?', ['a', 'b'])", [answer], question="When was <he> born?")
    piece = inert(result._repr_html_())
    assert piece.cells[:3] == ["answer#1", "query=When?, docs=2 items", "1920"]
    assert piece.cells[4:] == ["1,200", "0.25"]
    assert "When was <he> born?" in piece.text
    assert "done" in piece.text
    assert result.trace._repr_html_() == pd.Answered(result.trace)._repr_html_() == result._repr_html_()


def test_a_run_that_failed_says_why() -> None:
    with pytest.raises(pd.PlanFailed) as failed:
        pd.run("final_answer = 1 // 0", [])
    assert "PLAN3" in inert(failed.value.trace._repr_html_()).text


def test_a_long_run_is_cut_and_a_nested_one_is_told() -> None:
    long = pd.run("final_answer = [answer(str(n)) for n in range(80)]", [answer])
    piece = inert(long._repr_html_())
    assert piece.tags.count("tr") == 52
    assert "and 30 more" in piece.text
    assert len(long._repr_html_()) < 20_000
    nested = pd.run(TWICE, Service().tools, inputs=INPUTS)
    assert "run_plan#2/retrieve#1" in inert(nested._repr_html_()).cells


def answer(query: str, docs: Any = None) -> str:  # noqa: ARG001
    return query


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    made = InteractiveShell.instance()
    made.user_ns.update(pd=pd, answer=answer)
    yield made
    InteractiveShell.clear_instance()


def cell(shell: InteractiveShell, code: str) -> Any:
    """What a cell gives, run as a notebook does: on a loop that goes on."""
    ended = asyncio.run(shell.run_cell_async(code, transformed_cell=code))
    ended.raise_error()
    return ended.result


@pytest.mark.parametrize("call", ["await pd.arun", "pd.run"])
def test_a_cell_may_run_a_plan(call: str, shell: InteractiveShell) -> None:
    result = cell(shell, f"{call}(\"final_answer = [answer(x) for x in 'ab']\", [answer])")
    assert result.final_answer == ["a", "b"]
    assert "<table>" in shell.display_formatter.format(result)[0]["text/html"]


def test_progress_is_shown_once_and_then_brought_up_to_date(shell: InteractiveShell) -> None:
    with capture_output() as shown:
        cell(shell, "r = await pd.arun(\"final_answer = answer('Who?')\", [answer], on_event=pd.NotebookProgress())")
    pieces = [inert(output.data["text/html"]) for output in shown.outputs if "text/html" in output.data]
    assert len({id(piece) for piece in pieces}) >= 2
    assert "not ended" in pieces[0].text
    assert "done" in pieces[-1].text
    assert pieces[-1].cells[:3] == ["answer#1", "query=Who?, docs=None", "Who?"]


def test_progress_without_a_notebook_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    with pytest.raises(ModuleNotFoundError, match="notebook"):
        pd.NotebookProgress()
