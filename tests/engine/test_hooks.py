"""Hooks: each decision that there is, what the trace says of it, and a replay that decides alike without the hook."""

from __future__ import annotations

from typing import Any

import pytest

import pyrag_dsl as pd
from pyrag_dsl.runtime.events import CallFinished, CallStarted, HookDecided, NodeRerun, RunFinished, RunStarted

PLAN = """
docs = retrieve("Dune author")
author = answer("Who wrote Dune?", docs)
final_answer = answer(f"Where was {author} born?", retrieve(f"{author} birthplace"))
"""


def tools(made: list[str]) -> dict[str, Any]:
    def retrieve(query: str, topk: int = 5) -> list[str]:
        made.append(f"retrieve {query} {topk}")
        return [f"{query} #{place}" for place in range(topk)]

    def answer(query: str, docs: Any = None) -> str:
        made.append(f"answer {query} {len(docs or ())}")
        return f"<{query} {len(docs or ())}>"

    return {"retrieve": retrieve, "answer": answer}


def first_answer(call: Any) -> bool:
    return call.tool == "answer" and str(call.arguments["query"]).startswith("Who wrote")


class Changes(pd.Hook):
    def before_call(self, call: Any) -> Any:
        return pd.Change({"topk": 2}) if call.alias == "retrieve#1" else None


class Answers(pd.Hook):
    def before_call(self, call: Any) -> Any:
        return pd.Answer("Herbert") if first_answer(call) else None


class Replaces(pd.Hook):
    def after_call(self, finished: Any) -> Any:
        return pd.Answer("Herbert") if first_answer(finished.call) and finished.result != "Herbert" else None


class Reruns(pd.Hook):
    def after_call(self, finished: Any) -> Any:
        call = finished.call
        if first_answer(call) and len(call.arguments["docs"]) == 5:
            (source,) = finished.lineage.dependences(call.node)
            return pd.Rerun({source: {"topk": 9}}, "more")
        return None


class StandsIn(pd.Hook):
    def on_error(self, call: Any, error: BaseException) -> Any:
        return pd.Answer([]) if call.tool == "retrieve" and isinstance(error, OSError) else None


