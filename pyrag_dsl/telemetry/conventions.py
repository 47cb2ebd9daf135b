"""The attributes of spans of runs and calls: one table from our words to their names in two conventions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from ..grammar.diagnostics import Diagnostic
from ..interpreter.codec import dumps, encode_shown
from ..interpreter.journal import REUSED
from ..runtime.calls import CallRecord
from ..runtime.events import RunFinished, RunStarted

Conventions = Literal["gen_ai", "openinference"]
CONVENTIONS: tuple[Conventions, ...] = ("gen_ai", "openinference")


class SpanRow(NamedTuple):
    """One fact of a span.

    Attributes:
        fact: our word for it.
        gen_ai: its name in GenAI's conventions; "" if these have none.
        openinference: its name in OpenInference's conventions; "" if these have none.
        content: whether it holds questions, plans, arguments or results, which leave the process only if the host
            allows it.
    """

    fact: str
    gen_ai: str
    openinference: str
    content: bool = False


TABLE = (
    SpanRow("operation", "gen_ai.operation.name", ""),
    SpanRow("kind", "", "openinference.span.kind"),
    SpanRow("workflow", "gen_ai.agent.name", "agent.name"),
    SpanRow("tool", "gen_ai.tool.name", "tool.name"),
    SpanRow("tool_type", "gen_ai.tool.type", ""),
    SpanRow("node", "gen_ai.tool.call.id", "tool.id"),
    SpanRow("model", "gen_ai.response.model", "llm.model_name"),
    SpanRow("prompt_tokens", "gen_ai.usage.input_tokens", "llm.token_count.prompt"),
    SpanRow("completion_tokens", "gen_ai.usage.output_tokens", "llm.token_count.completion"),
    SpanRow("tokens", "pyrag.usage.tokens", "llm.token_count.total"),
    SpanRow("cost", "pyrag.usage.cost", "llm.cost.total"),
    SpanRow("error", "error.type", "error.type"),
    SpanRow("alias", "pyrag.call.alias", "pyrag.call.alias"),
    SpanRow("line", "pyrag.call.line", "pyrag.call.line"),
    SpanRow("cached", "pyrag.call.cached", "pyrag.call.cached"),
    SpanRow("speculative", "pyrag.call.speculative", "pyrag.call.speculative"),
    SpanRow("status", "pyrag.run.status", "pyrag.run.status"),
    SpanRow("calls", "pyrag.run.calls", "pyrag.run.calls"),
    SpanRow("arguments", "gen_ai.tool.call.arguments", "input.value", content=True),
    SpanRow("result", "gen_ai.tool.call.result", "output.value", content=True),
    SpanRow("documents", "", "retrieval.documents", content=True),
    SpanRow("question", "pyrag.run.question", "input.value", content=True),
    SpanRow("answer", "pyrag.run.final_answer", "output.value", content=True),
    SpanRow("plan", "pyrag.run.plan", "pyrag.run.plan", content=True),
)
"""GenAI: https://github.com/open-telemetry/semantic-conventions-genai, version 0.1 (`invoke_workflow`, `execute_tool`).
OpenInference: https://github.com/Arize-ai/openinference/tree/main/spec. What neither has a word for begins with
`pyrag.`."""

_COUNTED = ("prompt_tokens", "completion_tokens", "tokens", "cost")


def attributes(facts: Mapping[str, Any], conventions: Conventions, content: bool) -> dict[str, Any]:
    """The attributes of a span, from what is known of it.

    Args:
        facts: the facts by the words of the table; None for a fact that is not known.
        conventions: the conventions whose names are used.
        content: whether to include questions, plans, arguments and results.
    """
    found: dict[str, Any] = {}
    for row in TABLE:
        name, value = getattr(row, conventions), facts.get(row.fact)
        if not name or value is None or (row.content and not content):
            continue
        if row.fact == "documents":
            found.update({f"{name}.{key}": fact for key, fact in value.items()})
        else:
            found[name] = value if type(value) in (str, int, float, bool) else dumps(encode_shown(value))
    return found


def call_facts(call: CallRecord, error: Diagnostic | None = None, nests: bool = False) -> dict[str, Any]:
    """The facts of a call. Tokens and cost are only given for calls that this run has made, so they can be added up.

    Args:
        call: the record of the call.
        error: the diagnostic of its failure.
        nests: whether the call made a nested run.
    """
    paid = {} if call.cached or REUSED in call.usage else call.usage
    searches = isinstance(call.result, list) and "query" in call.arguments and "docs" not in call.arguments
    return {
        "operation": "execute_tool",
        "kind": "CHAIN" if nests else "LLM" if "tokens" in call.usage else "RETRIEVER" if searches else "TOOL",
        "tool": call.tool,
        "tool_type": "datastore" if searches else "function",
        "node": call.node,
        "alias": call.alias or None,
        "line": None if call.span is None else call.span.line,
        "cached": call.cached,
        "speculative": call.speculative or None,
        "arguments": dict(call.arguments),
        "result": call.result if call.ended else None,
        "documents": _documents(call) if searches else None,
        "model": _models(call.usage),
        "error": None if error is None else error.code,
        **{name: paid.get(name) for name in _COUNTED},
    }


def run_facts(started: RunStarted, finished: RunFinished | None, error: Diagnostic | None = None) -> dict[str, Any]:
    """The facts of a run; `finished` is None while the run continues, or if it was cut off."""
    facts: dict[str, Any] = {
        "operation": "invoke_workflow",
        "kind": "AGENT",
        "workflow": "pyrag_dsl",
        "question": started.question or None,
        "plan": started.source,
    }
    if finished is not None:
        facts.update(status=finished.status, calls=finished.calls, answer=finished.final_answer)
        if finished.status != "done":
            facts["error"] = finished.status if error is None else error.code
    return facts


def _models(usage: Mapping[str, Any]) -> str | None:
    """The models behind a call by name: those of our agents, or what a tool of the host has told."""
    told = usage.get("models", usage.get("model"))
    return ", ".join(map(str, told)) if isinstance(told, list) else told if isinstance(told, str) else None


def _documents(call: CallRecord) -> dict[str, str | float]:
    """The passages of a search, with their ids and scores where the retriever has told them."""
    found: dict[str, str | float] = {}
    for number, passage in enumerate(call.result):
        found[f"{number}.document.content"] = passage if type(passage) is str else dumps(encode_shown(passage))
    for fact, told, types in (("id", "passages", (str,)), ("score", "scores", (int, float))):
        each = call.usage.get(told)
        if isinstance(each, list) and len(each) == len(call.result):
            found.update({f"{n}.document.{fact}": value for n, value in enumerate(each) if type(value) in types})
    return found
