"""Tools as people write them: models, dataclasses, literals and the like are checked and converted both ways."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import json
from datetime import date
from typing import Annotated, Any, Literal, Optional, Union

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

import pyrag_dsl as pd
from pyrag_dsl.agents.plan_prompts import describe_tools


class Query(pydantic.BaseModel):
    text: str
    limit: int = 5


@dataclasses.dataclass
class Hit:
    title: str
    score: float


class Careful(pydantic.BaseModel):
    text: str

    @pydantic.field_validator("text")
    @classmethod
    def check(cls, given: str) -> str:
        raise ValueError(f"the password is hunter2, not {given}")


class Opaque:
    pass


class Order(enum.Enum):
    UP = "asc"
    DOWN = "desc"


class Page(TypedDict):
    number: int
    hits: list[Hit]


SEEN: list[Any] = []


def search(query: Query, order: Literal["asc", "desc"] = "asc", pages: tuple[int, int] = (1, 2)) -> list[Hit]:
    SEEN[:] = [query, order, pages]
    return [Hit(f"{query.text} {number}", 1 / number) for number in range(1, query.limit + 1)]


def sort(order: Order = Order.DOWN, by: Optional[str] = None) -> Order:  # noqa: UP045
    SEEN[:] = [order, by]
    return Order.UP


def page(number: Annotated[int, pydantic.Field(ge=1)]) -> Page:
    return {"number": number, "hits": [Hit("Dune", 1.0)]}


def on(day: Union[date, str]) -> Optional[Query]:  # noqa: UP007, UP045
    SEEN[:] = [day]
    return None


TOOLS: list[Any] = [search, sort, page, on]


def value(text: str, mode: Any = "concurrent") -> Any:
    return pd.run(text, TOOLS, mode=mode).final_answer


@pytest.mark.parametrize("mode", ["concurrent", "sequential"])
def test_a_tool_gets_what_it_is_annotated_with_and_the_plan_gets_plain_data(mode: str) -> None:
    text = 'hits = search({"text": "Dune", "limit": 2}, order="desc")\nfinal_answer = [h["title"] for h in hits]\n'
    assert value(text, mode) == ["Dune 1", "Dune 2"]
    assert [Query(text="Dune", limit=2), "desc", (1, 2)] == SEEN
    assert value("final_answer = sort()", mode) == "asc"
    assert SEEN == [Order.DOWN, None]
    assert value('final_answer = sort(by="year", order="asc")', mode) == "asc"
    assert SEEN == [Order.UP, "year"]
    assert value("final_answer = page(3)", mode) == {"number": 3, "hits": [{"title": "Dune", "score": 1.0}]}
    assert value("final_answer = str(on(datetime.date(2020, 1, 2)))", mode) == "None"
    assert [date(2020, 1, 2)] == SEEN


@pytest.mark.parametrize(
    ("text", "told", "note"),
    [
        ('final_answer = search({"limit": 2})', "`query` of `search` must be {text: str, limit: int = 5}, not a dict",
         "`query.text`: Field required"),
        ('x = "up"\nfinal_answer = search({"text": "a"}, x)',
         "`order` of `search` must be 'asc' | 'desc', not a str", ""),
        ("x = 0\nfinal_answer = page(x)", "`number` of `page` must be int, not an int",
         "`number`: Input should be greater than or equal to 1"),
        ("x = (1, 2, 3)\nfinal_answer = search({'text': 'a'}, pages=x)",
         "`pages` of `search` must be (int, int), not a list", ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["concurrent", "sequential"])
def test_an_argument_that_does_not_fit_is_the_plans_fault(text: str, told: str, note: str, mode: Any) -> None:
    SEEN.clear()
    with pytest.raises(pd.PlanFailed) as failed:
        value(text, mode)
    (found,) = failed.value.diagnostics
    assert (found.code, found.message) == ("PLAN501", told)
    assert found.span is not None
    assert note in "".join(found.notes)
    assert SEEN == []


def test_what_cannot_fit_is_found_before_the_run() -> None:
    with pytest.raises(pd.PlanRejected):
        value('final_answer = search("Dune")')
    with pytest.raises(pd.PlanRejected):
        value("final_answer = sort(3)")


def test_a_result_that_does_not_fit_is_the_tools_fault() -> None:
    def wrong(query: str) -> list[Hit]:  # noqa: ARG001
        return [{"title": 3}]  # type: ignore[list-item]

    with pytest.raises(pd.ToolFailed) as failed:
        pd.run('final_answer = wrong("x")', [wrong])
    (found,) = failed.value.diagnostics
    assert found.code == "PLAN502"
    assert found.message == "the tool `wrong` must return list[{title: str, score: float}], not list"


def test_the_message_of_a_hosts_own_check_stays_with_the_host() -> None:
    def ask(query: Careful) -> str:
        return query.text

    with pytest.raises(pd.PlanFailed) as failed:
        pd.run('final_answer = ask({"text": "a"})', {"ask": ask})
    assert "hunter2" not in str(failed.value)
    assert "hunter2" not in json.dumps([each.to_json() for each in failed.value.diagnostics])


def test_a_type_that_plans_have_no_values_for_is_refused_with_the_way_out() -> None:
    def ask(query: Opaque) -> str:  # noqa: ARG001
        return ""

    with pytest.raises(TypeError, match=r"the tool 'ask' is annotated with .*Opaque.*: .*dataclass"):
        pd.tool(ask)


def test_a_type_that_cannot_be_found_is_no_silent_any() -> None:
    class Hidden(pydantic.BaseModel):
        text: str

    def ask(query: Hidden) -> str:
        return query.text

    with pytest.raises(TypeError, match=r"'ask' is annotated with 'Hidden', .* top of a module"):
        pd.tool(ask)


def test_a_run_is_replayed_and_asked_again_with_converted_values(tmp_path: Any) -> None:
    text = 'hits = search({"text": "Dune"}, order="desc")\nfinal_answer = len(hits)\n'
    first = pd.run(text, TOOLS, trace=tmp_path / "t.jsonl")
    SEEN.clear()
    assert pd.run(text, TOOLS, journal=tmp_path / "t.jsonl", replay=True).final_answer == first.final_answer == 5
    assert SEEN == []
    again = pd.rerun(first.trace, {"search#1": {"query": {"text": "Emma", "limit": 1}}}, TOOLS)
    assert again.final_answer == 1
    assert SEEN[0] == Query(text="Emma", limit=1)


async def look(query: Query) -> Hit:
    return Hit(query.text, 1.0)


@pytest.mark.parametrize("options", [{}, {"retries": 1}, {"call_timeout": 5.0}, {"mode": "sequential"}])
def test_what_does_not_fit_an_asynchronous_tool_is_the_plans_fault_too(options: Any) -> None:
    text = 'x = {"limit": 1}\nfinal_answer = look(x)\n'
    with pytest.raises(pd.PlanFailed, match="`query` of `look` must be"):
        pd.run(text, [look], **options)
    with pytest.raises(pd.PlanFailed, match="`query` of `look` must be"):
        pd.run(text, {"look": pd.tool(look, batch=lambda asked: [Hit("", 1.0) for _ in asked])}, **options)


def test_asynchronous_tools_and_batches_are_converted_too() -> None:
    got: list[Any] = []

    async def one(query: Query) -> Hit:
        return Hit(query.text, 1.0)

    def many(asked: list[dict[str, Any]]) -> list[Any]:
        got.extend(asked)
        return [Hit(each["query"].text, 0.5) for each in asked]

    text = 'made = [look({"text": name}) for name in ["a", "b"]]\nfinal_answer = [m["title"] for m in made]\n'
    assert asyncio.run(pd.arun(text, {"look": one})).final_answer == ["a", "b"]
    assert pd.run(text, {"look": pd.tool(one, "look", batch=many)}).final_answer == ["a", "b"]
    assert got == [{"query": Query(text="a")}, {"query": Query(text="b")}]


def test_a_planner_is_shown_the_types() -> None:
    signatures = {each.name: each.signature for each in map(pd.tool, (search, sort, page))}
    assert describe_tools(signatures).splitlines() == [
        "- search(query: {text: str, limit: int = 5}, order: 'asc' | 'desc' = 'asc', pages: (int, int) = [1, 2])"
        " -> list[{title: str, score: float}]",
        "- sort(order: 'asc' | 'desc' = 'desc', by: str | None = None) -> 'asc' | 'desc'",
        "- page(number: int) -> {number: int, hits: list[{title: str, score: float}]}",
    ]


@given(st.recursive(st.none() | st.integers() | st.text() | st.booleans(), lambda each: st.lists(each, max_size=3)))
def test_whatever_a_plan_passes_ends_in_a_value_or_in_the_plans_fault(given_value: Any) -> None:
    text = f"x = {given_value!r}\nfinal_answer = str(search(x))\n"
    with pytest.raises((pd.PlanFailed, pd.PlanRejected)):
        pd.run(text, TOOLS)
