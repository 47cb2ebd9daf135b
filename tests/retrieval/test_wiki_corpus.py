"""The index of a real corpus finds the evidence of real questions about as often as BM25 should."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyrag_dsl.retrieval import BM25Index


@pytest.fixture(scope="module")
def wiki(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> BM25Index:
    corpus = shared / "data" / "wiki.jsonl"
    if not corpus.is_file():
        pytest.skip("the reference material has no data/wiki.jsonl")
    return BM25Index.open(corpus, tmp_path_factory.mktemp("indexes"))


def test_every_line_is_indexed(wiki: BM25Index, shared: Path) -> None:
    with (shared / "data" / "wiki.jsonl").open("rb") as file:
        lines = sum(1 for _ in file)
    assert len(wiki) == wiki.report.indexed == lines
    assert wiki.report.complete


@pytest.mark.parametrize(("questions", "share"), [("hotpotqa", 0.48), ("2wiki", 0.32), ("musique", 0.13)])
def test_all_evidence_among_five_hits_for_the_question(
    wiki: BM25Index, shared: Path, questions: str, share: float
) -> None:
    rows = [json.loads(line) for line in (shared / "data" / "questions" / f"{questions}.jsonl").open(encoding="utf-8")]
    found = 0
    for row in rows:
        hits = {hit.passage.title for hit in wiki.search(row["question"], 5)}
        found += {evidence["title"] for evidence in row["supporting"]} <= hits
    assert found / len(rows) >= share


def test_all_evidence_among_five_hits_for_each_gold_step(wiki: BM25Index, shared: Path) -> None:
    rows = [json.loads(line) for line in (shared / "data" / "questions" / "2wiki.jsonl").open(encoding="utf-8")]
    rows = [row for row in rows if row.get("decomposition")]
    found = 0
    for row in rows:
        hits = {
            hit.passage.title
            for step in row["decomposition"]
            for hit in wiki.search(step.get("question_nl") or step["question"], 5)
        }
        found += {evidence["title"] for evidence in row["supporting"]} <= hits
    assert found / len(rows) >= 0.94


def test_searches_that_a_model_made(wiki: BM25Index, shared: Path) -> None:
    searched = 0
    for file in sorted((shared / "data" / "traces").glob("*.jsonl")):
        for line in file.open(encoding="utf-8"):
            for search in json.loads(line)["searches"]:
                searched += 1
                assert len(wiki.search(search["query"], 5)) <= 5
    assert searched > 800
