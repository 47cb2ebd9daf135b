"""Methods in Python, for those who prefer it to a plan."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ..runtime.nesting import RunContext
from ..runtime.tools import Tool, tool
from .recipe import Recipe


def method(function: Callable[..., Awaitable[Any]]) -> Recipe:
    """A method from an async function of the tools and the question:

        @pd.method
        async def mine(ask, question, topk=5):
            docs = await ask.retrieve(question, topk)
            return await ask.answer(question, docs)

    Its calls are recorded in the order of asking, and looked up there when the question goes on or is replayed;
    budgets, deadline and nested runs are those of a plan. What it asks must follow from the question, its inputs and
    what has come back. There is no vetting of it, and no lineage.

    Raises `TypeError` for a function that is not async or whose parameters are not plain.
    """
    if not inspect.iscoroutinefunction(function):
        raise TypeError(f"a method is an async function, and {getattr(function, '__name__', function)!r} is not")
    name = function.__name__
    params = list(inspect.signature(function).parameters.values())[2:]
    inputs = {param.name: param.default for param in params}
    lacking = [each for each, value in inputs.items() if value is inspect.Parameter.empty]
    if lacking:
        raise TypeError(f"the parameter {lacking[0]!r} of the method {name} needs a default: it is an input")

    def own(tools: Mapping[str, Tool]) -> dict[str, Tool]:
        async def run(question: str, inputs: dict, context: RunContext) -> Any:  # type: ignore[type-arg]
            return await context.asking(lambda ask: function(ask, question, **inputs), tools)

        return {name: tool(run, name)}

    given = ", ".join(f"{each!r}: {each}" for each in inputs)
    plan = f"# The method {name} is written in Python.\nfinal_answer = {name}(question, {{{given}}})\n"
    return Recipe(name, "python", plan, inputs, inspect.getdoc(function) or "", own)
