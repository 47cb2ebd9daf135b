"""Level *safe*: a part of the language in which every text is a plan.

A context-free grammar cannot know which names are bound, so fixed names are used. A plan is a chain of hops. Hop *i*
binds `docs_i`, a list, and `fact_i`, a text. Each rule exists once for each *scope*: the numbers of these names that
are bound, and the number of open loops. So a model cannot write a name that is not bound yet, a tool that is not
registered, an argument that a tool does not take, or a new meaning for the name of a tool. Nesting is bounded, so the
longest plan is known, and it is within the limits of the scan. Loops are over new lists, so every plan ends.
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
MAX_HOPS = 9  # with one digit, no name is the beginning of another
LOOPS = 2  # the deepest nesting of `for` loops


def safe_rules(
    tools: Mapping[str, Signature], hops: int | None = None, depth: int = DEPTH, inputs: Iterable[str] = ("question",)
) -> Rules:
    """The rules of level *safe* over these tools.

    Args:
        tools: the signatures of the tools.
        hops: the most pairs of a list and a fact, 1 to 9; None for as many as fit, up to 6.
        depth: the deepest nesting of blocks, 0 to 3.
        inputs: the names that are bound to texts before the plan begins.

    Raises:
        ValueError: a number is out of range, a plan cannot call a tool of this name or itself binds the name, or a plan
            could be longer than the limits of the scan.
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
    """The rules of statements. Each line except the first begins with the line break before it."""

    def __init__(self, tools: Mapping[str, Signature], hops: int, depth: int, inputs: Iterable[str]) -> None:
        super().__init__(tools, inputs)
        self.hops = hops
        self.depth = depth

    def made(self) -> Rules:
        # The start comes first in the text, but is known last.
        self.rules.rule("start", lambda: seq(maybe(self.terminal("HEAD")), self.after(0)))
        return self.rules

    def break_(self, depth: int) -> Ref:
        """The line break before a line with this indentation."""
        return self.terminal(f"LINE_{depth}")

    def after(self, hop: int) -> Part:
        """The rest of a plan after `hop` hops: the next hop, or the final answer."""
        scope = RuleScope(hop, hop)
        final = seq("final_answer = ", self.last(scope), maybe(self.terminal("TAIL")))
        following = choice(self.hop(hop + 1) if hop < self.hops else None, final)
        if not hop:
            return following
        line = self.break_(0)
        compound = maybe(line, self.compound(scope, 0)) if self.depth else None
        return seq(maybe(line, self.line(scope)), compound, line, following)

    def hop(self, number: int) -> Part:
        """The two lines of a hop, and the rest of the plan."""
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
        """A statement that assigns to a bound name, or adds to a list."""
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
        """A statement `if` or `for`, whose lines are indented `depth` times. The caller indents the first line."""
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
        """The body of a statement: lines, a nested block and a jump, in this order, of which some may be missing."""
        line = seq(self.break_(depth), self.line(scope))
        nested = seq(self.break_(depth), self.compound(scope, depth)) if depth < self.depth else None
        jump = self.jump(scope, depth)

        def make() -> Part:
            tail = [OptionalPart(jump)] if jump is not None else []
            deeper = seq(OptionalPart(line), nested, *tail) if nested is not None else None
            return choice(seq(line, OptionalPart(line), *tail), deeper, jump)

        return self.rules.rule(scoped("body", depth, scope.facts, scope.items), make)

    def arm(self, scope: RuleScope, depth: int) -> Part:
        """The body of `elif` and `else`: one line, a jump, or both."""
        jump = self.jump(scope, depth)
        line = seq(self.break_(depth), self.line(scope))
        return self.rules.rule(
            scoped("arm", depth, scope.facts, scope.items),
            lambda: choice(seq(line, OptionalPart(jump)) if jump is not None else line, jump),
        )

    def jump(self, scope: RuleScope, depth: int) -> Part | None:
        return seq(self.break_(depth), choice("break", "continue")) if scope.items else None
