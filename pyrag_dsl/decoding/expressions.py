"""What may stand in a line of a decoded plan, by what is bound there: names, texts, lists, conditions, calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..grammar.language import REQUIRED, Signature, ToolParam
from .rules import Chars, Choice, Literal, OptionalPart, Part, Ref, Repeat, Rules, choice, seq, upto

# Letters beyond ASCII, without those that hide or reorder text, in plain escapes, which every dialect has. The ranges
# end where UTF-8 carries over: engines work on bytes, and each ragged end costs them states.
BEYOND_ASCII = (
    r"\u00A1-\u00AC\u00AE-\u05FF\u0620-\u167F\u1E00-\u1FFF\u2010-\u2027\u20A0-\u20BF\u3000-\uD7BF\uF900-\uFDFF"
    r"\uFF00-\uFFBF"
)
# Neither `"` nor backslash, so that nothing need be escaped; neither `<` nor backtick, so that no reply that is a plan
# looks like one with a fence or a train of thought in it; in f-strings, no brace.
_IN_STRING = Chars(r" !#-;=-\[\]-_a-~" + BEYOND_ASCII, "x")
_BEGINS_STRING = Chars(r"!#-;=-\[\]-_a-~" + BEYOND_ASCII, "x")
_IN_FSTRING = Chars(r" !#-;=-\[\]-_a-z|~" + BEYOND_ASCII, "x")
_DIGIT = Chars("0-9", "9")
_NONZERO = Chars("1-9", "9")

# A digit in a comment is followed by a space or a comma: `3is` would look like glued code.
TERMINALS: dict[str, Part] = {
    "STRING": seq('"', _BEGINS_STRING, Repeat(_IN_STRING, 0, 89), '"'),
    "FTEXT": Repeat(_IN_FSTRING, 1, 40),
    "COMMENT": seq(
        "# ",
        Repeat(
            Choice((Chars(r"- !'(),.:?A-Za-z" + BEYOND_ASCII, "x"), seq(_DIGIT, Chars(" ,", ",")))),
            1,
            80,
        ),
        "\n",
    ),
    "PATTERN": seq(
        'r"',
        Repeat(
            seq(
                Choice((Chars(" ,A-Za-z0-9", "x"), seq("\\", Chars("dws.", "d")))),
                OptionalPart(choice("+", "*", "?", "{2}", "{4}")),
            ),
            1,
            12,
        ),
        '"',
    ),
    "COUNT": seq(_NONZERO, OptionalPart(_DIGIT)),
    "INTEGER": choice("0", seq(_NONZERO, Repeat(_DIGIT, 0, 3))),
    "FLOAT": seq(_DIGIT, ".", Repeat(_DIGIT, 1, 3)),
}
METHODS = ("strip", "lower", "upper", "title")
FORMATS = ("%B %d, %Y", "%d %B %Y", "%Y-%m-%d", "%Y")
COMPARISONS = (" < ", " <= ", " > ", " >= ", " == ", " != ")
_LISTS = frozenset({"docs", "list[str]", "list"})


@dataclass(frozen=True, slots=True)
class RuleScope:
    """What is bound: ``fact_1`` to ``fact_<facts>``, ``docs_1`` to ``docs_<lists>``, ``item_1`` to ``item_<items>``."""

    facts: int
    lists: int
    items: int = 0

    @property
    def empty(self) -> bool:
        """Whether nothing is bound."""
        return not (self.facts or self.lists or self.items)

    def inside(self) -> RuleScope:
        """The scope of the body of a loop."""
        return replace(self, items=self.items + 1)


class ExpressionRules:
    """Makes each rule when it is first asked for, so that only rules in use exist."""

    def __init__(self, tools: Mapping[str, Signature]) -> None:
        self.tools = dict(tools)
        self.rules = Rules("start")

    def offers(self, name: str) -> bool:
        """Whether a name of the language still means what it says: a tool may have taken it."""
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
        """A name that is bound to a text."""
        if not scope.facts + scope.items:
            return None
        return self.rules.rule(
            scoped("named", scope.facts, scope.items),
            lambda: choice(self.facts(scope) if scope.facts else None, *(f"item_{i + 1}" for i in range(scope.items))),
        )

    # ------------------------------------------------------------------------------------------------ texts

    def word(self, scope: RuleScope) -> Part:
        """A text that needs no call: what queries are made of."""
        string = self.terminal("STRING")
        named = self.named(scope)
        if named is None:
            return string
        text = self.terminal("FTEXT")

        def make() -> Part:
            method = self.rules.rule("method", lambda: choice(*(f".{each}()" for each in METHODS)))
            hole = seq("{", named, OptionalPart(method), "}")
            return choice(
                string,
                seq('f"', OptionalPart(text), hole, OptionalPart(text), upto(2, hole, OptionalPart(text)), '"'),
                seq(named, OptionalPart(method)),
            )

        return self.rules.rule(scoped("word", scope.facts, scope.items), make)

    def text(self, scope: RuleScope) -> Part:
        """A text, by one call at most."""
        string, named = self.terminal("STRING"), self.named(scope)

        def make() -> Part:
            options: list[Part | None] = [self.word(scope), *self.calls(scope, lists=False)]
            options.append(seq(string, ".join(", self.gathered(scope), ")"))
            if scope.lists:
                options.append(seq(self.lists(scope), "[0]"))
            if named is not None:
                options.append(seq(named, ".replace(", string, ", ", string, ")"))
                options.append(seq(named, ".split(", string, ")", choice("[0]", "[-1]")))
                if self.offers("re"):
                    options.append(seq("re.sub(", self.terminal("PATTERN"), ", ", string, ", ", named, ")"))
            number = self.number(scope)
            if number is not None and self.offers("str"):
                options.append(seq("str(", number, OptionalPart(seq(choice(" - ", " + "), number)), ")"))
            return choice(*options)

        return self.rules.rule(scoped("text", *key(scope)), make)

    def value(self, scope: RuleScope) -> Part:
        """A text, or one of two."""
        text = self.text(scope)
        if scope.empty:
            return text
        return seq(text, OptionalPart(seq(" if ", self.conditions(scope), " else ", text)))

    # ------------------------------------------------------------------------------------------------ lists

    def copied(self, scope: RuleScope) -> Part:
        """A new list of what is known. Loops are over such: one that grows the list that it reads never ends."""
        string, named = self.terminal("STRING"), self.named(scope)

        def make() -> Part:
            item = string if named is None else choice(string, named)
            display = seq("[", item, upto(3, ", ", item), "]")
            if not scope.lists:
                return display
            lists = self.lists(scope)
            return choice(display, seq(lists, choice(seq("[:", self.terminal("COUNT"), "]"), seq(" + ", lists))))

        return self.rules.rule(scoped("copied", *key(scope)), make)

    def gathered(self, scope: RuleScope) -> Part:
        """A list of what is known already."""
        return choice(self.copied(scope), self.lists(scope) if scope.lists else None)

    def asked(self, scope: RuleScope) -> Part:
        """A list by calls of tools, or of what is known."""
        gathered, calls = self.gathered(scope), self.calls(scope, lists=True)
        if not calls:
            return gathered
        return self.rules.rule(
            scoped("asked", *key(scope)),
            lambda: choice(gathered, seq(choice(*calls), upto(1, " + ", choice(*calls)))),
        )

    def listing(self, scope: RuleScope) -> Part:
        """A list, in every form there is."""
        named, gathered = self.named(scope), self.gathered(scope)

        def make() -> Part:
            options: list[Part | None] = [self.asked(scope), self.comprehension(scope)]
            if named is not None:
                options.append(seq(named, ".split(", self.terminal("STRING"), ")"))
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
        """One condition, or two. Only where there is a name to ask about."""
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
        """Conditions on texts."""
        string, named = self.terminal("STRING"), self.named(scope)
        if named is None:
            return None

        def make() -> Part:
            lowered = seq(named, OptionalPart(Literal(".lower()")))
            date = self.date(scope)
            return choice(
                seq(lowered, choice(" == ", " != "), choice(string, named)),
                seq(string, choice(" in ", " not in "), lowered),
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

    def calls(self, scope: RuleScope, *, lists: bool) -> list[Part]:
        """A call of each tool that gives a list, or of each that gives anything else, as a text."""
        made: list[Part] = []
        for name, signature in self.tools.items():
            if (signature.returns in _LISTS) is not lists:
                continue
            call = self.call(name, signature, scope)
            if lists or signature.returns == "str":
                made.append(call)
            elif self.offers("str"):
                made.append(seq("str(", call, ")"))
        return made

    def call(self, name: str, signature: Signature, scope: RuleScope) -> Part:
        """Required arguments by place, the others by name; the first of those also by place."""

        def make() -> Part:
            required = [param for param in signature.params if param.default is REQUIRED]
            optional = [param for param in signature.params if param.default is not REQUIRED]
            first: list[Part | str] = []
            for param in required:
                first += [", "] * bool(first) + [self.argument(param, scope)]
            named = [seq(f"{param.name}=", self.argument(param, scope)) for param in optional]
            by_place = [choice(self.argument(optional[0], scope), named[0]), *named[1:]] if optional else []
            if first:
                return seq(f"{name}(", *first, *[OptionalPart(seq(", ", each)) for each in by_place], ")")
            lists = [
                seq(each, *[OptionalPart(seq(", ", later)) for later in by_place[index + 1 :]])
                for index, each in enumerate(by_place)
            ]
            return seq(f"{name}(", *([OptionalPart(choice(*lists))] if lists else []), ")")

        return self.rules.rule(scoped("call", name.lower(), self._place(name), *key(scope)), make)

    def _place(self, name: str) -> int:
        """Tells tools apart whose names differ in case only."""
        return list(self.tools).index(name)

    def argument(self, param: ToolParam, scope: RuleScope) -> Part:
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
            string = self.terminal("STRING")
            pair = seq(string, ": ", self.word(scope))
            return seq("{", OptionalPart(seq(pair, upto(2, ", ", pair))), "}")
        return self.word(scope)

    def given_list(self, scope: RuleScope) -> Part:
        """A list, or a call that gives one from texts alone: `answer("...", retrieve("..."))`."""
        plain = [
            self.call(name, signature, scope)
            for name, signature in self.tools.items()
            if signature.returns in _LISTS and not any(param.type in _LISTS for param in signature.params)
        ]
        return choice(self.gathered(scope), *plain)


def scoped(name: str, *key: object) -> str:
    """The name of a rule that is made once for each key."""
    return "_".join([name, *map(str, key)])


def key(scope: RuleScope) -> tuple[int, int, int]:
    return scope.facts, scope.lists, scope.items