@pytest.mark.parametrize("mode", ["concurrent", "sequential"])
@pytest.mark.parametrize(
    ("hook", "made"),
    [
        (Changes(), ["retrieve Dune author 2", "answer Who wrote Dune? 2"]),
        (Answers(), ["retrieve Dune author 5", "retrieve Herbert birthplace 5"]),
        (Replaces(), ["retrieve Dune author 5", "answer Who wrote Dune? 5", "retrieve Herbert birthplace 5"]),
        (
            Reruns(),
            [
                "retrieve Dune author 5",
                "answer Who wrote Dune? 5",
                "retrieve Dune author 9",
                "answer Who wrote Dune? 9",
                "retrieve <Who wrote Dune? 9> birthplace 5",
            ],
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_hook_decides_is_replayed_without_it(mode: str, hook: pd.Hook, made: list[str], tmp_path: Any) -> None:
    calls: list[str] = []
    result = pd.run(PLAN, tools(calls), hooks=[hook], mode=mode, trace=tmp_path / "run.jsonl")
    assert calls[: len(made)] == made
    assert result.trace.of(HookDecided)
    for journal in (result.trace, tmp_path / "run.jsonl"):
        again = pd.run(PLAN, journal=journal, replay=True)
        assert again.final_answer == result.final_answer
        assert [(c.node, c.arguments, c.result) for c in again.calls] == [
            (c.node, c.arguments, c.result) for c in result.calls
        ]


def test_a_veto_ends_the_run_before_the_tool_is_asked() -> None:
    class Refuses(pd.Hook):
        def before_call(self, call: Any) -> Any:
            return pd.Veto("not about births") if "birthplace" in call.arguments["query"] else None

    calls: list[str] = []
    with pytest.raises(pd.ToolFailed) as caught:
        pd.run(PLAN, tools(calls), hooks=[Refuses()])
    (found,) = caught.value.diagnostics
    assert found.code == "PLAN505"
    assert "not about births" in found.message
    assert not [call for call in calls if "birthplace" in call]
    with pytest.raises(pd.ToolFailed) as again:
        pd.run(PLAN, journal=caught.value.trace, replay=True)
    assert again.value.diagnostics == caught.value.diagnostics


def test_a_stand_in_takes_the_place_of_a_failed_call() -> None:
    def retrieve(query: str, topk: int = 5) -> list[str]:  # noqa: ARG001
        raise OSError("the index is down")

    result = pd.run(PLAN, {**tools([]), "retrieve": retrieve}, hooks=[StandsIn()])
    assert result.final_answer == "<Where was <Who wrote Dune? 0> born? 0>"
    assert [event.decision for event in result.trace.of(HookDecided)] == ["stand-in", "stand-in"]
    assert pd.run(PLAN, journal=result.trace, replay=True).final_answer == result.final_answer


def test_events_come_in_the_order_of_happening() -> None:
    seen: list[Any] = []

    class Listens(pd.Hook):
        def on_event(self, event: Any) -> None:
            seen.append(event)

    pd.run(PLAN, tools([]), hooks=[Listens()])
    assert type(seen[0]) is RunStarted
    assert type(seen[-1]) is RunFinished
    running: set[str] = set()
    for event in seen:
        if type(event) is CallStarted:
            running.add(event.node)
        elif type(event) is CallFinished:
            running.remove(event.node)
    assert not running


def test_hooks_are_asked_in_order_and_see_what_those_before_them_changed() -> None:
    heard: list[int] = []

    class Doubles(pd.Hook):
        def before_call(self, call: Any) -> Any:
            if call.tool != "retrieve":
                return None
            heard.append(call.arguments["topk"])
            return pd.Change({"topk": call.arguments["topk"] * 2})

    pd.run(PLAN, tools([]), hooks=[Doubles(), Doubles()], mode="sequential")
    assert heard == [5, 10, 5, 10]


def test_a_change_is_held_to_the_types_of_the_tool() -> None:
    class Asks(pd.Hook):
        def before_call(self, call: Any) -> Any:
            return pd.Change({"topk": 10**9}) if call.tool == "retrieve" else None

    calls: list[str] = []
    with pytest.raises(ValueError, match="`topk` of `retrieve` must be 1 to 100"):
        pd.run(PLAN, tools(calls), hooks=[Asks()])
    assert calls == []
    with pytest.raises(ValueError, match="must be a whole number, not a str"):
        pd.run(PLAN, tools(calls), overrides={"retrieve@2:8": {"topk": "many"}})
    with pytest.raises(ValueError, match="retrieve has no argument 'k'; it has: query, topk"):
        pd.run(PLAN, tools(calls), overrides={"retrieve@2:8": {"k": 3}})
    with pytest.raises(ValueError, match="not a call of a tool"):
        pd.run(PLAN, tools(calls), overrides={"search@2:8": {"topk": 3}})
    assert calls == []


def test_a_resumed_run_keeps_what_a_hook_changed(tmp_path: Any) -> None:
    """Killed after the first result: the changed call is on record and is not made again."""
    path = tmp_path / "run.jsonl"
    kept = b""

    class Keeps(Changes):
        def on_event(self, event: Any) -> None:
            nonlocal kept
            if type(event) is CallFinished and not kept:
                kept = path.read_bytes()

    whole = pd.run(PLAN, tools([]), hooks=[Keeps()], trace=path)
    path.write_bytes(kept)
    calls: list[str] = []
    again = pd.run(PLAN, tools(calls), hooks=[Changes()], journal=path)
    assert again.final_answer == whole.final_answer
    assert calls == ["answer Who wrote Dune? 2", *calls[1:]]


def test_a_hook_that_fails_fails_the_run_with_its_own_exception() -> None:
    class Breaks(pd.Hook):
        def after_call(self, finished: Any) -> Any:
            raise KeyError(finished.call.alias)

    with pytest.raises(KeyError, match="retrieve#1"):
        pd.run(PLAN, tools([]), hooks=[Breaks()])


def test_a_rerun_is_named_in_the_trace() -> None:
    result = pd.run(PLAN, tools([]), hooks=[Reruns()])
    (event,) = result.trace.of(NodeRerun)
    assert (event.alias, event.overrides) == ("retrieve#1", {"topk": 9})
    (decided,) = result.trace.of(HookDecided)
    assert (decided.hook, decided.detail["reason"]) == ("Reruns", "more")
