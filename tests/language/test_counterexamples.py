"""Programs in which plans once differed from CPython. The name of each says what was wrong."""

from __future__ import annotations

import pytest

import pyrag_dsl as pd

from .cpython import cpythons, ours

COUNTEREXAMPLES = {
    "a keyword of str.format collided with a parameter of ours": """
final_answer = "{value} of {machine}".format(value=1, machine=2)
""",
    "format_map and % did not make what a defaultdict lacks": """
d = defaultdict(lambda: "none")
final_answer = "{x}".format_map(d), "%(y)s" % d, len(d)
""",
    "views of dictionaries did not compare with sets": """
d = {"a": 1, "b": 2}
final_answer = d.keys() == {"a", "b"}, {"a"} < d.keys(), d.items() >= {("a", 1)}
""",
    "the values of a dictionary took part in set operations": """
try:
    final_answer = {"a": 1}.values() & {1}
except TypeError:
    final_answer = "refused"
""",
    "an unhashable key was looked for in a view": """
try:
    final_answer = [] in {"a": 1}.keys()
except TypeError:
    final_answer = "unhashable"
""",
    "a free variable that is not bound was an UnboundLocalError": """
def outer(flag):
    def inner():
        return x
    if flag:
        x = 1
    return inner()
final_answer = outer(False)
""",
    "extend took nothing from an iterator that failed half way": """
xs = []
try:
    xs.extend(int(s) for s in ["1", "x"])
except ValueError:
    pass
try:
    xs += map(int, ["2", "x"])
except ValueError:
    pass
final_answer = xs
""",
    "set and dict updates took nothing from an iterator that failed half way": """
s, d = set(), {}
try:
    s.update(int(x) for x in ["1", "x"])
except ValueError:
    pass
try:
    d.update((x, int(x)) for x in ["1", "x"])
except ValueError:
    pass
final_answer = s, d
""",
    "StopIteration out of a mapped function was a RuntimeError": """
final_answer = list(map(next, [iter([1]), iter([]), iter([2])]))
""",
    "StopIteration out of a key function was a RuntimeError": """
try:
    final_answer = max([iter([])], key=next)
except StopIteration:
    final_answer = "stopped"
""",
    "isinstance did not know unions, and took None for a type": """
final_answer = [isinstance(x, int | str | None) for x in (1, "a", None, [])]
try:
    isinstance(1, None)
except TypeError:
    final_answer.append("refused")
""",
    "base was no keyword of int, nor number of round": """
final_answer = int("ff", base=16), round(number=2.55, ndigits=1)
""",
    "a set was not found among the frozen sets in a set": """
s = {frozenset({1}), frozenset({2})}
s.discard({1})
final_answer = {2} in s, {1} in s
""",
    "symmetric_difference took any number of arguments": """
try:
    final_answer = {1}.symmetric_difference([1], [2])
except TypeError:
    final_answer = "refused"
""",
    "a defaultdict took part in & and ^": """
try:
    final_answer = defaultdict(int) & {"a": 1}
except TypeError:
    final_answer = "refused"
""",
    "a failure in a chain of methods stood on the first line of the chain": '''
final_answer = re.search(r"[0-9]", """two
lines""").group()
''',
    "the sum of floats lost low bits that CPython keeps since 3.12": """
final_answer = sum([0.1] * 10), sum([1e16, 1.0, -1e16]), sum([0.1, 1, [2]][:2], 0.5)
""",
}


@pytest.mark.parametrize("text", COUNTEREXAMPLES.values(), ids=COUNTEREXAMPLES)
def test_counterexample(text: str) -> None:
    assert ours(text) == cpythons(text)


def test_a_key_sees_the_list_that_is_being_sorted() -> None:
    """CPython shows an empty list meanwhile; `docs/language.md` says so."""
    text = "xs = [2, 1]\nseen = []\nxs.sort(key=lambda x: seen.append(len(xs)) or x)\nfinal_answer = [xs, seen]\n"
    assert pd.run(text, {}).final_answer == [[1, 2], [2, 2]]
