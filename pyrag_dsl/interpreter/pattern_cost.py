"""An upper bound on the work of a backtracking matcher, from the syntax tree of a regular expression.

The tree is CPython's own (`re._parser`, `sre_parse` before 3.11). One walk turns it into a formula of nested sums and
products in the length of the text, which each operation evaluates before it starts. The bound follows from two facts.
First, a sequence costs as much as its first part, plus the cost of its second part for every way in which the first can
match. Second, a repeat can be left in only one way if the next character must be one that the repeat cannot match
(`\\w+\\s`). Without the second fact, every realistic pattern would look quadratic or worse.

One unit of work is about ten nanoseconds of CPython's matcher.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple

if sys.version_info >= (3, 11):
    from re import _constants, _parser
else:
    import sre_constants as _constants
    import sre_parse as _parser

# This module is undocumented and has no types. The names used here are the same from 3.10 to 3.13.
sre: Any = _constants
parser: Any = _parser

IGNORECASE, MULTILINE, DOTALL, ASCII = 2, 8, 16, 256
_TYPES = 32 | 4 | ASCII

# ------------------------------------------------------------------ classes of characters
# A character class is a bit set: the 128 characters of ASCII, then four bits for the kinds of all other characters.
_ASCII = (1 << 128) - 1
_DECIMAL, _LETTER, _SPACE, _OTHER = (1 << bit for bit in range(128, 132))
_BEYOND = _DECIMAL | _LETTER | _SPACE | _OTHER
_ALL = _ASCII | _BEYOND
NEWLINE = 1 << 10


def _mask(test: Any) -> int:
    return sum(1 << code for code in range(128) if test(chr(code)))


_UPPER, _LOWER = _mask(str.isupper), _mask(str.islower)
# The ASCII letters that equal a letter outside ASCII if case is ignored: the Kelvin sign, the long s, the dotted and
# the dotless i.
_FOLDED = _mask(lambda char: char in "kKsSiI")
_DIGITS, _SPACES, _WORDS = (
    _mask(str.isdecimal),
    _mask(str.isspace),
    _mask(lambda char: char.isalnum() or char == "_"),
)
_ASCII_SPACES = _mask(lambda char: char in " \t\n\r\f\v")
_CATEGORIES = {
    sre.CATEGORY_DIGIT: (_DIGITS | _DECIMAL, _DIGITS),
    sre.CATEGORY_SPACE: (_SPACES | _SPACE, _ASCII_SPACES),
    sre.CATEGORY_WORD: (_WORDS | _DECIMAL | _LETTER, _WORDS),
}
_COMPLEMENTS = {
    sre.CATEGORY_NOT_DIGIT: sre.CATEGORY_DIGIT,
    sre.CATEGORY_NOT_SPACE: sre.CATEGORY_SPACE,
    sre.CATEGORY_NOT_WORD: sre.CATEGORY_WORD,
}


def _category(code: Any, flags: int) -> int:
    if code in _COMPLEMENTS:
        return _ALL & ~_category(_COMPLEMENTS[code], flags)
    return _CATEGORIES[code][1 if flags & ASCII else 0]


def _span(low: int, high: int) -> tuple[int, int]:
    """Two bit sets for a range: the classes that its characters may belong to, and the classes that it fills."""
    surely = ((1 << min(high + 1, 128)) - 1) & ~((1 << low) - 1) if low < 128 else 0
    if high < 128:
        return surely, surely
    if low == high:
        char = chr(low)
        kind = _DECIMAL if char.isdecimal() else _LETTER if char.isalnum() else _SPACE if char.isspace() else _OTHER
        return surely | kind, surely
    return surely | _BEYOND, surely


def char_class(op: Any, argument: Any, flags: int) -> int:
    """The characters that a one-character node may match. The set may be too large, and is never too small."""
    if op is sre.ANY:
        return _ALL if flags & DOTALL else _ALL & ~NEWLINE
    if op is sre.NOT_LITERAL:
        return _ALL & ~_span(argument, argument)[1]
    maybe = surely = 0
    negated = False
    members = argument if op is sre.IN else [(op, argument)]
    for kind, value in members:
        if kind is sre.NEGATE:
            negated = True
        elif kind is sre.CATEGORY:
            bits = _category(value, flags)
            maybe |= bits
            surely |= bits
        else:
            more, sure = _span(*value) if kind is sre.RANGE else _span(value, value)
            maybe |= more
            surely |= sure
    if negated:
        return _ALL & ~surely
    if flags & IGNORECASE:
        letters = maybe & (_UPPER | _LOWER)
        folded = maybe | (letters & _UPPER) << 32 | (letters & _LOWER) >> 32
        if not flags & ASCII:
            folded |= (_LETTER if letters else 0) | (_FOLDED if maybe & _BEYOND else 0)
        return folded
    return maybe


class Head(NamedTuple):
    """How the rest of a match begins: its possible first characters, and the work of rejecting any other one."""

    chars: int
    work: int


# ------------------------------------------------------------------ the formula
class Bound(NamedTuple):
    """The bound for one start position.

    Attributes:
        ways: the number of ways to match.
        work: the units of work to try all of them.
        rate: the units of work for each matched character, if the work is proportional to these; else None.
    """

    ways: float
    work: float
    rate: float | None


@dataclass(frozen=True, slots=True)
class _Fixed:
    work: float

    def bound(self, length: int) -> Bound:  # noqa: ARG002
        return Bound(1, self.work, self.work)


@dataclass(frozen=True, slots=True)
class _Reference:
    def bound(self, length: int) -> Bound:
        return Bound(1, 1 + length * 0.2, None)


@dataclass(frozen=True, slots=True)
class _Run:
    """A repeated character."""

    low: int
    high: int
    cost: float
    exits: int | None  # the work of trying the next part, if it can only match at the end of the run

    def bound(self, length: int) -> Bound:
        most = min(self.high, length)
        ways = max(min(self.high - self.low, length), 0) + 1
        work = 1 + most * self.cost * 0.2
        if self.exits is not None:
            rate = 2 + self.cost + self.exits
            return Bound(1, min(rate * (most + 1), work + ways * (1 + self.exits)), rate)
        return Bound(ways, work + ways, 1 + work if ways == 1 and self.high < 64 else None)


@dataclass(frozen=True, slots=True)
class _Loop:
    """A repeated group."""

    body: Any
    low: int
    high: int
    nullable: bool
    exits: int | None
    possessive: bool

    def bound(self, length: int) -> Bound:
        ways, work, rate = self.body.bound(length)
        times = min(self.high, length + 1 + (self.low if self.nullable else 0))
        if ways > 1 and not self.possessive:
            total = 0.0
            paths = 1.0
            for _ in range(min(times, 200)):
                total += paths * (work + 4)
                paths *= ways
                if total > 1e30:
                    return Bound(inf, inf, None)
            if times > 200:
                return Bound(inf, inf, None)
            return Bound(paths * 2, total, None)
        if rate is None:
            total = (work + 4) * times
        else:
            total = (rate + 4) * (times + length + 1)
        if self.exits is not None or self.possessive:
            per_char = None if rate is None else 2 * rate + 8 + (self.exits or 0)
            return Bound(1, total + times * (self.exits or 0), per_char)
        return Bound(min(self.high - self.low, times) + 1, total, None)


@dataclass(frozen=True, slots=True)
class _Fork:
    arms: tuple[Any, ...]
    disjoint: bool

    def bound(self, length: int) -> Bound:
        bounds = [arm.bound(length) for arm in self.arms]
        work = sum(bound.work for bound in bounds) + len(bounds)
        if not self.disjoint:
            return Bound(sum(bound.ways for bound in bounds), work, None)
        rates = [bound.rate for bound in bounds]
        rate = None if None in rates else sum(r for r in rates if r is not None) + len(bounds)
        return Bound(max(bound.ways for bound in bounds), work, rate)


@dataclass(frozen=True, slots=True)
class _Once:
    """A part that is never re-entered: an assertion, an atomic group."""

    body: Any
    constant: bool

    def bound(self, length: int) -> Bound:
        work = self.body.bound(length).work + 2
        return Bound(1, work, work if self.constant else None)


@dataclass(frozen=True, slots=True)
class _Row:
    items: tuple[Any, ...]

    def bound(self, length: int) -> Bound:
        ways = 1.0
        work = 0.0
        rate: float | None = 0.0
        for item in self.items:
            part = item.bound(length)
            work += ways * part.work
            ways *= part.ways
            rate = None if rate is None or part.rate is None else rate + part.rate
        return Bound(ways, work, rate if ways == 1 else None)


class Cost:
    """The cost of a pattern.

    Attributes:
        expanded: the number of nodes, with counted repeats written out.
        wide: the number of characters that the compiler visits one by one for character classes.
        deep: whether the matcher stores something for every iteration of a repeat.
        anchored: whether a match can only be at the start of the text.
        hollow: whether a group inside a repeat may capture nothing. The engines differ in what the last, empty
            iteration leaves in such a group.
        fragile: whether CPython's matcher must not be used: with groups or repeats inside possessive repeats and
            atomic groups, 3.11.7 ends some searches in a SystemError (gh-101955).
    """

    def __init__(self, tree: Any) -> None:
        flags = tree.state.flags
        self.expanded = 0
        self.wide = 0
        self.deep = False
        self.hollow = False
        self.fragile = False
        self._patience = 20_000  # visits of nodes in `_head`; after these, any first character is assumed
        self.anchored = _anchored(tree.data, flags)
        self._measure(tree.data, 1, flags)
        self._row = self._build(tree.data, flags, Head(0, 1))
        self._known: dict[tuple[int, bool], float] = {}

    def work(self, length: int, search: bool) -> float:
        """The largest work of an operation on `length` characters, in units; a `search` tries every start position."""
        drop = max(length.bit_length() - 4, 0)
        rounded = -(-length >> drop) << drop
        key = (rounded, search)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._evaluate(rounded, search)
        return known

    def _evaluate(self, length: int, search: bool) -> float:
        if not search:
            return self._row.bound(length).work
        if self.anchored:
            return length + self._row.bound(length).work
        row = self._row
        spread = 0.0
        if row.items and isinstance(row.items[-1], _Run):
            # A search never backtracks into its last run, and does not visit the characters of that run again.
            last = row.items[-1]
            spread = 2.0 * length
            row = _Row((*row.items[:-1], _Fixed(1 + min(last.low, length) * last.cost)))
        return (length + 1) * (1 + row.bound(length).work) + spread

    # -------------------------------------------------------------- size

    def _measure(self, items: Any, times: int, flags: int) -> None:
        """Count nodes, with counted repeats written out."""
        for op, argument in items:
            self.expanded += times
            if op in _POSSESSIVE and _tangled(parts(op, argument)[0].data):
                self.fragile = True
            if op is sre.IN:
                self.expanded += times * (len(argument) >> 2)
                self._widen(argument, flags)
            elif op in parser._REPEATCODES:
                low, high, body = argument
                simple = len(body.data) == 1 and body.data[0][0] in parser._UNITCODES
                count = max(low, 1) if high is sre.MAXREPEAT or high == sre.MAXREPEAT else high
                self.deep = self.deep or not simple
                self.hollow = self.hollow or (_empty(body) and _captures(body.data))
                self._measure(body.data, times if simple else times * max(count, 1), flags)
                if simple:
                    self.expanded += times * min(count >> 3, 1_000)
            else:
                within = inner_flags(flags, argument) if op is sre.SUBPATTERN else flags
                for part in parts(op, argument):
                    self._measure(part.data, times, within)

    def _widen(self, members: Any, flags: int) -> None:
        for kind, value in members:
            if kind is sre.RANGE and value[1] > 255:
                width = min(value[1], 0xFFFF) - min(value[0], 0xFFFF)
                self.wide += 4096 + (width if flags & IGNORECASE else width >> 4)
            elif kind is sre.LITERAL and value > 255:
                self.wide += 64

    # -------------------------------------------------------------- shape

    def _head(self, items: Any, index: int, flags: int, follow: Head | None, reach: int = 12) -> Head | None:
        """How a sequence begins from `index` on, or how `follow` begins if it may be empty; None if in any way."""
        if index >= len(items):
            return follow
        self._patience -= 1
        if not reach or self._patience < 0:
            return None
        op, argument = items[index]

        def rest() -> Head | None:
            return self._head(items, index + 1, flags, follow, reach - 1)

        if op in parser._UNITCODES:
            return Head(char_class(op, argument, flags), 1 + (len(argument) >> 2 if op is sre.IN else 0))
        if op is sre.AT:
            if argument is sre.AT_END_STRING:
                return Head(0, 1)
            return Head(NEWLINE, 1) if argument is sre.AT_END else rest()
        if op in parser._REPEATCODES:
            body = argument[2]
            after = rest() if argument[0] == 0 or _empty(body) else None
            inner = self._head(body.data, 0, flags, after, reach - 1)
            return _union(inner, after) if argument[0] == 0 else inner
        if op is sre.SUBPATTERN:
            body = argument[3]
            after = rest() if _empty(body) else None
            return self._head(body.data, 0, inner_flags(flags, argument), after, reach - 1)
        if op is sre.BRANCH:
            after = rest() if any(map(_empty, argument[1])) else None
            total: Head | None = Head(0, 1)
            for arm in argument[1]:
                total = _union(total, self._head(arm.data, 0, flags, after, reach - 1))
            return total
        return None

    def _build(self, items: Any, flags: int, follow: Head | None) -> _Row:
        """The formula of a sequence; `follow` tells how the part after it begins."""
        built: list[Any] = []
        for index, (op, argument) in enumerate(items):
            after = self._head(items, index + 1, flags, follow)
            if op in parser._REPEATCODES:
                built.append(self._repeat(op, argument, flags, after))
            elif op is sre.SUBPATTERN:
                built.append(_Fixed(1))
                built.extend(self._build(argument[3].data, inner_flags(flags, argument), after).items)
            elif op is sre.BRANCH:
                heads = [self._head(arm.data, 0, flags, after) for arm in argument[1]]
                arms = tuple(self._build(arm.data, flags, after) for arm in argument[1])
                built.append(_Fork(arms, _disjoint(heads)))
            elif op is sre.GROUPREF_EXISTS:
                arms = tuple(self._build(arm.data, flags, after) for arm in argument[1:] if arm is not None)
                built.append(_Fork((*arms, _Fixed(1)), False))
            elif op is sre.GROUPREF:
                built.append(_Reference())
            elif inner := parts(op, argument):
                body = inner[0]
                constant = body.getwidth()[1] < 64 and not _refers(body.data)
                built.append(_Once(self._build(body.data, flags, Head(0, 1)), constant))
            else:
                built.append(_Fixed(1 + (len(argument) >> 2 if op is sre.IN else 0)))
        return _Row(tuple(built))

    def _repeat(self, op: Any, argument: Any, flags: int, after: Head | None) -> Any:
        low, high, body = int(argument[0]), int(argument[1]), argument[2]
        possessive = op in _POSSESSIVE
        head = self._head(body.data, 0, flags, after)
        apart = head is not None and after is not None and not head.chars & after.chars
        if len(body.data) == 1 and body.data[0][0] in parser._UNITCODES:
            kind, value = body.data[0]
            cost = 1 + (len(value) >> 2 if kind is sre.IN else 0)
            exits = after.work if apart and after is not None else 0 if possessive else None
            return _Run(low, high, cost, exits)
        nullable = body.getwidth()[0] == 0
        again = after if high == 1 else _union(head, after)
        inner = self._build(body.data, flags, Head(0, 1) if possessive else again)
        exits = after.work if apart and after is not None and not nullable else None
        return _Loop(inner, low, high, nullable, exits, possessive)


def parts(op: Any, argument: Any) -> list[Any]:
    """The sequences inside a node."""
    if op is sre.SUBPATTERN:
        return [argument[3]]
    if op is sre.BRANCH:
        return list(argument[1])
    if op in parser._REPEATCODES:
        return [argument[2]]
    if op in (sre.ASSERT, sre.ASSERT_NOT):
        return [argument[1]]
    if op is sre.GROUPREF_EXISTS:
        return [part for part in argument[1:] if part is not None]
    if op is getattr(sre, "ATOMIC_GROUP", None):
        return [argument]
    return []


def inner_flags(flags: int, argument: Any) -> int:
    _group, added, removed, _body = argument
    if added & _TYPES:
        flags &= ~_TYPES
    return int((flags | added) & ~removed)


def _anchored(items: Any, flags: int) -> bool:
    if not items or items[0][0] is not sre.AT:
        return False
    where = items[0][1]
    return where is sre.AT_BEGINNING_STRING or (where is sre.AT_BEGINNING and not flags & MULTILINE)


def _refers(items: Any) -> bool:
    return any(op is sre.GROUPREF or any(_refers(part.data) for part in parts(op, argument)) for op, argument in items)


_POSSESSIVE = {getattr(sre, name) for name in ("POSSESSIVE_REPEAT", "ATOMIC_GROUP") if hasattr(sre, name)}


def _tangled(items: Any) -> bool:
    """Whether these nodes contain a capturing group, or a repeat of more than one character."""
    return any(
        (op is sre.SUBPATTERN and argument[0] is not None)
        or (op in parser._REPEATCODES and argument[2].data[0:1] and argument[2].data[0][0] not in parser._UNITCODES)
        or any(_tangled(part.data) for part in parts(op, argument))
        for op, argument in items
    )


def _captures(items: Any) -> bool:
    return any(
        (op is sre.SUBPATTERN and argument[0] is not None) or any(_captures(part.data) for part in parts(op, argument))
        for op, argument in items
    )


def _disjoint(heads: list[Head | None]) -> bool:
    taken = 0
    for head in heads:
        if head is None or taken & head.chars:
            return False
        taken |= head.chars
    return True


def _union(one: Head | None, other: Head | None) -> Head | None:
    if one is None or other is None:
        return None
    return Head(one.chars | other.chars, min(one.work + other.work + 2, 1_000_000))


def _empty(body: Any) -> bool:
    return bool(body.getwidth()[0] == 0)
