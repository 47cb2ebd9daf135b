"""The tree of a vetted plan: small and immutable. Code that cannot be expressed by these nodes cannot run.

Every node begins with its `span`. Nodes are named tuples because they are built for every plan that is parsed, and
tuples are the cheapest immutable objects.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Union

from .diagnostics import Span

# ---------------------------------------------------------------- expressions


class Const(NamedTuple):
    span: Span
    value: bool | int | float | str | None


class Name(NamedTuple):
    span: Span
    id: str


class FString(NamedTuple):
    """`parts` are texts (str) and holes."""

    span: Span
    parts: tuple[str | Hole, ...]


class Hole(NamedTuple):
    """`{value!conversion:spec}`; `conversion` is "", "r", "s" or "a"."""

    span: Span
    value: Expr
    conversion: str
    spec: FString | None


class ListDisplay(NamedTuple):
    span: Span
    items: tuple[Expr, ...]


class TupleDisplay(NamedTuple):
    span: Span
    items: tuple[Expr, ...]


class SetDisplay(NamedTuple):
    span: Span
    items: tuple[Expr, ...]


class DictDisplay(NamedTuple):
    """`items` are pairs; a key of None stands for `**value`."""

    span: Span
    items: tuple[tuple[Expr | None, Expr], ...]


class Starred(NamedTuple):
    """`*value` in a display, a call or a target."""

    span: Span
    value: Expr


class Unary(NamedTuple):
    span: Span
    op: str
    operand: Expr


class Binary(NamedTuple):
    span: Span
    op: str
    left: Expr
    right: Expr


class Logic(NamedTuple):
    """`and` / `or` over two or more operands."""

    span: Span
    op: str
    operands: tuple[Expr, ...]


class Compare(NamedTuple):
    """`left op1 x1 op2 x2 ...`, each operand evaluated once."""

    span: Span
    left: Expr
    rest: tuple[tuple[str, Expr], ...]


class Conditional(NamedTuple):
    span: Span
    test: Expr
    then: Expr
    otherwise: Expr


class Attribute(NamedTuple):
    span: Span
    value: Expr
    name: str


class Subscript(NamedTuple):
    span: Span
    value: Expr
    index: Expr | Slice  # type: ignore[assignment]  # a tuple has a method of this name


class Slice(NamedTuple):
    span: Span
    start: Expr | None
    stop: Expr | None
    step: Expr | None


class FunctionCall(NamedTuple):
    """A call of anything but a tool. A keyword of None stands for `**value`."""

    span: Span
    function: Expr
    args: tuple[Expr, ...]
    keywords: tuple[tuple[str | None, Expr], ...]


class ToolCall(NamedTuple):
    """A call of a tool, which is the only way from a plan to the outside."""

    span: Span
    tool: str
    args: tuple[Expr, ...]
    keywords: tuple[tuple[str | None, Expr], ...]


class Param(NamedTuple):
    """`kind` is one of "", "*", "**", "kw" (keyword only), "pos" (positional only)."""

    span: Span
    name: str
    kind: str
    default: Expr | None


class Lambda(NamedTuple):
    span: Span
    params: tuple[Param, ...]
    body: Expr


class Clause(NamedTuple):
    """`for target in iterable if c1 if c2` of a comprehension."""

    span: Span
    target: Target
    iterable: Expr
    conditions: tuple[Expr, ...]


class Comprehension(NamedTuple):
    """`kind` is "list", "set", "dict" or "generator"; only a dict has a `value` beside its `element`."""

    span: Span
    kind: str
    element: Expr
    value: Expr | None
    clauses: tuple[Clause, ...]


class Walrus(NamedTuple):
    span: Span
    name: str
    value: Expr


# ----------------------------------------------------------------- statements


class Assign(NamedTuple):
    span: Span
    targets: tuple[Target, ...]
    value: Expr


class AugAssign(NamedTuple):
    span: Span
    target: Target
    op: str
    value: Expr


class ExprStmt(NamedTuple):
    span: Span
    value: Expr


class Pass(NamedTuple):
    """`pass`, a docstring, or an annotation without a value."""

    span: Span


class If(NamedTuple):
    span: Span
    test: Expr
    body: Block
    orelse: Block


class For(NamedTuple):
    span: Span
    target: Target
    iterable: Expr
    body: Block
    orelse: Block


class While(NamedTuple):
    span: Span
    test: Expr
    body: Block
    orelse: Block


class Break(NamedTuple):
    span: Span


class Continue(NamedTuple):
    span: Span


class FunctionDef(NamedTuple):
    """`cache` is None, or the size of the `lru_cache` around the function (-1: unbounded)."""

    span: Span
    name: str
    params: tuple[Param, ...]
    body: Block
    cache: int | None


class Return(NamedTuple):
    span: Span
    value: Expr | None


class Handler(NamedTuple):
    """`except type as name:`; a type of None catches every exception."""

    span: Span
    type: Expr | None
    name: str | None
    body: Block


class Try(NamedTuple):
    span: Span
    body: Block
    handlers: tuple[Handler, ...]
    orelse: Block
    finalbody: Block


class Raise(NamedTuple):
    span: Span
    exception: Expr | None
    cause: Expr | None


class Assert(NamedTuple):
    span: Span
    test: Expr
    message: Expr | None


class Delete(NamedTuple):
    span: Span
    targets: tuple[Target, ...]


class Import(NamedTuple):
    """Binds each `name` to a member of a module, or to the module itself if the member is ""."""

    span: Span
    bindings: tuple[tuple[str, str, str], ...]


class ScopeStmt(NamedTuple):
    """`global` or `nonlocal`."""

    span: Span
    kind: str
    names: tuple[str, ...]


Expr = Union[  # noqa: UP007
    Const, Name, FString, ListDisplay, TupleDisplay, SetDisplay, DictDisplay, Starred, Unary, Binary, Logic,
    Compare, Conditional, Attribute, Subscript, FunctionCall, ToolCall, Lambda, Comprehension, Walrus,
]  # fmt: skip
Target = Name | Subscript | TupleDisplay | ListDisplay | Starred
Stmt = Union[  # noqa: UP007
    Assign, AugAssign, ExprStmt, Pass, If, For, While, Break, Continue, FunctionDef, Return, Try, Raise, Assert,
    Delete, Import, ScopeStmt,
]  # fmt: skip
Block = tuple[Stmt, ...]


def walk(node: Any) -> Any:
    """`node` and every node below it, in source order."""
    stack = [node] if isinstance(node, tuple) else []
    while stack:
        item = stack.pop()
        if type(item) is not tuple:
            yield item
        stack += parts(item)[::-1]


def parts(node: Any) -> list[Any]:
    """The direct children of a node or a plain tuple: nodes, and plain tuples of nodes."""
    return [part for part in (node if type(node) is tuple else node[1:]) if isinstance(part, tuple)]
