"""`pyrag ask` against a scripted model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pyrag_dsl import Trace, __version__
from pyrag_dsl.cli import main as pyrag_exec
from pyrag_dsl.cli import pyrag
from pyrag_dsl.cli import status as status_codes
from pyrag_dsl.testing.server import Request, ScriptedModelServer, status

PLAN = """```python
hoyer = answer("When was Jed Hoyer born?", retrieve("Jed Hoyer"))
henry = answer("When was John William Henry II born?", retrieve("John William Henry II"))
final_answer = answer(f"Given: Hoyer: {hoyer}. Henry: {henry}. Answer the question: Who is older?")
```"""
QUESTION = "Who is older, Jed Hoyer or John William Henry II?"


def reply(request: Request) -> str:
    """What a model would say, told by its name and the words of the prompt."""
    if request.body["model"] == "plans":
        return PLAN
    prompt = json.dumps(request.body["messages"])
    if "<answer>" not in prompt:
        return '["When was Jed Hoyer born?", "When was John William Henry II born?"]'
    if "Who is older" in prompt:
        return "<answer>John William Henry II</answer>"
    born = "December 7, 1973" if "When was Jed Hoyer" in prompt else "September 13, 1949"
    return f"<reason>He was born on that day, Doc [1].</reason>\n<answer>{born}</answer>"


@pytest.fixture(autouse=True)
def no_models_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LLM_MODEL", "LLM_BASE_URL", "PLAN_LLM_MODEL", "PLAN_LLM_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_a_question_is_answered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedModelServer(reply) as server:
        code = pyrag(
            [
                *["ask", QUESTION, "--llm-base-url", server.base_url, "--model", "m", "--plan-model", "plans"],
                *["--trace", str(tmp_path / "t.jsonl"), "--output-dir", str(tmp_path / "out")],
            ]
        )
    printed = capsys.readouterr()
    assert code == 0, printed.err
    assert printed.out == "John William Henry II\n"
    assert "=== Sub-queries ===" in printed.err
    assert "=== Generated Code ===" in printed.err
    assert Trace.load(tmp_path / "t.jsonl").finished is not None
    (folder,) = (tmp_path / "out").iterdir()
    assert {"generated_code.py", "execution_log.txt", "result.json"} <= {path.name for path in folder.iterdir()}


def test_models_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedModelServer(reply) as server:
        monkeypatch.setenv("LLM_BASE_URL", server.base_url)
        monkeypatch.setenv("LLM_MODEL", "answers")
        monkeypatch.setenv("PLAN_LLM_MODEL", "plans")
        code = pyrag(["ask", QUESTION, "--json", "--quiet"])
        assert {request.body["model"] for request in server.requests} == {"answers", "plans"}
    found = json.loads(capsys.readouterr().out)
    assert (code, found["final_answer"], found["status"]) == (0, "John William Henry II", "done")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ask", QUESTION], "needs a model"),
        (["ask", " ", "--llm-base-url", "http://127.0.0.1:9/v1", "--model", "m"], "question is empty"),
        (["ask", QUESTION, "--llm-base-url", "http://127.0.0.1:9/v1", "--model", "m", "--adaptive", "x"], "--adaptive"),
        (["ask", QUESTION, "--llm-base-url", "http://127.0.0.1:9/v1", "--model", "m", "--ladder", "9,5"], "must rise"),
    ],
)
def test_wrong_usage(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert pyrag(arguments) == 2
    assert says in capsys.readouterr().err


def test_a_model_that_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedModelServer(lambda _request: status(403)) as server:
        code = pyrag(["ask", QUESTION, "--llm-base-url", server.base_url, "--model", "m", "--quiet"])
    printed = capsys.readouterr()
    assert code == 5
    assert "403" in printed.err
    assert "Traceback" not in printed.err


def test_what_was_made_is_written_when_no_plan_is_accepted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def prose(request: Request) -> str:
        return "I would look for both birth dates first." if request.body["model"] == "plans" else reply(request)

    trace, report = tmp_path / "t.jsonl", tmp_path / "r.html"
    with ScriptedModelServer(prose) as server:
        models = ["--llm-base-url", server.base_url, "--model", "m", "--plan-model", "plans"]
        code = pyrag(["ask", QUESTION, *models, "--trace", str(trace), "--report", str(report), "--quiet"])
    assert code == 3
    assert "Traceback" not in capsys.readouterr().err
    finished = Trace.load(trace).finished
    assert finished is not None
    assert finished.status == "failed"
    assert "PLAN117" in report.read_text(encoding="utf-8")


@pytest.mark.thorough
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a child alone")
def test_what_was_made_is_written_on_an_interrupt(tmp_path: Path) -> None:
    reached = threading.Event()

    def slow(request: Request) -> str:
        if "Who is older" in json.dumps(request.body["messages"]) and "<answer>" in json.dumps(
            request.body["messages"]
        ):
            reached.set()
            time.sleep(3)
        return reply(request)

    trace = tmp_path / "t.jsonl"
    with ScriptedModelServer(slow) as server:
        models = ["--llm-base-url", server.base_url, "--model", "m", "--plan-model", "plans"]
        start = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        start += "from pyrag_dsl.cli import pyrag; sys.exit(pyrag(sys.argv[1:]))"
        process = subprocess.Popen(
            [sys.executable, "-c", start, "ask", QUESTION, *models, "--trace", str(trace)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert reached.wait(60)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert str(trace) in err
    assert sum(call.ended for call in Trace.load(trace).calls) >= 6


@pytest.mark.parametrize("command", [pyrag, pyrag_exec])
def test_the_version_is_said(command: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["--version"]) == 0
    assert capsys.readouterr().out == f"pyrag_dsl {__version__}\n"


def test_limits_and_isolation_hold_for_a_question_too(capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedModelServer(reply) as server:
        asked = ["ask", QUESTION, "--llm-base-url", server.base_url, "--model", "m", "--plan-model", "plans", "-q"]
        code = pyrag([*asked, "--max-calls", "2"])
        assert code == status_codes.LIMIT
        assert "PLAN408" in capsys.readouterr().err
        code = pyrag([*asked, "--mode", "sequential", "--deadline", "60", "--isolation", "rlimits"])
    assert (code, capsys.readouterr().out) == (0, "John William Henry II\n")


def test_the_methods_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert pyrag(["methods"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.count("\t") == 1 for line in lines)
    for line in lines:
        assert pyrag(["methods", "show", line.partition("\t")[0]]) == 0
        assert "final_answer = " in capsys.readouterr().out
    assert pyrag(["methods", "show", "iter-retgen", "--inputs"]) == 0
    assert json.loads(capsys.readouterr().out) == {"topk": 5, "turns": 3}
    assert pyrag(["methods", "show", "nope"]) == 2
    assert "nope is not one of direct, " in capsys.readouterr().err


def test_a_question_goes_on_where_it_was_killed_and_a_call_of_it_is_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace, other = tmp_path / "t.jsonl", tmp_path / "u.jsonl"
    with ScriptedModelServer(reply) as server:
        models = ["--llm-base-url", server.base_url, "--model", "m", "--plan-model", "plans", "-q"]
        assert pyrag(["ask", QUESTION, *models, "--trace", str(trace)]) == 0
        whole = trace.read_bytes()
        asked = len(server.requests)
        lines = whole.splitlines(keepends=True)
        # As if it had been killed after the plan was written: its log has the header and two results.
        results = [line for line in lines if b'"call_finished"' in line][:2]
        trace.write_bytes(b"".join([lines[0], *results]))
        killed = trace.read_bytes()
        assert pyrag(["ask", "--resume", str(trace), "--trace", str(other), *models]) == 0
        assert trace.read_bytes() == killed, "with --trace the other file stays as it is"
        assert len(server.requests) == asked + asked - 2
        assert pyrag(["ask", QUESTION, "--resume", str(trace), *models]) == 0
        assert Trace.load(trace).without_timings() == Trace.load(other).without_timings()
        before = len(server.requests)
        model = ["--llm-base-url", server.base_url, "--model", "m"]
        code = pyrag(["trace", "rerun", str(trace), "run_plan#1/retrieve#1", "--topk", "1", "-q", *model])
        assert (code, len(server.requests) - before) == (0, 1)
    assert capsys.readouterr().out == "John William Henry II\n" * 4
    assert pyrag(["trace", "replay", str(trace), "-q"]) == 0
    assert pyrag(["ask", "Another?", "--resume", str(trace), *models]) == 2
    assert "the trace has another question" in capsys.readouterr().err


def test_a_method_is_chosen_with_its_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tmp_path / "mine.plan"
    plan.write_text("final_answer = greeting + chat([{'role': 'user', 'content': question}])['content']\n")
    with ScriptedModelServer(lambda request: f"{request.body.get('seed')}") as server:
        models = ["--llm-base-url", server.base_url, "--model", "m", "-q", "--model-option", "seed=3"]
        assert pyrag(["ask", QUESTION, "--method", "direct", *models, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["final_answer"], [call["alias"] for call in found["calls"]]) == ("3", ["chat#1"])
        assert pyrag(["ask", QUESTION, "--method", str(plan), "--input", "greeting=Hi ", *models]) == 0
        assert capsys.readouterr().out == "Hi 3\n"
        (tmp_path / "german.txt").write_text("Antworte kurz.")
        german = ["--prompt", f"system={tmp_path / 'german.txt'}"]
        assert pyrag(["ask", QUESTION, "--method", "direct", *german, *models]) == 0
        assert server.requests[-1].messages[0]["content"] == "Antworte kurz."
    capsys.readouterr()
    assert pyrag(["ask", QUESTION, "--method", "direct", "--input", "depth=2", *models]) == 2
    assert "has no input 'depth'; it has: system" in capsys.readouterr().err


def test_a_method_without_a_model_uses_the_embedded_reader(capsys: pytest.CaptureFixture[str]) -> None:
    assert pyrag(["ask", "When was Jed Hoyer born?", "--method", "iter-retgen", "-q"]) == 0
    assert capsys.readouterr().out == "December 7, 1973\n"


def test_a_configuration_stands_behind_environment_and_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config, german = tmp_path / "pyrag.toml", tmp_path / "german.txt"
    german.write_text("Antworte kurz.")
    with ScriptedModelServer(lambda request: str(request.body["model"])) as server:
        config.write_text(
            f"""
            [models.answer]
            base_url = "{server.base_url}"
            model = "from-the-file"
            options = {{ temperature = 0, seed = 4 }}
            [method]
            name = "direct"
            prompts = {{ system = "german.txt" }}
            [budget]
            calls = 7
            """
        )
        asked = ["ask", QUESTION, "--config", str(config), "-q"]
        assert pyrag([*asked, "--trace", str(tmp_path / "t.jsonl")]) == 0
        assert capsys.readouterr().out == "from-the-file\n"
        body = server.requests[-1].body
        assert (body["temperature"], body["seed"], body["messages"][0]["content"]) == (0, 4, "Antworte kurz.")
        assert Trace.load(tmp_path / "t.jsonl").header.limits["tool_calls"] == 7
        german.write_text("Kürzer.")
        again = ["ask", "--config", str(config), "--resume", str(tmp_path / "t.jsonl"), "-q"]
        assert pyrag(again) == 0, "a question goes on with the prompts that it began with"
        assert capsys.readouterr().out == "from-the-file\n"
        assert len(server.requests) == 1
        monkeypatch.setenv("LLM_MODEL", "from-the-environment")
        monkeypatch.setenv("PYRAG_CONFIG", str(config))
        assert pyrag(["ask", QUESTION, "-q"]) == 0
        assert capsys.readouterr().out == "from-the-environment\n"
        assert pyrag(["ask", QUESTION, "-q", "--model", "from-the-option"]) == 0
        assert capsys.readouterr().out == "from-the-option\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[models.answer\n", "not TOML"),
        ("[models.answer]\napi_key = 's3cret'\n", "models.answer.api_key: there is no such setting"),
        ("[budget]\ntokens = 0\n", "budget.tokens: "),
        ("[method]\nname = 'nope'\n", "nope is not one of"),
    ],
)
def test_what_is_wrong_with_a_configuration_is_said(
    text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.toml").write_text(text)
    assert pyrag(["ask", QUESTION, "--config", str(tmp_path / "c.toml")]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert "s3cret" not in err
    assert pyrag(["ask", QUESTION, "--config", str(tmp_path / "none.toml")]) == 2


TAGS = [
    "<search>Jed Hoyer</search>",
    "<search>John William Henry II</search>",
    "<answer>John William Henry II</answer>",
]


def tagged(request: Request) -> str:
    """A trained model's next turn, told by how far its text has come."""
    return TAGS[min(str(request.body["prompt"]).count("</information>") - 1, 2)]  # the prompt itself names the tag


