"""Expressions in a pass that goes on: operands that are suspended do not keep the others from being evaluated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..grammar import nodes as n
from ..grammar.program import Program
from .attributes import METHODS, get_attribute
from .building import add_mapping, all_hold, spread
from .effects import Effects, certain, effects, total
from .functions import FunctionCode
from .items import get_item
from .lower_expressions import Frame, LowerExpressions, Run
from .machine import Machine
from .operators import BINARY, COMPARE
from .scopes import bound_names
from .signals import PassOver, Suspended
from .text import CONVERSIONS, format_value, to_str
from .unpack import binder
from .values import MAYBE, PENDING, Function, Iter, PlanSet

_STRUCTURAL = frozenset({"+", "*"})  # on sequences these do not look at items
_NONE: dict[str, Any] = {}


class ConcurrentExpressions(LowerExpressions):
    """The half that is about expressions, and what suspending a statement means."""

    def __init__(self, program: Program, *, cautious: bool = False) -> None:
        super().__init__(program)
        self.harmless = certain if cautious else total
        functions = [node for node in n.walk(program.body) if type(node) in (n.FunctionDef, n.Lambda)]
        self.functions = effects([node.body for node in functions]) if functions else None
        self.nonlocals = False
        self.global_writes: set[str] = set()
        for node in n.walk(program.body):
            if type(node) is n.ScopeStmt:
                self.nonlocals = self.nonlocals or node.kind == "nonlocal"
                self.global_writes.update(node.names)
        self.local_roots = any(_changes_locals(node) for node in functions)

    # ------------------------------------------------------------ infrastructure

    def gather(self, nodes: Any) -> Callable[[Frame], list[Any]]:
        """Evaluate all operands; those that are suspended come back as `PENDING`."""
        parts = [(self.expr(node), self.harmless(node)) for node in nodes]
        if len(parts) == 1:
            run, safe = parts[0]

            def one(frame: Frame) -> list[Any]:
                try:
                    return [run(frame)]
                except Suspended:
                    frame[0].pass_on(safe)
                    return [PENDING]

            return one

        def several(frame: Frame) -> list[Any]:
            machine: Machine = frame[0]
            marks = len(machine.marked)
            values = []
            for run, safe in parts:
                try:
                    values.append(run(frame))
                except Suspended:
                    machine.pass_on(safe)
                    values.append(PENDING)
            if len(machine.marked) != marks:
                values = [PENDING if id(value) in machine.marked else value for value in values]
            return values

        return several

    def suspension(self, nodes: Any) -> Callable[[Frame], frozenset[str]]:
        """A function that marks what these statements would write, and says how they may leave."""
        scope = self.scope
        found: list[Effects] = []

        def suspend(frame: Frame) -> frozenset[str]:
            machine: Machine = frame[0]
            machine.pending = True
            if not found:
                found.append(effects(nodes))
            facts = found[0]
            for name in facts.writes:
                where, hops, slot = scope.find(name)
                target = machine.globals if where == "global" else frame
                for _ in range(hops):
                    target = target[1]
                target.pop(slot, None)
                target["?" + slot] = True
            loads, roots = facts.loads, facts.loads if facts.wide else facts.roots
            functions = self.functions
            if facts.calls and functions is not None:
                if self.nonlocals:
                    raise PassOver
                for name in self.global_writes:
                    machine.globals.pop(name, None)
                    machine.globals["?" + name] = True
                loads = loads | functions.loads
                roots = loads if self.local_roots or functions.wide else roots | functions.roots
            _mark(machine, frame, roots, loads)
            return facts.ways

        return suspend

    # --------------------------------------------------------------------- names

    def name(self, node: n.Name) -> Run:
        run = super().name(node)

        def load(frame: Frame, _node: Any = node) -> Any:
            value = run(frame)
            marked = frame[0].marked
            if marked and id(value) in marked:
                raise Suspended
            return value

        return load

    def store(self, name: str) -> Callable[[Frame, Any], None]:
        known = super().store(name)
        where, hops, slot = self.scope.find(name)

        def store(frame: Frame, value: Any) -> None:
            if value is not PENDING:
                known(frame, value)
                return
            target = frame[0].globals if where == "global" else frame
            for _ in range(hops):
                target = target[1]
            target.pop(slot, None)
            target["?" + slot] = True

        return store

    # --------------------------------------------------------- atoms and displays

    def fstring(self, node: n.FString) -> Run:
        holes = [part for part in node.parts if type(part) is not str]
        specs = [self.fstring(hole.spec) if hole.spec is not None else None for hole in holes]  # type: ignore[union-attr]
        gather = self.gather([hole.value for hole in holes])  # type: ignore[union-attr]
        converts = [CONVERSIONS.get(hole.conversion) for hole in holes]  # type: ignore[union-attr]
        parts = node.parts

        def run(frame: Frame, _node: Any = node) -> str:
            machine: Machine = frame[0]
            texts = []
            for value, convert, spec in zip(gather(frame) if holes else (), converts, specs, strict=True):
                if type(value) is str and convert is None and spec is None:
                    texts.append(value)
                    continue
                form = "" if spec is None else spec(frame)
                machine.scan(value)
                if convert is not None:
                    value = convert(machine, value)
                texts.append(format_value(machine, value, form) if spec is not None else to_str(machine, value))
            rest = iter(texts)
            out = [part if type(part) is str else next(rest) for part in parts]
            machine.text(sum(map(len, out)))
            return "".join(out)

        return run

    def items(self, nodes: tuple[Any, ...]) -> Run:
        gather = self.gather([item.value if type(item) is n.Starred else item for item in nodes])
        stars = [type(item) is n.Starred for item in nodes]
        if not any(stars):
            return gather if nodes else lambda _frame: []

        def starred(frame: Frame) -> list[Any]:
            out: list[Any] = []
            for star, value in zip(stars, gather(frame), strict=True):
                if star:
                    out.extend(frame[0].drain(frame[0].check(value)))
                else:
                    out.append(value)
            frame[0].items(len(out))
            return out

        return starred

    def set_(self, node: n.SetDisplay) -> Run:
        items = self.items(node.items)

        def run(frame: Frame, _node: Any = node) -> PlanSet:
            values = items(frame)
            frame[0].scan(values)
            return PlanSet(frame[0].keys(values))

        return run

    def dict_(self, node: n.DictDisplay) -> Run:
        keys = [key for key, _ in node.items]
        gather = self.gather([part for pair in node.items for part in pair if part is not None])

        def run(frame: Frame, _node: Any = node) -> dict[Any, Any]:
            machine: Machine = frame[0]
            values = iter(gather(frame))
            out: dict[Any, Any] = {}
            for key in keys:
                if key is None:
                    add_mapping(machine, out, machine.check(next(values)))
                else:
                    item = next(values)
                    machine.scan(item)
                    out[machine.key(item)] = next(values)
            return out

        return run

    # ----------------------------------------------------------------- operators

    def binary(self, node: n.Binary) -> Run:
        gather, apply = self.gather((node.left, node.right)), BINARY[node.op]
        structural = node.op in _STRUCTURAL

        def run(frame: Frame, _node: Any = node) -> Any:
            machine: Machine = frame[0]
            a, b = gather(frame)
            machine.check(a)
            machine.check(b)
            if not structural:
                machine.scan(a)
                machine.scan(b)
            return apply(machine, a, b)

        return run

    def compare(self, node: n.Compare) -> Run:
        first, second = node.left, node.rest[0][1]
        gather = self.gather((first, second))
        rest = [(op, self.expr(operand) if number else None) for number, (op, operand) in enumerate(node.rest)]

        def run(frame: Frame, _node: Any = node) -> Any:
            machine: Machine = frame[0]
            a, b = gather(frame)
            result: Any = True
            for op, operand in rest:
                if operand is not None:
                    b = operand(frame)
                machine.check(a)
                machine.check(b)
                if op not in ("is", "is not"):
                    machine.scan(a)
                    machine.scan(b)
                result = COMPARE[op](machine, a, b)
                if not result:
                    return result
                a = b
            return result

        return run

    # ------------------------------------------------------------ access and calls

    def attribute(self, node: n.Attribute) -> Run:
        run = super().attribute(node)
        return lambda frame: frame[0].check(run(frame))

    def subscript(self, node: n.Subscript) -> Run:
        if type(node.index) is n.Slice:
            run = super().subscript(node)
            return lambda frame: frame[0].check(run(frame))
        gather = self.gather((node.value, node.index))
        site = f"{node.span.line}:{node.span.column}"

        def item(frame: Frame, _node: Any = node) -> Any:
            machine: Machine = frame[0]
            value, index = gather(frame)
            machine.check(value)
            machine.scan(index)
            machine.site = site
            return machine.check(get_item(machine, value, index))

        return item

    def keywords(self, node: Any) -> Run | None:
        if not node.keywords:
            return None
        names = [name for name, _ in node.keywords]
        gather = self.gather([value for _, value in node.keywords])

        def run(frame: Frame) -> dict[str, Any]:
            machine: Machine = frame[0]
            out: dict[str, Any] = {}
            for name, value in zip(names, gather(frame), strict=True):
                if name is not None:
                    out[name] = value
                else:
                    spread(machine, out, machine.check(value))
            return out

        return run

    def call(self, node: n.Call) -> Run:
        function = node.function
        site = self.site(node)
        method = function.name if type(function) is n.Attribute else None
        gather = self.gather((function.value if type(function) is n.Attribute else function,))
        args, keywords = self.items(node.args), self.keywords(node)

        def run(frame: Frame, _node: Any = node) -> Any:
            machine: Machine = frame[0]
            (target,) = gather(frame)
            arguments = args(frame)
            named = {} if keywords is None else keywords(frame)
            machine.check(target)
            entry = None if method is None else METHODS.get(type(target), _NONE).get(method)
            if method is not None and entry is None:
                target = machine.check(get_attribute(machine, target, method))
            if type(target) is Function:
                return machine.check(target.code.enter(machine, target, arguments, named, site))
            pending = [value is PENDING for value in (*arguments, *named.values())]
            if any(pending) and not (entry is not None and entry.keeps and not named and not any(pending[:-1])):
                raise Suspended
            if not (entry.shallow if entry is not None else getattr(target, "shallow", False)):
                machine.scan(target)
                machine.scan(arguments)
                if named:
                    machine.scan(list(named.values()))
            machine.site = site
            if entry is not None:
                return machine.check(entry.call(machine, target, *arguments, **named))
            return machine.check(machine.invoke(target, arguments, named, site))

        return run

    def tool_call(self, node: n.ToolCall) -> Run:
        tool = node.tool
        site = f"{tool}@{self.site(node)}"
        args, keywords = self.items(node.args), self.keywords(node)
        span = node.span

        def run(frame: Frame, _node: Any = node) -> Any:
            machine: Machine = frame[0]
            arguments = args(frame)
            named = {} if keywords is None else keywords(frame)
            machine.scan(arguments)
            if named:
                machine.scan(list(named.values()))
            return machine.tool(site, span, machine.signatures[tool], arguments, named)

        return run

    # ---------------------------------------------------------------- inner scopes

    def make_code(self, name: str, params: tuple[n.Param, ...], run: Run) -> FunctionCode:
        return FunctionCode(name, params, run, careful=True)

    def comprehension_loop(self, node: n.Comprehension) -> Any:
        """As in the sequential reading, but elements may be `PENDING`, and `MAYBE` stands for one that may be."""
        clauses = []
        for position, clause in enumerate(node.clauses):
            iterable: Any = None if position == 0 else self.expr(clause.iterable)
            clauses.append((iterable, binder(self, clause.target), self.exprs(clause.conditions)))
        element = self.gather((node.element,) if node.value is None else (node.element, node.value))
        pair = node.value is not None
        paths = self.needs_path(node)
        last = len(clauses) - 1

        def walk(frame: Frame, source: Any, position: int, base: Any, _node: Any = node) -> Any:
            machine: Machine = frame[0]
            _, bind, conditions = clauses[position]
            inner = base
            number = 0
            for item in machine.iterate(source):
                machine.work(4)
                machine.check(source)
                outer = machine.path
                if paths:
                    machine.path = inner = (*base, number)
                    number += 1
                if item is MAYBE:
                    machine.path = outer
                    yield MAYBE
                    continue
                following = None
                try:
                    bind(frame, item)
                    kept = all_hold(conditions, frame)
                    if kept and position < last:
                        following = clauses[position + 1][0](frame)
                except Suspended:
                    machine.path = outer
                    machine.pass_on(False)
                    yield MAYBE
                    continue
                if not kept:
                    machine.path = outer
                elif position < last:
                    machine.path = outer
                    yield from walk(frame, following, position + 1, inner)
                else:
                    made = element(frame)
                    machine.path = outer
                    yield tuple(made) if pair else made[0]

        return walk

    def comprehension_run(self, node: n.Comprehension, first: Run, loop: Any, inner: bool) -> Run:
        kind = node.kind

        def run(frame: Frame, _node: Any = node) -> Any:
            machine: Machine = frame[0]
            source = first(frame)
            target = {0: machine, 1: frame} if inner or kind == "generator" else frame
            elements = loop(target, source, 0, machine.path)
            if kind == "generator":
                machine.iterate(source)
                return Iter(elements, (source,))
            made = []
            for element in elements:
                made.append(element)
                machine.items(4)
                if len(made) > machine.limits.container:
                    machine.items(len(made))
            if any(element is MAYBE for element in made):
                raise Suspended
            if kind == "list":
                return made
            if kind == "set":
                machine.scan(made)
                return PlanSet(machine.keys(made))
            keys = [key for key, _ in made]
            machine.scan(keys)
            machine.keys(keys)
            return dict(made)

        return run


def _mark(machine: Machine, frame: Frame, roots: frozenset[str], loads: frozenset[str]) -> None:
    """Mark the objects that these names reach, in every scope that is visible from here."""
    frames: list[Frame] = [frame]
    while 1 in frames[-1]:
        frames.append(frames[-1][1])
    for each in frames:
        for slot, value in list(each.items()):
            if type(slot) is str:
                name = slot.rstrip("'")
                if name in roots or (name in loads and type(value) is Iter):
                    machine.mark(value)


def _changes_locals(function: Any) -> bool:
    """Whether a function changes an object that it knows by a local name: an argument, or an alias."""
    local = {param.name for param in function.params}
    body = function.body if type(function) is n.FunctionDef else (function.body,)
    local |= bound_names(body)
    facts = effects(body)
    return facts.wide or bool(facts.roots & local)
