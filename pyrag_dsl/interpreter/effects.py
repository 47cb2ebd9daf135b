"""What a piece of a plan may do that is not carried out yet: bind names, change objects, leave its block.

A concurrent pass goes on past what it cannot carry out. All that the skipped piece may have changed is unknown from
then on, so this reads off its text, on the safe side, which names lead to objects that it may change, and how far.
What a kind of node does with its operands decides, never the name of a method: an argument of a tool is copied, an
operand of `==` is looked at, and whatever else is handed on may be changed by whoever gets it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..grammar import nodes as n
from .builtins import BUILTINS
from .scopes import Place, Scope, bound_names, target_names

# How far a piece of text may change what a name stands for.
LOOKED_AT = 1  # it is read: only an iterator is consumed by that, and a defaultdict filled
HELD = 2  # what it holds may change: its items are handed on
HANDED_ON = 3  # it may change itself, with everything that it holds


class Effects(NamedTuple):
    """What some nodes may do.

    Attributes:
        names: places of the names that they read, each with how far what it stands for may change.
        aliases: places of names whose objects may be part of the value that they give.
        binds: places of the names that they may bind or unbind.
        ways: the jumps by which they may leave their block: "break", "continue", "return", "raise".
        lasting: whether they make functions or generators, which may do the same again whenever they are used.
        asks: whether a tool call stands among them.
    """

    names: tuple[tuple[Place, int], ...]
    aliases: tuple[Place, ...]
    binds: tuple[Place, ...]
    ways: frozenset[str]
    lasting: bool
    asks: bool


def effects(nodes: Iterable[Any], scope: Scope) -> Effects:
    """The effects of nodes, taken together, that stand in this scope."""
    nodes = tuple(nodes)
    reader, giver = _Reader(scope), _Reader(scope)
    for node in nodes:
        reader.read(node, LOOKED_AT)
        giver.read(node, HANDED_ON)
    return Effects(
        tuple([(scope.find(name), level) for name, level in reader.levels.items()]),
        tuple([scope.find(name) for name, level in giver.levels.items() if level > reader.levels.get(name, 0)]),
        tuple([scope.find(name) for name in sorted(bound_names(nodes) | reader.declared)]),
        frozenset(_ways(nodes, False)),
        any(map(_makes_function, n.walk(nodes))),
        _asks(nodes),
    )


def effects_outside(nodes: Iterable[Any], scope: Scope) -> Effects:
    """What nodes that have a frame of their own may do beyond it: the body of a function, or of a generator."""
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
        self.declared: set[str] = set()  # names that a function or a generator inside binds outside of itself

    def read(self, node: Any, level: int) -> None:
        """`level`: what becomes of the node's value."""
        handler = _READ.get(type(node))
        if handler is not None:
            handler(self, node, level)
        elif isinstance(node, tuple):  # blocks, and kinds whose parts are all handed on
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
        """Operands are read, and the result holds nothing of them."""
        self.all(_flat(node), LOOKED_AT)

    def display(self, node: Any, level: int) -> None:
        """A new container: whoever changes what it holds changes its items."""
        self.all(_flat(node), HANDED_ON if level > LOOKED_AT else LOOKED_AT)

    def new(self, node: Any, level: int) -> None:
        """A new value that may hold the items of its operands."""
        self.all(_flat(node), min(level, HELD))

    def same(self, node: Any, level: int) -> None:
        """The value is one of the operands, or belongs to it as a bound method does."""
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
        if entry is not None and entry.reads and not node.keywords:  # a keyword may hand it a function to call
            self.all(node.args, min(level, HELD))
            return
        self.all((function, *node.args, *[value for _, value in node.keywords]), HANDED_ON)

    def is_builtin(self, name: str) -> bool:
        return self.scope.find(name)[0] == "global" and name not in self.scope.module_names()

    def function(self, node: Any, _level: int) -> None:
        """A function made here: what its body may change, it may change whenever it is called."""
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
        """Take over what the body of a loop uses; what its targets stand for are items of its iterables."""
        names = set().union(*map(target_names, targets))
        handed_on = any(inner.levels.get(name, 0) > LOOKED_AT for name in names)
        for iterable in iterables:
            inner.read(iterable, HELD if handed_on else LOOKED_AT)
        for name, level in inner.levels.items():
            self.levels[name] = max(level, self.levels.get(name, 0))
        self.declared |= inner.declared

    def walrus(self, node: n.Walrus, _level: int) -> None:
        """In a generator it binds a name of the scope around, whenever the generator is read."""
        self.read(node.value, HANDED_ON)
        self.declared.add(node.name)

    # ----------------------------------------------------------------- statements

    def target(self, node: Any) -> None:
        """To assign or delete an item changes its container; to bind a name changes no object."""
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
    """The nodes right below a node, those in plain tuples too."""
    found: list[Any] = []
    for part in n.parts(node):
        found += _flat(part) if type(part) is tuple else [part]
    return found


# What is not here hands on all of its parts.
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


def _ways(node: Any, in_loop: bool) -> set[str]:
    """Explicit jumps out of these statements."""
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
