"""The state of one pass: its budgets, the calls that it met, and whether any call is pending."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from ..grammar.diagnostics import Span
from ..grammar.language import REQUIRED, Signature
from .account import Account
from .border import check_argument, import_result, texts_of
from .journal import Call, Entry, Journal, Overrides, new, overridden
from .limits import LimitHit, Limits, PlanFault
from .making import call_record_type
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
_LARGE = 1 << 64
_ATOMS = frozenset({str, int, float, bool, type(None)})
_ITERABLE = frozenset(
    {list, tuple, str, dict, PlanSet, PlanFrozenSet, DefaultDict, Record, Counter, OrderedDict, deque, *VIEWS}
)


class Caller:
    """Calls functions of the plan from inside a builtin."""

    __slots__ = ("machine", "prefix", "times")

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.prefix = (*machine.path, machine.site)
        self.times = 0

    def __call__(self, function: Any, *args: Any) -> Any:
        machine = self.machine
        machine.fuel -= 8
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


class Machine(Account):
    """Everything that changes during a sequential pass, which ends at the first call that is not in the journal.

    `pending.ConcurrentMachine` is the state of a concurrent pass. It overrides `check`, `scan`, `watched`, `drain`,
    `consume`, `invoke` and `caller`.
    """

    # A pass reads these attributes all the time, and CPython is slow for more than thirty attributes without slots.
    __slots__ = (
        *("signatures", "journal", "overrides", "withheld", "supply", "now"),
        *("globals", "path", "site", "depth", "printed", "statements", "statements_left"),
        *("calls", "marks_at_call", "wanted", "seen", "aliases", "pending", "origins", "handling"),
        *("patterns", "slow_patterns", "progress", "first", "at", "resumed"),
    )
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
        super().__init__(limits, interrupt)
        self.signatures = signatures
        self.journal = journal
        self.overrides = overrides
        self.withheld = withheld
        self.supply = supply
        self.now = now
        self.globals: dict[Any, Any] = {0: self}
        self.path: Path = ()
        self.site = ""  # the place of the builtin that is being called
        self.depth = 0
        self.printed: list[str] = []
        self.statements: list[tuple[Any, Any]] = []
        self.statements_left = limits.events
        # The calls that the pass has met, in program order.
        self.calls: list[Call] = []
        self.marks_at_call: list[int] = []
        self.wanted: list[Call] = []
        self.seen: dict[str, int] = {}
        self.aliases: dict[str, int] = {}
        self.pending = False  # whether any call is wanted
        self.origins: dict[int, tuple[BaseException, Any]] = {}
        self.patterns: dict[tuple[str, int], Any] = {}  # regular expressions whose compilation has been charged
        self.slow_patterns: set[Any] = set()  # those that were charged again for the slow engine
        # Where the pass starts, if a `Progress` knows: the index of a statement of the module and, for a loop, its
        # iteration and its iterable. `at` is the index of the current statement.
        self.progress: Any = None
        self.first = self.at = 0
        self.resumed: tuple[int, Any] | None = None
        self.handling: list[BaseException] = []

    def give(self, names: Collection[str], values: Mapping[str, Any]) -> None:
        """Charge copies of these values and bind the inputs to them."""
        for name in names:
            size = self.charge_value(values[name])
            self.charge_bytes(size + size * 8 if type(values[name]) is not str else 0)
            self.globals[name] = import_result(values[name])

    # --------------------------------------------------------------- iteration

    def iterate(self, value: Any) -> Iterator[Any]:
        """A host iterator over a value of the plan."""
        kind = type(value)
        if kind is range:
            return iter(value) if _is_small(value) else self._large_items(value)
        if kind in _ITERABLE:
            self.charge_iteration(value)
            return self.watched(value, iter(value))
        if kind is Iter:
            return self.watched(value, value.producer)
        raise TypeError(f"'{type_name(value)}' object is not iterable")

    def _large_items(self, value: range) -> Iterator[int]:
        """The items of a range of large integers, each of which is charged."""
        size = max(value.start.bit_length(), value.stop.bit_length()) >> 3
        for item in value:
            self.charge_bytes(size)
            self.charge_steps(2 + (size >> 6))
            yield item

    def watched(self, _value: Any, host: Iterator[Any]) -> Iterator[Any]:
        """The host's iterator over a value. A concurrent pass checks before each item that the value is known."""
        return host

    def lazy(self, produce: Callable[..., Iterator[Any]], sources: tuple[Any, ...], *more: Any) -> Iter:
        """Charge and make an iterator of a plan, whose items `produce(machine, *sources, *more)` yields.

        Args:
            produce: a generator function without a closure, so that its arguments are all that it can use.
            sources: the values of the plan that it reads, changes or calls.
            more: other arguments: numbers, host iterators over the sources, a `Caller`.
        """
        assert produce.__closure__ is None
        self.charge_bytes(ITERATOR)
        return Iter(produce(self, *sources, *more), sources)

    def drain(self, value: Any) -> list[Any]:
        """Charge and make a new list of all items of an iterable."""
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
                    self.raise_memory_limit()
                if len(out) > ceiling:
                    self.charge_items(len(out))
            return out
        if kind in _ITERABLE:
            self.charge_items(len(value))
            self.charge_iteration(value)
            if kind is str and not value.isascii():
                self.charge_bytes(len(value) * 64)
            return list(value)
        if kind is range:
            self.charge_items(range_length(value))
            return list(value if _is_small(value) else self._large_items(value))
        raise TypeError(f"'{type_name(value)}' object is not iterable")

    def consume(self, value: Any) -> Iterator[Any]:
        """`iterate`, for builtins that read all items unless an exception is raised."""
        return self.iterate(value)

    def counted(self, host: Iterator[Any], size: int = 0, steps: int = 2) -> Iterator[Any]:
        """The items of an iterator, for each of which so many steps and `size` bytes are charged."""
        for item in host:
            self.fuel -= steps
            if self.fuel < 0:
                self.refuel()
            if size:
                self.charge_bytes(size)
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
            self.charge_steps(len(function.args) + len(function.kwargs) >> 2)
            self.charge_bytes(64 * len(function.kwargs))
            return self.invoke(function.function, [*function.args, *args], {**function.kwargs, **kwargs}, site)
        if kind is RecordType:
            return call_record_type(self, function, args, kwargs)
        raise TypeError(f"'{type_name(function)}' object is not callable")

    def caller(self) -> Caller:
        """A `Caller` for a builtin that calls functions. Each call gets a path of its own, whenever it happens."""
        return Caller(self)

    def tool(self, site: str, span: Span, signature: Signature, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Make a tool call: its recorded result, or else the value of `missing`."""
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
            entry = self.supply(new(Call, (node, alias, tool, arguments, span, None, asked)))
        call: Call = new(Call, (node, alias, tool, arguments, span, entry, asked))
        self.calls.append(call)
        self.marks_at_call.append(len(self.statements))
        if entry is None:
            self.wanted.append(call)
            self.pending = True
            return self.missing(node)
        return import_result(entry.result)

    def missing(self, node: str) -> Any:
        """The value of a call that has not come back. In a sequential pass there is none, and the pass ends."""
        raise Suspended(rank(node))

    def bind(self, signature: Signature, args: list[Any], kwargs: dict[str, Any]) -> Mapping[str, Any]:
        """Arguments by parameter name, defaults filled in, checked and copied."""
        params = signature.params
        if len(args) > len(params):
            raise PlanFault("PLAN501", f"`{signature.name}` takes {len(params)} arguments, {len(args)} are given")
        arguments: dict[str, Any] = {}
        given, limits = len(args), self.limits
        border = limits.border
        for index, param in enumerate(params):
            name, wanted, default, _ = param
            if index < given:
                value = args[index]
                if name in kwargs:
                    raise PlanFault("PLAN501", f"`{signature.name}` gets `{name}` twice")
            elif name in kwargs:
                value = kwargs[name]
            elif default is REQUIRED:
                raise PlanFault("PLAN501", f"`{signature.name}` needs `{name}`: its signature is {signature}")
            else:
                arguments[name] = default
                continue
            if type(value) is str and wanted == "str" and value.isascii() and len(value) <= border:
                arguments[name] = value  # fast path for the usual argument
                continue
            if (
                type(value) is list
                and wanted in ("docs", "list[str]")
                and limits.depth
                and (characters := texts_of(value, limits)) is not None
            ):
                arguments[name] = value.copy()  # fast path for documents, with the same charges as below
                self.charge_bytes(self.charge_texts(len(value), characters) + len(value) * 16)
                continue
            arguments[name] = check_argument(signature.name, param, value, limits)
            if type(value) not in _ATOMS:
                # The journal keeps a copy, and the trace shows all of it.
                size = self.charge_value(value)
                self.charge_bytes(size + (len(value) * 16 if type(value) is list else size * 8))
        for name in kwargs:
            if name not in arguments:
                raise PlanFault(
                    "PLAN501", f"`{signature.name}` has no parameter `{name if len(name) < 60 else name[:57] + '...'}`"
                )
        return arguments

    # ----------------------------------------------------------------- pending

    def check(self, value: Any) -> Any:
        """Return the value. A concurrent pass raises `Suspended` if it is not known; see `pending.py`."""
        return value

    def scan(self, value: Any) -> None:
        """Do nothing. A concurrent pass raises `Suspended` if the value holds anything that is not known."""


def _is_small(value: range) -> bool:
    return -_LARGE < value.start < _LARGE and -_LARGE < value.stop < _LARGE


def range_length(value: range) -> int:
    """`len(range)` that does not overflow."""
    if value.step > 0:
        return max(0, (value.stop - value.start + value.step - 1) // value.step)
    return max(0, (value.start - value.stop - value.step - 1) // -value.step)


ITERATOR = 1_000  # bytes of a lazy iterator, which keeps the frame of a generator
