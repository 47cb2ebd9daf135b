"""The plan inside a model's reply: what comes out of every kind of envelope, and the laws of extraction."""

from __future__ import annotations

import ast
import html
import json
import textwrap
import warnings
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pyrag_dsl.grammar.extract import extract_code
from pyrag_dsl.grammar.surface import parses

PLAN = """\
docs = retrieve("river of Bonn")
river = answer("Which river flows through Bonn?", docs)
if river != "unknown":
    docs = retrieve(f"{river} length")
final_answer = answer(f"Given: {river}. How long is it?", docs)
"""
DRAFT = PLAN.replace("Bonn", "Berlin").replace("river", "stream")
FIRST, REST = PLAN.split("\n", 2)[0] + "\n" + PLAN.split("\n", 2)[1] + "\n", PLAN.split("\n", 2)[2]
INDENTED = textwrap.indent(PLAN, "   ")
QUOTED = textwrap.indent(PLAN, "> ")
LINES = PLAN.splitlines()


def numbered(form: str) -> str:
    return "\n".join(form.format(n, line) for n, line in enumerate(LINES, 1))


def fence(text: str, language: str = "python") -> str:
    return f"```{language}\n{text}```\n"


REPLIES = {
    "bare": PLAN,
    "python fence": fence(PLAN),
    "py fence": fence(PLAN, "py"),
    "capitalised fence": fence(PLAN, "Python3"),
    "fence with attributes": fence(PLAN, 'python title="plan.py"'),
    "fence with braces": fence(PLAN, "{.python}"),
    "plaintext fence": fence(PLAN, "plaintext"),
    "fence without a language": fence(PLAN, ""),
    "tilde fence": f"~~~python\n{PLAN}~~~\n",
    "four backticks": f"````python\n{PLAN}````\n",
    "prose around a fence": f"Sure!\n\n{fence(PLAN)}\nThis finds the river's length.",
    "fence in a list": f"1. The plan:\n\n   ```python\n{INDENTED}   ```\n",
    "fence behind a bullet": f"-  ```python\n{INDENTED}   ```\n",
    "fence in a quotation": f"> ```python\n{QUOTED}> ```\n",
    "fence opened behind prose": f"Here is the plan: ```python\n{PLAN}```",
    "unclosed fence": f"Sure:\n```python\n{PLAN}",
    "fence closed on the last line": f"```python\n{PLAN.rstrip()}```\nDone.",
    "Windows line ends": fence(PLAN).replace("\n", "\r\n"),
    "byte order mark": "\ufeff" + fence(PLAN),
    "steps": f"Step 1\n{fence(FIRST)}\nStep 2\n{fence(REST)}",
    "redraft": f"{fence(DRAFT)}\nWait, that was wrong. Corrected:\n{fence(PLAN)}",
    "redraft without a word": f"{fence(DRAFT)}\n{fence(PLAN)}",
    "redraft cut short": f"{fence(PLAN)}\nOr better:\n```python\nother = retrieve('x')\n",
    "broken draft": f"{fence('final_answer = answer(')}\nCorrected:\n{fence(PLAN)}",
    "example before the plan": f"{fence('hits = retrieve(1)')}\nThe complete plan:\n{fence(PLAN)}",
    "steps, then all together": f"{fence(FIRST)}\n{fence(REST)}\nPutting it all together:\n{fence(PLAN)}",
    "json beside it": f"{fence(json.dumps({'q': 1}), 'json')}\n{fence(PLAN)}",
    "output beside it": f"{fence(PLAN)}\nOutput:\n{fence('the Rhine', 'text')}",
    "untagged output beside it": f"{fence(PLAN)}\n{fence('the Rhine', '')}",
    "shell beside it": f"{fence('pip install x', 'bash')}\n{fence(PLAN)}",
    "thought": f"<think>\nTwo hops.\n</think>\n{fence(PLAN)}",
    "thought with a fence": f"<think>\n{fence(DRAFT)}</think>\n{fence(PLAN)}",
    "thought opened in the prompt": f"Maybe\n{fence(DRAFT)}\n</think>\n{fence(PLAN)}",
    "thought without a fence after": f"<think>Two hops.</think>\n{PLAN}",
    "thought that never ends": f"<think>Two hops.\n{fence(PLAN)}",
    "code only in the thought": f"<think>\n{fence(PLAN)}</think>\nI cannot say.",
    "code tag": f"<code>\n{PLAN}</code>",
    "plan tag": f"The plan: <plan>\n{PLAN}</plan> Done.",
    "tag with an attribute": f'<pre><code class="language-python">{html.escape(PLAN)}</code></pre>',
    "fence in a tag": f"<plan>\n{fence(PLAN)}</plan>",
    "python token": f"<|python_tag|>{PLAN.rstrip()}<|eom_id|>",
    "bracket tag": f"[PYTHON]\n{PLAN}[/PYTHON]",
    "end token": f"{PLAN.rstrip()}<|im_end|>",
    "preamble": f"Here is the plan you asked for:\n\n{PLAN}",
    "preamble that touches": f"Here's the plan:\n{PLAN}",
    "trailing prose": f"{PLAN}\nThis plan first finds the river. It then looks up its length.",
    "prose on both sides": f"I will look it up in two hops.\n\n{PLAN}\nLet me know if it helps!",
    "heading": f"**Plan**:\n\n{PLAN}",
    "line numbers": numbered("{}: {}"),
    "line numbers and bars": numbered("{:>3} | {}"),
    "line numbers and tabs": numbered("{:>6}\t{}"),
    "json": json.dumps({"code": PLAN}),
    "json in a fence": fence(json.dumps({"plan": PLAN}, indent=1) + "\n", "json"),
    "tool call": json.dumps({"name": "python", "arguments": {"code": PLAN}}),
    "escaped newlines": PLAN.replace("\n", "\\n"),
    "escaped fence": fence(PLAN).replace("\n", "\\n"),
    "entities": html.escape(PLAN),
    "entities in a fence": fence(html.escape(PLAN)),
    "indented": INDENTED,
    "all but the first line indented": PLAN.replace("\n", "\n    ").rstrip(" "),
    "quotation": QUOTED,
    "zero width": PLAN.replace("docs = ", "\u200bdocs\u200b = "),
    "curly quotes": PLAN.replace('("', "(“").replace('"', "”").replace("f”", "f“"),
    "curly quotes in a fence": fence(PLAN.replace('"', "”")),
}


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES.keys())
def test_the_plan_comes_out_of_its_envelope(reply: str) -> None:
    assert ast.dump(ast.parse(extract_code(reply))) == ast.dump(ast.parse(PLAN))


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES.keys())
def test_extraction_is_idempotent_on_replies(reply: str) -> None:
    code = extract_code(reply)
    assert extract_code(code) == code


