"""Level names: whatever the grammar and the reader of names let end vets, and whatever they let begin can end."""

from __future__ import annotations

import json
import os
import random
import re
from pathlib import Path

import pytest

import pyrag_dsl as pd
from pyrag_dsl.cli import pyrag
from pyrag_dsl.decoding import NameReader, Recogniser, constrained_fields, plan_rules
from pyrag_dsl.decoding.name_reader import CAP, KEYWORDS, MOST_ELIFS, names_table
from pyrag_dsl.decoding.rules import sample
from pyrag_dsl.grammar.language import DEFAULT_SIGNATURES
from tests.decoding.named_walks import matcher, walk
from tests.decoding.toolboxes import TOOLBOXES

OWN = [path.read_text(encoding="utf-8") for path in sorted(Path(__file__).with_name("plans").glob("*.plan"))]
RULES = plan_rules("names")
READING = Recogniser(RULES)
WALKS = int(os.environ.get("PYRAG_MASK_WALKS", "120"))
MANY = 2_000


def accepts(text: str, tools=DEFAULT_SIGNATURES) -> bool:
    """Whether the reader lets a text be written and end there."""
    reader = NameReader(tools).after(text)
    return reader is not None and reader.may_end


def beginnings(rng: random.Random) -> str:
    """The beginning of a plan of ours, or nothing."""
    text = rng.choice(OWN)
    longest = min(NameReader().refusal(text), len(text))
    begun = text[: rng.randrange(longest + 1)]
    return begun if begun.isascii() and READING.begins(begun) and rng.random() < 0.7 else ""


def check_walks(name: str, walks: int, seed: int) -> None:
    tools, rng = TOOLBOXES[name], random.Random(seed)
    made, lines, bound = matcher(tools), 0, name == "usual"
    for _ in range(walks):
        text, _ = walk(made, tools, rng, steps=rng.choice((5, 30, 90)), begun=beginnings(rng) if bound else "")
        pd.parse(text, tools, inputs=["question"])
        lines = max(lines, text.count("\n"))
    assert lines > 5


