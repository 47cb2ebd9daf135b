"""Files of traces: what is read back, and what is said of files that are none."""

from __future__ import annotations

import json
import math
import os
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyrag_dsl as pd
from pyrag_dsl.interpreter.codec import decode, dumps, encode_shown

from .laws import law

PLAN = 'docs = retrieve("Dune")\nprint(len(docs))\nfinal_answer = answer("Who wrote Dune?", docs)\n'
TOOLS = {"retrieve": lambda query, topk: [query] * topk, "answer": lambda query, docs: query}  # noqa: ARG005


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "run.jsonl"
    pd.run(PLAN, TOOLS, question="Who wrote Dune?", trace=path)
    return path


def test_a_file_holds_one_object_a_line_and_is_all_that_a_replay_needs(saved: Path) -> None:
    lines = saved.read_text(encoding="ascii").splitlines()
    kinds = [json.loads(line)["type"] for line in lines]
    assert kinds == [
        "run_started", "call_started", "call_finished", "statement", "statement",
        "call_started", "call_finished", "statement", "printed", "run_finished",
    ]  # fmt: skip
    trace = pd.Trace.load(saved)
    assert [event.seq for event in trace] == list(range(10))
    assert (trace.header.question, trace.source) == ("Who wrote Dune?", PLAN)
    assert pd.run(trace.source, journal=saved, replay=True).trace.without_timings() == trace.without_timings()


def test_a_file_is_replaced_in_one_step(saved: Path) -> None:
    before = saved.stat().st_ino
    pd.Trace.load(saved).save(saved)
    assert saved.stat().st_ino != before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_events_of_later_versions_are_passed_over(saved: Path) -> None:
    head, *rest = saved.read_text().splitlines()
    rest.insert(1, '{"type":"weather","seq":2,"sky":"blue"}')
    rest[0] = rest[0][:-1] + ',"later":1}'
    saved.write_text("\n".join([head, *rest]) + "\n")
    assert pd.run(PLAN, journal=saved, replay=True).final_answer == "Who wrote Dune?"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty: nothing was recorded"),
        (b"\n\n", "is empty"),
        (b"no trace at all\n", "line 1, is damaged"),
        (b"\x00\xff\xfe\n", "line 1, is damaged"),
        (b"[1, 2]\n", "line 1, is damaged: not an object"),
        (b'{"type": "call_finished"}\n', "its first line is not a `run_started` event"),
        (b'{"type": "run_started", "version": 7}\n', "version 7; this program reads version 2"),
        (b'{"type": "run_started"}\n', "version None"),
        (b'{"type": "run_started", "version": 1}\n', "line 1, is damaged"),
        (b"[" * 100_000 + b"\n", "line 1, is damaged"),
        (b'{"type": "run_started", "version": ' + b"9" * 5_000 + b"}\n", "line 1, is damaged"),
    ],
)
def test_what_is_no_trace(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(content)
    with pytest.raises(pd.TraceError, match=said) as caught:
        pd.Trace.load(path)
    assert "run.jsonl" in str(caught.value)
    with pytest.raises(pd.TraceError):
        pd.run(PLAN, TOOLS, journal=path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(pd.TraceError, match="cannot read the trace"):
        pd.Trace.load(tmp_path / "none.jsonl")
    with pytest.raises(pd.TraceError, match="cannot read the trace"):
        pd.Trace.load(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: line[:20],
        lambda line: line.replace('"arguments":{', '"arguments":[{').replace('},"result"', '}],"result"'),
        lambda line: line.replace('"node":', '"nodes":'),
        lambda line: line.replace('"result":', '"result":{"$date":"noon"},"was":'),
        lambda line: line.replace('"result":', '"result":{"$tuple":7},"was":'),
        lambda line: line.replace('"result":', '"result":{"$set":[[1]]},"was":'),
        lambda line: line.replace('"tool":"retrieve"', '"tool":7'),
    ],
)
def test_damage_inside_a_file_is_named_by_its_line(damage: Any, saved: Path) -> None:
    lines = saved.read_text().splitlines()
    assert damage(lines[2]) != lines[2]
    lines[2] = damage(lines[2])
    saved.write_text("\n".join(lines) + "\n")
    with pytest.raises(pd.TraceError, match=r"line 3, is damaged"):
        pd.Trace.load(saved)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("limits", {"steps": "many"}),
        ("limits", {"patience": 3}),
        ("limits", 7),
        ("started", "noon"),
        ("started", 7),
        ("signatures", {"retrieve": {}}),
        ("signatures", []),
        ("source", 7),
        ("overrides", {"retrieve@1:8": 3}),
    ],
)
def test_a_header_that_cannot_be_read(field: str, value: Any, saved: Path) -> None:
    head, rest = saved.read_text().split("\n", 1)
    saved.write_text(json.dumps({**json.loads(head), field: value}) + "\n" + rest)
    with pytest.raises(pd.TraceError):
        pd.run(PLAN, journal=saved, replay=True)
    with pytest.raises(pd.TraceError):
        pd.rerun(saved, {"retrieve#1": {"topk": 3}})


def test_a_changed_plan_is_told_where_it_leaves_its_trace(saved: Path) -> None:
    with pytest.raises(pd.ToolFailed) as caught:
        pd.run(PLAN.replace("Who wrote", "Who read"), journal=saved, replay=True)
    (found,) = caught.value.diagnostics
    assert (found.code, found.message) == ("PLAN504", "the call answer#1 is not in the trace")
    assert "`query` is now 'Who read Dune?', and was 'Who wrote Dune?'" in found.notes


