"""The worker of `isolation="process"`: it makes passes for its host, and can do almost nothing else.

`pool.py` starts it with an empty environment and one useful descriptor, a socket on 0. After it has imported
everything, it gives up for ever: opening anything (no descriptor is left, not even for a socket), starting processes or
threads, writing files, dumping core, the user if that is root, and memory beyond a bound. Then it answers requests, one
after the other, until the socket closes. It never gets tools, secrets or results of other processes. The host does not
trust its replies.
"""

from __future__ import annotations

import math
import os
import pkgutil
import resource
import signal
import sys
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any

from .. import interpreter as interpreter_package
from ..grammar.diagnostics import Diagnostic, PlanRejected
from ..grammar.language import DEFAULT_SIGNATURES, Signature
from ..grammar.nodes import walk
from ..grammar.program import Program
from ..grammar.vet import parse
from ..interpreter.border import Unfit, export
from ..interpreter.codec import decode, encode
from ..interpreter.interpret import Outcome, interpret
from ..interpreter.journal import Call, Entry, Journal, Override
from ..interpreter.limits import Limits
from ..interpreter.previews import Preview
from . import seccomp
from .wire import HEADER, pack, signatures, unpack

SOCKET = 0
STOP = signal.SIGUSR1  # tells the worker that the time is over: the pass ends at its next check
PROGRAMS = 64  # parsed plans that are kept
_SHOWN = 130  # characters of a text that a preview may need

# The real memory may be several times the charge: an item is charged 16 bytes, and a small integer in a list takes 40.
# The charge must reach its limit first, so that a run ends as in one process.
_REAL = 8
_SLACK = 64 * 2**20
_CPU = 3_600  # seconds of processor time of a worker; it offers to retire after half of them

WARM_UP = r"""
import re, json, math, datetime, statistics, itertools, string
from collections import Counter, defaultdict, namedtuple
from functools import lru_cache, reduce
docs = retrieve("query", topk=3)
found = re.search(r"(\d+)\s*(?:a|b)*?x(?!y)", "12 aax") or re.findall(r"(a+)+$", "aaaa!")
when = datetime.datetime.strptime("12 May 1922", "%d %B %Y").strftime("%Y-%m-%d")
text = f"{json.dumps({'a': [1, 2.5, None]})} {'é'.upper()!a:>10} {math.sqrt(2):.3f} {1_000:,}"
try:
    int("x")
except ValueError as error:
    final_answer = str(error)
final_answer = [text, when, sorted({3, 1}), Counter("abca").most_common(1)]
"""
MISTAKES = "docs = retreive('a')\nfinal_answer = anser(docs, tpok=1).splitt()\nimport os\n"


@dataclass(slots=True, kw_only=True)
class Known:
    """A run that this worker knows: everything that its passes have in common."""

    program: Program
    index: dict[int, int]
    signatures: dict[str, Signature]
    limits: Limits
    now: datetime
    inputs: dict[str, Any]
    entries: dict[int, Entry] = field(default_factory=dict)  # by the host's number


