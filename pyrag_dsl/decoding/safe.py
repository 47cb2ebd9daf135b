"""Level *safe*: a part of the language in which every text is a plan.

A context-free grammar cannot know which names are bound, so the shape says it. A plan is a chain of hops; hop *i*
binds `docs_i`, a list, and `fact_i`, a text, and every rule is made once for each *scope*: how many of the two are
bound, and how many loops are open. A name that is not bound yet, a tool that is not registered, an argument that it
does not take and a tool that is given another meaning cannot be written down. Nothing nests without bound, so the
longest plan is known and within the limits of the scan. Loops are over new lists, so that every plan ends.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Mapping

from ..grammar.language import Signature
from ..grammar.scan import MAX_LINE, MAX_SOURCE
from .rules import OptionalPart, Part, Ref, Rules, choice, longest, maybe, seq
from .safe_expressions import RuleScope, SafeExpressions, scoped

HOPS = 6
DEPTH = 2
MAX_DEPTH = 3
MAX_HOPS = 9  # one digit: no name begins another
LOOPS = 2  # `for` in `for`


def safe_rules(
    tools: Mapping[str, Signature], hops: int | None = None, depth: int = DEPTH, inputs: Iterable[str] = ("question",)
) -> Rules:
    """The rules of level *safe* over these tools.

    hops: pairs of a list and a fact at most, 1 to 9; as many as fit, up to 6, if None. depth: nested blocks at most,
    0 to 3. inputs: names that are bound to texts before the plan begins. Raises ``ValueError`` for other numbers, for a
    tool whose name a plan cannot call or itself must bind, and where a plan could be too long to be read.
    """
    if hops is not None and not 1 <= hops <= MAX_HOPS:
        raise ValueError(f"hops must be 1 to {MAX_HOPS}, not {hops}")
    if not 0 <= depth <= MAX_DEPTH:
        raise ValueError(f"depth must be 0 to {MAX_DEPTH}, not {depth}")
    for name in tools:
        own = name == "final_answer" or name.rstrip("0123456789") in ("fact_", "docs_", "item_")
        if own or not name.isidentifier() or not name.isascii() or keyword.iskeyword(name) or name.startswith("_"):
            raise ValueError(f"plans cannot be decoded with a tool named {name!r}")
    given = [name for name in inputs if name not in tools]
    for tried in range(HOPS, 0, -1) if hops is None else (hops,):
        rules = _Safe(tools, tried, depth, given).made()
        text = longest(rules)
        widest = max(map(len, text.split("\n")))
        if len(text) <= MAX_SOURCE and widest <= MAX_LINE:
            return rules
    raise ValueError(
        f"plans could have {len(text):,} characters, {widest:,} in a line; the limits are {MAX_SOURCE:,} and "
        f"{MAX_LINE:,}: allow fewer hops, or offer tools with fewer parameters"
    )


class _Safe(SafeExpressions):
    """The statements, over the expressions. Each line but the first begins with the end of the one before."""

    def __init__(self, tools: Mapping[str, Signature], hops: int, depth: int, inputs: Iterable[str]) -> None:
        super().__init__(tools, inputs)
        self.hops = hops
        self.depth = depth

    def made(self) -> Rules:
        # The start comes first in the text, but is known last.
        self.rules.rule("start", lambda: seq(maybe(self.terminal("HEAD")), self.after(0)))
        return self.rules

    def break_(self, depth: int) -> Ref:
        """The end of a line, before one that is indented so many times."""
        return self.terminal(f"LINE_{depth}")

    def after(self, hop: int) -> Part:
        """What may come once ``hop`` hops are done: the next one, or the answer."""
        scope = RuleScope(hop, hop)
        final = seq("final_answer = ", self.last(scope), maybe(self.terminal("TAIL")))
        following = choice(self.hop(hop + 1) if hop < self.hops else None, final)
        if not hop:
            return following
        line = self.break_(0)
        compound = maybe(line, self.compound(scope, 0)) if self.depth else None
        return seq(maybe(line, self.line(scope)), compound, line, following)

    def hop(self, number: int) -> Part:
        """The two lines of a hop, and all that may come after."""
        return self.rules.rule(
            f"hop_{number}",
            lambda: seq(
                f"docs_{number} = ",
                self.listing(RuleScope(number - 1, number - 1)),
                self.break_(0),
                f"fact_{number} = ",
                self.value(RuleScope(number - 1, number)),
                self.after(number),
            ),
        )

    def line(self, scope: RuleScope) -> Part:
        """A statement that gives a bound name a new value, or adds to a list."""
        return self.rules.rule(
            scoped("line", scope.facts, scope.items),
            lambda: choice(
                seq(self.facts(scope), " = ", self.text(scope)),
                seq(
                    self.lists(scope),
                    choice(
                        seq(choice(" = ", " += "), self.asked(scope)),
                        seq(".append(", self.text(scope), ")"),
                    ),
                ),
            ),
        )

    def compound(self, scope: RuleScope, depth: int) -> Part:
        """`if` or `for`, its headers indented ``depth`` times. The indentation of the first line is the caller's."""
        line = self.break_(depth)
        arm = self.arm(scope, depth + 1)
        conditions = self.conditions(scope)
        elifs = None if depth else maybe(line, "elif ", conditions, ":", arm)
        return self.rules.rule(
            scoped("block", depth, scope.facts, scope.items),
            lambda: choice(
                seq("if ", conditions, ":", self.body(scope, depth + 1), elifs, maybe(line, "else:", arm)),
                seq(f"for item_{scope.items + 1} in ", self.copied(scope), ":", self.body(scope.inside(), depth + 1))
                if scope.items < LOOPS
                else None,
            ),
        )

    def body(self, scope: RuleScope, depth: int) -> Part:
        """Lines, then a nested block, then a way out of the loop: some of it, and nothing that cannot be reached."""
        line = seq(self.break_(depth), self.line(scope))
        nested = seq(self.break_(depth), self.compound(scope, depth)) if depth < self.depth else None
        jump = self.jump(scope, depth)

        def make() -> Part:
            tail = [OptionalPart(jump)] if jump is not None else []
            deeper = seq(OptionalPart(line), nested, *tail) if nested is not None else None
            return choice(seq(line, OptionalPart(line), *tail), deeper, jump)

        return self.rules.rule(scoped("body", depth, scope.facts, scope.items), make)

    def arm(self, scope: RuleScope, depth: int) -> Part:
        """What stands under `elif` and `else`: one line, or a way out of the loop, or both."""
        jump = self.jump(scope, depth)
        line = seq(self.break_(depth), self.line(scope))
        return self.rules.rule(
            scoped("arm", depth, scope.facts, scope.items),
            lambda: choice(seq(line, OptionalPart(jump)) if jump is not None else line, jump),
        )

    def jump(self, scope: RuleScope, depth: int) -> Part | None:
        return seq(self.break_(depth), choice("break", "continue")) if scope.items else None
