"""The configuration file: endpoints, roles, passages, the method and budgets.

Command-line options and environment variables take precedence over the file. An example:

[models.answer]
base_url = "http://localhost:8000/v1"
model = "qwen"
api_key_env = "OPENAI_API_KEY"      # the name of a variable; the file never holds the key itself

[models.plan]
model = "coder"

[retrieval]
index = "passages.index"
mode = "hybrid"                     # lexical, dense or hybrid
topk = 5

[method]
name = "a-rag"
inputs = { turns = 8 }
prompts = { system = "german.txt" }

[budget]
tokens = 50000

[evaluation]                        # read by `pyrag eval`
normalization = "squad"
concurrency = 64
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .inputs import read_text
from .places import engine_address, placed
from .status import Stop

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

VARIABLE = "PYRAG_CONFIG"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSection(_Section):
    """The settings of a model in one role."""

    base_url: str | None = None
    model: str | None = None
    api_key_env: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)


class ModelsSection(_Section):
    """The model of each role. A setting that `plan` leaves out is taken from `answer`."""

    answer: ModelSection = ModelSection()
    plan: ModelSection = ModelSection()
    embed: ModelSection = ModelSection()


class RetrievalSection(_Section):
    """Where passages come from, and how they are searched."""

    corpus: Path | None = None
    retriever: str | None = None
    index: Path | None = None
    mode: Literal["lexical", "dense", "hybrid"] = "lexical"
    rerank: str | None = None
    topk: int | None = Field(default=None, ge=1, le=100)


class MethodSection(_Section):
    """The method that answers questions, with its inputs and prompts."""

    name: str | None = None
    inputs: dict[str, Any] = Field(default_factory=dict)
    prompts: dict[str, Path] = Field(default_factory=dict)


class BudgetSection(_Section):
    """The limits of one question."""

    tokens: int | None = Field(default=None, ge=1)
    cost: float | None = Field(default=None, gt=0)
    calls: int | None = Field(default=None, ge=1)
    deadline: float | None = Field(default=None, gt=0)


class EvaluationSection(_Section):
    """How `pyrag eval` scores answers, and how many requests it makes at the same time."""

    normalization: str = "squad"
    concurrency: int | None = Field(default=None, ge=1)


class Config(_Section):
    """The content of a configuration file."""

    models: ModelsSection = ModelsSection()
    retrieval: RetrievalSection = RetrievalSection()
    method: MethodSection = MethodSection()
    budget: BudgetSection = BudgetSection()
    evaluation: EvaluationSection = EvaluationSection()

    @property
    def limits(self) -> dict[str, Any]:
        """The limits that the section `budget` sets, under the field names of `Limits`."""
        budget = self.budget
        given = {"tokens": budget.tokens, "cost": budget.cost, "tool_calls": budget.calls, "deadline": budget.deadline}
        return {name: value for name, value in given.items() if value is not None}


class ModelChoice(NamedTuple):
    """A model that was chosen for a role.

    Attributes:
        base_url: the address of its server or of an engine in this process; None if none was given.
        name: the name of the model.
        api_key_env: the environment variable that holds its key; None if it needs none.
        options: further fields of each request.
    """

    base_url: str | None
    name: str | None
    api_key_env: str | None
    options: dict[str, Any]

    @property
    def engine(self) -> str | None:
        """The kind of the engine in this process that runs the model; None for a server."""
        found = engine_address(self.base_url)
        return None if found is None else found.kind

    @property
    def engine_version(self) -> str | None:
        """The name and version of the engine in this process; None for a server."""
        from ..models.engines import engine_version

        return None if self.engine is None else engine_version(self.engine)


def answering(
    config: Config,
    base_url: str | None = None,
    name: str | None = None,
    api_key_env: str | None = None,
    llm: str | None = None,
) -> ModelChoice:
    """The model that answers, chosen by options, else by the environment, else by the configuration. Raises Stop."""
    section = config.models.answer
    base_url, name = placed(llm, base_url, name)
    place = base_url or os.environ.get("LLM_BASE_URL") or section.base_url
    called = name or os.environ.get("LLM_MODEL") or section.model or _own_name(place)
    return ModelChoice(place, called, api_key_env or (section.api_key_env if place else None), section.options)


def planning(config: Config, answers: ModelChoice, base_url: str | None = None, name: str | None = None) -> ModelChoice:
    """The model that writes and repairs plans. A setting that is given nowhere is that of the model that answers."""
    section = config.models.plan
    place = base_url or os.environ.get("PLAN_LLM_BASE_URL") or section.base_url or answers.base_url
    called = name or os.environ.get("PLAN_LLM_MODEL") or section.model
    called = called or (answers.name if place == answers.base_url else _own_name(place) or answers.name)
    options = {**answers.options, **section.options}
    return ModelChoice(place, called, section.api_key_env or answers.api_key_env, options)


def _own_name(place: str | None) -> str | None:
    found = engine_address(place)
    return None if found is None else found.name


def embedding(
    config: Config, base_url: str | None = None, name: str | None = None, api_key_env: str | None = None
) -> ModelChoice:
    """The model that embeds queries, chosen by options, else by the environment, else by the configuration.

    Without an address, the model runs in this process. Without a name, it is the model that made the vectors of the
    index.
    """
    section = config.models.embed
    place = base_url or os.environ.get("EMBED_BASE_URL") or section.base_url
    called = name or os.environ.get("EMBED_MODEL") or section.model
    key = api_key_env or os.environ.get("EMBED_API_KEY_ENV") or section.api_key_env
    return ModelChoice(place, called, key if place else None, section.options)


def method_inputs(config: Config) -> dict[str, Any]:
    """The inputs of the method that the configuration gives, including the texts of prompts. Raises Stop."""
    return {
        **config.method.inputs,
        **{name: read_text(path, "--config") for name, path in config.method.prompts.items()},
    }


def read_config(path: Path | None, base: Mapping[str, Any] | None = None) -> Config:
    """Read the configuration. Paths in the file are relative to its folder.

    Args:
        path: the file. If None, it is the one that the variable PYRAG_CONFIG names, and if that is not set, the
            configuration is `base` alone.
        base: the settings that the file may change, such as those of a preset.

    Raises:
        Stop: the file cannot be read, or holds a setting that is unknown or wrong.
    """
    named = path or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is None:
        return Config.model_validate(base or {})
    try:
        data = tomllib.loads(read_text(named, "--config"))
    except tomllib.TOMLDecodeError as error:
        raise Stop(f"--config {named}: not TOML: {error}") from None
    try:
        found = Config.model_validate(_over(base or {}, data))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        said = "there is no such setting" if first["type"] == "extra_forbidden" else first["msg"]
        raise Stop(f"--config {named}: {where}: {said}") from None
    return found.model_copy(update=_from_folder(found, named.parent))


def _over(base: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base`, changed by `data`. Tables in both are merged."""
    tables = {
        name: _over(base[name], value)
        for name, value in data.items()
        if isinstance(value, dict) and isinstance(base.get(name), dict)
    }
    return {**base, **data, **tables}


def _from_folder(config: Config, folder: Path) -> dict[str, Any]:
    places = config.retrieval
    own = {"corpus": places.corpus and folder / places.corpus, "index": places.index and folder / places.index}
    prompts = {name: folder / file for name, file in config.method.prompts.items()}
    return {
        "retrieval": places.model_copy(update=own),
        "method": config.method.model_copy(update={"prompts": prompts}),
    }
