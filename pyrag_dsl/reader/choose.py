"""Which of two things a comparative question asks for, from what is stated of each."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from .comparisons import Quantity, compare, comparison_asked
from .options import Alternatives, find_options
from .prompts import Stated
from .reading import NOTHING, Reading
from .values import value_of

_JOINT: Final = re.compile(r" (or) |^(?!(?:are|do|did|is|was|were)\b).*\b(?:out of|between|of) .* and ", re.I)


def choose(stated: Stated) -> Reading | None:
    """The alternative that the question asks for, None where it does not ask to choose."""
    comparison = comparison_asked(stated.question)
    joint = _JOINT.search(stated.question)
    if comparison is None or joint is None:
        return None
    options = find_options(stated.question, stated.facts, joint[1] or "and")
    if options is None:
        return NOTHING
    return decide(options, stated, comparison.measure, comparison.wanted)


def decide(options: Alternatives, stated: Stated, measure: Callable[[str], Quantity | None], wanted: int) -> Reading:
    """The option at the wanted end of a measure; `NOTHING` where the facts give no value or no difference."""
    first: tuple[Quantity, str] | None = value_of(options.first, options.second, stated, measure)
    second: tuple[Quantity, str] | None = value_of(options.second, options.first, stated, measure)
    if first is None or second is None:
        return NOTHING
    outcome = compare(first[0], second[0])
    if outcome == 0:
        return NOTHING
    chosen, evidence = (options.first, first[1]) if outcome == wanted else (options.second, second[1])
    return Reading(chosen, 0.9, evidence)
