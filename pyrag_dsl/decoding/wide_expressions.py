"""Expressions of level *wide*: all that plans may contain, without regard to the meaning of names.

The precedence of operators is ignored, because it does not matter for the question whether a text is an expression. The
rules depend on the place: how many brackets may still be opened, whether the expression may continue on the next line
(it may in brackets), and which quote the f-string around uses.
"""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..grammar.language import ATTRIBUTES, BINARY, COMPARE, MODULES, REQUIRED, Signature
from . import lexicon
from .rules import Chars, Part, Ref, Repeat, Rules, choice, many, maybe, seq

NAME = 40  # the approximate most characters of a name
BRACKETS = 5  # the deepest nesting of brackets
HOLE_BRACKETS = 2  # the same in the braces of an f-string
_SYMBOLS = sorted(
    {op for op in (*BINARY.values(), *COMPARE.values()) if not op[0].isalpha()}, key=lambda op: (-len(op), op)
)
_ATTRIBUTES = ATTRIBUTES.union(*MODULES.values()) - {"format", "format_map"}
_LINES_GO_ON = many(choice(Chars(r" \n", " "), seq(lexicon.comment(many(lexicon.text())), "\n")))


@dataclass(frozen=True, slots=True)
class Place:
    """The place of an expression.

    Attributes:
        brackets: the number of brackets that may still be opened, one in another.
        quote: the quote of the f-string around; "" for none.
        lines: whether the end of a line counts as white space.
    """

    brackets: int = BRACKETS
    quote: str = ""
    lines: bool = False

    @property
    def name(self) -> str:
        """The suffix of the names of rules for this place."""
        return f"{self.brackets}{'b' if self.lines else ''}{ {'': '', chr(34): 'd', chr(39): 's'}[self.quote] }"

    def within(self) -> Place:
        """The place inside a bracket that is opened here."""
        return replace(self, brackets=self.brackets - 1, lines=not self.quote)


