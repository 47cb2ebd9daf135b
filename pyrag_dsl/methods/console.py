"""The lines that PyRAG prints during a question. Untrusted text cannot look like one of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..agents.writing import WRITES_PLANS
from ..quoting import one_line, visible
from ..runtime.events import CallFinished, CallStarted, Event, NodeRerun
from ..runtime.hooks import Hook

_SHOWN = 80  # characters of a passage


class Console:
    """Writes the progress of one question.

    Args:
        write: takes one line without its line end, as `print` does; None to write nothing.
    """

    def __init__(self, write: Callable[[str], object] | None) -> None:
        self._write = write

    def _say(self, *lines: str) -> None:
        if self._write is not None:
            for line in lines:
                self._write(line)

    def sub_queries(self, queries: Sequence[str], fallback: str = "") -> None:
        """Show the sub-queries, or the reason why the question was not split."""
        self._say("=== Sub-queries ===", *[f"  {i}. {one_line(q)}" for i, q in enumerate(queries, 1)])
        if fallback:
            self._say(f"  (not split: {one_line(fallback)})")

    def doing(self, what: str) -> None:
        """Show that a long operation begins."""
        self._say(f"[Wait] {what}")

    def note(self, what: str) -> None:
        """Show a note for the user."""
        self._say(f"[Note] {one_line(what)}")

    def code(self, source: str, title: str = "Generated Code") -> None:
        """Show a plan."""
        self._say(f"=== {title} ===", *[f"  {line}".rstrip() for line in visible(source).rstrip("\n").split("\n")])

    def fix_round(self, number: int, rounds: int, problem: str) -> None:
        """Show that the plan has failed, and that a model is asked for a repair."""
        self._say(f"[Fix round {number}/{rounds}] {one_line(problem)}")

    def retry(self, what: str) -> None:
        """Show that something is repeated."""
        self._say(f"[Retry] {one_line(what)}")

    def steps(self, log: Sequence[Mapping[str, Any]]) -> None:
        """Show the calls of the run."""
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
        """Show the final answer."""
        self._say("=== Final Answer ===", one_line(str(answer)))


class Narrator(Hook):
    """Shows on a console what happens in a method that writes plans."""

    def __init__(self, console: Console, repairs: int) -> None:
        self.console = console
        self.repairs = repairs
        self.rounds = 0
        self.writing = 0

    def on_event(self, event: Event) -> None:
        """Show each call that begins, and its result."""
        if isinstance(event, CallStarted):
            self.begun(event.tool, event.arguments)
        elif isinstance(event, CallFinished) and not event.within:
            self.done(event.tool, event.result, event.usage)
        elif isinstance(event, NodeRerun):
            changes = ", ".join(f"{name}={value!r}" for name, value in event.overrides.items())
            self.console.retry(f"{event.alias.rpartition('/')[2]} with {changes}")

    def begun(self, tool: str, arguments: Mapping[str, Any]) -> None:
        """Show a call that has begun."""
        if tool == "decompose":
            self.console.doing("a model splits the question")
        elif tool == "write_plan":
            self.writing += 1
            if self.writing > 1:
                self.console.retry("no repair helped: a new plan is written")
            self.console.doing("a model writes the plan")
        elif tool == "mend_plan":
            self.rounds += 1
            problem = str(next(iter(arguments["problems"]), ""))
            self.console.fix_round(self.rounds, self.repairs, re.sub(r"^1\. ", "", problem))
            self.console.doing("a model writes the repair")
        elif tool == "run_plan" and arguments.get("boost"):
            names = ", ".join(map(str, arguments["boost"]))
            self.console.retry(f"an answer is a sentinel: the plan is run again, with more passages for {names}")

    def done(self, tool: str, result: Any, usage: Mapping[str, Any]) -> None:
        """Show a call that has returned."""
        if tool == "decompose":
            self.console.sub_queries(result, str(usage.get("note", "")))
        elif tool in WRITES_PLANS:
            for each in usage.get("fixes", ()):
                self.console.note(f"fixed: {each}")
            if "constrain" in str(usage.get("note", "")):
                self.console.note(str(usage["note"]))
            if result["ok"]:
                title = "Generated Code" if tool == "write_plan" else "Fixed Code"
                self.console.code(result["source"], title)
        elif tool == "run_plan" and result["fixed"]:
            self.console.code(result["fixed"], "Fixed Code")
