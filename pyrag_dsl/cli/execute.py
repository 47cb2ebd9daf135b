"""`pyrag-exec`: run one plan for one question and print the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..grammar.diagnostics import PlanError, PlanRejected
from . import options as o
from . import status
from .inputs import PlanText, check_output, load_trace, read_inputs, read_plan
from .outcome import CommandOutcome, of_error, print_answer, print_json, rejected_trace, show_diagnostics
from .places import placed
from .screen import Screen, stderr
from .services import Sources, tools_of
from .status import Stop

if TYPE_CHECKING:
    from ..grammar.program import Program
    from ..runtime.hooks import Hook
    from ..runtime.trace import Trace

app = typer.Typer(pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What one command line asks for. The attributes are the options of the same names."""

    plan: str | None
    question: str | None
    sources: Sources
    mode: Literal["concurrent", "sequential"] = "concurrent"
    trace: Path | None = None
    replay: Path | None = None
    resume: Path | None = None
    report: Path | None = None
    as_json: bool = False
    check: bool = False
    strict: bool = False
    quiet: bool = False
    deadline: float | None = None
    max_calls: int | None = None
    fix: bool = False
    isolation: Literal["none", "process", "rlimits"] = "none"
    inputs: Mapping[str, Any] = field(default_factory=dict)


@app.command(
    epilog=o.examples(
        'pyrag-exec plan.py --question "Who is older?" --trace run.jsonl --report run.html',
        "pyrag-exec --replay run.jsonl",
        "pyrag-exec plan.py --corpus passages.jsonl --llm-base-url http://localhost:8000/v1 --model NAME",
    )
)
def execute(
    plan: Annotated[
        str | None,
        typer.Argument(
            metavar="PLAN", help="The file of the plan, or - for standard input. Not needed with --replay or --resume."
        ),
    ] = None,
    question: Annotated[
        str | None,
        typer.Option(
            "--question", metavar="TEXT", help="The question; by default, the comment `# question: ...` of the plan."
        ),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input", metavar="NAME=VALUE", help="A value that the plan reads under this name, as JSON or as text."
        ),
    ] = None,
    corpus: o.Corpus = None,
    retriever: o.Retriever = None,
    index: o.Index = None,
    search_mode: o.SearchModeOption = None,
    rerank: o.Rerank = None,
    strict_corpus: o.StrictCorpus = False,
    llm: o.Llm = None,
    llm_base_url: o.BaseUrl = None,
    model: o.Model = None,
    api_key_env: o.ApiKeyEnv = None,
    topk: o.TopK = 5,
    mode: o.ModeOption = o.Mode.concurrent,
    deadline: o.Deadline = None,
    max_calls: o.MaxCalls = None,
    call_timeout: o.CallTimeout = None,
    isolation: o.IsolationOption = o.Isolation.none,
    strict: o.Strict = False,
    trace: o.TraceOut = None,
    replay: Annotated[
        Path | None, typer.Option(metavar="TRACE", help="Run on the recorded results only, without any call.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="TRACE", help="Use the recorded results, and make only the missing calls.")
    ] = None,
    report: o.ReportOut = None,
    as_json: o.Json = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only check whether the plan is accepted; do not run it.")
    ] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Apply all safe fixes to the plan first, and list them.")] = False,
    quiet: o.Quiet = False,
    version: o.Version = False,  # noqa: ARG001
) -> int:
    """Run the plan that a language model wrote.

    The answer goes to standard output, and the steps go to standard error. Without --llm-base-url and --llm, the
    embedded reader answers. Without --corpus, --index and --retriever, the bundled passages are searched.

    Exit status: 0 done, 1 the plan failed, 2 wrong usage, 3 the plan was rejected, 4 a limit was reached, 5 a
    tool or service failed.
    """
    llm_base_url, model = placed(llm, llm_base_url, model)
    sources = Sources(
        corpus=corpus, retriever=retriever, index=index, llm_base_url=llm_base_url, model=model,
        api_key_env=api_key_env, topk=topk, call_timeout=call_timeout, strict_corpus=strict_corpus,
        search_mode=o.mode_of(search_mode), rerank=rerank,
    )  # fmt: skip
    request = RunRequest(
        plan=plan, question=question, sources=sources, mode=mode.value, trace=trace, replay=replay, resume=resume,
        report=report, as_json=as_json, check=check, strict=strict, quiet=quiet, deadline=deadline,
        max_calls=max_calls, fix=fix, isolation=isolation.value, inputs=read_inputs(inputs or (), question),
    )  # fmt: skip
    return carry_out(request)


