"""From the tree of a plan to Python closures, once per program.

Each node becomes a function of the frame, a dictionary: variables by name, the machine at 0 and the enclosing
frame at 1. A variable that is absent is unbound, or pending; only then anybody looks why. A closure that can
fail has a parameter `_node`: when an exception comes out, the innermost one on its traceback says where.

This is the sequential reading of a program: the first call that is not in the journal ends the pass.
`concurrent.py` holds what is different when a pass goes on.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

from ..grammar import nodes as n
from ..grammar.program import Program
from .attributes import METHODS, get_attribute
from .builtins import BUILTINS
from .faults import locate
from .functions import FunctionCode
from .items import del_item, get_item, set_item
from .limits import LimitHit
from .machine import Machine
from .modules import MODULES
from .operators import BINARY, COMPARE, IN_PLACE, unary
from .scopes import Scope, bound_names, contains, holds_inner_function, load_missing, target_names
from .signals import BREAK, CONTINUE, Returned
from .text import CONVERSIONS, format_value, to_str
from .unpack import binder
from .values import Builtin, DefaultDict, Function, Iter, PlanSet

Frame = dict[Any, Any]
Run = Callable[[Frame], Any]
_SMALL = 1 << 60


class Lower:
    """Lowers one program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.scope = Scope(None, program.module_names)
        self.sites: dict[tuple[int, int], int] = {}
        self.inner_calls = program.calls_inside
        self.count = 0  # expressions lowered so far: what a statement costs

    def lower(self) -> Run:
        """The whole program as one closure over the module's frame."""
        return self.block(self.program.body)

    # ------------------------------------------------------------ infrastructure

    def expr(self, node: Any) -> Run:
        self.count += 1
        return getattr(self, EXPRESSIONS[type(node)])(node)  # type: ignore[no-any-return]

    def exprs(self, nodes: Iterable[Any]) -> tuple[Run, ...]:
        return tuple([self.expr(node) for node in nodes])

    def site(self, node: Any) -> str:
        """Where a call stands: `line:column`, with a number where two calls begin at the same place."""
        key = (node.span.line, node.span.column)
        times = self.sites.get(key, 0)
        self.sites[key] = times + 1
        return f"{key[0]}:{key[1]}" + (f".{times + 1}" if times else "")

    def needs_path(self, *parts: Any) -> bool:
        """Whether tool calls may happen inside, so that iterations must be told apart."""
        return any(contains(part, n.ToolCall) or (self.inner_calls and contains(part, n.Call)) for part in parts)

    # --------------------------------------------------------------------- names

    def name(self, node: n.Name) -> Run:
        name = node.id
        where, hops, slot = self.scope.find(name)
        if where == "global" and name not in self.scope.module_names() and name in BUILTINS:
            value = BUILTINS[name]
            return lambda _frame: value
        if where == "local" or (where == "global" and self.scope.parent is None):

            def local(frame: Frame, _node: Any = node) -> Any:
                try:
                    return frame[slot]
                except KeyError:
                    return load_missing(frame, slot, name, where)

            return local
        if where == "global":

            def global_(frame: Frame, _node: Any = node) -> Any:
                module = frame[0].globals
                try:
                    return module[slot]
                except KeyError:
                    return load_missing(module, slot, name, where)

            return global_

        def outer(frame: Frame, _node: Any = node) -> Any:
            for _ in range(hops):
                frame = frame[1]
            try:
                return frame[slot]
            except KeyError:
                return load_missing(frame, slot, name, where)

        return outer

    def store(self, name: str) -> Callable[[Frame, Any], None]:
        where, hops, slot = self.scope.find(name)
        if where == "local" or (where == "global" and self.scope.parent is None):

            def local(frame: Frame, value: Any) -> None:
                frame[slot] = value

            return local
        if where == "global":

            def global_(frame: Frame, value: Any) -> None:
                frame[0].globals[slot] = value

            return global_

        def outer(frame: Frame, value: Any) -> None:
            for _ in range(hops):
                frame = frame[1]
            frame[slot] = value

        return outer

    # --------------------------------------------------------------------- atoms

    def const(self, node: n.Const) -> Run:
        value = node.value
        return lambda _frame: value

    def fstring(self, node: n.FString) -> Run:
        parts = [part if type(part) is str else self.hole(part) for part in node.parts]  # type: ignore[arg-type]

        def run(frame: Frame, _node: Any = node) -> str:
            out = [part if type(part) is str else part(frame) for part in parts]  # type: ignore[operator]
            length = sum(map(len, out))
            if length > 64:
                frame[0].text(length)
            return "".join(out)

        return run

    def hole(self, node: n.Hole) -> Run:
        value = self.expr(node.value)
        convert = CONVERSIONS.get(node.conversion)
        if convert is None and node.spec is None:

            def plain(frame: Frame, _node: Any = node) -> str:
                item = value(frame)
                return item if type(item) is str else to_str(frame[0], item)

            return plain
        spec = self.fstring(node.spec) if node.spec is not None else None

        def run(frame: Frame, _node: Any = node) -> str:
            item = value(frame)
            if convert is not None:
                item = convert(frame[0], item)
            return format_value(frame[0], item, "" if spec is None else spec(frame))

        return run

    # ------------------------------------------------------------------ displays

    def items(self, nodes: tuple[Any, ...]) -> Run:
        """A new list of what a display or a call names, stars expanded."""
        if not any(type(item) is n.Starred for item in nodes):
            runs = self.exprs(nodes)
            return lambda frame: [run(frame) for run in runs]
        parts = [
            (type(item) is n.Starred, self.expr(item.value if type(item) is n.Starred else item))
            for item in nodes
        ]

        def starred(frame: Frame) -> list[Any]:
            out: list[Any] = []
            for star, run in parts:
                if star:
                    out.extend(frame[0].drain(run(frame)))
                else:
                    out.append(run(frame))
            frame[0].items(len(out))
            return out

        return starred

    def list_(self, node: n.ListDisplay) -> Run:
        return self.items(node.items)

    def tuple_(self, node: n.TupleDisplay) -> Run:
        items = self.items(node.items)
        return lambda frame: tuple(items(frame))

    def set_(self, node: n.SetDisplay) -> Run:
        items = self.items(node.items)

        def run(frame: Frame, _node: Any = node) -> PlanSet:
            return PlanSet(items(frame))

        return run

    def dict_(self, node: n.DictDisplay) -> Run:
        pairs = [(None if key is None else self.expr(key), self.expr(value)) for key, value in node.items]

        def run(frame: Frame, _node: Any = node) -> dict[Any, Any]:
            out: dict[Any, Any] = {}
            for key, value in pairs:
                if key is None:
                    add_mapping(frame[0], out, value(frame))
                else:
                    k = key(frame)
                    out[k] = value(frame)
            return out

        return run

    # ----------------------------------------------------------------- operators

    def unary(self, node: n.Unary) -> Run:
        operand = self.expr(node.operand)
        if node.op == "not":
            return lambda frame: not truth(operand(frame))
        apply = unary(node.op)

        def run(frame: Frame, _node: Any = node) -> Any:
            return apply(frame[0], operand(frame))

        return run

    def binary(self, node: n.Binary) -> Run:
        left, right = self.expr(node.left), self.expr(node.right)
        apply = BINARY[node.op]
        host: Any = _ARITHMETIC.get(node.op)
        if host is not None and type(node.right) is n.Const and type(node.right.value) is int:
            small = node.right.value

            def by_constant(frame: Frame, _node: Any = node) -> Any:
                a = left(frame)
                if type(a) is int and -_SMALL < a < _SMALL and -_SMALL < small < _SMALL:
                    return host(a, small)
                return apply(frame[0], a, small)

            return by_constant
        if host is not None:

            def arithmetic(frame: Frame, _node: Any = node) -> Any:
                a, b = left(frame), right(frame)
                if type(a) is int and type(b) is int and -_SMALL < a < _SMALL and -_SMALL < b < _SMALL:
                    return host(a, b)
                return apply(frame[0], a, b)

            return arithmetic

        def run(frame: Frame, _node: Any = node) -> Any:
            a = left(frame)
            return apply(frame[0], a, right(frame))

        return run

    def logic(self, node: n.Logic) -> Run:
        operands = self.exprs(node.operands)
        *first, last = operands
        if node.op == "and":

            def and_(frame: Frame) -> Any:
                for run in first:
                    value = run(frame)
                    if not truth(value):
                        return value
                return last(frame)

            return and_

        def or_(frame: Frame) -> Any:
            for run in first:
                value = run(frame)
                if truth(value):
                    return value
            return last(frame)

        return or_

    def compare(self, node: n.Compare) -> Run:
        left = self.expr(node.left)
        if len(node.rest) == 1:
            op, operand = node.rest[0]
            apply, right = COMPARE[op], self.expr(operand)

            def once(frame: Frame, _node: Any = node) -> Any:
                a = left(frame)
                return apply(frame[0], a, right(frame))

            return once
        rest = [(COMPARE[op], self.expr(operand)) for op, operand in node.rest]

        def chain(frame: Frame, _node: Any = node) -> Any:
            a = left(frame)
            result: Any = True
            for apply, operand in rest:
                b = operand(frame)
                result = apply(frame[0], a, b)
                if not result:
                    return result
                a = b
            return result

        return chain

    def conditional(self, node: n.Conditional) -> Run:
        test, then, otherwise = self.expr(node.test), self.expr(node.then), self.expr(node.otherwise)
        return lambda frame: then(frame) if truth(test(frame)) else otherwise(frame)

    def walrus(self, node: n.Walrus) -> Run:
        value, store = self.expr(node.value), self.walrus_store(node.name)

        def run(frame: Frame) -> Any:
            item = value(frame)
            store(frame, item)
            return item

        return run

    def walrus_store(self, name: str) -> Callable[[Frame, Any], None]:
        """`:=` in a comprehension binds in the function around it."""
        scope, hops = self.scope, 0
        while scope.comprehension and scope.parent is not None:
            scope, hops = scope.parent, hops + 1
        where, more, slot = scope.find(name)
        if where == "global":
            return lambda frame, value: frame[0].globals.__setitem__(slot, value)
        total = hops + more

        def store(frame: Frame, value: Any) -> None:
            for _ in range(total):
                frame = frame[1]
            frame[slot] = value

        return store

    # ------------------------------------------------------------ access and calls

    def attribute(self, node: n.Attribute) -> Run:
        value, name = self.expr(node.value), node.name

        def run(frame: Frame, _node: Any = node) -> Any:
            return get_attribute(frame[0], value(frame), name)

        return run

    def slice(self, node: n.Slice) -> Run:
        parts = [None if part is None else self.expr(part) for part in (node.start, node.stop, node.step)]
        return lambda frame: slice(*[None if part is None else part(frame) for part in parts])

    def index(self, node: Any) -> Run:
        return self.slice(node) if type(node) is n.Slice else self.expr(node)

    def subscript(self, node: n.Subscript) -> Run:
        value, index = self.expr(node.value), self.index(node.index)
        site = f"{node.span.line}:{node.span.column}"

        def run(frame: Frame, _node: Any = node) -> Any:
            item = value(frame)
            if type(item) is DefaultDict:
                frame[0].site = site
            return get_item(frame[0], item, index(frame))

        return run

    def keywords(self, node: Any) -> Run | None:
        if not node.keywords:
            return None
        parts = [(name, self.expr(value)) for name, value in node.keywords]

        def run(frame: Frame) -> dict[str, Any]:
            out: dict[str, Any] = {}
            for name, value in parts:
                if name is not None:
                    out[name] = value(frame)
                    continue
                mapping: dict[Any, Any] = {}
                add_mapping(frame[0], mapping, value(frame))
                for key in mapping:
                    if type(key) is not str:
                        raise TypeError("keywords must be strings")
                    if key in out:
                        raise TypeError(f"got multiple values for keyword argument '{key}'")
                out.update(mapping)
            return out

        return run

    def call(self, node: n.Call) -> Run:
        function = node.function
        site = self.site(node)
        args, keywords = self.items(node.args), self.keywords(node)
        if type(function) is n.Attribute:
            receiver, name = self.expr(function.value), function.name

            def method(frame: Frame, _node: Any = node) -> Any:
                value = receiver(frame)
                table = METHODS.get(type(value))
                entry = table.get(name) if table is not None else None
                machine = frame[0]
                if entry is None:
                    callee = get_attribute(machine, value, name)
                    arguments = args(frame)
                    named = {} if keywords is None else keywords(frame)
                    machine.site = site
                    return machine.invoke(callee, arguments, named, site)
                arguments = args(frame)
                if keywords is None:
                    machine.site = site
                    return entry.call(machine, value, *arguments)
                named = keywords(frame)
                machine.site = site
                return entry.call(machine, value, *arguments, **named)

            return method
        callee = self.expr(function)

        def run(frame: Frame, _node: Any = node) -> Any:
            target = callee(frame)
            arguments = args(frame)
            named = {} if keywords is None else keywords(frame)
            machine = frame[0]
            if type(target) is Function:
                return target.code.enter(machine, target, arguments, named, site)
            machine.site = site
            if type(target) is Builtin:
                return target.call(machine, *arguments, **named)
            return machine.invoke(target, arguments, named, site)

        return run

    def tool_call(self, node: n.ToolCall) -> Run:
        tool = node.tool
        site = f"{tool}@{self.site(node)}"
        args, keywords = self.items(node.args), self.keywords(node)
        span = node.span

        def run(frame: Frame, _node: Any = node) -> Any:
            arguments = args(frame)
            named = {} if keywords is None else keywords(frame)
            machine = frame[0]
            return machine.tool(site, span, machine.signatures[tool], arguments, named)

        return run

    # ---------------------------------------------------------------- inner scopes

    def params(self, params: tuple[n.Param, ...]) -> list[tuple[str, Run]]:
        return [(param.name, self.expr(param.default)) for param in params if param.default is not None]

    def function_code(self, name: str, params: tuple[n.Param, ...], body: Any, node: Any) -> FunctionCode:
        statements = body if type(node) is n.FunctionDef else ()
        local = bound_names(statements) | {param.name for param in params}
        if type(node) is n.Lambda:
            local |= {part.name for part in n.walk(body) if type(part) is n.Walrus}
        outer, self.scope = self.scope, Scope(self.scope, local, statements)
        if type(node) is n.Lambda:
            value = self.expr(body)
            run: Run = lambda frame: Returned(value(frame))  # noqa: E731
        else:
            run = self.block(body)
        self.scope = outer
        return self.make_code(name, params, run)

    def make_code(self, name: str, params: tuple[n.Param, ...], run: Run) -> FunctionCode:
        return FunctionCode(name, params, run, careful=False)

    def lambda_(self, node: n.Lambda) -> Run:
        defaults = self.params(node.params)
        code = self.function_code("<lambda>", node.params, node.body, node)
        return lambda frame: Function(code, frame, {name: run(frame) for name, run in defaults}, None)

    def comprehension(self, node: n.Comprehension) -> Run:
        inner = node.kind == "generator" or holds_inner_function(node)
        first = self.expr(node.clauses[0].iterable)
        targets = set().union(*[target_names(clause.target) for clause in node.clauses])
        outer = self.scope
        self.scope = Scope(outer, targets, comprehension=True) if inner else outer.renamed(targets)
        loop = self.comprehension_loop(node)
        self.scope = outer
        return self.comprehension_run(node, first, loop, inner)

    def comprehension_loop(self, node: n.Comprehension) -> Any:
        """A generator function over (frame, first iterable) that yields elements (or pairs)."""
        clauses = []
        for position, clause in enumerate(node.clauses):
            iterable: Any = None if position == 0 else self.expr(clause.iterable)
            clauses.append((iterable, binder(self, clause.target), self.exprs(clause.conditions)))
        before, self.count = self.count, 0
        element = self.expr(node.element)
        value = self.expr(node.value) if node.value is not None else None
        cost, self.count = self.count + 2, before
        paths = self.needs_path(node)
        last = len(clauses) - 1

        def walk(frame: Frame, source: Any, position: int, base: Any, _node: Any = node) -> Any:
            machine: Machine = frame[0]
            _, bind, conditions = clauses[position]
            inner = base
            number = 0
            for item in machine.iterate(source):
                machine.fuel -= cost
                if machine.fuel < 0:
                    machine.refuel()
                outer = machine.path  # the consumer's
                if paths:
                    machine.path = inner = (*base, number)
                    number += 1
                bind(frame, item)
                for condition in conditions:
                    if not truth(condition(frame)):
                        machine.path = outer
                        break
                else:
                    if position < last:
                        source = clauses[position + 1][0](frame)
                        machine.path = outer
                        yield from walk(frame, source, position + 1, inner)
                        continue
                    made = element(frame)
                    if value is not None:
                        made = (made, value(frame))
                    machine.path = outer
                    yield made

        return walk

    def comprehension_run(self, node: n.Comprehension, first: Run, loop: Any, inner: bool) -> Run:
        kind = node.kind

        def run(frame: Frame, _node: Any = node) -> Any:
            machine: Machine = frame[0]
            source = first(frame)
            if kind == "generator":
                machine.iterate(source)
                return Iter(loop({0: machine, 1: frame}, source, 0, machine.path), (source,))
            return collect(
                machine, kind, loop({0: machine, 1: frame} if inner else frame, source, 0, machine.path)
            )

        return run

    # ------------------------------------------------------------------ statements

    def statement(self, node: Any) -> Run:
        return getattr(self, STATEMENTS[type(node)])(node)  # type: ignore[no-any-return]

    def block(self, statements: n.Block) -> Run:
        runs, cost = self.statements(statements)
        if len(runs) == 1:
            only = runs[0]

            def one(frame: Frame) -> Any:
                machine = frame[0]
                machine.fuel -= cost
                if machine.fuel < 0:
                    machine.refuel()
                return only(frame)

            return one

        def run(frame: Frame) -> Any:
            machine = frame[0]
            machine.fuel -= cost
            if machine.fuel < 0:
                machine.refuel()
            for statement in runs:
                signal = statement(frame)
                if signal is not None:
                    return signal
            return None

        return run

    def statements(self, statements: n.Block) -> tuple[tuple[Run, ...], int]:
        """What carries out each statement, and the steps of all of them, blocks inside excluded."""
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
        binds = [binder(self, target) for target in node.targets]

        def run(frame: Frame, _node: Any = node) -> None:
            item = value(frame)
            for bind in binds:
                bind(frame, item)
            record(frame[0], _node, item)

        return run

    def aug_assign(self, node: n.AugAssign) -> Run:
        apply, value, target = IN_PLACE[node.op], self.expr(node.value), node.target
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

        def item(frame: Frame, _node: Any = node) -> None:
            machine = frame[0]
            holder = container(frame)
            key = index(frame)
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
        test, body = self.expr(node.test), self.block(node.body)
        orelse = self.block(node.orelse) if node.orelse else None

        def run(frame: Frame, _node: Any = node) -> Any:
            taken = truth(test(frame))
            record(frame[0], _node, taken)
            if taken:
                return body(frame)
            return None if orelse is None else orelse(frame)

        return run

    def for_(self, node: n.For) -> Run:
        iterable, bind = self.expr(node.iterable), binder(self, node.target)
        runs, cost = self.statements(node.body)
        cost += 1
        orelse = self.block(node.orelse) if node.orelse else None
        paths = self.needs_path(node.body)
        slot = self.local_slot(node.target)

        def run(frame: Frame, _node: Any = node) -> Any:
            machine: Machine = frame[0]
            base = machine.path
            number = 0
            for item in machine.iterate(iterable(frame)):
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

    def local_slot(self, target: Any) -> str | None:
        """The key of a target in the frame at hand, if it is a plain variable there."""
        if type(target) is not n.Name:
            return None
        where, _, slot = self.scope.find(target.id)
        return slot if where == "local" or (where == "global" and self.scope.parent is None) else None

    def while_(self, node: n.While) -> Run:
        test, body = self.expr(node.test), self.block(node.body)
        orelse = self.block(node.orelse) if node.orelse else None
        paths = self.needs_path(node.body, node.test)

        def run(frame: Frame, _node: Any = node) -> Any:
            machine: Machine = frame[0]
            base = machine.path
            number = 0
            while True:
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
        """For each handler: what it catches, how it binds and unbinds its name, its body."""
        out = []
        for handler in node.handlers:
            kind = None if handler.type is None else self.expr(handler.type)
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
            except Exception:
                machine.path = path
                left = finalbody(frame)
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
        value = self.expr(node.exception)

        def run(frame: Frame, _node: Any = node) -> None:
            error = value(frame)
            if type(error) is Builtin and isinstance(error.host, type) and issubclass(error.host, Exception):
                error = error.call(frame[0])
            if not isinstance(error, Exception):
                raise TypeError("exceptions must derive from BaseException")
            clean(error)
            raise error

        return run

    def assert_(self, node: n.Assert) -> Run:
        test = self.expr(node.test)
        message = None if node.message is None else self.expr(node.message)

        def run(frame: Frame, _node: Any = node) -> None:
            if not truth(test(frame)):
                raise AssertionError if message is None else AssertionError(message(frame))

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


