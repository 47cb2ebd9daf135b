"""`pyrag fuzz`: what breaks a law is found, made small and written; what holds is said to hold."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from pyrag_dsl.cli.screen import Screen
from pyrag_dsl.cli.verbs.fuzz import _NAMES, _search
from pyrag_dsl.testing import LawBroken, StubTools, plans, tool_results
from pyrag_dsl.testing.laws import CHECKS
from pyrag_dsl.testing.search import LAWS, Finding, Law, search, write_failure

from ..docs.examples import ROOT, blocks


def no_loops(text: str, tools: StubTools) -> None:
    """A law that does not hold."""
    if "for " in text:
        raise LawBroken("no_loops", text, f"a loop at {text.index('for ')}\nwith {tools}")


def idle(text: str, tools: StubTools) -> None:
    """A law that always holds."""


def careless(text: str, tools: StubTools) -> None:  # noqa: ARG001
    if "answer(" in text:
        raise ZeroDivisionError("not a broken law, but worse")


LINES = st.sampled_from(("x = 1\n", "for i in [1]: pass\n", 'answer("a")\n'))
TEXTS = st.lists(LINES, max_size=8).map("".join)


def law(check: Any, name: str = "no_loops", texts: st.SearchStrategy[str] = TEXTS) -> Law:
    return Law(name, check, lambda: st.tuples(texts, tool_results()), name + "(text, {0!r})")


def searched(laws: list[Law], out: Path, capsys: Any, seconds: float = 4.0) -> tuple[int, str, str]:
    shown = io.StringIO()
    status = _search(laws, seconds, 5, out, Screen(shown))
    return status, capsys.readouterr().out, shown.getvalue()


@pytest.mark.thorough
def test_a_broken_law_is_found_made_small_and_written(tmp_path: Path, capsys: Any) -> None:
    status, out, err = searched([law(no_loops, texts=plans())], tmp_path / "found", capsys)
    assert status == 1
    assert "no_loops is broken: a loop at" in err
    written = sorted((tmp_path / "found").iterdir())
    assert written
    assert all(str(path) in out for path in written)
    text = min((path.read_text(encoding="utf-8") for path in written), key=len)
    header, _, plan = text.partition("\n\n")
    assert len(plan) < 100
    assert "for " in plan
    lines = header.splitlines()
    assert lines[0] == "# law: no_loops"
    assert "seed 5/no_loops/0" in lines[1]
    assert lines[2].startswith("# again: no_loops(text, StubTools(seed=")
    assert lines[3:5] == ["# what differed:", f"#   a loop at {plan.index('for ')}"]
    again = {"StubTools": StubTools, "no_loops": no_loops, "text": plan}
    with pytest.raises(LawBroken):
        eval(lines[2].removeprefix("# again: "), again)


def test_failures_that_look_alike_are_counted_and_not_written_again(tmp_path: Path, capsys: Any) -> None:
    _, out, _ = searched([law(no_loops)], tmp_path, capsys, 3.0)
    assert 1 <= len(list(tmp_path.iterdir())) <= 3
    assert "more cases broke a law in a way that is already written" in out


def test_what_no_law_foresees_breaks_it_too(tmp_path: Path, capsys: Any) -> None:
    status, _, _ = searched([law(careless, "careless")], tmp_path, capsys, 1.0)
    assert status == 1
    written = next(tmp_path.iterdir()).read_text(encoding="utf-8")
    assert "unexpected ZeroDivisionError: not a broken law, but worse" in written


def test_a_law_that_holds_leaves_nothing(tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "found"
    status, said, _ = searched([law(idle, "idle")], out, capsys, 0.5)
    assert status == 0
    assert not out.exists()
    assert said.startswith("idle")
    assert "held" in said


def test_the_same_seed_tries_the_same_cases() -> None:
    def tried() -> list[str]:
        seen: list[str] = []
        rounds = search([law(lambda text, tools: seen.append(f"{text}{tools}"))], 60, 3, chunk=15)
        next(rounds)
        return seen

    first = tried()
    assert len(set(first)) > 8
    assert tried() == first


def test_texts_that_no_editor_shows_are_in_the_header_too(tmp_path: Path) -> None:
    path = write_failure(Finding("total", "a\ud800\x00\r", "check_total(text, {})", "é\x1b[2J", "1/total/0"), tmp_path)
    raw = path.read_bytes()
    assert b"# text = 'a\\ud800\\x00\\r'\n" in raw
    assert "#   é\\x1b[2J\n".encode() in raw
    assert raw.endswith(b"\n\na\xed\xa0\x80\x00\r")


def test_the_real_laws_are_searched(pyrag_verb: Any, tmp_path: Path) -> None:
    ended = pyrag_verb("fuzz", "--minutes", "0.02", "--seed", "1", "--out", tmp_path, "--law", "replay")
    assert ended.status == 0
    assert ended.out.startswith("replay")
    assert "cases  held" in ended.out
    assert ended.err.startswith("seed 1, 1.2 s, laws: replay\n")


def test_all_laws_are_there() -> None:
    assert tuple(law.name for law in LAWS) == tuple(CHECKS) == _NAMES


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--law", "gravity"], "there is no law 'gravity'; there are faithful, total"),
        (["--minutes", "0"], "--minutes must be more than 0"),
        (["--minutes", "nan"], "--minutes must be more than 0"),
        (["--out", __file__], "is not a directory"),
    ],
)
def test_mistakes_are_named(pyrag_verb: Any, arguments: list[str], message: str) -> None:
    ended = pyrag_verb("fuzz", *arguments)
    assert ended.status == 2
    assert message in ended.err


WITHOUT = """
import sys
sys.modules["hypothesis"] = None
from pyrag_dsl.cli import pyrag
import pyrag_dsl.testing as testing
assert callable(testing.check_total)
try:
    testing.plans
except ModuleNotFoundError as error:
    print(error)
sys.exit(pyrag(["fuzz", "--minutes", "0.01"]))
"""


def test_without_hypothesis_the_command_that_installs_it_is_named() -> None:
    ended = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, cwd=ROOT, check=False)
    assert ended.returncode == 2
    advice = "eeds Hypothesis, which is not installed: pip install 'pyrag-dsl[test]'"
    assert f"`pyrag_dsl.testing.plans` n{advice}" in ended.stdout
    assert f"fuzzing n{advice}" in ended.stderr


@pytest.mark.thorough
def test_the_page_on_fuzzing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {"__name__": "docs"}
    snippets = [block for block in blocks("docs/fuzzing.md") if block.info == ("python",)]
    assert len(snippets) >= 4
    for block in snippets:
        exec(compile(block.text, block.name, "exec"), space)
    tests = [value for name, value in space.items() if name.startswith("test_")]
    assert len(tests) >= 4
    for test in tests:
        test()
