"""Applies safe fixes: from a model's reply to a plan that no model needs to repair, where that is possible.

A diagnostic may carry edits. This module applies those that surely give what the author meant, parses the text again,
and repeats this while the text improves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from . import nodes as n
from .diagnostics import Diagnostic, Edit, Fix, PlanRejected
from .edits import apply_edits
from .extract import extract_code
from .findings import MAX_WORK as MAX_EFFORT
from .findings import REST, Budget, Findings
from .language import DEFAULT_SIGNATURES, Signature
from .program import Program
from .remedies import Case, import_of_datetime, remedy
from .vet import parse_within

MAX_ROUNDS = 24  # rounds, each of which removes at least one diagnostic
MAX_WORK = 100_000  # characters that are parsed in all: a usual plan fifty times, a huge one once more
MAX_TRIED = 32  # fixes that are tried one by one, if all of them together do not improve the text
MAX_TEXT = 40_000  # characters of a text for which fixes are looked for in the whole text; plans are shorter


@dataclass(frozen=True, slots=True)
class Fixed:
    """A text after its fixes.

    Attributes:
        text: the code of a reply, with all safe fixes applied.
        applied: the fixes, in the order in which they were applied.
        remaining: the remaining errors and warnings. Their spans refer to `text`.
        program: the program; None if an error remains.
    """

    text: str
    applied: tuple[Fix, ...]
    remaining: tuple[Diagnostic, ...]
    program: Program | None = None


def fix(
    text: str, tools: Mapping[str, Signature] | None = None, *, inputs: Iterable[str] = (), maybe: bool = False
) -> Fixed:
    """Take the code out of a model's reply and apply every safe fix, until none is left.

    Args:
        text: a reply or a plan, from an untrusted author.
        tools: the signatures of the tools, as for `parse`.
        inputs: names that are bound before the first statement, as for `parse`.
        maybe: whether to apply `maybe` fixes as well as safe ones.

    A fix that would cause a new problem is not applied. This never raises.
    """
    text = extract_code(text)
    applied: list[Fix] = []
    budget = Budget(2 * MAX_EFFORT)
    names = frozenset(inputs)
    program, found = look(text, tools, budget, names)
    looks = MAX_WORK // max(len(text), 1)
    for _ in range(MAX_ROUNDS):
        chosen = [fix for fix in (_first(each, maybe) for each in found) if fix is not None]
        if not chosen or looks <= 0:
            break
        better = _together(text, chosen, found, tools, budget, names)
        looks -= 1
        if better is None and len(chosen) > 1:
            tried = chosen[: min(looks, MAX_TRIED)]
            looks -= len(tried)
            better = next(filter(None, (_together(text, [each], found, tools, budget, names) for each in tried)), None)
        if better is None:
            break
        text, done, program, found = better
        applied += done
    return Fixed(text, tuple(applied), found if maybe else tuple(map(_doubted, found)), program)


def _doubted(diagnostic: Diagnostic) -> Diagnostic:
    """The diagnostic with its fixes marked as not safe, because they did not improve the text."""
    fixes = tuple(replace(fix, applicability="maybe") for fix in diagnostic.fixes)
    return replace(diagnostic, fixes=fixes) if fixes else diagnostic


def look(
    text: str,
    tools: Mapping[str, Signature] | None = None,
    budget: Budget | None = None,
    inputs: frozenset[str] = frozenset(),
) -> tuple[Program | None, tuple[Diagnostic, ...]]:
    """The program and its warnings, or None and the errors, including the fixes that need the whole text."""
    try:
        tools = DEFAULT_SIGNATURES if tools is None else tools
        program = parse_within(budget or Budget(), text, tools, inputs=inputs)
    except PlanRejected as rejected:
        return None, _with_fixes(rejected.diagnostics, _as_parsed(text))
    found = Findings()
    for each in (*program.diagnostics, *_class_as_module(program)):
        found.add(each)
    return program, _with_fixes(found.all(), program.source)


def _with_fixes(found: tuple[Diagnostic, ...], text: str) -> tuple[Diagnostic, ...]:
    """Add the fixes that need the whole text to the diagnostics."""
    if len(text) > MAX_TEXT:
        return found
    lines = text.split("\n")
    return tuple(_with_fix(each, text, lines, found) for each in found)


def _with_fix(diagnostic: Diagnostic, text: str, lines: list[str], found: tuple[Diagnostic, ...]) -> Diagnostic:
    if diagnostic.code == "PLAN212" and "`datetime`" in diagnostic.message:
        line = import_of_datetime(text)
        return replace(diagnostic, fixes=() if line is None else (line,))
    if diagnostic.fixes:
        return diagnostic
    mended = remedy(Case(diagnostic, text, lines, found))
    return diagnostic if mended is None else replace(diagnostic, fixes=(mended,))


_MAY_FAIL = frozenset({"PLAN222", "PLAN302", "PLAN309"})  # warnings of possible failures, which an error may hide
_Better = tuple[str, list[Fix], "Program | None", tuple[Diagnostic, ...]]


def _together(
    text: str,
    chosen: Sequence[Fix],
    found: Sequence[Diagnostic],
    tools: Mapping[str, Signature] | None,
    budget: Budget,
    inputs: frozenset[str],
) -> _Better | None:
    """The text after all of these fixes if that is better, else None."""
    edits = list(dict.fromkeys(edit for fix in chosen for edit in fix.edits))
    if not edits:
        return None
    mended = apply_edits(_as_parsed(text), edits)
    program, left = look(mended, tools, budget, inputs)
    return (mended, list(dict.fromkeys(chosen)), program, left) if _worth(found, left, edits) else None


def _worth(before: Sequence[Diagnostic], after: Sequence[Diagnostic], edits: Sequence[Edit]) -> bool:
    """Whether the edits removed a diagnostic and added none.

    Problems that were hidden behind a syntax error do not count as added.
    """
    if not edits or _rank(after) >= _rank(before):
        return False
    if any(each.phase == "syntax" for each in before):
        before = [each for each in before if each.phase == "syntax"]
        after = [each for each in after if each.phase == "syntax"]
    kinds = [(each.code, each.message) for each in before]
    for each in after:
        if each.code == REST or (each.severity == "warning" and each.code in _MAY_FAIL):
            continue
        if (each.code, each.message) not in kinds:
            return False
        kinds.remove((each.code, each.message))
    return True


def _rank(found: Sequence[Diagnostic]) -> tuple[int, int, int]:
    """A sort key from the best text to the worst: texts that parse come first, then by errors, then by warnings."""
    unread = sum(each.phase == "syntax" for each in found)
    if unread:
        return unread, 0, 0
    return 0, sum(each.count for each in found if each.severity != "warning"), sum(each.count for each in found)


def _first(diagnostic: Diagnostic, maybe: bool) -> Fix | None:
    return next((f for f in diagnostic.fixes if f.edits and (maybe or f.applicability == "safe")), None)


def _as_parsed(text: str) -> str:
    """The text that the spans of its diagnostics refer to."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _class_as_module(program: Program) -> Iterator[Diagnostic]:
    """Diagnostics for `datetime.datetime.strptime` after `from datetime import datetime`, which would fail."""
    if "datetime" not in program.source:
        return
    bound: dict[str, set[tuple[str, str]]] = {}
    uses: list[n.Attribute] = []
    for node in n.walk(program.body):
        if type(node) is n.Import:
            for name, module, member in node.bindings:
                bound.setdefault(name, set()).add((module, member))
        elif type(node) is n.Attribute and type(node.value) is n.Name and node.name == "datetime":
            uses.append(node)
    for node in uses:
        assert type(node.value) is n.Name
        name, span = node.value.id, node.span
        if bound.get(name) == {("datetime", "datetime")} and span.line == span.end_line:
            place = span._replace(column=span.end_column - len(".datetime"))
            remedy = Fix(f"write `{name}`", (Edit(place, ""),), "safe")
            message = f"`{name}` is the class already: it has no attribute `datetime`"
            yield Diagnostic("PLAN209", message, span, severity="warning", fixes=(remedy,))
