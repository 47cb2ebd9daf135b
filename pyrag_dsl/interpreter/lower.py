"""From the tree of a plan to Python closures, once for each program.

Each node becomes a function of the frame. A frame is a dictionary that holds the variables by name, the machine at key
0 and the enclosing frame at key 1. An absent variable is unbound, and only then the reason is looked for. A closure
that can fail has a parameter `_node`: the innermost one on the traceback of an exception tells where it was raised.

This is the sequential reading of a program: the first call that is not in the journal ends the pass. `concurrent.py`
overrides what differs in a concurrent pass.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from ..grammar import nodes as n
from .building import truth
from .items import del_item, get_item, set_item
from .lower_expressions import _FUNCTION, ARITHMETIC, SMALL, Frame, LowerExpressions, Run, place
from .machine import Machine
from .modules import MODULES
from .operators import IN_PLACE
from .previews import preview, record
from .raising import clean, forget, handle, instance, remember
from .signals import BREAK, CONTINUE, Returned
from .values import Function


class Lower(LowerExpressions):
    """Lowers one program."""

    def lower(self) -> Run:
        """The whole program as one closure over the module's frame."""
        before, self.count = self.count, 0
        body = [statement for statement in self.program.body if type(statement) not in _NOTHING]
        runs = []
        for statement in body:
            self.top = True
            runs.append(self.statement(statement))
        cost, self.count = self.count + len(runs), before
        leave = self.leaving(body)

        def run(frame: Frame) -> Any:
            machine: Machine = frame[0]
            if machine.resumed is None:
                machine.charge_steps(cost)
            progress = machine.progress
            for at in range(machine.first, len(runs)):
                if progress is not None:
                    machine.at = at
                    progress.reach(machine, at)
                signal = runs[at](frame)
                if signal is not None:
                    return leave(frame, signal, at)
            return None

        return run

    def leaving(self, _body: Any) -> Callable[[Frame, Any, int], Any]:
        """Returns a function that turns a statement's signal, given with the statement's index, into the block's."""
        return lambda _frame, signal, _at: signal

    # ------------------------------------------------------------------ statements

    def statement(self, node: Any) -> Run:
        return getattr(self, STATEMENTS[type(node)])(node)  # type: ignore[no-any-return]

    def block(self, statements: n.Block) -> Run:
        run, cost = self.branch(statements)

        def charged(frame: Frame) -> Any:
            machine = frame[0]
            machine.fuel -= cost
            if machine.fuel < 0:
                machine.refuel()
            return run(frame)

        return charged

    def branch(self, statements: n.Block) -> tuple[Run, int]:
        """A closure that runs a block, and the steps to charge before it is called."""
        runs, cost = self.statements(statements)
        if len(runs) == 1:
            return runs[0], cost

        def run(frame: Frame) -> Any:
            for statement in runs:
                signal = statement(frame)
                if signal is not None:
                    return signal
            return None

        return run, cost

    def statements(self, statements: n.Block) -> tuple[tuple[Run, ...], int]:
        """A closure for each statement, and the steps of all of them without those of inner blocks."""
        self.top = False
        before, self.count = self.count, 0
        runs = tuple([self.statement(s) for s in statements if type(s) not in _NOTHING])
        cost = self.count + len(runs)
        self.count = before
        return runs, cost

    def assign(self, node: n.Assign) -> Run:
        value = self.expr(node.value)
        slot = self.local_slot(node.targets[0]) if len(node.targets) == 1 else None
        if slot is not None:

            def simple(frame: Frame, _node: Any = node) -> None:
                frame[slot] = item = value(frame)
                machine = frame[0]
                machine.statements_left -= 1
                if machine.statements_left >= 0:
                    machine.statements.append((_node, item if type(item) in _SHOWN else preview(item)))

            return simple
        binds = [self.binder(target) for target in node.targets]

        def run(frame: Frame, _node: Any = node) -> None:
            item = value(frame)
            for bind in binds:
                bind(frame, item)
            record(frame[0], _node, item)

        return run

    def aug_assign(self, node: n.AugAssign) -> Run:
        apply, value, target = self.operator(node, IN_PLACE), self.expr(node.value), node.target
        slot = self.local_slot(target)
        quick = ARITHMETIC.get(node.op)
        if slot is not None and quick is not None:
            load = self.expr(target)

            def local(frame: Frame, _node: Any = node) -> None:
                try:
                    before = frame[slot]
                except KeyError:
                    before = load(frame)
                change = value(frame)
                machine = frame[0]
                if type(before) is int and type(change) is int and -SMALL < before < SMALL and -SMALL < change < SMALL:
                    after = quick(before, change)
                else:
                    after = apply(machine, before, change)
                frame[slot] = after
                machine.statements_left -= 1
                if machine.statements_left >= 0:
                    machine.statements.append((_node, after if type(after) in _SHOWN else preview(after)))

            return local
        if type(target) is n.Name:
            load, store = self.name(target), self.store(target.id)

            def named(frame: Frame, _node: Any = node) -> None:
                before = load(frame)
                after = apply(frame[0], before, value(frame))
                store(frame, after)
                record(frame[0], _node, after)

            return named
        assert type(target) is n.Subscript
        container, index = self.expr(target.value), self.index(target.index)
        site = place(target)

        def item(frame: Frame, _node: Any = node) -> None:
            machine = frame[0]
            holder = container(frame)
            key = index(frame)
            machine.site = site
            before = get_item(machine, holder, key)
            after = apply(machine, before, value(frame))
            set_item(machine, holder, key, after)
            record(machine, _node, after)

        return item

    def expr_stmt(self, node: n.ExprStmt) -> Run:
        value = self.expr(node.value)

        def run(frame: Frame, _node: Any = node) -> None:
            item = value(frame)
            record(frame[0], _node, item)

        return run

    def if_(self, node: n.If) -> Run:
        test = self.expr(node.test)
        body, body_cost = self.branch(node.body)
        orelse, orelse_cost = self.branch(node.orelse) if node.orelse else (_nothing, 0)

        def run(frame: Frame, _node: Any = node) -> Any:
            taken = test(frame)
            if taken is not True and taken is not False:
                taken = bool(taken)
            machine = frame[0]
            machine.statements_left -= 1
            if machine.statements_left >= 0:
                machine.statements.append((_node, taken))
            machine.fuel -= body_cost if taken else orelse_cost
            if machine.fuel < 0:
                machine.refuel()
            return body(frame) if taken else orelse(frame)

        return run

    def for_(self, node: n.For) -> Run:
        top = self.top
        iterable, bind = self.expr(node.iterable), self.binder(node.target)
        runs, cost = self.statements(node.body)
        cost += 1
        orelse = self.block(node.orelse) if node.orelse else None
        paths = self.needs_path(node.body)
        slot = self.local_slot(node.target)

        def run(frame: Frame, _node: Any = node) -> Any:
            machine: Machine = frame[0]
            base = machine.path
            number, source, items = loop_items(machine, iterable, frame, top)
            progress = machine.progress if top else None
            for item in items:
                if progress is not None:
                    progress.reach(machine, machine.at, number, source)
                machine.fuel -= cost
                if machine.fuel < 0:
                    machine.refuel()
                if paths:
                    machine.path = (*base, number)
                number += 1
                if slot is None:
                    bind(frame, item)
                else:
                    frame[slot] = item
                for statement in runs:
                    signal = statement(frame)
                    if signal is not None:
                        if signal is CONTINUE:
                            break
                        machine.path = base
                        return None if signal is BREAK else signal
            machine.path = base
            return None if orelse is None else orelse(frame)

        return run

    def while_(self, node: n.While) -> Run:
        top = self.top
        test, body = self.expr(node.test), self.block(node.body)
        orelse = self.block(node.orelse) if node.orelse else None
        paths = self.needs_path(node.body, node.test)

        def run(frame: Frame, _node: Any = node) -> Any:
            machine: Machine = frame[0]
            base = machine.path
            number = loop_start(machine, top)[0]
            progress = machine.progress if top else None
            while True:
                if progress is not None:
                    progress.reach(machine, machine.at, number)
                machine.fuel -= 1
                if machine.fuel < 0:
                    machine.refuel()
                if paths:
                    machine.path = (*base, number)
                number += 1
                if not truth(test(frame)):
                    break
                signal = body(frame)
                if signal is not None and signal is not CONTINUE:
                    machine.path = base
                    return None if signal is BREAK else signal
            machine.path = base
            return None if orelse is None else orelse(frame)

        return run

    def break_(self, _node: n.Break) -> Run:
        return lambda _frame: BREAK

    def continue_(self, _node: n.Continue) -> Run:
        return lambda _frame: CONTINUE

    def function_def(self, node: n.FunctionDef) -> Run:
        defaults = self.params(node.params)
        code = self.function_code(node.name, node.params, node.body, node)
        store, cache = self.store(node.name), node.cache

        def run(frame: Frame, _node: Any = node) -> None:
            frame[0].charge_bytes(_FUNCTION)
            store(frame, Function(code, frame, {name: value(frame) for name, value in defaults}, cache))

        return run

    def return_(self, node: n.Return) -> Run:
        if node.value is None:
            return lambda _frame: Returned(None)
        value = self.expr(node.value)

        def run(frame: Frame, _node: Any = node) -> Returned:
            item = value(frame)
            record(frame[0], _node, item)
            return Returned(item)

        return run

    def handlers(self, node: n.Try) -> list[Any]:
        """For each handler: the class that it catches, how its name is bound and unbound, and its body."""
        out = []
        for handler in node.handlers:
            kind = None if handler.type is None else self.settled(handler.type)
            store = self.store(handler.name) if handler.name else None
            place = self.scope.find(handler.name) if handler.name else None
            out.append((kind, store, place, self.block(handler.body)))
        return out

    def try_(self, node: n.Try) -> Run:
        body, handlers = self.block(node.body), self.handlers(node)
        orelse = self.block(node.orelse) if node.orelse else None
        finalbody = self.block(node.finalbody) if node.finalbody else None

        def guarded(frame: Frame, _node: Any = node) -> Any:
            machine: Machine = frame[0]
            path = machine.path
            try:
                signal = body(frame)
            except Exception as error:
                machine.path = path
                return handle(machine, frame, error, handlers)
            if signal is None and orelse is not None:
                return orelse(frame)
            return signal

        if finalbody is None:
            return guarded

        def with_final(frame: Frame, _node: Any = node) -> Any:
            machine: Machine = frame[0]
            path = machine.path
            try:
                signal = guarded(frame)
            except Exception as error:
                machine.path = path
                remember(machine, error)
                machine.handling.append(error)
                try:
                    left = finalbody(frame)
                finally:
                    machine.handling.pop()
                if left is not None:
                    return left
                raise
            left = finalbody(frame)
            return signal if left is None else left

        return with_final

    def raise_(self, node: n.Raise) -> Run:
        if node.exception is None:

            def again(frame: Frame, _node: Any = node) -> None:
                if not frame[0].handling:
                    raise RuntimeError("No active exception to reraise")
                raise frame[0].handling[-1]

            return again
        value = self.settled(node.exception)
        cause = None if node.cause is None else self.settled(node.cause)

        def run(frame: Frame, _node: Any = node) -> None:
            error = instance(frame[0], value(frame))
            if error is None:
                raise TypeError("exceptions must derive from BaseException")
            if cause is not None:
                reason = cause(frame)
                if reason is not None and instance(frame[0], reason) is None:
                    raise TypeError("exception causes must derive from BaseException")
            frame[0].charge_value(error)
            clean(error)
            raise error

        return run

    def assert_(self, node: n.Assert) -> Run:
        test = self.expr(node.test)
        message = None if node.message is None else self.settled(node.message)

        def run(frame: Frame, _node: Any = node) -> None:
            if not truth(test(frame)):
                if message is None:
                    raise AssertionError
                text = message(frame)
                frame[0].charge_value(text)
                raise AssertionError(text)

        return run

    def delete(self, node: n.Delete) -> Run:
        runs = [self.deletion(target) for target in node.targets]

        def run(frame: Frame, _node: Any = node) -> None:
            for each in runs:
                each(frame)

        return run

    def deletion(self, target: Any) -> Run:
        if type(target) is n.Name:
            place, load = self.scope.find(target.id), self.name(target)

            def name(frame: Frame, _node: Any = target) -> None:
                load(frame)
                forget(frame, place)

            return name
        if type(target) is n.TupleDisplay:
            runs = [self.deletion(item) for item in target.items]
            return lambda frame: [run(frame) for run in runs] and None
        value, index = self.expr(target.value), self.index(target.index)

        def item(frame: Frame, _node: Any = target) -> None:
            holder = value(frame)
            del_item(frame[0], holder, index(frame))

        return item

    def import_(self, node: n.Import) -> Run:
        stores = []
        for name, module, member in node.bindings:
            value = MODULES[module].members[member] if member else MODULES[module]
            stores.append((self.store(name), value))

        def run(frame: Frame) -> None:
            for store, value in stores:
                store(frame, value)

        return run


