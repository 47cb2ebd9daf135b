"""Runs a plan by the `exec` of CPython and records what can be observed, for comparison in the law Faithful.

Only plans that the vetter accepts are executed, and they see no builtin that could open, import or evaluate anything.
Documented differences are removed here: sets are compared without their order, named tuples leave a plan as tuples, and
a tool call with invalid arguments ends the plan with an error that it cannot catch.
"""

from __future__ import annotations

import ast
import builtins
import collections
import contextlib
import datetime as dt
import functools
import importlib
import inspect
import io
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from ..grammar.findings import Findings
from ..grammar.language import IMPLICIT, IMPLICIT_MEMBERS, MODULES, REQUIRED, RESULT_NAMES, Signature
from ..grammar.names import stored_names
from ..grammar.vet import parse
from ..runtime.tools import Tool, signatures_of, toolset
from .observed import VIEWS, shown

BAD_CALL = "PLAN501"
UNFIT = "PLAN311"


@dataclass(frozen=True, slots=True)
class Seen:
    """The outcome of a run by CPython or by this package.

    Attributes:
        value: the value as text with types; "" after an error.
        error: the class of the exception, or a code; "" without an error.
        line: the line of the plan at which the exception was raised; 0 if it has none.
        calls: the tool calls as texts, in order.
        printed: the output of the plan.
    """

    value: str = ""
    error: str = ""
    line: int = 0
    calls: tuple[str, ...] = ()
    printed: str = ""


class BadCall(BaseException):
    """A tool was called with invalid arguments. A plan cannot catch this."""


def by_cpython(text: str, tools: Mapping[str, Callable[..., Any]]) -> Seen:
    """Run a plan by `exec`. If a top-level statement returns, the statements are put into a function.

    Args:
        text: the plan.
        tools: plain callables by name.

    Raises:
        PlanRejected: the vetter does not accept the plan. Nothing was executed.
    """
    made = toolset(tools)
    parse(text, signatures_of(made))
    calls: list[str] = []
    names: dict[str, Any] = {
        "__name__": "__main__",
        "__builtins__": {**_SAFE, **implied()},
        **{name: _recorded(tool, calls) for name, tool in made.items()},
    }
    out = io.StringIO()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(out):
            warnings.simplefilter("ignore")  # CPython warns about code such as `1 is 1` and `"a"[0.5]`
            exec(compile(in_function(ast.parse(text)), "<plan>", "exec", dont_inherit=True), names)
    except (Exception, BadCall) as error:
        kind = BAD_CALL if isinstance(error, BadCall) else type(error).__name__
        return Seen("", kind, _line(error), tuple(calls), out.getvalue())
    value = names.get("__value__")
    if "__value__" not in names or value is FELL_THROUGH:
        value = next((names[name] for name in RESULT_NAMES if name in names), None)
    if not can_leave(value):
        return Seen("", UNFIT, 0, tuple(calls), out.getvalue())
    return Seen(shown(value), "", 0, tuple(calls), out.getvalue())


def asked(tool: str, arguments: Mapping[str, Any]) -> str:
    """A call as text."""
    return f"{tool}({', '.join(f'{name}={value!r}' for name, value in arguments.items())})"


def can_leave(value: Any) -> bool:
    """Whether a value and all its parts are plain data, which can leave a plan."""
    if isinstance(value, dict):
        return all(can_leave(key) and can_leave(item) for key, item in value.items())
    if isinstance(value, (list, tuple, set, frozenset, collections.deque, *VIEWS)):
        parts: Any = value
        return all(can_leave(item) for item in parts)
    if isinstance(value, dt.tzinfo):
        return type(value) is dt.timezone
    if isinstance(value, str):
        return _is_unicode(value)
    plain = (int, float, type(None), range, dt.date, dt.time, dt.timedelta)
    return isinstance(value, plain) and not isinstance(value, (ModuleType, functools.partial))


# ------------------------------------------------------------------- surroundings


def _import(name: str, *details: Any, **more: Any) -> Any:
    """Import a module that plans may import, or one that the C code of these modules imports while it runs."""
    if name not in MODULES and name not in ("_strptime", "time"):
        raise ImportError(name)
    return importlib.__import__(name, *details, **more)