class Worker:
    """Answers requests. It keeps the state of each run until the host sends `forget`."""

    def __init__(self, baseline: int, ceiling: int) -> None:
        self.baseline = baseline
        self.ceiling = ceiling
        self.runs: dict[int, Known] = {}
        self.programs: OrderedDict[str, tuple[Program, dict[int, int]]] = OrderedDict()
        self.stopped = False
        signal.signal(STOP, self.stop)

    def stop(self, *_: Any) -> None:
        self.stopped = True

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one request: vet a plan, or make one pass."""
        if "vet" in request:
            return self.vet(request["vet"], request["tools"], request["inputs"])
        for run in request["forget"]:
            self.runs.pop(run, None)
        if request["new"] is not None:
            self.runs[request["run"]] = self.meet(request["new"])
        known = self.runs[request["run"]]
        for number in request["gone"]:
            known.entries.pop(number, None)
        for number, node, tool, arguments, result in request["entries"]:
            known.entries[number] = Entry(node, tool, decode(arguments), decode(result))
        self.restrain(known.limits)
        self.stopped = False
        outcome = interpret(
            known.program,
            Journal(known.entries.values()),
            signatures=known.signatures,
            limits=known.limits,
            overrides=_overrides(request["overrides"]),
            withheld=frozenset(request["withheld"]),
            interrupt=lambda: self.stopped,
            now=known.now,
            concurrent=request["concurrent"],
            cautious=request["cautious"],
            inputs=known.inputs,
        )
        retire = time.process_time() > _CPU / 2
        if isinstance(outcome.error, MemoryError):
            outcome = outcome._replace(diagnostics=(out_of_memory(outcome.diagnostics),), error=None)
            retire = True
        brief = request["concurrent"] or bool(request["withheld"])
        return {**report(outcome, known, brief, request["variables"]), "retire": retire}

    def vet(self, source: str, tools: Any, inputs: Any) -> dict[str, Any]:
        """Parse a text for the first time. If that ends the process, it is only a worker."""
        self.restrain(Limits())
        with suppress(PlanRejected):  # the host parses it again, and gets the reasons
            self.program(source, tools, inputs)
        return {"vetted": True, "retire": False}

    def program(self, source: str, tools: Any, inputs: Any) -> tuple[Program, dict[int, int]]:
        """A program, and the numbers of its nodes. Raises `PlanRejected`."""
        key = f"{tools!r}\n{inputs!r}\n{source}"
        if key not in self.programs:
            program = parse(source, signatures(tools), inputs=inputs)
            self.programs[key] = (program, {id(node): at for at, node in enumerate(walk(program.body))})
            if len(self.programs) > PROGRAMS:
                self.programs.popitem(last=False)
        self.programs.move_to_end(key)
        return self.programs[key]

    def meet(self, new: dict[str, Any]) -> Known:
        inputs = {name: decode(value) for name, value in new["inputs"]}
        program, index = self.program(new["source"], new["tools"], sorted(inputs))
        return Known(
            program=program,
            index=index,
            signatures=signatures(new["tools"] if new["signatures"] is None else new["signatures"]),
            limits=Limits(**new["limits"]),
            now=decode(new["now"]),
            inputs=inputs,
        )

    def restrain(self, limits: Limits) -> None:
        """Limit the memory and processor time of the next pass."""
        soft = min(self.ceiling, self.baseline + _REAL * limits.memory + _SLACK)
        set_limit("RLIMIT_AS", soft, self.ceiling)
        seconds = math.ceil(min(_CPU, time.process_time() + (limits.deadline or _CPU))) + 1
        set_limit("RLIMIT_CPU", min(seconds, _CPU), _CPU)


def report(outcome: Outcome, known: Known, brief: bool, variables: bool) -> dict[str, Any]:
    """An outcome as a message, in which entries of the journal and nodes are numbers."""
    numbers = {id(entry): number for number, entry in known.entries.items()}
    told: dict[str, Any] = {
        "status": outcome.status,
        "resolved": outcome.resolved,
        "value": encode(outcome.value) if outcome.status == "done" else None,
        "diagnostics": [diagnostic.to_json() for diagnostic in outcome.diagnostics],
        "calls": [_call(call, numbers) for call in outcome.calls],
        "blockers": sorted(outcome.blockers),
        "complete": outcome.complete,
        "calls_after": outcome.calls_after,
        "left_out": outcome.statements_left_out,
        "statements": [] if brief else [[known.index[id(node)], _shown(item)] for node, item in outcome.statements],
        "printed": "" if brief else outcome.printed,
    }
    if variables:
        told["variables"] = {}
        for name, value in outcome.variables.items():
            if type(name) is str:
                try:
                    told["variables"][name] = encode(export(value, known.limits))
                except Unfit:
                    continue
    return told


def _overrides(told: dict[str, Any]) -> dict[str, tuple[Override, ...]]:
    return {
        node: tuple([Override(decode(changes), None if seen is None else decode(seen)) for changes, seen in rules])
        for node, rules in told.items()
    }


def _call(call: Call, numbers: dict[int, int]) -> list[Any]:
    """A call as a message: its place, the number of its entry, and its arguments if the host does not know them."""
    asked = call.asked if call.asked is not None or call.entry is not None else call.arguments
    return [
        call.node,
        list(call.span),
        None if call.entry is None else numbers[id(call.entry)],
        None if asked is None else encode(dict(asked)),
    ]


def _shown(item: Any) -> Any:
    """The part of a statement's value that the trace shows."""
    if type(item) is Preview:
        return [item.kind.__name__, item.size, None if item.first is None else _cut(item.first)]
    return _cut(item) if type(item) is str else encode(item)


def _cut(text: str) -> str:
    """A shortened text whose preview is the same as that of the text."""
    if len(text) <= _SHOWN:
        return text
    return text[:_SHOWN] + "'" * ("'" in text) + '"' * ('"' in text)


