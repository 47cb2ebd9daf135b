"""Replies that models really got wrong: each ends in an answer, and no call is made twice on the way."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyrag_dsl.interpreter.limits import Limits
from pyrag_dsl.methods.pyrag import PyRAG
from pyrag_dsl.models.reply import Reply
from pyrag_dsl.testing.stubs import StubTools

from ..replies import reply_of


class Author:
    """A model that first writes the flawed reply and then, whatever it is told, the mended program."""

    def __init__(self, flawed: str, fixed: str) -> None:
        self.flawed, self.fixed = flawed, fixed
        self.mended = 0

    async def acomplete(self, messages: Sequence[dict[str, str]], **_: Any) -> Reply:
        first = messages[0]["content"].startswith("You write") and "could not be used" not in messages[-1]["content"]
        self.mended += not first
        text = self.flawed if first else f"```python\n{self.fixed}```"
        return reply_of(text)


def test_every_flawed_reply_ends_in_an_answer(shared: Path) -> None:
    cases = sorted((shared / "plans" / "flawed").glob("*.json"))
    assert cases
    without_model = repaired_in_run = calls = repeated = 0
    for case in cases:
        told = json.loads(case.read_text(encoding="utf-8"))
        made: Counter[str] = Counter()
        stub = StubTools(seed=3)

        def retrieve(query: str, topk: int = 5, made: Counter[str] = made, stub: StubTools = stub) -> list[str]:
            made[f"retrieve {query!r} {topk}"] += 1
            found: list[str] = stub("retrieve", {"query": query, "topk": topk})
            return found

        def answer(query: str, docs: list[str] | None = None, made: Counter[str] = made, stub: StubTools = stub) -> str:
            made[f"answer {query!r} {docs!r}"] += 1
            said: str = stub("answer", {"query": query, "docs": docs})
            return said or "unknown"

        author = Author(case.with_suffix(".txt").read_text(encoding="utf-8"), told["fixed"])
        pyrag = PyRAG(
            retrieve, author, decompose=False, adaptive=None, tools={"answer": answer}, limits=Limits(tool_calls=60)
        )
        answered = pyrag.run(told["question"])
        assert answered.final_answer is not None, case.name
        without_model += author.mended == 0
        repaired_in_run += len(answered.attempts) > 1
        calls += sum(made.values())
        # A plan that asks the same twice (an endless loop does) may: what a repair may not do is ask it again.
        first = answered.attempts[0].trace
        assert first is not None
        own = Counter(json.dumps([entry.tool, dict(entry.arguments)]) for entry in first.journal())
        last = answered.result
        assert last is not None
        again = [call for call in last.calls if not call.cached and last is not None and len(answered.attempts) > 1]
        repeated += sum(own[json.dumps([call.tool, dict(call.arguments)])] > 0 for call in again)
    print(
        f"{len(cases)} flawed replies end in an answer: {without_model} with no word from the model, "
        f"{repaired_in_run} after a repair of a run; {calls} calls, {repeated} of them repeated by a repair"
    )
    assert repeated == 0
    assert 2 * without_model >= len(cases)
