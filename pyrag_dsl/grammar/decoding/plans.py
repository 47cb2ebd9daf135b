"""The plans that a model may decode: a part of the language in which every text is a plan.

A context-free grammar cannot know which names are bound, so the shape says it. A plan is a chain of hops; hop *i*
binds `docs_i`, a list, and `fact_i`, a text, and every rule is made once for each *scope*: how many of the two are
bound, and how many loops are open. A name that is not bound yet, a tool that is not registered, an argument that it
does not take and a tool that is given another meaning cannot be written down. Nothing nests without bound, so the
longest plan is known and within the limits of the scan.
"""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..language import REQUIRED, Signature, ToolParam
from ..scan import MAX_LINE, MAX_SOURCE
from .rules import Chars, Choice, Literal, Maybe, Part, Ref, Repeat, Rules, choice, longest, seq, upto

HOPS = 6
DEPTH = 3
MAX_HOPS = 9  # one digit: no name begins another
LOOPS = 2  # `for` in `for`; a comprehension may stand inside of both
INDENT = "    "

# Letters beyond ASCII, without those that hide or reorder text. Plain backslash-u escapes: every dialect has them.
BEYOND_ASCII = (
    r"\u00A1-\u00AC\u00AE-\u061B\u061D-\u167F\u1E00-\u1FFF\u2010-\u2027\u2030-\u205E\u20A0-\u20BF\u3001-\uD7A3"
    r"\uF900-\uFAFF\uFF01-\uFFDC"
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
                Maybe(choice("+", "*", "?", "{2}", "{4}")),
            ),
            1,
            12,
        ),
        '"',
    ),
    "COUNT": seq(_NONZERO, Maybe(_DIGIT)),
    "INTEGER": choice("0", seq(_NONZERO, Repeat(_DIGIT, 0, 3))),
    "FLOAT": seq(_DIGIT, ".", Repeat(_DIGIT, 1, 3)),
}
METHODS = ("strip", "lower", "upper", "title")
FORMATS = ("%B %d, %Y", "%d %B %Y", "%Y-%m-%d", "%Y")
COMPARISONS = (" < ", " <= ", " > ", " >= ", " == ", " != ")
_LISTS = frozenset({"docs", "list[str]", "list"})


@dataclass(frozen=True, slots=True)
class Scope:
    """What is bound: ``fact_1`` to ``fact_<facts>``, ``docs_1`` to ``docs_<lists>``, ``item_1`` to ``item_<items>``."""

    facts: int
    lists: int
    items: int = 0

    def inside(self) -> Scope:
        """The scope of the body of a loop."""
        return replace(self, items=self.items + 1)


def plan_rules(tools: Mapping[str, Signature], hops: int | None = None, depth: int = DEPTH) -> Rules:
    """The rules of the plans that may be decoded over these tools.

    hops: pairs of a list and a fact at most, 1 to 9; as many as fit, up to 6, if None. depth: nested blocks at most,
    0 to 3. Raises ``ValueError`` for other numbers, for a tool whose name a plan cannot call or itself must bind, and
    where a plan could be too long to be read.
    """
    if hops is not None and not 1 <= hops <= MAX_HOPS:
        raise ValueError(f"hops must be 1 to {MAX_HOPS}, not {hops}")
    if not 0 <= depth <= DEPTH:
        raise ValueError(f"depth must be 0 to {DEPTH}, not {depth}")
    for name in tools:
        own = name == "final_answer" or name.rstrip("0123456789") in ("fact_", "docs_", "item_")
        if own or not name.isidentifier() or not name.isascii() or keyword.iskeyword(name) or name.startswith("_"):
            raise ValueError(f"plans cannot be decoded with a tool named {name!r}")
    for tried in range(HOPS, 0, -1) if hops is None else (hops,):
        rules = _Plans(tools, tried, depth).made()
        text = longest(rules)
        widest = max(map(len, text.split("\n")))
        if len(text) <= MAX_SOURCE and widest <= MAX_LINE:
            return rules
    raise ValueError(
        f"plans could have {len(text):,} characters, {widest:,} in a line; the limits are {MAX_SOURCE:,} and "
        f"{MAX_LINE:,}: allow fewer hops, or offer tools with fewer parameters"
    )


