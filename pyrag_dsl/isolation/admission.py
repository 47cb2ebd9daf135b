"""Checks the replies of a worker: each becomes an outcome, or `Garbled` is raised.

A plan that has broken out of the interpreter can send any reply. Therefore nothing in a reply is trusted: names of
tools and places are looked up in the host's own tree, recorded calls in the host's own journal, arguments and the final
value pass the border again, and all sizes are checked against the limits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from ..grammar.codes import CODES
from ..grammar.diagnostics import Diagnostic, Span
from ..grammar.language import REQUIRED, Signature
from ..grammar.nodes import ToolCall, walk
from ..grammar.program import Program
from ..grammar.wording import HOST_CODES
from ..interpreter.border import check_argument, final_value
from ..interpreter.codec import Garbled, decode_plan
from ..interpreter.faults import WAYS_OUT
from ..interpreter.interpret import Outcome
from ..interpreter.journal import Call, Entry, Journal, Overrides, overridden
from ..interpreter.limits import LimitHit, Limits, PlanFault
from ..interpreter.previews import Preview

_STATUSES = ("done", "failed", "limit", "waiting")
_PHASES = ("run", "limit", "tool")
_TEXT = 4_000  # characters in a part of a diagnostic
_NODE = 4_000  # characters in the name of a node
_MANY = 64  # parts of a diagnostic
_ATOMS = frozenset({bool, int, float, str, type(None)})


class Admission:
    """Checks the replies to one run's passes."""

    def __init__(self, program: Program, journal: Journal, signatures: Mapping[str, Signature], limits: Limits) -> None:
        self.journal = journal
        self.signatures = signatures
        self.limits = limits
        self._numbers: dict[int, tuple[int, Entry]] = {}  # by id; the entry is kept, so that its id stays its own
        self._count = 0
        self.nodes = list(walk(program.body))
        self.sites = {node.span: node.tool for node in self.nodes if type(node) is ToolCall}
        self.lines = program.source.count("\n") + 1
        self.width = max(map(len, program.source.split("\n"))) + 1

    def numbered(self) -> dict[int, Entry]:
        """The entries of the journal by number. Nodes do not identify them, because a node may have several."""
        known: dict[int, tuple[int, Entry]] = {}
        for entry in self.journal:
            found = self._numbers.get(id(entry))
            if found is None:
                self._count += 1
                found = (self._count, entry)
            known[id(entry)] = found
        self._numbers = known
        return dict(known.values())

    def outcome(
        self,
        told: Any,
        entries: Mapping[int, Entry],
        overrides: Overrides,
        variables: Callable[[], dict[str, Any]],
    ) -> Outcome:
        """The outcome in a reply.

        Args:
            told: the reply.
            entries: the entries that the worker knows, by number.
            overrides: the overrides of the pass; the reply holds the arguments before overrides.
            variables: fetches the variables of the plan when they are first read.
        """
        try:
            return self._outcome(told, entries, overrides, variables)
        except (KeyError, TypeError, ValueError, IndexError, OverflowError, PlanFault, LimitHit):
            raise Garbled("a reply that no interpreter gives") from None

    def _outcome(
        self,
        told: Any,
        entries: Mapping[int, Entry],
        overrides: Overrides,
        variables: Callable[[], dict[str, Any]],
    ) -> Outcome:
        status = told["status"]
        _require(status in _STATUSES)
        diagnostics = tuple(map(self.diagnostic, _list(told["diagnostics"], _MANY)))
        _require(status not in ("failed", "limit") or len(diagnostics) > 0)
        calls = self.calls(told["calls"], entries, overrides)
        after = _list(told["calls_after"], len(calls))
        _require(len(after) == len(calls) and all(map(_count, after)))
        wanted = tuple(call for call in calls if call.entry is None)
        _require(status != "done" or not wanted)
        blockers = [_text(node, _NODE) for node in _list(told["blockers"], self.limits.tool_calls + 1)]
        printed = _text(told["printed"], self.limits.output)
        _require(_count(told["left_out"]) and type(told["resolved"]) is type(told["complete"]) is bool)
        return Outcome(
            status,
            final_value(decode_plan(told["value"]), self.limits) if status == "done" else None,
            diagnostics,
            calls,
            wanted,
            list(map(self.statement, _list(told["statements"], self.limits.events))),
            after,
            told["left_out"],
            printed,
            Variables(variables),
            None,
            told["resolved"],
            frozenset(blockers),
            told["complete"],
        )

    def calls(self, rows: Any, entries: Mapping[int, Entry], overrides: Overrides) -> tuple[Call, ...]:
        counts: dict[str, int] = {}
        seen: set[str] = set()
        found = []
        for node, place, recorded, arguments in _list(rows, self.limits.tool_calls):
            span = self.span(place)
            tool = self.sites[span]
            _require(_text(node, _NODE).startswith(f"{tool}@{span}") and node not in seen)
            seen.add(node)
            counts[tool] = counts.get(tool, 0) + 1
            alias = f"{tool}#{counts[tool]}"
            rules = overrides.get(node)
            _require(recorded is None or _count(recorded))
            entry = None if recorded is None else entries[recorded]
            _require(entry is None or (entry.tool == tool and (arguments is not None) == bool(rules)))
            asked = None if arguments is None else self.arguments(tool, arguments)
            if entry is not None:
                given = entry.arguments
            else:
                _require(asked is not None)
                given = overridden(asked or {}, rules or ())
            found.append(Call(node, alias, tool, given, span, entry, asked if rules else None))
        return tuple(found)

    def arguments(self, tool: str, told: Any) -> dict[str, Any]:
        """The arguments of a call as the plan gave them, copied over the border as in this process."""
        signature = self.signatures[tool]
        _require(type(told) is dict and told.keys() == {param.name for param in signature.params})
        arguments: dict[str, Any] = {}
        for param in signature.params:
            value = decode_plan(told[param.name])
            default = param.default
            if default is not REQUIRED and type(value) is type(default) and value == default:
                arguments[param.name] = default
            else:
                arguments[param.name] = check_argument(tool, param, value, self.limits)
        return arguments

    def statement(self, row: Any) -> tuple[Any, Any]:
        """A statement of the host's own tree, and its value as far as a preview needs it."""
        at, shown = row
        _require(_count(at))
        return self.nodes[at], _preview(shown)

    def diagnostic(self, told: Any) -> Diagnostic:
        found = Diagnostic.from_json(told)
        _require(found.code in CODES and found.phase in _PHASES and found.severity in ("error", "warning", "note"))
        _require(found.count == 1 and found.code not in HOST_CODES and found.help in WAYS_OUT)
        if found.span is not None:
            self.span(found.span)
        parts = [found.message, found.help, *found.notes, *found.nodes, *found.values, *found.values.values()]
        for span, message in found.related:
            self.span(span)
            parts.append(message)
        for fix in found.fixes:
            _require(fix.applicability in ("safe", "maybe"))
            parts.append(fix.title)
            for edit in fix.edits:
                self.span(edit.span)
                parts.append(edit.text)
        _list(parts, _MANY)
        for part in parts:
            _text(part, _TEXT)
        return found

    def span(self, told: Any) -> Span:
        """A place in the source."""
        found = Span(*told)
        _require(all(map(_count, found)) and (found.line, found.column) <= (found.end_line, found.end_column))
        _require(found.line >= 1 and found.end_line <= self.lines)
        _require(found.column >= 1 and max(found.column, found.end_column) <= self.width)
        return found


