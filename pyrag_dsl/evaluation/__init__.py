"""Evaluation: questions with golden answers, a method, a folder of traces, and what it adds up to."""

from .batch import Batch, Progress, evaluate
from .datasets import DataError, Question, read_questions
from .metrics import contains, cover_exact_match, exact_match, f1, normalised
from .projection import Row, row_of, summary_of

__all__ = [
    "Batch",
    "DataError",
    "Progress",
    "Question",
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
