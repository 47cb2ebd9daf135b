"""The module `itertools`: lazy iterators of ours, each item a step, handed on unseen where that can be."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from .. import operators
from ..machine import Machine
from ..values import Builtin, Iter, type_name

_ENDED: Any = object()
# Bytes, as measured: generators keep their frames.
_LAZY = 1_000
_GROUP = 600
_SOURCE = 400


def _lazy(machine: Machine, host: Iterator[Any], sources: tuple[Any, ...] = ()) -> Iter:
    """An iterator of a plan, paid for."""
    machine.take(_LAZY)
    return Iter(host, sources)


def _each(machine: Machine, source: Any) -> Iterator[Any]:
    """The items of a value, each a step; `TypeError` at once if it has none."""
    return _paid(machine, source, machine.iterate(source))


def _paid(machine: Machine, source: Any, host: Iterator[Any]) -> Iterator[Any]:
    while True:
        if machine.marked:
            machine.check(source)
        machine.fuel -= 1
        if machine.fuel < 0:
            machine.refuel()
        item = next(host, _ENDED)
        if item is _ENDED:
            return
        yield item


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

    def run() -> Iterator[Any]:
        number = start
        while True:
            machine.work(1)
            yield number
            number = operators.add(machine, number, step)

    return _lazy(machine, run())


def _cycle(machine: Machine, iterable: Any, /) -> Iter:
    source = _each(machine, iterable)
    saved: list[Any] = []

    def run() -> Iterator[Any]:
        for item in source:
            machine.items(1)
            saved.append(item)
            if len(saved) > machine.limits.container:
                machine.items(len(saved))
            yield item
        while saved:
            for item in saved:
                machine.work(1)
                yield item

    return _lazy(machine, run(), (iterable, saved))


def _repeat(machine: Machine, /, object: Any, times: Any = None) -> Iter:  # noqa: A002
    if times is not None and type(times) not in (int, bool):
        raise TypeError(f"'{type_name(times)}' object cannot be interpreted as an integer")

    def run() -> Iterator[Any]:
        done = 0
        while times is None or done < times:
            machine.work(1)
            done += 1
            yield object

    return _lazy(machine, run(), ([object],))


# ------------------------------------------------------------------ one source


def _accumulate(machine: Machine, /, iterable: Any, func: Any = None, *, initial: Any = None) -> Iter:
    source = _each(machine, iterable)
    call = machine.caller()

    def run() -> Iterator[Any]:
        total = _ENDED
        if initial is not None:
            total = initial
            yield total
        for item in source:
            machine.scan(item)
            if total is _ENDED:
                total = item
            elif func is None:
                total = operators.add(machine, total, item)
            else:
                total = call(func, total, item)
            yield total

    return _lazy(machine, run(), (iterable, [initial]))


def _chain(machine: Machine, /, *iterables: Any) -> Iter:
    def run() -> Iterator[Any]:
        for iterable in iterables:
            yield from _each(machine, machine.check(iterable))

    return _lazy(machine, run(), iterables)


def _chain_from_iterable(machine: Machine, iterable: Any, /) -> Iter:
    source = _each(machine, iterable)

    def run() -> Iterator[Any]:
        for part in source:
            yield from _each(machine, machine.check(part))

    return _lazy(machine, run(), (iterable,))


def _compress(machine: Machine, /, data: Any, selectors: Any) -> Iter:
    source, choices = _each(machine, data), _each(machine, selectors)

    def run() -> Iterator[Any]:
        for item, choice in zip(source, choices, strict=False):
            if machine.check(choice):
                yield item

    return _lazy(machine, run(), (data, selectors))


def _tested(machine: Machine, predicate: Any) -> Callable[[Any], Any]:
    """The predicate; None stands for the truth of the item itself."""
    call = machine.caller()
    return lambda item: machine.check(item) if predicate is None else call(predicate, machine.check(item))


def _filterfalse(machine: Machine, predicate: Any, iterable: Any, /) -> Iter:
    source, test = _each(machine, iterable), _tested(machine, predicate)

    def run() -> Iterator[Any]:
        for item in source:
            if not test(item):
                yield item

    return _lazy(machine, run(), (iterable,))


def _dropwhile(machine: Machine, predicate: Any, iterable: Any, /) -> Iter:
    source, call = _each(machine, iterable), machine.caller()

    def run() -> Iterator[Any]:
        for item in source:
            if not call(predicate, machine.check(item)):
                yield item
                break
        yield from source

    return _lazy(machine, run(), (iterable,))


def _takewhile(machine: Machine, predicate: Any, iterable: Any, /) -> Iter:
    source, call = _each(machine, iterable), machine.caller()

    def run() -> Iterator[Any]:
        for item in source:
            if not call(predicate, machine.check(item)):
                return
            yield item

    return _lazy(machine, run(), (iterable,))


def _groupby(machine: Machine, /, iterable: Any, key: Any = None) -> Iter:
    """Groups share the source: going on to the next group ends the one before, as in CPython."""
    source, call = _each(machine, iterable), machine.caller()
    same = operators.COMPARE["=="]
    ahead: list[Any] = []  # the item that was read last with its key, if it is in no group yet
    turn = 0

    def read() -> bool:
        item = next(source, _ENDED)
        if item is _ENDED:
            ahead.clear()
            return False
        machine.scan(item)
        ahead[:] = [item if key is None else call(key, item), item]
        return True

    def group(mine: int, label: Any) -> Iterator[Any]:
        while turn == mine and ahead and same(machine, ahead[0], label):
            item = ahead[1]
            yield item
            if turn != mine or not read():
                return

    def run() -> Iterator[Any]:
        nonlocal turn
        if not read():
            return
        while ahead:
            turn += 1
            label = ahead[0]
            machine.items(2)
            machine.take(_GROUP)
            yield (label, Iter(group(turn, label), (iterable,)))
            while ahead and same(machine, ahead[0], label):
                if not read():
                    return

    return _lazy(machine, run(), (iterable,))


def _islice(machine: Machine, iterable: Any, /, *bounds: Any) -> Iter:
    if not 1 <= len(bounds) <= 3:
        raise TypeError(f"islice expected at least 2 arguments, at most 4, got {len(bounds) + 1}")
    start, stop, step = (None, *bounds, None) if len(bounds) == 1 else (*bounds, None)[:3]
    for bound in (start, stop, step):
        if bound is not None and (type(bound) not in (int, bool) or bound < 0):
            raise ValueError("Indices for islice() must be None or an integer: 0 <= x <= sys.maxsize.")
    if step == 0:
        raise ValueError("Step for islice() must be a positive integer or None.")
    source = _each(machine, iterable)

    def run() -> Iterator[Any]:
        wanted, read = start or 0, 0
        while stop is None or read < stop:
            item = next(source, _ENDED)
            if item is _ENDED:
                return
            if read == wanted:
                wanted += step or 1
                yield item
            read += 1

    return _lazy(machine, run(), (iterable,))


def _pairwise(machine: Machine, iterable: Any, /) -> Iter:
    source = _each(machine, iterable)

    def run() -> Iterator[Any]:
        before = next(source, _ENDED)
        for item in source:
            machine.items(2)
            yield (before, item)
            before = item

    return _lazy(machine, run(), (iterable,))


def _starmap(machine: Machine, function: Any, iterable: Any, /) -> Iter:
    source, call = _each(machine, iterable), machine.caller()

    def run() -> Iterator[Any]:
        for item in source:
            yield call(function, *map(machine.check, machine.drain(machine.check(item))))

    return _lazy(machine, run(), (iterable,))


# ------------------------------------------------------------------ several sources


def _zip_longest(machine: Machine, /, *iterables: Any, fillvalue: Any = None) -> Iter:
    machine.take(_SOURCE * len(iterables))
    sources: list[Iterator[Any] | None] = [_each(machine, iterable) for iterable in iterables]

    def run() -> Iterator[Any]:
        live = len(sources)
        while live:
            machine.items(len(sources))
            row = [fillvalue] * len(sources)
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

    return _lazy(machine, run(), (*iterables, [fillvalue]))


def _rows(machine: Machine, host: Iterator[Any], width: int, pools: tuple[Any, ...]) -> Iter:
    """Tuples of the host's, made from lists that are paid for."""

    def run() -> Iterator[Any]:
        while True:
            machine.work(1)
            machine.items(width)
            row = next(host, _ENDED)
            if row is _ENDED:
                return
            yield row

    return _lazy(machine, run(), pools)


