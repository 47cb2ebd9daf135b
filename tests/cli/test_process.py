"""What only a process of its own shows: signals, closed pipes, encodings, what is imported."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pyrag_dsl import Trace
from pyrag_dsl.runtime.events import CallFinished

START = [sys.executable, "-c", "import sys; from pyrag_dsl.cli import main; sys.exit(main())"]


def test_the_answer_goes_to_standard_output_alone(older):
    ended = subprocess.run([*START, str(older)], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (0, "John William Henry II\n")
    assert "→ retrieve " in ended.stderr


def test_a_reader_that_goes_away_is_no_error(older):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as gone:
        ended = subprocess.run([*START, str(older), "-q"], stdout=gone, stderr=subprocess.PIPE, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


def answered(path: Path, **environment: str) -> tuple[int, bytes]:
    """The status and the answer of a plan in a process with other variables of the environment."""
    ended = subprocess.run(
        [*START, str(path), "--question", "q", "-q"],
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )
    return ended.returncode, ended.stdout


def test_an_answer_that_the_encoding_lacks_is_escaped(plan):
    path = plan("final_answer = 'Málaga'")
    assert answered(path, PYTHONIOENCODING="ascii") == (0, b"M\\xe1laga\n")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such locale")
def test_an_answer_is_utf_8_in_an_ascii_locale(plan):
    path = plan("final_answer = 'Málaga'")
    ascii_locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert answered(path, **ascii_locale) == (0, "Málaga\n".encode())


def checked_in_shell(path: Path, redirection: str) -> subprocess.CompletedProcess[bytes]:
    """`pyrag check` of a plan, with a stream of it redirected by a shell."""
    command = f"{sys.executable} -m pyrag_dsl.cli check {path} {redirection}"
    return subprocess.run(["sh", "-c", command], capture_output=True, timeout=60, check=False)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no sh")
def test_a_closed_standard_output_is_one_message(older):
    ended = checked_in_shell(older, ">&-")
    assert ended.returncode == 2
    assert ended.stderr == b"pyrag: standard output is closed: there is nowhere to write the answer\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no sh")
def test_a_closed_standard_error_takes_no_answer_away(older):
    assert checked_in_shell(older, "2>&-").returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a child alone")
def test_an_interrupted_run_leaves_its_trace(plan, tmp_path):
    trace = tmp_path / "run.jsonl"
    text = "a = answer('When was Jed Hoyer born?', ['Jed Hoyer\\nborn December 7, 1973.'])\n"
    path = plan(text + "final_answer = retrieve(a)\n")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        process = subprocess.Popen(
            [*START, str(path), "--question", "q", "--retriever", url, "--trace", str(trace)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        connection, _ = silent.accept()  # the second call is under way
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        connection.close()
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert "--resume" in err
    recorded = Trace.load(trace)
    assert [call.tool for call in recorded.of(CallFinished)] == ["answer"]


def test_a_run_with_the_embedded_reader_imports_no_client_and_no_page(older):
    code = (
        "import sys; from pyrag_dsl.cli import main; main(sys.argv[1:]);"
        "print(sorted({'openai', 'requests', 'jinja2', 'RestrictedPython', 'numpy'} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(older), "-q"], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.stdout == "John William Henry II\n[]\n"
