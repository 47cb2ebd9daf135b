"""Writes expressions of a given type over the names that are bound in a scope.

Every choice is a small integer, and 0 is the simplest one, so that Hypothesis shrinks a failing plan to a simple one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hypothesis import strategies as st

from ..grammar.language import REQUIRED, Signature
from .forms import EXPRESSIONS, FIELDS, Form, Slot

NAMES: dict[str, tuple[str, ...]] = {
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
LITERALS: dict[str, tuple[str, ...]] = {
    "str": ('"Dune"', '""', '"who wrote it"', "'yes'", '"12 May 1922"', '"Herbert, Frank"', '"é ☃"',
            '"a\\tb\\n"', 'r"\\d"', '"""two\nlines"""', '"un" "known"', '"1999"'),
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
ANNOTATIONS = {"str": "str", "int": "int", "bool": "bool", "docs": "list[str]", "float": "float",
                "ints": "List[int]", "dict": "Dict[str, str]", "counts": "dict", "set": "set[str]",
                "pair": "Tuple[str, int]", "maybe": "str | None", "date": '"datetime"'}  # fmt: skip
# The types of phrases for the results and for the parameters of tools.
_RETURNED = {
    "str": "str",
    "list[str]": "docs",
    "docs": "docs",
    "int": "int",
    "bool": "bool",
    "float": "float",
}
_TAKEN = {"str": "str", "docs": "docs", "list[str]": "docs", "topk": "small", "int": "int", "float": "float",
          "bool": "bool", "list": "docs", "dict": "dict", "any": "str"}  # fmt: skip

MAX_ROUNDS = 4  # the most rounds of one loop
MAX_WORK = 16  # the most executions of one statement, over all loops and functions around it
MAX_DEPTH = 3  # the deepest nesting of blocks


class PhraseFunction(NamedTuple):
    """A function of the plan.

    Attributes:
        params: the name, type and kind of each parameter. A kind is "", "default", "keyword", "*" or "**".
        returns: the type of its result.
        cost: the most executions of one of its statements in one call.
    """

    params: tuple[tuple[str, str, str], ...]
    returns: str
    cost: int


@dataclass(slots=True)
class PhraseScope:
    """The names that are certainly bound at a place of the plan, and what may be written there.

    Attributes:
        variables: the types of the variables, by name.
        functions: the functions of the plan, by name.
        level: the number of functions around.
        own: the parameters of the function around.
        work: the most executions of a statement here.
        cost: the most executions of any statement so far.
        loops: the number of loops around, in the same function.
        returns: the type that the function around returns.
        closed: whether this is a `finally` block. CPython warns about jumps out of it.
    """

    variables: dict[str, str] = field(default_factory=dict)
    functions: dict[str, PhraseFunction] = field(default_factory=dict)
    level: int = 0
    own: frozenset[str] = frozenset()
    work: int = 1
    cost: int = 1
    loops: int = 0
    returns: str = ""
    closed: bool = False

    def copy(self) -> PhraseScope:
        return PhraseScope(dict(self.variables), dict(self.functions), self.level, self.own, self.work, self.cost,
                      self.loops, self.returns, self.closed)  # fmt: skip


_INTEGERS = [st.integers(0, n) for n in range(512)]


class Phrases:
    """Writes phrases over the names of the current scope."""

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
        self.scope = PhraseScope()
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
        """True in one of `odds` cases. If a feature is given that may not be used, always False."""
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
        """A phrase of this type. `bare` says that no parentheses are needed around it."""
        if type_ in ("ask", "seek"):
            return self.call("str" if type_ == "ask" else "docs", depth)
        if type_ == "fstring":
            return self.fstring()
        variables = [name for name, known in self.scope.variables.items() if known == type_]
        kind = self.pick(8 if depth > 0 and type_ in EXPRESSIONS else 4)
        if kind == 0 or (kind < 4 and not variables):
            return str(self.one(LITERALS[type_]))
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
            if not isinstance(part, Slot):
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
        return whole[1:-1] if bare and form.parenthesised else whole

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
        """A call of a tool that returns this type. Arguments are written by position or by name."""
        signatures = self.tools.get(returns)
        if not signatures:
            return str(self.one(LITERALS[returns]))
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
            positional = positional and self.pick(5 if place == 0 else 2) != 1
            args.append(value if positional else f"{param.name}={value}")
        return f"{signature.name}({', '.join(args)})"

    def callable(self, type_: str) -> list[str]:
        """The functions of the plan that return this type and may be called here without exceeding `MAX_WORK`."""
        most = MAX_WORK // self.scope.work
        return [name for name, f in self.scope.functions.items() if f.returns == type_ and f.cost <= most]

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
