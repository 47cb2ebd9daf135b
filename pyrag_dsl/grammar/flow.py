"""Warnings about the flow of control: loops that never end, and statements that cannot be reached."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from . import nodes as n
from .diagnostics import Diagnostic
from .findings import Findings

_LEAVES = (n.Return, n.Raise, n.Break, n.Continue)
_MUTATORS = frozenset({"append", "add", "extend", "pop", "remove", "insert", "update", "popleft", "discard", "clear"})


def check_flow(body: n.Block, found: Findings) -> None:
    """Warnings for a whole plan."""
    for node in found.walk(body):
        if type(node) is n.While and _repeats(node, found):
            message = "every round of this loop does the same: once it goes on, it never ends"
            way_out = "Change the query each time, or count the rounds: for _ in range(3): ... break"
            found.add(Diagnostic("PLAN220", message, node.test.span, severity="warning", help=way_out))
        for block in node:
            if type(block) is tuple:
                for before, after in pairwise(block):
                    if type(before) in _LEAVES:
                        found.add(Diagnostic("PLAN221", "this is never reached", after.span, severity="warning"))
                        break


def _repeats(loop: n.While, found: Findings) -> bool:
    """Whether nothing that the test of a loop depends on can change from one iteration to the next."""
    sources: dict[str, set[str]] = {}
    for node in found.walk(loop.body):
        kind = type(node)
        if kind in (n.Return, n.Raise, n.Break, n.AugAssign, n.FunctionDef, n.For, n.Try, n.Walrus, n.Delete, n.Assert):
            return False
        if kind is n.FunctionCall and type(node.function) is n.Attribute and node.function.name in _MUTATORS:
            return False
        if kind is n.FunctionCall and type(node.function) is n.Name and node.function.id == "next":
            return False
        if kind is n.Assign:
            if not all(type(target) is n.Name for target in node.targets):
                return False
            reads = {part.id for part in n.walk(node.value) if type(part) is n.Name}
            for target in node.targets:
                sources.setdefault(target.id, set()).update(reads)
    if type(loop.test) is n.Const or any(
        type(part) in (n.FunctionCall, n.ToolCall) for part in _unknown_calls(loop.test)
    ):
        return type(loop.test) is n.Const and bool(loop.test.value)
    return not any(_feeds_itself(name, sources) for name in sources)


def _unknown_calls(test: Any) -> list[Any]:
    """The calls in a test that are not methods of text."""
    return [
        part
        for part in n.walk(test)
        if type(part) is n.ToolCall or (type(part) is n.FunctionCall and type(part.function) is not n.Attribute)
    ]


def _feeds_itself(name: str, sources: dict[str, set[str]]) -> bool:
    """Whether a new value of a name depends on its old value, so that iterations can differ."""
    seen: set[str] = set()
    stack = [name]
    while stack:
        for source in sources.get(stack.pop(), ()):
            if source == name:
                return True
            if source not in seen:
                seen.add(source)
                stack.append(source)
    return False
