"""The meter: it compares the memory and time that each word of the language takes with its charge.

    python -m pyrag_dsl.testing.meter                  # bytes allocated for each byte charged
    python -m pyrag_dsl.testing.meter --cpu            # also the processor time for each step; takes some minutes
    python -m pyrag_dsl.testing.meter --only 'Counter' # only probes whose text matches a regular expression

The probes of `pyrag_dsl.testing.probes` run in child processes under limits of the operating system, so that an
operation that never ends is found as well. Each probe has a few thousand steps and a little memory. The meter compares
its charges with what the process took. Exit status 1 means that a probe takes far more than its charge.

This needs a system with `fork`. Bytes are exact. A time is the least of several measurements, in units of a calibration
loop.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import re
import resource
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from typing import Any, NamedTuple

from ..grammar.diagnostics import PlanRejected
from ..grammar.program import Program
from ..grammar.vet import parse
from ..interpreter.interpret import EPOCH, lowered
from ..interpreter.journal import Journal
from ..interpreter.limits import LimitHit, Limits
from ..interpreter.machine import Machine
from ..interpreter.values import CONTAINERS, Iter
from .probes import Probe, groups

STEPS = 1_000  # the limit of steps of a probe while its bytes are counted
TIMED = 5_000  # the limit of steps of a probe while its time is measured
LARGER = 16  # the factor on `TIMED` for a probe that does not complete one round
MEMORY = 1024 * 1024  # the limit of memory of a probe, in bytes
DEAREST = 8.0  # the most time for a step, in steps of the calibration loop
LARGEST = 4.0  # the most bytes allocated for each byte charged
UNPAID = 24  # bytes that each step may allocate without a charge: the limit of steps bounds them
SLACK_BYTES = 16 * 1024
SLACK_SECONDS = 0.001
GUARD_SECONDS = 2  # processor time after which a probe is killed
GUARD_BYTES = 1024 * 1024 * 1024  # of address space, in addition to that of the process
# Three statements that bind the names of a piece for the vetter. They are not executed.
_KNOWN = (
    "import typing\nX = Y = A = K = Z = W = L = G = F = n = None\ncollections.namedtuple('R', 'f0 f1 f999 f1999')\n"
)


class Measurement(NamedTuple):
    """The time and memory that a probe took.

    Attributes:
        probe: the probe.
        cpu: the processor time for each step, in steps of the calibration loop; 0 if it was not measured.
        memory: the bytes allocated for each byte charged, without those that any run needs.
        ended: how the probe ended: "done", the code of a limit, the class of an exception, "killed" if the system ended
            it, or "unmade: " with the reason why its operands cannot be made.
    """

    probe: Probe
    cpu: float
    memory: float
    ended: str

    @property
    def dear(self) -> bool:
        """Whether the probe takes far more than its charge."""
        return bool(self.excess())

    def excess(self) -> dict[str, float]:
        """The values above their bounds: "time" in calibration steps for each step, "memory" in bytes for each byte."""
        taken = {"time": (self.cpu, DEAREST), "memory": (self.memory, LARGEST)}
        return {name: value for name, (value, most) in taken.items() if value > most}


class Unmade(Exception):
    """The operands of a probe cannot be made."""


class Bench:
    """A machine with the variables of a setup, on which one piece of program after another can be run."""

    def __init__(self, setup: str) -> None:
        self.program = parse(setup)
        limits = Limits(steps=10**8, memory=10**10)
        self.machine = Machine(self.program.tools, limits, Journal(), {}, frozenset(), None, None, EPOCH)
        self.prepare()

    def prepare(self) -> None:
        """Make the operands, or make them again after a probe has changed them. Raises `Unmade`."""
        _, ended = self.run(self.program, 10**8, 10**10)
        if ended != "done":
            raise Unmade(ended)
        self.shape = self._shape()

    def tidy(self) -> None:
        """Drop the values that the last probe has made."""
        variables = self.machine.globals
        variables["K"], variables["Z"], variables["W"], variables["n"] = [], {}, None, 1
        if self._shape() != self.shape:
            self.prepare()

    def _shape(self) -> list[Any]:
        values: list[Any] = [self.machine.globals.get(name) for name in "XYA"]
        return [(id(value), len(value) if type(value) in CONTAINERS else 0) for value in values]

    def run(self, program: Program, steps: int, memory: int) -> tuple[int, str]:
        """Run a program. Returns the bytes that it was charged for, and how it ended."""
        machine = self.machine
        machine.limits = replace(machine.limits, steps=steps, memory=memory)
        machine.fuel, machine.reserve = min(1_000, steps), max(0, steps - 1_000)
        machine.memory, machine.output = memory, machine.limits.output
        machine.printed, machine.statements_left = [], 0
        ended = "done"
        try:
            lowered(program, "sequential")(machine.globals)
        except LimitHit as hit:
            ended = hit.code
        except Exception as error:
            ended = type(error).__name__
        return min(memory - machine.memory, memory) + machine.limits.output - machine.output, ended


@cache
def piece(text: str) -> Program | None:
    """A program that uses the variables of a bench; None if the vetter does not accept the text."""
    try:
        program = parse(_KNOWN + text)
    except PlanRejected:
        return None
    program = replace(program, body=program.body[3:], _lowered={})
    lowered(program, "sequential")
    return program


def timed(bench: Bench, program: Program, steps: int) -> float:
    """The processor time of a program, in seconds.

    The time of the thread is read, because some systems count the time of a process in steps of 4 ms if it is limited.
    """
    lowered(program, "sequential")
    began = time.thread_time()
    bench.run(program, steps, 64 * MEMORY)
    return time.thread_time() - began


def weighed(bench: Bench, program: Program, steps: int = STEPS, memory: int = MEMORY) -> tuple[float, str]:
    """The bytes that a program allocates for each byte that it is charged for, and how it ended."""
    lowered(program, "sequential")
    tracemalloc.start()
    paid, ended = bench.run(program, steps, memory)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return max(0, peak - SLACK_BYTES - UNPAID * steps) / max(paid, 1024), ended


def pace() -> float:
    """The seconds of a step in the calibration loop, which adds small integers."""
    program, bench, steps = piece("while True: n = n + 1"), Bench("n = 0"), 50_000
    assert program is not None
    return min(timed(bench, program, steps) for _ in range(5)) / steps


def take(bench: Bench, probe: Probe, unit: float) -> Measurement | None:
    """Measure one probe. None if the use does not fit the operands.

    Args:
        bench: the bench with the operands.
        probe: the probe.
        unit: the seconds of a step in the calibration loop; 0 to measure only memory.
    """
    trial = piece(probe.alone)
    if trial is None or bench.run(trial, STEPS, MEMORY)[1] in ("TypeError", "AttributeError"):
        return None
    if type(bench.machine.globals.get("W")) is Iter:  # making an iterator costs nothing, but consuming it does
        probe = probe._replace(use=f"list({probe.use})")
    kept, bare = piece(probe.loop(keep=True)), piece(probe.loop(keep=False))
    if kept is None or bare is None:
        return None
    bench.tidy()
    memory, ended = weighed(bench, kept)
    bench.tidy()
    cpu = 0.0
    if unit:
        cpu = _price(bench, bare, TIMED, unit)
        if bench.machine.globals["n"] <= 1:  # the probe did not complete one round in so few steps
            cpu = _price(bench, bare, LARGER * TIMED, unit)
        bench.tidy()
    return Measurement(probe, cpu, memory, ended)


def _price(bench: Bench, program: Program, steps: int, unit: float) -> float:
    """The processor time for each step, in calibration steps: the least of five, or the first that is small."""
    least = float("inf")
    for _ in range(5):
        bench.machine.globals["n"] = 0
        seconds = max(0.0, timed(bench, program, steps) - SLACK_SECONDS)
        least = min(least, seconds / (steps * unit))
        if least <= 0.75 * DEAREST:
            break
    return least


def measure(group: Sequence[Probe], unit: float) -> Iterator[Measurement]:
    """Measure probes that share their operands, in child processes. A probe that kills its process is measured so."""
    try:
        bench = Bench(group[0].setup)
    except Unmade as unmade:
        yield Measurement(group[0], 0.0, 0.0, f"unmade: {unmade}")
        return
    for probe in group:
        piece(probe.alone)  # cached here, so that the children need not parse it
    gc.collect()
    gc.freeze()
    begin = 0
    while begin < len(group):
        for at, told in told_by(partial(_take_all, bench, group, begin, unit)):
            begin = at + 1
            if told is not None:
                use, *reading = told
                probe = group[at]._replace(use=use)
                for keep in (True, False):  # cached here for the next children
                    piece(probe.loop(keep=keep))
                yield Measurement(probe, *reading)
        if begin <= len(group):
            yield Measurement(group[begin - 1], float("inf") if unit else 0.0, float("inf"), "killed")


def _take_all(bench: Bench, group: Sequence[Probe], begin: int, unit: float, tell: Callable[[Any], None]) -> None:
    """Measure probes from `begin` on, and report by `tell`.

    The index of each probe is reported before it is measured, so that the parent knows which one killed the process,
    and again with its measurement. After the last probe, the number of probes is reported.
    """
    for at in range(begin, len(group)):
        tell((at, None))
        guard()
        reading = take(bench, group[at], unit)
        if reading is not None:
            tell((at, (reading.probe.use, *reading[1:])))
    tell((len(group), None))


def told_by(work: Callable[[Callable[[Any], None]], None]) -> Iterator[Any]:
    """Run `work` in a child process, and yield what it reports until the process ends or is killed."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        with os.fdopen(writer, "w", encoding="ascii") as pipe, suppress(BaseException):

            def tell(what: Any) -> None:
                pipe.write(json.dumps(what) + "\n")
                pipe.flush()

            _confine()
            work(tell)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="ascii") as pipe:
        yield from map(json.loads, pipe)
    os.waitpid(child, 0)


