"""What can be known before a call is said before it, as a warning; what fails all the same says a way out."""

from __future__ import annotations

import pytest

import pyrag_dsl as pd

SEARCH = 'import re\nm = re.search(r"\\d+", answer("When?"))\n'
# Plans that rely on something that they have not tested: the code and the line of the warning.
WARNED = {
    "a match that is not tested": (SEARCH + "final_answer = m.group()\n", "PLAN309", 3),
    "in a function": (
        'import re\ndef f(text):\n    found = re.match("x", text)\n    return found.group(1)\nfinal_answer = f("x")\n',
        "PLAN309",
        4,
    ),
    "through a function": (
        'import re\ndef look(text):\n    return re.search("x", text)\nm = look("x")\nfinal_answer = m.group()\n',
        "PLAN309",
        5,
    ),
    "tested too late": (SEARCH + "final_answer = m.group()\nif m:\n    final_answer = 'x'\n", "PLAN309", 3),
    "another one is tested": (SEARCH + "n = m\nfinal_answer = m.group() if n else ''\n", "PLAN309", 4),
    "a number out of an answer": ('final_answer = int(answer("How many?"))\n', "PLAN302", 1),
    "through a variable and methods": ('a = answer("How many?").strip()\nfinal_answer = float(a)\n', "PLAN302", 2),
    "in a loop": ('for q in ["a", "b"]:\n    a = answer(q)\n    final_answer = int(a)\n', "PLAN302", 3),
    "a date out of an answer": (
        'from datetime import datetime\nfinal_answer = datetime.strptime(answer("When?"), "%Y").year\n',
        "PLAN302",
        2,
    ),
    "a list as a query": ('docs = retrieve("a")\nfinal_answer = answer(docs)\n', "PLAN210", 2),
    "a match as a query": (SEARCH + "final_answer = answer(m)\n", "PLAN210", 3),
}
# Plans that test first, in the ways in which models do.
SILENT = {
    "a conditional": SEARCH + 'final_answer = m.group() if m else ""\n',
    "a branch": SEARCH + 'if m is not None:\n    final_answer = m.group()\nelse:\n    final_answer = ""\n',
    "a way out of the function": (
        'import re\ndef f(t):\n    m = re.search("x", t)\n    if not m:\n        return ""\n    return m.group()\n'
        'final_answer = f("x")\n'
    ),
    "and": SEARCH + "final_answer = (m and m.group()) or ''\n",
    "assert": SEARCH + "assert m\nfinal_answer = m.group()\n",
    "try": SEARCH + "try:\n    final_answer = m.group()\nexcept AttributeError:\n    final_answer = ''\n",
    "another value since": SEARCH + "m = re.compile('x')\nfinal_answer = m.pattern\n",
    "digits only": 'a = answer("How many?")\nfinal_answer = int(a) if a.isdigit() else 0\n',
    "a number in a try": 'try:\n    final_answer = int(answer("a"))\nexcept ValueError:\n    final_answer = 0\n',
    "digits taken out": 'import re\nfinal_answer = int("0" + re.sub(r"\\D", "", answer("How many?")))\n',
    "a number of the plan's own": 'final_answer = int("12")\n',
}


@pytest.mark.parametrize("name", WARNED)
def test_what_a_plan_relies_on_untested_is_a_warning(name: str) -> None:
    text, code, line = WARNED[name]
    found = [each for each in pd.parse(text).diagnostics if each.code == code]
    assert [(each.severity, each.span.line if each.span else 0) for each in found] == [("warning", line)]
    assert found[0].help


@pytest.mark.parametrize("name", SILENT)
def test_what_a_plan_has_tested_is_none(name: str) -> None:
    assert pd.parse(SILENT[name]).diagnostics == ()


# Statements that fail at run time, and a part of the way out that is said.
FAILING = {
    "docs[7]": "test the length first",
    "''.join(docs)[99999]": "test the length first",
    "a, b = 'x y z'.split(' ')": "test their number first",
    "max(docs[9:])": "default=",
    "1 / len(docs[9:])": "Test the divisor",
    "int(text)": "take the digits out first",
    "datetime.strptime(text, '%Y')": "another format",
    "datetime.strptime('1999 x', '%Y')": "another format",
    "missing.split()": "test for None first",
    "missing[0]": "test for None first",
    "re.search('zz', text).group()": "test it first",
    "text + len(docs)": "str(...)",
    "text < len(docs)": "convert both",
    "docs['a']": "by a number",
    "docs.index('zz')": "`in`",
    "retrieve(docs[0:])": "Ask once for each item",
    "retrieve(missing)": "None",
    "answer('q', [len(docs)])": "[str(item) for item in items]",
    "retrieve('q', topk=len(docs) * 1000)": "in that range",
}


@pytest.mark.parametrize("statement", FAILING)
def test_a_failure_says_a_way_out(statement: str) -> None:
    def retrieve(query: str, topk: int = 5) -> list[str]:
        return [query] * topk

    def answer(query: str, docs: list[str] | None = None) -> str:
        return f"about {query} and {docs}"

    plan = (
        "import re\nfrom datetime import datetime\ndocs = retrieve('a')\ntext = answer('b')\nmissing = {}.get('c')\n"
        f"{statement}\nfinal_answer = text\n"
    )
    with pytest.raises(pd.PlanFailed) as caught:
        pd.run(plan, {"retrieve": retrieve, "answer": answer})
    (found,) = caught.value.diagnostics
    assert found.span is not None
    assert found.span.line == 6
    assert FAILING[statement] in found.help
    assert "\n" not in found.help