def test_rerun_says_what_there_is_to_change(saved: Path) -> None:
    with pytest.raises(ValueError, match="it has: retrieve#1, answer#1"):
        pd.rerun(saved, {"retrieve#2": {"topk": 3}})
    with pytest.raises(ValueError, match="has no argument 'k'; it has: query, topk"):
        pd.rerun(saved, {"retrieve#1": {"k": 3}})
    with pytest.raises(ValueError, match="say what to change"):
        pd.rerun(saved, {"retrieve#1": {}})
    assert pd.rerun(saved, {"answer#1": {"query": "Who read Dune?"}}, TOOLS).final_answer == "Who read Dune?"


ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.dates(),
    st.times(),
    st.datetimes(timezones=st.none() | st.just(timezone.utc)),
    st.timedeltas(),
    st.builds(timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23))),
    st.builds(range, st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 3)),
)
KEYS = st.text(max_size=3) | st.sampled_from(["$tuple", "$dict", "$", "$x"]) | st.integers()


def containers(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    items = st.lists(children, max_size=3)
    return st.one_of(
        items,
        items.map(tuple),
        items.map(deque),
        st.dictionaries(KEYS, children, max_size=3),
        st.dictionaries(KEYS, children, max_size=3).map(OrderedDict),
        st.dictionaries(KEYS, children, max_size=3).map(lambda found: defaultdict(None, found)),
        st.dictionaries(KEYS, st.integers(), max_size=3).map(Counter),
        st.sets(KEYS, max_size=3),
        st.frozensets(KEYS, max_size=3),
    )


@law(300)
@given(st.recursive(ATOMS, containers, max_leaves=12))
def test_plain_data_comes_back_from_json_as_it_was(value: Any) -> None:
    text = dumps(encode_shown(value))
    assert "\n" not in text
    back = decode(json.loads(text))
    assert back == value
    assert _types(back) == _types(value)


def _types(value: Any) -> Any:
    if isinstance(value, dict):
        return type(value), [(_types(key), _types(item)) for key, item in value.items()]
    if isinstance(value, (set, frozenset)):
        return type(value), sorted(map(repr, map(_types, value)))
    return (type(value), [_types(item) for item in value]) if isinstance(value, (list, tuple, deque)) else type(value)


def test_odd_numbers_come_back() -> None:
    back = decode(json.loads(dumps(encode_shown([math.inf, -math.inf, math.nan, -0.0, 2**53, -(2**64), 2**14_299]))))
    assert back[:2] == [math.inf, -math.inf]
    assert math.isnan(back[2])
    assert math.copysign(1, back[3]) == -1
    assert back[4:] == [2**53, -(2**64), 2**14_299]


def test_a_deque_keeps_its_length_and_dates_their_kind() -> None:
    back = decode(json.loads(dumps(encode_shown([deque([1], 3), date(2026, 1, 2), datetime(2026, 1, 2), time(3)]))))
    assert back[0].maxlen == 3
    assert [type(each) for each in back] == [deque, date, datetime, time]


def test_a_trace_of_a_run_without_a_deadline_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    pd.run('final_answer = answer("x")', {"answer": lambda query: query}, limits=pd.Limits(deadline=None), trace=path)
    assert pd.run('final_answer = answer("x")', journal=path, replay=True).final_answer == "x"


def test_a_huge_range_is_a_value_and_is_shown() -> None:
    result = pd.run("x = range(10**30)\nfinal_answer = [x[7], 10**29 in x, str(x)]", {})
    assert result.final_answer == [7, True, f"range(0, {10**30})"]
    assert any("range of" in str(event) for event in result.trace)


@pytest.mark.parametrize("forced", [True, False])
def test_each_line_is_forced_to_the_disk_if_asked(
    forced: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(len(path.read_bytes().splitlines()))
        real(descriptor)

    path = tmp_path / "t.jsonl"
    seen: list[list[int]] = []

    def retrieve(query: str, topk: int = 5) -> list[str]:  # noqa: ARG001
        monkeypatch.setattr(os, "fsync", fsync)
        return [query]

    def answer(query: str, docs: Any = None) -> str:  # noqa: ARG001
        seen.append(list(synced))
        return query

    pd.run(PLAN, {"retrieve": retrieve, "answer": answer}, trace=path, fsync=forced, mode="sequential")
    # The header and the first result lie in the file when the second call begins.
    assert seen == [[2] if forced else []]
    assert bool(synced) == forced


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("long", [True, False])
def test_a_trace_is_forced_to_the_disk_where_it_replaces_what_may_be_there(
    old: bool, long: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fsync
    path = tmp_path / "t.jsonl"
    tools = {"retrieve": lambda query, topk=5: [query] * topk, "answer": lambda query, docs=None: docs and query}
    if old:
        pd.run(PLAN, tools, trace=path)
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.append(descriptor), real(descriptor)))
    if long:
        monkeypatch.setattr("pyrag_dsl.runtime.trace._UNWRITTEN", -1.0)
    pd.run(PLAN, tools, journal=path if old else None, trace=path)
    assert len(synced) == (2 if old else 1 if long else 0)
