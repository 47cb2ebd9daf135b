"""A call finds its own entry in the journal whatever its arguments are."""

from __future__ import annotations

from typing import Any

import pytest

import pyrag_dsl as pd


@pytest.mark.parametrize("argument", ['float("nan")', '[float("nan")]', '{"a": 1}.values()', "{1, 2}", "(1, [2])"])
def test_a_call_is_made_once(argument: str) -> None:
    made = []

    async def keep(value: Any) -> Any:
        made.append(value)
        return "kept"

    result = pd.run(f"final_answer = keep({argument})", {"keep": keep}, limits=pd.Limits(deadline=10))
    assert (result.final_answer, len(made)) == ("kept", 1)
