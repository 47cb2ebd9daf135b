"""The possible side effects of code that was skipped: names it may bind, objects it may change, jumps it may make.

A concurrent pass skips code that needs a pending value, and continues. Everything that the skipped code may have
changed is unknown from then on. This module finds, on the safe side, which names lead to objects that the code may
change, and how far. The kind of a node decides: an argument of a tool is copied, an operand of `==` is only read, and
an object that is passed on may be changed by its receiver, unless that is a builtin with the flag `reads`. What a call
may have done that was begun is for `pending.ConcurrentMachine.change`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..grammar import nodes as n
from .builtins import BUILTINS
from .scopes import Place, Scope, bound_names, target_names

# How far code may change the object of a name.
LOOKED_AT = 1  # the object is read, which changes only iterators (consumed) and defaultdicts (filled)
HELD = 2  # the items of the object are passed on and may change, but not the object itself
HANDED_ON = 3  # the object and everything that it holds may change


class Effects(NamedTuple):
    """What the code of some nodes may do.

    Attributes:
        names: places of the names that are read, each with how far its object may change.
        aliases: places of names whose objects may be part of the resulting value.
        binds: places of the names that may be bound or unbound.
        jumps: how the code may leave its block: "break", "continue", "return", "raise".
        lasting: whether the code makes functions or generators, whose use may later have the same effects.
        asks: whether the code contains a tool call.
    """

    names: tuple[tuple[Place, int], ...]
    aliases: tuple[Place, ...]
    binds: tuple[Place, ...]
    jumps: frozenset[str]
    lasting: bool
    asks: bool


def effects(nodes: Iterable[Any], scope: Scope) -> Effects:
    """The combined effects of nodes in this scope."""
    nodes = tuple(nodes)
    reader, giver = _Reader(scope), _Reader(scope)
    for node in nodes:
        reader.read(node, LOOKED_AT)
        giver.read(node, HANDED_ON)
    return Effects(
        tuple([(scope.find(name), level) for name, level in reader.levels.items()]),
        tuple([scope.find(name) for name, level in giver.levels.items() if level > reader.levels.get(name, 0)]),
        tuple([scope.find(name) for name in sorted(bound_names(nodes) | reader.declared)]),
        frozenset(_jumps(nodes, False)),
        any(map(_makes_function, n.walk(nodes))),
        _asks(nodes),
    )


def effects_outside(nodes: Iterable[Any], scope: Scope) -> Effects:
    """The effects outside their own frame of nodes that form the body of a function or generator."""
    nodes = tuple(nodes)
    reader = _Reader(scope)
    for node in nodes:
        reader.read(node, HANDED_ON)
    names = [(scope.find(name), level) for name, level in reader.levels.items()]
    binds = [scope.find(name) for name in sorted(reader.declared)]
    return Effects(
        tuple([(place, level) for place, level in names if place[0] != "local"]),
        (),
        tuple([place for place in binds if place[0] != "local"]),
        frozenset(),
        True,
        _asks(nodes),
    )


class _Reader:
    """Collects, for each name, the highest level at which it is used."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.levels: dict[str, int] = {}
        self.declared: set[str] = set()  # names that an inner function or generator binds in an outer scope

    def read(self, node: Any, level: int) -> None:
        """Visit a node whose value is used at this level."""
        handler = _READ.get(type(node))
        if handler is not None:
            handler(self, node, level)
        elif isinstance(node, tuple):  # blocks, and kinds of nodes that pass on all of their parts
            for part in n.parts(node):
                self.read(part, HANDED_ON)

    def all(self, nodes: Iterable[Any], level: int) -> None:
        for node in nodes:
            self.read(node, level)

    def name(self, node: n.Name, level: int) -> None:
        self.levels[node.id] = max(level, self.levels.get(node.id, 0))

    # ---------------------------------------------------------------- expressions

    def text(self, node: n.FString, _level: int) -> None:
        self.all([part for part in node.parts if type(part) is not str], LOOKED_AT)

    def hole(self, node: n.Hole, _level: int) -> None:
        self.read(node.value, LOOKED_AT)
        if node.spec is not None:
            self.read(node.spec, LOOKED_AT)

    def looked_at(self, node: Any, _level: int) -> None:
        """The operands are read, and the result holds no part of them."""
        self.all(_flat(node), LOOKED_AT)

    def display(self, node: Any, level: int) -> None:
        """A new container: a change of what the container holds changes the items given here."""
        self.all(_flat(node), HANDED_ON if level > LOOKED_AT else LOOKED_AT)

    def new(self, node: Any, level: int) -> None:
        """A new value that may hold the items of its operands."""
        self.all(_flat(node), min(level, HELD))

    def same(self, node: Any, level: int) -> None:
        """The value is one of the operands or, like a bound method, belongs to one."""
        self.all(_flat(node), level)

    def unary(self, node: n.Unary, level: int) -> None:
        self.read(node.operand, LOOKED_AT if node.op == "not" else min(level, HELD))

    def conditional(self, node: n.Conditional, level: int) -> None:
        self.read(node.test, LOOKED_AT)
        self.read(node.then, level)
        self.read(node.otherwise, level)

    def subscript(self, node: n.Subscript, level: int) -> None:
        self.read(node.value, min(level, HELD))
        self.read(node.index, LOOKED_AT)

    def call(self, node: n.FunctionCall, level: int) -> None:
        function = node.function
        entry = BUILTINS.get(function.id) if type(function) is n.Name and self.is_builtin(function.id) else None
        if entry is not None and entry.reads and not node.keywords:  # a keyword argument may be a function to call
            self.all(node.args, min(level, HELD))
            return
        self.all((function, *node.args, *[value for _, value in node.keywords]), HANDED_ON)

    def is_builtin(self, name: str) -> bool:
        return self.scope.find(name)[0] == "global" and name not in self.scope.module_names()

    def function(self, node: Any, _level: int) -> None:
        """A function is defined: each of its calls may have the effects of the body."""
        self.all([param.default for param in node.params if param.default is not None], HANDED_ON)
        self.read(node.body, HANDED_ON)

    def comprehension(self, node: n.Comprehension, level: int) -> None:
        inner = _Reader(self.scope)
        made = [node.element] if node.value is None else [node.element, node.value]
        inner.all(made, HANDED_ON if level > LOOKED_AT else LOOKED_AT)
        for clause in node.clauses:
            inner.all(clause.conditions, LOOKED_AT)
            inner.target(clause.target)
        self.loop(inner, [clause.target for clause in node.clauses], [clause.iterable for clause in node.clauses])

    def loop(self, inner: _Reader, targets: list[Any], iterables: list[Any]) -> None:
        """Add the names that the body of a loop uses. The targets stand for items of the iterables."""
        names = set().union(*map(target_names, targets))
        handed_on = any(inner.levels.get(name, 0) > LOOKED_AT for name in names)
        for iterable in iterables:
            inner.read(iterable, HELD if handed_on else LOOKED_AT)
        for name, level in inner.levels.items():
            self.levels[name] = max(level, self.levels.get(name, 0))
        self.declared |= inner.declared

    def walrus(self, node: n.Walrus, _level: int) -> None:
        """In a generator, `:=` binds a name of the enclosing scope, whenever the generator is read."""
        self.read(node.value, HANDED_ON)
        self.declared.add(node.name)

    # ----------------------------------------------------------------- statements

    def target(self, node: Any) -> None:
        """Assigning or deleting an item changes its container. Binding a name changes no object."""
        if type(node) is n.Subscript:
            self.read(node.value, HANDED_ON)
            self.read(node.index, LOOKED_AT)
        elif type(node) is not n.Name:
            for part in _flat(node):
                self.target(part)

    def assign(self, node: n.Assign | n.Delete, _level: int) -> None:
        for target in node.targets:
            self.target(target)
        if type(node) is n.Assign:
            self.read(node.value, HANDED_ON)

    def aug_assign(self, node: n.AugAssign, _level: int) -> None:
        self.read(node.target, HANDED_ON)
        self.target(node.target)
        self.read(node.value, HANDED_ON)

    def for_(self, node: n.For, _level: int) -> None:
        inner = _Reader(self.scope)
        inner.target(node.target)
        inner.all((*node.body, *node.orelse), HANDED_ON)
        self.loop(inner, [node.target], [node.iterable])

    def branches(self, node: n.If | n.While, _level: int) -> None:
        self.read(node.test, LOOKED_AT)
        self.all((*node.body, *node.orelse), HANDED_ON)

    def assert_(self, node: n.Assert, _level: int) -> None:
        self.all([part for part in (node.test, node.message) if part is not None], LOOKED_AT)

    def expr_stmt(self, node: n.ExprStmt, _level: int) -> None:
        self.read(node.value, LOOKED_AT)

    def scope_stmt(self, node: n.ScopeStmt, _level: int) -> None:
        self.declared.update(node.names)


