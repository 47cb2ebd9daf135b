"""What structure and retrieval contribute: plans of gold decompositions, and an oracle that needs the evidence.

    python benchmarks/oracle.py [--topk 3 5 10] [--shared DIRECTORY] [--limit N]

Each gold decomposition becomes a plan (as in `offline.py`) that retrieves and asks hop by hop. The oracle knows the
gold answer of every hop, and says it only where its evidence is among the passages that it is given: the gold
passage, or another of the same article in which the answer stands. Else it says that it does not know, and the hops
behind it go astray. So no reader and no model is measured, only what is asked and what is found. The plans are run by
the method `pyrag` itself: without adaptive retrieval, with the rule of PyRAG's code (one re-run of everything, ten
passages where a sentinel was), and with ours (the ladder 5, 10, 20; only what depends on it is asked again). `at
once` is one search with the whole question; `gold sub-questions` searches for every hop with the gold answers of the
others in it, so that nothing goes astray. Evidence is found when a passage of each gold article is. BM25; the corpus
was built around the questions, so that figures on it are compared with each other and with nothing published.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import re
import shlex
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from offline import HOPS, plan_of, words
from reader import reference

from pyrag_dsl.agents.adaptive import AdaptiveRetrieval
from pyrag_dsl.agents.retrieving import retrieve_tool
from pyrag_dsl.agents.roles import run_plan_tool
from pyrag_dsl.evaluation import exact_match, normalised
from pyrag_dsl.methods import Answered, Host, load_recipe
from pyrag_dsl.methods.ask import answer
from pyrag_dsl.retrieval import BM25Index
from pyrag_dsl.runtime.tools import Tool, tool

UNKNOWN = "unknown"
RULES = {"plan": "none", "plan, PyRAG's rule": "rerun", "plan, selective": "selective"}


Documents = Callable[[Sequence[str]], bool]


@dataclass(frozen=True)
class Oracle:
    """Knows a question's gold answers.

    Attributes:
        hops: for each sub-question as the plan asks it, its answer, and whether documents hold the evidence for it.
        final: what a plan asks at its end from nothing but facts, and its answer.
        known: the facts that have to stand in it.
    """

    hops: Mapping[str, tuple[str, Documents]]
    final: str
    known: Sequence[str]

    def answer(self, query: str, docs: list[str] | None = None) -> str:
        """The gold answer, where the evidence for it is there."""
        if docs is None:
            return self.final if all(each in query for each in self.known) else UNKNOWN
        said, evident = self.hops.get(query, (UNKNOWN, bool))
        return said if evident(docs) else UNKNOWN


def title_of(document: str) -> str:
    """The first line."""
    return document.partition("\n")[0].strip().casefold()


def bare(title: str) -> set[str]:
    """The words of a title, without what stands in parentheses."""
    return words(re.sub(r"\(.*?\)", "", title))


def oracle_of(row: Mapping[str, Any], hops: Sequence[tuple[str, str]], documents: Mapping[str, str]) -> Oracle:
    """The oracle of a question. A hop's evidence is the passage about its subject; else those with its answer in them.

    MuSiQue's evidence is in the order of its hops; 2wiki's has the subject as its title.
    """
    support = [(each["title"], documents[each["id"]]) for each in row["supporting"]]
    ordered = len(support) == len(hops) and row["id"].startswith("musique")
    golden = [step["answer"] for step in row["decomposition"]]
    known: dict[str, tuple[str, Documents]] = {}
    for place, (step, (asked, _)) in enumerate(zip(row["decomposition"], hops, strict=True)):
        subject = bare(step["question"].partition(">>")[0])
        evidence = {support[place][1]} if ordered else set()
        evidence = evidence or {text for title, text in support if bare(title) == subject}
        evidence = evidence or {text for _, text in support if normalised(step["answer"]) in normalised(text)}
        evidence = evidence or {text for _, text in support}
        query = asked.format(**{f"a{number}": said for number, said in enumerate(golden)})
        known[query] = (step["answer"], partial(holds, evidence, step["answer"]))
    return Oracle(known, row["golden_answers"][0], golden)


def holds(evidence: Collection[str], said: str, docs: Sequence[str]) -> bool:
    """Whether these documents hold the evidence: one of it, or another of the same article with the answer in it."""
    titles = {title_of(each) for each in evidence}
    wanted = normalised(said)
    return any(doc in evidence or (title_of(doc) in titles and wanted in normalised(doc)) for doc in docs)


async def planned(row: Mapping[str, Any], plan: str, oracle: Oracle, retrieve: Tool, rule: str) -> Answered:
    """A question by `pyrag`, whose plan is there already."""

    def write_plan(question: str, queries: list[str], failed: str = "", problems: list[str] = []) -> dict[str, Any]:  # noqa: ARG001, B006
        return {"ok": True, "source": plan, "problems": []}

    tools = {"retrieve": retrieve, "answer": tool(oracle.answer, "answer", idempotent=True)}
    adaptive = AdaptiveRetrieval() if rule == "selective" else None
    host = Host(
        models=None,
        tools={
            "write_plan": tool(write_plan),
            "run_plan": run_plan_tool(tools, adaptive),
            "decompose": tool(lambda question: [question], "decompose"),
            "mend_plan": tool(lambda question, source, problems: {}, "mend_plan"),  # noqa: ARG005
        },
    )
    return await answer(
        load_recipe("pyrag"), row["question"], host, inputs={"split": False, "repairs": 0, "adaptive": rule}
    )


def main() -> None:
    """Print a table: the share of questions whose evidence was found, those answered, and calls, by method and k."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shared", help="folder of the reference material")
    parser.add_argument("--topk", type=int, nargs="+", default=[3, 5, 10])
    parser.add_argument("--limit", type=int, help="of each data set, the first so many questions")
    options = parser.parse_args()
    folder = reference(options.shared)
    began = time.process_time()
    with BM25Index.open(Path(folder).parent / "wiki.jsonl") as index:
        print(f"command: python {shlex.join(sys.argv)}")
        print(f"Python {platform.python_version()}, {platform.machine()}; {len(index)} passages, BM25\n")
        print("| set | questions | k | method | all evidence found | answered | searches | answers |")
        print("|---|---|---|---|---|---|---|---|")
        for dataset in HOPS:
            lines = (folder / f"{dataset}.jsonl").read_text(encoding="utf-8").splitlines()
            rows = [row for row in map(json.loads, lines) if row["decomposition"]][: options.limit]
            for topk in options.topk:
                table(index, dataset, rows, topk)
    print(f"\n{time.process_time() - began:.0f} s of CPU")


