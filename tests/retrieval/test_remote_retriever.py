"""Retrieval servers: every reply shape in use is understood, every fault is an error that says what to do."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrag_dsl.retrieval import (
    Hit,
    Passage,
    RemoteRetriever,
    Retriever,
    RetrieverError,
    RetrieverReplyError,
    RetrieverStatusError,
    RetrieverTimeoutError,
    RetrieverUnreachableError,
)
from pyrag_dsl.retrieval.replies import ReplyShapeError, hits_of

from .retrieval_server import Handler, Reply, Server

ULM = '"Ulm"\nA city.'
SECRET = "classified " * 30


def says(value: object, status: int = 200, **headers: str) -> Reply:
    """Always the same JSON."""
    return lambda handler, _: handler.send(json.dumps(value).encode(), status, **headers)


def raw(body: bytes, status: int = 200, **headers: str) -> Reply:
    """Always the same bytes."""
    return lambda handler, _: handler.send(body, status, **headers)


def echo(handler: Handler, request: dict[str, Any]) -> None:
    """One document a query, named after it."""
    result = [[{"document": {"id": query, "contents": f'"{query}"\nx'}, "score": 1}] for query in request["queries"]]
    handler.send(json.dumps({"result": result}).encode())


def hang(handler: Handler, _: dict[str, Any]) -> None:
    """No reply until the client gives up."""
    handler.connection.settimeout(5)
    handler.connection.recv(1)
    handler.close_connection = True


def drip(handler: Handler, _: dict[str, Any]) -> None:
    """A byte now and then, so that no single read ever times out."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    handler.close_connection = True
    for _step in range(200):
        try:
            handler.wfile.write(b" ")
        except OSError:
            return
        time.sleep(0.03)


def hang_up(handler: Handler, _: dict[str, Any]) -> None:
    """Close the connection without a word, as a restarted server does to a kept connection."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def half(handler: Handler, _: dict[str, Any]) -> None:
    """Less than was announced."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"result": [[')
    handler.close_connection = True


@pytest.fixture
def ask(server: Server) -> Iterator[Callable[..., RemoteRetriever]]:
    """A client of the server, which gives the replies named."""
    clients = []

    def make(*replies: Reply, path: str = "", **options: Any) -> RemoteRetriever:
        server.replies = list(replies)
        clients.append(RemoteRetriever(server.address + path, **{"timeout": 5, "retries": 0, **options}))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


Ask = Callable[..., RemoteRetriever]


def test_what_is_asked(ask: Ask, server: Server) -> None:
    retriever = ask(echo)
    assert isinstance(retriever, Retriever)
    assert retriever.search("where is Ulm?", 7) == [Hit(Passage("where is Ulm?", "where is Ulm?", "x"), 1.0)]
    assert server.requests == [("/retrieve", {"queries": ["where is Ulm?"], "topk": 7, "return_scores": True})]


@pytest.mark.parametrize(
    ("path", "posted"),
    [
        ("", "/retrieve"),
        ("/", "/retrieve"),
        ("/retrieve", "/retrieve"),
        ("/retrieve/", "/retrieve"),
        ("/wiki", "/wiki/retrieve"),
        ("/wiki?k=v", "/wiki/retrieve?k=v"),
        ("/wiki/retrieve#top", "/wiki/retrieve"),
    ],
)
def test_the_endpoint_may_be_left_out(ask: Ask, server: Server, path: str, posted: str) -> None:
    ask(echo, path=path).search("Ulm", 1)
    assert server.requests[0][0] == posted


