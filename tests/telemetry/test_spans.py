"""Runs as spans: a tree of exactly the run's calls, live and from the trace, taken by a receiver of OTLP over HTTP."""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyrag_dsl as pd
from pyrag_dsl.agents.answerer import answer_tool
from pyrag_dsl.agents.retrieving import retrieve_tool
from pyrag_dsl.cli import pyrag
from pyrag_dsl.models import ChatModel
from pyrag_dsl.retrieval import BM25Index, Passage
from pyrag_dsl.telemetry import Tracing, send
from pyrag_dsl.testing.plans import StubTools, plans, tool_results
from pyrag_dsl.testing.server import ScriptedModelServer
from tests.engine.laws import LIMITS, coroutine_tools, ended, law
from tests.engine.test_nesting import INPUTS, TWICE, Service

pytest.importorskip("opentelemetry.sdk", reason="spans need pyrag_dsl[otel]")

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

PLAN = """
docs = retrieve("Dune", topk=3)
final_answer = answer("Who wrote it?", docs)
"""


def retrieve(query: str, topk: int = 5) -> list[str]:
    return [f"{query} {number} SECRET" for number in range(topk)]


def answer(query: str, docs: list[str] | None = None) -> pd.Reported:  # noqa: ARG001
    return pd.Reported("Frank Herbert", {"tokens": 12, "prompt_tokens": 10, "completion_tokens": 2, "cost": 0.5})


TOOLS = {"retrieve": retrieve, "answer": answer}


def provider() -> tuple[TracerProvider, InMemorySpanExporter]:
    made, kept = TracerProvider(), InMemorySpanExporter()
    made.add_span_processor(SimpleSpanProcessor(kept))
    return made, kept


def exported(trace: pd.Trace, **options: Any) -> tuple[ReadableSpan, ...]:
    made, kept = provider()
    Tracing(made, **options).export(trace)
    return kept.get_finished_spans()


def watched(plan: str = PLAN, tools: Any = TOOLS, options: dict[str, Any] | None = None, **run: Any) -> Any:
    """Spans of a run as it goes on, and how it ended."""
    made, kept = provider()
    live = Tracing(made, **(options or {})).live()
    end = ended(lambda: pd.run(plan, tools, on_event=live, **run))
    return kept.get_finished_spans(), end


def is_a_tree_of(spans: tuple[ReadableSpan, ...], calls: Counter[tuple[str, str]]) -> None:
    """One root, below it these calls (tool and node), each below the call that it was made for and within its time."""
    by_id = {span.context.span_id: span for span in spans if span.context}
    (root,) = [span for span in spans if span.parent is None]
    assert root.name == "invoke_workflow pyrag_dsl"
    below = [span for span in spans if span is not root]
    node = {span.context.span_id: (span.attributes or {})["gen_ai.tool.call.id"] for span in below if span.context}
    told = Counter(((span.attributes or {})["gen_ai.tool.name"], node[span.context.span_id]) for span in below)  # type: ignore[union-attr]
    assert told == calls
    for span in below:
        assert span.parent is not None
        above = by_id[span.parent.span_id]
        assert node.get(span.parent.span_id, "") == str(node[span.context.span_id]).rpartition("/")[0]  # type: ignore[union-attr]
        assert above.start_time <= span.start_time <= span.end_time <= above.end_time  # type: ignore[operator]


def calls_of(trace: pd.Trace) -> Counter[tuple[str, str]]:
    return Counter((call.tool, call.node) for call in trace.calls)


@given(plans(), tool_results())
@law(60)
def test_the_spans_of_a_trace_are_its_calls(plan: str, tools: StubTools) -> None:
    end = ended(lambda: pd.run(plan, coroutine_tools(tools), limits=LIMITS))
    if end.trace is not None:
        is_a_tree_of(exported(end.trace), calls_of(end.trace))


@given(plans(), tool_results())
@law(60)
def test_the_spans_of_a_run_are_what_its_tools_were_asked(plan: str, tools: StubTools) -> None:
    asked: Counter[tuple[str, str]] = Counter()

    class Count(pd.Hook):
        def on_event(self, event: pd.Event) -> None:
            if isinstance(event, pd.CallStarted):
                asked[event.tool, event.node] += 1

    spans, _ = watched(plan, coroutine_tools(tools), limits=LIMITS, hooks=[Count()])
    is_a_tree_of(spans, asked)


@given(st.sampled_from([TWICE, "final_answer = run_plan(second)['answer']"]))
@law(4)
def test_nested_runs_are_below_the_call_that_has_made_them(plan: str) -> None:
    spans, end = watched(plan, Service().tools, inputs=INPUTS)
    is_a_tree_of(spans, calls_of(end.trace))
    saved = exported(end.trace)
    is_a_tree_of(saved, calls_of(end.trace))
    assert any("/" in str((span.attributes or {}).get("gen_ai.tool.call.id")) for span in saved)


