"""`pyrag ask --live`: the page of a run while it goes on, for who has the address and nobody else."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from html import unescape
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the extra `serve` is not installed")
pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")

import requests
from starlette.testclient import TestClient

import pyrag_dsl as pd
from pyrag_dsl.grammar.diagnostics import Span
from pyrag_dsl.report import render_report
from pyrag_dsl.report.page import PARTS
from pyrag_dsl.runtime.events import CallStarted
from pyrag_dsl.serving import Watched, live_app, watching_at
from pyrag_dsl.serving.live import told

PLAN = """
names = ["Ann", "Bob"]
said = [answer(f"When was {name} born?", retrieve(name)) for name in names]
final_answer = max(said)
"""
HOSTILE = "</section><script>alert(1)</script><img src=x onerror=alert(1)>"


def retrieve(query: str, topk: int = 5) -> list[str]:
    return [f"{query} {number} {HOSTILE}" for number in range(topk)]


def answer(query: str, docs: list[str] = []) -> str:  # noqa: B006
    return f"19{len(query)}{len(docs)}"


TOOLS = {"retrieve": retrieve, "answer": answer}


def sections(page: str) -> dict[str, str]:
    """The parts of a page."""
    return dict(re.findall(r'<section id="part-(\w+)">\n(.*?)</section>', page, re.DOTALL))


def heard(watched: Watched, until: Any) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """The parts as a browser that listens has them in the end, and all that it was told."""
    shown: dict[str, str] = {}
    messages: list[dict[str, Any]] = []

    async def listen() -> None:
        async for message in told(watched):
            if message.startswith("data: "):
                messages.append(json.loads(message[6:]))
                shown.update(messages[-1]["parts"])
                if until(messages[-1]):
                    watched.closed = True

    asyncio.run(listen())
    return shown, messages


def client(watched: Watched) -> TestClient:
    return TestClient(live_app(watched), base_url="http://127.0.0.1")


def test_what_was_told_makes_the_page_of_the_trace() -> None:
    watched = Watched("Who?")
    gate, reached = threading.Event(), threading.Event()

    def slow(query: str, docs: list[str] = []) -> str:  # noqa: B006
        reached.set()
        gate.wait(30)
        return answer(query, docs)

    def run() -> None:
        result = pd.run(PLAN, {**TOOLS, "answer": slow}, hooks=[watched], question="Who?")
        watched.finish(result.trace)

    worker = threading.Thread(target=run)
    worker.start()
    assert reached.wait(30)

    def until(message: dict[str, Any]) -> bool:
        gate.set()  # the first that is told is told while an answer is under way
        return bool(message["ended"])

    shown, messages = heard(watched, until)
    worker.join(30)
    assert ">running<" in messages[0]["parts"]["calls"]
    assert "the run is not finished yet" in messages[0]["parts"]["head"]
    page = render_report(watched.trace)  # type: ignore[arg-type]
    assert set(shown) == set(PARTS)
    assert {name: part.strip() for name, part in shown.items()} == {k: v.strip() for k, v in sections(page).items()}
    with client(watched) as browser:
        live = browser.get(f"/{watched.token}/").text
    assert sections(live) == sections(page), "after the run the page is the static one"
    assert "<script>alert" not in live
    assert "connect-src 'self'" in unescape(live)


def test_nothing_but_what_has_changed_is_told() -> None:
    watched = Watched("Who?")
    watched.finish(pd.run(PLAN, TOOLS, hooks=[watched], question="Who?").trace)
    count = 0

    def until(_message: dict[str, Any]) -> bool:
        nonlocal count
        count += 1
        if count == 1:
            watched.start()
            watched.finish(pd.run(PLAN, TOOLS, hooks=[watched], question="Who else?").trace)
        return count == 2

    _, messages = heard(watched, until)
    assert "head" in messages[1]["parts"]
    assert "repairs" not in messages[1]["parts"]


def test_a_plan_is_told_as_it_is_written_and_stays_in_no_trace() -> None:
    watched = Watched("Who?")
    said = f"```python\nfinal_answer = answer('Who?')  # {HOSTILE}"

    def write_plan(question: str) -> str:  # noqa: ARG001
        watched.writing.hear(said)
        shown, _ = heard(watched, lambda _: True)
        watched.closed = False
        drafts.append(shown["plan"])
        return "done"

    drafts: list[str] = []
    result = pd.run("final_answer = write_plan('Who?')", {"write_plan": write_plan}, hooks=[watched], question="Who?")
    assert "The plan that is being written" in drafts[0]
    assert unescape(re.sub("<[^>]*>", "", drafts[0])).count(HOSTILE) == 1
    assert "<script" not in drafts[0]
    watched.finish(result.trace)
    after, _ = heard(watched, lambda _: True)
    assert "that is being written" not in after["plan"]
    assert not any(HOSTILE in repr(event) for event in result.trace.events)


def test_a_run_that_left_no_trace_writes_no_plan_any_more() -> None:
    watched = Watched("Who?")
    watched.on_event(CallStarted(node="w", alias="", tool="write_plan", arguments={}, span=Span(1, 1, 1, 9)))
    watched.writing.hear("final_answer = 1")
    assert len(watched.view().writing) == 1
    watched.finish(None)
    assert watched.view().writing == ()


def test_only_the_page_can_ask_for_a_rerun() -> None:
    watched = Watched("Who?")
    node = "retrieve@3:58[0]"
    good = {"headers": {"X-Pyrag": "1"}, "json": {"node": node, "topk": 9}}
    with client(watched) as browser:
        at = f"/{watched.token}"
        assert browser.post(f"{at}/rerun", **good).status_code == 409, "while the run goes on"
        result = pd.run(PLAN, TOOLS, hooks=[watched], question="Who?")
        watched.finish(result.trace)
        node = next(call.node for call in result.calls if call.tool == "retrieve")
        good["json"]["node"] = node  # type: ignore[index]
        for wrong in (
            {"headers": {}, "json": {"node": node, "topk": 9}},
            {"headers": {"X-Pyrag": "1"}, "json": {"node": node, "topk": 0}},
            {"headers": {"X-Pyrag": "1"}, "json": {"node": node, "topk": "9"}},
            {"headers": {"X-Pyrag": "1"}, "json": {"node": "nobody", "topk": 9}},
            {"headers": {"X-Pyrag": "1"}, "json": {"node": "x" * 20_000, "topk": 9}},
            {"headers": {"X-Pyrag": "1", "Host": "evil.example"}, "json": {"node": node, "topk": 9}},
        ):
            assert browser.post(f"{at}/rerun", **wrong).status_code in (400, 403, 404, 413, 422)
        assert browser.post("/guessed/rerun", **good).status_code == 404
        assert watched.jobs.empty()
        assert browser.post(f"{at}/rerun", **good).status_code == 202
    wanted = watched.jobs.get_nowait()
    assert (wanted.node, wanted.topk) == (node, 9)
    again = pd.rerun(result.trace, {wanted.node: {"topk": wanted.topk}}, TOOLS, hooks=[watched])
    watched.finish(again.trace)
    assert "9 passages" in sections(client(watched).get(f"{at}/").text)["calls"]


def test_it_listens_on_this_machine_alone_and_the_address_holds_a_token() -> None:
    watched = Watched("Who?")
    watched.finish(pd.run(PLAN, TOOLS, question="Who?").trace)
    with watching_at(watched, 0) as address:
        assert address.startswith("http://127.0.0.1:")
        assert requests.get(address, timeout=30).status_code == 200
        assert requests.get(address.replace(watched.token, "x"), timeout=30).status_code == 404
        assert requests.get(address, headers={"Host": "evil.example"}, timeout=30).status_code == 400
    assert watched.closed
    assert watched.token != Watched("Who?").token
