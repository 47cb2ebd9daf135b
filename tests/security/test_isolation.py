"""Isolated runs end as runs in this process do; and whatever happens to a worker, the host goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pyrag_dsl as pd
from pyrag_dsl.interpreter.codec import dumps, encode_shown
from pyrag_dsl.isolation.isolated import Isolated
from pyrag_dsl.isolation.pool import IsolationUnavailable, Member, OutOfTime, Pool, WorkerLost, default_pool
from pyrag_dsl.runtime import api
from pyrag_dsl.testing.plans import plans
from pyrag_dsl.testing.stateful import stateful_plans
from pyrag_dsl.testing.stubs import StubTools

pytestmark = pytest.mark.skipif(os.name != "posix", reason="worker processes need a POSIX system")
linux = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks into /proc")

NOW = datetime(2024, 2, 29, 12, 30)
ROOT = Path(__file__).resolve().parents[2]
LOOP = "while True:\n    pass\n"
FOREVER = pd.Limits(steps=10**15, deadline=None)
PLAN = """
docs = retrieve("Dune", topk=3)
names = {word for text in docs for word in text.split()}
found = [answer(f"who wrote {name}?", docs) for name in sorted(names)[:3]]
print(len(names))
final_answer = {"found": tuple(found), "count": len(names)}
"""


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(2) as made:
        yield made


def ending(source: str | pd.Program, *, isolation: Any = "none", tools: Any = None, **options: Any) -> tuple[Any, ...]:
    """All that can be seen of a run but for times: value, variables, lineage, or failure; and the trace."""
    try:
        result = pd.run(source, tools or StubTools(7).functions(), now=NOW, isolation=isolation, **options)
    except pd.PlanRejected:
        return ("rejected",)
    except pd.PlanError as error:
        # Which calls a run that fails has made ahead is a matter of time.
        certain = [
            replace(event, seq=0)
            for event in error.trace.events
            if not getattr(event, "speculative", False)
            and (event.type != "call_failed" or event.node in error.diagnostics[0].nodes)
        ]
        return type(error), error.diagnostics, pd.Trace(certain).without_timings()
    depends = [(call.node, call.depends_on) for call in result.calls]
    shown = dumps(encode_shown([result.final_answer, result.variables, result.printed]))
    return shown, type(result.final_answer), result.lineage, depends, result.trace.without_timings()


def wait_for(what: Callable[[], Any]) -> Any:
    """The first true value of something that comes to be true."""
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        if found := what():
            return found
        time.sleep(0.005)
    raise AssertionError("it never came to be")


def busy(pid: int) -> bool:
    """Whether a process has been computing."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return fields[0] == "R"


# ---------------------------------------------------------------------- equality


@pytest.mark.parametrize("mode", ["sequential", "concurrent"])
def test_recorded_plans_run_alike(shared: Path, pool: Pool, mode: str) -> None:
    paths = sorted((shared / "plans" / "runnable").glob("*.py"))[::4]
    for path in paths:
        source = path.read_text(encoding="utf-8")
        assert ending(source, mode=mode, isolation=pool) == ending(source, mode=mode), path.name
    assert len(paths) >= 35


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(plans(), stateful_plans()), st.integers(0, 50), st.sampled_from(["sequential", "concurrent"]))
def test_generated_plans_run_alike(source: str, seed: int, mode: str) -> None:
    def seen(isolation: str) -> Any:
        """The ending, and the calls as the tools saw them; a failing run may ask ahead, by chance more or less.

        Equal calls that are in flight together may be made once for all: which are is a matter of time.
        """
        asked: list[str] = []

        def watched(name: str, function: Any) -> Any:
            @wraps(function)
            def call(*args: Any, **kwargs: Any) -> Any:
                asked.append(f"{name} {args} {kwargs}")
                return function(*args, **kwargs)

            return call

        tools = {name: watched(name, function) for name, function in StubTools(seed).functions().items()}
        ended = ending(source, tools=tools, mode=mode, isolation=isolation)
        certain = mode == "sequential" or not isinstance(ended[0], type)
        if not certain:
            return ended, None
        return ended, sorted(asked if mode == "sequential" else set(asked))

    assert seen("process") == seen("none")


