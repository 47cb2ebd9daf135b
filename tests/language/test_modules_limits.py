"""No call of a module makes something large before it is paid for, whatever its arguments are."""

from __future__ import annotations

import tracemalloc
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from pyrag_dsl.interpreter.limits import LimitHit

from .module_calls import NOW, machine, offered, on_offer, plain

MIB = 2**20
TOO_MUCH = {
    "math.factorial(10**9)": "PLAN406",
    "math.factorial(2000)": "PLAN406",
    "math.comb(10**9, 10**8)": "PLAN406",
    "math.comb(10**9, 10**9 - 10**8)": "PLAN406",
    "math.comb(20000, 10000)": "PLAN406",
    "math.comb(2**10000, 5)": "PLAN406",
    "math.perm(10**9, 10**8)": "PLAN406",
    "math.perm(10**9)": "PLAN406",
    "math.perm(2**10000, 5)": "PLAN406",
    "math.prod([2**14000, 2**14000])": "PLAN406",
    "math.prod(['a' * 4000000, 10])": "PLAN404",
    "math.prod(itertools.repeat(3))": "PLAN406",
    "math.prod(itertools.repeat(1))": "PLAN401",
    "math.lcm(2**14000 - 1, 3**8000)": "PLAN406",
    "[math.gcd(3**8800, 5**5900) for _ in range(10000)]": "PLAN401",
    "[math.lcm(3**4400, 5**3000) for _ in range(10000)]": "PLAN401",
    "[math.isqrt(3**8800) for _ in range(10000)]": "PLAN401",
    "[math.comb(14000, 7000) for _ in range(100)]": "PLAN401",
    "[math.perm(1500, 1400) for _ in range(10000)]": "PLAN401",
    "[json.dumps(3**8800) for _ in range(10000)]": "PLAN401",
    "[json.loads('[{\"a\": {}}]') for _ in range(100000)]": "PLAN401",
    "[re.compile('x' + str(n)) for n in range(10000)]": "PLAN401",
    "[collections.deque() for _ in range(300000)]": "PLAN403",
    "[itertools.chain() for _ in range(300000)]": "PLAN403",
    "itertools.zip_longest(*[[1]] * 900000)": "PLAN403",
    "itertools.product(*[[1]] * 900000)": "PLAN403",
    "list(items(itertools.groupby(range(10**6))))": "PLAN403",
    "do(collections.deque(['a' * 2000000] * 100000), 'count', 'a' * 1999999 + 'b')": "PLAN401",
    "statistics.mode([n * (2**61 - 1) for n in range(60000)])": "PLAN401",
    "collections.Counter([n * (2**61 - 1) for n in range(60000)])": "PLAN401",
    "math.fsum(range(10**12))": "PLAN405",
    "math.fsum(itertools.repeat(1))": "PLAN401",
    "math.dist(range(10**12), range(10**12))": "PLAN405",
    "statistics.mean(range(10**12))": "PLAN405",
    "statistics.variance([1.5e308] * 999999)": "PLAN401",
    "statistics.variance([2**14000] * 99999)": "PLAN401",
    "statistics.median(itertools.count())": "PLAN401",
    "statistics.multimode(range(10**12))": "PLAN405",
    "list(items(itertools.count()))": "PLAN401",
    "list(items(itertools.cycle([1])))": "PLAN401",
    "list(items(itertools.repeat(1)))": "PLAN401",
    "list(items(itertools.accumulate(itertools.repeat(2**1000), fn(lambda a, b: a))))": "PLAN401",
    "list(items(itertools.filterfalse(fn(lambda x: True), itertools.count())))": "PLAN401",
    "list(items(itertools.dropwhile(fn(lambda x: True), itertools.count())))": "PLAN401",
    "list(items(itertools.compress(itertools.count(), itertools.repeat(0))))": "PLAN401",
    "list(items(itertools.islice(itertools.count(), 10**12, None)))": "PLAN401",
    "list(items(itertools.product(range(1000), repeat=1000)))": "PLAN401",
    "itertools.product(range(1000), repeat=10**9)": "PLAN405",
    "itertools.product(range(10**12))": "PLAN405",
    "itertools.permutations(range(10**12))": "PLAN405",
    "itertools.combinations(itertools.count(), 2)": "PLAN401",
    "itertools.combinations_with_replacement('ab', 10**9)": "PLAN405",
    "list(items(itertools.permutations(range(1000))))": "PLAN401",
    "list(items(itertools.accumulate(itertools.repeat('a' * 1000))))": "PLAN403",
    "list(items(itertools.groupby(itertools.repeat(1))))": "PLAN401",
    "list(items(itertools.pairwise(itertools.count())))": "PLAN401",
    "list(items(itertools.chain.from_iterable(itertools.repeat('ab'))))": "PLAN401",
    "list(items(itertools.zip_longest(itertools.count(), 'a')))": "PLAN401",
    "list(items(itertools.starmap(fn(lambda: 0), itertools.repeat(()))))": "PLAN401",
    "functools.reduce(fn(lambda a, b: a), itertools.count())": "PLAN401",
    "collections.Counter(itertools.count())": "PLAN401",
    "collections.Counter(itertools.repeat(1))": "PLAN401",
    "collections.Counter(range(10**12))": "PLAN401",
    "after(collections.Counter({'a': 'x' * 4000000}), 'update', {'a': 'x' * 4000000})": "PLAN404",
    "after(collections.Counter({'a': 2**14282}), 'update', {'a': 2**14282})": None,
    "list(items(do(collections.Counter(a=10**12), 'elements')))": "PLAN401",
    "collections.deque(itertools.count())": "PLAN401",
    "collections.deque(range(10**12), maxlen=1)": "PLAN405",
    "collections.OrderedDict(itertools.repeat((1, 2)))": "PLAN401",
    "collections.OrderedDict.fromkeys(range(10**12))": "PLAN401",
    "collections.namedtuple('P', itertools.count())": "PLAN401",
    "string.capwords('a ' * 2000000)": "PLAN405",
    "string.capwords('a ' * 400000, ' ' )": None,
    "json.dumps('\\0' * 1000000)": "PLAN404",
    "json.dumps('\\U0001f600' * 400000)": "PLAN404",
    "json.dumps(['x' * 1000000] * 5)": "PLAN404",
    "json.dumps([1], indent=10**9)": "PLAN404",
    "json.dumps([[[1] * 1000] * 1000], indent=100)": "PLAN404",
    "json.dumps([1] * 1000, separators=('x' * 100000, ':'))": "PLAN404",
    "json.dumps({'a': 1}, separators=(',', 'x' * 5000000))": "PLAN404",
    "json.dumps([[1] * 100000] * 100000)": "PLAN401",
    "json.dumps({1}, default=fn(lambda s: [{1}]))": "PLAN411",
    "json.loads('[' * 100000)": "PLAN411",
    "json.loads('[' * 100000 + ']' * 100000)": "PLAN411",
    "json.loads('{\"a\":' * 50 + '1' + '}' * 50)": "PLAN411",
    "json.loads('[' + '0,' * 2000000 + '0]')": "PLAN401",
    "do(datetime.date(2020, 1, 1), 'strftime', '%1000000000Y')": "PLAN404",
    "do(datetime.date(2020, 1, 1), 'strftime', '%' + '9' * 5000 + 'Y')": "PLAN404",
    "do(datetime.date(2020, 1, 1), 'strftime', '%4000000Y' * 20)": "PLAN403",
    "do(datetime.date(2020, 1, 1), 'strftime', '%A' * 2000000)": "PLAN404",
    "do(datetime.date(2020, 1, 1), 'strftime', '%c' * 100000)": None,
    "do(datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(), 'x' * 4000000)), "
    "'strftime', '%Z' * 50)": "PLAN403",
    "datetime.datetime.strptime('1', '%%' * 1000)": "PLAN404",
}


