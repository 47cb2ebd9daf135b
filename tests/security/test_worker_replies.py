"""Whatever a worker says, its host takes nothing that no interpreter could have said."""

from __future__ import annotations

import copy
import json
import math
import random
from collections import Counter, OrderedDict, defaultdict, deque
from contextlib import suppress
from datetime import date, datetime, time, timedelta, timezone
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyrag_dsl as pd
from pyrag_dsl.interpreter import codec
from pyrag_dsl.interpreter.codec import Garbled, decode, decode_plan, encode
from pyrag_dsl.interpreter.values import PlanFrozenSet, PlanSet
from pyrag_dsl.isolation.admission import Admission, plan_variables
from pyrag_dsl.isolation.wire import HEADER, pack, signature_rows, unpack
from pyrag_dsl.isolation.worker import Worker

SOURCE = """
docs = retrieve("Dune", topk=3)
who = answer("who wrote it?", docs)
when = answer("when?", docs)
print(who)
final_answer = f"{who} {when}"
"""
PROGRAM = pd.parse(SOURCE)


def journal() -> pd.Journal:
    return pd.Journal([pd.Entry("retrieve@2:8", "retrieve", {"query": "Dune", "topk": 3}, ["a", "b"])])


def told(entries: pd.Journal, *, done: bool = False, concurrent: bool = True) -> dict[str, Any]:
    """What an honest worker says of the program."""
    if done:
        for node, query in (("answer@3:7", "who wrote it?"), ("answer@4:8", "when?")):
            entries.record(pd.Entry(node, "answer", {"query": query, "docs": ["a", "b"]}, "x"))
    worker = Worker(2**40, 2**41)
    worker.restrain = lambda _limits: None  # type: ignore[method-assign]
    rows = signature_rows(PROGRAM.tools)
    new = {
        "source": PROGRAM.source,
        "tools": rows,
        "signatures": None,
        "limits": {},
        "now": encode(datetime(2024, 1, 1)),
        "inputs": [],
    }
    request = {
        "run": 1, "new": new, "forget": [], "gone": [], "overrides": {}, "withheld": [], "variables": False,
        "entries": [
            [at, e.node, e.tool, encode(dict(e.arguments)), encode(e.result)] for at, e in enumerate(entries, start=1)
        ],
        "concurrent": concurrent, "cautious": False,
    }  # fmt: skip
    reply: dict[str, Any] = unpack(pack(worker.answer(unpack(pack(request)[HEADER.size :])))[HEADER.size :])
    return reply


def admitted(reply: Any, entries: pd.Journal, **limits: Any) -> pd.Outcome:
    admission = Admission(PROGRAM, entries, PROGRAM.tools, pd.Limits(**limits))
    return admission.outcome(reply, admission.numbered(), {}, dict)


def test_an_honest_reply_is_the_outcome() -> None:
    for done, concurrent in ((True, False), (False, False), (False, True)):
        entries = journal()
        outcome = admitted(told(entries, done=done, concurrent=concurrent), entries)
        inside = pd.interpret(PROGRAM, entries, concurrent=concurrent)
        names = ("status", "value", "diagnostics", "calls", "wanted", "calls_after", "resolved")
        for name in (*names, "printed") if not concurrent else names:
            assert getattr(outcome, name) == getattr(inside, name), name


WANTED = ["answer@3:7", [3, 7, 3, 36], None, {"query": "who wrote it?", "docs": ["a", "b"]}]
FORGERIES: dict[str, tuple[str, Any]] = {
    "a tool that is not there": ("calls.1.0", "shell@3:7"),
    "a place with no call": ("calls.1.1", [1, 1, 1, 2]),
    "a place outside the plan": ("calls.1.1", [3, 7, 3_000, 1]),
    "a node of another place": ("calls.1.0", "answer@4:8"),
    "the same call twice": ("calls", [WANTED, WANTED]),
    "a result that was not recorded": ("calls.1.2", 2),
    "a result of another tool": ("calls.1.2", 1),
    "an argument too many": ("calls.1.3.shell", "rm"),
    "an argument of another type": ("calls.1.3.query", ["text"]),
    "documents that are not texts": ("calls.1.3.docs", [1]),
    "text that is not Unicode": ("calls.1.3.query", "\ud800"),
    "a type that does not exist": ("calls.1.3.docs", {"$opaque": "Secret"}),
    "an unknown status": ("status", "fine"),
    "done, with calls to make": ("status", "done"),
    "failed, without a reason": ("status", "failed"),
    "fewer counts than calls": ("calls_after", [0]),
    "a count below zero": ("calls_after", [0, 0, -1]),
    "a statement that is not there": ("statements", [[10_000, 1]]),
    "a statement by name": ("statements", [["x", 1]]),
    "a kind that is no name": ("statements", [[0, ["a b", 1, None]]]),
    "more output than the limit": ("printed", "x" * 100_001),
    "output that is no text": ("printed", ["x"]),
    "a diagnostic of no code": ("diagnostics", [{"code": "PLAN999"}]),
    "calls that are no list": ("calls", {"0": 1}),
    "resolved, perhaps": ("resolved", "maybe"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_reply_is_refused(name: str) -> None:
    path, value = FORGERIES[name]
    entries = journal()
    reply = told(entries)
    *steps, last = path.split(".")
    at: Any = reply
    for step in steps:
        at = at[int(step)] if isinstance(at, list) else at[step]
    at[int(last) if isinstance(at, list) else last] = value
    with pytest.raises(Garbled):
        admitted(reply, entries)


def test_more_calls_than_the_limit_are_refused() -> None:
    entries = journal()
    with pytest.raises(Garbled):
        admitted(told(entries), entries, tool_calls=2)


def test_a_value_beyond_the_border_is_refused() -> None:
    entries = journal()
    reply = told(entries, done=True, concurrent=False)
    for value in ("x" * 10_001, [[[[["x"]]]]], {"$opaque": "x"}, {"$int": "zz"}, {"$code": "x"}, {"$set": [[]]}):
        with pytest.raises(Garbled):
            admitted({**reply, "value": value}, entries, border=100, depth=4)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["$int", "$set", "$dict", "$datetime", "$deque", "$range", "a"]), inner, max_size=2
        )
    ),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_a_reply_changed_at_random_is_an_outcome_or_refused(data: st.DataObject) -> None:
    entries = journal()
    done = data.draw(st.booleans())
    reply = copy.deepcopy(_HONEST[done])
    at: Any = reply
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        if isinstance(at[key], (dict, list)) and data.draw(st.integers(0, 2)):
            at = at[key]
            continue
        at[key] = data.draw(json_values)
        break
    if done:
        told(entries, done=True)
    try:
        outcome = admitted(reply, entries)
    except Garbled:
        return
    assert isinstance(outcome, pd.Outcome)
    for call in outcome.calls:
        assert call.tool in PROGRAM.tools
        assert call.entry is None or call.entry in list(entries)
    json.dumps([found.to_json() for found in outcome.diagnostics])


