"""Scores of an answer against golden answers. The best score over the golden answers counts.

A value becomes a text before it is scored: a text stays as it is, None becomes "", a truth value "yes" or "no", a list
its items joined by ", ", and any other value its `str`. Both texts are normalised by one of `NORMALIZATIONS` and then
compared.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_SPACED = str.maketrans(dict.fromkeys(string.punctuation, " "))


def text_of(value: Any) -> str:
    """The text of an answer, by the rules of this module."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(text_of, value))
    return str(value)


def normalised(text: str) -> str:
    """Normalise as SQuAD does (Rajpurkar et al. 2016): lower case, no punctuation, no articles, single spaces."""
    return _without_articles(text.lower().translate(_PUNCTUATION))


def spaced(text: str) -> str:
    """Normalise as R1-Searcher does: as SQuAD, but punctuation becomes a space, so that "2,000" is two words."""
    return _without_articles(text.lower().translate(_SPACED))


def of_any_script(text: str) -> str:
    """Ignore case, accents, width, articles, and the punctuation and symbols of any script: "Malmö" equals "Malmo"."""
    apart = unicodedata.normalize("NFKD", text).casefold()
    kinds = ((ch, unicodedata.category(ch)) for ch in apart)
    return _without_articles("".join(" " if kind[0] in "PSZ" else ch for ch, kind in kinds if kind != "Mn"))


def as_it_is(text: str) -> str:
    """Normalise only white space."""
    return " ".join(text.split())


NORMALIZATIONS: dict[str, Callable[[str], str]] = {
    "squad": normalised,
    "r1-searcher": spaced,
    "unicode": of_any_script,
    "exact": as_it_is,
}
"""The functions that normalise texts before they are compared, by name."""


def _without_articles(text: str) -> str:
    return " ".join(_ARTICLES.sub(" ", text).split())


Normalization = Callable[[str], str]


def exact_match(prediction: Any, golden: Sequence[str], normalization: Normalization = normalised) -> float:
    """1.0 if the answer equals a golden one, both normalised, else 0.0."""
    said = normalization(text_of(prediction))
    return float(any(said == normalization(each) for each in golden))


def f1(prediction: Any, golden: Sequence[str], normalization: Normalization = normalised) -> float:
    """The best F1 of words with a golden answer, from 0 to 1; "yes", "no" and "noanswer" match only themselves."""
    said = normalization(text_of(prediction))
    return max((_overlap(said, normalization(each)) for each in golden), default=0.0)


def _overlap(said: str, gold: str) -> float:
    if said != gold and {said, gold} & {"yes", "no", "noanswer"}:
        return 0.0
    words, wanted = said.split(), gold.split()
    shared = sum((Counter(words) & Counter(wanted)).values())
    return 0.0 if shared == 0 else 2 * shared / (len(words) + len(wanted))


def contains(prediction: Any, golden: Sequence[str], normalization: Normalization = normalised) -> float:
    """1.0 if the text of a golden answer is part of the answer, both normalised, else 0.0."""
    said = normalization(text_of(prediction))
    return float(any(gold in said for each in golden if (gold := normalization(each))))


def cover_exact_match(prediction: Any, golden: Sequence[str], normalization: Normalization = normalised) -> float:
    """1.0 if the answer has all words of a golden one, in any order, else 0.0 (the first cover-EM of R1-Searcher)."""
    words = set(normalization(text_of(prediction)).split())
    return float(any(gold <= words for each in golden if (gold := set(normalization(each).split()))))


def cover_in_order(prediction: Any, golden: Sequence[str], normalization: Normalization = normalised) -> float:
    """1.0 if the answer has the words of a golden one as a sequence, else 0.0 (the second cover-EM of R1-Searcher)."""
    said = f" {normalization(text_of(prediction))} "
    return float(any(f" {gold} " in said for each in golden if (gold := normalization(each))))
