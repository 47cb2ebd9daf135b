"""Evaluation: ask the questions of a data set by a method, keep a trace of each, and score the answers."""

from .batch import Allowance, Batch, BatchProgress, evaluate
from .datasets import DataError, Example, read_questions
from .folder import RunFolder
from .judging import Judge, judge_folder
from .metrics import NORMALIZATIONS, contains, cover_exact_match, cover_in_order, exact_match, f1, normalised
from .projection import Row, row_of, summary_of

__all__ = [
    "NORMALIZATIONS",
    "Allowance",
    "Batch",
    "BatchProgress",
    "DataError",
    "Example",
    "Judge",
    "Row",
    "RunFolder",
    "contains",
    "cover_exact_match",
    "cover_in_order",
    "evaluate",
    "exact_match",
    "f1",
    "judge_folder",
    "normalised",
    "read_questions",
    "row_of",
    "summary_of",
]
