"""Exact match, F1 and speed of the embedded reader, given the gold passages of single-hop questions.

    python benchmarks/reader.py [--failures 2wiki] [--relation director]

Questions are split in two by a hash of their id: patterns are written looking at failures of the
development half only, and the other half says what they are worth. ``--failures`` prints failures of the
development half.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import shlex
import statistics
import string
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pyrag_dsl.reader import read

SETS = ("2wiki", "musique", "popqa")


@dataclass(frozen=True, slots=True)
class Item:
    """One single-hop question with the passages that hold its answer."""

    dataset: str
    half: str
    question: str
    relation: str
    golden: tuple[str, ...]
    docs: tuple[str, ...]


def reference(argument: str | None) -> Path:
    """The folder of question files: the argument, ``$PYRAG_SHARED``, or ``shared`` beside the project."""
    root = argument or os.environ.get("PYRAG_SHARED") or Path(__file__).resolve().parents[2] / "shared"
    return Path(root) / "data" / "questions"


def half_of(identity: str) -> str:
    """The half that a question belongs to: by its id, so that all its sub-questions fall on one side."""
    return "development" if hashlib.sha256(identity.encode()).digest()[0] % 2 == 0 else "held out"


def normalise(text: str) -> str:
    """SQuAD's normal form: lower case, no punctuation, no articles, single spaces."""
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def exact_match(answer: str, golden: tuple[str, ...]) -> float:
    """1.0 where the answer equals one of the golden answers in SQuAD's normal form."""
    return float(any(normalise(answer) == normalise(g) for g in golden))


def f1(answer: str, golden: tuple[str, ...]) -> float:
    """The best token F1 of the answer against one of the golden answers (SQuAD)."""
    best = 0.0
    given = normalise(answer).split()
    for gold in golden:
        wanted = normalise(gold).split()
        common = sum((Counter(given) & Counter(wanted)).values())
        if common:
            precision, recall = common / len(given), common / len(wanted)
            best = max(best, 2 * precision * recall / (precision + recall))
    return best


def load(folder: Path, dataset: str) -> Iterator[Item]:
    """The single-hop questions of a data set, each with all the passages of the question it belongs to."""
    with (folder / f"{dataset}.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            docs = tuple(f'"{p["title"]}"\n{p["text"]}' for p in row["supporting"])
            half = half_of(row["id"])
            if dataset == "popqa":
                yield Item(dataset, half, row["question"], row["type"], tuple(row["golden_answers"]), docs)
            for step in row["decomposition"]:
                relation = step["question"].partition(">>")[2].strip() or "free text"
                yield Item(dataset, half, step["question_nl"], relation, (step["answer"],), docs)


def main() -> None:
    """Print a table: set, half, questions, exact match, F1, median milliseconds a question."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shared", help="folder of the reference material")
    parser.add_argument("--failures", choices=SETS, help="print failures of the development half of this set")
    parser.add_argument("--relation", default="", help="with --failures: only those of this relation")
    parser.add_argument("--relations", action="store_true", help="exact match by relation, development half")
    options = parser.parse_args()
    folder = reference(options.shared)
    totals: dict[tuple[str, str], list[tuple[float, float, float]]] = defaultdict(list)
    by_relation: dict[tuple[str, str], list[float]] = defaultdict(list)
    for dataset in SETS:
        for item in load(folder, dataset):
            start = time.perf_counter()
            reading = read(item.question, item.docs)
            elapsed = 1e3 * (time.perf_counter() - start)
            match = exact_match(reading.answer, item.golden)
            score = (match, f1(reading.answer, item.golden), elapsed)
            totals[dataset, item.half].append(score)
            totals["all", item.half].append(score)
            if item.half == "development":
                by_relation[dataset, item.relation].append(match)
                if dataset == options.failures and not match and options.relation in item.relation:
                    print(f"{item.question}\n  gold {item.golden[:3]} got {reading.answer!r}")
                    print(f"  from: {reading.evidence[:260]}")
    if options.relations:
        for (dataset, relation), matches in sorted(by_relation.items(), key=lambda pair: -len(pair[1])):
            print(f"{dataset:8} {len(matches):4} {100 * sum(matches) / len(matches):6.1f}  {relation}")
    print(f"command: python {shlex.join(sys.argv)}")
    print(f"Python {platform.python_version()}, {platform.machine()}")
    print(f"{'set':8} {'half':12} {'n':>5} {'EM':>6} {'F1':>6} {'ms median':>10} {'ms p95':>8}")
    for (dataset, half), scores in sorted(totals.items()):
        ems, f1s, times = zip(*scores, strict=True)
        p95 = statistics.quantiles(times, n=20)[-1]
        print(
            f"{dataset:8} {half:12} {len(scores):5} {100 * statistics.mean(ems):6.1f} "
            f"{100 * statistics.mean(f1s):6.1f} {statistics.median(times):10.2f} {p95:8.2f}"
        )


if __name__ == "__main__":
    main()
