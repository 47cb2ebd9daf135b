"""Evaluation: questions with golden answers, a method, a folder of traces, and what it adds up to."""

from .batch import Batch, BatchProgress, evaluate
from .datasets import DataError, Example, read_questions
from .metrics import contains, cover_exact_match, exact_match, f1, normalised
from .projection import Row, row_of, summary_of

__all__ = [
    "Batch",
    "BatchProgress",
    "DataError",
    "Example",
    "Row",
    "contains",
    "cover_exact_match",
    "evaluate",
    "exact_match",
    "f1",
    "normalised",
    "read_questions",
    "row_of",
    "summary_of",
]
