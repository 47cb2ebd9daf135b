"""`pyrag eval` and `pyrag compare`: each question once, whatever happens in between."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pyrag_dsl import CallFinished, Trace, TraceError
from pyrag_dsl.cli import pyrag
from pyrag_dsl.evaluation import Row, summary_of
from pyrag_dsl.testing.server import Request, ScriptedModelServer, Turn, status

from .runs import command, rows_of, script


def test_every_question_has_a_row_a_trace_and_an_end(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "runs" / "vanilla"
    with ScriptedModelServer(script) as server:
        assert pyrag(command(data, out, server.base_url, "--seed", "3", "--concurrency", "2")) == 0
        assert server.peak <= 2
        assert {(request.body or {})["seed"] for request in server.requests} == {3}
        asked = len(server.requests)
        assert pyrag(command(data, out, server.base_url, "--seed", "3", "--json")) == 0
        assert len(server.requests) == asked, "what has an end is not asked again"
    rows = rows_of(out)
    assert list(rows[0])[:13] == (
        "id question golden_answers prediction em f1 calls tokens seconds status method seed trace".split()
    )
    assert [row["id"] for row in rows] == [f"q/{i}" for i in range(8)]
    assert [row["status"] for row in rows] == ["answered"] * 6 + ["failed", "unknown"]
    assert [row["em"] for row in rows] == [1.0] * 6 + [0.0] * 2
    assert all(Trace.load(out / row["trace"]).header.question == row["question"] for row in rows)
    assert rows[0]["calls"] == 2
    assert rows[0]["tokens"] > 0
    assert {row["evidence_recall"] for row in rows[:6]} == {0.5}, "one by its id, and the other is not there"
    assert {row["evidence_precision"] for row in rows[:6]} == {0.2}, "one of the five that were found"
    assert [row["support"] for row in rows] == [True] * 6 + [None] * 2
    summary = json.loads((out / "summary.json").read_text())
    assert summary == json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (summary["em"], summary["questions"], summary["status"]["failed"]) == (0.75, 8, 1)
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["seed"], manifest["model"], manifest["inputs"]["topk"]) == (3, "m", 5)
    assert manifest["models"] == {"chat": ["m"]}
    assert manifest["corpus"]["sha256"] == hashlib.sha256((data.parent / "c.jsonl").read_bytes()).hexdigest()


def test_a_question_without_an_end_counts_as_wrong(data: Path, tmp_path: Path) -> None:
    with ScriptedModelServer(script) as server:
        assert pyrag(command(data, tmp_path / "run", server.base_url, "--limit", "2")) == 0
    row = Row(**{**rows_of(tmp_path / "run")[0], "em": 1.0})
    assert summary_of([row], questions=4)["em"] == 0.25


def test_projections_are_rebuilt_from_the_traces(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with ScriptedModelServer(script) as server:
        assert pyrag(command(data, out, server.base_url)) == 0
        before = (out / "results.jsonl").read_bytes(), (out / "summary.json").read_bytes()
        (out / "results.jsonl").write_text("torn")
        (out / "summary.json").unlink()
        assert pyrag(command(data, out, server.base_url)) == 0
    assert ((out / "results.jsonl").read_bytes(), (out / "summary.json").read_bytes()) == before


def test_what_failed_is_asked_again_if_that_is_wanted(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with ScriptedModelServer(script) as server:
        assert pyrag(command(data, out, server.base_url)) == 0
    with ScriptedModelServer(lambda _: "Gus") as server:
        assert pyrag(command(data, out, server.base_url, "--retry-errors")) == 0
        assert len(server.requests) == 1
    assert [row["status"] for row in rows_of(out)] == ["answered"] * 7 + ["unknown"]


def test_what_was_spent_on_a_question_that_is_asked_again_still_counts(data: Path, tmp_path: Path) -> None:
    out, spent, turns = tmp_path / "run", [], ["--method", "iter-retgen", "--input", "turns=2", "--limit", "1"]

    def fails(second: bool) -> Any:
        asked = itertools.count()
        return lambda _: status(403) if second and next(asked) else "Ann"

    for second, more in ((True, []), (True, ["--retry-errors"]), (False, ["--retry-errors"])):
        with ScriptedModelServer(fails(second)) as server:
            assert pyrag(command(data, out, server.base_url, *turns, *more)) == 0
        spent.append(json.loads((out / "summary.json").read_text())["spent"]["tokens"])
    assert spent == sorted(set(spent)), "each attempt adds to it"
    first, _ = sorted((out / "replaced").iterdir())
    first.write_text("torn")
    with ScriptedModelServer(script) as server:
        assert pyrag(command(data, out, server.base_url, *turns)) == 0, "a damaged file of what is over stops nothing"


def test_the_configuration_holds_for_an_evaluation_too(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, index = tmp_path / "c.jsonl", tmp_path / "index"
    assert pyrag(["index", "build", "--corpus", str(corpus), "--out", str(index), "-q"]) == 0
    corpus.unlink()
    (tmp_path / "short.txt").write_text("Be short.")
    monkeypatch.setenv("MY_KEY", "sk-mine")
    with ScriptedModelServer(script) as server:
        (tmp_path / "pyrag.toml").write_text(
            f"""
            [models.answer]
            base_url = "{server.base_url}"
            model = "m"
            api_key_env = "MY_KEY"
            [retrieval]
            index = "index"
            [method]
            name = "vanilla"
            prompts = {{ system = "short.txt" }}
            """
        )
        config = ["--config", str(tmp_path / "pyrag.toml")]
        assert pyrag(["eval", "--data", str(data), "--out", str(tmp_path / "run"), "--limit", "1", "-q", *config]) == 0
        (request,) = server.requests
    assert request.headers["authorization"] == "Bearer sk-mine"
    assert str(request.messages[0]["content"]).startswith("Be short.\n\nDoc 1(Title: Number")


def test_a_part_of_the_questions_is_drawn_by_the_seed(data: Path, tmp_path: Path) -> None:
    with ScriptedModelServer(script) as server:
        drawn = {}
        for seed in ("0", "0", "1"):
            assert pyrag(command(data, tmp_path / f"s{seed}", server.base_url, "--limit", "3", "--seed", seed)) == 0
            drawn.setdefault(seed, [row["id"] for row in rows_of(tmp_path / f"s{seed}")])
        assert len(drawn["0"]) == 3
        assert drawn["0"] != drawn["1"]
        parts = []
        for part in ("1/3", "2/3", "3/3"):
            assert pyrag(command(data, tmp_path / part[0], server.base_url, "--shard", part)) == 0
            parts += [row["id"] for row in rows_of(tmp_path / part[0])]
    assert sorted(parts) == [f"q/{i}" for i in range(8)]


def test_a_folder_holds_one_run(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedModelServer(script) as server:
        assert pyrag(command(data, tmp_path / "run", server.base_url)) == 0
        assert pyrag(command(data, tmp_path / "run", server.base_url, "--seed", "5")) == 2
    assert "the folder holds another run, whose seed is 0" in capsys.readouterr().err


def calls_on_record(path: Path) -> int:
    """How many replies a trace holds, for a run that goes on."""
    try:
        return sum(call.tool == "chat" for call in Trace.load(path).of(CallFinished))
    except TraceError:
        return 0


@pytest.mark.thorough
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a child alone")
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_ended_goes_on(signum: signal.Signals, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    reached, free = threading.Event(), threading.Event()
    counted: list[str] = []
    lock = threading.Lock()

    def slow(request: Request) -> Any:
        with lock:
            counted.append(str(request.messages[-1]["content"]))
        if len(counted) >= 4 and not free.is_set():
            reached.set()
            time.sleep(1.5)
        return script(request)

    with ScriptedModelServer(slow) as server:
        start = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        start += "from pyrag_dsl.cli import pyrag; sys.exit(pyrag(sys.argv[1:]))"
        arguments = command(data, out, server.base_url, "--concurrency", "1")
        process = subprocess.Popen([sys.executable, "-c", start, *arguments], stderr=subprocess.PIPE, text=True)
        assert reached.wait(60)
        process.send_signal(signum)
        _, err = process.communicate(timeout=60)
        assert process.returncode == (130 if signum == signal.SIGINT else -signal.SIGKILL)
        assert "Traceback" not in err
        # What is on record counts, and not what was asked: a reply may have been on its way to the record.
        asked, recorded = len(counted), sum(calls_on_record(path) for path in (out / "traces").iterdir())
        assert recorded >= 2
        free.set()
        assert pyrag(arguments) == 0
    assert [row["id"] for row in rows_of(out)] == [f"q/{i}" for i in range(8)]
    assert len(counted) - asked == 8 - recorded, "no call on record is made again"


@pytest.mark.thorough
def test_two_runs_are_compared(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("scipy", reason="the extra `eval` is not installed")
    with ScriptedModelServer(script) as server:
        assert pyrag(command(data, tmp_path / "a", server.base_url)) == 0
    with ScriptedModelServer(lambda _: "Ann") as server:
        assert pyrag(command(data, tmp_path / "b", server.base_url)) == 0
    capsys.readouterr()
    assert pyrag(["compare", str(tmp_path / "a"), str(tmp_path / "b"), "--json"]) == 0
    one, other = json.loads(capsys.readouterr().out)
    assert (one["em"], other["em"], other["difference"]) == (0.75, 0.125, -0.625)
    assert (other["better"], other["worse"]) == (0, 5)
    assert other["p"] == pytest.approx(2 / 2**5)
    assert one["em_interval"][0] < 0.75 < one["em_interval"][1]
    assert pyrag(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    assert capsys.readouterr().out.count("\n| ") == 2
    pytest.importorskip("matplotlib", reason="the extra `eval` is not installed")
    page = tmp_path / "c.html"
    assert pyrag(["compare", str(tmp_path / "a"), str(tmp_path / "b"), "--html", str(page)]) == 0
    text = page.read_text()
    assert text.count("data:image/svg+xml;base64,") == 4
    assert text.index("Who is number 1?") < text.index("Who is number 0?"), "differences come first"
    assert text.count('">the run</a>') == 16, "each answer has a page of its run"
    pages = sorted((tmp_path / "c_traces").iterdir())
    assert len(pages) == 16
    assert "Who is number 1?" in pages[0].read_text()
    assert "<script" not in text
    assert "http://" not in text.replace("http-equiv", "")
    assert pyrag(["compare", str(tmp_path / "a"), "--html", str(tmp_path / "d.html"), "--no-traces"]) == 0
    assert not (tmp_path / "d_traces").exists()
    with ScriptedModelServer(script) as server:
        assert pyrag(command(data, tmp_path / "b", server.base_url, "--normalization", "exact")) == 0
    assert pyrag(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 2
    assert "scored in different ways" in capsys.readouterr().err
    assert pyrag(["compare", str(tmp_path / "none")]) == 2
    assert "name a folder that" in capsys.readouterr().err


def test_runs_are_compared_by_type_of_question() -> None:
    pytest.importorskip("scipy", reason="the extra `eval` is not installed")
    from pyrag_dsl.evaluation.comparison import RunResults, by_kind

    def run(name: str, right: str) -> RunResults:
        rows = {
            str(i): {"id": str(i), "em": float(str(i) in right), "kind": "2hop" if i < 4 else "3hop"} for i in range(6)
        }
        return RunResults(name, name, rows, 6)

    found = by_kind([run("a", "0123"), run("b", "05")])
    assert {kind: [(each["em"], each["questions"]) for each in runs] for kind, runs in found.items()} == {
        "2hop": [(1.0, 4), (0.25, 4)],
        "3hop": [(0.0, 2), (0.5, 2)],
    }


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--method", "nope"], "nope is not one of"),
        (["--data", "none.jsonl"], "No such file"),
        (["--shard", "4/3"], "--shard"),
        (["--max-cost", "1"], "give --price"),
        (["--price", "cheap"], "IN,OUT"),
        (["--normalization", "dutch"], "squad, r1-searcher"),
        (["--workers", "9"], "raise --concurrency"),
        (["--engine", "spark"], "processes or ray"),
        (["--input", "depth=2"], "has no input 'depth'"),
        (["--llm-base-url", "", "--model", ""], "needs a model"),
    ],
)
def test_wrong_usage(
    more: list[str], says: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pyrag([*command(data, tmp_path / "run", "http://127.0.0.1:9/v1"), *more]) == 2
    assert says in capsys.readouterr().err


def test_an_evaluation_stops_when_its_budget_is_spent(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"

    def priced(request: Request) -> Any:
        said = script(request)
        return Turn(text=said, usage=(90, 10, 0)) if isinstance(said, str) else said

    with ScriptedModelServer(priced) as server:
        arguments = command(data, out, server.base_url, "--concurrency", "1", "--price", "1,10")
        assert pyrag([*arguments, "--max-tokens", "350"]) == 4
        told = capsys.readouterr()
        assert "the same command with a higher limit resumes" in told.err
        first = len(server.requests)
        assert 4 <= first <= 5, "no question is begun once it is spent; two are under way at a time"
        assert pyrag([*arguments, "--max-tokens", "350"]) == 4
        assert len(server.requests) == first, "what was spent before counts"
        assert pyrag([*arguments, "--max-cost", "1"]) == 0
        assert len(server.requests) == 8
    summary = json.loads((out / "summary.json").read_text())
    assert summary["spent"]["tokens"] == 700
    assert summary["cost"] == pytest.approx(7 * (90 * 1 + 10 * 10) / 1e6)


def test_scores_are_made_anew_under_another_normalization(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with ScriptedModelServer(lambda _: "ann") as server:
        assert pyrag(command(data, out, server.base_url)) == 0
        assert json.loads((out / "summary.json").read_text())["em"] == 1 / 8
        assert pyrag(command(data, out, server.base_url, "--normalization", "exact")) == 0
        assert len(server.requests) == 8
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["em"], summary["normalization"]) == (0.0, "exact")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_run_that_is_killed_five_times_asks_each_question_once(tmp_path: Path) -> None:
    people, at_once, kills = 300, 8, 5
    rows = [{"id": str(i), "question": f"Who is {i}?", "golden_answers": [f"P{i}"]} for i in range(people)]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "c.jsonl").write_text('{"id": "0", "contents": "\\"All\\"\\nThey are people."}\n')
    asked: list[str] = []
    recorded: list[tuple[set[str], int]] = []
    lock, due = threading.Lock(), threading.Event()
    marks = [(number + 1) * people // (kills + 1) for number in range(kills)]

    def counted(request: Request) -> Any:
        text = str(request.messages[-1]["content"])
        with lock:
            asked.append(text)
            if marks and len(asked) >= marks[0]:
                due.set()
        return "P" + "".join(filter(str.isdigit, text.rpartition("Who is")[2]))

    with ScriptedModelServer(counted) as server:
        out = tmp_path / "run"
        arguments = command(tmp_path / "q.jsonl", out, server.base_url, "--concurrency", str(at_once))
        start = "import sys; from pyrag_dsl.cli import pyrag; sys.exit(pyrag(sys.argv[1:]))"
        for _ in range(kills):
            process = subprocess.Popen([sys.executable, "-c", start, *arguments])
            assert due.wait(300)
            process.kill()
            process.wait()
            with lock:
                marks.pop(0)
                due.clear()
            recorded.append((_recorded(out), len(asked)))
        before = len(asked)
        assert pyrag(arguments) == 0
    assert [row["id"] for row in rows_of(out)] == [str(i) for i in range(people)]
    assert all(row["em"] for row in rows_of(out))
    assert before < people, "it was killed before its end each time"
    assert set(asked) == {row["question"] for row in rows}
    for known, place in recorded:
        assert known.isdisjoint(asked[place:]), "no recorded call is made again"
    assert len(asked) <= people + kills * 2 * at_once, "only questions under way lose a call, twice the requests"


def _recorded(out: Path) -> set[str]:
    """The questions that the model has answered, by the traces."""
    found = set()
    for path in (out / "traces").glob("*.jsonl"):
        for line in path.read_text(errors="replace").splitlines():
            if '"call_finished"' in line and '"chat"' in line and line.endswith("}"):
                found.add(f"Who is {path.stem}?")
    return found
