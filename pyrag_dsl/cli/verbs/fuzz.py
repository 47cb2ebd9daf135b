"""`pyrag fuzz`: search for plans, tools and latencies for which a law of the engine does not hold."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import options as o
from .. import status
from ..screen import Screen, stderr, write
from ..status import Stop

if TYPE_CHECKING:
    from ...testing.search import Finding, Law

_NAMES = ("faithful", "total", "monotone", "concurrent", "replay", "priced")
_EVERY = 10.0  # seconds between lines where there is no terminal


def add(app: typer.Typer) -> None:
    app.command(epilog=o.examples("pyrag fuzz --minutes 5", "pyrag fuzz --law concurrent --seed 7"))(fuzz)


def fuzz(
    minutes: Annotated[float, typer.Option(metavar="N", help="The time of the search; 0.5 is half a minute.")] = 1.0,
    law: Annotated[
        list[str] | None,
        typer.Option("--law", metavar="NAME", help=f"Test only this law; may be repeated. One of {', '.join(_NAMES)}."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", help="The seed, such as that of an earlier search; random by default."),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder for failures.")] = Path("pyrag-fuzz"),
    quiet: o.Quiet = False,
) -> int:
    """Test the laws of the engine on generated plans.

    Exit status: 0 if all laws held, 1 if a law was broken, 2 if a law was not tried.
    """
    if not 0 < minutes < 1e6:
        raise Stop("--minutes must be more than 0")
    if out.exists() and not out.is_dir():
        raise Stop(f"--out: {out} is not a directory")
    unknown = [name for name in law or () if name not in _NAMES]
    if unknown:
        raise Stop(f"there is no law {unknown[0]!r}; there are {', '.join(_NAMES)}")
    try:
        from ...testing.search import LAWS
    except ModuleNotFoundError as missing:
        if missing.name != "hypothesis":
            raise
        from ...testing import INSTALL

        raise Stop(f"fuzzing needs Hypothesis, which is not installed: {INSTALL}") from None
    chosen = [each for each in LAWS if not law or each.name in law]
    return _search(chosen, minutes * 60, random.randrange(2**32) if seed is None else seed, out, stderr(quiet=quiet))


def _search(laws: Sequence[Law], seconds: float, seed: int, out: Path, screen: Screen) -> int:
    """Search for failures, show the progress, write the failures, and return the exit status."""
    from ...testing.search import search, write_failure

    screen.line(f"seed {seed}, {seconds:g} s, laws: {', '.join(law.name for law in laws)}")
    cases: Counter[str] = Counter({law.name: 0 for law in laws})
    broken: Counter[str] = Counter()
    alike = 0
    written: dict[Path, Finding] = {}
    with _progress(screen, seconds) as progress:
        for found in search(laws, seconds, seed):
            cases[found.law] += found.cases
            alike += found.alike
            if found.failure is not None:
                try:
                    path = write_failure(found.failure, out)
                except OSError as error:
                    raise Stop(f"cannot write to {out} ({error.strerror or error})") from None
                if path not in written:
                    written[path] = found.failure
                    broken[found.law] += 1
                    progress.tell(found.failure, path)
            progress.update(cases.total(), len(written))
    for name, count in cases.items():
        plans = "1 plan" if broken[name] == 1 else f"{broken[name]} plans"
        verdict = f"broken, {plans} written" if broken[name] else "held" if count else "not tried"
        write(sys.stdout, f"{name:<12}{count:>9,} cases  {verdict}\n")
    if alike:
        write(sys.stdout, f"{alike:,} more cases broke a law in a way that is already written\n")
    for path in written:
        write(sys.stdout, f"{path}\n")
    untried = [name for name, count in cases.items() if not count]
    if untried and not written:
        raise Stop(f"no case of {', '.join(untried)} was tried: give more --minutes")
    return status.FAILED if written else status.OK


def _progress(screen: Screen, seconds: float) -> Any:
    if screen.quiet:
        return nullcontext(_Lines(screen))
    return _Bar(screen, seconds) if screen.terminal else nullcontext(_Lines(screen))


class _Lines:
    """Progress where there is no terminal: a line every few seconds."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.began = self.last = time.monotonic()

    def update(self, cases: int, failures: int) -> None:
        now = time.monotonic()
        if now - self.last >= _EVERY:
            self.last = now
            self.screen.line(f"{now - self.began:.0f} s: {cases:,} cases, {failures} failures")

    def tell(self, failure: Finding, path: Path) -> None:
        first = failure.detail.splitlines()[0] if failure.detail else ""
        self.screen.line((f"{failure.law} is broken", "bad"), f": {first[:200]} -> {path}")


class _Bar:
    """Progress on a terminal."""

    def __init__(self, screen: Screen, seconds: float) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(file=screen.stream, no_color=not screen.color, markup=False, highlight=False)
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn())
        self.bar = Progress(*columns, console=console, transient=True)
        self.task = self.bar.add_task("0 cases", total=seconds)
        self.lines = _Lines(screen)

    def __enter__(self) -> _Bar:
        self.bar.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.bar.stop()

    def update(self, cases: int, failures: int) -> None:
        elapsed = time.monotonic() - self.lines.began
        self.bar.update(self.task, completed=elapsed, description=f"{cases:,} cases, {failures} failures")

    def tell(self, failure: Finding, path: Path) -> None:
        self.bar.stop()
        self.lines.tell(failure, path)
        self.bar.start()
