"""Writes rules as text, in the dialects that the libraries of constrained decoding read.

The rules are the same in all dialects. Only the notation of rules, terminals and names differs.
"""

from __future__ import annotations

from collections.abc import Callable

from .rules import Chars, Choice, Literal, OptionalPart, Part, Ref, Repeat, Rules, Sequence

_SPECIAL = frozenset("\\.+*?()|[]{}^$/")


def lark(rules: Rules) -> str:
    """The rules in Lark, in the part that both llguidance and the custom tools of OpenAI accept.

    Each terminal is one regular expression without lookaround. There are no priorities, templates or `%` lines.
    """
    lines = []
    for name, part in rules.parts.items():
        lines.append(
            f"{name}: /{regular_expression(part, rules)}/" if name.isupper() else f"{name}: {_write(part, _lark_atom)}"
        )
    return "\n".join(lines) + "\n"


def llguidance(rules: Rules) -> str:
    """The rules as by `lark`, with a header by which servers with several dialects recognise this one."""
    return "%llguidance {}\n" + lark(rules)


def gbnf(rules: Rules) -> str:
    """The rules in GBNF, the dialect of llama.cpp. xgrammar and SGLang read it as EBNF."""
    lines = []
    for name, part in rules.parts.items():
        lines.append(f"{_gbnf_name(name, rules)} ::= {_write(part, lambda atom: _gbnf_atom(atom, rules))}")
    return "\n".join(lines) + "\n"


DIALECTS: dict[str, Callable[[Rules], str]] = {"llguidance": llguidance, "gbnf": gbnf, "openai": lark}


def _write(part: Part, atom: Callable[[Part], str]) -> str:
    """A rule in the notation that all dialects share. `atom` writes literals, character classes and names."""
    if isinstance(part, Choice):
        return " | ".join(_write(option, atom) for option in part.options)
    if isinstance(part, Sequence):
        return " ".join(_grouped(each, atom) for each in part.parts)
    if isinstance(part, OptionalPart):
        return _grouped(part.part, atom, postfix=True) + "?"
    if isinstance(part, Repeat):
        return _grouped(part.part, atom, postfix=True) + _times(part)
    return atom(part)


def _times(part: Repeat) -> str:
    if part.most is None and part.least < 2:
        return "+" if part.least else "*"
    return f"{{{part.least},{'' if part.most is None else part.most}}}"


def _grouped(part: Part, atom: Callable[[Part], str], *, postfix: bool = False) -> str:
    loose = isinstance(part, Choice) or (postfix and isinstance(part, (Sequence, OptionalPart, Repeat)))
    return f"({_write(part, atom)})" if loose else _write(part, atom)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _lark_atom(part: Part) -> str:
    if isinstance(part, Literal):
        return _quoted(part.text)
    assert isinstance(part, Ref)
    return part.name


def _gbnf_atom(part: Part, rules: Rules) -> str:
    if isinstance(part, Literal):
        return _quoted(part.text)
    if isinstance(part, Chars):
        return f"[{part.body}]"
    assert isinstance(part, Ref)
    return _gbnf_name(part.name, rules)


def _gbnf_name(name: str, rules: Rules) -> str:
    """The name of a rule in GBNF, which allows letters, digits and hyphens. A prefix marks terminals."""
    if name == rules.start:
        return "root"
    plain = name.lower().replace("_", "-")
    return f"token-{plain}" if name.isupper() else plain


def regular_expression(part: Part, rules: Rules) -> str:
    """A terminal as a regular expression with only basic syntax. Other terminals in it are inserted."""
    if isinstance(part, Literal):
        return "".join("\\n" if char == "\n" else "\\" * (char in _SPECIAL) + char for char in part.text)
    if isinstance(part, Chars):
        return f"[{part.body}]"
    if isinstance(part, Ref):
        return f"({regular_expression(rules.parts[part.name], rules)})"
    if isinstance(part, Sequence):
        return "".join(regular_expression(each, rules) for each in part.parts)
    if isinstance(part, Choice):
        return "(" + "|".join(regular_expression(option, rules) for option in part.options) + ")"
    if isinstance(part, OptionalPart):
        return f"({regular_expression(part.part, rules)})?"
    inner = regular_expression(part.part, rules)
    return (inner if isinstance(part.part, Chars) else f"({inner})") + _times(part)
