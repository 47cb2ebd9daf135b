"""Laws of the thread that owns an engine: whatever comes at whatever time, each request gets its own outcome."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrag_dsl.models.engines.driver import EngineBroken, EngineDriver, GenerationJob
from pyrag_dsl.models.engines.generation import RequestRefused
from tests.models.scripted_engine import ScriptedEngine

SOON = 20.0  # seconds for what takes none; only a driver that hangs needs them


def said(job: GenerationJob) -> str:
    return job.ended.result(SOON)[1].text


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def driver(engine: ScriptedEngine) -> Iterator[EngineDriver]:
    driver = EngineDriver(lambda: engine)
    yield driver
    engine.free = True
    engine.steps.release(100)
    driver.close()


KINDS = ("fine", "fails", "too long", "unknown field")


@given(st.lists(st.sampled_from(KINDS), min_size=1, max_size=12), st.integers(1, 5))
def test_each_request_gets_its_own_outcome(kinds: list[str], most: int) -> None:
    engine = ScriptedEngine(most)
    engine.free = True
    driver = EngineDriver(lambda: engine)
    try:
        jobs = []
        for number, kind in enumerate(kinds):
            body = {"prompt": f"{number} {kind}", "max_tokens": 8}
            body.update({"too long": {"max_tokens": 100}, "unknown field": {"what": 1}}.get(kind, {}))
            jobs.append(driver.ask(body))
        for number, (kind, job) in enumerate(zip(kinds, jobs, strict=True)):
            if kind == "fine":
                assert said(job) == f"{number} fine"
            else:
                error = job.ended.exception(SOON)
                assert isinstance(error, EngineBroken if kind == "fails" else RequestRefused)
    finally:
        driver.close()
    assert max((len(batch) for batch in engine.batches), default=0) <= most
    assert engine.closed or not engine.batches


def test_requests_that_come_together_are_one_batch(engine: ScriptedEngine, driver: EngineDriver) -> None:
    first = driver.ask({"prompt": "first", "max_tokens": 8})
    assert engine.entered.wait(SOON)
    others = [driver.ask({"prompt": f"other {number}", "max_tokens": 8}) for number in range(6)]
    engine.free = True
    engine.steps.release()
    assert [said(job) for job in (first, *others)] == ["first", *(f"other {number}" for number in range(6))]
    assert [len(batch) for batch in engine.batches] == [1, 4, 2]


def test_a_request_that_nobody_waits_for_is_dropped(engine: ScriptedEngine, driver: EngineDriver) -> None:
    first = driver.ask({"prompt": "first", "max_tokens": 8})
    assert engine.entered.wait(SOON)
    in_line = driver.ask({"prompt": "in line", "max_tokens": 8})
    last = driver.ask({"prompt": "last", "max_tokens": 8})
    driver.drop(in_line)
    driver.drop(first)
    engine.free = True
    engine.steps.release()
    assert said(last) == "last"
    assert engine.batches == [["first"], ["last"]]
    assert engine.unwanted == ["first"]
    for job in (first, in_line):
        assert isinstance(job.ended.exception(SOON), EngineBroken)


def test_closing_ends_what_is_under_way(engine: ScriptedEngine, driver: EngineDriver) -> None:
    jobs = [driver.ask({"prompt": f"{number}", "max_tokens": 8}) for number in range(6)]
    assert engine.entered.wait(SOON)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        closing = pool.submit(driver.close)
        engine.steps.release()
        closing.result(SOON)
    assert engine.closed
    ended = [job.ended.exception(SOON) for job in jobs]
    assert all(error is None or isinstance(error, EngineBroken) for error in ended)
    assert isinstance(driver.ask({"prompt": "later"}).ended.exception(SOON), EngineBroken)


def test_an_engine_that_cannot_be_loaded_says_so_to_all() -> None:
    def load() -> ScriptedEngine:
        raise OSError("no weights in this folder")

    driver = EngineDriver(load)
    jobs = [driver.ask({"prompt": "x"}) for _ in range(3)]
    for job in jobs:
        assert str(job.ended.exception(SOON)) == "OSError: no weights in this folder"
    driver.close()
