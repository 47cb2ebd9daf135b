"""What the front pages say is so: their Python runs, their output is what is printed, their links lead somewhere."""

from __future__ import annotations

import contextlib
import io
import os
import re
from pathlib import Path
from typing import Any

import pytest

from pyrag_dsl.cli import main

from .examples import ROOT, blocks

PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"]
PAGES += sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(#[^)\s]*)?\)")
# Which of two calls at once is the first is not known while they are made: the numbers may be others.
_STARTED = re.compile(r"^→ \w+#\d+( .*line \d+)$", re.MULTILINE)


def test_the_first_block_is_the_example() -> None:
    assert blocks("README.md")[0].text == (ROOT / "examples" / "older.py").read_text(encoding="utf-8")


def test_snippets_of_the_readme_run_and_print_what_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {"__name__": "readme"}
    snippets = [block for block in blocks("README.md")[1:] if block.info == ("python",)]
    assert len(snippets) > 4
    for block in snippets:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block.text, block.name, "exec"), space)
        promised = [line[2:] for line in block.text.split("\n") if line.startswith("# ")]
        assert printed.getvalue().splitlines() == promised, block.name


def test_the_sample_output_is_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    shown = next(block for block in blocks("README.md") if block.info == ("text",)).text
    question = "Who is older, Jed Hoyer or John William Henry II?"
    assert main([str(ROOT / "examples" / "older.py"), "--question", question]) == 0
    out, err = capsys.readouterr()
    assert out.strip() == shown.strip().split("\n")[-1]
    for line in _STARTED.findall(shown):
        assert line in err
    for answered in re.findall(r'← answer#\d+( "[^"]*")', shown):
        assert answered in err


def test_every_example_says_its_question_and_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    for path in sorted((ROOT / "examples").glob("*.py")):
        assert main([str(path), "--quiet"]) == 0
        assert capsys.readouterr().out.strip() not in ("", "unknown")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for path, anchor in _LINK.findall(text):
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), f"{page}: {path}"
        if anchor and target.suffix == ".md":
            assert anchor[1:] in anchors(target), f"{page}: {path}{anchor}"


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(
        r"`((?:grammar|interpreter|runtime|agents|report|testing|cli|tests|docs|benchmarks|examples)/[\w/.]*\w)`", text
    )
    for name in named:
        assert (ROOT / name).exists() or (ROOT / "pyrag_dsl" / name).exists(), f"{page}: {name}"


def test_commands_of_the_readme_are_marked_for_the_machine_that_runs_them() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"<!-- ci: (\w+) -->\n```bash\n", text) == ["first", "tests"]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
