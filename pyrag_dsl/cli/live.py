"""The live view at the bottom of a terminal: running calls, the plan that a model is writing, and the budget.

The lines about past events stand above it, as they do where there is no terminal. Untrusted text is never read as
markup: it is made harmless and then printed as `Text` of rich.
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

_SHOWN = 12  # the most running calls, and the most lines of an unfinished plan, that are shown
_PER_SECOND = 8


@contextmanager
def shown(screen: Screen, *, hidden: bool = False) -> Iterator[tuple[Hook, ...]]:
    """Yield the hooks that show a run on a screen: live on a terminal, otherwise line by line.

    Args:
        screen: where the run is shown.
        hidden: whether the run is not shown, so that there are no hooks.
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
    """Steps that also know which calls are running, and what the run has used."""

    def __init__(self, screen: Screen, clock: Any = time.monotonic) -> None:
        super().__init__(screen)
        self.clock = clock
        self.under_way: dict[str, tuple[str, float]] = {}
        self.began = clock()
        self.limits: dict[str, Any] = {}
        self.spent = Spending()
        self.writing = PlanInProgress()

    def on_event(self, event: Event) -> None:
        """Show the line of an event, and keep the list of running calls up to date."""
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
        """The running calls: depth of nesting, name, seconds so far. A nested call follows the call that it serves."""
        now = self.clock()
        places = sorted(self.under_way.items(), key=lambda each: [*_parents(each[0], self.under_way), each[1][1]])
        return [(node.count("/"), name, max(0.0, now - began)) for node, (name, began) in places]

    def budget(self) -> str:
        """What the run has used and what is left, as text."""
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
        """The current content of the live view."""
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
    """The start times of the calls in which this call is nested. They sort it behind those calls."""
    parts = node.split("/")
    outer = ["/".join(parts[:deep]) for deep in range(1, len(parts))]
    return [under_way[each][1] for each in outer if each in under_way]