@pytest.mark.thorough
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize(("method", "script", "requests"), [("pyrag", reply, 5), ("search-r1", tagged, 3)])
def test_a_question_whose_process_is_killed_asks_only_what_is_missing(
    method: str, script: Callable[[Request], str], requests: int, tmp_path: Path
) -> None:
    lock = threading.Lock()
    for moment in range(1, requests + 1):
        trace = tmp_path / f"{moment}.jsonl"
        killed: list[subprocess.Popen[str]] = []
        counted: list[str] = []
        started = threading.Event()

        def counting(request: Request) -> str:
            with lock:
                counted.append(request.path)  # noqa: B023
                now = len(counted) == moment  # noqa: B023
            if now:
                started.wait(60)  # noqa: B023
                killed[0].kill()  # noqa: B023
            return script(request)

        with ScriptedModelServer(counting) as server:
            arguments = ["ask", QUESTION, "--method", method, "--llm-base-url", server.base_url, "--model", "m", "-q"]
            arguments += ["--plan-model", "plans", "--mode", "sequential"]
            start = [sys.executable, "-c", "import sys; from pyrag_dsl.cli import pyrag; sys.exit(pyrag(sys.argv[1:]))"]
            killed.append(subprocess.Popen([*start, *arguments, "--trace", str(trace)], text=True))
            started.set()
            assert killed[0].wait(60) == -signal.SIGKILL
            again = [each for each in arguments if each != QUESTION]
            assert pyrag([*again, "--resume", str(trace)]) == 0
        assert Trace.load(trace).finished is not None
        assert Trace.load(trace).finished.final_answer == "John William Henry II"  # type: ignore[union-attr]
        assert len(counted) == requests + 1, "the call in flight is made again, and no other"
