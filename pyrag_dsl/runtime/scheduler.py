"""The asynchronous half of the engine, which keeps calls in flight."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, cast

from ..grammar.diagnostics import Diagnostic, LimitExceeded
from ..interpreter.interpret import Outcome, interpret
from ..interpreter.journal import ByCall, Call, Entry, Times, new, same_arguments
from ..threads import start
from .engine import Escaped, Failure, Run, decision
from .events import HookDecided
from .hooks import Answer
from .result import Result
from .tools import Tool

_SLICE = 0.01  # seconds for which a pass may block the caller's loop
_SHORT = 0.001  # seconds of a pass up to which nothing is done to save passes
_LONGEST_PAUSE = 0.05
_GRACE = 0.1  # seconds that cancelled calls have to clean up before the run ends without them


class Flight:
    """One call of a tool in flight, which may serve several calls of the plan.

    Attributes:
        tool: the tool.
        calls: the calls of the plan that wait for the result.
        keys: the distinct arguments of these calls, in order; more than one only in a batch.
        wanted: for each of these calls, when it was wanted.
        began: when the first attempt was started.
        attempted: when the last attempt was started.
        ended: when it returned; None before that.
        task: the task that awaits the tool; None while the flight waits for a free place.
    """

    __slots__ = ("attempted", "began", "calls", "ended", "keys", "task", "tool", "wanted")

    def __init__(self, tool: Tool, keys: list[str]) -> None:
        self.tool = tool
        self.calls: list[Call] = []
        self.keys = keys
        self.wanted: list[float] = []
        self.began = self.attempted = 0.0
        self.ended: float | None = None
        self.task: asyncio.Future[Any] | None = None

    def add(self, call: Call, now: float) -> None:
        """Let another call of the plan wait for the result."""
        self.calls.append(call)
        self.wanted.append(now)


class TooLong(BaseException):
    """A pass is blocking the caller's loop for too long, and is to be made in another thread."""


