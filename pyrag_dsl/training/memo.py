"""Results of frozen tools and outcomes of plans, kept by content, so that the plans of a group share them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..runtime.scheduler import in_thread
from ..runtime.tools import Reported, Tool

_TOGETHER = 0.005  # seconds for which a call waits for others, to be sent together


class Memo:
    """A cache of values by key, for one event loop. It keeps the values that were used last.

    A value is not kept if making it failed, or if `keep` rejects it.

    Args:
        most: the number of values that are kept, at most.
        keep: whether a value is kept.
    """

    def __init__(self, most: int, keep: Callable[[Any], bool] = lambda _value: True) -> None:
        self.most = most
        self.keep = keep
        self.values: OrderedDict[Hashable, asyncio.Future[Any]] = OrderedDict()

    async def __call__(self, key: Hashable, make: Callable[[], Awaitable[Any]]) -> Any:
        """The value of a key. It is made by `make` if it is not there; concurrent callers wait for the same value."""
        found = self.values.get(key)
        if found is None:
            found = self.values[key] = asyncio.ensure_future(make())
            found.add_done_callback(lambda ended: self._settle(key, ended))
        else:
            self.values.move_to_end(key)
        # If one caller is cancelled, the others must still get the value.
        return await asyncio.shield(found)

    def _settle(self, key: Hashable, ended: asyncio.Future[Any]) -> None:
        if ended.cancelled() or ended.exception() is not None or not self.keep(ended.result()):
            if self.values.get(key) is ended:
                del self.values[key]
            return
        while len(self.values) > self.most:
            self.values.popitem(last=False)


def remembered(tool: Tool, memo: Memo) -> Tool:
    """A tool that keeps its results in `memo`, so that equal calls are made once. It batches calls if `tool` can."""
    ask = _Together(tool) if tool.batch is not None else None

    async def once(**arguments: Any) -> Any:
        async def make() -> Any:
            if ask is not None:
                return await ask(arguments)
            if tool.is_async:
                return await tool.call(arguments)
            return await in_thread(tool.call, arguments)

        return await memo((tool.name, repr(arguments)), make)

    plan = tuple((param.name, "keyword") for param in tool.signature.params)
    return replace(tool, function=once, batch=None, idempotent=True, is_async=True, plan=plan, conversions={})


class _Together:
    """Collects calls that come shortly after each other, and makes them by one batch."""

    def __init__(self, tool: Tool) -> None:
        self.tool = tool
        self.waiting: list[tuple[dict[str, Any], asyncio.Future[Any]]] = []
        self.sending: set[asyncio.Future[Any]] = set()

    async def __call__(self, arguments: Mapping[str, Any]) -> Any:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self.waiting.append((self.tool.handed(arguments), answer))
        if len(self.waiting) == 1:
            loop.call_later(_TOGETHER, self._send)
        return await answer

    def _send(self) -> None:
        calls, self.waiting = self.waiting, []
        task = asyncio.ensure_future(self._sent(calls))
        self.sending.add(task)
        task.add_done_callback(self.sending.discard)

    async def _sent(self, calls: Sequence[tuple[dict[str, Any], asyncio.Future[Any]]]) -> None:
        assert self.tool.batch is not None
        try:
            made = self.tool.batch([arguments for arguments, _ in calls]) if self._coroutine else None
            found = await made if made is not None else await in_thread(self.tool.batch, [each for each, _ in calls])
            answers = list(found)
            if len(answers) != len(calls):
                raise ValueError(f"{self.tool.name}: {len(calls)} calls were answered by {len(answers)} results")
        except Exception as error:
            for _, answer in calls:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_, answer), result in zip(calls, answers, strict=True):
            if not answer.done():
                answer.set_result(result)

    @property
    def _coroutine(self) -> bool:
        return asyncio.iscoroutinefunction(self.tool.batch)


def is_something(value: Any) -> bool:
    """Whether a result is not empty. An empty one may come from a server that is down, so it is not kept."""
    return bool(value.value if isinstance(value, Reported) else value)
