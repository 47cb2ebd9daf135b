"""What a receiver that others have written makes of our spans: Phoenix, started by the test, read back over its API."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

import pyrag_dsl as pd
from pyrag_dsl.telemetry import Conventions, send
from tests.engine.test_nesting import INPUTS, TWICE, Service

PHOENIX = shutil.which("phoenix", path=str(Path(sys.executable).parent))
pytestmark = pytest.mark.skipif(PHOENIX is None, reason="arize-phoenix is not installed")


@pytest.fixture(scope="module")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Phoenix that runs."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        port, grpc = one.getsockname()[1], other.getsockname()[1]
    place = tmp_path_factory.mktemp("phoenix")
    names = {"PHOENIX_WORKING_DIR": str(place), "PHOENIX_PORT": str(port), "PHOENIX_GRPC_PORT": str(grpc)}
    assert PHOENIX is not None
    with (place / "log").open("w") as log:
        process = subprocess.Popen(
            [PHOENIX, "serve"], env={**os.environ, **names, "PHOENIX_HOST": "127.0.0.1"}, stdout=log, stderr=log
        )
        try:
            address = f"http://127.0.0.1:{port}"
            for _ in range(600):
                try:
                    urlopen(f"{address}/v1/projects", timeout=5).close()
                    break
                except (URLError, OSError):
                    assert process.poll() is None, (place / "log").read_text()
                    time.sleep(0.5)
            yield address
        finally:
            process.terminate()
            process.wait(30)


def kept(address: str, root: str) -> list[dict[str, Any]]:
    """The spans of the trace whose root has this question, once they have all been stored."""
    deadline, before = time.monotonic() + 60, -1
    while time.monotonic() < deadline:
        with urlopen(f"{address}/v1/projects/default/spans?limit=1000", timeout=30) as reply:
            spans = json.load(reply)["data"]
        ids = {each["context"]["trace_id"] for each in spans if root in each["attributes"].values()}
        found = [each for each in spans if each["context"]["trace_id"] in ids]
        if found and len(found) == before:
            return found
        before = len(found)
        time.sleep(1)
    raise AssertionError("Phoenix has not stored the spans")


@pytest.mark.parametrize("conventions", ["gen_ai", "openinference"])
def test_phoenix_has_the_calls_of_a_run_below_each_other(phoenix: str, conventions: Conventions) -> None:
    question = f"Who is asked by {conventions}?"
    trace = pd.run(TWICE, Service().tools, inputs=INPUTS, question=question).trace
    send(trace, phoenix, conventions=conventions, content=True)
    spans = kept(phoenix, question)
    assert sorted(each["name"] for each in spans) == sorted(
        ["invoke_workflow pyrag_dsl", *(f"execute_tool {call.tool}" for call in trace.calls)]
    )
    ids = {each["context"]["span_id"]: each for each in spans}
    node = "gen_ai.tool.call.id" if conventions == "gen_ai" else "tool.id"
    for each in spans:
        name = each["attributes"].get(node, "")
        above = ids.get(each["parent_id"], {"attributes": {}})["attributes"].get(node, "")
        assert above == name.rpartition("/")[0], "a nested call is below the call that has made it"
    kinds = {each["span_kind"] for each in spans}
    assert ("AGENT" in kinds) == (conventions == "openinference")
    assert not [each for each in spans if each["status_code"] == "ERROR"]
