"""The concurrent reading of a program, for passes that continue past calls that have not come back.

A concurrent pass only finds calls that can be made at once: values, errors and traces come from a sequential pass over
the full journal. An expression whose value has not come back gives a `Pending`, which variables and containers may
hold. An operation that needs it is skipped (`pending.attempt`), and everything that the operation may have changed is
unknown from then on. All operands are evaluated, in the order of the sequential reading. In doubt, this reading skips
more, or ends the pass.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from ..grammar import nodes as n
from ..grammar.program import Program
from .attributes import METHODS, get_attribute
from .building import add_mapping, spread, truth
from .effects import HANDED_ON, HELD, LOOKED_AT, Effects, certain, effects, effects_outside, may_raise, total
from .items import get_item, set_item
from .lower import Lower, loop_start
from .lower_expressions import GENERATOR, Frame, Run, Stopped, place
from .making import add_member, make_set
from .operators import BINARY, COMPARE, IN_PLACE, unary
from .pending import ConcurrentMachine, Skip, attempt, skip_call, skip_text
from .raising import handle
from .scopes import Scope, target_names
from .signals import BREAK, CONTINUE, MaybeLeft, Needs, Suspended
from .text import CONVERSIONS, format_value, to_str
from .values import Builtin, Closure, Function, Iter, Maybe, Method, Pending, PlanSet

_STRUCTURAL = frozenset({"+", "*"})  # operators that do not look at the items of sequences
_WITHIN_LOOP = frozenset({"break", "continue"})
_HAVE_PARTS = frozenset({n.If, n.For, n.While, n.Try})  # statements of which only a part may be skipped
_NONE: dict[str, Any] = {}


class Concurrent(Lower):
    """Lowers one program for concurrent passes."""

    def __init__(self, program: Program, *, cautious: bool = False) -> None:
        super().__init__(program)
        self.harmless = certain if cautious else total

    # ------------------------------------------------------------ infrastructure

    def settled(self, node: Any) -> Run:
        run = self.expr(node)
        return lambda frame: frame[0].check(run(frame))

    def effects_of(self, nodes: Any) -> Callable[[], Effects]:
        """A function that returns the effects of nodes in the current scope, computed when they are first needed."""
        scope = self.scope
        found: list[Effects] = []

        def get() -> Effects:
            if not found:
                found.append(effects(nodes, scope))
            return found[0]

        return get

    def effects_of_body(self, body: Any) -> Effects:
        return effects_outside(body if type(body) is tuple else (body,), self.scope)

    def skipping_value(self, *nodes: Any) -> Skip:
        """The `skip` of an expression whose parts `nodes` are not evaluated if it is skipped."""
        found = self.effects_of(nodes)

        def skip(frame: Frame, values: tuple[Any, ...], needs: Needs) -> Pending:
            frame[0].change([(value, LOOKED_AT) for value in values], needs)
            return Pending(needs, (*values, *skip_text(frame, found(), needs)))

        return skip

    def skipping_block(self, *nodes: Any) -> Skip:
        """The `skip` of a statement whose parts `nodes` are not carried out; it returns their possible jumps."""
        found = self.effects_of(nodes)

        def skip(frame: Frame, values: tuple[Any, ...], needs: Needs) -> MaybeLeft | None:
            if values:
                frame[0].change([(value, HELD) for value in values], needs)
            skip_text(frame, found(), needs)
            jumps = found().jumps
            return MaybeLeft(jumps, needs) if jumps else None

        return skip

    # ------------------------------------------------------------------ statements

    def statement(self, node: Any) -> Run:
        run = super().statement(node)
        if type(node) in _HAVE_PARTS or type(node) is n.Break or type(node) is n.Continue:
            return run
        skip, harmless = self.skipping_block(node), not may_raise(node, self.harmless)
        return lambda frame: attempt(run, skip, harmless, frame)

    def branch(self, statements: n.Block) -> tuple[Run, int]:
        runs, cost = self.statements(statements)
        leave = self.leaving([statement for statement in statements if type(statement) not in (n.Pass, n.ScopeStmt)])

        def run(frame: Frame) -> Any:
            for at, statement in enumerate(runs):
                signal = statement(frame)
                if signal is not None:
                    return leave(frame, signal, at)
            return None

        return run, cost

    def leaving(self, body: Any) -> Callable[[Frame, Any, int], Any]:
        rests = [self.skipping_block(*body[at:]) for at in range(1, len(body) + 1)]

        def leave(frame: Frame, signal: Any, at: int) -> Any:
            return _and_rest(frame, signal, rests[at]) if type(signal) is MaybeLeft else signal

        return leave

    def aug_assign(self, node: n.AugAssign) -> Run:
        """The right side is evaluated even if the target is not known."""
        apply, value = self.operator(node, IN_PLACE), self.expr(node.value)

        def combine(frame: Frame, before: Any, item: Any) -> Any:
            machine = frame[0]
            if type(before) is not list:
                machine.scan(before)
                machine.scan(item)
            return apply(machine, before, item)

        if type(node.target) is n.Name:
            load, store = self.name(node.target), self.store(node.target.id)
            return lambda frame: store(frame, attempt(combine, _of_call, False, frame, load(frame), value(frame)))
        assert type(node.target) is n.Subscript
        target = self.subscript_parts(node.target)

        def put(frame: Frame, holder: Any, key: Any, item: tuple[Any]) -> None:
            set_item(frame[0], holder, key, item[0])

        def of_item(frame: Frame) -> None:
            holder, key, before = target(frame)
            item = attempt(combine, _of_call, False, frame, before, value(frame))
            attempt(put, _of_call, False, frame, holder, key, (item,))

        return of_item

    def if_(self, node: n.If) -> Run:
        test, body = self.expr(node.test), self.block(node.body)
        orelse = self.block(node.orelse) if node.orelse else None
        skip = self.skipping_block(*node.body, *node.orelse)

        def choose(frame: Frame, taken: Any) -> Any:
            if truth(taken):
                return body(frame)
            return None if orelse is None else orelse(frame)

        return lambda frame: attempt(choose, skip, False, frame, test(frame))

    def for_(self, node: n.For) -> Run:
        top = self.top
        iterable, bind, body = self.expr(node.iterable), self.binder(node.target), self.block(node.body)
        orelse = self.block(node.orelse) if node.orelse else None
        paths = self.needs_path(node.body)
        skip_loop = self.skipping_block(node)
        outside = _outside_loop(skip_loop)

        def loop(frame: Frame, source: Any, number: int) -> Any:
            machine = frame[0]
            base = machine.path
            progress = machine.progress if top else None
            items = machine.iterate(source)
            for item in itertools.islice(items, number, None) if number else items:
                if progress is not None:
                    progress.reach(machine, machine.at, number, source)
                machine.charge_steps(1)
                if paths:
                    machine.path = (*base, number)
                number += 1
                bind(frame, item)
                left = _after_iteration(frame, body(frame), skip_loop, source)
                if left is not _AGAIN:
                    machine.path = base
                    return left
            machine.path = base
            return None if orelse is None else orelse(frame)

        def run(frame: Frame) -> Any:
            number, source = loop_start(frame[0], top)
            return _keeping_path(loop, outside, frame, iterable(frame) if source is None else source, number)

        return run

    def while_(self, node: n.While) -> Run:
        top = self.top
        test, body = self.expr(node.test), self.block(node.body)
        orelse = self.block(node.orelse) if node.orelse else None
        paths = self.needs_path(node.body, node.test)
        skip_loop = self.skipping_block(node)

        def loop(frame: Frame) -> Any:
            machine = frame[0]
            base = machine.path
            number = loop_start(machine, top)[0]
            progress = machine.progress if top else None
            while True:
                if progress is not None:
                    progress.reach(machine, machine.at, number)
                machine.charge_steps(1)
                if paths:
                    machine.path = (*base, number)
                number += 1
                if not truth(test(frame)):
                    break
                left = _after_iteration(frame, body(frame), skip_loop)
                if left is not _AGAIN:
                    machine.path = base
                    return left
            machine.path = base
            return None if orelse is None else orelse(frame)

        return lambda frame: _keeping_path(loop, _outside_loop(skip_loop), frame)

    def try_(self, node: n.Try) -> Run:
        body, handlers = self.block(node.body), self.handlers(node)
        orelse = self.block(node.orelse) if node.orelse else None
        finalbody = self.block(node.finalbody) if node.finalbody else None
        guards = bool(node.handlers) or bool(effects(node.finalbody, self.scope).jumps)
        skip_rest = self.skipping_block(*node.handlers, *node.orelse, *node.finalbody)
        skip_all = self.skipping_block(node)

        def carry_out(frame: Frame) -> Any:
            machine = frame[0]
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
                return _and_rest(frame, signal, skip_rest)
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
            if type(signal) is MaybeLeft:
                return signal if finalbody is None else _and_rest(frame, signal, skip_rest)
            if finalbody is not None:
                left = finalbody(frame)
            return signal if left is None else left

        return lambda frame: _keeping_path(carry_out, skip_all, frame)

    # --------------------------------------------------------------------- names

    def name(self, node: n.Name) -> Run:
        run = super().name(node)

        def load(frame: Frame, _node: Any = node) -> Any:
            value = run(frame)
            machine: ConcurrentMachine = frame[0]
            if type(value) is Pending:
                if value.unsure and machine.guarded:
                    raise Suspended(value.needs)
            elif machine.unknown and (needs := machine.needed((value,))) is not None:
                return Pending(needs, (value,), kind=type(value))
            return value

        return load

    def binder(self, target: Any) -> Callable[[Frame, Any], None]:
        """A name may be bound to a pending value. Items and sequences of targets need known values."""
        bind = super().binder(target)
        if type(target) is n.Name:
            return bind
        skip_target = self.skipping_block(n.Assign(target.span, (target,), n.Const(target.span, None)))

        def carry_out(frame: Frame, value: tuple[Any]) -> None:
            bind(frame, value[0])

        def skip(frame: Frame, values: tuple[Any, ...], needs: Needs) -> None:
            frame[0].change([(values[0][0], HANDED_ON)], needs)
            skip_target(frame, (), needs)

        def run(frame: Frame, value: Any) -> None:
            attempt(carry_out, skip, False, frame, (value,))

        return run

    # --------------------------------------------------------- atoms and displays

    def fstring(self, node: n.FString) -> Run:
        parts = [part if type(part) is str else self.hole(part) for part in node.parts]  # type: ignore[arg-type]

        def join(frame: Frame, *texts: str) -> str:
            frame[0].charge_text(sum(map(len, texts)), not all(map(str.isascii, texts)))
            return "".join(texts)

        def run(frame: Frame) -> Any:
            texts = [part if type(part) is str else part(frame) for part in parts]  # type: ignore[operator]
            return attempt(join, _of_nothing, True, frame, *texts)

        return run

    def hole(self, node: n.Hole) -> Run:
        value, harmless = self.expr(node.value), node.spec is None and self.harmless(node.value)
        convert = CONVERSIONS.get(node.conversion)
        spec = None if node.spec is None else self.fstring(node.spec)
        skip = _of_nothing if node.spec is None else self.skipping_value(node.spec)

        def show(frame: Frame, item: Any) -> str:
            machine = frame[0]
            if type(item) is not str:
                machine.scan(item)
            if convert is not None:
                item = convert(machine, item)
            return to_str(machine, item) if spec is None else format_value(machine, item, machine.check(spec(frame)))

        return lambda frame: attempt(show, skip, harmless, frame, value(frame))

    def items(self, nodes: tuple[Any, ...]) -> Run:
        if not any(type(item) is n.Starred for item in nodes):
            return super().items(nodes)
        stars = [type(item) is n.Starred for item in nodes]
        runs = self.exprs([item.value if type(item) is n.Starred else item for item in nodes])

        def drain(frame: Frame, value: Any) -> list[Any]:
            items: list[Any] = frame[0].drain(value)
            return items

        def run(frame: Frame) -> Any:
            out: list[Any] = []
            missing: Pending | None = None
            for star, part in zip(stars, runs, strict=True):
                value = part(frame)
                if star:
                    value = attempt(drain, _of_looking, False, frame, value)
                if star and type(value) is Pending:
                    missing = value
                    out += value.behind
                else:
                    out += value if star else (value,)
            if missing is not None:
                return Pending(missing.needs, tuple(out))
            frame[0].charge_items(len(out))
            return out

        return run

    def tuple_(self, node: n.TupleDisplay) -> Run:
        items = self.items(node.items)

        def run(frame: Frame) -> Any:
            values = items(frame)
            return values if type(values) is Pending else tuple(values)

        return run

    def set_(self, node: n.SetDisplay) -> Run:
        items = self.items(node.items)

        def make(frame: Frame, values: list[Any]) -> PlanSet:
            machine = frame[0]
            machine.scan(values)
            made: PlanSet = make_set(machine, values)
            return made

        return lambda frame: attempt(make, _of_looking, False, frame, items(frame))

    def dict_(self, node: n.DictDisplay) -> Run:
        pairs = [(None if key is None else self.expr(key), self.expr(value)) for key, value in node.items]

        def put(frame: Frame, out: dict[Any, Any], key: Any, value: tuple[Any]) -> None:
            frame[0].scan(key)
            out[frame[0].charge_key(key)] = value[0]

        def put_all(frame: Frame, out: dict[Any, Any], value: Any) -> None:
            add_mapping(frame[0], out, value)

        def run(frame: Frame) -> Any:
            out: dict[Any, Any] = {}
            missing: list[Pending] = []
            frame[0].charge_bytes(280)
            for key, value in pairs:
                if key is None:
                    done = attempt(put_all, _of_looking, False, frame, out, value(frame))
                else:
                    found = key(frame)
                    done = attempt(put, _of_looking, False, frame, out, found, (value(frame),))
                if done is not None:
                    missing.append(done)
            return Pending(missing[0].needs, tuple(missing)) if missing else out

        return run

    # ----------------------------------------------------------------- operators

    def unary(self, node: n.Unary) -> Run:
        operand, harmless = self.expr(node.operand), self.harmless(node)
        if node.op == "not":
            return lambda frame: attempt(_negate, _of_nothing, harmless, frame, operand(frame))
        apply = unary(node.op)
        action = lambda frame, value: apply(frame[0], value)  # noqa: E731
        return lambda frame: attempt(action, _of_looking, harmless, frame, operand(frame))

    def binary(self, node: n.Binary) -> Run:
        left, right, apply = self.expr(node.left), self.expr(node.right), self.operator(node, BINARY)
        structural = node.op in _STRUCTURAL

        def combine(frame: Frame, a: Any, b: Any) -> Any:
            machine = frame[0]
            if not structural:
                machine.scan(a)
                machine.scan(b)
            return apply(machine, a, b)

        return lambda frame: attempt(combine, _of_looking, False, frame, left(frame), right(frame))

    def compare(self, node: n.Compare) -> Run:
        left = self.expr(node.left)
        steps = []
        for number, (op, operand) in enumerate(node.rest):
            rest = [part for _, part in node.rest[number + 1 :]]
            steps.append((_comparing(op), self.expr(operand), self.skipping_value(*rest)))

        def run(frame: Frame) -> Any:
            a = left(frame)
            result: Any = True
            for apply, operand, skip in steps:
                b = operand(frame)
                result = attempt(apply, skip, False, frame, a, b)
                if type(result) is Pending or not result:
                    return result
                a = b
            return result

        return run

    def logic(self, node: n.Logic) -> Run:
        *first, last = self.exprs(node.operands)
        skips = [self.skipping_value(*node.operands[at + 1 :]) for at in range(len(first))]
        harmless, wanted = self.harmless(node), node.op == "or"

        def run(frame: Frame) -> Any:
            for operand, skip in zip(first, skips, strict=True):
                value = operand(frame)
                decided = attempt(_truth, skip, harmless, frame, value)
                if type(decided) is Pending:
                    return decided
                if decided is wanted:
                    return value
            return last(frame)

        return run

    def conditional(self, node: n.Conditional) -> Run:
        test, then, otherwise = self.expr(node.test), self.expr(node.then), self.expr(node.otherwise)
        skip, harmless = self.skipping_value(node.then, node.otherwise), self.harmless(node)

        def choose(frame: Frame, value: Any) -> Any:
            return then(frame) if truth(value) else otherwise(frame)

        return lambda frame: attempt(choose, skip, harmless, frame, test(frame))

    # ------------------------------------------------------------ access and calls

    def attribute(self, node: n.Attribute) -> Run:
        value, name = self.expr(node.value), node.name
        action = lambda frame, item: get_attribute(frame[0], item, name)  # noqa: E731
        return lambda frame: attempt(action, _of_looking, False, frame, value(frame))

    def subscript(self, node: n.Subscript) -> Run:
        parts = self.subscript_parts(node)
        return lambda frame: parts(frame)[2]

    def subscript_parts(self, node: n.Subscript) -> Callable[[Frame], tuple[Any, Any, Any]]:
        """A closure that returns the container, the index and the item there."""
        value, index = self.expr(node.value), self.index(node.index)
        site = place(node)

        def get(frame: Frame, item: Any, key: Any) -> Any:
            machine = frame[0]
            machine.scan(key)
            machine.site = site
            return get_item(machine, item, key)

        def run(frame: Frame) -> tuple[Any, Any, Any]:
            item, key = value(frame), index(frame)
            return item, key, attempt(get, _of_looking, False, frame, item, key)

        return run

    def keywords(self, node: Any) -> Run | None:
        if not node.keywords:
            return None
        parts = [(name, self.expr(value)) for name, value in node.keywords]
        add = lambda frame, out, value: spread(frame[0], out, value)  # noqa: E731

        def run(frame: Frame) -> Any:
            out: dict[str, Any] = {}
            missing: list[Pending] = []
            for name, part in parts:
                value = part(frame)
                if name is not None:
                    out[name] = value
                elif (done := attempt(add, _of_looking, False, frame, out, value)) is not None:
                    missing.append(done)
            return Pending(missing[0].needs, (*out.values(), *missing)) if missing else out

        return run

    def call(self, node: n.FunctionCall) -> Run:
        function, site = node.function, self.site(node)
        method = function.name if type(function) is n.Attribute else None
        callee = self.expr(function.value if type(function) is n.Attribute else function)
        args, keywords = self.items(node.args), self.keywords(node)

        def find(frame: Frame, value: Any) -> Any:
            return get_attribute(frame[0], value, method)  # type: ignore[arg-type]

        def carry_out(frame: Frame, target: Any, entry: Any, arguments: list[Any], named: dict[str, Any]) -> Any:
            machine: ConcurrentMachine = frame[0]
            if type(target) is Function:
                return target.code.enter(machine, target, arguments, named, site)
            machine.site = site
            if entry is None:
                return machine.invoke(target, arguments, named, site)
            machine.gate(entry, (target, *arguments), named)
            return entry.call(machine, target, *arguments, **named)

        def skip(frame: Frame, values: tuple[Any, ...], needs: Needs) -> Pending:
            target, entry, arguments, named = values
            entry = entry or target
            reads = type(entry) in (Builtin, Method) and entry.reads
            given = [*(arguments if type(arguments) is list else [arguments])]
            given += named.values() if type(named) is dict else [named]
            return skip_call(frame[0], reads, (target, *given), needs)

        def run(frame: Frame, _node: Any = node) -> Any:
            target = callee(frame)
            entry = None
            if method is not None:
                kind = type(target)
                entry = METHODS.get(target.kind if kind is Pending else kind, _NONE).get(method)
                if entry is None:
                    target = attempt(find, _of_looking, False, frame, target)
            arguments = args(frame)
            named = {} if keywords is None else keywords(frame)
            return attempt(carry_out, skip, False, frame, target, entry, arguments, named)

        return run

    def tool_call(self, node: n.ToolCall) -> Run:
        tool, span, harmless = node.tool, node.span, self.harmless(node)
        site = f"{tool}@{self.site(node)}"
        args, keywords = self.items(node.args), self.keywords(node)

        def ask(frame: Frame, arguments: list[Any], named: dict[str, Any]) -> Any:
            machine = frame[0]
            for value in arguments:
                machine.scan(value)
            for value in named.values():
                machine.scan(value)
            return machine.tool(site, span, machine.signatures[tool], arguments, named)

        def run(frame: Frame) -> Any:
            arguments = args(frame)
            named = {} if keywords is None else keywords(frame)
            return attempt(ask, _of_asking, harmless, frame, arguments, named)

        return run

    # ------------------------------------------------------------- comprehensions

    def comprehension_loop(self, node: n.Comprehension) -> Any:
        """As in the sequential reading, except that elements may be pending, or a `Maybe` if they may not exist."""
        last = len(node.clauses) - 1
        made = (node.element,) if node.value is None else (node.element, node.value)
        clauses: list[Any] = []
        for position, clause in enumerate(node.clauses):
            iterable: Any = None if position == 0 else self.expr(clause.iterable)
            undone = [*clause.conditions, *made]
            for later in node.clauses[position + 1 :]:
                undone += [later.iterable, *later.conditions]
            harmless = position == last and type(clause.target) is n.Name and all(map(self.harmless, undone))
            conditions = self.exprs(clause.conditions)
            clauses.append((iterable, self.binding(clause, conditions), self.skipping_item(undone), harmless))
        runs = self.exprs(made)
        pair, paths, lazy = node.value is not None, self.needs_path(node), node.kind == "generator"

        def walk(frame: Frame, source: Any, position: int, base: Any, _node: Any = node) -> Iterator[Any]:
            machine: ConcurrentMachine = frame[0]
            _, bind, skip, harmless = clauses[position]
            inner = base
            number = 0
            for item in machine.iterate(source):
                machine.charge_steps(4)
                outer = machine.path
                if paths:
                    machine.path = inner = (*base, number)
                    number += 1
                made: Any = None
                try:
                    kept = attempt(bind, skip, harmless, frame, (item,))
                    if kept is True and position < last:
                        iterable, _, skip_inner, _ = clauses[position + 1]
                        made = attempt(_same, skip_inner, False, frame, iterable(frame))
                    elif kept is True:
                        values = [run(frame) for run in runs]
                        made = tuple(values) if pair else values[0]
                except StopIteration as stop:
                    if lazy:
                        raise
                    raise Stopped(stop) from None
                machine.path = outer
                if type(kept) is Maybe:
                    yield kept
                elif kept and (position == last or type(made) is Maybe):
                    yield made
                elif kept:
                    yield from walk(frame, made, position + 1, inner)

        return walk

    def binding(self, clause: n.Clause, conditions: tuple[Run, ...]) -> Callable[..., bool]:
        """A closure that binds an item and returns whether the conditions hold for it."""
        bind = self.binder(clause.target)

        def run(frame: Frame, item: tuple[Any]) -> bool:
            bind(frame, item[0])
            return all(truth(condition(frame)) for condition in conditions)

        return run

    def skipping_item(self, undone: list[Any]) -> Skip:
        """The `skip` of an item for which it is not known whether the conditions hold, or which elements it gives."""
        found = self.effects_of(undone)

        def skip(frame: Frame, values: tuple[Any, ...], needs: Needs) -> Maybe:
            return Maybe(needs, (*values, *skip_text(frame, found(), needs)))

        return skip

    def comprehension_run(self, node: n.Comprehension, first: Run, loop: Any, inner: bool) -> Run:
        kind = node.kind
        skip_all = self.skipping_value(node)
        if kind == "generator":
            body = self.effects_of_generator(node)

            def make(frame: Frame, source: Any) -> Iter:
                machine = frame[0]
                own = {0: machine, 1: frame}
                machine.charge_bytes(GENERATOR)
                return Iter(loop(own, source, 0, machine.path), (Closure(body, own), source))

            def check_and_make(frame: Frame, source: Any) -> Iter:
                frame[0].iterate(source)
                return make(frame, source)

            def make_anyway(frame: Frame, values: tuple[Any, ...], _needs: Needs) -> Iter:
                return make(frame, *values)  # reading the generator will need its source

            return lambda frame: attempt(check_and_make, make_anyway, False, frame, first(frame))

        def collect(frame: Frame, source: Any) -> Any:
            machine = frame[0]
            own = {0: machine, 1: frame} if inner else frame
            out: Any = [] if kind == "list" else make_set(machine, ()) if kind == "set" else {}
            seen: list[Any] = []
            missing: list[Any] = []
            try:
                for element in loop(own, source, 0, machine.path):
                    machine.charge_items(4)
                    if len(seen) > machine.limits.container:
                        machine.charge_items(len(seen))
                    seen.append(element)
                    known = type(element) is not Maybe
                    done = attempt(put, _of_looking, False, frame, out, (element,)) if known else element
                    if done is not None:
                        missing.append(done)
            except Stopped as stopped:
                raise stopped.stop from None
            return Pending(max(part.needs for part in missing), (*seen, *missing)) if missing else out

        def put(frame: Frame, out: Any, element: tuple[Any]) -> None:
            machine = frame[0]
            if kind == "list":
                out.append(element[0])
                return
            if kind == "set":
                machine.scan(element[0])
                add_member(machine, out, element[0])
                return
            key, value = element[0]
            machine.scan(key)
            out[machine.charge_key(key)] = value

        return lambda frame: _keeping_path(collect, skip_all, frame, first(frame))

    def effects_of_generator(self, node: n.Comprehension) -> Effects:
        """The effects of a step of a generator outside its own frame."""
        targets = set().union(*[target_names(clause.target) for clause in node.clauses])
        parts = [node.element, *[part for clause in node.clauses for part in clause.conditions]]
        parts += [clause.iterable for clause in node.clauses[1:]]
        return effects_outside(parts, Scope(self.scope, targets, comprehension=True))


# ------------------------------------------------------------------- what is left


def _of_nothing(_frame: Frame, _values: tuple[Any, ...], needs: Needs) -> Pending:
    """The `skip` of an operation that does not change its operands, and whose value holds no part of them."""
    return Pending(needs)


def _of_asking(frame: Frame, _values: tuple[Any, ...], needs: Needs) -> Pending:
    """The `skip` of a tool call whose arguments are not known."""
    frame[0].complete = False
    return Pending(needs)


def _of_call(frame: Frame, values: tuple[Any, ...], needs: Needs) -> Pending:
    """The `skip` of an operation that may change everything that its operands reach."""
    return skip_call(frame[0], False, values, needs)


def _of_looking(frame: Frame, values: tuple[Any, ...], needs: Needs) -> Pending:
    """The `skip` of an operation that reads its operands, and whose value may be a part of one."""
    frame[0].change([(value, LOOKED_AT) for value in values], needs)
    return Pending(needs, values)


def _truth(_frame: Frame, value: Any) -> bool:
    return truth(value)


def _negate(_frame: Frame, value: Any) -> bool:
    return not truth(value)


def _same(_frame: Frame, value: Any) -> Any:
    return value


def _comparing(op: str) -> Callable[[Frame, Any, Any], Any]:
    apply, by_identity, among = COMPARE[op], op in ("is", "is not"), op in ("in", "not in")

    def compare(frame: Frame, a: Any, b: Any) -> Any:
        machine = frame[0]
        if not by_identity:
            machine.scan(a)
        if not (by_identity or (among and isinstance(b, dict))):  # `in` reads only the keys, which are known
            machine.scan(b)
        return apply(machine, a, b)

    return compare


def _outside_loop(skip: Skip) -> Skip:
    """The `skip` of a whole loop, which returns only the jumps that leave the block around the loop."""

    def outside(frame: Frame, values: tuple[Any, ...], needs: Needs) -> MaybeLeft | None:
        return _beyond(skip(frame, values, needs))

    return outside


def _beyond(signal: MaybeLeft | None) -> MaybeLeft | None:
    jumps = signal.jumps - _WITHIN_LOOP if signal is not None else None
    return signal._replace(jumps=jumps) if signal is not None and jumps else None


def _keeping_path(action: Callable[..., Any], skip: Skip, frame: Frame, *values: Any) -> Any:
    """`attempt` for an action that changes the path, which is restored if the action is skipped."""
    machine = frame[0]
    path, handling = machine.path, len(machine.handling)

    def back(frame: Frame, values: tuple[Any, ...], needs: Needs) -> Any:
        machine.path = path
        del machine.handling[handling:]
        return skip(frame, values, needs)

    return attempt(action, back, False, frame, *values)


def _and_rest(frame: Frame, signal: MaybeLeft, skip_rest: Skip) -> MaybeLeft | None:
    """Skip the rest of a block after a statement that may have left it, and add the jumps of the rest to its own."""
    more = skip_rest(frame, (), signal.needs)
    jumps = signal.jumps | more.jumps if more is not None else signal.jumps
    return signal._replace(jumps=jumps) if jumps else None


_AGAIN: Any = object()


def _after_iteration(frame: Frame, signal: Any, skip_loop: Skip, *source: Any) -> Any:
    """What the signal of a loop's body means for the loop: `_AGAIN` to continue, else the signal of the loop."""
    if signal is None or signal is CONTINUE:
        return _AGAIN
    if signal is BREAK:
        return None
    if type(signal) is not MaybeLeft:
        return signal
    if signal.jumps <= {"continue"}:
        return _AGAIN
    more = skip_loop(frame, source, signal.needs)
    return _beyond(signal if more is None else signal._replace(jumps=signal.jumps | more.jumps))
