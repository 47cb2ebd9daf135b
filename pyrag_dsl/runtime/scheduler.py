"""Calls in flight: the asynchronous half of the engine."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable
from typing import Any

from ..grammar.diagnostics import ToolFailed
from ..interpreter.interpret import Outcome
from ..interpreter.journal import Call
from .engine import Failure, Run
from .plain import dumps, encode
from .result import Result
from .tools import Tool


class Scheduler:
    """Keeps the wanted calls of one run in flight until the run ends."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.slots = asyncio.Semaphore(run.options.max_concurrency)
        self.flights: dict[asyncio.Task[Any], list[Call]] = {}
        self.in_flight: set[str] = set()
        self.done: dict[str, Call] = {}

    async def drive(self) -> Result:
        """Run to the end. Whatever happens, no call is left in flight."""
        run = self.run
        run.begin()
        try:
            while True:
                outcome, wanted = self.look()
                if outcome is not None and outcome.status != "waiting":
                    return run.finish(outcome)
                if run.options.replay:
                    raise run.not_recorded(run.interpret())
                if outcome is not None and outcome.wanted[0].node in run.failures:
                    diagnostic = run.failures[outcome.wanted[0].node]
                    raise run.error(ToolFailed, (diagnostic,), outcome, "tool")
                self.launch([call for call in wanted if call.node not in self.in_flight])
                await self.landing()
        except asyncio.CancelledError:
            run.cancelled = True
            run.close(run.trace(run.interpret(), "cancelled", ()))
            raise
        finally:
            await self.abandon()

    def look(self) -> tuple[Outcome | None, tuple[Call, ...]]:
        """What is known now: a sequential outcome where that decides, and the calls to make."""
        run = self.run
        if run.options.mode == "concurrent":
            ahead = run.interpret(concurrent=True)
            missing = [call for call in ahead.wanted if call.node not in run.failures]
            if len(missing) == len(ahead.wanted) and missing and not ahead.diagnostics:
                return None, ahead.wanted
            outcome = run.interpret()
            if outcome.status != "waiting" or outcome.wanted[0].node in run.failures:
                return outcome, ()
            calls = list(missing)
            if outcome.wanted[0].node not in {call.node for call in calls}:
                calls.insert(0, outcome.wanted[0])
            return outcome, tuple(calls)
        outcome = run.interpret()
        return outcome, outcome.wanted

    def launch(self, calls: list[Call]) -> None:
        """Send calls off; equal ones of idempotent tools share a flight, and tools that can take a batch get one."""
        run = self.run
        ready: list[Call] = []
        for call in calls:
            self.in_flight.add(call.node)
            try:
                call, given = run.before(call) if run.options.hooks else (call, None)
            except Failure as failure:
                run.failures[call.node] = failure.diagnostic
                self.in_flight.discard(call.node)
                continue
            run.started(call)
            if given is not None:
                self.land(call, given.result, 0.0)
            else:
                ready.append(call)
        groups: dict[Any, list[Call]] = {}
        for call in ready:
            tool = run.tools[call.tool]
            key = (call.tool,) if tool.batch else (call.tool, _key(call)) if tool.idempotent else (call.node,)
            groups.setdefault(key, []).append(call)
        for key, group in groups.items():
            tool = run.tools[group[0].tool]
            joined = next(
                (t for t, flying in self.flights.items() if not tool.batch and tool.idempotent and _shares(flying, key)),
                None,
            )
            if joined is not None:
                self.flights[joined] += group
                continue
            self.flights[asyncio.ensure_future(self.fly(tool, group))] = list(group)

    async def fly(self, tool: Tool, group: list[Call]) -> tuple[list[Any], float]:
        """The results of a group of calls, one for each distinct set of arguments, in order."""
        options = self.run.options
        async with self.slots:
            began = time.monotonic()
            for attempt in range(options.retries + 1):
                try:
                    if tool.batch is not None and len({_key(call) for call in group}) > 1:
                        distinct = list({_key(call): dict(call.arguments) for call in group}.values())
                        results = await self.perform(tool.batch, distinct)
                        if not isinstance(results, list) or len(results) != len(distinct):
                            raise TypeError("a batch must return one result for each set of arguments")
                        return results, time.monotonic() - began
                    return [await self.perform(tool.call, dict(group[0].arguments))], time.monotonic() - began
                except Exception:
                    if attempt >= options.retries or not tool.idempotent:
                        raise
        raise AssertionError("unreachable")

    async def perform(self, function: Any, argument: Any) -> Any:
        """Call the host: await what is awaitable, and give what is not a thread of its own."""
        tool = getattr(function, "__self__", None)
        asynchronous = tool.is_async if isinstance(tool, Tool) else asyncio.iscoroutinefunction(function)
        work: Awaitable[Any] = function(argument) if asynchronous else in_thread(function, argument)
        if self.run.options.call_timeout is None:
            result = await work
        else:
            result = await asyncio.wait_for(work, self.run.options.call_timeout)
        if not asynchronous and asyncio.iscoroutine(result):
            result = await result
        return result

    async def landing(self) -> None:
        """Wait until a call comes back or the time is over, and take in everything that has come."""
        run = self.run
        if not self.flights:
            return
        timeout = None if run.deadline is None else max(0.0, run.deadline - time.monotonic())
        done, _ = await asyncio.wait(self.flights, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            raise run.out_of_time(run.interpret())
        for task in done:
            group = self.flights.pop(task)
            self.in_flight.difference_update(call.node for call in group)
            if task.exception() is not None:
                error = task.exception()
                assert error is not None
                for call in group:
                    self.fail(call, error)
                continue
            results, elapsed = task.result()
            by_key = dict(zip(dict.fromkeys(_key(call) for call in group), results, strict=False))
            for call in group:
                self.land(call, by_key.get(_key(call), results[0]), elapsed)

    def land(self, call: Call, result: Any, elapsed: float) -> None:
        """A result has come: into the journal with it, and ask the hooks."""
        run = self.run
        self.in_flight.discard(call.node)
        try:
            entry = run.record(call, result, elapsed)
        except Failure as failure:
            run.failures[call.node] = failure.diagnostic
            return
        if run.watchers:
            run.after(call, entry, run.interpret(concurrent=True).calls)

    def fail(self, call: Call, error: BaseException) -> None:
        run = self.run
        for hook in run.options.hooks:
            stand_in = hook.on_error(call, error)
            if stand_in is not None:
                self.land(call, stand_in.result, 0.0)
                return
        run.failures[call.node] = run.failed(call, error)

    async def abandon(self) -> None:
        """Cancel what is in flight and wait until it is gone."""
        for task in self.flights:
            task.cancel()
        if self.flights:
            await asyncio.gather(*self.flights, return_exceptions=True)
        self.flights.clear()


def _key(call: Call) -> str:
    return dumps(encode(dict(call.arguments)))


def _shares(flying: list[Call], key: Any) -> bool:
    return len(key) == 2 and flying[0].tool == key[0] and _key(flying[0]) == key[1]


def in_thread(function: Any, argument: Any) -> Awaitable[Any]:
    """Call a plain function in a daemon thread: one that never returns cannot keep the process alive."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if not future.done():
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

    def work() -> None:
        try:
            outcome = (function(argument), None)
        except Exception as error:
            outcome = (None, error if not isinstance(error, StopIteration) else RuntimeError("StopIteration"))
        except BaseException as error:  # SystemExit and the like must not pass for silence
            outcome = (None, RuntimeError(type(error).__name__))
        try:
            loop.call_soon_threadsafe(settle, *outcome)
        except RuntimeError:
            pass  # the loop is closed: nobody waits any more

    threading.Thread(target=work, daemon=True, name="pyrag-tool").start()
    return future
