"""The search for broken laws: it tries generated cases, law by law in chunks, and shrinks failures."""

from __future__ import annotations

import hashlib
import itertools
import random
import re
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from .. import __version__
from ..grammar.diagnostics import PlanRejected
from ..interpreter.limits import Limits
from .hostile import hostile_tools
from .laws import (
    LawBroken,
    check_concurrent,
    check_faithful,
    check_monotone,
    check_priced,
    check_replay,
    check_total,
)
from .mutants import mutants
from .operands import STATEMENTS
from .plans import plans
from .probes import all_operands, making, repeated, uses
from .replies import model_replies
from .stateful import stateful_plans
from .stubs import latencies, tool_results

CHUNK = 40
MOST_ALIKE = 3  # the most failures of one kind that are shrunk; further ones are only counted
SHRINKING = 15.0  # seconds to shrink a failure, which may continue after the end of the search

Case = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Law:
    """A law with its generated cases.

    Attributes:
        name: the name of the law.
        check: the function that checks a case, and raises `LawBroken`.
        cases: a function that makes the strategy for cases. A case is a tuple of the arguments of `check`, of which the
            plan is the first.
        call: a format string for the call that repeats a failure. Its fields are the case without the plan.
    """

    name: str
    check: Callable[..., None]
    cases: Callable[[], st.SearchStrategy[Case]]
    call: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A case that breaks a law, shrunk.

    Attributes:
        law: the name of the law.
        text: the smallest plan that was found.
        again: a call that repeats the failure, where `text` is the plan.
        detail: the differences, one in each line.
        seed: the seed of the chunk in which it was found.
    """

    law: str
    text: str
    again: str
    detail: str
    seed: str

    @property
    def name(self) -> str:
        """The name of the file for the failure, which is different for each plan."""
        digest = hashlib.blake2b(self.text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
        return f"{self.law}-{digest}.py"


@dataclass(frozen=True, slots=True)
class Round:
    """The outcome of a chunk of cases.

    Attributes:
        law: the name of the law.
        cases: the number of cases that were tried.
        failure: the first failure; None if there was none.
        alike: the number of failures of a kind that was found `MOST_ALIKE` times before.
    """

    law: str
    cases: int
    failure: Finding | None
    alike: int


def search(laws: Sequence[Law], seconds: float, seed: int, *, chunk: int = CHUNK) -> Iterator[Round]:
    """Try the laws in turn until the time is over. The same seed gives the same cases, as far as the time allows.

    Args:
        laws: the laws, in the order in which they are tried.
        seconds: the time of the search, without the time for shrinking failures.
        seed: any integer.
        chunk: the number of cases in a round.

    Yields:
        A `Round` for each chunk.
    """
    ends = time.monotonic() + seconds
    strategies = [(law, law.cases()) for law in laws]
    known: Counter[str] = Counter()
    for number in itertools.count():
        for law, cases in strategies:
            if time.monotonic() >= ends:
                return
            yield _Chunk(law, f"{seed}/{law.name}/{number}", ends, known).run(cases, chunk)


class _Over(BaseException):
    """The time is over. Hypothesis does not handle this exception, because it is not an `Exception`."""


class _Chunk:
    """Runs one round.

    Failures are stored by case, because an outcome that depends on the time must not change while a case is shrunk.
    """

    def __init__(self, law: Law, seed: str, ends: float, known: Counter[str]) -> None:
        self.law = law
        self.seed = seed
        self.ends = ends
        self.known = known
        self.kind = ""
        self.cases = 0
        self.alike = 0
        self.broken: dict[str, tuple[Case, LawBroken]] = {}

    def run(self, cases: st.SearchStrategy[Case], chunk: int) -> Round:
        profile = settings(
            max_examples=chunk,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        try:
            case = find(cases, self.breaks, settings=profile, random=random.Random(self.seed))
        except NoSuchExample:
            return Round(self.law.name, self.cases, None, self.alike)
        except _Over:
            if not self.broken:
                return Round(self.law.name, self.cases, None, self.alike)
            case = min((case for case, _ in self.broken.values()), key=lambda case: (len(case[0]), case[0]))
        case = self.shorter(case)
        _, error = self.broken[repr(case)]
        self.known[self.kind] += 1
        again = self.law.call.format(*case[1:])
        return Round(
            self.law.name,
            self.cases,
            Finding(self.law.name, case[0], again, error.detail, self.seed),
            self.alike,
        )

    def breaks(self, case: Case) -> bool:
        """Whether a case breaks the law, in the same way as the first case that broke it."""
        key = repr(case)
        if key in self.broken:
            return True
        if time.monotonic() > self.ends:
            raise _Over
        self.cases += 1
        error = self.broken_by(case)
        if error is None:
            return False
        if self.known[error.kind] >= MOST_ALIKE:
            self.alike += 1
            return False
        if not self.kind:
            self.kind = error.kind
            self.ends = time.monotonic() + SHRINKING
        if error.kind != self.kind:
            return False
        self.broken[key] = (case, error)
        return True

    def shorter(self, case: Case) -> Case:
        """Shrink a case: remove lines and blocks, and replace compound statements by their bodies."""
        self.ends = time.monotonic() + SHRINKING / 2
        try:
            place = 0
            while place < len(case[0].splitlines()):
                lines = case[0].splitlines(keepends=True)
                tries = (
                    _without_block(lines, place),
                    lines[:place] + lines[place + 1 :],
                    _freed(lines, place),
                )
                smaller = (("".join(each), *case[1:]) for each in tries)
                found = next((each for each in smaller if each[0] != case[0] and self.breaks(each)), None)
                case, place = (case, place + 1) if found is None else (found, 0)
        except _Over:
            pass
        return case

    def broken_by(self, case: Case) -> LawBroken | None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # odd plans make the parser warn, and coroutines are not awaited
                self.law.check(*case)
        except PlanRejected:
            return None
        except LawBroken as error:
            return error
        except Exception as error:  # an error that no law allows breaks the law as well
            message = f"unexpected {type(error).__name__}: {str(error)[:300]}"
            return LawBroken(self.law.name, case[0], message)
        return None


def _block_end(lines: list[str], place: int) -> int:
    """The index of the first line after the block that belongs to a line."""
    margin = _margin(lines[place])
    return next((at for at in range(place + 1, len(lines)) if _margin(lines[at]) <= margin), len(lines))


def _margin(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _without_block(lines: list[str], place: int) -> list[str]:
    return lines[:place] + lines[_block_end(lines, place) :]


def _freed(lines: list[str], place: int) -> list[str]:
    end = _block_end(lines, place)
    return lines[:place] + [line.removeprefix("    ") for line in lines[place + 1 : end]] + lines[end:]


def write_failure(failure: Finding, folder: Path) -> Path:
    """Write a failure as a file with the plan below comments that describe the failure. Returns the path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / failure.name
    lines = [f"law: {failure.law}", f"found by: pyrag fuzz, version {__version__}, seed {failure.seed}"]
    lines += [f"again: {failure.again}"]
    if not all(char.isprintable() or char == "\n" for char in failure.text):
        lines.append(f"text = {failure.text!a}")
    lines += ["what differed:", *(f"  {line}" for line in failure.detail.splitlines())]
    header = "".join(f"# {_one_line(line)}\n" for line in lines)
    path.write_bytes(f"{header}\n{failure.text}".encode("utf-8", "surrogatepass"))
    return path


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


