"""Answers a question by a method: it runs the plan of the method, and returns the outcome."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from ..agents.writing import WRITES_PLANS
from ..grammar.diagnostics import Diagnostic, LimitExceeded, PlanError, PlanFailed, PlanRejected, ToolFailed
from ..interpreter.limits import Limits
from ..quoting import one_line
from ..runtime.api import arun
from ..runtime.hooks import Hook
from ..runtime.tools import signatures_of
from ..runtime.trace import Trace
from .answered import Answered
from .recipe import Host, Recipe
from .record import make_folder, write_folder


async def answer(
    recipe: Recipe,
    question: str,
    host: Host,
    *,
    inputs: Mapping[str, Any] | None = None,
    limits: Limits | Mapping[str, Any] | None = None,
    hooks: Iterable[Hook] = (),
    trace: str | os.PathLike[str] | None = None,
    resume: Trace | str | os.PathLike[str] | None = None,
    output_dir: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Answered:
    """Answer a question.

    Args:
        recipe: the method.
        question: the question.
        host: the models, the retriever and the tools.
        inputs: inputs of the method that differ from its defaults: `{"topk": 10}`.
        limits: the limits of the question, including nested runs; `steps` and `memory` hold for each run.
        hooks: hooks that are asked about all calls.
        trace: a file to which the trace is written during the run.
        resume: an earlier trace of this question; its calls are not made again.
        output_dir: a folder in which the question gets its own folder, with PyRAG's files and the trace.
        options: further options of `pyrag_dsl.run`.

    Raises:
        PlanError: the method failed. The error has `.trace`, and `.answered`, an `Answered` without an answer.
        TypeError, ValueError: an input or an option is unknown, or has a wrong value.
    """
    if not isinstance(question, str):
        raise TypeError(f"a question is a str, not {type(question).__name__}")
    given = recipe.given(inputs or {})
    tools = host.toolset(given.get("adaptive") == "selective")
    if recipe.own is not None:
        tools = {**tools, **recipe.own(tools)}
    missing = sorted(recipe.needs - tools.keys())
    if missing:
        raise ValueError(f"the method {recipe.name} needs the tool `{missing[0]}`: {_WAYS.get(missing[0], 'a model')}")
    folder = None if output_dir is None else make_folder(os.fspath(output_dir), datetime.now())
    program = recipe.program(signatures_of(tools), given)
    called = {name: tools[name] for name in tools if name in program.tools}
    if trace is None and folder is not None:
        trace = folder / "trace.jsonl"
    try:
        result = await arun(
            program, called, inputs={**given, "question": question}, limits=limits, hooks=list(hooks), trace=trace,
            journal=resume, **options,
        )  # fmt: skip
    except BaseException as error:
        kept = getattr(error, "trace", None)
        answered = None if kept is None else Answered(kept, folder)
        told: BaseException = error
        if isinstance(error, PlanError) and answered is not None:
            told = _told(error, answered, recipe)
        told.__dict__.update(trace=kept, answered=answered)
        if answered is not None and kept is not None and folder is not None:
            kept.save(folder / "trace.jsonl")
            write_folder(folder, answered.record, f"{type(told).__name__}: {told}")
        if told is error:
            raise
        raise told from error.__cause__
    answered = Answered(result.trace, folder, result)
    if folder is not None:
        result.trace.save(folder / "trace.jsonl")
        write_folder(folder, answered.record)
    return answered


_WAYS = {"retrieve": "give a retriever", "chunk_read": "give a retriever"}


def _told(error: PlanError, answered: Answered, recipe: Recipe) -> PlanError:
    """The error for the user: if a written plan has failed, it is about this plan."""
    first = error.diagnostics[0]
    run = answered.run
    if run is not None and not run.ok and (isinstance(error, PlanFailed) or any("/" in node for node in first.nodes)):
        if run.trace is None:
            return PlanRejected(_no_plan(run.diagnostics, answered))
        ended = run.trace.finished
        kinds: dict[str, type[PlanError]] = {"limit": LimitExceeded, "tool": ToolFailed}
        kind = kinds.get(ended.status if ended is not None else "", PlanFailed)
        return kind(run.diagnostics or error.diagnostics)
    if recipe.source == "file":
        return error
    earlier = () if run is None or run.ok else run.diagnostics
    return type(error)((_without_place(first), *error.diagnostics[1:], *earlier))


def _without_place(diagnostic: Diagnostic) -> Diagnostic:
    """The diagnostic without its place in the plan of a method, which does not help the user."""
    return replace(diagnostic, span=None)


def _no_plan(found: tuple[Diagnostic, ...], answered: Answered) -> tuple[Diagnostic, ...]:
    """The diagnostics of a reply without any plan."""
    if not found or found[0].code != "PLAN117":
        return found
    last = [call for call in answered.calls if call.tool in WRITES_PLANS][-1]
    tries = len(last.usage.get("dropped", ()))
    shown = "1 try" if tries == 1 else f"{tries} tries"
    begins = f"its last reply begins: {one_line(answered.source[:120])}"
    return (replace(found[0], message=f"the model wrote no plan in {shown}", notes=(begins,)), *found[1:])
