"""What is known to leave its arguments alone does so: a concurrent pass believes the flag `reads`."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque

import pytest

import pyrag_dsl as pd
from pyrag_dsl.interpreter.attributes import METHODS
from pyrag_dsl.interpreter.builtins import BUILTINS
from pyrag_dsl.interpreter.modules import MODULES
from pyrag_dsl.interpreter.values import Builtin, DefaultDict, PlanSet

# Values of each kind that can change, as a plan writes them. Iterators are left out: the flag allows to consume them.
VALUES: dict[type, str] = {
    list: "[[3], [1, 2]]",
    dict: "{'a': [1], 'b': 2}",
    PlanSet: "{1, 'x'}",
    deque: "collections.deque([2, 1])",
    Counter: "collections.Counter('abb')",
    OrderedDict: "collections.OrderedDict(a=1, b=2)",
    DefaultDict: "collections.defaultdict(list, {'a': [1]})",
}
FUNCTIONS = [
    *[name for name, each in BUILTINS.items() if each.reads],
    *[
        f"{module.name}.{name}"
        for module in MODULES.values()
        for name, each in module.members.items()
        if type(each) is Builtin and each.reads
    ],
]
USES = [
    *[(f"{name}({{}})", name) for name in FUNCTIONS],
    *[
        (f"({VALUES[kind]}).{name}({{}})", f"{kind.__name__}.{name}")
        for kind, methods in METHODS.items()
        if kind in VALUES
        for name, each in methods.items()
        if each.reads
    ],
]


@pytest.mark.parametrize("use", [use for use, _ in USES], ids=[name for _, name in USES])
def test_what_reads_changes_nothing(use: str) -> None:
    receiver, dot, call = use.rpartition(").")
    function = f"v.{call}" if dot else use
    lines = ["import collections, datetime, functools, itertools, json, math, re, statistics, string", "values = ["]
    lines += [f"    {value}," for value in VALUES.values()]
    lines += ["]", f"v = {receiver})" if dot else "v = None", "after = {repr([values, v])}"]
    arguments = ["", "a", "a, b", "b, a", "2, a", "'a', a", "'a', a, b"]
    lines += ["for a in values:", "    for b in values:"]
    for given in arguments:
        lines += ["        try:", f"            {function.format(given)}"]
        lines += ["        except Exception:", "            pass", "        after.add(repr([values, v]))"]
    lines += ["final_answer = len(after)"]
    assert pd.run("\n".join(lines) + "\n", {}, mode="sequential").final_answer == 1
