"""`pyrag eval`: answer the questions of a data set by one method. The same command resumes an evaluation."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ... import __version__
from .. import options as o
from .. import status
from ..config import answering, embedding, method_inputs, planning, read_config
from ..evaluating import EvaluationJob, work_on
from ..inputs import read_inputs, read_prompts
from ..screen import Screen, stderr, write
from ..services import Sources, opened_retriever, price_of
from ..status import Stop
from .ask import check_model, check_roles, chosen

if TYPE_CHECKING:
    from ...evaluation import Allowance, BatchProgress
    from ...evaluation.datasets import Example

_EVERY = 5.0  # seconds between lines where there is no terminal
_SPREADING = "Many processes"


def add(app: typer.Typer) -> None:
    app.command(
        "eval",
        epilog=o.examples(
            "pyrag eval --method vanilla --data q.jsonl --corpus wiki.jsonl --llm-base-url URL --model M --out runs/a",
            "pyrag eval --method pyrag --data q.jsonl --corpus wiki.jsonl --llm-base-url URL --model M --out runs/b",
            "pyrag compare runs/a runs/b --html comparison.html",
        ),
    )(evaluate)


def evaluate(
    data: Annotated[
        str,
        typer.Option(metavar="FILE|hub:NAME[/CONFIG]:SPLIT", help="Questions with golden answers."),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder for the traces, the results and the summary.")],
    method: Annotated[
        str | None, typer.Option(metavar="NAME|FILE.plan", help="The method: see `pyrag methods`.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The settings of a paper: see `pyrag presets`. Options take precedence."),
    ] = None,
    llm: o.Llm = None,
    llm_base_url: o.BaseUrl = None,
    model: o.Model = None,
    plan_model: Annotated[
        str | None, typer.Option(metavar="NAME", help="The model that writes and repairs plans, at the same address.")
    ] = None,
    api_key_env: o.ApiKeyEnv = None,
    model_options: o.ModelOptions = None,
    price: o.ModelPrice = None,
    plan_price: o.ModelPrice = None,
    constrained: o.Constrained = None,
    reader: o.Reader = None,
    corpus: o.Corpus = None,
    retriever: o.Retriever = None,
    index: o.Index = None,
    search_mode: o.SearchModeOption = None,
    rerank: o.Rerank = None,
    retrieval_cache: o.RetrievalCache = None,
    topk: Annotated[
        int | None, typer.Option(min=1, max=o.MOST_PASSAGES, metavar="N", help="The number of passages of a search.")
    ] = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", metavar="NAME=VALUE", help="An input of the method.")
    ] = None,
    prompts: Annotated[
        list[str] | None,
        typer.Option("--prompt", metavar="NAME=FILE", help="An input of the method whose value is the text of a file."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Ask only N of the questions, drawn by the seed.")
    ] = None,
    shard: Annotated[str | None, typer.Option(metavar="I/N", help="Ask the I-th of N parts, from 1.")] = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="The most requests in flight (8).")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, metavar="N", help="Processes that share the questions.", rich_help_panel=_SPREADING)
    ] = 1,
    engine: Annotated[
        str,
        typer.Option(
            metavar="processes|ray",
            help="Where workers run: here, or on a cluster of Ray (RAY_ADDRESS) that can read DIR and the corpus.",
            rich_help_panel=_SPREADING,
        ),
    ] = "processes",
    seed: Annotated[
        int, typer.Option(metavar="S", help="The seed of the order of questions and of every request.")
    ] = 0,
    normalization: Annotated[
        str | None,
        typer.Option(
            metavar="squad|r1-searcher|unicode|exact",
            help="How answers are normalized before they are compared (squad).",
        ),
    ] = None,
    deadline: o.Deadline = None,
    max_calls: o.MaxCalls = None,
    question_tokens: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="The most tokens of one question.", rich_help_panel="Limits")
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="The most tokens of the whole evaluation.", rich_help_panel="Limits"),
    ] = None,
    max_cost: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="X",
            help="The highest cost of the whole evaluation; needs --price.",
            rich_help_panel="Limits",
        ),
    ] = None,
    retry_errors: Annotated[bool, typer.Option("--retry-errors", help="Ask failed questions again.")] = False,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="The configuration, as in `pyrag ask`.")
    ] = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> int:
    """Answer the questions of a data set, and score the answers.

    DIR then holds a trace for each question, results.jsonl, summary.json and manifest.json. Exit status: 0 if every
    question is finished, 4 if --max-tokens or --max-cost is used up, 5 if a question could not be finished, 130 on
    Ctrl-C. The same command resumes the evaluation.
    """
    from ...evaluation import NORMALIZATIONS, Allowance, DataError, read_questions
    from ...retrieval.search_engines import shown
    from ..presets import read_preset

    base = read_preset(preset)
    settings = read_config(config, base)
    answers = answering(settings, llm_base_url, model, api_key_env, llm)
    plans = planning(settings, answers, None, plan_model)
    if not corpus and not retriever:
        corpus, retriever = settings.retrieval.corpus, settings.retrieval.retriever
        index = index or settings.retrieval.index
    topk = topk or settings.retrieval.topk
    recipe = chosen(method or settings.method.name)
    given = {**method_inputs(settings), **read_inputs(inputs or (), None), **read_prompts(prompts or ())}
    if topk is not None and "topk" in recipe.inputs:
        given["topk"] = topk
    how = normalization or settings.evaluation.normalization
    if how not in NORMALIZATIONS:
        raise Stop(f"--normalization: one of {', '.join(NORMALIZATIONS)}, not {how}")
    if engine not in ("processes", "ray"):
        raise Stop(f"--engine: processes or ray, not {engine}")
    sources = Sources(
        corpus=_whole(corpus),
        retriever=retriever,
        index=_whole(index),
        llm_base_url=answers.base_url,
        model=answers.name,
        api_key_env=answers.api_key_env,
        topk=topk or 5,
        search_mode=o.mode_of(search_mode, settings.retrieval.mode),
        rerank=rerank or settings.retrieval.rerank,
        embed=embedding(settings),
        cache=retrieval_cache,
    )
    sources.check()
    try:
        recipe.given(given)
        questions = read_questions(data)
    except DataError as error:
        raise Stop(f"--data {error}") from None
    except ValueError as error:
        raise Stop(f"--input: {error}") from None
    check_model(recipe, answers)
    check_roles(constrained, reader, plans)
    questions = _drawn(questions, limit, shard, seed)
    rates = price_of(price, "--price"), price_of(plan_price or price, "--plan-price")
    if max_cost is not None and answers.base_url and None in rates:
        raise Stop("--max-cost: the price of the model is not known: give --price IN,OUT, per million tokens")
    tokens = {} if question_tokens is None else {"tokens": question_tokens}
    job = EvaluationJob(
        recipe=recipe,
        given=given,
        sources=sources,
        answers=answers,
        plans=plans,
        prices=rates,
        constrained=constrained,
        reader=reader,
        fields={"seed": seed, **read_inputs(model_options or (), None, option="--model-option")},
        limits={**settings.limits, **o.limits(deadline, max_calls), **tokens},
        out=out.absolute(),
        seed=seed,
        normalization=how,
        concurrency=concurrency or settings.evaluation.concurrency or 8,
    )
    if workers > job.concurrency:
        raise Stop(f"--workers: {workers} processes cannot share {job.concurrency} requests: raise --concurrency")
    screen = stderr(quiet=quiet)
    manifest = {
        "method": recipe.name,
        "plan": recipe.plan,
        "inputs": recipe.given(given),
        "data": data,
        "seed": seed,
        "limit": limit,
        "shard": shard,
        "corpus": _fingerprint(sources, screen),
        "retriever": None if retriever is None else shown(retriever),
        "model": answers.name,
        "plan_model": plans.name,
        "base_url": answers.base_url,
        "engine": answers.engine_version,
        "plan_engine": plans.engine_version,
        "constrained": constrained,
        "reader": reader,
        "model_options": {**answers.options, **job.fields},
        "limits": job.limits,
        "preset": preset,
        "normalization": how,
        "version": __version__,
        "python": sys.version.split()[0],
    }
    _hold(out, manifest)
    allowance = Allowance(max_tokens, max_cost)
    with _shown(screen, len(questions)) as told:
        summary = _carried_out(job, questions, screen, workers, engine, allowance, retry_errors, told)
    _hold(out, {**manifest, "models": summary["models"]})
    if as_json:
        write(sys.stdout, json.dumps(summary) + "\n")
    else:
        write(sys.stdout, _told(summary))
    if summary["ended"] == summary["questions"]:
        return status.OK
    if allowance.covers(summary["spent"]["tokens"], summary["spent"]["cost"]):
        return status.TOOL
    raise Stop(f"the budget is used up; the same command with a higher limit resumes {out}", status.LIMIT)


def _carried_out(
    job: EvaluationJob,
    questions: list[Example],
    screen: Screen,
    workers: int,
    engine: str,
    allowance: Allowance,
    retry: bool,
    told: Callable[[BatchProgress], None],
) -> dict[str, Any]:
    """Ask the questions in this process or in workers, and return the summary. Raises Stop."""
    from ...evaluation import evaluate as run_batch
    from ...evaluation.batch import opened
    from ...evaluation.partitions import WorkersFailed, evaluate_spread, in_processes, on_cluster

    try:
        if workers == 1 and engine == "processes":
            with job.batch(questions, screen, allowance=allowance, retry_errors=retry, told=told) as batch:
                return asyncio.run(run_batch(batch))
        folder = opened(job.out, questions, job.recipe.name, job.seed, job.normalization, retry=retry)
        spread = in_processes if engine == "processes" else on_cluster
        return evaluate_spread(folder, partial(work_on, job), workers, spread, allowance, told)
    except WorkersFailed as failure:
        raise Stop(f"{failure}; the same command resumes {job.out}", status.TOOL) from None
    except ImportError as error:
        if error.name != "ray":
            raise
        raise Stop("--engine ray needs Ray: pip install 'pyrag_dsl[ray]'") from None
    except KeyboardInterrupt:
        raise Stop(f"interrupted; the same command resumes {job.out}", status.INTERRUPTED) from None


def _whole(path: Path | None) -> Path | None:
    """The absolute path, which means the same in every process."""
    return None if path is None else path.absolute()


def _drawn(questions: list[Any], limit: int | None, shard: str | None, seed: int) -> list[Any]:
    """The questions that --limit draws by the seed, or their part of --shard, in the order of the file. Raises Stop."""
    if limit is not None and limit < len(questions):
        order = list(range(len(questions)))
        random.Random(seed).shuffle(order)
        questions = [questions[place] for place in sorted(order[:limit])]
    if shard is None:
        return questions
    part, slash, parts = shard.partition("/")
    if not slash or not part.isdigit() or not parts.isdigit() or not 1 <= int(part) <= int(parts):
        raise Stop(f"--shard: I/N with I from 1 to N, not {shard}")
    return questions[int(part) - 1 :: int(parts)]


def _fingerprint(sources: Sources, screen: Screen) -> dict[str, Any] | None:
    """The identity of the corpus: path, size and hashes. The index is built here, before a worker needs it."""
    if not sources.corpus and not sources.index:
        return None
    with ExitStack() as stack:
        index: Any = opened_retriever(sources, screen, stack)
        found, fingerprint = index.corpus, index.fingerprint
    if found is None:
        return {"path": str(sources.corpus or sources.index), "fingerprint": fingerprint}
    return {"path": found.path, "bytes": found.size, "sha256": found.sha256, "fingerprint": fingerprint}


_FIXED = ("method", "plan", "inputs", "seed", "limit", "shard", "model", "constrained", "reader")


def _hold(out: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest into the folder. Raises Stop if the folder belongs to another evaluation."""
    from ...runtime.trace import replace_file

    place = out / "manifest.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
        before = json.loads(place.read_text(encoding="utf-8")) if place.exists() else manifest
        for name in _FIXED:
            if before.get(name) != manifest[name]:
                was = f"whose {name} is {before.get(name)!r}"
                raise Stop(f"--out {out}: the folder holds another run, {was}: name another folder")
        replace_file(place, json.dumps(manifest, indent=2) + "\n")
    except (OSError, ValueError) as error:
        raise Stop(f"--out {out}: {error}") from None


