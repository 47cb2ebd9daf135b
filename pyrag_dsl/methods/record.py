"""The record of a question in the format of PyRAG (arXiv 2605.12975), and the folder to which it is written.

People and unknown tools read the folder. Therefore untrusted texts (questions, passages, replies) are written on
single lines without control characters, so that none of them looks like a line of this program.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ..quoting import one_line, visible, written
from ..runtime.calls import CallRecord
from ..runtime.trace import Trace, replace_file

RULE = "=" * 60
_DEEPEST = 40  # levels of nested containers that are written


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionRecord:
    """The record of a question, with the names of PyRAG.

    Attributes:
        original_query: the question.
        sub_queries: the sub-queries.
        generated_code: the plan that ran last, or the last draft.
        execution_log: the tool calls in program order: {step, type, query, topk, docs} for a retrieve, {step, type,
            query, docs, answer_raw, answer_returned} for an answer, and {step, type, arguments, returned} for others.
        variables: the variables of the plan at its end; empty if it failed.
        final_answer: the answer; None if the plan failed.
        retried_with_topk10: whether a retrieve was repeated for more passages.
    """

    original_query: str
    sub_queries: tuple[str, ...] = ()
    generated_code: str = ""
    execution_log: tuple[Mapping[str, Any], ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    final_answer: Any = None
    retried_with_topk10: bool = False

    def to_json(self) -> dict[str, Any]:
        """The record as plain data for JSON: tuples and sets become lists, and dates become text."""
        return {
            "original_query": self.original_query,
            "sub_queries": list(self.sub_queries),
            "generated_code": self.generated_code,
            "execution_log": plain([dict(entry) for entry in self.execution_log]),
            "variables": plain(dict(self.variables)),
            "final_answer": plain(self.final_answer),
            "retried_with_topk10": self.retried_with_topk10,
        }


def execution_log(trace: Trace | None) -> tuple[dict[str, Any], ...]:
    """The calls of a run in program order, without those that the plan did not reach."""
    if trace is None:
        return ()
    made = [call for call in trace.calls if call.ended and not call.speculative]
    return tuple(_entry(step, call) for step, call in enumerate(made, 1))


def _entry(step: int, call: CallRecord) -> dict[str, Any]:
    arguments = call.arguments
    if call.tool == "retrieve":
        more = {"query": arguments.get("query"), "topk": arguments.get("topk"), "docs": call.result}
    elif call.tool == "answer":
        more = {
            "query": arguments.get("query"),
            "docs": arguments.get("docs"),
            "answer_raw": call.usage.get("raw", call.result),
            "answer_returned": call.result,
        }
    else:
        more = {"arguments": dict(arguments), "returned": call.result}
    return {"step": step, "type": call.tool, **more}


def plain(value: Any, depth: int = 0) -> Any:
    """A value of a plan as JSON data."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else repr(value)
    if depth >= _DEEPEST:
        return "..."
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else repr(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item, depth + 1) for item in value]
    return str(value)


# ---------------------------------------------------------------------- folder


def make_folder(output_dir: str | Path, now: datetime) -> Path:
    """Make a new folder `YYYYmmdd_HHMMSS`, with `_2` and so on appended if it exists."""
    base = Path(output_dir)
    base.mkdir(parents=True, exist_ok=True)
    name = now.strftime("%Y%m%d_%H%M%S")
    for number in range(1, 100_000):
        folder = base / (name if number == 1 else f"{name}_{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"there is no free name for a folder in {base}")


def write_folder(folder: Path, record: QuestionRecord, error: str = "") -> None:
    """Write `generated_code.py`, `execution_log.txt` and `result.json`, the last with `error` if there is one."""
    replace_file(folder / "generated_code.py", visible(record.generated_code))
    replace_file(folder / "execution_log.txt", render_log(record))
    data = record.to_json()
    del data["generated_code"]
    if error:
        data["error"] = visible(error)
    # The file is ASCII, so that no character in it hides or reorders text.
    replace_file(folder / "result.json", json.dumps(data, ensure_ascii=True, indent=2) + "\n")


def render_log(record: QuestionRecord) -> str:
    """The calls as text: each begins with a rule, and has a line for each of its fields."""
    lines: list[str] = []
    for entry in record.execution_log:
        lines += [RULE, f"[Step {entry['step']}]  type={entry['type']}"]
        for label, value in _lines(entry):
            lines.append(f"  {label}: {one_line(written(value))}")
    lines.append(RULE)
    return "\n".join(lines) + "\n"


def _lines(entry: Mapping[str, Any]) -> list[tuple[str, Any]]:
    if entry["type"] not in ("retrieve", "answer"):
        return [*entry.get("arguments", {}).items(), ("returned", entry.get("returned"))]
    docs = entry["docs"]
    shown = [(f"doc{number}", doc) for number, doc in enumerate(docs, 1)] if isinstance(docs, (list, tuple)) else []
    if entry["type"] == "retrieve":
        return [("query", entry["query"]), ("topk", entry["topk"]), *shown]
    return [
        ("query", entry["query"]),
        *shown,
        ("returned", entry["answer_returned"]),
        ("raw", entry["answer_raw"]),
    ]
