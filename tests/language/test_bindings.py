"""Names that some way leaves unbound, and results that nobody uses: warned of, and only where that can be."""

from __future__ import annotations

import pytest
from hypothesis import assume, given

import pyrag_dsl as pd
from pyrag_dsl.testing.plans import StubTools, plans, tool_results

from ..engine.laws import law

SOUND = {
    "bound by both branches": "if answer('q'):\n    x = 1\nelse:\n    x = 2\nfinal_answer = x\n",
    "bound before": "x = 0\nfor i in retrieve('q'):\n    x = i\nfinal_answer = x\n",
    "the other branch returns": "if answer('q'):\n    x = 1\nelse:\n    return 'no'\nfinal_answer = x\n",
    "the other branch raises": "if answer('q'):\n    x = 1\nelse:\n    raise ValueError\nfinal_answer = x\n",
    "a loop over something": "for i in [1, 2]:\n    x = i\nfinal_answer = x\n",
    "a loop that counts": "for i in range(3):\n    x = i\nfinal_answer = x + i\n",
    "found, or else": "for d in retrieve('q'):\n    if d:\n        x = d\n        break\nelse:\n    x = 1\nx\n",
    "until it is there": "while True:\n    x = answer('q')\n    if x:\n        break\nfinal_answer = x\n",
    "every handler": "try:\n    x = int(answer('q'))\nexcept ValueError:\n    x = 0\nfinal_answer = x\n",
    "no handler goes on": "try:\n    x = int(answer('q'))\nexcept ValueError:\n    return 0\nfinal_answer = x\n",
    "bound at last": "try:\n    y = int(answer('q'))\nexcept ValueError:\n    pass\nfinally:\n    x = 1\nx\n",
    "main": "if __name__ == '__main__':\n    x = 1\nfinal_answer = x\n",
    "within a comprehension": "final_answer = [x for x in retrieve('q') if x]\n",
    "by a walrus": "if (x := answer('q')):\n    pass\nfinal_answer = x\n",
    "by the module, for a function": "def f():\n    return x\nif answer('q'):\n    x = 1\nfinal_answer = f()\n",
    "global": "def f():\n    global x\n    x = 1\nx = 0\nf()\nfinal_answer = x\n",
    "by a parameter": "def f(x, y=1):\n    if x:\n        y = 2\n    return y\nfinal_answer = f(1)\n",
}

UNSOUND = {
    "one branch": ("if answer('q'):\n    x = 1\nfinal_answer = x\n", 3),
    "a loop that may be empty": ("for i in retrieve('q'):\n    x = i\nfinal_answer = x\n", 3),
    "the variable of one": ("for i in retrieve('q'):\n    pass\nfinal_answer = i\n", 3),
    "one handler": ("try:\n    x = int(answer('q'))\nexcept ValueError:\n    pass\nfinal_answer = x\n", 5),
    "left early": ("for i in [1, 2]:\n    if answer('q'):\n        break\n    x = i\nfinal_answer = x\n", 5),
    "gone on early": ("for i in [1]:\n    if answer('q'):\n        continue\n    x = i\nfinal_answer = x\n", 5),
    "in a function": ("def f(y):\n    if y:\n        x = 1\n    return x\nfinal_answer = f(answer('q'))\n", 4),
    "deleted": ("x = 1\nif answer('q'):\n    del x\nfinal_answer = x\n", 4),
    "in a branch of a loop": ("for i in [1, 2]:\n    if i > 1:\n        y = x\n    x = i\nfinal_answer = x\n", 3),
    "added to": ("if answer('q'):\n    x = 1\nx += 1\nfinal_answer = x\n", 3),
    "the name of an error": ("e = 1\ntry:\n    e = 2\nexcept ValueError as e:\n    pass\nfinal_answer = e\n", 6),
}


@pytest.mark.parametrize("text", SOUND.values(), ids=SOUND)
def test_what_every_way_binds_is_not_warned_of(text: str) -> None:
    assert [d.code for d in pd.parse(text).diagnostics if d.code == "PLAN222"] == []


@pytest.mark.parametrize(("text", "line"), UNSOUND.values(), ids=UNSOUND)
def test_what_some_way_leaves_unbound_is_warned_of_once(text: str, line: int) -> None:
    (found,) = [d for d in pd.parse(text).diagnostics if d.code == "PLAN222"]
    assert found.severity == "warning"
    assert found.span is not None
    assert found.span.line == line
    assert found.related


@pytest.mark.thorough
@law(200)
@given(plans(), tool_results())
def test_law_a_name_that_turns_out_to_be_unbound_was_warned_of(text: str, tools: StubTools) -> None:
    program = pd.parse(text)
    assume("def " not in text and "lambda" not in text)
    try:
        pd.run(program, tools.functions(), mode="sequential", limits=pd.Limits(tool_calls=60, steps=200_000))
    except pd.PlanError as error:
        if error.diagnostics[0].code == "PLAN306":
            name = error.diagnostics[0].message.split("'")[1]
            assert any(d.code == "PLAN222" and f"`{name}`" in d.message for d in program.diagnostics)


@pytest.mark.parametrize(
    ("text", "unused"),
    [
        ("docs = retrieve('a')\nfinal_answer = answer('q')\n", ["docs"]),
        ("docs = retrieve('a')\ndocs = retrieve('b')\nfinal_answer = answer('q', docs)\n", []),
        ("def f():\n    docs = retrieve('a')\n    return answer('q')\nfinal_answer = f()\n", ["docs"]),
        ("docs = retrieve('a')\nf = lambda: docs\nfinal_answer = answer('q', f())\n", []),
        ("_ = retrieve('a')\nfinal_answer = answer('q')\n", []),
        ("answer_text = answer('q')\nfinal_answer = f'{answer_text}'\n", []),
    ],
)
def test_a_result_that_nobody_uses(text: str, unused: list[str]) -> None:
    found = [d for d in pd.parse(text).diagnostics if d.code == "PLAN223"]
    assert [d.message.split("`")[1] for d in found] == unused
