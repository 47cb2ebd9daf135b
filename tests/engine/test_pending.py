"""A pending value cannot be read: by nothing that the host does with it, and by no row of the vocabulary."""

from __future__ import annotations

import copy
import json
import math
import operator
import pickle
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import pyrag_dsl
from pyrag_dsl.interpreter.attributes import METHODS
from pyrag_dsl.interpreter.border import Unfit, export
from pyrag_dsl.interpreter.builtins import BUILTINS
from pyrag_dsl.interpreter.effects import HANDED_ON
from pyrag_dsl.interpreter.journal import Journal
from pyrag_dsl.interpreter.limits import Limits
from pyrag_dsl.interpreter.machine import Machine
from pyrag_dsl.interpreter.modules import MODULES
from pyrag_dsl.interpreter.operators import BINARY, COMPARE, IN_PLACE
from pyrag_dsl.interpreter.pending import ConcurrentMachine
from pyrag_dsl.interpreter.signals import Suspended, rank
from pyrag_dsl.interpreter.values import (
    BoundMethod,
    Builtin,
    DefaultDict,
    Iter,
    Maybe,
    Partial,
    Pending,
    RecordType,
    type_name,
)

NEEDS = rank("answer@1:1")
SOURCES = Path(pyrag_dsl.__file__).parent


def machine() -> ConcurrentMachine:
    state = ConcurrentMachine({}, Limits(), Journal(), {}, frozenset(), None, None, datetime(2026, 1, 2))
    state.pending = True
    return state


def pending() -> Pending:
    return Pending(NEEDS)


READINGS: list[Callable[[Any], Any]] = [
    str, repr, bool, len, iter, hash, int, float, complex, bytes, abs, round, math.floor, math.ceil, math.trunc, next,
    reversed, ascii, list, tuple, set, sorted, sum, max, range, "".join, json.dumps, copy.copy, copy.deepcopy,
    pickle.dumps, operator.index, operator.neg, operator.pos, operator.invert, operator.not_, type_name,
    lambda x: f"{x}", lambda x: f"{x:>3}", lambda x: "%s" % x, lambda x: "%d" % x, lambda x: [1, x].index(2),  # noqa: UP031
    lambda x: x(), lambda x: x[0], lambda x: {}[x], lambda x: {x: 1}, lambda x: 1 in x, lambda x: x in [1],
    lambda x: [x] == [1],
    lambda x: (x,) < (1,), lambda x: isinstance(x, str), lambda x: isinstance(x, (dict, list)), lambda x: x.name,
    lambda x: x.__class__, lambda x: [1, 2][x], lambda x: [1, 2][x:], lambda x: "ab" * x, lambda x: [0] * x,
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(READINGS)))
@pytest.mark.parametrize("marker", [Pending, Maybe])
def test_whatever_the_host_does_with_it_raises(number: int, marker: type[Pending]) -> None:
    with pytest.raises(Suspended) as raised:
        READINGS[number](marker(NEEDS))
    assert raised.value.needs == NEEDS


@pytest.mark.parametrize(
    "name",
    sorted(
        {*dir(operator)}
        & {
            f"__{op}__"
            for op in "add sub mul truediv floordiv mod pow lshift rshift and_ or_ xor eq ne lt le gt ge".split()
        }
    ),
)
def test_operators_of_the_host_raise_on_either_side(name: str) -> None:
    apply = getattr(operator, name)
    for pair in ((pending(), 1), (1, pending()), (pending(), pending()), ("%s", pending())):
        with pytest.raises(Suspended):
            apply(*pair)


def test_two_pending_values_are_not_taken_for_the_same() -> None:
    with pytest.raises(Suspended):
        assert [pending()] == [pending()]


def test_no_handler_of_a_plan_and_no_careless_except_of_ours_sees_it() -> None:
    assert not issubclass(Suspended, Exception)


def test_the_border_looks_again() -> None:
    for value in (pending(), [pending()], {"a": (1, pending())}):
        with pytest.raises(Suspended):
            export(value, Limits())
    with pytest.raises(Unfit):
        export(object(), Limits())


@pytest.mark.parametrize("table", ["binary", "in place", "compare"])
def test_no_operator_takes_it_for_a_value(table: str) -> None:
    for op, apply in {"binary": BINARY, "in place": IN_PLACE, "compare": COMPARE}[table].items():
        if op in ("is", "is not"):
            continue
        for pair in (
            (pending(), 1),
            (pending(), "a"),
            (pending(), [1]),
            (1, pending()),
            ("%s", pending()),
            ([1], pending()),
        ):
            if op in ("in", "not in") and type(pair[1]) is not Pending:
                continue  # `[1] in 1` fails whatever it is
            with pytest.raises(Suspended):
                apply(machine(), *pair)