class _Plans:
    """Makes each rule when it is first asked for, so that only rules in use exist."""

    def __init__(self, tools: Mapping[str, Signature], hops: int, depth: int) -> None:
        self.tools = dict(tools)
        self.hops = hops
        self.depth = depth
        self.rules = Rules("start")

    def made(self) -> Rules:
        # The start comes first in the text, but is known last.
        self.rules.parts["start"] = Literal("pass")
        self.rules.parts["start"] = self.after(0)
        return self.rules

    def offers(self, name: str) -> bool:
        """Whether a name of the language still means what it says: a tool may have taken it."""
        return name not in self.tools

    def terminal(self, name: str) -> Ref:
        self.rules.parts.setdefault(name, TERMINALS[name])
        return Ref(name)

    def _rule(self, name: str, *key: object) -> str:
        return "_".join([name, *map(str, key)])

    # ------------------------------------------------------------------------------------------- statements

    def after(self, hop: int) -> Part:
        """What may come once ``hop`` hops are done: the next one, or the answer."""
        scope = Scope(hop, hop)
        final = seq("final_answer = ", self.value(scope), "\n")
        following = choice(self.hop(hop + 1) if hop < self.hops else None, final)
        if not hop:
            return following
        compound = [Maybe(self.compound(scope, 0))] if self.depth else []
        return seq(Maybe(self.line(scope)), *compound, following)

    def hop(self, number: int) -> Part:
        made = self.rules.rule(
            f"hop_{number}",
            lambda: seq(
                Maybe(self.terminal("COMMENT")),
                f"docs_{number} = ",
                self.listing(Scope(number - 1, number - 1)),
                f"\nfact_{number} = ",
                self.value(Scope(number - 1, number)),
                "\n",
                self.after(number),
            ),
        )
        assert made is not None
        return made

    def line(self, scope: Scope) -> Part:
        """A statement that gives a bound name a new value, or adds to a list."""
        made = self.rules.rule(
            self._rule("line", scope.facts, scope.items),
            lambda: choice(
                seq(self.facts(scope), " = ", self.text(scope), "\n"),
                seq(
                    self.lists(scope),
                    choice(
                        seq(choice(" = ", " += "), self.asked(scope)),
                        seq(".append(", self.text(scope), ")"),
                    ),
                    "\n",
                ),
            ),
        )
        assert made is not None
        return made

    def compound(self, scope: Scope, depth: int) -> Part:
        """`if` or `for`, whose header is indented ``depth`` times; the indentation of its first line is the caller's."""
        indent = INDENT * depth
        arm = self.arm(scope, depth + 1)
        elifs = [] if depth else [Maybe(seq("elif ", self.conditions(scope), ":\n", arm))]
        made = self.rules.rule(
            self._rule("block", depth, scope.facts, scope.items),
            lambda: choice(
                seq(
                    "if ",
                    self.conditions(scope),
                    ":\n",
                    self.body(scope, depth + 1),
                    *elifs,
                    Maybe(seq(indent + "else:\n", arm)),
                ),
                seq(
                    f"for item_{scope.items + 1} in ",
                    self.gathered(scope),
                    ":\n",
                    self.body(scope.inside(), depth + 1),
                )
                if scope.items < LOOPS
                else None,
            ),
        )
        assert made is not None
        return made

    def body(self, scope: Scope, depth: int) -> Part:
        """Lines, then a nested block, then a way out of the loop: some of it, and nothing that cannot be reached."""
        indent = INDENT * depth
        line = seq(indent, self.line(scope))
        nested = seq(indent, self.compound(scope, depth)) if depth < self.depth else None
        jump = choice(indent + "break\n", indent + "continue\n") if scope.items else None

        def make() -> Part:
            tail = [Maybe(jump)] if jump is not None else []
            deeper = seq(Maybe(line), nested, *tail) if nested is not None else None
            return choice(seq(line, Maybe(line), *tail), deeper, jump)

        made = self.rules.rule(self._rule("body", depth, scope.facts, scope.items), make)
        assert made is not None
        return made

    def arm(self, scope: Scope, depth: int) -> Part:
        indent = INDENT * depth
        jump = choice(indent + "break\n", indent + "continue\n") if scope.items else None
        line = seq(indent, self.line(scope))
        made = self.rules.rule(
            self._rule("arm", depth, scope.facts, scope.items),
            lambda: choice(seq(line, Maybe(jump)) if jump is not None else line, jump),
        )
        assert made is not None
        return made

    # ------------------------------------------------------------------------------------------------ names

    def facts(self, scope: Scope) -> Part:
        return self._names("fact", scope.facts)

    def lists(self, scope: Scope) -> Part:
        return self._names("docs", scope.lists)

    def _names(self, name: str, count: int) -> Part:
        made = self.rules.rule(f"{name}_upto_{count}", lambda: choice(*(f"{name}_{i + 1}" for i in range(count))))
        assert made is not None
        return made

    def named(self, scope: Scope) -> Part | None:
        """A name that is bound to a text."""
        if not scope.facts + scope.items:
            return None
        return self.rules.rule(
            self._rule("named", scope.facts, scope.items),
            lambda: choice(self.facts(scope) if scope.facts else None, *(f"item_{i + 1}" for i in range(scope.items))),
        )

    # ------------------------------------------------------------------------------------------------ texts

    def word(self, scope: Scope) -> Part:
        """A text that needs no call: what queries are made of."""
        string = self.terminal("STRING")
        named = self.named(scope)
        if named is None:
            return string
        text = self.terminal("FTEXT")

        def make() -> Part:
            method = self.rules.rule("method", lambda: choice(*(f".{method}()" for method in METHODS)))
            assert method is not None
            hole = seq("{", named, Maybe(method), "}")
            return choice(
                string,
                seq('f"', Maybe(text), hole, Maybe(text), upto(2, hole, Maybe(text)), '"'),
                seq(named, Maybe(method)),
            )

        made = self.rules.rule(self._rule("word", scope.facts, scope.items), make)
        assert made is not None
        return made

    def text(self, scope: Scope) -> Part:
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
                options.append(seq("str(", number, Maybe(seq(choice(" - ", " + "), number)), ")"))
            return choice(*options)

        made = self.rules.rule(self._rule("text", *_key(scope)), make)
        assert made is not None
        return made

    def value(self, scope: Scope) -> Part:
        """A text, or one of two."""
        text = self.text(scope)
        conditions = self.conditions(scope)
        return text if conditions is None else seq(text, Maybe(seq(" if ", conditions, " else ", text)))

    # ------------------------------------------------------------------------------------------------ lists

    def gathered(self, scope: Scope) -> Part:
        """A list of what is known already."""
        string, named = self.terminal("STRING"), self.named(scope)

        def make() -> Part:
            item = string if named is None else choice(string, named)
            display = seq("[", item, upto(3, ", ", item), "]")
            if not scope.lists:
                return display
            lists = self.lists(scope)
            return choice(display, seq(lists, Maybe(choice(seq("[:", self.terminal("COUNT"), "]"), seq(" + ", lists)))))

        made = self.rules.rule(self._rule("gathered", *_key(scope)), make)
        assert made is not None
        return made

    def asked(self, scope: Scope) -> Part:
        """A list by calls of tools, or of what is known."""
        gathered, calls = self.gathered(scope), self.calls(scope, lists=True)
        if not calls:
            return gathered
        made = self.rules.rule(
            self._rule("asked", *_key(scope)),
            lambda: choice(gathered, seq(choice(*calls), upto(1, " + ", choice(*calls)))),
        )
        assert made is not None
        return made

    def listing(self, scope: Scope) -> Part:
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

        made = self.rules.rule(self._rule("listing", *_key(scope)), make)
        assert made is not None
        return made

    def comprehension(self, scope: Scope) -> Part:
        inner = scope.inside()
        element = choice(self.word(inner), *self.calls(inner, lists=False))
        return seq(
            "[",
            element,
            f" for item_{inner.items} in ",
            self.gathered(scope),
            Maybe(seq(" if ", self.condition(inner))),
            "]",
        )

    # ------------------------------------------------------------------------------------- tests and numbers

    def conditions(self, scope: Scope) -> Part | None:
        made = self.condition(scope)
        return None if made is None else seq(made, Maybe(seq(choice(" and ", " or "), made)))

    def condition(self, scope: Scope) -> Part | None:
        tests = self.tests(scope)
        if tests is None and not scope.lists:
            return None

        def make() -> Part:
            listed = seq(Maybe(Literal("not ")), self.lists(scope)) if scope.lists else None
            counted = None
            if (number := self.number(scope)) is not None:
                counted = seq(number, self.compares(), choice(number, self.terminal("INTEGER")))
            return choice(listed, counted, tests)

        return self.rules.rule(self._rule("condition", *_key(scope)), make)

    def tests(self, scope: Scope) -> Part | None:
        """Conditions on texts."""
        string, named = self.terminal("STRING"), self.named(scope)
        if named is None:
            return None

        def make() -> Part:
            lowered = seq(named, Maybe(Literal(".lower()")))
            date = self.date(scope)
            return choice(
                seq(lowered, choice(" == ", " != "), choice(string, named)),
                seq(string, choice(" in ", " not in "), lowered),
                seq(named, ".startswith(", string, ")"),
                seq("re.search(", self.terminal("PATTERN"), ", ", named, ")") if self.offers("re") else None,
                seq(date, self.compares(), date) if date is not None else None,
            )

        return self.rules.rule(self._rule("tests", scope.facts, scope.items), make)

    def compares(self) -> Part:
        made = self.rules.rule("compares", lambda: choice(*COMPARISONS))
        assert made is not None
        return made

    def number(self, scope: Scope) -> Part | None:
        named, date = self.named(scope), self.date(scope)
        of_text = seq("int(", named, ")") if named is not None and self.offers("int") else None
        of_list = seq("len(", self.lists(scope), ")") if scope.lists and self.offers("len") else None
        year = seq(date, ".year") if date is not None else None
        options = [option for option in (of_text, of_list, year) if option is not None]
        if not options:
            return None
        name = self._rule("number", *_key(scope))
        return self.rules.rule(name, lambda: choice(*options))

    def date(self, scope: Scope) -> Part | None:
        named = self.named(scope)
        if named is None or not self.offers("datetime"):
            return None
        return self.rules.rule(
            self._rule("date", scope.facts, scope.items),
            lambda: seq("datetime.datetime.strptime(", named, ", ", self.formats(), ")"),
        )

    def formats(self) -> Part:
        made = self.rules.rule("formats", lambda: choice(*(f'"{form}"' for form in FORMATS)))
        assert made is not None
        return made

    # ------------------------------------------------------------------------------------------------ tools

    def calls(self, scope: Scope, *, lists: bool) -> list[Part]:
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

    def call(self, name: str, signature: Signature, scope: Scope) -> Part:
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
                return seq(f"{name}(", *first, *[Maybe(seq(", ", each)) for each in by_place], ")")
            lists = [
                seq(each, *[Maybe(seq(", ", later)) for later in by_place[index + 1 :]])
                for index, each in enumerate(by_place)
            ]
            return seq(f"{name}(", *([Maybe(choice(*lists))] if lists else []), ")")

        made = self.rules.rule(self._rule("call", name.lower(), self._place(name), *_key(scope)), make)
        assert made is not None
        return made

    def _place(self, name: str) -> int:
        """Tells tools apart whose names differ in case only."""
        return list(self.tools).index(name)

    def argument(self, param: ToolParam, scope: Scope) -> Part:
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
            return seq("{", Maybe(seq(pair, upto(2, ", ", pair))), "}")
        return self.word(scope)

    def given_list(self, scope: Scope) -> Part:
        """A list, or a call that gives one from texts alone: `answer("...", retrieve("..."))`."""
        plain = [
            self.call(name, signature, scope)
            for name, signature in self.tools.items()
            if signature.returns in _LISTS and not any(param.type in _LISTS for param in signature.params)
        ]
        return choice(self.gathered(scope), *plain)


def _key(scope: Scope) -> tuple[int, int, int]:
    return scope.facts, scope.lists, scope.items
