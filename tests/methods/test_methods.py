"""The methods of the package against a scripted endpoint: what it is sent, byte for byte, and how it all ends."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import pyrag_dsl as pd
from pyrag_dsl.agents.retrieving import retrieve_tool
from pyrag_dsl.agents.roles import Models, ended_by
from pyrag_dsl.methods import Answered, Host, Recipe, recipes
from pyrag_dsl.methods.ask import answer
from pyrag_dsl.methods.prompts import CHATML, R1_SEARCHER, SEARCH_R1
from pyrag_dsl.models import ChatModel
from pyrag_dsl.retrieval import BM25Index, Passage
from pyrag_dsl.runtime.events import Event
from pyrag_dsl.testing.server import Request, ScriptedModelServer, Turn, status
from pyrag_dsl.threads import wait_for_coroutine

from .scripted_roles import Roles, answers, block, role_of

PASSAGES = [
    Passage("p1", "Dune", "Dune is a novel by Frank Herbert. It was published in 1965."),
    Passage("p2", "Frank Herbert", "Frank Herbert was an American author. He was born in Tacoma, Washington."),
    Passage("p3", "Momo", "Momo is a novel by Michael Ende. It was published in 1973."),
]
QUESTION = "Where was the author of Dune born?"
PLAN = """author = answer("Who wrote Dune?", retrieve("Dune novel"))
final_answer = answer(f"Where was {author} born?", retrieve(f"{author} born"))
"""


class Index:
    """The passages, and what was searched for."""

    def __init__(self) -> None:
        self.index = BM25Index.of(PASSAGES)
        self.queries: list[tuple[str, int]] = []

    def search(self, query: str, topk: int) -> Any:
        self.queries.append((query, topk))
        return self.index.search(query, topk)

    def search_many(self, queries: list[str], topk: int) -> Any:
        return [self.search(query, topk) for query in queries]

    def passages(self, ids: list[str]) -> Any:
        return self.index.passages(ids)


@contextmanager
def endpoint(script: Any, **options: Any) -> Iterator[tuple[ScriptedModelServer, ChatModel]]:
    settings: dict[str, Any] = {"retry_delay": 0.001, "max_retries": 0, "timeout": 10.0, **options}
    with ScriptedModelServer(script) as server, ChatModel("m", server.base_url, **settings) as model:
        yield server, model


def ask(
    method: str | Recipe, script: Any, index: Index | None = None, model: Any = None, **options: Any
) -> tuple[Answered, list[Request], Index]:
    index = index or Index()
    recipe = recipes()[method] if isinstance(method, str) else method
    if recipe.name == "a-rag":
        options["inputs"] = {"semantic": "words", **options.get("inputs", {})}
    with endpoint(script, **(model or {})) as (server, chat):
        host = Host(models=Models.of(chat), retrieve=retrieve_tool(index), retriever=index)
        answered = wait_for_coroutine(lambda: answer(recipe, QUESTION, host, **options))
        return answered, list(server.requests), index


def bodies(requests: list[Request]) -> list[dict[str, Any]]:
    return [request.body or {} for request in requests]


# ------------------------------------------------------------- the published ones


def test_direct_asks_once_and_searches_nothing() -> None:
    answered, requests, index = ask("direct", ["Tacoma"])
    assert answered.final_answer == "Tacoma"
    assert index.queries == []
    assert requests[0].messages == [
        {"role": "system", "content": recipes()["direct"].inputs["system"]},
        {"role": "user", "content": QUESTION},
    ]


def test_vanilla_puts_the_passages_into_the_system_prompt() -> None:
    answered, requests, index = ask("vanilla", ["Tacoma"], inputs={"topk": 1})
    assert (answered.final_answer, index.queries) == ("Tacoma", [(QUESTION, 1)])
    system = str(requests[0].messages[0]["content"])
    assert system.endswith(f"\n\nDoc 1(Title: Frank Herbert) {PASSAGES[1].text}")


def test_iter_retgen_searches_with_its_last_answer_and_reads_the_current_passages_only() -> None:
    drafts = iter(["Herbert", "Frank Herbert", "Tacoma"])
    answered, requests, index = ask("iter-retgen", lambda _: f"<answer>{next(drafts)}</answer>", inputs={"topk": 1})
    assert answered.final_answer == "Tacoma"
    assert [query for query, _ in index.queries] == [QUESTION, f"{QUESTION} Herbert", f"{QUESTION} Frank Herbert"]
    assert ["Dune is" in request.prompt for request in requests].count(True) < 3


def test_self_ask_alternates_stops_and_replaces_its_contexts() -> None:
    script = [
        "Follow up: Who wrote Dune?\n",
        " Frank Herbert.\n",
        "Follow up: Where was Frank Herbert born?\n",
        " Tacoma.\n",
        "So the final answer is: Tacoma.",
    ]
    answered, requests, index = ask("self-ask", script, inputs={"topk": 1, "examples": "EXAMPLES"})
    assert answered.final_answer == "Tacoma"
    assert [query for query, _ in index.queries] == [QUESTION, "Who wrote Dune?", "Where was Frank Herbert born?"]
    sent = bodies(requests)
    assert [body["stop"][0] for body in sent] == ["Intermediate answer:", "Follow up:"] * 2 + ["Intermediate answer:"]
    assert requests[0].path == "/v1/completions"
    assert sent[0]["prompt"] == (
        f"EXAMPLES\n\nContext: {PASSAGES[1].document}\nQuestion: {QUESTION}\n"
        "Are follow up questions needed here: Yes.\n"
    )
    assert sent[3]["prompt"].endswith("Follow up: Where was Frank Herbert born?\nIntermediate answer:")
    assert "Momo" not in sent[3]["prompt"]
    assert sent[3]["prompt"].count("Context:") == 1


@pytest.mark.parametrize("script", [["I do not know."], ["So the final answer is:"], [""]])
def test_self_ask_without_an_answer_has_none(script: list[str]) -> None:
    assert ask("self-ask", script)[0].final_answer == ""


def test_ircot_searches_with_its_last_thought_and_a_reader_answers() -> None:
    thoughts = ["Dune was written by Frank J. Herbert of the U.S. And more.", "He was born in Tacoma.",
                "So the answer is: Tacoma."]  # fmt: skip

    def script(request: Request) -> str:
        return thoughts.pop(0) if "step by step" in request.prompt else "<answer>Tacoma, Washington</answer>"

    answered, requests, index = ask("ircot", script)
    assert answered.final_answer == "Tacoma, Washington"
    queries = [query for query, _ in index.queries]
    assert queries == [QUESTION, "Dune was written by Frank J. Herbert of the U.S. And more.", "He was born in Tacoma."]
    assert requests[1].messages[1]["content"].endswith("A: Dune was written by Frank J. Herbert of the U.S. And more.")


def test_ircot_may_read_its_own_chain() -> None:
    assert ask("ircot", ["So the answer is: Tacoma."], inputs={"reader": False})[0].final_answer == "Tacoma"


DOC = 'Doc 1(Title: "Dune") Dune is a novel by Frank Herbert. It was published in 1965.'
DIALOGUE = [
    "<think>I need the author.</think>\n<search> Dune novel </search>",
    "<think>Herbert.</think>\n<search>Frank Herbert born",
    "<think>Tacoma.</think>\n<answer> Tacoma </answer>",
]


def test_search_r1_keeps_its_protocol_byte_for_byte() -> None:
    answered, requests, index = ask("search-r1", DIALOGUE, inputs={"topk": 1})
    assert answered.final_answer == "Tacoma"
    assert index.queries == [("Dune novel", 1), ("Frank Herbert born", 1)]
    begin = CHATML.replace("{prompt}", SEARCH_R1.replace("{question}", QUESTION))
    first = begin + DIALOGUE[0] + f"\n\n<information>{DOC}</information>\n\n"
    sent = bodies(requests)
    assert [body["prompt"] for body in sent[:2]] == [begin, first]
    assert sent[2]["prompt"].startswith(first + DIALOGUE[1] + "</search>\n\n<information>Doc 1(Title: ")
    assert all(body["stop"] == ["</search>", "</answer>"] for body in sent)


def test_search_r1_corrects_what_has_no_tag_and_ends_without_a_search() -> None:
    invalid = recipes()["search-r1"].inputs["invalid"]
    answered, requests, index = ask("search-r1", ["Hm."] * 4 + ["<answer>Tacoma"])
    assert (answered.final_answer, index.queries) == ("Tacoma", [])
    assert bodies(requests)[1]["prompt"].endswith("Hm." + invalid)
    answered, requests, index = ask("search-r1", ["<search>a</search>"] * 5)
    assert (answered.final_answer, len(index.queries), len(requests)) == ("", 4, 5)


def test_search_r1_takes_the_first_tag_and_adds_a_question_mark() -> None:
    both = "<search>Dune</search> <answer>guess</answer>"
    index = Index()
    with endpoint([both, "<answer>Tacoma</answer>"]) as (server, chat):
        host = Host(models=Models.of(chat), retrieve=retrieve_tool(index), retriever=index)
        wait_for_coroutine(lambda: answer(recipes()["search-r1"], "Who wrote it", host))
    assert "Question: Who wrote it?\n" in bodies(server.requests)[0]["prompt"]
    assert [query for query, _ in index.queries] == ["Dune"]


def test_without_plain_completions_the_models_own_turn_is_begun_for_it() -> None:
    def script(request: Request) -> Any:
        if request.path == "/v1/completions":
            return status(404, message="no such path")
        return DIALOGUE[len([m for m in request.messages if m["role"] == "assistant"])]

    answered, requests, _ = ask("search-r1", script, inputs={"turns": 1})
    chats = [request for request in requests if request.path != "/v1/completions"]
    assert len(requests) - len(chats) == 1, "the endpoint is asked for plain completions once"
    assert chats[0].messages == [{"role": "user", "content": SEARCH_R1.replace("{question}", QUESTION)}]
    assert chats[1].messages[1]["role"] == "assistant"
    assert chats[1].messages[1]["content"].startswith(DIALOGUE[0] + "\n\n<information>")
    assert chats[1].body is not None
    assert chats[1].body["continue_final_message"] is True
    assert answered.final_answer == ""


R1 = [
    "I need the author.\n<|begin_of_query|> \"Dune\"\tnovel... ",
    "So Herbert. <|begin_of_query|>Frank Herbert born",
    "</think>\n\n<answer> Tacoma",
]  # fmt: skip


def test_r1_searcher_keeps_its_protocol_byte_for_byte() -> None:
    answered, requests, index = ask("r1-searcher", R1, inputs={"topk": 1})
    assert answered.final_answer == "Tacoma"
    assert index.queries == [("Dune novel", 1), ("Frank Herbert born", 1)]
    sent = bodies(requests)
    begin = R1_SEARCHER.replace("{question}", QUESTION)
    assert sent[0]["prompt"] == begin
    assert sent[1]["prompt"] == (
        begin + R1[0].strip() + "<|end_of_query|>\n\n<|begin_of_documents|>\n"
        f"(1){PASSAGES[0].document}\n<|end_of_documents|>\n\n"
    )
    assert all("<|end_of_query|>" in body["stop"] and "</answer>" in body["stop"] for body in sent)


@pytest.mark.parametrize("end", ["I give up.", '<|begin_of_query|> "..." ', "<answer>cut"])
def test_r1_searcher_does_not_know_where_its_protocol_is_broken(end: str) -> None:
    turn = Turn(end, finish_reason="length") if "cut" in end else end
    assert ask("r1-searcher", [turn])[0].final_answer == "I don't know."


def test_documents_that_are_not_found_are_none() -> None:
    _, requests, _ = ask("r1-searcher", ["<|begin_of_query|>zzz", "<answer>x"])
    assert "<|begin_of_documents|>\nNone<|end_of_documents|>" in bodies(requests)[1]["prompt"]


@pytest.mark.parametrize(
    ("text", "said", "reason", "ends"),
    [
        ("<search>a</search>more", None, "stop", ("<search>a", "</search>")),
        ("<search>a", "</search>", "stop", ("<search>a", "</search>")),
        ("<search>a", None, "stop", ("<search>a", "</search>")),
        ("a <search> that <answer>b", None, "stop", ("a <search> that <answer>b", "</answer>")),
        ("<search>a", None, "length", ("<search>a", "")),
        ("nothing", None, "stop", ("nothing", "")),
    ],
)
def test_which_stop_ended_a_completion(text: str, said: str | None, reason: str, ends: tuple[str, str]) -> None:
    assert ended_by(text, said, ["</search>", "</answer>"], reason) == ends


def test_a_rag_searches_reads_and_remembers_what_it_has_read() -> None:
    script = [
        Turn("", calls=(("keyword_search", {"keywords": ["Dune", "novel"]}), ("semantic_search", {"query": "born"}))),
        Turn("", calls=(("read_chunk", {"chunk_ids": ["p1", "p9"]}), ("chunk_read", {"chunk_ids": "p2"}))),
        Turn("", calls=(("chunk_read", {"chunk_ids": ["p1", "p2"]}), ("look", {}), ("keyword_search", "no JSON"))),
        "Tacoma",
    ]
    answered, requests, _ = ask("a-rag", script)
    assert answered.final_answer == "Tacoma"
    seen = [str(m["content"]) for m in requests[-1].messages if m["role"] == "tool"]
    assert seen[0].startswith("Chunk ID: p1, Matched keywords in chunk: ... ")
    assert seen[1].startswith("Chunk ID: p2 (Similarity: 0.")
    assert "[Chunk p1]\nDune\nDune is a novel" in seen[2]
    assert "[Chunk p9]\nNot found" in seen[2]
    assert seen[4] == "[Chunk p1] has been read already.\n[Chunk p2] has been read already.\n"
    assert seen[5:] == ["Error: there is no tool look.", "Error: keywords must be a list of words."]
    offered = [tool["function"]["name"] for tool in (requests[0].body or {})["tools"]]
    assert offered == ["keyword_search", "semantic_search", "chunk_read"]
    told = requests[1].messages[2]
    assert told["tool_calls"][0]["function"]["arguments"] == '{"keywords": ["Dune", "novel"]}'
    assert requests[1].messages[3]["tool_call_id"] == told["tool_calls"][0]["id"]


@pytest.mark.parametrize(("inputs", "chats"), [({"turns": 2}, 3), ({"budget": 1}, 2)])
def test_a_rag_must_answer_when_its_turns_or_its_budget_are_over(inputs: dict[str, int], chats: int) -> None:
    def script(request: Request) -> Any:
        return Turn("", calls=(("chunk_read", {"chunk_ids": ["p2"]}),)) if "tools" in (request.body or {}) else "Tacoma"

    answered, requests, _ = ask("a-rag", script, inputs=inputs)
    assert answered.final_answer == "Tacoma"
    assert len(requests) == chats
    assert "tools" not in (requests[-1].body or {})
    assert requests[-1].messages[-1]["content"] == recipes()["a-rag"].inputs["last"]


def test_naive_a_rag_has_one_tool_that_finds_whole_passages() -> None:
    answered, requests, index = ask("a-rag-naive", [Turn("", calls=(("retrieve", {"query": "Dune"}),)), "Tacoma"])
    assert (answered.final_answer, index.queries) == ("Tacoma", [("Dune", 5)])
    assert requests[1].messages[-1]["content"] == PASSAGES[0].document


def test_every_method_fits_on_a_screen_and_says_where_it_comes_from() -> None:
    for recipe in recipes().values():
        assert len(recipe.plan.splitlines()) <= 50
        assert recipe.source
        assert recipe.summary.endswith(".")
    assert set(recipes()) >= set(
        "direct vanilla self-ask ircot iter-retgen pyrag a-rag-naive a-rag r1-searcher search-r1".split()
    )


# --------------------------------------------------- endpoints as they are


def streaming(script: Callable[[Request], Any]) -> Callable[[Request], Any]:
    def reply(request: Request) -> Any:
        if not (request.body or {}).get("stream"):
            return status(400, message="only stream=true is supported")
        return script(request)

    return reply


def test_an_endpoint_that_only_streams_is_streamed_from() -> None:
    turns = iter([Turn("", calls=(("keyword_search", {"keywords": ["Dune"]}),)), "Tacoma"])
    answered, requests, _ = ask("a-rag", streaming(lambda _: next(turns)))
    assert answered.final_answer == "Tacoma"
    assert len(requests) == 3, "it is told once"
    turns = iter(DIALOGUE)
    assert ask("search-r1", streaming(lambda _: next(turns)))[0].final_answer == "Tacoma"
    assert answered.spent.usage.prompt_tokens > 0


@pytest.mark.parametrize(
    ("refusal", "gone", "there"),
    [
        ("Unsupported: 'max_tokens'. Use 'max_completion_tokens' instead.", "max_tokens", "max_completion_tokens"),
        ("Unsupported value: 'temperature' does not support 0.7 with this model.", "temperature", "max_tokens"),
    ],
)  # fmt: skip
def test_a_parameter_that_is_refused_is_not_sent_again(refusal: str, gone: str, there: str) -> None:
    def script(request: Request) -> Any:
        return status(400, message=refusal) if gone in (request.body or {}) else "<answer>Tacoma</answer>"

    answered, requests, _ = ask("iter-retgen", script)
    assert answered.final_answer == "Tacoma"
    assert [gone in body for body in bodies(requests)] == [True, False, False, False]
    assert there in bodies(requests)[-1]


def test_a_model_without_a_system_role_is_told_as_the_user() -> None:
    def script(request: Request) -> Any:
        refused = request.messages[0]["role"] == "system"
        return status(400, message="System role not supported") if refused else "Tacoma"

    answered, requests, _ = ask("direct", script)
    assert answered.final_answer == "Tacoma"
    assert [message["role"] for message in requests[1].messages] == ["user"]
    assert requests[1].messages[0]["content"].endswith(QUESTION)


@pytest.mark.parametrize(
    ("refusal", "gone"),
    [
        ("Unrecognized request argument supplied: 'stop'", "stop"),
        ("Unknown parameter: 'stop'.", "stop"),
        ('[{"loc": ["body", "stop"], "msg": "Extra inputs are not permitted"}]', "stop"),
        ("'stop' is not supported with this model: unsupported parameter \"stop\"", "stop"),
    ],
)
def test_any_field_that_is_not_needed_may_be_refused(refusal: str, gone: str) -> None:
    def script(request: Request) -> Any:
        return status(400, message=refusal) if gone in (request.body or {}) else "<answer>Tacoma</answer> and on and on"

    answered, requests, _ = ask("search-r1", script)
    assert answered.final_answer == "Tacoma", "a stop that the endpoint does not know is found in the text"
    assert [gone in body for body in bodies(requests)] == [True, False]


def test_a_turn_without_a_word_is_asked_for_once_more_and_is_then_an_empty_one() -> None:
    script = [Turn(""), Turn("", calls=(("chunk_read", {"chunk_ids": ["p2"]}),)), Turn(""), Turn(""), "Tacoma"]
    answered, requests, _ = ask("a-rag", script)
    assert answered.final_answer == "Tacoma"
    assert [body["max_tokens"] for body in bodies(requests)] == [1024, 2048, 1024, 2048, 1024]
    assert requests[-1].messages[-1]["content"] == recipes()["a-rag"].inputs["last"]
    assert answered.spent.calls == len(requests)
    assert answered.spent.failed == 3


def test_a_cut_turn_of_a_protocol_is_no_stop_and_the_method_says_what_it_does() -> None:
    invalid = recipes()["search-r1"].inputs["invalid"]
    cut = Turn("<think>I go on and on <search>Du", finish_reason="length")
    answered, requests, index = ask("search-r1", [cut, "<answer>Tacoma"])
    assert (answered.final_answer, index.queries) == ("Tacoma", [])
    assert bodies(requests)[1]["prompt"].endswith("<search>Du" + invalid)


def test_a_conversation_that_is_too_long_is_sent_with_less() -> None:
    def script(request: Request) -> Any:
        too_long = sum(len(str(message["content"])) for message in request.messages) > 6_000
        return status(400, message="This model's maximum context length is 2048 tokens.") if too_long else "Tacoma"

    answered, requests, _ = ask("direct", script, inputs={"system": "Answer. " * 2_000})
    assert answered.final_answer == "Tacoma"
    assert [len(str(request.messages[0]["content"])) for request in requests] == [16_000, 8_006, 4_009]
    assert "shortened" in answered.calls[0].usage["note"]
    with pytest.raises(pd.ToolFailed, match="reply"):
        ask("direct", lambda _: status(400, message="maximum context length is 1"))


def test_a_tool_that_fails_ends_the_question_and_keeps_what_was_paid() -> None:
    class Down(Index):
        def search(self, query: str, topk: int) -> Any:
            raise ConnectionError(f"{query} {topk}")

    with pytest.raises(pd.ToolFailed) as caught:
        ask("search-r1", DIALOGUE, Down())
    answered = caught.value.__dict__["answered"]
    assert answered.spent.calls == 1
    assert caught.value.diagnostics[0].span is None, "a line of a method of ours tells nobody anything"


# ------------------------------------------------------------------- laws


def roles() -> Roles:
    broken = "year = int(answer('Who wrote Dune?', retrieve('Dune novel')))\nfinal_answer = year\n"
    return Roles(
        decompose=['["Who wrote Dune?", "Where was the author of Dune born?"]'] * 9,
        plan=[block(broken)] * 9,
        repair=lambda _: block(PLAN),
        answer=answers(wrote="Frank Herbert", born="Tacoma"),
    )


def pyrag_script(request: Request) -> Any:
    return roles()(request)


def by_length(dialogue: list[Any]) -> Callable[[Request], Any]:
    """A model whose reply depends on how far the dialogue has come, and on nothing else."""

    def reply(request: Request) -> Any:
        prompt = str((request.body or {}).get("prompt") or "")
        done = sum(message["role"] == "assistant" for message in request.messages)
        done += prompt.count("<information>") + prompt.count("<|begin_of_documents|>\n(")
        return dialogue[min(done, len(dialogue) - 1)]

    return reply


SCRIPTS: dict[str, Callable[[Request], Any]] = {
    "direct": lambda _: "Tacoma",
    "vanilla": lambda _: "Tacoma",
    "iter-retgen": lambda request: f"<answer>Tacoma {len(request.prompt)}</answer>",
    "self-ask": lambda request: (
        " Herbert.\n"
        if request.prompt.endswith("Intermediate answer:")
        else "Follow up: Who wrote Dune?\n"
        if request.prompt.endswith("needed here: Yes.\n")
        else "So the final answer is: Tacoma"
    ),
    "ircot": lambda request: (
        ("So the answer is: Tacoma." if "A: Herbert" in request.prompt else "Herbert wrote Dune.")
        if "step by step" in request.prompt
        else "<answer>Tacoma</answer>"
    ),
    "pyrag": pyrag_script,
    "a-rag": by_length([Turn("", calls=(("keyword_search", {"keywords": ["Dune"]}),)),
                        Turn("", calls=(("chunk_read", {"chunk_ids": ["p1", "p2"]}),)), "Tacoma"]),
    "a-rag-naive": by_length([Turn("", calls=(("retrieve", {"query": "Dune"}),)), "Tacoma"]),
    "search-r1": by_length(DIALOGUE),
    "r1-searcher": by_length(R1),
}  # fmt: skip


@pytest.mark.thorough
@pytest.mark.parametrize("name", SCRIPTS)
def test_law_a_question_that_is_killed_at_any_moment_goes_on(name: str) -> None:
    """The resumed trace is the uninterrupted one but for times; nothing on record is asked again, a replay asks none,
    and the sum of the ledger is what the server has counted."""
    kept: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.jsonl"

        class Look(pd.Hook):
            def on_event(self, event: Event) -> None:  # noqa: ARG002
                if path.exists() and (text := path.read_text()) not in kept[-1:]:
                    kept.append(text)

        whole, requests, _ = ask(name, SCRIPTS[name], hooks=[Look()], trace=path)
        assert pd.Trace.load(path).without_timings() == whole.trace.without_timings()
    assert whole.spent.calls == len(requests)
    assert len(kept) >= 2
    for text in [*kept[:: max(1, len(kept) // 12)], kept[-1]]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "killed.jsonl"
            path.write_text(text)
            before = Answered.load(path)
            again, made, _ = ask(name, SCRIPTS[name], trace=path, resume=path)
            assert again.trace.without_timings() == whole.trace.without_timings()
            assert before.spent.calls + len(made) == len(requests) == again.spent.calls
            assert Answered.load(path).final_answer == whole.final_answer
    replayed = pd.run(whole.trace.source, journal=whole.trace, replay=True)
    assert replayed.trace.without_timings() == whole.trace.without_timings()


def test_one_nested_call_of_an_answer_can_be_made_again() -> None:
    whole, _, _ = ask("pyrag", pyrag_script)
    (first, *_) = [
        call for call in whole.trace.calls if call.tool == "retrieve" and call.alias.startswith("run_plan#2/")
    ]
    index = Index()
    with endpoint(pyrag_script) as (_, chat):
        tools = Host(models=Models.of(chat), retrieve=retrieve_tool(index), retriever=index).toolset()
        again = pd.rerun(whole.trace, {first.alias: {"topk": 2}}, tools)
    assert again.final_answer == "Tacoma"
    assert index.queries[0] == (first.arguments["query"], 2)


def test_a_plan_of_the_users_own_is_a_method() -> None:
    mine = Recipe(
        "mine.plan", "file", "final_answer = chat([{'role': 'user', 'content': question + tail}])['content']\n"
    )
    assert ask(mine, lambda request: str(request.messages[0]["content"]), inputs={"tail": "!"})[0].final_answer == (
        QUESTION + "!"
    )


@pd.method
async def hops(ask: Any, question: str, most: int = 2) -> Any:
    """Search, read, search with what was read."""
    found = ""
    for _ in range(most):
        docs = await ask.retrieve(f"{question} {found}".strip(), topk=1)
        found = await ask.answer(question, docs)
    return found


def test_a_method_in_python_goes_on_and_is_replayed_too() -> None:
    def script(request: Request) -> Any:
        return f"<answer>Tacoma {len(request.prompt)}</answer>"

    kept: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.jsonl"
        look = lambda _: kept.append(path.read_text())  # noqa: E731
        whole, requests, index = ask(hops, script, trace=path, on_event=look)
        assert [call.alias for call in whole.trace.calls] == [
            "hops#1", "hops#1/retrieve#1", "hops#1/answer#1", "hops#1/retrieve#2", "hops#1/answer#2",
        ]  # fmt: skip
        assert whole.spent.calls == len(requests) == 2
        for text in kept:
            path.write_text(text)
            before = Answered.load(path)
            again, made, other = ask(hops, script, trace=path, resume=path)
            assert again.trace.without_timings() == whole.trace.without_timings()
            assert before.spent.calls + len(made) == 2
            assert len(other.queries) <= len(index.queries)
    replayed = pd.run(whole.trace.source, journal=whole.trace, replay=True)
    assert replayed.trace.without_timings() == whole.trace.without_timings()
    assert ask(hops, script, inputs={"most": 1})[0].spent.calls == 1


def test_what_a_method_in_python_does_wrong_is_said() -> None:
    @pd.method
    async def lost(ask: Any, question: str) -> Any:
        return await ask.retreive(question)

    @pd.method
    async def wrong(ask: Any, question: str) -> Any:
        return await ask.retrieve(question, depth=3)

    @pd.method
    async def endless(ask: Any, question: str) -> Any:
        while True:
            await ask.retrieve(question)

    for method, kind, said in (
        (lost, pd.PlanFailed, "AttributeError"),
        (wrong, pd.PlanFailed, "TypeError"),
        (endless, pd.LimitExceeded, "PLAN408"),
    ):
        with pytest.raises(kind, match=said) as caught:
            ask(method, [])
        assert caught.value.trace is not None
    with pytest.raises(TypeError, match="needs a default"):
        pd.method(_without_default)
    with pytest.raises(TypeError, match="is an async function"):
        pd.method(str)  # type: ignore[arg-type]


async def _without_default(ask: Any, question: str, depth: int) -> Any:  # noqa: ARG001
    return depth


def test_an_input_that_a_method_does_not_have_is_named() -> None:
    with pytest.raises(ValueError, match="has no input 'depth'; it has: topk, turns"):
        ask("iter-retgen", [], inputs={"depth": 3})


SHARED = Path(os.environ.get("PYRAG_SHARED") or Path(__file__).parents[3] / "shared") / "data" / "traces"


@pytest.mark.thorough
@pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded traces are not here: set PYRAG_SHARED")
@pytest.mark.parametrize("file", sorted(SHARED.glob("r1_searcher_*.jsonl")), ids=lambda path: path.stem)
def test_recorded_dialogues_of_r1_searcher_end_as_recorded(file: Path) -> None:
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    recipe = recipes()["r1-searcher"]
    for row in rows:
        found = {
            search["query"]: [f"{doc['title']}\n{doc['text']}" for doc in search["docs"]] for search in row["searches"]
        }
        said = [f"I look.\n<|begin_of_query|>{search['query']}" for search in row["searches"]]
        turns = iter([*said, f"</think>\n\n<answer>{row['final']}"])

        def complete(prompt: str, begun: str = "", stop: Any = (), template: str = "") -> dict[str, Any]:  # noqa: ARG001
            text = next(turns)  # noqa: B023
            return {"text": text, "stop": ended_by(text, None, list(stop), "stop")[1], "cut": False}

        def retrieve(query: str, topk: int = 5) -> list[str]:  # noqa: ARG001
            return next((docs for asked, docs in found.items() if _cleaned(asked) == query), [])  # noqa: B023

        tools = {"complete": complete, "retrieve": retrieve}
        result = pd.run(recipe.plan, tools, inputs={"question": row["question"], **recipe.inputs, "turns": 99})
        assert result.final_answer == str(row["final"]).strip()


def _cleaned(query: str) -> str:
    return query.replace('"', "").replace("'", "").replace("\t", " ").replace("...", "").strip()


def test_roles_are_told_apart_by_their_prompts() -> None:
    _, requests, _ = ask("pyrag", pyrag_script)
    assert {role_of(request) for request in requests} == {"decompose", "plan", "repair", "answer"}
