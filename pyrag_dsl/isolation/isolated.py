"""`isolation="process"`: passes in worker processes, as a second wall behind the interpreter.

A pass is a pure function of the program and the journal, so any process can make it: the host calls the tools, and a
worker that can reach nothing interprets. A plan that is given as text is parsed by a worker first (`Isolated.vet`), and
by the host, which needs its nodes, only if that goes well. Each pass is one request and one reply, and the request
holds only what the worker does not know yet. No worker is occupied while a tool works.

A failure of a worker ends only that pass. A worker that is killed, dies or sends an invalid reply is a `LimitExceeded`
of code PLAN400. A worker that does not stop at the deadline is killed (PLAN402), and so is one that exceeds its memory
(PLAN403). The next pass gets a new worker.

A worker is assumed to belong to the attacker. A filter of system calls (`seccomp.py`) confines it, whoever its user is.
On a platform without such a filter, "process" is refused; "rlimits" only limits resources, and uses another user if the
host is root. One thing is not prevented: a plan that has taken over its worker can lie to later runs that the worker
serves until it is retired (`Pool.passes`), as far as `admission.py` accepts its replies.
"""

from __future__ import annotations

import itertools
import math
import weakref
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from ..grammar.diagnostics import Diagnostic, LimitExceeded
from ..grammar.language import Signature
from ..grammar.program import Program
from ..interpreter.codec import Garbled, encode
from ..interpreter.interpret import EPOCH, Outcome, interpret
from ..interpreter.journal import Entry, Journal, Overrides
from ..interpreter.limits import Limits
from ..interpreter.machine import Supply
from .admission import Admission, plan_variables
from .pool import DIED, OVERDUE, Interrupt, Member, Memory, OutOfTime, Pool, Watch, WorkerLost, default_pool
from .wire import pack, signature_rows

KINDS = ("none", "process", "rlimits")
_PATIENCE = 300.0  # seconds for a pass without an interrupt, if the limits have no deadline
_RUNS = 8  # runs that a worker remembers
_BYTES = 32 * 2**20  # bytes of the requests of these runs
_BRIEF = 2**12  # bytes of a reply without content
_runs = itertools.count(1)
_NO_INPUTS: Mapping[str, Any] = {}