class Variables(dict[str, Any]):
    """The variables of an isolated plan. They are fetched by one more pass when they are first read."""

    def __init__(self, ask: Callable[[], dict[str, Any]]) -> None:
        super().__init__()
        self._ask: Callable[[], dict[str, Any]] | None = ask

    def items(self) -> Any:
        """The names and values of the plan. Nothing reads the variables in another way."""
        if self._ask is not None:
            ask, self._ask = self._ask, None
            self.update(ask())
        return super().items()


def plan_variables(told: Any) -> dict[str, Any]:
    """The variables in a reply, as a plan's own types. Raises `Garbled`."""
    if type(told) is not dict:
        raise Garbled("no variables")
    return {name: decode_plan(value) for name, value in told.items()}


def _preview(shown: Any) -> Any:
    if type(shown) is list:
        kind, size, first = shown
        _require(size is None or _count(size))
        return Preview(_kind(kind), size, None if first is None else _text(first, _TEXT))
    value = decode_plan(shown)
    _require(type(value) in _ATOMS and (type(value) is not str or len(value) <= _TEXT))
    return value


@lru_cache(256)
def _kind(name: str) -> type:
    """A type with this name, of which a preview shows nothing else."""
    _require(_text(name, 64).isidentifier())
    return type(name, (), {})


def _require(holds: bool) -> None:
    if not holds:
        raise Garbled("a reply that no interpreter gives")


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**53


def _list(value: Any, most: int) -> list[Any]:
    _require(type(value) is list and len(value) <= most)
    return value  # type: ignore[no-any-return]


def _text(value: Any, most: int) -> str:
    _require(type(value) is str and len(value) <= most)
    return value  # type: ignore[no-any-return]
