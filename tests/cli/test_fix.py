"""`pyrag-exec --fix`: safe fixes before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyrag_dsl.cli import main

BROKEN = """docs = retrieve("Jed Hoyer", top_k=3)
born = answer("When was Jed Hoyer born?", documents=dcos)
"""


def test_a_plan_is_mended_and_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tmp_path / "plan.py"
    plan.write_text(BROKEN)
    assert main([str(plan), "--question", "When was Jed Hoyer born?", "--quiet"]) == 3
    capsys.readouterr()
    assert main([str(plan), "--question", "When was Jed Hoyer born?", "--fix"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "December 7, 1973\n"
    assert printed.err.count("fixed: ") == 4
    assert plan.read_text() == BROKEN, "the file is not touched"


def test_what_no_fix_mends_is_still_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tmp_path / "plan.py"
    plan.write_text("import os\nfinal_answer = os.getcwd()\n")
    assert main([str(plan), "--question", "Where?", "--fix", "--quiet"]) == 3
    assert "PLAN205" in capsys.readouterr().err
