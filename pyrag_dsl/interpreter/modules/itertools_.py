"""The module `itertools`, as lazy iterators of our own. Each item costs a step, and may be pending where possible."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from .. import operators
from ..machine import Caller, Machine
from ..values import Builtin, Iter, type_name

_ENDED: Any = object()
# Bytes, as measured.
_GROUP = 600
_SOURCE = 400


def _each(machine: Machine, source: Any) -> Iterator[Any]:
    """The items of a value, each of which costs a step. Raises `TypeError` at once if the value is not iterable."""
    return machine.counted(machine.iterate(source))


def _natural(name: str, value: Any) -> int:
    if type(value) not in (int, bool):
        raise TypeError(f"'{type_name(value)}' object cannot be interpreted as an integer")
    if value < 0:
        raise ValueError(f"{name} must be non-negative")
    return int(value)


# ------------------------------------------------------------------ endless


def _count(machine: Machine, /, start: Any = 0, step: Any = 1) -> Iter:
    for value in (start, step):
        if type(value) not in (int, float, bool):
            raise TypeError("a number is required")
    return machine.lazy(_counting, (start, step))


def _counting(machine: Machine, number: Any, step: Any) -> Iterator[Any]:
    while True:
        machine.charge_steps(1)
        yield number
        number = operators.add(machine, number, step)


def _cycle(machine: Machine, iterable: Any, /) -> Iter:
    return machine.lazy(_cycling, (iterable, []), _each(machine, iterable))


def _cycling(machine: Machine, _iterable: Any, saved: list[Any], source: Iterator[Any]) -> Iterator[Any]:
    for item in source:
        machine.charge_items(1)
        saved.append(item)
        if len(saved) > machine.limits.container:
            machine.charge_items(len(saved))
        yield item
    while saved:
        for item in saved:
            machine.charge_steps(1)
            yield item


def _repeat(machine: Machine, /, object: Any, times: Any = None) -> Iter:  # noqa: A002
    if times is not None and type(times) not in (int, bool):
        raise TypeError(f"'{type_name(times)}' object cannot be interpreted as an integer")
    return machine.lazy(_repeating, ([object], times))


def _repeating(machine: Machine, held: list[Any], times: int | None) -> Iterator[Any]:
    done = 0
    while times is None or done < times:
        machine.charge_steps(1)
        done += 1
        yield held[0]


# ------------------------------------------------------------------ one source


def _accumulate(machine: Machine, /, iterable: Any, func: Any = None, *, initial: Any = None) -> Iter:
    return machine.lazy(_accumulating, (iterable, func, [initial]), _each(machine, iterable), machine.caller())


def _accumulating(
    machine: Machine, _iterable: Any, func: Any, initial: list[Any], source: Iterator[Any], call: Caller
) -> Iterator[Any]:
    total = _ENDED if initial[0] is None else initial[0]
    if total is not _ENDED:
        yield total
    for item in source:
        machine.scan(item)
        if total is _ENDED:
            total = item
        elif func is None:
            machine.scan(total)
            total = operators.add(machine, total, item)
        else:
            total = call(func, total, item)
        yield total


def _chain(machine: Machine, /, *iterables: Any) -> Iter:
    return machine.lazy(_chaining, (iterables,), iter(iterables))


def _chain_from_iterable(machine: Machine, iterable: Any, /) -> Iter:
    return machine.lazy(_chaining, (iterable,), _each(machine, iterable))


def _chaining(machine: Machine, _iterable: Any, source: Iterator[Any]) -> Iterator[Any]:
    for part in source:
        yield from _each(machine, part)


def _compress(machine: Machine, /, data: Any, selectors: Any) -> Iter:
    return machine.lazy(_compressing, (data, selectors), _each(machine, data), _each(machine, selectors))


def _compressing(
    machine: Machine, _data: Any, _selectors: Any, source: Iterator[Any], choices: Iterator[Any]
) -> Iterator[Any]:
    for item, choice in zip(source, choices, strict=False):
        if machine.check(choice):
            yield item


def _tested(how: Callable[..., Iterator[Any]]) -> Callable[..., Iter]:
    """A builtin that makes an iterator from a predicate and an iterable."""

    def make(machine: Machine, predicate: Any, iterable: Any, /) -> Iter:
        return machine.lazy(how, (predicate, iterable), _each(machine, iterable), machine.caller())

    return make


def _filtering_false(
    machine: Machine, predicate: Any, _iterable: Any, source: Iterator[Any], call: Caller
) -> Iterator[Any]:
    for item in source:
        if not machine.check(item if predicate is None else call(predicate, item)):
            yield item


def _dropping(machine: Machine, predicate: Any, _iterable: Any, source: Iterator[Any], call: Caller) -> Iterator[Any]:
    for item in source:
        if not machine.check(call(predicate, item)):
            yield item
            break
    yield from source


def _taking(machine: Machine, predicate: Any, _iterable: Any, source: Iterator[Any], call: Caller) -> Iterator[Any]:
    for item in source:
        if not machine.check(call(predicate, item)):
            return
        yield item


class _Groups:
    """The state that the groups of one `groupby` share. The next group ends the one before, as in CPython."""

    def __init__(self, key: Any, source: Iterator[Any], call: Caller) -> None:
        self.key = key
        self.source = source
        self.call = call
        self.ahead: list[Any] = []  # the last item that was read, with its key, if it is in no group yet
        self.turn = 0

    def read(self, machine: Machine) -> bool:
        item = next(self.source, _ENDED)
        if item is _ENDED:
            self.ahead.clear()
            return False
        machine.scan(item)
        self.ahead[:] = [item if self.key is None else self.call(self.key, item), item]
        machine.scan(self.ahead[0])
        return True

    def goes_on(self, machine: Machine, label: Any) -> Any:
        return self.ahead and operators.COMPARE["=="](machine, self.ahead[0], label)


def _groupby(machine: Machine, /, iterable: Any, key: Any = None) -> Iter:
    itself: list[Any] = []  # a group reads the iterator that it came from
    groups = _Groups(key, _each(machine, iterable), machine.caller())
    made = machine.lazy(_grouping, (iterable, key), groups, itself)
    itself.append(made)
    return made


def _grouping(machine: Machine, _iterable: Any, _key: Any, groups: _Groups, itself: list[Iter]) -> Iterator[Any]:
    if not groups.read(machine):
        return
    while groups.ahead:
        groups.turn += 1
        machine.charge_steps(8)
        label = groups.ahead[0]
        machine.charge_items(2)
        machine.charge_bytes(_GROUP)
        yield (label, machine.lazy(_group, (itself[0],), groups, groups.turn, label))
        while groups.goes_on(machine, label):
            if not groups.read(machine):
                return


def _group(machine: Machine, whole: Iter, groups: _Groups, turn: int, label: Any) -> Iterator[Any]:
    while groups.turn == turn and groups.goes_on(machine, machine.check(label)):
        machine.check(whole)
        item = groups.ahead[1]
        yield item
        if groups.turn != turn or not groups.read(machine):
            return


def _islice(machine: Machine, iterable: Any, /, *bounds: Any) -> Iter:
    if not 1 <= len(bounds) <= 3:
        raise TypeError(f"islice expected at least 2 arguments, at most 4, got {len(bounds) + 1}")
    start, stop, step = (None, *bounds, None) if len(bounds) == 1 else (*bounds, None)[:3]
    for bound in (start, stop, step):
        if bound is not None and (type(bound) not in (int, bool) or bound < 0):
            raise ValueError("Indices for islice() must be None or an integer: 0 <= x <= sys.maxsize.")
    if step == 0:
        raise ValueError("Step for islice() must be a positive integer or None.")
    return machine.lazy(_slicing, (iterable,), _each(machine, iterable), start or 0, stop, step or 1)


def _slicing(
    _machine: Machine, _iterable: Any, source: Iterator[Any], wanted: int, stop: int | None, step: int
) -> Iterator[Any]:
    read = 0
    while stop is None or read < stop:
        item = next(source, _ENDED)
        if item is _ENDED:
            return
        if read == wanted:
            wanted += step
            yield item
        read += 1


def _pairwise(machine: Machine, iterable: Any, /) -> Iter:
    return machine.lazy(_pairing, (iterable,), _each(machine, iterable))


def _pairing(machine: Machine, _iterable: Any, source: Iterator[Any]) -> Iterator[Any]:
    before = next(source, _ENDED)
    for item in source:
        machine.charge_items(2)
        yield (before, item)
        before = item


def _starmap(machine: Machine, function: Any, iterable: Any, /) -> Iter:
    return machine.lazy(_starmapping, (function, iterable), _each(machine, iterable), machine.caller())


def _starmapping(machine: Machine, function: Any, _iterable: Any, source: Iterator[Any], call: Caller) -> Iterator[Any]:
    for item in source:
        yield call(function, *machine.drain(item))


# ------------------------------------------------------------------ several sources


def _zip_longest(machine: Machine, /, *iterables: Any, fillvalue: Any = None) -> Iter:
    machine.charge_bytes(_SOURCE * len(iterables))
    machine.charge_steps(4 * len(iterables))
    return machine.lazy(_zipping, (iterables, [fillvalue]), [_each(machine, iterable) for iterable in iterables])


def _zipping(machine: Machine, _iterables: Any, fill: list[Any], sources: list[Iterator[Any] | None]) -> Iterator[Any]:
    live = len(sources)
    while live:
        machine.charge_items(len(sources))
        row = fill * len(sources)
        for index, source in enumerate(sources):
            if source is None:
                continue
            item = next(source, _ENDED)
            if item is _ENDED:
                sources[index] = None
                live -= 1
                if not live:
                    return
            else:
                row[index] = item
        yield tuple(row)


def _rows(machine: Machine, host: Iterator[Any], width: int, *pools: list[Any]) -> Iter:
    """An iterator over tuples that the host makes from lists that have been charged."""
    return machine.lazy(_row_by_row, (pools,), host, width)


def _row_by_row(machine: Machine, _pools: Any, host: Iterator[Any], width: int) -> Iterator[Any]:
    while True:
        machine.charge_steps(1)
        machine.charge_items(width)
        row = next(host, _ENDED)
        if row is _ENDED:
            return
        yield row


def _product(machine: Machine, /, *iterables: Any, repeat: Any = 1) -> Iter:
    times = _natural("repeat", repeat)
    machine.charge_items(len(iterables) * times)
    machine.charge_bytes(_SOURCE * len(iterables))
    machine.charge_steps(4 * len(iterables))
    pools = [machine.drain(iterable) for iterable in iterables]
    times = times if pools else 0
    return _rows(machine, itertools.product(*pools, repeat=times), len(pools) * times, *pools)


def _combinations(machine: Machine, /, iterable: Any, r: Any) -> Iter:
    pool, width = machine.drain(iterable), _natural("r", r)
    if width > len(pool):
        return _rows(machine, iter(()), 0)
    return _rows(machine, itertools.combinations(pool, width), width, pool)


def _combinations_with_replacement(machine: Machine, /, iterable: Any, r: Any) -> Iter:
    pool, width = machine.drain(iterable), _natural("r", r)
    machine.charge_items(width)
    return _rows(machine, itertools.combinations_with_replacement(pool, width), width, pool)


def _permutations(machine: Machine, /, iterable: Any, r: Any = None) -> Iter:
    pool = machine.drain(iterable)
    width = len(pool) if r is None else _natural("r", r)
    if width > len(pool):
        return _rows(machine, iter(()), 0)
    return _rows(machine, itertools.permutations(pool, width), width, pool)


_SHALLOW: dict[str, Callable[..., Any]] = {
    "accumulate": _accumulate,
    "chain": _chain,
    "combinations": _combinations,
    "combinations_with_replacement": _combinations_with_replacement,
    "compress": _compress,
    "cycle": _cycle,
    "dropwhile": _tested(_dropping),
    "filterfalse": _tested(_filtering_false),
    "islice": _islice,
    "pairwise": _pairwise,
    "permutations": _permutations,
    "product": _product,
    "repeat": _repeat,
    "starmap": _starmap,
    "takewhile": _tested(_taking),
    "zip_longest": _zip_longest,
}
_STATICS = {"chain": {"from_iterable": Builtin("chain.from_iterable", _chain_from_iterable, shallow=True)}}

MEMBERS: dict[str, Any] = {
    **{name: Builtin(name, call, shallow=True, statics=_STATICS.get(name)) for name, call in _SHALLOW.items()},
    "count": Builtin("count", _count),
    "groupby": Builtin("groupby", _groupby),
}
