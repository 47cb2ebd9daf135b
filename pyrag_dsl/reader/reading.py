"""What a reading is: an answer, how sure the reader is, and the text that it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

UNKNOWN: Final = "unknown"
"""The answer where the text does not say. The same word that models are asked to use."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The outcome of reading some text for a question.

    Attributes:
        answer: a span of the text, ``"yes"``, ``"no"``, or `UNKNOWN`.
        confidence: between 0 and 1; 0 exactly when the answer is `UNKNOWN`. Comparable between readings,
            not a probability.
        evidence: the sentence (or stated fact) that the answer was taken from; empty where there is none.
    """

    answer: str
    confidence: float
    evidence: str


NOTHING: Final = Reading(UNKNOWN, 0.0, "")
"""The reading of text that does not hold the answer."""
