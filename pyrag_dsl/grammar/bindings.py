"""Warnings about names: names that may be unbound where they are used, and results that are never used.

One forward visit follows all paths: a name is known to be bound after a branch if all its paths bind it. The free names
of functions are not checked, since they are looked up when the function is called.
"""

from __future__ import annotations

from typing import Any

from . import nodes as n
from .diagnostics import Diagnostic, Span
from .findings import Findings
from .language import RESULT_NAMES

Known = set[str] | None
"""The names that are bound for sure; None at a place that no path reaches."""


def check_bindings(body: n.Block, found: Findings) -> None:
    """Warnings for a whole plan."""
    checker = _BindingChecker(_own_names(body), found)
    checker.block(body, set())
    for name, call in checker.results.items():
        if name not in checker.loads and name not in RESULT_NAMES and not name.startswith("_"):
            message = f"`{name}` is never used: `{call.tool}` is called for nothing"
            found.add(Diagnostic("PLAN223", message, call.span, severity="warning", help="Use it, or delete the call."))


class _BindingChecker:
    def __init__(self, names: dict[str, Span], found: Findings) -> None:
        self.names = names  # the names of the current scope, each with the place where it is first bound
        self.breaks: list[list[set[str]]] = []  # for each enclosing loop, the names bound at each of its `break`s
        self.continues: list[list[set[str]]] = []
        self.found = found
        self.reported: set[str] = set()
        self.loads: set[str] = set()
        self.results: dict[str, n.ToolCall] = {}

    def way(self, known: set[str]) -> set[str]:
        """A copy of the known names, for one of several paths."""
        self.found.charge(len(known) >> 3)
        return set(known)

    # ------------------------------------------------------------- statements

    def block(self, statements: n.Block, known: Known) -> Known:
        for statement in statements:
            if known is None:
                for node in self.found.walk(statement):  # only the names that unreachable code reads matter
                    if type(node) is n.Name:
                        self.loads.add(node.id)
                continue
            known = self.statement(statement, known)
        return known

    def statement(self, node: Any, known: set[str]) -> Known:
        kind = type(node)
        if kind is n.Assign:
            self.expr(node.value, known)
            for target in node.targets:
                self.bind(target, known)
            if type(node.value) is n.ToolCall and len(node.targets) == 1 and type(node.targets[0]) is n.Name:
                self.results.setdefault(node.targets[0].id, node.value)
        elif kind is n.AugAssign:
            self.expr(node.target, known)
            self.expr(node.value, known)
            self.bind(node.target, known)
        elif kind is n.If:
            return self.if_(node, known)
        elif kind is n.For:
            self.expr(node.iterable, known)
            return self.loop(node, known, forever=False, once=_is_filled(node.iterable))
        elif kind is n.While:
            self.expr(node.test, known)
            forever = type(node.test) is n.Const and bool(node.test.value)
            return self.loop(node, known, forever=forever, once=forever)
        elif kind is n.Try:
            return self.try_(node, known)
        elif kind is n.FunctionDef:
            self.function(node, known)
        elif kind is n.Break or kind is n.Continue:
            (self.breaks if kind is n.Break else self.continues)[-1].append(self.way(known))
            return None
        elif kind is n.Delete:
            for target in node.targets:
                self.expr(target, known)
                known -= {part.id for part in _targets(target) if type(part) is n.Name}
        elif kind is n.Import:
            known.update(name for name, _, _ in node.bindings)
        elif kind is not n.ScopeStmt:
            self.expr(node, known)
            if kind is n.Return or kind is n.Raise:
                return None
        return known

    def if_(self, node: n.If, known: set[str]) -> Known:
        self.expr(node.test, known)
        then = self.block(node.body, self.way(known))
        if is_main(node.test):
            return then
        return _either([then, self.block(node.orelse, self.way(known))])

    def loop(self, node: n.For | n.While, known: set[str], *, forever: bool, once: bool) -> Known:
        """Visit a loop.

        Args:
            node: the loop.
            known: the names that are bound before it.
            forever: whether only `break` ends it.
            once: whether its body is carried out at least once.
        """
        inside = self.way(known)
        if type(node) is n.For:
            self.bind(node.target, inside)
        self.breaks.append([])
        self.continues.append([])
        rounds = self.block(node.body, inside)
        breaks, continues = self.breaks.pop(), self.continues.pop()
        after: Known = _either([rounds, *continues]) if once else known
        ends: list[Known] = [] if forever else [self.block(node.orelse, None if after is None else self.way(after))]
        return _either([*ends, *breaks])

    def try_(self, node: n.Try, known: set[str]) -> Known:
        ends = [self.block(node.orelse, self.block(node.body, self.way(known)))]
        for handler in node.handlers:
            inside = self.way(known)
            if handler.type is not None:
                self.expr(handler.type, inside)
            if handler.name is not None:
                inside.add(handler.name)
            end = self.block(handler.body, inside)
            ends.append(None if end is None else end - {handler.name or ""})
        after = _either(ends)
        last = self.block(node.finalbody, self.way(known))
        return None if after is None or last is None else (after | (last - known)) - (known - last)

    def function(self, node: n.FunctionDef, known: set[str]) -> None:
        for param in node.params:
            if param.default is not None:
                self.expr(param.default, known)
        known.add(node.name)
        outer = self.names, self.breaks, self.continues, self.reported
        self.names, self.breaks, self.continues, self.reported = _own_names(node.body), [], [], set()
        self.block(node.body, {param.name for param in node.params})
        self.names, self.breaks, self.continues, self.reported = outer

    def bind(self, target: Any, known: set[str]) -> None:
        for part in _targets(target):
            if type(part) is n.Name:
                known.add(part.id)
            else:
                self.expr(part, known)

    # ------------------------------------------------------------ expressions

    def expr(self, node: Any, known: set[str]) -> None:
        """Check every name that an expression reads, in the order of evaluation as far as it matters here."""
        kind = type(node)
        if kind is n.Name:
            self.load(node, known)
        elif kind is n.Walrus:
            self.expr(node.value, known)
            known.add(node.name)
        elif kind is n.Comprehension:
            inside = self.way(known)
            for clause in node.clauses:
                self.expr(clause.iterable, inside)
                self.bind(clause.target, inside)
                for condition in clause.conditions:
                    self.expr(condition, inside)
            self.expr(node.element, inside)
            if node.value is not None:
                self.expr(node.value, inside)
            known |= {part.name for part in self.found.walk(node) if type(part) is n.Walrus}
        elif kind is n.Lambda:
            self.loads.update(part.id for part in self.found.walk(node) if type(part) is n.Name)
        elif node is not None:
            for part in n.parts(node):
                self.expr(part, known)

    def load(self, node: n.Name, known: set[str]) -> None:
        name = node.id
        self.loads.add(name)
        if name in known or name in self.reported or name not in self.names:
            return
        self.reported.add(name)
        self.found.add(
            Diagnostic(
                "PLAN222",
                f"`{name}` may be unbound here: not every way through the plan binds it",
                node.span,
                severity="warning",
                help=f"Give `{name}` a value before the branch or the loop that binds it.",
                related=((self.names[name], "it is bound here"),),
            )
        )