@pytest.mark.thorough
@pytest.mark.parametrize("name", TOOLBOXES)
def test_every_walk_can_end_and_what_has_ended_vets(name):
    check_walks(name, WALKS if name == "usual" else WALKS // 2, 11)


@pytest.mark.slow
@pytest.mark.parametrize("name", TOOLBOXES)
def test_every_one_of_many_walks_vets(name):
    check_walks(name, MANY, 12)


def swapped(text: str, rng: random.Random) -> str:
    """A text with one word in the place of another."""
    words = list(re.finditer(r"[A-Za-z_]+", text))
    one, other = rng.choice(words), rng.choice(words)
    return text[: one.start()] + other[0] + text[one.end() :]


@pytest.mark.thorough
def test_a_plan_with_a_word_in_the_place_of_another_vets_if_it_is_let_through():
    rng, through, refused = random.Random(13), 0, 0
    for _ in range(400):
        text = swapped(rng.choice(OWN), rng)
        if accepts(text) and READING.reads(text):
            pd.parse(text, inputs=["question"])
            through += 1
        else:
            refused += 1
    assert through > 20
    assert refused > 100


@pytest.mark.thorough
def test_what_models_wrote_is_let_through_for_the_most_part(shared):
    texts = [path.read_text(encoding="utf-8") for path in sorted((shared / "plans" / "runnable").glob("*.py"))]
    vetted, through = [], 0
    for text in texts:
        try:
            pd.parse(text, inputs=["question"])
        except pd.PlanRejected:
            continue
        vetted.append(text)
        through += accepts(text) and READING.reads(text)
    assert through >= 0.94 * len(vetted)


@pytest.mark.thorough
def test_words_of_models_plans_in_the_place_of_others_vet_where_they_are_let_through(shared):
    texts = [path.read_text(encoding="utf-8") for path in sorted((shared / "plans" / "runnable").glob("*.py"))]
    rng = random.Random(14)
    for _ in range(600):
        text = swapped(rng.choice(texts), rng)
        if accepts(text) and READING.reads(text):
            pd.parse(text, inputs=["question"])


def test_its_texts_are_texts_of_level_wide():
    wide, rng = Recogniser(plan_rules("wide")), random.Random(15)
    for _ in range(60):
        text = sample(RULES, rng, often=0.4, mean=1.5, size=150)
        assert wide.reads(text), text


@pytest.mark.parametrize(
    ("before", "refused"),
    [
        ("docs = retrieve('a')\nfact = answer('b', ", "dogs"),
        ("x = ", "serach("),
        ("x = ", "retrieve "),
        ("x = retrieve(query='a', ", "top_k"),
        ("x = retrieve('a', ", "query="),
        ("x = retrieve(query='a', ", "query"),
        ("x = answer(docs=[]", ")"),
        ("x = retrieve(", "5"),
        ("x = retrieve('a', topk=", "'"),
        ("x = 'a' + ", "1"),
        ("x = re.", "find_all"),
        ("x = ", "re\n"),
        ("x = sorted([], ", "cmp="),
        ("import re\n", "re = 1"),
        ("x = 1\n", "retrieve = 1"),
        ("x = ", "open("),
        ("x = f'{", "y}"),
        ("x = [y for z in ", "y]"),
        ("x = [y + z for y in []", "]"),
        ("for x in ", "x:"),
        ("x ", "+= 1"),
        ("def f(a, ", "a)"),
        ("def f():\n    x = question\n    ", "question = 1"),
        ("def f(a):\n    b = a\n", "c = b\n"),
        ("def f(a):\n    question = ", "question"),
        ("f = lambda a, ", "a:"),
        ("from datetime import datetime\n", "import datetime\n"),
        ("x = Counter([])\n", "from collections import Counter\n"),
        ("from math import pow", "\n"),
        ("x = 1\nimport re as ", "x\n"),
        ("x = {1: 2}\nx[0], ", "max = 1, 2"),
    ],
)
def test_what_the_vetter_would_refuse_is_masked(before, refused):
    reader = NameReader().after(before)
    assert reader is not None
    assert reader.after(refused) is None
    assert reader.refusal(refused) < len(refused)


@pytest.mark.parametrize(
    "text",
    [
        "final_answer = [f'{x}{y}' for x in [question] for y in x if y]",
        "best = max([1], key=lambda n: -n)\nfinal_answer = best",
        "for i, (a, b) in enumerate(zip([1], [2])):\n    final_answer = a + b + i",
        "if question:\n    x = 1\nfinal_answer = x",
        "import datetime as dt\nfinal_answer = dt.datetime.now().year",
        "from datetime import datetime\nfinal_answer = datetime.now()",
        "def f(a: str, *rest, b=1) -> list[str]:\n    return [a, b, *rest]\nfinal_answer = f(question, b=2)",
        "try:\n    x = int(question)\nexcept (ValueError, TypeError) as error:\n    x = error\nfinal_answer = x",
        "x, *rest = [1, 2]\nrest[0] += x\nfinal_answer = '=' * 10 + '\\n'",
        "return answer(query=question, docs=retrieve(question, topk=2)[:1])",
        'd = dict(a=1, b=2)\nfinal_answer = "{a}".format(**d)',
    ],
)
def test_what_plans_are_made_of_is_let_through(text):
    pd.parse(text, inputs=["question"])
    assert READING.reads(text)
    assert accepts(text)


def test_a_text_without_an_answer_may_not_end():
    assert not accepts("x = answer('a')")
    assert not accepts("def f():\n    final_answer = 1\nf()")
    assert not accepts("final_answer = [x")
    assert accepts("final_answer = 1")


def test_functions_of_the_plan_take_their_own_parameters_by_name():
    reader = NameReader().after("def hop(topic, *, most=3): return topic\nx = hop(question, ")
    assert reader is not None
    assert reader.after("most=") is not None
    assert reader.after("least=") is None
    assert "most" not in KEYWORDS


def test_a_text_may_be_read_in_any_pieces():
    for text in OWN:
        at = NameReader().refusal(text)
        reader = NameReader()
        for begin in range(0, at, 7):
            reader = reader.after(text[begin : min(begin + 7, at)])
            assert reader is not None


def test_a_line_that_is_as_involved_as_it_may_be_can_still_end():
    reader = NameReader().after("final_answer = question" + ".strip()" * 100)
    assert reader is None
    long = "final_answer = [" + ", ".join(["1"] * 301)
    reader = NameReader().after(long[: NameReader().refusal(long)])
    assert reader is not None
    ended = reader.after("]")
    assert ended is not None
    assert ended.may_end


def test_no_space_stands_where_only_an_operator_that_is_refused_could_follow():
    reader = NameReader().after("if question")
    assert reader is not None
    assert reader.after(" == 1:") is not None
    while (longer := reader.after(".real")) is not None:
        reader = longer
    assert reader.after(" ") is None
    assert reader.after(":") is not None


def test_a_whole_number_that_a_tool_wants_does_not_begin_as_one_with_a_point_would():
    reader = NameReader(TOOLBOXES["typed"]).after("x = look_up('a', limit=0")
    assert reader is not None
    assert reader.after("0") is None
    assert reader.after(".5") is None
    assert reader.after(")") is not None


def test_there_are_no_more_branches_than_the_vetter_lets_be():
    text = "if question:\n    final_answer = 1\n" + "elif question:\n    final_answer = 2\n" * MOST_ELIFS
    assert accepts(text)
    pd.parse(text, inputs=["question"])
    assert NameReader().after(text + "elif question") is None


def test_names_have_an_end():
    assert NameReader().after("x" * CAP + " = 1") is not None
    assert NameReader().after("x" * (CAP + 1)) is None


@pytest.mark.parametrize("name", TOOLBOXES)
def test_the_table_of_names_goes_through_a_request(name):
    tools = TOOLBOXES[name]
    table = json.loads(json.dumps(names_table(tools, ["question", "topic"])))
    reader = NameReader.of(table)
    assert {tool: [param[:2] for param in each.params] for tool, each in reader.tools.items()} == {
        tool: [param[:2] for param in each.params] for tool, each in tools.items()
    }
    assert reader.after("final_answer = topic") is not None
    assert reader.after("final_answer = subject") is None


def test_only_what_masks_tokens_is_asked_for_names(capsys):
    fields = constrained_fields("transformers:names")
    assert set(fields["structured_outputs"]) == {"grammar", "names"}
    for server in ("vllm", "sglang", "llama.cpp", "openai"):
        with pytest.raises(ValueError, match="transformers:names"):
            constrained_fields(f"{server}:names")
    assert pyrag(["grammar", "--level", "names", "--server", "vllm"]) == 2
    assert "transformers:names" in capsys.readouterr().err
