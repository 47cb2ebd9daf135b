"""What PyRAG prints while it works, line by line. Nothing that a stranger wrote can look like one of these lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..quoting import one_line, visible

_SHOWN = 80  # characters of a passage


class Console:
    """Writes the progress of one question.

    write: takes one line, without its end; ``print`` will do. None writes nothing.
    """

    def __init__(self, write: Callable[[str], object] | None) -> None:
        self._write = write

    def _say(self, *lines: str) -> None:
        if self._write is not None:
            for line in lines:
                self._write(line)

    def sub_queries(self, queries: Sequence[str], fallback: str = "") -> None:
        """The question has been split, or was left whole for this reason."""
        self._say("=== Sub-queries ===", *[f"  {i}. {one_line(q)}" for i, q in enumerate(queries, 1)])
        if fallback:
            self._say(f"  (not split: {one_line(fallback)})")

    def doing(self, what: str) -> None:
        """Something is begun that may take long."""
        self._say(f"[Wait] {what}")

    def note(self, what: str) -> None:
        """Something that the user should know."""
        self._say(f"[Note] {one_line(what)}")

    def code(self, source: str, title: str = "Generated Code") -> None:
        """There is a plan."""
        self._say(f"=== {title} ===", *[f"  {line}".rstrip() for line in visible(source).rstrip("\n").split("\n")])

    def fix_round(self, number: int, rounds: int, problem: str) -> None:
        """The plan has failed, and the model is asked to mend it."""
        self._say(f"[Fix round {number}/{rounds}] {one_line(problem)}")

    def retry(self, what: str) -> None:
        """Something is done again."""
        self._say(f"[Retry] {one_line(what)}")

    def steps(self, log: Sequence[Mapping[str, Any]]) -> None:
        """The calls of the run that counts."""
        self._say("=== Execution Trace ===")
        for entry in log:
            number, kind = entry["step"], entry["type"]
            if kind == "retrieve":
                self._say(f"[Step {number}] retrieve({one_line(repr(entry['query']))}, topk={entry['topk']!r})")
                for place, doc in enumerate(entry["docs"] or (), 1):
                    text = one_line(str(doc))
                    self._say(f"    doc{place}: {text[:_SHOWN]}{'...' if len(text) > _SHOWN else ''}")
            elif kind == "answer":
                self._say(f"[Step {number}] answer({one_line(repr(entry['query']))})")
                self._say(f"    raw: {one_line(str(entry['answer_raw']))}")
                self._say(f"    → {one_line(str(entry['answer_returned']))}")
            else:
                given = ", ".join(f"{name}={value!r}" for name, value in entry["arguments"].items())
                self._say(f"[Step {number}] {kind}({one_line(given)})", f"    → {one_line(str(entry['returned']))}")

    def final(self, answer: Any) -> None:
        """The end."""
        self._say("=== Final Answer ===", one_line(str(answer)))