def test_results_that_are_sets_are_sets_of_the_plan_in_both_modes(pool: Pool, tmp_path: Path) -> None:
    found = {"b", "a", ("c", frozenset({"e", "d"}))}

    def names(of: str) -> Any:  # noqa: ARG001
        return found

    def frozen(of: str) -> Any:  # noqa: ARG001
        return {"all": frozenset(found)}

    source = (
        "a, b = names('x'), frozen('y')['all']\na.add('f')\n"
        "final_answer = [sorted(map(str, a)), list(b), len(b & a), isinstance(b, frozenset)]\n"
    )
    tools = {"names": names, "frozen": frozen}
    for mode in ("sequential", "concurrent"):
        path = tmp_path / f"{mode}.jsonl"
        inside = ending(source, tools=tools, mode=mode, trace=path)
        assert "done" in inside[-1], inside
        assert ending(source, tools=tools, mode=mode, isolation=pool) == inside
        assert ending(source, tools=tools, mode=mode, journal=path, replay=True)[:2] == inside[:2]


def test_overrides_of_a_node_that_is_asked_twice_work_alike(pool: Pool) -> None:
    class Wider(pd.Hook):
        def before_call(self, call: Any) -> Any:
            return pd.Change({"topk": 2}) if call.tool == "retrieve" and call.arguments["topk"] == 3 else None

    source = "for k in (1, 3, 3):\n    docs = retrieve('Dune', topk=k)\nfinal_answer = answer('who?', docs)\n"
    for mode in ("sequential", "concurrent"):
        for options in ({"hooks": [Wider()]}, {"overrides": {"retrieve@2:12[1]": {"topk": 4}}}, {}):
            assert ending(source, mode=mode, isolation=pool, **options) == ending(source, mode=mode, **options)


