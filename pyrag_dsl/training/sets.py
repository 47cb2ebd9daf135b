"""The four data sets of PyRAG-RL, made from episodes and questions, without the questions of evaluations."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ..evaluation.datasets import DataError, Example, read_questions
from ..evaluation.metrics import normalised
from ..runtime.trace import replace_file
from . import rows
from .episodes import Episode

SPLITS = ("train", "val")


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOptions:
    """The options with which data sets are made.

    Attributes:
        seed: the seed of the split, of the order, and of the choice among `topk_choices`.
        val_ratio: the share of the questions that are kept for validation, from 0 to 1.
        topk: the number of passages in a row of `answer_with_docs`.
        topk_choices: if not empty, one of these numbers is drawn for each row instead of `topk`.
        data_source_filter: only questions with this value in the field `data_source` become rows of
            `answer_with_docs`; "" for all questions.
        max_per_input: rows of `answer_with_docs` from one file, at most; -1 for all.
        keep_categories: the categories of rows that `answer_no_docs` keeps; see `rows.CATEGORIES`.
        only_correct: whether plans with a wrong answer are left out of `plan`.
    """

    seed: int = 42
    val_ratio: float = 0.02
    topk: int = 5
    topk_choices: tuple[int, ...] = ()
    data_source_filter: str = ""
    max_per_input: int = -1
    keep_categories: tuple[str, ...] = rows.CATEGORIES[:2]
    only_correct: bool = False


@dataclass(slots=True)
class DataSet:
    """The rows of one set.

    Attributes:
        splits: the rows by split.
        dropped: the number of rows that were left out, by reason.
    """

    splits: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {name: [] for name in SPLITS})
    dropped: Counter[str] = field(default_factory=Counter)

    def to_json(self) -> dict[str, Any]:
        """The number of rows in each split, and of those left out by reason."""
        return {
            **{name: len(found) for name, found in self.splits.items()},
            "dropped": dict(sorted(self.dropped.items())),
        }


class HeldOut:
    """Questions of evaluations, on which nothing may be trained. They are recognised by their ids or by their words.

    Two questions have the same words if they do not differ in the set of their words after SQuAD's normalization.
    """

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self.ids: dict[str, str] = {}
        self.words: dict[frozenset[str], str] = {}
        for path in paths:
            for each in read_questions(path):
                self.ids.setdefault(each.id, path.name)
                self.words.setdefault(_words(each.text), path.name)

    def names(self, question: str, source_id: str) -> str:
        """The name of the file that holds a question; "" if none does. An id that is only digits is not compared."""
        found = self.words.get(_words(question), "")
        return found or ("" if source_id.isdigit() else self.ids.get(source_id, ""))


def build(
    episodes: Sequence[Episode],
    questions: Sequence[Sequence[Example]],
    banned: HeldOut,
    options: SetOptions,
    wanted: Sequence[str] = tuple(rows.ABILITIES),
) -> dict[str, DataSet]:
    """Make data sets.

    Args:
        episodes: the episodes for `answer_no_docs` and `plan`, whose questions are also used for `decompose`.
        questions: the questions of each file, for `decompose` and, if they come with passages, `answer_with_docs`.
        banned: the questions of evaluations, which are left out.
        options: the options.
        wanted: the names of the sets to make.

    Returns:
        The sets by name.
    """
    makers = {
        "answer_with_docs": lambda made: _with_docs(questions, options, made),
        "answer_no_docs": lambda made: _without_docs(episodes, options, made),
        "plan": lambda made: _plans(episodes, options, made),
        "decompose": lambda made: _decompositions(episodes, questions, made),
    }
    out: dict[str, DataSet] = {}
    for name in wanted:
        made = out[name] = DataSet()
        _settle(makers[name](made), banned, options, made)
    return out


_Pair = tuple[str, dict[str, Any]]  # the question of a row, and the row


def _with_docs(questions: Sequence[Sequence[Example]], options: SetOptions, made: DataSet) -> Iterable[_Pair]:
    for examples in questions:
        taken = 0
        for example in examples:
            source = example.metadata.get("data_source", example.metadata.get("dataset", ""))
            docs = rows.passages_of(example)
            if options.data_source_filter and source != options.data_source_filter:
                made.dropped["another data source"] += 1
            elif not docs:
                made.dropped["no passages"] += 1
            elif 0 <= options.max_per_input <= taken:
                made.dropped["beyond max_per_input"] += 1
            else:
                taken += 1
                choices = options.topk_choices or (options.topk,)
                topk = choices[_draw(options.seed, "topk", example.id) % len(choices)]
                yield example.text, rows.with_docs(example, docs, topk)


def _without_docs(episodes: Sequence[Episode], options: SetOptions, made: DataSet) -> Iterable[_Pair]:
    for episode in episodes:
        row = None if episode.error else rows.without_docs(episode)
        if row is None:
            made.dropped["error" if episode.error else "no answer without passages"] += 1
        elif row["extra_info"]["category"] not in options.keep_categories:
            made.dropped[f"category {row['extra_info']['category']}"] += 1
        else:
            yield episode.question, row


def _plans(episodes: Sequence[Episode], options: SetOptions, made: DataSet) -> Iterable[_Pair]:
    for episode in sorted(episodes, key=lambda each: not each.right):  # `_settle` keeps the first plan of a question
        if episode.error or not episode.source:
            made.dropped["error"] += 1
        elif not episode.queries:
            made.dropped["no sub-queries"] += 1
        elif episode.fallback:
            made.dropped["the question was not split"] += 1
        elif options.only_correct and not episode.right:
            made.dropped["wrong answer"] += 1
        else:
            yield episode.question, rows.plan(episode)


def _decompositions(
    episodes: Sequence[Episode], questions: Sequence[Sequence[Example]], _made: DataSet
) -> Iterable[_Pair]:
    for example in (each for examples in questions for each in examples):
        yield example.text, rows.decompose(example)
    for episode in episodes:
        yield episode.question, rows.decompose(Example(episode.id, episode.question, episode.golden))


def _settle(found: Iterable[_Pair], banned: HeldOut, options: SetOptions, made: DataSet) -> None:
    """Leave out duplicates, banned questions and rows without a golden answer; order, split and number the others."""
    seen: set[tuple[str, ...]] = set()
    kept: list[dict[str, Any]] = []
    for question, row in found:
        info = row["extra_info"]
        key = (normalised(question), normalised(info.get("synthesis_query", "")))
        name = banned.names(question, info["src_id"])
        if name:
            made.dropped[f"in {name}"] += 1
        elif not row["reward_model"]["ground_truth"]:
            made.dropped["no golden answer"] += 1
        elif key in seen:
            made.dropped["twice"] += 1
        else:
            seen.add(key)
            kept.append(row)
    kept.sort(key=lambda row: (_draw(options.seed, "order", row["extra_info"]["src_id"]), row["extra_info"]["src_id"]))
    for row in kept:
        info = row["extra_info"]
        share = _draw(options.seed, "split", info["src_id"]) / 2**64
        info["split"] = "val" if share < options.val_ratio else "train"
        info["index"] = len(made.splits[info["split"]])
        made.splits[info["split"]].append(row)


def _draw(seed: int, use: str, name: str) -> int:
    """A pseudo-random number below 2**64 that depends only on the arguments."""
    return int.from_bytes(blake2b(f"{seed} {use} {name}".encode(), digest_size=8).digest(), "big")


def _words(question: str) -> frozenset[str]:
    return frozenset(normalised(question).split())


# ------------------------------------------------------------------------ files


def write(sets: dict[str, DataSet], out: Path) -> list[Path]:
    """Write `SET/SPLIT.parquet` for each split that has rows, and `report.json`. Return the Parquet files.

    A file of a split that has no rows now is deleted.

    Raises:
        DataError: pyarrow is not installed, or the files cannot be written.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as parquet
    except ImportError:
        raise DataError("Parquet needs pyarrow: pip install 'pyrag_dsl[parquet]'") from None
    written: list[Path] = []
    try:
        for name, made in sets.items():
            folder = out / name
            folder.mkdir(parents=True, exist_ok=True)
            for split, found in made.splits.items():
                place = folder / f"{split}.parquet"
                if found:
                    parquet.write_table(pa.Table.from_pylist(found, schema=schema_of(name)), place)
                    written.append(place)
                else:
                    place.unlink(missing_ok=True)
        report = {name: made.to_json() for name, made in sets.items()}
        replace_file(out / "report.json", json.dumps(report, indent=2) + "\n")
    except OSError as error:
        raise DataError(f"{out}: {error.strerror or error}") from None
    return written


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file that `write` has written. Raises `DataError`."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as parquet
    except ImportError:
        raise DataError("Parquet needs pyarrow: pip install 'pyrag_dsl[parquet]'") from None
    try:
        rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path}: {str(error).partition(chr(10))[0]}") from None
    if not rows or not {"prompt", "reward_model", "extra_info"} <= rows[0].keys():
        raise DataError(f"{path}: it holds no rows for a trainer: make them by `pyrag train data`")
    return rows


def schema_of(name: str) -> Any:
    """The schema of a set for pyarrow. It does not depend on the rows, so files of several runs can be combined."""
    import pyarrow as pa

    text, number = pa.string(), pa.int64()
    more = {
        "answer_with_docs": [("question", text), ("topk", number), ("num_ctxs_available", number)],
        "answer_no_docs": [
            (each, text) for each in ("original_question", "synthesis_query", "qtype", "category", "baseline_pred")
        ],
        "plan": [
            ("question", text),
            ("sub_queries", pa.list_(text)),
            ("topk", number),
            ("is_correct_trace", pa.bool_()),
            ("baseline_pred", text),
            ("baseline_code", text),
        ],
        "decompose": [("question", text), ("topk", number)],
    }
    message = pa.struct([("role", text), ("content", text)])
    return pa.schema(
        [
            ("data_source", text),
            ("prompt", pa.list_(message)),
            ("ability", text),
            ("reward_model", pa.struct([("style", text), ("ground_truth", pa.list_(text))])),
            ("extra_info", pa.struct([("index", number), ("split", text), ("src_id", text), *more[name]])),
        ]
    )