def test_r1_searchers_protocol(ask: Ask, server: Server) -> None:
    retriever = ask(says({"queries": ["a"], "answers": [[ULM, "Bonn, a city."]]}), path="/queries")
    hits = retriever.search("a", 2)
    assert [(hit.passage.title, hit.passage.text, hit.score) for hit in hits] == [
        ("Ulm", "A city.", None),
        ("", "Bonn, a city.", None),
    ]
    assert server.requests == [("/queries", {"queries": ["a"], "k": 2})]


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ({"result": [[{"document": {"id": "1", "contents": ULM}, "score": 0.5}]]}, 0.5),
        ({"result": [[{"document": {"id": 1, "contents": ULM}, "score": 1}]]}, 1.0),
        ({"result": [[{"document": {"contents": ULM}}]]}, None),
        ({"result": [[{"document": ULM, "score": -2.5}]]}, -2.5),
        ({"result": [[{"document": {"title": "Ulm", "text": "A city.", "contents": ULM}}]]}, None),
        ({"result": [[{"id": "1", "contents": ULM}]]}, None),
        ({"result": [[{"id": "1", "contents": ULM, "score": 3}]]}, 3.0),
        ({"result": [[ULM]]}, None),
        ({"result": [ULM]}, None),
        ({"result": [{"id": "1", "contents": ULM}]}, None),
        ({"results": [[ULM]]}, None),
        ([[ULM]], None),
        ([{"document": {"contents": ULM}, "score": 2}], 2.0),
    ],
)
def test_reply_shapes(ask: Ask, reply: object, score: float | None) -> None:
    (hit,) = ask(says(reply)).search("Ulm", 5)
    assert (hit.passage.document, hit.score) == ("Ulm\nA city.", score)
    assert hit.passage.id


@pytest.mark.parametrize("reply", [{"result": [[]]}, {"result": []}, [[]], []])
def test_nothing_found(ask: Ask, reply: object) -> None:
    assert ask(says(reply)).search("Ulm", 5) == []


def test_more_hits_than_asked_for_are_cut(ask: Ask) -> None:
    assert len(ask(says({"result": [[ULM] * 10]})).search("Ulm", 3)) == 3


@pytest.mark.parametrize("topk", [0, -1])
def test_a_topk_below_one_is_never_sent(ask: Ask, server: Server, topk: int) -> None:
    assert ask(echo).search_many(["a", "b"], topk) == [[], []]
    assert server.requests == []


def test_many_queries_go_in_batches(ask: Ask, server: Server) -> None:
    queries = [f"q{i}" for i in range(150)]
    hits = ask(echo, batch=64).search_many(queries, 1)
    assert [found[0].passage.id for found in hits] == queries
    assert [len(request["queries"]) for _, request in server.requests] == [64, 64, 22]
    assert ask(echo).search_many([], 1) == []


def test_threads_share_kept_connections(ask: Ask, server: Server) -> None:
    retriever = ask(echo, pool=4)
    queries = [f"q{i}" for i in range(100)]
    with ThreadPoolExecutor(4) as pool:
        hits = list(pool.map(lambda query: retriever.search(query, 1), queries))
    assert [found[0].passage.id for found in hits] == queries
    assert len(server.connections) <= 4


def test_lone_surrogates_can_be_asked(ask: Ask, server: Server) -> None:
    ask(echo).search("half \ud800 pair", 1)
    assert server.requests[0][1]["queries"] == ["half \ufffd pair"]


def test_a_compressed_reply(ask: Ask) -> None:
    body = gzip.compress(json.dumps({"result": [[ULM]]}).encode())
    assert ask(raw(body, Content_Encoding="gzip")).search("Ulm", 1)[0].passage.title == "Ulm"


def test_a_chunked_reply(ask: Ask) -> None:
    def chunked(handler: Handler, _: dict[str, Any]) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for byte in json.dumps({"result": [[ULM]]}).encode():
            handler.wfile.write(b"1\r\n" + bytes([byte]) + b"\r\n")
        handler.wfile.write(b"0\r\n\r\n")

    retriever = ask(chunked)
    assert retriever.search("Ulm", 1) == retriever.search("Ulm", 1) != []


@pytest.mark.parametrize("fault", [says({}, 500), says({}, 503), says({}, 429, Retry_After="0"), hang_up])
def test_a_passing_fault_is_survived(ask: Ask, server: Server, fault: Reply) -> None:
    assert ask(fault, fault, echo, retries=2).search("Ulm", 1)[0].passage.id == "Ulm"
    assert len(server.requests) == 3


