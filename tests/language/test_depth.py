"""How deep a plan may be: as deep as anybody writes, and never so deep that it could hurt its host."""

from __future__ import annotations

import pytest

import pyrag_dsl as pd


def chain(elifs: int, inner: list[str] | None = None) -> list[str]:
    """An `if` with so many `elif`; `inner` stands in the last of them."""
    lines = ["if x == -1:", "    y = -1"]
    for number in range(elifs):
        body = inner if inner is not None and number == elifs - 1 else [f"y = {number}"]
        lines += [f"elif x == {number}:", *["    " + line for line in body]]
    return lines


def plan(lines: list[str], x: int) -> str:
    return "\n".join([f"x = {x}", "y = answer('a') + answer('b')", *lines, "final_answer = y", ""])


TOOLS = {"answer": lambda query, docs=None: query}  # noqa: ARG005


@pytest.mark.parametrize("mode", ["sequential", "concurrent"])
def test_elifs_are_no_blocks_within_blocks(mode: str) -> None:
    for elifs in (1, 15, 16, 40):
        assert pd.run(plan(chain(elifs), elifs - 1), TOOLS, mode=mode).final_answer == elifs - 1
    inside = chain(20, chain(20))
    assert pd.run(plan(inside, 19), TOOLS, mode=mode).final_answer == 19


@pytest.mark.parametrize("lines", [chain(41), chain(400), chain(20, chain(21))], ids=["41", "400", "20 and 21"])
def test_too_many_elifs_are_refused_with_a_way_out(lines: list[str]) -> None:
    with pytest.raises(pd.PlanRejected) as caught:
        pd.parse(plan(lines, 0))
    (found,) = caught.value.diagnostics
    assert found.code == "PLAN104"
    assert "elif" in found.message
    assert "dictionary" in found.help


def test_an_if_in_an_else_is_a_block_within_a_block() -> None:
    lines = ["y = 0"]
    for _ in range(17):
        lines = ["if x:", "    pass", "else:", *["    " + line for line in lines]]
    with pytest.raises(pd.PlanRejected, match="nested more than 16 deep"):
        pd.parse(plan(lines, 0))


def test_a_host_that_is_deep_itself_gets_an_error_of_ours() -> None:
    program = pd.parse(plan(chain(40), 3))

    def down(levels: int) -> str:
        if levels:
            return down(levels - 1)
        try:
            return pd.interpret(program).status
        except RecursionError:
            return "leaked"

    assert {down(levels) for levels in (600, 700, 800)} <= {"waiting", "limit"}
