"""Checks the events of a file before anything uses them: each field has a test, by its name, in the table below."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

from ..grammar.codes import CODES
from ..grammar.diagnostics import Diagnostic, Span
from ..interpreter.journal import COUNTED
from ..interpreter.limits import UNLIMITED, Limits
from .events import Event

Test = Callable[[Any], bool]


def flaw(event: Event) -> str:
    """The name of a field whose value does not have its declared type; "" if all fields have."""
    for item in fields(event):
        if not _BY_NAME[item.name](getattr(event, item.name)):
            return item.name
    return ""


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _count(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


def _seconds(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value) and value >= 0


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _record(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_text, value))


def _usage(value: Any) -> bool:
    return _record(value) and all(
        value.get(name) is None or (not _flag(value[name]) and _seconds(value[name])) for name in COUNTED
    )


def _previews(value: Any) -> bool:
    return _record(value) and all(map(_text, value.values()))


def _limits(value: Any) -> bool:
    usual = asdict(Limits())
    return _record(value) and all(
        (name in UNLIMITED and each is None) or (name in usual and _seconds(each)) for name, each in value.items()
    )


def _place(value: Any) -> bool:
    return isinstance(value, Span) and all(isinstance(part, int) and part >= 0 for part in value)


def _diagnostic(value: Any) -> bool:
    return (
        isinstance(value, Diagnostic)
        and _text(value.code)
        and value.code in CODES
        and value.severity in ("error", "warning", "note")
        and all(map(_text, (value.message, value.help, *value.notes, *value.nodes)))
        and _previews(value.values)
        and (value.span is None or _place(value.span))
        and all(_place(span) and _text(message) for span, message in value.related)
        and all(
            _text(fix.title) and all(_place(edit.span) and _text(edit.text) for edit in fix.edits)
            for fix in value.fixes
        )
    )


_BY_NAME: dict[str, Test] = {
    **dict.fromkeys(
        (
            "source",
            "started",
            "node",
            "alias",
            "tool",
            "hook",
            "decision",
            "by",
            "title",
            "text",
            "status",
            "within",
            "error",
        ),
        _text,
    ),
    **dict.fromkeys(("seq", "calls", "statements_left_out"), _count),
    **dict.fromkeys(("cached", "speculative", "final"), _flag),
    **dict.fromkeys(("arguments", "detail", "signatures", "inputs"), _record),
    "about": lambda value: _record(value) and all(isinstance(each, (str, int, float)) for each in value.values()),
    "usage": _usage,
    "elapsed": _seconds,
    "times": lambda value: value is None or (type(value) is list and len(value) == 3 and all(map(_seconds, value))),
    "overrides": _record,
    "seen": lambda value: value is None or _record(value),
    "names": _previews,
    "limits": _limits,
    "span": _place,
    "diagnostic": _diagnostic,
    **dict.fromkeys(("result", "final_answer"), lambda _value: True),  # any value of a plan
    "version": lambda _value: True,  # `Trace.load` has checked it
}
