"""Calling functions that a plan has defined."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..grammar import nodes as n
from .limits import LimitHit
from .machine import Machine
from .signals import MaybeLeft, PassOver, Returned, Suspended
from .values import Function, Pending

if TYPE_CHECKING:
    from .effects import Effects


_ARGUMENT = 100  # bytes that an argument may take, in a frame or in the key of a cache
_CACHED = 300


class FunctionCode:
    """What all closures of one `def` or `lambda` share; `effects` is None in the sequential reading."""

    __slots__ = (
        "body",
        "by_name",
        "effects",
        "keyword_only",
        "name",
        "params",
        "plain",
        "positional",
        "star",
        "star_star",
        "upto",
    )

    def __init__(
        self, name: str, params: tuple[n.Param, ...], body: Callable[..., Any], effects: Effects | None
    ) -> None:
        self.name = name
        self.params = params
        self.body = body
        self.effects = effects
        self.positional = tuple([p.name for p in params if p.kind in ("", "pos")])
        self.keyword_only = tuple([p.name for p in params if p.kind == "kw"])
        self.star = next((p.name for p in params if p.kind == "*"), None)
        self.star_star = next((p.name for p in params if p.kind == "**"), None)
        self.upto = frozenset(p.name for p in params if p.kind == "pos")  # positional only
        self.by_name = frozenset(self.positional[len(self.upto) :]) | frozenset(self.keyword_only)
        self.plain = len(self.positional) == len(params)

    def enter(self, machine: Machine, function: Function, args: list[Any], kwargs: dict[str, Any], site: Any) -> Any:
        """Call `function` with evaluated arguments, which may be pending."""
        key = None
        if function.cache_size is not None:
            key = self.cache_key(machine, args, kwargs)
            if key in function.cache:
                function.cache[key] = result = function.cache.pop(key)  # the most recently used key is the last
                return result
        frame: dict[Any, Any] = {0: machine, 1: function.frame}
        if self.plain and not kwargs and len(args) == len(self.positional):
            frame.update(zip(self.positional, args, strict=True))
        else:
            self.bind(machine, frame, function, args, kwargs)
        machine.charge_steps(3 + (len(self.params) >> 1))
        machine.depth += 1
        if machine.depth > machine.limits.recursion:
            raise LimitHit("PLAN407", f"more than {machine.limits.recursion} function calls are nested")
        path = machine.path
        if site is not None:
            machine.path = (*path, site)
        try:
            signal = self.body(frame)
        finally:
            machine.depth -= 1
            machine.path = path
        if signal is None:
            result = None
        elif type(signal) is Returned:
            result = signal.value
        else:
            result = self.left(machine, signal)
        if key is not None:
            machine.charge_bytes(_CACHED + _ARGUMENT * (len(args) + len(kwargs)))
            function.cache[key] = result
            if 0 <= function.cache_size < len(function.cache):  # type: ignore[operator]
                del function.cache[next(iter(function.cache))]
        return result

    def cache_key(self, machine: Machine, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """The key of a call in the cache of a function."""
        machine.scan(args)
        machine.scan(kwargs)
        return (
            tuple(machine.charge_keys(args)),
            tuple(zip(kwargs, machine.charge_keys(list(kwargs.values())), strict=True)),
        )

    def left(self, machine: Any, signal: MaybeLeft) -> Pending:
        """The value of a call, in a concurrent pass, after a skipped statement that may have left the function."""
        if "raise" not in signal.jumps:
            return Pending(signal.needs)
        machine.blockers.add(signal.needs[1])
        raise Suspended(signal.needs) if machine.guarded else PassOver

    def bind(
        self, machine: Machine, frame: dict[Any, Any], function: Function, args: list[Any], kwargs: dict[str, Any]
    ) -> None:
        positional = self.positional
        machine.charge_steps(len(args) + len(kwargs) + len(self.params) >> 2)
        machine.charge_bytes(_ARGUMENT * (len(args) + len(kwargs)))
        if len(args) > len(positional):
            if self.star is None:
                takes = f"{len(positional)} positional argument{'' if len(positional) == 1 else 's'}"
                raise TypeError(f"{self.name}() takes {takes} but {len(args)} were given")
            frame[self.star] = tuple(args[len(positional) :])
        elif self.star is not None:
            frame[self.star] = ()
        frame.update(zip(positional, args, strict=False))
        extra: dict[str, Any] = {}
        for name, value in kwargs.items():
            if name in frame and name != self.star and name not in self.upto:
                raise TypeError(f"{self.name}() got multiple values for argument '{name}'")
            if name in self.by_name:
                frame[name] = value
            elif self.star_star is not None:
                extra[name] = value
            else:
                raise TypeError(f"{self.name}() got an unexpected keyword argument '{name}'")
        if self.star_star is not None:
            frame[self.star_star] = extra
        for name in (*positional, *self.keyword_only):
            if name not in frame:
                if name not in function.defaults:
                    raise TypeError(f"{self.name}() missing 1 required argument: '{name}'")
                frame[name] = function.defaults[name]
