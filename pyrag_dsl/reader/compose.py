"""Answers a question from facts that the prompt states: compares, judges, or copies one of them through."""

from __future__ import annotations

import re

from .choose import choose
from .copying import copy_through
from .judge import judge
from .prompts import Stated, split_prompt
from .reading import NOTHING, UNKNOWN, Reading


def compose(prompt: str) -> Reading:
    """Answer ``Given: <facts>. Answer the question: <question>`` from the facts alone.

    Args:
        prompt: facts and question in any of the forms that `prompts.split_prompt` knows.

    Returns:
        One of the things compared (as the question spells it), ``"yes"`` or ``"no"``, or a span of a fact;
        `reading.NOTHING` where the facts do not settle the question.
    """
    stated = split_prompt(prompt)
    if not stated.facts or not stated.question:
        return NOTHING
    known = Stated(tuple(fact for fact in stated.facts if not _ignorant(fact)), stated.question)
    for method in (choose, judge, copy_through):
        reading = method(known)
        if reading is not None:
            return NOTHING if reading.answer == UNKNOWN else reading
    return NOTHING


def _ignorant(fact: str) -> bool:
    """Whether the plan wrote down that an earlier step found nothing."""
    return bool(re.search(rf"\b(?:{UNKNOWN}|not (?:stated|specified|mentioned|found)|n/a|none)\b(?=\W*$)", fact, re.I))
