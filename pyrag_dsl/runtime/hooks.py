"""Where a host can look into a run and change its course.

    class Audit(pd.Hook):
        def before_call(self, call):
            if "password" in call.arguments["query"]:
                return pd.Veto("not about passwords")

Every method may be left out. What a hook decides is written to the trace, so that a replay decides alike without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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

    Whatever depended on the old results is asked again; the rest is kept.
    """

    overrides: Mapping[str, Mapping[str, Any]]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """What `after_call` is told.

    Attributes:
        call: the call; `call.arguments` are those it was made with.
        result: what came back.
        lineage: on demand, which calls this one depends on.
        calls: all calls known so far, in program order.
    """

    call: Call
    result: Any
    lineage: Lineage
    calls: tuple[Call, ...] = field(default=())


class Hook:
    """The base of hooks; every method does nothing."""

    def before_call(self, call: Call) -> Change | Veto | Answer | None:
        """A call is about to be made."""

    def after_call(self, finished: Finished) -> Answer | Rerun | None:
        """A call has come back. May be called again for the same node after a re-run."""

    def on_event(self, event: Event) -> None:
        """Something happened; in the order of happening, which is not program order."""

    def on_error(self, call: Call, error: BaseException) -> Answer | None:
        """A call has failed for good. An `Answer` stands in for its result."""
