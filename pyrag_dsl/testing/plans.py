"""Hypothesis strategies for plans: valid programs, made statement by statement in a tracked environment.

    from hypothesis import given
    from pyrag_dsl.testing.plans import plans, tool_results

    @given(plans(), tool_results())
    def test_my_engine(text, tools):
        assert run(text, tools=tools.functions()).final_answer == expected(text, tools)

Every plan ends soon: loops are counted, recursion is bounded, values do not grow without end, and no more
than some dozens of calls are made. Many plans raise on the way, which is wanted; `with_errors=False` leaves
out what can.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from ..grammar.diagnostics import PlanRejected
from ..grammar.language import DEFAULT_SIGNATURES, Signature
from ..grammar.vet import parse
from .mutants import mutants
from .stubs import Latencies, StubTools, latencies, tool_results
from .writer import Writer

__all__ = [
    "FEATURES",
    "Latencies",
    "StubTools",
    "latencies",
    "mutants",
    "plans",
    "tool_results",
]

FEATURES = frozenset(
    [
        "annotations", "augmented", "comprehensions", "del", "format", "functions", "generators", "lambda",
        "messages", "modules", "print", "return", "try", "unpacking", "walrus", "while",
    ]
)  # fmt: skip
"""Groups of constructs that `plans` can use; the rest of the language is always there."""


@st.composite
def plans(
    draw: Callable[[Any], Any],
    max_statements: int = 14,
    tools: Mapping[str, Signature] | None = None,
    with_errors: bool = True,
    features: Collection[str] | None = None,
) -> str:
    """The text of a plan that the vetter accepts.

    Args:
        max_statements: about how many statements, those in blocks included.
        tools: the signatures of the tools that the plan calls; `retrieve` and `answer` if not given.
        with_errors: also operations that can fail while running: `int(answer(...))`, `docs[2]`, names bound
            on one path only, `raise` and `assert`. Without it few plans fail.
        features: which of `FEATURES` may be used. If not given, all of them but "messages": the text of a
            caught exception is not the same in every version of Python.

    >>> plans(max_statements=4, features=["functions", "try"]).example()  # doctest: +SKIP
    'docs = retrieve(f"who is Dune in ")\\nfinal_answer = docs\\n'
    """
    chosen = FEATURES - {"messages"} if features is None else frozenset(features)
    if unknown := chosen - FEATURES:
        raise ValueError(f"unknown features: {', '.join(sorted(unknown))}; there are {', '.join(sorted(FEATURES))}")
    signatures = DEFAULT_SIGNATURES if tools is None else tools
    writer = Writer(draw, max_statements - 1, signatures, with_errors, chosen)
    if writer.pick(4):
        writer.write_ask()
    writer.statements(max(max_statements - 1, 1))
    text = writer.finish()
    try:
        parse(text, signatures)
    except PlanRejected:
        assume(False)
    return text