# ------------------------------------------------------------------------- cases

_BRICKS = (
    "(", ")", "[", "]", "{", "}", "not ", "-", "~", "f'{", "'", '"""', "lambda: ", "if 1:\n ", "while 1: ", "x = ",
    "\n", "\t", " ", ".a", "1 + ", "9", "x, ", "*", "**", "@", "\\\n", "\x00", "\ufeff", "\u202e", "\ud800", "#",
    "await ", "yield ", "answer(", "retrieve('a')", "x", "if x else ", "for x in x ", "é", "\r", "\f", ";", ":",
    "1e999", "0x", "1_", "def f(): ", "return ", "try: ", "import re\n", "print(x)\n", "'a' * 9 ** 9\n",
)  # fmt: skip
_ENDLESS = (
    "while True:\n    pass\n", "x = [1]\nfor y in x:\n    x.append(y)\n", "def f(): return f()\nf()\n",
    "while True:\n    answer('a')\n", "x = 'a'\nwhile True:\n    x = x + x\n", "x = 10 ** 10 ** 10\n",
    "import re\nre.match('(a+)+$', 'a' * 40 + 'b')\n", "x = sum(range(10 ** 12))\n", "x = f'{1:1000000000}'\n",
    "x = []\nx.append(x)\nfinal_answer = x\n", "import itertools\nx = list(itertools.count())\n",
)  # fmt: skip


