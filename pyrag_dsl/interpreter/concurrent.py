"""The concurrent reading of a program: a pass that goes on past calls that have not come back.

A value whose call has not come back is pending, and so is what is made of it; the rest goes on. `PENDING` stands
for such a value as an item of a container, a flag `?name` for a variable, and an entry in `machine.marked` for an
object whose state is not known. Reading any of them raises `Suspended`; a node that catches it evaluates its other
operands first, as the sequential run would, and a statement that catches it marks what it would have written.

Such a pass finds calls that can be made at once, and nothing else: values, errors and traces come from a
sequential pass over the full journal. So wherever this file is in doubt it suspends more, or ends the pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..grammar import nodes as n
from .building import truth
from .concurrent_expressions import ConcurrentExpressions
from .effects import effects, may_raise
from .items import get_item, set_item
from .lower import Lower
from .lower_expressions import Frame, Run
from .machine import Machine
from .operators import IN_PLACE
from .raising import handle
from .signals import BREAK, CONTINUE, MaybeLeft, Suspended
from .unpack import binder
from .values import MAYBE, PENDING

_NOTHING = (n.Pass, n.ScopeStmt)
_LOOP = frozenset({"break", "continue"})


class Concurrent(ConcurrentExpressions, Lower):
    """Lowers one program for passes that go on."""

    # ------------------------------------------------------------------ statements

    def block(self, statements: n.Block) -> Run:
        nodes = [s for s in statements if type(s) not in _NOTHING]
        steps, cost = self.statements(statements)
        runs = [
            (step, self.suspension((s,)), may_raise(s, self.harmless)) for step, s in zip(steps, nodes, strict=True)
        ]

        def run(frame: Frame) -> Any:
            machine: Machine = frame[0]
            machine.work(cost)
            for position, (statement, suspend, risky) in enumerate(runs):
                path = machine.path
                try:
                    signal = statement(frame)
                except Suspended:
                    machine.path = path
                    ways = suspend(frame)
                    if risky and machine.guarded:
                        ways = ways | {"raise"}
                    signal = MaybeLeft(ways) if ways else None
                if signal is not None:
                    if type(signal) is MaybeLeft:
                        # The rest is carried out if this does not leave: it may leave by its own ways.
                        ways = signal.ways
                        for _, suspend_rest, _ in runs[position + 1 :]:
                            ways = ways | suspend_rest(frame)
                        return MaybeLeft(ways)
                    return signal
            return None

        return run

    def branch(self, statements: n.Block) -> tuple[Run, int]:
        return self.block(statements), 0

    def assign(self, node: n.Assign) -> Run:
        evaluate, safe = self.expr(node.value), self.harmless(node.value)
        binds = [binder(self, target) for target in node.targets]

        def run(frame: Frame, _node: Any = node) -> None:
            try:
                value = evaluate(frame)
            except Suspended:
                frame[0].pass_on(safe)
                value = PENDING
            for bind in binds:
                bind(frame, value)

        return run

    def aug_assign(self, node: n.AugAssign) -> Run:
        apply, target = IN_PLACE[node.op], node.target
        if type(target) is n.Name:
            gather, store = self.gather((target, node.value)), self.store(target.id)

            def named(frame: Frame, _node: Any = node) -> None:
                machine: Machine = frame[0]
                before, value = gather(frame)
                machine.check(before)
                machine.check(value)
                if not isinstance(before, list):
                    machine.scan(before)
                    machine.scan(value)
                store(frame, apply(machine, before, value))

            return named
        assert type(target) is n.Subscript
        index = self.index(target.index)
        parts = self.gather((target.value,)), self.gather((node.value,))

        def item(frame: Frame, _node: Any = node) -> None:
            machine: Machine = frame[0]
            (holder,) = parts[0](frame)
            key = before = PENDING
            try:
                key = index(frame)
                before = get_item(machine, machine.check(holder), key)
            except Suspended:
                machine.pass_on(False)
            (value,) = parts[1](frame)
            for part in (holder, key, before, value):
                machine.check(part)
                machine.scan(part)
            set_item(machine, holder, key, apply(machine, before, value))

        return item

    def for_(self, node: n.For) -> Run:
        iterable, bind, body = self.expr(node.iterable), binder(self, node.target), self.block(node.body)
        orelse = self.block(node.orelse) if node.orelse else None
        paths = self.needs_path(node.body)
        suspend = self.suspension((node,))

        def run(frame: Frame, _node: Any = node) -> Any:
            machine: Machine = frame[0]
            base = machine.path
            source = iterable(frame)
            number = 0
            for item in machine.iterate(source):
                machine.work(1)
                if item is MAYBE or id(source) in machine.marked:
                    raise Suspended
                if paths:
                    machine.path = (*base, number)
                    number += 1
                bind(frame, item)
                signal = body(frame)
                left = _after_iteration(frame, signal, suspend)
                if left is not _AGAIN:
                    machine.path = base
                    return left
            machine.path = base
            return None if orelse is None else orelse(frame)

        return run

    def while_(self, node: n.While) -> Run:
        test, body = self.expr(node.test), self.block(node.body)
        orelse = self.block(node.orelse) if node.orelse else None
        paths = self.needs_path(node.body, node.test)
        suspend = self.suspension((node,))

        def run(frame: Frame, _node: Any = node) -> Any:
            machine: Machine = frame[0]
            base = machine.path
            number = 0
            while True:
                machine.work(1)
                if paths:
                    machine.path = (*base, number)
                    number += 1
                if not truth(test(frame)):
                    break
                left = _after_iteration(frame, body(frame), suspend)
                if left is not _AGAIN:
                    machine.path = base
                    return left
            machine.path = base
            return None if orelse is None else orelse(frame)

        return run

    def try_(self, node: n.Try) -> Run:
        body, handlers = self.block(node.body), self.handlers(node)
        orelse = self.block(node.orelse) if node.orelse else None
        finalbody = self.block(node.finalbody) if node.finalbody else None
        guards = bool(node.handlers) or bool(effects(node.finalbody).ways)
        suspend = self.suspension((*node.handlers, *node.orelse, *node.finalbody))

        def run(frame: Frame, _node: Any = node) -> Any:
            machine: Machine = frame[0]
            path = machine.path
            raised: Exception | None = None
            signal: Any = None
            machine.guarded += guards
            try:
                signal = body(frame)
            except Exception as error:
                raised = error
            finally:
                machine.guarded -= guards
            if type(signal) is MaybeLeft:
                ways = (signal.ways - {"raise"} if guards else signal.ways) | suspend(frame)
                if machine.guarded:
                    ways = ways | {"raise"}
                return MaybeLeft(ways) if ways else None
            left: Any = None
            try:
                if raised is not None:
                    machine.path = path
                    signal = handle(machine, frame, raised, handlers)
                elif signal is None and orelse is not None:
                    signal = orelse(frame)
            except Exception as error:
                if finalbody is not None:
                    machine.path = path
                    machine.handling.append(error)
                    try:
                        left = finalbody(frame)
                    finally:
                        machine.handling.pop()
                if left is None:
                    raise
                return left
            if finalbody is not None:
                left = finalbody(frame)
            return signal if left is None else left

        return run


_AGAIN: Any = object()


def _after_iteration(frame: Frame, signal: Any, suspend: Callable[[Frame], frozenset[str]]) -> Any:
    """What the body of a loop means for the loop: `_AGAIN`, or the signal of the loop."""
    if signal is None or signal is CONTINUE:
        return _AGAIN
    if signal is BREAK:
        return None
    if type(signal) is not MaybeLeft:
        return signal
    if signal.ways <= {"continue"}:
        return _AGAIN
    ways = (signal.ways | suspend(frame)) - _LOOP
    return MaybeLeft(ways) if ways else None
