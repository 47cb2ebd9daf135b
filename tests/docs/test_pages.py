"""What the pages show is run: every block of Python and of shell commands, in order, as a reader would.

The blocks of a page share one namespace and one empty directory, beside which `examples/` lies. A comment above a
block says what is special about it:

    <!-- file: NAME -->         the block is written to this file, and not run by itself
    <!-- output -->             the block is what the block before it prints; `...` stands for anything
    <!-- status: NUMBER -->     the commands end with this exit status
    <!-- not run: REASON -->    it cannot be run here

In Python, lines that begin with `# ` are what the block prints.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from .examples import ROOT, Block, blocks

ELSEWHERE = {
    "docs/api.md": "generated from the code, and shows signatures only",
    "docs/cli.md": "generated from the code, and shows usage only",
    "docs/diagnostics.md": "tests/diagnostics/test_codes.py",
    "docs/engine.md": "tests/engine/test_docs_engine.py",
    "docs/events.md": "generated from the code, and shows fields only",
    "docs/fuzzing.md": "tests/cli/test_fuzz.py",
    "docs/language.md": "tests/docs/test_language_page.py",
}
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
RUN = ["CONTRIBUTING.md", *(page for page in PAGES if page not in ELSEWHERE)]
_MARK = re.compile(r"<!-- (file|output|status|not run)(?:: (.+))? -->$")


def mark(block: Block) -> tuple[str, str]:
    """What the comment above a block says of it."""
    above = (ROOT / block.page).read_text(encoding="utf-8").split("\n")[block.line - 2]
    found = _MARK.match(above)
    return (found[1], found[2] or "") if found else ("", "")


def shell(block: Block, place: Path, status: int = 0) -> str:
    """What the commands of a block print. A line that begins with `$ ` is a command, where there is one."""
    lines = block.text.split("\n")
    if block.info == ("console",):
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("LLM_", "PLAN_LLM_", "PYRAG_"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), keep.get("PATH", "")])
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(lines)],
        cwd=place,
        env={**keep, "PATH": path, "COLUMNS": "120", "NO_COLOR": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert ran.returncode == status, f"{block.name}: status {ran.returncode}\n{ran.stderr}"
    return ran.stdout + ran.stderr


def python(block: Block, space: dict[str, Any]) -> str:
    """What a block of Python prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block.text, block.name, "exec"), space)
    promised = [line[2:] for line in block.text.split("\n") if line.startswith("# ")]
    if promised:
        assert printed.getvalue().splitlines() == promised, block.name
    return printed.getvalue()


def same(shown: str, printed: str) -> bool:
    """Whether what was printed is what is shown. `...` stands for anything, spaces at ends of lines for nothing."""
    pattern = ".*?".join(re.escape(part) for part in re.sub(r"[ \t]+$", "", shown, flags=re.M).strip().split("..."))
    return re.fullmatch(pattern, re.sub(r"[ \t]+$", "", printed, flags=re.M).strip(), re.DOTALL) is not None


SHELL_NOT_RUN = {
    "docs/decoding.md": "wants a file of stubs",
    "docs/evaluate.md": "wants a data set and its passages",
    "docs/local-models.md": "wants models and their servers",
    "docs/retrieval.md": "wants a file of passages, and a server",
    "docs/seeing.md": "wants a terminal, a browser and runs to look at",
    "docs/training.md": "wants data sets and models",
}
"""Pages whose Python is run, and whose commands are not."""


@pytest.mark.thorough
@pytest.mark.parametrize("page", RUN)
def test_the_blocks_of_a_page_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    module = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)  # dataclasses look for the module that they are written in
    space, printed = vars(module), ""
    for block in blocks(page):
        kind, told = mark(block)
        if kind == "not run":
            assert len(told) > 10, f"{block.name}: say why it is not run"
        elif kind == "file":
            (tmp_path / told).write_text(block.text, encoding="utf-8")
        elif kind == "output":
            assert same(block.text, printed), f"{block.name}:\n{printed}"
        elif block.info in (("bash",), ("console",)) and page not in SHELL_NOT_RUN:
            printed = shell(block, tmp_path, int(told) if kind == "status" else 0)
        elif block.info == ("python",):
            try:
                printed = python(block, space)
            except ModuleNotFoundError as missing:
                pytest.skip(f"{block.name}: {missing}")


def test_what_other_tests_run_is_there() -> None:
    assert set(ELSEWHERE) <= set(PAGES)
    assert all((ROOT / where).exists() for where in ELSEWHERE.values() if where.startswith("tests/"))


@pytest.mark.parametrize("page", PAGES)
def test_code_says_what_it_is(page: str) -> None:
    """A fence without a word is code that nobody runs."""
    for block in blocks(page):
        assert block.info, f"{block.name}: python, bash, text, ...?"
        assert block.info[0] in {"python", "bash", "console", "text", "toml", "json", "dockerfile"}, block.name


@pytest.mark.parametrize(
    ("shown", "printed", "is_so"),
    [
        ("a\n...\nb", "a\n1\n2\nb\n", True),
        ("a\n...\nb", "a\nc", False),
        ("1 + (2)", "1 + (2)", True),
        ("a", "ab", False),
    ],
)
def test_what_is_shown_is_compared(shown: str, printed: str, is_so: bool) -> None:
    assert same(shown, printed) is is_so
