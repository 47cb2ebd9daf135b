"""The folder of one evaluation: a trace for each question, and the rows and the summary that are derived from them.

`results.jsonl` and `summary.json` are rewritten from the traces and the verdicts of judges. Only one process at a time
writes a trace, and a trace can be read while it is written, so other processes may read the folder at any time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ..methods.answered import Answered
from ..runtime.trace import TraceError, replace_file
from .datasets import Example
from .projection import Row, row_of, summary_of

JUDGEMENTS = "judgements.jsonl"
REPLACED = "replaced"
"""The folder of traces of failed questions that were asked again."""


class RunFolder:
    """The folder of an evaluation, and what was read from its traces so far.

    Attributes:
        path: the folder.
        questions: the questions, in the order of the rows.
        method: the name of the method.
        seed: the seed of the requests to the models.
        normalization: the name of the normalization for scores.
        rows: the rows of the finished questions, by id.
        tokens: the tokens of all models, over the traces of finished and unfinished questions.
        cost: the cost of the same traces, in the currency of the prices. An unknown cost counts as 0.
    """

    def __init__(
        self, path: Path, questions: Sequence[Example], method: str, seed: int = 0, normalization: str = "squad"
    ) -> None:
        self.path = path
        self.questions = questions
        self.method = method
        self.seed = seed
        self.normalization = normalization
        self.rows: dict[str, Row] = {}
        self.tokens = 0
        self.cost = 0.0
        self._spent: dict[str, tuple[int, float]] = {}
        self._stamps: dict[str, tuple[int, int]] = {}
        (path / "traces").mkdir(parents=True, exist_ok=True)
        for replaced in (path / REPLACED).glob("*.jsonl"):
            with suppress(TraceError):  # somebody has changed the file
                self._count_trace(f"{REPLACED}/{replaced.name}", Answered.load(replaced))

    def trace_of(self, question: Example) -> Path:
        """The trace file of a question."""
        return self.path / trace_name(question)

    def take(self, question: Example, answered: Answered) -> Row | None:
        """Keep and return the row of a question that was asked, and count its spending; None if it is unfinished."""
        row = row_of(question, answered, self.method, self.seed, trace_name(question), self.normalization)
        self._count_trace(question.id, answered)
        if row is not None:
            self.rows[question.id] = row
        return row

    def refresh(self, told: Callable[[Row], object] | None = None) -> None:
        """Read the traces of unfinished questions that have changed. `told` is called with each new row."""
        for question in self.questions:
            path = self.trace_of(question)
            try:
                now = path.stat()
                stamp = (now.st_mtime_ns, now.st_size)
                if question.id in self.rows or self._stamps.get(question.id) == stamp:
                    continue
                answered = Answered.load(path)
            except (OSError, TraceError):
                continue  # not started, or killed while the first line was written
            self._stamps[question.id] = stamp
            row = self.take(question, answered)
            if row is not None and told is not None:
                told(row)

    def forget(self, question: Example) -> None:
        """Remove the row of a question, so that it is asked again. The trace is kept, because its cost was spent."""
        trace, replaced = self.trace_of(question), self.path / REPLACED
        replaced.mkdir(exist_ok=True)
        number = sum(each.name.startswith(f"{trace.stem}.") for each in replaced.iterdir())
        trace.rename(replaced / f"{trace.stem}.{number}.jsonl")
        del self.rows[question.id], self._spent[question.id]

    def todo(self) -> list[Example]:
        """The unfinished questions."""
        return [question for question in self.questions if question.id not in self.rows]

    def _count_trace(self, name: str, answered: Answered) -> None:
        spent = answered.spent
        tokens, cost = spent.usage.prompt_tokens + spent.usage.completion_tokens, spent.cost or 0.0
        before = self._spent.get(name, (0, 0.0))
        self._spent[name] = (tokens, cost)
        self.tokens += tokens - before[0]
        self.cost += cost - before[1]

    def project(self) -> dict[str, Any]:
        """Rewrite `results.jsonl` and `summary.json`, and return the summary."""
        verdicts = read_judgements(self.path)
        rows = []
        for question in self.questions:
            row = self.rows.get(question.id)
            if row is not None:
                rows.append(replace(row, judged=verdicts.get((row.id, row.prediction), {})))
        summary = summary_of(rows, len(self.questions), self.normalization)
        spent = {"tokens": self.tokens, "cost": self.cost}
        summary = {"method": self.method, "seed": self.seed, **summary, "spent": spent}
        replace_file(self.path / "results.jsonl", "".join(json.dumps(row.to_json()) + "\n" for row in rows))
        replace_file(self.path / "summary.json", json.dumps(summary, indent=2) + "\n")
        return summary


def trace_name(question: Example) -> str:
    """The trace file of a question, relative to the folder: a readable and safe name, different for each id."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", question.id)[:80].strip(".") or "q"
    safe = plain if plain == question.id else f"{plain}-{blake2b(question.id.encode(), digest_size=4).hexdigest()}"
    return f"traces/{safe}.jsonl"


def read_judgements(folder: Path) -> dict[tuple[str, str], dict[str, bool | None]]:
    """The verdicts of judges by the id of the question and its prediction, and then by the name of the judge.

    A verdict holds only for the prediction that was judged. The last verdict of a judge counts, and None means that the
    judge gave none. An incomplete line is ignored.
    """
    found: dict[tuple[str, str], dict[str, bool | None]] = {}
    try:
        lines = (folder / JUDGEMENTS).read_text(encoding="utf-8").splitlines()
    except OSError:
        return found
    for line in lines:
        try:
            said = json.loads(line)
            key, judge, verdict = (said["id"], said["prediction"]), said["judge"], said["right"]
        except (ValueError, KeyError, TypeError):
            continue
        if isinstance(judge, str) and (verdict is None or isinstance(verdict, bool)):
            found.setdefault(key, {})[judge] = verdict
    return found


def read_rows(folder: Path) -> list[Mapping[str, Any]]:
    """The rows of `results.jsonl` as JSON data.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line is not a row.
    """
    lines = (folder / "results.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    if not all(isinstance(row, dict) and isinstance(row.get("id"), str) for row in rows):
        raise ValueError("a row is not an object with an id")
    return rows
