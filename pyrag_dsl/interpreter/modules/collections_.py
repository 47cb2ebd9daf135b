"""The module `collections`, and the methods of its types that `dict` and `tuple` do not have."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from keyword import iskeyword
from typing import Any

from .. import operators
from ..container_methods import charge_item_comparisons, charge_sort, index_shown, remove_shown
from ..items import set_item
from ..machine import Machine
from ..making import DEQUE, ENTRY, MAPPING, make_default_dict, make_record, make_record_type
from ..values import (
    Builtin,
    DefaultDict,
    Iter,
    Method,
    Record,
    RecordType,
    type_name,
)
from .functools_ import CALLABLE

# Bytes of an empty value and of each item, as measured.
_LONGEST_NAME = 200


def _fill(machine: Machine, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """`dict.update`, from a mapping or pairs, then from keywords. Items may be pending, but keys may not."""
    if len(args) > 1:
        raise TypeError(f"expected at most 1 argument, got {len(args)}")
    for source in args:
        if isinstance(source, dict):
            machine.charge_items(len(source))
            for key, item in source.items():
                set_item(machine, target, key, item)
        else:
            for index, pair in enumerate(machine.counted(machine.consume(source))):
                key, item = _pair(machine, index, machine.check(pair))
                machine.scan(key)
                set_item(machine, target, key, item)
    for name, item in kwargs.items():
        set_item(machine, target, name, item)


def _pair(machine: Machine, index: int, pair: Any) -> tuple[Any, Any]:
    machine.charge_steps(4)
    try:
        parts = machine.drain(pair)
    except TypeError:
        message = f"cannot convert dictionary update sequence element #{index} to a sequence"
        raise TypeError(message) from None
    if len(parts) != 2:
        raise ValueError(f"dictionary update sequence element #{index} has length {len(parts)}; 2 is required")
    return parts[0], parts[1]


def _from_keys(make: Callable[[], Any]) -> Callable[..., Any]:
    def from_keys(machine: Machine, iterable: Any, value: Any = None, /) -> Any:
        made = make()
        for key in machine.counted(machine.consume(iterable)):
            machine.scan(key)
            set_item(machine, made, key, value)
        return made

    return from_keys


def _on_value(function: Callable[..., Any]) -> Callable[..., Any]:
    """A method that calls a static function, without the value."""
    return lambda machine, _value, /, *args, **kwargs: function(machine, *args, **kwargs)


def _table(*methods: Method) -> dict[str, Method]:
    return {method.name: method for method in methods}


# ------------------------------------------------------------------ Counter


def _tally(operation: str) -> Callable[..., None]:
    """`update` and `subtract`, which add to the counts or subtract from them."""
    combine = operators.BINARY[operation]

    def tally(machine: Machine, value: Any, /, iterable: Any = None, **kwargs: Any) -> None:
        for source in (iterable, kwargs):
            if source is None:
                continue
            if not isinstance(source, dict):
                for item in machine.counted(machine.consume(source)):
                    machine.charge_steps(2)
                    machine.charge_key(machine.check(item))
                    set_item(machine, value, item, combine(machine, value.get(item, 0), 1))
            elif value or operation == "-":
                for item, count in list(source.items()):
                    machine.charge_steps(1)
                    machine.charge_key(item)
                    set_item(machine, value, item, combine(machine, value.get(item, 0), count))
            else:
                _fill(machine, value, (source,), {})

    return tally


_count_in = _tally("+")
_count_out = _tally("-")


def _counter(machine: Machine, /, *args: Any, **kwargs: Any) -> Any:
    if len(args) > 1:
        raise TypeError(f"Counter expected at most 1 argument, got {len(args)}")
    machine.charge_bytes(MAPPING)
    made: Any = Counter()
    _count_in(machine, made, *args, **kwargs)
    return made


def _most_common(machine: Machine, value: Any, /, n: Any = None) -> list[Any]:
    if n is not None and type(n) not in (int, bool):
        raise TypeError(f"'{type_name(n)}' object cannot be interpreted as an integer")
    size = len(value)
    machine.charge_items(size * 3)
    machine.charge_steps(16 + (size * size.bit_length() >> 2))
    charge_sort(machine, list(value.values()))
    ranked = sorted(value.items(), key=lambda pair: pair[1], reverse=True)
    return ranked if n is None else ranked[: max(n, 0)]


def _elements(machine: Machine, value: Any, /) -> Iter:
    return machine.lazy(_repeating, (value,), machine.watched(value, iter(value.items())))


def _repeating(machine: Machine, _value: Any, source: Iterator[Any]) -> Iterator[Any]:
    for item, count in source:
        if type(count) not in (int, bool):
            raise TypeError(f"'{type_name(count)}' object cannot be interpreted as an integer")
        done = 0
        while done < count:
            machine.charge_steps(1)
            done += 1
            yield item


def _total(machine: Machine, value: Any, /) -> Any:
    total: Any = 0
    for count in machine.counted(iter(value.values())):
        total = operators.add(machine, total, count)
    return total


def _counter_from_keys(machine: Machine, /, *args: Any) -> Any:
    raise NotImplementedError("Counter.fromkeys() is undefined. Use Counter(iterable) instead.")


def _copy(machine: Machine, value: Any, /) -> Any:
    machine.charge_items(len(value))
    if type(value) is deque:
        machine.charge_bytes(DEQUE)
        return value.copy()
    machine.charge_bytes(MAPPING + ENTRY * len(value))
    machine.charge_rehash(value)
    if type(value) is DefaultDict:
        made = make_default_dict(machine, value.factory)
        made.update(value)
        return made
    return value.copy()


_COPY = Method("copy", _copy, shallow=True)

COUNTER_METHODS: dict[str, Method] = _table(
    Method("elements", _elements),
    Method("most_common", _most_common),
    Method("subtract", _count_out),
    Method("total", _total),
    Method("update", _count_in),
    Method("fromkeys", _on_value(_counter_from_keys)),
    _COPY,
)

# ------------------------------------------------------------------ OrderedDict and defaultdict


def _ordered_dict(machine: Machine, /, *args: Any, **kwargs: Any) -> Any:
    machine.charge_bytes(MAPPING)
    made: Any = OrderedDict()
    _fill(machine, made, args, kwargs)
    return made


def _move_to_end(machine: Machine, value: Any, /, key: Any, last: Any = True) -> None:
    value.move_to_end(machine.charge_key(key), bool(last))


def _popitem(machine: Machine, value: Any, /, last: Any = True) -> tuple[Any, Any]:
    machine.charge_steps(1)
    return value.popitem(bool(last))  # type: ignore[no-any-return]


def _view(name: str) -> Method:
    # The view is that of a copy. The host's views of an OrderedDict have other types, and the views of a dict would not
    # follow the order after `move_to_end`.
    def view(machine: Machine, value: Any, /) -> Any:
        machine.charge_items(len(value))
        machine.charge_bytes(MAPPING + ENTRY * len(value))
        machine.charge_rehash(value)
        return getattr(dict(value), name)()

    return Method(name, view, shallow=True)


_ordered_from_keys = _from_keys(OrderedDict)

ORDERED_DICT_METHODS: dict[str, Method] = _table(
    Method("move_to_end", _move_to_end, shallow=True),
    Method("popitem", _popitem, shallow=True),
    Method("fromkeys", _on_value(_ordered_from_keys), shallow=True),
    _view("items"),
    _view("keys"),
    _view("values"),
    _COPY,
)


def _default_dict(machine: Machine, factory: Any = None, /, *args: Any, **kwargs: Any) -> DefaultDict:
    if factory is not None and type(factory) not in CALLABLE:
        raise TypeError("first argument must be callable or None")
    made = make_default_dict(machine, factory)
    _fill(machine, made, args, kwargs)
    return made


_default_from_keys = _from_keys(DefaultDict)

DEFAULT_DICT_METHODS: dict[str, Method] = _table(Method("fromkeys", _on_value(_default_from_keys), shallow=True), _COPY)

# ------------------------------------------------------------------ deque


def _deque(machine: Machine, /, iterable: Any = (), maxlen: Any = None) -> Any:
    if maxlen is not None and type(maxlen) not in (int, bool):
        raise TypeError("an integer is required")
    machine.charge_bytes(DEQUE)
    made: Any = deque(maxlen=maxlen)
    _extend(machine, made, iterable)
    return made


def _charge_growth(machine: Machine, value: Any, count: int) -> None:
    machine.charge_steps(1)
    machine.charge_items(count)
    if value.maxlen is None and len(value) + count > machine.limits.container:
        machine.charge_items(len(value) + count)


def _extend(machine: Machine, value: Any, iterable: Any, /) -> None:
    items = machine.drain(iterable)
    _charge_growth(machine, value, len(items))
    value.extend(items)


def _extend_left(machine: Machine, value: Any, iterable: Any, /) -> None:
    items = machine.drain(iterable)
    _charge_growth(machine, value, len(items))
    value.extendleft(items)


def _append(machine: Machine, value: Any, item: Any, /) -> None:
    _charge_growth(machine, value, 1)
    value.append(item)


def _append_left(machine: Machine, value: Any, item: Any, /) -> None:
    _charge_growth(machine, value, 1)
    value.appendleft(item)


def _insert(machine: Machine, value: Any, index: Any, item: Any, /) -> None:
    _charge_growth(machine, value, 1)
    machine.charge_steps(len(value) >> 4)
    value.insert(index, item)


def _host(name: str, *, shallow: bool = True) -> Method:
    """A method of the host that is charged by the length, or by the size of the items if it compares them."""
    host = getattr(deque, name)

    def run(machine: Machine, value: Any, /, *args: Any) -> Any:
        charge_item_comparisons(machine, args[0] if args and not shallow else None, value)
        return host(value, *args)

    return Method(name, run, shallow=shallow)


def _end(name: str) -> Method:
    host = getattr(deque, name)

    def run(machine: Machine, value: Any, /) -> Any:
        machine.charge_steps(1)
        return host(value)

    return Method(name, run, shallow=True)


DEQUE_METHODS: dict[str, Method] = _table(
    Method("append", _append, shallow=True, keeps=True),
    Method("appendleft", _append_left, shallow=True, keeps=True),
    Method("extend", _extend, shallow=True),
    Method("extendleft", _extend_left, shallow=True),
    Method("insert", _insert, shallow=True, keeps=True),
    _host("clear"),
    _host("count", shallow=False),
    index_shown(deque),
    Method("remove", remove_shown),
    _host("reverse"),
    _host("rotate"),
    _end("pop"),
    _end("popleft"),
    _COPY,
)

# ------------------------------------------------------------------ namedtuple


def _field_names(machine: Machine, names: Any) -> tuple[str, ...]:
    if type(names) is str:
        machine.charge_text(len(names) * 2, not names.isascii())
        machine.charge_items(len(names) >> 1)
        return tuple(names.replace(",", " ").split())
    return tuple(machine.drain(names))


def _check_names(type_name_: Any, fields: tuple[Any, ...]) -> None:
    for name in (type_name_, *fields):
        if type(name) is str and len(name) > _LONGEST_NAME:
            raise ValueError(f"Type names and field names have at most {_LONGEST_NAME} characters: {_shown(name)}")
        if type(name) is not str or not name.isidentifier():
            raise ValueError(f"Type names and field names must be valid identifiers: {_shown(name)}")
        if iskeyword(name):
            raise ValueError(f"Type names and field names cannot be a keyword: {name!r}")
    seen: set[str] = set()
    for name in fields:
        if name.startswith("_"):
            raise ValueError(f"Field names cannot start with an underscore: {_shown(name)}")
        if name in seen:
            raise ValueError(f"Encountered duplicate field name: {_shown(name)}")
        seen.add(name)


def _shown(name: Any) -> str:
    return repr(name[:100]) if type(name) is str else f"a {type_name(name)}"


def _named_tuple(
    machine: Machine, typename: Any, field_names: Any, /, *, rename: Any = False, defaults: Any = None
) -> RecordType:
    if rename:
        raise ValueError("rename=True is not offered: give every field a name of its own")
    fields = _field_names(machine, field_names)
    _check_names(typename, fields)
    values = () if defaults is None else tuple(machine.drain(defaults))
    if len(values) > len(fields):
        raise TypeError("Got more default values than field names")
    return make_record_type(machine, typename, fields, values)


def _as_dict(machine: Machine, value: Record, /) -> dict[str, Any]:
    machine.charge_items(len(value))
    machine.charge_bytes(ENTRY * len(value))
    return dict(zip(value.type.fields, value, strict=True))


def _replace(machine: Machine, value: Record, /, **kwargs: Any) -> Record:
    items = [kwargs.pop(name, item) for name, item in zip(value.type.fields, value, strict=True)]
    if kwargs:
        raise ValueError(f"Got unexpected field names: {[name[:100] for name in list(kwargs)[:10]]!r}")
    return make_record(machine, value.type, items)


RECORD_METHODS: dict[str, Method] = _table(
    Method("_asdict", _as_dict, shallow=True), Method("_replace", _replace, shallow=True)
)


def record_attribute(machine: Machine, record: Record | RecordType, name: str) -> Any:  # noqa: ARG001
    """`record.name`: a field, or `_fields`, which the type has too. Raises `AttributeError`."""
    kind = record if type(record) is RecordType else record.type  # type: ignore[union-attr]
    if name == "_fields":
        return kind.fields
    if type(record) is Record and name in kind.index:
        return record[kind.index[name]]
    raise AttributeError(f"{kind.name!r} object has no attribute {name!r}")


MEMBERS: dict[str, Any] = {
    "Counter": Builtin(
        "collections.Counter",
        _counter,
        host=Counter,
        statics={"fromkeys": Builtin("fromkeys", _counter_from_keys)},
    ),
    "OrderedDict": Builtin(
        "collections.OrderedDict",
        _ordered_dict,
        shallow=True,
        host=OrderedDict,
        statics={"fromkeys": Builtin("fromkeys", _ordered_from_keys, shallow=True)},
    ),
    "defaultdict": Builtin(
        "collections.defaultdict",
        _default_dict,
        shallow=True,
        host=DefaultDict,
        statics={"fromkeys": Builtin("fromkeys", _default_from_keys, shallow=True)},
    ),
    "deque": Builtin("collections.deque", _deque, shallow=True, host=deque),
    "namedtuple": Builtin("namedtuple", _named_tuple, shallow=True),
}