def _product(machine: Machine, /, *iterables: Any, repeat: Any = 1) -> Iter:
    times = _natural("repeat", repeat)
    machine.items(len(iterables) * times)
    machine.take(_SOURCE * len(iterables))
    pools = tuple(machine.drain(iterable) for iterable in iterables)
    times = times if pools else 0
    return _rows(machine, itertools.product(*pools, repeat=times), len(pools) * times, pools)


def _combinations(machine: Machine, /, iterable: Any, r: Any) -> Iter:
    pool, width = machine.drain(iterable), _natural("r", r)
    if width > len(pool):
        return _lazy(machine, iter(()))
    return _rows(machine, itertools.combinations(pool, width), width, (pool,))


def _combinations_with_replacement(machine: Machine, /, iterable: Any, r: Any) -> Iter:
    pool, width = machine.drain(iterable), _natural("r", r)
    machine.items(width)
    return _rows(machine, itertools.combinations_with_replacement(pool, width), width, (pool,))


def _permutations(machine: Machine, /, iterable: Any, r: Any = None) -> Iter:
    pool = machine.drain(iterable)
    width = len(pool) if r is None else _natural("r", r)
    if width > len(pool):
        return _lazy(machine, iter(()))
    return _rows(machine, itertools.permutations(pool, width), width, (pool,))


_SHALLOW: dict[str, Callable[..., Any]] = {
    "accumulate": _accumulate,
    "chain": _chain,
    "combinations": _combinations,
    "combinations_with_replacement": _combinations_with_replacement,
    "compress": _compress,
    "cycle": _cycle,
    "dropwhile": _dropwhile,
    "filterfalse": _filterfalse,
    "islice": _islice,
    "pairwise": _pairwise,
    "permutations": _permutations,
    "product": _product,
    "repeat": _repeat,
    "starmap": _starmap,
    "takewhile": _takewhile,
    "zip_longest": _zip_longest,
}
_STATICS = {"chain": {"from_iterable": Builtin("chain.from_iterable", _chain_from_iterable, shallow=True)}}

MEMBERS: dict[str, Any] = {
    **{name: Builtin(name, call, shallow=True, statics=_STATICS.get(name)) for name, call in _SHALLOW.items()},
    "count": Builtin("count", _count),
    "groupby": Builtin("groupby", _groupby),
}