class WideExpressions:
    """The rules of expressions. Each rule is made when it is first used."""

    def __init__(self, tools: Mapping[str, Signature]) -> None:
        self.tools = dict(tools)
        self.rules = Rules("start")

    def token(self, name: str, make: Part) -> Ref:
        return self.rules.rule(name, lambda: make)

    def name(self) -> Ref:
        """A name that a plan may bind."""
        rest = self.token("REST_OF_NAME", Repeat(Chars("0-9A-Z_a-z", "x"), 1, NAME))
        return self.rules.rule("NAME", lambda: lexicon.name_without({*keyword.kwlist, *self.tools}, rest))

    # ------------------------------------------------------------------------------------- words between spaces

    def space(self, place: Place) -> Part:
        return _LINES_GO_ON if place.lines else lexicon.spaces()

    def spaced(self, name: str, place: Place, word: Part | str, *, apart: bool = False, after: bool = True) -> Ref:
        """A word with the white space around it.

        Args:
            name: the name of the terminal.
            place: the place of the word.
            word: the word.
            apart: whether white space is required on both sides.
            after: whether white space after the word belongs to the terminal.
        """
        found = self.space(place)
        assert isinstance(found, Repeat)
        some = Repeat(found.part, 1, None) if apart else found
        return self.token(f"{name}_B" if place.lines else name, seq(some, word, some if after else None))

    def comma(self, place: Place) -> Ref:
        return self.spaced("COMMA", place, ",")

    def opened(self, bracket: str, place: Place) -> Ref:
        """An opening bracket with the white space after it. `place` is the place inside the bracket."""
        name = {"(": "ROUND", "[": "SQUARE", "{": "CURLY"}[bracket]
        return self.token(f"{name}_B" if place.lines else name, seq(bracket, self.space(place)))

    def closed(self, bracket: str, place: Place) -> Ref:
        name = {")": "END_ROUND", "]": "END_SQUARE", "}": "END_CURLY"}[bracket]
        return self.spaced(name, place, bracket, after=False)

    def listed(self, first: Part, more: Part, bracket: str, place: Place) -> Part:
        """Parts with commas between them, perhaps a comma after the last, and the closing bracket."""
        comma = self.comma(place)
        return seq(first, many(comma, more), choice(self.closed(bracket, place), seq(comma, bracket)))

    # ------------------------------------------------------------------------------------------------ operators

    def values(self, place: Place) -> Part:
        """A value, or a tuple without brackets."""
        item = self.items(place)
        comma = self.comma(place)
        first = choice(
            seq(self.value(place), maybe(comma, maybe(item, many(comma, item), maybe(comma)))),
            seq("*", self.operand(place), comma, maybe(item, many(comma, item), maybe(comma))),
        )
        return self.rules.rule(f"values_{place.name}", lambda: first)

    def value(self, place: Place) -> Part:
        return choice(self.expression(place), self.function(place))

    def function(self, place: Place) -> Part:
        """A lambda."""

        def make() -> Part:
            comma, equal, name = self.comma(place), self.spaced("EQUAL", place, "="), self.name()
            default = seq(name, equal, self.expression(place))
            defaults = seq(default, many(comma, default))
            rest = seq("*", name, many(comma, choice(default, name)))
            params = choice(
                seq(name, many(comma, name), maybe(comma, choice(defaults, rest))),
                seq(defaults, maybe(comma, rest)),
                rest,
            )
            return seq(
                "lambda",
                maybe(self.token("SPACE", lexicon.spaces(1)), params),
                self.spaced("COLON", place, ":"),
                self.expression(place),
            )

        return self.rules.rule(f"function_{place.name}", make)

    def expression(self, place: Place) -> Part:
        """A chain of operators, or a choice by `if` and `else`."""

        def make() -> Part:
            chain = self.chain(place)
            other = self.spaced("ELSE", place, "else", apart=True)
            return seq(chain, maybe(self.spaced("IF", place, "if", apart=True), chain, other, self.expression(place)))

        return self.rules.rule(f"expression_{place.name}", make)

    def chain(self, place: Place) -> Part:
        """Operands with operators between them. `not` is only allowed where Python allows it."""

        def make() -> Part:
            operand = self.operand(place)
            negated = seq(maybe(self.negation()), operand)
            return seq(
                negated,
                many(
                    choice(
                        seq(self.operator(place), operand),
                        seq(self.membership(place), operand),
                        seq(self.spaced("IS", place, "is", apart=True), negated),
                        seq(self.spaced("LOGIC", place, choice("and", "or"), apart=True), negated),
                    )
                ),
            )

        return self.rules.rule(f"chain_{place.name}", make)

    def operator(self, place: Place) -> Ref:
        return self.spaced("OPERATOR", place, choice(*_SYMBOLS))

    def negation(self) -> Ref:
        return self.token("NOT", seq("not", lexicon.spaces(1)))

    def membership(self, place: Place) -> Part:
        """The operators `in` and `not in`. The terminal of `in` is also used in comprehensions and loops."""
        apart = self.space(place)
        assert isinstance(apart, Repeat)
        some = Repeat(apart.part, 1, None)
        return choice(
            self.spaced("IN", place, "in", apart=True), self.spaced("NOT_IN", place, seq("not", some, "in"), apart=True)
        )

    def operand(self, place: Place) -> Part:
        def make() -> Part:
            tail = self.trailers(place)
            options: list[Part | None] = [
                seq(self.name(), tail),
                *(seq(call, tail) for call in self.tool_calls(place)),
                seq(self.text(place), self.tail_of_literal(place)),
                self.token("NUMBER", choice(lexicon.FLOAT, lexicon.INTEGER)),
                choice("None", "True", "False", "__name__"),
            ]
            if place.brackets:
                displays = [self.round(place.within()), self.square(place.within())]
                if not place.quote:
                    displays.append(self.curly(place.within()))
                options.append(seq(choice(*displays), self.tail_of_literal(place)))
                if not place.quote:
                    options.append(self.formatted(place))
            return seq(maybe(self.token("SIGN", Chars("-+~", "-"))), choice(*options))

        return self.rules.rule(f"operand_{place.name}", make)

    # ---------------------------------------------------------------------------------- attributes, items, calls

    def trailers(self, place: Place) -> Part:
        """Attributes, items and calls after a value."""
        return self.rules.rule(
            f"trailers_{place.name}",
            lambda: many(choice(self.attribute(place), *self.bracketed(place))),
        )

    def bracketed(self, place: Place) -> list[Part]:
        return [self.index(place), self.call(place)] if place.brackets else []

    def tail_of_literal(self, place: Place) -> Part:
        """Trailers of a display or a string: no call, and no `format`, whose fields could access attributes."""

        def make() -> Part:
            index = self.index(place) if place.brackets else None
            return maybe(choice(self.attribute(place, template=False), index), self.trailers(place))

        return self.rules.rule(f"literal_tail_{place.name}", make)

    def attribute(self, place: Place, *, template: bool = True) -> Part:
        plain = self.rules.rule("ATTRIBUTE", lambda: lexicon.one_of(_ATTRIBUTES))
        return seq(self.dot(place), choice(plain, "format", "format_map") if template else plain)

    def dot(self, place: Place) -> Part:
        return self.spaced("DOT", place, ".") if place.lines else seq(".")

    def index(self, place: Place) -> Part:
        """An item, a slice, or an item by a tuple."""
        inner = place.within()

        def make() -> Part:
            value, end, comma = self.expression(inner), self.closed("]", inner), self.comma(inner)
            colon = self.spaced("COLON", inner, ":")
            rest = seq(maybe(value), maybe(colon, maybe(value)))
            return seq(
                self.opened("[", inner),
                choice(seq(value, choice(many(comma, value), seq(colon, rest))), seq(colon, rest)),
                end,
            )

        return self.rules.rule(f"index_{inner.name}", make)

    def call(self, place: Place) -> Part:
        inner = place.within()

        def make() -> Part:
            keywords = self.keywords(inner, self.name())
            end, comma = self.closed(")", inner), self.comma(inner)
            positional = choice(self.value(inner), seq("*", self.chain(inner)))
            rest = seq(many(comma, positional), maybe(comma, keywords), choice(end, seq(comma, ")")))
            return seq(
                self.opened("(", inner),
                choice(
                    ")",
                    seq(self.expression(inner), choice(seq(self.clauses(inner), end), rest)),
                    seq(choice(self.function(inner), seq("*", self.chain(inner))), rest),
                    seq(keywords, choice(end, seq(comma, ")"))),
                ),
            )

        return self.rules.rule(f"call_{inner.name}", make)

    def keywords(self, inner: Place, names: Part, *, spread: bool = True) -> Part:
        """Arguments by name: `name=value, ...`. With `spread`, `**values` may be among them."""
        one = seq(names, self.spaced("EQUAL", inner, "="), self.value(inner))
        each = choice(one, seq("**", self.chain(inner))) if spread else one
        return seq(each, many(self.comma(inner), each))

    def tool_calls(self, place: Place) -> list[Part]:
        """A call of each tool, with the names of its parameters, and with at most as many arguments as parameters."""
        if not place.brackets:
            return []
        inner = place.within()
        return [
            self.rules.rule(f"tool_{number}_{inner.name}", lambda tool=tool: self.tool_call(tool, inner))  # type: ignore[misc]
            for number, tool in enumerate(self.tools.values())
        ]

    def tool_call(self, tool: Signature, inner: Place) -> Part:
        if not tool.params:
            return seq(f"{tool.name}", self.opened("(", inner), ")")
        comma, end = self.comma(inner), self.closed(")", inner)
        keywords = self.keywords(inner, choice(*(param.name for param in tool.params)))
        closing = choice(end, seq(comma, ")"))
        required = any(param.default is REQUIRED for param in tool.params)
        more: Part = seq(maybe(comma, keywords), closing)
        for _ in tool.params[1:]:
            more = choice(seq(comma, self.value(inner), more), seq(comma, keywords, closing), closing)
        return seq(
            tool.name,
            self.opened("(", inner),
            choice(seq(self.value(inner), more), seq(keywords, closing), None if required else ")"),
        )

    # ------------------------------------------------------------------------------------------------- displays

    def items(self, place: Place) -> Part:
        return choice(self.value(place), seq("*", self.operand(place)))

    def round(self, inner: Place) -> Part:
        """An expression in round brackets, a tuple, or a generator, which must not be in the braces of an f-string."""

        def make() -> Part:
            end, comma, item = self.closed(")", inner), self.comma(inner), self.items(inner)
            tuple_ = seq(comma, choice(")", self.listed(item, item, ")", inner)))
            clauses = None if inner.quote else seq(self.clauses(inner), end)
            return seq(self.opened("(", inner), choice(")", seq(self.expression(inner), choice(end, tuple_, clauses))))

        return self.rules.rule(f"round_{inner.name}", make)

    def square(self, inner: Place) -> Part:
        def make() -> Part:
            end, comma, item = self.closed("]", inner), self.comma(inner), self.items(inner)
            more = choice(end, seq(comma, choice("]", self.listed(item, item, "]", inner))))
            return seq(
                self.opened("[", inner),
                choice(
                    "]",
                    seq(self.expression(inner), choice(more, seq(self.clauses(inner), end))),
                    seq(choice(self.function(inner), seq("*", self.operand(inner))), more),
                ),
            )

        return self.rules.rule(f"square_{inner.name}", make)

    def curly(self, inner: Place) -> Part:
        def make() -> Part:
            end, comma, item = self.closed("}", inner), self.comma(inner), self.items(inner)
            colon = self.spaced("COLON", inner, ":")
            value = self.value(inner)
            pair = choice(seq(self.expression(inner), colon, value), seq("**", self.operand(inner)))
            pairs = choice(end, seq(comma, choice("}", self.listed(pair, pair, "}", inner))))
            more = choice(end, seq(comma, choice("}", self.listed(item, item, "}", inner))))
            made = seq(self.clauses(inner), end)
            return seq(
                self.opened("{", inner),
                choice(
                    "}",
                    seq(self.expression(inner), choice(more, made, seq(colon, value, choice(pairs, made)))),
                    seq("**", self.operand(inner), pairs),
                    seq("*", self.operand(inner), more),
                ),
            )

        return self.rules.rule(f"curly_{inner.name}", make)

    def clauses(self, inner: Place) -> Part:
        """The clauses of a comprehension: `for x in xs if c`, once or more."""

        def make() -> Part:
            clause = seq(
                self.spaced("FOR", inner, "for", apart=True),
                self.loop_target(inner),
                self.spaced("IN", inner, "in", apart=True),
                self.chain(inner),
                many(self.spaced("IF", inner, "if", apart=True), self.chain(inner)),
            )
            return seq(clause, many(clause))

        return self.rules.rule(f"clauses_{inner.name}", make)

    def loop_target(self, place: Place) -> Part:
        """The target of a loop: one name or several, with or without brackets."""
        comma, name = self.comma(place), self.name()
        group = seq("(", name, comma, name, many(comma, name), ")")
        each = choice(name, group)
        return self.rules.rule(f"loop_target_{place.name}", lambda: seq(each, many(comma, each)))

    # -------------------------------------------------------------------------------------------------- strings

    def text(self, place: Place) -> Part:
        """A string or an f-string, or several that follow one another."""
        if place.quote:
            other = "'" if place.quote == '"' else '"'
            inside = many(lexicon.text(without="\"'\\{}#"))
            return self.token("INNER_D" if place.quote == '"' else "INNER_S", seq(other, inside, other))

        def make() -> Part:
            found = self.space(place)
            assert isinstance(found, Repeat)
            apart = Repeat(found.part, 1, None)
            suffix = "_B" if place.lines else ""
            more = self.token(f"MORE_STRING{suffix}", seq(apart, _STRING))
            return seq(
                choice(self.string(), *self.f_strings("", None)),
                many(choice(more, *self.f_strings(suffix or "_A", apart))),
            )

        return self.rules.rule(f"text_{'b' if place.lines else 'a'}", make)

    def string(self) -> Ref:
        return self.token("STRING", _STRING)

    def formatted(self, place: Place) -> Part:
        """A call of `.format(...)` on a string whose fields access no attribute."""
        parts = many(choice(lexicon.text('"\\{}'), seq("{", many(lexicon.text('"\\{}.')), "}")))
        template = self.token("TEMPLATE", seq('"', parts, '"'))
        return seq(template, self.dot(place), "format", self.call(place), self.trailers(place))

    def f_strings(self, suffix: str, apart: Part | None) -> list[Part]:
        """F-strings of all kinds. After another string, the white space between the two (`apart`) comes first."""
        made: list[Part] = []
        for quote in ('"', "'", '"""', "'''"):
            for raw in (False, True):
                kind = {'"': "D", "'": "S"}[quote[0]] + str(len(quote)) + "R" * raw
                prefix = choice("rf", "fr") if raw else "f"
                inside = self.rules.rule(f"f_string_{kind.lower()}", lambda k=kind, q=quote: self.f_string(k, q))  # type: ignore[misc]
                made.append(seq(self.token(f"F_{kind}{suffix}", seq(apart, prefix, quote)), inside, quote))
        return made

    def f_string(self, kind: str, quote: str) -> Part:
        """The texts and braces of an f-string, without its quotes."""
        without = "\\{}" + quote[0]
        long = len(quote) == 3
        escape = seq("\\", lexicon.text("{}")) if kind.endswith("R") else lexicon.ESCAPE
        text = self.token(
            f"TEXT_{kind}", Repeat(choice(lexicon.text(without), "\n" if long else None, escape), 1, None)
        )
        piece = choice(text, "{{", "}}", self.hole(quote[0]))
        if long:
            some = self.token(f"QUOTES_{kind[0]}", seq(quote[0], maybe(quote[0])))
            return many(maybe(some), piece)
        return many(piece)

    def hole(self, quote: str) -> Part:
        place = Place(HOLE_BRACKETS, quote)

        def make() -> Part:
            value = self.expression(place)
            form = self.token("FORMAT", lexicon.FORMAT)
            computed = seq("{", value, "}", maybe(form))
            spec = seq(":", choice(seq(form, many(computed)), seq(computed, many(computed))))
            return seq("{", value, maybe("="), maybe(choice("!r", "!s", "!a")), maybe(spec), "}")

        return self.rules.rule(f"hole_{'d' if quote == chr(34) else 's'}", make)


_STRING = choice(*(lexicon.quoted(quote) for quote in "\"'"), *(lexicon.long_quoted(quote) for quote in "\"'"))
