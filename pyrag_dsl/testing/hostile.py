"""Tools that misbehave: they raise anything, return anything, or hang. They test the law Total.

As with `StubTools`, the behaviour of a call depends only on a seed and the arguments, so a failure can be repeated.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from ..grammar.language import Signature
from ..runtime.tools import Reported
from .stubs import StubTools


class _HostileText(str):
    """A text whose methods raise."""

    __slots__ = ()

    def __len__(self) -> int:
        raise RuntimeError("no length")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not comparable")

    def __hash__(self) -> int:
        raise RuntimeError("not hashable")


class _Object:
    """An object that raises at every use."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"no {name}")

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __iter__(self) -> Any:
        raise RuntimeError("no items")

    def __bool__(self) -> bool:
        raise RuntimeError("neither")

    def __deepcopy__(self, memo: Any) -> Any:
        raise RuntimeError("no copy")


class _Silent(Exception):
    """An exception whose message cannot be read."""

    def __str__(self) -> str:
        raise RuntimeError("no message")

    __repr__ = __str__

    @property
    def public_message(self) -> str:
        raise RuntimeError("no message for the public either")


class _Base(BaseException):
    """An exception that does not derive from `Exception`."""


def _raising(kind: Callable[[], BaseException]) -> Callable[[], Any]:
    def misbehave() -> Any:
        raise kind()

    return misbehave


def _recursion() -> Any:
    return _recursion()


def _own_item() -> Any:
    found: list[Any] = ["a"]
    found.append(found)
    return found


def _deep(levels: int) -> Any:
    found: Any = "a"
    for _ in range(levels):
        found = [found]
    return found


def _generator() -> Any:
    yield "a"
    raise ValueError("in the middle")


async def _coroutine() -> Any:
    raise ValueError("in a coroutine")


# KeyboardInterrupt is missing, because a user ends the search with it.
_MISDEEDS: dict[str, Callable[[], Any]] = {
    "raises ValueError": _raising(lambda: ValueError("secret")),
    "raises StopIteration": _raising(lambda: StopIteration("a")),
    "raises SystemExit": _raising(lambda: SystemExit(3)),
    "raises GeneratorExit": _raising(GeneratorExit),
    "raises CancelledError": _raising(asyncio.CancelledError),
    "raises TimeoutError": _raising(TimeoutError),
    "raises MemoryError": _raising(MemoryError),
    "raises AssertionError": _raising(AssertionError),
    "raises what cannot be shown": _raising(_Silent),
    "raises a BaseException": _raising(_Base),
    "recurses without end": _recursion,
    "returns None": lambda: None,
    "returns a number": lambda: 7,
    "returns an integer of 30,000 bits": lambda: 1 << 30_000,
    "returns nan": lambda: float("nan"),
    "returns bytes": lambda: b"\xff",
    "returns a long text": lambda: "x" * 5_000_000,
    "returns many passages": lambda: ["x" * 100] * 200_000,
    "returns a text of its own": lambda: _HostileText("abc"),
    "returns texts of its own": lambda: [_HostileText("abc"), "b"],
    "returns surrogates": lambda: "a\ud800b",
    "returns a list of surrogates": lambda: ["\udfff", "\x00\x1b[2J\u202e"],
    "returns a list of numbers": lambda: [1, 2.5, None],
    "returns a list in itself": _own_item,
    "returns a deep list": lambda: _deep(100_000),
    "returns a dictionary": lambda: {("a", 1): {"b"}, None: float("inf")},
    "returns an object": object,
    "returns an object that fails": _Object,
    "returns a list of such objects": lambda: [_Object()],
    "returns a type": lambda: type,
    "returns a function": lambda: _deep,
    "returns a generator": _generator,
    "returns a coroutine": _coroutine,
    "returns an exception": lambda: ValueError("a"),
    "returns a lazy sequence": lambda: map(str, range(3)),
    "reports words as usage": lambda: Reported(["a"], {"tokens": "many", "cost": object()}),
    "reports negative usage": lambda: Reported(["a"], {"tokens": -(10**9), "cost": -1.0}),
    "reports a cost that is no number": lambda: Reported(["a"], {"cost": float("nan")}),
    "reports no usage": lambda: Reported(["a"], None),  # type: ignore[arg-type]
}
MISDEEDS = (*_MISDEEDS, "sleeps")


