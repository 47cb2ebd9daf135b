"""The rewards of Search-R1 and R1-Searcher, for policies that write tags instead of plans.

Both compare answers as SQuAD does (`pyrag_dsl.evaluation.metrics.normalised`). R1-Searcher's own code replaces
punctuation by a space, which makes a difference only where punctuation stands inside a word, such as a hyphen.
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
"""The penalty for a fault of the format in R1-Searcher's second stage, by the kind of model that is trained."""


def search_r1(solution: str, golden: Sequence[str], *, format_score: float = 0.0) -> dict[str, Any]:
    """Score a dialogue of Search-R1 (arXiv 2503.09516): the exact match of the text in the last pair of answer tags.

    Search-R1's own code reads the prompt and the response together, and wants a second pair of tags because its prompt
    holds one. Here, `solution` is the response alone, as verl gives it now.

    Args:
        solution: the response.
        golden: the golden answers.
        format_score: the score of a wrong answer in answer tags.
    """
    found = _ANSWER.findall(solution)
    if not found:
        return failed("no_answer_tag")
    said = found[-1].strip()
    exact = exact_match(said, golden)
    score = exact if exact else format_score
    return {**BLANK, "score": score, "em": exact, "f1": f1(said, golden), "pred": said, "num_calls": searches(solution)}


def searches(solution: str) -> int:
    """The number of searches in a dialogue of Search-R1 or R1-Searcher."""
    return len(re.findall(r"</search>|<\|end_of_query\|>", solution))


def r1_searcher(solution: str, golden: Sequence[str], *, stage: int = 2, model: str = "llama") -> dict[str, Any]:
    """Score a dialogue of R1-Searcher (arXiv 2503.05592): from -1 to 2 in the first stage, from -2 to 1 in the second.

    Args:
        solution: the text after `<think>`, including the passages between the tags of documents.
        golden: the golden answers.
        stage: the stage of the training. Stage 1 teaches the policy to search: the score is 1 if all words of a golden
            answer are in the answer and -1 otherwise, plus 0.5 if there is at least one search and all searches have
            the right form, plus 0.5 for the right tags. Stage 2 teaches it to answer: the score is F1, minus a penalty
            if there is any fault of the format.
        model: the model whose penalty is used, a key of `PENALTIES`. For "qwen-zero", the word "assistant", a query or
            documents in the answer, and an answer of more than ten words are faults too.

    Raises:
        ValueError: there is no such stage or model.
    """
    if stage not in (1, 2):
        raise ValueError(f"R1-Searcher has the stages 1 and 2, not {stage!r}")
    if model not in PENALTIES:
        raise ValueError(f"the model of the penalty is one of {', '.join(PENALTIES)}, not {model!r}")
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
    """The number of queries in a dialogue, and whether all queries and documents have the form of the protocol."""
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
