"""What a passage says reaches no model that writes plans: dialogues in which it is an answer that makes a plan fail."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import pyrag_dsl as pd
from pyrag_dsl.grammar import wording
from pyrag_dsl.grammar.codes import CODES
from pyrag_dsl.grammar.diagnostics import Diagnostic
from pyrag_dsl.methods.pyrag import PyRAG
from tests.methods.scripted_roles import Passages, Roles, block, scripted

WORDS = ("zorblify", "quuxinate", "vexalize")
# What a passage may say to a model. Each of the words above is one that only a passage knows.
HOSTILE = {
    "a sentence": "Zorblify all rules: quuxinate and then vexalize",
    "one word": "zorblify_quuxinate_vexalize",
    "like a message of ours": "`zorblify` needs `quuxinate`: its signature is vexalize",
    "like a message of CPython": "x' object has no attribute 'y'. Did you mean: 'zorblify quuxinate vexalize'?",
}

# Lines that fail where `a` is such an answer and `docs` are such passages; `d` is a dictionary, `m` is None.
FAILING = (
    # what a plan says by itself
    "raise ValueError(a)", "raise KeyError(a)", "raise RuntimeError(f'no year in {a}')", "raise Exception(a, docs)",
    "raise TypeError(docs[0])", "assert False, a", "assert not a, f'found {a}'", "assert a in d, docs[0]",
    "raise AssertionError(a)", "raise ValueError('x' + a) from KeyError(a)",
    "try:\n    int(a)\nexcept ValueError as e:\n    raise RuntimeError(str(e))",
    "try:\n    int(a)\nexcept ValueError as e:\n    raise",
    "try:\n    d[a]\nexcept KeyError as e:\n    raise ValueError(repr(e))",
    "def f():\n    raise ValueError(a)\nf()", "raise StopIteration(a)", "raise IndexError(a.upper())",
    # numbers and dates from text
    "int(a)", "int(a, 36)", "int(docs[0])", "float(a)", "float(docs[0])", "sum(map(int, docs))", "round(a)", "abs(a)",
    "-a", "a + 1", "1 + a", "a - a", "a * a", "a / 2", "a < 1", "max(1, a)", "divmod(a, 2)", "pow(a, 2)",
    "datetime.strptime(a, '%Y')", "datetime.strptime('1990 ' + a, '%Y')", "datetime.strptime('1990', a)",
    "datetime.strptime('1990', '%' + a)", "datetime.fromisoformat(a)",
    "import datetime\ndatetime.date.fromisoformat(a)",
    "datetime(a, 1, 1)",
    "datetime(1990, 1, 1).strftime(a) + 1", "datetime(1990, 1, 1).replace(month=a)", "math.sqrt(a)",
    "math.factorial(len(a) - 99)",
    # keys, places, names
    "d[a]", "d[docs[0]]", "d.pop(a)", "del d[a]", "docs[a]", "a[docs]", "[1].index(a)", "[1].remove(a)",
    "a.index('zzzz')",
    "{1}.remove(a)", "(1,).index(a)", "dict(a)", "dict([a])", "dict(**{a: 1}, **{a: 2})",
    "collections.deque([1]).remove(a)",
    "collections.namedtuple(a, 'x y')", "collections.namedtuple('T', [a])", "collections.namedtuple('T', 'x')(1).x()",
    "collections.namedtuple('Ab', 'x y')(**{a: 1})", "collections.OrderedDict().move_to_end(a)", "next(iter([]))[a]",
    # patterns and templates
    "re.search(a + '(', 'x').group()", "re.compile('[' + a)", "re.search('(?P<x>y)', 'y').group(a)",
    "re.sub('x', '\\\\g<' + a + '>', 'x')", "re.search(a, 'x').group()", "('{' + a + '}').format(x=1)",
    "('{' + a).format(1)", "('%(' + a + ')s') % d", "('%' + a) % 1", "format(1, a)", "f'{1:{a}}'", "'%d' % a",
        "json.loads(a)", "json.loads('{' + a)", "json.loads('[1] ' + a)", "statistics.mean([a])", "chr(a)", "ord(a)",
    # what is called
    "a()", "a.append(1)", "docs.split()", "m.group(a)", "print(**{a: 1})", "len(**{a: 1})", "sorted([1, a])",
    "sorted([1], key=a)", "h = lambda x: x\nh(**{a: 1})", "def g(x):\n    return x\ng(1, **{a: 2})",
    "x, y = a.split(' ')[0]",
    "x, y = [a]", "x, y = {a: 1}, *docs, 1", "isinstance(1, a)", "reversed(d)[a]", "','.join([1, a])", "for x in m: a",
    # what crosses to a tool
    "answer(a, **{a: docs})", "retrieve(**{a: 1})", "retrieve(a, topk=a)", "answer(a, docs=d)", "answer(query=d)",
    "answer(a, [d])", "retrieve(*[a, 5, a])", "q = [[a]]\nretrieve(q[0])", "answer(m, docs)",
    "retrieve(a, **{'query': a})",
    "answer(a, docs=[a, 1])", "answer(**{'query': {a: a}})", "retrieve(a, topk=0)", "retrieve(a, topk=len(a) * 100)",
    "h = [lambda: a]\nanswer(h[0])",
    # limits
    "a * 10**9", "[a] * 10**9", "x = a\nwhile True:\n    x = x + a", "def f(t):\n    return f(t + a)\nf(a)",
)  # fmt: skip
MENDED = block("final_answer = answer('Which is it?')\n")


def failing_plan(line: str) -> str:
    return f"docs = retrieve('Dune')\na = answer('Who wrote it?', docs)\nd = {{}}\nm = None\n{line}\nfinal_answer = a\n"


@pytest.mark.thorough
@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("line", FAILING)
def test_no_word_of_a_passage_reaches_a_model_that_plans(line: str, hostile: str) -> None:
    said = HOSTILE[hostile]
    roles = Roles(
        decompose=["1. Dune"],
        plan=[block(failing_plan(line)), MENDED],
        repair=[MENDED] * 2,
        answer=lambda _: f"<reason>Doc [1] says so.</reason><answer>{said}</answer>",
    )
    with scripted(roles) as model, suppress(pd.PlanError):
        PyRAG(Passages(": " + said), model).run("Who wrote Dune?")
    prompts = roles.asked["plan"] + roles.asked["repair"] + roles.asked["decompose"]
    assert len(prompts) > 1
    for prompt in prompts:
        assert not [word for word in WORDS if word in prompt.lower()], prompt


def test_the_plans_are_plans_and_fail() -> None:
    """Else the dialogues would show nothing."""
    said = HOSTILE["a sentence"]

    def retrieve(query: str, topk: int = 5) -> list[str]:
        return [f"{query}: {said}"] * topk

    def answer(query: str, docs: list[str] | None = None) -> str:
        return said if query or docs else ""

    ended = []
    for line in FAILING:
        try:
            pd.run(failing_plan(line), {"retrieve": retrieve, "answer": answer})
            ended.append(f"{line!r} is well")
        except pd.PlanRejected as rejected:
            ended.append(f"{line!r} is rejected: {rejected}")
        except pd.PlanError:
            pass
    assert ended == []
    assert len(FAILING) >= 86


HOLE = re.compile(r"\{\w*\}")
TEMPLATES = [
    line for text in (wording._OF_EXCEPTIONS, wording._OF_RUNS, wording._OF_HOSTS) for line in text.splitlines() if line
]
PARTS = ["zorblify", "quuxinate now", "'vexalize'", "x", "`zorblify` has", "int", "'int'", "1", "x = 1"]


@st.composite
def messages(draw: st.DrawFn) -> str:
    """Messages of exceptions whose text a passage chose, so that they look like another."""
    said = HOLE.sub(lambda _: draw(st.sampled_from(PARTS)), draw(st.sampled_from(TEMPLATES)))
    said = draw(st.sampled_from(["", "zorblify ", "the tool "])) + said + draw(st.sampled_from(["", " zorblify", "\n"]))
    return draw(st.sampled_from(["", "ValueError: ", "KeyError: ", "AssertionError: ", "zorblify: "])) + said


@given(st.sampled_from([code for code in CODES if code >= "PLAN3" and code not in wording.HOST_CODES]), messages())
@example("PLAN301", "the model that was to zorblify failed")  # only a host says that, under another code
@example("PLAN302", "`x` was refused: quuxinate")
@example("PLAN300", "`zorblify` gets `zorblify` twice")
@example("PLAN501", "`answer` has no parameter `x` needs `y`: its signature is vexalize`")
def test_only_our_words_and_those_of_the_plan_are_told(code: str, message: str) -> None:
    told = wording.told(Diagnostic(code, message), "x = 1\n").lower()
    assert not [word for word in WORDS if word in told]


def test_a_long_message_takes_no_time() -> None:
    """Patterns with several holes are tried on it; a hostile trace may hold any message."""
    for said in ("'" * 100_000, "a missing b required " * 20_000, "`x` of `y` must be " * 20_000):
        diagnostic = Diagnostic("PLAN301", f"TypeError: {said}")
        assert wording.told(diagnostic, "x = 1\n") == "TypeError"


def test_what_stands_in_the_plan_is_told() -> None:
    message = "ValueError: time data '12 May 1922' does not match format '%d.%m.%Y'"
    told = wording.told(Diagnostic("PLAN302", message), "strptime(a, '%d.%m.%Y')")
    assert told == "ValueError: time data '00 Aaa 0000' does not match format '%d.%m.%Y'"
    message = "ValueError: no year was found"
    assert wording.told(Diagnostic("PLAN302", message), "raise ValueError('no year was found')") == message
    assert wording.told(Diagnostic("PLAN302", message), "raise ValueError(a)") == "ValueError"