def _flat(node: Any) -> list[Any]:
    """The direct children of a node, including those in plain tuples."""
    found: list[Any] = []
    for part in n.parts(node):
        found += _flat(part) if type(part) is tuple else [part]
    return found


# A kind of node that is not in this table passes on all of its parts.
_READ: dict[type, Callable[[_Reader, Any, int], None]] = {
    n.Name: _Reader.name,
    n.FString: _Reader.text,
    n.Hole: _Reader.hole,
    n.ListDisplay: _Reader.display,
    n.TupleDisplay: _Reader.display,
    n.SetDisplay: _Reader.display,
    n.DictDisplay: _Reader.display,
    n.Starred: _Reader.new,
    n.Unary: _Reader.unary,
    n.Binary: _Reader.new,
    n.Compare: _Reader.looked_at,
    n.ToolCall: _Reader.looked_at,
    n.Logic: _Reader.same,
    n.Attribute: _Reader.same,
    n.Slice: _Reader.looked_at,
    n.Conditional: _Reader.conditional,
    n.Subscript: _Reader.subscript,
    n.FunctionCall: _Reader.call,
    n.Lambda: _Reader.function,
    n.Comprehension: _Reader.comprehension,
    n.Walrus: _Reader.walrus,
    n.Assign: _Reader.assign,
    n.AugAssign: _Reader.aug_assign,
    n.Delete: _Reader.assign,
    n.ExprStmt: _Reader.expr_stmt,
    n.If: _Reader.branches,
    n.While: _Reader.branches,
    n.For: _Reader.for_,
    n.FunctionDef: _Reader.function,
    n.Assert: _Reader.assert_,
    n.ScopeStmt: _Reader.scope_stmt,
}