def _confine() -> None:
    """Limit the memory of this process, and write no core file."""
    # Without /proc the memory in use is unknown, and macOS does not keep such a limit.
    with suppress(FileNotFoundError), open("/proc/self/statm", encoding="ascii") as file:
        present = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (present + GUARD_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def guard(seconds: int = GUARD_SECONDS) -> None:
    """Let the system kill this process if it takes more than `seconds` of processor time from now on."""
    spent = int(time.process_time()) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (spent + seconds, resource.RLIM_INFINITY))


def spend(text: str, unit: float, *, steps: int = 30_000, memory: int = 8 * MEMORY) -> Measurement:
    """Measure a whole plan without tool calls, under limits that are low for a plan.

    Args:
        text: the plan.
        unit: the seconds of a step in the calibration loop.
        steps: the limit of steps.
        memory: the limit of memory, in bytes.

    Raises:
        PlanRejected: the vetter does not accept the plan.
    """
    program = parse(text)

    def work(tell: Callable[[Any], None]) -> None:
        guard()
        tell(weighed(Bench("n = 0"), program, steps, memory))
        guard()
        tell(_price(Bench("n = 0"), program, steps, unit))

    told = list(told_by(work))
    weight, ended = told[0] if told else (float("inf"), "killed")
    cpu = told[1] if len(told) > 1 else float("inf")
    return Measurement(Probe("plan", "", text, ""), cpu, weight, ended)