@pytest.mark.thorough
@pytest.mark.parametrize("expression", [text for text, code in TOO_MUCH.items() if code])
def test_a_limit_is_met_before_the_memory_is_taken(expression: str) -> None:
    # What has no end but the steps need not go through a million of them.
    names = offered(machine(steps=100_000) if TOO_MUCH[expression] == "PLAN401" else machine())
    code = compile(expression, "plan", "eval")
    tracemalloc.start()
    try:
        with pytest.raises(LimitHit) as hit:
            eval(code, names)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert hit.value.code == TOO_MUCH[expression]
    # The limit of memory counts 16 bytes an item; the host takes up to a few times that.
    assert peak < 200 * MIB


@pytest.mark.parametrize("expression", [text for text, code in TOO_MUCH.items() if not code])
def test_what_is_large_and_allowed_is_made(expression: str) -> None:
    assert on_offer(expression)


def test_integers_up_to_the_limit_are_made() -> None:
    assert on_offer("math.factorial(1500)").bit_length() < 14_284
    assert on_offer("math.comb(14284, 7142)").bit_length() < 14_284
    assert on_offer("math.lcm(2**7000, 3**4000)").bit_length() < 14_284


def test_a_message_shows_no_more_than_was_paid_for() -> None:
    shared: list[Any] = [1]
    for _ in range(38):
        shared = [shared, shared]
    names = offered(machine())
    with pytest.raises(LimitHit):
        names["do"](names["collections"].deque(), "index", shared)
    with pytest.raises(LimitHit):
        on_offer("do(collections.deque(), 'index', 'x' * 4000000 + chr(39) * 1000000)")