def test_a_kept_connection_that_the_server_closed_is_opened_again(ask: Ask) -> None:
    retriever = ask(echo, hang_up, echo, retries=1)
    retriever.search("a", 1)
    assert retriever.search("b", 1)[0].passage.id == "b"


def test_a_wait_that_the_server_asks_for_has_a_ceiling(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    ask(says({}, 429, Retry_After="3600"), echo, retries=1).search("Ulm", 1)
    assert pauses == [10.0]


@pytest.mark.parametrize(
    ("status", "tries", "hint"),
    [
        (500, 3, "the server's log"),
        (503, 3, "try later"),
        (429, 3, "overloaded"),
        (404, 1, "R1-Searcher's at /queries"),
        (405, 1, "does not accept POST"),
        (413, 1, "smaller batch"),
        (422, 1, "uses another protocol"),
        (418, 1, "Check that the URL"),
        (302, 1, "redirects"),
        (204, 1, "Check that the URL"),
    ],
)
def test_a_status_that_stays(
    ask: Ask, server: Server, monkeypatch: pytest.MonkeyPatch, status: int, tries: int, hint: str
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    retriever = ask(raw(b"" if status == 204 else SECRET.encode(), status, Location="/elsewhere"), retries=2)
    with pytest.raises(RetrieverStatusError) as caught:
        retriever.search("Ulm", 1)
    assert caught.value.status == status
    assert len(server.requests) == tries
    assert hint in caught.value.advice
    assert f"answered {status}" in str(caught.value)
    assert server.address in str(caught.value)
    assert SECRET[:81] not in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (raw(b"<html>login</html>"), "not JSON; it starts with '<html>login</html>'"),
        (raw(b""), "not JSON"),
        (raw(b"[" * 100_000), "not JSON"),
        (raw(b"\xff\xfe\x00"), "not JSON"),
        (says("text"), "no list of results"),
        (says({"result": None}), "no list of results"),
        (says({"hits": []}), "no \"result\" (keys here: 'hits')"),
        (says({"error": "index not loaded"}), "reports an error with status 200: 'index not loaded'"),
        (says({"result": [[ULM], [ULM]]}), "1 queries were sent, 2 lists came back"),
        (
            says({"result": [[5]]}),
            "document 1 of query 1 cannot be read: a number where a document was expected",
        ),
        (
            says({"result": [[ULM, {"document": {"id": "1"}}]]}),
            'document 2 of query 1 cannot be read: no "contents"',
        ),
        (says({"result": [[{"document": ULM, "score": "high"}]]}), "its score is not a number"),
        (says({"result": [[{"document": ULM, "score": float("nan")}]]}), "its score is not finite"),
        (says({"result": [[""]]}), "the document is empty"),
    ],
)
def test_a_reply_that_is_no_answer(ask: Ask, server: Server, reply: Reply, problem: str) -> None:
    with pytest.raises(RetrieverReplyError) as caught:
        ask(reply, retries=2).search("Ulm", 5)
    assert problem in caught.value.problem
    assert len(server.requests) == 1


def test_too_few_lists_point_at_the_batch(ask: Ask) -> None:
    with pytest.raises(RetrieverReplyError, match=r"2 queries were sent, 1 lists came back.*batch=1"):
        ask(says({"result": [[ULM]]})).search_many(["a", "b"], 1)
    with pytest.raises(RetrieverReplyError, match="the results of query 2 are not a list"):
        ask(says({"result": [[ULM], ULM]})).search_many(["a", "b"], 1)


