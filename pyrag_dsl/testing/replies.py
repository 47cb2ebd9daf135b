"""A strategy for the replies of models: a plan with the text that models write around it."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

from .plans import plans

_BEFORE = (
    "",
    "Here is the plan:\n\n",
    "Sure! I'll break the question into two hops.\n\n",
    "<think>\nFirst I need the film, then its director.\nx = retrieve('draft')\n</think>\n\n",
    "<think>Two hops; no loop needed.</think>\nThe plan below does it.\n\n",
)
_FENCES = (
    ("```python\n", "```"),
    ("```\n", "```"),
    ("```py\n", "```"),
    ("~~~python\n", "~~~"),
)
_AFTER = ("", "\n", "\n\nThis plan first retrieves the passages and then reads them.", "\n<|im_end|>")


class ModelReply(NamedTuple):
    """The reply of a model (`text`), and the plan in it."""

    text: str
    plan: str


@st.composite
def model_replies(draw: st.DrawFn, plan: st.SearchStrategy[str] | None = None) -> ModelReply:
    """A strategy for replies of models: a plan alone, or in a fenced block with prose or reasoning around it.

    Args:
        plan: a strategy for the plans; None for `plans()`.

    >>> from hypothesis import given
    >>> from hypothesis import strategies as st
    >>> from pyrag_dsl.grammar.extract import extract_code
    >>> @given(model_replies(st.just("final_answer = answer('Who?')\\n")))
    ... def test_the_plan_is_found(reply):
    ...     assert extract_code(reply.text).strip() == reply.plan.strip()
    >>> test_the_plan_is_found()
    """
    if plan is None:
        plan = plans()
    text = draw(plan)
    if draw(st.integers(0, 5)) == 0:
        return ModelReply(text, text)
    opening, closing = draw(st.sampled_from(_FENCES))
    before, after = draw(st.sampled_from(_BEFORE)), draw(st.sampled_from(_AFTER))
    return ModelReply(f"{before}{opening}{text}{closing}{after}", text)