@dataclass(frozen=True, slots=True)
class HostileTools:
    """Tools that misbehave in some calls. The seed and the arguments decide in which calls and how.

    Attributes:
        seed: the seed of the misdeeds, and of the results of the other calls.
        nap: the seconds for which a call with the misdeed "sleeps" sleeps.
        is_async: whether the tools are coroutine functions. While one of them sleeps, it ignores the first attempt to
            cancel it.
        without: misdeeds that do not happen. Such calls return good results instead.
    """

    seed: int
    nap: float = 0.5
    is_async: bool = False
    without: tuple[str, ...] = ()

    def misdeed(self, tool: str, arguments: Mapping[str, object]) -> str:
        """The misdeed of a call: one of `MISDEEDS`, or "" for a good result. About half of the calls are good."""
        asked = repr((self.seed, tool, sorted(arguments.items()))).encode("utf-8", "backslashreplace")
        draw = int.from_bytes(hashlib.blake2b(asked, digest_size=4).digest(), "big")
        misdeed = "" if draw % 2 else MISDEEDS[draw // 2 % len(MISDEEDS)]
        return "" if misdeed in self.without else misdeed

    def functions(self, signatures: Mapping[str, Signature] | None = None) -> dict[str, Callable[..., Any]]:
        """The tools by name; `retrieve` and `answer` if no signatures are given."""
        stubs = StubTools(self.seed).functions(signatures)
        wrap = self._coroutine if self.is_async else self._function
        return {name: wrap(name, stub) for name, stub in stubs.items()}

    def _function(self, name: str, stub: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(stub)
        def tool(*args: Any, **keywords: Any) -> Any:
            misdeed = self.misdeed(name, _named(args, keywords))
            if misdeed == "sleeps":
                time.sleep(self.nap)
            if misdeed not in _MISDEEDS:
                return stub(*args, **keywords)
            result = _MISDEEDS[misdeed]()
            # If a call reports usage, only the usage is wrong, and the value is good.
            return replace(result, value=stub(*args, **keywords)) if type(result) is Reported else result

        return tool

    def _coroutine(self, name: str, stub: Callable[..., Any]) -> Callable[..., Any]:
        plain = self._function(name, stub)

        async def tool(*args: Any, **keywords: Any) -> Any:
            if self.misdeed(name, _named(args, keywords)) != "sleeps":
                return plain(*args, **keywords)
            try:
                await asyncio.sleep(self.nap)
            except asyncio.CancelledError:
                await asyncio.sleep(self.nap)
            return stub(*args, **keywords)

        return tool


def _named(args: tuple[Any, ...], keywords: Mapping[str, Any]) -> dict[str, Any]:
    return {**{str(place): value for place, value in enumerate(args)}, **keywords}


def hostile_tools(nap: float = 0.5, without: tuple[str, ...] = ()) -> st.SearchStrategy[HostileTools]:
    """A strategy for tools that misbehave.

    Args:
        nap: the seconds for which a call hangs. Choose more than the deadline of the run.
        without: the misdeeds, from `MISDEEDS`, that do not happen.

    >>> from hypothesis import given, settings
    >>> @settings(database=None)
    ... @given(hostile_tools())
    ... def test_a_misdeed_comes_again(tools):
    ...     assert tools.misdeed("answer", {"query": "a"}) == tools.misdeed("answer", {"query": "a"})
    >>> test_a_misdeed_comes_again()
    """
    return st.builds(
        HostileTools,
        seed=st.integers(0, 2**16 - 1),
        nap=st.just(nap),
        is_async=st.booleans(),
        without=st.just(without),
    )
