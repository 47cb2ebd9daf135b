"""Traces that somebody has changed: they load and replay, or are refused by an error of their own."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

import pyrag_dsl as pd
from pyrag_dsl.methods.answered import Answered
from pyrag_dsl.report import render_report
from pyrag_dsl.runtime.trace import TraceError, line

PLAN = """\
docs = retrieve("a", topk=2)
x = answer("q", docs)
last = collections.deque([1], maxlen=3)
zone = datetime.timezone(datetime.timedelta(hours=1))
final_answer = [x, last, {"at": datetime.datetime(2020, 1, 1, tzinfo=zone)}, {1, 2}, 10**30]
"""
TOOLS = {"retrieve": lambda query, topk=5: [query] * topk, "answer": lambda query, docs=None: (docs or [query])[0]}
ODD: list[Any] = [
    *[10**30, -1, None, True, "x" * 50, [], {}, [[]], 1e308, "\u0000"],
    *[{"$deque": [[1], 10**30]}, {"$timezone": 10**12}, {"$timezone": [10**9, "x"]}, {"$set": [[]]}],
    *[{"$datetime": "x"}, {"$int": "9" * 9000}, {"$tuple": 3}, {"$float": "x"}],
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all that a JSON value holds."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, part in inner for found in ((*path, key), *places(part, (*path, key)))]


def changed(lines: list[str], place: tuple[int, tuple[Any, ...]], odd: Any) -> str:
    """The text of a trace in which one value is another."""
    number, path = place
    event = json.loads(lines[number])
    holder = event
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = odd
    return "".join([*lines[:number], json.dumps(event) + "\n", *lines[number + 1 :]])


LINES = [line(event) for event in pd.run(PLAN, TOOLS).trace]
PLACES = [(number, path) for number, text in enumerate(LINES) for path in places(json.loads(text))]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(PLACES), st.sampled_from(ODD))
@example((PLACES[-1][0], ("final_answer", 0)), {"$deque": [[1], 10**30]})
@example((PLACES[-1][0], ("final_answer", 1, "$deque")), [])
def test_a_trace_that_was_changed_gives_errors_of_its_own(place: tuple[int, tuple[Any, ...]], odd: Any) -> None:
    with tempfile.TemporaryDirectory() as folder, suppress(TraceError, pd.PlanError):
        Path(folder, "t.jsonl").write_text(changed(LINES, place, odd), encoding="utf-8")
        trace = pd.Trace.load(Path(folder, "t.jsonl"))
        render_report(trace)
        pd.run(trace.header.source, TOOLS, journal=trace, replay=True, limits=pd.Limits(steps=10_000))


def _nested_lines() -> list[str]:
    async def run_plan(source: str, context: pd.RunContext) -> Any:
        result = await context.arun(source, TOOLS, inputs={})
        return pd.Reported(
            {"ok": True, "source": source, "answer": repr(result.final_answer)}, {"tokens": 3, "requests": 1}
        )

    result = pd.run("final_answer = run_plan(plan)['answer']", {"run_plan": run_plan}, inputs={"plan": PLAN})
    return [line(event) for event in result.trace]


NESTED = _nested_lines()
NESTED_PLACES = [(number, path) for number, text in enumerate(NESTED) for path in places(json.loads(text))]


@settings(max_examples=300, deadline=None)
@example((0, ("signatures", "run_plan", "params", 0, 0)), 10**30)
@example((3, ("arguments", "topk")), {"$int": "9" * 9000})
@given(st.sampled_from(NESTED_PLACES), st.sampled_from([*ODD, "run_plan@1:16/retrieve@1:8", "/", "a/b/c"]))
def test_so_does_a_trace_with_nested_runs(place: tuple[int, tuple[Any, ...]], odd: Any) -> None:
    with tempfile.TemporaryDirectory() as folder, suppress(TraceError, pd.PlanError):
        Path(folder, "t.jsonl").write_text(changed(NESTED, place, odd), encoding="utf-8")
        trace = pd.Trace.load(Path(folder, "t.jsonl"))
        render_report(trace)
        answered = Answered(trace)
        assert answered.spent.calls >= 0
        assert isinstance(answered.source, str)
        with suppress(ValueError):
            trace.within("run_plan#1")
        pd.run(trace.header.source, journal=trace, replay=True, limits=pd.Limits(steps=10_000))
