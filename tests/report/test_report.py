"""The report: everything is there, and nothing in it acts."""

from __future__ import annotations

import json
import re
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pyrag_dsl as pd
from pyrag_dsl.methods.pyrag import PyRAG
from pyrag_dsl.report import render_report, write_report
from pyrag_dsl.report.page import digest
from pyrag_dsl.report.source import coloured, difference
from pyrag_dsl.report.view import view_of

from ..methods.scripted_roles import Passages, Roles, answers, block, scripted

PLAN = """\
people = ["Ann", "Bob"]
born = {}
for person in people:
    docs = retrieve(f"{person} born")
    born[person] = answer(f"When was {person} born?", docs)
unused = answer("What else?")
print("seen", len(born))
final_answer = answer(f"{born} Who is older?")
"""


def retrieve(query, topk=5):  # noqa: ARG001
    return [f"{query.split()[0]}\n{query.split()[0]} was born in 19{len(query)}.", "Other\nNothing of interest."]


def answer(query, docs=None):  # noqa: ARG001
    return docs[0].split()[-1].rstrip(".") if docs else "Ann"


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def inert(text: str) -> Page:
    """The page, after a look that it can neither fetch nor go anywhere, and runs our script and no other."""
    page = Page(text)
    tags = [tag for tag, _ in page.tags]
    assert not {"img", "iframe", "link", "object", "embed", "form", "base", "image", "use"} & set(tags)
    assert (tags.count("script"), tags.count("style"), tags.count("title"), tags.count("h1")) == (1, 1, 1, 1)
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        assert not {"src", "srcset", "action", "background", "style", "xlink:href"} & set(attributes), tag
        assert (attributes.get("href") or "#").startswith("#"), tag
    policies = [a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    style, script = (re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL) for tag in ("style", "script"))
    assert policies == [
        f"default-src 'none'; style-src 'sha256-{digest(style[0])}'; script-src 'sha256-{digest(script[0])}'; "
        "base-uri 'none'; form-action 'none'"
    ]
    assert not re.search(r"url\(|@import", style[0])
    assert not re.search(r"fetch|XMLHttpRequest|EventSource|innerHTML|eval|Function", script[0])
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for _, a in page.tags if a.get("href")} <= set(ids), "a link that leads nowhere"
    return page


def test_the_page_shows_question_answer_plan_calls_passages_variables_and_output():
    result = pd.run(PLAN, {"retrieve": retrieve, "answer": answer}, question="Who is older?")
    page = inert(render_report(result.trace))
    for part in (
        "Who is older?", "final_answer = answer(", "retrieve#2", "Bob born", "Ann was born in 198.",
        "Nothing of interest.", "answer#4", "born[...]", "seen 2", "Where the answer comes from", "holds the answer",
    ):  # fmt: skip
        assert part in page.text, part


def test_calls_that_the_answer_does_not_need_are_pale():
    result = pd.run(PLAN, {"retrieve": retrieve, "answer": answer})
    page = inert(render_report(result.trace))
    rows = [
        str(attributes.get("class")).split() for _, attributes in page.tags if str(attributes.get("id"))[:2] == "t-"
    ]
    assert [row for row in rows if "unneeded" in row] == [["row", "is-call", "unneeded"]]


@pytest.mark.parametrize(
    ("plan", "code"),
    [("x = answer('q', retrieve('a b'))\nfinal_answer = int(x) / 0", "PLAN307"), ("while True:\n    pass", "PLAN401")],
)
def test_a_run_that_failed_is_reported_too(plan, code):
    with pytest.raises(pd.PlanError) as caught:
        pd.run(plan, {"retrieve": retrieve, "answer": answer}, question="Why?")
    page = inert(render_report(caught.value.trace))
    assert code in page.text
    assert "No answer" in page.text