# What integers below 2**60 can do without a look at their size.
_ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul}
_NOTHING = (n.Pass, n.ScopeStmt)


def truth(value: Any) -> bool:
    """`bool(value)`: every value of a plan has the host's truth, and none runs code of a plan."""
    return True if value is True else bool(value)


def record(machine: Machine, node: Any, value: Any) -> None:
    """Note a statement in the trace."""
    machine.statements_left -= 1
    if machine.statements_left >= 0:
        machine.statements.append((node, value if type(value) in _SHOWN else preview(value)))


_SHOWN = frozenset({str, int, float, bool, type(None)})


def preview(value: Any) -> Any:
    """What a trace shows of a value: itself if it cannot change, else its kind and size."""
    kind = type(value)
    if kind in _SHOWN:
        return value
    return Preview(
        kind, len(value) if hasattr(value, "__len__") else None, value[0] if kind is list and value else None
    )


class Preview:
    """A container as it was when a statement ended."""

    __slots__ = ("first", "kind", "size")

    def __init__(self, kind: type, size: int | None, first: Any) -> None:
        self.kind = kind
        self.size = size
        self.first = first if type(first) is str else None


def add_mapping(machine: Machine, out: dict[Any, Any], value: Any) -> None:
    """`**value`."""
    if not isinstance(value, dict):
        raise TypeError(f"argument after ** must be a mapping, not {type(value).__name__}")
    machine.items(len(out) + len(value))
    out.update(value)


