"""From an exception in a pass to a diagnostic with a place in the source."""

from __future__ import annotations

import json
import re
from typing import Any

from ..grammar import nodes as n
from ..grammar.diagnostics import Diagnostic, Span
from ..grammar.language import RESULT_NAMES
from ..grammar.program import Program
from .limits import LimitHit, PlanFault
from .values import CONTAINERS, type_name

# The first class that matches counts, so subclasses come before their bases.
_CODES: tuple[tuple[type[BaseException], str], ...] = (
    (AssertionError, "PLAN308"),
    (ZeroDivisionError, "PLAN307"),
    (NameError, "PLAN306"),
    (AttributeError, "PLAN305"),
    (KeyError, "PLAN304"),
    (IndexError, "PLAN303"),
    (ValueError, "PLAN302"),
    (TypeError, "PLAN301"),
)
_VALUE = 60  # characters of a value that a diagnostic shows


def locate(error: BaseException, machine: Any = None) -> Any:
    """The node in which an exception was raised: the innermost `_node` on its traceback."""
    if machine is not None and id(error) in machine.origins:
        return machine.origins[id(error)][1]
    node = None
    trace = error.__traceback__
    while trace is not None:
        found = trace.tb_frame.f_locals.get("_node")
        if found is not None:
            node = found
        trace = trace.tb_next
    return node


def diagnose(error: Exception, machine: Any) -> Diagnostic:
    """The diagnostic of an exception that the plan did not catch."""
    node = locate(error, machine)
    if isinstance(error, (RecursionError, MemoryError)):
        return Diagnostic("PLAN407", "function calls or expressions are nested too deeply", _span(node))
    code = next((code for kind, code in _CODES if isinstance(error, kind)), "PLAN300")
    name = type(error).__name__
    text = _message(error)
    if code == "PLAN305" and "'NoneType'" in text and re.search(r"'(?:group|groups|groupdict|start|end|span)'", text):
        code = "PLAN309"
    return Diagnostic(
        code,
        f"{name}: {text}" if text else name,
        _span(node),
        help=_way_out(text),
        values=_values(node, error, machine),
    )


def answer_span(program: Program) -> Span | None:
    """The place of the last statement that binds the answer of the plan, as far as the text shows."""
    last = None
    for node in n.walk(program.body):
        if type(node) is n.Return or (
            type(node) is n.Assign and any(type(t) is n.Name and t.id in RESULT_NAMES for t in node.targets)
        ):
            last = node.span
    return last


def no_answer(program: Program) -> list[Diagnostic]:
    """The warning that a plan has ended without an answer, with the assignments that could have bound one."""
    found: list[tuple[Any, Any]] = []  # (assignment, the compound statement around it)
    for statement in program.body:
        for node in n.walk(statement):
            if type(node) is n.Assign and not (type(node.value) is n.Const and node.value.value is None):
                names = {target.id for target in node.targets if type(target) is n.Name}
                if names & set(RESULT_NAMES):
                    found.append((node, statement))
    if not found:
        return []
    assignment, around = found[-1]
    message = "the plan has ended, and its answer is None"
    if assignment is around:
        return [Diagnostic("PLAN310", message, assignment.span, severity="warning")]
    note = f"the assignment on line {assignment.span.line} was not carried out"
    header = around.span._replace(end_line=around.span.line, end_column=around.span.column + 2)
    return [Diagnostic("PLAN310", message, header, severity="warning", notes=(note,))]


def diagnose_limit(hit: LimitHit) -> Diagnostic:
    return Diagnostic(hit.code, hit.message, _span(locate(hit)))


def diagnose_border(fault: PlanFault) -> Diagnostic:
    return Diagnostic(fault.code, fault.message, _span(locate(fault)), help=_way_out(fault.message))


def _span(node: Any) -> Span | None:
    """The place of a node. An attribute in a chain over several lines is placed at its name, as in CPython."""
    if node is None:
        return None
    span: Span = node.span
    part = node.function if type(node) is n.FunctionCall else node
    if type(part) is n.Attribute and part.span.line != part.span.end_line:
        return span._replace(line=part.span.end_line, column=max(part.span.end_column - len(part.name), 1))
    return span


