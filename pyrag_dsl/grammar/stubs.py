"""Signatures of tools from a file of Python stubs: `def look_up(name: str, limit: int = 3) -> list[str]: ...`.

The file is never run. The command line uses it to check plans without having their tools.
"""

from __future__ import annotations

import ast

from .language import DEFAULT_SIGNATURES, REQUIRED, TOOL_TYPES, Signature, ToolParam


def read_stubs(text: str) -> dict[str, Signature]:
    """The signatures by name, in the order of the file.

    Types are those of `TOOL_TYPES`; a parameter without an annotation is "any". `retrieve` and `answer` always have
    their standard signatures.

    Raises:
        ValueError: the text is not a file of stubs. The message names the line.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"line {getattr(error, 'lineno', None) or 1}: this is not Python") from None
    found: dict[str, Signature] = {}
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)) or _is_text(node):
            continue
        if not isinstance(node, ast.FunctionDef):
            raise ValueError(f"line {node.lineno}: expected a stub like `def name(query: str) -> str: ...`")
        found[node.name] = DEFAULT_SIGNATURES.get(node.name) or _signature(node)
    if not found:
        raise ValueError("line 1: there is no tool")
    return found


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _signature(node: ast.FunctionDef) -> Signature:
    given = node.args
    if given.vararg or given.kwarg or given.posonlyargs:
        raise ValueError(f"line {node.lineno}: a tool takes plain parameters, no `*`, `**` or `/`")
    defaults: list[ast.expr | None] = [None] * (len(given.args) - len(given.defaults)) + list(given.defaults)
    pairs = [*zip(given.args, defaults, strict=True), *zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    params = tuple(ToolParam(arg.arg, _type(arg.annotation), _default(default)) for arg, default in pairs)
    return Signature(node.name, params, _type(node.returns))


def _type(annotation: ast.expr | None) -> str:
    if annotation is None:
        return "any"
    name = ast.unparse(annotation).removesuffix(" | None")
    known = {**{kind: kind for kind in TOOL_TYPES}, "Any": "any", "typing.Any": "any"}
    if name not in known:
        raise ValueError(f"line {annotation.lineno}: `{name}` is no type of a tool; use one of {', '.join(TOOL_TYPES)}")
    return known[name]


def _default(node: ast.expr | None) -> object:
    if node is None:
        return REQUIRED
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise ValueError(f"line {node.lineno}: a default must be a constant") from None
