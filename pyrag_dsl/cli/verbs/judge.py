"""`pyrag judge`: ask a model which answers of an evaluation are right."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from .. import options as o
from .. import status
from ..config import answering, read_config
from ..inputs import read_inputs, read_prompts
from ..screen import stderr, write
from ..services import model_of, price_of
from ..status import Stop


def add(app: typer.Typer) -> None:
    app.command(
        epilog=o.examples(
            "pyrag judge runs/pyrag --llm-base-url http://localhost:8000/v1 --model NAME",
            "pyrag judge runs/pyrag --llm-base-url URL --model NAME --prompt judge=strict.txt",
        )
    )(judge)


def judge(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `pyrag eval --out` has written.")],
    llm_base_url: o.BaseUrl = None,
    model: o.Model = None,
    api_key_env: o.ApiKeyEnv = None,
    model_options: o.ModelOptions = None,
    prompts: Annotated[
        list[str] | None,
        typer.Option(
            "--prompt",
            metavar="judge=FILE",
            help="Another prompt, which contains {question}, {golden_answers} and {prediction}.",
        ),
    ] = None,
    price: o.ModelPrice = None,
    concurrency: Annotated[int, typer.Option(min=1, metavar="N", help="The most requests in flight.")] = 8,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="The configuration, as in `pyrag ask`.")
    ] = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> int:
    """Ask a model which answers are right, and add its verdicts to the results.

    Verdicts are kept in DIR/judgements.jsonl, and no answer is judged twice. The reply of the judge is one word
    (correct or incorrect, true or false, yes or no). After any other reply, the verdict counts as failed and the answer
    as wrong; the same command asks again. Exit status: 0 if every answer has a verdict, 5 if one has none.
    """
    from ...evaluation import DataError, Judge, judge_folder
    from ...evaluation.judging import PROMPT

    settings = read_config(config)
    choice = answering(settings, llm_base_url, model, api_key_env)
    if not choice.base_url or not choice.name:
        raise Stop("a judge is a model: give --llm-base-url and --model, or set LLM_BASE_URL and LLM_MODEL")
    given = read_prompts(prompts or ())
    if set(given) - {"judge"}:
        raise Stop(f"--prompt: write it as judge=FILE; there is no prompt {next(iter(set(given) - {'judge'}))}")
    fields = {"temperature": 0, "max_tokens": 256, **read_inputs(model_options or (), None, option="--model-option")}
    screen = stderr(quiet=quiet)
    with ExitStack() as stack:
        client = stack.enter_context(
            model_of(choice, "judge", screen, fields, concurrency, price=price_of(price, "--price"))
        )
        try:
            made = asyncio.run(
                judge_folder(folder, Judge(client, choice.name, given.get("judge", PROMPT)), concurrency)
            )
        except DataError as error:
            raise Stop(str(error)) from None
        except ValueError as error:
            raise Stop(f"--prompt judge: {error}") from None
        except KeyboardInterrupt:
            raise Stop(f"interrupted; the same command resumes {folder}", status.INTERRUPTED) from None
    if as_json:
        write(sys.stdout, json.dumps(dict(made.summary)) + "\n")
    else:
        for name, said in made.summary["judged"].items():
            of = f"{said['asked']} answers judged, {said['failed']} without a verdict"
            write(sys.stdout, f"{name}: accuracy {said['accuracy']:.3f}  ({of})\n")
        tokens = made.usage.prompt_tokens + made.usage.completion_tokens
        write(sys.stdout, f"{made.asked} asked now, {made.known} judged before; {tokens:,} tokens\n")
    return status.TOOL if made.failed else status.OK
