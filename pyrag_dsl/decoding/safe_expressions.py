"""Expressions of level *safe*, for each scope: names, texts, lists, conditions, numbers and calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ..grammar.language import REQUIRED, Signature, ToolParam
from . import lexicon
from .rules import Chars, Literal, OptionalPart, Part, Ref, Repeat, Rules, choice, maybe, seq, upto

STRING = 120  # the most characters of a string
SHORT = 30  # the most characters of a string that is compared or searched for
HOLES = 3  # the most names in an f-string; twice as many in the last line of a plan
# Strings contain no `"` and no backslash, so that nothing must be escaped. They contain no `<` and no backtick, so that
# a reply with a plan never looks like one with a fence or reasoning in it. The texts in f-strings contain no braces.
_IN_STRING = lexicon.text('"\\<`')
_IN_FSTRING = lexicon.text('"\\<`{}')


def _line(most: int, length: int, depth: int) -> Part:
    """A line break, at most `most` lines that are blank or a comment, and the indentation of the next line."""
    comments = lexicon.comment(Repeat(lexicon.text("<`"), 0, length))
    indent = lexicon.INDENT * depth
    return seq(
        "\n", Repeat(seq(maybe(indent or None, comments) if indent else maybe(comments), "\n"), 0, most), indent or None
    )


TERMINALS: dict[str, Part] = {
    "STRING": seq('"', lexicon.text(' "\\<`'), Repeat(_IN_STRING, 0, STRING - 1), '"'),
    "SHORT": seq('"', Repeat(_IN_STRING, 1, SHORT), '"'),
    "FTEXT": Repeat(_IN_FSTRING, 1, 60),
    "LONG_FTEXT": Repeat(_IN_FSTRING, 1, 200),
    "HEAD": Repeat(seq(maybe(lexicon.comment(Repeat(lexicon.text("<`"), 0, 200))), "\n"), 1, 4),
    "TAIL": Repeat(seq("\n"), 1, 2),
    "LINE_0": _line(2, 80, 0),
    **{f"LINE_{depth}": _line(1, 60, depth) for depth in range(1, 4)},
    "PATTERN": seq(
        'r"',
        Repeat(
            seq(
                choice(Chars(" ,A-Za-z0-9", "x"), seq("\\", Chars("dws.", "d"))),
                maybe(choice("+", "*", "?", "{2}", "{4}")),
            ),
            1,
            12,
        ),
        '"',
    ),
    "COUNT": seq(Chars("1-9", "9"), maybe(lexicon.DIGIT)),
    "INTEGER": lexicon.INTEGER,
    "FLOAT": lexicon.FLOAT,
}
METHODS = ("strip", "lstrip", "rstrip", "lower", "upper", "title", "capitalize")
CUTS = ("strip", "rstrip", "lstrip", "removeprefix", "removesuffix")
FORMATS = ("%B %d, %Y", "%d %B %Y", "%Y-%m-%d", "%Y")
COMPARISONS = (" < ", " <= ", " > ", " >= ", " == ", " != ")
_LISTS = frozenset({"docs", "list[str]", "list"})


@dataclass(frozen=True, slots=True)
class RuleScope:
    """The names that are bound at a place.

    Attributes:
        facts: the names `fact_1` to `fact_<facts>` are bound.
        lists: the names `docs_1` to `docs_<lists>` are bound.
        items: the names `item_1` to `item_<items>` of loops are bound.
    """

    facts: int
    lists: int
    items: int = 0

    def inside(self) -> RuleScope:
        """The scope of the body of a loop."""
        return replace(self, items=self.items + 1)


class SafeExpressions:
    """The rules of expressions. Each rule is made when it is first used, so that only used rules exist."""

    def __init__(self, tools: Mapping[str, Signature], inputs: Iterable[str]) -> None:
        self.tools = dict(tools)
        self.inputs = tuple(inputs)
        self.rules = Rules("start")

    def offers(self, name: str) -> bool:
        """Whether a name of the language has its usual meaning, because no tool has this name."""
        return name not in self.tools

    def terminal(self, name: str) -> Ref:
        self.rules.parts.setdefault(name, TERMINALS[name])
        return Ref(name)

    # ------------------------------------------------------------------------------------------------ names

    def facts(self, scope: RuleScope) -> Part:
        return self._names("fact", scope.facts)

    def lists(self, scope: RuleScope) -> Part:
        return self._names("docs", scope.lists)

    def _names(self, name: str, count: int) -> Part:
        return self.rules.rule(f"{name}_upto_{count}", lambda: choice(*(f"{name}_{i + 1}" for i in range(count))))

    def named(self, scope: RuleScope) -> Part | None:
        """A name that is bound to a text; None if there is none."""
        if not scope.facts + scope.items + len(self.inputs):
            return None
        return self.rules.rule(
            scoped("named", scope.facts, scope.items),
            lambda: choice(
                self.facts(scope) if scope.facts else None,
                *(f"item_{i + 1}" for i in range(scope.items)),
                *self.inputs,
            ),
        )

    # ------------------------------------------------------------------------------------------------ texts

    def word(self, scope: RuleScope, *, long: bool = False) -> Part:
        """A text without a call: a string, an f-string or a name. Queries are made of these."""
        string = self.terminal("STRING")
        named = self.named(scope)
        if named is None:
            return string
        text = self.terminal("LONG_FTEXT" if long else "FTEXT")

        def make() -> Part:
            hole = seq("{", named, OptionalPart(self.method()), "}")
            holes = upto(2 * HOLES - 1 if long else HOLES - 1, hole, OptionalPart(text))
            return choice(
                string,
                seq('f"', OptionalPart(text), hole, OptionalPart(text), holes, '"'),
                seq(named, self.methods()),
            )

        return self.rules.rule(scoped("long_word" if long else "word", scope.facts, scope.items), make)

    def method(self) -> Part:
        return self.rules.rule("method", lambda: choice(*(f".{each}()" for each in METHODS)))

    def methods(self) -> Part:
        """At most two method calls that return a text."""
        short = self.terminal("SHORT")
        cut = seq(choice(*(f".{each}(" for each in CUTS)), short, ")")
        split = seq(".split(", short, ")", choice("[0]", "[-1]"))
        replaced = seq(".replace(", short, ", ", short, ")")
        each = self.rules.rule("text_method", lambda: choice(self.method(), cut, split, replaced))
        return self.rules.rule("text_methods", lambda: upto(2, each))

    def text(self, scope: RuleScope) -> Part:
        """A text with at most one tool call."""
        string, named = self.terminal("SHORT"), self.named(scope)

        def make() -> Part:
            options: list[Part | None] = [self.word(scope)]
            options += [seq(call, self.methods()) for call in self.calls(scope, lists=False)]
            options.append(seq(string, ".join(", self.gathered(scope), ")"))
            if scope.lists:
                options.append(seq(self.lists(scope), "[0]"))
            if named is not None and self.offers("re"):
                options.append(seq("re.sub(", self.terminal("PATTERN"), ", ", string, ", ", named, ")"))
            number = self.number(scope)
            if number is not None and self.offers("str"):
                options.append(seq("str(", number, OptionalPart(seq(choice(" - ", " + "), number)), ")"))
            return choice(*options)

        return self.rules.rule(scoped("text", *key(scope)), make)

    def last(self, scope: RuleScope) -> Part:
        """The final answer: any text, or a tool call with a long text that can contain all facts."""
        calls = [seq(call, self.methods()) for call in self.calls(scope, lists=False, long=True)]
        return choice(self.value(scope), *(calls if self.named(scope) is not None else ()))

    def value(self, scope: RuleScope) -> Part:
        """A text, or a choice between two by `if` and `else`."""
        text = self.text(scope)
        if self.named(scope) is None and not scope.lists:
            return text
        return seq(text, OptionalPart(seq(" if ", self.conditions(scope), " else ", text)))

    # ------------------------------------------------------------------------------------------------ lists

    def copied(self, scope: RuleScope) -> Part:
        """A new list of known values. Loops are over new lists, because a loop must not append to its own list."""
        string, named = self.terminal("SHORT"), self.named(scope)

        def make() -> Part:
            item = string if named is None else choice(string, named)
            display = seq("[", item, upto(3, ", ", item), "]")
            if not scope.lists:
                return display
            return choice(display, self.of_lists(scope))

        return self.rules.rule(scoped("copied", *key(scope)), make)

    def gathered(self, scope: RuleScope) -> Part:
        """A list of known values, new or bound to a name."""
        return choice(self.copied(scope), self.lists(scope) if scope.lists else None)

    def asked(self, scope: RuleScope) -> Part:
        """A list from one or two tool calls, or a list of known values."""
        gathered, calls = self.gathered(scope), self.calls(scope, lists=True)
        if not calls:
            return gathered
        return self.rules.rule(
            scoped("asked", *key(scope)),
            lambda: choice(gathered, seq(choice(*calls), upto(1, " + ", choice(*calls)))),
        )

    def listing(self, scope: RuleScope) -> Part:
        """A list in any form of this level."""
        named, gathered = self.named(scope), self.gathered(scope)

        def make() -> Part:
            options: list[Part | None] = [self.asked(scope), self.comprehension(scope)]
            if named is not None:
                options.append(seq(named, ".split(", self.terminal("SHORT"), ")"))
                if self.offers("re"):
                    options.append(seq("re.findall(", self.terminal("PATTERN"), ", ", named, ")"))
            if self.offers("sorted"):
                options.append(seq("sorted(", gathered, ")"))
            if self.offers("list") and self.offers("dict"):
                options.append(seq("list(dict.fromkeys(", gathered, "))"))
            return choice(*options)

        return self.rules.rule(scoped("listing", *key(scope)), make)

    def comprehension(self, scope: RuleScope) -> Part:
        inner = scope.inside()
        element = choice(self.word(inner), *self.calls(inner, lists=False))
        return seq(
            "[",
            element,
            f" for item_{inner.items} in ",
            self.gathered(scope),
            OptionalPart(seq(" if ", self.condition(inner))),
            "]",
        )

    # ------------------------------------------------------------------------------------- tests and numbers

    def conditions(self, scope: RuleScope) -> Part:
        """One condition or two. The scope must have a name."""
        made = self.condition(scope)
        return seq(made, OptionalPart(seq(choice(" and ", " or "), made)))

    def condition(self, scope: RuleScope) -> Part:
        tests = self.tests(scope)

        def make() -> Part:
            listed = seq(OptionalPart(Literal("not ")), self.lists(scope)) if scope.lists else None
            counted = None
            if (number := self.number(scope)) is not None:
                counted = seq(number, self.compares(), choice(number, self.terminal("INTEGER")))
            return choice(listed, counted, tests)

        return self.rules.rule(scoped("condition", *key(scope)), make)

    def tests(self, scope: RuleScope) -> Part | None:
        """Conditions on texts; None if no name is bound to a text."""
        string, named = self.terminal("SHORT"), self.named(scope)
        if named is None:
            return None

        def make() -> Part:
            lowered = seq(named, OptionalPart(Literal(".lower()")))
            date = self.date(scope)
            return choice(
                seq(lowered, choice(" == ", " != "), choice(string, named)),
                seq(lowered, choice(" in ", " not in "), "(", string, ", ", string, upto(2, ", ", string), ")"),
                seq(string, choice(" in ", " not in "), lowered),
                seq(maybe("not "), named),
                seq(named, ".startswith(", string, ")"),
                seq("re.search(", self.terminal("PATTERN"), ", ", named, ")") if self.offers("re") else None,
                seq(date, self.compares(), date) if date is not None else None,
            )

        return self.rules.rule(scoped("tests", scope.facts, scope.items), make)

    def compares(self) -> Part:
        return self.rules.rule("compares", lambda: choice(*COMPARISONS))

    def number(self, scope: RuleScope) -> Part | None:
        named, date = self.named(scope), self.date(scope)
        of_text = seq("int(", named, ")") if named is not None and self.offers("int") else None
        of_list = seq("len(", self.lists(scope), ")") if scope.lists and self.offers("len") else None
        year = seq(date, ".year") if date is not None else None
        options = [option for option in (of_text, of_list, year) if option is not None]
        if not options:
            return None
        name = scoped("number", *key(scope))
        return self.rules.rule(name, lambda: choice(*options))

    def date(self, scope: RuleScope) -> Part | None:
        named = self.named(scope)
        if named is None or not self.offers("datetime"):
            return None
        return self.rules.rule(
            scoped("date", scope.facts, scope.items),
            lambda: seq("datetime.datetime.strptime(", named, ", ", self.formats(), ")"),
        )

    def formats(self) -> Part:
        return self.rules.rule("formats", lambda: choice(*(f'"{form}"' for form in FORMATS)))

    # ------------------------------------------------------------------------------------------------ tools

    def calls(self, scope: RuleScope, *, lists: bool, long: bool = False) -> list[Part]:
        """A call of each tool that returns a list or, without `lists`, a call of each other tool, as a text."""
        made: list[Part] = []
        for name, signature in self.tools.items():
            if (signature.returns in _LISTS) is not lists:
                continue
            call = self.call(name, signature, scope, long=long)
            if lists or signature.returns == "str":
                made.append(call)
            elif self.offers("str"):
                made.append(seq("str(", call, ")"))
        return made

    def call(self, name: str, signature: Signature, scope: RuleScope, *, long: bool = False) -> Part:
        """A tool call. Required arguments are given by position, the others by name, and the first of these either way.

        With `long`, texts among the required arguments may be long.
        """

        def make() -> Part:
            required = [param for param in signature.params if param.default is REQUIRED]
            optional = [param for param in signature.params if param.default is not REQUIRED]
            first: list[Part | str] = []
            for param in required:
                first += [", "] * bool(first) + [self.argument(param, scope, long=long)]
            named = [seq(f"{param.name}=", self.argument(param, scope)) for param in optional]
            by_place = [choice(self.argument(optional[0], scope), named[0]), *named[1:]] if optional else []
            if first:
                return seq(f"{name}(", *first, *[OptionalPart(seq(", ", each)) for each in by_place], ")")
            lists = [
                seq(each, *[OptionalPart(seq(", ", later)) for later in by_place[index + 1 :]])
                for index, each in enumerate(by_place)
            ]
            return seq(f"{name}(", *([OptionalPart(choice(*lists))] if lists else []), ")")

        return self.rules.rule(
            scoped("long_call" if long else "call", name.lower(), self._place(name), *key(scope)), make
        )

    def _place(self, name: str) -> int:
        """The index of a tool, which distinguishes tools whose names differ only in case."""
        return list(self.tools).index(name)

    def argument(self, param: ToolParam, scope: RuleScope, *, long: bool = False) -> Part:
        kind = param.type
        if kind in _LISTS:
            return self.given_list(scope)
        if kind == "topk":
            return self.terminal("COUNT")
        if kind == "int":
            return self.terminal("INTEGER")
        if kind == "float":
            return choice(self.terminal("FLOAT"), self.terminal("INTEGER"))
        if kind == "bool":
            return choice("True", "False")
        if kind == "dict":
            string = self.terminal("SHORT")
            pair = seq(string, ": ", self.word(scope))
            return seq("{", OptionalPart(seq(pair, upto(2, ", ", pair))), "}")
        return self.word(scope, long=long)

    def given_list(self, scope: RuleScope) -> Part:
        """A list as an argument: known values, or a tool call without lists, as in `answer("...", retrieve("..."))`."""
        options: list[Part] = [
            self.call(name, signature, scope)
            for name, signature in self.tools.items()
            if signature.returns in _LISTS and not any(param.type in _LISTS for param in signature.params)
        ]
        if scope.lists:
            options += [self.lists(scope), self.of_lists(scope)]
        if (named := self.named(scope)) is not None:
            options.append(seq("[", named, upto(3, ", ", named), "]"))
        return choice(*options) if options else self.gathered(scope)

    def of_lists(self, scope: RuleScope) -> Part:
        """A new list of the items of bound lists: a slice of one or the sum of two."""
        lists = self.lists(scope)
        return seq(lists, choice(seq("[:", self.terminal("COUNT"), "]"), seq(" + ", lists)))


def scoped(name: str, *key: object) -> str:
    """The name of a rule that is made once for each key."""
    return "_".join([name, *map(str, key)])


def key(scope: RuleScope) -> tuple[int, int, int]:
    return scope.facts, scope.lists, scope.items
