"""The vetter: from CPython's tree to a `Program`, or to all reasons why the text is not one.

One visit follows the order of evaluation and is driven by tables. A construct that is not in them is refused, so a new
version of Python cannot extend the language.
"""

from __future__ import annotations

import ast
import keyword
import re
import symtable
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from . import nodes as n
from .bindings import is_main
from .diagnostics import Diagnostic, Edit, Fix, PlanRejected, Span
from .expressions import Expressions
from .findings import PARSING, Budget, Findings, Overspent
from .gate import second_opinion
from .language import BINARY, DEFAULT_SIGNATURES, MODULES, RESULT_NAMES, TAKEN, Signature
from .names import Names, stored_names
from .parse import parse as parse_text
from .program import Program
from .rewrites import rewritten, without_import
from .scan import scan
from .surface import MAX_PLAN, has_code

MAX_BLOCKS = 16  # nested blocks
MAX_SPARE = 8  # imports that are removed together with the statements that need them
MAX_ELIFS = 40  # `elif`s in a row, including those of enclosing blocks
_STATEMENT = 4  # units of the budget


def parse(
    text: str, tools: Mapping[str, Signature] | None = None, *, inputs: Iterable[str] = (), strict: bool = False
) -> Program:
    """Parse and vet a plan.

    Args:
        text: Python source, from an untrusted author.
        tools: the signatures of the tools that the plan may call; by default, `retrieve` and `answer`.
        inputs: names that are bound before the first statement; a run gives their values.
        strict: whether RestrictedPython's policy checks the plan as well. If the two disagree, the plan is refused.

    Raises:
        PlanRejected: the plan was refused; the error has a diagnostic for every problem.
        ValueError: an input is not a name, or is a name of the language or of a tool.
    """
    if not isinstance(text, str):
        raise TypeError(f"a plan is a str, not {type(text).__name__}")
    tools = DEFAULT_SIGNATURES if tools is None else dict(tools)
    return parse_within(Budget(), text, tools, inputs=inputs, strict=strict)


def parse_within(
    budget: Budget, text: str, tools: Mapping[str, Signature], *, inputs: Iterable[str] = (), strict: bool = False
) -> Program:
    """`parse` with a budget that several checks of one text may share."""
    found = Findings(budget)
    given = checked_inputs(inputs, tools)
    try:
        program = _parse(found, text, tools, given, strict)
    except RecursionError:
        found.add(Diagnostic("PLAN104", "the plan is too deeply nested to be read"))
    except Overspent:
        found.add(Diagnostic("PLAN104", "the plan is too large and involved to be checked"))
    else:
        if program is not None and not found.errors:
            return program
    problems = found.all()
    if _is_prose(text, problems):
        message = "the text holds no statement of a plan, only prose"
        problems = (Diagnostic("PLAN117", message, problems[0].span),)
    raise PlanRejected(problems) from None


def _is_prose(text: str, problems: tuple[Diagnostic, ...]) -> bool:
    """Whether a text that does not parse is prose, so that one diagnostic is enough."""
    return (
        len(text) <= MAX_PLAN
        and all(each.phase == "syntax" and each.code not in ("PLAN101", "PLAN103") for each in problems)
        and bool(_SENTENCE.search(text))
        and not has_code(text)
    )


_SENTENCE = re.compile(r"(?m)^[^\w\n]{0,8}[^\W\d_][\w'\u2019]*(?:,? [\w'\u2019`\"-]+){3}")


def checked_inputs(names: Iterable[str], tools: Mapping[str, Signature]) -> frozenset[str]:
    """Check the names of inputs. Raises `ValueError`, or `TypeError` for a text in place of a list."""
    if isinstance(names, str):
        raise TypeError(f"inputs are a list of names: inputs=[{names!r}]")
    names = frozenset(names)
    for name in names:
        if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("__"):
            raise ValueError(f"an input cannot be named {name!r}: that is not a name")
        if name in TAKEN or name in tools:
            raise ValueError(f"an input cannot be named {name!r}: that is a name of the language, or a tool")
    return names


