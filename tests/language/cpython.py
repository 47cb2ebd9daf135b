"""A plan run by this package and by CPython's `exec`, and all that can be seen of either run.

Documented differences are taken out here: sets are compared without their order, named tuples leave a plan as
tuples, and a tool that is given what it cannot take ends the plan, uncatchably.
"""

from __future__ import annotations

import ast
import builtins
import collections
import contextlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrag_dsl as pd
from pyrag_dsl.grammar.language import RESULT_NAMES
from pyrag_dsl.runtime.events import Printed
from pyrag_dsl.testing.cpython import FELL_THROUGH, can_leave, implied, in_function

Tools = Mapping[str, Callable[..., Any]]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run left: its value, or the class of the exception and its line; calls and output in order."""

    value: str = ""
    error: str = ""
    line: int = 0
    calls: tuple[str, ...] = ()
    printed: str = ""


class BadCall(BaseException):
    """A tool was given arguments that it cannot take: a plan cannot catch that."""


def shown(value: Any) -> str:
    """A value with the exact types of all its parts, without the order of sets."""
    kind = type(value)
    if isinstance(value, (set, frozenset)):
        return f"{kind.__name__}{{{', '.join(sorted(map(shown, value)))}}}"
    if isinstance(value, dict):
        factory = f"{value.default_factory!r}, " if isinstance(value, collections.defaultdict) else ""
        return f"{kind.__name__}({factory}{', '.join(f'{shown(k)}: {shown(v)}' for k, v in value.items())})"
    if isinstance(value, tuple):
        return f"({', '.join(map(shown, value))},)"
    if isinstance(value, (list, collections.deque, type({}.keys()), type({}.values()), type({}.items()))):
        return f"{kind.__name__}[{', '.join(map(shown, value))}]"
    return f"{kind.__name__} {value!r}"


def stub_retrieve(query: str, topk: int = 5) -> list[str]:
    return [f"{query} / {number}" for number in range(min(topk, 3))]


def stub_answer(query: str, docs: list[str] | None = None) -> str:
    known = {"year": "1999", "none": "", "yes": "yes", "unknown": "unknown", "pair": "Ann, Bob"}
    return known.get(query, f"<{query}|{len(docs or ())}>")


STUBS: Tools = {"retrieve": stub_retrieve, "answer": stub_answer}


def recorded(tools: Tools, calls: list[str], *, check: bool) -> dict[str, Callable[..., Any]]:
    """The two tools with every call noted; `check` refuses what does not fit their signatures."""

    def retrieve(query: Any, topk: Any = 5) -> Any:
        if check and (type(query) is not str or type(topk) is not int or not 1 <= topk <= 100):
            raise BadCall
        calls.append(f"retrieve({query!r}, {topk!r})")
        return tools["retrieve"](query, topk)

    def answer(query: Any, docs: Any = None) -> Any:
        if check:
            if type(docs) is str:
                docs = [docs]
            elif type(docs) in (tuple, set, frozenset, collections.deque, *_VIEWS):
                docs = list(docs)
            fits = docs is None or (type(docs) is list and all(type(item) is str for item in docs))
            if type(query) is not str or not fits:
                raise BadCall
        calls.append(f"answer({query!r}, {docs!r})")
        return tools["answer"](query, None if docs is None else list(docs))

    return {"retrieve": retrieve, "answer": answer}


_VIEWS: tuple[type, ...] = (type({}.keys()), type({}.values()), type({}.items()))


def ours(text: str, tools: Tools = STUBS, mode: str = "sequential") -> Seen:
    """The plan run by this package. The calls of one that failed are in the order in which they were made."""
    calls: list[str] = []
    try:
        result = pd.run(text, tools=recorded(tools, calls, check=False), mode=mode)
    except pd.PlanError as error:
        diagnostic = error.diagnostics[0]
        kind = diagnostic.message.partition(":")[0] if isinstance(error, pd.PlanFailed) else type(error).__name__
        if diagnostic.code in ("PLAN501", "PLAN311"):
            kind = diagnostic.code
        printed = "" if error.trace is None else "".join(event.text for event in error.trace.of(Printed))
        line = diagnostic.span.line if diagnostic.span else 0
        return Seen("", kind, 0 if kind == "PLAN311" else line, tuple(calls), printed)
    made = [f"{call.tool}({', '.join(map(repr, call.arguments.values()))})" for call in result.calls]
    return Seen(shown(result.final_answer), "", 0, tuple(made), result.printed)


def cpythons(text: str, tools: Tools = STUBS) -> Seen:
    """The plan run by `exec`, its top-level statements in a function if one of them returns."""
    calls: list[str] = []
    plan = compile(in_function(ast.parse(text)), "<plan>", "exec", dont_inherit=True)
    names: dict[str, Any] = {
        "__name__": "__main__",
        "__builtins__": {**vars(builtins), **implied()},
        **recorded(tools, calls, check=True),
    }
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            exec(plan, names)
    except (Exception, BadCall) as error:
        line, trace = 0, error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == "<plan>":
                line = trace.tb_lineno
            trace = trace.tb_next
        kind = "PLAN501" if isinstance(error, BadCall) else type(error).__name__
        return Seen("", kind, line, tuple(calls), out.getvalue())
    value = names.get("__value__")
    if "__value__" not in names or value is FELL_THROUGH:
        value = next((names[name] for name in RESULT_NAMES if name in names), None)
    if not can_leave(value):
        return Seen("", "PLAN311", 0, tuple(calls), out.getvalue())
    return Seen(shown(value), "", 0, tuple(calls), out.getvalue())


def programs(topic: str) -> list[tuple[str, str]]:
    """The programs of one file: (name, text). Each begins with `=== name`; in `=== lines`, each line is one."""
    found: list[tuple[str, str]] = []
    text = (Path(__file__).parent / "programs" / f"{topic}.txt").read_text(encoding="utf-8")
    for part in text.split("\n=== ")[1:]:
        name, _, body = part.partition("\n")
        if name.startswith("lines"):
            found += [(line, f"final_answer = {line}\n") for line in body.splitlines() if line.strip()]
        else:
            found.append((name, body.strip("\n") + "\n"))
    return found