def test_errors_do_not_quote_passages(ask: Ask) -> None:
    faulty = says({"result": [[{"document": {"contents": SECRET}, "score": "x"}]]})
    for reply in (faulty, raw(SECRET.encode()), says({"error": SECRET}), says({SECRET: 1})):
        with pytest.raises(RetrieverReplyError) as caught:
            ask(reply).search("Ulm", 1)
        assert SECRET[:81] not in str(caught.value)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_reply_without_end_is_cut(ask: Ask, monkeypatch: pytest.MonkeyPatch, compressed: bool) -> None:
    monkeypatch.setattr("pyrag_dsl.retrieval.remote.BODY_LIMIT", 2 * 1024 * 1024)
    body = b" " * (8 * 1024 * 1024)
    reply = raw(gzip.compress(body), Content_Encoding="gzip") if compressed else raw(body)
    with pytest.raises(RetrieverReplyError, match="larger than 2 MiB"):
        ask(reply).search("Ulm", 1)


def test_a_slow_server_is_not_waited_for_twice(ask: Ask, server: Server) -> None:
    with pytest.raises(RetrieverTimeoutError, match=r"within 0\.2 s"):
        ask(hang, timeout=0.2, retries=2).search("Ulm", 1)
    assert len(server.requests) == 1


def test_a_dripping_server_times_out(ask: Ask) -> None:
    with pytest.raises(RetrieverTimeoutError, match=r"within 0\.3 s"):
        ask(drip, timeout=0.3).search("Ulm", 1)


def test_a_reply_cut_short(ask: Ask) -> None:
    with pytest.raises(RetrieverUnreachableError, match="broke in the middle of the reply"):
        ask(half).search("Ulm", 1)


def test_a_server_that_is_down() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with RemoteRetriever(f"http://user:hunter2@127.0.0.1:{port}", retries=1) as retriever:
        with pytest.raises(RetrieverUnreachableError) as caught:
            retriever.search("Ulm", 1)
        message = str(caught.value)
        assert message.startswith(f"http://127.0.0.1:{port}/retrieve: no connection after 2 tries (Connection refused)")
        assert "Start the retrieval server" in message
        assert "hunter2" not in message
        assert retriever.url == f"http://127.0.0.1:{port}/retrieve"


def test_credentials_in_the_url_are_used(ask: Ask, server: Server) -> None:
    seen: list[str | None] = []

    def note(handler: Handler, request: dict[str, Any]) -> None:
        seen.append(handler.headers["Authorization"])
        echo(handler, request)

    ask(note)
    with RemoteRetriever(server.address.replace("//", "//user:hunter2@")) as retriever:
        retriever.search("Ulm", 1)
    assert seen == ["Basic dXNlcjpodW50ZXIy"]


def test_the_environments_proxies_are_not_used(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert ask(echo).search("Ulm", 1)


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8000", "ftp://host/x", "http://", "http://[::1", "http://h:port", "\x00"]
)
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(ValueError, match="write it like http://"):
        RemoteRetriever(url)


def test_what_is_no_option() -> None:
    for options in ({"timeout": 0}, {"retries": -1}, {"pool": 0}, {"batch": 0}):
        with pytest.raises(ValueError, match="must be positive"):
            RemoteRetriever("http://127.0.0.1:1", **options)


def test_all_errors_are_one_family(ask: Ask) -> None:
    for error in (
        RetrieverReplyError,
        RetrieverStatusError,
        RetrieverTimeoutError,
        RetrieverUnreachableError,
    ):
        assert issubclass(error, RetrieverError)
    barrier = threading.Barrier(4)
    retriever = ask(raw(b"nope"))

    def search(_: int) -> str:
        barrier.wait()
        with pytest.raises(RetrieverError) as caught:
            retriever.search("Ulm", 1)
        return caught.value.url

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(search, range(4))) == {retriever.url}


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["result", "answers", "document", "score", "id", "contents", "title", "text", "error"]),
            inner,
        )
    ),
)


@settings(max_examples=300)
@given(JSON, st.integers(1, 3), st.integers(1, 3))
def test_any_json_is_hits_or_a_shape_error(value: object, queries: int, topk: int) -> None:
    try:
        hits = hits_of(json.dumps(value).encode(), ["q"] * queries, topk)
    except ReplyShapeError:
        return
    assert len(hits) == queries
    assert all(len(found) <= topk for found in hits)
