"""The names that a plan binds, with their places, and the names that it uses without binding them.

The vetter visits a plan in the order of evaluation and reports every binding and every use here. A use is an error only
if no path can have bound the name. If only some paths bind it, the run decides.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .diagnostics import Diagnostic, Edit, Fix, Span
from .findings import Findings
from .language import BUILTINS, IMPLICIT, IMPLICIT_MEMBERS, MODULES, Signature

FORBIDDEN = dict.fromkeys(
    [
        "__import__",
        "breakpoint",
        "compile",
        "delattr",
        "dir",
        "eval",
        "exec",
        "getattr",
        "globals",
        "hasattr",
        "help",
        "id",
        "locals",
        "memoryview",
        "object",
        "open",
        "setattr",
        "super",
        "type",
        "vars",
        "input",
        "exit",
        "quit",
        "hash",
        "classmethod",
        "staticmethod",
        "property",
        "issubclass",
        "bytes",
        "bytearray",
        "BaseException",
        "SystemExit",
        "KeyboardInterrupt",
        "GeneratorExit",
        "BaseExceptionGroup",
        "ExceptionGroup",
        "slice",
        "complex",
        "copyright",
        "credits",
        "license",
        "aiter",
        "anext",
    ],
    "it could reach the host",
)
_LANGUAGE_TAGS = frozenset({"python", "python3", "py"})
_MEANT = {  # names by which models call the tools
    "retrieve": frozenset(
        {"search", "lookup", "search_docs", "search_web", "retrieve_docs", "retrieve_documents", "find"}
    ),
    "answer": frozenset({"ask", "query", "llm", "call_llm", "generate", "answer_question", "qa", "ask_llm", "read"}),
}
WAY_OUT = {
    "type": "Use isinstance(value, str) and the like.",
    "open": "Plans have no files: use what the tools return.",
    "input": "Plans cannot ask a person: use `answer`.",
    "getattr": "Write the attribute out: value.name.",
    "hasattr": "Use isinstance, or compare with None.",
    "id": "Compare with `is`.",
    "bytes": "Plans have text only.",
    "BaseException": "Use Exception.",
    "exit": "Let the plan end, or use `return` in a function.",
    "quit": "Let the plan end, or use `return` in a function.",
}


class Use(NamedTuple):
    name: str
    span: Span


class NameScope:
    """The names of a function or of the module; `possible` are those that may be bound at the current place."""

    __slots__ = ("declared", "locals", "possible")

    def __init__(self, bound: Iterable[str] = (), local: Iterable[str] = ()) -> None:
        self.possible: set[str] = set(bound)
        self.locals: set[str] = set(local)
        self.declared: dict[str, str] = {}


class Names:
    """All bindings and uses of one plan."""

    def __init__(self, tools: Mapping[str, Signature], found: Findings) -> None:
        self.signatures = tools
        self.tools = frozenset(tools)
        self.found = found
        self.module = NameScope()
        self.stack: list[NameScope] = [self.module]
        self.called: dict[str, Span] = {}
        self.bound: dict[str, Span] = {}
        self.modules: dict[str, str] = {}  # names that `import` binds to a module
        self.late: list[Use] = []  # free names of functions, which need to be bound only when the function is called
        self.unbound: list[Use] = []
        self.implicit: dict[str, Span] = {}
        self.inputs: frozenset[str] = frozenset()
        self.inputs_read: set[str] = set()

    def give(self, inputs: frozenset[str]) -> None:
        """Bind these names before the first statement."""
        self.inputs = inputs
        self.module.possible |= inputs

    def enter(self, params: Iterable[str], body: Iterable[ast.AST]) -> None:
        """Enter a function: its parameters are bound, and the names that its body stores are local."""
        params = tuple(params)
        self.stack.append(NameScope(params, stored_names(body, self.found).union(params)))

    def leave(self) -> None:
        self.stack.pop()

    def declare(self, kind: str, names: Iterable[str]) -> None:
        """Record a `global` or `nonlocal` statement in the current function."""
        scope = self.stack[-1]
        for name in names:
            scope.declared[name] = kind
            scope.locals.discard(name)

    def bind(self, name: str, span: Span) -> None:
        self.bound.setdefault(name, span)
        scope = self.stack[-1]
        scope.possible.add(name)
        if scope.declared.get(name) == "global":
            self.module.possible.add(name)

    def load(self, name: str, span: Span) -> None:
        scope = self.stack[-1]
        if name in self.inputs:
            self.inputs_read.add(name)
        if name in scope.possible:
            return
        if scope is not self.module:
            if name in scope.locals:
                self.unbound.append(Use(name, span))
            elif not any(name in outer.possible for outer in self.stack):
                self.late.append(Use(name, span))
        elif name not in BUILTINS:
            self.unbound.append(Use(name, span))

    def check(self) -> None:
        """Report the problems with names in the whole plan, after it has been visited."""
        found = self.found
        everywhere = frozenset(self.bound)
        for use in self.late:
            if use.name not in everywhere and use.name not in BUILTINS:
                self.unbound.append(use)
        known = sorted(everywhere | BUILTINS | self.tools | self.inputs) if self.unbound else []
        for number, use in enumerate(self.unbound):
            if found.full:
                found.rest += len(self.unbound) - number
                break
            diagnostic = self._undefined(use, everywhere, known)
            if diagnostic is not None:
                found.add(diagnostic)
        for name, span in self.implicit.items():
            module = IMPLICIT_MEMBERS.get(name, name)
            line = f"import {module}" if name == module and name != "datetime" else f"from {module} import {name}"
            fix = Fix(f"add `{line}`", (Edit(Span(1, 1, 1, 1), line + "\n"),), "safe")
            message = f"`{name}` is used without being imported"
            found.add(Diagnostic("PLAN212", message, span, severity="warning", fixes=(fix,)))
        for name, span in self.bound.items():
            if name in self.called and name in BUILTINS:
                found.add(
                    Diagnostic(
                        "PLAN206",
                        f"`{name}` is a function of the language: a plan that calls it cannot give it another meaning",
                        span,
                        help=f"Choose another name, for example `{name}_value`.",
                    )
                )

    def _undefined(self, use: Use, everywhere: frozenset[str], known: Sequence[str]) -> Diagnostic | None:
        name, span = use
        if name in self.tools:
            return Diagnostic(
                "PLAN207",
                f"the tool `{name}` is used as a value",
                span,
                help=f"Call it: {name}(...).",
            )
        if name not in everywhere and (name in IMPLICIT or name in IMPLICIT_MEMBERS):
            self.implicit.setdefault(name, span)
            return None
        if name in everywhere and name not in IMPLICIT:
            first = self.bound[name]
            message = f"`{name}` is used before it is bound"
            return Diagnostic("PLAN208", message, span, related=((first, "it is bound here"),))
        if name in FORBIDDEN:
            way_out = WAY_OUT.get(name, "Work on plain values: text, numbers, lists, dictionaries.")
            return Diagnostic("PLAN204", f"`{name}` is not part of the language: {FORBIDDEN[name]}", span, help=way_out)
        if name in MODULES:
            line = f"import {name}"
            fix = Fix(f"add `{line}`", (Edit(Span(1, 1, 1, 1), line + "\n"),), "safe")
            return Diagnostic("PLAN208", f"`{name}` is not defined", span, help=f"Add `{line}`.", fixes=(fix,))
        if span.line == 1 and name.casefold() in _LANGUAGE_TAGS:
            fix = Fix("leave the line out", (Edit(span, "pass"),), "safe")
            message = f"`{name}` is the tag of a fence that is not there"
            return Diagnostic("PLAN208", message, span, help="Leave the line out.", fixes=(fix,))
        close = self.found.suggest("name", name, known)
        fixes: tuple[Fix, ...] = ()
        way_out = ""
        if close:
            way_out = f"Did you mean `{close[0]}`?"
            fixes = (Fix(f"write `{close[0]}`", (Edit(span, close[0]),), "safe" if len(close) == 1 else "maybe"),)
        elif name in self.called and self.tools:
            way_out = f"The tools are {', '.join(map(str, self.signatures.values()))}."
            meant = next(
                (tool for tool, others in _MEANT.items() if name.casefold() in others and tool in self.tools), ""
            )
            if meant:
                way_out = f"Did you mean the tool `{meant}`? {way_out}"
                fixes = (Fix(f"write `{meant}`", (Edit(span, meant),), "maybe"),)
        return Diagnostic("PLAN208", f"`{name}` is not defined", span, help=way_out, fixes=fixes)


def stored_names(nodes: Iterable[ast.AST], budget: Findings) -> set[str]:
    """The names that these statements may bind in their own scope, without those of inner functions."""
    found: set[str] = set()
    stack: list[Any] = list(nodes)
    inner: list[Any] = []  # nodes inside comprehensions, where only `:=` binds a name of this scope
    while stack or inner:
        budget.charge(1)
        within = not stack
        node = inner.pop() if within else stack.pop()
        kind = type(node)
        if kind is ast.Name:
            if not (within or isinstance(node.ctx, ast.Load)):
                found.add(node.id)
        elif kind is ast.NamedExpr:
            found.add(node.target.id)
        elif kind is ast.FunctionDef:
            found.add(node.name)
            continue
        elif kind is ast.Lambda:
            continue
        elif kind is ast.ExceptHandler and node.name:
            found.add(node.name)
        elif kind is ast.alias:
            found.add((node.asname or node.name).partition(".")[0])
        (inner if within or kind in _COMPREHENSIONS else stack).extend(ast.iter_child_nodes(node))
    return found


_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
