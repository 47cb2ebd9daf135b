"""The module `json`. Depth, size and long numbers are checked before the host recurses or allocates."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any

from ..container_methods import charge_sort
from ..limits import LimitHit
from ..machine import Machine
from ..making import make_exception
from ..values import Builtin, Record, type_name

_SLICE = 4_096  # characters whose escapes are counted at a time
_ARRAYS = frozenset({list, tuple, Record})
_CONSTANTS = {None: "null", True: "true", False: "false"}
_DIGITS = 4_300  # CPython's limit for reading integers
# Bytes beyond the 16 of an item: of an object and each of its pairs, of an array and each of its items, and half of a
# text, which has two quotation marks.
_OBJECT, _PAIR = 160, 100
_ARRAY, _ITEM = 64, 24
_QUOTE = 28
_DECODER = 16  # steps that it takes to make the host's decoder
_TOKEN = re.compile(r'\\.|["\[\]{},]', re.DOTALL)

# ------------------------------------------------------------------ writing


def _number(value: int | float) -> str:
    if type(value) is int:
        return str(value)
    if value != value:
        return "NaN"
    return {"inf": "Infinity", "-inf": "-Infinity"}.get(shown := repr(value), shown)


class _JsonWriter:
    """Writes the text of one call of `dumps`. Each piece is charged."""

    def __init__(
        self,
        machine: Machine,
        quote: Callable[[str], str],
        indent: str | None,
        separators: tuple[str, str],
        options: dict[str, Any],
    ) -> None:
        self.machine = machine
        self.quote = quote
        self.indent = indent
        self.comma, self.colon = separators
        self.sort_keys = options["sort_keys"]
        self.skip_keys = options["skipkeys"]
        self.allow_nan = options["allow_nan"]
        self.default = options["default"]
        self.call = machine.caller()
        self.parts: list[str] = []
        self.length = 0
        self.within: set[int] = set()

    def put(self, part: str) -> None:
        self.parts.append(part)

    def charge(self, length: int, wide: bool = False) -> None:
        self.length += length
        self.machine.charge_text(length, wide)
        self.machine.charge_steps(6)
        if self.length > self.machine.limits.string:
            self.machine.charge_text(self.length)

    def text(self, value: str) -> None:
        if value.isascii() and value.isprintable():
            self.charge(len(value) + 2 + value.count('"') + value.count("\\"))
            self.put(self.quote(value))
            return
        for start in range(0, len(value), _SLICE):
            piece = self.quote(value[start : start + _SLICE])
            self.charge(len(piece), not piece.isascii())
        self.put(self.quote(value))

    def number(self, value: int | float) -> str:
        if type(value) is int:
            self.machine.charge_steps(value.bit_length() ** 2 >> 18)
        shown = _number(value)
        if type(value) is float and not self.allow_nan and shown in ("NaN", "Infinity", "-Infinity"):
            raise ValueError(f"Out of range float values are not JSON compliant: {shown}")
        self.charge(len(shown))
        return shown

    def value(self, value: Any) -> None:
        kind = type(value)
        if kind is str:
            self.text(value)
        elif value is None or kind is bool:
            self.charge(5)
            self.put(_CONSTANTS[value])
        elif kind is int or kind is float:
            self.put(self.number(value))
        elif kind in _ARRAYS:
            self.inside(value, "[]", self.array)
        elif isinstance(value, dict):
            self.inside(value, "{}", self.object)
        elif self.default is None:
            raise TypeError(f"Object of type {type_name(value)} is not JSON serializable")
        else:
            self.enter(value)
            made = self.call(self.default, value)
            self.machine.scan(made)
            self.value(made)
            self.within.discard(id(value))

    def enter(self, value: Any) -> None:
        if id(value) in self.within:
            raise ValueError("Circular reference detected")
        if len(self.within) >= self.machine.limits.depth:
            raise LimitHit("PLAN411", f"a value nested more than {self.machine.limits.depth} deep")
        self.within.add(id(value))

    def inside(self, value: Any, brackets: str, write: Callable[[Any], None]) -> None:
        self.charge(2)
        if not value:
            self.put(brackets)
            return
        self.machine.charge_steps(2)
        self.enter(value)
        self.put(brackets[0])
        write(value)
        self.within.discard(id(value))
        self.new_line()
        self.put(brackets[1])

    def new_line(self) -> None:
        if self.indent is not None:
            self.charge(1 + len(self.indent) * len(self.within), not self.indent.isascii())
            self.put("\n" + self.indent * len(self.within))

    def separate(self, first: bool) -> None:
        if not first:
            self.charge(len(self.comma), not self.comma.isascii())
            self.put(self.comma)
        self.new_line()

    def array(self, value: Any) -> None:
        for index, item in enumerate(value):
            self.separate(index == 0)
            self.value(item)

    def object(self, value: Any) -> None:
        pairs = value.items()
        if self.sort_keys:
            self.machine.charge_items(len(value))
            self.machine.charge_steps(len(value) * len(value).bit_length() >> 2)
            charge_sort(self.machine, list(value))
            pairs = sorted(pairs, key=lambda pair: pair[0])
        first = True
        for key, item in pairs:
            kind = type(key)
            if kind not in (str, int, float, bool, type(None)):
                if self.skip_keys:
                    continue
                raise TypeError(f"keys must be str, int, float, bool or None, not {type_name(key)}")
            self.separate(first)
            first = False
            if kind is str:
                self.text(key)
            elif kind is int or kind is float:
                self.put(f'"{self.number(key)}"')
            else:
                self.put(f'"{_CONSTANTS[key]}"')
            self.charge(7 + len(self.colon), not self.colon.isascii())
            self.put(self.colon)
            self.value(item)


def _dumps(
    machine: Machine,
    obj: Any,
    /,
    *,
    skipkeys: Any = False,
    ensure_ascii: Any = True,
    check_circular: Any = True,  # noqa: ARG001
    allow_nan: Any = True,
    indent: Any = None,
    separators: Any = None,
    default: Any = None,
    sort_keys: Any = False,
) -> str:
    if type(indent) in (int, bool):
        machine.charge_text(max(indent, 0))
        indent = " " * indent
    elif type(indent) not in (str, type(None)):
        raise TypeError(f"indent must be a number or text, not {type_name(indent)}")
    if separators is None:
        separators = (", " if indent is None else ",", ": ")
    elif type(separators) not in (list, tuple, str) or [type(part) for part in separators] != [str, str]:
        raise TypeError("separators must be a pair of texts")
    quote: Callable[[str], str] = encode_basestring_ascii if ensure_ascii else encode_basestring
    options = {"skipkeys": skipkeys, "allow_nan": allow_nan, "default": default, "sort_keys": sort_keys}
    writer = _JsonWriter(machine, quote, indent, tuple(separators), options)
    writer.value(obj)
    return "".join(writer.parts)


# ------------------------------------------------------------------ reading


def _charge_document(machine: Machine, text: str) -> None:
    """Charge the containers and texts in a JSON document. Raises `LimitHit` if they are nested too deep."""
    sizes: list[int] = []
    objects: list[bool] = []
    quoted = False
    for token in _TOKEN.finditer(text):
        machine.charge_steps(1)
        mark = token[0]
        if mark == '"':
            quoted = not quoted
            machine.charge_bytes(_QUOTE)
        elif quoted:
            continue
        elif mark == ",":
            if sizes:
                sizes[-1] += 1
        elif mark in "[{":
            sizes.append(1)
            objects.append(mark == "{")
            if len(sizes) > machine.limits.depth:
                raise LimitHit("PLAN411", f"JSON nested more than {machine.limits.depth} deep")
        elif mark in "]}" and sizes:
            _charge_container(machine, sizes.pop(), objects.pop())
    for size, is_object in zip(sizes, objects, strict=True):
        _charge_container(machine, size, is_object)


def _charge_container(machine: Machine, size: int, is_object: bool) -> None:
    machine.charge_items(size)
    machine.charge_bytes(_OBJECT + _PAIR * size if is_object else _ARRAY + _ITEM * size)


def _integer_reader(machine: Machine) -> Callable[[str], int]:
    def read(digits: str) -> int:
        size = len(digits)
        if size > 300:
            if size - digits.startswith("-") > _DIGITS:
                raise ValueError(f"Exceeds the limit ({_DIGITS} digits) for integer string conversion")
            machine.check_bits((size - 1) * 3_321 // 1_000)  # the smallest number of bits of so many digits
            machine.charge_steps(size >> 2)
        return int(digits)

    return read


def _loads(
    machine: Machine,
    s: Any,
    /,
    *,
    strict: Any = True,
    object_hook: Any = None,
    object_pairs_hook: Any = None,
    parse_float: Any = None,
    parse_int: Any = None,
    parse_constant: Any = None,
) -> Any:
    if type(s) is not str:
        raise TypeError(f"the JSON object must be str, bytes or bytearray, not {type_name(s)}")
    machine.charge_text(len(s), not s.isascii())
    machine.charge_steps(_DECODER + (len(s) >> 3))
    _charge_document(machine, s)
    call = machine.caller()

    def hook(function: Any) -> Callable[[Any], Any] | None:
        if function is None:
            return None

        def run(value: Any) -> Any:
            made = call(function, value)
            machine.scan(made)
            return made

        return run

    return json.loads(
        s,
        strict=bool(strict),
        object_hook=hook(object_hook),
        object_pairs_hook=hook(object_pairs_hook),
        parse_float=hook(parse_float),
        parse_int=hook(parse_int) or _integer_reader(machine),
        parse_constant=hook(parse_constant),
    )


def _decode_error(machine: Machine, msg: Any, doc: Any, pos: Any, /) -> Exception:
    if type(msg) is not str or type(doc) is not str or type(pos) is not int:
        raise TypeError("JSONDecodeError takes a message, the document and a position")
    machine.charge_text(len(msg) + 100)
    machine.charge_steps(len(doc) >> 6)
    machine.charge_integer(pos)
    return make_exception(machine, json.JSONDecodeError, (msg, doc, pos))


MEMBERS: dict[str, Any] = {
    "JSONDecodeError": Builtin("json.decoder.JSONDecodeError", _decode_error, host=json.JSONDecodeError),
    "dumps": Builtin("dumps", _dumps),
    "loads": Builtin("loads", _loads),
}
