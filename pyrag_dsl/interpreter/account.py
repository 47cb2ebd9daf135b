"""What a pass has used of its limits. Whatever takes time or memory is charged here, before it is done.

A step is about a microsecond. An operation that looks at every item of a value is charged by what it looks at, with
what is shared counted as often as it is met: `measure` walks the table of parts, and so cannot miss what a kind holds.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Collection
from typing import Any, NoReturn

from .border import all_texts
from .limits import LimitHit, Limits
from .parts import SHAPES, exception_parts
from .values import VIEWS, DefaultDict, PlanFrozenSet, PlanSet, Record, TypeUnion

_CHUNK = 4_000  # steps between two looks at the clock
_HEADER = 56  # bytes of a text beyond its characters
_ENTRY = 128  # bytes of an entry of a dictionary
_MODULUS = 2**61 - 1  # hashes of integers are remainders
_ATOMS = frozenset({str, int, float, bool, type(None)})
_DEEP_KEYS = frozenset({tuple, Record, PlanFrozenSet, range, TypeUnion})
_MAPPINGS = frozenset({dict, DefaultDict, Counter, OrderedDict})
_BY_HASH = _MAPPINGS | {PlanSet, PlanFrozenSet, *VIEWS}
_PLAIN_KEYS = frozenset({str, bool, type(None)})
_SMALL_KEYS = _PLAIN_KEYS | {int, float}


class Account:
    """Counts down. `fuel` is what is left of the steps until the next look at the clock, `reserve` what lies behind."""

    __slots__ = (
        *("limits", "interrupt", "fuel", "reserve", "memory", "output", "regex_seconds"),
        *("crowds", "crowded"),
    )

    def __init__(self, limits: Limits, interrupt: Callable[[], bool] | None) -> None:
        self.limits = limits
        self.interrupt = interrupt
        self.fuel = min(_CHUNK, limits.steps)
        self.reserve = limits.steps - self.fuel
        self.memory = limits.memory
        self.output = limits.output
        self.regex_seconds = limits.regex_seconds * REGEX_SHARE
        self.crowds: dict[int, list[Any]] = {}  # by hash: one key that has it, and how often others came
        self.crowded = 0  # how many keys share a hash at most

    def refuel(self) -> None:
        """Called when `fuel` is below zero: more of it, or the end of the run."""
        if self.interrupt is not None and self.interrupt():
            raise LimitHit("PLAN402", "the time of the run is over")
        if self.reserve + self.fuel < 0:
            raise LimitHit("PLAN401", f"the plan took more than {self.limits.steps:,} steps")
        more = min(_CHUNK - self.fuel, self.reserve)
        self.fuel += more
        self.reserve -= more
        if self.fuel < 0:
            raise LimitHit("PLAN401", f"the plan took more than {self.limits.steps:,} steps")

    @property
    def steps_taken(self) -> int:
        return self.limits.steps - self.reserve - self.fuel

    def work(self, steps: int) -> None:
        """Pay for work of about `steps` operations."""
        self.fuel -= steps
        if self.fuel < 0:
            self.refuel()

    def memory_used_up(self) -> NoReturn:
        raise LimitHit("PLAN403", f"the plan would use more than {self.limits.memory // 2**20} MiB of memory")

    def take(self, size: int) -> None:
        """Pay for `size` bytes of small objects that a plan may keep."""
        self.memory -= size
        if self.memory < 0:
            self.memory_used_up()

    def text(self, length: int, wide: bool = False) -> None:
        """Pay for a string of `length` characters before it is made."""
        if length > self.limits.string:
            raise LimitHit("PLAN404", f"a string of {length:,} characters; the limit is {self.limits.string:,}")
        self.memory -= (length * 4 if wide else length) + _HEADER
        if self.memory < 0:
            self.memory_used_up()
        self.fuel -= length >> 7
        if self.fuel < 0:
            self.refuel()

    def items(self, count: int) -> None:
        """Pay for a container of `count` items before it is made."""
        if count > self.limits.container:
            raise LimitHit("PLAN405", f"a container of {count:,} items; the limit is {self.limits.container:,}")
        self.memory -= count * 16
        if self.memory < 0:
            self.memory_used_up()
        self.fuel -= count >> 2
        if self.fuel < 0:
            self.refuel()

    def bits(self, count: int) -> None:
        """Refuse an integer of `count` bits before it is made, if it is too large."""
        if count > self.limits.integer_bits:
            raise LimitHit("PLAN406", f"an integer of more than {self.limits.integer_bits:,} bits")

    def integer(self, value: Any) -> Any:
        """Pay for an integer that may be large; the value, whatever it is."""
        if type(value) is int and not -_SMALL < value < _SMALL:
            size = value.bit_length()
            self.bits(size)
            self.take(size >> 3)
            self.work(size >> 10)
        return value

    # -------------------------------------------------------------- whole values

    def measure(self, value: Any) -> int:
        """Items and characters of a value, sharing expanded, within the limits of depth and size.

        A container of containers is looked at once, however often it is shared, and what an operation on all of it
        will take is paid for.
        """
        kind = type(value)
        if kind is str:
            return len(value)
        if kind is list and all_texts(value):  # documents, as a rule: quickly, and all the same
            items, characters = 1 + len(value), sum(map(len, value))
            if items + characters <= self.limits.border and self.limits.depth > 0:
                self.work(2 + (len(value) >> 2))
                self.work((items >> 2) + (characters >> 6))
                return items + characters
        items, characters, _ = self._measure(value, 0, {})
        self.work((items >> 2) + (characters >> 6))
        return items + characters

    def _measure(self, value: Any, depth: int, sizes: dict[int, tuple[int, int, int]]) -> tuple[int, int, int]:
        """Items, characters and height of one value."""
        kind = type(value)
        if kind is str:
            return 1, len(value), 0
        if kind is int:
            return 1, value.bit_length() >> 2, 0
        known = sizes.get(id(value))
        if known is not None:
            if depth + known[2] > self.limits.depth:
                self._too_deep()
            return known
        shape = SHAPES.get(kind)
        held: Collection[Any]
        if shape is None:
            if not isinstance(value, Exception):
                return 1, 16, 0
            held, characters = exception_parts(value), 16
        elif shape.leaf:
            self.work(4)  # the host does arithmetic to compare times and ranges
            return 1, shape.name(value), 0
        else:
            if shape.copied is not None:
                self.work(shape.copied(value) >> 1)
            held, characters = shape.parts(value), shape.name(value)
        if depth >= self.limits.depth:
            self._too_deep()
        items, height = 1, 0
        self.work(2 + (len(held) >> 2))
        if self.crowded and kind in _BY_HASH:
            self.rehash(value)
        for child in held:
            below = type(child)
            if below is str:
                items += 1
                characters += len(child)
                continue
            if below is int:
                items += 1
                characters += child.bit_length() >> 2
                continue
            more, wide, high = self._measure(child, depth + 1, sizes)
            items += more
            characters += wide
            if high > height:
                height = high
        if items + characters > self.limits.border:
            raise LimitHit("PLAN405", f"a value of more than {self.limits.border:,} items and characters")
        found = (items, characters, height + 1)
        if height:  # what holds only atoms is looked at again as fast as it is looked up
            sizes[id(value)] = found
        return found

    def _too_deep(self) -> NoReturn:
        raise LimitHit("PLAN411", f"a value nested more than {self.limits.depth} deep")

    # -------------------------------------------------------------------- keys

    def key(self, value: Any) -> Any:
        """Pay for hashing a value and for looking it up; the value. Raises `TypeError` for a slice, on any Python."""
        kind = type(value)
        if kind is str:
            if len(value) > 1_024:
                self.work(len(value) >> 10)
        elif kind is int:
            if self.crowded or not -_MODULUS < value < _MODULUS:
                # Where keys share a hash, others are found behind them.
                self.work((value.bit_length() >> 7) + (self.crowded >> 4))
                self._crowd(value)
        elif kind in _DEEP_KEYS:
            self.work(4)
            if kind is not range:
                self.measure(value)
            self._crowd(value)
        elif kind is float:
            if self.crowded:
                self._crowd(value)
        elif kind is slice:
            raise TypeError("unhashable type: 'slice'")
        return value

    def keys(self, values: Collection[Any]) -> Any:
        """`key` for many; the values."""
        if not {*map(type, values)} <= _PLAIN_KEYS:
            for value in values:
                self.key(value)
        else:
            for value in values:
                if type(value) is str and len(value) > 1_024:
                    self.work(len(value) >> 10)
        return values

    def rehash(self, keys: Collection[Any]) -> None:
        """Pay for hashing and looking up keys once more that have been keys before."""
        self.work(len(keys) >> 3)
        if {*map(type, keys)} <= (_PLAIN_KEYS if self.crowded else _SMALL_KEYS):
            return
        for key in keys:
            if type(key) is not str:
                self.key(key)

    def reading(self, value: Any) -> None:
        """Pay for going over a value. It is free but for an ordered dictionary, of which the host looks each key up."""
        if type(value) is OrderedDict:
            self.rehash(dict.keys(value))

    def _crowd(self, value: Any) -> None:
        """Pay for the others that share this hash: integers and tuples of them can be chosen to collide."""
        try:
            code = hash(value)
        except TypeError:
            return  # the operation itself says so
        crowd = self.crowds.get(code)
        if crowd is None:
            if type(value) is int and -_MODULUS < value < _MODULUS:
                return
            self.take(_ENTRY)
            self.crowds[code] = [value, 0]
        elif crowd[0] != value:
            crowd[1] += 1
            self.crowded = max(self.crowded, crowd[1])
            self.work(crowd[1] >> 3)

    def comparing(self, value: Any, times: int) -> None:
        """Pay for comparing a value with `times` others, which may be as long and differ at the end only."""
        kind = type(value)
        if kind is str:
            self.work((len(value) >> 6) * times >> (6 if value.isascii() else 4))
        elif kind is int:
            self.work(value.bit_length() * times >> 14)

    def seeking(self, text: str, part: str) -> None:
        """Pay for looking for one text in another: where its beginning or end is found often, the host is slow."""
        size = len(part)
        if size > 8 and len(text) > size:
            often = text.count(part[:8]) + text.count(part[-8:])
            self.work((len(text) >> 7) + (often * size >> 7))
        else:
            self.work(len(text) >> 7)


_SMALL = 1 << 512  # integers below are as cheap as any value
REGEX_SHARE = 8  # so many times the seconds of one regular expression is what those of a pass may take together