def out_of_memory(diagnostics: tuple[Diagnostic, ...] = ()) -> Diagnostic:
    span = diagnostics[0].span if diagnostics else None
    return Diagnostic("PLAN403", "the plan used more memory than its process may have", span)


# ----------------------------------------------------------------------- process


def set_limit(name: str, soft: int, hard: int) -> None:
    """Set a limit of this process, if the system has it."""
    kind = getattr(resource, name, None)
    if kind is not None:
        present = resource.getrlimit(kind)[1]
        if present != resource.RLIM_INFINITY:
            hard = min(hard, present)
        resource.setrlimit(kind, (min(soft, hard), hard))


def load_everything() -> None:
    """Import everything that a pass may need, because no file can be opened afterwards."""
    prefix = interpreter_package.__name__ + "."
    for module in pkgutil.walk_packages(interpreter_package.__path__, prefix):
        import_module(module.name)
    for name in ("regex", "unicodedata", "encodings.idna", "_strptime", "decimal"):
        import_module(name)
    with suppress(PlanRejected):  # what only a text with mistakes needs
        parse(MISTAKES, DEFAULT_SIGNATURES)
    program = parse(WARM_UP, DEFAULT_SIGNATURES)
    journal = Journal()
    for concurrent in (True, False):
        outcome = interpret(program, journal, concurrent=concurrent)
        for call in outcome.wanted:
            journal.record(Entry(call.node, call.tool, call.arguments, ["a passage"]))
    outcome = interpret(program, journal)
    if outcome.status != "done":
        raise RuntimeError(f"the interpreter does not work here: {outcome.diagnostics}")
    encode(outcome.value)


def lock_down(memory: int, filtered: bool = True) -> tuple[int, int]:
    """Give up everything that a pass does not need. Returns the used bytes of address space, and their bound.

    A limit of zero descriptors keeps the open ones and refuses new ones. Root could raise its limits again, and is not
    bound by the limit of processes, so the worker becomes another user where the system allows it. The filter of system
    calls comes last, because it would refuse all of this. Without `filtered`, there are only the limits.
    Raises `OSError` where there can be no filter.
    """
    try:
        with open("/proc/self/statm", "rb") as file:
            baseline = int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        baseline = 256 * 2**20
    os.chdir("/")
    os.umask(0o777)
    for name in ("RLIMIT_CORE", "RLIMIT_FSIZE", "RLIMIT_NPROC", "RLIMIT_MEMLOCK", "RLIMIT_NOFILE"):
        set_limit(name, 0, 0)
    set_limit("RLIMIT_AS", baseline + memory, baseline + memory)
    set_limit("RLIMIT_CPU", _CPU, _CPU)
    if os.geteuid() == 0:
        nobody = 65_534
        try:
            os.setgroups([])
            os.setgid(nobody)
            os.setuid(nobody)
        except OSError:
            pass  # a container without that user; the filter holds for root as well
    sys.meta_path.clear()  # nothing is imported from now on
    if filtered:
        seccomp.install()
    return baseline, baseline + memory


def serve(worker: Worker) -> None:
    """Answer requests until the host closes the socket."""
    spare = pack({"memory": True})
    while (header := _read(HEADER.size)) is not None:
        try:
            body = _read(HEADER.unpack(header)[0])
            if body is None:
                return
            request = unpack(body)
            del body
            reply = pack(worker.answer(request))
            if len(reply) > request["cap"]:
                reply = pack({"too_large": True})
        except MemoryError:
            _write(spare)
            return
        except Exception as error:
            reply = pack({"crashed": type(error).__name__})
        _write(reply)


def _read(size: int) -> bytes | None:
    """Read so many bytes; None if the host has closed the socket."""
    parts = []
    while size:
        part = os.read(SOCKET, min(size, 2**20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(SOCKET, view) :]


def main(memory: int, filtered: bool) -> None:
    """Run a worker.

    Args:
        memory: the bytes that it may use beyond those at its start.
        filtered: whether system calls are filtered; if they cannot be, the worker does not start.
    """
    try:
        load_everything()
        worker = Worker(*lock_down(memory, filtered))
    except Exception as error:
        _write(pack({"failed": f"{type(error).__name__}: {error}"}))
        return
    _write(pack({"ready": True}))
    with suppress(ConnectionError, KeyboardInterrupt):
        serve(worker)
