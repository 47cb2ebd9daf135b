"""Whether rules derive a text: the plainest recogniser there is, with no engine's rules about lexemes."""

from __future__ import annotations

import re

from pyrag_dsl.decoding.rules import Chars, Choice, Literal, OptionalPart, Part, Ref, Rules, Sequence


def ends(rules: Rules, text: str) -> frozenset[int]:
    """Where a derivation from the start that begins with the text's first character may end."""
    known: dict[tuple[str, int], frozenset[int]] = {}

    def of(part: Part, at: int) -> frozenset[int]:
        if isinstance(part, Literal):
            return frozenset({at + len(part.text)} if text.startswith(part.text, at) else ())
        if isinstance(part, Chars):
            return frozenset({at + 1} if at < len(text) and re.match(f"[{part.body}]", text[at]) else ())
        if isinstance(part, Ref):
            if (part.name, at) not in known:
                known[part.name, at] = of(rules.parts[part.name], at)
            return known[part.name, at]
        if isinstance(part, Sequence):
            reached = frozenset({at})
            for each in part.parts:
                reached = frozenset().union(*(of(each, start) for start in reached))
            return reached
        if isinstance(part, Choice):
            return frozenset().union(*(of(option, at) for option in part.options))
        if isinstance(part, OptionalPart):
            return of(part.part, at) | {at}
        reached, found = frozenset({at}), frozenset({at} if not part.least else ())
        for count in range(1, part.most + 1):
            reached = frozenset().union(*(of(part.part, start) for start in reached))
            if not reached:
                break
            if count >= part.least:
                found |= reached
        return found

    return of(Ref(rules.start), 0)
