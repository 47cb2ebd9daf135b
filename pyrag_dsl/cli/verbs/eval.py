"""`pyrag eval`: the questions of a data set by one method; the same command goes on where it was ended."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ... import __version__
from .. import options as o
from .. import status
from ..config import answering, method_inputs, planning, read_config
from ..inputs import read_inputs
from ..screen import Screen, stderr, write
from ..services import Sources, host_of, model_of
from ..status import Stop
from .ask import check_model, chosen

if TYPE_CHECKING:
    from ...evaluation import BatchProgress

_EVERY = 5.0  # seconds between lines where there is no terminal


def add(app: typer.Typer) -> None:
    app.command(
        "eval",
        epilog=o.examples(
            "pyrag eval --method vanilla --data q.jsonl --corpus wiki.jsonl --llm-base-url URL --model M --out runs/a",
            "pyrag compare runs/v runs/pyrag",
        ),
    )(evaluate)


def evaluate(
    data: Annotated[Path, typer.Option(metavar="FILE", help="Questions with golden answers.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where traces, results and summary are written.")],
    method: Annotated[str | None, typer.Option(metavar="NAME|FILE.plan", help="How: see `pyrag methods`.")] = None,
    llm_base_url: o.BaseUrl = None,
    model: o.Model = None,
    plan_model: Annotated[
        str | None, typer.Option(metavar="NAME", help="The model that writes and mends plans, at the same address.")
    ] = None,
    api_key_env: o.ApiKeyEnv = None,
    model_options: Annotated[
        list[str] | None, typer.Option("--model-option", metavar="NAME=VALUE", help="A field of each request.")
    ] = None,
    corpus: o.Corpus = None,
    retriever: o.Retriever = None,
    index: o.Index = None,
    topk: Annotated[
        int | None, typer.Option(min=1, max=o.MOST_PASSAGES, metavar="N", help="Passages of a search.")
    ] = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", metavar="NAME=VALUE", help="A value of the method.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Ask so many of the questions, drawn by the seed.")
    ] = None,
    shard: Annotated[str | None, typer.Option(metavar="I/N", help="Ask the I-th of N parts, from 1.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, metavar="N", help="Requests in flight at most.")] = 8,
    seed: Annotated[int, typer.Option(metavar="S", help="Of the order of questions and of every request.")] = 0,
    deadline: o.Deadline = None,
    max_calls: o.MaxCalls = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, metavar="N", help="Tokens for one question.")] = None,
    retry_errors: Annotated[bool, typer.Option("--retry-errors", help="Ask again what has failed.")] = False,
    config: Annotated[Path | None, typer.Option(metavar="FILE.toml", help="As for `pyrag ask`.")] = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> int:
    """Answer the questions of a data set, and score the answers.

    DIR then holds a trace for each question, results.jsonl, summary.json and manifest.json. Exit status: 0 when every
    question has an end, 130 on Ctrl-C; the same command goes on.
    """
    from ...agents.roles import Models
    from ...evaluation import Batch, DataError, read_questions
    from ...evaluation import evaluate as run_batch

    settings = read_config(config)
    answers = answering(settings, llm_base_url, model, api_key_env)
    plans = planning(settings, answers, None, plan_model)
    if not corpus and not retriever:
        corpus, retriever = settings.retrieval.corpus, settings.retrieval.retriever
        index = index or settings.retrieval.index
    topk = topk or settings.retrieval.topk
    recipe = chosen(method or settings.method.name)
    given = {**method_inputs(settings), **read_inputs(inputs or (), None)}
    if topk is not None and "topk" in recipe.inputs:
        given["topk"] = topk
    sources = Sources(corpus, retriever, index, *answers[:3], topk or 5)
    sources.check()
    try:
        recipe.given(given)
        questions = read_questions(data)
    except DataError as error:
        raise Stop(f"--data {error}") from None
    except ValueError as error:
        raise Stop(f"--input: {error}") from None
    check_model(recipe, answers)
    questions = _drawn(questions, limit, shard, seed)
    fields = {"seed": seed, **read_inputs(model_options or (), None, option="--model-option")}
    screen = stderr(quiet=quiet)
    manifest = {
        "method": recipe.name,
        "plan": recipe.plan,
        "inputs": recipe.given(given),
        "data": str(data),
        "seed": seed,
        "limit": limit,
        "shard": shard,
        "corpus": None if corpus is None else _fingerprint(corpus),
        "retriever": retriever,
        "model": answers.name,
        "plan_model": plans.name,
        "base_url": answers.base_url,
        "model_options": {**answers.options, **fields},
        "version": __version__,
        "python": sys.version.split()[0],
    }
    _hold(out, manifest)
    with ExitStack() as stack:
        models = None
        if answers.base_url and answers.name:
            apart = plans[:2] != answers[:2]
            each = max(1, concurrency // 2) if apart else concurrency
            talking = stack.enter_context(model_of(answers, "answer", screen, fields, each))
            writing = stack.enter_context(model_of(plans, "plan", screen, fields, each)) if apart else talking
            models = Models.of(talking, writing)
        host = host_of(sources, models, screen, stack)
        tokens = {} if max_tokens is None else {"tokens": max_tokens}
        with _shown(screen, len(questions)) as told:
            batch = Batch(
                recipe,
                questions,
                host,
                out,
                seed,
                2 * concurrency,
                given,
                {**settings.limits, **o.limits(deadline, max_calls), **tokens},
                {},
                retry_errors,
                told,
            )
            try:
                summary = asyncio.run(run_batch(batch))
            except KeyboardInterrupt:
                raise Stop(f"interrupted; the same command goes on with {out}", status.INTERRUPTED) from None
    if as_json:
        write(sys.stdout, json.dumps(summary) + "\n")
    else:
        write(sys.stdout, _told(summary))
    return status.OK if summary["ended"] == summary["questions"] else status.TOOL


def _drawn(questions: list[Any], limit: int | None, shard: str | None, seed: int) -> list[Any]:
    """The questions of this call, in the order of the seed; without limits in the order of the file. Raises Stop."""
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


def _fingerprint(corpus: Path) -> dict[str, Any]:
    try:
        return {"path": str(corpus), "bytes": corpus.stat().st_size}
    except OSError as error:
        raise Stop(f"--corpus {corpus}: {error.strerror or error}") from None


_FIXED = ("method", "plan", "inputs", "seed", "limit", "shard", "model")


def _hold(out: Path, manifest: dict[str, Any]) -> None:
    """Keep what is asked in the folder; a folder of something else is not mixed with it. Raises Stop."""
    from ...runtime.trace import replace_file

    place = out / "manifest.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
        before = json.loads(place.read_text(encoding="utf-8")) if place.exists() else manifest
        for name in _FIXED:
            if before.get(name) != manifest[name]:
                was = f"whose {name} is {before.get(name)!r}"
                raise Stop(f"--out {out}: it holds another run, {was}: name another folder")
        replace_file(place, json.dumps(manifest, indent=2) + "\n")
    except (OSError, ValueError) as error:
        raise Stop(f"--out {out}: {error}") from None


def _told(summary: dict[str, Any]) -> str:
    names = ("em", "f1", "contains", "cover_em")
    scores = "  ".join(f"{name} {summary[name]:.3f}" for name in names)
    ends = ", ".join(f"{count} {name}" for name, count in summary["status"].items() if count)
    spent = f"{summary['calls']:.1f} calls and {summary['tokens']:,.0f} tokens a question"
    return f"{scores}\n{summary['ended']} of {summary['questions']} questions: {ends}; {spent}\n"


@contextmanager
def _shown(screen: Screen, questions: int) -> Iterator[Callable[[BatchProgress], None]]:
    """A function that shows the progress: a bar on a terminal, a line now and then elsewhere."""
    began = last = time.monotonic()

    def said(progress: BatchProgress) -> str:
        made = progress.ended - progress.earlier
        rate = made / max(time.monotonic() - began, 1e-9)
        left = (progress.questions - progress.ended) / max(rate, 1e-9)
        right = progress.right / max(progress.ended, 1)
        return f"em {right:.3f}  {rate:.2f}/s  {left:.0f} s left  {progress.tokens:,} tokens"

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
