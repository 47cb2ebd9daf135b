"""Rows of verl's data sets, one function for each of the four sets of PyRAG-RL (arXiv 2605.12975).

The prompts are those that the roles use, so that a policy is trained on the prompts that it gets later.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..agents.plan_prompts import decompose_prompt, plan_prompt
from ..agents.prompts import answer_prompt
from ..evaluation.datasets import Example
from ..evaluation.metrics import contains, exact_match, text_of
from ..grammar.language import DEFAULT_SIGNATURES
from .episodes import Episode

CATEGORIES = ("correct", "wrong_facts_ok", "wrong_facts_bad")
"""The categories of a last answer without passages: it is right; it is wrong, but the facts in its prompt contain a
golden answer; or it is wrong, and they do not."""

ABILITIES = {
    "answer_with_docs": "span-qa",
    "answer_no_docs": "synthesis",
    "plan": "code-gen",
    "decompose": "decompose",
}
"""The sets, and verl's `ability` for each."""

_GIVEN = re.compile(r"(?is)given\s*:(.*?)(?:answer the question\s*:|\Z)")


def with_docs(example: Example, docs: Sequence[str], topk: int) -> dict[str, Any]:
    """A row of `answer_with_docs`: a question with its first `topk` passages."""
    more = {"question": example.text, "topk": topk, "num_ctxs_available": len(docs)}
    prompt = answer_prompt(example.text, list(docs[:topk])).messages
    return _row("answer_with_docs", example.id, prompt, example.golden_answers, more)


def without_docs(episode: Episode) -> dict[str, Any] | None:
    """A row of `answer_no_docs`: the last call of `answer` without passages in an episode; None if there is none."""
    last = next((each for each in reversed(episode.steps) if each["type"] == "answer" and each["docs"] is None), None)
    if last is None:
        return None
    query, said = str(last["query"]), text_of(last["answer_returned"])
    more = {
        "original_question": episode.question,
        "synthesis_query": query,
        "qtype": episode.kind or question_type(episode.golden),
        "category": category_of(query, said, episode.golden),
        "baseline_pred": said,
    }
    return _row("answer_no_docs", episode.id, answer_prompt(query).messages, episode.golden, more)


def plan(episode: Episode) -> dict[str, Any]:
    """A row of `plan`: a question with its sub-queries, for which a plan is to be written."""
    more = {
        "question": episode.question,
        "sub_queries": list(episode.queries),
        "topk": 5,
        "is_correct_trace": episode.right,
        "baseline_pred": episode.prediction,
        "baseline_code": episode.source,
    }
    prompt = plan_prompt(episode.question, episode.queries, DEFAULT_SIGNATURES)
    return _row("plan", episode.id, prompt, episode.golden, more)


def decompose(example: Example) -> dict[str, Any]:
    """A row of `decompose`: a question that is to be split into sub-queries."""
    more = {"question": example.text, "topk": 5}
    return _row("decompose", example.id, decompose_prompt(example.text), example.golden_answers, more)


def _row(
    name: str, source_id: str, prompt: Sequence[Mapping[str, str]], golden: Sequence[str], more: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "data_source": f"pyrag_{name}",
        "prompt": [dict(each) for each in prompt],
        "ability": ABILITIES[name],
        "reward_model": {"style": "rule", "ground_truth": list(golden)},
        "extra_info": {"index": 0, "split": "", "src_id": source_id, **more},
    }


def category_of(query: str, said: str, golden: Sequence[str]) -> str:
    """The category of an answer without passages, one of `CATEGORIES`.

    Args:
        query: the question of the call, which holds the facts after "Given:".
        said: the answer.
        golden: the golden answers.
    """
    if exact_match(said, golden):
        return "correct"
    facts = _GIVEN.search(query)
    return "wrong_facts_ok" if contains(facts.group(1) if facts else "", golden) else "wrong_facts_bad"


def question_type(golden: Sequence[str]) -> str:
    """The type of a question by its golden answers, if the data set names none: "yes_no" or "span"."""
    return "yes_no" if all(each.strip().lower() in ("yes", "no") for each in golden) else "span"


def passages_of(example: Example) -> list[str]:
    """The passages in the row of a question, as texts, from `ctxs` (NQ), `supporting` or `context` (HotpotQA)."""
    for name in ("ctxs", "supporting", "context"):
        value = example.metadata.get(name)
        if isinstance(value, Sequence) and not isinstance(value, str) and value:
            found = [text for each in value if (text := _document(each))]
            if found:
                return found
    return []


def _document(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, Mapping):
        title = str(value.get("title") or "").strip()
        text = next((str(value[name]) for name in ("doc", "text", "contents") if value.get(name)), "")
    elif isinstance(value, Sequence) and len(value) == 2:  # HotpotQA: title and sentences
        title, text = str(value[0]), value[1] if isinstance(value[1], str) else "".join(map(str, value[1]))
    else:
        return ""
    return f"{title}\n{text}".strip() if text.strip() else ""
