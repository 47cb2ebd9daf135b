"""Values that can be large are made in one place, which pays."""

from __future__ import annotations

import ast
from pathlib import Path

import pyrag_dsl
from pyrag_dsl.interpreter import making

HOME = Path(pyrag_dsl.__file__).parent / "interpreter"
KINDS = {"DefaultDict", "Match", "Partial", "PlanFrozenSet", "PlanSet", "Record", "RecordType", "TypeUnion"}
# Where else they are made: what comes in over the border has been measured, and so has what a worker says once it has
# passed that; a copy of the state is as large as the state, and the last two are made once, at import.
ELSEWHERE = {"border.py", "codec.py", "progress.py", "sets.py", "dates.py"}


def made_in(path: Path) -> set[str]:
    """The kinds that a file calls by name."""
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    return {call.func.id for call in calls if isinstance(call.func, ast.Name)} & KINDS


def test_values_that_can_be_large_are_made_in_one_place() -> None:
    places = {path.name: made for path in HOME.rglob("*.py") if (made := made_in(path))}
    own = places.pop(Path(making.__file__).name)
    assert own | {"PlanSet", "PlanFrozenSet"} == KINDS  # sets are made by kind
    assert set(places) <= ELSEWHERE
