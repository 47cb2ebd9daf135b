"""The settings of a reward, which name its frozen tools: arguments from the trainer's configuration, or variables.

Variables are environment variables. Those of PyRAG's own scripts are read too, so that these scripts keep working.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

from .referee import Referee

VARIABLES: dict[str, tuple[str, ...]] = {
    "retriever": ("PYRAG_REWARD_RETRIEVER",),
    "corpus": ("PYRAG_REWARD_CORPUS",),
    "index": ("PYRAG_REWARD_INDEX",),
    "answer_url": ("PYRAG_REWARD_ANSWER_URL", "CODERAG_REWARD_ANSWER_URL", "CODERAG_FROZEN_ANSWER_URL"),
    "answer_model": ("PYRAG_REWARD_ANSWER_MODEL", "CODERAG_REWARD_ANSWER_MODEL", "CODERAG_FROZEN_ANSWER_MODEL"),
    "plan_url": ("PYRAG_REWARD_PLAN_URL", "CODERAG_REWARD_PLAN_URL", "CODERAG_FROZEN_PLAN_URL"),
    "plan_model": ("PYRAG_REWARD_PLAN_MODEL", "CODERAG_REWARD_PLAN_MODEL", "CODERAG_FROZEN_PLAN_MODEL"),
    "api_key_env": ("PYRAG_REWARD_API_KEY_ENV",),
    "deadline": ("PYRAG_REWARD_DEADLINE", "CODERAG_PLAN_EXEC_TIMEOUT"),
    "calls": ("PYRAG_REWARD_CALLS", "CODERAG_PLAN_MAX_CALLS"),
}
"""The settings that variables can give, and the variables of each. The first variable that is set counts."""

OTHERS = ("tools", "adaptive", "steps", "grounded", "isolation", "at_once", "most")
"""The settings that only arguments can give; see `Referee`."""

_HOST, _PORT = "CODERAG_RETRIEVAL_HOST", "CODERAG_RETRIEVAL_PORT"
_referees: dict[str, Referee] = {}
_lock = threading.Lock()


def referee_of(given: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Referee:
    """The referee with these settings. Equal settings share one referee.

    Args:
        given: settings by name, which win over variables.
        environ: the variables; if None, those of this process.

    Raises:
        TypeError: there is no such setting.
        ValueError: a setting has a wrong value, or does not go with another.
    """
    known = {*VARIABLES, *OTHERS}
    for name in given:
        if name not in known:
            raise TypeError(f"a reward has no setting {name!r}; it has: {', '.join(sorted(known))}")
    found = {**from_environment(os.environ if environ is None else environ), **given}
    tools = found.get("tools")
    named = {} if tools is None else {name: id(each) for name, each in dict(tools).items()}
    key = repr(sorted({**found, "tools": named}.items()))
    with _lock:
        made = _referees.get(key)
        if made is None:
            made = _referees[key] = _made(found)
        return made


def from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """The settings that variables give."""
    found: dict[str, Any] = {}
    for name, variables in VARIABLES.items():
        value = next((environ[each] for each in variables if environ.get(each)), None)
        if value is not None:
            found[name] = value
    if "retriever" not in found and "corpus" not in found and environ.get(_HOST):
        found["retriever"] = f"http://{environ[_HOST]}:{environ.get(_PORT) or 8008}"
    return found


def _made(found: dict[str, Any]) -> Referee:
    rest = {name: found[name] for name in OTHERS if name in found and name != "tools"}
    for name, kind in (("deadline", float), ("calls", int)):
        if name in found:
            try:
                rest[name] = kind(found[name])
            except ValueError:
                raise ValueError(f"the setting {name} of a reward is a number, not {found[name]!r}") from None
    answer_model = _model(found, "answer")
    tools = dict(found.get("tools") or {})
    if "retrieve" not in tools and (retriever := _retriever(found)) is not None:
        from ..agents.retrieving import retrieve_tool

        tools["retrieve"] = retrieve_tool(retriever)
    if "answer" not in tools:
        tools["answer"] = _answerer(answer_model)
    return Referee(tools, answer_model=answer_model, plan_model=_model(found, "plan"), **rest)


def _retriever(found: Mapping[str, Any]) -> Any:
    if found.get("retriever") and found.get("corpus"):
        raise ValueError("the settings retriever and corpus of a reward exclude each other: give only one of them")
    if found.get("retriever"):
        from ..retrieval import RemoteRetriever

        return RemoteRetriever(str(found["retriever"]))
    if found.get("corpus"):
        from ..retrieval import BM25Index

        return BM25Index.open(str(found["corpus"]), found.get("index"))
    return None


def _answerer(model: Any) -> Any:
    """The tool `answer` of a frozen model, or of the embedded reader if `model` is None."""
    if model is not None:
        from ..agents.answerer import answer_tool

        return answer_tool(model)
    from ..reader import EmbeddedReader
    from ..runtime.tools import tool

    return tool(EmbeddedReader().answer, "answer", idempotent=True)


def _model(found: Mapping[str, Any], role: str) -> Any:
    """The client of a frozen model; None if none is named. Its temperature is 0, so that equal texts score equally."""
    url, name = found.get(f"{role}_url"), found.get(f"{role}_model")
    if name is not None and not isinstance(name, str):
        return name  # a client that the host has made
    if not url and not name:
        return None
    if not url or not name:
        raise ValueError(f"the settings {role}_url and {role}_model of a reward go together")
    from ..models.client import ChatModel

    key = os.environ.get(str(found["api_key_env"])) if found.get("api_key_env") else None
    return ChatModel(name, str(url), api_key=key or "EMPTY", role=role, temperature=0.0)
