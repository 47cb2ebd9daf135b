"""Speed of searching beside other engines, embedded and over HTTP; growth with the number of passages; real searches.

    python benchmarks/retrieval_speed.py [--data DIRECTORY] [--seconds S] [--clients N] [--growth N,N,...] PART...

PART: embedded (beside bare tantivy and bm25s), dense (beside bare FAISS, with made-up vectors), served (beside a plain
FastAPI server over the same index), replay (the searches of the recorded traces), growth (made-up passages of real
length). All but growth if none is named. Needs bm25s and fastapi beside the extras `serve` and `dense`. DIRECTORY holds
wiki.jsonl, questions and traces; by default it is `data` under $PYRAG_SHARED or `../shared`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import tantivy

from pyrag_dsl.retrieval import BM25Index
from pyrag_dsl.retrieval.dense import DenseIndex, embed_index
from pyrag_dsl.retrieval.embedding import Embedder, EmbeddingModel, normalised
from pyrag_dsl.retrieval.lexical import TITLE_BOOST, _analyser
from pyrag_dsl.retrieval.nearest import _EF_SEARCH

TOPK = 5
ROUNDS = 3
WORDS = 85  # of a passage of wiki.jsonl, on average

FASTAPI = """
import sys, tantivy, uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
sys.path.insert(0, {here!r})
from retrieval_speed import Bare
bare = Bare({files!r})
app = FastAPI()
class Asked(BaseModel):
    queries: list[str]
    topk: int = 3
    return_scores: bool = False
@app.post("/retrieve")
def retrieve(asked: Asked):
    return {{"result": [[{{"document": {{"id": one, "contents": f'"{{title}}"\\n{{text}}'}}, "score": score}}
        for score, one, title, text in bare.search(query, asked.topk)] for query in asked.queries]}}
