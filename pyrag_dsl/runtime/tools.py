"""Tools: the callables of the host that a plan may call."""

from __future__ import annotations

import inspect
import keyword
import typing
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from types import FunctionType
from typing import Any

from ..grammar.language import DEFAULT_SIGNATURES, REQUIRED, TAKEN, Signature, ToolParam
from .conversion import Conversion, Misfit, conversion_of
from .nesting import RunContext

_DECLARED = {
    str: "str",
    int: "int",
    float: "float",
    bool: "bool",
    list[str]: "list[str]",
    list: "list",
    dict: "dict",
    Any: "any",
    inspect.Parameter.empty: "any",
}


@dataclass(frozen=True, slots=True)
class Tool:
    """A callable with the signature that plans see.

    Attributes:
        signature: the names, types and defaults of the parameters, and the type of the result.
        function: a plain or async function, which is called with the arguments that it accepts.
        batch: a function for several calls at once, from a list of argument dictionaries to a list of results. It is
            for tools for which one large call is cheaper than many small ones, such as a retriever.
        idempotent: whether a call may be made twice without harm. If so, a failed call may be repeated, and two calls
            with the same arguments that are in flight at the same time may share one result.
        is_async: whether `function` returns an awaitable.
        plan: how each parameter is passed: "keyword", "positional" or "drop".
        conversions: the conversions of parameters whose types do not exist in plans, by name.
        result: the conversion of the result; None if its type exists in plans.
        context: the name of the parameter that takes the `RunContext`, which plans do not see; None without one.
    """

    signature: Signature
    function: Callable[..., Any]
    batch: Callable[[list[dict[str, Any]]], Any] | None = None
    idempotent: bool = False
    is_async: bool = False
    plan: tuple[tuple[str, str], ...] = ()
    conversions: Mapping[str, Conversion] = field(default_factory=dict)
    result: Conversion | None = None
    context: str | None = None

    @property
    def name(self) -> str:
        return self.signature.name

    def call(self, arguments: Mapping[str, Any], context: RunContext | None = None) -> Any:
        """Call the host's function with arguments by name; an awaitable if it is asynchronous. Raises `Misfit`."""
        args = []
        kwargs: dict[str, Any] = {} if self.context is None else {self.context: context}
        given = self.handed(arguments) if self.conversions else arguments
        for name, how in self.plan:
            value = given[name]
            if type(value) is not str and given is arguments:
                value = handed(value)
            if how == "keyword":
                kwargs[name] = value
            elif how == "positional":
                args.append(value)
        return self.function(*args, **kwargs)

    def handed(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Copies of the arguments, converted to the types in the function's annotations. Raises `Misfit`."""
        given = {name: handed(value) for name, value in arguments.items()}
        for name, conversion in self.conversions.items():
            given[name] = conversion.load(name, given[name])
        return given


def handed(value: Any) -> Any:
    """A copy of an argument, so that a tool that changes it does not change the journal."""
    kind = type(value)
    if kind is str or kind is int or value is None:
        return value
    if kind is list and all(type(item) is str for item in value):
        return value.copy()
    try:
        return deepcopy(value)
    except TypeError:  # a view of a dictionary, through which nothing can be changed
        return value


@dataclass(frozen=True, slots=True)
class Reported:
    """A result together with its cost, which a tool may return instead of the bare value.

    `usage` holds numbers, texts and lists of them by name, and is written to the trace. Its `tokens` and `cost` count
    against the budgets of the run.
    """

    value: Any
    usage: Mapping[str, Any]


def tool(
    function: Callable[..., Any],
    name: str | None = None,
    *,
    batch: Callable[[list[dict[str, Any]]], Any] | None = None,
    idempotent: bool = False,
) -> Tool:
    """Declare a tool from a function with a typed signature.

    Args:
        function: a plain or async function. Calls are checked against its annotations: str, int, float, bool,
            list[str], list, dict, and all types that pydantic validates (models, dataclasses, TypedDict, tuples,
            Literal, Enum, unions, constraints), which are converted both ways. A parameter without an annotation takes
            any plain data.
        name: the name of the tool in plans; by default, the name of the function.
        batch: see `Tool.batch`.
        idempotent: see `Tool.idempotent`. `retrieve` always is.

    Raises:
        TypeError: the signature has `*args` or `**kwargs`, or an annotation that cannot be converted.
    """
    given = name or str(getattr(function, "__name__", ""))
    if not given.isidentifier() or given.startswith("_"):
        raise TypeError(f"a tool needs a name that a plan can write, not {given!r}: pass name=...")
    host = _host_signature(function)
    known = DEFAULT_SIGNATURES.get(given)
    context = _context(host)
    if context is not None and host is not None:
        if not _is_async(function):
            raise TypeError(f"the tool {given!r} takes a RunContext, so it must be async: plans are run by awaiting")
        host = host.replace(parameters=[param for param in host.parameters.values() if param.name != context])
    signature, conversions = (_standard(known, host), {}) if known is not None else _declared(given, function, host)
    return Tool(
        signature,
        function,
        batch,
        idempotent or given == "retrieve",
        _is_async(function),
        _plan(signature, host),
        {name: each for name, each in conversions.items() if name},
        conversions.get(""),
        context,
    )


def toolset(tools: Mapping[str, Any] | Sequence[Any]) -> dict[str, Tool]:
    """Make tools by name from what users pass: `{"retrieve": function, ...}`, or a list of functions and tools."""
    if not isinstance(tools, Mapping):
        tools = {_name_of(each): each for each in tools}
    for name in tools:
        if not name.isidentifier() or keyword.iskeyword(name) or name in TAKEN or name.startswith("__"):
            raise ValueError(f"a tool cannot be named {name!r}: that is not a name, or is one of the language")
    made: dict[str, Tool] = {}
    for name, each in tools.items():
        if isinstance(each, Tool):
            made[name] = each if each.name == name else _renamed(each, name)
        elif callable(each):
            made[name] = _remembered(each, name)
        else:
            raise TypeError(f"the tool {name!r} must be callable, not {type(each).__name__}")
    return made


def signatures_of(tools: Mapping[str, Tool]) -> dict[str, Signature]:
    """The signatures of tools by name, with which plans are vetted."""
    return {name: each.signature for name, each in tools.items()}


def _name_of(tool: Any) -> str:
    """The name of a tool in a list; that of a function is its own."""
    name = tool.name if isinstance(tool, Tool) else getattr(tool, "__name__", None)
    if not callable(tool) and not isinstance(tool, Tool):
        raise TypeError(f"tools must be a mapping by name, or a list of functions, not of {type(tool).__name__}")
    if not isinstance(name, str) or name == "<lambda>":
        raise TypeError("a tool in a list must have a name: tools={'name': function}")
    return name


def _remembered(function: Callable[..., Any], name: str) -> Tool:
    """`tool(function, name)` with a cache, because reading a signature takes longer than a short run.

    Functions with the same code, defaults and annotations have the same signature. The cache does not keep the
    functions themselves alive.
    """
    if type(function) is not FunctionType:
        return tool(function, name)
    try:
        key = (
            name,
            function.__code__,
            function.__defaults__,
            tuple((function.__kwdefaults__ or {}).items()),
            tuple(function.__annotations__.items()),
        )
        known = _shapes.get(key)
    except TypeError:  # a default that cannot be hashed
        return tool(function, name)
    if known is None:
        if len(_shapes) >= _MOST_SHAPES:
            _shapes.clear()
        made = tool(function, name)
        values = [getattr(made, each.name) for each in fields(Tool)]
        known = _shapes[key] = values[0], tuple(values[2:])
    signature, rest = known
    return Tool(signature, function, *rest)


_MOST_SHAPES = 256
_shapes: dict[Any, tuple[Signature, tuple[Any, ...]]] = {}  # the fields of a tool without its function


def _renamed(each: Tool, name: str) -> Tool:
    return replace(each, signature=each.signature._replace(name=name))


def _is_async(function: Any) -> bool:
    called = type(function).__dict__.get("__call__")  # for a callable object
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)


