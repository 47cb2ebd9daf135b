"""Safe fixes, applied: from what a model said to the text of a plan that needs no model to mend it further.

A diagnostic may carry edits. This module applies those that keep what the author meant beyond doubt, looks again,
and goes on while that makes the text better.
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

MAX_ROUNDS = 24  # each removes at least one diagnostic
MAX_WORK = 100_000  # characters that are looked at in all: a plan of usual length fifty times, a huge one once more
MAX_TRIED = 32  # fixes that are tried one by one, where all together do no good
MAX_TEXT = 40_000  # characters of a text that is looked at as a whole; a plan has fewer


@dataclass(frozen=True, slots=True)
class Fixed:
    """A text after its fixes.

    Attributes:
        text: the code of a reply, mended as far as that goes.
        applied: the fixes, in the order in which they were applied.
        remaining: what is still wrong, or a warning. Spans refer to `text`.
        program: the plan, where no error is left.
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
        maybe: apply good guesses too, not only what is beyond doubt.

    A fix that would bring a new problem is not applied. Never raises.
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
    """The diagnostic with its fixes no longer safe: they were tried, and did not make the text better."""
    fixes = tuple(replace(fix, applicability="maybe") for fix in diagnostic.fixes)
    return replace(diagnostic, fixes=fixes) if fixes else diagnostic


def look(
    text: str,
    tools: Mapping[str, Signature] | None = None,
    budget: Budget | None = None,
    inputs: frozenset[str] = frozenset(),
) -> tuple[Program | None, tuple[Diagnostic, ...]]:
    """The program and its warnings, or None and the errors; with the fixes that need the whole text to be seen."""
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
    """Diagnostics with the remedies that need the whole text to be seen."""
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


_MAY_FAIL = frozenset({"PLAN222", "PLAN302", "PLAN309"})  # warnings of what may fail, which an error may have hidden
_Better = tuple[str, list[Fix], "Program | None", tuple[Diagnostic, ...]]


def _together(
    text: str,
    chosen: Sequence[Fix],
    found: Sequence[Diagnostic],
    tools: Mapping[str, Signature] | None,
    budget: Budget,
    inputs: frozenset[str],
) -> _Better | None:
    """The text after all of these fixes, if that is better."""
    edits = list(dict.fromkeys(edit for fix in chosen for edit in fix.edits))
    if not edits:
        return None
    mended = apply_edits(_as_parsed(text), edits)
    program, left = look(mended, tools, budget, inputs)
    return (mended, list(dict.fromkeys(chosen)), program, left) if _worth(found, left, edits) else None


def _worth(before: Sequence[Diagnostic], after: Sequence[Diagnostic], edits: Sequence[Edit]) -> bool:
    """Whether fewer problems are left and none has come. What a text that could not be read hid does not count."""
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
    """Orders texts from good to bad: those that can be read first, then by how much is wrong, warnings last."""
    unread = sum(each.phase == "syntax" for each in found)
    if unread:
        return unread, 0, 0
    return 0, sum(each.count for each in found if each.severity != "warning"), sum(each.count for each in found)


def _first(diagnostic: Diagnostic, maybe: bool) -> Fix | None:
    return next((f for f in diagnostic.fixes if f.edits and (maybe or f.applicability == "safe")), None)


def _as_parsed(text: str) -> str:
    """The text that spans refer to."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _class_as_module(program: Program) -> Iterator[Diagnostic]:
    """`datetime.datetime.strptime` under `from datetime import datetime`: it would fail when it runs."""
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
