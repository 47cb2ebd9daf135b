"""The modules offered to plans, by name. Their names are those of the grammar's vocabulary."""

from __future__ import annotations

from typing import Any

from .. import dates, regexes
from ..values import Module
from . import collections_, functools_, itertools_, json_, math_, statistics_, string_, typing_

_MEMBERS: dict[str, dict[str, Any]] = {
    "re": regexes.MEMBERS,
    "datetime": dates.MEMBERS,
    "math": math_.MEMBERS,
    "json": json_.MEMBERS,
    "collections": collections_.MEMBERS,
    "itertools": itertools_.MEMBERS,
    "functools": functools_.MEMBERS,
    "string": string_.MEMBERS,
    "statistics": statistics_.MEMBERS,
    "typing": typing_.MEMBERS,
    "__future__": typing_.FUTURE,
}

MODULES: dict[str, Module] = {name: Module(name, members) for name, members in _MEMBERS.items()}