def _context(host: inspect.Signature | None) -> str | None:
    """The name of the parameter that is annotated with `RunContext`, as a class or as text."""
    for param in () if host is None else host.parameters.values():
        kind = param.annotation
        if kind is RunContext or (isinstance(kind, str) and kind.rpartition(".")[2] == RunContext.__name__):
            return param.name
    return None


def _host_signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _standard(known: Signature, host: inspect.Signature | None) -> Signature:
    """The standard signature of `retrieve` or `answer`, with the host's own defaults."""
    if host is None:
        return known
    params = []
    positions = list(host.parameters.values())
    for index, param in enumerate(known.params):
        own = host.parameters.get(param.name) or (positions[index] if index < len(positions) else None)
        default = own.default if own is not None else inspect.Parameter.empty
        if param.type == "topk" and type(default) is int and default >= 1:
            param = param._replace(default=default)
        params.append(param)
    return known._replace(params=tuple(params))


def _declared(
    name: str, function: Callable[..., Any], host: inspect.Signature | None
) -> tuple[Signature, dict[str, Conversion]]:
    """The signature that annotations declare, and the conversions of other types by parameter, "" for the result."""
    if host is None:
        raise TypeError(f"the tool {name!r} has no signature that can be read: wrap it in a function")
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise TypeError(
            f"the tool {name!r} is annotated with {error.name!r}, which its module does not define: define it at the "
            "top of a module, or leave the annotation out"
        ) from None
    except Exception:
        hints = {}
    params = []
    conversions: dict[str, Conversion] = {}
    for param in host.parameters.values():
        if param.kind in (param.VAR_POSITIONAL, param.VAR_KEYWORD):
            raise TypeError(f"the tool {name!r} takes {param}: name every parameter")
        default = REQUIRED if param.default is param.empty else param.default
        kind = _type(name, hints.get(param.name, param.annotation))
        if isinstance(kind, str):
            params.append(ToolParam(param.name, kind, default))
            continue
        conversions[param.name] = kind
        if default is not REQUIRED:
            try:
                default = kind.dump(default)
            except Misfit:
                message = f"the default of {param.name!r} of the tool {name!r} is not of the type {kind.text}"
                raise TypeError(message) from None
        params.append(ToolParam(param.name, kind.plain, default, kind.text))
    returns = _type(name, hints.get("return", host.return_annotation))
    if isinstance(returns, str):
        return Signature(name, tuple(params), returns), conversions
    conversions[""] = returns
    return Signature(name, tuple(params), returns.plain, returns.text), conversions


