"""A small world for rewards: a retriever that knows two things, and an answerer that copies."""

from __future__ import annotations

import threading
from typing import Any

QUESTION = "What is the capital of the country where Ann lives?"
GOLDEN = ("Oslo",)
PASSAGES = ["Ann\nAnn lives in Norway.", "Norway\nThe capital of Norway is Oslo.", "Bea\nBea was born in 1973."]

GOOD = f"""\
home = answer("Where does Ann live?", retrieve("Ann lives"))
capital = answer(f"What is the capital of {{home}}?", retrieve(f"capital of {{home}}"))
final_answer = answer(f"Given: Ann lives in {{home}}, whose capital is {{capital}}. Answer the question: {QUESTION}")
"""


class World:
    """Tools that count their calls. `found`: what every search finds instead of what is there."""

    def __init__(self, found: Any = None) -> None:
        self.found = found
        self.calls: list[tuple[str, str]] = []
        self.lock = threading.Lock()

    def retrieve(self, query: str, topk: int = 5) -> list[str]:
        self.note("retrieve", query)
        if self.found is not None:
            return self.found  # type: ignore[no-any-return]
        words = set(query.replace("?", "").split())
        return [each for each in PASSAGES if words & set(each.split("\n")[0].split())][:topk]

    def answer(self, query: str, docs: list[str] | None = None) -> str:
        self.note("answer", query)
        text = " ".join(docs or []) + query
        if "capital" in query and "Oslo" in text:
            return "Oslo"
        return "Norway" if "live" in query and "Norway" in text else "unknown"

    def note(self, tool: str, query: str) -> None:
        with self.lock:
            self.calls.append((tool, query))

    @property
    def tools(self) -> dict[str, Any]:
        return {"retrieve": self.retrieve, "answer": self.answer}
