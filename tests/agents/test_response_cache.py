"""The response cache: when it is used, what it is keyed by, and that it never costs an answer."""

from __future__ import annotations

import multiprocessing
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from pyrag_dsl.models import CacheUnusable, ChatModel, Price, ResponseCache, Usage
from pyrag_dsl.models.cache import cache_key
from pyrag_dsl.models.reply import Content
from pyrag_dsl.testing.server import ScriptedModelServer, truncated

ASK = [{"role": "user", "content": "hello"}]
KEY = "sk-test-4f0c9a7e21d84b"


def numbered() -> Any:
    """A script that says a different thing each time."""
    count = iter(range(1000))
    return lambda _: f"<think>hm</think>reply {next(count)}"


def test_temperature_zero_is_asked_once(tmp_path: Path) -> None:
    with ScriptedModelServer(numbered()) as server:
        settings: dict[str, Any] = {
            "cache": tmp_path / "c.db",
            "temperature": 0,
            "prices": {"m": Price(1.0, 1.0)},
        }
        with ChatModel("m", server.base_url, **settings) as model:
            first = model.complete(ASK)
        with ChatModel("m", server.base_url, **settings) as model:
            second = model.complete(ASK)
        assert len(server.requests) == 1
    assert (first.text, first.cached, first.attempts) == ("reply 0", False, 1)
    assert (second.text, second.cached, second.attempts) == ("reply 0", True, 0)
    assert second.usage == first.usage
    assert second.raw_text == first.raw_text
    assert (first.cost or 0) > 0
    assert second.cost == 0.0


def test_sampled_replies_are_kept_only_when_asked(tmp_path: Path) -> None:
    with ScriptedModelServer(numbered()) as server:
        with ChatModel("m", server.base_url, cache=tmp_path / "a.db") as model:
            assert [model.complete(ASK).text for _ in range(2)] == ["reply 0", "reply 1"]
            assert [model.complete(ASK, cache=True).text for _ in range(2)] == ["reply 2", "reply 2"]
            assert model.complete(ASK, temperature=0, cache=False).text == "reply 3"
            assert model.complete(ASK, temperature=0, cache=False).text == "reply 4"
        with ChatModel("m", server.base_url, cache=ResponseCache(tmp_path / "b.db", sampled=True)) as model:
            assert [model.complete(ASK).text for _ in range(2)] == ["reply 5", "reply 5"]
        with ChatModel("m", server.base_url, temperature=0) as model:
            assert [model.complete(ASK).text for _ in range(2)] == ["reply 6", "reply 7"], "off by default"


def test_every_part_of_a_request_is_part_of_its_key(tmp_path: Path) -> None:
    with ScriptedModelServer(numbered()) as server:
        with ChatModel("m", server.base_url, cache=tmp_path / "c.db", temperature=0) as model:
            texts = [
                model.complete(ASK).text,
                model.complete([{"role": "system", "content": "hello"}]).text,
                model.complete(ASK, max_tokens=9).text,
                model.complete(ASK, seed=1).text,
                model.complete(ASK, enable_thinking=False).text,
                model.complete(ASK, enable_thinking=True).text,
                model.complete(ASK).text,
            ]
        with ChatModel("other", server.base_url, cache=tmp_path / "c.db", temperature=0) as model:
            texts.append(model.complete(ASK).text)
    assert texts == ["reply 0", "reply 1", "reply 2", "reply 3", "reply 4", "reply 5", "reply 0", "reply 6"]


def test_the_key_knows_types_and_not_the_order_of_names() -> None:
    assert cache_key("u", {"a": 1, "b": [1]}) == cache_key("u", {"b": [1], "a": 1})
    assert len({cache_key("u", {"a": value}) for value in (1, True, "1", None, [1], 1.5)}) == 6
    assert cache_key("u", {}) != cache_key("v", {})


def test_a_truncated_reply_is_not_kept(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"cache": tmp_path / "c.db", "temperature": 0}
    script = [truncated("half"), "whole"]
    with ScriptedModelServer(script) as server, ChatModel("m", server.base_url, **settings) as model:
        assert [model.complete(ASK).text for _ in range(2)] == ["half", "whole"]


def test_the_file_holds_no_prompt_and_no_key_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    with ScriptedModelServer([f"echo {KEY}"]) as server:
        with ChatModel("m", server.base_url, api_key=KEY, cache=path, temperature=0) as model:
            model.complete([{"role": "user", "content": "a very private question"}])
        assert model.cache is not None
        model.cache.close()
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert KEY.encode() not in kept
    assert b"private question" not in kept
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_used_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("these are notes, not a database, and longer than a header" * 50)
    with pytest.raises(CacheUnusable, match="not a database"):
        ResponseCache(tmp_path / "notes.txt")
    with pytest.raises(CacheUnusable):
        ResponseCache(tmp_path / "no such directory" / "c.db")


def test_a_cache_that_breaks_costs_a_call_not_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    settings: dict[str, Any] = {"cache": path, "temperature": 0}
    with ScriptedModelServer(numbered()) as server, ChatModel("m", server.base_url, **settings) as model:
        model.complete(ASK)
        assert model.cache is not None
        model.cache.close()
        for file in tmp_path.iterdir():
            file.write_bytes(b"garbage " * 1000)
        assert model.complete(ASK).text == "reply 1"


def test_a_broken_entry_is_a_miss(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path / "c.db")
    for broken in ("", "[]", "{}", '{"text": 1}', "nonsense"):
        cache.clear()
        cache._execute("INSERT INTO replies VALUES (?, ?)", ("k", broken))
        assert cache.get("k") is None


def test_what_is_put_is_got_back_and_the_first_stays(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path / "c.db")
    content = Content('quote " \u2028 \U0001f600 \x00', None, Usage(1, 2, 3, known=False), "m")
    cache.put("k", content)
    cache.put("k", Content("other", "stop", Usage(), "m"))
    assert cache.get("k") == content
    assert cache.get("another") is None
    assert len(cache) == 1
    cache.clear()
    assert len(cache) == 0


def _fill(path: str, start: int) -> None:
    cache = ResponseCache(path)
    for number in range(start, start + 25):
        cache.put(str(number), Content(f"text {number}", "stop", Usage(), "m"))
    cache.close()


def test_threads_and_processes_share_a_file(tmp_path: Path) -> None:
    path = str(tmp_path / "c.db")
    shared_cache = ResponseCache(path)
    context = multiprocessing.get_context("spawn")
    workers: list[Any] = [context.Process(target=_fill, args=(path, start)) for start in (0, 20)]
    workers += [threading.Thread(target=_fill, args=(path, start)) for start in (40, 60)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(shared_cache) == 85
    kept = [shared_cache.get(str(number)) for number in range(85)]
    assert [content and content.raw_text for content in kept] == [f"text {number}" for number in range(85)]


def test_what_one_tenant_has_asked_is_not_the_answer_to_another(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    with ScriptedModelServer(["one", "two"]) as server:
        for tenant, expected in (("a", "one"), ("b", "two"), ("a", "one")):
            cache = ResponseCache(path, tenant=tenant)
            with ChatModel("m", server.base_url, temperature=0, cache=cache) as model:
                assert model.complete([{"role": "user", "content": "q"}]).text == expected
        assert len(server.requests) == 2
