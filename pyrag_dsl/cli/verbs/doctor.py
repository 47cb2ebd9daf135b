"""`pyrag doctor`: say what is installed and what is missing, and whether the model and the retriever answer."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path
from typing import Annotated, Any

import typer

from ... import __version__
from ...models.engines import engine_version
from .. import options as o
from .. import status
from ..config import ModelChoice, answering, read_config
from ..screen import Screen, stderr
from ..services import model_of
from ..status import Stop


def add(app: typer.Typer) -> None:
    app.command(
        epilog=o.examples(
            "pyrag doctor",
            "pyrag doctor --llm-base-url http://localhost:8000/v1 --model NAME --retriever http://localhost:8001",
        )
    )(doctor)


def doctor(
    llm: o.Llm = None,
    llm_base_url: o.BaseUrl = None,
    model: o.Model = None,
    api_key_env: o.ApiKeyEnv = None,
    retriever: o.Retriever = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="The configuration, as in `pyrag ask`.")
    ] = None,
) -> int:
    """Say what is installed and what is missing, and test the model and the retriever that are named.

    Exit status: 0 if everything that was named answers, 5 if something does not answer.
    """
    settings = read_config(config)
    answers = answering(settings, llm_base_url, model, api_key_env, llm)
    place = retriever or settings.retrieval.retriever
    screen = Screen(sys.stdout)
    screen.line(("pyrag_dsl ", "strong"), f"{__version__}, Python {sys.version.split()[0]}, {sys.platform}")
    _extras(screen)
    well = [_isolation(screen)]
    if answers.base_url and answers.name:
        well.append(_tried(screen, f"model {answers.name} at {answers.base_url}", lambda: _model(answers)))
    else:
        screen.line(
            ("- ", "dim"),
            "no model was named: --llm-base-url and --model, --llm, LLM_BASE_URL and LLM_MODEL, or --config",
        )
    if place:
        well.append(_tried(screen, f"retriever at {place}", lambda: _retriever(str(place))))
    return status.OK if all(well) else status.TOOL


def _extras(screen: Screen) -> None:
    """Show each extra with the packages that it lacks, according to the metadata of this package."""
    from packaging.requirements import Requirement

    wanted: dict[str, list[str]] = {}
    for line in metadata("pyrag-dsl").get_all("Requires-Dist") or ():
        requirement = Requirement(line)
        for extra in metadata("pyrag-dsl").get_all("Provides-Extra") or ():
            marker = requirement.marker
            if marker is not None and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""}):
                wanted.setdefault(extra, []).append(requirement.name)
    for extra, names in sorted(wanted.items()):
        missing = [each for each in names if not _installed(each)]
        if missing:
            way = f"pip install 'pyrag_dsl[{extra}]'"
            screen.line(("- ", "dim"), f"extra {extra}: lacks {', '.join(missing)}  ", (way, "dim"))
        else:
            screen.line(("ok ", "good"), f"extra {extra}")


def _installed(name: str) -> bool:
    if engine_version(name) is not None:  # vLLM has several package names
        return True
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _isolation(screen: Screen) -> bool:
    """Show whether isolation in a process works on this machine. Return True, because it is not needed."""
    from ...isolation.pool import IsolationUnavailable
    from ...runtime.api import run

    try:
        run("final_answer = 1", {}, isolation="process")
    except IsolationUnavailable as error:
        screen.line(("- ", "dim"), f"isolation=process: {error}")
    else:
        screen.line(("ok ", "good"), "isolation=process")
    return True


def _tried(screen: Screen, what: str, ask: Callable[[], str]) -> bool:
    began = time.monotonic()
    try:
        said = ask()
    except Stop as stop:
        screen.line(("no ", "bad"), f"{what}: {stop.message}")
        return False
    except Exception as error:
        screen.line(("no ", "bad"), f"{what}: {getattr(error, 'public_message', None) or error}")
        return False
    screen.line(("ok ", "good"), f"{what}: {said} ({time.monotonic() - began:.2f} s)")
    return True


def _model(choice: ModelChoice) -> str:
    with model_of(choice, "answer", stderr(quiet=True), {"max_tokens": 16}) as client:
        client.max_retries = 0
        reply: Any = client.complete([{"role": "user", "content": "Say hello."}])
    counted = "tokens are counted" if reply.usage.known else "it counts no tokens: limits of tokens will not work"
    return f"it answers, as {reply.model}; {counted}"


def _retriever(place: str) -> str:
    from ...retrieval import RemoteRetriever, retriever_at

    served = place.startswith(("http://", "https://"))
    with RemoteRetriever(place, retries=0) if served else retriever_at(place) as client:
        hits = client.search("the", 3)
    scored = "with scores" if hits and hits[0].score is not None else "without scores"
    return f'it answers, {len(hits)} passages for "the", {scored}'
