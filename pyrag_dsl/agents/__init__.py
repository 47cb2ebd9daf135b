"""Roles played by models, and by the embedded reader in their absence; the methods built of them.

Names are imported when they are first used, so that none costs what it does not need.
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
    from .pyrag import PyRAG
    from .record import QuestionRecord
    from .repairer import Repairer
    from .session import Answered, Attempt

_HOMES = {
    "AdaptiveRetrieval": "adaptive",
    "Answered": "session",
    "Answerer": "answerer",
    "Attempt": "session",
    "Decomposer": "decomposer",
    "Decomposition": "decomposer",
    "Planner": "planner",
    "PyRAG": "pyrag",
    "QuestionRecord": "record",
    "Repairer": "repairer",
    "Spent": "metering",
}

__all__ = [
    "AdaptiveRetrieval",
    "Answered",
    "Answerer",
    "Attempt",
    "Decomposer",
    "Decomposition",
    "Planner",
    "PyRAG",
    "QuestionRecord",
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