def test_a_run_that_was_cut_short_is_reported_too(tmp_path):
    result = pd.run(PLAN, {"retrieve": retrieve, "answer": answer}, question="Who?")
    path = tmp_path / "run.jsonl"
    result.trace.save(path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:6]) + "\n" + lines[6][:20])
    page = inert(render_report(pd.Trace.load(path)))
    assert "the run did not end" in page.text


@pytest.mark.parametrize("number", ["006", "008", "021", "024", "036"])
def test_hostile_passages_and_answers_are_text(shared, number):
    case = json.loads((shared / f"plans/injection/injection-{number}.json").read_text())
    docs, said = case["docs"], case["answer_returned"]
    result = pd.run(
        case["plan"],
        {"retrieve": lambda query, topk=5: docs, "answer": lambda query, docs=None: said},  # noqa: ARG005
        question=case["question"],
    )
    text = render_report(result.trace)
    page = inert(text)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", text)
    printable = [piece for piece in re.findall(r"[ -~]{6,}", said) if "  " not in piece]
    assert printable
    for piece in printable:
        assert piece in page.text or piece in unescape(text)


def test_a_template_in_an_answer_is_not_rendered():
    template = "{{7919*7907}} {% for x in range(9) %}a{% endfor %} /*STYLE*/ &amp;"
    hostile = f"{template} <b onclick=x>bold</b> </style><script>x</script>"
    result = pd.run("final_answer = answer('q')", {"retrieve": retrieve, "answer": lambda query, docs=None: hostile})  # noqa: ARG005
    text = render_report(result.trace)
    page = inert(text)
    assert hostile in page.text
    assert str(7919 * 7907) not in text


def test_names_of_tools_and_nodes_are_text_as_well(tmp_path):
    result = pd.run("final_answer = answer('q')", {"retrieve": retrieve, "answer": answer})
    path = tmp_path / "run.jsonl"
    result.trace.save(path)
    path.write_text(path.read_text().replace("answer#1", '\\"><script>alert(1)</script>'))
    inert(render_report(pd.Trace.load(path)))


def test_very_long_texts_are_cut_and_that_is_said():
    long = "word " * 20_000
    result = pd.run("final_answer = answer('q')", {"retrieve": retrieve, "answer": lambda query, docs=None: long})  # noqa: ARG005
    text = render_report(result.trace)
    assert "more characters in the trace" in text


def test_the_file_is_replaced_whole(tmp_path):
    path = tmp_path / "run.html"
    path.write_text("old")
    result = pd.run(PLAN, {"retrieve": retrieve, "answer": answer})
    write_report(result.trace, path)
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert [each.name for each in tmp_path.iterdir()] == ["run.html"]
    with pytest.raises(OSError, match="nowhere"):
        write_report(result.trace, tmp_path / "nowhere" / "run.html")


BITS = st.sampled_from(
    ["<", ">", '"', "'", "&", "</script>", "<script>", "</style>", "<!--", "-->", "]]>", "/*STYLE*/", "/*SCRIPT*/",
     "{{", "}}", "{%", "#}", "javascript:", " onclick=x ", "\x00", "\x1b[2J", "\u202e", "\u2028", "\n", "\ud800",
     "x", "</summary></details>", "&lt;img src=x onerror=y&gt;"]
)  # fmt: skip
OURS = set(
    "html head meta style title body main section p h1 h2 h3 div span ul ol li a b i small em mark table tr td th svg "
    "rect details summary dl dt dd pre input select option button footer kbd script".split()
)
TEXTS = st.lists(BITS, max_size=8).map("".join)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(TEXTS, TEXTS, TEXTS, st.booleans())
def test_law_no_markup_of_a_stranger_is_markup_of_the_page(document, said, question, ends_well):
    tools = {"retrieve": lambda query, topk=5: [document, said], "answer": lambda query, docs=None: said}  # noqa: ARG005
    plan = "found = retrieve(question)\nsaid = answer(question, found)\nprint(said)\nfinal_answer = said"
    plan += "" if ends_well else "\nfinal_answer = int(said) / 0"
    try:
        trace = pd.run(plan, tools, inputs={"question": question}, about={"model": said}).trace
    except pd.PlanError as error:
        trace = error.trace
    text = render_report(trace)
    page = inert(text)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]", text)
    assert {tag for tag, _ in page.tags} <= OURS


