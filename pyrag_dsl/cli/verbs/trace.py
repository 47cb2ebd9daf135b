"""`pyrag trace`: inspect a recorded run, run it again, or change one of its calls."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...grammar.diagnostics import PlanError
from .. import options as o
from .. import status
from ..execute import RunRequest, carry_out, tell
from ..inputs import check_output, load_trace
from ..outcome import CommandOutcome, of_error
from ..places import placed
from ..screen import Screen, quoted, stderr, write
from ..services import Sources, recorded_tools
from ..status import Stop

if TYPE_CHECKING:
    from ...runtime.trace import Trace

_File = Annotated[Path, typer.Argument(metavar="FILE", help="A trace that --trace has written.")]


def add(app: typer.Typer) -> None:
    verbs = typer.Typer(no_args_is_help=True, help="Inspect a recorded run, run it again, or change one of its calls.")
    verbs.command(epilog=o.examples("pyrag trace show run.jsonl", "pyrag trace show run.jsonl --report run.html"))(show)
    verbs.command(epilog=o.examples("pyrag trace replay run.jsonl"))(replay)
    verbs.command(epilog=o.examples("pyrag trace rerun run.jsonl 'retrieve#1' --topk 10 --out new.jsonl"))(rerun)
    verbs.command(epilog=o.examples("pyrag trace stats run.jsonl", "pyrag trace stats run.jsonl --json"))(stats)
    verbs.command(epilog=o.examples("pyrag trace diff before.jsonl after.jsonl"))(diff)
    verbs.command(epilog=o.examples("pyrag trace export run.jsonl --otlp http://localhost:4318"))(export)
    app.add_typer(verbs, name="trace")


def show(
    file: _File,
    report: Annotated[
        Path | None, typer.Option(metavar="OUT.html", help="Write a report, an HTML page, instead of printing.")
    ] = None,
) -> int:
    """Print the events of a run in program order."""
    trace = load_trace(file)
    if report is not None:
        from ...report import write_report

        check_output(report, "--report", apart_from=[file])
        write_report(trace, report)
        return status.OK
    from ..steps import show_trace

    show_trace(Screen(sys.stdout), trace.events)
    return status.OK


def export(
    file: _File,
    otlp: Annotated[str, typer.Option("--otlp", metavar="URL", help="The address of a receiver of OTLP over HTTP.")],
    conventions: Annotated[
        str, typer.Option(metavar="NAME", help="The names of attributes: gen_ai, or openinference for Phoenix.")
    ] = "gen_ai",
    content: Annotated[bool, typer.Option("--content", help="Send questions, arguments and results too.")] = False,
) -> int:
    """Send a run as spans to OpenTelemetry. Needs `pip install 'pyrag_dsl[otel]'`.

    Exit status: 0 if the receiver accepted the spans, 5 if it did not.
    """
    if not otlp.startswith(("http://", "https://")):
        raise Stop(f"--otlp takes a URL such as http://localhost:4318, not {quoted(otlp, 60)}")
    from ...telemetry import CONVENTIONS, send

    if conventions not in CONVENTIONS:
        raise Stop(f"--conventions takes one of {', '.join(CONVENTIONS)}, not {quoted(conventions, 60)}")
    trace = load_trace(file)
    try:
        sent = send(trace, otlp, conventions=conventions, content=content)
    except ModuleNotFoundError as missing:
        raise Stop(str(missing)) from None
    except (ConnectionError, ValueError, OSError) as failed:
        raise Stop(str(failed), status.TOOL) from None
    Screen(sys.stdout).line(("sent ", "good"), f"{sent} spans to {otlp}")
    return status.OK


def stats(file: _File, as_json: o.Json = False) -> int:
    """Show the totals of a run by tool: calls, how many of them were recorded before, seconds, tokens and cost."""
    rows = totals(load_trace(file))
    if as_json:
        write(sys.stdout, json.dumps(rows) + "\n")
        return status.OK
    columns = ("tool", "calls", "recorded", "seconds", "tokens", "cost")
    shown = [columns, *((tool, *(_figure(row[name]) for name in columns[1:])) for tool, row in rows.items())]
    widths = [max(len(row[place]) for row in shown) for place in range(len(columns))]
    for row in shown:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        write(sys.stdout, "  ".join(cells) + "\n")
    return status.OK


def totals(trace: Trace) -> dict[str, dict[str, float]]:
    """The calls, recorded calls, seconds, tokens and cost of each tool, and of all tools under "all".

    The time of a call that runs a plan contains the times of the calls of that plan. The sum of seconds leaves it out.
    """
    found: dict[str, dict[str, float]] = {}
    nesting = {call.node.rpartition("/")[0] for call in trace.calls}
    whole = dict.fromkeys(("calls", "recorded", "seconds", "tokens", "cost"), 0.0)
    for call in trace.calls:
        row = found.setdefault(call.tool, dict.fromkeys(whole, 0.0))
        paid = {} if "reused" in call.usage else call.usage
        more = {
            "calls": 1.0,
            "recorded": float(call.cached),
            "seconds": call.elapsed or 0.0,
            "tokens": paid.get("tokens") or 0,
            "cost": paid.get("cost") or 0.0,
        }
        for name, value in more.items():
            row[name] += value
            whole[name] += 0.0 if name == "seconds" and call.node in nesting else value
    return {**dict(sorted(found.items())), "all": whole}


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.3f}"


def diff(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="A trace.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="A trace of the same plan or method.")],
) -> int:
    """Show the differences between two runs, call by call. Exit status: 0 if there is none, 1 otherwise."""
    from ...report.differences import differences

    found = differences(load_trace(before), load_trace(after))
    screen = Screen(sys.stdout)
    if found.plans:
        screen.line(("! ", "warn"), "the plans differ")
    for change in found.changes:
        said = f" {change.said}" if change.said else ""
        screen.line((f"{change.mark} ", _MARKS[change.mark]), (change.name, "call"), said)
        for what, was, now in change.details:
            screen.line(f"    {what}: {was} -> {now}")
    if found.answers is not None:
        screen.line(("answer ", "dim"), " -> ".join(found.answers))
    return status.FAILED if found else status.OK


_MARKS = {"+": "good", "-": "bad", "~": "warn"}


def replay(
    file: _File,
    trace: o.TraceOut = None,
    report: o.ReportOut = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> int:
    """Run the recorded plan on its recorded results. This needs no tools and no network."""
    return carry_out(
        RunRequest(
            plan=None,
            question=None,
            sources=Sources(),
            trace=trace,
            replay=file,
            report=report,
            as_json=as_json,
            quiet=quiet,
        )
    )


def rerun(
    file: _File,
    node: Annotated[
        str, typer.Argument(metavar="NODE", help="The call: retrieve#2, run_plan#1/retrieve#2, or a node.")
    ],
    topk: Annotated[
        int | None, typer.Option(min=1, max=o.MOST_PASSAGES, metavar="N", help="The new number of passages.")
    ] = None,
    query: Annotated[str | None, typer.Option(metavar="TEXT", help="The new query.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="OUT.jsonl", help="Write the trace of the new run.")] = None,
    corpus: o.Corpus = None,
    retriever: o.Retriever = None,
    index: o.Index = None,
    search_mode: o.SearchModeOption = None,
    rerank: o.Rerank = None,
    llm: o.Llm = None,
    llm_base_url: o.BaseUrl = None,
    model: o.Model = None,
    api_key_env: o.ApiKeyEnv = None,
    call_timeout: o.CallTimeout = None,
    report: o.ReportOut = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> int:
    """Make one call again with other arguments. Calls that depend on it are made again, and the rest is kept."""
    changes: dict[str, Any] = {name: value for name, value in (("topk", topk), ("query", query)) if value is not None}
    if not changes:
        raise Stop("nothing to change: give --topk or --query")
    llm_base_url, model = placed(llm, llm_base_url, model)
    sources = Sources(
        corpus=corpus, retriever=retriever, index=index, llm_base_url=llm_base_url, model=model,
        api_key_env=api_key_env, call_timeout=call_timeout, search_mode=o.mode_of(search_mode), rerank=rerank,
    )  # fmt: skip
    sources.check()
    check_output(out, "--out", apart_from=[file, corpus, report])
    check_output(report, "--report", apart_from=[file, corpus])
    recorded = load_trace(file)
    request = RunRequest(plan=None, question=None, sources=sources, as_json=as_json, quiet=quiet)
    screen = stderr(quiet=quiet)
    header = recorded.header
    from ...runtime.api import rerun as run_again
    from ..steps import Steps

    hooks = () if quiet else (Steps(screen),)
    with recorded_tools(sources, screen, header.signatures) as tools:
        try:
            result = run_again(recorded, {node: changes}, tools, hooks=hooks, trace=out, call_timeout=call_timeout)
            outcome = CommandOutcome(
                status.OK,
                "done",
                header.question,
                header.source,
                str(file),
                result.diagnostics,
                result.trace,
                result,
            )
        except PlanError as error:
            outcome = of_error(error, header.question, header.source, str(file))
        except ValueError as error:
            raise Stop(str(error)) from None
    if report is not None and outcome.trace is not None:
        from ...report import write_report

        write_report(outcome.trace, report)
    tell(outcome, request, screen)
    return outcome.code
