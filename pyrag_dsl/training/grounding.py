"""What a final answer rests on, so that a plan is not paid for what it says by itself.

A policy that is trained on the final answer soon writes the answer into the plan. Each way of that has a name here, and
scores nothing.
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
    FROM_MEMORY: "The answer stands in a string of the plan, and neither in the question nor in a passage behind it.",
    NO_CALL: "The answer is put together by the plan, which called no tool.",
    EMPTY_LINEAGE: "Tools were called, and the answer depends on none of the calls.",
    NO_EVIDENCE: "The answer depends on calls of `answer` only: nothing was retrieved for it.",
    PROMPT_AS_ANSWER: "The answer holds the whole question: the prompt of a last `answer` that was never asked.",
}
"""The ways of being paid for nothing, and what each means."""

_CLOSED = frozenset({"yes", "no", "true", "false"})  # a plan that compares facts says these by itself
_QUESTION_WORDS = 5  # a shorter question may stand in an honest answer


def ungrounded(
    answer: str, program: Program, calls: Sequence[CallRecord], depends_on: Callable[[str], bool], question: str
) -> str:
    """How an answer is none that the plan has found; "" if it has.

    Args:
        answer: the final answer as text.
        program: the plan.
        calls: what it called.
        depends_on: whether the answer depends on the call of a node: `Result.depends_on`. Asked no oftener than needed.
        question: as it was asked.
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
    """The texts that a plan says by itself: its string literals and the fixed parts of its f-strings."""
    found: list[str] = []
    for node in walk(program.body):
        if isinstance(node, Const) and isinstance(node.value, str):
            found.append(node.value)
        elif isinstance(node, FString):
            found += [part for part in node.parts if isinstance(part, str)]
    return found


def _within(words: str, text: str) -> bool:
    """Whether normalised words stand in a normalised text, as whole words."""
    return f" {words} " in f" {text} "
