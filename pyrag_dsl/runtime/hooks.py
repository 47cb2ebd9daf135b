"""Where a host can look into a run and change its course.

    class Audit(pd.Hook):
        def before_call(self, call):
            if "password" in call.arguments["query"]:
                return pd.Veto("not about passwords")

Every method may be left out; all but `on_event` may be `async def`. One that returns what is no decision ends the run
with a `TypeError`, and so does, before anything is called, one that nobody would ask because its name is misspelt. What
a hook decides is written to the trace, so that a replay decides alike without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..interpreter.journal import Call

if TYPE_CHECKING:
    from .events import Event
    from .lineage import Lineage


@dataclass(frozen=True, slots=True)
class Change:
    """From `before_call`: call with these arguments instead (only those that change)."""

    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Veto:
    """From `before_call`: do not call; the run ends with `ToolFailed` and this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """From `before_call` or `after_call`: this is the result."""

    result: Any


@dataclass(frozen=True, slots=True)
class Rerun:
    """From `after_call`: change the arguments of calls by node, and go on from there.

    Whatever depended on the old results is asked again; the rest is kept. If a call that this brings about fails, it
    is taken back: the old results stand, and the same is not tried again.
    """

    overrides: Mapping[str, Mapping[str, Any]]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """From `after_call`: keep the result back until all calls before this one are settled, then ask again.

    For a decision that must not depend on which call comes back first. One call after the other, it never waits.
    """


@dataclass(frozen=True, slots=True)
class Finished:
    """What `after_call` is told.

    Attributes:
        call: the call; `call.arguments` are those it was made with.
        result: what came back.
        settled: whether all calls before this one in program order have returned, and no hook has to decide about them.
        lineage: which calls this one depends on, computed when it is asked for.
    """

    call: Call
    result: Any
    settled: bool
    lineage: Lineage
    _look: Callable[[], tuple[Call, ...]]

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls known so far, in program order, with their results."""
        return self._look()


def watching(hooks: Iterable[Hook]) -> list[Hook]:
    """Those of the hooks that look at results."""
    return [hook for hook in hooks if type(hook).after_call is not Hook.after_call]


class Hook:
    """The base class of hooks. Every method does nothing; override those that you need."""

    def before_call(self, call: Call) -> Change | Veto | Answer | None:
        """Called before a call is made."""

    def after_call(self, finished: Finished) -> Answer | Rerun | Wait | None:
        """Called when a call has returned; again for the same node after a re-run."""

    def on_event(self, event: Event) -> None:
        """Called with each event as it happens, which is not program order."""

    def on_error(self, call: Call, error: BaseException) -> Answer | None:
        """Called when a call has failed and is not repeated. An `Answer` takes the place of its result."""
