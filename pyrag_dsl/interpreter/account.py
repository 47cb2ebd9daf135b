"""What a pass has left of its limits. An operation is charged here before it is carried out.

A step is about a microsecond. An operation that visits every item of a value is charged for each visit, so a shared
item counts as often as it is met. `charge_value` finds the items by the table of parts, and so misses no kind of value.
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
_HEADER = 56  # bytes of a string beyond its characters
_ENTRY = 128  # bytes of an entry of a dictionary
_MODULUS = 2**61 - 1  # the hash of an integer is its remainder modulo this number
_ATOMS = frozenset({str, int, float, bool, type(None)})
_DEEP_KEYS = frozenset({tuple, Record, PlanFrozenSet, range, TypeUnion})
_MAPPINGS = frozenset({dict, DefaultDict, Counter, OrderedDict})
_BY_HASH = _MAPPINGS | {PlanSet, PlanFrozenSet, *VIEWS}
_PLAIN_KEYS = frozenset({str, bool, type(None)})
_SMALL_KEYS = _PLAIN_KEYS | {int, float}


class Account:
    """The budgets of a pass, which count down.

    `fuel` is the number of steps until the next look at the clock, and `reserve` the number of steps after that.
    """

    __slots__ = (
        *("limits", "interrupt", "fuel", "reserve", "memory", "output", "regex_seconds"),
        *("collisions", "most_collisions"),
    )

    def __init__(self, limits: Limits, interrupt: Callable[[], bool] | None) -> None:
        self.limits = limits
        self.interrupt = interrupt
        self.fuel = min(_CHUNK, limits.steps)
        self.reserve = limits.steps - self.fuel
        self.memory = limits.memory
        self.output = limits.output
        self.regex_seconds = limits.regex_seconds * REGEX_SHARE
        self.collisions: dict[int, list[Any]] = {}  # hash -> [first key with it, number of other keys with it]
        self.most_collisions = 0  # the largest of these numbers

    def refuel(self) -> None:
        """Move steps from `reserve` to `fuel`. Raises `LimitHit` when time or steps are used up."""
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

    def charge_steps(self, steps: int) -> None:
        """Charge about `steps` simple operations."""
        self.fuel -= steps
        if self.fuel < 0:
            self.refuel()

    def raise_memory_limit(self) -> NoReturn:
        raise LimitHit("PLAN403", f"the plan would use more than {self.limits.memory // 2**20} MiB of memory")

    def charge_bytes(self, size: int) -> None:
        """Charge `size` bytes of small objects that a plan may keep."""
        self.memory -= size
        if self.memory < 0:
            self.raise_memory_limit()

    def charge_text(self, length: int, wide: bool = False) -> None:
        """Charge a string of `length` characters, `wide` if they are not all ASCII."""
        if length > self.limits.string:
            raise LimitHit("PLAN404", f"a string of {length:,} characters; the limit is {self.limits.string:,}")
        self.memory -= (length * 4 if wide else length) + _HEADER
        if self.memory < 0:
            self.raise_memory_limit()
        self.fuel -= length >> 7
        if self.fuel < 0:
            self.refuel()

    def charge_items(self, count: int) -> None:
        """Charge a container of `count` items."""
        if count > self.limits.container:
            raise LimitHit("PLAN405", f"a container of {count:,} items; the limit is {self.limits.container:,}")
        self.memory -= count * 16
        if self.memory < 0:
            self.raise_memory_limit()
        self.fuel -= count >> 2
        if self.fuel < 0:
            self.refuel()

    def check_bits(self, count: int) -> None:
        """Raise `LimitHit` if an integer of `count` bits is too large. Nothing is charged."""
        if count > self.limits.integer_bits:
            raise LimitHit("PLAN406", f"an integer of more than {self.limits.integer_bits:,} bits")

    def charge_integer(self, value: Any) -> Any:
        """Charge a value if it is a large integer, and return it."""
        if type(value) is int and not -_SMALL < value < _SMALL:
            size = value.bit_length()
            self.check_bits(size)
            self.charge_bytes(size >> 3)
            self.charge_steps(size >> 10)
        return value

    # -------------------------------------------------------------- whole values

    def charge_value(self, value: Any) -> int:
        """Charge an operation that visits all of a value, and return the number of its items and characters.

        What is shared counts as often as it is met, although a shared container of containers is measured only once.

        Raises:
            LimitHit: the value is too deep or too large.
        """
        kind = type(value)
        if kind is str:
            return len(value)
        if kind is list and all_texts(value):  # usually documents: the same charges as below, computed faster
            count, characters = len(value), sum(map(len, value))
            if 1 + count + characters <= self.limits.border and self.limits.depth > 0:
                return self.charge_texts(count, characters)
        items, characters, _ = self._measure(value, 0, {})
        self.charge_steps((items >> 2) + (characters >> 6))
        return items + characters

    def charge_texts(self, count: int, characters: int) -> int:
        """`charge_value` of a list of so many texts, which have so many characters together."""
        self.charge_steps(2 + (count >> 2) + (1 + count >> 2) + (characters >> 6))
        return 1 + count + characters

    def _measure(self, value: Any, depth: int, sizes: dict[int, tuple[int, int, int]]) -> tuple[int, int, int]:
        """The items, characters and height of one value."""
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
            self.charge_steps(4)  # the host does arithmetic to compare times and ranges
            return 1, shape.name(value), 0
        else:
            if shape.copied is not None:
                self.charge_steps(shape.copied(value) >> 1)
            held, characters = shape.parts(value), shape.name(value)
        if depth >= self.limits.depth:
            self._too_deep()
        items, height = 1, 0
        self.charge_steps(2 + (len(held) >> 2))
        if self.most_collisions and kind in _BY_HASH:
            self.charge_rehash(value)
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
        if height:  # a container of atoms is measured again as fast as it would be found in `sizes`
            sizes[id(value)] = found
        return found

    def _too_deep(self) -> NoReturn:
        raise LimitHit("PLAN411", f"a value nested more than {self.limits.depth} deep")

    # -------------------------------------------------------------------- keys

    def charge_key(self, value: Any) -> Any:
        """Charge the hash and the lookup of a key, and return the key.

        Raises:
            TypeError: the key is a slice, which only some versions of Python can hash.
        """
        kind = type(value)
        if kind is str:
            if len(value) > 1_024:
                self.charge_steps(len(value) >> 10)
        elif kind is int:
            if self.most_collisions or not -_MODULUS < value < _MODULUS:
                # A lookup also passes the keys that share a hash with others.
                self.charge_steps((value.bit_length() >> 7) + (self.most_collisions >> 4))
                self._charge_collisions(value)
        elif kind in _DEEP_KEYS:
            self.charge_steps(4)
            if kind is not range:
                self.charge_value(value)
            self._charge_collisions(value)
        elif kind is float:
            if self.most_collisions:
                self._charge_collisions(value)
        elif kind is slice:
            raise TypeError("unhashable type: 'slice'")
        return value

    def charge_keys(self, values: Collection[Any]) -> Any:
        """Charge the hashes and lookups of many keys, and return the keys."""
        if not {*map(type, values)} <= _PLAIN_KEYS:
            for value in values:
                self.charge_key(value)
        else:
            for value in values:
                if type(value) is str and len(value) > 1_024:
                    self.charge_steps(len(value) >> 10)
        return values

    def charge_rehash(self, keys: Collection[Any]) -> None:
        """Charge the hashes and lookups of values that have been keys before."""
        self.charge_steps(len(keys) >> 3)
        if {*map(type, keys)} <= (_PLAIN_KEYS if self.most_collisions else _SMALL_KEYS):
            return
        for key in keys:
            if type(key) is not str:
                self.charge_key(key)

    def charge_iteration(self, value: Any) -> None:
        """Charge the iteration over a value. Only an ordered dictionary costs anything: the host looks each key up."""
        if type(value) is OrderedDict:
            self.charge_rehash(dict.keys(value))

    def _charge_collisions(self, value: Any) -> None:
        """Charge the comparisons with other keys of the same hash. A plan can choose integers that collide."""
        try:
            code = hash(value)
        except TypeError:
            return  # the operation itself says so
        found = self.collisions.get(code)
        if found is None:
            if type(value) is int and -_MODULUS < value < _MODULUS:
                return
            self.charge_bytes(_ENTRY)
            self.collisions[code] = [value, 0]
        elif found[0] != value:
            found[1] += 1
            self.most_collisions = max(self.most_collisions, found[1])
            self.charge_steps(found[1] >> 3)

    def charge_comparisons(self, value: Any, times: int) -> None:
        """Charge the worst case of `times` comparisons with a value: equal length, and a difference only at the end."""
        kind = type(value)
        if kind is str:
            self.charge_steps((len(value) >> 6) * times >> (6 if value.isascii() else 4))
        elif kind is int:
            self.charge_steps(value.bit_length() * times >> 14)

    def charge_search(self, text: str, part: str) -> None:
        """Charge a search for `part` in a text. The host is slow where the beginning or end of `part` occurs often."""
        size = len(part)
        if size > 8 and len(text) > size:
            often = text.count(part[:8]) + text.count(part[-8:])
            self.charge_steps((len(text) >> 7) + (often * size >> 7))
        else:
            self.charge_steps(len(text) >> 7)


_SMALL = 1 << 512  # smaller integers cost no more than any other value
REGEX_SHARE = 8  # the regular expressions of a pass may together take this many times the seconds of one
