"""The type of all problems that a plan can have: what is wrong, where, and what to do."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Literal, NamedTuple

from .codes import CODES, Code

Severity = Literal["error", "warning", "note"]


class Span(NamedTuple):
    """A half-open range of source text. Lines and columns count from 1, columns in characters."""

    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


class Edit(NamedTuple):
    """Replace the text of `span` by `text`. An empty span inserts; an empty text deletes."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A change of the source that a program can apply.

    A `safe` fix surely gives what the author meant; a `maybe` fix is a good guess.
    """

    title: str
    edits: tuple[Edit, ...]
    applicability: Literal["safe", "maybe"] = "safe"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem, as data. The functions in `render.py` make text of it.

    `values` holds the variables that the failing expression reads, shortened, and `nodes` the tool calls that produced
    them. Both are empty unless the plan was running. `count` is the number of problems that this diagnostic stands for:
    one, unless a text has too many to report each of them.
    """

    code: str
    message: str
    span: Span | None = None
    _: KW_ONLY
    severity: Severity = "error"
    notes: tuple[str, ...] = ()
    help: str = ""
    fixes: tuple[Fix, ...] = ()
    values: dict[str, str] = field(default_factory=dict)
    nodes: tuple[str, ...] = ()
    related: tuple[tuple[Span, str], ...] = ()
    count: int = 1

    @property
    def rule(self) -> Code:
        """The entry of the table of codes that this diagnostic is an instance of."""
        return CODES[self.code]

    @property
    def phase(self) -> str:
        return self.rule.phase

    def to_json(self) -> dict[str, Any]:
        """Plain data for JSON; `span` and the parts of `fixes` become lists."""
        return {
            "code": self.code,
            "slug": self.rule.slug,
            "phase": self.phase,
            "severity": self.severity,
            "message": self.message,
            "span": list(self.span) if self.span else None,
            "notes": list(self.notes),
            "help": self.help,
            "fixes": [
                {
                    "title": fix.title,
                    "applicability": fix.applicability,
                    "edits": [{"span": list(edit.span), "text": edit.text} for edit in fix.edits],
                }
                for fix in self.fixes
            ],
            "values": dict(self.values),
            "nodes": list(self.nodes),
            "related": [{"span": list(span), "message": message} for span, message in self.related],
            "count": self.count,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Diagnostic:
        """The inverse of `to_json`."""
        return cls(
            code=data["code"],
            message=data["message"],
            span=Span(*data["span"]) if data["span"] else None,
            severity=data["severity"],
            notes=tuple(data["notes"]),
            help=data["help"],
            fixes=tuple(
                Fix(
                    fix["title"],
                    tuple(Edit(Span(*edit["span"]), edit["text"]) for edit in fix["edits"]),
                    fix["applicability"],
                )
                for fix in data["fixes"]
            ),
            values=dict(data["values"]),
            nodes=tuple(data["nodes"]),
            related=tuple((Span(*item["span"]), item["message"]) for item in data["related"]),
            count=data.get("count", 1),
        )


class PlanError(Exception):
    """The base of all errors of a plan that gives no answer.

        PlanError
        ├── PlanRejected    the plan was refused before anything ran: fix it (`diagnostics` tells where)
        ├── PlanFailed      the plan raised an exception, or called a tool with wrong arguments
        ├── LimitExceeded   the plan exceeded a limit of the run
        └── ToolFailed      a tool failed, took too long or returned invalid data; the plan may be right

    Attributes:
        diagnostics: the problems, with the decisive one first.
        trace: the `Trace` of the run; None if nothing ran.
    """

    def __init__(self, diagnostics: tuple[Diagnostic, ...], trace: Any = None) -> None:
        super().__init__(diagnostics)
        self.diagnostics = diagnostics
        self.trace = trace

    def __str__(self) -> str:
        lines = []
        for diagnostic in self.diagnostics:
            where = f"line {diagnostic.span.line}, column {diagnostic.span.column}: " if diagnostic.span else ""
            lines.append(f"{diagnostic.code} {where}{diagnostic.message}")
        return "\n".join(lines)


class PlanRejected(PlanError):
    """The plan was refused before any tool call. Every problem found is in `diagnostics`."""


class PlanFailed(PlanError):
    """The plan raised an exception that it did not catch, or called a tool with wrong arguments."""


class LimitExceeded(PlanError):
    """The plan exceeded one of its `Limits`. A plan cannot catch this."""


class ToolFailed(PlanError):
    """A tool raised an exception, took too long or returned something that is not plain data."""
