"""Episodes: questions that were answered by plans, read from folders of `pyrag eval` or result files of PyRAG."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..evaluation.datasets import DataError
from ..evaluation.metrics import exact_match, text_of
from ..grammar.diagnostics import PlanError
from ..methods.answered import Answered
from ..runtime.api import run
from ..runtime.result import Result
from ..runtime.trace import TraceError
from .scores import golden_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A question, the plan that was run for it, and the outcome.

    Attributes:
        id, question, golden: the id, the text and the golden answers, as in the data set.
        prediction: the final answer as text; "" if there is none.
        queries: the sub-queries; empty if the question was not split.
        fallback: whether splitting failed, so that the question was left whole.
        source: the text of the plan; "" if there is none.
        steps: the calls of the plan in program order, in PyRAG's format: {type, query, topk, docs, answer_returned}.
        error: the error or the status with which the episode failed; "" if it did not fail.
        kind: the type of the question; "" if it is not known.
    """

    id: str
    question: str
    golden: tuple[str, ...]
    prediction: str
    queries: tuple[str, ...]
    fallback: bool
    source: str
    steps: tuple[Mapping[str, Any], ...]
    error: str = ""
    kind: str = ""

    @property
    def right(self) -> bool:
        """Whether the answer is a golden one."""
        return exact_match(self.prediction, self.golden) == 1.0

    def replay(self, isolation: Any = "process") -> Result | None:
        """Run the plan again on the recorded results of its calls. None if it does not give the same answer."""
        recorded: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        for each in self.steps:
            if "query" in each:
                recorded.setdefault((each["type"], each["query"]), []).append(each)

        def found(tool: str, query: str, name: str, value: Any) -> Mapping[str, Any]:
            # The last call with this query, unless one has the same other argument. A re-run may have changed that.
            made = recorded[tool, query]
            return next((each for each in made if each.get(name) == value), made[-1])

        def retrieve(query: str, topk: int = 5) -> list[str]:
            return list(found("retrieve", query, "topk", topk)["docs"])

        def answer(query: str, docs: list[str] | None = None) -> str:
            return text_of(found("answer", query, "docs", docs)["answer_returned"])

        try:
            result = run(self.source, [retrieve, answer], question=self.question, isolation=isolation)
        except PlanError:
            return None
        return result if text_of(result.final_answer) == self.prediction else None


def read_episodes(place: Path) -> Iterator[Episode]:
    """The episodes of a folder that `pyrag eval` has written, or of a result file of PyRAG. Raises `DataError`."""
    if place.is_dir():
        yield from _of_folder(place)
    else:
        yield from _of_results(place)


def _of_folder(folder: Path) -> Iterator[Episode]:
    for where, row in json_lines(folder / "results.jsonl"):
        try:
            answered = Answered.load(folder / row["trace"])
            golden, name, question = golden_of(row["golden_answers"]), str(row["id"]), str(row["question"])
        except TraceError as error:
            raise DataError(f"{where}: {error}") from None
        except (KeyError, TypeError):
            raise DataError(f"{where}: not a row of `pyrag eval`") from None
        record = answered.record
        split = next((call for call in answered.calls if call.tool == "decompose" and call.ended), None)
        ok = answered.status == "done"
        yield Episode(
            id=name,
            question=question,
            golden=golden,
            prediction=text_of(answered.final_answer) if ok else "",
            queries=answered.queries,
            fallback=split is not None and bool(split.usage.get("note")),
            source=answered.source if answered.run is not None else "",
            steps=record.execution_log,
            error="" if ok else answered.status or "not ended",
        )


def _of_results(path: Path) -> Iterator[Episode]:
    for where, row in json_lines(path):
        question = row.get("question") or row.get("original_query")
        if not isinstance(question, str) or not question.strip():
            raise DataError(f"{where}: no question: a result of PyRAG has the field `question`")
        golden = golden_of(
            next((row[name] for name in ("gold_answers", "golden_answers", "answers") if name in row), None)
        )
        queries = row.get("sub_queries") or ()
        steps = row.get("execution_log") or ()
        if not _texts(queries) or not isinstance(steps, list | tuple) or not all(map(_is_step, steps)):
            raise DataError(f"{where}: sub_queries must be a list of texts, and execution_log a list of steps")
        prediction = row.get("pred_answer", row.get("final_answer"))
        yield Episode(
            id=str(row.get("id", where.rpartition(" ")[2])),
            question=question.strip(),
            golden=golden,
            prediction=text_of(prediction),
            queries=tuple(queries),
            fallback=tuple(queries) == (question,),
            source=str(row.get("generated_code") or ""),
            steps=tuple(steps),
            error=str(row.get("error") or ""),
            kind=str(row.get("type") or ""),
        )


def _texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


def _is_step(step: Any) -> bool:
    """Whether a step has the fields that its type must have. Steps of other tools may have any fields."""
    if not isinstance(step, Mapping) or not isinstance(step.get("type"), str):
        return False
    if step["type"] == "retrieve":
        return isinstance(step.get("query"), str) and _texts(step.get("docs"))
    if step["type"] == "answer":
        docs = step.get("docs")
        return isinstance(step.get("query"), str) and (docs is None or _texts(docs)) and "answer_returned" in step
    return True


def json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a JSON Lines file, each after its place for messages: "FILE, line 3". Raises `DataError`."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    where = f"{path}, line {number}"
                    try:
                        row = json.loads(line)
                    except ValueError as error:
                        raise DataError(f"{where}: not JSON: {error}") from None
                    if not isinstance(row, dict):
                        raise DataError(f"{where}: an object was expected")
                    yield where, row
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {error.start + 1})") from None
