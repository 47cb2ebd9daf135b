"""Nothing is done that is not paid for: the whole vocabulary, tried over operands that are hard to price."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import pytest

from pyrag_dsl.grammar import language
from pyrag_dsl.interpreter import builtins
from pyrag_dsl.interpreter.machine import Machine
from pyrag_dsl.interpreter.values import Builtin
from pyrag_dsl.testing import meter
from pyrag_dsl.testing.laws import LawBroken, check_priced
from pyrag_dsl.testing.meter import Bench, Measurement, measure, pace, piece, spend
from pyrag_dsl.testing.operands import GIVEN, OPERANDS
from pyrag_dsl.testing.probes import Group, Probe, all_operands, groups, making, methods, words

# With these all words are tried in the default run; with the others when asked for.
HARDEST = (
    "a small int", "a shared tuple that cannot be walked", "a list of large ints", "a list of texts",
    "a colliding dict", "a Counter of large ints", "a defaultdict of a partial", "a wide record",
    "a zone with a long name", "a pattern of many groups", "a match of many groups", "a named tuple",
    "an OSError with a third argument", "a partial of a partial", "a range with large ends", "items of a shared tuple",
)  # fmt: skip
GIVEN_BY_DEFAULT = ("", "its equal", "a shared tuple that cannot be walked")
GROUPS = {str(group): group for group in groups()}
SOME = {
    name: group
    for name, group in GROUPS.items()
    if (group.given in GIVEN_BY_DEFAULT if group.kind else group.operand in HARDEST)
}


def worst(readings: Iterable[Measurement]) -> list[str]:
    dear = sorted((each for each in readings if each.dear), key=lambda each: each.cpu + each.memory, reverse=True)
    return [f"time {each.cpu:.1f}, memory {each.memory:.1f}, {each.ended}: {each.probe}" for each in dear]


# ------------------------------------------------------------------------ what is tried


def test_every_word_of_the_vocabulary_is_tried() -> None:
    members = {f"{module}.{name}" for module, names in language.MODULES.items() for name in names}
    operators = {*language.BINARY.values(), *language.UNARY.values(), *language.COMPARE.values()}
    assert language.FUNCTIONS | language.EXCEPTIONS | members | operators <= words().keys()
    for kind, names in language.TYPES.items():
        if kind != "other":
            assert {f"{kind}.{name}" for name in names} <= methods(kind).keys()
            assert OPERANDS[kind]


def test_what_methods_are_given_is_there() -> None:
    names = {name for _, name, _ in all_operands()}
    assert set(GIVEN) <= names
    assert set(HARDEST) <= names


@pytest.mark.parametrize(("name", "lines"), [(name, lines) for _, name, lines in all_operands()])
def test_an_operand_can_be_made(name: str, lines: str) -> None:  # noqa: ARG001
    bench = Bench(making(("X", lines)))
    assert "X" in bench.machine.globals


# ------------------------------------------------------------------------ what the meter sees


@pytest.fixture
def fresh() -> Any:
    """Pieces know the functions that they were made with."""
    piece.cache_clear()
    yield
    piece.cache_clear()


def probe(use: str) -> list[Probe]:
    return [Probe("some", "an operand", use, making(("X", "X = [0] * 1_000")))]


def test_what_is_paid_for_is_no_finding() -> None:
    assert worst(measure(probe("[*X]"), pace())) == []


@pytest.mark.usefixtures("fresh")
def test_memory_that_is_not_paid_for_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Machine, "charge_items", lambda self, count: None)  # noqa: ARG005
    monkeypatch.setattr(Machine, "drain", lambda self, value: list(value))  # noqa: ARG005
    (reading,) = measure(probe("list(X)"), 0.0)
    assert reading.memory > meter.LARGEST
    assert reading.cpu == 0.0


def longer(seconds: float) -> Builtin:
    def call(_machine: Machine, _value: Any) -> int:
        until = time.process_time() + seconds
        while time.process_time() < until:
            pass
        return 1

    return Builtin("abs", call)


@pytest.mark.usefixtures("fresh")
def test_time_that_is_not_paid_for_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(builtins.BUILTINS, "abs", longer(0.001))
    (reading,) = measure(probe("abs(X)"), pace())
    assert reading.cpu > 10 * meter.DEAREST


@pytest.mark.thorough
@pytest.mark.usefixtures("fresh")
def test_what_never_ends_is_found_and_the_rest_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(builtins.BUILTINS, "abs", longer(1e9))
    readings = list(measure([*probe("[X]"), *probe("abs(X)"), *probe("len(X)"), *probe("abs(X)")], 0.0))
    assert [reading.ended for reading in readings] == ["PLAN401", "killed", "PLAN401", "killed"]


def test_what_a_probe_changes_is_made_again() -> None:
    group = [*probe("X.clear()"), *probe("X.pop()")]
    assert [reading.ended for reading in measure(group, 0.0)] == ["PLAN401", "PLAN401"]
    assert len(Bench(group[0].setup).machine.globals["X"]) == 1_000


def test_a_plan_is_measured_as_a_whole() -> None:
    assert spend("x = 0\nwhile True: x += 1\n", pace()).ended == "PLAN401"
    assert not spend("x = [1] * 1_000\nfinal_answer = x\n", pace()).dear


@pytest.mark.thorough
def test_the_law_names_what_breaks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "x = 0\nwhile True:\n    x = abs(x)\n"
    check_priced(text)
    monkeypatch.setitem(builtins.BUILTINS, "abs", longer(0.001))
    with pytest.raises(LawBroken) as broken:
        check_priced(text)
    assert broken.value.law == "priced"
    assert broken.value.detail.startswith("time of `x = abs(x)`: ")


# ------------------------------------------------------------------------ the vocabulary


@pytest.mark.thorough
@pytest.mark.parametrize("group", SOME.values(), ids=list(SOME))
def test_memory_is_paid_for(group: Group) -> None:
    assert worst(measure(group.probes(), 0.0)) == []


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS.values(), ids=list(GROUPS))
def test_time_and_memory_are_paid_for(group: Group) -> None:
    assert worst(measure(group.probes(), pace())) == []
