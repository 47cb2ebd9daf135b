"""Searching by meaning from the command line, with a server that embeds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("numpy")
pytest.importorskip("faiss", reason="faiss-cpu is not installed: pip install 'pyrag_dsl[dense]'")

from ..retrieval.embedding_server import embedding_server
from ..retrieval.retrieval_server import Server
from .conftest import Command


@pytest.fixture
def embeds() -> Iterator[tuple[Server, str]]:
    with embedding_server() as (server, base_url):
        yield server, base_url


@pytest.fixture
def built(pyrag_verb: Command, tmp_path: Path, embeds: tuple[Server, str]) -> Path:
    """An index with vectors of passages and sentences."""
    corpus = tmp_path / "corpus.jsonl"
    rows = [{"id": str(number), "text": f"This is passage {number}. It has sentences."} for number in range(9)]
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows))
    home = tmp_path / "index"
    ended = pyrag_verb(
        "index", "build", "--corpus", corpus, "--out", home, "--dense", "intfloat/e5-tiny", "--sentences",
        "--embed-base-url", embeds[1],
    )  # fmt: skip
    assert ended.status == 0, ended.err
    assert "vectors: 9 x 24 numbers, flat" in ended.err
    assert "embedding passages: 9 of 9" in ended.err
    return home


def texts(server: Server) -> list[str]:
    return [text for _, request in server.requests for text in request["input"]]


def test_an_index_with_vectors_is_built_looked_at_and_searched(
    pyrag_verb: Command, built: Path, embeds: tuple[Server, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, base_url = embeds
    assert "passage: This is passage 3. It has sentences." in texts(server)
    for verb in ("info", "verify"):
        told = pyrag_verb("index", verb, built)
        assert told.status == 0
        assert "9 of 24 numbers by intfloat/e5-tiny" in told.out
        assert "'query: ' before queries, 'passage: ' before passages" in told.out
        assert "sentences: 18 vectors, flat" in told.out
    monkeypatch.setenv("EMBED_BASE_URL", base_url)
    for mode, count in (("dense", 9), ("hybrid", 9), ("lexical", 1)):
        found = pyrag_verb("index", "search", built, "passage 3", "--mode", mode, "--topk", "9", "--json")
        assert found.status == 0, found.err
        assert len({row["id"] for row in found.json}) >= count
    assert texts(server)[-1] == "query: passage 3"


def test_the_server_of_the_queries_must_be_named_and_not_by_the_index(pyrag_verb: Command, built: Path) -> None:
    ended = pyrag_verb("index", "search", built, "x", "--mode", "dense")
    assert ended.status == 2
    assert "--embed-base-url" in ended.err


def test_another_model_is_refused(pyrag_verb: Command, built: Path, embeds: tuple[Server, str]) -> None:
    ended = pyrag_verb(
        "index", "search", built, "x", "--mode", "dense", "--dense", "other", "--embed-base-url", embeds[1]
    )
    assert ended.status == 2
    assert "of another model: the model is intfloat/e5-tiny, not other" in ended.err


def test_what_was_embedded_is_not_embedded_again(pyrag_verb: Command, built: Path, embeds: tuple[Server, str]) -> None:
    server, base_url = embeds
    before = len(texts(server))
    options = ("--dense", "intfloat/e5-tiny", "--embed-base-url", base_url, "--dense-kind", "sq8", "--shards", "2")
    ended = pyrag_verb("index", "embed", built, *options)
    assert ended.status == 0, ended.err
    assert "9 vectors, sq8, 2 shards" in ended.out
    assert len(texts(server)) == before + 1, "only the length of a vector was asked for"


def test_damaged_vectors_are_found_by_verify(pyrag_verb: Command, built: Path) -> None:
    (path,) = built.glob("dense-*/passages-0.faiss")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert pyrag_verb("index", "info", built).status == 0
    ended = pyrag_verb("index", "verify", built)
    assert ended.status == 2
    assert "passages-0.faiss has changed since it was written" in ended.err


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("index", "build", "--corpus", "c", "--sentences"), "name the model that embeds with --dense"),
        (("index", "embed", "INDEX"), "--dense: name the model that embeds"),
        (("index", "embed", "INDEX", "--dense", "no/such", "--dense-kind", "ball"), "flat, sq8, hnsw, ivfpq, not ball"),
        (("ask", "q", "--search-mode", "dense"), "give --index, an index with vectors"),
        (("serve", "retriever", "--index", "INDEX", "--mode", "psychic"), "psychic"),
        (("index", "embed", "INDEX", "--dense", "m", "--embed-base-url", "nowhere"), "--embed-base-url"),
    ],
)
def test_mistakes_are_told_in_a_line(pyrag_verb: Command, built: Path, arguments: tuple[str, ...], said: str) -> None:
    ended = pyrag_verb(*(built if each == "INDEX" else each for each in arguments))
    assert ended.status == 2
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_an_index_without_vectors_says_how_to_make_them(
    pyrag_verb: Command, pyrag_exec: Command, tmp_path: Path
) -> None:
    corpus = tmp_path / "c.jsonl"
    corpus.write_text('{"id": "1", "text": "a text"}\n')
    assert pyrag_verb("index", "build", "--corpus", corpus, "--out", tmp_path / "i").status == 0
    plan = tmp_path / "plan.py"
    plan.write_text('# question: What?\nfinal_answer = answer("What?", retrieve("text"))\n')
    ended = pyrag_exec(plan, "--index", tmp_path / "i", "--search-mode", "hybrid")
    assert ended.status == 2
    assert "its passages have no vectors" in ended.err
    assert "pyrag_dsl[dense]" in ended.err


def test_a_plan_retrieves_by_meaning(
    pyrag_exec: Command, built: Path, embeds: tuple[Server, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, base_url = embeds
    monkeypatch.setenv("EMBED_BASE_URL", base_url)
    plan = tmp_path / "plan.py"
    plan.write_text('# question: What?\nfinal_answer = str(len(retrieve("nothing like it", topk=4)))\n')
    ended = pyrag_exec(plan, "--index", built, "--search-mode", "dense", "-q")
    assert (ended.status, ended.out) == (0, "4\n")
    assert texts(server)[-1] == "query: nothing like it"


def test_a_rag_without_vectors_of_sentences_is_refused_before_it_asks_a_model(
    pyrag_verb: Command, embeds: tuple[Server, str]
) -> None:
    server, base_url = embeds
    ended = pyrag_verb("ask", "q?", "--method", "a-rag", "--llm-base-url", base_url, "--model", "m")
    assert ended.status == 2
    assert "pip install 'pyrag_dsl[dense]'" in ended.err
    assert "--input semantic=words" in ended.err
    assert server.requests == []
