"""The results of an evaluation, derived from its traces: a row for each question, and a summary of the rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from statistics import median, quantiles
from typing import Any

from ..agents.sentinels import is_sentinel
from ..methods.answered import Answered
from .datasets import Example
from .evidence import evidence_found, supported
from .metrics import (
    NORMALIZATIONS,
    contains,
    cover_exact_match,
    cover_in_order,
    exact_match,
    f1,
    text_of,
)

STATUSES = ("answered", "unknown", "failed", "rejected", "limit")
"""The statuses of finished questions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The result of a finished question; a line of `results.jsonl`.

    Attributes:
        id, question, golden_answers: the question, as in the data set.
        prediction: the final answer as text; "" if there is none.
        em, f1: exact match and F1 of the prediction; 0 if there is none.
        calls: the number of tool calls, including those of nested runs. Calls whose result was reused do not count.
        tokens: the tokens of all models.
        seconds: the wall-clock time of the last run.
        status: one of `STATUSES`.
        method, seed: the method and the seed of the folder.
        trace: the trace file, relative to the folder.
        contains, cover_em, cover_in_order: further scores; see `pyrag_dsl.evaluation.metrics`.
        cost: the cost in the currency of the prices; None if it is unknown.
        repaired: whether a plan was repaired, or replaced by a new plan.
        boosted: whether a search was repeated for more passages.
        evidence_recall, evidence_precision: see `evidence_found`.
        support: whether a passage on which the answer depends contains it; see `supported`.
        models: the names of the models that replied, as their endpoints gave them, by role.
        kind: the type of the question, such as "bridge" or "2hop"; "" if the data set names no types.
        judged: whether a judge found the answer correct, by the name of the judge; None if the judge gave no verdict.
    """

    id: str
    question: str
    golden_answers: tuple[str, ...]
    prediction: str
    em: float
    f1: float
    calls: int
    tokens: int
    seconds: float
    status: str
    method: str
    seed: int
    trace: str
    contains: float
    cover_em: float
    cost: float | None
    repaired: bool
    boosted: bool
    cover_in_order: float
    evidence_recall: float | None
    evidence_precision: float | None
    support: bool | None
    models: Mapping[str, Any] = field(default_factory=dict)
    judged: Mapping[str, bool | None] = field(default_factory=dict)
    kind: str = ""

    def to_json(self) -> dict[str, Any]:
        """The data of the row for a line of `results.jsonl`."""
        data = {each.name: getattr(self, each.name) for each in fields(self)}
        return {**data, "golden_answers": list(self.golden_answers)}

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Row:
        """The inverse of `to_json`. Raises `ValueError` if the fields are not those of a row."""
        try:
            return cls(**{**data, "golden_answers": tuple(data["golden_answers"])})
        except (TypeError, KeyError) as error:
            raise ValueError(f"a row of results.jsonl is of another version: {error}") from None


def status_of(answered: Answered) -> str | None:
    """The status of a question, one of `STATUSES`; None if it is unfinished."""
    ended = answered.status
    if ended == "done":
        said = answered.final_answer
        return "unknown" if isinstance(said, str) and (not said.strip() or is_sentinel(said)) else "answered"
    if ended == "limit":
        return "limit"
    if ended in ("failed", "tool", "rejected"):
        run = answered.run
        refused = ended != "tool" and run is not None and not run.ok and run.trace is None
        return "rejected" if refused or ended == "rejected" else "failed"
    return None


def row_of(
    question: Example, answered: Answered, method: str, seed: int, trace: str, normalization: str = "squad"
) -> Row | None:
    """The row of a question; None if it is unfinished.

    Args:
        question: the question.
        answered: its outcome.
        method: the name of the method.
        seed: the seed of the requests to the models.
        trace: the trace file, relative to the folder.
        normalization: the normalization for all scores, a name in `NORMALIZATIONS`.
    """
    status = status_of(answered)
    if status is None:
        return None
    prediction = text_of(answered.final_answer) if answered.status == "done" else ""
    golden = question.golden_answers
    spent = answered.spent
    paid = [call for call in answered.trace.calls if "reused" not in call.usage]
    how = NORMALIZATIONS[normalization]
    recall, precision = evidence_found(question, answered)
    return Row(
        id=question.id,
        question=question.text,
        golden_answers=golden,
        prediction=prediction,
        em=exact_match(prediction, golden, how),
        f1=f1(prediction, golden, how),
        calls=len(paid),
        tokens=spent.usage.prompt_tokens + spent.usage.completion_tokens,
        seconds=answered.elapsed,
        status=status,
        method=method,
        seed=seed,
        trace=trace,
        contains=contains(prediction, golden, how),
        cover_em=cover_exact_match(prediction, golden, how),
        cost=spent.cost,
        repaired=any(each.by in ("fix", "repair", "new plan") for each in answered.attempts),
        boosted=answered.boosted,
        cover_in_order=cover_in_order(prediction, golden, how),
        evidence_recall=recall,
        evidence_precision=precision,
        support=supported(answered, how) if status == "answered" else None,
        kind=str(question.metadata.get("type") or question.metadata.get("question_type") or ""),
        models={role: sorted(each.models) for role, each in answered.by_role.items() if each.models},
    )


SCORES = ("em", "f1", "contains", "cover_em", "cover_in_order")


def summary_of(rows: Iterable[Row], questions: int, normalization: str = "squad") -> dict[str, Any]:
    """The summary of an evaluation: counts, and means over all questions. A question without an answer counts as wrong.

    `support`, `evidence_recall` and `evidence_precision` are means over the rows in which they are not None. `seconds`
    and `latency` are wall-clock times, and include the time that requests wait for a free place at the model.

    `judged` has three figures for each judge: `accuracy`, the share of all questions that it found correct; `asked`,
    the number of answers that it was asked about; and `failed`, the number of these without a verdict, which count as
    wrong.

    Args:
        rows: the rows of the finished questions.
        questions: the number of all questions.
        normalization: the name of the normalization with which the rows were scored.
    """
    found = list(rows)

    def mean(name: str) -> float:
        return sum(float(getattr(row, name)) for row in found) / questions if questions else 0.0

    def of_known(name: str) -> float | None:
        known = [float(getattr(row, name)) for row in found if getattr(row, name) is not None]
        return sum(known) / len(known) if known else None

    costs = [row.cost for row in found]
    seconds = [row.seconds for row in found]
    models: dict[str, set[str]] = {}
    for row in found:
        for role, named in row.models.items():
            models.setdefault(role, set()).update(named)
    return {
        "questions": questions,
        "ended": len(found),
        "normalization": normalization,
        **{name: mean(name) for name in (*SCORES, "calls", "tokens", "seconds")},
        "latency": {
            "median": median(seconds) if seconds else None,
            "p95": quantiles(seconds, n=20, method="inclusive")[-1] if len(seconds) > 1 else None,
        },
        "cost": None if any(cost is None for cost in costs) else sum(cost or 0.0 for cost in costs),
        **{name: of_known(name) for name in ("evidence_recall", "evidence_precision", "support")},
        "repaired": mean("repaired"),
        "boosted": mean("boosted"),
        "judged": _judged(found, questions),
        "models": {role: sorted(named) for role, named in sorted(models.items())},
        "status": {status: sum(row.status == status for row in found) for status in STATUSES},
    }


def _judged(rows: list[Row], questions: int) -> dict[str, dict[str, Any]]:
    found = {}
    for judge in sorted({name for row in rows for name in row.judged}):
        said = [row.judged[judge] for row in rows if judge in row.judged]
        found[judge] = {"accuracy": sum(map(bool, said)) / questions, "asked": len(said), "failed": said.count(None)}
    return found
