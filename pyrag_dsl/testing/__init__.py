"""Strategies, laws and stand-ins for the user's own tests of plans, tools, hooks and models.

    from hypothesis import given
    from pyrag_dsl.testing import LawBroken, check_total, hostile_tools, plans

    @given(plans(), hostile_tools())
    def test_whatever_the_tools_do(text, tools):
        check_total(text, tools, hooks=[MyHook()])

The strategies need Hypothesis (`pip install 'pyrag-dsl[test]'`). The laws and the scripted model server do not. The
names below are imported when they are first used.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .hostile import HostileTools, hostile_tools
    from .laws import (
        LawBroken,
        check_concurrent,
        check_faithful,
        check_monotone,
        check_priced,
        check_replay,
        check_total,
    )
    from .mutants import mutants
    from .plans import FEATURES, plans
    from .replies import ModelReply, model_replies
    from .server import ScriptedModelServer
    from .stubs import Latencies, StubTools, latencies, tool_results

INSTALL = "pip install 'pyrag-dsl[test]'"

_HOMES = {
    "FEATURES": "plans",
    "HostileTools": "hostile",
    "Latencies": "stubs",
    "LawBroken": "laws",
    "ModelReply": "replies",
    "ScriptedModelServer": "server",
    "StubTools": "stubs",
    "check_concurrent": "laws",
    "check_faithful": "laws",
    "check_monotone": "laws",
    "check_priced": "laws",
    "check_replay": "laws",
    "check_total": "laws",
    "hostile_tools": "hostile",
    "latencies": "stubs",
    "model_replies": "replies",
    "mutants": "mutants",
    "plans": "plans",
    "tool_results": "stubs",
}

__all__ = [
    "FEATURES",
    "INSTALL",
    "HostileTools",
    "Latencies",
    "LawBroken",
    "ModelReply",
    "ScriptedModelServer",
    "StubTools",
    "check_concurrent",
    "check_faithful",
    "check_monotone",
    "check_priced",
    "check_replay",
    "check_total",
    "hostile_tools",
    "latencies",
    "model_replies",
    "mutants",
    "plans",
    "tool_results",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f"{__name__}.{home}")
    except ModuleNotFoundError as missing:
        if missing.name != "hypothesis":
            raise
        raise ModuleNotFoundError(
            f"`pyrag_dsl.testing.{name}` needs Hypothesis, which is not installed: {INSTALL}",
            name="hypothesis",
        ) from None
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(ModuleType):
    """This package. An import of a submodule such as `plans` must not replace the strategy of the same name."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
