"""Decides whether rules derive a text, or a text that begins with it.

As in the libraries of constrained decoding, a terminal always reads the longest match.
"""

from __future__ import annotations

from typing import Any

import regex

from ..grammar.scan import MAX_SOURCE
from .dialects import regular_expression
from .rules import Choice, Literal, OptionalPart, Part, Ref, Rules, Sequence

_Ends = frozenset[int]
_NOWHERE: _Ends = frozenset()


class Recogniser:
    """Reads texts by a set of rules. A text that is longer than a plan may be is refused."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._terminals: dict[str, Any] = {}

    def reads(self, text: str) -> bool:
        """Whether the rules derive the text."""
        return len(text) <= MAX_SOURCE and len(text) in _Recognition(self, text).ends()

    def begins(self, text: str) -> bool:
        """Whether the rules derive a text that begins with this one."""
        if len(text) > MAX_SOURCE:
            return False
        reader = _Recognition(self, text)
        return len(text) in reader.ends() or reader.goes_on

    def terminal(self, name: str) -> Any:
        """A terminal as a compiled regular expression that finds the longest match."""
        if name not in self._terminals:
            self._terminals[name] = regex.compile(f"(?p){regular_expression(self.rules.parts[name], self.rules)}")
        return self._terminals[name]


class _Recognition:
    """Reads one text. The ends of each rule at each place are cached, so that no rule is tried twice at a place."""

    def __init__(self, recogniser: Recogniser, text: str) -> None:
        self.parts = recogniser.rules.parts
        self.start = recogniser.rules.start
        self.recogniser = recogniser
        self.text = text
        self.known: dict[tuple[str, int], _Ends] = {}
        self.goes_on = False  # whether some derivation reached the end of the text and can continue

    def ends(self) -> _Ends:
        """The places at which a derivation from the beginning of the text can end; none if it is nested too deeply."""
        try:
            return self.of(Ref(self.start), 0)
        except RecursionError:
            self.goes_on = False
            return _NOWHERE

    def of(self, part: Part, at: int) -> _Ends:
        if isinstance(part, Literal):
            end = at + len(part.text)
            if self.text.startswith(part.text, at):
                return frozenset({end})
            self.goes_on |= end > len(self.text) and part.text.startswith(self.text[at:])
            return _NOWHERE
        if isinstance(part, Ref):
            found = self.known.get((part.name, at))
            if found is None:
                self.known[part.name, at] = _NOWHERE
                found = self.terminal(part.name, at) if part.name.isupper() else self.of(self.parts[part.name], at)
                self.known[part.name, at] = found
            return found
        if isinstance(part, Sequence):
            reached = frozenset({at})
            for each in part.parts:
                reached = frozenset().union(*(self.of(each, start) for start in reached))
            return reached
        if isinstance(part, Choice):
            return frozenset().union(*(self.of(option, at) for option in part.options))
        if isinstance(part, OptionalPart):
            return self.of(part.part, at) | {at}
        assert not hasattr(part, "body"), "classes of characters stand in terminals only"
        reached = found = frozenset({at})
        while reached:
            reached = frozenset().union(*(self.of(part.part, start) for start in reached)) - found
            found |= reached
        return found

    def terminal(self, name: str, at: int) -> _Ends:
        expression = self.recogniser.terminal(name)
        self.goes_on = self.goes_on or expression.fullmatch(self.text, at, partial=True) is not None
        match = expression.match(self.text, at)
        return _NOWHERE if match is None else frozenset({match.end()})
