"""Roles played by models, and by the embedded reader in their absence; the methods built of them.

Names are imported when they are first used, so that none costs what it does not need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyrag_dsl.agents.adaptive import AdaptiveRetrieval
    from pyrag_dsl.agents.answerer import Answerer
    from pyrag_dsl.agents.decomposer import Decomposer, Decomposition
    from pyrag_dsl.agents.metering import Spent
    from pyrag_dsl.agents.models import ChatModel
    from pyrag_dsl.agents.planner import Planner
    from pyrag_dsl.agents.pyrag import PyRAG
    from pyrag_dsl.agents.record import Record
    from pyrag_dsl.agents.repairer import Repairer
    from pyrag_dsl.agents.session import Answered, Attempt

_HOMES = {
    "AdaptiveRetrieval": "adaptive",
    "Answered": "session",
    "Answerer": "answerer",
    "Attempt": "session",
    "ChatModel": "models",
    "Decomposer": "decomposer",
    "Decomposition": "decomposer",
    "Planner": "planner",
    "PyRAG": "pyrag",
    "Record": "record",
    "Repairer": "repairer",
    "Spent": "metering",
}

__all__ = [
    "AdaptiveRetrieval",
    "Answered",
    "Answerer",
    "Attempt",
    "ChatModel",
    "Decomposer",
    "Decomposition",
    "Planner",
    "PyRAG",
    "Record",
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