def _parse(
    found: Findings, text: str, tools: Mapping[str, Signature], inputs: frozenset[str], strict: bool
) -> Program | None:
    """The program, if none of the findings is an error, else None."""
    scanned = scan(text, found)
    if scanned.fatal:
        return None
    tree = parse_text(scanned)
    if scanned.doubtful and not found:
        found.add(Diagnostic("PLAN110", "a string or a bracket that cannot be read for sure"))
    if tree is None or found:
        return None
    if any(word in scanned.text for word in _SCOPE_WORDS) and (misplaced := _misplaced(scanned.text)):
        found.add(misplaced)
        return None
    vetter = Vetter(scanned.lines, tools, scanned.text.isascii(), "import" in scanned.text, found)
    vetter.names.give(inputs)
    body = vetter.module(tree)
    if strict and not found.errors:
        found.charge(PARSING * len(scanned.text))
        for objection in second_opinion(scanned.text):
            found.add(objection)
    names = frozenset(vetter.names.module.possible)
    chained, calls = vetter.chained or not vetter.call_sites, vetter.call_sites
    read = frozenset(vetter.names.inputs_read)
    return Program(scanned.text, body, tools, found.all(), chained, vetter.calls_inside, names, calls, read)


def _statements(block: Iterable[Any]) -> Iterator[ast.stmt]:
    """The statements of a block and of all inner blocks, in source order."""
    for node in block:
        yield node
        for inner in ("body", "handlers", "cases", "orelse", "finalbody"):
            yield from _statements(getattr(node, inner, ()))


def _is_elif(node: ast.If) -> bool:
    """Whether the `orelse` of an `if` is an `elif`, and not an `else` with an `if` in it."""
    return len(node.orelse) == 1 and type(node.orelse[0]) is ast.If and node.orelse[0].col_offset == node.col_offset


_SCOPE_WORDS = ("global", "nonlocal", ":=")


def _misplaced(text: str) -> Diagnostic | None:
    """The error that CPython's symbol table finds in a declaration or a `:=`, if any."""
    try:
        symtable.symtable(text, "<plan>", "exec")
    except SyntaxError as error:
        line, column = error.lineno or 1, error.offset or 1
        code = "PLAN214" if error.msg.startswith("duplicate argument") else "PLAN213"
        return Diagnostic(code, error.msg, Span(line, column, line, column + 1))
    return None