def one(spans: tuple[ReadableSpan, ...], name: str) -> Any:
    (span,) = [span for span in spans if span.name == name]
    return span


@pytest.mark.parametrize("way", ["live", "saved"])
def test_tokens_and_cost_are_told_and_content_is_not(way: str) -> None:
    spans, end = watched(question="SECRET?")
    spans = spans if way == "live" else exported(end.trace)
    asked = one(spans, "execute_tool answer").attributes
    assert asked["gen_ai.usage.input_tokens"] == 10
    assert asked["gen_ai.usage.output_tokens"] == 2
    assert (asked["pyrag.usage.tokens"], asked["pyrag.usage.cost"]) == (12, 0.5)
    root = one(spans, "invoke_workflow pyrag_dsl").attributes
    assert (root["pyrag.run.status"], root["pyrag.run.calls"]) == ("done", 2)
    written = "".join(span.to_json() for span in spans)
    assert "SECRET" not in written
    assert "Herbert" not in written
    assert "Dune" not in written


@pytest.mark.parametrize("way", ["live", "saved"])
def test_content_is_told_where_the_host_wants_it(way: str) -> None:
    spans, end = watched(options={"content": True}, question="Who?")
    spans = spans if way == "live" else exported(end.trace, content=True)
    found = one(spans, "execute_tool retrieve").attributes
    assert json.loads(found["gen_ai.tool.call.arguments"]) == {"query": "Dune", "topk": 3}
    assert json.loads(found["gen_ai.tool.call.result"])[0] == "Dune 0 SECRET"
    assert one(spans, "invoke_workflow pyrag_dsl").attributes["pyrag.run.final_answer"] == "Frank Herbert"


def test_openinference_has_its_own_names() -> None:
    spans, end = watched(options={"conventions": "openinference", "content": True})
    assert one(spans, "invoke_workflow pyrag_dsl").attributes["openinference.span.kind"] == "AGENT"
    asked = one(spans, "execute_tool answer").attributes
    assert asked["openinference.span.kind"] == "LLM"
    assert (asked["llm.token_count.total"], asked["llm.cost.total"]) == (12, 0.5)
    found = one(exported(end.trace, conventions="openinference", content=True), "execute_tool retrieve").attributes
    assert found["openinference.span.kind"] == "RETRIEVER"
    assert found["retrieval.documents.2.document.content"] == "Dune 2 SECRET"
    assert not [name for span in spans for name in span.attributes or {} if name.startswith("gen_ai.")]


def test_the_tools_of_agents_tell_their_model_and_their_passages(wiki: BM25Index) -> None:
    """Found with a real receiver: `models` is what agents report, and spans looked for `model`."""
    with ScriptedModelServer(lambda _: "<answer>Frank Herbert</answer>") as server:
        tools = {"retrieve": retrieve_tool(wiki), "answer": answer_tool(ChatModel("herbert-7b", server.base_url))}
        trace = pd.run(PLAN, tools).trace
    for conventions, name in (("gen_ai", "gen_ai.response.model"), ("openinference", "llm.model_name")):
        spans = exported(trace, conventions=conventions, content=True)
        assert one(spans, "execute_tool answer").attributes[name] == "herbert-7b"
    found = one(spans, "execute_tool retrieve").attributes
    assert found["retrieval.documents.0.document.id"] == "7"
    assert found["retrieval.documents.0.document.score"] > 0
    assert not any("document" in key for key in one(exported(trace), "execute_tool retrieve").attributes)


@pytest.fixture
def wiki() -> BM25Index:
    return BM25Index.of([Passage("7", "Dune", "Dune was written by Frank Herbert."), Passage("8", "Oslo", "A city.")])


@pytest.mark.parametrize("way", ["live", "saved"])
def test_a_failed_call_is_an_error_and_tells_what_it_has_cost(way: str) -> None:
    def answer(query: str, docs: Any = None) -> str:  # noqa: ARG001
        error = RuntimeError("SECRET")
        error.usage = {"tokens": 9}  # type: ignore[attr-defined]
        raise error

    spans, end = watched(tools={"retrieve": retrieve, "answer": answer})
    assert end.status == "ToolFailed"
    spans = spans if way == "live" else exported(end.trace)
    failed, root = one(spans, "execute_tool answer"), one(spans, "invoke_workflow pyrag_dsl")
    assert [span.status.status_code.name for span in (failed, root)] == ["ERROR", "ERROR"]
    assert failed.attributes["error.type"] == root.attributes["error.type"] == "PLAN500"
    assert failed.attributes["pyrag.usage.tokens"] == 9
    assert one(spans, "execute_tool retrieve").status.status_code.name == "UNSET"
    assert "SECRET" not in "".join(span.to_json() for span in spans)


