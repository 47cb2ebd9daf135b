"""Data sets for trainers: made of traces and of PyRAG's files, the same every time, kept from evaluations."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pyrag_dsl.agents.retrieving import retrieve_tool
from pyrag_dsl.agents.roles import Models
from pyrag_dsl.cli import pyrag
from pyrag_dsl.evaluation import Batch, Example, evaluate, read_questions
from pyrag_dsl.methods import Host, load_recipe
from pyrag_dsl.models.reply import Reply
from pyrag_dsl.runtime.tools import toolset
from pyrag_dsl.training import Referee, compute_score
from pyrag_dsl.training.episodes import Episode, read_episodes
from pyrag_dsl.training.rows import category_of
from pyrag_dsl.training.sets import HeldOut, SetOptions, build, schema_of, write
from tests.training.world import GOLDEN, GOOD, QUESTION, World

from ..replies import reply_of

SETS = ("answer_with_docs", "answer_no_docs", "plan", "decompose")
CODE = 'docs = retrieve("Oslo")\nfinal_answer = answer("Given: Oslo is a city. What is it?", docs)\n'
QUERIES = ["Where does Ann live?", "What is the capital of that country?"]


class Writer:
    """Splits and plans by rote. `plan`: what it writes."""

    def __init__(self, plan: str) -> None:
        self.plan = plan

    async def acomplete(self, messages: Any, **_overrides: Any) -> Reply:
        split = messages[0]["content"].startswith("You split")
        text = json.dumps(QUERIES) if split else f"```python\n{self.plan}```"
        return reply_of(text)


def traced(folder: Path, plan: str = GOOD, question: str = QUESTION, golden: tuple[str, ...] = GOLDEN) -> Path:
    """A folder of `pyrag eval` with one question."""
    tools = World().tools
    host = Host(
        models=Models.of(Writer(plan)),
        retrieve=retrieve_tool(tools["retrieve"]),
        tools=toolset({"answer": tools["answer"]}),
    )
    inputs = {"repairs": 0, "adaptive": "none"}
    batch = Batch(
        recipe=load_recipe("pyrag"),
        questions=[Example("q1", question, golden)],
        host=host,
        folder=folder,
        inputs=inputs,
    )
    asyncio.run(evaluate(batch))
    return folder


def result_row(**changes: Any) -> dict[str, Any]:
    """A line of a result file of PyRAG."""
    return {
        "id": "h1",
        "question": QUESTION,
        "gold_answers": list(GOLDEN),
        "pred_answer": "Oslo",
        "sub_queries": QUERIES,
        "generated_code": CODE,
        "execution_log": [
            {"step": 1, "type": "retrieve", "query": "Oslo", "topk": 5, "docs": ["Oslo\nOslo is a city."]},
            {
                "step": 2,
                "type": "answer",
                "query": "Given: Oslo is a city. What is it?",
                "docs": ["Oslo\nOslo is a city."],
                "answer_raw": "Oslo",
                "answer_returned": "Oslo",
            },
        ],
        "error": None,
        **changes,
    }


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return traced(tmp_path_factory.mktemp("run"))


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    rows = [
        {
            "id": f"nq{at}",
            "question": f"Where is river number {at}?",
            "golden_answers": ["Norway"],
            "data_source": "nq" if at % 2 else "other",
            "ctxs": [{"title": f"River {n}", "doc": "It is in Norway."} for n in range(8)],
        }
        for at in range(60)
    ]
    return lines(tmp_path / "nq.jsonl", *rows, {"id": "bare", "question": "Who?", "golden_answers": ["Ann"]})


def test_the_four_sets_go_to_parquet_and_back(folder: Path, questions: Path, tmp_path: Path) -> None:
    sets = build(list(read_episodes(folder)), [read_questions(questions)], HeldOut(), SetOptions(val_ratio=0.2))
    written = write(sets, tmp_path / "out")
    for name in SETS:
        for split, rows in sets[name].splits.items():
            place = tmp_path / "out" / name / f"{split}.parquet"
            assert (place in written) == place.exists() == bool(rows)
            if place in written:
                table = pq.read_table(place)
                assert table.schema.equals(schema_of(name))
                assert table.to_pylist() == rows
    assert json.loads((tmp_path / "out" / "report.json").read_text())["plan"]["train"] == 1
    counts = {name: sum(map(len, made.splits.values())) for name, made in sets.items()}
    assert counts == {"answer_with_docs": 60, "answer_no_docs": 1, "plan": 1, "decompose": 62}
    for made in sets.values():
        for rows in made.splits.values():
            assert [row["extra_info"]["index"] for row in rows] == list(range(len(rows)))
            for row in rows:
                assert [each["role"] for each in row["prompt"]] == ["system", "user"]
                assert row["reward_model"]["ground_truth"]


def test_rows_are_what_the_rewards_read(folder: Path) -> None:
    sets = build(list(read_episodes(folder)), [], HeldOut(), SetOptions(val_ratio=0.0))
    (plan,) = sets["plan"].splits["train"]
    info = plan["extra_info"]
    assert (info["is_correct_trace"], info["sub_queries"], info["baseline_pred"]) == (True, QUERIES, "Oslo")
    assert all(query in plan["prompt"][1]["content"] for query in [QUESTION, *QUERIES])
    with Referee(World().tools, isolation="none") as referee:
        truth = plan["reward_model"]["ground_truth"]
        assert compute_score(plan["data_source"], info["baseline_code"], truth, info, referee=referee)["score"] == 1.0
    (last,) = sets["answer_no_docs"].splits["train"]
    assert last["extra_info"]["synthesis_query"].startswith("Given: Ann lives in Norway")
    assert last["extra_info"]["category"] == "correct"


def test_a_question_is_in_one_split_whatever_the_set_and_the_order(questions: Path) -> None:
    asked = read_questions(questions)
    options = SetOptions(val_ratio=0.3, seed=7)
    one = build([], [asked], HeldOut(), options)
    other = build([], [asked[::-1]], HeldOut(), options)
    assert {name: made.splits for name, made in one.items()} == {name: made.splits for name, made in other.items()}
    where = [
        {row["extra_info"]["src_id"]: split for split, rows in one[name].splits.items() for row in rows}
        for name in SETS
    ]
    assert all(where[0][name] == where[3][name] for name in where[0])
    assert 0 < sum(split == "val" for split in where[3].values()) < 40
    again = build([], [asked], HeldOut(), SetOptions(val_ratio=0.3, seed=8))
    assert again["decompose"].splits != one["decompose"].splits, "the seed decides"


def test_options_of_the_rows_with_passages(questions: Path) -> None:
    asked = read_questions(questions)

    def made(**options: Any) -> Any:
        return build([], [asked], HeldOut(), SetOptions(val_ratio=0.0, **options), ["answer_with_docs"])[
            "answer_with_docs"
        ]

    def topks(found: Any) -> set[int]:
        return {row["extra_info"]["topk"] for row in found.splits["train"]}

    assert topks(made()) == {5}
    assert topks(made(topk_choices=(3, 8))) == {3, 8}
    row = made(topk_choices=(3,)).splits["train"][0]
    assert row["prompt"][1]["content"].count("> River") == 3
    assert row["extra_info"]["num_ctxs_available"] == 8
    filtered = made(data_source_filter="nq")
    assert len(filtered.splits["train"]) == 30
    assert filtered.dropped["another data source"] == 31
    assert len(made(max_per_input=7).splits["train"]) == 7


def test_nothing_of_an_evaluation_is_trained_on(folder: Path, questions: Path, tmp_path: Path) -> None:
    same_words = lines(
        tmp_path / "dev.jsonl",
        {"id": "x1", "question": "where IS the river number 3", "golden_answers": ["a"]},
        {"id": "nq4", "question": "Something else?", "golden_answers": ["a"]},
        {"id": "x2", "question": QUESTION.upper(), "golden_answers": ["a"]},
    )
    asked, episodes = read_questions(questions), list(read_episodes(folder))
    held_out = HeldOut([same_words])
    sets = build(episodes, [asked], held_out, SetOptions())
    for made in sets.values():
        ids = {row["extra_info"]["src_id"] for rows in made.splits.values() for row in rows}
        assert not ids & {"nq3", "nq4", "q1"}
    assert sets["decompose"].dropped == {"in dev.jsonl": 3}
    assert held_out.names("Another question?", "nq5") == ""


@pytest.mark.parametrize(
    ("query", "said", "category"),
    [
        ("Given: it is Oslo. Answer the question: which?", "Oslo", "correct"),
        ("Given: it is Oslo. Answer the question: which?", "Rome", "wrong_facts_ok"),
        ("Given: it is Rome. Answer the question: is it Oslo?", "Rome", "wrong_facts_bad"),
        ("Is it Oslo?", "Rome", "wrong_facts_bad"),
    ],
)
def test_the_category_of_a_last_answer(query: str, said: str, category: str) -> None:
    assert category_of(query, said, GOLDEN) == category


def test_what_is_left_out_is_counted_by_reason(tmp_path: Path) -> None:
    results = lines(
        tmp_path / "result.jsonl",
        result_row(),
        result_row(id="h2", question="Again what is the capital?", error="RuntimeError: no"),
        result_row(id="h3", question="Not split", sub_queries=["Not split"]),
        result_row(id="h4", question="Wrong one", pred_answer="Rome"),
        result_row(id="h5"),
        result_row(id="h6", question="No truth?", gold_answers=[]),
    )
    episodes = list(read_episodes(results))
    plans = build(episodes, [], HeldOut(), SetOptions(val_ratio=0.0))["plan"]
    assert [row["extra_info"]["src_id"] for row in plans.splits["train"]] != []
    assert plans.dropped == {"error": 1, "the question was not split": 1, "twice": 1, "no golden answer": 1}
    only = build(episodes, [], HeldOut(), SetOptions(val_ratio=0.0, only_correct=True))["plan"]
    assert [row["extra_info"]["is_correct_trace"] for row in only.splits["train"]] == [True]
    # None of the logs has an answer without passages.
    assert not build(episodes, [], HeldOut(), SetOptions())["answer_no_docs"].splits["train"]


# ------------------------------------------------------------------ supervised fine-tuning


def sft(*arguments: object) -> int:
    return pyrag(["train", "sft-data", *map(str, arguments)])


def test_of_each_question_the_shortest_plan_that_found_its_answer(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    longer = traced(tmp_path / "longer", GOOD + "# the long way round\n")
    short = 'docs = retrieve("Norway")\nfinal_answer = answer("What is the capital?", docs)\n'
    shorter = traced(tmp_path / "shorter", short)
    memory = traced(tmp_path / "memory", 'final_answer = "Oslo"\n')
    wrong = traced(tmp_path / "wrong", 'final_answer = answer("Where does Ann live?", retrieve("Ann"))\n')
    out = tmp_path / "rows.jsonl"
    folders = [part for each in (folder, longer, shorter, memory, wrong) for part in ("--traces", each)]
    assert sft(*folders, "--out", out) == 0
    said = capsys.readouterr().out
    assert said == ("1 rows of 5 episodes; left out: 1 answer_from_memory, 2 longer than another, 1 wrong answer\n")
    (row,) = [json.loads(line) for line in out.read_text().splitlines()]
    assert [each["role"] for each in row["messages"]] == ["system", "user", "assistant"]
    assert row["messages"][2]["content"] == f"```python\n{short.strip()}\n```"
    assert sft(*folders, "--out", out, "--per-question", 2) == 0
    assert len(out.read_text().splitlines()) == 2


def test_a_result_of_pyrag_is_believed_if_its_log_bears_it_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hidden = 'docs = retrieve("Oslo again")\nfinal_answer = answer("Given: Oslo is a city. What is it?", docs)\n'
    results = lines(tmp_path / "r.jsonl", result_row(), result_row(id="h2", question="Other?", generated_code=hidden))
    assert sft("--results", results, "--out", tmp_path / "o.jsonl") == 0
    assert capsys.readouterr().out == "1 rows of 2 episodes; left out: 1 does not replay\n"


def test_a_plan_that_asks_the_same_query_twice_replays() -> None:
    source = """
