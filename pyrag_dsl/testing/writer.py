"""Writes plans statement by statement, and tracks which names are bound and how often code can run."""

from __future__ import annotations

import re
from collections.abc import Callable

from hypothesis import strategies as st

from .forms import LOOPS, STATEMENTS, Slot
from .phrases import (
    ANNOTATIONS,
    LITERALS,
    MAX_DEPTH,
    MAX_ROUNDS,
    MAX_WORK,
    NAMES,
    PhraseFunction,
    Phrases,
    PhraseScope,
)

# Expressions that bound the size of a value, for assignments that may run more than once.
_CLIPS = {"str": "{}[:40]", "docs": "{}[:5]", "ints": "{}[:5]", "int": "{} % 1000"}
_PLAIN = re.compile(r"[\w.]+\Z|-?\d+\Z")
_CAUGHT = (
    "ValueError",
    "Exception",
    "(IndexError, KeyError)",
    "ZeroDivisionError",
    "LookupError",
    "TypeError",
)
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
_SIMPLE = (
    *["ask"] * 8,
    *["assign"] * 7,
    *["change"] * 4,
    *["unpack"] * 2,
    "effect",
    "jump",
    "raise",
    "temporary",
)
_KINDS = (*_SIMPLE, *["if"] * 5, *["for"] * 5, *["while"] * 2, *["try"] * 3, *["function"] * 4)
_PARAMETERS = (
    ("",), ("", ""), ("", "default"), ("", "keyword"), ("default", "default"), ("", "*"), ("", "**"), (),
    ("", "default", "*", "keyword", "**"),
)  # fmt: skip


@st.composite
def _group(draw: st.DrawFn, writer: Writer, choices: Callable[[], bool]) -> bool:
    writer.draw = draw
    return choices()