def _type(tool: str, annotation: Any) -> str | Conversion:
    """The name of an annotated type that exists in plans, or the conversion of any other type."""
    if annotation is type(None) or annotation is Reported:
        return "any"
    if isinstance(annotation, str):
        annotation = {"str": str, "int": int, "float": float, "bool": bool, "list[str]": list[str]}.get(annotation, Any)
    try:
        if annotation in _DECLARED:
            return _DECLARED[annotation]
        return conversion_of(annotation)
    except TypeError as error:
        raise TypeError(
            f"the tool {tool!r} is annotated with {annotation!r}, but plans have only plain data: use a dataclass or a "
            f"pydantic model, or leave the annotation out ({error})"
        ) from None


def _plan(signature: Signature, host: inspect.Signature | None) -> tuple[tuple[str, str], ...]:
    """How each parameter is passed to the host's function, which may name its parameters differently."""
    if host is None:
        return tuple((param.name, "positional") for param in signature.params)
    kinds = list(host.parameters.values())
    positional = [p for p in kinds if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    any_positional = any(p.kind is p.VAR_POSITIONAL for p in kinds)
    any_keyword = any(p.kind is p.VAR_KEYWORD for p in kinds)
    plan: list[tuple[str, str]] = []
    known = {param.name for param in signature.params}
    for index, param in enumerate(signature.params):
        own = host.parameters.get(param.name)
        if own is not None and own.kind in (own.POSITIONAL_OR_KEYWORD, own.KEYWORD_ONLY):
            how = "keyword"
        elif index < len(positional) and (positional[index] is own or positional[index].name not in known):
            how = "positional"
        elif any_positional and not any(h == "keyword" for _, h in plan):
            how = "positional"
        elif any_keyword:
            how = "keyword"
        else:
            how = "drop"
        plan.append((param.name, how))
    if plan and plan[0][1] == "drop":
        raise TypeError(f"the tool {signature.name!r} must take `{signature.params[0].name}`")
    # An argument passed by keyword would shift the positional arguments after it.
    if any(how == "positional" for _, how in plan):
        plan = [
            (n, "positional" if h == "keyword" and _stands_at(positional, i, n) else h) for i, (n, h) in enumerate(plan)
        ]
    return tuple(plan)


def _stands_at(positional: list[inspect.Parameter], index: int, name: str) -> bool:
    return index < len(positional) and positional[index].name == name
