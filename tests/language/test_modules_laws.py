"""Laws of the modules: what is written can be read, and what the host would do is done."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import statistics
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pyrag_dsl.interpreter.dates import strftime

from .module_calls import machine, offered, outcome, plain

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
LAYOUT = st.fixed_dictionaries(
    {
        "indent": st.none() | st.integers(0, 5) | st.just("\t"),
        "ensure_ascii": st.booleans(),
        "sort_keys": st.booleans(),
        "separators": st.none() | st.just((",", ":")),
    }
)


@given(DOCUMENTS, LAYOUT)
def test_json_is_written_as_the_host_writes_it(document: Any, layout: dict[str, Any]) -> None:
    assert offered(machine())["json"].dumps(document, **layout) == json.dumps(document, **layout)


@given(DOCUMENTS)
def test_json_that_is_written_can_be_read(document: Any) -> None:
    module = offered(machine())["json"]
    assert plain(module.loads(module.dumps(document))) == plain(document)


@given(st.text(alphabet='[]{},:"\\ 1.eE-+tfnrul\n', max_size=30) | DOCUMENTS.map(json.dumps), st.data())
def test_text_that_may_be_json_is_read_as_the_host_reads_it(text: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(text)))
    for part in (text, text[:cut], text[cut:]):
        expression = f"json.loads({part!r})"
        assert outcome(expression, offered(machine())) == outcome(expression, {"json": json})


@given(DOCUMENTS)
def test_what_json_costs_covers_what_it_writes(document: Any) -> None:
    state = machine()
    text = offered(state)["json"].dumps(document)
    assert state.limits.memory - state.memory >= len(text)


FORMATS = st.sampled_from(
    [
        "%Y-%m-%d %H:%M:%S.%f",
        "%d %B %Y %I:%M:%S %p %f",
        "%A, %b %d, %Y at %H.%M:%S,%f",
        "%Y/%j %H%M%S %f",
        "%G-W%V-%u %H:%M:%S %f",
        "%Y week %U, %A %X %f",
        "%Y week %W, %w %X %f",
        "%c %f",
        "%m/%d/%Y %T %f".replace("%T", "%H:%M:%S"),
    ]
)
MOMENTS = st.datetimes(dt.datetime(1000, 1, 8), dt.datetime(9999, 12, 20))


@given(MOMENTS, FORMATS)
def test_a_moment_that_is_written_can_be_read(moment: dt.datetime, spec: str) -> None:
    state = machine()
    text = strftime(state, moment, spec)
    assert text == moment.strftime(spec)
    read = offered(state)["datetime"].datetime.strptime
    assert read(text, spec) == moment == dt.datetime.strptime(text, spec)


@given(MOMENTS, st.timedeltas(dt.timedelta(hours=-23), dt.timedelta(hours=23)))
def test_an_offset_that_is_written_can_be_read(moment: dt.datetime, offset: dt.timedelta) -> None:
    aware = moment.replace(tzinfo=dt.timezone(offset))
    text = strftime(machine(), aware, "%Y-%m-%d %H:%M:%S.%f %z")
    assert text == aware.strftime("%Y-%m-%d %H:%M:%S.%f %z")
    assert offered(machine())["datetime"].datetime.strptime(text, "%Y-%m-%d %H:%M:%S.%f %z") == aware


# Not `%G` and `%V`: which other directives they may stand with depends on the version of CPython.
PARTS = st.sampled_from([*(f"%{letter}" for letter in "aAbBdfHIjmMpSUwWyYzu%cxX"), " ", "-", "/", ".", "(", "T"])


@settings(max_examples=500)
@given(MOMENTS, st.lists(PARTS, max_size=6, unique=True), st.text(alphabet="0123 aJPM:+-", max_size=2))
def test_strptime_agrees_with_the_host(moment: dt.datetime, parts: list[str], tail: str) -> None:
    spec = "".join(parts)
    expression = f"datetime.datetime.strptime({moment.strftime(spec) + tail!r}, {spec!r})"
    assert outcome(expression, offered(machine())) == outcome(expression, {"datetime": dt})


POOLS = st.lists(st.integers(0, 3), max_size=5)


@given(POOLS, POOLS, st.integers(0, 3))
def test_combinatorics_are_the_hosts(a: list[int], b: list[int], r: int) -> None:
    state = machine()
    ours: Any = offered(state)["itertools"]
    drain = state.drain
    assert drain(ours.product(a, b)) == list(itertools.product(a, b))
    assert drain(ours.combinations(a, r)) == list(itertools.combinations(a, r))
    assert drain(ours.permutations(a, r)) == list(itertools.permutations(a, r))
    assert drain(ours.zip_longest(a, b)) == list(itertools.zip_longest(a, b))
    assert drain(ours.islice(a, r, None, r + 1)) == list(itertools.islice(a, r, None, r + 1))
    assert drain(ours.accumulate(a)) == list(itertools.accumulate(a))


@given(st.lists(st.integers(0, 2), max_size=12), st.lists(st.integers(0, 3), max_size=12))
def test_groups_share_their_source_as_the_hosts_do(items: list[int], reads: list[int]) -> None:
    """However far each group is read before the next is asked for."""

    def walk(groups: Any, host: Any) -> list[Any]:
        seen: list[Any] = []
        held: list[Any] = []
        for (key, group), read in zip(groups, reads, strict=False):
            held.append(host(group))
            seen.append((key, list(itertools.islice(held[-1], read)), [next(old, "end") for old in held[:-1]]))
        return seen

    grouped = offered(machine())["itertools"].groupby(items)
    assert walk(grouped.producer, lambda group: group.producer) == walk(itertools.groupby(items), iter)


@given(POOLS, POOLS)
def test_a_counter_counts_as_the_hosts_does(a: list[int], b: list[int]) -> None:
    names = offered(machine())
    ours = names["collections"].Counter(a)
    host = Counter(a)
    names["do"](ours, "subtract", b)
    host.subtract(b)
    assert ours == host
    assert names["do"](ours, "most_common") == host.most_common()
    assert names["do"](ours, "most_common", 2) == host.most_common(2)


@given(st.lists(st.integers() | st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=2, max_size=8))
def test_statistics_are_the_hosts(numbers: list[float]) -> None:
    ours: Any = offered(machine())["statistics"]
    for name in ("mean", "median", "pvariance", "stdev", "median_low", "multimode"):
        assert plain(getattr(ours, name)(numbers)) == plain(getattr(statistics, name)(numbers))
