"""The comparison of several evaluations: scores with intervals, and tests of their differences. It needs scipy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .datasets import DataError

RESAMPLES = 2_000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class RunResults:
    """The results of one evaluation, called a run in comparisons.

    Attributes:
        name: the path of the folder.
        method: the name of the method.
        rows: the rows of the finished questions, as JSON data, by id.
        questions: the number of all questions.
        normalization: the name of the normalization with which the rows were scored.
    """

    name: str
    method: str
    rows: dict[str, dict[str, Any]]
    questions: int
    normalization: str = "squad"

    def kind(self, question: str) -> str:
        """The type of a question; "" if its data set names none."""
        return str(self.rows[question].get("kind") or "")


def read_results(folder: Path) -> RunResults:
    """The results that `pyrag eval` has written to a folder. Raises `DataError` if they cannot be read."""
    try:
        lines = (folder / "results.jsonl").read_text(encoding="utf-8").splitlines()
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        rows = {row["id"]: row for row in map(json.loads, filter(str.strip, lines))}
        how = str(summary.get("normalization", "squad"))
        return RunResults(str(folder), str(summary["method"]), rows, int(summary["questions"]), how)
    except OSError as error:
        raise DataError(
            f"{folder}: {error.strerror or error}: name a folder that `pyrag eval --out` has written"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder}: the results cannot be read: {error}") from None


def compare(runs: Sequence[RunResults], seed: int = 0) -> list[dict[str, Any]]:
    """Compare runs on the questions that are finished in all of them.

    Args:
        runs: the runs. All are compared with the first.
        seed: the seed of the bootstrap.

    Returns:
        A line for each run: scores with bootstrap intervals, calls, tokens and seconds for each question, and the
        difference of exact match to the first run. All lines except the first have `p`, the p-value of McNemar's exact
        test against the first run, corrected for the number of comparisons (Benjamini and Hochberg).

    Raises:
        DataError: the runs have no question in common, or were scored with different normalizations.
        ImportError: scipy is not installed.
    """
    from scipy import stats

    ids = sorted(set.intersection(*(set(run.rows) for run in runs)))
    if not ids:
        raise DataError("these folders have no question in common")
    if len({run.normalization for run in runs}) > 1:
        ways = ", ".join(f"{run.name}: {run.normalization}" for run in runs)
        raise DataError(f"these folders are scored in different ways ({ways}): score them with one --normalization")
    judges = sorted(
        set.intersection(*({j for row in run.rows.values() for j in row.get("judged", ())} for run in runs))
    )
    out: list[dict[str, Any]] = []
    tested: list[float] = []
    base = [float(runs[0].rows[each]["em"]) for each in ids]
    for run in runs:
        rows = [run.rows[each] for each in ids]
        scores = {name: [float(row[name]) for row in rows] for name in ("em", "f1")}
        line: dict[str, Any] = {"run": run.name, "method": run.method, "questions": len(ids)}
        for name, values in scores.items():
            line[name] = sum(values) / len(values)
            line[f"{name}_interval"] = _interval(values, seed)
        for name in ("evidence_recall", "support"):
            known = [float(row[name]) for row in rows if row.get(name) is not None]
            line[name] = sum(known) / len(known) if known else None
        line["judged"] = {judge: sum(bool(row["judged"].get(judge)) for row in rows) / len(rows) for judge in judges}
        for name in ("calls", "tokens", "seconds"):
            line[name] = sum(float(row[name]) for row in rows) / len(rows)
        differences = [one - other for one, other in zip(scores["em"], base, strict=True)]
        line["difference"] = sum(differences) / len(differences)
        line["difference_interval"] = _interval(differences, seed)
        better, worse = sum(each > 0 for each in differences), sum(each < 0 for each in differences)
        line["better"], line["worse"] = better, worse
        if run is not runs[0]:
            tested.append(float(stats.binomtest(better, better + worse).pvalue) if better + worse else 1.0)
        out.append(line)
    for line, value in zip(out[1:], stats.false_discovery_control(tested) if tested else (), strict=True):
        line["p"] = float(value)
    return out


def _interval(values: Sequence[float], seed: int) -> tuple[float, float]:
    """The percentile bootstrap interval of the mean."""
    import numpy as np
    from scipy import stats

    if len(set(values)) < 2:
        return values[0], values[0]
    found = stats.bootstrap(
        (np.asarray(values),),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=LEVEL,
        method="percentile",
        random_state=np.random.default_rng(seed),
    ).confidence_interval
    return float(found.low), float(found.high)


MOST_KINDS = 12


def by_kind(runs: Sequence[RunResults], seed: int = 0) -> dict[str, list[dict[str, Any]]]:
    """The exact match with its interval by type of question, such as "2hop", for each run in the given order.

    These are the `MOST_KINDS` types with the most questions. The mapping is empty if the data set names no types.
    """
    ids = sorted(set.intersection(*(set(run.rows) for run in runs)))
    kinds: dict[str, list[str]] = {}
    for each in ids:
        if kind := runs[0].kind(each):
            kinds.setdefault(kind, []).append(each)
    largest = sorted(kinds, key=lambda kind: -len(kinds[kind]))[:MOST_KINDS]
    out: dict[str, list[dict[str, Any]]] = {}
    for kind in sorted(largest):
        out[kind] = []
        for run in runs:
            values = [float(run.rows[each]["em"]) for each in kinds[kind]]
            mean = sum(values) / len(values)
            out[kind].append({"em": mean, "em_interval": _interval(values, seed), "questions": len(values)})
    return out


def markdown(lines: Sequence[dict[str, Any]]) -> str:
    """The comparison as a table in Markdown."""
    judges = list(lines[0]["judged"])
    heads = ["run", "method", "questions", "EM", "F1", *(f"judged by {judge}" for judge in judges), "difference of EM"]
    heads += ["p", "evidence", "calls", "tokens", "seconds"]
    out = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for line in lines:
        p = f"{line['p']:.3f}" if "p" in line else ""
        gap = with_interval(line["difference"], line["difference_interval"]) if "p" in line else ""
        cells = [
            line["run"],
            line["method"],
            str(line["questions"]),
            with_interval(line["em"], line["em_interval"]),
            with_interval(line["f1"], line["f1_interval"]),
            *(f"{line['judged'][judge]:.3f}" for judge in judges),
            gap,
            p,
            "" if line["evidence_recall"] is None else f"{line['evidence_recall']:.3f}",
            f"{line['calls']:.1f}",
            f"{line['tokens']:,.0f}",
            f"{line['seconds']:.2f}",
        ]
        out.append(f"| {' | '.join(cells)} |")
    return "\n".join(out) + "\n"


def with_interval(value: float, interval: tuple[float, float]) -> str:
    """A figure and its interval as text: `0.500 (0.400 to 0.600)`."""
    return f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})"