def table(index: BM25Index, dataset: str, rows: Sequence[Mapping[str, Any]], topk: int) -> None:
    """The lines of one data set and one k."""

    def line(name: str, values: Sequence[Sequence[float]]) -> None:
        found, right, searches, answers = (sum(column) / len(rows) for column in zip(*values, strict=True))
        cells = f"{found:.3f} | {right:.3f} | {searches:.2f} | {answers:.2f}"
        print(f"| {dataset} | {len(rows)} | {topk} | {name} | {cells} |", flush=True)

    once = [all_found(row, [hit.passage.document for hit in index.search(row["question"], topk)]) for row in rows]
    line("at once", [(found, found, 1, 1) for found in once])
    line("gold sub-questions", [searched(index, dataset, row, topk) for row in rows])
    for name, rule in RULES.items():
        values = []
        for row in rows:
            hops = HOPS[dataset](row)
            oracle = oracle_of(row, hops, evidence_of(index, row))
            answered = asyncio.run(planned(row, plan_of(row, hops), oracle, retrieve_tool(index, topk), rule))
            calls = [call for call in answered.trace.calls if "reused" not in call.usage]
            made = [call.tool for call in calls]
            seen = [doc for call in calls if call.tool == "retrieve" for doc in call.result]
            right = exact_match(answered.final_answer, row["golden_answers"])
            values.append((all_found(row, seen), right, made.count("retrieve"), made.count("answer")))
        line(name, values)


def evidence_of(index: BM25Index, row: Mapping[str, Any]) -> dict[str, str]:
    """The documents of a question's evidence, by id."""
    ids = [each["id"] for each in row["supporting"]]
    return {name: passage.document for name, passage in zip(ids, index.passages(ids), strict=True) if passage}


def searched(index: BM25Index, dataset: str, row: Mapping[str, Any], topk: int) -> tuple[float, float, float, float]:
    """Every gold sub-question searched with the gold answers in it, whether or not an earlier hop was found."""
    asked = oracle_of(row, HOPS[dataset](row), evidence_of(index, row)).hops
    found = all_found(row, [hit.passage.document for query in asked for hit in index.search(query, topk)])
    return found, found, len(asked), len(asked)


def all_found(row: Mapping[str, Any], documents: Sequence[str]) -> bool:
    """Whether a passage of every article that is evidence is among these."""
    return {each["title"].strip().casefold() for each in row["supporting"]} <= set(map(title_of, documents))


if __name__ == "__main__":
    main()