def _either(ways: list[Known]) -> Known:
    """The names that all of these paths bind."""
    ends = [way for way in ways if way is not None]
    return set.intersection(*ends) if ends else None


def _targets(target: Any) -> list[Any]:
    """The names and items that a target consists of."""
    if type(target) is n.TupleDisplay or type(target) is n.ListDisplay:
        return [part for item in target.items for part in _targets(item)]
    return _targets(target.value) if type(target) is n.Starred else [target]


def _own_names(body: n.Block) -> dict[str, Span]:
    """The names that a scope binds, with the first place of each, without those declared `global` or `nonlocal`."""
    found: dict[str, Span] = {}
    declared: set[str] = set()
    stack: list[Any] = [*body[::-1]]
    while stack:
        node = stack.pop()
        kind = type(node)
        targets: list[Any] = []
        if kind is n.Assign:
            targets = [part for target in node.targets for part in _targets(target)]
        elif kind is n.AugAssign or kind is n.For:
            targets = _targets(node.target)
        elif kind is n.Walrus or kind is n.FunctionDef:
            found.setdefault(node.name, node.span)
        elif kind is n.Import:
            for name, _, _ in node.bindings:
                found.setdefault(name, node.span)
        elif kind is n.Handler and node.name is not None:
            found.setdefault(node.name, node.span)
        elif kind is n.ScopeStmt:
            declared.update(node.names)
        for part in targets:
            if type(part) is n.Name:
                found.setdefault(part.id, part.span)
        if kind is not n.FunctionDef and kind is not n.Lambda:
            stack += n.parts(node)[::-1]
    return {name: span for name, span in found.items() if name not in declared}


def _is_filled(iterable: Any) -> bool:
    """Whether an iterable surely has items."""
    kind = type(iterable)
    if kind is n.ListDisplay or kind is n.TupleDisplay or kind is n.SetDisplay:
        return any(type(item) is not n.Starred for item in iterable.items)
    if kind is n.Const:
        return bool(iterable.value)
    if kind is n.FunctionCall and type(iterable.function) is n.Name and not iterable.keywords:
        args, name = iterable.args, iterable.function.id
        if name == "enumerate" or name == "reversed" or name == "sorted":
            return bool(args) and _is_filled(args[0])
        if name == "range" and len(args) == 1:
            return type(args[0]) is n.Const and type(args[0].value) is int and args[0].value > 0
    return False


def is_main(test: Any) -> bool:
    """Whether a test is that of `if __name__ == "__main__":`; the vetter has replaced the name by its value."""
    if type(test) is not n.Compare or type(test.left) is not n.Const or len(test.rest) != 1:
        return False
    ((op, right),) = test.rest
    return op == "==" and type(right) is n.Const and right.value == test.left.value == "__main__"
