"""What plans buy without any model: gold decompositions as plans, against the same questions asked at once.

    python benchmarks/offline.py [--failures 2wiki] [--plans 3]

Each gold decomposition becomes a plan in Python that retrieves and reads hop by hop. Only the structure is
gold: a later hop is asked with the plan's own answer to the earlier one. BM25 finds the passages, the
embedded reader reads them. The corpus was built around the questions: compare the columns with each
other, and with nothing published.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import shlex
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from reader import exact_match, f1, half_of, reference

import pyrag_dsl as pd
from pyrag_dsl.reader import EmbeddedReader
from pyrag_dsl.retrieval import BM25Index

COMPARED = frozenset({"comparison", "bridge_comparison"})


def literal(text: str) -> str:
    """Text for inside an f-string, where braces are doubled."""
    return text.replace("{", "{{").replace("}", "}}")


def words(text: str) -> set[str]:
    """The lower-case words of a text."""
    return set(re.findall(r"\w+", text.lower()))


def spoken(subject: str, question: str) -> bool:
    """Whether the question itself names the subject, so that a plan may name it too."""
    bare = words(re.sub(r"\(.*?\)", "", subject))
    return bool(bare) and bare <= words(question)


def source_of(subject: str, earlier: Sequence[str], question: str) -> int | None:
    """Which earlier hop's answer a hop is about, or None where it is about something that the question names.

    The gold subject equals an earlier gold object, or is another spelling of it: then it shares words with it
    and the question does not name it.
    """
    same = [i for i, answer in enumerate(earlier) if words(answer) == words(re.sub(r"\(.*?\)", "", subject))]
    if same:
        return same[-1]
    if not earlier or spoken(subject, question):
        return None
    shared = [len(words(answer) & words(subject)) for answer in earlier]
    return shared.index(max(shared)) if max(shared) else None


def two_wiki_hops(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(question, fact) templates per hop from evidence triples; ``{a0}`` is the first hop's answer."""
    hops: list[tuple[str, str]] = []
    earlier: list[str] = []
    for step in row["decomposition"]:
        subject, _, relation = (part.strip() for part in step["question"].partition(">>"))
        origin = source_of(subject, earlier, row["question"])
        name = literal(subject) if origin is None else f"{{a{origin}}}"
        asked = literal(step["question_nl"]).replace(literal(subject), name)
        hops.append((asked, f"The {relation} of {name} is {{a{len(hops)}}}."))
        earlier.append(step["answer"])
    return hops


def musique_hops(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(question, fact) templates per hop; the annotators' ``#1`` becomes ``{a0}``."""
    hops: list[tuple[str, str]] = []
    for step in row["decomposition"]:
        subject, mark, _ = step["question"].partition(" >> ")
        if mark:
            resolved = step["question_resolved"].partition(" >> ")[0]
            asked = literal(step["question_nl"]).replace(literal(resolved), "\0").replace("\0", literal(subject))
        else:
            asked = literal(step["question"])
        asked = re.sub(r"#(\d)", lambda m: f"{{a{int(m[1]) - 1}}}", asked)
        hops.append((asked, ""))
    return hops


def plan_of(row: Mapping[str, Any], hops: Sequence[tuple[str, str]]) -> str:
    """The plan: one retrieve and one answer a hop; comparisons are composed from the stated facts."""
    lines = []
    for place, (asked, _) in enumerate(hops):
        lines.append(f"q{place} = f{asked!r}")
        lines.append(f"a{place} = answer(q{place}, retrieve(q{place}))")
    if row["type"] in COMPARED:
        facts = " ".join(fact for _, fact in hops)
        prompt = f"Given: {facts} Answer the question: {literal(row['question'])}"
        lines.append(f"final_answer = answer(f{prompt!r})")
    else:
        lines.append(f"final_answer = a{len(hops) - 1}")
    return "\n".join(lines) + "\n"


HOPS: dict[str, Callable[[Mapping[str, Any]], list[tuple[str, str]]]] = {
    "2wiki": two_wiki_hops,
    "musique": musique_hops,
}


def main() -> None:
    """Print exact match and F1 of plans and of one-shot questions, by data set, type and half."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shared", help="folder of the reference material")
    parser.add_argument("--topk", type=int, default=5)
    parser.add_argument("--plans", type=int, default=0, help="print this many plans of each data set")
    parser.add_argument("--failures", choices=tuple(HOPS), help="print failures of the development half")
    options = parser.parse_args()
    folder = reference(options.shared)
    reader = EmbeddedReader()
    index = BM25Index.open(Path(folder).parent / "wiki.jsonl")

    def retrieve(query: str, topk: int = options.topk) -> list[str]:
        return [hit.passage.document for hit in index.search(query, topk)]

    read_ms: list[float] = []

    def answer(query: str, docs: Sequence[str] | None = None) -> str:
        began = time.perf_counter()
        found = reader.answer(query, docs)
        if docs:
            read_ms.append(1e3 * (time.perf_counter() - began))
        return found

    scores: dict[tuple[str, str, str], list[tuple[float, float, float, float]]] = defaultdict(list)
    elapsed = []
    for dataset, hops_of in HOPS.items():
        shown = 0
        with (folder / f"{dataset}.jsonl").open(encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        for row in rows:
            if not row["decomposition"]:
                continue
            question, golden, half = row["question"], tuple(row["golden_answers"]), half_of(row["id"])
            plan = plan_of(row, hops_of(row))
            if shown < options.plans:
                print(plan)
                shown += 1
            start = time.perf_counter()
            result = pd.run(plan, tools={"retrieve": retrieve, "answer": answer}, question=question)
            elapsed.append(1e3 * (time.perf_counter() - start))
            planned = str(result.final_answer)
            at_once = reader.answer(question, retrieve(question))
            score = (
                exact_match(planned, golden),
                f1(planned, golden),
                exact_match(at_once, golden),
                f1(at_once, golden),
            )
            for kind in (row["type"] or "untyped", "all"):
                scores[dataset, kind, half].append(score)
                scores[dataset, kind, "both"].append(score)
            if options.failures == dataset and half == "development" and not score[0]:
                print(f"[{row['type']}] {question}\n  gold {golden} planned {planned!r}")
                steps = [f"{c.arguments!r} -> {c.result!r}" for c in result.calls if c.tool == "answer"]
                print(f"  {'; '.join(steps)[:900]}")
    print(f"command: python {shlex.join(sys.argv)}")
    print(f"Python {platform.python_version()}, {platform.machine()}; {len(index)} passages, top {options.topk}")
    print(f"plan: median {statistics.median(elapsed):.1f} ms, sum {sum(elapsed) / 1e3:.1f} s")
    print(f"answer over {options.topk} passages: median {statistics.median(read_ms):.2f} ms")
    print(f"{'set':8} {'type':18} {'half':12} {'n':>4} {'plan EM':>8} {'F1':>6} {'at once EM':>11} {'F1':>6}")
    for (dataset, kind, half), rows_of in sorted(scores.items(), key=lambda pair: (pair[0][0], pair[0][2], pair[0][1])):
        means = [100 * statistics.mean(column) for column in zip(*rows_of, strict=True)]
        plan_em, plan_f1, once_em, once_f1 = means
        print(
            f"{dataset:8} {kind:18} {half:12} {len(rows_of):4} "
            f"{plan_em:8.1f} {plan_f1:6.1f} {once_em:11.1f} {once_f1:6.1f}"
        )


if __name__ == "__main__":
    main()
