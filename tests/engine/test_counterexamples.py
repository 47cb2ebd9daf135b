"""Plans on which a law of the engine once broke: found by generated programs, kept by name."""

from __future__ import annotations

import pytest

from pyrag_dsl.testing.laws import check_concurrent
from pyrag_dsl.testing.plans import Latencies, StubTools

PLANS = {
    "unpacking a pending value in a try may raise": """
try:
    a, b = retrieve("yes", 1)
    docs = retrieve("never asked")
except ValueError:
    pass
final_answer = "Dune"
""",
    "what follows a suspended raise may return": """
def ask(q):
    found = answer(q)
    if found == "unknown":
        raise ValueError(q)
    return found

def main():
    for q in ("first", "second", "third"):
        try:
            found = ask(q)
            return found
        except ValueError:
            print("again")
    return "none"

final_answer = main()
""",
    "an error after a pending call of an idempotent tool": """
docs = retrieve("Dune")
docs = retrieve("Dune")
docs.remove("Dune")
final_answer = retrieve("")
""",
}


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("seed", range(4))
def test_a_law_that_once_broke(name: str, seed: int) -> None:
    check_concurrent(PLANS[name], StubTools(seed), Latencies(seed, 0.01))
