"""The builtin functions, types and exceptions of the language."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from typing import Any

from ..grammar.language import EXCEPTIONS, IMPLICIT_MEMBERS
from ..grammar.language import IMPLICIT as IMPLICIT_MODULES
from .container_methods import fromkeys, pairs, sorted_list
from .limits import LimitHit
from .machine import Caller, Machine, range_length
from .making import make_exception, make_frozenset, make_range, make_set
from .modules import MODULES
from .operators import COMPARE, add, charge_multiplication, power
from .text import format_value, to_ascii, to_repr, to_str
from .text_methods import maketrans
from .values import (
    CONTAINERS,
    BoundMethod,
    Builtin,
    Function,
    Iter,
    Maybe,
    Partial,
    Pending,
    PlanFrozenSet,
    PlanSet,
    Record,
    RecordType,
    TypeUnion,
    type_name,
)

_MISSING: Any = object()
_OBJECT = 400  # bytes of an empty iterator, set or dictionary
_PAIR = 72  # bytes of a tuple


def truth(machine: Machine, value: Any) -> bool:
    machine.check(value)
    return bool(value)


# ------------------------------------------------------------------- numbers


def int_(machine: Machine, value: Any = 0, /, base: Any = _MISSING) -> int:
    kind = type(value)
    if kind is str:
        if len(value) > 5_000:
            machine.charge_text(len(value))
            if base is _MISSING or base not in (2, 4, 8, 16, 32) or len(value) * 5 > machine.limits.integer_bits:
                machine.check_bits(machine.limits.integer_bits + 1)
        machine.charge_steps(len(value) ** 2 >> 15)
        made = int(value) if base is _MISSING else int(value, base)
    elif kind in (int, bool, float) and base is _MISSING:
        made = int(value)
    elif base is not _MISSING:
        raise TypeError("int() can't convert non-string with explicit base")
    else:
        raise TypeError(
            f"int() argument must be a string, a bytes-like object or a real number, not '{type_name(value)}'"
        )
    machine.check_bits(made.bit_length())
    machine.charge_bytes(made.bit_length() >> 3)
    return made


def float_(machine: Machine, value: Any = 0.0, /) -> float:
    if type(value) not in (str, int, bool, float):
        raise TypeError(f"float() argument must be a string or a real number, not '{type_name(value)}'")
    if type(value) is str:
        machine.charge_steps(len(value) >> 6)
    return float(value)


def bool_(machine: Machine, value: Any = False, /) -> bool:
    return truth(machine, value)


def round_(machine: Machine, number: Any, ndigits: Any = None) -> Any:
    _number("round", number)
    if type(ndigits) is int and abs(ndigits) > 5_000:
        machine.check_bits(machine.limits.integer_bits + 1 if type(number) is int and ndigits < 0 else 0)
        ndigits = 5_000 if ndigits > 0 else -5_000
    if type(number) is int and ndigits is not None:
        charge_multiplication(machine, number, number)
    elif type(ndigits) is int:
        machine.charge_steps(32 + (abs(ndigits) >> 4))  # a large float has many digits
    return _charge_result(machine, round(number, ndigits))


def _charge_result(machine: Machine, value: Any) -> Any:
    """Charge a result that may be a large integer, and return it."""
    if type(value) is int:
        machine.charge_bytes(value.bit_length() >> 3)
    return value


def abs_(machine: Machine, value: Any, /) -> Any:
    if type(value) not in (int, bool, float) and type_name(value) != "timedelta":
        raise TypeError(f"bad operand type for abs(): '{type_name(value)}'")
    return _charge_result(machine, abs(value))


def divmod_(machine: Machine, a: Any, b: Any, /) -> Any:
    charge_multiplication(machine, a, b)
    sizes = [number.bit_length() >> 2 for number in (a, b) if type(number) is int]
    machine.charge_bytes(64 + max(sizes, default=0))
    return divmod(a, b)


def pow_(machine: Machine, base: Any, exp: Any, mod: Any = None) -> Any:
    if mod is None:
        return power(machine, base, exp)
    for part in (base, exp, mod):
        if type(part) not in (int, bool):
            raise TypeError("pow() 3rd argument not allowed unless all arguments are integers")
    size = max(mod.bit_length(), 30)
    charge_multiplication(machine, base, mod)
    machine.charge_steps((exp.bit_length() * size >> 10) * size >> 7)
    if exp < 0:  # the host computes the inverse first
        machine.charge_steps(size * size >> 13)
    return _charge_result(machine, pow(base, exp, mod))


def _number(name: str, value: Any) -> None:
    if type(value) not in (int, bool, float):
        raise TypeError(f"type {type_name(value)} doesn't define __{name}__ method")


def _digits(host: Callable[[int], str]) -> Callable[..., str]:
    def call(machine: Machine, value: Any, /) -> str:
        if type(value) not in (int, bool):
            raise TypeError(f"'{type_name(value)}' object cannot be interpreted as an integer")
        machine.charge_text(value.bit_length())
        return host(value)

    return call


def chr_(_machine: Machine, value: Any, /) -> str:
    return chr(value)


def ord_(_machine: Machine, value: Any, /) -> int:
    if type(value) is not str:
        raise TypeError(f"ord() expected string of length 1, but {type_name(value)} found")
    return ord(value)


# ---------------------------------------------------------------------- text


def str_(machine: Machine, value: Any = "", /) -> str:
    return to_str(machine, value)


def format_(machine: Machine, value: Any, spec: Any = "", /) -> str:
    if type(spec) is not str:
        raise TypeError(f"format() argument 2 must be str, not {type_name(spec)}")
    return format_value(machine, value, spec)


def print_(
    machine: Machine, *values: Any, sep: Any = " ", end: Any = "\n", file: Any = None, flush: Any = False
) -> None:
    if file is not None:
        raise TypeError("plans have no files to print to")
    bool(flush)
    sep, end = " " if sep is None else sep, "\n" if end is None else end
    for name, part in (("sep", sep), ("end", end)):
        if type(part) is not str:
            raise TypeError(f"{name} must be None or a string, not {type_name(part)}")
    size = len(end) + len(sep) * max(len(values) - 1, 0)
    texts = []
    for value in values:
        text = to_str(machine, value)
        size += len(text)
        texts.append(text)
    machine.output -= size
    if machine.output < 0:
        raise LimitHit("PLAN410", f"the plan printed more than {machine.limits.output:,} characters")
    machine.printed.append(sep.join(texts) + end)


# ---------------------------------------------------------------- containers


def list_(machine: Machine, items: Any = (), /) -> list[Any]:
    return machine.drain(items)


def tuple_(machine: Machine, items: Any = (), /) -> tuple[Any, ...]:
    return items if type(items) is tuple else tuple(machine.drain(items))


def set_(machine: Machine, items: Any = (), /) -> PlanSet:
    made: PlanSet = make_set(machine, _to_hash(machine, items))
    return made


def frozenset_(machine: Machine, items: Any = (), /) -> PlanFrozenSet:
    return items if type(items) is PlanFrozenSet else make_frozenset(machine, _to_hash(machine, items))


def _to_hash(machine: Machine, items: Any) -> list[Any]:
    found = machine.drain(items)
    machine.scan(found)
    return found


def dict_(machine: Machine, items: Any = (), /, **kwargs: Any) -> dict[Any, Any]:
    machine.charge_bytes(_OBJECT)
    machine.charge_items(len(kwargs) * 6)
    if isinstance(items, dict):
        machine.charge_items(len(items) * 6)
        machine.charge_rehash(items)
        made = dict(items)
    else:
        made = dict(pairs(machine, items))
    made.update(kwargs)
    return made


def len_(_machine: Machine, value: Any, /) -> int:
    if type(value) in CONTAINERS or type(value) in (str, range) or type_name(value).startswith("dict_"):
        return len(value)
    raise TypeError(f"object of type '{type_name(value)}' has no len()")


def sorted_(machine: Machine, items: Any, /, *, key: Any = None, reverse: Any = False) -> list[Any]:
    return sorted_list(machine, machine.drain(items), key, reverse)


def sum_(machine: Machine, items: Any, /, start: Any = 0) -> Any:
    if type(start) is str:
        raise TypeError("sum() can't sum strings [use ''.join(seq) instead]")
    total = start
    if type(items) is range:
        machine.charge_steps(2 * range_length(items))
        return machine.charge_integer(sum(items) + start)
    source = machine.counted(machine.consume(items))
    while True:
        # Numbers in a row are added by the host's `sum`, which since 3.12 keeps the low bits of floats.
        others: list[Any] = []
        total = sum(_numbers(machine, source, others), total)
        if not others:
            return machine.charge_integer(total)
        total = add(machine, total, others[0])


def _numbers(machine: Machine, source: Iterator[Any], others: list[Any]) -> Iterator[Any]:
    """The numbers up to the first item that is not a number; that item is put into `others`."""
    for item in source:
        machine.check(item)
        if type(item) not in (int, float, bool):
            others.append(item)
            return
        yield item


def _extreme(name: str, better: Callable[[Any, Any], bool]) -> Callable[..., Any]:
    def call(machine: Machine, *args: Any, key: Any = None, default: Any = _MISSING) -> Any:
        if not args:
            raise TypeError(f"{name} expected at least 1 argument, got 0")
        if len(args) > 1 and default is not _MISSING:
            raise TypeError(f"Cannot specify a default for {name}() with multiple positional arguments")
        if len(args) > 1:
            items = iter(args)
        elif key is None or type(key) is Builtin:
            items = machine.consume(args[0])
        else:  # the function may change the sequence, so each item is read just before its call
            items = machine.iterate(args[0])
        call = machine.caller()
        found: Any = _MISSING
        best: Any = None
        keys: Iterator[Any] | None = None
        if key is not None and machine.concurrent and not machine.guarded:  # request all calls before comparing
            known, made = [], []
            for item in machine.counted(items):
                known.append(item)
                made.append(call(key, item))
            items, keys = iter(known), iter(made)
        for item in machine.counted(items):
            value = item if key is None else next(keys) if keys is not None else call(key, item)
            machine.scan(value)
            if type(value) in CONTAINERS:
                machine.charge_value(value)
            machine.charge_comparisons(value, 1)
            if found is _MISSING or better(value, best):
                found, best = item, value
        if found is _MISSING:
            if default is _MISSING:
                raise ValueError(f"{name}() arg is an empty sequence")
            return default
        return found

    return call


def any_(machine: Machine, items: Any, /) -> bool:
    return any(truth(machine, item) for item in machine.counted(machine.iterate(items)))


def all_(machine: Machine, items: Any, /) -> bool:
    return all(truth(machine, item) for item in machine.counted(machine.iterate(items)))


# ----------------------------------------------------------------- iterators


def range_(machine: Machine, *args: Any) -> range:
    for arg in args:
        if type(arg) not in (int, bool):
            raise TypeError(f"'{type_name(arg)}' object cannot be interpreted as an integer")
    return make_range(machine, range(*args))


def iter_(machine: Machine, value: Any, sentinel: Any = _MISSING, /) -> Iter:
    if sentinel is not _MISSING:
        if not callable_(machine, value):
            raise TypeError("iter(v, w): v must be callable")
        return machine.lazy(_until, (value, sentinel), machine.caller())
    return value if type(value) is Iter else machine.lazy(_as_they_are, (value,), machine.iterate(value))


def _as_they_are(_machine: Machine, _value: Any, host: Iterator[Any]) -> Iterator[Any]:
    return host


def _until(machine: Machine, function: Any, sentinel: Any, call: Caller) -> Iterator[Any]:
    """The results of calls of a function, until it returns the sentinel or raises StopIteration."""
    same = COMPARE["=="]
    while True:
        try:
            item = call(function)
        except StopIteration:
            return
        machine.scan(item)
        machine.scan(sentinel)
        if same(machine, item, sentinel):
            return
        yield item


def next_(machine: Machine, value: Any, default: Any = _MISSING, /) -> Any:
    if type(value) is not Iter:
        raise TypeError(f"'{type_name(value)}' object is not an iterator")
    machine.charge_steps(1)
    for item in machine.iterate(value):
        return item
    if default is _MISSING:
        raise StopIteration
    return default


def enumerate_(machine: Machine, items: Any, start: Any = 0) -> Iter:
    if type(start) not in (int, bool):
        raise TypeError(f"'{type_name(start)}' object cannot be interpreted as an integer")
    size = _PAIR + (start.bit_length() >> 3)
    return machine.lazy(_numbered, (items,), machine.counted(machine.iterate(items), size), start)


def _numbered(_machine: Machine, _items: Any, host: Iterator[Any], start: int) -> Iterator[Any]:
    return enumerate(host, start)


def zip_(machine: Machine, *iterables: Any, strict: Any = False) -> Iter:
    machine.charge_bytes(_OBJECT * len(iterables))
    machine.charge_steps(4 * len(iterables))
    hosts = [
        machine.counted(machine.iterate(items), 8 if position else _PAIR) for position, items in enumerate(iterables)
    ]
    return machine.lazy(_zipped, (iterables,), hosts, bool(strict))


def _zipped(_machine: Machine, _iterables: Any, hosts: list[Iterator[Any]], strict: bool) -> Iterator[Any]:
    return zip(*hosts, strict=strict)


def map_(machine: Machine, function: Any, *iterables: Any) -> Iter:
    if not iterables:
        raise TypeError("map() must have at least two arguments.")
    machine.charge_bytes(_OBJECT * len(iterables))
    machine.charge_steps(4 * len(iterables))
    hosts = [machine.counted(machine.iterate(items)) for items in iterables]
    return machine.lazy(_mapped, (function, iterables), hosts, machine.caller())


def _mapped(
    _machine: Machine, function: Any, _iterables: Any, hosts: list[Iterator[Any]], call: Caller
) -> Iterator[Any]:
    for args in zip(*hosts, strict=False):
        try:
            made = call(function, *args)
        except StopIteration:  # raised by the function, it ends the iteration: `map(next, iterators)`
            return
        yield made


def filter_(machine: Machine, function: Any, items: Any, /) -> Iter:
    return machine.lazy(_filtered, (function, items), machine.counted(machine.iterate(items)), machine.caller())


def _filtered(machine: Machine, function: Any, _items: Any, host: Iterator[Any], call: Caller) -> Iterator[Any]:
    for item in host:
        try:
            kept = item if function is None else call(function, item)
        except StopIteration:
            return
        if type(kept) is Pending and not machine.guarded:
            yield Maybe(kept.needs, (item,))
        elif truth(machine, kept):
            yield item


def reversed_(machine: Machine, value: Any, /) -> Iter:
    if type(value) is Iter or type(value) in (PlanSet, PlanFrozenSet):
        raise TypeError(f"'{type_name(value)}' object is not reversible")
    machine.iterate(value)
    host = machine.iterate(value[::-1]) if type(value) is range else machine.watched(value, reversed(value))
    return machine.lazy(_as_they_are, (value,), machine.counted(host))


# --------------------------------------------------------------------- types


def isinstance_(machine: Machine, value: Any, kinds: Any, /) -> bool:
    machine.charge_value(kinds)
    return _isinstance(machine, value, kinds)


def _isinstance(machine: Machine, value: Any, kinds: Any) -> bool:
    if type(kinds) is TypeUnion:
        members = kinds.members
    else:
        members = kinds if type(kinds) is tuple else (kinds,)
    machine.charge_steps(len(members))
    for kind in members:
        if type(kind) is tuple or type(kind) is TypeUnion:
            if _isinstance(machine, value, kind):
                return True
        elif type(kind) is Builtin and kind.host is not None:
            if isinstance(value, kind.host) and (kind.host is not PlanSet or type(value) is PlanSet):
                return True
        elif type(kind) is RecordType:
            if type(value) is Record and value.type is kind:
                return True
        elif kind is None and type(kinds) is TypeUnion:
            if value is None:
                return True
        else:
            raise TypeError("isinstance() arg 2 must be a type, a tuple of types, or a union")
    return False


def callable_(_machine: Machine, value: Any, /) -> bool:
    return type(value) in (Function, Builtin, BoundMethod, Partial, RecordType)


def _exception(kind: type[Exception]) -> Builtin:
    return Builtin(kind.__name__, lambda machine, *args: make_exception(machine, kind, args), host=kind)


_SIMPLE: tuple[tuple[str, Callable[..., Any]], ...] = (
    ("abs", abs_),
    ("all", all_),
    ("any", any_),
    ("ascii", to_ascii),
    ("bin", _digits(bin)),
    ("callable", callable_),
    ("chr", chr_),
    ("divmod", divmod_),
    ("format", format_),
    ("hex", _digits(hex)),
    ("isinstance", isinstance_),
    ("iter", iter_),
    ("len", len_),
    ("max", _extreme("max", lambda a, b: a > b)),
    ("min", _extreme("min", lambda a, b: a < b)),
    ("next", next_),
    ("oct", _digits(oct)),
    ("ord", ord_),
    ("pow", pow_),
    ("print", print_),
    ("repr", to_repr),
    ("round", round_),
    ("sorted", sorted_),
    ("sum", sum_),
)
# Types, and the host types that isinstance compares with. In CPython `filter` and the like are types as well, but here
# no value is an instance of them.
_TYPES: tuple[tuple[str, Callable[..., Any], Any], ...] = (
    ("bool", bool_, bool),
    ("dict", dict_, dict),
    ("enumerate", enumerate_, Iter),
    ("filter", filter_, Iter),
    ("float", float_, float),
    ("frozenset", frozenset_, PlanFrozenSet),
    ("int", int_, int),
    ("list", list_, list),
    ("map", map_, Iter),
    ("range", range_, range),
    ("reversed", reversed_, Iter),
    ("set", set_, PlanSet),
    ("str", str_, str),
    ("tuple", tuple_, tuple),
    ("zip", zip_, Iter),
)
# Builtins that do not look at the items of their arguments, so that these items may be pending.
_SHALLOW = frozenset(
    "all any bool callable dict enumerate filter isinstance iter len list map max min next range reversed sorted sum"
    " tuple zip".split()
)
# Builtins that leave their arguments as they are, unless they get a function to call. Any other may change them.
_READING = frozenset(
    "abs all any ascii bin bool callable chr dict divmod enumerate float format frozenset hex int isinstance iter len"
    " list max min oct ord pow print range repr reversed round set sorted str sum tuple zip".split()
)
_STATICS: dict[str, dict[str, Builtin]] = {
    "dict": {"fromkeys": Builtin("dict.fromkeys", fromkeys)},
    "str": {"maketrans": Builtin("str.maketrans", maketrans)},
}
BUILTINS: dict[str, Builtin] = {
    **{
        name: Builtin(
            name,
            call,
            shallow=name in _SHALLOW,
            keeps=name == "dict",
            reads=name in _READING,
            host=host,
            statics=_STATICS.get(name),
        )
        for name, call, host in (*[(name, call, None) for name, call in _SIMPLE], *_TYPES)
    },
    **{name: _exception(getattr(builtins, name)) for name in EXCEPTIONS},
}


def _lenient_datetime() -> Builtin:
    """`datetime` without an import: the class, which also has the attributes of the module."""
    module = MODULES["datetime"].members
    host: Builtin = module["datetime"]
    return Builtin(host.name, host.call, host=host.host, statics={**module, **(host.statics or {})})


IMPLICIT: dict[str, Any] = {
    **{name: MODULES[name] for name in IMPLICIT_MODULES},
    **{name: MODULES[module].members[name] for name, module in IMPLICIT_MEMBERS.items()},
    "datetime": _lenient_datetime(),
}
