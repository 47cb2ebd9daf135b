"""Questions with golden answers, from the formats in which data sets are published.

The formats are the JSON Lines of Search-R1 and FlashRAG (`id`, `question`, `golden_answers`), the JSON of HotpotQA and
2WikiMultihopQA, the JSON Lines of MuSiQue, the questions of A-RAG, the tables (.csv, .tsv) of PopQA and Bamboogle,
TriviaQA, NQ, and Parquet (extra `parquet`). Data sets of the Hugging Face hub need the extra `hub`.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .hub import PREFIX, HubError, hub_rows

_QUESTIONS = ("question", "Question", "query", "problem")
_ANSWERS = ("golden_answers", "answers", "answer", "possible_answers", "Answer", "obj", "target")
_IDS = ("id", "_id", "qid", "question_id", "QuestionId")
_MORE = ("answer_aliases", "aliases", "Aliases", "NormalizedAliases")


class DataError(ValueError):
    """Data are missing, or in no known format. The message tells what is wrong, and names the row if there is one."""


@dataclass(frozen=True, slots=True)
class Example:
    """A question of a data set.

    Attributes:
        id: the id, unique in the data set.
        text: the text of the question.
        golden_answers: the golden answers, at least one.
        metadata: the other fields of the row.
    """

    id: str
    text: str
    golden_answers: tuple[str, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)


def read_questions(path: str | os.PathLike[str]) -> list[Example]:
    """The questions of a file, or of a data set of the hub (`hub:NAME[/CONFIG]:SPLIT`). Raises `DataError`."""
    place = Path(path)
    hub = str(path).startswith(PREFIX)
    found: dict[str, Example] = {}
    try:
        for where, row in hub_rows(str(path)) if hub else _rows(place):
            made = _question(where, row)
            if made.id in found:
                raise DataError(f"{where}: the id {made.id!r} belongs to an earlier row")
            found[made.id] = made
    except HubError as error:
        raise DataError(str(error)) from None
    except OSError as error:
        raise DataError(f"{place}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{place}: not UTF-8 text (byte {error.start + 1})") from None
    if not found:
        raise DataError(f"{place}: it holds no question")
    return list(found.values())


def _rows(path: Path) -> Iterator[tuple[str, Any]]:
    kinds = [each for each in path.suffixes if each != ".gz"]
    kind = kinds[-1] if kinds else ""
    if kind == ".parquet":
        yield from _parquet(path)
        return
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
        if kind in (".csv", ".tsv"):
            table = csv.DictReader(file, delimiter="\t" if kind == ".tsv" else ",")
            for row in table:
                yield f"{path}, line {table.line_num}", row
            return
        if kind == ".json":
            try:
                data = json.load(file)
            except ValueError as error:
                raise DataError(f"{path}: not JSON: {error}") from None
            rows = data.get("data", data.get("Data")) if isinstance(data, dict) else data
            if not isinstance(rows, list):
                raise DataError(f"{path}: a list of questions was expected")
            for number, row in enumerate(rows, 1):
                yield f"{path}, question {number}", row
            return
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    yield f"{path}, line {number}", json.loads(line)
                except ValueError as error:
                    raise DataError(f"{path}, line {number}: not JSON: {error}") from None


def _parquet(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise DataError(f"{path}: Parquet needs pyarrow: pip install 'pyrag_dsl[parquet]'") from None
    for number, row in enumerate(parquet.read_table(path).to_pylist(), 1):
        yield f"{path}, row {number}", row


def _question(where: str, row: Any) -> Example:
    if not isinstance(row, Mapping):
        raise DataError(f"{where}: {type(row).__name__} where an object was expected")
    text = next((row[name] for name in _QUESTIONS if isinstance(row.get(name), str)), None)
    if not text or not text.strip():
        raise DataError(f"{where}: no question: one of {', '.join(_QUESTIONS)} is expected")
    golden = [answer for name in _ANSWERS if name in row for answer in _texts(row[name])]
    golden += [answer for name in _MORE if name in row for answer in _texts(row[name])]
    if not golden:
        reward = row.get("reward_model")  # the format of verl
        golden = list(_texts(reward.get("ground_truth"))) if isinstance(reward, Mapping) else []
    if not golden:
        raise DataError(f"{where}: no golden answer: one of {', '.join(_ANSWERS)} is expected")
    name = next((row[each] for each in _IDS if row.get(each) not in (None, "")), None)
    label = str(name) if name is not None else where.rpartition(" ")[2]
    known = {*_QUESTIONS, *_ANSWERS, *_IDS, *_MORE}
    rest = {key: value for key, value in row.items() if key not in known}
    return Example(label, text.strip(), tuple(dict.fromkeys(golden)), rest)


def _texts(value: Any) -> Iterator[str]:
    """The golden answers in a value: a text, a number, a truth value, a list, JSON of a list, or an object of these."""
    if isinstance(value, str):
        if value.startswith("["):
            try:
                read = json.loads(value)
            except ValueError:
                read = None
            if isinstance(read, list):
                yield from _texts(read)
                return
        if value.strip():
            yield value.strip()
    elif isinstance(value, bool):
        yield "yes" if value else "no"
    elif isinstance(value, (int, float)):
        yield str(value)
    elif isinstance(value, Mapping):
        for name in ("target", "value", "Value", "aliases", "Aliases", "text"):
            if name in value:
                yield from _texts(value[name])
    elif value is not None:
        for item in value:
            yield from _texts(item)