few = retrieve("Oslo", topk=1)
many = retrieve("Oslo", topk=2)
one = answer("Where?", few)
two = answer("Where?", many)
final_answer = f"{one} {two}"
"""
    steps = (
        {"type": "retrieve", "query": "Oslo", "topk": 1, "docs": ["a"]},
        {"type": "retrieve", "query": "Oslo", "topk": 2, "docs": ["a", "b"]},
        {"type": "answer", "query": "Where?", "docs": ["a"], "answer_returned": "here"},
        {"type": "answer", "query": "Where?", "docs": ["a", "b"], "answer_returned": "there"},
    )
    episode = Episode(
        id="q", question="?", golden=(), prediction="here there", queries=(), fallback=False, source=source, steps=steps
    )
    assert episode.replay(isolation="none") is not None


# ------------------------------------------------------------------ the command


def train_data(*arguments: object) -> int:
    return pyrag(["train", "data", *map(str, arguments)])


def test_a_dry_run_counts_and_shows_and_writes_nothing(
    folder: Path, questions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "verl"
    assert train_data("--traces", folder, "--questions", questions, "--out", out, "--dry-run", "--set", "plan") == 0
    head, _, sample = capsys.readouterr().out.partition("\n")
    assert head == "plan: 1 train, 0 val"
    assert json.loads(sample)["data_source"] == "pyrag_plan"
    assert not out.exists()
    assert train_data("--traces", folder, "--questions", questions, "--out", out) == 0
    assert sorted(path.parent.name for path in out.rglob("train.parquet")) == sorted(SETS)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "--traces"),
        (["--traces", "{tmp}/none"], "no such folder"),
        (["--results", "{tmp}/bad.jsonl"], "bad.jsonl, line 2: not JSON"),
        (["--results", "{tmp}/odd.jsonl"], "odd.jsonl, line 1: sub_queries"),
        (["--results", "{tmp}/empty.jsonl"], "empty.jsonl, line 1: no question"),
        (["--questions", "{tmp}/none.jsonl"], "none.jsonl"),
        (["--results", "{tmp}"], "is a folder"),
        (["--traces", "{tmp}"], "results.jsonl"),
    ],
)
def test_mistakes_end_with_one_message(
    given: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.jsonl").write_text(json.dumps(result_row()) + "\n{\n")
    lines(tmp_path / "odd.jsonl", result_row(execution_log=[{"type": "retrieve", "query": 3}]))
    lines(tmp_path / "empty.jsonl", {"id": 1})
    assert train_data("--out", tmp_path / "o", *(each.format(tmp=tmp_path) for each in given)) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
