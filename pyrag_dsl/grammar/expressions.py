"""Lowers expressions from CPython's tree to our own. Everything else is refused.

The table at the end lists what plans may contain. A kind of node that is not in it does not exist in plans.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from typing import Any

from . import nodes as n
from .diagnostics import Diagnostic, Edit, Fix, Span
from .findings import Findings
from .language import ATTRIBUTES, BINARY, COMPARE, MODULES, REQUIRED, TYPES, UNARY, Signature
from .names import Names
from .rewrites import instance_test

MAX_DEPTH = 64  # nested expressions
MAX_NAME = 200  # characters of a name
_EXPRESSION = 4  # units of the budget
_NEW = tuple.__new__
_KEYWORD_ALIASES = {
    "documents": "docs", "passages": "docs", "context": "docs", "contexts": "docs", "doc": "docs",
    "top_k": "topk", "k": "topk", "n": "topk", "num_results": "topk",
    "question": "query", "q": "query", "text": "query",
}  # fmt: skip
_FIELD = re.compile(r"\{([^{}:!]*)")


class Expressions:
    """Lowers expressions; `Vetter` adds the statements."""

    names: Names
    tools: dict[str, Signature]
    ascii_lines: list[str] | None  # None if every character of the text is one byte

    def __init__(self, found: Findings) -> None:
        self.found = found
        self.depth = 0
        self.date_classes: set[str] = set()  # names that `from datetime import datetime` binds
        self.call_sites = 0
        self.calls_inside = False  # some function calls a tool
        # True while every tool call depends on the previous one, so that no calls can overlap. `made` counts the calls
        # on the current path. `reads`, `levels[name]` and `control` are the number of the last call that the current
        # expression, this variable and the execution of the current block depend on.
        self.chained = True
        self.made = 0
        self.reads = 0
        self.levels: dict[str, int] = {}
        self.before: dict[str, int | None] = {}  # the levels before the current block of the names that it binds
        self.control = 0
        self.unknown: set[str] = set()  # attributes that the plan itself defines, in named tuples and refused classes

    # ------------------------------------------------------------------ basics

    def span(self, node: Any) -> Span:
        lines = self.ascii_lines
        if lines is None:
            place = (node.lineno, node.col_offset + 1, node.end_lineno, node.end_col_offset + 1)
        else:
            first, last = lines[node.lineno - 1], lines[node.end_lineno - 1]
            start, end = node.col_offset, node.end_col_offset
            if not first.isascii():
                start = len(first.encode()[:start].decode(errors="replace"))
            if not last.isascii():
                end = len(last.encode()[:end].decode(errors="replace"))
            place = (node.lineno, start + 1, node.end_lineno, end + 1)
        return _NEW(Span, place)

    def refuse(self, code: str, message: str, node: Any, **more: Any) -> n.Const:
        """Report a problem, and return a harmless node in place of the refused one."""
        span = node if isinstance(node, Span) else self.span(node)
        self.found.add(Diagnostic(code, message, span, **more))
        return n.Const(span, None)

    def expr(self, node: ast.expr) -> Any:
        lower = EXPRESSIONS.get(type(node))
        if lower is None:
            return self.not_allowed(node)
        self.found.charge(_EXPRESSION)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.depth -= 1
            return self.refuse("PLAN104", f"expressions are nested more than {MAX_DEPTH} deep", node)
        result = lower(self, node)
        self.depth -= 1
        return result

    def not_allowed(self, node: ast.expr) -> n.Const:
        if isinstance(node, ast.Await):
            edit = Edit(
                self.span(node)._replace(end_line=node.value.lineno, end_column=self.span(node.value).column),
                "",
            )
            fix = Fix("delete `await`", (edit,), "safe")
            return self.refuse("PLAN116", "`await`: tools are plain functions", node, fixes=(fix,))
        what, way_out = _REFUSED.get(type(node).__name__, (f"`{type(node).__name__}`", ""))
        return self.refuse("PLAN202", f"plans have no {what}", node, help=way_out)

    # ------------------------------------------------------------------- atoms

    def constant(self, node: ast.Constant) -> Any:
        value: Any = node.value
        kind = type(value)
        if kind is str or kind is bool or value is None or kind is float:
            return n.Const(self.span(node), value)
        if kind is int:
            if value.bit_length() > 14_284:
                return self.refuse("PLAN219", "an integer literal with too many digits", node)
            return n.Const(self.span(node), value)
        what = {"bytes": "bytes", "complex": "complex numbers", "ellipsis": "`...`"}.get(kind.__name__, kind.__name__)
        return self.refuse("PLAN219", f"plans have no {what}", node)

    def name(self, node: ast.Name) -> Any:
        span = self.span(node)
        id = node.id
        if id in self.names.modules:
            return self.refuse("PLAN207", f"the module `{id}` is used as a value", node, help="Use one of its members.")
        return self.variable(id, span)

    def variable(self, id: str, span: Span) -> Any:
        if len(id) > MAX_NAME:
            return self.refuse("PLAN104", f"a name of {len(id):,} characters", span)
        if id.startswith("__"):
            if id == "__name__":
                return n.Const(span, "__main__")
            return self.refuse("PLAN203", f"`{id}` is private to Python", span)
        self.names.load(id, span)
        level = self.levels.get(id, 0)
        if level > self.reads:
            self.reads = level
        return _NEW(n.Name, (span, id))

    def fstring(self, node: ast.JoinedStr) -> n.FString:
        parts: list[str | n.Hole] = []
        for value in node.values:
            if isinstance(value, ast.Constant):
                parts.append(str(value.value))
            elif isinstance(value, ast.FormattedValue):
                parts.append(self.hole(value))
            else:
                self.refuse("PLAN110", "an f-string that cannot be read", node)
        return n.FString(self.span(node), tuple(parts))

    def hole(self, node: ast.FormattedValue) -> n.Hole:
        if isinstance(node.value, ast.Lambda):
            self.refuse("PLAN110", "a lambda inside the braces of an f-string", node.value)
        elif isinstance(node.value, ast.GeneratorExp):
            self.refuse("PLAN110", "a generator inside the braces of an f-string", node.value, help="Join its items.")
        value = self.expr(node.value)
        conversion = "" if node.conversion < 0 else chr(node.conversion)
        spec = None
        if node.format_spec is not None and isinstance(node.format_spec, ast.JoinedStr):
            spec = self.fstring(node.format_spec)
        return n.Hole(value.span, value, conversion, spec)

    # ---------------------------------------------------------------- displays

    def items(self, elements: list[ast.expr]) -> tuple[Any, ...]:
        return tuple([self.starred(e) if type(e) is ast.Starred else self.expr(e) for e in elements])

    def starred(self, node: ast.Starred) -> n.Starred:
        return n.Starred(self.span(node), self.expr(node.value))

    def held(self, nodes: list[ast.expr]) -> tuple[Any, ...]:
        """Lower the items of a display. The container exists before the calls in them return, so it needs no call."""
        reads = self.reads
        lowered = self.items(nodes)
        self.reads = reads
        return lowered

    def list_(self, node: ast.List) -> Any:
        return n.ListDisplay(self.span(node), self.held(node.elts))

    def tuple_(self, node: ast.Tuple) -> Any:
        return n.TupleDisplay(self.span(node), self.held(node.elts))

    def set_(self, node: ast.Set) -> Any:
        return n.SetDisplay(self.span(node), self.held(node.elts))

    def dict_(self, node: ast.Dict) -> Any:
        reads = self.reads
        pairs = []
        for key, value in zip(node.keys, node.values, strict=True):
            pairs.append((None if key is None else self.expr(key), self.expr(value)))
        self.reads = reads
        return n.DictDisplay(self.span(node), tuple(pairs))

    # --------------------------------------------------------------- operators

    def unary(self, node: ast.UnaryOp) -> Any:
        op = UNARY[type(node.op)]
        operand = self.expr(node.operand)
        if op == "-" and type(operand) is n.Const and type(operand.value) in (int, float):
            return n.Const(self.span(node), -operand.value)  # type: ignore[operator]
        return n.Unary(self.span(node), op, operand)

    def binary(self, node: ast.BinOp) -> Any:
        op = BINARY.get(type(node.op))
        if op is None:
            return self.refuse("PLAN202", "plans have no `@` operator", node)
        left, right = self.expr(node.left), self.expr(node.right)
        span = self.span(node)
        if op == "+":
            kinds = {_literal_kind(left), _literal_kind(right)}
            if kinds in ({"text", "number"}, {"text", "list"}, {"number", "list"}):
                one, other = sorted(kinds)
                self.refuse("PLAN218", f"`+` between {one} and {other} always fails", span,
                            help="Convert with str(...), or use an f-string.")  # fmt: skip
        return n.Binary(span, op, left, right)

    def logic(self, node: ast.BoolOp) -> Any:
        op = "and" if type(node.op) is ast.And else "or"
        first = self.expr(node.values[0])
        rest = [self.maybe(value) for value in node.values[1:]]
        return n.Logic(self.span(node), op, (first, *rest))

    def compare(self, node: ast.Compare) -> Any:
        if isinstance(node.left, ast.Call) and (text := instance_test(node)) is not None:
            fix = Fix("write it with isinstance", (Edit(self.span(node), text),), "safe")
            self.refuse("PLAN204", "`type` is not part of the language", node, help=f"Write {text}.", fixes=(fix,))
            return n.Const(self.span(node), False)
        left = self.expr(node.left)
        rest = [(COMPARE[type(op)], self.expr(e)) for op, e in zip(node.ops, node.comparators, strict=True)]
        return n.Compare(self.span(node), left, tuple(rest))

    def conditional(self, node: ast.IfExp) -> Any:
        test = self.expr(node.test)
        return n.Conditional(self.span(node), test, self.maybe(node.body), self.maybe(node.orelse))

    def maybe(self, node: ast.expr) -> Any:
        """Lower an operand that may not be evaluated, so that the value may not depend on its calls."""
        reads, made = self.reads, self.made
        lowered = self.expr(node)
        self.reads = reads
        self.chained = self.chained and self.made == made
        return lowered

    def walrus(self, node: ast.NamedExpr) -> Any:
        value = self.expr(node.value)
        span = self.span(node)
        self.bind(node.target.id, self.span(node.target))
        self.level(node.target.id, self.control)
        return n.Walrus(span, node.target.id, value)

    # ------------------------------------------------------ access and calls

    def attribute(self, node: ast.Attribute) -> Any:
        name = node.attr
        base = node.value
        span = self.span(node)
        if type(base) is ast.Name:
            id = base.id
            if id in self.tools:
                return self.refuse("PLAN207", f"the tool `{id}` is used as a value", node, help=f"Call it: {id}(...).")
            module = self.names.modules.get(id)
            if module is not None:
                if name not in MODULES[module]:
                    return self.no_member(module, name, span)
                return n.Attribute(span, n.Name(self.span(base), id), name)
            value = self.variable(id, self.span(base))
            if name == "datetime" and id in self.date_classes:
                self.class_in_class(id, span)
        else:
            value = self.expr(base)
        if name in ATTRIBUTES or name in _MODULE_MEMBERS or name in self.unknown:
            return n.Attribute(span, value, name)
        if name.startswith("_"):
            return self.refuse("PLAN203", f"the attribute `{name}` is private to Python", span)
        close = self.found.suggest("attribute", name, _ATTRIBUTES)
        way_out = ""
        fixes: tuple[Fix, ...] = ()
        if close:
            way_out = f"Did you mean `.{close[0]}`?"
            place = span._replace(line=span.end_line, column=span.end_column - len(name))
            fixes = (Fix(f"write `.{close[0]}`", (Edit(place, close[0]),), "safe" if len(close) == 1 else "maybe"),)
        return self.refuse("PLAN209", f"no value of a plan has an attribute `{name}`", span, help=way_out, fixes=fixes)

    def class_in_class(self, id: str, span: Span) -> None:
        """Report `datetime.datetime` if the name is the class already, because this would fail at run time."""
        place = Span(span.end_line, span.end_column - len(".datetime"), span.end_line, span.end_column)
        fix = Fix("delete `.datetime`", (Edit(place, ""),), "safe")
        message = f"`{id}` is the class `datetime` already: it has no attribute `datetime`"
        self.found.add(Diagnostic("PLAN209", message, span, severity="warning", help=f"Write {id}.", fixes=(fix,)))

    def no_member(self, module: str, name: str, span: Span) -> n.Const:
        if module == "datetime" and name in TYPES["datetime"]:
            place = span._replace(line=span.end_line, column=span.end_column - len(name))
            place = place._replace(end_line=place.line, end_column=place.column)
            fix = Fix(f"write `datetime.datetime.{name}`", (Edit(place, "datetime."),), "safe")
            message = f"the module `datetime` offers no `{name}`: its class `datetime` does"
            return self.refuse("PLAN209", message, span, help=f"Write datetime.datetime.{name}.", fixes=(fix,))
        close = self.found.suggest(module, name, sorted(MODULES[module]), 1)
        way_out = f"Did you mean `{module}.{close[0]}`?" if close else _offered(module)
        code = "PLAN203" if name.startswith("_") else "PLAN209"
        return self.refuse(code, f"the module `{module}` offers no `{name}`", span, help=way_out)

    def subscript(self, node: ast.Subscript) -> Any:
        value = self.expr(node.value)
        index: Any
        if type(node.slice) is ast.Slice:
            index = self.slice(node.slice)
        else:
            index = self.expr(node.slice)
            if type(index) is n.TupleDisplay and any(type(item) is n.Starred for item in index.items):
                self.refuse("PLAN202", "plans have no `*` in an index", node)
        return n.Subscript(self.span(node), value, index)

    def slice(self, node: ast.Slice) -> n.Slice:
        start, stop, step = (None if part is None else self.expr(part) for part in (node.lower, node.upper, node.step))
        return n.Slice(self.span(node), start, stop, step)

    def slice_in_tuple(self, node: ast.Slice) -> Any:
        return self.refuse("PLAN202", "plans have no slices in a tuple", node)

    def call(self, node: ast.Call) -> Any:
        callee = node.func
        function: Any = None
        signature: Signature | None = None
        kind = type(callee)
        if kind is ast.Name:
            id = callee.id  # type: ignore[attr-defined]
            signature = self.tools.get(id)
            if signature is None:
                span = self.span(callee)
                self.names.called.setdefault(id, span)
                if id in self.names.modules:
                    module = self.names.modules[id]
                    way_out = f"Write {id}.{module}(...)." if module in MODULES[module] else ""
                    function = self.refuse("PLAN207", f"the module `{id}` cannot be called", span, help=way_out)
                else:
                    function = self.variable(id, span)
        elif kind is ast.Lambda:
            function = self.refuse("PLAN202", "a lambda that is called on the spot", callee, help="Write its value.")
        else:
            function = self.expr(callee)
        reads, self.reads = self.reads, self.control
        args = self.items(node.args)
        keywords = self.keywords(node.keywords) if node.keywords else ()
        span = self.span(node)
        if signature is not None:
            self.call_sites += 1
            if self.reads < self.made:
                self.chained = False
            self.made += 1
            self.reads = self.made
            self.check_tool_call(signature, node, args, keywords, span)
            if len(self.names.stack) > 1:
                self.calls_inside = True
                self.chained = False
            return n.ToolCall(span, signature.name, args, keywords)
        self.reads = max(self.reads, reads)
        if getattr(callee, "id", getattr(callee, "attr", "")) == "namedtuple":
            self.unknown |= _record_fields(args)
        if type(function) is n.Attribute and function.name in ("format", "format_map"):
            self.check_format(function.value)
        return n.FunctionCall(span, function, args, keywords)

    def keywords(self, given: list[ast.keyword]) -> tuple[tuple[str | None, Any], ...]:
        lowered: list[tuple[str | None, Any]] = []
        seen: set[str] = set()
        for keyword in given:
            name = keyword.arg
            if name is not None:
                if name in seen:
                    self.refuse("PLAN214", f"the keyword `{name}` is given twice", keyword)
                elif name.startswith("__"):
                    self.refuse("PLAN203", f"`{name}` is private to Python", keyword)
                seen.add(name)
            lowered.append((name, self.expr(keyword.value)))
        return tuple(lowered)

    def check_format(self, template: Any) -> None:
        if type(template) is n.Const and type(template.value) is str:
            for match in _FIELD.finditer(template.value.replace("{{", "").replace("}}", "")):
                if "." in match[1]:
                    self.refuse(
                        "PLAN216",
                        f"the format field `{{{match[1]}}}` reaches for an attribute",
                        template.span,
                    )
                    return

    def check_tool_call(
        self,
        signature: Signature,
        node: ast.Call,
        args: tuple[Any, ...],
        keywords: tuple[Any, ...],
        span: Span,
    ) -> None:
        """Check what is known of a tool call before the run: the names, number and literal types of its arguments."""
        params = signature.params
        if not keywords and len(args) <= len(params):
            for param, arg in zip(params, args, strict=False):
                kind = _literal_kind(arg)
                if kind and kind not in ACCEPTED.get(param.type, (kind,)):
                    break
                if type(arg) is n.Starred:
                    return
            else:
                if len(args) == len(params) or params[len(args)].default is not REQUIRED:
                    return
        if any(type(arg) is n.Starred for arg in args) or any(name is None for name, _ in keywords):
            return
        given: dict[str, Any] = {}
        for param, arg in zip(params, args, strict=False):
            given[param.name] = arg
        if len(args) > len(params):
            extra = args[len(params)].span
            message = f"`{signature.name}` takes {len(params)} arguments, {len(args)} are given"
            self.refuse("PLAN210", message, extra, help=f"Its signature: {signature}")
        known = {param.name for param in params}
        for keyword, (name, value) in zip(node.keywords, keywords, strict=True):
            if name in known:
                if name in given:
                    self.refuse("PLAN210", f"`{signature.name}` gets `{name}` twice", value.span)
                given[name] = value
                continue
            alias = _KEYWORD_ALIASES.get(name)
            close = [alias] if alias in known else self.found.suggest(signature.name, name, sorted(known), 1, 0.6)
            fixes: tuple[Fix, ...] = ()
            if close and close[0] not in given:
                where = self.span(keyword)
                edit = Edit(Span(where.line, where.column, where.line, where.column + len(name)), close[0])
                fixes = (Fix(f"write `{close[0]}=`", (edit,), "safe" if alias in known else "maybe"),)
                given[close[0]] = value
            message = f"`{signature.name}` has no parameter `{name}`"
            way_out = f"Did you mean `{close[0]}`?" if close else f"Its signature: {signature}"
            self.refuse("PLAN210", message, self.span(keyword), help=way_out, fixes=fixes)
        for param in params:
            if param.name not in given:
                if param.default is REQUIRED:
                    message = f"`{signature.name}` needs `{param.name}`"
                    self.refuse("PLAN210", message, span, help=f"Its signature: {signature}")
                continue
            kind = _literal_kind(given[param.name])
            if kind and kind not in ACCEPTED.get(param.type, (kind,)):
                self.refuse(
                    "PLAN210",
                    f"`{param.name}` of `{signature.name}` cannot be {_ARTICLE.get(kind, kind)}",
                    given[param.name].span,
                    help=_TYPE_HELP.get((param.type, kind), f"Its signature: {signature}"),
                )

    # -------------------------------------------------------- inner scopes

    def lambda_(self, node: ast.Lambda) -> Any:
        params = self.params(node.args)
        self.enter(params, [node.body])
        self.chained = False
        body = self.expr(node.body)
        self.names.leave()
        return n.Lambda(self.span(node), params, body)

    def params(self, args: ast.arguments) -> tuple[n.Param, ...]:
        params: list[n.Param] = []
        positional = [(a, "pos") for a in args.posonlyargs] + [(a, "") for a in args.args]
        defaults: list[Any] = [None] * (len(positional) - len(args.defaults)) + list(args.defaults)
        for (arg, kind), default in zip(positional, defaults, strict=True):
            params.append(self.param(arg, kind, default))
        if args.vararg is not None:
            params.append(self.param(args.vararg, "*", None))
        for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
            params.append(self.param(arg, "kw", default))
        if args.kwarg is not None:
            params.append(self.param(args.kwarg, "**", None))
        seen: set[str] = set()
        for param in params:
            if param.name in seen:
                self.refuse("PLAN214", f"two parameters are named `{param.name}`", param.span)
            seen.add(param.name)
        return tuple(params)

    def param(self, arg: ast.arg, kind: str, default: ast.expr | None) -> n.Param:
        if arg.annotation is not None:
            self.annotation(arg.annotation)
        return n.Param(self.span(arg), arg.arg, kind, None if default is None else self.expr(default))

    def annotation(self, node: ast.expr) -> None:
        """Check an annotation. Annotations are ignored, so they must not contain code that Python would run."""
        for part in ast.walk(node):
            name = getattr(part, "id", "") or getattr(part, "attr", "")
            if name.startswith("__"):
                self.refuse("PLAN203", f"`{name}` is private to Python", node)
                return
            if not isinstance(part, _ANNOTATION_PARTS):
                self.refuse("PLAN202", "an annotation that is more than a type", node, help="Delete the annotation.")
                return

    def comprehension(self, node: Any) -> Any:
        kind = _COMPREHENSION_KINDS[type(node)]
        made, reads = self.made, self.reads
        added: set[str] = set()
        clauses: list[n.Clause] = []
        for generator in node.generators:
            if generator.is_async:
                self.refuse("PLAN202", "plans have no `async`", generator.iter)
            iterable = self.expr(generator.iter)
            reads = (
                reads if clauses else self.reads
            )  # the container exists as soon as the first iterable does, before the calls in its items return
            if isinstance(generator.target, ast.Starred):
                self.refuse("PLAN214", "a starred target must be in a list or tuple", generator.target)
            target = self.inner_target(generator.target, added)
            conditions = tuple([self.expr(condition) for condition in generator.ifs])
            clauses.append(n.Clause(target.span, target, iterable, conditions))
        value = None
        if type(node) is ast.DictComp:
            element, value = self.expr(node.key), self.expr(node.value)
        elif type(node.elt) is ast.Starred:
            element = self.refuse("PLAN202", "plans have no `*` in a comprehension", node.elt)
        else:
            element = self.expr(node.elt)
        self.names.stack[-1].possible -= added
        self.reads = reads
        self.chained = self.chained and self.made == made
        return n.Comprehension(self.span(node), kind, element, value, tuple(clauses))

    def one_star(self, node: ast.Tuple | ast.List) -> None:
        """Report more than one starred target in a list of targets."""
        stars = [item for item in node.elts if isinstance(item, ast.Starred)]
        if len(stars) > 1:
            self.refuse("PLAN214", "more than one starred target", stars[1])

    def inner_target(self, node: ast.expr, added: set[str]) -> Any:
        """Lower the target of a comprehension, which is bound only inside it."""
        span = self.span(node)
        if isinstance(node, ast.Name):
            if self.check_binding(node.id, span) and node.id not in self.names.stack[-1].possible:
                added.add(node.id)
                self.names.stack[-1].possible.add(node.id)
            return n.Name(span, node.id)
        if isinstance(node, (ast.Tuple, ast.List)):
            self.one_star(node)
            return n.TupleDisplay(span, tuple(self.inner_target(item, added) for item in node.elts))
        if isinstance(node, ast.Starred):
            return n.Starred(span, self.inner_target(node.value, added))
        return self.refuse("PLAN202", "a comprehension that assigns to an item", node)

    # ---------------------------------------------------------------- binding

    def level(self, name: str, level: int) -> None:
        """Record that the value of a name depends on the call of this number."""
        self.before.setdefault(name, self.levels.get(name))
        self.levels[name] = level

    def bind(self, name: str, span: Span) -> None:
        if self.check_binding(name, span):
            self.names.bind(name, span)

    def enter(self, params: tuple[n.Param, ...], body: Sequence[ast.AST]) -> None:
        """Begin the scope of a function; `names.leave` ends it."""
        for param in params:
            self.check_binding(param.name, param.span)
        self.names.enter([param.name for param in params], body)

    def check_binding(self, name: str, span: Span) -> bool:
        """Whether a plan may bind this name; reports why not."""
        if name in self.tools:
            self.refuse(
                "PLAN206",
                f"`{name}` is a tool and cannot be given another meaning",
                span,
                help=f"Choose another name, for example `{name}_text`.",
            )
        elif len(name) > MAX_NAME:
            self.refuse("PLAN104", f"a name of {len(name):,} characters", span)
        elif name.startswith("__"):
            self.refuse("PLAN203", f"`{name}` is private to Python", span)
        elif name in self.names.modules:
            self.refuse("PLAN206", f"`{name}` is a module and cannot be given another meaning", span)
        else:
            return True
        return False


def _literal_kind(node: Any) -> str:
    """The kind of an expression's value if it is known before the run, else ""."""
    kind = type(node)
    if kind is n.Const:
        value = node.value
        if value is None:
            return "None"
        if type(value) is bool:
            return "bool"
        return "text" if type(value) is str else "number" if type(value) is int else "float"
    return _KINDS.get(kind, "") if kind is not n.Comprehension else node.kind