class Vetter(Expressions):
    """Lowers the statements of a module, and reports problems to `found`."""

    def __init__(
        self, lines: list[str], tools: Mapping[str, Signature], ascii_only: bool, imports: bool, found: Findings
    ) -> None:
        super().__init__(found)
        self.ascii_lines = None if ascii_only else lines
        self.lines = lines
        self.tools = dict(tools)
        self.names = Names(self.tools, found)
        self.imports = imports
        self.blocks = 0
        self.elifs = 0  # the number of `elif`s around the current statement
        self.loops = 0
        self.functions = 0
        self.answers = False  # whether some name is bound to a result of `answer`
        self.returns = False
        self.spare: list[Edit] = []  # edits that remove imports which only rewritten statements need
        self.begun = False  # whether a statement other than a docstring or a `__future__` import has been visited

    def module(self, tree: ast.Module) -> n.Block:
        if self.imports:
            self.find_modules(tree)
        body = self.block(tree.body)
        self.names.check()
        if not any(type(statement) is not n.Pass for statement in body):
            if not self.found:
                message = "the plan has no statement that does anything"
                self.found.add(Diagnostic("PLAN101", message, Span(1, 1, 1, 2)))
        elif not (self.returns or any(name in self.names.bound for name in RESULT_NAMES)):
            self.no_final_answer(body)
        return body

    def find_modules(self, tree: ast.Module) -> None:
        """Find the names that always stand for modules: they are imported as modules, and never as anything else."""
        members: set[str] = set()
        for node in _statements(tree.body):
            if type(node) is ast.Import:
                for alias in node.names:
                    if alias.name in MODULES:
                        self.names.modules[alias.asname or alias.name] = alias.name
            elif type(node) is ast.ImportFrom:
                members.update(alias.asname or alias.name for alias in node.names)
        for name in members:
            self.names.modules.pop(name, None)

    def no_final_answer(self, body: n.Block) -> None:
        last = body[-1]
        fixes: tuple[Fix, ...] = ()
        place = Span(last.span.line, last.span.column, last.span.line, last.span.column)
        if type(last) is n.Assign and type(last.targets[0]) is n.Name:
            name = last.targets[0].id
            end = Span(last.span.end_line, last.span.end_column, last.span.end_line, last.span.end_column)
            of_answer = type(last.value) is n.ToolCall and last.value.tool == "answer"
            safe = of_answer or (name not in self.tools and bool(_ANSWER_NAME.fullmatch(name)))
            edit = Edit(end, f"\nfinal_answer = {name}")
            fixes = (Fix(f"add `final_answer = {name}`", (edit,), "safe" if safe else "maybe"),)
        elif type(last) is n.ExprStmt and type(last.value) is n.ToolCall and last.value.tool == "answer":
            fixes = (Fix("assign it to `final_answer`", (Edit(place, "final_answer = "),), "safe"),)
        elif edits := _what_is_left(body):
            fixes = (Fix("let `final_answer` be what the plan leaves", edits, "safe"),)
        data_only = all(type(s) is n.ExprStmt and type(s.value) in _DATA for s in body)
        severity = "error" if self.answers or data_only else "warning"
        if self.found and not (fixes and fixes[0].applicability == "safe"):
            return  # the other errors probably have the same cause
        message = "the plan never says what its answer is"
        self.found.add(Diagnostic("PLAN211", message, last.span, severity=severity, fixes=fixes))  # type: ignore[arg-type]

    # ------------------------------------------------------------- statements

    def block(self, statements: list[ast.stmt]) -> n.Block:
        self.blocks += 1
        if self.elifs > MAX_ELIFS:
            self.blocks -= 1
            message, way_out = f"more than {MAX_ELIFS} `elif`", "Look the value up in a dictionary."
            self.refuse("PLAN104", message, statements[0], help=way_out)
            return ()
        if self.blocks > MAX_BLOCKS:
            self.blocks -= 1
            self.refuse("PLAN104", f"blocks are nested more than {MAX_BLOCKS} deep", statements[0])
            return ()
        lowered = []
        self.found.charge(_STATEMENT * len(statements))
        for statement in statements:
            lower = STATEMENTS.get(type(statement))
            future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
            self.begun = self.begun or not (future or isinstance(statement, ast.Expr))
            lowered.append(self.refused(statement) if lower is None else lower(self, statement))
        self.blocks -= 1
        return tuple(lowered)

    def refused(self, node: ast.stmt) -> n.Pass:
        what, way_out = _REFUSED.get(type(node).__name__, (f"`{type(node).__name__}`", ""))
        span = self.span(node)
        first_line = span._replace(end_line=span.line, end_column=len(self.lines[span.line - 1]) + 1)
        text = rewritten(node, self.found.charge, self.source)
        edits = () if text is None else (Edit(self.whole(node), text), *self.spare)
        fixes = (Fix("write it as plans do", edits, "safe"),) if edits else ()
        self.refuse("PLAN201", f"plans have no {what}", first_line, help=way_out, fixes=fixes)
        self.unknown |= {part.name for part in ast.walk(node) if isinstance(part, ast.FunctionDef)}
        for name in stored_names([node], self.found) | {getattr(node, "name", "")} - {""}:
            if isinstance(name, str) and name:
                self.bind(name, span)
        return n.Pass(span)

    def source(self, node: ast.AST) -> str:
        """The text of a node as it was written."""
        span = self.span(node)
        lines = self.lines[span.line - 1 : span.end_line]
        lines[-1] = lines[-1][: span.end_column - 1]
        lines[0] = lines[0][span.column - 1 :]
        return "\n".join(lines)

    def whole(self, node: ast.stmt) -> Span:
        """The span of a statement with its decorators."""
        span, decorators = self.span(node), getattr(node, "decorator_list", ())
        return span._replace(line=decorators[0].lineno) if decorators else span

    def assign(self, node: ast.Assign) -> Any:
        self.reads = self.control
        value = self.expr(node.value)
        if type(value) is n.ToolCall and value.tool == "answer":
            self.answers = True
        targets = tuple([self.top_target(target) for target in node.targets])
        return n.Assign(self.span(node), targets, value)

    def ann_assign(self, node: ast.AnnAssign) -> Any:
        self.annotation(node.annotation)
        if node.value is None:
            if not isinstance(node.target, ast.Name):
                self.refuse("PLAN202", "an annotation of something that is not a name", node)
            elif self.check_binding(node.target.id, self.span(node.target)):
                pass
            return n.Pass(self.span(node))
        self.reads = self.control
        value = self.expr(node.value)
        return n.Assign(self.span(node), (self.target(node.target),), value)

    def aug_assign(self, node: ast.AugAssign) -> Any:
        op = BINARY.get(type(node.op))
        if op is None:
            return n.ExprStmt(self.span(node), self.refuse("PLAN202", "plans have no `@` operator", node))
        self.reads = self.control
        if isinstance(node.target, ast.Name):
            self.variable(node.target.id, self.span(node.target))
        value = self.expr(node.value)
        return n.AugAssign(self.span(node), self.target(node.target), op, value)

    def top_target(self, node: ast.expr) -> Any:
        """Lower a target outside lists and tuples, where a star is not allowed."""
        if isinstance(node, ast.Starred):
            return self.refuse("PLAN214", "a starred target must be in a list or tuple", node)
        return self.target(node)

    def target(self, node: ast.expr) -> Any:
        kind = type(node)
        span = self.span(node)
        if kind is ast.Name:
            self.bind(node.id, span)  # type: ignore[attr-defined]
            self.level(node.id, self.reads)  # type: ignore[attr-defined]
            return n.Name(span, node.id)  # type: ignore[attr-defined]
        if isinstance(node, (ast.Tuple, ast.List)):
            self.one_star(node)
            return n.TupleDisplay(span, tuple([self.target(item) for item in node.elts]))
        if isinstance(node, ast.Starred):
            return n.Starred(span, self.target(node.value))
        if isinstance(node, ast.Subscript):
            return self.subscript(node)
        if isinstance(node, ast.Attribute):
            self.attribute(node)
            return self.refuse("PLAN202", "plans cannot assign to attributes", node, help="Use a dictionary.")
        return self.refuse("PLAN202", "this cannot be assigned to", node)

    def expr_stmt(self, node: ast.Expr) -> Any:
        span = self.span(node)
        if type(node.value) is ast.Constant and (type(node.value.value) is str or node.value.value is ...):
            return n.Pass(span)
        self.reads = self.control
        return n.ExprStmt(span, self.expr(node.value))

    def pass_(self, node: ast.Pass) -> Any:
        return n.Pass(self.span(node))

    def if_(self, node: ast.If) -> Any:
        self.reads = self.control
        test = self.expr(node.test)
        outer, self.control = self.control, self.reads
        made = self.made
        body = self.branch(node.body)
        made_then, self.made = self.made, made
        elif_ = int(_is_elif(node))
        self.elifs += elif_
        self.blocks -= elif_  # an `elif` does not nest deeper for a reader
        orelse = self.branch(node.orelse) if node.orelse else ()
        self.blocks += elif_
        self.elifs -= elif_
        self.made = max(made_then, self.made)
        self.control = outer
        return n.If(self.span(node), test, body, orelse)

    def branch(self, statements: list[ast.stmt]) -> n.Block:
        """Lower a block that may be carried out. Afterwards, its names surely depend only on the test."""
        outer, self.before = self.before, {}
        lowered = self.block(statements)
        before, self.before = self.before, outer
        for name, level in before.items():
            if self.levels[name] != level:
                self.before.setdefault(name, level)
                self.levels[name] = self.control
        return lowered

    def repeated(self, statements: list[ast.stmt]) -> n.Block:
        """Lower a block that may be carried out many times, or be left at any point."""
        made = self.made
        lowered = self.branch(statements)
        self.chained = self.chained and self.made == made
        return lowered

    def foresee(self, body: list[ast.stmt]) -> None:
        """Mark the names that a loop binds as possibly bound, since an earlier iteration may have bound them.

        The outermost loop does this for all inner ones.
        """
        if not self.loops:
            self.names.stack[-1].possible |= stored_names(body, self.found) - self.tools.keys()

    def loop_body(self, body: list[ast.stmt]) -> n.Block:
        self.loops += 1
        lowered = self.repeated(body)
        self.loops -= 1
        return lowered

    def for_(self, node: ast.For) -> Any:
        self.reads = self.control
        iterable = self.expr(node.iter)
        outer, self.control = self.control, self.reads
        target = self.top_target(node.target)
        self.foresee(node.body)
        body, orelse = self.loop_body(node.body), self.repeated(node.orelse)
        self.control = outer
        return n.For(self.span(node), target, iterable, body, orelse)

    def while_(self, node: ast.While) -> Any:
        self.foresee(node.body)
        self.reads = self.control
        made = self.made
        test = self.expr(node.test)
        self.chained = self.chained and self.made == made
        outer, self.control = self.control, self.reads
        body, orelse = self.loop_body(node.body), self.repeated(node.orelse)
        self.control = outer
        return n.While(self.span(node), test, body, orelse)

    def jump(self, node: ast.stmt) -> Any:
        span = self.span(node)
        if not self.loops:
            word = type(node).__name__.lower()
            self.refuse("PLAN213", f"`{word}` outside of a loop", span)
        return n.Break(span) if type(node) is ast.Break else n.Continue(span)

    def function(self, node: ast.FunctionDef) -> Any:
        span = self.span(node)
        cache = self.decorators(node)
        if node.returns is not None:
            self.annotation(node.returns)
        if getattr(node, "type_params", None):  # Python 3.12 and later
            self.refuse("PLAN201", "plans have no type parameters", span, help="Delete them.")
        if node.name in self.tools and _is_stub(node):
            fix = Fix("leave the function out", (Edit(span, "pass"),), "safe")
            message = f"`{node.name}` is a tool, which is there without being defined"
            self.refuse("PLAN206", message, span, help="Leave it out.", fixes=(fix,))
            return n.Pass(span)
        params = self.params(node.args)
        self.bind(node.name, span)
        self.chained = False  # it is not known what the calls of the function depend on
        self.enter(params, node.body)
        loops, self.loops = self.loops, 0
        self.functions += 1
        body = self.repeated(node.body)
        self.functions -= 1
        self.loops = loops
        self.names.leave()
        return n.FunctionDef(span, node.name, params, body, cache)

    def decorators(self, node: ast.FunctionDef) -> int | None:
        cache: int | None = None
        for decorator in node.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            name = ast.unparse(call.func if call else decorator) if _is_path(call.func if call else decorator) else ""
            if name in ("cache", "functools.cache") and call is None:
                cache = -1
            elif name in ("lru_cache", "functools.lru_cache"):
                cache = 128
                if call and not all(k.arg in ("maxsize", "typed") and _is_constant(k.value) for k in call.keywords):
                    self.refuse("PLAN215", "a cache takes `maxsize` and `typed`, as constants", decorator)
                sizes = [*call.args, *[k.value for k in call.keywords if k.arg == "maxsize"]] if call else []
                if len(sizes) == 1 and isinstance(sizes[0], ast.Constant):
                    size = sizes[0].value
                    cache = -1 if size is None else max(size, 0) if type(size) is int else 128
                elif sizes:
                    self.refuse("PLAN215", "the size of a cache is a number or None", decorator)
            else:
                self.refuse("PLAN215", "this decorator is not offered", decorator, help="Call the function yourself.")
                continue
            root = name.partition(".")[0]
            if root != "functools" or root not in self.names.modules:
                self.variable(root, self.span(decorator))
        return cache

    def return_(self, node: ast.Return) -> Any:
        if not self.functions:
            self.returns = True
        return n.Return(self.span(node), None if node.value is None else self.expr(node.value))

    def try_(self, node: ast.Try) -> Any:
        body = self.repeated(node.body)
        handlers = []
        for index, handler in enumerate(node.handlers):
            kind = None if handler.type is None else self.caught(handler.type)
            if kind is None and index < len(node.handlers) - 1:
                self.refuse("PLAN213", "a bare `except:` must be the last", handler)
            if handler.name is not None:
                self.bind(handler.name, self.span(handler))
            handlers.append(n.Handler(self.span(handler), kind, handler.name, self.repeated(handler.body)))
        return n.Try(self.span(node), body, tuple(handlers), self.repeated(node.orelse), self.repeated(node.finalbody))

    def caught(self, node: ast.expr) -> Any:
        """Lower the class that a handler catches. `BaseException` becomes `Exception`, as plans raise nothing else."""
        if isinstance(node, ast.Name) and node.id == "BaseException":
            return n.Name(self.span(node), "Exception")
        return self.expr(node)

    def raise_(self, node: ast.Raise) -> Any:
        exception = None if node.exc is None else self.expr(node.exc)
        return n.Raise(self.span(node), exception, None if node.cause is None else self.expr(node.cause))

    def assert_(self, node: ast.Assert) -> Any:
        return n.Assert(self.span(node), self.expr(node.test), None if node.msg is None else self.expr(node.msg))

    def delete(self, node: ast.Delete) -> Any:
        return n.Delete(self.span(node), tuple([self.deleted(target) for target in node.targets]))

    def deleted(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Name):
            span = self.span(node)
            if self.check_binding(node.id, span):
                self.names.load(node.id, span)
            return n.Name(span, node.id)
        if isinstance(node, (ast.Tuple, ast.List)):
            return n.TupleDisplay(self.span(node), tuple([self.deleted(item) for item in node.elts]))
        return self.target(node)

    def import_(self, node: ast.Import) -> Any:
        bindings = []
        for alias in node.names:
            if alias.name not in MODULES or alias.name == "__future__":
                self.not_offered(alias.name, node)
                self.bind_import((alias.asname or alias.name).partition(".")[0], alias.name, node)
                continue
            name = alias.asname or alias.name
            self.bind_import(name, alias.name, node)
            bindings.append((name, alias.name, ""))
        return n.Import(self.span(node), tuple(bindings))

    def import_from(self, node: ast.ImportFrom) -> Any:
        module = node.module or ""
        bindings = []
        if module == "__future__" and self.begun:
            self.refuse("PLAN213", "`from __future__ import` must come first", node)
        if node.level or module not in MODULES:
            tools_only = all(alias.name in self.tools and alias.asname in (None, alias.name) for alias in node.names)
            name = "." * node.level + module
            if tools_only:
                fix = Fix("leave the import out", (Edit(self.span(node), "pass"),), "safe")
                message = f"the module `{name}` is not offered, and the tools are there without it"
                self.refuse("PLAN205", message, node, help="Leave it out.", fixes=(fix,))
                return n.Pass(self.span(node))
            self.not_offered(name, node)
            for alias in node.names:
                self.names.bind(alias.asname or alias.name, self.span(node))
            return n.Pass(self.span(node))
        for alias in node.names:
            name = alias.asname or alias.name
            if alias.name not in MODULES[module]:
                if alias.name == "*":
                    message, way_out = f"`from {module} import *`", "Name what you need."
                else:
                    message, way_out = f"the module `{module}` offers no `{alias.name}`", ""
                self.spare_import(node)
                self.refuse("PLAN205", message, node, help=way_out)
            self.bind_import(name, "", node)
            if (module, alias.name) == ("datetime", "datetime"):
                self.date_classes.add(name)
            bindings.append((name, module, alias.name))
        return n.Import(self.span(node), () if module == "__future__" else tuple(bindings))

    def bind_import(self, name: str, module: str, node: ast.stmt) -> None:
        """Like `bind`, but a module may be bound again to itself."""
        if self.names.modules.get(name) == module and name not in self.tools and not name.startswith("__"):
            self.names.bind(name, self.span(node))
        else:
            self.bind(name, self.span(node))

    def not_offered(self, module: str, node: ast.stmt) -> None:
        root = module.partition(".")[0]
        way_out = _MODULE_HELP.get(root) or f"Plans can import: {', '.join(sorted(set(MODULES) - {'__future__'}))}."
        self.spare_import(node)
        self.refuse("PLAN205", f"the module `{module}` is not offered", node, help=way_out)

    def spare_import(self, node: Any) -> None:
        """Record an import to remove if the statements that need it are rewritten."""
        text = without_import(node)
        if text is not None and len(self.spare) < MAX_SPARE:
            self.spare.append(Edit(self.span(node), text))

    def scope(self, node: Any) -> Any:
        span = self.span(node)
        kind = "global" if type(node) is ast.Global else "nonlocal"
        if not self.functions and kind == "nonlocal":
            self.refuse("PLAN213", "`nonlocal` outside of a function", span)
        for name in node.names:
            self.check_binding(name, span)
            if kind == "nonlocal" and not any(name in scope.locals for scope in self.names.stack[1:-1]):
                self.refuse("PLAN213", f"no function around binds `{name}`", span)
            if name in self.names.stack[-1].possible and self.functions:
                self.refuse("PLAN213", f"`{name}` is used before it is declared {kind}", span)
        if self.functions:
            self.names.declare(kind, node.names)
        return n.ScopeStmt(span, kind, tuple(node.names))


