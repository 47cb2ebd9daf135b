"""Tool calls that Python code makes one by one inside a tool; they are recorded in their order, as those of a plan."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ..grammar.diagnostics import Diagnostic, LimitExceeded, PlanError, PlanFailed, Span, ToolFailed
from ..grammar.language import REQUIRED
from ..interpreter.border import check_argument
from ..interpreter.interpret import Outcome
from ..interpreter.journal import Call, Entry, Times
from ..interpreter.limits import PlanFault
from .engine import Run
from .scheduler import called, in_thread
from .tools import handed


class Asking:
    """The tools of a nested run as async methods: `await ask.retrieve("Dune", topk=3)`.

    A call whose result is in the journal is not made. Calls are identified by the order in which they begin, so the
    code between them may depend only on inputs and on results. Hooks are asked before a call, but not after it.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._calls: list[Call] = []
        self._places = asyncio.Semaphore(run.options.max_concurrency)
        run.begin()

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        if name.startswith("_") or name not in self._run.tools:
            raise AttributeError(f"there is no tool {name!r}; there are: {', '.join(self._run.tools)}")
        return lambda *args, **kwargs: self._call(name, args, kwargs)

    async def _call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        run, number = self._run, len(self._calls) + 1
        place = Span(number, 1, number, 1)
        times = sum(call.tool == name for call in self._calls) + 1
        call = Call(f"{name}@{number}:1", f"{name}#{times}", name, self._bound(name, args, kwargs), place, None)
        self._calls.append(call)
        entry = run.journal.find(call.node, name, call.arguments) or run.reuse(call)
        if entry is None:
            wanted = asyncio.get_running_loop().time()
            async with self._places:
                entry = await self._made(call, wanted)
        run.journal.record(entry)
        self._calls[number - 1] = call._replace(entry=entry)
        return handed(entry.result)

    def _bound(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments by parameter name. Raises `TypeError`, as a call of a Python function does."""
        signature = self._run.signatures[name]
        params = signature.params
        given = {**dict(zip((param.name for param in params), args, strict=False)), **kwargs}
        unknown = sorted(given.keys() - {param.name for param in params})
        missing = [param.name for param in params if param.name not in given and param.default is REQUIRED]
        if unknown or missing or len(args) > len(params):
            raise TypeError(f"the arguments of {name} do not fit its signature {signature}")
        try:
            return {
                param.name: check_argument(name, param, given[param.name], self._run.options.limits)
                if param.name in given
                else param.default
                for param in params
            }
        except PlanFault as fault:
            raise TypeError(fault.message) from None

    async def _made(self, call: Call, wanted: float) -> Entry:
        run, clock = self._run, asyncio.get_running_loop().time
        zero, began = run.book.since(wanted), clock()
        overdrawn = run.overdrawn()
        if overdrawn is not None:
            raise LimitExceeded((Diagnostic(overdrawn.code, overdrawn.message, call.span, nodes=(call.node,)),))
        try:
            call, given = await run.before(call)
            run.launch(call)
            run.started(call)
            began = clock()
            result = given.result if given is not None else await self._perform(call)
            return run.receive(call, result, clock() - began, Times(wanted - zero, began - zero, clock() - zero))
        except Exception as error:
            diagnostic = run.failed(call, error, Times(wanted - zero, began - zero, clock() - zero))
            raise ToolFailed((diagnostic,)) from error

    async def _perform(self, call: Call) -> Any:
        tool, function = self._run.tools[call.tool], self._run.handed(call)
        asked = called(function, call.arguments) if tool.is_async else in_thread(function, call.arguments)
        timeout = None if tool.context is not None else self._run.options.call_timeout
        return await (asked if timeout is None else asyncio.wait_for(asked, timeout))

    def ended(self, value: Any = None, error: BaseException | None = None) -> None:
        """Record how the nested run has ended."""
        run = self._run
        status = "done" if error is None else "tool" if isinstance(error, ToolFailed) else "failed"
        diagnostics = error.diagnostics if isinstance(error, PlanError) else ()
        calls = tuple(self._calls)
        wanted = tuple(call for call in calls if call.entry is None)
        outcome = Outcome(status, value, (), calls, wanted, [], [0] * len(calls), 0, "", {})
        run.close(run.trace(outcome, status, diagnostics))


async def asked(run: Run, function: Callable[[Any], Awaitable[Any]]) -> Any:
    """Await an async function of an `Asking`, record its calls, and return its result."""
    ask = Asking(run)
    try:
        value = await function(ask)
    except BaseException as error:
        ask.ended(error=error)
        if isinstance(error, (PlanError, asyncio.CancelledError)) or not isinstance(error, Exception):
            raise
        message = f"the method raised {type(error).__name__}"
        raise PlanFailed((Diagnostic("PLAN300", message),)) from error
    ask.ended(value)
    return value