class Scheduler:
    """Keeps the wanted calls of one run in flight until the run ends.

    Attributes:
        clock: the clock of the loop, in seconds.
        began: when the outermost run began.
        visiting: whether the loop is the caller's, so that long passes must be made in another thread.
        in_flight: the calls that are in flight, or whose result a hook holds back until others are settled.
        held: the results that are held back.
        blockers: the blockers of the last pass: until one of these calls has come back, a pass finds no new calls.
        complete: whether the last pass has met all calls of the run.
        pause: the time that the last pass took, in seconds.
    """

    def __init__(self, run: Run, *, visiting: bool) -> None:
        self.run = run
        self.visiting = visiting
        self.elsewhere = visiting and run.options.interpreter is not interpret
        self.loop = asyncio.get_running_loop()
        self.clock = self.loop.time
        self.began = run.book.since(self.clock())
        self.flights: dict[int, Flight] = {}
        self.waiting: deque[Flight] = deque()  # flights that wait for a free place among `max_concurrency`
        self.airborne = 0
        self.landed: list[Flight] = []
        self.asked: dict[tuple[str, str], Flight] = {}  # flights that can be shared, by tool and arguments
        self.alone: list[Flight] = []  # flights whose arguments have not been written out for `asked` yet
        self.in_flight: ByCall[bool] = ByCall()
        self.held: ByCall[tuple[Call, Entry]] = ByCall()
        self.blockers: frozenset[str] = frozenset()
        self.complete = False
        self.pause = 0.0
        self.wake: asyncio.Future[None] | None = None

    async def drive(self) -> Result:
        """Carry out the run. However it ends, all calls in flight are cancelled."""
        run = self.run
        run.begin()
        left = None if run.deadline is None else max(0.0, run.deadline - time.monotonic())
        alarm = None if left is None else self.loop.call_later(left, self.ring)
        try:
            while True:
                outcome, wanted = await self.look()
                if outcome is not None and outcome.status != "waiting":
                    return run.finish(outcome)
                if run.options.replay:
                    if not self.reused(wanted):
                        raise run.not_recorded(await self.interpret())
                    continue
                run.computing = False  # from here on, tools and hooks may block the thread
                first = outcome.wanted[0] if outcome is not None and (run.failures.found or self.held.found) else None
                if first is not None and await self.decided(first, cast(Outcome, outcome)):
                    continue
                departing: Sequence[Call] = wanted
                if self.in_flight.found:
                    departing = [call for call in wanted if not self.in_flight.get(call.node, call.arguments)]
                if run.trusting and run.contradicted(departing):
                    run.distrust()
                    continue
                room = run.room
                if len(departing) > room and (self.flights or room > 0):  # the other calls may not be needed
                    departing = departing[: max(room, 0)]
                if departing:
                    await self.launch(departing)
                del outcome, wanted, departing  # free the memory of the pass while the run waits
                await self.landings()
                if run.expired():
                    raise run.out_of_time(run.snapshot())
        except asyncio.CancelledError as cancelled:
            run.cancelled = True
            trace = run.trace(run.snapshot(), "cancelled", ())
            run.close(trace)
            cancelled.__dict__["trace"] = trace  # for a caller that has not named a file
            raise
        finally:
            if alarm is not None:
                alarm.cancel()
            await self.abandon()

    async def look(self) -> tuple[Outcome | None, tuple[Call, ...]]:
        """Make passes over the current journal. Returns a sequential outcome if one was made, and the calls to make."""
        run = self.run
        self.blockers = frozenset()
        if not run.trusting:
            outcome = await self.interpret()
            return outcome, outcome.wanted
        # Only a sequential pass finds the statements that hooks are told of; without hooks, it is made at the end.
        if run.listening or (not self.flights and (self.complete or len(run.journal) == run.program.call_sites)):
            outcome = await self.interpret()
            if outcome.status != "waiting":
                return outcome, ()
        ahead = await self.interpret(concurrent=True)
        self.complete = ahead.complete
        missing = [call for call in ahead.wanted if run.failures.get(call.node, call.arguments) is None]
        if missing and len(missing) == len(ahead.wanted) and not self.held:
            self.blockers = ahead.blockers
            return None, ahead.wanted
        outcome = await self.interpret()
        if outcome.status == "waiting" and not any(_same(outcome.wanted[0], call) for call in missing):
            missing.insert(0, outcome.wanted[0])
        return outcome, tuple(missing)

    async def interpret(self, *, concurrent: bool = False) -> Outcome:
        """Make one pass. If it blocks the caller's loop for too long, it is made again in another thread."""
        run, clock = self.run, self.clock
        began = clock()

        def interrupt() -> bool:
            if clock() > began + _SLICE:
                raise TooLong
            return run.expired()

        try:
            if not self.elsewhere:
                return run.interpret(concurrent=concurrent, interrupt=interrupt if self.visiting else None)
        except TooLong:
            self.elsewhere = True
        finally:
            self.pause = min(clock() - began, _LONGEST_PAUSE)
        try:
            return cast(Outcome, await in_thread(lambda _: run.interpret(concurrent=concurrent), None))
        finally:
            self.pause = min(clock() - began, _LONGEST_PAUSE)

    async def decided(self, first: Call, outcome: Outcome) -> bool:
        """Settle the first missing call if it has failed, or if its result is held back.

        Returns:
            Whether it was settled, so that another pass is needed.

        Raises:
            PlanError: the call has failed, and no re-run can be undone.
        """
        run = self.run
        failure = run.failures.get(first.node, first.arguments)
        if failure is not None:
            if run.undo(first):
                return True
            raise run.call_failed(failure, outcome)
        kept = self.held.discard(first.node, first.arguments)
        if kept is None:
            return False
        call, entry = kept
        self.in_flight.discard(call.node, call.arguments)
        run.journal.record(await run.after(call, entry, True) or entry)
        run.settled(call)
        return True

    # ------------------------------------------------------------------ departure

    async def launch(self, calls: Sequence[Call]) -> None:
        """Start calls. Equal calls of idempotent tools share a flight, and calls of a tool with `batch` form one."""
        run = self.run
        batches: dict[str, Flight] = {}
        lends = run.journal.lends
        for call in calls:
            if (overdrawn := run.overdrawn()) and not run.journal.holds(call):
                diagnostic = Diagnostic(overdrawn.code, overdrawn.message, call.span, nodes=(call.node,))
                raise run.error(LimitExceeded, (diagnostic,), run.snapshot(), "limit")
            if run.options.hooks:
                try:
                    call, given = await run.before(call)
                except Failure as failure:
                    run.failures.put(call.node, call.arguments, failure.diagnostic)
                    continue
                if given is None and (reused := run.reuse(call)) is not None:
                    await self.keep(call, reused)
                    continue
                run.launch(call)
                run.started(call)
                if given is not None:
                    await self.land(call, given.result, 0.0)
                    continue
            elif lends and (reused := run.reuse(call)) is not None:
                run.journal.record(reused)
                continue
            else:
                run.launch(call)
            self.in_flight.put(call.node, call.arguments, True)
            tool, now = run.tools[call.tool], self.clock()
            alone = tool.context is not None or not tool.idempotent or (len(calls) == 1 and not self.flights)
            key = _key(call) if tool.batch is not None or not alone else ""
            shared = self.sharing(call, key) if key and tool.idempotent else None
            if shared is not None:
                shared.add(call, now)
                continue
            if tool.batch is not None:
                flight = batches.setdefault(call.tool, Flight(tool, []))
                flight.add(call, now)
                if key not in flight.keys:
                    flight.keys.append(key)
            else:
                flight = Flight(tool, [key])
                flight.add(call, now)
                self.depart(flight)
            if not key:
                if tool.context is None:
                    self.alone.append(flight)
            elif tool.idempotent:
                self.asked[call.tool, key] = flight
        for flight in batches.values():
            self.depart(flight)

    def reused(self, calls: Sequence[Call]) -> bool:
        """Adopt the results of equal calls of other runs. Returns whether there were any."""
        found = [entry for entry in map(self.run.reuse, calls) if entry is not None]
        for entry in found:
            self.run.journal.record(entry)
        return bool(found)

    def sharing(self, call: Call, key: str) -> Flight | None:
        """A flight of the same tool with the same arguments, or None."""
        while self.alone:
            flight = self.alone.pop()
            flight.keys = [_key(flight.calls[0])]
            if flight.tool.idempotent and id(flight) in self.flights:
                self.asked[flight.tool.name, flight.keys[0]] = flight
        return self.asked.get((call.tool, key))

    def depart(self, flight: Flight) -> None:
        """Start a flight now, or when a place is free."""
        self.flights[id(flight)] = flight
        options = self.run.options
        if self.airborne >= options.max_concurrency:
            self.waiting.append(flight)
            return
        self.airborne += 1
        flight.began = flight.attempted = self.clock()  # later than `wanted` if the flight had to wait
        tool = flight.tool
        # A tool that makes a nested run has no timeout or retries of its own: the deadline of the outermost run holds
        # for it, and the calls of the nested run have timeouts.
        at_once = (options.call_timeout is None and not options.retries) or tool.context is not None
        alone = tool.is_async and len(flight.keys) == 1 and at_once
        flight.task = self.loop.create_task(self.travel(flight, alone))

    async def travel(self, flight: Flight, alone: bool) -> Any:
        """Await the result of a flight and call `arrive`, which a callback of the task would do one turn later."""
        try:
            if not alone:
                return await self.fly(flight)
            call, tool = flight.calls[0], flight.tool
            return await (tool.call if tool.context is None else self.run.handed(call))(call.arguments)
        except (SystemExit, KeyboardInterrupt) as error:
            raise _ending(error) from None
        finally:
            self.arrive(flight)

    async def fly(self, flight: Flight) -> Any:
        """Await the result of a flight, or the list of results of a batch, with retries and a timeout."""
        options = self.run.options
        tool = flight.tool
        for attempt in range(options.retries + 1):
            try:
                if len(flight.keys) > 1:
                    distinct = {_key(call): tool.handed(call.arguments) for call in flight.calls}
                    return await self.perform(tool.batch, [distinct[key] for key in flight.keys], False)
                call = flight.calls[0]
                return await self.perform(self.run.handed(call), call.arguments, tool.is_async)
            except Exception as error:
                if attempt >= options.retries or not tool.idempotent:
                    raise
                now = self.clock()
                self.run.missed(flight.calls[0], error, self.times(flight, flight.wanted[0], now), final=False)
                flight.attempted = now
        raise AssertionError("unreachable")

    async def perform(self, function: Any, argument: Any, asynchronous: bool) -> Any:
        """Call a function of the host: await an async one, and run a plain one in a thread of its own."""

        async def work() -> Any:
            if asynchronous or inspect.iscoroutinefunction(function):
                return await called(function, argument)
            result = await in_thread(function, argument)
            return await called(lambda coroutine: coroutine, result) if inspect.iscoroutine(result) else result

        timeout = self.run.options.call_timeout
        return await (work() if timeout is None else asyncio.wait_for(work(), timeout))

    # -------------------------------------------------------------------- arrival

    def arrive(self, flight: Flight) -> None:
        """Record that a flight has ended."""
        flight.ended = self.clock()
        self.landed.append(flight)
        self.ring()

    def ring(self) -> None:
        """Wake the run if it waits."""
        if self.wake is not None and not self.wake.done():
            self.wake.set_result(None)

    async def landings(self) -> None:
        """Receive results, until another pass may find new calls.

        If passes take long, results are collected for as long as the last pass took, so that passes take at most half
        of the time, however many calls return one by one.
        """
        useless = await self.landing()
        if not self.flights or not (useless or self.pause > _SHORT):
            return
        until = self.clock() + self.pause
        while self.flights and (useless or (self.pause > _SHORT and self.clock() < until)):
            useless = await self.landing(None if useless else until) and useless

    async def landing(self, until: float | None = None) -> bool:
        """Wait for the next results and receive them.

        Returns:
            Whether another pass would find no new calls.

        Raises:
            LimitExceeded: the deadline has passed.
        """
        run = self.run
        if not self.flights:
            return False
        if not self.landed:
            if not run.expired():
                alarm = None if until is None else self.loop.call_at(until, self.ring)
                self.wake = self.loop.create_future()
                await self.wake
                self.wake = None
                if alarm is not None:
                    alarm.cancel()
            if not self.landed:
                if until is not None and not run.expired():
                    return True
                raise run.out_of_time(run.snapshot())
        landed, self.landed = self.landed, []
        self.airborne -= len(landed)
        for flight in landed:
            del self.flights[id(flight)]
            for key in flight.keys if self.asked else ():
                self.asked.pop((flight.tool.name, key), None)
        if not self.flights:
            self.alone.clear()
        while self.waiting and self.airborne < run.options.max_concurrency:
            self.depart(self.waiting.popleft())
        failed = len(run.failures)
        for flight in landed:
            await self.unload(flight)
        nothing_new = bool(self.blockers) and self.blockers.isdisjoint(
            call.node for flight in landed for call in flight.calls
        )
        return nothing_new and bool(self.flights) and len(run.failures) == failed and not run.watchers

    async def unload(self, flight: Flight) -> None:
        """Give the result of a flight to the calls that wait for it."""
        assert flight.task is not None
        assert flight.ended is not None
        error = asyncio.CancelledError() if flight.task.cancelled() else flight.task.exception()
        elapsed = flight.ended - flight.began
        results = None if error is not None else flight.task.result()
        batch, several = len(flight.keys) > 1, len(flight.calls) > 1
        if error is None and batch and not (isinstance(results, list) and len(results) == len(flight.keys)):
            error = TypeError("a batch must return one result for each set of arguments")
        payers: dict[str, Call] = {}
        began = self.began
        for call, wanted in zip(flight.calls, flight.wanted):  # noqa: B905  # they are added together
            if error is not None:
                await self.fail(call, error, self.times(flight, wanted, flight.ended))
                continue
            times: Times = new(Times, (wanted - began, max(wanted, flight.began) - began, flight.ended - began))
            if not several:
                await self.land(call, results, elapsed, times)
                continue
            key = _key(call)
            result = cast("list[Any]", results)[flight.keys.index(key)] if batch else results
            payer = payers.setdefault(key, call) if flight.tool.idempotent else call
            await self.land(call, result, elapsed, times, None if payer is call else payer)

    async def land(
        self, call: Call, result: Any, elapsed: float, times: Times | None = None, asked_by: Call | None = None
    ) -> None:
        """Receive the result of a call: ask the hooks about it, and record it in the journal."""
        run = self.run
        self.in_flight.discard(call.node, call.arguments)
        try:
            entry = run.receive(call, result, elapsed, times, asked_by)
        except Failure as failure:
            run.failures.put(call.node, call.arguments, run.failed(call, failure, times))
            return
        if run.watchers:
            await self.keep(call, entry)
        else:
            run.journal.record(entry)

    async def keep(self, call: Call, entry: Entry) -> None:
        """Ask the hooks about a result, and record it unless one of them waits."""
        run = self.run
        kept = await run.after(call, entry, not run.trusting) if run.watchers else entry
        if kept is None:
            self.held.put(call.node, call.arguments, (call, entry))
            self.in_flight.put(call.node, call.arguments, True)
        else:
            run.journal.record(kept)
            run.settled(call)

    def times(self, flight: Flight, wanted: float, ended: float) -> Times:
        """The times of the last attempt of a flight."""
        return Times(wanted - self.began, max(wanted, flight.attempted) - self.began, ended - self.began)

    async def fail(self, call: Call, error: BaseException, times: Times) -> None:
        run = self.run
        self.in_flight.discard(call.node, call.arguments)
        for hook in run.options.hooks:
            stand_in = await decision(hook, "on_error", (Answer,), call, error)
            if stand_in is not None:
                run.decide(HookDecided(hook=type(hook).__name__, node=call.node, decision="stand-in"))
                await self.land(call, stand_in.result, 0.0)
                return
        run.failures.put(call.node, call.arguments, run.failed(call, error, times))

    async def abandon(self) -> None:
        """Cancel all calls in flight, and wait shortly until they end; a call that does not end is left to the loop."""
        tasks = [flight.task for flight in self.flights.values() if flight.task is not None]
        for task in tasks:
            task.cancel()
            task.add_done_callback(_forget)
        if tasks:
            await asyncio.wait(tasks, timeout=_GRACE)
        self.flights.clear()


