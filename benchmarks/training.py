"""What a small model learns from plans: the share of its replies that are plans, before and after fine-tuning.

    python benchmarks/training.py MODEL [--steps 60] [--questions 40] [--grpo 3]

MODEL is a folder in the format of transformers; SmolLM2-135M-Instruct was used for the figures in docs/training.md.
Plans are built mechanically from gold decompositions (`offline.py`): for fine-tuning from rows of 2WikiMultihopQA's
*train* split, and asked for on questions of its *dev* split. The student is told the task in two sentences, not in
the long prompt of the planner. GRPO then goes on from the fine-tuned model, paid by the reward of plans over BM25 and
the embedded reader. A GPU is used if there is one.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import shlex
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from offline import plan_of, two_wiki_hops
from reader import reference

import pyrag_dsl
from pyrag_dsl.grammar.extract import extract_code
from pyrag_dsl.grammar.fix import look
from pyrag_dsl.grammar.language import DEFAULT_SIGNATURES
from pyrag_dsl.training import Referee, trl_reward
from pyrag_dsl.training.settings import referee_of
from pyrag_dsl.training.steps import fine_tune, is_plan, reinforce, replies, vets

SYSTEM = (
    "You write a short Python program that finds the answer to a question. It calls retrieve(query), which returns "
    "passages, and answer(query, docs), which returns a short text, and ends by setting final_answer."
)


def prompt_of(question: str) -> list[dict[str, str]]:
    """What the student is asked."""
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": f"Question: {question}"}]


def chat_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of fine-tuning: the question, and the plan of its gold decomposition."""
    plan = f"```python\n{plan_of(row, two_wiki_hops(row))}```"
    return {"messages": [*prompt_of(row["question"]), {"role": "assistant", "content": plan}]}


def looked_at(model: str, rows: Sequence[Mapping[str, Any]], tokens: int, referee: Referee) -> dict[str, Any]:
    """How many replies are plans, why the others are not, and what the plans score."""
    began = time.perf_counter()
    said = replies(model, [prompt_of(row["question"]) for row in rows], tokens=tokens)
    seconds = time.perf_counter() - began
    refused: Counter[str] = Counter()
    for each in said:
        program, found = look(extract_code(each), DEFAULT_SIGNATURES, inputs={"question"})
        if program is None:
            refused[next(one.code for one in found if one.severity == "error")] += 1
    reward = trl_reward("plan", referee=referee)
    questions, golden = [row["question"] for row in rows], [row["golden_answers"] for row in rows]
    scores = reward(questions, said, question=questions, ground_truth=golden)
    return {
        "vet": sum(map(is_plan, said)),
        "of": len(said),
        "refused": dict(refused.most_common(4)),
        "reward": round(sum(scores) / len(scores), 3),
        "seconds": round(seconds, 1),
        "example": said[0],
    }


def main() -> None:
    """Look, fine-tune, look again, take steps of GRPO."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--shared", help="folder of the reference material")
    parser.add_argument("--steps", type=int, default=60, help="of fine-tuning")
    parser.add_argument("--questions", type=int, default=40, help="of the dev split, to look at")
    parser.add_argument("--batch", type=int, default=4, help="rows in a step of fine-tuning")
    parser.add_argument("--tokens", type=int, default=200, help="of a reply at most")
    parser.add_argument("--grpo", type=int, default=3, help="steps of GRPO")
    parser.add_argument("--out", type=Path, help="where the models are kept")
    options = parser.parse_args()
    folder = reference(options.shared)
    with (folder / "2wiki.jsonl").open(encoding="utf-8") as lines:
        rows = [row for line in lines if (row := json.loads(line))["decomposition"]]
    train = [row for row in rows if row["split"] == "train"]
    dev = random.Random(0).sample([row for row in rows if row["split"] == "dev"], options.questions)
    assert not {row["question"] for row in train} & {row["question"] for row in dev}
    print(f"command: python {shlex.join(sys.argv)}")
    print(f"Python {platform.python_version()}, {platform.machine()}, pyrag_dsl {pyrag_dsl.__version__}")
    with TemporaryDirectory() as place:
        out = options.out or Path(place)
        out.mkdir(parents=True, exist_ok=True)
        referee = referee_of({"corpus": str(Path(folder).parent / "wiki.jsonl"), "index": str(out / "index")})
        chats = out / "plans.jsonl"
        chats.write_text("".join(json.dumps(chat_of(row)) + "\n" for row in train), encoding="utf-8")
        shown("before", looked_at(options.model, dev, options.tokens, referee))
        tuned = out / "tuned"
        report = fine_tune(options.model, chats, tuned, steps=options.steps, batch=options.batch, lr=1e-3, length=512)
        print(f"fine-tuned on {len(train)} plans: {report}", flush=True)
        shown("after", looked_at(str(tuned), dev, options.tokens, referee))
        if options.grpo:
            prompts = [
                {"prompt": prompt_of(row["question"]), "question": row["question"],
                 "ground_truth": row["golden_answers"]} for row in train
            ]  # fmt: skip
            report = reinforce(
                str(tuned), prompts, out / "grpo", [trl_reward("plan", referee=referee), vets],
                steps=options.grpo, tokens=options.tokens, lr=1e-5,
            )  # fmt: skip
            print(f"GRPO: {report}", flush=True)


def shown(when: str, found: dict[str, Any]) -> None:
    """Print what was looked at."""
    example = found.pop("example")
    print(f"{when}: {found}\n--- the first reply\n{example}\n---", flush=True)


if __name__ == "__main__":
    main()
