"""Static scopes: they tell which frame holds a name, before anything runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from ..grammar import nodes as n
from .builtins import BUILTINS, IMPLICIT

Place = tuple[str, int, str]


class Scope:
    """The names of the module, of a function, or of a comprehension that needs a frame of its own."""

    def __init__(
        self,
        parent: Scope | None,
        local: Iterable[str],
        statements: Iterable[Any] = (),
        comprehension: bool = False,
    ) -> None:
        self.parent = parent
        self.comprehension = comprehension
        self.local = set(local)
        self.slots: dict[str, str] = {}
        self.globals: set[str] = set()
        for statement in statements:
            for node in _own(statement):
                if type(node) is n.ScopeStmt:
                    self.local -= set(node.names)
                    if node.kind == "global":
                        self.globals.update(node.names)

    def find(self, name: str) -> Place:
        """Where a name is: ("local", "outer" or "global", number of frames to go out, key in that frame)."""
        hops = 0
        scope: Scope = self
        while scope.parent is not None:
            if name in scope.slots:
                return ("outer" if hops else "local"), hops, scope.slots[name]
            if name in scope.globals:
                break
            if name in scope.local:
                return ("outer" if hops else "local"), hops, name
            scope = scope.parent
            hops += 1
        else:
            if name in scope.slots:
                return ("outer" if hops else "local"), hops, scope.slots[name]
        return "global", 0, name

    def module_names(self) -> set[str]:
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope.local

    def renamed(self, names: Iterable[str]) -> Scope:
        """A scope for the inside of a comprehension that shares this frame: its targets get keys of their own."""
        inner = Scope(self.parent, self.local)
        inner.comprehension = self.comprehension
        inner.globals = self.globals
        depth = sum(key.count("'") for key in self.slots.values()) + 1
        inner.slots = {**self.slots, **{name: name + "'" * depth for name in names}}
        return inner


def _own(node: Any) -> Iterable[Any]:
    """The nodes of a statement, without those of inner functions."""
    stack = [node]
    while stack:
        item = stack.pop()
        yield item
        if type(item) not in (n.FunctionDef, n.Lambda):
            stack += n.parts(item)


def bound_names(nodes: Iterable[Any]) -> set[str]:
    """The names that these nodes bind in their own scope."""
    found: set[str] = set()
    stack: list[Any] = list(nodes)
    while stack:
        item: Any = stack.pop()
        kind: Any = type(item)
        if kind is n.Assign:
            for target in item.targets:
                found |= target_names(target)
            stack += (*item.targets, item.value)
        elif kind is n.AugAssign:
            found |= target_names(item.target)
            stack += (item.target, item.value)
        elif kind is n.For:
            found |= target_names(item.target)
            stack += (item.target, item.iterable, item.body, item.orelse)
        elif kind is n.Walrus:
            found.add(item.name)
            stack.append(item.value)
        elif kind is n.FunctionDef:
            found.add(item.name)
            stack += [param.default for param in item.params]
        elif kind is n.Lambda:
            stack += [param.default for param in item.params]
        elif kind is n.Import:
            found.update(name for name, _, _ in item.bindings)
        elif kind is n.Delete:
            for target in item.targets:
                found |= target_names(target)
            stack += item.targets
        elif kind is n.Comprehension:
            stack += [part for part in n.walk(item) if type(part) is n.Walrus]
        elif kind is n.Handler:
            found |= {item.name} if item.name else set()
            stack += n.parts(item)
        elif isinstance(item, tuple):
            stack += n.parts(item)
    return found


def target_names(target: Any) -> set[str]:
    """The names that an assignment to `target` binds."""
    kind = type(target)
    if kind is n.Name:
        return {target.id}
    if kind is n.TupleDisplay or kind is n.ListDisplay:
        return set().union(*[target_names(item) for item in target.items]) if target.items else set()
    return target_names(target.value) if kind is n.Starred else set()


def contains(node: Any, kind: type) -> bool:
    """Whether a node contains a node of this kind."""
    return any(type(part) is kind for part in n.walk(node))


def holds_inner_function(node: n.Comprehension) -> bool:
    """Whether the comprehension contains a lambda or generator, which could outlive it and so needs its own frame."""
    return any(
        type(part) is n.Lambda or (type(part) is n.Comprehension and part.kind == "generator" and part is not node)
        for part in n.walk(node)
    )


def load_missing(name: str, where: str) -> Any:
    """The value of a name that the frame does not hold: a builtin. Raises `NameError` if it is unbound."""
    if where == "global":
        if name in BUILTINS:
            return BUILTINS[name]
        if name in IMPLICIT:
            return IMPLICIT[name]
        unbound(name)
    if where == "outer":
        raise NameError(f"cannot access free variable '{name}' where it is not associated with a value")
    raise UnboundLocalError(f"cannot access local variable '{name}' where it is not associated with a value")


def unbound(name: str) -> NoReturn:
    raise NameError(f"name '{name}' is not defined")
