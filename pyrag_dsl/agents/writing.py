"""The plan that a model is writing, as far as it has: for who shows a run that goes on, and in no trace."""

from __future__ import annotations

import re

from ..models.reply import strip_thinking
from ..runtime.events import CallFailed, CallFinished, CallStarted, Event

WRITES_PLANS = frozenset({"write_plan", "mend_plan"})
"""The tools of `role_tools` whose models write plans."""
_FENCE = re.compile(r"```[ \t]*\w*[ \t]*(?:\n|\Z)")
_FENCE_ENDS = re.compile(r"\n`{1,2}\Z|```")


class PlanInProgress:
    """What a `ChatModel.listener` is told of a plan, while a call that has one written goes on.

    The calls are known from the events of the run, as `Hook.on_event` is told of them. The listener may be called in
    another thread.
    """

    def __init__(self) -> None:
        self._calls: set[str] = set()
        self._said = ""

    def on_event(self, event: Event) -> None:
        """Take note of a call that begins or ends."""
        if isinstance(event, CallStarted) and event.tool in WRITES_PLANS:
            self._calls.add(event.node)
            self._said = ""
        elif isinstance(event, CallFinished) or (isinstance(event, CallFailed) and event.final):
            self._calls.discard(event.node)

    def hear(self, text: str) -> None:
        """What the model has said so far."""
        self._said = text

    @property
    def source(self) -> str:
        """The plan so far, without thinking and without its fence; "" where none is being written."""
        if not self._calls:
            return ""
        said = strip_thinking(self._said)
        fence = _FENCE.search(said)
        return said if fence is None else _FENCE_ENDS.split(said[fence.end() :])[0]