def _asks(nodes: Any) -> bool:
    return any(type(node) is n.ToolCall for node in n.walk(nodes))


def _makes_function(node: Any) -> bool:
    return type(node) in (n.FunctionDef, n.Lambda) or (type(node) is n.Comprehension and node.kind == "generator")


def _jumps(node: Any, in_loop: bool) -> set[str]:
    """The explicit jumps out of these statements."""
    kind = type(node)
    if kind is n.Return:
        return {"return"}
    if kind is n.Raise:
        return {"raise"}
    if kind is n.Break or kind is n.Continue:
        return set() if in_loop else {"break" if kind is n.Break else "continue"}
    if kind is n.FunctionDef or kind is n.Lambda:
        return set()
    if kind is n.For or kind is n.While:
        return _jumps(node.body, True) | _jumps(node.orelse, in_loop)
    found: set[str] = set()
    for part in n.parts(node):
        found |= _jumps(part, in_loop)
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
    """Whether a statement that was skipped could still raise; `harmless` says which expressions cannot."""
    kind = type(statement)
    if kind is n.Assign:
        return not (harmless(statement.value) and all(type(target) is n.Name for target in statement.targets))
    if kind is n.ExprStmt:
        return not harmless(statement.value)
    return kind is not n.Return or (statement.value is not None and not harmless(statement.value))
