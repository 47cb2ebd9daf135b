"""Exit statuses, and `Stop`, the exception that ends a command with a message to the user."""

from __future__ import annotations

from ..grammar.diagnostics import LimitExceeded, PlanError, PlanFailed, PlanRejected, ToolFailed

OK = 0
FAILED = 1
USAGE = 2
REJECTED = 3
LIMIT = 4
TOOL = 5
INTERNAL = 70
INTERRUPTED = 130

_OF_ERROR: dict[type[PlanError], tuple[int, str]] = {
    PlanFailed: (FAILED, "failed"),
    PlanRejected: (REJECTED, "rejected"),
    LimitExceeded: (LIMIT, "limit"),
    ToolFailed: (TOOL, "tool"),
}


def of_error(error: PlanError) -> tuple[int, str]:
    """The exit status of a run that ended with this error, and the word for it that traces use."""
    return next((pair for kind, pair in _OF_ERROR.items() if isinstance(error, kind)), (FAILED, "failed"))


class Stop(Exception):
    """Ends the command with one message. The exit status is that of wrong usage, unless another is given."""

    def __init__(self, message: str, status: int = USAGE) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
