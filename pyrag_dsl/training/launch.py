"""The command that trains one role with verl: overrides from files of this package, and those of the run."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from .sets import SPLITS
from .settings import VARIABLES, from_environment

VERL = "verl==0.9.1"
STAGES: dict[str, tuple[str, ...]] = {
    "answer": ("answer_with_docs", "answer_no_docs"),
    "plan": ("plan",),
    "decompose": ("decompose",),
}
"""The stages in the order of the curriculum, and the data sets of each."""


class LaunchError(ValueError):
    """A stage cannot be started with these settings. The message tells what to do."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One run of a stage.

    Attributes:
        stage: one of `STAGES`.
        start: the model from which training starts: a folder in the format of transformers, or a name on a hub.
        data: the folder that `pyrag train data` has written.
        out: the folder for the checkpoints of verl.
        reward: settings of the reward; see `settings.VARIABLES`.
        repairs: how many times the policy may repair a failed plan within a rollout.
        more: further overrides, which win over all others.
    """

    stage: str
    start: str
    data: Path
    out: Path
    reward: Mapping[str, str] = field(default_factory=dict)
    repairs: int = 0
    more: Sequence[str] = ()

    def command(self, environ: Mapping[str, str]) -> list[str]:
        """The command line. Raises `LaunchError` if a setting is wrong or missing, or there is no data."""
        self.check(environ)
        return [sys.executable, "-m", "verl.trainer.main_ppo", *self.overrides()]

    def overrides(self) -> list[str]:
        """The overrides in the order of the command line, where later ones win."""
        out = [*overrides_of("common"), *overrides_of(self.stage)]
        if self.repairs:
            loops = _quoted(str(files(__package__) / "stages" / "agent_loops.yaml"))
            out += overrides_of("repairs")
            out += [f"actor_rollout_ref.rollout.agent.agent_loop_config_path={loops}"]
            out += [f"actor_rollout_ref.rollout.multi_turn.max_assistant_turns={1 + self.repairs}"]
        out += [f"data.{split}_files={_listed(self.found(split))}" for split in SPLITS]
        out += [f"actor_rollout_ref.model.path={_quoted(self.start)}"]
        out += [
            f"trainer.default_local_dir={_quoted(str(self.out.absolute()))}",
            f"trainer.experiment_name={self.stage}",
        ]
        # A key that verl's configuration does not have is added by `++`.
        out += [f"++reward.custom_reward_function.reward_kwargs.{name}={_quoted(value)}"
                for name, value in self.reward.items()]  # fmt: skip
        return [*out, *self.more]

    def found(self, split: str) -> list[Path]:
        """The files of a split that exist."""
        places = [self.data.absolute() / name / f"{split}.parquet" for name in STAGES[self.stage]]
        return [place for place in places if place.is_file()]

    def check(self, environ: Mapping[str, str]) -> None:
        """Raise `LaunchError` for mistakes that would otherwise stop verl only after minutes."""
        if self.repairs and self.stage != "plan":
            raise LaunchError(f"the policy of the stage {self.stage} writes no plans to repair: leave out repairs")
        sets = " or ".join(STAGES[self.stage])
        if not self.found("train"):
            raise LaunchError(f"{self.data} has no rows of {sets}: make them by `pyrag train data --out {self.data}`")
        if not self.found("val"):
            raise LaunchError(f"{self.data} has no {sets} for validation: give `pyrag train data` a higher --val-ratio")
        for name in self.reward:
            if name not in VARIABLES:
                raise LaunchError(f"a reward has no setting {name!r}; it has: {', '.join(VARIABLES)}")
        named = {**from_environment(environ), **self.reward}
        if self.stage != "answer" and not {"retriever", "corpus"} & named.keys():
            raise LaunchError(f"the reward of the stage {self.stage} searches: name retriever=URL or corpus=FILE")
        if self.stage == "decompose" and not {"plan_url", "plan_model"} <= named.keys():
            raise LaunchError(
                "the reward of decompositions needs a frozen planner: name plan_url=URL and plan_model=NAME"
            )
        place = Path(self.start)
        shards = place if place.name == "actor" else place / "actor"
        if place.is_dir() and not (place / "config.json").is_file() and shards.is_dir():
            merge = f"python -m verl.model_merger merge --backend fsdp --local_dir {shards} --target_dir MERGED"
            raise LaunchError(f"{place} holds verl's shards: merge them by `{merge}`, and start from MERGED")


def overrides_of(name: str) -> list[str]:
    """The overrides of a file of this package, without its comments."""
    text = (files(__package__) / "stages" / f"{name}.overrides").read_text("utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def check_installed() -> None:
    """Raise `LaunchError` if verl is not installed."""
    if find_spec("verl") is None:
        raise LaunchError(f"verl is not installed: in an environment of its own, pip install '{VERL}' pyrag_dsl")


def _listed(places: Sequence[Path]) -> str:
    return "[" + ",".join(_quoted(str(place)) for place in places) + "]"


def _quoted(value: str) -> str:
    """A value in Hydra's grammar, in quotation marks where it needs them."""
    if re.fullmatch(r"[\w./:-]+", value):
        return value
    return "'" + re.sub(r"(\\*)'", r"\1\1\'", value) + "'"