def test_prompts_are_dropped_with_the_outputs_between() -> None:
    session = '>>> docs = retrieve("x")\n>>> for d in docs:\n...     print(d)\n...\n'
    session += "some text\n>>> final_answer = docs[0]\n"
    assert extract_code(session) == ('docs = retrieve("x")\nfor d in docs:\n    print(d)\n\nfinal_answer = docs[0]\n')


@pytest.mark.parametrize(
    ("curly", "straight"),
    [
        ("x = answer(“Who is Paul’s wife?”)", 'x = answer("Who is Paul\'s wife?")'),
        ("x = answer(‘Don’t Stop’)", 'x = answer("Don\'t Stop")'),
        ("x = answer(“Who sang “Help”?”)", "x = answer('Who sang \"Help\"?')"),
        ('x = f“{d["k"]}”', "x = f'{d[\"k\"]}'"),
        ('x = answer("Paris”)', 'x = answer("Paris")'),
        ('x = answer(“Paris")', 'x = answer("Paris")'),
        ("x = [“a”, ‘b’]", "x = [\"a\", 'b']"),
        ("x = “““two\nlines”””", 'x = """two\nlines"""'),
        ('x = “Bonn”\ny = "the “City” of ‘Bonn’"', 'x = "Bonn"\ny = "the “City” of ‘Bonn’"'),
    ],
)
def test_curly_quotes_become_straight_only_where_they_delimit(curly: str, straight: str) -> None:
    assert extract_code(curly) == straight + "\n"