def _message(error: Exception) -> str:
    """The message of an exception in one short line: it may quote a passage."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} (line {error.lineno}, column {error.colno})"
    args = [arg for arg in error.args if type(arg) in (str, int, float, bool)]
    text = repr(args[0]) if isinstance(error, KeyError) and args else " ".join(map(str, args[:1]))
    return shorten(text, 200)


# The help for a failure, by a pattern for its message; the first match counts. The table of codes has the other helps.
_WAYS_OUT = [
    (re.compile(said), way_out)
    for said, way_out in (
        (
            r"'NoneType' object has no attribute '(group|groups|groupdict|start|end|span)'",
            "The pattern did not match: test it first, m.group() if m else ...",
        ),
        (
            r"'NoneType'",
            "The value is None, as of a search that found nothing or of .get() without a default: test for None first.",
        ),
        (
            r"invalid literal for int\(\)|could not convert string to float",
            "Answers are free text: take the digits out first, for example with re.search(r'\\d+', text).",
        ),
        (r"does not match format|unconverted data|Invalid isoformat", "Catch ValueError and try another format."),
        (
            r"index out of range|pop from empty",
            "There are fewer items than that: test the length first, x[0] if x else ...",
        ),
        (
            r"values to unpack",
            "The parts are more or fewer than the names: test their number first, or take them by index.",
        ),
        (r"arg is an empty sequence|argument is empty", "Nothing is in it: give a default, max(items, default=...)."),
        (r"at least one data point|no median|no mode", "Nothing is in it: test the length first."),
        (r"substring not found|not in list", "It is not in there: test with `in` first."),
        (r"division by zero|modulo", "Test the divisor first: a / b if b else ..."),
        (
            r"can only concatenate str|requires string as left operand|expected str instance|must be str, not",
            "Convert it with str(...), or use an f-string.",
        ),
        (
            r"unsupported operand|not supported between",
            "The two are of different types: convert both first, with int(...) or str(...).",
        ),
        (r"indices must be integers", "It is a list or a text, which has positions and no keys: index it by a number."),
        (
            r"object is not iterable|is not a container",
            "It is one value and no list: use it as it is, or put it into a list.",
        ),
        (
            r"must be text, not (a list|a tuple|a set|a dict)",
            "Ask once for each item, or join the items: ' '.join(items).",
        ),
        (r"must be text, not None", "The value is None: test for None first, and use another text then."),
        (r"must be text, not", "Convert it with str(...)."),
        (r"must be a list of texts, not (a str|text)", "Put the text into a list: docs=[text]."),
        (r"must be a list of texts", "Every item must be text: [str(item) for item in items]."),
        (r"must be 1 to", "Pass a number in that range, or leave the argument out."),
    )
]


WAYS_OUT = frozenset(way_out for _, way_out in _WAYS_OUT) | {""}
"""All texts that a pass may give as help."""


def _way_out(message: str) -> str:
    return next((way_out for said, way_out in _WAYS_OUT if said.search(message)), "")


def _values(node: Any, error: Exception, machine: Any) -> dict[str, str]:
    """The variables read in the failing expression, with their types and, where these are short, their values."""
    if node is None:
        return {}
    frame = _frame(error) or machine.globals
    found: dict[str, str] = {}
    for part in n.walk(node):
        if type(part) is n.Name and part.id in frame and len(found) < 6:
            found.setdefault(part.id, describe(frame[part.id]))
    return found


def _frame(error: BaseException) -> dict[Any, Any] | None:
    """The frame of the plan in which the exception was raised."""
    frame = None
    trace = error.__traceback__
    while trace is not None:
        names = trace.tb_frame.f_locals
        if "_node" in names and isinstance(names.get("frame"), dict):
            frame = names["frame"]
        trace = trace.tb_next
    return frame


def describe(value: Any) -> str:
    """A value in a few words. Text beyond `_VALUE` characters is cut, and items of containers are not shown."""
    kind = type(value)
    if kind is str:
        return f"str {shorten(value, _VALUE)!r}"
    if kind in (int, float, bool, type(None)):
        return shorten(repr(value), _VALUE)
    if kind in CONTAINERS:
        return f"{type_name(value)} of {len(value)}"
    return type_name(value)


def shorten(text: str, limit: int) -> str:
    """One line of at most `limit` characters."""
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 3] + "..."
