"""The module `string`: constants, and `capwords`."""

from __future__ import annotations

import string
from typing import Any

from ..machine import Machine
from ..values import Builtin, type_name

_CONSTANTS = (
    "ascii_letters",
    "ascii_lowercase",
    "ascii_uppercase",
    "digits",
    "hexdigits",
    "octdigits",
    "printable",
    "punctuation",
    "whitespace",
)


def _capwords(machine: Machine, /, s: Any, sep: Any = None) -> str:
    if type(s) is not str:
        raise AttributeError(f"'{type_name(s)}' object has no attribute 'split'")
    if type(sep) not in (str, type(None)):
        raise AttributeError(f"'{type_name(sep)}' object has no attribute 'join'")
    wide = not s.isascii()
    machine.charge_text(len(s), wide)
    machine.charge_bytes(2 * len(s))
    machine.charge_items(s.count(sep) + 1 if sep else len(s) >> 1)
    words = [word.capitalize() for word in s.split(sep)]
    joint = sep or " "
    machine.charge_text(sum(map(len, words)) + len(joint) * len(words), wide or not joint.isascii())
    return joint.join(words)


MEMBERS: dict[str, Any] = {
    **{name: getattr(string, name) for name in _CONSTANTS},
    "capwords": Builtin("capwords", _capwords),
}
