"""The modules that plans can import, by name. The vocabulary of the grammar has the same names."""

from __future__ import annotations

from typing import Any

from .. import dates, regexes
from ..values import Builtin, Module
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

# Modules whose functions do not change their arguments, unless they get a function to call.
for _name in ("re", "datetime", "math", "json", "collections", "itertools", "string", "statistics"):
    for _member in _MEMBERS[_name].values():
        if type(_member) is Builtin:
            _member.reads = True

MODULES: dict[str, Module] = {name: Module(name, members) for name, members in _MEMBERS.items()}
