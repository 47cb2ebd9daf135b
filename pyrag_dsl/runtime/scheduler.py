"""Calls in flight: the asynchronous half of the engine."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

from ..grammar.diagnostics import Diagnostic, LimitExceeded, ToolFailed
from ..interpreter.interpret import Outcome
from ..interpreter.journal import Call
from .engine import Escaped, Failure, Run
from .events import HookDecided
from .plain import dumps, encode
from .result import Result
from .threads import start
from .tools import Tool, handed

_GRACE = 0.1  # seconds that cancelled calls have to clean up before the run ends without them


class Flight:
    """One call of a tool on its way, for one or more calls of the plan.

    Attributes:
        calls: the plan's calls that wait for it.
        keys: the distinct arguments that it asks for, in order; one unless it is a batch.
        began: when it started, for the elapsed time.
    """

    __slots__ = ("began", "calls", "keys", "task", "tool")

    def __init__(self, tool: Tool, calls: list[Call], keys: list[str]) -> None:
        self.tool = tool
        self.calls = calls
        self.keys = keys
        self.began = 0.0
        self.task: asyncio.Future[Any] | None = None


class Scheduler:
    """Keeps the wanted calls of one run in flight until the run ends."""

    __slots__ = ("flights", "in_flight", "landed", "loop", "run", "waiting", "wake")

    def __init__(self, run: Run) -> None:
        self.run = run
        self.loop = asyncio.get_running_loop()
        self.flights: list[Flight] = []
        self.waiting: list[Flight] = []  # for a free place among `max_concurrency`
        self.landed: list[Flight] = []
        self.in_flight: set[str] = set()
        self.wake: asyncio.Future[None] | None = None

    async def drive(self) -> Result:
        """Run to the end. Whatever happens, no call is left in flight that ends when it is cancelled."""
        run = self.run
        run.begin()
        left = None if run.deadline is None else max(0.0, run.deadline - time.monotonic())
        alarm = None if left is None else self.loop.call_later(left, self.ring)
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
                departing = [call for call in wanted if call.node not in self.in_flight]
                if departing and (reason := run.overdrawn()):
                    diagnostic = Diagnostic("PLAN413", reason, departing[0].span, nodes=(departing[0].node,))
                    raise run.error(LimitExceeded, (diagnostic,), run.snapshot(), "limit")
                self.launch(departing)
                del outcome, wanted, departing  # a waiting run holds nothing of a pass
                await self.landing()
                if run.expired():
                    raise run.out_of_time(run.snapshot())
        except asyncio.CancelledError:
            run.cancelled = True
            run.close(run.trace(run.snapshot(), "cancelled", ()))
            raise
        finally:
            if alarm is not None:
                alarm.cancel()
            await self.abandon()

    def look(self) -> tuple[Outcome | None, tuple[Call, ...]]:
        """What is known now: a sequential outcome where that decides, and the calls to make."""
        run = self.run
        if run.options.mode == "sequential" or (run.program.chained and not run.options.hooks):
            outcome = run.interpret()
            return outcome, outcome.wanted
        if not self.flights and len(run.journal) == run.program.call_sites:  # this may well be all
            outcome = run.interpret()
            if outcome.status != "waiting":
                return outcome, ()
        ahead = run.interpret(concurrent=True)
        missing = [call for call in ahead.wanted if call.node not in run.failures]
        if missing and len(missing) == len(ahead.wanted):
            return None, ahead.wanted
        outcome = run.interpret()
        if outcome.status != "waiting" or outcome.wanted[0].node in run.failures:
            return outcome, ()
        if outcome.wanted[0].node not in {call.node for call in missing}:
            missing.insert(0, outcome.wanted[0])
        return outcome, tuple(missing)

    # ------------------------------------------------------------------ departure

    def launch(self, calls: list[Call]) -> None:
        """Send calls off; equal ones of idempotent tools share a flight, and tools that can take a batch get one."""
        run = self.run
        batches: dict[str, Flight] = {}
        for call in calls:
            self.in_flight.add(call.node)
            if run.options.hooks:
                try:
                    call, given = run.before(call)
                except Failure as failure:
                    run.failures[call.node] = failure.diagnostic
                    self.in_flight.discard(call.node)
                    continue
                run.started(call)
                if given is not None:
                    self.land(call, given.result, 0.0)
                    continue
            tool = run.tools[call.tool]
            key = _key(call) if tool.batch is not None or (tool.idempotent and (len(calls) > 1 or self.flights)) else ""
            shared = self.sharing(call, key) if key else None
            if shared is not None:
                shared.calls.append(call)
            elif tool.batch is not None:
                flight = batches.setdefault(call.tool, Flight(tool, [], []))
                flight.calls.append(call)
                if key not in flight.keys:
                    flight.keys.append(key)
            else:
                flight = Flight(tool, [call], [key])
                self.flights.append(flight)
                self.depart(flight)
        for flight in batches.values():
            self.flights.append(flight)
            self.depart(flight)

    def sharing(self, call: Call, key: str) -> Flight | None:
        """A flight that already asks for these arguments of an idempotent tool."""
        for flight in self.flights:
            if (
                flight.tool.name == call.tool
                and flight.tool.idempotent
                and key in (k or _key(flight.calls[0]) for k in flight.keys)
            ):
                flight.keys = [k or key for k in flight.keys]
                return flight
        return None

    def depart(self, flight: Flight) -> None:
        """Start a flight, or let it wait for a free place."""
        options = self.run.options
        if sum(other.task is not None for other in self.flights) >= options.max_concurrency:
            self.waiting.append(flight)
            return
        flight.began = time.monotonic()
        tool, call = flight.tool, flight.calls[0]
        if tool.is_async and len(flight.keys) == 1 and options.call_timeout is None and not options.retries:
            task: asyncio.Future[Any] = self.loop.create_task(guarded(tool.call(call.arguments)))
        else:
            task = self.loop.create_task(self.fly(flight))
        flight.task = task
        task.add_done_callback(lambda _task: self.arrive(flight))

    async def fly(self, flight: Flight) -> Any:
        """The result of a flight (a list of them for a batch), with retries and a timeout."""
        options = self.run.options
        tool = flight.tool
        for attempt in range(options.retries + 1):
            try:
                if len(flight.keys) > 1:
                    distinct = {_key(call): handed(dict(call.arguments)) for call in flight.calls}
                    return await self.perform(tool.batch, [distinct[key] for key in flight.keys], False)
                return await self.perform(tool.call, flight.calls[0].arguments, tool.is_async)
            except Exception:
                if attempt >= options.retries or not tool.idempotent:
                    raise
        raise AssertionError("unreachable")

    async def perform(self, function: Any, argument: Any, asynchronous: bool) -> Any:
        """Call the host: await what is awaitable, and give what is not a thread of its own."""

        async def work() -> Any:
            if asynchronous or inspect.iscoroutinefunction(function):
                return await guarded(function(argument))
            result = await in_thread(function, argument)
            return await guarded(result) if inspect.iscoroutine(result) else result

        timeout = self.run.options.call_timeout
        return await (work() if timeout is None else asyncio.wait_for(work(), timeout))

    # -------------------------------------------------------------------- arrival

    def arrive(self, flight: Flight) -> None:
        """A flight has ended; called by the loop."""
        self.landed.append(flight)
        self.ring()

    def ring(self) -> None:
        """Wake the run up, if it waits."""
        if self.wake is not None and not self.wake.done():
            self.wake.set_result(None)

    async def landing(self) -> None:
        """Wait until a call comes back or the time is over, and take in everything that has come."""
        run = self.run
        if not self.flights:
            return
        if not self.landed:
            if not run.expired():
                self.wake = self.loop.create_future()
                await self.wake
                self.wake = None
            if not self.landed:
                raise run.out_of_time(run.snapshot())
        landed, self.landed = self.landed, []
        for flight in landed:
            self.flights.remove(flight)
        while self.waiting and sum(f.task is not None for f in self.flights) < run.options.max_concurrency:
            self.depart(self.waiting.pop(0))
        for flight in landed:
            self.unload(flight)

    def unload(self, flight: Flight) -> None:
        """Hand the result of a flight to the calls that wait for it."""
        assert flight.task is not None
        for call in flight.calls:
            self.in_flight.discard(call.node)
        error = asyncio.CancelledError() if flight.task.cancelled() else flight.task.exception()
        elapsed = time.monotonic() - flight.began
        results = None if error is not None else flight.task.result()
        if (
            error is None
            and len(flight.keys) > 1
            and not (isinstance(results, list) and len(results) == len(flight.keys))
        ):
            error = TypeError("a batch must return one result for each set of arguments")
        for call in flight.calls:
            if error is not None:
                self.fail(call, error)
            elif len(flight.keys) > 1:
                assert isinstance(results, list)
                self.land(call, results[flight.keys.index(_key(call))], elapsed)
            else:
                self.land(call, results, elapsed)

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
                run.decide(HookDecided(hook=type(hook).__name__, node=call.node, decision="stand-in"))
                self.land(call, stand_in.result, 0.0)
                return
        run.failures[call.node] = run.failed(call, error)

    async def abandon(self) -> None:
        """Cancel what is in flight and wait until it is gone; a call that will not go is left to the loop."""
        tasks = [flight.task for flight in self.flights if flight.task is not None]
        for task in tasks:
            task.cancel()
            task.add_done_callback(_forget)
        if tasks:
            await asyncio.wait(tasks, timeout=_GRACE)
        self.flights.clear()


def _forget(task: asyncio.Future[Any]) -> None:
    """Nobody asks any more how an abandoned call ended."""
    if not task.cancelled():
        task.exception()


async def guarded(work: Awaitable[Any]) -> Any:
    """Await a tool. One that wants to end the process ends its call."""
    try:
        return await work
    except (SystemExit, KeyboardInterrupt) as error:
        if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise  # it may be a person who interrupts
        raise Escaped(error) from None


def _key(call: Call) -> str:
    return dumps(encode(dict(call.arguments)))


def in_thread(function: Any, argument: Any) -> Awaitable[Any]:
    """Call a plain function in another thread: one that never returns is left behind."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if not future.done():
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

    def deliver(result: Any, error: BaseException | None) -> None:
        if error is not None and (isinstance(error, StopIteration) or not isinstance(error, Exception)):
            error = Escaped(error)  # a future cannot hold the one, and the other must not pass for silence
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, error)

    start(lambda: function(argument), deliver)
    return future