def _record_fields(args: tuple[Any, ...]) -> set[str]:
    """The fields in a call `namedtuple(name, fields)`, as far as the text shows them."""
    fields: Any = args[1] if len(args) > 1 else None
    if type(fields) is n.Const and type(fields.value) is str:
        return {field for field in fields.value.replace(",", " ").split() if not field.startswith("_")}
    if type(fields) in (n.ListDisplay, n.TupleDisplay):
        texts = [item.value for item in fields.items if type(item) is n.Const and type(item.value) is str]
        return {text for text in texts if not text.startswith("_")}
    return set()


def _offered(module: str) -> str:
    members = sorted(MODULES[module])
    return f"It offers: {', '.join(members[:12])}{', ...' if len(members) > 12 else ''}."


_KINDS: dict[Any, str] = {
    n.FString: "text",
    n.ListDisplay: "list",
    n.TupleDisplay: "tuple",
    n.SetDisplay: "set",
    n.DictDisplay: "dict",
    n.Lambda: "function",
}
ACCEPTED: dict[str, tuple[str, ...]] = {
    "str": ("text",),
    "topk": ("number", "bool", "float"),  # the message of the run explains a wrong number better
    "int": ("number",),
    "float": ("number", "float"),
    "bool": ("bool",),
    "docs": ("text", "list", "tuple", "None"),
    "list[str]": ("list", "tuple"),
    "list": ("list", "tuple"),
    "dict": ("dict",),
    "any": ("text", "number", "float", "bool", "None", "list", "tuple", "dict", "set"),
}
_ARTICLE = {"list": "a list", "dict": "a dictionary", "set": "a set", "function": "a function", "tuple": "a tuple",
            "generator": "a generator", "number": "a number", "float": "a float", "text": "text"}  # fmt: skip
