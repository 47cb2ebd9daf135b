"""A meter over the vocabulary: what each word takes of memory and of the processor, beside what the plan pays for it.

    python -m pyrag_dsl.testing.meter                  # bytes allocated for each byte paid
    python -m pyrag_dsl.testing.meter --cpu            # the processor's time for each step, too; some minutes
    python -m pyrag_dsl.testing.meter --only 'Counter' # probes whose text matches a regular expression

Each probe of `pyrag_dsl.testing.probes` runs in a process of its own, under limits of the operating system, so that
what would never end is a finding like any other. It is given a few thousand steps and a little memory; the meter
compares what it used up with what the process took. Exit status 1 says that something takes far more than it pays.

This needs a system that forks. Bytes are exact; times are relative to a calibrating loop, the least of several.
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

STEPS = 1_000  # that a probe may take while its bytes are counted
TIMED = 5_000  # that it may take while its time is
LARGER = 16  # times as many, for what does not get through one round
MEMORY = 1024 * 1024  # bytes that it may use
DEAREST = 8.0  # times the calibrating loop, for each step
LARGEST = 4.0  # bytes, for each byte paid
UNPAID = 24  # bytes that each step may take beside: what is small is bounded by the steps
SLACK_BYTES = 16 * 1024
SLACK_SECONDS = 0.001
GUARD_SECONDS = 2  # of the processor, after which a probe is ended
GUARD_BYTES = 1024 * 1024 * 1024  # of address space, on top of what the process has
# What a piece may use, so that the vetter knows it: three statements that are not carried out again.
_KNOWN = (
    "import typing\nX = Y = A = K = Z = W = L = G = F = n = None\ncollections.namedtuple('R', 'f0 f1 f999 f1999')\n"
)


class Measurement(NamedTuple):
    """What a probe took.

    Attributes:
        probe: the probe.
        cpu: the processor's time for each step, in calibrating loops; 0 where it was not measured.
        memory: bytes allocated for each byte paid, what any run needs aside.
        ended: by what: the code of a limit, or "killed" where the system had to end it, or "unmade" and why.
    """

    probe: Probe
    cpu: float
    memory: float
    ended: str

    @property
    def dear(self) -> bool:
        """Whether it takes far more than it pays."""
        return bool(self.excess())

    def excess(self) -> dict[str, float]:
        """What it takes far more of than it pays: "time", in loops for each step, and "memory", in bytes."""
        taken = {"time": (self.cpu, DEAREST), "memory": (self.memory, LARGEST)}
        return {name: value for name, (value, most) in taken.items() if value > most}


class Unmade(Exception):
    """The operands of a probe cannot be made."""


class Bench:
    """A pass that stands still, so that one piece after another can be carried out with the variables it has."""

    def __init__(self, setup: str) -> None:
        self.program = parse(setup)
        limits = Limits(steps=10**8, memory=10**10)
        self.machine = Machine(self.program.tools, limits, Journal(), {}, frozenset(), None, None, EPOCH)
        self.prepare()

    def prepare(self) -> None:
        """Make the operands, again where a probe has changed them."""
        _, ended = self.run(self.program, 10**8, 10**10)
        if ended != "done":
            raise Unmade(ended)
        self.shape = self._shape()

    def tidy(self) -> None:
        """Drop what the last probe has made."""
        variables = self.machine.globals
        variables["K"], variables["Z"], variables["W"], variables["n"] = [], {}, None, 1
        if self._shape() != self.shape:
            self.prepare()

    def _shape(self) -> list[Any]:
        values: list[Any] = [self.machine.globals.get(name) for name in "XYA"]
        return [(id(value), len(value) if type(value) in CONTAINERS else 0) for value in values]

    def run(self, program: Program, steps: int, memory: int) -> tuple[int, str]:
        """The bytes that a program pays, and what ended it."""
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
    """A program that goes on with the variables of a bench; None for what is no plan."""
    try:
        program = parse(_KNOWN + text)
    except PlanRejected:
        return None
    program = replace(program, body=program.body[3:], _lowered={})
    lowered(program, "sequential")
    return program


def timed(bench: Bench, program: Program, steps: int) -> float:
    """Seconds of the processor that a program takes.

    Under a limit on its time, some systems count the time of a process in steps of 4 ms, but that of a thread exactly.
    """
    lowered(program, "sequential")
    began = time.thread_time()
    bench.run(program, steps, 64 * MEMORY)
    return time.thread_time() - began


def weighed(bench: Bench, program: Program, steps: int = STEPS, memory: int = MEMORY) -> tuple[float, str]:
    """Bytes that a program allocates for each that it pays, and what ended it."""
    lowered(program, "sequential")
    tracemalloc.start()
    paid, ended = bench.run(program, steps, memory)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return max(0, peak - SLACK_BYTES - UNPAID * steps) / max(paid, 1024), ended


def pace() -> float:
    """Seconds that a step of the calibrating loop takes: arithmetic on small integers."""
    program, bench, steps = piece("while True: n = n + 1"), Bench("n = 0"), 50_000
    assert program is not None
    return min(timed(bench, program, steps) for _ in range(5)) / steps


def take(bench: Bench, probe: Probe, unit: float) -> Measurement | None:
    """Measure one probe; None if it does not fit its operands. `unit`: seconds of a step; 0 leaves time out."""
    trial = piece(probe.alone)
    if trial is None or bench.run(trial, STEPS, MEMORY)[1] in ("TypeError", "AttributeError"):
        return None
    if type(bench.machine.globals.get("W")) is Iter:  # it is made for nothing, and used up for something
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
        if bench.machine.globals["n"] <= 1:  # in so few steps it did not get through one round
            cpu = _price(bench, bare, LARGER * TIMED, unit)
        bench.tidy()
    return Measurement(probe, cpu, memory, ended)


def _price(bench: Bench, program: Program, steps: int, unit: float) -> float:
    """The processor's time for each step, in calibrating loops: the least of five, or the first that is small."""
    least = float("inf")
    for _ in range(5):
        bench.machine.globals["n"] = 0
        seconds = max(0.0, timed(bench, program, steps) - SLACK_SECONDS)
        least = min(least, seconds / (steps * unit))
        if least <= 0.75 * DEAREST:
            break
    return least