uvicorn.run(app, host="127.0.0.1", port={port}, log_level="warning")
"""


class Bare:
    """The engine as it is, over the same files: the same terms, the first hits, whatever ties there are."""

    def __init__(self, files: str) -> None:
        self.index = tantivy.Index.open(files)
        self.searcher = self.index.searcher()
        self.analyser = _analyser(stop_words=True)

    def search(self, query: str, topk: int) -> list[tuple[float, str, str, str]]:
        clauses = []
        for term, count in Counter(self.analyser.analyze(query)).items():
            for field, weight in (("text", 1.0), ("title", TITLE_BOOST)):
                one = tantivy.Query.term_query(self.index.schema, field, term, "freq")
                clauses.append((tantivy.Occur.Should, tantivy.Query.boost_query(one, weight * count)))
        if not clauses:
            return []
        hits = self.searcher.search(tantivy.Query.boolean_query(clauses), topk, count=False).hits
        documents = [(score, self.searcher.doc(address)) for score, address in hits]
        return [(s, d.get_first("id"), d.get_first("title"), d.get_first("text")) for s, d in documents]


def main() -> None:
    beside = Path(os.environ.get("PYRAG_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", default=[])
    parser.add_argument("--data", type=Path, default=beside / "data")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--growth", default="10000,100000,1000000")
    parser.add_argument("--grow-one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.grow_one is not None:
        grow_one(options.data, options.grow_one)
        return
    parts = options.parts or ["embedded", "dense", "served", "replay"]
    print("command: python", " ".join(sys.argv))
    print(f"versions: Python {platform.python_version()}, tantivy {version('tantivy')}, {os.cpu_count()} cores,",
          f"load {os.getloadavg()[0]:.1f} at the start")  # fmt: skip
    with tempfile.TemporaryDirectory() as place:
        home = Path(place) / "index"
        if {"embedded", "dense", "served", "replay"} & set(parts):
            index = BM25Index.open(options.data / "wiki.jsonl", home)
            (files,) = [each for each in home.iterdir() if each.is_dir()]
            queries = questions(options.data)
        if "embedded" in parts:
            embedded(index, str(files), options.data / "wiki.jsonl", queries, options.seconds)
        if "dense" in parts:
            for kind in ("flat", "sq8", "hnsw"):
                dense(index, home, kind, queries, options.seconds)
        if "served" in parts:
            served(home, str(files), queries, options.seconds, options.clients)
        if "replay" in parts:
            replay(home, options.data / "traces", options.clients)
    if "growth" in parts:
        for count in options.growth.split(","):
            subprocess.run([sys.executable, __file__, "--data", options.data, "--grow-one", count], check=True)


def embedded(index: BM25Index, files: str, corpus: Path, queries: list[str], seconds: float) -> None:
    """Queries a second in one thread, p99, time of the processor; and all at once in as many threads as cores."""
    bare = Bare(files)
    engines: dict[str, Callable[[str], Any]] = {
        "pyrag_dsl": lambda query: index.search(query, TOPK),
        "tantivy, bare": lambda query: bare.search(query, TOPK),
    }
    try:
        import bm25s

        rows = [json.loads(line)["contents"] for line in corpus.read_text("utf-8").splitlines()]
        other = bm25s.BM25()
        other.index(bm25s.tokenize(rows, stopwords="en", show_progress=False), show_progress=False)

        def search(query: str) -> Any:
            tokens = bm25s.tokenize([query], stopwords="en", show_progress=False)
            return [rows[number] for number in other.retrieve(tokens, k=TOPK, show_progress=False)[0][0]]

        engines["bm25s"] = search
    except ImportError:
        print("bm25s is not installed")
    rates: dict[str, list[float]] = {name: [] for name in engines}
    costs: dict[str, list[float]] = {name: [] for name in engines}
    tails: dict[str, list[float]] = {name: [] for name in engines}
    together: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(ROUNDS):  # in turns, so that what else the machine does hits all alike
        for name, search_by in engines.items():
            used = time.process_time()
            times = timed(search_by, queries, seconds)
            costs[name].append(1000 * (time.process_time() - used) / len(times))
            rates[name].append(len(times) / sum(times))
            tails[name].append(1000 * statistics.quantiles(times, n=100)[98])
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                began = time.perf_counter()
                done = len(list(pool.map(search_by, queries[:500])))
                together[name].append(done / (time.perf_counter() - began))
    print(f"embedded, {len(index):,} passages, top {TOPK}:", flush=True)
    for name in engines:
        print(f"  {name:14} {spread(rates[name])} queries/s, p99 {spread(tails[name], 2)} ms, "
              f"CPU {spread(costs[name], 2)} ms a query; "
              f"{os.cpu_count()} threads {spread(together[name])} queries/s")  # fmt: skip


def made_up(texts: Sequence[str]) -> Any:
    """Vectors as long as MiniLM's that mean nothing: each text always has the same one."""
    return np.stack([np.random.default_rng(crc32(text.encode())).standard_normal(384, np.float32) for text in texts])


def dense(index: BM25Index, home: Path, kind: str, queries: list[str], seconds: float) -> None:
    """Queries a second over vectors of all passages, one and 32 at once; the vectors of queries are at hand."""
    import faiss

    faiss.omp_set_num_threads(1)
    known = dict(zip(queries, made_up(queries), strict=True))

    def embed(texts: list[str]) -> Any:
        return np.stack([known[text] for text in texts]) if texts[0] in known else made_up(texts)

    embedder = Embedder(embed, EmbeddingModel("made up", 384))
    embed_index(home, index, embedder, kind=kind)
    ours = DenseIndex.open(home, index, embedder)
    (file,) = [home / ours.manifest.generation / name for name in ours.manifest.passages.shards]
    bare, texts = faiss.read_index(str(file)), [each.document for each in index.all()]
    if kind == "hnsw":
        bare.hnsw.efSearch = _EF_SEARCH  # to look at as many neighbours

    def by_faiss(some: list[str]) -> Any:
        scores, rows = bare.search(normalised(np.stack([known[each] for each in some])), TOPK)
        return [
            [(texts[row], score) for row, score in zip(*each, strict=True)] for each in zip(rows, scores, strict=True)
        ]

    engines = {"pyrag_dsl": lambda some: ours.search_many(some, TOPK), "FAISS, bare": by_faiss}
    print(f"dense, {kind}, {len(ours):,} passages, top {TOPK}, one thread:", flush=True)
    for size in (1, 32):
        groups = [queries[start : start + size] for start in range(0, len(queries) - size + 1, size)]
        rates: dict[str, list[float]] = {name: [] for name in engines}
        for _ in range(ROUNDS):
            for name, search_by in engines.items():
                times = timed(search_by, groups, seconds)
                rates[name].append(size * len(times) / sum(times))
        for name, rate in rates.items():
            print(f"  {size:2} queries at once: {name:14} {spread(rate)} queries/s")


