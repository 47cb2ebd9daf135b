"""Scores of an answer against golden answers: the best over them counts.

Values become text before they are scored: text is itself, None is "", a list is its items joined by ", ", and anything
else is its `str`.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import Any

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def text_of(value: Any) -> str:
    """An answer as text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return ", ".join(map(text_of, value))
    return str(value)


def normalised(text: str) -> str:
    """As SQuAD compares answers (Rajpurkar et al. 2016): lower case, no punctuation, no articles, single spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(prediction: Any, golden: Sequence[str]) -> float:
    """1.0 if the answer is a golden one but for case, punctuation and articles."""
    said = normalised(text_of(prediction))
    return float(any(said == normalised(each) for each in golden))


def f1(prediction: Any, golden: Sequence[str]) -> float:
    """Overlap of words with the golden answer that fits best; yes, no and "noanswer" fit themselves only."""
    said = normalised(text_of(prediction))
    return max((_overlap(said, normalised(each)) for each in golden), default=0.0)


def _overlap(said: str, gold: str) -> float:
    if said != gold and {said, gold} & {"yes", "no", "noanswer"}:
        return 0.0
    words, wanted = said.split(), gold.split()
    shared = sum((Counter(words) & Counter(wanted)).values())
    return 0.0 if shared == 0 else 2 * shared / (len(words) + len(wanted))


def contains(prediction: Any, golden: Sequence[str]) -> float:
    """1.0 if a golden answer stands in the answer, both normalised."""
    said = normalised(text_of(prediction))
    return float(any(gold in said for each in golden if (gold := normalised(each))))


def cover_exact_match(prediction: Any, golden: Sequence[str]) -> float:
    """1.0 if all words of a golden answer are among those of the answer (cover-EM of R1-Searcher)."""
    words = set(normalised(text_of(prediction)).split())
    return float(any(gold <= words for each in golden if (gold := set(normalised(each).split()))))
