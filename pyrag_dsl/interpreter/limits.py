"""The limits of a run. Each has a default and its own diagnostic, and a plan cannot catch it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one run.

    Attributes:
        steps: units of work: about one for each operation, and one for each item that an operation visits.
        deadline: seconds of wall-clock time for the whole run, tool calls included; None for no limit.
        memory: bytes that the plan may allocate over the run.
        string: characters in one string.
        container: items in one container.
        integer_bits: bits in one integer (14,284 bits are at most 4,300 digits, CPython's own limit for text).
        recursion: calls of plan functions that are nested.
        tool_calls: tool calls of the plan.
        regex_seconds: seconds for one operation of a regular expression. All operations of one pass together may take
            eight times as long.
        pattern: characters in one regular expression.
        output: characters that the plan may print.
        depth: containers inside containers, in values that are copied, shown or compared.
        border: items and characters in one tool argument, tool result or final value; what is shared counts as often
            as it is met.
        events: statements that the trace records; the others are only counted.
        topk: passages that one `retrieve` may ask for.
        tokens: tokens that the tools may report as used; recorded calls do not count; None for no limit.
        cost: money that the tools may report as spent, in their own unit; None for no limit.
    """

    steps: int = 1_000_000
    deadline: float | None = 300.0
    memory: int = 48 * 1024 * 1024
    string: int = 4 * 1024 * 1024
    container: int = 1_000_000
    integer_bits: int = 14_284
    recursion: int = 60
    tool_calls: int = 200
    regex_seconds: float = 0.25
    pattern: int = 2_000
    output: int = 100_000
    depth: int = 40
    border: int = 4 * 1024 * 1024
    events: int = 5_000
    topk: int = 100
    tokens: int | None = None
    cost: float | None = None


USUAL = Limits()
UNLIMITED = frozenset({"deadline", "tokens", "cost"})  # the limits that may be None


class LimitHit(BaseException):
    """A limit was exceeded.

    It is not an `Exception`, so that neither a plan nor an `except Exception` in this package catches it.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


class PlanFault(BaseException):
    """An error at the border that a plan cannot catch: wrong arguments for a tool, a value that cannot leave."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
