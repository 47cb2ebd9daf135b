"""`pyrag ask`: answer a question by a method: PyRAG, another method of the package, or a plan of the user."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...grammar.diagnostics import PlanError, PlanRejected
from .. import options as o
from .. import status
from ..config import ModelChoice, answering, embedding, method_inputs, planning, read_config
from ..inputs import check_output, load_trace, read_inputs, read_prompts, read_text
from ..live import shown
from ..outcome import CommandOutcome, of_error, print_answer, print_json, rejected_trace, show_diagnostics
from ..screen import Screen, stderr
from ..searching import check_sentences
from ..services import Sources, host_of, model_of
from ..status import Stop

if TYPE_CHECKING:
    from ...methods import Host, Recipe
    from ...runtime.trace import Trace

_PLANNING = "Models"


def add(app: typer.Typer) -> None:
    app.command(
        epilog=o.examples(
            'pyrag ask "Who is older, A or B?" --llm-base-url http://localhost:8000/v1 --model NAME',
            'pyrag ask "Who is older, A or B?" --method search-r1 --llm-base-url URL --model NAME --trace t.jsonl',
            "pyrag ask --resume t.jsonl --llm-base-url URL --model NAME",
        )
    )(ask)


def ask(
    question: Annotated[
        str | None, typer.Argument(metavar="QUESTION", help="The question. Not needed with --resume.")
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE.plan", help="The method (see `pyrag methods`), or a plan of your own (pyrag)."),
    ] = None,
    llm: o.Llm = None,
    llm_base_url: o.BaseUrl = None,
    model: o.Model = None,
    plan_llm_base_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="The address of the planning model, if it has another.", rich_help_panel=_PLANNING
        ),
    ] = None,
    plan_model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The model that writes and repairs plans.", rich_help_panel=_PLANNING),
    ] = None,
    api_key_env: o.ApiKeyEnv = None,
    model_options: Annotated[
        list[str] | None,
        typer.Option(
            "--model-option",
            metavar="NAME=VALUE",
            help="A field of each request to a model: temperature=0, max_tokens=512, seed=1.",
            rich_help_panel=_PLANNING,
        ),
    ] = None,
    corpus: o.Corpus = None,
    retriever: o.Retriever = None,
    index: o.Index = None,
    search_mode: o.SearchModeOption = None,
    rerank: o.Rerank = None,
    retrieval_cache: o.RetrievalCache = None,
    strict_corpus: o.StrictCorpus = False,
    topk: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=o.MOST_PASSAGES,
            metavar="N",
            help="The number of passages of a search; by default, that of the method.",
        ),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input", metavar="NAME=VALUE", help="An input of the method (see `pyrag methods show NAME --inputs`)."
        ),
    ] = None,
    prompts: Annotated[
        list[str] | None,
        typer.Option("--prompt", metavar="NAME=FILE", help="An input of the method whose value is the text of a file."),
    ] = None,
    adaptive: Annotated[
        str | None,
        typer.Option(metavar="selective|rerun|none", help='What to do about an answer that is a sentinel ("unknown").'),
    ] = None,
    ladder: Annotated[
        str | None,
        typer.Option(metavar="K,K,...", help="The rising values of top-k that adaptive retrieval tries (5,10,20)."),
    ] = None,
    repairs: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="How often a model may repair a plan (2).")
    ] = None,
    always_answer: Annotated[
        bool,
        typer.Option("--always-answer", help="Make the last step give an answer in any case, from the facts found."),
    ] = False,
    constrained: o.Constrained = None,
    reader: o.Reader = None,
    mode: o.ModeOption = o.Mode.concurrent,
    deadline: o.Deadline = None,
    max_calls: o.MaxCalls = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="The most tokens, of all models together.", rich_help_panel="Limits"),
    ] = None,
    call_timeout: o.CallTimeout = None,
    isolation: o.IsolationOption = o.Isolation.none,
    output_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a folder for the question into DIR, as PyRAG does.")
    ] = None,
    trace: o.TraceOut = None,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="TRACE", help="Resume the question of this trace. Without --trace, the file is updated."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml",
            help="Endpoints, passages, method and budgets; by default, the file that PYRAG_CONFIG names.",
        ),
    ] = None,
    report: o.ReportOut = None,
    live: Annotated[
        bool,
        typer.Option("--live", help="Show the run in a browser while it continues, and keep the page until Ctrl-C."),
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="P", help="The port of --live; 0 takes a free one.")
    ] = 0,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> int:
    """Answer a question by a method.

    Where the options that name models are missing, the variables LLM_MODEL, LLM_BASE_URL, PLAN_LLM_MODEL and
    PLAN_LLM_BASE_URL are read, and where these are missing too, the configuration. Without a model, the embedded
    reader answers. This works only with methods that need no other model.
    """
    settings = read_config(config)
    answers = answering(settings, llm_base_url, model, api_key_env, llm)
    plans = planning(settings, answers, plan_llm_base_url, plan_model)
    if not corpus and not retriever:
        corpus, retriever = settings.retrieval.corpus, settings.retrieval.retriever
        index = index or settings.retrieval.index
    topk = topk or settings.retrieval.topk
    method = method or (settings.method.name if resume is None else None)
    recorded = None if resume is None else load_trace(resume)
    asked = _question(question, recorded)
    recipe = chosen(method, recorded)
    if adaptive not in (None, "selective", "rerun", "none"):
        raise Stop(f"--adaptive: selective, rerun or none, not {adaptive}")
    check_roles(constrained, reader, plans)
    changes = {"adaptive": adaptive, "repairs": repairs, "topk": topk if "topk" in recipe.inputs else None}
    given = {
        **(_inputs_of(recorded) if recorded is not None else method_inputs(settings)),
        **{key: value for key, value in changes.items() if value is not None},
        **read_inputs(inputs or (), None),
        **read_prompts(prompts or ()),
    }
    try:
        recipe.given(given)
    except ValueError as error:
        raise Stop(f"--input: {error}") from None
    sources = Sources(
        corpus=corpus,
        retriever=retriever,
        index=index,
        llm_base_url=answers.base_url,
        model=answers.name,
        api_key_env=answers.api_key_env,
        topk=topk or 5,
        strict_corpus=strict_corpus,
        search_mode=o.mode_of(search_mode, settings.retrieval.mode),
        rerank=rerank or settings.retrieval.rerank,
        embed=embedding(settings),
        cache=retrieval_cache,
    )
    sources.check()
    check_model(recipe, answers)
    place = trace or resume
    check_output(place, "--trace" if trace else "--resume", apart_from=[corpus, report])
    check_output(report, "--report", apart_from=[corpus])
    fields = read_inputs(model_options or (), None, option="--model-option")
    screen = stderr(quiet=quiet)
    tokens = {} if max_tokens is None else {"tokens": max_tokens}
    limits = {**settings.limits, **o.limits(deadline, max_calls), **tokens}
    with ExitStack() as stack:
        models = None
        if answers.base_url and answers.name:
            from ...agents.roles import Models

            talking, writing = [
                stack.enter_context(model_of(choice, role, screen, fields))
                for choice, role in ((answers, "answer"), (plans, "plan"))
            ]
            models = Models.of(talking, writing)
        rungs = _rungs(ladder)
        host = host_of(
            sources, models, screen, stack, rungs, reader, constrained=constrained, always_answer=always_answer
        )
        watched = stack.enter_context(_watched(asked, port)) if live else None
        check_sentences(recipe.needs, recipe.given(given), host.sentences)
        outcome = _answer(
            recipe,
            asked,
            host,
            screen,
            inputs=given,
            limits=limits,
            about={
                **sources.about,
                "model": " and ".join(dict.fromkeys(str(each.name) for each in (answers, plans) if each.name))
                or "embedded reader",
                "method": recipe.name,
            },
            output_dir=output_dir,
            trace=place,
            resume=recorded,
            mode=mode.value,
            call_timeout=call_timeout,
            isolation=isolation.value,
            hooks=() if watched is None else (watched,),
        )
        if watched is None:
            return _leave(outcome, screen, place, report, output_dir, as_json)
        watched.finish(outcome.trace)
        code = _leave(outcome, screen, place, report, output_dir, as_json)
        tools = host.toolset(given.get("adaptive") == "selective")
        _again(watched, tools, {"call_timeout": call_timeout, "mode": mode.value}, screen)
    return code


@contextmanager
def _watched(question: str, port: int) -> Iterator[Any]:
    """Serve the page that shows the run of a question, and yield the hook that fills it. Raises Stop."""
    try:
        from ...serving import Watched, watching_at
    except ImportError:
        raise Stop("--live needs starlette and uvicorn: pip install 'pyrag_dsl[serve]'") from None
    watched = Watched(question)
    with ExitStack() as stack:
        try:
            address = stack.enter_context(watching_at(watched, port))
        except OSError as error:
            raise Stop(f"--port {port}: {error.strerror or error}") from None
        stderr().say(("watch it at ", "dim"), address)
        yield watched


def _again(watched: Any, tools: Any, options: Any, screen: Screen) -> None:
    """Make the re-runs that the page asks for, until Ctrl-C."""
    from ...runtime.api import rerun

    screen.line(("The page stays until Ctrl-C.", "dim"))
    with suppress(KeyboardInterrupt):
        recorded = watched.trace
        while True:
            try:
                wanted = watched.jobs.get(timeout=1)
            except Empty:
                continue
            called = {name: tools[name] for name in recorded.header.signatures if name in tools}
            changes = {wanted.node: {"topk": wanted.topk}}
            try:
                recorded = rerun(recorded, changes, called, hooks=[watched], **options).trace
            except PlanError as error:
                recorded = error.trace or recorded
            except ValueError as error:
                screen.say(("warning: ", "warn"), str(error))
            watched.finish(recorded)


def _listen(host: Host, hooks: Iterable[Any]) -> None:
    """Send the text of a plan, while a model writes it, to the hooks that show it. Without such hooks, do nothing."""
    hear = [hook.writing.hear for hook in hooks if hasattr(hook, "writing")]

    def listener(text: str) -> None:
        for each in hear:
            each(text)

    if hear and host.models is not None:
        for model in (host.models.plan, host.models.repair):
            model.listener = listener  # type: ignore[attr-defined]  # it is a `ChatModel`, because `model_of` made it


def _leave(
    outcome: CommandOutcome,
    screen: Screen,
    place: Path | None,
    report: Path | None,
    output_dir: Path | None,
    as_json: bool,
) -> int:
    """Write and print the outcome, and return the exit status. Raises Stop if the run was interrupted."""
    if outcome.trace is not None:
        if place is not None and outcome.word == "rejected":
            outcome.trace.save(place)
        if report is not None:
            from ...report import write_report

            write_report(outcome.trace, report)
    if outcome.code == status.INTERRUPTED:
        kept = [str(path) for path in (place, report, output_dir) if path is not None and outcome.trace is not None]
        go_on = f"; continue with --resume {place}" if place is not None else ""
        raise Stop("interrupted" + (f"; the run so far is in {', '.join(kept)}{go_on}" if kept else ""), outcome.code)
    if not (screen.quiet and outcome.code == status.OK):
        show_diagnostics(screen, outcome.diagnostics, outcome.source, "the plan")
    (print_json if as_json else print_answer)(outcome)
    return outcome.code


def check_model(recipe: Recipe, answers: ModelChoice) -> None:
    """Raise Stop if a method needs a model and there is none."""
    if not answers.base_url and recipe.needs & {"chat", "complete", "decompose", "write_plan"}:
        ways = "give --llm-base-url and --model or --llm, or set LLM_BASE_URL and LLM_MODEL"
        raise Stop(f"the method {recipe.name} needs a model: {ways}")


def check_roles(constrained: str | None, reader: str | None, plans: ModelChoice) -> None:
    """Raise Stop if the values of `--constrained` or `--reader` are wrong, or do not fit the model that plans."""
    if constrained is not None:
        from ...decoding import server_and_level

        try:
            server, _ = server_and_level(constrained)
        except ValueError as error:
            raise Stop(f"--constrained: {error}") from None
        if server not in _DECODING:
            named = ", ".join(_DECODING)
            raise Stop(
                f"--constrained: the plan is read from the text of a reply, so name one of {named}, not {server}"
            )
        if server != (plans.engine or server):
            raise Stop(f"--constrained {server}: name {plans.engine} instead, which runs the model that plans")
        if server == "transformers" and plans.engine is None:
            raise Stop("--constrained transformers: the planning model must be in this process: --llm transformers:DIR")
    if reader not in (None, "model", "builtin"):
        raise Stop(f"--reader: model or builtin, not {reader}")


_DECODING = ("vllm", "sglang", "llama.cpp", "transformers")


def _rungs(ladder: str | None) -> tuple[int, ...]:
    """The values of `--ladder`. Raises Stop."""
    texts = [] if ladder is None else [each.strip() for each in ladder.split(",")]
    if not all(each.isdigit() and 1 <= int(each) <= o.MOST_PASSAGES for each in texts):
        raise Stop(f"--ladder: numbers from 1 to {o.MOST_PASSAGES} with commas between them, not {ladder}")
    rungs = tuple(map(int, texts))
    if list(rungs) != sorted(set(rungs)):
        raise Stop(f"--ladder: the numbers must rise, and {ladder} does not")
    return rungs


def _question(question: str | None, recorded: Trace | None) -> str:
    """The question: the one of the trace if a run is resumed, else the argument. Raises Stop."""
    if recorded is not None:
        if question is not None and question != recorded.header.question:
            raise Stop(f"--resume: the trace has another question: {recorded.header.question}")
        return recorded.header.question
    if question is None or not question.strip():
        raise Stop("the question is empty" if question is not None else "no question: give one as the argument")
    return question


def chosen(method: str | None, recorded: Trace | None = None) -> Recipe:
    """The method that is named, or else the one that was recorded, or else PyRAG. Raises Stop."""
    from ...methods import Recipe, recipes

    known = recipes()
    if method is not None and (method.endswith(".plan") or os.sep in method):
        found = Recipe(method, "file", read_text(Path(method), "--method"))
    elif method is not None and method not in known:
        raise Stop(f"--method: {method} is not one of {', '.join(known)}, and not the file of a plan (FILE.plan)")
    elif method is not None or recorded is None:
        found = known[method or "pyrag"]
    else:
        own = Recipe("recorded", "file", recorded.source)
        found = next((each for each in known.values() if each.plan == recorded.source), own)
    if recorded is not None and found.plan != recorded.source:
        raise Stop(f"--resume: the trace is not of the method {found.name}: leave --method out")
    return found


def _inputs_of(recorded: Trace) -> dict[str, Any]:
    return {name: value for name, value in recorded.header.inputs.items() if name != "question"}


def _answer(
    recipe: Recipe, question: str, host: Host, screen: Screen, hooks: tuple[Any, ...], **settings: Any
) -> CommandOutcome:
    from ...isolation.pool import IsolationUnavailable
    from ...methods.ask import answer
    from ...methods.console import Console, Narrator

    console = Console(None if screen.quiet else screen.raw)
    narrator = Narrator(console, int(recipe.given(settings["inputs"]).get("repairs", 0)))
    kept: list[Any] = []  # what was done before an error ended the question

    async def ask_it() -> Any:
        try:
            return await answer(recipe, question, host, hooks=(narrator, *steps, *hooks), **settings)
        except BaseException as error:
            kept.append(getattr(error, "answered", None))
            raise

    try:
        with shown(screen, hidden=screen.quiet) as steps:
            _listen(host, (*steps, *hooks))
            answered = asyncio.run(ask_it())
    except PlanError as error:
        made = kept[0] if kept else None
        source, trace = ("", None) if made is None else (made.source, made.trace)
        if trace is None and isinstance(error, PlanRejected):
            source, trace = recipe.plan, rejected_trace(recipe.plan, question, error)
        elif made is not None and made.run is None:
            source = made.trace.source
        return of_error(error, question, source, "the plan", trace)
    except IsolationUnavailable as error:
        raise Stop(f"--isolation: {error}") from None
    except ValueError as error:
        raise Stop(str(error)) from None
    except KeyboardInterrupt:
        trace = kept[0].trace if kept and kept[0] is not None else None
        return CommandOutcome(status.INTERRUPTED, "cancelled", question, name="the plan", trace=trace)
    if answered.run is not None:
        console.steps(answered.record.execution_log)
    console.final(answered.final_answer)
    result = answered.result
    diagnostics = result.diagnostics if result is not None and answered.run is not None else ()
    return CommandOutcome(
        status.OK, "done", question, answered.source, "the plan", diagnostics, answered.trace, result,
        answer=answered.final_answer,
        within="" if answered.run is None else answered.run.node,
    )  # fmt: skip
