"""Tools as hosts write them: names, defaults, kinds of callable, and what they must not return."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pyrag_dsl as pd
from pyrag_dsl.runtime.events import CallFailed, CallFinished
from pyrag_dsl.runtime.tools import Reported

PLAN = 'final_answer = answer("Who wrote Dune?", retrieve("Dune", topk=3))\n'
SECRET = "sk-51d0c0ffee"


class Index:
    def __call__(self, query: str, topk: int = 5) -> list[str]:
        return [f"{query} {topk}"]

    def search(self, query: str, topk: int = 5) -> list[str]:
        return [f"{query} {topk}"]


class AsyncIndex:
    async def __call__(self, query: str, topk: int = 5) -> list[str]:
        return [f"{query} {topk}"]


def positional(query: str, topk: int, /) -> list[str]:
    return [f"{query} {topk}"]


def other_names(q: str, k: int = 7) -> list[str]:
    return [f"{q} {k}"]


def one_swapped(topk: int, query: str) -> list[str]:
    return [f"{query} {topk}"]


def extra(query: str, topk: int = 5, language: str = "en") -> list[str]:
    return [f"{query} {topk}"] if language == "en" else []


def keywords(**given: Any) -> list[str]:
    return [f"{given['query']} {given['topk']}"]


def anything(*given: Any) -> list[str]:
    return [f"{given[0]} {given[1]}"]


def nothing() -> list[str]:
    return []


async def asynchronous(query: str, topk: int = 5) -> list[str]:
    return [f"{query} {topk}"]


def gives_coroutine(query: str, topk: int = 5) -> Any:
    return asynchronous(query, topk)


@pytest.mark.parametrize(
    "retrieve",
    [
        Index(),
        Index().search,
        AsyncIndex(),
        positional,
        other_names,
        one_swapped,
        extra,
        keywords,
        anything,
        asynchronous,
        gives_coroutine,
        lambda query, topk: [f"{query} {topk}"],
        functools.partial(extra, language="en"),
        functools.partial(asynchronous),
    ],
)
@pytest.mark.parametrize("mode", ["concurrent", "sequential"])
def test_any_callable_is_a_tool(retrieve: Callable[..., Any], mode: str) -> None:
    tools = {"retrieve": retrieve, "answer": lambda q, d: f"{q} {d}"}
    assert pd.run(PLAN, tools, mode=mode).final_answer == "Who wrote Dune? ['Dune 3']"


def test_defaults_of_the_host_are_those_of_the_plan() -> None:
    def retrieve(query: str, topk: int = 2) -> list[str]:
        return [query] * topk

    tools = {"retrieve": retrieve, "answer": lambda query, docs=None: "?"}  # noqa: ARG005
    assert pd.run('final_answer = retrieve("Dune")', tools).final_answer == ["Dune", "Dune"]
    (call,) = pd.run('final_answer = answer("Who?")', tools).calls
    assert call.arguments == {"query": "Who?", "docs": None}


def test_declared_tools_have_signatures_of_their_own() -> None:
    def search(text: str, most: int = 3, exact: bool = False) -> list[str]:
        return [f"{text} {most} {exact}"]

    async def years(span: list[str]) -> dict[str, int]:
        return {text: len(text) for text in span}

    tools = [pd.tool(search), pd.tool(years, name="measure")]
    plan = "final_answer = measure(search('Dune', exact=True))"
    assert pd.run(plan, tools).final_answer == {"Dune 3 True": 11}
    with pytest.raises(pd.PlanRejected):
        pd.run("final_answer = search('Dune', deep=True)", tools)
    with pytest.raises(pd.PlanFailed) as caught:
        pd.run("final_answer = search('Dune', most=len('a') / 2)", tools)
    assert caught.value.diagnostics[0].code == "PLAN501"


def test_what_cannot_be_a_tool_is_refused_when_it_is_declared() -> None:
    with pytest.raises(TypeError, match="must be callable"):
        pd.run(PLAN, {"retrieve": "index", "answer": print})
    with pytest.raises(TypeError, match="name every parameter"):
        pd.tool(anything, name="search")
    with pytest.raises(TypeError, match="pass name="):
        pd.tool(lambda query: query)
    with pytest.raises(TypeError, match="must take `query`"):
        pd.run(PLAN, {"retrieve": nothing, "answer": lambda q, d: ""})  # noqa: ARG005
    with pytest.raises(TypeError, match="needs tools"):
        pd.run(PLAN)


class Text(str):
    def __repr__(self) -> str:
        return SECRET


def cyclic() -> list[Any]:
    found: list[Any] = [SECRET]
    found.append(found)
    return found


RUBBISH: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "a text for a list": lambda: SECRET,
    "a number": lambda: 51,
    "a dictionary": lambda: {SECRET: SECRET},
    "items that are not text": lambda: [SECRET, 51],
    "nested": lambda: [[SECRET]],
    "a tuple": lambda: (SECRET,),
    "bytes": lambda: [SECRET.encode()],
    "a generator": lambda: (text for text in [SECRET]),
    "a subclass of text": lambda: [Text("a")],
    "an object": lambda: [object()],
    "cyclic": cyclic,
    "huge": lambda: [SECRET * 1_000_000],
    "many": lambda: [SECRET] * 5_000_000,
}


@pytest.mark.parametrize("mode", ["concurrent", "sequential"])
@pytest.mark.parametrize("name", RUBBISH)
def test_rubbish_from_a_tool_fails_the_run_and_is_not_quoted(name: str, mode: str) -> None:
    tools = {"retrieve": lambda query, topk: RUBBISH[name](), "answer": lambda query, docs: "?"}  # noqa: ARG005
    with pytest.raises(pd.ToolFailed) as caught:
        pd.run(PLAN, tools, mode=mode)
    (found,) = caught.value.diagnostics
    assert found.code == "PLAN502"
    assert "retrieve" in found.message
    text = f"{caught.value} {caught.value.trace.without_timings()} {json.dumps(found.to_json())}"
    assert SECRET not in text
    assert caught.value.trace.finished.status == "tool"


@pytest.mark.parametrize("mode", ["concurrent", "sequential"])
@pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt, StopIteration, GeneratorExit, OSError])
def test_what_a_tool_raises_is_named_and_not_quoted(
    kind: type[BaseException], mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The exception itself is for the host alone: the cause of what the run raises, and in its log."""

    def retrieve(query: str, topk: int) -> list[str]:  # noqa: ARG001
        raise kind(f"{SECRET} is no key")

    tools = {"retrieve": retrieve, "answer": lambda query, docs: "?"}  # noqa: ARG005
    plan = 'a = retrieve("a", topk=3)\nb = retrieve("b", topk=3)\nfinal_answer = answer("c", a + b)\n'
    with pytest.raises(pd.ToolFailed) as caught:
        pd.run(plan, tools, mode=mode)
    (found,) = caught.value.diagnostics
    assert found.code == "PLAN500"
    assert SECRET not in f"{caught.value} {caught.value.trace.without_timings()}"
    assert type(caught.value.__cause__) in (kind, RuntimeError)  # Python wraps some that leave a coroutine
    assert "the tool retrieve#1 failed" in caplog.text


