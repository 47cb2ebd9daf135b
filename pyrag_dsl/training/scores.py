"""The result of a reward: a dictionary that always has the same keys, so that a trainer can collate any batch of them.

PyRAG-RL (arXiv 2605.12975) scores each role by 0.7 F1 + 0.3 exact match of the final answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..evaluation.metrics import exact_match, f1, text_of

F1_SHARE = 0.7
EM_SHARE = 0.3

BLANK: dict[str, Any] = {
    "score": 0.0,
    "f1": 0.0,
    "em": 0.0,
    "pred": "",
    "err_type": "",
    "err_code": "",
    "num_calls": 0,
    "num_sub_queries": 0,
    "retried_with_topk10": 0,
}
"""The keys of every score, with their values for a reply that is worth nothing."""


def graded(prediction: Any, golden: Iterable[str], **facts: Any) -> dict[str, Any]:
    """The score of an answer. `facts` are values for other keys of `BLANK`."""
    said, wanted = text_of(prediction), list(golden)
    overlap, exact = f1(said, wanted), exact_match(said, wanted)
    return {**BLANK, **facts, "score": F1_SHARE * overlap + EM_SHARE * exact, "f1": overlap, "em": exact, "pred": said}


def failed(kind: str, code: str = "", **facts: Any) -> dict[str, Any]:
    """The score 0 of a reply without an answer that counts. `facts` are values for other keys of `BLANK`.

    Args:
        kind: the kind of failure; see docs/training.md.
        code: the code of the diagnostic, if there is one.
    """
    return {**BLANK, **facts, "err_type": kind, "err_code": code}


def golden_of(ground_truth: Any) -> tuple[str, ...]:
    """The golden answers in a value as trainers store it: a text, a list or array, or `{"target": ...}`."""
    if ground_truth is None:
        return ()
    if isinstance(ground_truth, Mapping):
        return golden_of(
            next((ground_truth[name] for name in ("target", "ground_truth") if name in ground_truth), None)
        )
    if isinstance(ground_truth, str):
        return (ground_truth,) if ground_truth.strip() else ()
    if isinstance(ground_truth, Iterable):
        return tuple(each for item in ground_truth for each in golden_of(item))
    return (str(ground_truth),)
