"""Statements that plans do not have run after safe fixes, as CPython runs what was written."""

from __future__ import annotations

import pytest

from pyrag_dsl.grammar.fix import fix
from tests.language.cpython import cpythons, ours


def programs(text: str) -> dict[str, str]:
    """Programs by the comment before each."""
    return {part.partition("\n")[0]: part.partition("\n")[2] for part in text.split("# ")[1:]}


SAME = programs("""\
# a dataclass
from dataclasses import dataclass
@dataclass
class Person:
    'Who it is.'
    name: str
    born: str = 'x'
people = [Person('a', answer('b')), Person(name='c')]
final_answer = [p.name + p.born for p in people]
# a frozen dataclass
import dataclasses
@dataclasses.dataclass(frozen=True)
class A:
    x: int
    y: int
final_answer = A(1, y=2).x
# a NamedTuple
from typing import List, NamedTuple
class Hop(NamedTuple):
    query: str
    topk: int = 2
hops: List[Hop] = [Hop('a'), Hop('b', 3)]
final_answer = [retrieve(h.query, h.topk) for h in hops]
# a match of texts
def kind(a):
    match a:
        case 'yes' | 'no':
            return 1
        case None:
            return 2
        case str() if a.startswith('u'):
            return 3
        case other:
            return [other]
final_answer = [kind(answer('yes')), kind(None), kind(answer('unknown')), kind(answer('x')), kind(5)]
# a match of an expression
match answer('year').strip():
    case '1999':
        final_answer = 'right'
    case _:
        final_answer = ''
# a match that matches nothing
final_answer = 'x'
match answer('year'):
    case 'no':
        final_answer = 'y'
# suppress
import contextlib
found = {}
with contextlib.suppress(ValueError, KeyError):
    found['a'] = answer('a')
    found['n'] = int(found['a'])
    found['b'] = answer('b')
final_answer = found
# f-strings of every kind
import contextlib
state = {'a': 'x', "b": [1.5]}
with contextlib.suppress(KeyError):
    first = answer(f"Who is {state['a']}? It is 'quoted'.")
    second = f'{state["b"][0]:>{len("four")}.1f}' + (f"over {first} "
        f"lines {'in' if first else 'no'} parts")
    third = f'''three
      lines of {first!r}'''
final_answer = [first, second, third]
# suppress by its name
from contextlib import suppress
x = 1
with suppress(IndexError):
    x = [][0]
final_answer = x
# a pool of threads
from concurrent.futures import ThreadPoolExecutor
def ask(q):
    return answer(q, retrieve(q))
with ThreadPoolExecutor(max_workers=4) as pool:
    results = list(pool.map(ask, ['a', 'b', 'c']))
final_answer = ', '.join(results)
# a pool and the tool itself
from concurrent.futures import ThreadPoolExecutor
item = 'z'
with ThreadPoolExecutor() as ex:
    docs = list(ex.map(retrieve, ['a', 'b']))
final_answer = [docs, item]
# a pool in a function
from concurrent.futures import ThreadPoolExecutor
def both(queries):
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(answer, queries))
final_answer = both(['a', 'b'])
# the type compared
a = answer('x')
final_answer = [type(a) == str, type(a) is list, type(a) != str, not type(1.5) is not float]
""")
LEFT_ALONE = programs("""\
# a class with a method
class A:
    x: int
    def f(self):
        return 1
final_answer = 1
# a dataclass that compares
from dataclasses import dataclass
@dataclass(order=True)
class A:
    x: int
final_answer = A(1) < A(2)
# a class with a base
class A(dict):
    x: int = 1
final_answer = 1
# a pattern that takes apart
match [1, 2]:
    case [a, b]:
        final_answer = a
    case _:
        final_answer = 0
# a file
with open('x') as file:
    final_answer = file.read()
# a pool that submits
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor() as pool:
    final_answer = pool.submit(answer, 'a').result()
# an import of what is used otherwise
from contextlib import suppress
final_answer = suppress(ValueError)
# the type of a dictionary
final_answer = type({}) == dict
""")


@pytest.mark.parametrize("mode", ["sequential", "concurrent"])
@pytest.mark.parametrize("name", SAME)
def test_what_is_rewritten_does_the_same(name: str, mode: str) -> None:
    fixed = fix(SAME[name])
    assert fixed.program is not None, fixed.remaining
    seen, wanted = ours(fixed.text, mode=mode), cpythons(SAME[name])
    assert wanted.error == ""
    assert (seen.value, seen.error, seen.printed) == (wanted.value, "", wanted.printed)
    if "ThreadPoolExecutor" in SAME[name]:  # threads call in any order
        assert sorted(seen.calls) == sorted(wanted.calls)
    else:
        assert seen.calls == wanted.calls


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_what_may_mean_something_else_is_left_to_the_model(name: str) -> None:
    fixed = fix(LEFT_ALONE[name])
    assert fixed.program is None
    assert fixed.text == LEFT_ALONE[name]