def carry_out(request: RunRequest) -> int:
    """Carry out a request, print its outcome and return the exit status."""
    screen = stderr(quiet=request.quiet)
    try:
        outcome = attempt(request, screen)
    except Stop as stop:
        if not request.as_json:
            raise
        screen.say(("pyrag-exec: ", "bad"), stop.message)
        word = "cancelled" if stop.status == status.INTERRUPTED else "usage"
        outcome = CommandOutcome(stop.status, word, question=request.question or "", message=stop.message)
    tell(outcome, request, screen)
    return outcome.code


def tell(outcome: CommandOutcome, request: RunRequest, screen: Screen) -> None:
    """Print the diagnostics of an outcome, and its answer or its JSON object."""
    if not (request.quiet and outcome.code == status.OK):
        show_diagnostics(screen, outcome.diagnostics, outcome.source, outcome.name)
    if request.as_json:
        print_json(outcome)
    else:
        print_answer(outcome)


def attempt(request: RunRequest, screen: Screen) -> CommandOutcome:
    """Carry out a request and return its outcome. Raises Stop."""
    request.sources.check()
    if request.replay and request.resume:
        raise Stop("--replay and --resume: give one of them")
    if request.plan is None and not (request.replay or request.resume):
        raise Stop("no plan: name its file, or - for standard input")
    for path, option, other in (
        (request.trace, "--trace", request.report),
        (request.report, "--report", None),
    ):
        read = [request.plan if request.plan != "-" else None, request.sources.corpus, request.replay, other]
        check_output(path, option, apart_from=read)
    recorded_at = request.replay or request.resume
    recorded = load_trace(recorded_at) if recorded_at else None
    name = request.plan or str(recorded_at)
    try:
        plan = _plan(request, recorded, name)
        if request.fix:
            plan = _mended(plan, _names(request, recorded), screen)
    except PlanRejected as rejected:
        return of_error(rejected, request.question or "", "", name)
    if plan.left_out:
        screen.say(("note: ", "warn"), f"{plan.name}: {plan.left_out}")
    question = request.question or plan.question or (recorded.header.question if recorded else "")
    if not question.strip() and not request.check and recorded is None:
        raise Stop("no question: give --question, or a comment `# question: ...` in the plan's first lines")
    return _run(request, plan, question, recorded, screen)


def _plan(request: RunRequest, recorded: Trace | None, name: str) -> PlanText:
    if request.plan is not None:
        return read_plan(request.plan)
    assert recorded is not None
    return PlanText(recorded.source, name)


def _names(request: RunRequest, recorded: Trace | None) -> frozenset[str]:
    """The names of the inputs that a plan may read. `question` is always one of them."""
    kept = recorded.header.inputs if recorded is not None else {}
    return frozenset({"question", *kept, *request.inputs})


def _mended(plan: PlanText, inputs: frozenset[str], screen: Screen) -> PlanText:
    """The plan after its safe fixes. Each fix is shown on the screen."""
    from ..grammar.fix import fix

    fixed = fix(plan.source, inputs=inputs)
    for each in fixed.applied:
        lines = sorted({edit.span.line for edit in each.edits})
        where = f" (line {', '.join(map(str, lines))})" if lines else ""
        screen.say(("fixed: ", "good"), f"{each.title}{where}")
    return replace(plan, source=fixed.text)


def _run(request: RunRequest, plan: PlanText, question: str, recorded: Trace | None, screen: Screen) -> CommandOutcome:
    """Vet the plan. Unless only a check was asked for, open the tools and run it."""
    vetted = _vet(request, plan, question, _signatures(request, recorded), _names(request, recorded))
    if request.check:
        return vetted
    if vetted.code != status.OK:
        _save(request, vetted, screen)
        return vetted
    with nullcontext(None) if request.replay else tools_of(request.sources, screen) as tools:
        outcome = _perform(request, plan, question, recorded, tools, screen)
    _save(request, outcome, screen)
    return outcome


