"""Data sets as they are published, and rows that are none."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from pyrag_dsl.evaluation import DataError, read_questions

ROWS: dict[str, Any] = {
    "search-r1": {"id": "test_0", "question": "Who?", "golden_answers": ["Ann", "A."], "metadata": {"hops": 2}},
    "hotpotqa": {"_id": "5a8b", "question": "Who?", "answer": "Ann", "type": "bridge", "supporting_facts": [["T", 0]]},
    "musique": {"id": "2hop__1", "question": "Who?", "answer": "Ann", "answer_aliases": ["A."], "answerable": True},
    "popqa": {"id": 7, "question": "Who?", "possible_answers": '["Ann", "A."]', "prop": "author"},
    "triviaqa": {"QuestionId": "tc_1", "Question": "Who?", "Answer": {"Value": "Ann", "Aliases": ["A."]}},
    "nq": {"id": "nq_1", "question": "who", "answers": ["Ann"]},
    "verl": {"id": "v1", "question": "Who?", "reward_model": {"ground_truth": {"target": ["Ann"]}}},
    "yes or no": {"id": "b1", "question": "Is it?", "answer": True},
}


@pytest.mark.parametrize("shape", ROWS)
def test_a_row_of_each_published_shape_is_read(shape: str, tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps(ROWS[shape]) + "\n\n")
    (found,) = read_questions(path)
    assert found.golden_answers[0] == ("yes" if shape == "yes or no" else "Ann")
    assert found.text.lower().startswith(("who", "is it"))
    (tmp_path / "q.json").write_text(json.dumps([ROWS[shape]]))
    with gzip.open(tmp_path / "q.jsonl.gz", "wt") as file:
        file.write(json.dumps(ROWS[shape]))
    assert read_questions(tmp_path / "q.json") == read_questions(tmp_path / "q.jsonl.gz") == [found]


def test_what_is_left_of_a_row_is_its_metadata(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text(json.dumps(ROWS["hotpotqa"]))
    (found,) = read_questions(tmp_path / "q.jsonl")
    assert (found.id, found.metadata["type"]) == ("5a8b", "bridge")


def test_tables_and_parquet(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text('Question,Answer\n"Who, then?",Ann\nWhen?,1900\n')
    assert [(each.id, each.text) for each in read_questions(tmp_path / "q.csv")] == [
        ("2", "Who, then?"),
        ("3", "When?"),
    ]
    (tmp_path / "q.tsv").write_text('id\tquestion\tpossible_answers\n1\tWho?\t"[""Ann""]"\n')
    assert read_questions(tmp_path / "q.tsv")[0].golden_answers == ("Ann",)
    pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    import pyarrow.parquet as parquet

    parquet.write_table(pyarrow.Table.from_pylist([ROWS["search-r1"]]), tmp_path / "q.parquet")
    assert read_questions(tmp_path / "q.parquet")[0].golden_answers == ("Ann", "A.")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it holds no question"),
        ('{"question": "Who?", "answer": "A"}\n{"question": "Who', "line 2: not JSON"),
        ('{"answer": "A"}', "line 1: no question"),
        ('{"question": "Who?"}', "line 1: no golden answer"),
        ("[1]", "line 1: list where an object was expected"),
        ('{"id": 1, "question": "Q", "answer": "A"}\n{"id": 1, "question": "R", "answer": "A"}', "line 2: the id '1'"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text(text)
    with pytest.raises(DataError, match=r"q\.jsonl") as caught:
        read_questions(tmp_path / "q.jsonl")
    assert says in str(caught.value)
    with pytest.raises(DataError, match="No such file"):
        read_questions(tmp_path / "none.jsonl")
