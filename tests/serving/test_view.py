"""`pyrag view`: the index is what the files say, and the pages hold nothing but text of theirs."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("starlette", reason="the extra `serve` is not installed")
pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")

from starlette.testclient import TestClient

import pyrag_dsl as pd
from pyrag_dsl.cli import pyrag
from pyrag_dsl.report import render_report
from pyrag_dsl.runtime.tools import Reported
from pyrag_dsl.serving import Catalog, browser_app
from pyrag_dsl.serving.catalog import FILE, SORTS, listed

HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[2J\u202e"


def made(question: str, said: str = "1900", tokens: int = 3) -> pd.Trace:
    def answer(query: str, docs: Any = None) -> Reported:  # noqa: ARG001
        return Reported(said, {"tokens": tokens})

    return pd.run(f"final_answer = answer({question!r})", {"answer": answer}, question=question).trace


TEXTS = {
    "old": made("Who is old?", tokens=5),
    "new": made("Who is new?", said="unknown", tokens=9),
}


def client(catalog: Catalog) -> TestClient:
    return TestClient(browser_app(catalog), base_url="http://127.0.0.1")


steps = st.lists(
    st.tuples(
        st.sampled_from(["write", "write", "delete", "refresh", "spoil"]),
        st.sampled_from(["a.jsonl", "traces/b.jsonl", "traces/deep/c.jsonl", "results.jsonl"]),
        st.sampled_from(["old", "new"]),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps, st.sampled_from(SORTS), st.booleans())
def test_law_the_index_is_what_a_full_scan_finds(tmp_path_factory: Any, done: Any, sort: str, down: bool) -> None:
    folder = tmp_path_factory.mktemp("traces")
    catalog = Catalog(folder)
    clock = 1_000_000_000
    for what, name, text in done:
        path = folder / name
        if what == "refresh":
            catalog.refresh()
        elif what == "delete":
            path.unlink(missing_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text('{"no": "trace"}\n') if what == "spoil" else TEXTS[text].save(path)
            clock += 1
            os.utime(path, (clock, clock))
    catalog.refresh()
    fresh = Catalog(folder, tmp_path_factory.mktemp("cache"))
    fresh.refresh()
    assert catalog.find(sort=sort, down=down) == fresh.find(sort=sort, down=down)
    assert catalog.totals() == fresh.totals()
    scanned = [listed(folder, str(path.relative_to(folder))) for path in sorted(folder.rglob("*.jsonl"))]
    assert sorted(row.path for row in scanned if row is not None and row.mood) == [
        row.path for row in catalog.find()[1]
    ]
    catalog.close()
    again = Catalog(folder)
    assert again.find(sort=sort, down=down) == fresh.find(sort=sort, down=down), "the index outlives its program"
    again.close()
    fresh.close()


def test_traces_are_found_by_words_sorted_and_told_apart(tmp_path: Path) -> None:
    for name, trace in TEXTS.items():
        trace.save(tmp_path / f"{name}.jsonl")
    catalog = Catalog(tmp_path)
    catalog.refresh()
    assert catalog.place == str(tmp_path / FILE)
    assert [row.path for row in catalog.find(sort="tokens", down=True)[1]] == ["new.jsonl", "old.jsonl"]
    assert [row.path for row in catalog.find("WHO old")[1]] == ["old.jsonl"]
    assert [row.tokens for row in catalog.find(mood="unknown")[1]] == [9]
    assert catalog.find("100%")[0] == 0
    assert catalog.find("' OR 1=1 --", sort="path; DROP TABLE traces")[0] == 0
    assert catalog.totals() == {"good": 1, "unknown": 1}


def test_an_index_that_is_none_is_made_anew(tmp_path: Path) -> None:
    TEXTS["old"].save(tmp_path / "old.jsonl")
    (tmp_path / FILE).write_text("this is no database " * 100)
    catalog = Catalog(tmp_path)
    catalog.refresh()
    assert catalog.find()[0] == 1


def test_a_folder_that_cannot_be_written_is_listed_all_the_same(tmp_path: Path, monkeypatch: Any) -> None:
    TEXTS["old"].save(tmp_path / "old.jsonl")
    real = sqlite3.connect

    def refusing(place: str, **options: Any) -> Any:
        if place != ":memory:":
            raise sqlite3.OperationalError("unable to open database file")
        return real(place, **options)

    monkeypatch.setattr(sqlite3, "connect", refusing)
    catalog = Catalog(tmp_path)
    catalog.refresh()
    assert catalog.place == ""
    assert catalog.find()[0] == 1
    assert "cannot be written" in client(catalog).get("/").text


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    TEXTS["old"].save(outside / "old.jsonl")
    folder = tmp_path / "traces"
    folder.mkdir()
    (folder / "link.jsonl").symlink_to(outside / "old.jsonl")
    (folder / "all").symlink_to(outside)
    catalog = Catalog(folder)
    catalog.refresh()
    assert catalog.find()[0] == 0


def test_the_pages_list_show_and_compare(tmp_path: Path) -> None:
    for name, trace in TEXTS.items():
        trace.save(tmp_path / f"{name}.jsonl")
    (tmp_path / "results.jsonl").write_text('{"id": 1}\n')
    catalog = Catalog(tmp_path)
    catalog.refresh()
    with client(catalog) as browser:
        page = browser.get("/", params={"sort": "tokens", "down": "1"}).text
        assert page.index("Who is new?") < page.index("Who is old?")
        assert "1 file that is not a trace" in page
        assert browser.get("/trace", params={"path": "old.jsonl"}).text == render_report(TEXTS["old"])
        compared = browser.get("/compare", params={"t": ["old.jsonl", "new.jsonl"]}).text
        assert "unknown" in compared
        for path in ("../x.jsonl", "/etc/passwd", "results.jsonl", "old.jsonl/..", ""):
            assert browser.get("/trace", params={"path": path}).status_code == 404
        assert browser.get("/compare", params={"t": ["old.jsonl"]}).status_code == 400
        assert browser.get("/", headers={"host": "evil.example"}).status_code == 400


def test_what_strangers_wrote_is_text_in_the_list(tmp_path: Path) -> None:
    made(HOSTILE, said=HOSTILE).save(tmp_path / "x.jsonl")
    made("Who?", said=HOSTILE).save(tmp_path / "y.jsonl")
    catalog = Catalog(tmp_path)
    catalog.refresh()
    with client(catalog) as browser:
        for response in (browser.get("/"), browser.get("/compare", params={"t": ["x.jsonl", "y.jsonl"]})):
            assert not {"<script", "<img", "\x1b", "\u202e"} & {
                each for each in ("<script", "<img", "\x1b", "\u202e") if each in response.text
            }
            assert response.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")


def test_mistakes_are_one_line(tmp_path: Path, capsys: Any) -> None:
    assert pyrag(["view", str(tmp_path / "nowhere")]) == 2
    (tmp_path / "no.jsonl").write_text("nothing\n")
    assert pyrag(["view", str(tmp_path / "no.jsonl")]) == 2
    said = capsys.readouterr().err
    assert "there is no such folder or file" in said
    assert "Traceback" not in said
