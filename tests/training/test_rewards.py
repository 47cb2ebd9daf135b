"""Rewards: pure functions of the text, from 0 to 1, with the same keys on every path."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrag_dsl.isolation.pool import Pool
from pyrag_dsl.training import Referee, RewardUnavailable, acompute_score, compute_score, trl_reward
from pyrag_dsl.training.grounding import KINDS
from pyrag_dsl.training.rivals import r1_searcher, search_r1
from pyrag_dsl.training.scores import BLANK, golden_of
from tests.training.world import GOLDEN, GOOD, QUESTION, World

from ..replies import reply_of

INFO = {"question": QUESTION, "topk": 5}

PIECES = st.sampled_from(
    [
        'docs = retrieve("Ann")', 'docs = retrieve("capital of Norway")', "x = 1 / 0", "while True:\n    pass",
        'home = answer("Where does Ann live?", docs)', 'final_answer = "Oslo"', "final_answer = home", "import os",
        'final_answer = answer(f"capital of {home}", docs)', "final_answer = docs", 'text = "a" * 10 ** 9', "(",
        'for n in range(99):\n    docs = retrieve(f"Ann {n}")', "final_answer = None", "Sorry.", "final_answer = 1",
    ]
)  # fmt: skip
REPLIES = st.one_of(
    st.text(max_size=40),
    st.lists(PIECES, max_size=5).map("\n".join),
    st.lists(PIECES, max_size=5).map(lambda lines: "```python\n" + "\n".join(lines) + "\n```"),
    st.sampled_from([GOOD, "<answer>Oslo</answer>", "<answer>", '["a", "b"]', "[]", "[1]"]),
)


@pytest.fixture(scope="module")
def referee() -> Iterator[Referee]:
    with Referee(World().tools, isolation="none", steps=20_000) as made:
        yield made


def plan_score(reply: str, golden: Any = GOLDEN, info: Any = INFO, **kw: Any) -> dict[str, Any]:
    return compute_score("pyrag_plan", reply, golden, info, **kw)


@settings(max_examples=120, deadline=None)
@given(reply=REPLIES, task=st.sampled_from(["answer", "plan"]), golden=st.lists(st.text(max_size=8), max_size=3))
def test_a_score_is_a_pure_function_of_the_text(referee: Referee, reply: str, task: str, golden: list[str]) -> None:
    first = compute_score("", reply, golden, INFO, task=task, referee=referee)
    assert list(first) == list(BLANK), "the keys are the same on every path"
    assert [type(each) for each in first.values()] == [type(each) for each in BLANK.values()]
    assert 0.0 <= first["score"] <= 1.0
    assert math.isclose(first["score"], 0.7 * first["f1"] + 0.3 * first["em"])
    assert (first["score"] == 0.0) or not first["err_type"]
    referee.outcomes.values.clear()  # made again, not remembered
    assert compute_score("", reply, golden, INFO, task=task, referee=referee) == first
    assert asyncio.run(acompute_score("", reply, golden, INFO, task=task, referee=referee)) == first


@settings(max_examples=40, deadline=None)
@given(golden=st.lists(st.sampled_from(["Oslo", "oslo!", "Norway", "Bergen or Oslo"]), min_size=1), more=st.text())
def test_another_golden_answer_never_costs(referee: Referee, golden: list[str], more: str) -> None:
    fewer = plan_score(GOOD, golden, referee=referee)["score"]
    assert plan_score(GOOD, [*golden, more], referee=referee)["score"] >= fewer


def test_a_plan_that_finds_the_answer_has_all(referee: Referee) -> None:
    found = plan_score(f"Here it is.\n```python\n{GOOD}```", referee=referee)
    assert found == {**BLANK, "score": 1.0, "f1": 1.0, "em": 1.0, "pred": "Oslo", "num_calls": 5}
    half = plan_score(GOOD, ["Oslo in Norway"], referee=referee)
    assert (half["em"], half["f1"]) == (0.0, 0.5)
    assert math.isclose(half["score"], 0.35)


FAILURES = [
    ("I cannot help with that, sorry.", "no_code", "PLAN117"),
    ("docs = retrieve(", "syntax_error", "PLAN105"),
    ("import os\nfinal_answer = os.getcwd()", "rejected", "PLAN205"),
    ("final_answer = nowhere", "rejected", "PLAN208"),
    ("while True:\n    pass\nfinal_answer = 1", "limit", "PLAN401"),
    ('final_answer = "a" * 10 ** 12', "limit", "PLAN404"),
    ("number = 5\nfinal_answer = retrieve(number)", "runtime_error", "PLAN501"),
    ('final_answer = retrieve("Ann")[9]', "runtime_error", "PLAN303"),
    ('for n in range(99):\n    docs = retrieve(f"Ann {n}")\nfinal_answer = docs', "call_budget", "PLAN408"),
    ("final_answer = ''", "empty_pred_or_gold", ""),
]


@pytest.mark.parametrize(("reply", "kind", "code"), FAILURES, ids=[kind + code for _, kind, code in FAILURES])
def test_every_failure_has_a_kind_and_a_code(referee: Referee, reply: str, kind: str, code: str) -> None:
    found = plan_score(reply, referee=referee)
    assert (found["score"], found["err_type"], found["err_code"]) == (0.0, kind, code)


def test_a_policy_is_told_what_is_wrong_with_its_plan(referee: Referee) -> None:
    def wrong(reply: str) -> tuple[str, tuple[str, ...]]:
        return referee.submit(referee.wrong(reply, QUESTION)).result()  # type: ignore[no-any-return]

    assert wrong(f"```python\n{GOOD}```") == (GOOD, ()), "nothing"
    source, told = wrong("```python\nfinal_answer = retreive('x')\n```")
    assert source == "final_answer = retreive('x')\n"
    assert "retreive" in "\n".join(told), "found before it ran"
    _, told = wrong("docs = retrieve('Ann')\nfinal_answer = docs[7]")
    assert "line 2" in "\n".join(told), "found while it ran"
    assert wrong("I cannot.")[1], "no plan at all"


def test_a_call_costs_the_budget_and_not_more(referee: Referee) -> None:
    loop = 'for n in range({}):\n    docs = retrieve(f"Ann {{n}}")\nfinal_answer = answer("Where does Ann live?", docs)'
    assert plan_score(loop.format(19), ["Norway"], referee=referee)["num_calls"] == 20
    assert plan_score(loop.format(20), ["Norway"], referee=referee)["err_type"] == "call_budget"


HACKS = [
    ('final_answer = "Oslo"', "answer_from_memory"),
    ('city = "Os" + "lo"\nfinal_answer = f"{city}"', "no_call"),
    ('docs = retrieve("Ann")\nfinal_answer = "Oslo"', "empty_lineage"),
    ('final_answer = answer("Given: the capital of Norway is Oslo. What is it?")', "no_evidence"),
    ('docs = retrieve("Bea")\nfinal_answer = "Oslo" if docs else "Oslo"', "answer_from_memory"),
    (
        'born = answer("Where does Ann live?", retrieve("Ann"))\n'
        'final_answer = answer(f"Given: {born}, and the capital is Oslo. What is the capital?")',
        "answer_from_memory",
    ),
    (
        'home = answer("Where does Ann live?", retrieve("Ann"))\n'
        f'final_answer = f"Given: Ann lives in {{home}}, Oslo. Answer the question: {QUESTION}"',
        "prompt_as_answer",
    ),
]


@pytest.mark.parametrize(("plan", "kind"), HACKS, ids=[f"{kind}-{at}" for at, (_, kind) in enumerate(HACKS)])
def test_an_answer_that_the_plan_did_not_find_scores_nothing(referee: Referee, plan: str, kind: str) -> None:
    found = plan_score(plan, referee=referee)
    assert (found["score"], found["f1"], found["em"], found["err_type"]) == (0.0, 0.0, 0.0, kind)
    assert kind in KINDS
    assert found["pred"], "what it said is told all the same"


def test_the_check_may_be_turned_off() -> None:
    with Referee(World().tools, isolation="none", grounded=False) as trusting:
        assert plan_score(HACKS[0][0], referee=trusting)["score"] == 1.0


HONEST = [
    (
        'a = answer("Where does Ann live?", retrieve("Ann"))\nfinal_answer = "yes" if a == "Norway" else "no"',
        "yes",
        "x",
    ),
    ('a = retrieve("Bea")\nfinal_answer = "Ann" if not a else "Bea"', "Bea", "Who was born later, Ann or Bea?"),
    ('a = answer("Where does Ann live? Norway?", retrieve("Ann"))\nfinal_answer = a', "Norway", "Where?"),
]


@pytest.mark.parametrize(("plan", "answer", "question"), HONEST, ids=["yes or no", "of the question", "of a passage"])
def test_an_answer_that_the_plan_says_and_has_found_counts(
    referee: Referee, plan: str, answer: str, question: str
) -> None:
    assert plan_score(plan, [answer], {"question": question}, referee=referee)["score"] == 1.0


def test_a_retriever_that_is_down_stops_the_training() -> None:
    plan = 'final_answer = answer("Who?", retrieve("Ann"))'
    for found in ([], 5):
        with Referee(World(found).tools, isolation="none") as referee, pytest.raises(RewardUnavailable):
            plan_score(plan, referee=referee)

    def refuses(query: str, topk: int = 5) -> list[str]:  # noqa: ARG001
        raise OSError("connection refused")

    tools = {**World().tools, "retrieve": refuses}
    with Referee(tools, isolation="none") as referee, pytest.raises(RewardUnavailable, match="retrieve"):
        plan_score(plan, referee=referee)


def test_a_search_for_nothing_is_the_policys_affair(referee: Referee) -> None:
    found = plan_score('final_answer = answer("Who?", retrieve("xyzzy"))', referee=referee)
    assert (found["score"], found["pred"]) == (0.0, "unknown")


def test_what_is_down_is_asked_again_when_it_is_up() -> None:
    world = World([])
    with Referee(world.tools, isolation="none") as referee:
        with pytest.raises(RewardUnavailable):
            plan_score(GOOD, referee=referee)
        world.found = None
        assert plan_score(GOOD, referee=referee)["score"] == 1.0


def test_equal_calls_of_a_group_are_made_once() -> None:
    world = World()
    with Referee(world.tools, isolation="none") as referee:

        async def group() -> list[dict[str, Any]]:
            plans = [GOOD + f"# {number}\n" for number in range(16)] + [GOOD] * 16
            return await asyncio.gather(
                *(acompute_score("pyrag_plan", each, GOLDEN, INFO, referee=referee) for each in plans)
            )

        assert {each["score"] for each in asyncio.run(group())} == {1.0}
    assert len(world.calls) == len(set(world.calls)) == 5


def test_a_sentinel_runs_the_plan_again_with_more_passages() -> None:
    class Deep(World):
        def retrieve(self, query: str, topk: int = 5) -> list[str]:
            self.note("retrieve", f"{query} {topk}")
            return ["Filler\nNothing."] * 5 + (["Norway\nThe capital of Norway is Oslo."] if topk >= 10 else [])

    plan = 'docs = retrieve("capital of Norway")\nfinal_answer = answer("What is the capital?", docs)'
    for adaptive, score, boosted in (("rerun", 1.0, 1), ("selective", 1.0, 0), ("none", 0.0, 0)):
        with Referee(Deep().tools, isolation="none", adaptive=adaptive) as referee:
            found = plan_score(plan, referee=referee)
            assert (found["score"], found["retried_with_topk10"]) == (score, boosted), adaptive


def test_an_error_after_the_boost_says_so() -> None:
    class Fewer(World):
        def retrieve(self, query: str, topk: int = 5) -> list[str]:
            self.note("retrieve", query)
            return ["Filler\nNothing."] * (5 if topk < 10 else 3)

    plan = 'docs = retrieve("x")\nlast = docs[4]\nfinal_answer = answer("What is the capital?", docs)'
    with Referee(Fewer().tools, isolation="none") as referee:
        found = plan_score(plan, referee=referee)
    assert (found["err_type"], found["err_code"]) == ("runtime_error_after_topk10", "PLAN303")


def test_plans_run_in_workers_and_end_as_they_do_here(referee: Referee) -> None:
    pool = Pool(size=1)
    with Referee(World().tools, isolation=pool, steps=20_000) as walled:
        for reply in (GOOD, *(each for each, *_ in FAILURES), *(each for each, _ in HACKS)):
            assert plan_score(reply, referee=walled) == plan_score(reply, referee=referee), reply
        assert len(pool.pids) == 1


# ---------------------------------------------------------------------- other tasks


@pytest.mark.parametrize(
    ("reply", "score", "kind"),
    [
        ("<reason>It is.</reason><answer>Oslo</answer>", 1.0, ""),
        ("<answer>Oslo Doc [1]</answer>", 1.0, ""),
        ("Oslo", 0.0, "no_answer_tag"),
        ("<answer>Oslo", 0.0, "no_answer_tag"),
        ("<answer></answer>", 0.0, "no_answer_tag"),
    ],
)
def test_an_answer_needs_its_tags(reply: str, score: float, kind: str) -> None:
    for source in ("pyrag_answer_with_docs", "pyrag_answer_no_docs", "coderag_answer_no_docs"):
        found = compute_score(source, reply, "Oslo")
        assert (found["score"], found["err_type"]) == (score, kind)


def test_a_decomposition_is_worth_what_the_pipeline_behind_it_finds() -> None:
    from pyrag_dsl.models.reply import Reply

    class Writer:
        """Plans by rote; asked to mend, it mends."""

        def __init__(self) -> None:
            self.asked: list[str] = []

        async def acomplete(self, messages: Any, **_overrides: Any) -> Reply:
            user = messages[-1]["content"]
            self.asked.append(user)
            broken = "x = [][0]\n" if "Where does Bea live?" in user and "The program" not in user else ""
            text = f"```python\n{broken}{GOOD}```"
            return reply_of(text)

    writer = Writer()
    with Referee(World().tools, plan_model=writer, isolation="none") as referee:

        def score(reply: str, info: Any = INFO) -> dict[str, Any]:
            return compute_score("pyrag_decompose", reply, GOLDEN, info, referee=referee)

        found = score('["Where does Ann live?", "What is the capital of that country?"]')
        assert list(found) == list(BLANK)
        assert (found["score"], found["num_sub_queries"], found["num_calls"]) == (1.0, 2, 5)
        assert "Where does Ann live?" in writer.asked[0], "the policy's queries are what the plan is written from"
        asked = len(writer.asked)
        assert score('["Where does Ann live?", "What is the capital of that country?"]') == found
        assert len(writer.asked) == asked, "the same queries are not planned twice"
        assert score('["Where does Bea live?"]')["score"] == 1.0, "a plan is mended, as in the paper"
        assert score("no list")["err_type"] == "bad_subquery_json"
        assert score("[]", {})["err_type"] == "missing_question"
    with Referee(World().tools, isolation="none") as referee, pytest.raises(RewardUnavailable, match="plan_model"):
        compute_score("pyrag_decompose", '["a"]', GOLDEN, INFO, referee=referee)


def test_the_limit_of_calls_holds_for_a_decomposition_too() -> None:
    class Writer:
        async def acomplete(self, _messages: Any, **_overrides: Any) -> Any:
            return reply_of(f"```python\nfor each in range(60):\n    answer(f'Number {{each}}?', [])\n{GOOD}```")

    def score(calls: int) -> dict[str, Any]:
        with Referee(World().tools, plan_model=Writer(), isolation="none", calls=calls) as referee:
            return compute_score("pyrag_decompose", '["Where does Ann live?"]', GOLDEN, INFO, referee=referee)

    assert score(20)["score"] == 1.0
    assert score(2)["err_type"] == "call_budget"


def test_trl_asks_for_a_list_of_numbers(referee: Referee) -> None:
    reward = trl_reward("plan", referee=referee)
    prompts = [[{"role": "user", "content": "?"}]] * 2
    replies = [[{"role": "assistant", "content": GOOD}], [{"role": "assistant", "content": "no"}]]
    assert reward(prompts, replies, ground_truth=[["Oslo"]] * 2, question=[QUESTION] * 2, completion_ids=[[], []]) == [
        1,
        0,
    ]
    assert reward(["?"], [GOOD], reward_model=[{"ground_truth": ["Oslo"]}], extra_info=[INFO]) == [1.0]
    with pytest.raises(ValueError, match="ground_truth"):
        reward(["?"], [GOOD])
    with pytest.raises(ValueError, match="plan"):
        trl_reward("plans")


def test_golden_answers_come_in_many_shapes() -> None:
    class Array(list[str]):
        """As numpy has it: its truth is not to be asked."""

        def __bool__(self) -> bool:
            raise ValueError("ambiguous")

    assert golden_of("Oslo") == ("Oslo",)
    assert golden_of(Array(["Oslo", "Christiania"])) == ("Oslo", "Christiania")
    assert golden_of({"target": Array(["Oslo"])}) == ("Oslo",)
    assert golden_of(None) == golden_of("") == golden_of([]) == ()
    assert golden_of(1973) == ("1973",)


def test_mistakes_are_told_clearly(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="answer_url"):
        plan_score(GOOD, answer_url="http://127.0.0.1:9/v1")
    with pytest.raises(ValueError, match="gsm8k"):
        compute_score("gsm8k", "4", "4")
    with pytest.raises(TypeError, match="retreiver"):
        plan_score(GOOD, retreiver="http://127.0.0.1:1")
    with pytest.raises(ValueError, match="adaptive"):
        Referee({}, adaptive="yes")
    for name in ("PYRAG_REWARD_RETRIEVER", "PYRAG_REWARD_CORPUS", "CODERAG_RETRIEVAL_HOST"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(RewardUnavailable, match="retriever"):
        plan_score(GOOD)
    monkeypatch.setenv("CODERAG_PLAN_MAX_CALLS", "many")
    with pytest.raises(ValueError, match="calls"):
        plan_score(GOOD)


def test_search_r1_pays_for_exact_match_between_the_last_tags() -> None:
    right = "<think>x</think><search>q</search><information>i</information><answer> Oslo </answer>"
    assert search_r1(right, GOLDEN)["score"] == 1.0
    assert search_r1(right, GOLDEN)["num_calls"] == 1
    assert search_r1("<answer>Oslo</answer><answer>Rome</answer>", GOLDEN)["score"] == 0.0
    assert search_r1("<answer>Oslo, Norway</answer>", GOLDEN, format_score=0.1)["score"] == 0.1
    assert search_r1("Oslo", GOLDEN)["err_type"] == "no_answer_tag"
    assert compute_score("searchR1_nq", right, {"target": ["Oslo"]})["score"] == 1.0


SEARCHED = (
    "I search.<|begin_of_query|> Oslo <|end_of_query|>\n\n<|begin_of_documents|>\n(1)Oslo is the capital.\n"
    "<|end_of_documents|>\n\nSo.</think>\n\n<answer>{}</answer>"
)


@pytest.mark.parametrize(
    ("solution", "stage", "model", "score"),
    [
        (SEARCHED.format("in Oslo"), 1, "llama", 2.0),
        (SEARCHED.format("Rome"), 1, "llama", 0.0),
        ("So.</think><answer>Oslo</answer>", 1, "llama", 1.5),
        ("Oslo", 1, "llama", -1.0),
        (SEARCHED.format("Oslo"), 2, "llama", 1.0),
        (SEARCHED.format("Oslo").replace("</think>", ""), 2, "llama", 0.0),
        (SEARCHED.format("Oslo").replace("(1)", ""), 2, "llama", 0.0),
        (SEARCHED.format("Oslo").replace("So.", "\u6240\u4ee5"), 2, "llama", 0.0),
        (SEARCHED.format("Oslo").replace("So.", "Assistant"), 2, "qwen-zero", -1.0),
        (SEARCHED.format("Oslo").replace("So.", "Assistant"), 2, "llama", 1.0),
        ("nothing", 2, "qwen-zero", -2.0),
    ],
)
def test_r1_searcher_pays_for_form_and_search_and_then_for_f1(
    solution: str, stage: int, model: str, score: float
) -> None:
    found = r1_searcher(solution, GOLDEN, stage=stage, model=model)
    assert list(found) == list(BLANK)
    assert math.isclose(found["score"], score)
    assert compute_score("r1_searcher", solution, GOLDEN, stage=stage, model=model) == found