@pytest.mark.parametrize(
    "plan",
    [
        'x = """\n```python\ny = 1\n```\n"""\n',
        "# ```python\nx = 1\n# ```\n",
        'x = "<think>"\ny = "</think>"\n',
        'x = "\\d \\n \\""\n',
        'x = "a\u200bb\u00a0c"\n',
        'x = "&quot;"\n',
        "\n\nx = 1\n",
        "if x:\n\ty = 1\n",
        "x = {'a': 1}\n",
    ],
)
def test_plain_code_is_left_alone(plan: str) -> None:
    assert extract_code(plan) == plan


def test_a_fence_mark_inside_a_string_does_not_close_the_fence() -> None:
    plan = 'x = """\n```\ntext\n```\n"""\nfinal_answer = answer(x)\n'
    assert extract_code(f"Sure:\n```python\n{plan}```\nDone.") == plan


@pytest.mark.parametrize(
    ("plan", "line"),
    [
        ("First, we find the river.\ndocs = retrieve('x')\nfinal_answer = answer('y', docs)\n", 1),
        ("docs = retrieve('x')\nfinal_answer = answer('the end of\n", 2),
        ("docs = retrieve('x')\n\nThen we answer.\nfinal_answer = answer('y', docs)\n", 3),
        ("for x in y:\n\u00a0\u00a0docs = retrieve(x)\n", 2),
        ("docs = retrieve('x')\nfinal_answer = answer(f\"Given: {docs}.\n\nWho is it?\")\n", 2),
    ],
)
def test_a_flaw_within_the_plan_keeps_its_line(plan: str, line: int) -> None:
    for reply in (plan, f"Sure:\n\n{fence(plan)}"):
        code = extract_code(reply)
        assert code == plan
        with pytest.raises(SyntaxError) as caught:
            compile(code, "plan", "exec")
        assert caught.value.lineno == line


def test_a_reply_without_a_plan_comes_back_for_the_parser_to_reject() -> None:
    assert extract_code("I cannot “answer” that.") == "I cannot “answer” that.\n"
    assert extract_code(" \n ") == ""


def test_the_flawed_replies_of_models(shared: Path) -> None:
    cases = sorted((shared / "plans" / "flawed").glob("*.json"))
    assert cases
    for path in cases:
        case = json.loads(path.read_text(encoding="utf-8"))
        code = extract_code(path.with_suffix(".txt").read_text(encoding="utf-8"))
        assert extract_code(code) == code, path.name
        if case["expect"] == "ok-after-extraction":
            assert ast.dump(ast.parse(code)) == ast.dump(ast.parse(case["fixed"])), path.name
        elif case["expect"] in ("vet", "runtime"):
            ast.parse(code)
            assert ast.dump(ast.parse(code)) != ast.dump(ast.parse(case["fixed"])), path.name
        else:
            assert code.strip() != case["fixed"].strip(), path.name
            assert code.splitlines()[case["line"] - 1] not in case["fixed"].splitlines(), path.name


def test_real_plans_are_left_alone_and_found_in_a_fence(shared: Path) -> None:
    paths = sorted((shared / "plans" / "runnable").glob("*.py"))
    assert paths
    for path in paths:
        plan = path.read_text(encoding="utf-8").strip("\n") + "\n"
        assert extract_code(plan) == plan, path.name
        assert extract_code(f"Here it is:\n\n{fence(plan)}\nDone.") == plan, path.name


@pytest.mark.thorough
@pytest.mark.parametrize(
    "hostile",
    [
        "`" * 100_000,
        "```\n" * 20_000,
        "<code>" * 100_000,
        "<think>" * 50_000,
        "“" * 60_000 + "\nx = 1 1",
        "x = " + "(" * 60_000,
        "x = " + "-" * 60_000 + "1",
        "x = a" + ".b" * 30_000,
        "x = a" + "\n+a" * 10_000,
        "if a:\n  pass\n" + "elif a:\n  pass\n" * 3_000,
        "&amp;" * 50_000,
        "&" + "amp;" * 10_000,
        '{"code":' * 50_000 + "}",
        "[" * 100_000,
        '"""\\' * 10_000,
        "\0```python\n\ud800\n```",
        "x = 1 1\n" + "This code is good\n" * 3_000,
        "a" * 10_000_000,
    ],
    ids=range(18),
)
def test_hostile_text_is_survived(hostile: str) -> None:
    code = extract_code(hostile)
    assert extract_code(code) == code


