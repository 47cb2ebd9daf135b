"""Hooks: with them, a host watches a run and changes its course.

    class Audit(pd.Hook):
        def before_call(self, call):
            if "password" in call.arguments["query"]:
                return pd.Veto("not about passwords")

Every method is optional, and all but `on_event` may be `async def`. A method that returns something other than a
decision ends the run with a `TypeError`. A method with a misspelt name, which would never be called, is a `TypeError`
before the run. Decisions are written to the trace, so that a replay needs no hook.
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
    """From `before_call`: call the tool with these arguments changed."""

    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Veto:
    """From `before_call`: do not make the call. The run ends with `ToolFailed` and this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """From `before_call`, `after_call` or `on_error`: use this result."""

    result: Any


@dataclass(frozen=True, slots=True)
class Rerun:
    """From `after_call`: change the arguments of calls, by node, and make these calls again.

    Calls that depend on the old results are made again as well; all other results are kept. If one of these calls
    fails, the re-run is undone: the old results are used, and the same re-run is not tried again.
    """

    overrides: Mapping[str, Mapping[str, Any]]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """From `after_call`: hold the result back until all calls before this one are settled, then ask the hook again.

    This is for a decision that must not depend on the order in which calls return. In a sequential run, all earlier
    calls are settled, and it has no effect.
    """


@dataclass(frozen=True, slots=True)
class Finished:
    """What `after_call` gets.

    Attributes:
        call: the call; `call.arguments` are the arguments it was made with.
        result: the result of the call.
        settled: whether all calls before this one in program order have returned, with no decision of a hook open.
        lineage: the lineage of the run so far, which is computed when it is used.
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
    """The hooks that have an `after_call`."""
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