_ANSWER_NAME = re.compile(r"(?:\w+_)?answer(?:_(?:text|str|string|value|result))?")


def _what_is_left(body: n.Block) -> tuple[Edit, ...]:
    """Edits that assign to `final_answer` what a last `print(x)` shows, or what a last `main()` returns or prints."""
    last = body[-1]
    if type(last) is n.If and is_main(last.test) and last.body:
        last = last.body[-1]
    if (
        type(last) is not n.ExprStmt
        or type(last.value) is not n.FunctionCall
        or type(last.value.function) is not n.Name
    ):
        return ()
    if (printed := _print_in(last)) is not None:
        return (Edit(printed, "final_answer = "),)
    name = last.value.function.id
    function = next((s for s in body if type(s) is n.FunctionDef and s.name == name), None)
    if function is None or not function.body:
        return ()
    place = last.span._replace(end_line=last.span.line, end_column=last.span.column)
    end = function.body[-1]
    if type(end) is n.Return and end.value is not None:
        return (Edit(place, "final_answer = "),)
    printed = _print_in(end)
    if printed is not None and not any(type(node) is n.Return for node in n.walk(function.body)):
        return (Edit(printed, "return "), Edit(place, "final_answer = "))
    return ()


def _print_in(statement: Any) -> Span | None:
    """The place of `print` in a statement `print(x)` with one argument; None for any other statement."""
    if type(statement) is not n.ExprStmt or type(statement.value) is not n.FunctionCall:
        return None
    call = statement.value
    if type(call.function) is not n.Name or call.function.id != "print":
        return None
    alone = len(call.args) == 1 and type(call.args[0]) is not n.Starred and not call.keywords
    return call.function.span if alone else None