def test_what_was_on_record_has_not_been_paid_again() -> None:
    recorded = pd.run(PLAN, TOOLS).trace
    asked = one(exported(pd.run(PLAN, TOOLS, journal=recorded).trace), "execute_tool answer").attributes
    assert asked["pyrag.call.cached"] is True
    assert "pyrag.usage.tokens" not in asked


def test_times_are_those_of_the_trace() -> None:
    trace = pd.run(PLAN, TOOLS).trace
    spans = exported(trace)
    for call in trace.calls:
        span = one(spans, f"execute_tool {call.tool}")
        assert (span.end_time - span.start_time) / 1e9 == pytest.approx(call.elapsed, abs=1e-6)


def test_a_run_is_below_the_span_that_is_current() -> None:
    made, kept = provider()
    with made.get_tracer("mine").start_as_current_span("request"):
        pd.run(PLAN, TOOLS, on_event=Tracing(made).live())
    request = one(kept.get_finished_spans(), "request")
    root = one(kept.get_finished_spans(), "invoke_workflow pyrag_dsl")
    assert root.parent.span_id == request.context.span_id


def test_a_run_that_was_cut_off_is_an_error() -> None:
    trace = pd.run(PLAN, TOOLS).trace
    cut = pd.Trace([event for event in trace if not isinstance(event, pd.RunFinished)])
    assert one(exported(cut), "invoke_workflow pyrag_dsl").status.status_code.name == "ERROR"


def test_other_conventions_are_refused() -> None:
    with pytest.raises(ValueError, match="one of gen_ai, openinference"):
        Tracing(conventions="mine")  # type: ignore[arg-type]


@contextmanager
def receiver(status: int = 200) -> Iterator[tuple[str, list[Any]]]:
    """A receiver of OTLP over HTTP: its address, and the spans that it has taken."""
    taken: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            request = ExportTraceServiceRequest.FromString(body)
            if self.path == "/v1/traces" and status == 200:
                taken.extend(s for r in request.resource_spans for scope in r.scope_spans for s in scope.spans)
            self.send_response(status if self.path == "/v1/traces" else 404)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_receiver_takes_the_spans_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.jsonl"
    trace = pd.run(TWICE, Service().tools, inputs=INPUTS, trace=path).trace
    with receiver() as (url, taken):
        assert pyrag(["trace", "export", str(path), "--otlp", url]) == 0
    assert capsys.readouterr().out == f"sent {len(trace.calls) + 1} spans to {url}\n"
    nodes = {a.value.string_value for span in taken for a in span.attributes if a.key == "gen_ai.tool.call.id"}
    assert nodes == {call.node for call in trace.calls}
    assert len({span.trace_id for span in taken}) == 1
    assert sum(not span.parent_span_id for span in taken) == 1


def test_a_receiver_that_refuses_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.jsonl"
    pd.run(PLAN, TOOLS, trace=path)
    with receiver(400) as (url, _):
        assert pyrag(["trace", "export", str(path), "--otlp", url]) == 5
    out, err = capsys.readouterr()
    assert out == ""
    (said,) = err.splitlines()
    assert f"{url}/v1/traces did not take the spans" in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--otlp", "localhost:4318"], "takes a URL such as http://localhost:4318"),
        (["--otlp", "http://localhost:1", "--conventions", "x"], "one of gen_ai, openinference"),
        ([], "otlp"),
    ],
)
def test_mistakes_are_said(more: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pd.run(PLAN, TOOLS, trace=tmp_path / "run.jsonl")
    assert pyrag(["trace", "export", str(tmp_path / "run.jsonl"), *more]) == 2
    assert said in capsys.readouterr().err


def test_without_opentelemetry_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'pyrag_dsl\[otel\]'"):
        Tracing()
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'pyrag_dsl\[otel\]'"):
        send(pd.run(PLAN, TOOLS).trace, "http://localhost:1")


def test_calls_that_a_killed_run_has_on_record_are_spans() -> None:
    trace = pd.run(PLAN, TOOLS).trace
    log = [event for event in trace if isinstance(event, (pd.RunStarted, pd.CallFinished))]
    is_a_tree_of(exported(pd.Trace(log)), calls_of(trace))
    hurried = [
        replace(event, times=[5.0, 9.0, 1.0]) if isinstance(event, pd.CallFinished) else event for event in trace
    ]
    is_a_tree_of(exported(pd.Trace(hurried)), calls_of(trace))