def timed(search: Callable[[Any], Any], queries: Sequence[Any], seconds: float) -> list[float]:
    times: list[float] = []
    end = time.perf_counter() + seconds
    for query in itertools.cycle(queries):
        began = time.perf_counter()
        search(query)
        times.append(time.perf_counter() - began)
        if began > end:
            return times
    return times


def served(home: Path, files: str, queries: list[str], seconds: float, clients: int) -> None:
    """Requests a second and p99 of clients at once, with one query a request, and with 32."""
    print(f"served, top {TOPK}:")
    with running_ours(home) as ours, running_fastapi(files) as plain:
        for count, size in ((1, 1), (clients, 1), (clients, 32)):
            rates: dict[str, list[float]] = {}
            tails: dict[str, list[float]] = {}
            for _ in range(ROUNDS):
                for name, (port, _) in (("pyrag_dsl", ours), ("plain FastAPI", plain)):
                    times, took = asyncio.run(drive(port, batches(queries, size), count, seconds))
                    rates.setdefault(name, []).append(size * len(times) / took)
                    tails.setdefault(name, []).append(1000 * statistics.quantiles(times, n=100)[98])
            for name, rate in rates.items():
                print(f"  {count:3} clients, {size:2} queries a request: {name:14} {spread(rate)} queries/s, "
                      f"p99 {spread(tails[name], 1)} ms")  # fmt: skip


def replay(home: Path, traces: Path, clients: int) -> None:
    """All searches of the traces, several times over: no error, and what memory does."""
    queries = [
        search["query"]
        for path in sorted(traces.glob("*.jsonl"))
        for line in path.read_text("utf-8").splitlines()
        for search in json.loads(line)["searches"]
    ]
    print(f"replay of {len(queries):,} searches by {clients} clients:")
    with running_ours(home) as (port, process):
        for turn in range(5):
            times, took = asyncio.run(drive(port, batches(queries, 1), clients, 1e9, len(queries)))
            print(f"  round {turn + 1}: {len(times):,} answered, 0 errors, {len(times) / took:,.0f}/s, "
                  f"server {rss(process.pid):.1f} MB")  # fmt: skip


async def drive(
    port: int, bodies: Sequence[bytes], clients: int, seconds: float, most: int = 1 << 60
) -> tuple[list[float], float]:
    """Keep so many connections busy; seconds of each request, and of all. Any status but 200 is an error."""
    times: list[float] = []
    waiting = itertools.cycle(bodies)
    began = time.perf_counter()
    sent = 0

    async def client() -> None:
        nonlocal sent
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while sent < most and time.perf_counter() - began < seconds:
            sent += 1
            body = next(waiting)
            asked = time.perf_counter()
            writer.write(b"POST /retrieve HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: "
                         + str(len(body)).encode() + b"\r\n\r\n" + body)  # fmt: skip
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            answer = await reader.readexactly(length)
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError((head + answer)[:500])
            times.append(time.perf_counter() - asked)
        writer.close()

    await asyncio.gather(*[client() for _ in range(clients)])
    return times, time.perf_counter() - began


