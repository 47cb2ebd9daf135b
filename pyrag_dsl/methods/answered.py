"""The outcome of a question, which is derived from its trace."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..agents.drafts import INPUTS
from ..agents.metering import Spent
from ..agents.roles import no_answer
from ..grammar.diagnostics import Diagnostic
from ..grammar.fix import look
from ..models.reply import Usage
from ..runtime.api import run as run_plan
from ..runtime.calls import CallRecord
from ..runtime.events import CallFailed, DiagnosticFound, NodeRerun
from ..runtime.notebook import run_html
from ..runtime.result import Result
from ..runtime.trace import Trace, read_header
from .record import QuestionRecord, execution_log

_ROLES = {"write_plan": "plan", "mend_plan": "repair"}


@dataclass(frozen=True, slots=True)
class Attempt:
    """A written plan that was run.

    Attributes:
        by: the origin of the plan: "plan", "fix" (safe fixes), "repair" (a model), "new plan" or "rerun".
        source: the text of the plan.
        diagnostics: the reasons of a failure; empty if the plan ended well.
        trace: the trace of the run; None if the plan was rejected before any call.
        ok: whether the plan gave an answer.
        node: the node of the call of `run_plan`.
    """

    by: str
    source: str
    diagnostics: tuple[Diagnostic, ...]
    trace: Trace | None
    ok: bool
    node: str


class Answered:
    """A question, with its answer if there is one.

    Attributes:
        trace: the trace of the method's run.
        folder: the folder with the files of the question; None without an output folder.
    """

    def __init__(self, trace: Trace, folder: Path | None = None, result: Result | None = None) -> None:
        self.trace = trace
        self.folder = folder
        self._own = result  # the result of the method itself, if it has just been run

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Answered:
        """Read the file of a trace. Raises `TraceError`."""
        return cls(Trace.load(path))

    def _repr_html_(self) -> str:
        return run_html(self.trace)

    @property
    def question(self) -> str:
        """The question as it was asked."""
        return self.trace.header.question

    @property
    def status(self) -> str:
        """The status of the method's run; "" if it has not ended."""
        return "" if self.trace.finished is None else self.trace.finished.status

    @property
    def final_answer(self) -> Any:
        """The value of the method; None if there is none."""
        return None if self.trace.finished is None else self.trace.finished.final_answer

    @property
    def elapsed(self) -> float:
        """The wall-clock time of the question, in seconds."""
        return 0.0 if self.trace.finished is None else self.trace.finished.elapsed

    @cached_property
    def calls(self) -> tuple[CallRecord, ...]:
        """The calls of the method itself, without those of written plans."""
        return tuple(call for call in self.trace.calls if "/" not in call.node and not call.speculative)

    @cached_property
    def by_role(self) -> Mapping[str, Spent]:
        """The spending of each role. Every reply counts, whether or not it was used."""
        found: dict[str, Spent] = {}
        failed = [(event.tool, event.usage) for event in self.trace.events if isinstance(event, CallFailed)]
        for tool, usage in [*((call.tool, call.usage) for call in self.trace.calls), *failed]:
            if "requests" in usage and "reused" not in usage:
                role = _text(usage.get("role")) or _ROLES.get(tool, tool)
                found[role] = found.get(role, Spent()) + _spent(usage)
        return found

    @property
    def spent(self) -> Spent:
        """The spending of the whole question."""
        return sum(self.by_role.values(), Spent())

    @cached_property
    def queries(self) -> tuple[str, ...]:
        """The sub-queries of the question; empty if it was not split."""
        split = next((call.result for call in self.calls if call.tool == "decompose" and call.ended), ())
        return tuple(map(_text, split)) if isinstance(split, list) else ()

    @cached_property
    def attempts(self) -> tuple[Attempt, ...]:
        """The written plans that were run, in order."""
        found: list[Attempt] = []
        before: CallRecord | None = None
        written = 0
        for call in self.calls:
            if call.tool == "write_plan":
                written += 1
            elif call.tool == "run_plan":
                by = "fix" if before is not None and before.tool == "run_plan" else "repair"
                if call.arguments.get("boost"):
                    by = "rerun"
                elif before is not None and before.tool == "write_plan":
                    by = "plan" if written == 1 else "new plan"
                found.append(self._attempt(by, call))
            before = call
        return tuple(found)

    def _attempt(self, by: str, call: CallRecord) -> Attempt:
        source = _text(call.arguments.get("source"))
        try:
            trace = self.trace.within(call.node)
        except ValueError:
            trace = None
        ok = isinstance(call.result, Mapping) and bool(call.result.get("ok"))
        if trace is None and not ok:
            _, found = look(source, read_header(self.trace.header).signatures, inputs=INPUTS)
        else:
            found = () if trace is None or ok else tuple(event.diagnostic for event in trace.of(DiagnosticFound))
        decisive = tuple(sorted(found, key=lambda each: each.severity != "error"))
        if trace is not None and not ok and trace.finished is not None and trace.finished.status == "done":
            decisive = (no_answer(None, trace.finished.final_answer), *decisive)
        return Attempt(by, source, decisive, trace, ok, call.node)

    @property
    def run(self) -> Attempt | None:
        """The last written plan that gave an answer, or else the last written plan."""
        good = [each for each in self.attempts if each.ok]
        return next(reversed(good or self.attempts), None)

    @property
    def source(self) -> str:
        """The text of the plan in `run`, or else of the last draft, or the plan of the method if none was written."""
        if self.run is not None:
            return self.run.source
        written = [call.result for call in self.calls if call.tool in _ROLES and isinstance(call.result, Mapping)]
        return _text(written[-1].get("source")) if written else self.trace.source

    @cached_property
    def result(self) -> Result | None:
        """The result of the plan in `run`, which is interpreted again from its trace; None if it did not end well."""
        trace = self.trace if self.run is None else self.run.trace
        if self.run is None and self._own is not None:
            return self._own
        if trace is None or trace.finished is None or trace.finished.status != "done":
            return None
        return run_plan(trace.source, journal=trace, replay=True)

    @cached_property
    def record(self) -> QuestionRecord:
        """The question in the format of PyRAG."""
        run = self.run
        return QuestionRecord(
            original_query=self.question,
            sub_queries=self.queries,
            generated_code=self.source,
            execution_log=execution_log(run.trace if run is not None else None),
            variables={} if self.result is None else self.result.variables,
            final_answer=self.final_answer,
            retried_with_topk10=self.boosted,
        )

    @property
    def boosted(self) -> bool:
        """Whether a search was repeated for more passages."""
        again = any(isinstance(event, NodeRerun) for event in self.trace.events)
        return again or any(each.by == "rerun" for each in self.attempts)


def _spent(usage: Mapping[str, Any]) -> Spent:
    counted = "tokens" in usage and not usage.get("uncounted")
    tokens = Usage(_whole(usage, "prompt_tokens"), _whole(usage, "completion_tokens"), 0, counted)
    cost = usage.get("cost")
    named = usage.get("models")
    models = frozenset(each for each in named if isinstance(each, str)) if isinstance(named, list) else frozenset()
    requests, failed = _whole(usage, "requests"), _whole(usage, "failed")
    return Spent(tokens, None if cost is None else float(cost), requests, failed, models)


def _text(value: Any) -> str:
    """A value if it is a text, else ""."""
    return value if isinstance(value, str) else ""


def _whole(usage: Mapping[str, Any], name: str) -> int:
    """A count in a usage; 0 if it is not a whole number."""
    value = usage.get(name)
    return value if type(value) is int and value >= 0 else 0
