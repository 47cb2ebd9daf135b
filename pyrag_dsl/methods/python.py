"""Methods that are written in Python instead of as a plan."""

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

    Its calls are recorded in their order, and are found by this order when the question is resumed or replayed.
    Budgets, deadline and nested runs are as for a plan. Its calls may depend only on the question, the inputs and
    earlier results. The function is not vetted, and has no lineage.

    Raises:
        TypeError: the function is not async, or its parameters are not plain.
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
