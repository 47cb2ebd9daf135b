"""Time, size and recall of the BM25 index on a corpus and the questions beside it.

    python benchmarks/retrieval.py [--data DIRECTORY] [--repeat N]

DIRECTORY holds `wiki.jsonl` and `questions/*.jsonl`; by default it is `data` under $PYRAG_SHARED or
`../shared`. Recall@5 is the share of questions whose evidence titles are all among the first five hits
of the question, or among those of the gold sub-questions, five each.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pyrag_dsl.retrieval import BM25Index, bundled_retriever

TOPK = 5


def main() -> None:
    """Print the figures."""
    beside = Path(os.environ.get("PYRAG_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=beside / "data")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    print("command: python", " ".join(sys.argv))
    print(
        f"versions: Python {platform.python_version()}, tantivy {version('tantivy')}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    )
    with tempfile.TemporaryDirectory() as place:
        index = timed_index(options.data / "wiki.jsonl", Path(place), options.repeat)
        questions = {path.stem: rows_of(path) for path in sorted((options.data / "questions").glob("*.jsonl"))}
        timed_queries(index, questions, options.repeat)
        for name, rows in questions.items():
            print_recall(index, name, rows)


def timed_index(corpus: Path, place: Path, repeat: int) -> BM25Index:
    """Build several times, open several times, and return the index."""
    built, opened = [], []
    for run in range(repeat):
        started = time.perf_counter()
        index = BM25Index.open(corpus, place / str(run))
        built.append(time.perf_counter() - started)
    for _ in range(5 * repeat):
        started = time.perf_counter()
        index = BM25Index.open(corpus, place / str(repeat - 1))
        opened.append((time.perf_counter() - started) * 1000)
    print(f"corpus: {len(index)} passages, {corpus.stat().st_size / 1e6:.1f} MB")
    print(f"build: {spread(built)} s; index {index.disk_bytes / 1e6:.1f} MB")
    print(f"open: {spread(opened)} ms")
    small = []
    for _ in range(5 * repeat):
        started = time.perf_counter()
        bundled_retriever()
        small.append((time.perf_counter() - started) * 1000)
    print(f"open bundled passages: {spread(small)} ms")
    return index


def timed_queries(index: BM25Index, questions: dict[str, list[dict[str, Any]]], repeat: int) -> None:
    """Time each question alone; the spread is over whole rounds."""
    texts = [row["question"] for rows in questions.values() for row in rows]
    middles, tails = [], []
    for _ in range(repeat):
        times = []
        for text in texts:
            started = time.perf_counter()
            index.search(text, TOPK)
            times.append((time.perf_counter() - started) * 1000)
        cuts = statistics.quantiles(times, n=20)
        middles.append(cuts[9])
        tails.append(cuts[18])
    print(f"queries: {len(texts)} questions, top {TOPK}: p50 {spread(middles)} ms, p95 {spread(tails)} ms")


def print_recall(index: BM25Index, name: str, rows: list[dict[str, Any]]) -> None:
    """Print recall@5 for a file of questions."""
    rows = [row for row in rows if row.get("supporting")]
    whole = [found(index, [row["question"]], row) for row in rows]
    steps = [found(index, sub_questions(row), row) for row in rows if sub_questions(row)]
    print(f"recall@{TOPK} {name}: question {share(whole)}; gold sub-questions {share(steps)}")


def found(index: BM25Index, queries: Iterable[str], row: dict[str, Any]) -> bool:
    """Whether the hits of the queries together hold all evidence titles of a row."""
    hits = {hit.passage.title for query in queries for hit in index.search(query, TOPK)}
    return {evidence["title"] for evidence in row["supporting"]} <= hits


def sub_questions(row: dict[str, Any]) -> list[str]:
    """The gold decomposition with earlier answers filled in, as far as the file has one."""
    steps = row.get("decomposition") or []
    return [step.get("question_nl") or step.get("question_resolved") or step["question"] for step in steps]


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON-Lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def spread(values: list[float]) -> str:
    """Median, with the smallest and the largest."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def share(outcomes: list[bool]) -> str:
    """As a fraction, with the number of rows."""
    return f"{sum(outcomes) / len(outcomes):.3f} of {len(outcomes)}" if outcomes else "none"


if __name__ == "__main__":
    main()
