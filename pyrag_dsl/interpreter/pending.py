"""The state of a concurrent pass, and `attempt`, through which every operation of such a pass goes.

An operation that needs a pending value is skipped. `attempt` is the only function that catches this: everything that
the operation may have changed is unknown from then on, and the value of the operation is pending. An object whose state
is unknown is in `machine.unknown`, and reading it means reading a pending value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .effects import HANDED_ON, HELD, LOOKED_AT, Effects
from .machine import Caller, Machine
from .parts import MUTABLE, SHAPES, parts
from .scopes import Place
from .signals import Needs, PassOver, Suspended, rank
from .values import (
    VIEWS,
    BoundMethod,
    Builtin,
    Closure,
    DefaultDict,
    Function,
    Iter,
    Maybe,
    Method,
    Partial,
    Pending,
    mapping_of,
)

Frame = dict[Any, Any]
Action = Callable[..., Any]
Skip = Callable[[Frame, tuple[Any, ...], Needs], Any]

_ATOMS = frozenset({str, int, float, bool, type(None)})
_INERT = _ATOMS | {kind for kind, shape in SHAPES.items() if shape.leaf}
_CONSUMED = frozenset({Iter, DefaultDict, Maybe})  # values that may change when they are read
_PLAN_CALLABLES = frozenset({Function, Partial, BoundMethod})
_END: Any = object()


def attempt(action: Action, skip: Skip, harmless: bool, frame: Frame, *values: Any) -> Any:
    """Carry out an operation on these values, or skip it if it needs a call that has not come back.

    Args:
        action: the operation, as `action(frame, *values)`.
        skip: called instead, with the frame, the values and the needed call. It records what the operation may have
            changed, and returns a placeholder for its result.
        harmless: whether the operation cannot raise once all calls have come back. If it can, and a handler of the
            plan could catch the exception, the pass does not continue inside the `try`.
        frame: the variables of the plan at this place.
        values: the operands.
    """
    machine: ConcurrentMachine = frame[0]
    needs = machine.needed(values) if values and machine.pending else None
    if needs is None:
        try:
            result = action(frame, *values)
        except Suspended as suspended:
            needs = suspended.needs
        else:
            if result is None or not machine.unknown or type(result) is Pending:
                return result
            found = machine.needed((result,))
            return result if found is None else Pending(found, (result,), kind=type(result))
    machine.blockers.add(needs[1])
    result = skip(frame, values, needs)
    if machine.guarded and not harmless:
        raise Suspended(needs)
    return result


# ------------------------------------------------------------- what was skipped


def skip_text(frame: Frame, found: Effects, needs: Needs) -> tuple[Any, ...]:
    """Record what skipped code may have changed, and return the objects that its value may be or hold."""
    machine: ConcurrentMachine = frame[0]
    aliases = [owner[slot] for owner, slot in _locate(machine, frame, found.aliases) if slot in owner]
    if reached := _reached(machine, frame, found.names):
        machine.change(reached, needs)
    if found.lasting:
        machine.remember(Closure(found, frame))
    if found.asks:
        machine.complete = False
    _bind(machine, frame, found.binds, needs)
    return tuple(aliases)


def skip_call(machine: ConcurrentMachine, reads: bool, values: Iterable[Any], needs: Needs) -> Pending:
    """Record what a skipped call may have changed; `values` are the called object and its arguments."""
    values = tuple(values)
    level = LOOKED_AT if reads and not any(map(_runs_plan, values)) else HANDED_ON
    machine.change([(value, level) for value in values], needs)
    return Pending(needs, values)


def _runs_plan(value: Any) -> bool:
    """Whether a builtin that gets this value may call code that changes objects."""
    kind = type(value)
    if kind is Pending:
        return any(map(_runs_plan, value.behind))
    if kind is list or kind is dict:  # the arguments of a call that is skipped as a whole
        return any(map(_runs_plan, value.values() if kind is dict else value))
    return kind in _PLAN_CALLABLES or (kind is Builtin and not value.reads)


def _reached(machine: ConcurrentMachine, frame: Frame, names: Iterable[tuple[Place, int]]) -> list[tuple[Any, int]]:
    """The objects of these names with their levels, without unbound names and objects that cannot change."""
    found = []
    for (where, hops, slot), level in names:  # the loop of `_locate`, written out because it runs often
        owner = machine.globals if where == "global" else frame
        for _ in range(hops):
            owner = owner[1]
        if slot in owner and not machine.stays(owner[slot], level):
            found.append((owner[slot], level))
    return found


def _bind(machine: Machine, frame: Frame, places: Iterable[Place], needs: Needs) -> None:
    """Bind names that skipped code may have bound, or unbound, to placeholders."""
    for owner, slot in _locate(machine, frame, places):
        owner[slot] = Pending(needs, (owner[slot],) if slot in owner else (), unsure=True)


def _locate(machine: Machine, frame: Frame, places: Iterable[Place]) -> Iterator[tuple[Frame, str]]:
    """The frame of each place, with the key in that frame."""
    for where, hops, slot in places:
        owner = machine.globals if where == "global" else frame
        for _ in range(hops):
            owner = owner[1]
        yield owner, slot


# --------------------------------------------------------------------- machine


class ConcurrentMachine(Machine):
    """The state of a concurrent pass.

    Attributes:
        unknown: objects whose state is not known, by id, each with a call that is needed to know it.
        blockers: nodes of the calls that skipped code needs. Until one of them has come back, another pass would want
            no other calls.
        complete: whether no skipped code is known to make tool calls.
        callables: functions and generators that unknown objects may hold. A use of such an object may have their
            effects.
        ahead: how many steps to continue after the first call that is missing; None for no bound.
        guarded: the number of `try` statements with handlers that are active. Inside one, the pass ends at an
            operation that must be skipped and may raise.
    """

    __slots__ = ("ahead", "blockers", "callables", "complete", "guarded", "steps_at_missing", "unknown")
    concurrent = True

    def __init__(self, *args: Any, cautious: bool = False, ahead: int | None = None) -> None:
        super().__init__(*args)
        self.unknown: dict[int, tuple[Any, Needs]] = {}
        self.blockers: set[str] = set()
        self.complete = True
        self.callables: dict[int, Any] = {}
        self.guarded = int(cautious)
        self.ahead = ahead
        self.steps_at_missing: int | None = None
        self.statements_left = 0  # a concurrent pass records no statements, because only its wanted calls are used

    @property
    def taken_ahead(self) -> int:
        """The steps taken after the first call that is missing."""
        return 0 if self.steps_at_missing is None else self.steps_taken - self.steps_at_missing

    def refuel(self) -> None:
        super().refuel()
        if self.ahead is not None and self.taken_ahead > self.ahead:
            raise PassOver

    def blocked_by(self, node: str, ended: bool) -> frozenset[str]:
        """The nodes of which one has to come back before another pass can want other calls; empty if not known.

        They are not known if an error has ended the pass: the run may then fail as soon as the missing calls are back.
        """
        cut = self.ahead is not None and self.taken_ahead > self.ahead
        return frozenset() if cut or ended else frozenset({node, *self.blockers})

    def needed(self, values: Iterable[Any]) -> Needs | None:
        """The call that must come back before these values can be used, or None; of several, the highest in rank."""
        found: Needs | None = None
        unknown = self.unknown
        for value in values:
            kind = type(value)
            if kind is Pending:
                needs = value.needs
            elif unknown and (entry := unknown.get(id(mapping_of(value) if kind in VIEWS else value))) is not None:
                needs = entry[1]
            else:
                continue
            if found is None or needs > found:
                found = needs
        return found

    def remember(self, value: Iter | Function | Closure) -> None:
        self.callables[id(value)] = value

    def change(self, values: Iterable[tuple[Any, int]], needs: Needs) -> None:
        """Mark as unknown everything that may change through these values, each used at its level."""
        unknown = self.unknown
        stack = [item for item in values if not self.stays(*item)]
        if not stack:
            return
        seen: set[tuple[int, int]] = set()
        used = LOOKED_AT - 1  # the highest level at which an unknown value was met
        while stack:
            value, level = stack.pop()
            kind = type(value)
            if kind in _ATOMS or (id(value), level) in seen:
                continue
            if kind is Iter:
                level = HANDED_ON  # reading an iterator consumes it
            seen.add((id(value), level))
            self.charge_steps(1)
            if kind is Pending or kind is Maybe or id(value) in unknown:
                if level > used:
                    used = level
                    stack += self._run_by_unknown(level)
                if kind is Pending or kind is Maybe:  # the real value may be, or hold, any of these
                    stack += [(part, HANDED_ON if level > LOOKED_AT else level) for part in value.behind]
                continue
            if kind is DefaultDict and level < HANDED_ON:  # reading a key may add it
                unknown[id(value)] = (value, needs)
                stack.append((value.factory, HANDED_ON))
            if level < HELD:
                continue
            if kind in VIEWS:
                value, kind, level = mapping_of(value), dict, HELD
            if kind is Function or kind is Closure:
                self.remember(value)
                stack += self._called(value, needs)
                if kind is Function and value.cache_size is not None:
                    unknown[id(value)] = (value, needs)
            elif level == HANDED_ON and kind in MUTABLE:
                unknown[id(value)] = (value, needs)
                if kind is Iter:
                    self.remember(value)
            stack += [(part, HANDED_ON) for part in parts(value)]

    def stays(self, value: Any, level: int) -> bool:
        """Whether a use of the value at this level makes nothing unknown. This is the usual case."""
        kind = type(value)
        if kind in _INERT:
            return True
        if kind is Pending:
            return not (value.behind or self.callables)
        if id(value) in self.unknown:
            return not self.callables
        return level < HELD and kind not in _CONSUMED

    def _run_by_unknown(self, level: int) -> list[tuple[Any, int]]:
        """What a use of an unknown value may run: if it is only read, iterators; else functions as well."""
        found: list[tuple[Any, int]] = []
        for value in self.callables.values():
            if type(value) is Iter:
                found += [(part, HANDED_ON) for part in value.sources]
            elif level > LOOKED_AT or (type(value) is Closure and value.effects.lasting):
                found.append((value, HANDED_ON))
        return found

    def _called(self, value: Function | Closure, needs: Needs) -> list[tuple[Any, int]]:
        """What a call of a function, or a step of a generator, may change outside its own frame."""
        found: Effects
        if isinstance(value, Function):
            found, frame = value.code.effects, {0: self, 1: value.frame}
        else:
            found, frame = value.effects, value.frame
        if found.asks:
            self.complete = False
        reached = _reached(self, frame, found.names)
        _bind(self, frame, found.binds, needs)
        return reached

    # ------------------------------------------------------------------- reading

    def check(self, value: Any) -> Any:
        """Return the value. Raises `Suspended` if it is pending or unknown; its items are not checked."""
        if self.pending and (needs := self.needed((value,))) is not None:
            raise Suspended(needs)
        return value

    def scan(self, value: Any) -> None:
        """Raise `Suspended` if a value is pending or unknown, or holds such a value."""
        kind = type(value)
        if not self.pending or kind in _ATOMS:
            return
        if kind is list and {*map(type, value)} <= _ATOMS and id(value) not in self.unknown:  # usually documents
            return
        found: Needs | None = None
        stack, seen = [value], set()
        while stack:
            item = stack.pop()
            if type(item) in _ATOMS or id(item) in seen:
                continue
            seen.add(id(item))
            needs = item.needs if type(item) is Maybe else self.needed((item,))
            if needs is None:
                held = parts(item)
                if not {*map(type, held)} <= _ATOMS:
                    stack.extend(held)
            elif found is None or needs > found:
                found = needs
        self.charge_steps(len(seen) >> 2)
        if found is not None:
            raise Suspended(found)

    def gate(self, entry: Builtin | Method, args: Iterable[Any], kwargs: dict[str, Any]) -> None:
        """Raise `Suspended` if a builtin or method would look at an argument that is not known."""
        if not self.pending or (entry.keeps and entry.shallow):
            return
        given = (*args, *kwargs.values())
        if not entry.keeps and (needs := self.needed(given)) is not None:
            raise Suspended(needs)
        if not entry.shallow:
            self.scan([value for value in given if type(value) not in _ATOMS])

    def iterate(self, value: Any) -> Iterator[Any]:
        return super().iterate(self.check(value))

    def watched(self, value: Any, host: Iterator[Any]) -> Iterator[Any]:
        while True:
            self.check(value)
            item = next(host, _END)
            if item is _END:
                return
            if type(item) is Maybe:
                raise Suspended(item.needs)
            yield item

    def drain(self, value: Any) -> list[Any]:
        """All items of an iterable as a new list. An iterator is read to its end, so that all its calls are found."""
        items = super().drain(self.check(value))
        if type(value) is Iter:
            self.check(value)
            maybe = [item.needs for item in items if type(item) is Maybe]
            if maybe:
                raise Suspended(max(maybe))
        return items

    def consume(self, value: Any) -> Iterator[Any]:
        """`iterate`, for builtins that read all items: these are made first, so that all their calls are found."""
        return self.iterate(value) if self.guarded else iter(self.drain(value))

    # ------------------------------------------------------------------- calling

    def missing(self, node: str) -> Pending:
        if self.steps_at_missing is None:
            self.steps_at_missing = self.steps_taken
        return Pending(rank(node))

    def invoke(self, function: Any, args: list[Any], kwargs: dict[str, Any], site: Any = None) -> Any:
        kind = type(function)
        if kind is Builtin:
            self.gate(function, args, kwargs)
        elif kind is BoundMethod:
            self.gate(function.method, (self.check(function.value), *args), kwargs)
        elif kind is Pending:
            raise Suspended(function.needs)
        return super().invoke(function, args, kwargs, site)

    def caller(self) -> Caller:
        return _Caller(self)


class _Caller(Caller):
    """Calls functions of the plan from inside a builtin. A call that is skipped gives a pending value."""

    __slots__ = ()

    def __call__(self, function: Any, *args: Any) -> Any:
        return attempt(self._call, self._skip, False, {0: self.machine}, function, args)

    def _call(self, _frame: Frame, function: Any, args: tuple[Any, ...]) -> Any:
        return super().__call__(function, *args)

    def _skip(self, _frame: Frame, values: tuple[Any, ...], needs: Needs) -> Pending:
        function, args = values
        reads = type(function) is Builtin and function.reads
        return skip_call(self.machine, reads, (function, *args), needs)  # type: ignore[arg-type]