def batches(queries: Sequence[str], size: int) -> list[bytes]:
    rows = [queries[start : start + size] for start in range(0, len(queries) - size + 1, size)]
    return [json.dumps({"queries": row, "topk": TOPK, "return_scores": True}).encode() for row in rows]


@contextmanager
def running_ours(home: Path) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    start = "import sys; from pyrag_dsl.cli import pyrag; sys.exit(pyrag(sys.argv[1:]))"
    command = [sys.executable, "-c", start, "serve", "retriever", "--index", str(home), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline().rpartition(":")[2]), process
    finally:
        process.terminate()
        process.wait()


@contextmanager
def running_fastapi(files: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = FASTAPI.format(here=str(Path(__file__).parent), files=files, port=port)
    process = subprocess.Popen([sys.executable, "-c", program], text=True)
    try:
        while True:
            if process.poll() is not None:
                raise SystemExit("the plain server did not start: is fastapi installed?")
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port, process
    finally:
        process.terminate()
        process.wait()


def grow_one(data: Path, count: int) -> None:
    """Build and search an index of made-up passages, in a process of its own: its memory is that of the build."""
    with (data / "wiki.jsonl").open(encoding="utf-8") as file:
        words = Counter(
            word for line in itertools.islice(file, 20_000) for word in json.loads(line)["contents"].split()
        )
    known = np.array(list(words), dtype=object)
    ends = np.cumsum(list(words.values()))
    draw = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as place:
        corpus, home = Path(place) / "c.jsonl", Path(place) / "index"
        with corpus.open("w", encoding="utf-8") as file:
            for start in range(0, count, 10_000):
                shape = (min(10_000, count - start), WORDS + 2)
                drawn = np.searchsorted(ends, draw.integers(ends[-1], size=shape), "right")
                for number, row in enumerate(known[drawn].tolist(), start):
                    # A name of its own in each, since a real corpus has ever new words.
                    text = f'"{row[0]} {row[1]}"\n{" ".join(row[2:])} Name{number // 3}'
                    file.write(json.dumps({"id": str(number), "contents": text}) + "\n")
        began, used = time.perf_counter(), time.process_time()
        index = BM25Index.open(corpus, home)
        took, used = time.perf_counter() - began, time.process_time() - used
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        opened = time.perf_counter()
        BM25Index.load(home).close()
        opened = time.perf_counter() - opened
        queries = questions(data)[:300]
        asked = time.process_time()
        times = sorted(timed(lambda query: index.search(query, TOPK), queries, 5.0))
        asked = 1000 * (time.process_time() - asked) / len(times)
        megabytes = corpus.stat().st_size / 1e6
        print(f"growth: {count:>10,} passages, {megabytes:,.0f} MB: built in {took:,.1f} s ({used:,.1f} s CPU) with "
              f"{peak:,.0f} MB of memory, {index.disk_bytes / 1e6:,.0f} MB on disk, opened in {1000 * opened:.0f} ms; "
              f"search {asked:.2f} ms CPU, p50 {1000 * times[len(times) // 2]:.2f} ms, "
              f"p99 {1000 * times[len(times) * 99 // 100]:.2f} ms", flush=True)  # fmt: skip


def questions(data: Path) -> list[str]:
    """The questions of all data sets, mixed."""
    found = [
        json.loads(line)["question"]
        for path in sorted((data / "questions").glob("*.jsonl"))
        for line in path.read_text("utf-8").split("\n")
        if line
    ]
    random.Random(1).shuffle(found)
    return found[:2_000]


def rss(pid: int) -> float:
    """The memory of a process, in MB; 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return 0.0


def spread(values: list[float], decimals: int = 0) -> str:
    """The median, with the smallest and the largest."""
    return f"{statistics.median(values):,.{decimals}f} ({min(values):,.{decimals}f}-{max(values):,.{decimals}f})"


if __name__ == "__main__":
    main()