def measure(group: Sequence[Probe], unit: float) -> Iterator[Measurement]:
    """Readings of probes that share their operands."""
    try:
        bench = Bench(group[0].setup)
    except Unmade as unmade:
        yield Measurement(group[0], 0.0, 0.0, f"unmade: {unmade}")
        return
    for probe in group:
        piece(probe.alone)  # read once, and not in every child
    gc.collect()
    gc.freeze()
    begin = 0
    while begin < len(group):
        for at, told in told_by(partial(_take_all, bench, group, begin, unit)):
            begin = at + 1
            if told is not None:
                use, *reading = told
                probe = group[at]._replace(use=use)
                for keep in (True, False):  # so that the next children know them already
                    piece(probe.loop(keep=keep))
                yield Measurement(probe, *reading)
        if begin <= len(group):
            yield Measurement(group[begin - 1], float("inf") if unit else 0.0, float("inf"), "killed")


def _take_all(bench: Bench, group: Sequence[Probe], begin: int, unit: float, tell: Callable[[Any], None]) -> None:
    """Tell the number of each probe before it is measured, and what was measured after; in the end that all is done."""
    for at in range(begin, len(group)):
        tell((at, None))
        guard()
        reading = take(bench, group[at], unit)
        if reading is not None:
            tell((at, (reading.probe.use, *reading[1:])))
    tell((len(group), None))


def told_by(work: Callable[[Callable[[Any], None]], None]) -> Iterator[Any]:
    """What `work` tells, from a process of its own, until it ends or is ended."""
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
    """Bound the memory of this process; what a probe breaks must not be found elsewhere."""
    with open("/proc/self/statm", encoding="ascii") as file:
        present = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (present + GUARD_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def guard(seconds: int = GUARD_SECONDS) -> None:
    """End this process if what comes next takes more than so many seconds of the processor."""
    spent = int(time.process_time()) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (spent + seconds, resource.RLIM_INFINITY))


def spend(text: str, unit: float, *, steps: int = 30_000, memory: int = 8 * MEMORY) -> Measurement:
    """What a whole plan without tool calls takes, under limits that are low for a plan.

    Raises:
        PlanRejected: if it is no plan.
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
    """Readings of all probes whose text matches a regular expression."""
    wanted = re.compile(only)
    for group in groups():
        chosen = [probe for probe in group.probes() if wanted.search(f"{probe.word} {probe}")]
        if chosen:
            yield from measure(chosen, unit)


def main(arguments: list[str] | None = None) -> int:
    """Print what takes far more than it pays, the worst first."""
    parser = argparse.ArgumentParser(prog="python -m pyrag_dsl.testing.meter", description=__doc__.split("\n")[0])
    parser.add_argument("--cpu", action="store_true", help="measure the time of the processor too")
    parser.add_argument("--only", metavar="PATTERN", default="", help="a regular expression on the probes")
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
    print(f"{count:,} probes, {len(dear):,} take more than they pay")
    return 1 if dear else 0


def _line(reading: Measurement) -> str:
    return f"{_factor(reading.cpu)} {_factor(reading.memory)} {reading.ended:9} {reading.probe}"


def _factor(value: float) -> str:
    return f"{'endless' if value == float('inf') else f'{value:,.1f}' if value else '-':>9}"


if __name__ == "__main__":
    sys.exit(main())
