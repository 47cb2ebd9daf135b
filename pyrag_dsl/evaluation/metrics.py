"""Scores of an answer against golden answers: the best over them counts.

Values become text before they are scored: text is itself, None is "", yes and no stand for truth values, a list is its
items joined by ", ", and anything else is its `str`. What is compared is that text in one of `NORMALIZATIONS`.
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
    """An answer as text."""
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
    """As SQuAD compares answers (Rajpurkar et al. 2016): lower case, no punctuation, no articles, single spaces."""
    return _without_articles(text.lower().translate(_PUNCTUATION))


def spaced(text: str) -> str:
    """As R1-Searcher does: punctuation separates words, so that "2,000" is two and "well-known" too."""
    return _without_articles(text.lower().translate(_SPACED))


def of_any_script(text: str) -> str:
    """Case, accents, width and punctuation of any script are gone, so that "Malmö" equals "Malmo"."""
    apart = unicodedata.normalize("NFKD", text).casefold()
    kinds = ((ch, unicodedata.category(ch)) for ch in apart)
    return _without_articles("".join(" " if kind[0] in "PSZ" else ch for ch, kind in kinds if kind != "Mn"))


def as_it_is(text: str) -> str:
    """Nothing but white space is made equal."""
    return " ".join(text.split())


NORMALIZATIONS: dict[str, Callable[[str], str]] = {
    "squad": normalised,
    "r1-searcher": spaced,
    "unicode": of_any_script,
    "exact": as_it_is,
}
"""What is made equal before texts are compared, by name."""


def _without_articles(text: str) -> str:
    return " ".join(_ARTICLES.sub(" ", text).split())


Normalization = Callable[[str], str]


def exact_match(prediction: Any, golden: Sequence[str], normalization: Normalization = normalised) -> float:
    """1.0 if the answer is a golden one but for case, punctuation and articles."""
    said = normalization(text_of(prediction))
    return float(any(said == normalization(each) for each in golden))


def f1(prediction: Any, golden: Sequence[str], normalization: Normalization = normalised) -> float:
    """Overlap of words with the golden answer that fits best; yes, no and "noanswer" fit themselves only."""
    said = normalization(text_of(prediction))
    return max((_overlap(said, normalization(each)) for each in golden), default=0.0)


def _overlap(said: str, gold: str) -> float:
    if said != gold and {said, gold} & {"yes", "no", "noanswer"}:
        return 0.0
    words, wanted = said.split(), gold.split()
    shared = sum((Counter(words) & Counter(wanted)).values())
    return 0.0 if shared == 0 else 2 * shared / (len(words) + len(wanted))


def contains(prediction: Any, golden: Sequence[str], normalization: Normalization = normalised) -> float:
    """1.0 if a golden answer stands in the answer, both normalised."""
    said = normalization(text_of(prediction))
    return float(any(gold in said for each in golden if (gold := normalization(each))))


def cover_exact_match(prediction: Any, golden: Sequence[str], normalization: Normalization = normalised) -> float:
    """1.0 if all words of a golden answer are among those of the answer (the first cover-EM of R1-Searcher)."""
    words = set(normalization(text_of(prediction)).split())
    return float(any(gold <= words for each in golden if (gold := set(normalization(each).split()))))


def cover_in_order(prediction: Any, golden: Sequence[str], normalization: Normalization = normalised) -> float:
    """1.0 if the words of a golden answer stand in the answer one behind the other (the second cover-EM)."""
    said = f" {normalization(text_of(prediction))} "
    return float(any(f" {gold} " in said for each in golden if (gold := normalization(each))))