def _signatures(request: RunRequest, recorded: Trace | None) -> Any:
    if request.replay and recorded is not None:
        from ..runtime.trace import read_header

        return read_header(recorded.header).signatures
    return None


def _vet(request: RunRequest, plan: PlanText, question: str, signatures: Any, inputs: frozenset[str]) -> CommandOutcome:
    from ..grammar.vet import parse

    try:
        program: Program = parse(plan.source, signatures, inputs=inputs, strict=request.strict)
    except ValueError as error:
        raise Stop(f"--input: {error}") from None
    except PlanRejected as rejected:
        trace = rejected_trace(plan.source, question, rejected) if not request.check else None
        return of_error(rejected, question, plan.source, plan.name, trace)
    except ImportError:
        raise Stop("--strict needs RestrictedPython: pip install RestrictedPython") from None
    if request.check:
        stderr(quiet=request.quiet).line(("ok ", "good"), f"{plan.name}: the plan is accepted")
    return CommandOutcome(status.OK, "checked", question, plan.source, plan.name, program.diagnostics)


def _perform(
    request: RunRequest, plan: PlanText, question: str, recorded: Trace | None, tools: Any, screen: Screen
) -> CommandOutcome:
    from ..isolation.pool import IsolationUnavailable
    from ..runtime.api import arun
    from ..runtime.events import RunFinished
    from .live import shown
    from .steps import bound, show_printed, show_trace, show_variables

    if recorded is not None:
        count = sum(call.ended for call in recorded.calls)
        screen.line((f"{count} recorded result" + ("" if count == 1 else "s"), "dim"))

    def run(hooks: tuple[Hook, ...]) -> Any:
        return arun(
            plan.source,
            tools,
            inputs={**request.inputs, **({"question": question} if question else {})},
            limits=o.limits(request.deadline, request.max_calls),
            mode=request.mode,
            journal=recorded,
            hooks=hooks,
            trace=request.trace,
            call_timeout=request.sources.call_timeout,
            replay=request.replay is not None,
            isolation=request.isolation,
            about=request.sources.about,
        )

    try:
        with shown(screen, hidden=request.quiet or request.replay is not None) as hooks:
            result = asyncio.run(run(hooks))
        outcome = CommandOutcome(
            status.OK, "done", question, plan.source, plan.name, result.diagnostics, result.trace, result
        )
    except PlanError as error:
        outcome = of_error(error, question, plan.source, plan.name)
    except ValueError as error:
        raise Stop(str(error)) from None
    except IsolationUnavailable as error:
        raise Stop(f"--isolation: {error}") from None
    except KeyboardInterrupt:
        kept = ""
        if request.trace:
            kept = f"; the run so far is in {request.trace}, continue with --resume"
            _save(request, CommandOutcome(status.INTERRUPTED, "cancelled", trace=load_trace(request.trace)), screen)
        raise Stop(f"interrupted{kept}", status.INTERRUPTED) from None
    if outcome.trace is not None and not request.quiet:
        if request.replay:
            show_trace(screen, outcome.trace.events)
        else:
            show_variables(screen, bound(outcome.trace.events))
            show_printed(screen, outcome.result.printed if outcome.result else "")
            for event in outcome.trace.of(RunFinished):
                calls = f"{event.calls} call" + ("" if event.calls == 1 else "s")
                screen.line((f"{event.status}, {calls}, {event.elapsed:.3f} s", "dim"))
    return outcome


def _save(request: RunRequest, outcome: CommandOutcome, screen: Screen) -> None:
    """Write the files that the engine does not write: the trace of a rejected plan, and the report."""
    if outcome.trace is None:
        return
    try:
        if request.trace is not None and outcome.word == "rejected":
            outcome.trace.save(request.trace)
        if request.report is not None:
            from ..report import write_report

            write_report(outcome.trace, request.report)
    except OSError as error:
        screen.say(("warning: ", "warn"), f"{error.filename}: cannot be written ({error.strerror})")
