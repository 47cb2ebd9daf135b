"""What a folder of traces adds up to: a row for each question, and a summary of the rows."""

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
"""How a question may end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A question and how it ended; a line of `results.jsonl`.

    Attributes:
        id, question, golden_answers: of the data set.
        prediction: the final answer as text; "" where there is none.
        em, f1: of the prediction; 0 where there is none.
        calls: tool calls that were paid for, over all levels.
        tokens: of all models.
        seconds: of the last run.
        status: see `STATUSES`.
        method, seed: of the folder.
        trace: the file, from the folder.
        contains, cover_em, cover_in_order: further scores; see `pyrag_dsl.evaluation.metrics`.
        cost: in the currency of the prices; None where it is unknown.
        repaired, boosted: whether a plan was mended, and whether a search was made again for more passages.
        evidence_recall, evidence_precision: see `evidence_found`.
        support: whether the answer stands in a passage that it depends on; see `supported`.
        models: as their endpoints named those that replied, by role.
        kind: the type of the question, where the data set names types: "bridge", "2hop".
        judged: by the name of a judge, whether that took the answer for right; None where it could not be asked.
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
        """As a line of `results.jsonl`."""
        data = {each.name: getattr(self, each.name) for each in fields(self)}
        return {**data, "golden_answers": list(self.golden_answers)}

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Row:
        """The inverse of `to_json`. Raises `ValueError`."""
        try:
            return cls(**{**data, "golden_answers": tuple(data["golden_answers"])})
        except (TypeError, KeyError) as error:
            raise ValueError(f"a row of results.jsonl is of another version: {error}") from None


def status_of(answered: Answered) -> str | None:
    """How a question ended; None if it goes on."""
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
    """The row of a question; None if it has not ended. `normalization`: of `NORMALIZATIONS`, for all scores."""
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
    """Means over all questions: one without an answer counts as wrong.

    `support` is of the answers of which it can be said, `evidence_*` of the questions whose evidence is known. Seconds
    are those between the beginning of a question and its end, waiting for a place at the model included. `judged` says
    of each judge the share that it took for right, how many answers it was asked about, and of how many of those it
    did not say: they count as wrong.
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
