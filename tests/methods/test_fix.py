"""Safe fixes: what they mend, that they bring nothing new, and that no text upsets them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pyrag_dsl as pd
from pyrag_dsl.grammar.fix import _MAY_FAIL, Fixed, fix, look
from pyrag_dsl.testing.plans import StubTools, mutants, plans

END = "final_answer = answer('q')\n"

MENDED = {
    "fence": ("```python\n" + END + "```", END),
    "prose around": ("Here is the plan:\n\n" + END + "\nHope this helps!", END),
    "curly quotes": ("final_answer = answer(“Who?”)", 'final_answer = answer("Who?")\n'),
    "no-break spaces": ("if 1:\n\u00a0\u00a0\u00a0\u00a0x = 1\n" + END, "if 1:\n    x = 1\n" + END),
    "prose inside": ("First, we look for the author.\n" + END, "# First, we look for the author.\n" + END),
    "missing import": (
        "final_answer = re.sub('a', 'b', answer('q'))\n",
        "import re\nfinal_answer = re.sub('a', 'b', answer('q'))\n",
    ),
    "datetime, the class": (
        "final_answer = str(datetime.strptime(answer('q'), '%Y'))\n",
        "from datetime import datetime\nfinal_answer = str(datetime.strptime(answer('q'), '%Y'))\n",
    ),
    "datetime, the module": (
        "final_answer = str(datetime.timedelta(days=1))\n",
        "import datetime\nfinal_answer = str(datetime.timedelta(days=1))\n",
    ),
    "class taken for the module": (
        "from datetime import datetime\nfinal_answer = str(datetime.datetime.strptime(answer('q'), '%Y'))\n",
        "from datetime import datetime\nfinal_answer = str(datetime.strptime(answer('q'), '%Y'))\n",
    ),
    "module taken for the class": (
        "import datetime\nfinal_answer = str(datetime.strptime(answer('q'), '%Y'))\n",
        "import datetime\nfinal_answer = str(datetime.datetime.strptime(answer('q'), '%Y'))\n",
    ),
    "module under a name": (
        "import datetime as dt\nfinal_answer = str(dt.strptime(answer('q'), '%Y'))\n",
        "import datetime as dt\nfinal_answer = str(dt.datetime.strptime(answer('q'), '%Y'))\n",
    ),
    "keyword": (
        "final_answer = answer('q', documents=retrieve('q', top_k=3))\n",
        "final_answer = answer('q', docs=retrieve('q', topk=3))\n",
    ),
    "near miss": (
        "passages = retrieve('q')\nfinal_answer = answer('q', pasages)\n",
        "passages = retrieve('q')\nfinal_answer = answer('q', passages)\n",
    ),
    "no final answer": ("x = answer('q')\n", "x = answer('q')\nfinal_answer = x\n"),
    "answer not kept": ("answer('q')\n", "final_answer = answer('q')\n"),
    "await": ("final_answer = await answer('q')\n", END),
    "quotes in braces": (
        'd = {"k": 1}\nfinal_answer = f"{d["k"]} is it"\n',
        'd = {"k": 1}\nfinal_answer = f"{d[\'k\']} is it"\n',
    ),
    "apostrophe": ("final_answer = answer('Who made Don't?')\n", "final_answer = answer('Who made Don\\'t?')\n"),
    "text over lines": (
        'final_answer = answer("Given: a.\nWhat is b?")\n',
        'final_answer = answer("""Given: a.\nWhat is b?""")\n',
    ),
    "name that begins with a digit": (
        "76er = answer('Which 76er?')\nfinal_answer = answer(f'Is {76er} the 76er?')\n",
        "n76er = answer('Which 76er?')\nfinal_answer = answer(f'Is {n76er} the 76er?')\n",
    ),
    "variable named like a tool": (
        "answer = answer('Which?')\nfinal_answer = answer(f'{answer}?') + answer.upper()\n",
        "answer_value = answer('Which?')\nfinal_answer = answer(f'{answer_value}?') + answer_value.upper()\n",
    ),
}


@pytest.mark.parametrize("case", MENDED)
def test_what_is_mended(case: str) -> None:
    text, wanted = MENDED[case]
    fixed = fix(text)
    assert fixed.text == wanted
    assert [each.code for each in fixed.remaining if each.code != "PLAN302"] == []  # a warning of dates in answers
    assert fixed.program is not None
    assert fixed.program.source == wanted


UNTOUCHED = {
    "a good plan": END,
    "datetime used both ways": "final_answer = str(datetime(2020, 1, 1) - datetime.timedelta(days=1))\n",
    "names that begin like a number": "x = 0x1F + 1e5 + 1_000\nfinal_answer = answer(f'{x}')\n",
    "two near misses": "docs1 = retrieve('a')\ndocs2 = retrieve('b')\nfinal_answer = answer('q', docs)\n",
    "cut off": "docs = retrieve('a')\nfinal_answer = answer(f\"Given: {docs[0]} and Don\n",
}


@pytest.mark.parametrize("case", UNTOUCHED)
def test_what_is_left_alone(case: str) -> None:
    fixed = fix(UNTOUCHED[case])
    assert fixed.text == UNTOUCHED[case]
    assert fixed.applied == ()


def test_good_guesses_are_made_only_if_asked_for() -> None:
    text = "if 1\n    x = 1\n" + END
    assert fix(text).text == text
    assert fix(text).program is None
    assert fix(text, maybe=True).text == "if 1:\n    x = 1\n" + END


def test_own_tools_are_known() -> None:
    lookup = pd.tool(lambda entity: entity, "lookup").signature
    fixed = fix("x = lookup('a')\nfinal_answer = lookup(enity=x)\n", {"lookup": lookup})
    assert fixed.text == "x = lookup('a')\nfinal_answer = lookup(enity=x)\n"
    assert [each.code for each in fixed.remaining] == ["PLAN210"]
    assert "entity" in fix(fixed.text, {"lookup": lookup}, maybe=True).text


def test_a_warning_that_an_error_had_hidden_is_no_new_problem() -> None:
    law(
        'retrieve = 1\nimport re\ndocs = retrieve("Dune")\n'
        'name = re.search(r"\\d{4}", "Dune").group()\nfinal_answer = "Dune"\n'
    )


def law(text: str) -> Fixed:
    fixed = fix(text)
    before, after = look(pd.extract_code(text))[1], fixed.remaining
    assert not any(each.applicability == "safe" for found in after for each in found.fixes)
    assert fix(fixed.text).applied == (), "nothing is left to do"
    assert fixed.applied or fixed.text == pd.extract_code(text)
    unread = [each for each in before if each.phase == "syntax"]
    if unread:
        before = tuple(unread)
        after = tuple(each for each in after if each.phase == "syntax")
    if any(each.severity == "error" for each in before):  # an error hides the warnings of what may fail
        after = tuple(each for each in after if each.severity != "warning" or each.code not in _MAY_FAIL)
    kinds, left = (Counter((each.code, each.message) for each in found) for found in (before, after))
    assert not left - kinds, "a fix brings no new problem"
    assert bool(fixed.applied) == bool(kinds - left), "each fix removes one"
    return fixed


@given(mutants(plans(max_statements=6)))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_law_fixes_remove_problems_and_add_none(text: str) -> None:
    law(text)


@given(plans(max_statements=6))
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_law_plans_that_are_right_stay_plans(text: str) -> None:
    assert law(text).program is not None


@given(st.text())
@settings(max_examples=100, deadline=None)
def test_law_any_text_is_survived(text: str) -> None:
    fix(text)
    fix(text, maybe=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\0",
        "'" * 5000,
        "{" * 5000,
        "1a " * 3000,
        "Don't " * 2000,
        "x = f'{" * 500,
        "\ud800",
        "a\n" * 30_000,
        "7a = 'it's'\n" * 2500,
        "abcdef = abcdeh = 1\n" + "y = abcdeg + retriev('a', document=2)\n" * 800,
    ],
)
def test_hostile_texts_are_survived(text: str) -> None:
    fixed = fix(text)
    assert (fixed.program is None) == any(each.severity == "error" for each in fixed.remaining)


def test_flawed_replies_of_models(shared: Path) -> None:
    cases = sorted((shared / "plans" / "flawed").glob("*.json"))
    assert cases
    ran = 0
    for case in cases:
        fixed = law(case.with_suffix(".txt").read_text(encoding="utf-8"))
        if fixed.program is not None:
            try:
                result = pd.run(fixed.program, StubTools(seed=3).functions(), limits=pd.Limits(tool_calls=60))
            except pd.PlanError:
                continue
            ran += result.final_answer is not None
    fixable = [case for case in cases if "fixed" in json.loads(case.read_text(encoding="utf-8"))]
    print(f"{ran} of {len(fixable)} flawed replies run after extraction and safe fixes alone")
    assert 2 * ran >= len(fixable)
