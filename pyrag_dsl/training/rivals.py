"""The rewards of Search-R1 and R1-Searcher, for policies that write tags instead of plans.

Their scores are compared by the words of `pyrag_dsl.evaluation.metrics`: R1-Searcher's own code puts a space where
punctuation was, which differs for words with hyphens and apostrophes only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..evaluation.metrics import cover_exact_match, exact_match, f1
from .scores import BLANK, failed

_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_DOCUMENTS = re.compile(r"<\|begin_of_documents\|>.*?<\|end_of_documents\|>", re.DOTALL)
_CHINESE = re.compile("[\u4e00-\u9fff]")
_LONGEST_ANSWER = 10  # words, in the reward of Qwen
PENALTIES = {"llama": 1.0, "qwen-zero": 2.0}
"""What a fault of the format costs in R1-Searcher's second stage, by the model that was trained."""


def search_r1(solution: str, golden: Sequence[str], *, format_score: float = 0.0) -> dict[str, Any]:
    """Search-R1 (arXiv 2503.09516): exact match of what stands between the last pair of answer tags.

    Its code looks at prompt and response together and wants a second pair, for its prompt holds one. `solution` is the
    response alone, as verl gives it now.
    """
    found = _ANSWER.findall(solution)
    if not found:
        return failed("no_answer_tag")
    said = found[-1].strip()
    exact = exact_match(said, golden)
    score = exact if exact else format_score
    return {**BLANK, "score": score, "em": exact, "f1": f1(said, golden), "pred": said, "num_calls": searches(solution)}


def searches(solution: str) -> int:
    """How many searches stand in a solution, of either family."""
    return len(re.findall(r"</search>|<\|end_of_query\|>", solution))


def r1_searcher(solution: str, golden: Sequence[str], *, stage: int = 2, model: str = "llama") -> dict[str, Any]:
    """R1-Searcher (arXiv 2503.05592). Its scores are from -1 to 2 in the first stage, and down to -2 in the second.

    Args:
        solution: what follows `<think>`, with the passages that were put between the tags of documents.
        golden: golden answers.
        stage: 1 teaches to search: 1 if all words of a golden answer are in the answer, else -1; 0.5 more for at least
            one search of the right form, and 0.5 more for the tags. 2 teaches to answer: F1, less a penalty for any
            fault of the format.
        model: whose penalty: see `PENALTIES`. Qwen's also counts the word "assistant", a query in the answer, and an
            answer of more than ten words.

    Raises:
        ValueError: for another stage or model.
    """
    if stage not in (1, 2):
        raise ValueError(f"R1-Searcher has the stages 1 and 2, not {stage!r}")
    if model not in PENALTIES:
        raise ValueError(f"the penalty is that of one of {', '.join(PENALTIES)}, not of {model!r}")
    tagged = "<answer>" in solution and "</answer>" in solution
    said = solution.rpartition("<answer>")[2].partition("</answer>")[0].strip() if tagged else ""
    facts = {**BLANK, "pred": said, "num_calls": searches(solution)}
    facts["em"], facts["f1"] = exact_match(said, golden), f1(said, golden)
    fault = "" if tagged else "no_answer_tag"
    queries, well_formed = _queries(solution)
    thought = "<think>" not in solution and solution.count("</think>") == 1
    once = solution.count("<answer>") == solution.count("</answer>") == 1
    if stage == 1:
        right = tagged and cover_exact_match(said, golden)
        score = 1.0 if right else -1.0
        score += 0.5 * (well_formed and queries > 0) + 0.5 * (thought and once)
        return {**facts, "score": score, "err_type": fault}
    clean = well_formed and thought and not _CHINESE.search(_DOCUMENTS.sub("", solution))
    if model == "qwen-zero":
        clean = clean and once and "assistant" not in solution.lower() and len(said.split()) <= _LONGEST_ANSWER
        clean = clean and "begin_of_query" not in said and "begin_of_documents" not in said
    else:
        clean = clean and once
    score = facts["f1"] - (0.0 if clean else PENALTIES[model])
    return {**facts, "score": score, "err_type": fault or ("" if clean else "format")}


def _queries(solution: str) -> tuple[int, bool]:
    """How many queries a solution has, and whether every one was answered in the form that the protocol has."""
    marks = (
        "<|begin_of_query|>",
        "<|end_of_query|>",
        "<|begin_of_documents|>",
        "<|begin_of_documents|>\n",
        "<|begin_of_documents|>\n(1)",
        "<|end_of_documents|>",
        "<|end_of_documents|>\n\n",
    )
    counts = {solution.count(mark) for mark in marks}
    return max(counts), len(counts) == 1