def test_repairs_are_told_as_differences():
    source = 'x = retrieve("q")\nfinal_answer = 1'
    lines = difference(source, source.replace("1", "2"))
    assert [(line.mark, line.text) for line in lines] == [
        (" ", 'x = retrieve("q")'),
        ("-", "final_answer = 1"),
        ("+", "final_answer = 2"),
    ]
    assert difference(source, source) == ()


@given(st.text(alphabet="ab#\"'\n (=\\", max_size=60))
def test_law_colours_change_no_letter(source):
    lines = coloured(source, ["ab"])
    assert "\n".join("".join(text for _, text in line) for line in lines) == source


def test_the_page_of_a_method_shows_its_queries_repairs_and_nested_runs():
    roles = Roles(
        decompose=['["Who wrote Momo?"]'],
        plan=["No plan.", block('who = answer("Who wrote Momo?", retrieve("Momo"))\nfinal_answer = who[99]\n')],
        repair=[block('who = answer("Who wrote Momo?", retrieve("Momo"))\nfinal_answer = who\n')],
        answer=answers(Momo="Michael Ende"),
    )
    with scripted(roles) as model:
        answered = PyRAG(Passages(), model).run("Who wrote Momo?")
    view = view_of(answered.trace)
    assert [(repair.title, repair.why[:7]) for repair in view.repairs] == [
        ("The model was asked once more", "PLAN100"),
        ("Repaired by a model", "PLAN303"),
    ]
    assert [(line.mark, line.text) for line in view.repairs[1].lines if line.mark in "+-"] == [
        ("-", "final_answer = who[99]"),
        ("+", "final_answer = who"),
    ]
    assert view.queries == ("Who wrote Momo?",)
    assert view.main.call is not None
    assert view.main.call.name == "run_plan#2"
    assert (view.mood, view.answer) == ("good", "Michael Ende")
    assert view.total.tokens == answered.spent.usage.prompt_tokens + answered.spent.usage.completion_tokens
    page = inert(render_report(answered.trace))
    assert "The plan that run_plan#1 ran: the plan failed" in page.text


@pytest.mark.parametrize("said", ["unknown", "", "I don't know."])
def test_no_answer_is_neither_green_nor_red(said):
    result = pd.run("final_answer = answer('q')", {"answer": lambda query, docs=None: said})  # noqa: ARG005
    assert view_of(result.trace).mood == "unknown"
    assert 'class="final unknown"' in render_report(result.trace)


def test_the_span_that_was_read_is_marked():
    result = pd.run(PLAN, {"retrieve": lambda query, topk=5: ["T\nBorn in 1951, not in 19512."],  # noqa: ARG005
                           "answer": lambda query, docs=None: "1951"})  # fmt: skip  # noqa: ARG005
    text = render_report(result.trace)
    assert "Born in <mark>1951</mark>, not in 19512." in text


def test_many_calls_are_folded_by_line():
    plan = "xs = [answer(str(i), retrieve(str(i))) for i in range(40)]\nfinal_answer = xs[0]"
    result = pd.run(plan, {"retrieve": retrieve, "answer": lambda query, docs=None: query})  # noqa: ARG005
    groups = view_of(result.trace).main.groups
    assert sorted((group.title, len(group.cards)) for group in groups) == [
        ("line 1: answer", 40),
        ("line 1: retrieve", 40),
    ]
    inert(render_report(result.trace))


HOSTILE_PROMPT = "</div></details><script>alert(1)</script><img src=x onerror=alert(1)> \x1b[2J\u202e {{ 7 * 7 }}"