def _told(summary: dict[str, Any]) -> str:
    names = ("em", "f1", "contains", "cover_em")
    scores = "  ".join(f"{name} {summary[name]:.3f}" for name in names)
    ends = ", ".join(f"{count} {name}" for name, count in summary["status"].items() if count)
    spent = f"{summary['calls']:.1f} calls and {summary['tokens']:,.0f} tokens a question"
    cost = f"; cost {summary['cost']:,.4g}" if summary["cost"] else ""
    return f"{scores}\n{summary['ended']} of {summary['questions']} questions: {ends}; {spent}{cost}\n"


@contextmanager
def _shown(screen: Screen, questions: int) -> Iterator[Callable[[BatchProgress], None]]:
    """Yield a function that shows the progress: as a bar on a terminal, as a line every few seconds elsewhere."""
    began = last = time.monotonic()

    def said(progress: BatchProgress) -> str:
        made = progress.ended - progress.earlier
        rate = made / max(time.monotonic() - began, 1e-9)
        left = (progress.questions - progress.ended) / max(rate, 1e-9)
        right = progress.right / max(progress.ended, 1)
        cost = f", cost {progress.cost:,.4g}" if progress.cost else ""
        return f"em {right:.3f}  {rate:.2f}/s  {left:.0f} s left  {progress.tokens:,} tokens{cost}"

    if screen.terminal and not screen.quiet:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar

        console = Console(file=screen.stream, no_color=not screen.color, markup=False)
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
        with Bar(*columns, console=console, transient=True) as bar:
            task = bar.add_task("", total=questions)
            yield lambda progress: bar.update(task, completed=progress.ended, description=said(progress))
        return

    def line(progress: BatchProgress) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _EVERY or progress.ended == progress.questions:
            last = now
            screen.line((f"{progress.ended}/{progress.questions}  ", "dim"), said(progress))

    yield line