def test_names_of_named_tuples_are_short() -> None:
    assert on_offer(f"collections.namedtuple('{'P' * 200}', '{'x' * 200}')")
    for expression in ("collections.namedtuple('P' * 201, 'x')", "collections.namedtuple('P', 'x' * 201)"):
        with pytest.raises(ValueError, match="at most 200 characters"):
            on_offer(expression)


def test_a_pattern_is_paid_for_once_in_a_run_whoever_compiled_it_before() -> None:
    spent = []
    for _ in range(2):
        runs = machine()
        search = offered(runs)["re"].search
        taken = []
        for _ in range(3):
            before = runs.fuel + runs.reserve
            search("once[a-f]+", "once")
            taken.append(before - runs.fuel - runs.reserve)
        spent.append(taken)
    assert spent[0] == spent[1]
    assert spent[0][0] > 2 * spent[0][1] == 2 * spent[0][2]


def test_a_container_that_holds_itself_is_not_json() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(ValueError, match="Circular"):
        offered(machine())["json"].dumps(loop)


def test_json_as_deep_as_the_limit_is_read_and_written() -> None:
    text = "[" * 40 + "]" * 40
    names = offered(machine())
    assert names["json"].dumps(names["json"].loads(text)) == text


def test_a_long_passage_is_not_a_date() -> None:
    passage = "Ada Lovelace was born in London. " * 100_000
    with pytest.raises(ValueError, match="does not match") as error:
        offered(machine())["datetime"].datetime.strptime(passage, "%B %d, %Y")
    assert len(str(error.value)) < 1_000


def test_text_is_never_the_pickle_of_a_date() -> None:
    # CPython takes these four characters for a date with the day 255.
    with pytest.raises(TypeError):
        offered(machine())["datetime"].date("\x07\xe4\x01\xff")


def test_the_present_is_the_start_of_the_run() -> None:
    names = offered(machine())
    assert names["datetime"].datetime.now() == names["datetime"].datetime.today() == NOW
    assert names["datetime"].datetime.utcnow() == NOW
    assert names["datetime"].date.today() == NOW.date()
    zone = timezone(timedelta(hours=2))
    assert plain(names["datetime"].datetime.now(zone)) == plain(NOW.replace(tzinfo=zone) + timedelta(hours=2))


def test_a_recorded_start_with_a_zone_is_shown_in_it() -> None:
    start = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=3)))
    module = offered(machine(now=start))["datetime"]
    assert module.datetime.now() == datetime(2026, 1, 1, 1)
    assert module.datetime.utcnow() == datetime(2025, 12, 31, 22)
    assert module.datetime.now(timezone.utc) == start


def test_a_datetime_without_a_zone_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert on_offer("do(datetime.datetime(2001, 9, 9, 1, 46, 40), 'timestamp')") == 1e9
    assert on_offer("datetime.datetime.fromtimestamp(1e9)") == datetime(2001, 9, 9, 1, 46, 40)
    assert on_offer("do(datetime.datetime(2001, 9, 9, 1, 46, 40), 'strftime', '%s')") == "1000000000"