def told(*prompts, **usage):
    """A run whose two answers report what a model was told."""

    def answer(query, docs=None):  # noqa: ARG001
        return pd.Reported("Ann", {"prompts": list(prompts), **usage})

    plan = "first = answer('Who?')\nfinal_answer = answer(first)"
    return pd.run(plan, {"answer": answer}, question="Who?").trace


def test_what_models_were_told_and_said_is_text_and_a_fixed_prompt_stands_there_once():
    trace = told(f"Fixed {HOSTILE_PROMPT}", f"Varying {HOSTILE_PROMPT}", raw=f"<answer>Ann</answer> {HOSTILE_PROMPT}")
    text = render_report(trace)
    page = inert(text)
    assert page.text.count("Fixed </div></details><script>alert(1)") == 1
    assert page.text.count("Varying </div></details><script>alert(1)") == 2
    assert page.text.count("<answer>Ann</answer> </div>") == 2
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", text)
    links = [attributes.get("href") for _, attributes in page.tags]
    assert links.count("#p0") == 2, "each call leads to the prompt"


def test_a_reply_that_is_the_answer_is_not_shown_twice():
    assert "The whole reply of the model" in render_report(told("Fixed", raw="<answer>Ann</answer>"))
    assert "The whole reply of the model" not in render_report(told("Fixed", raw=" Ann\n"))


@pytest.mark.parametrize("prompts", [None, 7, "text", [], [7], [None]])
def test_a_trace_without_prompts_or_with_nonsense_for_them_is_shown(tmp_path, prompts):
    path = tmp_path / "run.jsonl"
    told("Fixed").save(path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        if line["type"] == "call_finished":
            line["usage"] = {} if prompts is None else {"prompts": prompts}
    path.write_text("\n".join(map(json.dumps, lines)))
    trace = pd.Trace.load(path)
    page = inert(render_report(trace))
    assert "What was sent to the model" not in page.text
    assert pd.run(trace.source, journal=trace, replay=True).final_answer == "Ann"


def chatted(messages, said):
    """A run of two turns of a chat, told the same."""
    tools = {"chat": lambda messages: said}  # noqa: ARG005
    plan = "first = chat(messages)\nsecond = chat(messages)\nfinal_answer = 'Ann'"
    return pd.run(plan, tools, question="Who?", inputs={"messages": messages}).trace


def test_a_chat_is_drawn_as_what_was_told_and_said():
    messages = [
        {"role": "system", "content": f"Fixed {HOSTILE_PROMPT}"},
        {"role": "user", "content": f"Asked {HOSTILE_PROMPT}"},
        {"role": "assistant", "content": "", "tool_calls": [{"name": "find", "arguments": {"q": "Dune"}}]},
    ]
    said = {"content": f"Said {HOSTILE_PROMPT}", "calls": [{"name": "read", "arguments": {"id": 7}}], "cut": False}
    view = view_of(chatted(messages, said))
    for card in view.chart:
        assert card.prompt is view.prompts[0]
        assert card.told == (f"user: Asked {HOSTILE_PROMPT}", f"assistant: \ntool_calls: {messages[2]['tool_calls']!r}")
        assert card.answer == f"Said {HOSTILE_PROMPT}\nread: {{'id': 7}}"
        assert [name for name, _ in card.arguments] == []
        assert ("cut", "False") in card.usage
    inert(render_report(chatted(messages, said)))


@pytest.mark.parametrize(
    "messages", [[], [7], ["x"], [{}], [{"role": 7, "content": None}], [{"role": "system"}], "text", {}]
)
@pytest.mark.parametrize(
    "said", [{"content": 7}, {"content": "", "calls": 7}, {"content": "x", "calls": [7, {}]}, {}, "x"]
)
def test_a_chat_of_nonsense_is_drawn_too(messages, said):
    page = inert(render_report(chatted(messages, said)))
    assert "chat#1" in page.text
