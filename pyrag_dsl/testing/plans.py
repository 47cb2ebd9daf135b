"""Hypothesis strategies for plans: valid programs, made statement by statement in a tracked environment.

    from hypothesis import given
    from pyrag_dsl.testing.plans import plans, tool_results

    @given(plans(), tool_results())
    def test_my_engine(text, tools):
        assert run(text, tools=tools.functions()).final_answer == expected(text, tools)

Every plan ends soon: loops are counted, recursion is bounded, values do not grow without end, and no more than
some dozens of calls are made. Many raise on the way, which is wanted (`with_errors=False` for plans that try not to).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hypothesis import assume
from hypothesis import strategies as st

from pyrag_dsl.grammar.diagnostics import PlanRejected
from pyrag_dsl.grammar.language import DEFAULT_SIGNATURES, REQUIRED, Signature
from pyrag_dsl.grammar.vet import parse
from pyrag_dsl.testing.forms import EXPRESSIONS, FIELDS, LOOPS, STATEMENTS, Form, Hole
from pyrag_dsl.testing.replies import Reply, model_replies
from pyrag_dsl.testing.stubs import Latencies, StubTools, latencies, tool_results

__all__ = [
    "FEATURES",
    "Latencies",
    "Reply",
    "StubTools",
    "latencies",
    "model_replies",
    "plans",
    "tool_results",
]

FEATURES = frozenset(
    [
        "annotations", "augmented", "comprehensions", "del", "format", "functions", "generators", "lambda",
        "messages", "modules", "print", "return", "try", "unpacking", "walrus", "while",
    ]
)  # fmt: skip
"""Groups of constructs that `plans` can use; the rest of the language is always there."""

_NAMES: dict[str, tuple[str, ...]] = {
    "str": ("name", "city", "query", "text"),
    "int": ("year", "total", "rank"),
    "bool": ("found", "same"),
    "docs": ("docs", "parts", "names"),
    "float": ("ratio",),
    "ints": ("years", "sizes"),
    "dict": ("facts", "table"),
    "counts": ("tally",),
    "set": ("seen",),
    "pair": ("pair",),
    "maybe": ("guess",),
    "date": ("day",),
}
_LITERALS: dict[str, tuple[str, ...]] = {
    "str": ('"Dune"', '""', '"who wrote it"', "'yes'", '"12 May 1922"', '"Herbert, Frank"', '"é ☃"', '"a\\tb\\n"',
            'r"\\d"', '"""two\nlines"""', '"un" "known"', '"1999"'),
    "int": ("0", "1", "2", "7", "12", "1_999"),
    "small": ("1", "2", "3"),
    "bool": ("True", "False"),
    "float": ("0.5", "2.0", "1e2"),
    "docs": ("[]", '["Dune"]', '["b", "a", "b"]'),
    "ints": ("[]", "[3, 1, 2]"),
    "dict": ("{}", '{"city": "Rome"}'),
    "counts": ("{}", '{"a": 1, "b": 2}'),
    "set": ("set()", '{"a", "b"}'),
    "pair": ('("a", 1)',),
    "maybe": ("None",),
    "date": ("datetime(1999, 12, 31)",),
}  # fmt: skip
_ANNOTATIONS = {"str": "str", "int": "int", "bool": "bool", "docs": "list[str]", "float": "float",
                "ints": "List[int]", "dict": "Dict[str, str]", "counts": "dict", "set": "set[str]",
                "pair": "Tuple[str, int]", "maybe": "str | None", "date": '"datetime"'}  # fmt: skip
# Tools by what they return and take, in the types of phrases.
_RETURNED = {"str": "str", "list[str]": "docs", "docs": "docs", "int": "int", "bool": "bool", "float": "float"}
_TAKEN = {"str": "str", "docs": "docs", "list[str]": "docs", "topk": "small", "int": "int", "float": "float",
          "bool": "bool", "list": "docs", "dict": "dict", "any": "str"}  # fmt: skip
# Bounds on what is assigned where code may run more than once.
_CLIPS = {"str": "{}[:40]", "docs": "{}[:5]", "ints": "{}[:5]", "int": "{} % 1000"}
_PLAIN = re.compile(r"[\w.]+\Z|-?\d+\Z")
_CAUGHT = ("ValueError", "Exception", "(IndexError, KeyError)", "ZeroDivisionError", "LookupError", "TypeError")
_RAISED = ('ValueError("no answer")', "KeyError", 'RuntimeError("gave up", 2)', "Exception()")
_IMPORTS = (
    (r"\bre\.", "import re"),
    (r"\bmath\.", "import math"),
    (r"\bjson\.", "import json"),
    (r"\bstring\.", "import string"),
    (r"\bfunctools\.|lru_cache", "import functools"),
    (r"\bitertools\.", "import itertools"),
    (r"\bstatistics\.", "import statistics as statistics"),
    (r"\bCounter\(|\bdefaultdict\(", "from collections import Counter, defaultdict"),
    (r"\bdatetime\(|\bdatetime\.|\btimedelta\(", "from datetime import datetime, timedelta"),
    (r"\b(?:List|Dict|Tuple)\[", "from typing import Dict, List, Tuple"),
)
_ROUNDS = 4  # of one loop, at most
_WORK = 16  # how often one statement may run in loops and functions together
_DEPTH = 3  # blocks within blocks


class _Function(NamedTuple):
    """A function of the plan: `cost` is how often one call may run a statement of it."""

    params: tuple[tuple[str, str, str], ...]  # name, type, kind: "", "default", "keyword", "*", "**"
    returns: str
    cost: int


@dataclass(slots=True)
class _Scope:
    """What is bound for sure here, and what the statements here may bind."""

    variables: dict[str, str] = field(default_factory=dict)
    functions: dict[str, _Function] = field(default_factory=dict)
    level: int = 0  # functions around
    own: frozenset[str] = frozenset()  # parameters
    work: int = 1  # how often what stands here may run
    cost: int = 1
    loops: int = 0
    returns: str = ""

    def copy(self) -> _Scope:
        return _Scope(dict(self.variables), dict(self.functions), self.level, self.own, self.work, self.cost,
                      self.loops, self.returns)  # fmt: skip


_INTEGERS = [st.integers(0, n) for n in range(512)]


class _Writer:
    """Writes one plan. Every choice is a small integer whose 0 is the simplest, so that plans shrink well."""

    def __init__(
        self,
        draw: Callable[[Any], Any],
        budget: int,
        tools: Mapping[str, Signature],
        risky: bool,
        features: frozenset[str],
    ) -> None:
        self.draw = draw
        self.budget = budget
        self.features = features
        self.risky = risky
        self.lines: list[str] = []
        self.indent = 0
        self.serial = 0
        self.scope = _Scope()
        self.tools: dict[str, list[Signature]] = {}
        for signature in tools.values():
            if all(p.default is not REQUIRED or p.type in _TAKEN for p in signature.params):
                self.tools.setdefault(_RETURNED.get(signature.returns, ""), []).append(signature)
        self.forms: dict[tuple[str, frozenset[str]], list[Form]] = {}

    # ---------------------------------------------------------------- choices

    def pick(self, n: int) -> int:
        return int(self.draw(_INTEGERS[n - 1])) if n > 1 else 0

    def one(self, options: Collection[Any]) -> Any:
        return tuple(options)[self.pick(len(options))]

    def maybe(self, feature: str = "", odds: int = 2) -> bool:
        """One time in `odds`, if the feature is on."""
        return (not feature or feature in self.features) and self.pick(odds) == odds - 1

    def usable(self, forms: Collection[Form]) -> list[Form]:
        have = {*self.scope.variables.values(), ""}
        return [
            form
            for form in forms
            if form.needs <= have and form.features <= self.features and (self.risky or not form.risky)
        ]

    # ------------------------------------------------------------ expressions

    def expression(self, type_: str, depth: int = 2, bare: bool = False) -> str:
        """A phrase of a type; `bare` where its own parentheses are not needed."""
        if type_ in ("ask", "seek"):
            return self.call("str" if type_ == "ask" else "docs", depth)
        if type_ == "fstring":
            return self.fstring()
        variables = [name for name, known in self.scope.variables.items() if known == type_]
        kind = self.pick(8 if depth > 0 and type_ in EXPRESSIONS else 4)
        if kind == 0 or (kind < 4 and not variables):
            return str(self.one(_LITERALS[type_]))
        if kind < 4:
            return str(variables[-1 - self.pick(len(variables))])
        functions = self.callable(type_)
        if functions and kind == 7:
            return self.plan_call(self.one(functions), depth - 1)
        key = (type_, frozenset(self.scope.variables.values()))
        if key not in self.forms:
            self.forms[key] = self.usable(EXPRESSIONS[type_])
        return self.fill(self.one(self.forms[key]), depth - 1, bare)

    def fill(self, form: Form, depth: int, bare: bool = False) -> str:
        texts: list[str] = []
        first = ""
        for part in form.parts:
            if not isinstance(part, Hole):
                texts.append(part)
                continue
            if part.type == "1":
                text = first
            elif part.variable:
                names = [name for name, known in self.scope.variables.items() if known == part.type]
                text = names[-1 - self.pick(len(names))]
            elif part.inner:
                with self.inside(form.binds):
                    text = self.expression(part.type, depth)
            else:
                text = self.expression(part.type, depth)
            first = first or text
            texts.append(text)
        whole = "".join(texts)
        if bare and not form.binds and whole.startswith("(") and isinstance(form.parts[-1], str):
            if form.parts[0][0] == "(" and form.parts[-1] == ")" and isinstance(form.parts[0], str):
                return whole[1:-1]
        return whole

    @contextmanager
    def inside(self, binds: Collection[tuple[str, str]]) -> Iterator[None]:
        outer = self.scope
        self.scope = outer.copy()
        for name, type_ in binds:
            self.scope.variables.pop(name, None)
            self.scope.variables[name] = type_
        yield
        self.scope = outer

    def fstring(self) -> str:
        quote, *texts = self.one((('"', "", " of ", "?"), ('"', "who is ", " in ", ""), ('"""', "é ", "\n", ".")))
        body = texts[0]
        fields = self.usable(FIELDS)
        for _ in range(1 + self.pick(3)):
            body += self.fill(self.one(fields), 0) + texts[1]
        return f"f{quote}{body}{texts[2]}{quote}" if quote == '"' or not self.maybe() else f'rf"""{body}"""'

    def call(self, returns: str, depth: int) -> str:
        """A call of a tool that returns this type, in one of the ways to write it."""
        signatures = self.tools.get(returns)
        if not signatures:
            return str(self.one(_LITERALS[returns]))
        signature: Signature = self.one(signatures)
        args: list[str] = []
        positional = True
        for place, param in enumerate(signature.params):
            if param.type not in _TAKEN or (param.default is not REQUIRED and self.pick(3) == 0):
                positional = False
                continue
            type_ = _TAKEN[param.type]
            if type_ == "str" and self.pick(2):
                value = self.fstring()
            elif type_ == "docs" and self.pick(2) and "docs" in self.tools and depth > 0:
                value = self.call("docs", depth - 1)
            else:
                value = self.expression(type_, depth - 1, bare=True)
            positional = positional and (param.type != "topk" or self.pick(2) == 1) and (not place or not self.pick(4))
            args.append(value if positional else f"{param.name}={value}")
        return f"{signature.name}({', '.join(args)})"

    def callable(self, type_: str) -> list[str]:
        scope = self.scope
        return [
            name for name, f in scope.functions.items() if f.returns == type_ and scope.work * f.cost <= _WORK
        ]

    def plan_call(self, name: str, depth: int) -> str:
        function = self.scope.functions[name]
        self.scope.cost = max(self.scope.cost, self.scope.work * function.cost)
        args: list[str] = []
        named = False
        for param, type_, kind in function.params:
            if kind == "*":
                if not named and self.pick(3) == 2:
                    args.append(f"*{self.expression('docs', 0)}[:2]")
                elif not named and self.maybe():
                    args.append(self.expression("str", depth))
            elif kind == "**":
                if self.maybe():
                    args.append("**{'note': 'x'}" if self.maybe() else f"note={self.expression('str', 0)}")
            elif kind == "default" and self.pick(2) == 0:
                named = True
            elif kind == "keyword" or named or self.pick(4) == 3:
                named = True
                args.append(f"{param}={self.expression(type_, depth, bare=True)}")
            else:
                args.append(self.expression(type_, depth, bare=True))
        return f"{name}({', '.join(args)})"

    # ------------------------------------------------------------- statements

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def block(self, most: int, scope: _Scope | None = None) -> _Scope:
        """An indented block; what is bound when it ends."""
        outer = self.scope
        self.scope = scope or outer.copy()
        self.indent += 1
        self.statements(most)
        self.indent -= 1
        inner, self.scope = self.scope, outer
        outer.cost = max(outer.cost, inner.cost)
        return inner

    def statements(self, most: int) -> None:
        self.statement()
        for _ in range(most - 1):
            if self.budget <= 0 or self.pick(6) == 0:
                break
            self.statement()

    def statement(self) -> None:
        self.budget -= 1
        nested = self.indent < _DEPTH and self.budget > 0
        kinds = _KINDS if nested else _SIMPLE
        kind = self.one(kinds)
        getattr(self, f"write_{kind}")()

    def target(self, type_: str) -> str:
        """A name of this type that may be bound here."""
        names = [name for name in self.scope.own if self.scope.variables.get(name) == type_]
        suffix = f"_{self.scope.level}" if self.scope.level else ""
        names = [name + suffix for name in _NAMES[type_]] + sorted(names)
        return str(self.one(names))

    def bind(self, name: str, type_: str) -> None:
        self.scope.variables.pop(name, None)
        self.scope.variables[name] = type_

    def value(self, type_: str, depth: int = 2) -> str:
        """What is assigned: bounded where it may be assigned again and again."""
        text = self.expression(type_, depth, bare=True)
        clip = _CLIPS.get(type_)
        if clip is None or _PLAIN.match(text) or (self.scope.work == 1 and not self.scope.level):
            return text
        return clip.format(f"({text})")

    def write_ask(self) -> None:
        type_ = self.one([type_ for type_ in ("docs", "str") if type_ in self.tools] or ["str"])
        text = self.call(type_, 2)
        name = self.target(type_)
        self.line(f"{name} = {text}")
        self.bind(name, type_)

    def write_assign(self) -> None:
        type_ = self.one(_NAMES)
        if type_ == "date" and "modules" not in self.features:
            type_ = "str"
        text = self.value(type_)
        name = self.target(type_)
        way = self.pick(8)
        if way == 6 and "annotations" in self.features:
            self.line(f"{name}: {_ANNOTATIONS[type_]} = {text}")
        elif way == 7:
            other = self.target(type_)
            self.line(f"{other} = {name} = {text}")
            self.bind(other, type_)
        else:
            self.line(f"{name} = {text}")
        self.bind(name, type_)

    def write_unpack(self) -> None:
        if "unpacking" not in self.features:
            return self.write_ask()
        text, number = self.target("str"), self.target("int")
        first, second, rest = self.target("str"), self.target("str"), self.target("docs")
        ways: list[tuple[str, str, dict[str, str]]] = [
            (f"{text}, {number}", f"{self.value('str', 1)}, {self.value('int', 1)}", {text: "str", number: "int"}),
            (f"[{text}, {number}]", self.expression("pair"), {text: "str", number: "int"}),
            (f"{first}, *{rest}", f"[{self.value('str', 1)}, *{self.expression('docs', 1)}[:3]]",
             {first: "str", rest: "docs"}),
            (f"({first}, {number}), {second}", f"{self.expression('pair', 1)}, {self.value('str', 1)}",
             {first: "str", number: "int", second: "str"}),
        ]  # fmt: skip
        if self.risky:
            ways.append((f"{first}, {second}", self.expression("docs"), {first: "str", second: "str"}))
            ways.append((f"*{rest}, {first}", self.expression("docs"), {rest: "docs", first: "str"}))
        left, right, bound = self.one(ways)
        self.line(f"{left} = {right}")
        for name, type_ in bound.items():
            self.bind(name, type_)
        return None

    def write_change(self, table: str = "change") -> None:
        forms = self.usable(STATEMENTS[table])
        own = {type_ for name, type_ in self.scope.variables.items() if self.mine(name)}
        forms = [form for form in forms if form.needs <= own]
        if not forms:
            return self.write_ask()
        outer = self.scope
        self.scope = outer.copy()
        form = self.one(forms)
        # What is changed is the first variable; only names of this scope can be.
        hole = next((part for part in form.parts if isinstance(part, Hole) and part.variable), None)
        hidden = {n: t for n, t in outer.variables.items() if hole and t == hole.type and not self.mine(n)}
        for name in hidden:
            del self.scope.variables[name]
        text = self.fill(form, 1)
        self.scope = outer
        self.line(text)
        return None

    def mine(self, name: str) -> bool:
        level = self.scope.level
        return name in self.scope.own or name.endswith(f"_{level}") if level else True

    def write_effect(self) -> None:
        self.write_change("effect")

    def write_jump(self) -> None:
        if self.scope.loops:
            jump = self.one(("break", "continue"))
        elif self.scope.level:
            jump = f"return {self.expression(self.scope.returns, 1, bare=True)}"
        elif "return" in self.features:
            jump = f"return {self.expression('str', 1, bare=True)}"
        else:
            jump = "pass"
        if self.maybe():
            self.line(f"if {self.expression('bool', 1, bare=True)}: {jump}")
        else:
            self.line(f"if {self.expression('bool', 1, bare=True)}:")
            self.line(f"    {jump}")

    def write_if(self) -> None:
        name = ""
        if self.maybe("walrus", 4):
            name = self.target("str")
            self.line(f"if ({name} := {self.value('str')}) != {self.expression('str', 0)}:")
            self.bind(name, "str")
        else:
            self.line(f"if {self.expression('bool', bare=True)}:")
        ends = [self.block(3)]
        for _ in range(self.pick(3) // 2):
            self.line(f"elif {self.expression('bool', bare=True)}:")
            ends.append(self.block(2))
        if self.maybe():
            self.line("else:")
            ends.append(self.block(3))
        else:
            ends.append(self.scope)
        self.merge(ends)

    def merge(self, ends: list[_Scope]) -> None:
        """After branches: what each of them binds; with errors, now and then what only one of them does."""
        leaky = self.risky and self.maybe(odds=8)
        variables = dict(self.scope.variables)
        for name, type_ in ends[0].variables.items():
            if name not in variables and (leaky or all(name in end.variables for end in ends)):
                variables[name] = type_
        self.scope.variables = variables
        self.scope.functions = {
            name: f for name, f in ends[0].functions.items() if all(name in end.functions for end in ends)
        }

    def loop_scope(self) -> _Scope | None:
        scope = self.scope.copy()
        scope.work *= _ROUNDS
        scope.loops += 1
        scope.cost = max(scope.cost, scope.work)
        return scope if scope.work <= _WORK else None

    def write_for(self) -> None:
        scope = self.loop_scope()
        if scope is None:
            return self.write_ask()
        targets = self.one(LOOPS)
        text = self.fill(self.one(self.usable(LOOPS[targets])), 1, bare=True)
        names: list[str] = []
        for type_ in re.findall("[a-z]+", targets):
            names.append(self.target(type_))
            scope.variables.pop(names[-1], None)
            scope.variables[names[-1]] = type_
        shape = iter(names)
        self.line(f"for {re.sub('[a-z]+', lambda _: next(shape), targets.replace(',', ', '))} in {text}:")
        self.block(4, scope)
        self.loop_else()
        return None

    def loop_else(self) -> None:
        if self.maybe(odds=5):
            self.line("else:")
            self.block(2)

    def write_while(self) -> None:
        scope = self.loop_scope()
        if scope is None or "while" not in self.features:
            return self.write_ask()
        self.serial += 1
        way = self.pick(4)
        if way == 3:  # a queue of its own, which nothing else can lengthen
            queue, name = f"queue{self.serial}", self.target("str")
            self.line(f"{queue} = {self.expression('docs', 1)}[:3]")
            self.line(f"while {queue}:")
            self.line(f"    {name} = {queue}.pop(0)")
            scope.variables[name] = "str"
        else:
            step = f"step{self.serial}"
            self.line(f"{step} = 0")
            if way == 2 and "walrus" in self.features:
                self.line(f"while ({step} := {step} + 1) < {_ROUNDS}:")
            elif way == 1:
                self.line("while True:")
                self.line(f"    if {step} >= 3: break")
                self.line(f"    {step} += 1")
            else:
                self.line(f"while {step} < 3 and {self.expression('bool', 1)}:")
                self.line(f"    {step} += 1")
        self.block(3, scope)
        self.loop_else()
        return None

    def write_try(self) -> None:
        if "try" not in self.features:
            return self.write_if()
        self.line("try:")
        body = self.block(3)
        ends = []
        final = self.maybe(odds=4)
        if final and self.maybe():
            ends.append(body)
        else:
            for kind in self.one([(kind,) for kind in _CAUGHT] + [_CAUGHT[:2], ("",)]):
                scope = self.scope.copy()
                if kind and self.maybe("messages", 3):
                    self.line(f"except {kind} as error:")
                    self.line(f"    {self.target('str')} = str(error)")
                elif kind and self.maybe(odds=4):
                    self.line(f"except {kind} as error:")
                    self.line("    raise" + (' RuntimeError("failed") from error' if self.maybe() else ""))
                    continue
                else:
                    self.line(f"except {kind}:".replace(" :", ":"))
                ends.append(self.block(2, scope))
            if self.maybe(odds=4):
                self.line("else:")
                body = self.block(2, body)
            ends.append(body)
        self.merge(ends)
        if final:
            self.line("finally:")
            scope = self.scope.copy()
            scope.loops = 0  # a jump out of `finally` is deprecated
            self.line(f"    {self.one(('pass', 'print()')) if 'print' in self.features else 'pass'}")
        return None

    def write_raise(self) -> None:
        if not (self.risky and "try" in self.features):
            return self.write_effect()
        self.line(f"if {self.expression('bool', 1, bare=True)}:")
        self.line(f"    raise {self.one(_RAISED)}")
        return None

    def write_temporary(self) -> None:
        if "del" not in self.features:
            return self.write_effect()
        self.line(f"temporary = {self.expression(self.one(_NAMES), 1, bare=True)}")
        self.line("del temporary")
        return None

    # -------------------------------------------------------------- functions

    def write_function(self) -> None:
        if "functions" not in self.features or self.scope.level > 1 or self.scope.loops:
            return self.write_ask()
        self.serial += 1
        name = f"step_{self.serial}" if self.scope.level else f"find_{self.serial}"
        way = self.pick(6)
        if way == 5 and "lambda" in self.features:
            self.write_lambda(name)
        elif way == 4:
            self.write_recursion(name)
        elif way == 3:
            self.write_counter(name)
        else:
            self.write_def(name)
        return None

    def write_def(self, name: str) -> None:
        returns = self.one(("str", "docs", "int", "bool", "dict"))
        params: list[tuple[str, str, str]] = []
        shown: list[str] = []
        typed = self.maybe("annotations", 3)
        for kind in self.one(_PARAMETERS):
            type_ = {"*": "args", "**": "dict"}.get(kind) or self.one(("str", "docs", "int"))
            param = {"*": "args", "**": "options"}.get(kind) or self.one(_NAMES[type_])
            if any(param == other for other, *_ in params):
                continue
            if kind == "keyword" and not any(text.startswith("*") for text in shown):
                shown.append("*")
            text = f"{kind}{param}" if kind in ("*", "**") else param
            text += f": {_ANNOTATIONS.get(type_, 'str')}" if typed and kind not in ("*", "**") else ""
            default = " = " if typed else "="
            text += default + str(self.one(_LITERALS[type_])) if kind == "default" else ""
            params.append((param, type_, kind))
            shown.append(text)
        if self.maybe(odds=5) and "modules" in self.features and not {"*", "**"} & {kind for *_, kind in params}:
            if all(type_ != "docs" for _, type_, _ in params):
                self.line(self.one(("@functools.lru_cache(maxsize=None)", "@functools.lru_cache")))
        self.line(f"def {name}({', '.join(shown)})" + (f" -> {_ANNOTATIONS[returns]}:" if typed else ":"))
        scope = _Scope(dict(self.scope.variables), dict(self.scope.functions), self.scope.level + 1)
        scope.own = frozenset(param for param, *_ in params)
        scope.returns = returns
        for param, type_, _ in params:
            scope.variables.pop(param, None)
            scope.variables[param] = type_
        if self.maybe(odds=4):
            self.line('    """Find one thing."""')
        cost = self.scope.cost
        scope = self.block(4, scope)
        self.scope.cost = cost
        outer, self.scope = self.scope, scope
        self.line(f"    return {self.expression(returns, 1, bare=True)}")
        self.scope = outer
        self.scope.functions[name] = _Function(tuple(params), returns, scope.cost)

    def write_lambda(self, name: str) -> None:
        with self.inside([("x", "str"), ("n", "int")]):
            returns = self.one(("str", "bool", "int"))
            body = self.expression(returns, 2, bare=True)
            cost = self.scope.cost
        self.line(f"{name} = lambda x, n=2: {body}")
        self.scope.functions[name] = _Function((("x", "str", ""), ("n", "int", "default")), returns, cost)

    def write_recursion(self, name: str) -> None:
        """A function that calls itself, no more than three times."""
        self.line(f"def {name}(n, text):")
        with self.inside([("n", "int"), ("text", "str")]):
            step = self.call("str", 1)
            test = self.expression("bool", 1)
        self.line(f"    if n <= 0 or {test}:")
        self.line("        return text")
        self.line(f"    return {name}(min(n, 3) - 1, {step})")
        self.scope.functions[name] = _Function((("n", "small", ""), ("text", "str", "")), "str", _ROUNDS)

    def write_counter(self, name: str) -> None:
        """A function that counts its calls in a variable outside of it."""
        count = f"count_{self.serial}"
        if self.scope.level:
            self.line(f"{count} = 0")
            word = "nonlocal"
        else:
            self.line(f"{count} = 0")
            word = "global"
        self.line(f"def {name}(x):")
        self.line(f"    {word} {count}")
        self.line(f"    {count} += 1")
        with self.inside([("x", "str")]):
            text = self.expression("str", 1)
        self.line(f'    return f"{{x}} {{{count}}}" if {count} % 2 else ({text})[:40]')
        self.scope.functions[name] = _Function((("x", "str", ""),), "str", 1)


_SIMPLE = ("ask", "ask", "ask", "assign", "assign", "assign", "change", "change", "unpack", "effect", "jump", "raise",
           "temporary")  # fmt: skip
_KINDS = (*_SIMPLE, "if", "if", "if", "for", "for", "for", "while", "try", "try", "function", "function")
_PARAMETERS = (("",), ("", ""), ("", "default"), ("", "keyword"), ("default", "default"), ("", "*"), ("", "**"), (),
               ("", "default", "*", "keyword", "**"))  # fmt: skip


def _finish(writer: _Writer) -> str:
    """The answer of the plan at its end, its imports at its beginning."""
    if writer.maybe("return", 8):
        writer.line(f"return {writer.expression('str', bare=True)}")
    else:
        type_ = writer.one(("str", "str", "docs", "int", "bool", "dict", "pair"))
        main = 'if __name__ == "__main__":\n    ' if writer.maybe(odds=12) else ""
        writer.lines.append(f"{main}final_answer = {writer.expression(type_, bare=True)}")
    text = "\n".join(writer.lines) + "\n"
    imports = [line for pattern, line in _IMPORTS if re.search(pattern, text)]
    return "".join(f"{line}\n" for line in imports) + text


@st.composite
def plans(
    draw: Callable[[Any], Any],
    max_statements: int = 14,
    tools: Mapping[str, Signature] | None = None,
    with_errors: bool = True,
    features: Collection[str] | None = None,
) -> str:
    """The text of a plan that the vetter accepts.

    Args:
        max_statements: about how many statements, those in blocks included.
        tools: the signatures of the tools that the plan calls; `retrieve` and `answer` if not given.
        with_errors: also operations that can fail while running: `int(answer(...))`, `docs[2]`, names bound on
            one path only, `raise` and `assert`. Without it, few plans fail: tools can still be given what
            they refuse.
        features: which of `FEATURES` may be used. All of them if not given, but "messages": the text of a caught
            exception is not the same in every version of Python.

    >>> plans(max_statements=4, features=["functions", "try"]).example()  # doctest: +SKIP
    'docs = retrieve(f"who is Dune in ")\\nfinal_answer = docs\\n'
    """
    chosen = FEATURES - {"messages"} if features is None else frozenset(features)
    if unknown := chosen - FEATURES:
        raise ValueError(f"unknown features: {', '.join(sorted(unknown))}; there are {', '.join(sorted(FEATURES))}")
    signatures = DEFAULT_SIGNATURES if tools is None else tools
    writer = _Writer(draw, max_statements - 1, signatures, with_errors, chosen)
    writer.statements(max(max_statements - 1, 1))
    text = _finish(writer)
    try:
        parse(text, signatures)
    except PlanRejected:
        assume(False)
    return text
