"""Hypothesis strategies for plans: valid programs, written statement by statement with their scopes tracked.

    from hypothesis import given
    from pyrag_dsl.testing.plans import plans, tool_results

    @given(plans(), tool_results())
    def test_my_engine(text, tools):
        assert run(text, tools=tools.functions()).final_answer == expected(text, tools)

Every plan ends soon: loops and recursion are bounded, values do not grow without bound, and at most some dozens of
calls are made. Many plans raise exceptions, which is intended. With `with_errors=False`, operations that can raise are
left out.
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
"""Groups of constructs that `plans` uses only if they are chosen. The rest of the language is always used."""


@st.composite
def plans(
    draw: Callable[[Any], Any],
    max_statements: int = 14,
    tools: Mapping[str, Signature] | None = None,
    with_errors: bool = True,
    features: Collection[str] | None = None,
) -> str:
    """A strategy for the texts of plans that the vetter accepts.

    Args:
        max_statements: the approximate most statements, those in blocks included.
        tools: the signatures of the tools that the plan may call; None for `retrieve` and `answer`.
        with_errors: whether to use operations that can fail at runtime: `int(answer(...))`, `docs[2]`, names that only
            one path binds, `raise` and `assert`. Without them few plans fail.
        features: the groups from `FEATURES` that may be used; None for all except "messages", because the texts of
            exceptions differ between versions of Python.

    Raises:
        ValueError: a feature is unknown.

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
