"""`pyrag serve retriever`: the protocols of the field, for clients that mean well and for others."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("starlette", reason="the extra `serve` is not installed")
pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")

import uvicorn

from pyrag_dsl.cli import pyrag
from pyrag_dsl.retrieval import BM25Index, CachedRetriever, Passage, RetrieverUnreachableError
from pyrag_dsl.retrieval.remote import RemoteRetriever
from pyrag_dsl.serving import retriever as served
from pyrag_dsl.serving import retriever_app, serve

CORPUS = [
    {"id": "a", "contents": '"Dune"\nDune is a novel by Frank Herbert.'},
    {"id": "b", "contents": '"Momo"\nMomo is a novel by Michael Ende.'},
    {"id": "c", "contents": '"Nabucco"\nNabucco is an opera by Giuseppe Verdi.'},
]
TRACES = Path(os.environ.get("PYRAG_SHARED") or Path(__file__).parents[3] / "shared") / "data" / "traces"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("served") / "c.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in CORPUS))
    return path


class Running:
    """A server in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        start = "import sys; from pyrag_dsl.cli import pyrag; sys.exit(pyrag(sys.argv[1:]))"
        command = [sys.executable, "-c", start, "serve", "retriever", "--port", "0", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def end(self, signum: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(signum)
        _, err = self.process.communicate(timeout=30)
        return self.process.returncode, err


@pytest.fixture(scope="module")
def server(corpus: Path) -> Iterator[Running]:
    running = Running("--corpus", str(corpus))
    yield running
    running.end()


def post(server: Running, path: str, body: Any, **more: Any) -> requests.Response:
    return requests.post(server.url + path, json=body, timeout=20, **more)


def test_it_speaks_search_r1s_protocol(server: Running) -> None:
    health = requests.get(server.url + "/health", timeout=20).json()
    assert (health["status"], health["passages"], len(health["fingerprint"])) == ("ready", 3, 64)
    asked = {"queries": ["Dune novel", "opera"], "topk": 2, "return_scores": True}
    found = post(server, "/retrieve", asked).json()["result"]
    assert [hits[0]["document"] for hits in found] == [CORPUS[0], CORPUS[2]]
    assert all(isinstance(hit["score"], float) for hits in found for hit in hits)
    assert len(found[0]) == 2
    plain = post(server, "/retrieve", {**asked, "return_scores": False}).json()["result"]
    assert plain == [[hit["document"] for hit in hits] for hits in found]
    assert len(post(server, "/retrieve", {"queries": ["novel"], "topk": 0}).json()["result"][0]) == 2


def test_it_speaks_r1_searchers_protocol(server: Running) -> None:
    found = post(server, "/queries", {"queries": ["Dune", "zzz"], "k": 1}).json()
    assert found == {"queries": ["Dune", "zzz"], "answers": [["Dune\nDune is a novel by Frank Herbert."], []]}


def test_a_kept_result_of_an_index_that_is_served_is_told_from_that_of_another(server: Running, tmp_path: Path) -> None:
    with RemoteRetriever(server.url) as client, CachedRetriever(client, tmp_path / "cache") as cached:
        assert cached.fingerprint.startswith(f"{server.url}/retrieve ")
        assert cached.fingerprint.endswith(requests.get(server.url + "/health", timeout=20).json()["fingerprint"])
        assert cached.search("Dune", 1) == cached.search("Dune", 1)
    with RemoteRetriever("http://127.0.0.1:1") as nobody:
        assert nobody.fingerprint == "http://127.0.0.1:1/retrieve"


def test_small_packets_are_not_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Head and body of a response are written apart: with Nagle's algorithm the second would wait for some 40 ms."""
    protocols: list[int] = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda _, sockets: protocols.extend(each.proto for each in sockets))
    serve(None, "127.0.0.1", 0, print)
    assert protocols == [socket.IPPROTO_TCP]


@pytest.mark.parametrize("path", ["/retrieve", "/queries"])
def test_our_own_client_understands_it(server: Running, path: str) -> None:
    with RemoteRetriever(server.url + path) as client:
        hits = client.search_many(["Dune", "Verdi"], 1)
    assert [each[0].passage.title for each in hits] == ["Dune", "Nabucco"]


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ({}, 422, "queries: Field required"),
        ({"queries": []}, 422, "queries: "),
        ({"queries": "Dune"}, 422, "queries: "),
        ({"queries": [1]}, 422, "queries.0: "),
        ({"queries": ["a"], "topk": 1000}, 422, "topk: "),
        ({"queries": ["a"], "topk": -1}, 422, "topk: "),
        ({"queries": ["a"], "topk": "2"}, 422, "topk: "),
        ({"queries": ["a"], "topk": 2.5}, 422, "topk: "),
        ({"queries": ["a"], "return_scores": 0}, 422, "return_scores: "),
        ({"queries": ["a"] * 2_000}, 422, "queries: "),
        ({"queries": ["x" * 30_000]}, 422, "queries.0: "),
        (["Dune"], 422, "body: "),
    ],
)
def test_what_it_does_not_understand_is_said(server: Running, body: Any, code: int, says: str) -> None:
    reply = post(server, "/retrieve", body)
    assert (reply.status_code, reply.json()["error"].startswith(says)) == (code, True)