def test_a_plan_cannot_catch_the_failure_of_a_tool() -> None:
    def retrieve(query: str, topk: int) -> list[str]:  # noqa: ARG001
        raise ValueError(SECRET)

    plan = 'try:\n    docs = retrieve("Dune")\nexcept Exception as e:\n    docs = [str(e)]\nfinal_answer = docs\n'
    with pytest.raises(pd.ToolFailed):
        pd.run(plan, {"retrieve": retrieve, "answer": lambda query, docs: "?"})  # noqa: ARG005


def test_what_a_tool_keeps_is_not_what_the_plan_changes() -> None:
    """Results and arguments cross as copies: neither side can change what the other holds."""
    held = ["Dune"]
    given: list[list[str]] = []

    def answer(query: str, docs: list[str]) -> str:
        given.append(docs)
        docs.append("changed by the tool")
        return query

    plan = 'docs = retrieve("Dune")\ndocs.append("mine")\na = answer("a", docs)\nfinal_answer = [a, docs]\n'
    result = pd.run(plan, {"retrieve": lambda query, topk: held, "answer": answer})  # noqa: ARG005
    assert held == ["Dune"]
    assert result.final_answer == ["a", ["Dune", "mine"]]
    assert result.calls[1].arguments["docs"] == ["Dune", "mine"]
    again = pd.run(plan, journal=result.trace, replay=True)
    assert again.final_answer == result.final_answer


def test_a_journal_written_by_hand_is_a_fixture() -> None:
    journal = pd.Journal(
        [
            pd.Entry("retrieve@1:42", "retrieve", {"query": "Dune", "topk": 3}, ["Dune, by Frank Herbert."]),
            pd.Entry(
                "answer@1:16",
                "answer",
                {"query": "Who wrote Dune?", "docs": ["Dune, by Frank Herbert."]},
                "Frank Herbert",
            ),
        ]
    )
    tools = {"retrieve": lambda query, topk: [], "answer": lambda query, docs: ""}  # noqa: ARG005
    result = pd.run(PLAN, tools, journal=journal, replay=True)
    assert result.final_answer == "Frank Herbert"
    assert all(call.cached for call in result.calls)
    outcome = pd.interpret(pd.parse(PLAN), pd.Journal([next(iter(journal))]))
    assert (outcome.status, [call.alias for call in outcome.wanted]) == ("waiting", ["answer#1"])


def test_usage_may_hold_lists_which_reach_the_trace(tmp_path: Path) -> None:
    def answer(_query: str) -> Reported:
        return Reported("1900", {"tokens": 3, "citations": (1, 4), "passages": ["a", "b"], "note": None})

    path = tmp_path / "t.jsonl"
    result = pd.run('final_answer = answer("When?")', tools={"answer": answer}, trace=path)
    assert result.calls[0].usage["citations"] == [1, 4]
    assert pd.Trace.load(path).of(CallFinished)[0].usage == {
        "tokens": 3,
        "citations": [1, 4],
        "passages": ["a", "b"],
        "note": None,
    }