def _is_stub(node: ast.FunctionDef) -> bool:
    """Whether a function does nothing: a docstring, `pass`, `...`, `raise NotImplementedError`, a constant."""
    for statement in node.body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        if isinstance(statement, (ast.Pass, ast.Raise)):
            continue
        if isinstance(statement, ast.Return) and _is_empty(statement.value):
            continue
        return False
    return True


def _is_empty(node: ast.expr | None) -> bool:
    if isinstance(node, ast.List):
        return not node.elts
    if isinstance(node, ast.Dict):
        return not node.keys
    return node is None or isinstance(node, ast.Constant)


def _is_constant(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant)


def _is_path(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


_DATA = (n.Const, n.FString, n.ListDisplay, n.DictDisplay, n.TupleDisplay, n.SetDisplay)
_MODULE_HELP = {
    "asyncio": "Independent calls overlap by themselves: call the tools one after the other.",
    "threading": "Independent calls overlap by themselves: call the tools one after the other.",
    "concurrent": "Independent calls overlap by themselves: call the tools one after the other.",
    "requests": "Plans have no network: use `retrieve`.",
    "urllib": "Plans have no network: use `retrieve`.",
    "httpx": "Plans have no network: use `retrieve`.",
    "os": "Plans have no system: delete the import and what uses it.",
    "sys": "Plans have no system: delete the import and what uses it.",
    "subprocess": "Plans have no system: delete the import and what uses it.",
    "random": "Plans are deterministic: choose by a rule.",
    "time": "Plans have no clock: use datetime.now(), the start of the run.",
    "numpy": "Use lists, sum() and the `statistics` module.",
    "pandas": "Use lists and dictionaries.",
    "dataclasses": "Use a dictionary or collections.namedtuple.",
    "contextlib": "Use try: ... except ...: pass.",
    "dateutil": "Use datetime.strptime in a try, one format after the other.",
}
_REFUSED = {
    "ClassDef": ("classes", "Use functions and dictionaries."),
    "AsyncFunctionDef": (
        "`async` functions",
        "Write a plain `def`; independent calls overlap by themselves.",
    ),
    "AsyncFor": ("`async for`", "Write a plain `for`."),
    "AsyncWith": ("`async with`", "Write the calls one after the other."),
    "With": ("`with`", "Plans have no files; for contextlib.suppress use try/except."),
    "Match": ("`match`", "Use if/elif."),
    "TryStar": ("`except*`", "Use `except`."),
    "TypeAlias": ("type aliases", "Delete the line."),
}

STATEMENTS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Assign: Vetter.assign,
    ast.AnnAssign: Vetter.ann_assign,
    ast.AugAssign: Vetter.aug_assign,
    ast.Expr: Vetter.expr_stmt,
    ast.Pass: Vetter.pass_,
    ast.If: Vetter.if_,
    ast.For: Vetter.for_,
    ast.While: Vetter.while_,
    ast.Break: Vetter.jump,
    ast.Continue: Vetter.jump,
    ast.FunctionDef: Vetter.function,
    ast.Return: Vetter.return_,
    ast.Try: Vetter.try_,
    ast.Raise: Vetter.raise_,
    ast.Assert: Vetter.assert_,
    ast.Delete: Vetter.delete,
    ast.Import: Vetter.import_,
    ast.ImportFrom: Vetter.import_from,
    ast.Global: Vetter.scope,
    ast.Nonlocal: Vetter.scope,
}
