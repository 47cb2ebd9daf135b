"""Presets of `pyrag eval`: configurations that come with the package, each as a paper has it."""

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
"""Of a preset: where its settings come from, what it does, what is to be served, on which questions, which scores the
paper prints, what it does not state, in what we differ, and whether we have run it."""


class Preset(NamedTuple):
    """A configuration, and what a person has to know of it.

    Attributes:
        name: as `--preset` takes it.
        about: what a person has to know, as text: `ABOUT`.
        config: as in a configuration file.
        text: of its file.
    """

    name: str
    about: dict[str, str]
    config: dict[str, Any]
    text: str


def presets() -> dict[str, Preset]:
    """All of them, by name."""
    found = {}
    for file in sorted(files(__package__).iterdir(), key=lambda each: each.name):
        if file.name.endswith(".toml"):
            text = file.read_text("utf-8")
            data = tomllib.loads(text)
            name = file.name.removesuffix(".toml")
            found[name] = Preset(name, data.pop("about"), data, text)
    return found


def read_preset(name: str | None) -> dict[str, Any] | None:
    """The configuration of a preset; None where none is named. Raises Stop."""
    if name is None:
        return None
    known = presets()
    if name not in known:
        raise Stop(f"--preset: {name} is none of {', '.join(known)}")
    return known[name].config
