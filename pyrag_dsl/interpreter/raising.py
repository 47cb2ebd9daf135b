"""Exceptions of a plan: how they are caught, and how references to the host are removed from them."""

from __future__ import annotations

from typing import Any

from .faults import locate
from .limits import LimitHit
from .machine import Machine
from .values import Builtin

Frame = dict[Any, Any]


def handle(machine: Machine, frame: Frame, error: Exception, handlers: list[Any]) -> Any:
    """Run the first handler that catches an exception, or raise it again."""
    if isinstance(error, (RecursionError, MemoryError)):
        raise LimitHit("PLAN407", "function calls or expressions are nested too deeply")
    remember(machine, error)
    clean(error)
    found = next((h for h in handlers if h[0] is None or catches(machine, h[0](frame), error)), None)
    if found is None:
        raise error
    _, store, place, run = found
    if store is not None:
        store(frame, error)
    machine.handling.append(error)
    try:
        return run(frame)
    finally:
        machine.handling.pop()
        if place is not None:
            forget(frame, place)


def remember(machine: Machine, error: Exception) -> None:
    """Charge and keep the origin of an exception, in case it is raised again. Only the last few origins are kept."""
    machine.charge_steps(24)
    machine.charge_bytes(400 + 4 * sum([len(arg) for arg in error.args if type(arg) is str]))
    origins = machine.origins
    if id(error) not in origins:
        if len(origins) >= _ORIGINS:
            del origins[next(iter(origins))]
        origins[id(error)] = (error, locate(error))


_ORIGINS = 64


def clean(error: BaseException) -> None:
    """Remove all references to the host from an exception."""
    error.__traceback__ = None
    error.__context__ = None
    error.__cause__ = None


def instance(machine: Machine, value: Any) -> Exception | None:
    """The exception that `raise value` raises; None if it is not one."""
    if type(value) is Builtin and isinstance(value.host, type) and issubclass(value.host, Exception):
        value = value.call(machine)
    return value if isinstance(value, Exception) else None


def catches(machine: Machine, kind: Any, error: Exception) -> bool:
    """`except kind`."""
    kinds = kind if type(kind) is tuple else (kind,)
    for each in kinds:
        machine.charge_steps(1)
        if type(each) is not Builtin or not (isinstance(each.host, type) and issubclass(each.host, Exception)):
            raise TypeError("catching classes that do not inherit from BaseException is not allowed")
        if isinstance(error, each.host):
            return True
    return False


def forget(frame: Frame, place: tuple[str, int, str]) -> None:
    """Unbind a variable."""
    where, hops, slot = place
    if where == "global":
        frame = frame[0].globals
    for _ in range(hops):
        frame = frame[1]
    frame.pop(slot, None)