def test_attacks_end_alike(shared: Path, pool: Pool) -> None:
    found = sorted((shared / "attacks").glob("*.py"))
    paths = [path for path in found if b"expect: limit" in path.read_bytes()]
    for path in paths[:: max(1, len(paths) // 30)]:
        source = path.read_text(encoding="utf-8").replace("result", "final_answer")
        limits = pd.Limits(integer_bits=14_000, steps=100_000)
        assert ending(source, isolation=pool, limits=limits) == ending(source, limits=limits), path.name


VALUES = [
    "range(2, 9, 3)", "{3, 1}", "frozenset('ab')", "{'$set': [1], 2: None}", "2 ** 14000", "-(2 ** 64)", "(1, [2.5])",
    "float('inf')", "'☃' * 3", "Counter('hello')", "defaultdict(list, {'a': [1]})", "OrderedDict(a=1).items()",
    "datetime.datetime(2024, 2, 29, 1, 2, 3, 4, tzinfo=datetime.timezone(datetime.timedelta(hours=2), 'x'))",
    "datetime.timedelta(days=-1, microseconds=3)", "datetime.date.today()", "collections.deque([1, 2], maxlen=2)",
    "'\\ud800'", "lambda: 1", "[[[[]]]]", "namedtuple('P', 'x y')(1, 2)", "1 / 0", "{}.keys()", "b''",
]  # fmt: skip


@pytest.mark.parametrize("expression", VALUES)
def test_values_of_every_type_come_out_alike(pool: Pool, expression: str) -> None:
    source = f"""
import collections, datetime
from collections import Counter, OrderedDict, defaultdict, namedtuple
kept = {expression}
final_answer = kept
"""

    def seen(isolation: Any) -> Any:
        try:
            result = pd.run(source, StubTools(1).functions(), now=NOW, isolation=isolation)
        except pd.PlanError as error:
            return error.diagnostics
        return type(result.final_answer), repr(result.final_answer), repr(result.variables)

    assert seen(pool) == seen("none")


def test_results_of_tools_come_in_alike(pool: Pool) -> None:
    passage = "\ud800 é \u2028"
    box = {"a": [1, 2.5, None, (3, "$x")], "$set": {4}}

    def lookup(key: str) -> Any:  # noqa: ARG001
        return box

    def retrieve(query: str, topk: int = 5) -> list[str]:
        return [passage, query * topk]

    tools = {"lookup": lookup, "retrieve": retrieve}
    source = "a = lookup('k')\nb = retrieve('q', topk=2)\nfinal_answer = [a['a'], a['a'][3][1], b]\n"
    for mode in ("sequential", "concurrent"):
        assert ending(source, tools=tools, mode=mode, isolation=pool) == ending(source, tools=tools, mode=mode)


def test_overrides_replays_and_hooks_work_alike(pool: Pool, tmp_path: Path) -> None:
    class Boost(pd.Hook):
        def before_call(self, call: Any) -> Any:
            return pd.Change({"topk": 2}) if call.tool == "retrieve" and call.arguments["topk"] == 3 else None

        def after_call(self, finished: Any) -> Any:  # noqa: ARG002
            return None

    def seen(isolation: Any, name: str) -> list[Any]:
        tools = StubTools(3).functions()
        path = tmp_path / name
        more: dict[str, Any] = {"tools": tools, "isolation": isolation}
        first = ending(PLAN, trace=path, **more)
        return [
            first,
            ending(PLAN, journal=path, replay=True, **more),
            ending(PLAN, journal=path, overrides={"retrieve#1": {"topk": 1}}, **more),
            ending("# moved\n" + PLAN, journal=pd.Trace.load(path).journal(by_content=True), **more),
            ending(PLAN + "answer('more')\n", journal=path, replay=True, **more),
            ending(PLAN, hooks=[Boost()], **more),
        ]

    assert seen(pool, "isolated.jsonl") == seen("none", "inside.jsonl")


def test_a_tool_that_fails_fails_alike(pool: Pool) -> None:
    def answer(query: str, docs: Any = None) -> str:  # noqa: ARG001
        raise KeyError(query)

    tools = {**StubTools(7).functions(), "answer": answer}
    for mode in ("sequential", "concurrent"):
        assert ending(PLAN, tools=tools, mode=mode, isolation=pool) == ending(PLAN, tools=tools, mode=mode)


def test_tools_stay_in_the_host(pool: Pool) -> None:
    where = []

    def answer(query: str, docs: Any = None) -> str:  # noqa: ARG001
        where.append(os.getpid())
        return "x"

    pd.run("final_answer = answer('a') + answer('b')", {"answer": answer}, isolation=pool)
    assert where == [os.getpid()] * 2


# ------------------------------------------------------------------------- deaths


@linux
def test_a_worker_killed_in_a_pass_is_a_typed_failure_and_is_replaced() -> None:
    with Pool(1) as pool:
        assert ending(PLAN, isolation=pool) == ending(PLAN)
        for _ in range(3):
            (pid,) = pool.pids
            with ThreadPoolExecutor(1) as threads:
                run = threads.submit(ending, pd.parse(LOOP), isolation=pool, limits=FOREVER)
                wait_for(lambda pid=pid: busy(pid))
                os.kill(pid, signal.SIGKILL)
                kind, diagnostics, trace = run.result()
            assert kind is pd.LimitExceeded
            assert [found.code for found in diagnostics] == ["PLAN400"]
            assert "SIGKILL" in diagnostics[0].notes[0]
            assert "run_finished" in trace
            assert ending(PLAN, isolation=pool) == ending(PLAN)
            assert pool.pids != [pid]


@linux
def test_a_worker_killed_between_passes_is_not_noticed() -> None:
    stubs = StubTools(7).functions()
    with Pool(1) as pool:

        def answer(query: str, docs: Any = None) -> Any:
            for pid in pool.pids:
                os.kill(pid, signal.SIGKILL)
                wait_for(lambda pid=pid: _state(pid) in "ZX")
            return stubs["answer"](query, docs)

        tools = {**stubs, "answer": answer}
        assert ending(PLAN, isolation=pool, tools=tools, mode="sequential") == ending(PLAN, mode="sequential")


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return "X"


@linux
def test_killing_at_any_moment_gives_the_answer_or_a_typed_failure() -> None:
    tools = StubTools(7).functions()
    wanted = pd.run(PLAN, tools).final_answer
    done = threading.Event()
    with Pool(2) as pool:

        def assassin() -> None:
            while not done.wait(0.04):
                for pid in pool.pids[:1]:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)

        killer = threading.Thread(target=assassin)
        killer.start()
        try:
            for _ in range(40):
                try:
                    assert pd.run(PLAN, tools, isolation=pool).final_answer == wanted
                except pd.LimitExceeded as lost:
                    assert lost.diagnostics[0].code == "PLAN400"  # noqa: PT017
                    assert lost.trace is None or lost.trace.finished.status == "limit"  # noqa: PT017
                except IsolationUnavailable:  # killed before it was up
                    continue
        finally:
            done.set()
            killer.join()
        assert ending(PLAN, isolation=pool) == ending(PLAN)


def test_a_deadline_in_a_loop_is_that_of_a_run_in_this_process(pool: Pool) -> None:
    limits = pd.Limits(steps=10**15, deadline=0.2)
    with pytest.raises(pd.LimitExceeded) as isolated:
        pd.run(LOOP, StubTools(1).functions(), limits=limits, isolation=pool)
    assert isolated.value.diagnostics[0].code == "PLAN402"
    assert ending(PLAN, isolation=pool) == ending(PLAN)


@linux
def test_a_worker_that_does_not_stop_is_killed() -> None:
    with Pool(1) as pool:
        ending(PLAN, isolation=pool)
        (pid,) = pool.pids
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(pd.LimitExceeded) as stuck:
            pd.run(PLAN, StubTools(1).functions(), limits=pd.Limits(deadline=0.2), isolation=pool)
        assert stuck.value.diagnostics[0].code == "PLAN402"
        wait_for(lambda: not Path(f"/proc/{pid}").exists())
        assert ending(PLAN, isolation=pool) == ending(PLAN)


@linux
@pytest.mark.parametrize(
    "source",
    [
        "x = 'a' * (2 * 10**9)\n",
        "x = []\nwhile True:\n    x.append('a' * 10**7)\n",
        "x = 'ab'\nwhile True:\n    try:\n        x = x * 2\n    except Exception:\n        x = x + x\n",
    ],
)
def test_memory_beyond_the_accounting_is_refused_by_the_system(source: str) -> None:
    huge = 10**13
    limits = pd.Limits(memory=huge, string=huge, container=huge, steps=10**12, border=2**22)
    with Pool(1, memory=2**28) as pool:
        with pytest.raises(pd.LimitExceeded) as full:
            pd.run(source, StubTools(1).functions(), limits=limits, isolation=pool)
        assert full.value.diagnostics[0].code in ("PLAN403", "PLAN407")
        assert ending(PLAN, isolation=pool) == ending(PLAN)


# ------------------------------------------------------------------ what a worker has


@linux
def test_a_worker_has_a_socket_and_nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-workers")
    with (tmp_path / "secret").open("w", encoding="utf-8") as held, Pool(1) as pool:
        os.set_inheritable(held.fileno(), True)
        assert ending(PLAN, isolation=pool) == ending(PLAN)
        (pid,) = pool.pids
        links = sorted(os.readlink(link).split(":")[0] for link in Path(f"/proc/{pid}/fd").iterdir())
        assert links == ["/dev/null", "/dev/null", "socket"]
        assert Path(f"/proc/{pid}/environ").read_bytes() == b""
        assert os.readlink(f"/proc/{pid}/cwd") == "/"
        limits = Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
        rows = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()}
        for name in ("Max open files", "Max processes", "Max file size", "Max core file size"):
            assert rows[name] == ["0", "0"], name
        assert int(rows["Max address space"][1]) < 2**31
        assert int(rows["Max cpu time"][1]) <= 3_600
        if os.geteuid() == 0:
            status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
            assert "CapEff:\t0000000000000000" in status


