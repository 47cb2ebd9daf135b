"""Roles of models: their prompts, the reading of their replies, and the tools through which methods call them.

Names are imported when they are first used, so that none loads what it does not need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .adaptive import AdaptiveRetrieval
    from .answerer import Answerer
    from .decomposer import Decomposer, Decomposition
    from .metering import Spent
    from .planner import Planner
    from .repairer import Repairer

_HOMES = {
    "AdaptiveRetrieval": "adaptive",
    "Answerer": "answerer",
    "Decomposer": "decomposer",
    "Decomposition": "decomposer",
    "Planner": "planner",
    "Repairer": "repairer",
    "Spent": "metering",
}

__all__ = [
    "AdaptiveRetrieval",
    "Answerer",
    "Decomposer",
    "Decomposition",
    "Planner",
    "Repairer",
    "Spent",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