class Writer(Phrases):
    """Writes one plan."""

    # ------------------------------------------------------------- statements

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def block(self, most: int, scope: PhraseScope | None = None) -> PhraseScope:
        """Write an indented block of at most `most` statements. Returns the scope at its end."""
        outer = self.scope
        self.scope = scope or outer.copy()
        self.indent += 1
        self.statements(most)
        self.indent -= 1
        inner, self.scope = self.scope, outer
        outer.cost = max(outer.cost, inner.cost)
        return inner

    def statements(self, most: int) -> None:
        """Write one to `most` statements.

        The choice to write a further statement is in one group with the choices in it, so that Hypothesis can remove
        the statement as a whole when it shrinks a plan.
        """
        odds = 6 if self.indent else 16

        def another() -> bool:
            if self.pick(odds) == 0:
                return False
            self.statement()
            return True

        self.statement()
        for _ in range(most - 1):
            if self.budget <= 0 or not self.draw(_group(self, another)):
                break

    def statement(self) -> None:
        self.budget -= 1
        nested = self.indent < MAX_DEPTH and self.budget > 0
        kinds = _KINDS if nested else _SIMPLE
        kind = self.one(kinds)
        getattr(self, f"write_{kind}")()

    def target(self, type_: str) -> str:
        """A name for a variable of this type that may be bound here."""
        names = [name for name in self.scope.own if self.scope.variables.get(name) == type_]
        suffix = f"_{self.scope.level}" if self.scope.level else ""
        names = [name + suffix for name in NAMES[type_]] + sorted(names)
        return str(self.one(names))

    def bind(self, name: str, type_: str) -> None:
        self.scope.variables.pop(name, None)
        self.scope.variables[name] = type_

    def value(self, type_: str, depth: int = 2) -> str:
        """An expression to assign. Its size is bounded if the assignment may run more than once."""
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
        type_ = self.one(NAMES)
        if type_ == "date" and "modules" not in self.features:
            type_ = "str"
        text = self.value(type_)
        name = self.target(type_)
        way = self.pick(8)
        if way == 6 and "annotations" in self.features:
            self.line(f"{name}: {ANNOTATIONS[type_]} = {text}")
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
            (f"{text}, {number}", f"{self.value('str', 1)}, {self.value('int', 1)}",
             {text: "str", number: "int"}),
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
        # The statement changes its first variable, which must be a name of this scope.
        hole = next((part for part in form.parts if isinstance(part, Slot) and part.variable), None)
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
        if self.scope.closed:
            jump = "pass"
        elif self.scope.loops:
            jump = self.one(("break", "continue"))
        elif self.scope.level:
            jump = f"return {self.expression(self.scope.returns, 1, bare=True)}"
        elif "return" in self.features and self.maybe():
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

    def merge(self, ends: list[PhraseScope]) -> None:
        """Set the scope after branches: the names that all of them bind and, sometimes, names that only one binds.

        The latter can fail at runtime, so they are used only if errors are wanted.
        """
        leaky = self.risky and self.maybe(odds=8)
        variables = dict(self.scope.variables)
        for name, type_ in ends[0].variables.items():
            if name not in variables and (leaky or all(name in end.variables for end in ends)):
                variables[name] = type_
        self.scope.variables = variables
        self.scope.functions = {
            name: f for name, f in ends[0].functions.items() if all(name in end.functions for end in ends)
        }

    def loop_scope(self) -> PhraseScope | None:
        scope = self.scope.copy()
        scope.work *= MAX_ROUNDS
        scope.loops += 1
        scope.closed = False
        scope.cost = max(scope.cost, scope.work)
        return scope if scope.work <= MAX_WORK else None

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
        if way == 3:  # the name of the queue is new, so no other statement can lengthen it
            queue, name = f"queue{self.serial}", self.target("str")
            self.line(f"{queue} = {self.expression('docs', 1)}[:3]")
            self.line(f"while {queue}:")
            self.line(f"    {name} = {queue}.pop(0)")
            scope.variables[name] = "str"
        else:
            step = f"step{self.serial}"
            self.line(f"{step} = 0")
            if way == 2 and "walrus" in self.features:
                self.line(f"while ({step} := {step} + 1) < {MAX_ROUNDS}:")
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
            scope.loops, scope.closed = 0, True
            self.merge([self.block(2, scope)])
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
        self.line(f"temporary = {self.expression(self.one(NAMES), 1, bare=True)}")
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
        if not self.scope.level and self.pick(4):
            self.write_use(name)
        return None

    def write_use(self, name: str) -> None:
        """Write an assignment with a call of a function, or with two calls if these are not too expensive."""
        function = self.scope.functions[name]
        if self.scope.work * function.cost > MAX_WORK:
            return
        if function.returns == "str" and self.maybe("comprehensions", 3) and 2 * function.cost <= MAX_WORK:
            text = f"[{self.plan_call(name, 1)} for _ in range(2)]"
            target, type_ = self.target("docs"), "docs"
        else:
            text = self.plan_call(name, 2)
            target, type_ = self.target(function.returns), function.returns
        self.line(f"{target} = {text}")
        self.bind(target, type_)

    def write_def(self, name: str) -> None:
        returns = self.one(("str", "docs", "int", "bool", "dict"))
        params: list[tuple[str, str, str]] = []
        shown: list[str] = []
        typed = self.maybe("annotations", 3)
        for kind in self.one(_PARAMETERS):
            type_ = {"*": "args", "**": "dict"}.get(kind) or self.one(("str", "docs", "int"))
            param = {"*": "args", "**": "options"}.get(kind) or self.one(NAMES[type_])
            if any(param == other for other, *_ in params):
                continue
            if kind == "keyword" and not any(text.startswith("*") for text in shown):
                shown.append("*")
            text = f"{kind}{param}" if kind in ("*", "**") else param
            text += f": {ANNOTATIONS.get(type_, 'str')}" if typed and kind not in ("*", "**") else ""
            default = " = " if typed else "="
            text += default + str(self.one(LITERALS[type_])) if kind == "default" else ""
            params.append((param, type_, kind))
            shown.append(text)
        hashable = not any(kind in ("*", "**") or type_ in ("docs", "dict") for _, type_, kind in params)
        if hashable and self.maybe("modules", 5):
            self.line(self.one(("@functools.lru_cache(maxsize=None)", "@functools.lru_cache")))
        self.line(f"def {name}({', '.join(shown)})" + (f" -> {ANNOTATIONS[returns]}:" if typed else ":"))
        scope = PhraseScope(dict(self.scope.variables), dict(self.scope.functions), self.scope.level + 1)
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
        self.scope.functions[name] = PhraseFunction(tuple(params), returns, scope.cost)

    def write_lambda(self, name: str) -> None:
        with self.inside([("x", "str"), ("n", "int")]):
            returns = self.one(("str", "bool", "int"))
            body = self.expression(returns, 2, bare=True)
            cost = self.scope.cost
        self.line(f"{name} = lambda x, n=2: {body}")
        self.scope.functions[name] = PhraseFunction((("x", "str", ""), ("n", "int", "default")), returns, cost)

    def write_recursion(self, name: str) -> None:
        """Write a function that calls itself at most three times."""
        self.line(f"def {name}(n, text):")
        with self.inside([("n", "int"), ("text", "str")]):
            step = self.call("str", 1)
            test = self.expression("bool", 1)
        self.line(f"    if n <= 0 or {test}:")
        self.line("        return text")
        self.line(f"    return {name}(min(n, 3) - 1, {step})")
        self.scope.functions[name] = PhraseFunction((("n", "small", ""), ("text", "str", "")), "str", MAX_ROUNDS)

    def write_counter(self, name: str) -> None:
        """Write a function that counts its calls in a variable of the scope around it."""
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
        self.scope.functions[name] = PhraseFunction((("x", "str", ""),), "str", 1)

    def finish(self) -> str:
        """The text of the plan, with the final answer at its end and the imports at its beginning."""
        if self.maybe("return", 8):
            self.line(f"return {self.expression('str', bare=True)}")
        else:
            variables = tuple(self.scope.variables)
            if variables and self.pick(3):
                text = variables[-1 - self.pick(len(variables))]
            else:
                text = self.expression(self.one(("str", "docs", "int", "bool", "dict", "pair")), bare=True)
            main = 'if __name__ == "__main__":\n    ' if self.maybe(odds=12) else ""
            self.lines.append(f"{main}final_answer = {text}")
        text = "\n".join(self.lines) + "\n"
        imports = [line for pattern, line in _IMPORTS if re.search(pattern, text)]
        return "".join(f"{line}\n" for line in imports) + text
