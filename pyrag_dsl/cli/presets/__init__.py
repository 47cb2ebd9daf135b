"""Presets of `pyrag eval`: configurations that come with the package, each with the settings of a paper."""

from __future__ import annotations

import sys
from importlib.resources import files
from typing import Any, NamedTuple

from ..status import Stop

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


ABOUT = ("source", "summary", "serve", "retriever", "data", "metrics", "unstated", "differs", "run")
"""The facts about a preset: the source of its settings, what it does, the model to serve, the retriever, the questions,
the scores that the paper reports, what the paper does not state, how the preset differs, and whether we have run it."""


class Preset(NamedTuple):
    """A configuration, and the facts that its user has to know.

    Attributes:
        name: the name, as `--preset` takes it.
        about: the facts as text, under the names of `ABOUT`.
        config: the settings, as in a configuration file.
        text: the text of its file.
    """

    name: str
    about: dict[str, str]
    config: dict[str, Any]
    text: str


def presets() -> dict[str, Preset]:
    """All presets, by name."""
    found = {}
    for file in sorted(files(__package__).iterdir(), key=lambda each: each.name):
        if file.name.endswith(".toml"):
            text = file.read_text("utf-8")
            data = tomllib.loads(text)
            name = file.name.removesuffix(".toml")
            found[name] = Preset(name, data.pop("about"), data, text)
    return found


def read_preset(name: str | None) -> dict[str, Any] | None:
    """The configuration of a preset; None if `name` is None. Raises Stop."""
    if name is None:
        return None
    known = presets()
    if name not in known:
        raise Stop(f"--preset: {name} is not one of {', '.join(known)}")
    return known[name].config
