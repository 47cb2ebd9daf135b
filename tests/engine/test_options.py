"""Options are checked at the door: a mistake is one clear message before anything is called."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

import pyrag_dsl as pd

PLAN = 'final_answer = answer("Who?", retrieve("a"))\n'


def retrieve(query: str, topk: int = 5) -> list[str]:
    return [query] * topk


def answer(query: str, docs: list[str] | None = None) -> str:
    return f"{query} {len(docs or [])}"


TOOLS: dict[str, Callable[..., Any]] = {"retrieve": retrieve, "answer": answer}


class Silent(pd.Hook):
    pass


class Misspelt(pd.Hook):
    def before_cal(self, call: pd.Call) -> pd.Veto:
        return pd.Veto(call.tool)


class AsyncEvents(pd.Hook):
    async def on_event(self, event: pd.Event) -> None:  # type: ignore[override]
        pass


@pytest.mark.parametrize(
    ("options", "kind", "says"),
    [
        ({"modee": "sequential"}, TypeError, "run() has no option 'modee': did you mean 'mode'?"),
        ({"xyz": 1}, TypeError, "run() has no option 'xyz'"),
        ({"mode": "parallel"}, ValueError, "concurrent, sequential"),
        ({"retries": -1}, ValueError, "retries must be at least 0, not -1"),
        ({"retries": 1.5}, TypeError, "retries must be a whole number"),
        ({"retries": True}, TypeError, "retries must be a whole number"),
        ({"call_timeout": -1}, ValueError, "call_timeout"),
        ({"call_timeout": 0}, ValueError, "call_timeout must be more than 0"),
        ({"call_timeout": float("nan")}, ValueError, "call_timeout"),
        ({"max_concurrency": 0}, ValueError, "max_concurrency must be at least 1, not 0"),
        ({"limits": 3}, TypeError, "limits must be Limits or a mapping"),
        ({"limits": {"step": 5}}, ValueError, "there is no limit 'step': did you mean 'steps'?"),
        ({"limits": {"steps": "many"}}, TypeError, "limits['steps'] must be a whole number"),
        ({"limits": {"steps": None}}, TypeError, "limits['steps'] must be a whole number, not None"),
        ({"hooks": Silent()}, TypeError, "hooks=[...]"),
        ({"hooks": Silent}, TypeError, "hooks=[...]"),
        ({"hooks": [Silent]}, TypeError, "one of them is the class Silent"),
        ({"hooks": [object()]}, TypeError, "hooks must be Hook objects"),
        ({"hooks": [Misspelt()]}, TypeError, "Misspelt.before_cal is never called: did you mean 'before_call'?"),
        ({"hooks": [AsyncEvents()]}, TypeError, "cannot be async"),
        ({"on_event": "print"}, TypeError, "on_event must be a function"),
        ({"replay": "run.jsonl"}, TypeError, "name the trace with journal="),
        ({"strict": 1}, TypeError, "strict must be True or False"),
        ({"isolation": "proces"}, ValueError, "isolation must be one of"),
        ({"tools": ["retrieve"]}, TypeError, "a list of functions"),
        ({"tools": [lambda query: query]}, TypeError, "must have a name"),
        ({"tools": {**TOOLS, "print": retrieve}}, ValueError, "cannot be named 'print'"),
        ({"tools": {**TOOLS, "final_answer": retrieve}}, ValueError, "cannot be named 'final_answer'"),
        ({"tools": {**TOOLS, "two words": retrieve}}, ValueError, "cannot be named 'two words'"),
    ],
)
def test_a_mistake_is_said_before_anything_is_called(options: dict[str, Any], kind: type[Exception], says: str) -> None:
    called: list[str] = []

    def noted(query: str, topk: int = 5) -> list[str]:
        called.append(query)
        return [query] * topk

    given = {"tools": {**TOOLS, "retrieve": noted}, **options}
    with pytest.raises(kind) as caught:
        pd.run(PLAN, **given)
    assert says in str(caught.value)
    assert called == []


def test_limits_may_be_those_that_differ() -> None:
    with pytest.raises(pd.LimitExceeded) as caught:
        pd.run(PLAN, TOOLS, limits={"tool_calls": 1, "deadline": None})
    assert caught.value.diagnostics[0].code == "PLAN408"
    saved = pd.run(PLAN, TOOLS, limits={"steps": 5_000}).trace
    again = pd.run(PLAN, TOOLS, journal=saved, limits={"deadline": 9.0}).trace
    assert (again.header.limits["steps"], again.header.limits["deadline"]) == (5_000, 9.0)


def test_tools_in_a_list_have_their_own_names() -> None:
    assert pd.run(PLAN, [retrieve, pd.tool(answer)]).final_answer == "Who? 5"


class Thinking(pd.Hook):
    """Decides after a moment."""

    def __init__(self, decision: Any = None) -> None:
        self.decision = decision
        self.asked: list[str] = []

    async def before_call(self, call: pd.Call) -> Any:  # type: ignore[override]
        await asyncio.sleep(0)
        self.asked.append(f"before {call.tool}")
        return self.decision

    async def after_call(self, finished: pd.Finished) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        self.asked.append(f"after {finished.call.tool}")


@pytest.mark.parametrize("mode", ["concurrent", "sequential"])
def test_an_async_hook_is_asked_and_its_veto_holds(mode: Any) -> None:
    hook = Thinking()
    assert pd.run(PLAN, TOOLS, hooks=[hook], mode=mode).final_answer == "Who? 5"
    assert hook.asked == ["before retrieve", "after retrieve", "before answer", "after answer"]
    with pytest.raises(pd.ToolFailed) as caught:
        pd.run(PLAN, TOOLS, hooks=[Thinking(pd.Veto("no"))], mode=mode)
    assert caught.value.diagnostics[0].code == "PLAN505"


@pytest.mark.parametrize("decided", ["veto", True, pd.Rerun({})])
def test_what_is_no_decision_ends_the_run(decided: Any) -> None:
    with pytest.raises(TypeError, match=r"Thinking\.before_call must return one of Change, Veto, Answer or None"):
        pd.run(PLAN, TOOLS, hooks=[Thinking(decided)])


def test_on_event_hears_what_happens() -> None:
    heard: list[pd.Event] = []
    pd.run(PLAN, TOOLS, on_event=heard.append)
    assert [each.type for each in heard] == [
        *["run_started", "call_started", "call_finished", "call_started", "call_finished"],
        *["statement", "run_finished"],
    ]


def test_a_stream_gives_events_as_they_happen_and_then_the_result() -> None:
    released = asyncio.Event()

    async def slow(query: str, docs: list[str] | None = None) -> str:
        await released.wait()
        return f"{query} {len(docs or [])}"

    async def follow() -> tuple[list[str], Any]:
        stream = pd.astream(PLAN, {"retrieve": retrieve, "answer": slow})
        seen = []
        async for event in stream:
            seen.append(event.type)
            if seen.count("call_started") == 2:
                released.set()  # only who reads events while the run goes on comes to this
        return seen, stream.result

    seen, result = asyncio.run(asyncio.wait_for(follow(), 10))
    assert seen[0] == "run_started"
    assert seen[-1] == "run_finished"
    assert result.final_answer == "Who? 5"


def test_a_stream_of_a_run_that_fails_raises_after_its_events() -> None:
    seen: list[str] = []

    async def follow() -> None:
        async for event in pd.astream("answer('a')\nx = 1 / 0\nfinal_answer = x\n", TOOLS):
            seen.append(event.type)

    with pytest.raises(pd.PlanFailed):
        asyncio.run(follow())
    assert seen[-1] == "run_finished"


def test_a_stream_that_is_closed_ends_the_run() -> None:
    ended: list[str] = []

    async def never(query: str, docs: list[str] | None = None) -> str:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(query if docs else "")
        return ""

    async def follow() -> None:
        stream = pd.astream(PLAN, {"retrieve": retrieve, "answer": never})
        with pytest.raises(asyncio.InvalidStateError):
            _ = stream.result
        async for event in stream:
            if event.type == "call_started" and getattr(event, "tool", "") == "answer":
                break
        await asyncio.sleep(0)
        await stream.aclose()

    asyncio.run(asyncio.wait_for(follow(), 10))
    assert ended == ["Who?"]


def test_calls_are_made_again_with_other_arguments() -> None:
    trace = pd.run(PLAN, TOOLS, now=datetime(2026, 1, 1)).trace
    assert pd.rerun(trace, {"retrieve#1": {"topk": 2}}, TOOLS).final_answer == "Who? 2"
    both = {"retrieve#1": {"topk": 2}, "answer#1": {"query": "Which?"}}
    assert asyncio.run(pd.arerun(trace, both, TOOLS, limits={"steps": 9_999})).final_answer == "Which? 2"
    with pytest.raises(TypeError, match="mapping of mappings"):
        pd.rerun(trace, {"retrieve#1": 3}, TOOLS)  # type: ignore[dict-item]
    with pytest.raises(TypeError, match=r"rerun\(\) has no option 'topk'"):
        pd.rerun(trace, {"retrieve#1": {"topk": 2}}, TOOLS, topk=3)  # type: ignore[call-arg]
