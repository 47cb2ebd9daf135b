"""The modules `typing` and `__future__`: their names can be imported and used in annotations, and do nothing."""

from __future__ import annotations

from typing import Any, NoReturn

from ...grammar.language import MODULES
from ..machine import Machine
from ..values import Builtin


def _inert(name: str) -> Builtin:
    def call(machine: Machine, /, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: ARG001
        raise TypeError(f"{name} cannot be called: it is there for annotations")

    return Builtin(name, call)


MEMBERS: dict[str, Any] = {name: _inert(name) for name in sorted(MODULES["typing"])}
FUTURE: dict[str, Any] = {name: _inert(name) for name in sorted(MODULES["__future__"])}