_UNSAFE = frozenset(
    "open exec eval compile input breakpoint exit quit help getattr setattr delattr globals locals vars "
    "memoryview copyright credits license __import__ __loader__ __spec__ __build_class__".split()
)
_SAFE = {name: value for name, value in vars(builtins).items() if name not in _UNSAFE} | {"__import__": _import}
FELL_THROUGH = object()


@functools.cache
def implied() -> dict[str, Any]:
    """The names that plans may use without an import, with their values."""
    found: dict[str, Any] = {name: importlib.import_module(name) for name in IMPLICIT}
    for name, module in IMPLICIT_MEMBERS.items():
        found[name] = getattr(importlib.import_module(module), name)
    return {**found, "datetime": dt.datetime, "__fell_through__": FELL_THROUGH}


def _recorded(tool: Tool, calls: list[str]) -> Callable[..., Any]:
    """A function with the signature that plans see, which records each call and calls the tool."""
    signature = _python_signature(tool.signature)
    declared = {param.name: param.type for param in tool.signature.params}

    def call(*args: Any, **keywords: Any) -> Any:
        bound = signature.bind(*args, **keywords)
        bound.apply_defaults()
        arguments = {name: _fitting(declared[name], value) for name, value in bound.arguments.items()}
        calls.append(asked(tool.name, arguments))
        return tool.call(arguments)

    return call


def _python_signature(signature: Signature) -> inspect.Signature:
    either = inspect.Parameter.POSITIONAL_OR_KEYWORD
    params = [
        inspect.Parameter(p.name, either, default=inspect.Parameter.empty if p.default is REQUIRED else p.default)
        for p in signature.params
    ]
    return inspect.Signature(params)


def _fitting(declared: str, value: Any) -> Any:
    """An argument as the engine would pass it to a tool. Raises `BadCall`.

    The code of the border is not used, because the law Faithful checks it.
    """
    if declared == "docs":
        declared, value = ("any", None) if value is None else ("list[str]", [value] if type(value) is str else value)
    if declared == "list[str]" and type(value) in (tuple, set, frozenset, collections.deque, *VIEWS):
        value = list(value)
    if not _FITS[declared](value) or not can_leave(value):
        raise BadCall
    return float(value) if declared == "float" else list(value) if declared == "list" else value


_FITS: dict[str, Callable[[Any], bool]] = {
    "str": lambda value: type(value) is str,
    "topk": lambda value: type(value) is int and 1 <= value <= 100,
    "int": lambda value: type(value) is int,
    "float": lambda value: type(value) in (int, float),
    "bool": lambda value: type(value) is bool,
    "list[str]": lambda value: type(value) is list and all(type(item) is str for item in value),
    "list": lambda value: type(value) in (list, tuple),
    "dict": lambda value: type(value) is dict,
    "any": lambda value: True,  # noqa: ARG005
}


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _line(error: BaseException) -> int:
    """The line of the plan at which an exception was raised; 0 if it was not raised in the plan."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<plan>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


# --------------------------------------------------------------- top-level return


def in_function(tree: ast.Module) -> ast.Module:
    """A module whose top-level `return` assigns to `__value__`. Its variables are still those of the module."""
    if not any(isinstance(node, ast.Return) for statement in tree.body for node in _own(statement)):
        return tree
    function, call = ast.parse("def __plan__():\n    pass\n__value__ = __plan__()").body
    assert isinstance(function, ast.FunctionDef)
    bound = sorted(stored_names(tree.body, Findings()))
    fell_through = ast.Return(ast.Name("__fell_through__", ast.Load()))
    body = [_Unannotated().visit(statement) for statement in tree.body]
    future = [node for node in body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    body = [node for node in body if node not in future]
    function.body = [ast.Global(bound) if bound else ast.Pass(), *body, fell_through]
    return ast.fix_missing_locations(ast.Module([*future, function, call], []))


class _Unannotated(ast.NodeTransformer):
    """Removes the annotations of variables, because a name that is declared `global` cannot have one."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        plain = ast.Pass() if node.value is None else ast.Assign([node.target], node.value)
        return ast.copy_location(plain, node)


def _own(statement: ast.AST) -> list[ast.AST]:
    """The tree nodes of a statement, without those of functions in it."""
    found, stack = [], [statement]
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            continue
        found.append(node)
        stack.extend(ast.iter_child_nodes(node))
    return found