def test_the_check_neither_warns_nor_trusts() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert parses('x = "\\d"\ny = 1if x else 2\n')
        assert parses('x = f"\\N{EM DASH}"\n')
    assert not parses("x = " + "[" * 51 + "]" * 51)
    assert not parses("x = " + "+".join("a" * 500))
    assert not parses("x \\ y")
    assert not parses("\0")


PIECES = st.sampled_from(
    [
        *(
            "```",
            "```python",
            "~~~",
            "<think>",
            "</think>",
            "<code>",
            "</code>",
            ">>> ",
            "1: ",
            '"',
            "“",
            "’",
        ),
        *(
            "\n",
            "\n",
            "\n\n",
            " ",
            "    ",
            "\u200b",
            "\u00a0",
            "\r\n",
            "\ufeff",
            '"""',
            "\\",
            "\\n",
            "&quot;",
        ),
        *(
            "x = 1",
            "final_answer = x\n",
            "docs = retrieve(“a”)",
            "Here is it.",
            "Sure:",
            "# note",
            "- ",
            "> ",
        ),
        *("**", "<|im_end|>", '{"code": "', '"}'),
    ]
)
TEXTS = st.text(max_size=200) | st.lists(PIECES | st.text(max_size=5), max_size=25).map("".join)

NAMES = st.sampled_from(["docs", "city", "born", "place", "final_answer"])
QUOTABLE = st.text(st.characters(codec="utf-8", exclude_characters="\r", exclude_categories=["Cs"]), max_size=12)
SIMPLE = st.one_of(
    st.builds("{} = answer({!r})".format, NAMES, QUOTABLE),
    st.builds("{} = retrieve(f'{{{}}} {}')".format, NAMES, NAMES, st.sampled_from(["film", "born in", "```"])),
    st.builds("{} += [{}, {!r}]".format, NAMES, NAMES, QUOTABLE),
    st.builds("# {}".format, st.text("abc `>'", max_size=8)),
)
BLOCKS = st.builds("if {}:\n    {}\nelse:\n    pass".format, NAMES, NAMES.map("{} = 1".format))
PLANS = st.lists(SIMPLE | BLOCKS, min_size=1, max_size=6).map(lambda s: "\n".join([*s, "final = answer('end')\n"]))
WRAPPERS = {
    "fence": "```python\n{}```",
    "prose": "Sure, here it is.\n\n```py\n{}```\n\nIt runs in two hops.",
    "thought": "<think>\nTwo hops.\n</think>\n\n```\n{}```",
    "unclosed": "The plan:\n```python\n{}",
    "tildes": "~~~\n{}~~~\n",
    "tag": "<plan>\n{}</plan>",
    "brackets": "[PYTHON]\n{}[/PYTHON]",
}


@settings(deadline=None)
@given(TEXTS)
def test_law_total_and_idempotent(reply: str) -> None:
    code = extract_code(reply)
    assert extract_code(code) == code


@settings(deadline=None)
@given(PLANS)
def test_law_identity_on_plain_code(plan: str) -> None:
    assert extract_code(plan) == plan
    assert extract_code("\ufeff" + plan.replace("\n", "\r\n") + "\r\n") == plan


@settings(deadline=None)
@given(PLANS, st.sampled_from(sorted(WRAPPERS)))
@example("# ```\nfinal = answer('end')\n", "unclosed")
@example("a = answer('x')  # ```\nfinal = answer(a)\n", "unclosed")
def test_law_a_wrapped_plan_comes_back(plan: str, wrapper: str) -> None:
    assert extract_code(WRAPPERS[wrapper].format(plan)).strip() == plan.strip()


@settings(deadline=None)
@given(PLANS)
def test_law_a_plan_in_json_comes_back(plan: str) -> None:
    assert extract_code(json.dumps({"code": plan})) == plan
