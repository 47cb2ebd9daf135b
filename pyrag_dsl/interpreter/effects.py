"""What a statement may do, for when it cannot be carried out yet.

A suspended statement leaves unknown every name and object that it may write, and may leave its block by a jump.
Both are read off its text, on the safe side: a name that may be an alias counts as one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..grammar import nodes as n
from .scopes import bound_names

MUTATORS = frozenset(
    "append appendleft add clear difference_update discard extend extendleft insert intersection_update move_to_end"
    " pop popitem popleft remove reverse rotate setdefault sort subtract symmetric_difference_update update".split()
)


@dataclass(frozen=True, slots=True)
class Effects:
    """What some statements may do.

    Attributes:
        writes: names they may bind or unbind in their own scope.
        roots: names of objects that they may change.
        loads: names they read.
        wide: whether they may change an object that has no name here, so that every name read is a root.
        calls: whether they may call a function of the plan.
        ways: the jumps by which they may leave: "break", "continue", "return", "raise".
    """

    writes: frozenset[str]
    roots: frozenset[str]
    loads: frozenset[str]
    wide: bool
    calls: bool
    ways: frozenset[str]


def effects(statements: Iterable[Any]) -> Effects:
    """The effects of statements (or of parts of one) taken together."""
    statements = tuple(statements)
    writes = bound_names(statements)
    roots: set[str] = set()
    loads: set[str] = set()
    wide = calls = False
    for node in n.walk(statements):
        kind = type(node)
        if kind is n.Name:
            loads.add(node.id)
        elif kind is n.Call:
            calls = True
            function = node.function
            if type(function) is n.Attribute and function.name in MUTATORS:
                root = _root(function.value)
                wide = wide or root is None or root in writes
                roots.add(root or "")
            elif type(function) is n.Name and function.id == "next":
                wide = True
        elif kind is n.Assign or kind is n.For or kind is n.Delete or kind is n.AugAssign or kind is n.Clause:
            for target in node.targets if kind in (n.Assign, n.Delete) else (node.target,):
                for part in n.walk(target):
                    if type(part) is n.Subscript:
                        root = _root(part.value)
                        wide = wide or root is None or root in writes
                        roots.add(root or "")
            if kind is n.AugAssign and type(node.target) is n.Name:
                roots.add(node.target.id)
    return Effects(
        frozenset(writes),
        frozenset(roots - {""}),
        frozenset(loads | writes),
        wide,
        calls,
        frozenset(_ways(statements, False)),
    )


def _root(node: Any) -> str | None:
    """The name at the root of `name[i].attr[j]`."""
    while type(node) in (n.Subscript, n.Attribute):
        node = node.value
    return node.id if type(node) is n.Name else None


def _ways(node: Any, in_loop: bool) -> set[str]:
    """Explicit jumps out of these statements."""
    kind = type(node)
    if kind is n.Return:
        return {"return"}
    if kind is n.Raise or kind is n.Assert:
        return {"raise"}
    if kind is n.Break or kind is n.Continue:
        return set() if in_loop else {"break" if kind is n.Break else "continue"}
    if kind is n.FunctionDef or kind is n.Lambda:
        return set()
    if kind is n.For or kind is n.While:
        return _ways(node.body, True) | _ways(node.orelse, in_loop)
    found: set[str] = set()
    for part in n.parts(node):
        found |= _ways(part, in_loop)
    return found


def total(node: Any) -> bool:
    """Whether an expression cannot raise once the tool calls in it have come back."""
    kind = type(node)
    if kind is n.Const or kind is n.Name:
        return True
    if kind is n.FString:
        return all(type(p) is str or (p.spec is None and total(p.value)) for p in node.parts)
    if kind is n.ToolCall:
        return all(map(total, node.args)) and all(name is not None and total(value) for name, value in node.keywords)
    if kind is n.ListDisplay or kind is n.TupleDisplay:
        return all(map(total, node.items))
    if kind is n.Logic:
        return all(map(total, node.operands))
    if kind is n.Conditional:
        return total(node.test) and total(node.then) and total(node.otherwise)
    return kind is n.Unary and node.op == "not" and total(node.operand)


def certain(node: Any) -> bool:
    """Whether an expression is `total`, and none of its tool calls can be refused for the type of an argument."""
    return total(node) and not any(
        type(arg) is n.Name
        for call in n.walk(node)
        if type(call) is n.ToolCall
        for arg in (*call.args, *[value for _, value in call.keywords])
    )


def may_raise(statement: Any, harmless: Callable[[Any], bool] = total) -> bool:
    """Whether a suspended statement could still raise; `harmless` says which expressions cannot."""
    kind = type(statement)
    if kind is n.Assign:
        return not (harmless(statement.value) and all(type(target) is n.Name for target in statement.targets))
    if kind is n.ExprStmt:
        return not harmless(statement.value)
    return kind is not n.Return or (statement.value is not None and not harmless(statement.value))