def any_text() -> st.SearchStrategy[str]:
    """A strategy for texts of all kinds: plans, replies of models, texts that are almost plans, and random texts."""
    bricks = st.tuples(st.sampled_from(_BRICKS), st.sampled_from((1, 1, 1, 2, 3, 50, 1000, 20_000)))
    walls = st.lists(bricks, max_size=12).map(lambda parts: "".join(brick * times for brick, times in parts))
    short = plans(max_statements=8)
    return st.one_of(
        plans(),
        mutants(short),
        mutants(st.sampled_from(_ENDLESS), most=2),
        model_replies(short).map(lambda reply: reply.text),
        st.text(max_size=200),
        walls,
    )


def accepted_texts() -> st.SearchStrategy[str]:
    """A strategy for short and long plans, and for mutants without sets, whose order is not defined."""
    broken = mutants(plans(max_statements=8), most=2).filter(lambda text: "set(" not in text and "{" not in text)
    return st.one_of(plans(), plans(max_statements=30), plans(with_errors=False), broken)


def _vettable() -> st.SearchStrategy[str]:
    return st.one_of(plans(), plans(max_statements=30), mutants(plans(max_statements=8), most=1), stateful_plans())


_RAISABLE = ("steps", "memory", "string", "container", "recursion", "tool_calls", "output", "depth", "events",
             "pattern", "integer_bits", "border")  # fmt: skip
_LOW = Limits(
    steps=2_000, memory=200_000, string=200, container=50, recursion=10, tool_calls=8, output=200, depth=6,
    events=20, pattern=20, integer_bits=256, border=2_000,
)  # fmt: skip
_HIGH = Limits(steps=200_000, tool_calls=200, recursion=120, events=20_000, integer_bits=14_284, border=8 * 1024 * 1024)


@st.composite
def limit_pairs(draw: st.DrawFn) -> tuple[Limits, Limits]:
    """A strategy for pairs of limits: some are as low as what plans use, and the second pair raises some of these."""
    scale = draw(st.sampled_from((1, 4, 16, 64)))
    low = draw(st.sets(st.sampled_from(_RAISABLE), min_size=1))
    raised = draw(st.sets(st.sampled_from(sorted(low)), min_size=1))
    lower = replace(_HIGH, **{name: max(1, getattr(_LOW, name) // scale) for name in low})
    return lower, replace(lower, **{name: getattr(_HIGH, name) for name in raised})


@st.composite
def dear_plans(draw: st.DrawFn) -> str:
    """A strategy for plans that repeat words of the language on operands that are hard to charge for.

    Often a word is used on the result of the word before.
    """
    (kind, _, lines), (_, _, more) = draw(st.tuples(*[st.sampled_from(list(all_operands()))] * 2))
    known = st.sampled_from(uses(kind)) | st.sampled_from(uses(kind, own=True))
    steps = [f"W = {use}" for use in draw(st.lists(known, max_size=3))]
    steps.append(draw(known.map("K.append({})".format) | st.sampled_from(STATEMENTS)))
    if draw(st.booleans()):
        steps[1:] = [re.sub(r"(?<![.\w])X\b", "W", step) for step in steps[1:]]
    return making(("X", lines), ("Y", lines), ("A", more)) + "W = X\n" + repeated(*steps)


def _in_time(text: str, tools: Any, mode: str) -> None:
    check_total(text, tools, limits=Limits(deadline=0.3), mode=mode)


LAWS = (
    Law(
        "faithful",
        check_faithful,
        lambda: st.tuples(accepted_texts(), tool_results()),
        "check_faithful(text, {0!r})",
    ),
    Law(
        "total",
        _in_time,
        lambda: st.tuples(
            any_text(),
            st.one_of(tool_results(), hostile_tools(), hostile_tools()),
            st.sampled_from(("concurrent", "sequential")),
        ),
        "check_total(text, {0!r}, mode={1!r}, limits=Limits(deadline=0.3))",
    ),
    Law(
        "monotone",
        lambda text, tools, limits: check_monotone(text, tools, *limits),
        lambda: st.tuples(_vettable(), tool_results(), limit_pairs()),
        "check_monotone(text, {0!r}, *{1!r})",
    ),
    Law(
        "concurrent",
        check_concurrent,
        lambda: st.tuples(_vettable(), tool_results(), latencies()),
        "check_concurrent(text, {0!r}, {1!r})",
    ),
    Law(
        "replay",
        check_replay,
        lambda: st.tuples(_vettable(), tool_results(), st.none() | latencies()),
        "check_replay(text, {0!r}, {1!r})",
    ),
    Law("priced", check_priced, lambda: st.tuples(dear_plans()), "check_priced(text)"),
)
"""All laws with their cases."""
