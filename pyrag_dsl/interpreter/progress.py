"""Where a pass may start: the last place in a program up to which everything was known, with the state there.

Each pass over a longer journal repeats the pass before it, up to the first call that had not come back. If that takes
long, a copy of the state is kept at the last place before this call, and the next pass starts from the copy. It finds
exactly what a pass from the top finds: a `Progress` is a cache, and can be dropped at any time.

Places are the statements of the module, and the iterations of its loops over lists, tuples, texts and ranges.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from .machine import Machine
from .values import (
    VIEWS,
    BoundMethod,
    Builtin,
    DefaultDict,
    Function,
    Match,
    Module,
    Partial,
    Pattern,
    PlanFrozenSet,
    PlanSet,
    Record,
    RecordType,
    TypeUnion,
    mapping_of,
)

_WORTH = 1_000  # steps that a copy has to save
_CALL = 20  # steps that take as long as the lookup of one call
_RESUMABLE = frozenset({list, tuple, str, range})
_Place = tuple[int, int]  # the index of a statement of the module, and the iteration if it is a loop, else -1
# The attributes of a machine that a pass changes, beside the variables of the plan.
_REST = (
    *("memory", "output", "statements_left", "printed", "statements", "calls", "marks_at_call", "seen", "aliases"),
    *("patterns", "slow_patterns", "collisions", "most_collisions", "regex_seconds"),
)
_COPIED_IN_A_STEP = 1  # values that are copied in the time of a step
_NO_MACHINE: Any = object()  # takes the place of the machine in the frames of a checkpoint
_ENDLESS = 2**62


class _NotCopied(Exception):
    """The state holds a value that cannot be copied, such as an iterator, or too many values."""


@dataclass(frozen=True, slots=True)
class _Checkpoint:
    """The state at one place. `globals` holds no machine and is never changed.

    Attributes:
        place: where the state was copied.
        steps: the steps taken up to this place.
        work: the same steps, plus those that the lookups of calls are worth.
        globals: the variables of the module.
        source: the iterable of the loop, if the place is an iteration.
        rest: the attributes of the machine in `_REST`.
    """

    place: _Place
    steps: int
    work: int
    globals: dict[Any, Any]
    source: Any
    rest: dict[str, Any]


class Progress:
    """The checkpoint that the passes of one run, all in one reading, share."""

    def __init__(self) -> None:
        self.checkpoint: _Checkpoint | None = None
        self.worth = _WORTH
        self.mark: _Place | None = None  # where the last pass met the first call that was missing
        self.last: _Place | None = None

    def begin(self, machine: Machine) -> None:
        """Set a new machine to the state of the checkpoint, if there is one."""
        self.last = None
        found = self.checkpoint
        if found is None:
            return
        copies = _Copies(_ENDLESS, _NO_MACHINE, machine)
        machine.globals = copies.of(found.globals)
        machine.first, iteration = found.place
        machine.resumed = (iteration, copies.of(found.source))
        machine.reserve -= found.steps
        machine.refuel()
        for name, value in found.rest.items():
            setattr(machine, name, _copied(value))

    def reach(self, machine: Machine, statement: int, iteration: int = -1, source: Any = None) -> None:
        """Called before each statement of the module, and before each iteration of its loops over `source`."""
        if machine.pending or (type(source) not in _RESUMABLE and source is not None):
            return
        self.last = place = (statement, iteration)
        if place == self.mark:
            self.keep(machine, place, source)

    def keep(self, machine: Machine, place: _Place, source: Any) -> None:
        """Copy the state, unless that takes longer than computing it again."""
        work = machine.steps_taken + _CALL * len(machine.calls)
        saved = work - (self.checkpoint.work if self.checkpoint else 0)
        if saved < self.worth:
            return
        copies = _Copies(saved * _COPIED_IN_A_STEP, machine, _NO_MACHINE)
        try:
            variables, over = copies.of(machine.globals), copies.of(source)
        except _NotCopied:
            self.worth = 2 * saved
            return
        rest = {name: _copied(getattr(machine, name)) for name in _REST}
        self.checkpoint = _Checkpoint(place, machine.steps_taken, work, variables, over, rest)
        self.worth = _WORTH

    def end(self) -> None:
        """Called after a pass. The next pass keeps the state at the place that this one has reached."""
        self.mark = self.last


def _copied(value: Any) -> Any:
    """A copy of a number, or of a container of immutable items. Only `collisions` holds lists, which are copied too."""
    if type(value) is dict:
        return {key: item.copy() if type(item) is list else item for key, item in value.items()}
    return value.copy() if type(value) in (list, set) else value


class _Copies:
    """Copies values so that the copies share parts in the same way as the values.

    Args:
        budget: how many values may be copied.
        machine: what frames hold as the machine.
        other: what the copies of frames hold instead.
    """

    def __init__(self, budget: int, machine: Any, other: Any) -> None:
        self.budget = budget
        self.machine = machine
        self.other = other
        self.known: dict[int, tuple[Any, Any]] = {}

    def of(self, value: Any) -> Any:
        kind = type(value)
        if kind in _SHARED:
            return value
        if value is self.machine:
            return self.other
        known = self.known.get(id(value))
        if known is not None:
            return known[1]
        copy = _COPIED.get(kind)
        self.budget -= 1
        if copy is None or self.budget < 0:
            if copy is None and isinstance(value, Exception) and all(type(arg) in _SHARED for arg in value.args):
                return value
            raise _NotCopied
        return copy(self, value)

    def keep(self, value: Any, made: Any) -> Any:
        self.known[id(value)] = (value, made)
        return made

    def items(self, values: Any) -> list[Any]:
        shared = {*map(type, values)} <= _SHARED
        self.budget -= len(values) >> 4 if shared else 0
        return list(values) if shared else [self.of(value) for value in values]

    def fill(self, made: dict[Any, Any], value: dict[Any, Any]) -> dict[Any, Any]:
        made.update(zip(self.items(value), self.items(value.values()), strict=True))
        return made

    # ------------------------------------------------------------------ kinds

    def list(self, value: list[Any]) -> Any:
        made = self.keep(value, [])
        made += self.items(value)
        return made

    def mapping(self, value: Any) -> Any:
        made = self.keep(value, type(value)())
        for key, item in value.items():  # not `update`, which adds up the counts of a Counter
            made[self.of(key)] = self.of(item)
        return made

    def default_dict(self, value: DefaultDict) -> Any:
        made = self.keep(value, DefaultDict())
        made.factory = self.of(value.factory)
        return self.fill(made, value)

    def set(self, value: PlanSet) -> Any:
        made = self.keep(value, PlanSet())
        made.members = dict.fromkeys(self.items(value.members))
        return made

    def deque(self, value: deque[Any]) -> Any:
        made: deque[Any] = self.keep(value, deque(maxlen=value.maxlen))
        made.extend(self.items(value))
        return made

    def frozen(self, value: Any) -> Any:
        """Copy a tuple or the like, or return it as it is if it holds nothing that can change."""
        items = self.items(value)
        if all(one is other for one, other in zip(items, value, strict=True)) and type(value) is not Record:
            return self.keep(value, value)
        if type(value) is Record:
            return self.keep(value, Record(self.of(value.type), items))
        return self.keep(value, type(value)(items))

    def record_type(self, value: RecordType) -> Any:
        return self.keep(value, RecordType(value.name, value.fields, tuple(self.items(value.defaults))))

    def function(self, value: Function) -> Any:
        made = self.keep(value, Function(value.code, {}, {}, value.cache_size))
        made.frame = self.of(value.frame)
        made.defaults = self.of(value.defaults)
        made.cache = self.of(value.cache)
        return made

    def bound(self, value: BoundMethod) -> Any:
        return self.keep(value, BoundMethod(self.of(value.value), value.method))

    def partial(self, value: Partial) -> Any:
        args, kwargs = tuple(self.items(value.args)), {name: self.of(item) for name, item in value.kwargs.items()}
        return self.keep(value, Partial(self.of(value.function), args, kwargs))

    def view(self, value: Any) -> Any:
        of = self.of(mapping_of(value))
        return self.keep(value, (dict.keys, dict.values, dict.items)[VIEWS.index(type(value))](of))

    def builtin(self, value: Builtin) -> Any:
        if value.holds:
            raise _NotCopied
        return value


_SHARED = frozenset(
    {
        str,
        int,
        float,
        bool,
        type(None),
        range,
        Pattern,
        Match,
        Module,
        TypeUnion,
        date,
        datetime,
        time,
        timedelta,
        timezone,
    }
)
_COPIED: dict[type, Callable[[_Copies, Any], Any]] = {
    list: _Copies.list,
    **dict.fromkeys((dict, Counter, OrderedDict), _Copies.mapping),
    DefaultDict: _Copies.default_dict,
    PlanSet: _Copies.set,
    deque: _Copies.deque,
    **dict.fromkeys((tuple, Record, PlanFrozenSet), _Copies.frozen),
    RecordType: _Copies.record_type,
    Function: _Copies.function,
    BoundMethod: _Copies.bound,
    Partial: _Copies.partial,
    **dict.fromkeys(VIEWS, _Copies.view),
    Builtin: _Copies.builtin,
}