def survey(unit: float, only: str = "") -> Iterator[Measurement]:
    """Measure all probes whose text matches a regular expression. `unit` is as in `take`."""
    wanted = re.compile(only)
    for group in groups():
        chosen = [probe for probe in group.probes() if wanted.search(f"{probe.word} {probe}")]
        if chosen:
            yield from measure(chosen, unit)


def main(arguments: list[str] | None = None) -> int:
    """Print the probes that take far more than their charge, the worst first. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m pyrag_dsl.testing.meter", description=__doc__.split("\n")[0])
    parser.add_argument("--cpu", action="store_true", help="also measure processor time")
    parser.add_argument(
        "--only", metavar="PATTERN", default="", help="measure only probes that match this regular expression"
    )
    options = parser.parse_args(arguments)
    unit = pace() if options.cpu else 0.0
    count, dear = 0, []
    for reading in survey(unit, options.only):
        count += 1
        if reading.dear or reading.ended.startswith("unmade"):
            dear.append(reading)
            print(_line(reading), file=sys.stderr, flush=True)
    dear.sort(key=lambda reading: (reading.cpu + reading.memory, str(reading.probe)), reverse=True)
    print(f"{'cpu':>9} {'memory':>9} ended     what")
    for reading in dear:
        print(_line(reading))
    print(f"{count:,} probes, {len(dear):,} take more than their charge")
    return 1 if dear else 0


def _line(reading: Measurement) -> str:
    return f"{_factor(reading.cpu)} {_factor(reading.memory)} {reading.ended:9} {reading.probe}"


def _factor(value: float) -> str:
    return f"{'endless' if value == float('inf') else f'{value:,.1f}' if value else '-':>9}"


if __name__ == "__main__":
    sys.exit(main())