class Isolated:
    """`interpret` in a worker, with the same arguments and outcomes, except that `Outcome.error` is always None.

    One object serves one run, and remembers what its workers know of the run. It raises `LimitExceeded`, without a
    trace, if the worker is lost.
    """

    def __init__(self, pool: Pool | None = None, *, filtered: bool = True) -> None:
        self._pool = pool
        self._filtered = filtered
        self._common: tuple[Any, ...] = ()
        self._run = 0
        self._admission: Admission | None = None

    def __call__(
        self,
        program: Program,
        journal: Journal | None = None,
        *,
        signatures: Mapping[str, Signature] | None = None,
        limits: Limits | None = None,
        overrides: Overrides | None = None,
        withheld: frozenset[str] = frozenset(),
        supply: Supply | None = None,
        interrupt: Interrupt | None = None,
        now: datetime = EPOCH,
        concurrent: bool = False,
        cautious: bool = False,
        ahead: None = None,  # noqa: ARG002  # as `interpret` has them; a worker keeps nothing between two passes
        progress: None = None,  # noqa: ARG002
        inputs: Mapping[str, Any] | None = None,
    ) -> Outcome:
        """See `pyrag_dsl.interpret`. After each call that `supply` answers, the pass is made again from the top."""
        journal = journal if journal is not None else Journal()
        given = inputs or _NO_INPUTS
        one = Exchange(self, program, journal, given, signatures or program.tools, limits or Limits(), now)
        request = {"overrides": overrides or {}, "withheld": withheld, "concurrent": concurrent, "cautious": cautious}
        asked = ""
        while True:
            outcome = one.outcome(request, interrupt)
            if supply is None or outcome.status != "waiting" or not outcome.wanted:
                return outcome
            call = outcome.wanted[0]
            if call.node == asked or call.node in withheld:
                return outcome
            asked = call.node
            entry = supply(call)
            if entry is None:
                return outcome
            if journal.find(call.node, call.tool, call.arguments) is None:
                journal.record(entry)

    def vet(
        self, source: str, signatures: Mapping[str, Signature], limits: Limits, inputs: Collection[str] = ()
    ) -> None:
        """Have a worker parse a text before this process does, because the parser may hang, crash or exhaust memory.

        A text that is not a plan is no error here; parsing it in this process gives the reasons.

        Raises:
            LimitExceeded: the worker was lost.
        """
        watch = Watch(None, limits.deadline or _PATIENCE)
        frame = pack({"vet": source, "tools": signature_rows(signatures), "inputs": sorted(inputs), "cap": _BRIEF})
        try:
            member = self.pool.acquire(0, watch)
            usable = False
            try:
                told = member.exchange(frame, _BRIEF, watch)
                usable = told == {"vetted": True, "retire": False}
            finally:
                self.pool.release(member, usable)
        except OutOfTime:
            raise LimitExceeded((Diagnostic("PLAN402", OVERDUE),)) from None
        except WorkerLost as lost:
            raise LimitExceeded((lost.diagnostic,)) from None
        if not usable:
            raise LimitExceeded(((_ended(told) if type(told) is dict else None) or Diagnostic("PLAN400", DIED),))

    @property
    def pool(self) -> Pool:
        return self._pool or default_pool(self._filtered)

    def identify(self, one: Exchange) -> tuple[int, Admission]:
        """The number of the run that this pass belongs to, and the checker of its replies."""
        common = (one.program, one.journal, one.inputs, one.signatures, one.limits, one.now)
        same = len(self._common) == len(common) and all(
            mine is theirs or (at > 2 and mine == theirs)  # program, journal and inputs are compared by identity
            for at, (mine, theirs) in enumerate(zip(self._common, common, strict=True))
        )
        if not same or self._admission is None:
            self._admission = Admission(one.program, one.journal, one.signatures, one.limits)
            self._run = next(_runs)
            self._common = common
        return self._run, self._admission