def test_what_is_too_large_or_no_json_is_refused(server: Running) -> None:
    assert requests.post(server.url + "/retrieve", data=b"{", timeout=20).status_code == 422
    assert requests.post(server.url + "/retrieve", data=b"x" * 5_000_000, timeout=20).status_code == 413
    assert requests.get(server.url + "/retrieve", timeout=20).status_code == 405
    assert requests.get(server.url + "/nothing", timeout=20).status_code == 404


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=10,
)
requests_of_any_kind = st.fixed_dictionaries({}, optional={
    "queries": st.one_of(anything, st.lists(st.text(), max_size=4)), "topk": anything, "return_scores": anything,
})  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(requests_of_any_kind, anything))
def test_law_any_request_has_an_answer_that_the_description_names(server: Running, body: Any) -> None:
    reply = post(server, "/retrieve", body)
    described = requests.get(server.url + "/openapi.json", timeout=20).json()["paths"]["/retrieve"]["post"]["responses"]
    assert str(reply.status_code) in described
    if reply.status_code == 200:
        assert len(reply.json()["result"]) == len(body["queries"])
    else:
        assert reply.json()["error"]


def test_it_counts_what_it_is_asked(server: Running) -> None:
    post(server, "/retrieve", {"queries": ["Dune"]})
    text = requests.get(server.url + "/metrics", timeout=20).text
    assert re.search(r'pyrag_requests_total\{path="/retrieve",status="200"\} \d+', text)
    assert "pyrag_waiting_queries 0.0" in text


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_told_to(corpus: Path, signum: signal.Signals) -> None:
    code, err = Running("--corpus", str(corpus)).end(signum)
    assert "Traceback" not in err
    assert code in (0, -signum)


def test_an_index_is_served_without_its_corpus(corpus: Path, tmp_path: Path, capsys: Any) -> None:
    assert pyrag(["index", "build", "--corpus", str(corpus), "--out", str(tmp_path / "i"), "-q"]) == 0
    assert "3 passages" in capsys.readouterr().out
    running = Running("--index", str(tmp_path / "i"))
    try:
        assert post(running, "/retrieve", {"queries": ["Verdi"]}).json()["result"][0][0]["id"] == "c"
    finally:
        running.end()


