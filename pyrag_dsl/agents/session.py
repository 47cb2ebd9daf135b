"""One question on its way through PyRAG: what has been asked, what was tried, what it has cost.

The runs of a session share one list of recorded calls. A later run takes from it, by content, whatever it asks again;
what adaptive retrieval decided in an earlier run is decided anew where the same call stands.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ..grammar.diagnostics import Diagnostic, LimitExceeded, PlanError, PlanFailed, ToolFailed
from ..grammar.edits import apply_edits
from ..grammar.fix import fix
from ..grammar.language import Signature
from ..grammar.program import Program
from ..interpreter.interpret import interpret
from ..interpreter.journal import Entry, Journal, Override
from ..interpreter.limits import Limits
from ..models.errors import ModelError
from ..quoting import one_line
from ..runtime.api import arun
from ..runtime.events import CallFinished, Event, NodeRerun, RepairApplied
from ..runtime.hooks import Hook
from ..runtime.result import Result
from ..runtime.tools import Tool
from ..runtime.trace import Trace
from .adaptive import AdaptiveRetrieval
from .answerer import Completes
from .console import Console
from .decomposer import Decomposer, Decomposition
from .drafts import INPUTS, Draft, Drafted, DraftsRejected
from .metering import Meter, Metered, Spent
from .planner import Planner
from .record import QuestionRecord, execution_log, make_folder, write_folder
from .repairer import Repairer
from .sentinels import is_sentinel

RERUN_TOPK = 10
"""Passages that the published code asks for the second time."""

# The time or the money is gone: no plan can change that.
_FINAL = frozenset({"PLAN402", "PLAN413"})


@dataclass(frozen=True, slots=True)
class Settings:
    """How a ``PyRAG`` works; its parameters say what each means."""

    tools: Mapping[str, Tool]
    answer: Callable[[Metered], Tool]
    constrained: str | None
    model: Completes
    plan_model: Completes
    decompose_model: Completes
    repair_model: Completes
    decompose: bool
    adaptive: str | None
    repairs: int
    output_dir: str | None
    limits: Limits
    hooks: tuple[Hook, ...]
    progress: Callable[[str], object] | None
    run_options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One program that was run, or could not be.

    by: "plan", "fix" (safe fixes), "repair" (the model), "new plan", "rerun". source: its text. diagnostics: why it
    failed; empty if it ended well. trace: of its run; None if it was rejected. drafts: replies that led to it.
    """

    by: str
    source: str
    diagnostics: tuple[Diagnostic, ...] = ()
    trace: Trace | None = None
    drafts: tuple[Draft, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """A question and its answer, and how it came about.

    question: as asked. final_answer: the plan's value; None if there is none. queries: its sub-queries.
    decomposition: how they came about; None if the question was not to be split. source: the plan that ran last.
    result: its run; None if it failed. trace: its trace, repairs included; None if nothing ran. record: PyRAG's own.
    attempts: every program, in order. spent: all models together; by_role: each role. elapsed: seconds.
    folder: where the files are; None without an output folder.
    """

    question: str
    final_answer: Any
    queries: tuple[str, ...]
    decomposition: Decomposition | None
    source: str
    result: Result | None
    trace: Trace | None
    record: QuestionRecord
    attempts: tuple[Attempt, ...]
    spent: Spent
    by_role: Mapping[str, Spent]
    elapsed: float
    folder: Path | None


@dataclass(frozen=True, slots=True)
class Boost:
    """A call that was made again: what it was as the plan wrote it, and what was changed."""

    tool: str
    arguments: Mapping[str, Any]
    changes: Mapping[str, Any]


class Recorder(Hook):
    """Keeps every call that one run makes, those too whose results are replaced later; and what was boosted.

    entries, boosts: where they are kept, for the runs to come. journal: of this run. carried: boosts of earlier runs,
    by the nodes of this one. console: told of what is asked again.
    """

    def __init__(
        self,
        entries: list[Entry],
        boosts: list[Boost],
        journal: Journal,
        carried: Mapping[str, Boost],
        console: Console,
    ) -> None:
        self.entries = entries
        self.boosts = boosts
        self.console = console
        self.journal = journal
        self.own = dict(carried)
        self.latest: dict[str, Entry] = {}
        self.reruns = 0

    def on_event(self, event: Event) -> None:
        """Take note of results and of calls made again."""
        if isinstance(event, CallFinished) and not event.cached:
            entry = Entry(event.node, event.tool, event.arguments, event.result, event.elapsed, event.usage)
            before = self.latest.get(event.node)
            if before is not None and before.arguments == entry.arguments:
                # A hook has put another result in its place.
                self.entries[:] = [each for each in self.entries if each is not before]
            self.entries.append(entry)
            self.latest[event.node] = entry
        elif isinstance(event, NodeRerun):
            self.reruns += 1
            changes = ", ".join(f"{name}={value!r}" for name, value in event.overrides.items())
            self.console.retry(f"{event.alias} with {changes}")
            made = self.journal.at(event.node)
            known = self.own.get(event.node)
            if known is not None:
                boost = replace(known, changes={**known.changes, **event.overrides})
                self.boosts[:] = [each for each in self.boosts if each is not known]
            elif made is not None:
                boost = Boost(made.tool, dict(made.arguments), dict(event.overrides))
            else:
                return
            self.boosts.append(boost)
            self.own[event.node] = boost


class Session:
    """One question. Used once."""

    def __init__(self, settings: Settings, question: str) -> None:
        if not isinstance(question, str):
            raise TypeError(f"a question is a str, not {type(question).__name__}")
        self.settings = settings
        self.question = question
        self.meter = Meter()
        self.console = Console(settings.progress)
        answer = (
            {} if "answer" in settings.tools else {"answer": settings.answer(self.meter.of("answer", settings.model))}
        )
        self.tools: dict[str, Tool] = {**settings.tools, **answer}
        signatures: dict[str, Signature] = {name: each.signature for name, each in self.tools.items()}
        self.signatures = signatures
        self.planner = Planner(
            self.meter.of("plan", settings.plan_model), tools=signatures, constrained=settings.constrained
        )
        self.repairer = Repairer(self.meter.of("repair", settings.repair_model), tools=signatures)
        self.decomposition: Decomposition | None = None
        self.queries: tuple[str, ...] = ()
        self.source = ""
        self.entries: list[Entry] = []
        self.boosts: list[Boost] = []
        self.attempts: list[Attempt] = []
        self.retried = False
        self.runs = 0
        self.folder: Path | None = None
        # One time of day for all runs: a query with a date in it must not change from run to run.
        self.now = datetime.now()
        self.began = time.monotonic()

    async def answer(self) -> Answered:
        """Go all the way. Whatever happens, what was made and spent is kept."""
        if self.settings.output_dir is not None:
            self.folder = make_folder(self.settings.output_dir, self.now)
        try:
            result = await self.solve()
        except BaseException as error:
            answered = self.outcome(None, error)
            self.write(answered, f"{type(error).__name__}: {error}")
            if isinstance(error, PlanError):
                error.trace = answered.trace
            error.__dict__["answered"] = answered
            raise
        answered = self.outcome(result)
        self.write(answered)
        self.console.steps(answered.record.execution_log)
        self.console.final(answered.final_answer)
        return answered

    async def solve(self) -> Result:
        """Decompose, plan, run, repair."""
        if self.settings.decompose:
            decomposer = Decomposer(self.meter.of("decompose", self.settings.decompose_model))
            self.console.doing("a model splits the question")
            try:
                self.decomposition = await decomposer.decompose(self.question)
            except ModelError as error:
                raise _service_failed("split the question", error) from error
            self.queries = self.decomposition.queries
            self.console.sub_queries(self.queries, self.decomposition.fallback)
        drafted = await self.drafting("plan", self.planner.plan(self.question, self.queries))
        self.console.code(drafted.source)
        try:
            result = await self.attempt("plan", drafted.program, drafted.drafts)
        except (PlanFailed, LimitExceeded) as failure:
            if self.settings.repairs == 0 or failure.diagnostics[0].code in _FINAL:
                raise
            result = await self.repair(drafted.program, failure)
        if self.settings.adaptive == "rerun":
            result = await self.rerun(result)
        return result

    # ------------------------------------------------------------------ repair

    async def repair(self, program: Program, failure: PlanError) -> Result:
        """Safe fixes, then the model, round by round; then a new plan, once. Raises the last failure."""
        mended = self.safely_fixed(program, failure)
        if mended is not None:
            self.console.code(mended.source, "Fixed Code")
            outcome = await self.trial("fix", mended)
            if isinstance(outcome, Result):
                return outcome
            program, failure = mended, outcome
        rounds = self.settings.repairs
        for number in range(1, rounds + 1):
            self.console.fix_round(number, rounds, str(failure))
            work = self.repairer.repair(self.question, program.source, failure.diagnostics)
            try:
                drafted = await self.drafting("repair", work, failure)
            except DraftsRejected:
                continue
            self.console.code(drafted.source, "Fixed Code")
            if drafted.source == program.source:
                self.attempts.append(Attempt("repair", drafted.source, failure.diagnostics, None, drafted.drafts))
                continue
            outcome = await self.trial("repair", drafted.program, drafted.drafts)
            if isinstance(outcome, Result):
                return outcome
            program, failure = drafted.program, outcome
        self.console.retry("no repair helped: planning anew")
        work = self.planner.plan(self.question, self.queries, [(program.source, failure.diagnostics)])
        try:
            drafted = await self.drafting("new plan", work, failure)
        except DraftsRejected:
            raise failure from None
        self.console.code(drafted.source)
        return await self.attempt("new plan", drafted.program, drafted.drafts)

    async def trial(self, by: str, program: Program, drafts: tuple[Draft, ...] = ()) -> Result | PlanError:
        """The result of an attempt, or its failure where another attempt may help. Raises what none can."""
        try:
            return await self.attempt(by, program, drafts)
        except (PlanFailed, LimitExceeded) as failure:
            if failure.diagnostics[0].code in _FINAL:
                raise
            return failure

    def safely_fixed(self, program: Program, failure: PlanError) -> Program | None:
        """The plan after the safe fixes of its failure; None if there are none."""
        edits = [
            edit
            for found in failure.diagnostics
            for each in found.fixes
            if each.applicability == "safe"
            for edit in each.edits
        ]
        if not edits:
            return None
        mended = fix(apply_edits(program.source, edits), self.signatures, inputs=INPUTS).program
        return mended if mended is not None and mended.source != program.source else None

    async def drafting(self, role: str, work: Any, failure: PlanError | None = None) -> Drafted:
        """Await a model that writes a plan; if it cannot be asked at all, that is a service that failed."""
        self.console.doing(f"a model writes the {'repair' if role == 'repair' else 'plan'}")
        try:
            drafted: Drafted = await work
        except DraftsRejected as rejected:
            self.tell(rejected.drafts)
            last = rejected.drafts[-1]
            self.attempts.append(Attempt(role, last.source, last.diagnostics, None, rejected.drafts))
            self.source = self.source or last.source
            raise
        except ModelError as error:
            earlier = () if failure is None else failure.diagnostics
            work_of = "write the plan" if role != "repair" else "write the repair"
            raise _service_failed(work_of, error, earlier) from error
        self.tell(drafted.drafts)
        return drafted

    def tell(self, drafts: Sequence[Draft]) -> None:
        """Say what was mended in the last draft, and whether the server took notice of the grammar."""
        for each in drafts[-1].fixes:
            lines = sorted({edit.span.line for edit in each.edits})
            self.console.note(f"fixed: {each.title}" + (f" (line {', '.join(map(str, lines))})" if lines else ""))
        if any(draft.free for draft in drafts):
            self.console.note(
                f"the server did not constrain the reply to plans: check that it is {self.settings.constrained}, in a "
                "version that reads this field"
            )

    # -------------------------------------------------------------------- runs

    async def attempt(self, by: str, program: Program, drafts: tuple[Draft, ...] = ()) -> Result:
        """Run a plan on what has been asked so far."""
        self.source = program.source
        try:
            result = await self.execute(program, Journal(self.entries, by_content=True), self.carried(program))
            if _is_nothing(result.final_answer):
                shown = "None" if result.final_answer is None else "an empty text"
                found = Diagnostic("PLAN310", f"the plan ended and its answer is {shown}", _last(program))
                raise PlanFailed((found,), result.trace)
        except PlanError as error:
            self.attempts.append(Attempt(by, program.source, error.diagnostics, error.trace, drafts))
            raise
        self.attempts.append(Attempt(by, program.source, (), result.trace, drafts))
        return result

    async def execute(self, program: Program, journal: Journal, carried: Mapping[str, Boost]) -> Result:
        """One run, with everything that it asks kept."""
        recorder = Recorder(self.entries, self.boosts, journal, carried, self.console)
        policy = (AdaptiveRetrieval(),) if self.settings.adaptive == "selective" else ()
        self.runs += 1
        path = None if self.folder is None else self.folder / f"trace-{self.runs}.jsonl"
        try:
            return await arun(
                program,
                self.tools,
                question=self.question,
                limits=self.settings.limits,
                journal=journal,
                overrides={node: boost.changes for node, boost in carried.items()},
                hooks=(*policy, recorder, *self.settings.hooks),
                trace=path,
                **{"now": self.now, **self.settings.run_options},
            )
        finally:
            self.retried = self.retried or recorder.reruns > 0

    def carried(self, program: Program) -> dict[str, Boost]:
        """What was boosted in earlier runs, at the nodes where the same calls stand in this plan."""
        carried: dict[str, Boost] = {}
        for _ in range(len(self.boosts)):
            outcome = interpret(
                program,
                Journal(self.entries, by_content=True),
                signatures=self.signatures,
                limits=self.settings.limits,
                overrides={node: (Override(boost.changes),) for node, boost in carried.items()},
                concurrent=True,
            )
            found = {
                call.node: boost
                for call in outcome.calls
                for boost in self.boosts
                if call.node not in carried and call.tool == boost.tool and call.arguments == boost.arguments
            }
            if not found:
                break
            carried.update(found)
        return carried

    async def rerun(self, result: Result) -> Result:
        """What the published code does about sentinels: the whole plan once more, with more passages.

        Each sentinel flags the last retrieve before it; if none does and the final answer is one, the last retrieve.
        Where the second run fails, the first one stands.
        """
        flagged: set[str] = set()
        last = None
        for call in result.calls:
            if call.tool == "retrieve":
                last = call
            elif call.tool == "answer" and last is not None and _is_sentinel(call.result):
                flagged.add(last.node)
        if not flagged and last is not None and _is_sentinel(result.final_answer):
            flagged.add(last.node)
        calls = [call for call in result.calls if call.node in flagged and call.arguments["topk"] < RERUN_TOPK]
        if not calls:
            return result
        more = {call.node: Boost(call.tool, call.arguments, {"topk": RERUN_TOPK}) for call in calls}
        names = ", ".join(call.alias for call in calls)
        self.console.retry(f"an answer says that there is none: once more, with {RERUN_TOPK} passages for {names}")
        self.retried = True
        program = result.program
        try:
            again = await self.execute(program, Journal(), more)
        except (PlanFailed, LimitExceeded) as failure:
            self.attempts.append(Attempt("rerun", program.source, failure.diagnostics, failure.trace))
            return result
        except ToolFailed as failure:
            self.attempts.append(Attempt("rerun", program.source, failure.diagnostics, failure.trace))
            raise
        self.attempts.append(Attempt("rerun", program.source, (), again.trace))
        return result if _is_nothing(again.final_answer) else again

    # -------------------------------------------------------------------- ends

    def outcome(self, result: Result | None, error: BaseException | None = None) -> Answered:
        """Everything there is, as it is now."""
        trace = self.whole_trace(result, error)
        record = QuestionRecord(
            original_query=self.question,
            sub_queries=self.queries,
            generated_code=self.source,
            execution_log=execution_log(trace),
            variables={} if result is None else result.variables,
            final_answer=None if result is None else result.final_answer,
            retried_with_topk10=self.retried,
        )
        return Answered(
            question=self.question,
            final_answer=record.final_answer,
            queries=self.queries,
            decomposition=self.decomposition,
            source=self.source,
            result=result,
            trace=trace,
            record=record,
            attempts=tuple(self.attempts),
            spent=self.meter.total,
            by_role=self.meter.by_role,
            elapsed=time.monotonic() - self.began,
            folder=self.folder,
        )

    def whole_trace(self, result: Result | None, error: BaseException | None) -> Trace | None:
        """The trace of the run that counts, with the repairs that led to it."""
        own = result.trace if result is not None else getattr(error, "trace", None)
        traced = [place for place, each in enumerate(self.attempts) if each.trace is not None]
        if own is None and traced:
            own = self.attempts[traced[-1]].trace
        if own is None:
            return None
        place = next((place for place in traced if self.attempts[place].trace is own), 0)
        repairs = [each for each in self.attempts[1 : place + 1] if each.trace is not None and each.by != "rerun"]
        if not repairs:
            return own
        applied = [RepairApplied(by=each.by, title=_why(self.attempts, each), source=each.source) for each in repairs]
        events: Sequence[Event] = [own.events[0], *applied, *own.events[1:]]
        return Trace(replace(event, seq=seq) for seq, event in enumerate(events))

    def write(self, answered: Answered, error: str = "") -> None:
        """The files of the question: PyRAG's, and the trace; those of earlier runs lie beside it."""
        if self.folder is None:
            return
        write_folder(self.folder, answered.record, error)
        if answered.trace is not None:
            answered.trace.save(self.folder / "trace.jsonl")


def _service_failed(work: str, error: ModelError, earlier: tuple[Diagnostic, ...] = ()) -> ToolFailed:
    """The end of a question whose model cannot be asked at all."""
    found = Diagnostic("PLAN500", f"the model that was to {work} failed", notes=(one_line(str(error)),))
    return ToolFailed((found, *earlier))


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _is_sentinel(value: Any) -> bool:
    return isinstance(value, str) and is_sentinel(value)


def _last(program: Program) -> Any:
    return program.body[-1].span if program.body else None


def _why(attempts: Sequence[Attempt], attempt: Attempt) -> str:
    """What was wrong with the program before this one."""
    place = next(place for place, each in enumerate(attempts) if each is attempt)
    before = next((each for each in reversed(attempts[:place]) if each.diagnostics), None)
    return "" if before is None else f"{before.diagnostics[0].code} {one_line(before.diagnostics[0].message)}"
