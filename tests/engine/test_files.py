"""Files that runs leave: whole, and for their owner only."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

import pyrag_dsl as pd
from pyrag_dsl.methods.record import QuestionRecord, write_folder
from pyrag_dsl.report import write_report

PLAN = 'final_answer = answer("a", retrieve("b"))\n'


@pytest.mark.skipif(os.name != "posix", reason="modes of files are those of POSIX")
def test_what_a_run_leaves_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    tools = {"retrieve": lambda query, topk=5: [query] * topk, "answer": lambda query, docs=None: docs[0] or query}
    before = os.umask(0)
    try:
        result = pd.run(PLAN, tools, trace=tmp_path / "trace.jsonl")
        result.trace.save(tmp_path / "saved.jsonl")
        write_report(result.trace, tmp_path / "report.html")
        write_folder(
            tmp_path,
            QuestionRecord(
                original_query="q",
                sub_queries=("q",),
                generated_code=PLAN,
                execution_log=(),
                variables={},
                final_answer="a",
                retried_with_topk10=False,
            ),
        )
    finally:
        os.umask(before)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 6
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
