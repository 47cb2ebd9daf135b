"""The grammar of level *names*: level wide without the syntax that a reader of names does not support.

A context-free grammar cannot look up a name, so this grammar is one half of the level, and `NameReader` the other.
These parts of wide are missing here, so the reader need not refuse them: `global` and `nonlocal`, decorators, `:=`,
`del`, chained assignments, targets in brackets (except those of loops), annotations of variables, annotations other
than builtin types, defaults of a lambda, and `*` and `**` in calls of tools.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..grammar.language import REQUIRED, Signature
from . import lexicon
from .rules import Part, Rules, choice, many, maybe, seq
from .wide import TOP, Wide
from .wide_expressions import Place

_TYPES = ("str", "int", "float", "bool", "list", "dict", "tuple", "set")


def named_rules(tools: Mapping[str, Signature]) -> Rules:
    """The rules of level *names* over these tools."""
    return _Named(tools).made()


class _Named(Wide):
    """The statements and expressions that are narrower than in level wide."""

    def test(self) -> Part:
        return self.expression(TOP)

    def def_(self, depth: int, line: Part) -> Part:  # noqa: ARG002
        arrow = self.token("ARROW", seq(lexicon.spaces(), "->", lexicon.spaces()))
        return seq(self.word("def"), self.name(), self.parameters(), maybe(arrow, self.type_(1)), self.body(depth))

    def body(self, depth: int) -> Part:
        return self.block(depth, loop=False)

    def simple(self) -> Part:
        def make() -> Part:
            return choice(
                seq(self.name(), maybe(self.after_target())),
                *(seq(call, self.trailers(TOP)) for call in self.tool_calls(TOP)),
                seq("return", maybe(self.token("SPACE", lexicon.spaces(1)), self.values(TOP))),
                self.raising(),
                seq(self.word("assert"), self.expression(TOP), maybe(self.comma(TOP), self.value(TOP))),
                *self.importing(),
            )

        return self.rules.rule("simple", make)

    def assigned(self) -> Part:
        return seq(self.spaced("EQUAL", TOP, "="), self.values(TOP))

    def more_targets(self) -> Part:
        def make() -> Part:
            comma, one = self.comma(TOP), seq(self.name(), many(self.index(TOP)))
            starred = seq(comma, "*", self.name(), many(comma, one))
            return choice(seq(comma, one, many(comma, one), maybe(starred)), starred)

        return self.rules.rule("more_targets", make)

    def type_(self, brackets: int) -> Part:
        """An annotation: a builtin type, perhaps with types in brackets, or a union of two types."""

        def make() -> Part:
            types = [name for name in _TYPES if name not in self.tools]
            word = self.token("TYPE", choice(*types, "None"))
            inner = self.type_(brackets - 1) if brackets else None
            one = word if inner is None else seq(word, maybe("[", inner, maybe(", ", inner), "]"))
            return seq(one, maybe(self.token("OR_TYPE", seq(" | ")), word))

        return self.rules.rule(f"type_{brackets}", make)

    def function(self, place: Place) -> Part:
        def make() -> Part:
            comma, name, space = self.comma(place), self.name(), self.token("SPACE", lexicon.spaces(1))
            params = maybe(space, name, many(comma, name))
            return seq("lambda", params, self.spaced("COLON", place, ":"), self.expression(place))

        return self.rules.rule(f"function_{place.name}", make)

    def tool_call(self, tool: Signature, inner: Place) -> Part:
        if not tool.params:
            return seq(f"{tool.name}", self.opened("(", inner), ")")
        comma, end, value = self.comma(inner), self.closed(")", inner), self.expression(inner)
        closing = choice(end, seq(comma, ")"))
        one = seq(choice(*(param.name for param in tool.params)), self.spaced("EQUAL", inner, "="), value)
        keywords = seq(one, many(comma, one), closing)
        more: Part = closing
        for _ in tool.params[1:]:
            more = choice(seq(comma, value, more), seq(comma, keywords), closing)
        required = any(param.default is REQUIRED for param in tool.params)
        return seq(tool.name, self.opened("(", inner), choice(seq(value, more), keywords, None if required else ")"))
