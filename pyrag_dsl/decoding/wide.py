"""Level *wide*: the whole syntax of the language, as far as a context-free grammar can express it.

The model chooses its own names, which only the vetter can check. The vetter may refuse a text of this level for its
names, for the kinds of its values, and for the sizes that are limited for every text, but for nothing else. Indentation
is not context-free, so each depth of blocks has its own rules, and the depth is bounded.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..grammar.language import BINARY, MODULES, Signature
from . import lexicon
from .rules import Part, Ref, Repeat, Rules, choice, many, maybe, seq
from .wide_expressions import Place, WideExpressions

NAMES_AND_KINDS = frozenset("PLAN204 PLAN206 PLAN207 PLAN208 PLAN209 PLAN210 PLAN211 PLAN213 PLAN214 PLAN218".split())
"""The codes for which the vetter may refuse a text of this level. They are about names that are not bound, bound twice,
or belong to a tool, a module or a builtin; about arguments and literals of the wrong kind; about a `global` or
`nonlocal` that names a parameter or nothing (PLAN213); and about a plan that binds no name for its answer (PLAN211)."""

BLOCKS = 6  # the deepest nesting of blocks
TOP = Place()
_LINE = seq(lexicon.spaces(), maybe(lexicon.comment(many(lexicon.text()))), "\n")
_ANNOTATION = 3  # the deepest nesting of brackets in an annotation


def wide_rules(tools: Mapping[str, Signature]) -> Rules:
    """The rules of level *wide* over these tools."""
    return Wide(tools).made()


class Wide(WideExpressions):
    """The rules of statements."""

    def made(self) -> Rules:
        # The start comes first in the text, but is complete last.
        self.rules.rule("start", self.program)
        return self.rules

    def program(self) -> Part:
        """A plan with at least one statement other than `pass`. It may begin and end with comments and blank lines."""
        line = self.line_break(0)
        docs = seq(self.string(), line)
        future = seq("from __future__ import annotations", line)
        statement = self.statement(0, loop=False)
        rest = seq(lexicon.spaces(), maybe(lexicon.comment(many(lexicon.text()))))
        tail = choice(
            seq(Repeat(_LINE, 1, None), rest),
            seq(lexicon.spaces(1), maybe(lexicon.comment(many(lexicon.text())))),
            lexicon.comment(many(lexicon.text())),
        )
        return seq(
            maybe(self.token("HEAD", Repeat(_LINE, 1, None))),
            maybe(docs),
            maybe(future),
            many("pass", line),
            statement,
            many(line, choice(statement, "pass")),
            maybe(self.token("TAIL", tail)),
        )

    # --------------------------------------------------------------------------------------------------- layout

    def line_break(self, depth: int) -> Ref:
        """The end of a line, blank lines and comments, and the indentation of the next statement."""
        indent = lexicon.INDENT * depth
        return self.token(f"LINE_{depth}", seq(Repeat(_LINE, 1, None), indent or None))

    def block(self, depth: int, *, loop: bool) -> Part:
        """The block of a header at this depth: statements on the lines below it, or on its own line."""
        inner = depth + 1

        def make() -> Part:
            begin = self.token(f"BLOCK_{inner}", seq(":", Repeat(_LINE, 1, None), lexicon.INDENT * inner))
            line = self.line_break(inner)
            filler = choice(self.string(), "pass")
            each = choice(self.statement(inner, loop=loop), filler)
            inline = seq(self.token("INLINE", seq(":", lexicon.spaces())), self.simple_line(loop=loop, filler=True))
            return choice(seq(begin, each, many(line, each)), inline)

        return self.rules.rule(f"block_{depth}{'l' if loop else ''}", make)

    def statement(self, depth: int, *, loop: bool) -> Part:
        def make() -> Part:
            simple = self.simple_line(loop=loop, filler=False)
            return choice(simple, *self.compound(depth, loop=loop)) if depth < BLOCKS else simple

        return self.rules.rule(f"statement_{depth}{'l' if loop else ''}", make)

    def simple_line(self, *, loop: bool, filler: bool) -> Part:
        """Simple statements on one line."""
        semicolon = self.token("SEMICOLON", seq(lexicon.spaces(), ";", maybe(" ")))
        each = choice(self.simple(), "break" if loop else None, "continue" if loop else None)
        first = choice(each, "pass") if filler else each
        return self.rules.rule(
            f"line{'_l' if loop else ''}{'_f' if filler else ''}",
            lambda: seq(first, many(semicolon, each), maybe(semicolon)),
        )

    # ------------------------------------------------------------------------------------------------ compounds

    def compound(self, depth: int, *, loop: bool) -> list[Part]:
        suffix = f"{depth}{'l' if loop else ''}"
        line = self.line_break(depth)
        made = {
            "if": lambda: self.if_(depth, line, loop),
            "loop": lambda: self.loop(depth, line, loop),
            "try": lambda: self.try_(depth, line, loop),
            "def": lambda: self.def_(depth, line),
        }
        return [
            self.rules.rule(f"{name}_{suffix}" if name != "def" else f"def_{depth}", make)
            for name, make in made.items()
        ]

    def word(self, word: str) -> Ref:
        """A word with the space after it."""
        return self.token(f"BEGIN_{word.upper()}", seq(word, lexicon.spaces(1)))

    def test(self) -> Part:
        """The test of `if` and `while`: an expression, which `:=` may bind to a name: `if m := re.search(...)`."""

        def make() -> Part:
            inner = TOP.within()
            named = seq(self.name(), self.spaced("WALRUS", TOP, ":="), self.expression(TOP))
            bracketed = seq(
                self.opened("(", inner),
                self.name(),
                self.spaced("WALRUS", inner, ":="),
                self.expression(inner),
                self.closed(")", inner),
            )
            operator = self.operator(TOP)
            tail = maybe(
                choice(operator, self.spaced("IS", TOP, "is", apart=True), self.membership(TOP)), self.operand(TOP)
            )
            return choice(self.expression(TOP), named, seq(bracketed, tail))

        return self.rules.rule("test", make)

    def if_(self, depth: int, line: Part, loop: bool) -> Part:
        block = self.block(depth, loop=loop)
        elifs = many(line, self.word("elif"), self.test(), block)
        return seq(self.word("if"), self.test(), block, elifs, maybe(line, "else", block))

    def loop(self, depth: int, line: Part, loop: bool) -> Part:
        over = seq(self.word("for"), self.loop_target(TOP), self.spaced("IN", TOP, "in", apart=True), self.values(TOP))
        header = choice(over, seq(self.word("while"), self.test()))
        return seq(header, self.block(depth, loop=True), maybe(line, "else", self.block(depth, loop=loop)))

    def try_(self, depth: int, line: Part, loop: bool) -> Part:
        block = self.block(depth, loop=loop)
        path = seq(self.name(), many(self.attribute(TOP)))
        inner = TOP.within()
        several = seq(self.opened("(", inner), self.listed(path, path, ")", inner))
        as_name = maybe(self.token("AS", seq(lexicon.spaces(1), "as", lexicon.spaces(1))), self.name())
        typed = seq(line, self.word("except"), choice(path, several), as_name, block)
        bare = seq(line, "except", block)
        last = maybe(line, "finally", block)
        handled = seq(choice(seq(typed, many(typed), maybe(bare)), bare), maybe(line, "else", block), last)
        return seq("try", block, choice(handled, seq(line, "finally", block)))

    def def_(self, depth: int, line: Part) -> Part:
        cache = seq("lru_cache", maybe("(", maybe(maybe("maxsize="), choice("None", "128")), ")"))
        decorator = seq("@", maybe("functools."), choice("cache", cache), line)
        arrow = self.token("ARROW", seq(lexicon.spaces(), "->", lexicon.spaces()))
        return seq(
            maybe(decorator),
            self.word("def"),
            self.name(),
            self.parameters(),
            maybe(arrow, self.type_(_ANNOTATION)),
            self.body(depth),
        )

    def body(self, depth: int) -> Part:
        """The block of a function, where `global` and `nonlocal` may come first."""
        inner = depth + 1

        def make() -> Part:
            line, name = self.line_break(inner), self.name()
            begin = self.token(f"BLOCK_{inner}", seq(":", Repeat(_LINE, 1, None), lexicon.INDENT * inner))
            declared = seq(choice(self.word("global"), self.word("nonlocal")), name, many(self.comma(TOP), name))
            rest = choice(self.statement(inner, loop=False), self.string(), "pass")
            docs = maybe(self.string(), line)
            scoped = seq(begin, docs, declared, line, many(declared, line), rest, many(line, rest))
            return choice(scoped, self.block(depth, loop=False))

        return self.rules.rule(f"body_{depth}", make)

    def parameters(self) -> Part:
        inner = TOP.within()

        def make() -> Part:
            comma, end = self.comma(inner), self.closed(")", inner)
            typed = seq(self.name(), maybe(self.spaced("COLON", inner, ":"), self.type_(_ANNOTATION)))
            default = seq(typed, self.spaced("EQUAL", inner, "="), self.value(inner))
            after_star = seq(many(comma, choice(default, typed)), maybe(comma, "**", typed))
            rest = seq("*", choice(seq(typed, after_star), seq(comma, choice(default, typed), after_star)))
            last = choice(rest, seq("**", typed))
            defaults = seq(default, many(comma, default), maybe(comma, last))
            plain = seq(typed, many(comma, typed), maybe(comma, choice(defaults, last)))
            return seq(
                self.opened("(", inner),
                choice(")", seq(choice(plain, defaults, last), choice(end, seq(comma, ")")))),
            )

        return self.rules.rule("parameters", make)

    def type_(self, brackets: int) -> Part:
        """An annotation."""

        def make() -> Part:
            inner = Place(1, lines=True)
            path = choice(seq(self.name(), many(self.attribute(TOP))), "None", self.string())
            listed = None
            if brackets:
                of = self.type_(brackets - 1)
                nested = choice(of, seq("[", maybe(of, many(self.comma(inner), of)), "]"))
                listed = maybe("[", nested, many(self.comma(inner), nested), "]")
            one = seq(path, listed)
            either = self.token("OR_TYPE", seq(lexicon.spaces(), "|", lexicon.spaces()))
            return seq(one, many(either, one))

        return self.rules.rule(f"type_{brackets}", make)

    # -------------------------------------------------------------------------------------------- simple ones

    def simple(self) -> Part:
        def make() -> Part:
            return choice(
                seq(self.name(), self.after_first_name()),
                self.unpacking(),
                *(seq(call, self.trailers(TOP)) for call in self.tool_calls(TOP)),
                seq("return", maybe(self.token("SPACE", lexicon.spaces(1)), self.values(TOP))),
                self.raising(),
                seq(self.word("assert"), self.expression(TOP), maybe(self.comma(TOP), self.value(TOP))),
                self.deleting(),
                *self.importing(),
            )

        return self.rules.rule("simple", make)

    def raising(self) -> Part:
        space = self.token("SPACE", lexicon.spaces(1))
        cause = maybe(self.token("FROM", seq(lexicon.spaces(1), "from", lexicon.spaces(1))), self.expression(TOP))
        return seq("raise", maybe(space, self.expression(TOP), cause))

    def deleting(self) -> Part:
        target = seq(self.name(), many(self.index(TOP)))
        return seq(self.word("del"), target, many(self.comma(TOP), target))

    def importing(self) -> list[Part]:
        comma, name = self.comma(TOP), self.name()
        alias = maybe(self.token("AS", seq(lexicon.spaces(1), "as", lexicon.spaces(1))), name)
        offered = {module: members for module, members in MODULES.items() if module != "__future__"}
        module = seq(choice(*offered), alias)
        made: list[Part] = [
            self.rules.rule("import_module", lambda: seq(self.word("import"), module, many(comma, module)))
        ]
        inner = TOP.within()
        whence = self.word("from")
        for source, members in offered.items():
            member = seq(self.token(f"MEMBER_OF_{source.upper()}", lexicon.one_of(members)), alias)
            names = seq(member, many(comma, member))
            grouped = seq(self.opened("(", inner), self.listed(member, member, ")", inner))
            made.append(
                seq(
                    whence,
                    source,
                    self.token("IMPORTS", seq(lexicon.spaces(1), "import", lexicon.spaces(1))),
                    choice(names, grouped),
                )
            )
        return made

    def after_first_name(self) -> Part:
        """The rest of a statement that begins with a name: an assignment, with an annotation perhaps, or a call."""
        equal = self.spaced("EQUAL", TOP, "=")
        typed = seq(self.spaced("COLON", TOP, ":"), self.type_(_ANNOTATION), equal, self.values(TOP))
        return choice(maybe(self.after_target()), typed)

    def after_target(self) -> Part:
        """The rest of a statement after a name or an item, to which a value can be assigned."""

        def make() -> Part:
            operators = choice(*sorted({f"{op}=" for op in BINARY.values()}, key=len, reverse=True))
            return choice(
                self.assigned(),
                seq(self.spaced("AUGMENTED", TOP, operators), self.values(TOP)),
                seq(self.more_targets(), self.assigned()),
                *self.paths(),
            )

        return self.rules.rule("after_target", make)

    def after_path(self) -> Part:
        """The rest of a statement after a call or an attribute, to which no value can be assigned."""
        return self.rules.rule("after_path", lambda: choice(*self.paths()))

    def paths(self) -> list[Part]:
        return [
            seq(self.index(TOP), maybe(self.after_target())),
            seq(choice(self.call(TOP), self.attribute(TOP)), maybe(self.after_path())),
        ]

    def assigned(self) -> Part:
        """An assignment after its first target: `= value`, `= name = value`."""
        equal = self.spaced("EQUAL", TOP, "=")
        return self.rules.rule("assigned", lambda: seq(equal, many(self.name(), equal), self.values(TOP)))

    def more_targets(self) -> Part:
        """Further targets after the first, as in `, name, *rest`. At most one has a star."""

        def make() -> Part:
            comma = self.comma(TOP)
            one = seq(self.name(), many(self.index(TOP)))
            group = choice(seq("(", one, many(comma, one), ")"), seq("[", one, many(comma, one), "]"))
            each = choice(one, group)
            return seq(
                choice(
                    seq(comma, each, many(comma, each), maybe(comma, "*", self.name(), many(comma, each))),
                    seq(comma, "*", self.name(), many(comma, each)),
                ),
                maybe(comma),
            )

        return self.rules.rule("more_targets", make)

    def unpacking(self) -> Part:
        """An assignment whose targets begin with a bracket or a star."""
        comma, name = self.comma(TOP), self.name()
        item = seq(name, many(self.index(TOP)))
        inner = choice(item, seq("(", item, many(comma, item), ")"))
        several = seq(inner, many(comma, inner), maybe(comma, "*", name))
        group = choice(seq("(", several, ")"), seq("[", several, "]"))
        starred = seq("*", name, comma, item)
        return self.rules.rule(
            "unpacking", lambda: seq(choice(group, starred), many(comma, choice(item, group)), self.assigned())
        )
