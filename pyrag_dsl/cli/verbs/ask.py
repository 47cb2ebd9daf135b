"""`pyrag ask`: a question answered by PyRAG: decomposed, planned, run with adaptive retrieval, repaired."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from ...grammar.diagnostics import PlanError, PlanRejected
from .. import options as o
from .. import status
from ..inputs import check_output
from ..outcome import CommandOutcome, of_error, print_answer, print_json, rejected_trace, show_diagnostics
from ..screen import Screen, stderr
from ..services import Sources, api_key, opened_retriever, retrieve_tool
from ..status import Stop
from ..steps import Steps

_PLANNING = "Models"


def add(app: typer.Typer) -> None:
    app.command(
        epilog=o.examples(
            'pyrag ask "Who is older, A or B?" --llm-base-url http://localhost:8000/v1 --model NAME',
            'pyrag ask "Who is older, A or B?" --llm-base-url URL --model NAME --corpus passages.jsonl',
        )
    )(ask)


def ask(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What to find out.")],
    llm_base_url: o.BaseUrl = None,
    model: o.Model = None,
    plan_llm_base_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where the planning model is, if elsewhere.", rich_help_panel=_PLANNING),
    ] = None,
    plan_model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The model that writes and mends plans.", rich_help_panel=_PLANNING),
    ] = None,
    api_key_env: o.ApiKeyEnv = None,
    corpus: o.Corpus = None,
    retriever: o.Retriever = None,
    index: o.Index = None,
    strict_corpus: o.StrictCorpus = False,
    topk: o.TopK = 5,
    adaptive: Annotated[
        str, typer.Option(metavar="selective|rerun|none", help="What to do about an answer that says there is none.")
    ] = "selective",
    repairs: Annotated[int, typer.Option(min=0, metavar="N", help="How often a model may mend a plan.")] = 2,
    always_answer: Annotated[
        bool, typer.Option("--always-answer", help="Have the last step answer in any case, from the facts found.")
    ] = False,
    constrained: Annotated[
        str | None,
        typer.Option(
            metavar="vllm|sglang|llama.cpp",
            help="Have this kind of server decode the plan by the grammar of plans.",
            rich_help_panel=_PLANNING,
        ),
    ] = None,
    mode: o.ModeOption = o.Mode.concurrent,
    deadline: o.Deadline = None,
    max_calls: o.MaxCalls = None,
    call_timeout: o.CallTimeout = None,
    isolation: o.IsolationOption = o.Isolation.none,
    output_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a folder for the question, as PyRAG does.")
    ] = None,
    trace: o.TraceOut = None,
    report: o.ReportOut = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> int:
    """Answer a question with a plan that a model writes.

    The environment is read for LLM_MODEL, LLM_BASE_URL, PLAN_LLM_MODEL and PLAN_LLM_BASE_URL where the options of
    these names are missing.
    """
    environment = os.environ
    base_url = llm_base_url or environment.get("LLM_BASE_URL")
    name = model or environment.get("LLM_MODEL")
    if not base_url or not name:
        raise Stop("a plan needs a model: give --llm-base-url and --model, or set LLM_BASE_URL and LLM_MODEL")
    if not question.strip():
        raise Stop("the question is empty")
    if adaptive not in ("selective", "rerun", "none"):
        raise Stop(f"--adaptive: selective, rerun or none, not {adaptive}")
    if constrained not in (None, "vllm", "sglang", "llama.cpp"):
        raise Stop(f"--constrained: vllm, sglang or llama.cpp, not {constrained}")
    sources = Sources(corpus, retriever, index, base_url, name, api_key_env, topk, strict_corpus=strict_corpus)
    sources.check()
    check_output(trace, "--trace", apart_from=[corpus, report])
    check_output(report, "--report", apart_from=[corpus])
    plan_url = plan_llm_base_url or environment.get("PLAN_LLM_BASE_URL") or base_url
    plan_name = plan_model or environment.get("PLAN_LLM_MODEL") or name
    screen = stderr(quiet=quiet)
    from ...interpreter.limits import Limits
    from ...runtime.options import checked_limits

    with ExitStack() as stack:
        answering = stack.enter_context(chat_model(name, base_url, api_key_env, "answer", screen))
        planning = stack.enter_context(chat_model(plan_name, plan_url, api_key_env, "plan", screen))
        found = opened_retriever(sources, screen, stack)
        outcome = _answer(
            question,
            screen,
            retriever=retrieve_tool(found, topk, batch=bool(retriever)),
            model=answering,
            plan_model=planning,
            adaptive=None if adaptive == "none" else adaptive,
            repairs=repairs,
            always_answer=always_answer,
            constrained=constrained,
            hooks=() if quiet else (Steps(screen),),
            output_dir=output_dir,
            topk=topk,
            limits=checked_limits(o.limits(deadline, max_calls), Limits()),
            run_options={"mode": mode.value, "call_timeout": call_timeout, "isolation": isolation.value},
        )
    if outcome.trace is not None:
        if trace is not None:
            outcome.trace.save(trace)
        if report is not None:
            from ...report import write_report

            write_report(outcome.trace, report)
    if outcome.code == status.INTERRUPTED:
        kept = [str(path) for path in (trace, report, output_dir) if path is not None and outcome.trace is not None]
        raise Stop("interrupted" + (f"; what was done is in {', '.join(kept)}" if kept else ""), outcome.code)
    if not (quiet and outcome.code == status.OK):
        show_diagnostics(screen, outcome.diagnostics, outcome.source, "the plan")
    (print_json if as_json else print_answer)(outcome)
    return outcome.code


def chat_model(name: str, base_url: str, key_variable: str | None, role: str, screen: Screen) -> Any:
    """The client of a model, which closes as a context. Raises Stop."""
    from ...models.client import ChatModel

    key = api_key(key_variable)
    try:
        return ChatModel(
            name, base_url, api_key=key, role=role, notice=lambda line: screen.line(("[Wait] ", "warn"), line)
        )
    except ValueError as error:
        raise Stop(f"the address of the {role} model: {error}") from None


def _answer(question: str, screen: Screen, *, retriever: Any, **settings: Any) -> CommandOutcome:
    from ...agents.pyrag import PyRAG
    from ...isolation.pool import IsolationUnavailable

    progress = None if screen.quiet else lambda line: print(line, file=sys.stderr, flush=True)
    kept: list[Any] = []  # what was made, where the question ends before its answer

    async def ask_it() -> Any:
        try:
            return await PyRAG(retriever, progress=progress, **settings).arun(question)
        except BaseException as error:
            kept.append(getattr(error, "answered", None))
            raise

    try:
        answered = asyncio.run(ask_it())
    except PlanError as error:
        source, made = (kept[0].source, kept[0].trace) if kept[0] is not None else ("", None)
        if made is None and isinstance(error, PlanRejected):
            made = rejected_trace(source, question, error)
        return of_error(error, question, source, "the plan", made)
    except IsolationUnavailable as error:
        raise Stop(f"--isolation: {error}") from None
    except KeyboardInterrupt:
        made = kept[0].trace if kept and kept[0] is not None else None
        return CommandOutcome(status.INTERRUPTED, "cancelled", question, name="the plan", trace=made)
    result = answered.result
    diagnostics = result.diagnostics if result is not None else ()
    return CommandOutcome(status.OK, "done", question, answered.source, "the plan", diagnostics, answered.trace, result)