_TYPE_HELP = {
    ("str", "list"): "Ask once for each item: [retrieve(q) for q in queries].",
    ("docs", "generator"): "Use a list: [...] instead of (...).",
}
_COMPREHENSION_KINDS: dict[type, str] = {
    ast.ListComp: "list",
    ast.SetComp: "set",
    ast.DictComp: "dict",
    ast.GeneratorExp: "generator",
}
_ANNOTATION_PARTS = (
    ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.Tuple, ast.List, ast.BinOp, ast.BitOr, ast.Load,
)  # fmt: skip
_ATTRIBUTES = sorted(ATTRIBUTES)
_MODULE_MEMBERS = frozenset().union(*MODULES.values())
_REFUSED = {
    "Yield": ("generators", "Collect the values in a list and return it."),
    "YieldFrom": ("generators", "Collect the values in a list and return it."),
    "TemplateStr": ("template strings", "Use an f-string."),
    "Starred": ("`*` here", ""),
}

EXPRESSIONS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Constant: Expressions.constant,
    ast.Name: Expressions.name,
    ast.JoinedStr: Expressions.fstring,
    ast.List: Expressions.list_,
    ast.Tuple: Expressions.tuple_,
    ast.Set: Expressions.set_,
    ast.Dict: Expressions.dict_,
    ast.UnaryOp: Expressions.unary,
    ast.BinOp: Expressions.binary,
    ast.BoolOp: Expressions.logic,
    ast.Compare: Expressions.compare,
    ast.IfExp: Expressions.conditional,
    ast.NamedExpr: Expressions.walrus,
    ast.Attribute: Expressions.attribute,
    ast.Subscript: Expressions.subscript,
    ast.Slice: Expressions.slice_in_tuple,
    ast.Call: Expressions.call,
    ast.Lambda: Expressions.lambda_,
    ast.ListComp: Expressions.comprehension,
    ast.SetComp: Expressions.comprehension,
    ast.DictComp: Expressions.comprehension,
    ast.GeneratorExp: Expressions.comprehension,
}
