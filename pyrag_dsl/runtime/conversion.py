"""Conversion of types that annotate tools but do not exist in plans; pydantic validates and converts their values.

In a plan, a model, a dataclass or a TypedDict is a dictionary, a member of an enumeration is its value, and a tuple is
a list. Vetting checks only the plain type; the rest is checked by the host when the call is made.
"""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Callable
from typing import Any, NamedTuple

_PLAIN = {str: "str", int: "int", float: "float", bool: "bool", list: "list", dict: "dict"}
_DEEPEST = 3  # levels of nested types that are shown


class Misfit(Exception):
    """A value that cannot be converted.

    Attributes:
        name: the name of the parameter; "" for the result.
        wanted: the type, as planners see it.
        found: the mistakes in the value with their places, without quoting the value.
    """

    def __init__(self, name: str, wanted: str, found: tuple[str, ...]) -> None:
        super().__init__(name, wanted, found)
        self.name = name
        self.wanted = wanted
        self.found = found


class Conversion(NamedTuple):
    """How values of one type are converted.

    Attributes:
        plain: the type in plans, one of `TOOL_TYPES`.
        text: the type, as planners see it.
        load: makes a value of the type from plain data. Raises `Misfit`.
        dump: makes plain data from a value of the type. Raises `Misfit`.
    """

    plain: str
    text: str
    load: Callable[[str, Any], Any]
    dump: Callable[[Any], Any]


def conversion_of(annotation: Any) -> Conversion:
    """The conversion of an annotation. Raises `TypeError` for a type that pydantic cannot validate."""
    from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError
    from pydantic_core import PydanticSerializationError

    try:
        adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    except (PydanticSchemaGenerationError, PydanticUserError) as error:
        raise TypeError(str(error).split("\n", 1)[0]) from None
    text = shown(annotation)

    def load(name: str, value: Any) -> Any:
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            raise Misfit(name, text, _told(name, error)) from None

    def dump(value: Any) -> Any:
        try:
            return adapter.dump_python(adapter.validate_python(value), mode="json")
        except (ValidationError, PydanticSerializationError):
            raise Misfit("", text, ()) from None

    return Conversion(_plain(annotation), text, load, dump)


def _told(name: str, error: Any) -> tuple[str, ...]:
    """The first few mistakes with their places. The message of a validator that the host wrote is not shown."""
    found = []
    for each in error.errors(include_url=False, include_context=False, include_input=False)[:3]:
        place = ".".join(str(part) for part in (name, *each["loc"]))[:80]
        own = each["type"] in ("value_error", "assertion_error")
        found.append(f"`{place}`: {'the tool does not accept it' if own else each['msg']}")
    return tuple(found)


def _plain(annotation: Any) -> str:
    """The name of the plain type that comes closest to an annotation."""
    annotation, arguments = _parts(annotation)
    if annotation is typing.Literal:
        return _common(arguments)
    if isinstance(annotation, type):
        if issubclass(annotation, enum.Enum):
            return _common(tuple(member.value for member in annotation))
        if _fields(annotation) is not None:
            return "dict"
        if annotation in (tuple, set, frozenset):
            return "list"
        return _PLAIN.get(annotation, "any")
    return "any"


def _common(values: tuple[Any, ...]) -> str:
    kinds = {type(value) for value in values}
    return _PLAIN.get(kinds.pop(), "any") if len(kinds) == 1 else "any"


def _parts(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """A generic type and its arguments, without annotations that only add to a type."""
    while typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    return typing.get_origin(annotation) or annotation, typing.get_args(annotation)


def _fields(kind: type) -> list[tuple[str, Any, Any]] | None:
    """The names, types and defaults of the fields of a model, dataclass or TypedDict; None for any other type."""
    if hasattr(kind, "model_fields") and hasattr(kind, "model_validate"):
        return [
            (name, field.annotation, _REQUIRED if field.is_required() else field.default)
            for name, field in kind.model_fields.items()
        ]
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return [
            (each.name, hints[each.name], _REQUIRED if each.default is dataclasses.MISSING else each.default)
            for each in dataclasses.fields(kind)
            if each.init
        ]
    if hasattr(kind, "__required_keys__"):  # a TypedDict, of `typing` or of `typing_extensions`
        return [(name, hint, _REQUIRED) for name, hint in typing.get_type_hints(kind).items()]
    return None


def shown(annotation: Any, depth: int = 0) -> str:
    """A type as planners see it: `{text: str, limit: int = 5}`, `'asc' | 'desc'`, `list[str] | None`."""
    annotation, arguments = _parts(annotation)
    if annotation is Any or annotation is None or annotation is type(None):
        return "any" if annotation is Any else "None"
    if annotation is typing.Literal:
        return " | ".join(map(repr, arguments))
    if annotation is typing.Union or annotation is types.UnionType:
        return " | ".join(shown(each, depth) for each in arguments)
    if not isinstance(annotation, type):
        return "any"
    if issubclass(annotation, enum.Enum):
        return " | ".join(repr(member.value) for member in annotation)
    fields = _fields(annotation)
    if fields is not None:
        if depth >= _DEEPEST:
            return "dict"
        return "{" + ", ".join(_field(*field, depth + 1) for field in fields) + "}"
    if annotation is tuple and arguments and arguments[-1] is not Ellipsis:
        return "(" + ", ".join(shown(each, depth) for each in arguments) + ")"
    name = "list" if annotation in (tuple, set, frozenset) else annotation.__name__
    held = [shown(each, depth) for each in arguments if each is not Ellipsis]
    return f"{name}[{', '.join(held)}]" if held else name


def _field(name: str, annotation: Any, default: Any, depth: int) -> str:
    plain = isinstance(default, (str, int, float, bool)) or default is None
    return f"{name}: {shown(annotation, depth)}" + (f" = {default!r}" if default is not _REQUIRED and plain else "")


_REQUIRED: Any = object()