# ---------------------------------------------------------------------------- pools


@linux
def test_many_runs_leave_processes_and_descriptors_as_they_were() -> None:
    tools = StubTools(1).functions()
    source = "final_answer = answer('a', retrieve('b')) + '{}'"
    with Pool(2) as pool:
        pd.run(source, tools, isolation=pool)
        pids, descriptors = pool.pids, len(os.listdir("/proc/self/fd"))
        for number in range(500):
            pd.run(source.format(number), tools, isolation=pool)
        assert pool.pids == pids
        assert len(os.listdir("/proc/self/fd")) == descriptors
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


@linux
def test_a_worker_retires_after_its_passes() -> None:
    with Pool(1, passes=4) as pool:
        met = set()
        for _ in range(4):
            assert ending(PLAN, isolation=pool) == ending(PLAN)
            met.update(pool.pids)
        assert len(met) > 1
        assert len([pid for pid in met if Path(f"/proc/{pid}").exists()]) <= 1


def test_threads_share_a_pool(pool: Pool) -> None:
    with ThreadPoolExecutor(8) as threads:
        sources = [PLAN.replace("Dune", f"Dune {number}") for number in range(40)]
        found = list(threads.map(lambda source: ending(source, isolation=pool), sources))
    assert found == [ending(source) for source in sources]


def test_many_runs_at_once_in_one_loop(pool: Pool) -> None:
    tools = StubTools(2).functions()

    async def both() -> list[Any]:
        runs = (pd.arun(PLAN.replace("Dune", f"Dune {n}"), tools, isolation=pool) for n in range(20))
        return [result.final_answer for result in await asyncio.gather(*runs)]

    inside = [pd.run(PLAN.replace("Dune", f"Dune {n}"), tools).final_answer for n in range(20)]
    assert asyncio.run(both()) == inside


