"""Stub tools and latencies: deterministic functions of a seed, which Hypothesis draws."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from ..grammar.language import DEFAULT_SIGNATURES, REQUIRED, Signature

ANSWERS = (
    "yes", "unknown", "", "no", "1999", "Frank Herbert", "12 May 1922", "Rome, Italy", "7", "Ünïcödé ☃",
    "two\nlines", " Marie Curie. ", "3.5", "The Beatles",
)  # fmt: skip
PASSAGES = (
    "Dune is a novel by Frank Herbert, first published in 1965.", "", "Rome is the capital of Italy.",
    "yes", "Title\nA text over\ntwo lines", "Born on 12 May 1922 in Zürich.", "1999", "a, b and c",
)  # fmt: skip


def _hash(*parts: object) -> int:
    text = repr(parts).encode("utf-8", "backslashreplace")
    return int.from_bytes(hashlib.blake2b(text, digest_size=4).digest(), "big")


@dataclass(frozen=True, slots=True)
class StubTools:
    """Tools whose results depend only on a seed and on their arguments.

    `stub(tool, arguments)` is the result of one call. `stub.functions()` returns tools for `pyrag_dsl.run` or `exec`.

    Attributes:
        seed: the seed of the results.

    >>> tools = StubTools(seed=1)
    >>> tools("answer", {"query": "Who?", "docs": None}) == tools.functions()["answer"]("Who?")
    True
    """

    seed: int

    def __call__(self, tool: str, arguments: Mapping[str, object], returns: str = "") -> Any:
        """The result of one call.

        Args:
            tool: the name of the tool.
            arguments: all arguments by name, defaults included.
            returns: the declared type of the result; "" for that of `retrieve` or `answer`, or else a text.

        Returns:
            A value of the declared type. A list has 0 to 5 passages, and at most `topk` if there is such an argument.
        """
        returns = returns or (DEFAULT_SIGNATURES[tool].returns if tool in DEFAULT_SIGNATURES else "str")
        draw = _hash(self.seed, tool, sorted(arguments.items()))
        if returns in ("list[str]", "docs", "list"):
            topk = arguments.get("topk", 5)
            most = topk if isinstance(topk, int) else 5
            count = max(0, min(most, 5, draw % 7))
            return [PASSAGES[_hash(draw, place) % len(PASSAGES)] for place in range(count)]
        if returns in ("int", "float", "bool"):
            return {"int": int, "float": float, "bool": bool}[returns](draw % 5)
        if returns == "dict":
            return {"city": ANSWERS[draw % len(ANSWERS)]}
        return ANSWERS[draw % len(ANSWERS)]

    def functions(self, signatures: Mapping[str, Signature] | None = None) -> dict[str, Callable[..., Any]]:
        """The tools as plain functions, by name; `retrieve` and `answer` if no signatures are given."""
        found = DEFAULT_SIGNATURES if signatures is None else signatures
        return {name: self._function(signature) for name, signature in found.items()}

    def _function(self, signature: Signature) -> Callable[..., Any]:
        names = [param.name for param in signature.params]
        defaults = {param.name: param.default for param in signature.params if param.default is not REQUIRED}

        def tool(*args: object, **keywords: object) -> Any:
            given = dict(zip(names, args, strict=False))
            if len(args) > len(names) or given.keys() & keywords.keys() or keywords.keys() - set(names):
                raise TypeError(f"wrong arguments for {signature}")
            arguments = {**defaults, **given, **keywords}
            if len(arguments) < len(names):
                raise TypeError(f"missing arguments for {signature}")
            return self(signature.name, arguments, signature.returns)

        tool.__name__ = signature.name
        return tool


@dataclass(frozen=True, slots=True)
class Latencies:
    """The seconds that each call takes. They depend only on a seed and on the value that identifies the call.

    Attributes:
        seed: the seed.
        most: the longest latency, in seconds.

    >>> Latencies(seed=3, most=0.01)("answer@3:8") <= 0.01
    True
    """

    seed: int
    most: float

    def __call__(self, call: object) -> float:
        """The seconds of one call. About a quarter of all calls take none."""
        draw = _hash(self.seed, call) % 64
        return 0.0 if draw < 16 else self.most * (draw - 15) / 48


def tool_results() -> st.SearchStrategy[StubTools]:
    """A strategy for stub tools. Their results are sentinels, dates, numbers, empty lists, non-ASCII texts and others.

    >>> from hypothesis import given
    >>> @given(tool_results())
    ... def test_topk_is_held(tools):
    ...     assert len(tools("retrieve", {"query": "Dune", "topk": 2})) <= 2
    >>> test_topk_is_held()
    """
    return st.builds(StubTools, seed=st.integers(0, 2**16 - 1))


def latencies(most: float = 0.01) -> st.SearchStrategy[Latencies]:
    """A strategy for latencies of at most `most` seconds. They change the order in which calls end.

    >>> from hypothesis import given
    >>> @given(latencies(most=1.0))
    ... def test_a_schedule_is_a_function(schedule):
    ...     assert schedule(("retrieve", 0)) == schedule(("retrieve", 0)) <= 1.0
    >>> test_a_schedule_is_a_function()
    """
    return st.builds(Latencies, seed=st.integers(0, 2**16 - 1), most=st.just(most))