def loop_start(machine: Machine, top: bool) -> tuple[int, Any]:
    """The iteration that a loop starts with, and its iterable if an earlier pass has evaluated it."""
    resumed = machine.resumed if top else None
    if resumed is None or machine.at != machine.first:
        return 0, None
    machine.resumed = (0, None)
    return max(resumed[0], 0), resumed[1]


def loop_items(machine: Machine, iterable: Run, frame: Frame, top: bool) -> tuple[int, Any, Iterator[Any]]:
    """The number of a loop's first iteration, its iterable, and an iterator over the items from there on."""
    number, source = loop_start(machine, top)
    if source is None:
        source = iterable(frame)
    items = machine.iterate(source)
    return number, source, itertools.islice(items, number, None) if number else items


def _nothing(_frame: Frame) -> None:
    """Does nothing: it stands for a missing `else`."""


_NOTHING = (n.Pass, n.ScopeStmt)
_SHOWN = frozenset({str, int, float, bool, type(None)})

STATEMENTS: dict[type, str] = {
    n.Assign: "assign",
    n.AugAssign: "aug_assign",
    n.ExprStmt: "expr_stmt",
    n.If: "if_",
    n.For: "for_",
    n.While: "while_",
    n.Break: "break_",
    n.Continue: "continue_",
    n.FunctionDef: "function_def",
    n.Return: "return_",
    n.Try: "try_",
    n.Raise: "raise_",
    n.Assert: "assert_",
    n.Delete: "delete",
    n.Import: "import_",
}