@pytest.mark.parametrize(
    "usage", [{"tokens": [1]}, {"cost": "3"}, {"x": {}}, {"x": [[1]]}, {"x": float("nan")}, {1: 2}]
)
def test_usage_that_cannot_be_added_up_or_written_is_refused(usage: dict[Any, Any]) -> None:
    def answer(_query: str) -> Reported:
        return Reported("1900", usage)

    with pytest.raises(pd.ToolFailed, match="PLAN502"):
        pd.run('final_answer = answer("When?")', tools={"answer": answer})


@pytest.mark.parametrize("value", [7, object(), ["a"]], ids=["int", "object", "list"])
@pytest.mark.parametrize("mode", ["concurrent", "sequential"])
@pytest.mark.parametrize("is_async", [False, True])
def test_what_a_refused_result_has_cost_is_on_record(value: Any, mode: Any, is_async: bool) -> None:
    def paid(_query: str) -> Reported:
        return Reported(value, {"tokens": 7})

    async def paid_later(_query: str) -> Reported:
        return Reported(value, {"tokens": 7})

    with pytest.raises(pd.ToolFailed, match="PLAN502") as met:
        pd.run('final_answer = answer("When?")', {"answer": paid_later if is_async else paid}, mode=mode)
    assert met.value.trace is not None
    found = [event for event in met.value.trace if isinstance(event, CallFailed)]
    assert [(event.usage, event.error, event.final) for event in found] == [({"tokens": 7}, "RefusedResult", True)]


def test_a_coroutine_as_a_result_is_refused_and_closed() -> None:
    async def later() -> str:
        return "never"

    made = later()

    async def answer(_query: str) -> Any:
        return made

    with pytest.raises(pd.ToolFailed, match="PLAN502"):
        pd.run('final_answer = answer("When?")', {"answer": answer})
    assert inspect.getcoroutinestate(made) == inspect.CORO_CLOSED


@pytest.mark.parametrize("mode", ["concurrent", "sequential"])
@pytest.mark.parametrize(("limit", "unit"), [("tokens", 10), ("cost", 0.5)])
def test_a_budget_is_asked_before_each_call_and_names_what_was_used(mode: Any, limit: str, unit: float) -> None:
    asked: list[str] = []

    def answer(query: str, docs: Any = None) -> Reported:  # noqa: ARG001
        asked.append(query)
        return Reported("more", {limit: unit})

    text = "found = ''\nfor i in range(9):\n    found = answer(f'{i} {found}')\nfinal_answer = found\n"
    with pytest.raises(pd.LimitExceeded, match=limit) as met:
        pd.run(text, {"answer": answer}, mode=mode, limits={limit: 3 * unit})
    assert [each.code for each in met.value.diagnostics] == ["PLAN413"]
    assert len(asked) == 3
    assert met.value.trace is not None
    assert sum(call.ended for call in met.value.trace.calls) == 3
    # A run that goes on has spent what its trace adds up to.
    for budget, made in ((3, 3), (5, 5)):
        with pytest.raises(pd.LimitExceeded):
            pd.run(text, {"answer": answer}, mode=mode, limits={limit: budget * unit}, journal=met.value.trace)
        assert len(asked) == made


@pytest.mark.parametrize("mode", ["sequential", "concurrent"])
def test_the_log_has_fields_and_no_word_of_what_was_asked(mode: Any, caplog: pytest.LogCaptureFixture) -> None:
    failing = [OSError(SECRET)]

    def retrieve(query: str, topk: int = 5) -> list[str]:
        if failing:
            raise failing.pop()
        return [f"{query} {topk} {SECRET}"]

    def answer(query: str, docs: Any = None) -> Reported:  # noqa: ARG001
        return Reported(SECRET, {"tokens": 7})

    with caplog.at_level("DEBUG", logger="pyrag_dsl"):
        pd.run(PLAN, {"retrieve": retrieve, "answer": answer}, retries=1, mode=mode)
    told = [(record.message, vars(record)) for record in caplog.records if record.name == "pyrag_dsl"]
    assert [message.partition(",")[0] for message, _ in told] == [
        "retrieve#1 is asked again",
        "retrieve#1 came back",
        "answer#1 came back",
        "the run ended: done",
    ]
    assert [fields["pyrag_tool"] for _, fields in told[:3]] == ["retrieve", "retrieve", "answer"]
    assert (told[2][1]["pyrag_tokens"], told[3][1]["pyrag_tokens"]) == (7, 7)
    assert (told[3][1]["pyrag_status"], told[3][1]["pyrag_calls"]) == ("done", 2)
    assert SECRET not in repr(told)
    assert "Dune" not in repr(told)