def collect(machine: Machine, kind: str, elements: Any) -> Any:
    """The container of a comprehension."""
    ceiling = machine.limits.container
    if kind == "list":
        out: list[Any] = []
        for element in elements:
            out.append(element)
            machine.memory -= 16
            if machine.memory < 0:
                machine.memory_used_up()
            if len(out) > ceiling:
                machine.items(len(out))
        return out
    if kind == "set":
        members = PlanSet()
        for element in elements:
            members.members[element] = None
            machine.items(4)
        return members
    made: dict[Any, Any] = {}
    for key, value in elements:
        made[key] = value
        machine.items(4)
    return made


def handle(machine: Machine, frame: Frame, error: Exception, handlers: list[Any]) -> Any:
    """Run the first handler that catches an exception, or raise it again."""
    if isinstance(error, (RecursionError, MemoryError)):
        raise LimitHit("PLAN407", "function calls or expressions are nested too deeply")
    machine.origins.setdefault(id(error), (error, locate(error)))
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


def clean(error: BaseException) -> None:
    """Take from an exception whatever leads to the host."""
    error.__traceback__ = None
    error.__context__ = None
    error.__cause__ = None


def catches(machine: Machine, kind: Any, error: Exception) -> bool:
    """`except kind`."""
    kinds = kind if type(kind) is tuple else (kind,)
    for each in kinds:
        if type(each) is tuple:
            if catches(machine, each, error):
                return True
            continue
        if type(each) is not Builtin or not (
            isinstance(each.host, type) and issubclass(each.host, Exception)
        ):
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
    frame.pop("?" + slot, None)


# The method that lowers each kind of node.
EXPRESSIONS: dict[type, str] = {
    n.Const: "const",
    n.Name: "name",
    n.FString: "fstring",
    n.ListDisplay: "list_",
    n.TupleDisplay: "tuple_",
    n.SetDisplay: "set_",
    n.DictDisplay: "dict_",
    n.Unary: "unary",
    n.Binary: "binary",
    n.Logic: "logic",
    n.Compare: "compare",
    n.Conditional: "conditional",
    n.Attribute: "attribute",
    n.Subscript: "subscript",
    n.Call: "call",
    n.ToolCall: "tool_call",
    n.Lambda: "lambda_",
    n.Comprehension: "comprehension",
    n.Walrus: "walrus",
}
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
