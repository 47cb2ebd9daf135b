"""The differences between two runs, call by call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..interpreter.journal import same_arguments
from ..quoting import one_line
from ..runtime.trace import Trace


@dataclass(frozen=True, slots=True)
class CallChange:
    """A difference at one call.

    Attributes:
        mark: "-" if only the first run made the call, "+" if only the second did, "~" if both made it differently.
        name: the alias of the call, or its node.
        said: the arguments and result of a call that only one run made.
        details: what differs in a call of both runs: its name, the first value and the second value.
    """

    mark: str
    name: str
    said: str = ""
    details: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Differences:
    """The differences between two runs. It is false if there are none.

    Attributes:
        plans: whether the plans differ.
        changes: the differences between the calls.
        answers: the answers of both runs; None if they are equal.
    """

    plans: bool
    changes: tuple[CallChange, ...]
    answers: tuple[str, str] | None

    def __bool__(self) -> bool:
        return self.plans or bool(self.changes) or self.answers is not None


def differences(one: Trace, other: Trace) -> Differences:
    """Compare two runs of the same plan or method by the nodes of their calls."""
    calls = [{call.node: call for call in trace.calls if not call.speculative} for trace in (one, other)]
    ends = [trace.finished.final_answer if trace.finished is not None else None for trace in (one, other)]
    return Differences(
        one.source != other.source,
        tuple(_changes(*calls)),
        (brief(ends[0]), brief(ends[1])) if ends[0] != ends[1] else None,
    )


def _changes(before: dict[str, Any], after: dict[str, Any]) -> Iterable[CallChange]:
    for node in dict.fromkeys([*before, *after]):
        first, second = before.get(node), after.get(node)
        if first is None or second is None:
            alone = before[node] if second is None else after[node]
            said = f"{brief(alone.arguments)} = {brief(alone.result)}"
            yield CallChange("+" if first is None else "-", alone.alias or node, said)
            continue
        name = second.alias or node
        details = [
            (argument, brief(first.arguments.get(argument)), brief(second.arguments.get(argument)))
            for argument in dict.fromkeys([*first.arguments, *second.arguments])
            if not same_arguments({"": first.arguments.get(argument)}, {"": second.arguments.get(argument)})
        ]
        if first.result != second.result:
            details.append(("result", brief(first.result), brief(second.result)))
        if details:
            yield CallChange("~", name, details=tuple(details))


def brief(value: Any, limit: int = 100) -> str:
    """A value as text on one line, made harmless, of at most `limit` characters."""
    try:
        text = one_line(repr(value)[: limit * 4])
    except ValueError:  # CPython writes no integer of more than 4,300 digits
        return type(value).__name__
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
