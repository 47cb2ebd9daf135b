"""What a folder of traces adds up to: a row for each question, and a summary of the rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..agents.sentinels import is_sentinel
from ..methods.answered import Answered
from .datasets import Example
from .metrics import contains, cover_exact_match, exact_match, f1, text_of

STATUSES = ("answered", "unknown", "failed", "rejected", "limit")
"""How a question may end."""


@dataclass(frozen=True, slots=True)
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
        contains, cover_em: further scores.
        cost: in the currency of the prices; None where it is unknown.
        repaired, boosted: whether a plan was mended, and whether a search was made again for more passages.
        evidence_recall: the share of the passages that the data set names as evidence which was found, by id or, where
            it names none, by title; None where it names no evidence.
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
    evidence_recall: float | None

    def to_json(self) -> dict[str, Any]:
        """As a line of `results.jsonl`."""
        return {**asdict(self), "golden_answers": list(self.golden_answers)}


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


def row_of(question: Example, answered: Answered, method: str, seed: int, trace: str) -> Row | None:
    """The row of a question; None if it has not ended."""
    status = status_of(answered)
    if status is None:
        return None
    prediction = text_of(answered.final_answer) if answered.status == "done" else ""
    golden = question.golden_answers
    spent = answered.spent
    paid = [call for call in answered.trace.calls if "reused" not in call.usage]
    return Row(
        id=question.id,
        question=question.text,
        golden_answers=golden,
        prediction=prediction,
        em=exact_match(prediction, golden),
        f1=f1(prediction, golden),
        calls=len(paid),
        tokens=spent.usage.prompt_tokens + spent.usage.completion_tokens,
        seconds=answered.elapsed,
        status=status,
        method=method,
        seed=seed,
        trace=trace,
        contains=contains(prediction, golden),
        cover_em=cover_exact_match(prediction, golden),
        cost=spent.cost,
        repaired=any(each.by in ("fix", "repair", "new plan") for each in answered.attempts),
        boosted=answered.record.retried_with_topk10,
        evidence_recall=evidence_recall(question, answered),
    )


def evidence_recall(question: Example, answered: Answered) -> float | None:
    """See `Row.evidence_recall`."""
    wanted = _evidence(question)
    if not wanted:
        return None
    seen: set[str] = set()
    for call in answered.trace.calls:
        if call.tool == "retrieve" and isinstance(call.result, list):
            seen.update(map(str, call.usage.get("passages", ())))
            seen.update(str(document).partition("\n")[0].strip().casefold() for document in call.result)
    return sum(not names.isdisjoint(seen) for names in wanted) / len(wanted)


def _evidence(question: Example) -> list[set[str]]:
    """What names each passage of the evidence: ids and titles, as data sets have them."""
    found = []
    for each in question.metadata.get("supporting") or question.metadata.get("supporting_facts") or ():
        if isinstance(each, Mapping):
            names = {str(each["id"])} if each.get("id") else {str(each.get("title", "")).casefold()}
        else:
            names = {str(each[0]).casefold()} if isinstance(each, (list, tuple)) and each else set()
        if names and names not in found:
            found.append(names)
    return found


def summary_of(rows: Iterable[Row], questions: int) -> dict[str, Any]:
    """Means over all questions: one without an answer counts as wrong."""
    found = list(rows)

    def mean(name: str) -> float:
        return sum(float(getattr(row, name)) for row in found) / questions if questions else 0.0

    costs = [row.cost for row in found]
    evidence = [row.evidence_recall for row in found if row.evidence_recall is not None]
    return {
        "questions": questions,
        "ended": len(found),
        **{name: mean(name) for name in ("em", "f1", "contains", "cover_em", "calls", "tokens", "seconds")},
        "cost": None if any(cost is None for cost in costs) else sum(cost or 0.0 for cost in costs),
        "evidence_recall": sum(evidence) / len(evidence) if evidence else None,
        "repaired": mean("repaired"),
        "boosted": mean("boosted"),
        "status": {status: sum(row.status == status for row in found) for status in STATUSES},
    }
