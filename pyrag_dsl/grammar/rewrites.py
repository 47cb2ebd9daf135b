"""Rewrites statements that plans do not have as statements that they have, where the meaning is surely the same.

Each rewrite takes a statement of CPython's tree and returns the statements that replace it, or None. Statements whose
meaning could change are left to the model: classes with methods, generators, patterns that unpack values.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any

MAX_NODES = 2_000
"""The largest number of nodes of a statement that is rewritten."""

# The names that a plan imports, by module, only for statements that are rewritten.
_IMPORTED = {
    "contextlib": frozenset({"suppress"}),
    "concurrent.futures": frozenset({"ThreadPoolExecutor"}),
    "dataclasses": frozenset({"dataclass"}),
    "typing": frozenset({"NamedTuple"}),
}
_TYPES = frozenset({"str", "int", "float", "bool", "list", "dict", "tuple", "set"})


def rewritten(node: ast.stmt, charge: Callable[[int], None], source: Callable[[ast.AST], str]) -> str | None:
    """The text that replaces a statement, its first line without indentation; None if it cannot be rewritten.

    Args:
        node: a statement that the vetter refuses.
        charge: charges work before it is done.
        source: returns the text of a node as it was written.
    """
    rewrite = _REWRITES.get(type(node).__name__)
    if rewrite is None:
        return None
    nodes = 0
    for _ in ast.walk(node):
        nodes += 1
        if nodes > MAX_NODES:
            return None
    charge(4 * nodes)
    statements = rewrite(node)
    if statements is None:
        return None
    kept = _FStrings(source, {part.id for part in ast.walk(node) if isinstance(part, ast.Name)})
    written = [ast.unparse(ast.fix_missing_locations(kept.visit(statement))) for statement in statements]
    text = "\n".join(written).replace("\n", "\n" + " " * node.col_offset)
    for name, original in kept.texts.items():
        text = text.replace(name, original, 1)
    return text


class _FStrings(ast.NodeTransformer):
    """Replaces f-strings by names, so that they can be written as they were.

    CPython writes f-strings differently in each version, and not all versions can read all of them.
    """

    def __init__(self, source: Callable[[ast.AST], str], used: set[str]) -> None:
        self.source = source
        self.used = used
        self.texts: dict[str, str] = {}

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        name = f"f_string_{len(self.texts)}_"
        while any(name in each or each in name for each in self.used):
            name += "_"
        text = self.source(node)
        self.texts[name] = f"({text})" if "\n" in text else text
        return ast.Name(name, ast.Load())


def without_import(node: ast.Import | ast.ImportFrom) -> str | None:
    """An import without the names that only rewritten statements need; None if it imports no such names."""
    if isinstance(node, ast.ImportFrom):
        needless = _IMPORTED.get(node.module or "", frozenset())
        left = [alias for alias in node.names if alias.name not in needless or alias.asname]
    else:
        left = [alias for alias in node.names if alias.name not in _IMPORTED or alias.asname or alias.name == "typing"]
    if len(left) == len(node.names):
        return None
    if not left:
        return "pass"
    return ast.unparse(ast.ImportFrom(node.module, left, 0) if isinstance(node, ast.ImportFrom) else ast.Import(left))


def instance_test(node: ast.Compare) -> str | None:
    """`type(x) == str` as a call of `isinstance`, for types without subtypes in plans."""
    match node:
        case ast.Compare(
            ast.Call(ast.Name("type"), [value], []),
            [(ast.Eq() | ast.Is() | ast.NotEq() | ast.IsNot()) as op],
            [ast.Name("str" | "list" | "float" as kind)],
        ):
            test = f"isinstance({ast.unparse(value)}, {kind})"
            return f"(not {test})" if isinstance(op, (ast.NotEq, ast.IsNot)) else test
    return None


def _with(node: ast.With) -> list[ast.stmt] | None:
    """`with suppress(...)` is a `try`; with a pool of threads, `pool.map(f, items)` is a comprehension."""
    if len(node.items) != 1:
        return None
    manager, name = node.items[0].context_expr, node.items[0].optional_vars
    if not isinstance(manager, ast.Call):
        return None
    called = ast.unparse(manager.func).rpartition(".")[2] if len(manager.args) < 10 else ""
    if called == "suppress" and name is None and manager.args and not manager.keywords:
        kind = manager.args[0] if len(manager.args) == 1 else ast.Tuple(manager.args, ast.Load())
        return [ast.Try(node.body, [ast.ExceptHandler(kind, None, [ast.Pass()])], [], [])]
    if called == "ThreadPoolExecutor" and isinstance(name, ast.Name):
        maps = _Maps(name.id, _unused("item", node))
        body = [maps.visit(statement) for statement in node.body]
        return body if name.id not in _names(body) else None
    return None


class _Maps(ast.NodeTransformer):
    """Writes `pool.map(f, items)` as `[f(item) for item in items]`."""

    def __init__(self, pool: str, item: str) -> None:
        self.pool = pool
        self.item = item

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        return node  # unchanged

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.Call(ast.Attribute(ast.Name(self.pool), "map"), [ast.Name() as function, items], []):
                target = ast.Name(self.item, ast.Store())
                called = ast.Call(function, [ast.Name(self.item, ast.Load())], [])
                return ast.ListComp(called, [ast.comprehension(target, items, [], 0)])
        return node


def _match(node: Any) -> list[ast.stmt] | None:
    """`match` over constants, types and a last name is `if` and `elif`."""
    before: list[ast.stmt] = []
    subject = node.subject
    if not isinstance(subject, ast.Name):
        before = [ast.Assign([ast.Name(_unused("matched", node), ast.Store())], subject, lineno=node.lineno)]
        subject = ast.Name(_unused("matched", node), ast.Load())
    chain: list[ast.stmt] = []
    for case in reversed(node.cases):
        test, body = _test(case.pattern, subject), list(case.body)
        if test is None:
            return None
        if isinstance(case.pattern, ast.MatchAs) and case.pattern.name is not None:
            if case.guard is not None:
                return None
            body.insert(0, ast.Assign([ast.Name(case.pattern.name, ast.Store())], subject, lineno=node.lineno))
        if case.guard is not None:
            test = ast.BoolOp(ast.And(), [test, case.guard])
        always = isinstance(test, ast.Constant) and test.value is True
        if always and chain:
            return None  # CPython refuses such a `match`, because the patterns after this one are never reached
        chain = body if always else [ast.If(test, body, chain)]
    return before + chain


def _test(pattern: Any, subject: ast.expr) -> ast.expr | None:
    """The test of the subject by which a pattern matches; None if the pattern is more than a test."""
    match pattern:
        case ast.MatchValue(ast.Constant() as value):
            return ast.Compare(subject, [ast.Eq()], [value])
        case ast.MatchSingleton(constant):
            return ast.Compare(subject, [ast.Is()], [ast.Constant(constant)])
        case ast.MatchOr(patterns):
            tests = [_test(each, subject) for each in patterns]
            known = [each for each in tests if each is not None]
            return ast.BoolOp(ast.Or(), known) if len(known) == len(tests) else None
        case ast.MatchAs(None, _):
            return ast.Constant(True)
        case ast.MatchClass(ast.Name(kind) as name, [], [], []) if kind in _TYPES:
            return ast.Call(ast.Name("isinstance", ast.Load()), [subject, name], [])
    return None


def _class(node: ast.ClassDef) -> list[ast.stmt] | None:
    """A class that has only fields becomes a named tuple."""
    kinds = [ast.unparse(each).rpartition(".")[2] for each in (*node.bases, *node.decorator_list)]
    if kinds not in (["NamedTuple"], ["dataclass"], ["dataclass(frozen=True)"], ["dataclass()"]) or node.keywords:
        return None
    names: list[ast.expr] = []
    defaults: list[ast.expr] = []
    for at, part in enumerate(node.body):
        match part:
            case ast.AnnAssign(ast.Name(name), _, None) if not defaults:
                names.append(ast.Constant(name))
            case ast.AnnAssign(ast.Name(name), _, ast.Constant() as value):
                names.append(ast.Constant(name))
                defaults.append(value)
            case ast.Pass():
                pass
            case ast.Expr(ast.Constant(str())) if at == 0:
                pass
            case _:
                return None
    if not names:
        return None
    keywords = [ast.keyword("defaults", ast.List(defaults, ast.Load()))] if defaults else []
    arguments: list[ast.expr] = [ast.Constant(node.name), ast.List(names, ast.Load())]
    made = ast.Call(ast.Name("namedtuple", ast.Load()), arguments, keywords)
    return [
        ast.ImportFrom("collections", [ast.alias("namedtuple")], 0),
        ast.Assign([ast.Name(node.name, ast.Store())], made, lineno=node.lineno),
    ]


def _names(nodes: Iterable[ast.AST]) -> set[str]:
    return {part.id for node in nodes for part in ast.walk(node) if isinstance(part, ast.Name)}


def _unused(name: str, node: ast.AST) -> str:
    """A name, derived from this one, that a statement does not use."""
    used = _names([node])
    while name in used:
        name += "_"
    return name


_REWRITES: dict[str, Callable[[Any], list[ast.stmt] | None]] = {"With": _with, "Match": _match, "ClassDef": _class}
