"""Expressions as closures: the sequential reading."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..grammar import nodes as n
from ..grammar.program import Program
from .attributes import METHODS, get_attribute
from .building import add_mapping, all_hold, collect, split, spread, truth
from .builtins import BUILTINS
from .functions import FunctionCode
from .items import get_item, set_item
from .machine import Machine
from .making import make_set
from .operators import BINARY, COMPARE, Binary, unary
from .scopes import Scope, bound_names, contains, holds_inner_function, load_missing, target_names
from .signals import Returned
from .text import CONVERSIONS, format_value, to_str
from .values import Builtin, DefaultDict, Function, Iter, PlanSet

if TYPE_CHECKING:
    from .effects import Effects

Frame = dict[Any, Any]
Run = Callable[[Frame], Any]
SMALL = 1 << 60
# The operations on integers below 2**60 whose results need no check of their size.
ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul, "%": operator.mod, "//": operator.floordiv}
_COMPARISON = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


_FUNCTION = 400  # the approximate size of a function, in bytes
GENERATOR = 700


class Stopped(BaseException):
    """Carries a `StopIteration` out of a comprehension: a generator of the host would swallow it."""

    def __init__(self, stop: StopIteration) -> None:
        self.stop = stop


class LowerExpressions:
    """Lowers expressions; `Lower` adds the statements."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.scope = Scope(None, program.module_names)
        self.sites: dict[tuple[int, int], int] = {}
        self.inner_calls = program.calls_inside
        self.top = False  # whether the current statement is one of the module
        self.count = 0  # expressions lowered so far, from which the steps of a statement are computed

    def block(self, statements: n.Block) -> Run:
        """Lower the body of a function; `Lower` defines it."""
        raise NotImplementedError

    # ------------------------------------------------------------ infrastructure

    def expr(self, node: Any) -> Run:
        self.count += 1
        return getattr(self, EXPRESSIONS[type(node)])(node)  # type: ignore[no-any-return]

    def settled(self, node: Any) -> Run:
        """Lower an expression of whose value only the type is read; a concurrent pass must notice a pending one."""
        return self.expr(node)

    def exprs(self, nodes: Iterable[Any]) -> tuple[Run, ...]:
        return tuple([self.expr(node) for node in nodes])

    def site(self, node: Any) -> str:
        """The place of a call as `line:column`, with a number if two calls begin at the same place."""
        key = (node.span.line, node.span.column)
        times = self.sites.get(key, 0)
        self.sites[key] = times + 1
        return f"{key[0]}:{key[1]}" + (f".{times + 1}" if times else "")

    def needs_path(self, *parts: Any) -> bool:
        """Whether these parts may make tool calls, so that the path of a call must number the iterations."""
        return any(
            contains(part, n.ToolCall) or (self.inner_calls and contains(part, n.FunctionCall)) for part in parts
        )

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
                    return load_missing(name, where)

            return local
        if where == "global":

            def global_(frame: Frame, _node: Any = node) -> Any:
                module = frame[0].globals
                try:
                    return module[slot]
                except KeyError:
                    return load_missing(name, where)

            return global_

        def outer(frame: Frame, _node: Any = node) -> Any:
            for _ in range(hops):
                frame = frame[1]
            try:
                return frame[slot]
            except KeyError:
                return load_missing(name, where)

        return outer

    def local_slot(self, node: Any) -> str | None:
        """The key of a variable in the current frame, or None if the node is no variable of this frame."""
        if type(node) is not n.Name:
            return None
        where, _, slot = self.scope.find(node.id)
        return slot if where == "local" or (where == "global" and self.scope.parent is None) else None

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

    def binder(self, target: Any) -> Callable[[Frame, Any], None]:
        """A closure that binds a value to a target: a name, an item, or a sequence with at most one starred target."""
        kind = type(target)
        if kind is n.Name:
            return self.store(target.id)
        if kind is n.Subscript:
            container, index = self.expr(target.value), self.index(target.index)

            def item(frame: Frame, value: Any, _node: Any = target) -> None:
                holder = container(frame)
                set_item(frame[0], holder, index(frame), value)

            return item
        binds = [self.binder(part.value if type(part) is n.Starred else part) for part in target.items]
        star = next((i for i, part in enumerate(target.items) if type(part) is n.Starred), None)
        after = 0 if star is None else len(binds) - star - 1

        def unpack(frame: Frame, value: Any, _node: Any = target) -> None:
            parts = split(frame[0], value, len(binds), star, after)
            for bind, part in zip(binds, parts, strict=True):
                bind(frame, part)

        return unpack

    # --------------------------------------------------------------------- atoms

    def const(self, node: n.Const) -> Run:
        value = node.value
        return lambda _frame: value

    def fstring(self, node: n.FString) -> Run:
        texts = [part if type(part) is str else "" for part in node.parts]
        holes = [(at, self.hole(part)) for at, part in enumerate(node.parts) if type(part) is n.Hole]

        def run(frame: Frame, _node: Any = node) -> str:
            out = texts.copy()
            for at, hole in holes:
                out[at] = hole(frame)
            length = sum(map(len, out))
            if length > 64:
                frame[0].charge_text(length, not all(map(str.isascii, out)))
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
        """A closure that makes a new list of the items of a display or call, with starred items expanded."""
        if not any(type(item) is n.Starred for item in nodes):
            runs = self.exprs(nodes)
            if len(runs) == 1:
                only = runs[0]
                return lambda frame: [only(frame)]
            if len(runs) == 2:
                first, second = runs
                return lambda frame: [first(frame), second(frame)]
            return lambda frame: [run(frame) for run in runs]
        parts = [
            (type(item) is n.Starred, self.expr(item.value if type(item) is n.Starred else item)) for item in nodes
        ]

        def starred(frame: Frame, _node: Any = nodes[0]) -> list[Any]:
            out: list[Any] = []
            for star, run in parts:
                if star:
                    out.extend(frame[0].drain(run(frame)))
                else:
                    out.append(run(frame))
            frame[0].charge_items(len(out))
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
            made: PlanSet = make_set(frame[0], items(frame))
            return made

        return run

    def dict_(self, node: n.DictDisplay) -> Run:
        pairs = [(None if key is None else self.expr(key), self.expr(value)) for key, value in node.items]

        def run(frame: Frame, _node: Any = node) -> dict[Any, Any]:
            out: dict[Any, Any] = {}
            frame[0].charge_bytes(280)
            for key, value in pairs:
                if key is None:
                    add_mapping(frame[0], out, value(frame))
                else:
                    k = frame[0].charge_key(key(frame))
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

    def operator(self, node: n.Binary | n.AugAssign, table: Mapping[str, Binary]) -> Binary:
        """The function that applies an operator.

        With `%`, a lookup may call the factory of a defaultdict, and that call gets the place of this operator.
        """
        apply = table[node.op]
        if node.op != "%":
            return apply
        site = place(node)

        def at_site(machine: Machine, a: Any, b: Any) -> Any:
            machine.site = site
            return apply(machine, a, b)

        return at_site

    def binary(self, node: n.Binary) -> Run:
        left, right = self.expr(node.left), self.expr(node.right)
        apply = self.operator(node, BINARY)
        host: Any = ARITHMETIC.get(node.op)
        if host is None:

            def run(frame: Frame, _node: Any = node) -> Any:
                a = left(frame)
                return apply(frame[0], a, right(frame))

            return run
        # Fast path: small integers need no check of their size, and local variables and literals are read here instead
        # of by closures of their own.
        small, slot = _small(node.right), self.local_slot(node.left)
        if small is not None and slot is not None:

            def variable_and_number(frame: Frame, _node: Any = node) -> Any:
                try:
                    a = frame[slot]
                except KeyError:
                    a = left(frame)
                if type(a) is int and -SMALL < a < SMALL:
                    return host(a, small)
                return apply(frame[0], a, small)

            return variable_and_number
        if small is not None:

            def number(frame: Frame, _node: Any = node) -> Any:
                a = left(frame)
                if type(a) is int and -SMALL < a < SMALL:
                    return host(a, small)
                return apply(frame[0], a, small)

            return number
        if slot is not None:

            def variable(frame: Frame, _node: Any = node) -> Any:
                try:
                    a = frame[slot]
                except KeyError:
                    a = left(frame)
                b = right(frame)
                if type(a) is int and type(b) is int and -SMALL < a < SMALL and -SMALL < b < SMALL:
                    return host(a, b)
                return apply(frame[0], a, b)

            return variable

        def arithmetic(frame: Frame, _node: Any = node) -> Any:
            a, b = left(frame), right(frame)
            if type(a) is int and type(b) is int and -SMALL < a < SMALL and -SMALL < b < SMALL:
                return host(a, b)
            return apply(frame[0], a, b)

        return arithmetic

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
            quick: Any = _COMPARISON.get(op)
            small = None if quick is None else _small(operand)
            if small is not None:

                def with_number(frame: Frame, _node: Any = node) -> Any:
                    a = left(frame)
                    return quick(a, small) if type(a) is int else apply(frame[0], a, small)

                return with_number
            if quick is not None:

                def of_numbers(frame: Frame, _node: Any = node) -> Any:
                    a, b = left(frame), right(frame)
                    if type(a) is int and type(b) is int:
                        return quick(a, b)
                    return apply(frame[0], a, b)

                return of_numbers

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
        """A closure that binds the target of `:=`, which in a comprehension belongs to the enclosing function."""
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
        site = place(node)

        def run(frame: Frame, _node: Any = node) -> Any:
            item, key = value(frame), index(frame)
            if type(item) is DefaultDict:
                frame[0].site = site
            return get_item(frame[0], item, key)

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
                else:
                    spread(frame[0], out, value(frame))
            return out

        return run

    def call(self, node: n.FunctionCall) -> Run:
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
        found = self.effects_of_body(body)
        self.scope = outer
        return FunctionCode(name, params, run, found)

    def effects_of_body(self, _body: Any) -> Effects | None:
        """The effects of a call of the current function outside its own frame; only a concurrent pass needs them."""
        return None

    def lambda_(self, node: n.Lambda) -> Run:
        defaults = self.params(node.params)
        code = self.function_code("<lambda>", node.params, node.body, node)

        def run_lambda(frame: Frame) -> Function:
            frame[0].charge_bytes(_FUNCTION)
            return Function(code, frame, {name: run(frame) for name, run in defaults}, None)

        return run_lambda

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
            clauses.append((iterable, self.binder(clause.target), self.exprs(clause.conditions)))
        before, self.count = self.count, 0
        element = self.expr(node.element)
        value = self.expr(node.value) if node.value is not None else None
        cost, self.count = self.count + 2, before
        paths = self.needs_path(node)
        last = len(clauses) - 1
        lazy = node.kind == "generator"

        def walk(frame: Frame, source: Any, position: int, base: Any, _node: Any = node) -> Any:
            machine: Machine = frame[0]
            _, bind, conditions = clauses[position]
            inner = base
            number = 0
            for item in machine.iterate(source):
                machine.fuel -= cost
                if machine.fuel < 0:
                    machine.refuel()
                outer = machine.path  # the path of the consumer
                if paths:
                    machine.path = inner = (*base, number)
                    number += 1
                try:
                    bind(frame, item)
                    kept = all_hold(conditions, frame)
                    if kept and position < last:
                        made = clauses[position + 1][0](frame)
                    elif kept:
                        made = element(frame)
                        if value is not None:
                            made = (made, value(frame))
                except StopIteration as stop:
                    if lazy:
                        raise
                    raise Stopped(stop) from None
                machine.path = outer
                if kept and position < last:
                    yield from walk(frame, made, position + 1, inner)
                elif kept:
                    yield made

        return walk

    def comprehension_run(self, node: n.Comprehension, first: Run, loop: Any, inner: bool) -> Run:
        kind = node.kind

        def run(frame: Frame, _node: Any = node) -> Any:
            machine: Machine = frame[0]
            source = first(frame)
            if kind == "generator":
                machine.iterate(source)
                machine.charge_bytes(GENERATOR)
                return Iter(loop({0: machine, 1: frame}, source, 0, machine.path), ())
            elements = loop({0: machine, 1: frame} if inner else frame, source, 0, machine.path)
            try:
                return collect(machine, kind, elements)
            except Stopped as stopped:
                raise stopped.stop from None

        return run


def place(node: Any) -> str:
    """The place of a node as it appears in the names of calls."""
    return f"{node.span.line}:{node.span.column}"


def _small(node: Any) -> int | None:
    """The value of a node that is a literal small integer, else None."""
    if type(node) is n.Const and type(node.value) is int and -SMALL < node.value < SMALL:
        return node.value
    return None


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
    n.FunctionCall: "call",
    n.ToolCall: "tool_call",
    n.Lambda: "lambda_",
    n.Comprehension: "comprehension",
    n.Walrus: "walrus",
}