class Exchange:
    """One request to a worker, and its reply."""

    def __init__(
        self,
        isolated: Isolated,
        program: Program,
        journal: Journal,
        inputs: Mapping[str, Any],
        signatures: Mapping[str, Signature],
        limits: Limits,
        now: datetime,
    ) -> None:
        self.isolated = isolated
        self.program = program
        self.journal = journal
        self.inputs = inputs
        self.signatures = signatures
        self.limits = limits
        self.now = now
        self.run, self.admission = isolated.identify(self)
        self.entries: dict[int, Entry] = {}  # the entries that the worker knows, by number

    def outcome(self, request: Mapping[str, Any], interrupt: Interrupt | None) -> Outcome:
        """Make one pass. Raises `LimitExceeded`."""
        try:
            told = self.reply(request, interrupt, False)
            ended = _ended(told)
            if ended is not None:
                return _limit(ended)
            return self.admission.outcome(told, self.entries, request["overrides"], lambda: self.variables(request))
        except OutOfTime:
            return _limit(Diagnostic("PLAN402", OVERDUE))
        except WorkerLost as lost:
            if lost.diagnostic.code == "PLAN402" and interrupt is not None:
                return _limit(lost.diagnostic)
            raise LimitExceeded((lost.diagnostic,)) from None

    def variables(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The variables of the plan at the end of the pass. Raises `LimitExceeded`."""
        try:
            told = self.reply(request, None, True)
            ended = _ended(told)
            if ended is not None:
                raise LimitExceeded((ended,))
            return plan_variables(told["variables"])
        except (WorkerLost, OutOfTime, Garbled, KeyError) as error:
            found = error.diagnostic if isinstance(error, WorkerLost) else Diagnostic("PLAN400", DIED)
            raise LimitExceeded((found,)) from None

    def reply(self, request: Mapping[str, Any], interrupt: Interrupt | None, variables: bool) -> dict[str, Any]:
        """The reply of a worker. Raises `WorkerLost` or `OutOfTime`."""
        watch = Watch(interrupt, self.limits.deadline or (_PATIENCE if interrupt is None else math.inf))
        pool = self.isolated.pool
        member = pool.acquire(self.run, watch)
        usable = False
        try:
            cap = 4 * self.limits.border + 8 * 2**20
            frame = pack(
                {
                    **self.news(member),
                    "overrides": _rules(request["overrides"]),
                    "withheld": sorted(request["withheld"]),
                    "concurrent": request["concurrent"],
                    "cautious": request["cautious"],
                    "variables": variables,
                    "cap": cap,
                }
            )
            member.known[self.run].size += len(frame)
            told = member.exchange(frame, cap, watch)
            if type(told) is not dict:
                raise WorkerLost(Diagnostic("PLAN400", DIED))
            usable = told.pop("retire", True) is False
            return told
        finally:
            pool.release(member, usable)

    def news(self, member: Member) -> dict[str, Any]:
        """The part of the request that this worker does not know: the run, entries, and runs that it may forget."""
        known = member.known
        forget = [run for run, memory in known.items() if memory.owner() is None]
        mine = known.pop(self.run, None)
        new = mine is None
        if mine is None:
            mine = Memory(weakref.ref(self.isolated))
        rest = sum(memory.size for memory in known.values())
        for run, memory in known.items():
            if run not in forget and (len(known) - len(forget) >= _RUNS or rest > _BYTES):
                forget.append(run)
                rest -= memory.size
        for run in forget:
            del known[run]
        known[self.run] = mine
        self.entries = self.admission.numbered()
        gone = [number for number in mine.sent if number not in self.entries]
        mine.sent.difference_update(gone)
        entries = []
        for number, entry in self.entries.items():
            if number not in mine.sent:
                mine.sent.add(number)
                entries.append([number, entry.node, entry.tool, encode(dict(entry.arguments)), encode(entry.result)])
        return {
            "run": self.run,
            "forget": forget,
            "new": self.introduction() if new else None,
            "gone": gone,
            "entries": entries,
        }

    def introduction(self) -> dict[str, Any]:
        """Everything that a worker must know of a run, except its journal."""
        tools = self.program.tools
        return {
            "source": self.program.source,
            "tools": signature_rows(tools),
            "signatures": None if self.signatures == tools else signature_rows(self.signatures),
            "limits": asdict(self.limits),
            "now": encode(self.now),
            "inputs": [[name, encode(self.inputs[name])] for name in sorted(self.program.inputs)],
        }


def isolated(isolation: str | Pool) -> Callable[..., Outcome]:
    """The interpreter of the passes of one run: this process for "none", else workers.

    With "process", the system calls of workers are filtered, and the first pass raises `IsolationUnavailable` if the
    platform has no filter. "rlimits" uses no filter. A `Pool` is used as it was made.
    """
    if isinstance(isolation, Pool):
        return Isolated(isolation)
    if isolation not in KINDS:
        raise ValueError(f"isolation must be one of {', '.join(KINDS)}, or a Pool, not {isolation!r}")
    return interpret if isolation == "none" else Isolated(filtered=isolation == "process")


def _rules(overrides: Overrides) -> dict[str, Any]:
    """Overrides as a message: for each node, pairs of new arguments and the arguments that they are for."""
    return {
        node: [[encode(dict(rule.changes)), None if rule.seen is None else encode(dict(rule.seen))] for rule in rules]
        for node, rules in overrides.items()
    }


def _ended(told: dict[str, Any]) -> Diagnostic | None:
    """The diagnostic of a reply that is not an outcome; None for an outcome."""
    if told.get("memory") is True:
        return Diagnostic("PLAN403", "the plan used more memory than its process may have")
    if told.get("too_large") is True:
        return Diagnostic("PLAN403", "what the plan asks and answers is too large to leave its process")
    if "crashed" in told:
        name = told["crashed"]
        named = type(name) is str and name.isidentifier() and len(name) < 64
        notes = (f"it was ended by {name}",) if named else ()
        return Diagnostic("PLAN400", DIED, notes=notes)
    return None


def _limit(diagnostic: Diagnostic) -> Outcome:
    return Outcome("limit", None, (diagnostic,), (), (), [], [], 0, "", {})
