"""Every name of the vocabulary has a meaning in the interpreter, and the interpreter gives meaning to no other."""

from __future__ import annotations

import builtins
import importlib
from collections import Counter, OrderedDict, deque
from datetime import date, datetime, time, timedelta, timezone

import pytest

import pyrag_dsl as pd
from pyrag_dsl.grammar import language as vocabulary
from pyrag_dsl.grammar.names import FORBIDDEN
from pyrag_dsl.interpreter import operators
from pyrag_dsl.interpreter.attributes import ATTRIBUTES, METHODS
from pyrag_dsl.interpreter.builtins import BUILTINS, IMPLICIT
from pyrag_dsl.interpreter.modules import MODULES
from pyrag_dsl.interpreter.values import (
    Builtin,
    DefaultDict,
    Function,
    Match,
    Pattern,
    PlanFrozenSet,
    PlanSet,
    Record,
)

TYPES: dict[str, type] = {
    "str": str,
    "int": int,
    "float": float,
    "list": list,
    "tuple": tuple,
    "dict": dict,
    "set": PlanSet,
    "frozenset": PlanFrozenSet,
    "Counter": Counter,
    "defaultdict": DefaultDict,
    "OrderedDict": OrderedDict,
    "deque": deque,
    "namedtuple": Record,
    "date": date,
    "datetime": datetime,
    "time": time,
    "timedelta": timedelta,
    "timezone": timezone,
    "match": Match,
    "pattern": Pattern,
    "function": Function,
}
BASES = {"Counter": "dict", "defaultdict": "dict", "OrderedDict": "dict", "namedtuple": "tuple"}
# What the tables by type do not hold: fields that any exception, named tuple or result of `isocalendar()` has.
FIELDS = {"exception": {"args"}, "namedtuple": {"_fields"}, "other": {"week"}}


def _statics(name: str) -> set[str]:
    """Names that the type itself has, `datetime.now`; instances of dates have them in their tables too."""
    offered = [BUILTINS.get(name), *[module.members.get(name) for module in MODULES.values()]]
    return {key for found in offered if type(found) is Builtin for key in found.statics or ()}


@pytest.mark.parametrize("name", sorted(TYPES))
def test_attributes_of_a_type(name: str) -> None:
    kind = TYPES[name]
    meant = METHODS.get(kind, {}).keys() | ATTRIBUTES.get(kind, {}).keys() | _statics(name) | FIELDS.get(name, set())
    words = vocabulary.TYPES[name] | (vocabulary.TYPES[BASES[name]] if name in BASES else set())
    assert meant == words


def test_every_type_of_the_tables_is_in_the_vocabulary() -> None:
    assert METHODS.keys() | ATTRIBUTES.keys() == {*TYPES.values(), bool}
    assert METHODS[bool] == METHODS[int]
    assert vocabulary.TYPES.keys() == TYPES.keys() | {"exception", "other"}


def test_attributes_of_no_table() -> None:
    members = [member for module in MODULES.values() for name, member in module.members.items() if name not in TYPES]
    statics = {key for member in members if type(member) is Builtin for key in member.statics or ()}
    assert vocabulary.TYPES["other"] == statics | FIELDS["other"]
    assert vocabulary.TYPES["exception"] == FIELDS["exception"]
    assert set().union(*vocabulary.TYPES.values()) == vocabulary.ATTRIBUTES


def test_builtins() -> None:
    assert BUILTINS.keys() | {"__name__"} == vocabulary.BUILTINS
    assert vocabulary.FUNCTIONS.isdisjoint(vocabulary.EXCEPTIONS)
    for name, builtin in BUILTINS.items():
        host = getattr(builtins, name)
        assert builtin.name == name
        if name in vocabulary.EXCEPTIONS:
            assert builtin.host is host
            assert issubclass(host, Exception)
        else:
            assert builtin.host is None or isinstance(host, type)


def test_what_is_forbidden_is_not_offered() -> None:
    assert FORBIDDEN.keys().isdisjoint(vocabulary.BUILTINS)
    assert FORBIDDEN.keys().isdisjoint(BUILTINS)


@pytest.mark.parametrize("name", sorted(vocabulary.MODULES))
def test_members_of_a_module(name: str) -> None:
    assert MODULES[name].members.keys() == vocabulary.MODULES[name]


def test_modules() -> None:
    assert MODULES.keys() == vocabulary.MODULES.keys()
    for name, module in MODULES.items():
        assert module.name == name
        host = importlib.import_module(name)
        late = {"datetime": {"UTC"}, "re": {"NOFLAG"}}.get(name, set())  # since 3.11
        assert all(hasattr(host, member) for member in module.members.keys() - late)


def test_implied_names() -> None:
    assert IMPLICIT.keys() == vocabulary.IMPLICIT | vocabulary.IMPLICIT_MEMBERS.keys()
    assert MODULES.keys() >= vocabulary.IMPLICIT
    for name, module in vocabulary.IMPLICIT_MEMBERS.items():
        assert IMPLICIT[name] is MODULES[module].members[name]


def test_operators() -> None:
    assert operators.BINARY.keys() == operators.IN_PLACE.keys() == set(vocabulary.BINARY.values())
    assert operators.COMPARE.keys() == set(vocabulary.COMPARE.values())


@pytest.mark.parametrize("name", sorted(BUILTINS))
def test_builtin_is_accepted_by_the_vetter_and_known_to_the_run(name: str) -> None:
    result = pd.run(f"final_answer = callable({name})\n", tools={"answer": lambda query: query})
    assert result.final_answer is True


@pytest.mark.parametrize("name", sorted(vocabulary.ATTRIBUTES))
def test_attribute_is_accepted_by_the_vetter(name: str) -> None:
    """And is an AttributeError of the run where the value has none."""
    text = f"final_answer = 0\ntry:\n    None.{name}\nexcept AttributeError:\n    final_answer = 1\n"
    assert pd.run(text, tools={"answer": lambda query: query}).final_answer == 1
