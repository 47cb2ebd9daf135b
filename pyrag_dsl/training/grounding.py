"""Checks that a final answer depends on retrieved passages, so that a policy gets no reward for an answer of its own.

A policy whose reward depends only on the final answer soon learns to write the answer into the plan. Each way to do so
has a name here, and its reward is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain

from ..evaluation.metrics import normalised
from ..grammar.nodes import Const, FString, walk
from ..grammar.program import Program
from ..runtime.calls import CallRecord

FROM_MEMORY = "answer_from_memory"
NO_CALL = "no_call"
EMPTY_LINEAGE = "empty_lineage"
NO_EVIDENCE = "no_evidence"
PROMPT_AS_ANSWER = "prompt_as_answer"

KINDS = {
    FROM_MEMORY: "A string of the plan contains the answer, but no passage that it depends on, nor the question, does.",
    NO_CALL: "The plan called no tool, and computed the answer by itself.",
    EMPTY_LINEAGE: "The plan called tools, but the answer depends on none of the calls.",
    NO_EVIDENCE: "The answer depends on calls, but none of them is a retrieve.",
    PROMPT_AS_ANSWER: "The answer contains the whole question: the plan returned a prompt, and did not call `answer`.",
}
"""The ways to give an answer without having found it, and what each means."""

_CLOSED = frozenset({"yes", "no", "true", "false"})  # a plan that compares facts contains these words itself
_QUESTION_WORDS = 5  # a well-founded answer may contain a shorter question


def ungrounded(
    answer: str, program: Program, calls: Sequence[CallRecord], depends_on: Callable[[str], bool], question: str
) -> str:
    """The reason why the plan has not found its answer, a key of `KINDS`; "" if it has found it.

    Args:
        answer: the final answer as text.
        program: the plan.
        calls: the calls of the plan.
        depends_on: tells whether the answer depends on the call of a node, as `Result.depends_on` does. It is called as
            seldom as possible, because it is slow.
        question: the question as it was asked.
    """
    said = normalised(answer)
    if not said:
        return ""
    own = [normalised(each) for each in strings_of(program)]
    if not calls:
        return FROM_MEMORY if said in own else NO_CALL
    asked = normalised(question)
    retrieves = [call for call in calls if call.tool == "retrieve"]
    behind = (call for call in reversed(retrieves) if depends_on(call.node))
    first = next(behind, None)
    if first is None:
        others = [call for call in calls if call.tool != "retrieve"]
        return NO_EVIDENCE if any(depends_on(call.node) for call in others) else EMPTY_LINEAGE
    if len(asked.split()) >= _QUESTION_WORDS and _within(asked, said):
        return PROMPT_AS_ANSWER
    if said in _CLOSED or _within(said, asked) or not any(_within(said, each) for each in own):
        return ""
    passages = (str(each) for call in chain([first], behind) for each in call.result or ())
    return "" if any(_within(said, normalised(each)) for each in passages) else FROM_MEMORY


def strings_of(program: Program) -> list[str]:
    """The texts in a plan: its string literals and the fixed parts of its f-strings."""
    found: list[str] = []
    for node in walk(program.body):
        if isinstance(node, Const) and isinstance(node.value, str):
            found.append(node.value)
        elif isinstance(node, FString):
            found += [part for part in node.parts if isinstance(part, str)]
    return found


def _within(words: str, text: str) -> bool:
    """Whether a normalised text contains normalised words, as a sequence of whole words."""
    return f" {words} " in f" {text} "