def test_a_cancelled_run_is_cancelled(pool: Pool) -> None:
    async def answer(query: str, docs: Any = None) -> str:  # noqa: ARG001
        await asyncio.sleep(60)
        return "x"

    async def cancel() -> None:
        task = asyncio.ensure_future(pd.arun("final_answer = answer('a')", {"answer": answer}, isolation=pool))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())


FORK = """
import os, sys
import pyrag_dsl as pd
from pyrag_dsl.isolation.pool import default_pool
tools = {"answer": lambda query, docs=None: query.upper()}
limits = pd.Limits(deadline=None)
def run(text):
    result = pd.run(f"final_answer = answer({text!r})", tools, limits=limits, isolation="process")
    assert result.final_answer == text.upper()
run("a")
before = default_pool().pids
child = os.fork()
run("child" if child == 0 else "host")
if child == 0:
    assert not set(default_pool().pids) & set(before)
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert default_pool().pids == before
run("again")
print(*before)
"""


@linux
def test_a_fork_of_the_host_has_workers_of_its_own_and_all_end_with_their_hosts() -> None:
    host = subprocess.run(
        [sys.executable, "-c", FORK], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (host.returncode, host.stderr) == (0, "")
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in host.stdout.split()))


@linux
def test_workers_of_a_host_that_is_killed_end() -> None:
    program = FORK[: FORK.index("child =")] + "print(*before, flush=True)\nimport time; time.sleep(60)\n"
    host = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert host.stdout is not None
    pids = host.stdout.readline().split()
    host.kill()
    host.communicate()
    assert pids
    wait_for(lambda: all(_state(int(pid)) in "ZX" for pid in pids))


def test_an_unknown_isolation_is_refused() -> None:
    with pytest.raises(ValueError, match="none, process, rlimits"):
        pd.run(PLAN, StubTools(1).functions(), isolation="thread")


def test_a_closed_pool_is_refused() -> None:
    closed = Pool(1)
    closed.close()
    with pytest.raises(RuntimeError, match="closed"):
        Isolated(closed)(pd.parse(PLAN))


def test_the_default_pool_is_one() -> None:
    assert default_pool() is default_pool()


def test_the_callers_loop_does_not_wait_for_the_worker_that_reads(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    read = threading.Event()
    monkeypatch.setattr(Isolated, "vet", lambda *_: read.wait(30))

    async def meanwhile() -> Any:
        run = asyncio.ensure_future(pd.arun(PLAN, StubTools(7).functions(), isolation=pool))
        await asyncio.sleep(0.01)
        read.set()  # who waited on the loop would not come to this
        return await run

    assert asyncio.run(asyncio.wait_for(meanwhile(), 20)).final_answer is not None


def test_a_text_is_read_by_a_worker_before_the_host_reads_it(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the parser hung, died or ate the memory: the host never comes to it."""

    def parsed(*_args: Any, **_options: Any) -> Any:
        raise AssertionError("the host has read the text")

    monkeypatch.setattr(api, "parse", parsed)
    for reply, code in (
        (WorkerLost(pd.Diagnostic("PLAN400", "it died")), "PLAN400"),
        (OutOfTime(), "PLAN402"),
        ({"memory": True}, "PLAN403"),
        ({"crashed": "SystemError"}, "PLAN400"),
        ({"vetted": "perhaps"}, "PLAN400"),
        (["rubbish"], "PLAN400"),
    ):

        def exchange(self: Member, request: bytes, cap: int, watch: Any, reply: Any = reply) -> Any:  # noqa: ARG001
            if isinstance(reply, Exception):
                raise reply
            return reply

        with monkeypatch.context() as played:
            played.setattr(Member, "exchange", exchange)
            with pytest.raises(pd.LimitExceeded) as caught:
                pd.run(PLAN, StubTools(7).functions(), isolation=pool)
        assert caught.value.diagnostics[0].code == code


MISTAKES = (
    "", "x = (", "final_answer = retreive('a')\n", "x.y = 1\n" * 300, "import os\n", "(" * 5_000, "a = b\n" * 9_000,
    "\ud800", "x = 1 +\n", "Let us see.\n", "def f(:\n  pass",
)  # fmt: skip


@pytest.mark.parametrize("text", MISTAKES)
def test_a_text_that_is_no_plan_is_rejected_as_in_this_process(text: str, pool: Pool) -> None:
    found = []
    for isolation in ("none", pool):
        with pytest.raises(pd.PlanRejected) as caught:
            pd.run(text, StubTools(7).functions(), isolation=isolation)
        found.append(caught.value.diagnostics)
    assert found[0] == found[1]