def _forget(task: asyncio.Future[Any]) -> None:
    """Read the exception of an abandoned call, so that asyncio does not report it."""
    if not task.cancelled():
        task.exception()


async def called(function: Callable[[Any], Any], argument: Any) -> Any:
    """Await an async tool. It is called only here, inside its task, so that no coroutine is left unawaited."""
    try:
        return await function(argument)
    except (SystemExit, KeyboardInterrupt) as error:
        raise _ending(error) from None


def _ending(error: BaseException) -> BaseException:
    """The exception for a tool that tries to end the process: it ends only the call."""
    if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
        return error  # a person may have interrupted the process
    return Escaped(error)


def _same(one: Call, other: Call) -> bool:
    return one.node == other.node and same_arguments(one.arguments, other.arguments)


def _key(call: Call) -> str:
    """The arguments of a call as text, in which values that are equal but differ in type are different."""
    return repr(call.arguments)


def in_thread(function: Any, argument: Any) -> Awaitable[Any]:
    """Call a plain function in another thread. A function that never returns is abandoned."""
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
            error = Escaped(error)  # a future cannot hold StopIteration, and SystemExit must only fail the call
        with suppress(RuntimeError):  # the loop is closed, so nothing waits for the result
            loop.call_soon_threadsafe(settle, result, error)

    start(lambda: function(argument), deliver)
    return future