_HONEST = {done: told(journal(), done=done, concurrent=False) for done in (True, False)}


# -------------------------------------------------------------------------- wire

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**70, max_value=2**14_000)
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.datetimes(timezones=st.none() | st.just(timezone(timedelta(hours=-3, seconds=7), "here")))
    | st.dates()
    | st.times()
    | st.timedeltas(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.just("$set") | st.integers() | st.none(), inner, max_size=3)
        | st.lists(inner, max_size=3).map(lambda items: deque(items, 5))
        | st.dictionaries(st.text(max_size=2), inner, max_size=2).map(OrderedDict)
    ),
    max_leaves=8,
)


def same(left: Any, right: Any) -> bool:
    """Equal in type and content, all the way down."""
    if type(left) is not type(right) or left != right:
        return False
    if isinstance(left, dict):
        return all(same(one, other) for one, other in zip(left.items(), right.items(), strict=True))
    if isinstance(left, (list, tuple, deque)):
        return all(same(one, other) for one, other in zip(left, right, strict=True))
    return True


@settings(deadline=None)
@given(plain)
def test_plain_data_crosses_unchanged(value: Any) -> None:
    body = pack(encode(value))[HEADER.size :]
    assert same(decode(unpack(body)), value)
    assert same(decode_plan(unpack(body)), value)


def test_sets_and_the_like_cross_as_what_is_asked_for() -> None:
    cases: list[tuple[Any, type]] = [
        ({1, "a"}, PlanSet), (frozenset({2}), PlanFrozenSet), (Counter("aab"), Counter), (range(3), range),
        (time(1, 2, fold=1), time), (date(2024, 2, 29), date), ({"a": 1}.keys(), type({}.keys())),
    ]  # fmt: skip
    for value, kind in cases:
        assert type(decode(encode(value))) is type(value)
        assert type(decode_plan(encode(value))) is kind
        assert decode(encode(value)) == value
    made = decode(encode(defaultdict(list, {"a": [1]})))
    assert made == {"a": [1]}
    assert made.default_factory is list
    assert type(decode(encode(PlanSet([3, 1])))) is PlanSet
    with pytest.raises(Garbled):
        decode_plan(encode(object()))


@pytest.mark.parametrize("tag", ["$set", "$frozenset", "$keys", "$dict", "$counter", "$ordereddict"])
def test_keys_that_collide_do_not_hold_the_host(tag: str) -> None:
    keys = [encode(number * (2**61 - 1)) for number in range(1, 100_000)]
    began = process_time()
    with pytest.raises(Garbled):
        decode_plan({tag: keys if tag in ("$set", "$frozenset", "$keys") else [[key, 1] for key in keys]})
    assert process_time() - began < 1.0
    few = [encode(number * (2**61 - 1)) for number in range(1, 2_000)]
    assert len(decode_plan({"$set": few})) == len(few)


@pytest.mark.parametrize("slow", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_random_messages_raise_what_is_documented_and_nothing_else(slow: bool) -> None:
    chance = random.Random(11)
    tags = [*codec._FAITHFUL, "$bogus", "a"]
    atoms = [None, True, 0, -1, 2**62, 1e308, math.nan, "", "x", "-ff", "list", "\ud800", 10**30]

    def message(depth: int) -> Any:
        kind = chance.randrange(4) if depth else 0
        if kind == 0:
            return chance.choice(atoms)
        inner = [message(depth - 1) for _ in range(chance.randrange(4))]
        return inner if kind == 1 else {chance.choice(tags): inner if chance.randrange(2) else message(depth - 1)}

    honest = _HONEST[True]
    entries = journal()
    told(entries, done=True)
    for _ in range(200_000 if slow else 4_000):
        said = message(chance.randrange(5))
        reply = {**honest, chance.choice(list(honest)): said}
        began = process_time()
        for check in (decode, decode_plan, plan_variables, lambda reply: admitted(reply, entries)):
            with suppress(Garbled):
                check(reply if check.__name__ == "<lambda>" else said)
        assert process_time() - began < 1.0


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b"9" * 100_000])
def test_bytes_that_are_no_message_are_refused(body: bytes) -> None:
    with pytest.raises(Garbled):
        unpack(body)