def entries() -> Iterator[tuple[str, Any, tuple[Any, ...]]]:
    """Everything that a plan can call, with a receiver for methods."""
    for name, builtin in BUILTINS.items():
        yield name, builtin, ()
    for module in MODULES.values():
        for name, member in module.members.items():
            if type(member) is Builtin:
                yield f"{module.name}.{name}", member, ()
                for static in (member.statics or {}).values():
                    if type(static) is Builtin:
                        yield f"{module.name}.{name}: {static.name}", static, ()
    for kind, methods in METHODS.items():
        for name, method in methods.items():
            yield f"{kind.__name__}.{name}", method, (RECEIVERS.get(kind),)


RECEIVERS: dict[type, Any] = {
    str: "ab",
    list: [1],
    tuple: (1,),
    dict: {"a": 1},
    DefaultDict: DefaultDict(None, {"a": 1}),
}
CALLS = sorted(entries(), key=lambda entry: entry[0])


@pytest.mark.parametrize("number", range(len(CALLS)), ids=[name for name, _, _ in CALLS])
def test_no_row_of_the_vocabulary_takes_it_for_a_value(number: int) -> None:
    """What is called with it waits for it, or stores it. It never returns or raises anything else because of it."""
    _, entry, receiver = CALLS[number]
    for args in ((pending(),), (1, pending()), ("a", pending()), ([1], pending()), ("a", "b", pending())):
        state = machine()
        called = entry if not receiver else BoundMethod(receiver[0], entry)
        try:
            made = state.invoke(called, list(args), {})
            state.scan([made, *receiver])  # if it has been stored
        except Suspended:
            continue
        except (TypeError, ValueError, AttributeError, KeyError, IndexError):
            assert entry.keeps, "it failed because of it"
        else:
            assert entry.keeps, "it was taken for a value"


def test_a_partial_and_a_record_store_it() -> None:
    state = machine()
    for made in (
        state.invoke(RecordType("P", ("x",), ()), [pending()], {}),
        state.invoke(BUILTINS["dict"], [], {"a": pending()}),
        Partial(BUILTINS["str"], (pending(),), {}),
    ):
        with pytest.raises(Suspended):
            state.scan(made)


LOOKING = {
    "accumulate": ([1, 2],),
    "filterfalse": (None, [1]),
    "groupby": ([1],),
    "starmap": (MODULES["math"].members["gcd"], [(1, 2)]),
    "takewhile": (MODULES["math"].members["isfinite"], [1]),
    "dropwhile": (MODULES["math"].members["isfinite"], [1]),
}


@pytest.mark.parametrize("name", LOOKING)
def test_what_looks_at_items_waits_for_them(name: str) -> None:
    state = machine()
    *first, source = LOOKING[name]
    source.append((1, pending()) if name == "starmap" else pending())
    made = MODULES["itertools"].members[name].call(state, *first, source)
    if name == "starmap":
        assert [type(item) for item in state.drain(made)][-1] is Pending
        return
    with pytest.raises(Suspended):
        state.drain(made)


def test_collections_keep_pending_items() -> None:
    state, item = machine(), pending()
    members = MODULES["collections"].members
    assert members["deque"].call(state, [1, item])[1] is item
    assert members["OrderedDict"].call(state, [("a", item)])["a"] is item
    with pytest.raises(Suspended):
        members["OrderedDict"].call(state, [((item, 1), 2)])


def test_a_source_that_becomes_unknown_suspends_what_reads_it() -> None:
    state = machine()
    source = [1, 2, 3]
    views = {"a": source}
    made: Iter = MODULES["itertools"].members["chain"].call(state, source)
    of_view: Iter = BUILTINS["iter"].call(state, views.values())
    assert next(state.iterate(made)) == 1
    state.change([(source, HANDED_ON), (views, HANDED_ON)], NEEDS)
    for iterator in (made, of_view):
        with pytest.raises(Suspended):
            next(state.iterate(iterator))


def lines(pattern: str) -> set[str]:
    """Files of the package with a line that matches."""
    return {
        str(path.relative_to(SOURCES))
        for path in SOURCES.rglob("*.py")
        if re.search(pattern, path.read_text(), re.MULTILINE)
    }


def test_one_place_catches_a_suspension() -> None:
    """`attempt`, which takes note of what was skipped; and the end of a pass."""
    assert lines(r"^ *except[^:\n]*\b(?:Suspended|BaseException)\b") & {
        str(p.relative_to(SOURCES)) for p in (SOURCES / "interpreter").rglob("*.py")
    } == {
        "interpreter/interpret.py",
        "interpreter/pending.py",
    }
    text = (SOURCES / "interpreter/pending.py").read_text()
    assert text.count("except Suspended") == 1


def test_nothing_but_the_machine_asks_the_iterator_of_the_host() -> None:
    assert lines(r"\.producer\b") == {"interpreter/machine.py", "interpreter/values.py"}


def test_makers_of_iterators_close_over_nothing() -> None:
    """So that `sources` holds all that an iterator can read, change or call."""
    hidden: list[int] = []

    def produce(_machine: Machine) -> Iterator[int]:
        yield from hidden

    with pytest.raises(AssertionError):
        machine().lazy(produce, ())
    made_by_hand = lines(r"[^.\w]Iter\(")
    assert made_by_hand == {"interpreter/concurrent.py", "interpreter/lower_expressions.py", "interpreter/machine.py"}
