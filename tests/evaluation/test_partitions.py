"""One run in several processes: nothing is lost or counted twice, whoever dies."""

from __future__ import annotations

import collections
import os
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pyrag_dsl.cli import pyrag
from pyrag_dsl.evaluation import Allowance, Example, RunFolder, read_questions
from pyrag_dsl.evaluation.partitions import Portion, WorkersFailed, evaluate_spread, in_processes
from pyrag_dsl.testing.server import Request, ScriptedModelServer, Turn

from .runs import command, rows_of, script
from .spreading import dying, job_of

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")


@pytest.mark.thorough
def test_workers_share_the_questions(data: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    with ScriptedModelServer(script) as server:
        assert pyrag(command(data, one, server.base_url)) == 0
        assert pyrag(command(data, two, server.base_url, "--workers", "2", "--concurrency", "2")) == 0
        assert len(server.requests) == 16
    times = ("seconds",)
    first, second = ([{k: v for k, v in row.items() if k not in times} for row in rows_of(out)] for out in (one, two))
    assert first == second


@pytest.mark.thorough
def test_the_questions_of_a_worker_that_is_killed_are_asked_by_others(data: Path, tmp_path: Path) -> None:
    asked: collections.Counter[str] = collections.Counter()

    def counted(request: Request) -> Any:
        asked[str(request.messages[-1]["content"])] += 1
        return script(request)

    (tmp_path / "deaths").mkdir()
    with ScriptedModelServer(counted) as server:
        folder = RunFolder(tmp_path / "run", read_questions(data), "vanilla")
        work = partial(dying, job_of(data, tmp_path / "run", server.base_url), tmp_path / "deaths", 2)
        summary = evaluate_spread(folder, work, 2, in_processes, Allowance())
    assert len(list((tmp_path / "deaths").iterdir())) == 2, "two workers were killed"
    assert (summary["ended"], summary["questions"], summary["em"]) == (8, 8, 0.75)
    assert [row["id"] for row in rows_of(tmp_path / "run")] == [f"q/{i}" for i in range(8)]
    assert set(asked) == {f"Who is number {i}?" for i in range(8)}
    assert sum(asked.values()) <= 8 + 2, "only a call in flight is made again, one for each worker that died"


def test_workers_that_always_die_are_given_up(tmp_path: Path) -> None:
    questions = [Example(str(i), "?", ("a",)) for i in range(3)]
    rounds: list[list[Portion]] = []

    def spread(_work: Any, portions: Any, _look: Any) -> list[str]:
        rounds.append(list(portions))
        return ["a worker was ended by signal 9"]

    with pytest.raises(WorkersFailed, match="ended by signal 9"):
        evaluate_spread(RunFolder(tmp_path, questions, "m"), print, 2, spread, Allowance(tokens=90))
    assert len(rounds) == 3
    assert [each.id for portion in rounds[0] for each in portion.questions] == ["0", "2", "1"], "each question once"
    assert [portion.allowance.tokens for portion in rounds[0]] == [45, 45]


@pytest.mark.thorough
def test_workers_stop_when_the_budget_is_spent(data: Path, tmp_path: Path) -> None:
    def priced(request: Request) -> Any:
        said = script(request)
        return Turn(text=said, usage=(90, 10, 0)) if isinstance(said, str) else said

    out = tmp_path / "run"
    with ScriptedModelServer(priced) as server:
        arguments = command(data, out, server.base_url, "--workers", "2", "--concurrency", "2")
        assert pyrag([*arguments, "--max-tokens", "200"]) == 4
        assert 2 <= len(server.requests) <= 5, "each worker has one question under way beside the one that it waits for"
        assert pyrag([*arguments, "--max-tokens", "2000"]) == 0
        assert len(server.requests) == 8


@pytest.mark.thorough
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_the_command(signum: signal.Signals, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    reached, free = threading.Event(), threading.Event()
    asked: list[str] = []

    def slow(request: Request) -> Any:
        asked.append(str(request.messages[-1]["content"]))
        if len(asked) >= 4 and not free.is_set():
            reached.set()
            free.wait(60)
        return script(request)

    with ScriptedModelServer(slow) as server:
        start = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        start += "from pyrag_dsl.cli import pyrag; sys.exit(pyrag(sys.argv[1:]))"
        arguments = command(data, out, server.base_url, "--workers", "2", "--concurrency", "2")
        process = subprocess.Popen([sys.executable, "-c", start, *arguments], stderr=subprocess.PIPE, text=True)
        assert reached.wait(120)
        process.send_signal(signum)
        _, err = process.communicate(timeout=60)  # standard error ends when the last worker has ended
        assert process.returncode == (130 if signum == signal.SIGINT else -signal.SIGKILL)
        assert "Traceback" not in err
        free.set()
        assert pyrag(arguments) == 0
    assert [row["id"] for row in rows_of(out)] == [f"q/{i}" for i in range(8)]
    assert len(asked) <= 8 + 2, "only calls in flight at the end are made again, one for each worker"
