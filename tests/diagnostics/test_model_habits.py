"""What models write beside a plan, or in place of its end: safe fixes where what is meant is beyond doubt."""

from __future__ import annotations

import pytest

import pyrag_dsl as pd
from pyrag_dsl.agents.drafts import Drafter
from pyrag_dsl.grammar.diagnostics import Span
from pyrag_dsl.grammar.fix import fix

BEFORE = 'docs = retrieve("Momo")\n'
HABITS = {
    "print of a variable": BEFORE + 'a = answer("Who?", docs)\nprint(a)\n',
    "print of a text": BEFORE + 'a = answer("Who?", docs)\nprint(f"{a}")\n',
    "a name of its own for the answer": BEFORE + 'a = answer("Who?", docs)\nanswer_text = a\n',
    "main that returns": 'def main():\n    docs = retrieve("Momo")\n    return answer("Who?", docs)\n\nmain()\n',
    "main that prints": (
        'def main():\n    docs = retrieve("Momo")\n    print(answer("Who?", docs))\n\n'
        'if __name__ == "__main__":\n    main()\n'
    ),
    "tools imported": "from tools import retrieve, answer\n" + BEFORE + 'final_answer = answer("Who?", docs)\n',
    "tools as stubs": (
        'def retrieve(query, topk=5):\n    """Search."""\n    ...\n\n'
        "def answer(query, docs=None):\n    raise NotImplementedError\n\n"
        + BEFORE
        + 'final_answer = answer("Who?", docs)\n'
    ),
    "a tag without its fence": "python\n" + BEFORE + 'final_answer = answer("Who?", docs)\n',
}


@pytest.mark.parametrize("name", HABITS)
def test_what_models_do_by_habit_runs_after_safe_fixes(name: str) -> None:
    fixed = fix(HABITS[name])
    assert fixed.program is not None, fixed.remaining
    asked: list[str] = []

    def retrieve(query: str, topk: int = 5) -> list[str]:
        asked.append(query)
        return ["Momo is a book by Ende."] * topk

    def answer(query: str, docs: list[str] | None = None) -> str:  # noqa: ARG001
        asked.append(query)
        return "Ende"

    assert pd.run(fixed.program, {"retrieve": retrieve, "answer": answer}).final_answer == "Ende"
    assert asked == ["Momo", "Who?"]


@pytest.mark.parametrize(
    "text",
    [
        'a = answer("x")\nprint("the answer:", a)\n',
        'a = answer("x")\nprint(*a)\n',
        'a = answer("x")\nanswer_docs = retrieve(a)\n',
        'def main():\n    a = answer("x")\n    if a == "no":\n        return 1\n    print(a)\n\nmain()\n',
        'def retrieve(query):\n    return [query]\nfinal_answer = answer("x", retrieve("y"))\n',
        'from tools import retrieve, rank\nfinal_answer = answer("x", retrieve("y"))\n',
    ],
)
def test_what_could_mean_something_else_is_not_fixed(text: str) -> None:
    left = fix(text)
    assert any(each.code in ("PLAN205", "PLAN206", "PLAN211") for each in left.remaining)


def test_a_tool_by_another_name_is_told_with_the_tools_that_there_are() -> None:
    found = {each.message: each for each in fix('d = search("x")\nfinal_answer = ask("y", d)\n').remaining}
    assert "Did you mean the tool `retrieve`?" in found["`search` is not defined"].help
    assert "Did you mean the tool `answer`?" in found["`ask` is not defined"].help
    assert all("retrieve(query, topk=5), answer(query, docs=None)" in each.help for each in found.values())


@pytest.mark.parametrize(
    "reply",
    [
        'docs = retrieve("Momo")\na1 = answer("Who?", docs)\na2 = answer("When?", docs)\n',
        'docs = retrieve("Momo")\nwho = answer("Who?", docs)\nborn = answer(f"When was {who} born?")\n',
        'docs = retrieve("Momo")\nfinal_answer = answer("Who?", docs)\nmore = retrieve("Mo',
    ],
)
def test_a_plan_that_was_cut_off_is_nobodys_to_finish(reply: str) -> None:
    drafter = Drafter(model=None)  # type: ignore[arg-type]
    assert drafter.read(reply, truncated=True).program is None
    assert drafter.read(reply, truncated=True).source.rstrip() == reply.rstrip()


def test_a_plan_that_was_cut_off_after_its_end_is_whole() -> None:
    reply = '```python\ndocs = retrieve("Momo")\nfinal_answer = answer("Who?", docs)\n```\nThis plan first looks'
    assert Drafter(model=None).read(reply, truncated=True).program is not None  # type: ignore[arg-type]


def test_a_carriage_return_alone_hides_nothing_from_a_reader() -> None:
    text = 'final_answer = "shown"  # a note\rfinal_answer = "hidden"\n'
    with pytest.raises(pd.PlanRejected) as caught:
        pd.parse(text)
    assert [(each.code, each.span) for each in caught.value.diagnostics] == [("PLAN103", Span(1, 33, 1, 34))]
    fixed = fix(text)
    assert fixed.program is not None
    assert fixed.text.count("\n") == 2
    assert "\r" not in fixed.text
    assert pd.parse('a = 1\r\nfinal_answer = "x"\r\n').source.count("\n") == 2
