"""What is going on, at the bottom of a terminal: calls under way with their seconds, the plan that a model is writing,
and what may still be spent.

Lines for what has happened stand above, as they do where there is no terminal. Text of strangers is data here, never
markup: it goes out as `Text` of rich, made harmless before.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..agents.writing import PlanInProgress
from ..runtime.events import CallFailed, CallFinished, CallStarted, Event, RunStarted
from ..runtime.hooks import Hook
from ..runtime.nesting import Spending
from .screen import Screen, one_line_kept
from .steps import Steps

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_SHOWN = 12  # calls under way that are shown, and lines of a plan that is being written
_PER_SECOND = 8


@contextmanager
def shown(screen: Screen, *, hidden: bool = False) -> Iterator[tuple[Hook, ...]]:
    """The hooks that show a run on this screen: live where it is a terminal, line by line where it is none.

    Args:
        screen: where it is shown.
        hidden: whether nothing is.
    """
    if hidden:
        yield ()
        return
    if not screen.color and not screen.terminal:
        yield (Steps(screen),)
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(file=screen.stream, no_color=not screen.color, highlight=False, markup=False, emoji=False)
    if console.is_dumb_terminal:
        yield (Steps(screen),)
        return
    steps = LiveSteps(screen)
    with Live(
        get_renderable=lambda: steps.below(console), console=console, refresh_per_second=_PER_SECOND, transient=True,
        redirect_stdout=False, redirect_stderr=False, vertical_overflow="crop",
    ):  # fmt: skip
        screen.above = lambda line: console.print(Text.from_ansi(line), soft_wrap=True)
        try:
            yield (steps,)
        finally:
            screen.above = None


class LiveSteps(Steps):
    """Steps that know what is under way."""

    def __init__(self, screen: Screen, clock: Any = time.monotonic) -> None:
        super().__init__(screen)
        self.clock = clock
        self.under_way: dict[str, tuple[str, float]] = {}
        self.began = clock()
        self.limits: dict[str, Any] = {}
        self.spent = Spending()
        self.writing = PlanInProgress()

    def on_event(self, event: Event) -> None:
        """Take note of what has begun and ended, beside its line."""
        super().on_event(event)
        self.writing.on_event(event)
        if isinstance(event, RunStarted) and not event.within:
            self.limits = dict(event.limits)
        elif isinstance(event, CallStarted):
            self.under_way[event.node] = (self.names.named(event.node), self.clock())
        elif isinstance(event, (CallFinished, CallFailed)):
            self.spent.count(event)
            if isinstance(event, CallFinished) or event.final:
                self.under_way.pop(event.node, None)

    def tree(self) -> list[tuple[int, str, float]]:
        """The calls under way: how deep they are nested, their names, and for how many seconds. Nested ones follow."""
        now = self.clock()
        places = sorted(self.under_way.items(), key=lambda each: [*_parents(each[0], self.under_way), each[1][1]])
        return [(node.count("/"), name, max(0.0, now - began)) for node, (name, began) in places]

    def budget(self) -> str:
        """What was spent, and what may still be."""
        spent, limits = self.spent, self.limits
        parts = [f"{spent.calls} call{'' if spent.calls == 1 else 's'}"]
        if spent.tokens:
            parts.append(f"{spent.tokens:,} tokens")
        if spent.cost:
            parts.append(f"cost {spent.cost:.4f}")
        left = []
        if limits.get("tool_calls") is not None:
            left.append(f"{max(0, limits['tool_calls'] - spent.calls):,} calls")
        if limits.get("tokens") is not None:
            left.append(f"{max(0, limits['tokens'] - spent.tokens):,} tokens")
        if limits.get("cost") is not None:
            left.append(f"cost {max(0.0, limits['cost'] - spent.cost):.4f}")
        if limits.get("deadline") is not None:
            left.append(f"{max(0.0, limits['deadline'] - (self.clock() - self.began)):.0f} s")
        return ", ".join(parts) + (f"; left: {', '.join(left)}" if left else "")

    def below(self, console: Console) -> RenderableType:
        """What stands at the bottom now."""
        from rich.text import Text

        found = self.tree()
        text = Text(no_wrap=True, overflow="ellipsis")
        most = max(1, min(_SHOWN, console.height - 4))
        for depth, name, seconds in found[:most]:
            text.append(f"{'  ' * depth}… ", "yellow")
            text.append(one_line_kept(name)[: max(20, console.width - 16 - 2 * depth)], "cyan")
            text.append(f"  {seconds:.1f} s\n", "dim")
        if len(found) > most:
            text.append(f"and {len(found) - most} more\n", "dim")
        written = self.writing.source.split("\n")
        for line in written[-max(1, min(_SHOWN, console.height - 4 - len(found))) :] if any(written) else ():
            text.append("  │ ", "dim")
            text.append(one_line_kept(line)[: max(20, console.width - 6)] + "\n")
        text.append(f"{self.clock() - self.began:.1f} s  {self.budget()}", "dim")
        return text


def _parents(node: str, under_way: dict[str, tuple[str, float]]) -> list[float]:
    """When the calls began that this one is nested in: what sorts it behind them."""
    parts = node.split("/")
    outer = ["/".join(parts[:deep]) for deep in range(1, len(parts))]
    return [under_way[each][1] for each in outer if each in under_way]
