"""The state of one pass: what has been used of the limits, which calls were met, what is pending."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, NoReturn

from ..grammar.diagnostics import Span
from ..grammar.language import REQUIRED, Signature
from .border import all_texts, check_argument, import_result
from .journal import Call, Entry, Journal, Overrides, overridden
from .limits import LimitHit, Limits, PlanFault
from .signals import Suspended, rank
from .values import (
    VIEWS,
    BoundMethod,
    Builtin,
    DefaultDict,
    Function,
    Iter,
    Partial,
    PlanFrozenSet,
    PlanSet,
    Record,
    RecordType,
    type_name,
)

Supply = Callable[[Call], "Entry | None"]
Path = tuple[Any, ...]
_CHUNK = 4_000  # steps between two looks at the clock
_ITERABLE = (list, tuple, str, dict, PlanSet, PlanFrozenSet, DefaultDict, range, Record)


class Caller:
    """Calls values of the plan from inside a builtin."""

    __slots__ = ("machine", "prefix", "times")

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.prefix = (*machine.path, machine.site)
        self.times = 0

    def __call__(self, function: Any, *args: Any) -> Any:
        machine = self.machine
        machine.fuel -= 4
        if machine.fuel < 0:
            machine.refuel()
        times = self.times
        self.times = times + 1
        if type(function) is not Function:
            return machine.invoke(function, list(args), {})
        path = machine.path
        machine.path = (*self.prefix, times)
        try:
            return function.code.enter(machine, function, list(args), {}, None)
        finally:
            machine.path = path


class Machine:
    """Everything that changes during a pass: this one ends with the first call that is not in the journal.

    `pending.ConcurrentMachine` is that of a pass which goes on. It does otherwise `check`, `scan`, `watched`, `drain`,
    `consume`, `invoke` and `caller`.
    """

    concurrent = False
    guarded = 0

    def __init__(
        self,
        signatures: Mapping[str, Signature],
        limits: Limits,
        journal: Journal,
        overrides: Overrides,
        withheld: frozenset[str],
        supply: Supply | None,
        interrupt: Callable[[], bool] | None,
        now: datetime,
    ) -> None:
        self.signatures = signatures
        self.limits = limits
        self.journal = journal
        self.overrides = overrides
        self.withheld = withheld
        self.supply = supply
        self.interrupt = interrupt
        self.now = now
        self.globals: dict[Any, Any] = {0: self}
        self.path: Path = ()
        self.site = ""  # of the builtin being called
        self.depth = 0
        # Limits: `fuel` counts down to the next look at the clock, `reserve` is what is left behind it.
        self.fuel = min(_CHUNK, limits.steps)
        self.reserve = limits.steps - self.fuel
        self.memory = limits.memory
        self.output = limits.output
        self.printed: list[str] = []
        self.statements: list[tuple[Any, Any]] = []
        self.statements_left = limits.events
        # Calls, in program order as far as the pass got.
        self.calls: list[Call] = []
        self.marks_at_call: list[int] = []
        self.wanted: list[Call] = []
        self.seen: dict[str, int] = {}
        self.aliases: dict[str, int] = {}
        self.pending = False  # whether any call is wanted
        self.origins: dict[int, tuple[BaseException, Any]] = {}
        self.crowds: dict[int, list[Any]] = {}  # by hash: one key that has it, and how often others came
        self.patterns: dict[tuple[str, int], Any] = {}  # regular expressions that have been paid for
        self.slow_patterns: set[Any] = set()  # those that have been paid for a second time
        # Where the pass starts, if a `Progress` knows: the statement of the module, and for a loop its iteration and
        # what it goes over. `at` is the statement at hand.
        self.progress: Any = None
        self.first = self.at = 0
        self.resumed: tuple[int, Any] | None = None
        self.handling: list[BaseException] = []

    # ------------------------------------------------------------------ limits

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

    def measure(self, value: Any, *, shown: bool = False) -> int:
        """Items and characters of a value, sharing expanded, within the limits of depth and size.

        Each object is looked at once, however often it is shared, and what an operation on all of it will take is
        paid for. `shown`: count the characters that `repr` makes of a text, not its own.
        """
        if type(value) is str:
            return _shown_length(value) if shown else len(value)
        if type(value) is list and not shown and all_texts(value):  # documents, as a rule: quickly, and all the same
            items, characters = 1 + len(value), sum(map(len, value))
            if items + characters <= self.limits.border and self.limits.depth > 0:
                self.work(2 + (len(value) >> 2))
                self.work((items >> 2) + (characters >> 6))
                return items + characters
        sizes: dict[int, tuple[int, int, int]] = {}
        items, characters, _ = self._measure(value, 0, sizes, shown)
        self.work((items >> 2) + (characters >> 6))
        return items + characters

    def _measure(
        self, value: Any, depth: int, sizes: dict[int, tuple[int, int, int]], shown: bool
    ) -> tuple[int, int, int]:
        """Items, characters and height of one value."""
        kind = type(value)
        if kind is str:
            return 1, _shown_length(value) if shown else len(value), 0
        if kind is int:
            return 1, value.bit_length() >> 2, 0
        if kind not in _NESTING and not isinstance(value, Exception):
            return 1, _NAMED[kind](value) if kind in _NAMED else 16, 0
        known = sizes.get(id(value))
        if known is not None:
            if depth + known[2] > self.limits.depth:
                self._too_deep()
            return known
        if depth >= self.limits.depth:
            self._too_deep()
        children = _children(value)
        items, height = 1, 0
        characters = _NAMED[kind](value) if kind in _NAMED else 0
        self.work(2 + (len(children) >> 2))
        for child in children:
            if type(child) is str and not shown:
                items += 1
                characters += len(child)
                continue
            more, wide, high = self._measure(child, depth + 1, sizes, shown)
            items += more
            characters += wide
            if high > height:
                height = high
        if items + characters > self.limits.border:
            raise LimitHit("PLAN405", f"a value of more than {self.limits.border:,} items and characters")
        found = sizes[id(value)] = (items, characters, height + 1)
        return found

    def _too_deep(self) -> NoReturn:
        raise LimitHit("PLAN411", f"a value nested more than {self.limits.depth} deep")

    # -------------------------------------------------------------------- keys

    def key(self, value: Any) -> Any:
        """Pay for hashing a value and for looking it up; the value."""
        kind = type(value)
        if kind is str:
            if len(value) > 1_024:
                self.work(len(value) >> 10)
        elif kind is int:
            if not -_MODULUS < value < _MODULUS:
                self._crowd(value)
        elif kind in _COLLIDING:
            if kind is not range:
                self.measure(value)
            self._crowd(value)
        return value

    def keys(self, values: list[Any]) -> list[Any]:
        """`key` for many."""
        for value in values:
            kind = type(value)
            if kind is int or kind is str or kind in _COLLIDING:
                self.key(value)
        return values

    def _crowd(self, value: Any) -> None:
        """Pay for the others that share this hash: integers and tuples of them can be chosen to collide."""
        try:
            code = hash(value)
        except TypeError:
            return  # the operation itself says so
        crowd = self.crowds.get(code)
        if crowd is None:
            self.take(_ENTRY)
            self.crowds[code] = [value, 0]
        elif crowd[0] != value:
            crowd[1] += 1
            self.work(crowd[1] >> 3)

    def comparing(self, value: Any, times: int) -> None:
        """Pay for comparing a text with `times` others, which may be as long and differ at the end only."""
        if type(value) is str:
            self.work((len(value) >> 6) * times >> (6 if value.isascii() else 4))

    def seeking(self, text: str, part: str) -> None:
        """Pay for looking for one text in another: where its beginning or end is found often, the host is slow."""
        size = len(part)
        if size > 8 and len(text) > size:
            often = text.count(part[:8]) + text.count(part[-8:])
            self.work((len(text) >> 7) + (often * size >> 7))
        else:
            self.work(len(text) >> 7)

    # --------------------------------------------------------------- iteration

    def iterate(self, value: Any) -> Iterator[Any]:
        """A host iterator over a value of the plan."""
        kind = type(value)
        if kind is Iter:
            return self.watched(value, value.producer)
        if kind in _ITERABLE or kind in _HOST_ITERABLE:
            return self.watched(value, iter(value))
        raise TypeError(f"'{type_name(value)}' object is not iterable")

    def watched(self, _value: Any, host: Iterator[Any]) -> Iterator[Any]:
        """The host's iterator over a value. A pass that goes on looks before each item whether it is still known."""
        return host

    def lazy(self, produce: Callable[..., Iterator[Any]], sources: tuple[Any, ...], *more: Any) -> Iter:
        """An iterator of a plan, paid for: `produce(machine, *sources, *more)` gives the items.

        Args:
            produce: a function that closes over nothing, so that all that it can read, change or call is given.
            sources: the values of the plan that it works on.
            more: what is not of the plan: numbers, iterators of the host over the sources, a `Caller`.
        """
        assert produce.__closure__ is None
        self.take(ITERATOR)
        return Iter(produce(self, *sources, *more), sources)

    def drain(self, value: Any) -> list[Any]:
        """All items of an iterable as a new list, paid for."""
        kind = type(value)
        if kind is Iter:
            out: list[Any] = []
            ceiling = self.limits.container
            for item in value.producer:
                out.append(item)
                self.fuel -= 1
                self.memory -= 16
                if self.fuel < 0:
                    self.refuel()
                if self.memory < 0:
                    self.memory_used_up()
                if len(out) > ceiling:
                    self.items(len(out))
            return out
        if kind in _ITERABLE or kind in _HOST_ITERABLE:
            count = len(value) if kind is not range else range_length(value)
            self.items(count)
            if kind is range:
                self.take(count * (max(value.start.bit_length(), value.stop.bit_length()) >> 3))
            elif kind is str and not value.isascii():
                self.take(count * 64)
            return list(value)
        raise TypeError(f"'{type_name(value)}' object is not iterable")

    def consume(self, value: Any) -> Iterator[Any]:
        """`iterate`, for what reads all items unless something is raised."""
        return self.iterate(value)

    def counted(self, host: Iterator[Any], size: int = 0) -> Iterator[Any]:
        """The same items, each a step, and `size` bytes of what is made of it."""
        for item in host:
            self.fuel -= 1
            if self.fuel < 0:
                self.refuel()
            if size:
                self.take(size)
            yield item

    # ------------------------------------------------------------------- calls

    def invoke(self, function: Any, args: list[Any], kwargs: dict[str, Any], site: Any = None) -> Any:
        """Call a value of the plan."""
        kind = type(function)
        if kind is Function:
            return function.code.enter(self, function, args, kwargs, site)
        if kind is Builtin:
            return function.call(self, *args, **kwargs)
        if kind is BoundMethod:
            return function.method.call(self, function.value, *args, **kwargs)
        if kind is Partial:
            return self.invoke(function.function, [*function.args, *args], {**function.kwargs, **kwargs}, site)
        if kind is RecordType:
            return make_record(function, args, kwargs)
        raise TypeError(f"'{type_name(function)}' object is not callable")

    def caller(self) -> Caller:
        """For builtins that call back: each call is a node of its own, whenever it happens."""
        return Caller(self)

    def tool(self, site: str, span: Span, signature: Signature, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """A tool call: its recorded result, or what `missing` says."""
        arguments = self.bind(signature, args, kwargs)
        path = self.path
        node = f"{site}[{','.join(map(str, path))}]" if path else site
        times = self.seen.get(node, 0)
        self.seen[node] = times + 1
        if times:
            node = f"{node}~{times + 1}"
        asked = None
        if self.overrides and (rules := self.overrides.get(node)):
            asked, arguments = arguments, overridden(arguments, rules)
        if len(self.calls) >= self.limits.tool_calls:
            raise LimitHit("PLAN408", f"the plan made more than {self.limits.tool_calls} tool calls")
        tool = signature.name
        number = self.aliases.get(tool, 0) + 1
        self.aliases[tool] = number
        alias = f"{tool}#{number}"
        entry = self.journal.find(node, tool, arguments) if node not in self.withheld else None
        if entry is None and self.supply is not None and not self.pending:
            entry = self.supply(Call(node, alias, tool, arguments, span, None, asked))
        call = Call(node, alias, tool, arguments, span, entry, asked)
        self.calls.append(call)
        self.marks_at_call.append(len(self.statements))
        if entry is None:
            self.wanted.append(call)
            self.pending = True
            return self.missing(node)
        return import_result(entry.result)

    def missing(self, node: str) -> Any:
        """What stands for the result of a call that has not come back: here nothing, the pass ends."""
        raise Suspended(rank(node))

    def bind(self, signature: Signature, args: list[Any], kwargs: dict[str, Any]) -> Mapping[str, Any]:
        """Arguments by parameter name, defaults filled in, checked and copied."""
        params = signature.params
        if len(args) > len(params):
            raise PlanFault("PLAN501", f"`{signature.name}` takes {len(params)} arguments, {len(args)} are given")
        arguments: dict[str, Any] = {}
        given, border = len(args), self.limits.border
        for index, param in enumerate(params):
            name = param.name
            if index < given:
                value = args[index]
                if name in kwargs:
                    raise PlanFault("PLAN501", f"`{signature.name}` gets `{name}` twice")
            elif name in kwargs:
                value = kwargs[name]
            elif param.default is REQUIRED:
                raise PlanFault("PLAN501", f"`{signature.name}` needs `{name}`: its signature is {signature}")
            else:
                arguments[name] = param.default
                continue
            if type(value) is str and param.type == "str" and value.isascii() and len(value) <= border:
                arguments[name] = value  # as nearly always
                continue
            arguments[name] = check_argument(signature.name, param, value, self.limits)
            if type(value) in _NESTING:
                # The journal keeps a copy, and a trace writes all of it.
                size = self.measure(value)
                self.take(size + (len(value) * 16 if type(value) is list else size * 8))
        for name in kwargs:
            if name not in arguments:
                raise PlanFault("PLAN501", f"`{signature.name}` has no parameter `{name}`")
        return arguments

    # ----------------------------------------------------------------- pending

    def check(self, value: Any) -> Any:
        """The value. A pass that goes on raises `Suspended` if it is not known; see `pending.py`."""
        return value

    def scan(self, value: Any) -> None:
        """Nothing. A pass that goes on raises `Suspended` if the value holds anything that is not known."""


def range_length(value: range) -> int:
    """`len(range)` that does not overflow."""
    if value.step > 0:
        return max(0, (value.stop - value.start + value.step - 1) // value.step)
    return max(0, (value.start - value.stop - value.step - 1) // -value.step)


def _children(item: Any) -> list[Any]:
    kind = type(item)
    if kind in _MAPPINGS:
        return [*item.keys(), *item.values()]
    if kind is Iter:
        return list(item.sources)
    if kind is BoundMethod:
        return [item.value]
    if kind is Partial:
        return [*item.args, *item.kwargs.values()]
    if isinstance(item, Exception):
        return list(item.args)
    return list(item)


def make_record(kind: RecordType, args: list[Any], kwargs: dict[str, Any]) -> Record:
    """An instance of a named tuple."""
    values = list(args)
    missing = len(kind.fields) - len(kind.defaults)
    if len(values) > len(kind.fields):
        raise TypeError(f"{kind.name} takes {len(kind.fields)} arguments but {len(values)} were given")
    rest = dict(kwargs)
    for index, name in enumerate(kind.fields[len(values) :], start=len(values)):
        if name in rest:
            values.append(rest.pop(name))
        elif index >= missing:
            values.append(kind.defaults[index - missing])
        else:
            raise TypeError(f"{kind.name} is missing the argument '{name}'")
    if rest:
        raise TypeError(f"{kind.name} got an unexpected argument '{next(iter(rest))}'")
    return Record(kind, values)


def _shown_length(text: str) -> int:
    """The length of `repr(text)`."""
    if text.isprintable():
        return len(text) + 2 + text.count("'") + text.count("\\")
    return sum(len(repr(text[at : at + 4_096])) for at in range(0, len(text), 4_096))


_HEADER = 56  # bytes of a text beyond its characters
ITERATOR = 1_000  # bytes of a lazy iterator: generators keep their frames
_ENTRY = 128  # bytes of an entry of a dictionary
_MODULUS = 2**61 - 1  # hashes of integers are remainders
_COLLIDING = frozenset({tuple, Record, PlanFrozenSet, range})
# Values whose names a plan may choose, and how much of those a text of them shows.
_NAMED: dict[type, Callable[[Any], int]] = {
    Function: lambda value: 16 + len(value.code.name),
    Record: lambda value: len(value.type.name) + sum(map(len, value.type.fields)),
    RecordType: lambda value: 32 + len(value.name),
}
_MAPPINGS = frozenset({dict, DefaultDict, Counter, OrderedDict})
_NESTING = _MAPPINGS | {
    list,
    tuple,
    PlanSet,
    PlanFrozenSet,
    deque,
    Record,
    Iter,
    BoundMethod,
    Partial,
    *VIEWS,
}
_HOST_ITERABLE = frozenset({Counter, OrderedDict, deque, *VIEWS})