class Slow:
    """A retriever that is held until it may go on."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.sizes: list[int] = []

    def search_many(self, queries: list[str], topk: int) -> list[list[Any]]:
        self.sizes.append(len(queries))
        self.free.wait(20)
        if "broken" in queries:
            raise ConnectionError("secret passage")
        return [[] for _ in queries][: len(queries) if topk else 0]


def test_queries_that_meet_are_searched_for_together_and_too_many_are_sent_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from starlette.testclient import TestClient

    monkeypatch.setattr(served, "MOST_WAITING", 8)
    slow = Slow()
    with TestClient(retriever_app(slow, workers=1)) as client, ThreadPoolExecutor(12) as pool:
        first = pool.submit(client.post, "/retrieve", json={"queries": ["a"]})
        while not slow.sizes:
            pass
        others = [pool.submit(client.post, "/retrieve", json={"queries": [str(n)]}) for n in range(8)]
        while "pyrag_waiting_queries 8.0" not in client.get("/metrics").text:
            pass
        busy = client.post("/retrieve", json={"queries": ["one too many"]})
        assert (busy.status_code, busy.headers["Retry-After"]) == (429, "1")
        slow.free.set()
        assert {each.result().status_code for each in [first, *others]} == {200}
        assert slow.sizes == [1, 8]
        failed = client.post("/retrieve", json={"queries": ["broken"]})
        assert failed.status_code == 503
        assert "secret" not in failed.text


HANGING = """
import sys, time
from pyrag_dsl.retrieval import Retriever
from pyrag_dsl.serving import retriever_app, serve

class Hangs(Retriever):
    def search(self, query, topk):
        print("asked", flush=True)
        time.sleep(600 if query == "wait" else 0)
        return []

serve(retriever_app(Hangs()), "127.0.0.1", int(sys.argv[1]), lambda port: print(port, flush=True))
"""


def hanging(port: str = "0") -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen([sys.executable, "-c", HANGING, port], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="signals of POSIX")
def test_a_server_that_is_killed_while_it_searches_is_an_error_and_the_next_one_is_found() -> None:
    process, port = hanging()
    with RemoteRetriever(f"http://127.0.0.1:{port}", timeout=60, retries=0) as client, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.search, "wait", 3)
        assert process.stdout is not None
        assert process.stdout.readline() == "asked\n"
        process.kill()
        with pytest.raises(RetrieverUnreachableError, match="Start the retrieval server"):
            asked.result(timeout=60)
        process.wait(timeout=60)
        process, _ = hanging(port)
        try:
            assert client.search("go on", 3) == []
        finally:
            process.kill()
            process.wait(timeout=60)


@pytest.mark.skipif(not TRACES.is_dir(), reason="the recorded traces are not here: set PYRAG_SHARED")
def test_the_searches_of_real_models_are_answered_for_many_clients_at_once(server: Running) -> None:
    queries = [
        search["query"]
        for path in sorted(TRACES.glob("*.jsonl"))
        for line in path.read_text("utf-8").splitlines()
        for search in json.loads(line)["searches"]
    ][:600]
    index = BM25Index.of([Passage(row["id"], *row["contents"].replace('"', "").split("\n")) for row in CORPUS])
    expected = [[hit.passage.id for hit in hits] for hits in index.search_many(queries, 3)]
    session = requests.Session()

    def ask(query: str) -> list[str]:
        reply = session.post(server.url + "/retrieve", json={"queries": [query], "topk": 3}, timeout=30)
        assert reply.status_code == 200, reply.text
        return [document["id"] for document in reply.json()["result"][0]]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, queries)) == expected


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "nothing to search"),
        (["--corpus", "none.jsonl"], "none.jsonl"),
        (["--index", "none"], "there is no index in it"),
        (["--corpus", "none.jsonl", "--mode", "magic"], "is not one of"),
    ],
)
def test_wrong_usage(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert pyrag(["serve", "retriever", *arguments]) == 2
    assert says in capsys.readouterr().err


def test_a_port_that_is_taken_is_named(server: Running, corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    port = server.url.rpartition(":")[2]
    assert pyrag(["serve", "retriever", "--corpus", str(corpus), "--port", port]) == 2
    assert f"--port {port}: Address already in use" in capsys.readouterr().err
